/*! Rows of a small extract, held in memory. */

use arrow_array::{Array, RecordBatch, StringArray, cast::AsArray};
use model::Finding;

use crate::EXTRACTS;

/// Rows of one extract.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    batches: Vec<RecordBatch>,
}

impl Rows {
    /// Adds a batch.
    pub fn push(&mut self, batch: RecordBatch) {
        self.batches.push(batch);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each row as a function from a column's name to its value; absent columns and NULL are `None`.
    pub fn each(&self, mut take: impl FnMut(&dyn Fn(&str) -> Option<String>)) {
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                take(&|name| {
                    let column = text(batch, name)?;
                    column.is_valid(row).then(|| column.value(row).to_owned())
                });
            }
        }
    }

    /// Names of the columns; none where there was no row.
    pub fn columns(&self) -> Vec<String> {
        let schema = self.batches.first().map(RecordBatch::schema);
        schema.map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect()).unwrap_or_default()
    }

    /// Rows as lines of text in an order that does not depend on the source, for a digest.
    pub fn lines(&self) -> Vec<String> {
        let columns = self.columns();
        let mut lines = Vec::with_capacity(self.len());
        self.each(|value| {
            let cells = columns.iter().map(|name| value(name).map_or_else(|| "\u{1}".to_owned(), |v| format!("\u{2}{v}")));
            lines.push(cells.collect::<String>());
        });
        lines.sort_unstable();
        lines
    }

    /// Whether the required columns of `extract` are there. No row at all says nothing about columns.
    pub fn check(&self, pack: &str, extract: &str) -> Vec<Finding> {
        self.batches.first().map_or_else(Vec::new, |batch| check(batch, pack, extract))
    }
}

/// Whether the required columns of `extract` are in a batch.
pub(crate) fn check(batch: &RecordBatch, pack: &str, extract: &str) -> Vec<Finding> {
    let required = EXTRACTS.iter().find(|(name, ..)| *name == extract).map_or(&[][..], |(_, required, _)| *required);
    let missing = required.iter().filter(|name| text(batch, name).is_none());
    let finding =
        |name: &&&str| Finding::error("column-missing").at(format!("pack {pack}")).with("extract", extract).with("column", name);
    missing.map(|name| finding(&name)).collect()
}

pub(crate) fn text<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}
