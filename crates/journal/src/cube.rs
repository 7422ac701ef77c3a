/*! The balance cube of one period: turnover by account, dimensions and whether a closing voucher made it. */

use std::{
    collections::HashSet,
    fs::{self, File},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
};

use ahash::AHashMap;

use arrow_array::{Array, ArrayRef, BooleanArray, Decimal128Array, RecordBatch, StringArray, UInt64Array, cast::AsArray};
use arrow_schema::{DataType, Field, Schema};
use model::Amount;
use parquet::arrow::{ArrowWriter, ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::{Digest, SealError, columns::DECIMAL, files};

/// Dimensions of the cube after the account, as their columns are named.
pub const DIMENSIONS: [&str; 6] = ["currency", "party", "product", "department", "project", "person"];

/// Columns of amounts of a cube file.
const MEASURES: [&str; 6] = ["debit", "credit", "foreign_debit", "foreign_credit", "quantity_debit", "quantity_credit"];

/// One cell of the cube.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Account code.
    pub account: Arc<str>,
    /// Values of [`DIMENSIONS`], absent where the line had none.
    pub dimensions: [Option<Arc<str>>; 6],
    /// Whether closing vouchers (损益结转) made this turnover.
    pub closing: bool,
    /// What turned over.
    pub sums: Sums,
}

/// Debit and credit of a measure. A line counts on the side on which its money stands; a line without money, by its own sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// On debit lines; what came in. A red line makes it less.
    pub debit: Amount,
    /// On credit lines; what went out.
    pub credit: Amount,
}

impl Sides {
    /// The debit-positive `value` of a line with these amounts of money; `None` past the range of an amount.
    pub(crate) fn of(value: Amount, debit: Amount, credit: Amount) -> Option<Sides> {
        let on_debit = if debit.is_zero() == credit.is_zero() { value >= Amount::ZERO } else { credit.is_zero() };
        let zero = Amount::ZERO;
        Some(if on_debit { Sides { debit: value, credit: zero } } else { Sides { debit: zero, credit: value.checked_neg()? } })
    }

    fn plus(self, other: Sides) -> Option<Sides> {
        Some(Sides { debit: self.debit.checked_add(other.debit)?, credit: self.credit.checked_add(other.credit)? })
    }
}

/// Sums of entry lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Debit turnover.
    pub debit: Amount,
    /// Credit turnover.
    pub credit: Amount,
    /// Foreign currency, of lines that have one.
    pub foreign: Sides,
    /// Quantity, of lines that have one.
    pub quantity: Sides,
    /// Number of lines.
    pub lines: u64,
}

impl Sums {
    /// Both together; `None` past the range of an amount.
    pub fn plus(self, other: Sums) -> Option<Sums> {
        Some(Sums {
            debit: self.debit.checked_add(other.debit)?,
            credit: self.credit.checked_add(other.credit)?,
            foreign: self.foreign.plus(other.foreign)?,
            quantity: self.quantity.plus(other.quantity)?,
            lines: self.lines.checked_add(other.lines)?,
        })
    }

    /// Debit minus credit.
    pub fn net(self) -> Option<Amount> {
        self.debit.checked_sub(self.credit)
    }
}

/// Builds a cube line by line. Memory grows with cells, not with lines.
#[derive(Default)]
pub(crate) struct Builder {
    cells: AHashMap<Vec<u8>, Sums>,
}

impl Builder {
    /// Adds sums under a key made by [`key`]; false past the range of an amount.
    pub(crate) fn add(&mut self, key: &[u8], sums: Sums) -> bool {
        match self.cells.get_mut(key) {
            Some(old) => match old.plus(sums) {
                Some(new) => {
                    *old = new;
                    true
                }
                None => false,
            },
            None => {
                self.cells.insert(key.to_vec(), sums);
                true
            }
        }
    }

    /// The cells in order of their keys, so that the same vouchers give the same file.
    pub(crate) fn finish(self) -> Vec<Cell> {
        let mut cells: Vec<(Vec<u8>, Sums)> = self.cells.into_iter().collect();
        cells.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        cells.into_iter().filter_map(|(key, sums)| cell(&key, sums)).collect()
    }
}

