/*! Reading a sealed period back, voucher by voucher. */

use std::{fs::File, ops::ControlFlow, path::Path};

use arrow_array::{Array, RecordBatch, cast::AsArray, types::Decimal128Type};
use model::{Amount, Period};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{
    Digest, SealError,
    columns::{ACCOUNT, AMOUNTS, NUMBER, TEXTS, VOUCHER},
    files, merkle,
};

/// One sealed entry line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Values of [`TEXTS`].
    pub texts: [Option<String>; TEXTS.len()],
    /// Values of [`AMOUNTS`].
    pub amounts: [Option<Amount>; AMOUNTS.len()],
}

impl Entry {
    /// The text column `name`; `None` too where there is no such column.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts[TEXTS.iter().position(|text| *text == name)?].as_deref()
    }

    /// The ERP's own key of the voucher.
    pub fn voucher(&self) -> &str {
        self.texts[VOUCHER].as_deref().unwrap_or_default()
    }

    /// The voucher's number as people see it; the key where the ERP gives none.
    pub fn number(&self) -> &str {
        self.texts[NUMBER].as_deref().unwrap_or_else(|| self.voucher())
    }

    /// Account code.
    pub fn account(&self) -> &str {
        self.texts[ACCOUNT].as_deref().unwrap_or_default()
    }

    /// Debit, signed.
    pub fn debit(&self) -> Amount {
        self.amounts[0].unwrap_or(Amount::ZERO)
    }

    /// Credit, signed.
    pub fn credit(&self) -> Amount {
        self.amounts[1].unwrap_or(Amount::ZERO)
    }

    /// Canonical bytes of the line, without the text columns of `leaving_out`.
    pub(crate) fn canonical(&self, leaving_out: &[usize]) -> Vec<u8> {
        let mut line = Vec::with_capacity(256);
        for (at, text) in self.texts.iter().enumerate() {
            if !leaving_out.contains(&at) {
                merkle::put_text(&mut line, text.as_deref());
            }
        }
        for amount in self.amounts {
            merkle::put_amount(&mut line, amount.map(Amount::units));
        }
        line
    }
}

/// Reads the lines of an entry file in the order in which they were sealed, until `take` breaks.
pub fn read(path: &Path, mut take: impl FnMut(Entry) -> ControlFlow<()>) -> Result<(), SealError> {
    let file = File::open(path).map_err(files::io(path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    for batch in reader.map_err(files::parquet(path))? {
        if each(path, &batch.map_err(files::damaged(path))?, &mut take)?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// The lines of a batch with all columns, until `take` breaks.
pub(crate) fn each(
    path: &Path,
    batch: &RecordBatch,
    mut take: impl FnMut(Entry) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, SealError> {
    let texts: Option<Vec<_>> =
        TEXTS.iter().map(|name| batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>())).collect();
    let amount = |name: &&str| batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Decimal128Type>());
    let amounts: Option<Vec<_>> = AMOUNTS.iter().map(amount).collect();
    let Some((texts, amounts)) = texts.zip(amounts) else {
        return Err(SealError::Damaged { path: path.to_owned(), reason: "a column is missing".to_owned() });
    };
    for row in 0..batch.num_rows() {
        let text = |at: usize| texts[at].is_valid(row).then(|| texts[at].value(row).to_owned());
        let amount = |at: usize| amounts[at].is_valid(row).then(|| Amount::from_units(amounts[at].value(row)));
        let entry = Entry { texts: std::array::from_fn(text), amounts: std::array::from_fn(amount) };
        if take(entry).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The vouchers of an entry file, each with its lines.
pub(crate) fn vouchers(path: &Path) -> Result<Vec<Vec<Entry>>, SealError> {
    let mut vouchers: Vec<Vec<Entry>> = Vec::new();
    read(path, |entry| {
        match vouchers.last_mut().filter(|lines| lines[0].voucher() == entry.voucher()) {
            Some(lines) => lines.push(entry),
            None => vouchers.push(vec![entry]),
        }
        ControlFlow::Continue(())
    })?;
    Ok(vouchers)
}

/// Computes the Merkle root anew from the lines of an entry file: what a third party does to check a seal.
pub fn root(path: &Path, period: Period) -> Result<Digest, SealError> {
    let period = period.to_string();
    let leaves = vouchers(path)?.iter().map(|lines| leaf(&period, lines, &[])).collect();
    Ok(merkle::root(leaves))
}

/// A voucher with the way from it to the root of its snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The voucher's lines.
    pub lines: Vec<Entry>,
    /// The way.
    pub path: merkle::Path,
    /// The root.
    pub root: Digest,
}

/// Proves that a voucher is in an entry file; `None` where it is not. Of the other vouchers it shows nothing but hashes.
pub fn prove(path: &Path, period: Period, voucher: &str) -> Result<Option<Proven>, SealError> {
    let period = period.to_string();
    let (mut leaves, mut own, mut lines) = (Vec::new(), None, Vec::new());
    // One voucher at a time in memory, and a hash of each.
    let mut done = |lines: &mut Vec<Entry>| {
        if let Some(first) = lines.first() {
            let leaf = leaf(&period, lines, &[]);
            leaves.push(leaf);
            if first.voucher() == voucher {
                own = Some((leaf, std::mem::take(lines)));
            }
            lines.clear();
        }
    };
    read(path, |entry| {
        if lines.last().is_some_and(|last: &Entry| last.voucher() != entry.voucher()) {
            done(&mut lines);
        }
        lines.push(entry);
        ControlFlow::Continue(())
    })?;
    done(&mut lines);
    let Some((leaf, lines)) = own else { return Ok(None) };
    let root = merkle::root(leaves.clone());
    Ok(merkle::Path::find(leaves, leaf).map(|path| Proven { lines, path, root }))
}

pub(crate) fn leaf(period: &str, lines: &[Entry], leaving_out: &[usize]) -> Digest {
    let mut lines: Vec<Vec<u8>> = lines.iter().map(|entry| entry.canonical(leaving_out)).collect();
    merkle::leaf(period, &mut lines)
}
