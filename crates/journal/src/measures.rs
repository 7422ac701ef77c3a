/*!
Sealed measures: the rows of a month, in a file of their own, under a Merkle root over their documents. `docs/specs/snapshot.md` has the
canonical bytes.
*/

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{Array, ArrayRef, Decimal128Array, RecordBatch, StringArray, cast::AsArray, types::Decimal128Type};
use arrow_schema::{Field, Schema};
use model::{Amount, MeasureRow, Month};
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::{
    Digest, SealError,
    columns::DECIMAL,
    files::{self, Digesting},
    merkle,
};

const TEXTS: [&str; 9] = ["kind", "item", "item_name", "class", "origin", "unit", "document", "line", "date"];
const NUMBERS: [&str; 2] = ["quantity", "amount"];

fn texts(row: &MeasureRow) -> [Option<&str>; 9] {
    [
        Some(&row.kind),
        Some(&row.item),
        row.item_name.as_deref(),
        row.class.as_deref(),
        row.origin.as_deref(),
        row.unit.as_deref(),
        Some(&row.document),
        row.line.as_deref(),
        row.date.as_deref(),
    ]
}

fn canonical(row: &MeasureRow) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    for text in texts(row) {
        merkle::put_text(&mut line, text);
    }
    for number in [row.quantity, row.amount] {
        merkle::put_amount(&mut line, number.map(Amount::units));
    }
    line
}

/// Identity of a month's measures: a root over its documents, each with its rows. A document of one kind is one leaf.
pub fn measures_root(month: Month, rows: &[MeasureRow]) -> Digest {
    let mut documents: BTreeMap<(&str, &str), Vec<Vec<u8>>> = BTreeMap::new();
    for row in rows {
        documents.entry((&row.kind, &row.document)).or_default().push(canonical(row));
    }
    let period = format!("{month} measures");
    merkle::root(documents.into_values().map(|mut lines| merkle::leaf(&period, &mut lines)).collect())
}

/// A month's measures, written under a name of their own and not yet part of the journal.
#[derive(Debug)]
pub struct PendingMeasures {
    /// Which month.
    pub month: Month,
    /// Identity.
    pub root: Digest,
    /// Digest of the file.
    pub file: Digest,
    /// Rows.
    pub rows: usize,
    /// Documents.
    pub documents: usize,
    folder: PathBuf,
    path: PathBuf,
}

impl PendingMeasures {
    /// Takes the file away: what it holds is sealed already.
    pub fn discard(&self) {
        // Where even this fails, the next pull does it.
        let _ = fs::remove_file(&self.path);
    }

    /// Gives the file its lasting name. Writing the row that names it comes after.
    pub fn keep(&self) -> Result<(), SealError> {
        let path = measures_path(&self.folder, self.month, self.root);
        fs::rename(&self.path, &path).map_err(files::io(&path))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(files::io(&self.folder))
    }
}

/// Path of the file of a month's measures.
pub fn measures_path(folder: &Path, month: Month, root: Digest) -> PathBuf {
    folder.join(format!("{month}-{}.parquet", &root.to_string()[..32]))
}

/// Writes a month's measures. The same rows give the same file, in whatever order they came.
pub fn seal_measures(folder: &Path, month: Month, mut rows: Vec<MeasureRow>) -> Result<PendingMeasures, SealError> {
    rows.sort_unstable();
    let root = measures_root(month, &rows);
    let path = folder.join(format!("{month}.measures.new"));
    let mut fields: Vec<Field> = TEXTS.iter().map(|name| Field::new(*name, arrow_schema::DataType::Utf8, true)).collect();
    fields.extend(NUMBERS.iter().map(|name| Field::new(*name, DECIMAL, true)));
    let schema = Arc::new(Schema::new(fields));
    let mut columns: Vec<ArrayRef> = Vec::new();
    for at in 0..TEXTS.len() {
        columns.push(Arc::new(rows.iter().map(|row| texts(row)[at].map(str::to_owned)).collect::<StringArray>()));
    }
    for take in [|row: &MeasureRow| row.quantity, |row: &MeasureRow| row.amount] {
        let numbers: Decimal128Array = rows.iter().map(|row| take(row).map(Amount::units)).collect();
        columns.push(Arc::new(numbers.with_data_type(DECIMAL)));
    }
    let batch = RecordBatch::try_new(schema.clone(), columns).map_err(files::damaged(&path))?;
    let file = Digesting::new(File::create(&path).map_err(files::io(&path))?);
    let properties = files::properties(vec![("month", month.to_string()), ("root", root.to_string())]);
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(files::parquet(&path))?;
    writer.write(&batch).map_err(files::parquet(&path))?;
    // Not `into_inner`: it turns the system's word about a full disk into a sentence.
    writer.finish().map_err(files::parquet(&path))?;
    writer.inner_mut().flush().map_err(files::io(&path))?;
    writer.inner().inner().sync_all().map_err(files::io(&path))?;
    let file = writer.inner();
    let mut documents: Vec<(&str, &str)> = rows.iter().map(|row| (row.kind.as_str(), row.document.as_str())).collect();
    documents.dedup();
    documents.sort_unstable();
    documents.dedup();
    let documents = documents.len();
    Ok(PendingMeasures { month, root, file: file.digest(), rows: rows.len(), documents, folder: folder.to_owned(), path })
}