/// Key of a cell: the closing flag, then the account and each dimension, ended by 0xFF; 0xFE alone is absent. Neither is UTF-8.
pub(crate) fn key(into: &mut Vec<u8>, closing: bool, account: &str, dimensions: impl Iterator<Item = Option<impl AsRef<str>>>) {
    into.clear();
    into.push(u8::from(closing));
    into.extend_from_slice(account.as_bytes());
    into.push(0xFF);
    for value in dimensions {
        match value {
            Some(text) => into.extend_from_slice(text.as_ref().as_bytes()),
            None => into.push(0xFE),
        }
        into.push(0xFF);
    }
}

/// `None` for a key that [`key`] did not make.
fn cell(key: &[u8], sums: Sums) -> Option<Cell> {
    let (closing, rest) = key.split_first()?;
    let mut parts = rest.split(|byte| *byte == 0xFF);
    let text = |part: &[u8]| std::str::from_utf8(part).ok().map(Arc::<str>::from);
    let account = text(parts.next()?)?;
    let mut dimensions = [const { None }; 6];
    for value in &mut dimensions {
        let part = parts.next()?;
        *value = if part == [0xFE] { None } else { text(part) };
    }
    Some(Cell { account, dimensions, closing: *closing == 1, sums })
}

/// Writes a cube file; the digest of its bytes.
pub(crate) fn write(path: &Path, cells: &[Cell]) -> Result<Digest, SealError> {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let mut fields = vec![text("account", false)];
    fields.extend(DIMENSIONS.iter().map(|name| text(name, true)));
    fields.push(Field::new("closing", DataType::Boolean, false));
    fields.extend(MEASURES.map(|name| Field::new(name, DECIMAL, false)));
    fields.push(Field::new("lines", DataType::UInt64, false));
    let schema = Arc::new(Schema::new(fields));
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(cells.iter().map(|cell| &*cell.account)))];
    for at in 0..DIMENSIONS.len() {
        arrays.push(Arc::new(cells.iter().map(|cell| cell.dimensions[at].as_deref()).collect::<StringArray>()));
    }
    arrays.push(Arc::new(BooleanArray::from(cells.iter().map(|cell| cell.closing).collect::<Vec<_>>())));
    let parts: [fn(&Sums) -> Amount; MEASURES.len()] =
        [|s| s.debit, |s| s.credit, |s| s.foreign.debit, |s| s.foreign.credit, |s| s.quantity.debit, |s| s.quantity.credit];
    for part in parts {
        let units = Decimal128Array::from_iter_values(cells.iter().map(|cell| part(&cell.sums).units()));
        arrays.push(Arc::new(units.with_data_type(DECIMAL)));
    }
    arrays.push(Arc::new(UInt64Array::from_iter_values(cells.iter().map(|cell| cell.sums.lines))));
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(files::damaged(path))?;
    let file = File::create(path).map_err(files::io(path))?;
    let file = files::Digesting::new(file);
    let mut writer = ArrowWriter::try_new(file, schema, Some(files::properties(Vec::new()))).map_err(files::parquet(path))?;
    writer.write(&batch).map_err(files::parquet(path))?;
    // Not `into_inner`: it turns the system's word about a full disk into a sentence.
    writer.finish().map_err(files::parquet(path))?;
    writer.inner().inner().sync_all().map_err(files::io(path))?;
    Ok(writer.inner().digest())
}