/// Reads a month's measures.
pub fn read_measures(path: &Path, month: Month) -> Result<Vec<MeasureRow>, SealError> {
    let file = File::open(path).map_err(files::io(path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let mut rows = Vec::new();
    for batch in reader.map_err(files::parquet(path))? {
        let batch = batch.map_err(files::damaged(path))?;
        let missing = |name: &str| SealError::Damaged { path: path.to_owned(), reason: format!("no column {name}") };
        let text = |name: &'static str| {
            let column =
                batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).ok_or_else(|| missing(name))?;
            Ok::<_, SealError>(move |row: usize| column.is_valid(row).then(|| column.value(row).to_owned()))
        };
        let number = |name: &'static str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Decimal128Type>());
            let column = column.ok_or_else(|| missing(name))?;
            Ok::<_, SealError>(move |row: usize| column.is_valid(row).then(|| Amount::from_units(column.value(row))))
        };
        let (kind, item, item_name) = (text("kind")?, text("item")?, text("item_name")?);
        let (class, origin, unit) = (text("class")?, text("origin")?, text("unit")?);
        let (document, line, date) = (text("document")?, text("line")?, text("date")?);
        let (quantity, amount) = (number("quantity")?, number("amount")?);
        for row in 0..batch.num_rows() {
            rows.push(MeasureRow {
                month,
                kind: kind(row).unwrap_or_default(),
                item: item(row).unwrap_or_default(),
                item_name: item_name(row),
                class: class(row),
                origin: origin(row),
                unit: unit(row),
                quantity: quantity(row),
                amount: amount(row),
                document: document(row).unwrap_or_default(),
                line: line(row),
                date: date(row),
            });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(item: &str, document: &str, quantity: i128) -> MeasureRow {
        MeasureRow {
            month: Month::new(2025, 3).unwrap(),
            kind: "output".to_owned(),
            item: item.to_owned(),
            item_name: Some("变频控制器".to_owned()),
            class: None,
            origin: Some("made".to_owned()),
            unit: Some("台".to_owned()),
            quantity: Amount::from_whole(quantity),
            amount: None,
            document: document.to_owned(),
            line: None,
            date: Some("2025-03-12".to_owned()),
        }
    }

    #[test]
    fn what_is_sealed_reads_back_and_its_order_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let month = Month::new(2025, 3).unwrap();
        let rows = vec![row("b", "MO/2", 5), row("a", "MO/1", -3), row("b", "MO/1", 7)];
        let sealed = seal_measures(folder.path(), month, rows.clone()).unwrap();
        assert_eq!((sealed.rows, sealed.documents), (3, 2));
        sealed.keep().unwrap();
        let path = measures_path(folder.path(), month, sealed.root);
        let read = read_measures(&path, month).unwrap();
        let mut sorted = rows.clone();
        sorted.sort();
        assert_eq!(read, sorted);
        assert_eq!(files::file_digest(&path).unwrap(), sealed.file);
        let mut turned = rows;
        turned.reverse();
        assert_eq!(measures_root(month, &turned), sealed.root);
        turned[0].quantity = Amount::from_whole(8);
        assert_ne!(measures_root(month, &turned), sealed.root);
        assert_eq!(seal_measures(folder.path(), month, Vec::new()).unwrap().root, Digest::of(b""));
    }
}