/// Writes a cube file anew from the entry file it was made from; `closing` are the keys of the closing vouchers. The same entries give the same
/// cells, and with the same library the same bytes.
pub fn rebuild(path: &Path, entries: &Path, closing: &HashSet<String>) -> Result<Digest, SealError> {
    let too_large = || SealError::Damaged { path: entries.to_owned(), reason: "an amount is too large".to_owned() };
    let (mut builder, mut bytes, mut fits) = (Builder::default(), Vec::new(), true);
    crate::entries::read(entries, |entry| {
        key(&mut bytes, closing.contains(entry.voucher()), entry.account(), DIMENSIONS.iter().map(|name| entry.text(name)));
        let (debit, credit) = (entry.debit(), entry.credit());
        let sides = |at: usize| Sides::of(entry.amounts[at].unwrap_or(Amount::ZERO), debit, credit);
        let added = sides(2)
            .zip(sides(3))
            .is_some_and(|(foreign, quantity)| builder.add(&bytes, Sums { debit, credit, foreign, quantity, lines: 1 }));
        fits &= added;
        if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if !fits {
        return Err(too_large());
    }
    // Another process may be doing the same.
    let own = path.with_extension(format!("{}.new", std::process::id()));
    let digest = write(&own, &builder.finish())?;
    fs::rename(&own, path).map_err(files::io(path))?;
    Ok(digest)
}

/// Cells in order of their keys, added up over all dimensions: what trial balances need, and far fewer. `None` past the range of an
/// amount.
pub(crate) fn over_dimensions(cells: impl IntoIterator<Item = Cell>) -> Option<Vec<Cell>> {
    let mut sums: Vec<Cell> = Vec::new();
    for cell in cells {
        match sums.last_mut().filter(|last| last.closing == cell.closing && last.account == cell.account) {
            Some(last) => last.sums = last.sums.plus(cell.sums)?,
            None => sums.push(Cell { dimensions: [const { None }; 6], ..cell }),
        }
    }
    Some(sums)
}

/// Reads a cube file.
pub fn read(path: &Path) -> Result<Vec<Cell>, SealError> {
    let mut cells = Vec::new();
    read_columns(path, &DIMENSIONS, |cell| cells.push(cell))?;
    Ok(cells)
}

/// Reads a cube file added up over all dimensions.
pub fn read_turnover(path: &Path) -> Result<Vec<Cell>, SealError> {
    let mut cells = Vec::new();
    read_columns(path, &[], |cell| cells.push(cell))?;
    let too_large = || SealError::Damaged { path: path.to_owned(), reason: "an amount is too large".to_owned() };
    over_dimensions(cells).ok_or_else(too_large)
}

/// Reads the cells of a cube file with these dimensions; the others are not decoded.
fn read_columns(path: &Path, dimensions: &[&str], mut take: impl FnMut(Cell)) -> Result<(), SealError> {
    let file = File::open(path).map_err(files::io(path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(files::parquet(path))?;
    let left_out = |name: &&str| DIMENSIONS.contains(name) && !dimensions.contains(name);
    let schema = builder.schema().clone();
    let names = schema.fields().iter().map(|field| field.name().as_str()).filter(|name| !left_out(name));
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    let reader = builder.with_projection(mask).build().map_err(files::parquet(path))?;
    // The cells of an account follow each other.
    let mut last: Arc<str> = "".into();
    for batch in reader {
        let batch = batch.map_err(files::damaged(path))?;
        let columns = || {
            let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
            let decimal = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<arrow_array::types::Decimal128Type>();
            let own = |name: &&str| if dimensions.contains(name) { Some(Some(text(name)?)) } else { Some(None) };
            let dimensions: Option<Vec<_>> = DIMENSIONS.iter().map(own).collect();
            let sums: Option<Vec<_>> = MEASURES.iter().map(|name| decimal(name)).collect();
            let closing = batch.column_by_name("closing")?.as_boolean_opt()?;
            let lines = batch.column_by_name("lines")?.as_primitive_opt::<arrow_array::types::UInt64Type>()?;
            Some((text("account")?, dimensions?, closing, sums?, lines))
        };
        let Some((account, dimensions, closing, sums, lines)) = columns() else {
            return Err(SealError::Damaged { path: path.to_owned(), reason: "a column is missing".to_owned() });
        };
        for at in 0..batch.num_rows() {
            let mut values = [const { None }; 6];
            for (value, array) in values.iter_mut().zip(&dimensions) {
                *value = array.filter(|array| array.is_valid(at)).map(|array| Arc::from(array.value(at)));
            }
            let amount = |i: usize| Amount::from_units(sums[i].value(at));
            let sides = |i: usize| Sides { debit: amount(i), credit: amount(i + 1) };
            let (debit, credit) = (amount(0), amount(1));
            let sums = Sums { debit, credit, foreign: sides(2), quantity: sides(4), lines: lines.value(at) };
            if *last != *account.value(at) {
                last = account.value(at).into();
            }
            take(Cell { account: last.clone(), dimensions: values, closing: closing.value(at), sums });
        }
    }
    Ok(())
}
