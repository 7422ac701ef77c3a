/*! Rows of text on their way out: Arrow IPC in small batches. */

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hasher},
    io::Write,
    sync::Arc,
};

use arrow_array::{Array, ArrayRef, RecordBatch, builder::StringBuilder};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};

use crate::{BATCH_ROWS, Fault, Kind};

pub(crate) struct RowWriter<W: Write> {
    writer: StreamWriter<W>,
    schema: Arc<Schema>,
    builders: Vec<StringBuilder>,
    rows: u64,
    /// Digest of every batch that went out, so that a second reading can prove it goes on from the same rows.
    sent: Vec<u64>,
    /// Batches of a second reading that must come again before new ones go out.
    again: VecDeque<u64>,
}

impl<W: Write> RowWriter<W> {
    /// Column names are written in lower case, because databases disagree about the case they give back.
    pub(crate) fn new(output: W, columns: &[String]) -> Result<RowWriter<W>, Fault> {
        let fields: Vec<Field> = columns.iter().map(|name| Field::new(name.to_lowercase(), DataType::Utf8, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(output, &schema)?;
        let builders = columns.iter().map(|_| StringBuilder::new()).collect();
        Ok(RowWriter { writer, schema, builders, rows: 0, sent: Vec::new(), again: VecDeque::new() })
    }

    pub(crate) fn width(&self) -> usize {
        self.builders.len()
    }

    /// Sets column `at` (from 0, below [`Self::width`]) of the row under way; `None` is NULL.
    pub(crate) fn put(&mut self, at: usize, value: Option<&str>) {
        self.builders[at].append_option(value);
    }

    pub(crate) fn end_row(&mut self) -> Result<(), Fault> {
        self.rows += 1;
        if self.rows.is_multiple_of(BATCH_ROWS as u64) { self.flush() } else { Ok(()) }
    }

    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        self.flush()?;
        if !self.again.is_empty() {
            return Err(moved());
        }
        Ok(self.writer.finish()?)
    }

    /// Starts over: the rows come again from the first, and those that went out already are compared and not sent twice.
    pub(crate) fn restart(&mut self) {
        self.builders.iter_mut().for_each(|builder| drop(builder.finish()));
        self.rows = 0;
        self.again = std::mem::take(&mut self.sent).into();
    }

    /// The fault of a value of `kind` in column `at` of the row under way that has no exact text.
    pub(crate) fn inexact(&self, at: usize, kind: &str) -> Fault {
        let (column, row) = (self.schema.field(at).name(), self.rows + 1);
        let message = format!("column {column}, row {row}: a {kind} value has no exact text; cast it to text in the query");
        Fault::new(Kind::Inexact, message)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        let mut hash = DefaultHasher::new();
        for array in &arrays {
            let data = array.to_data();
            data.buffers().iter().for_each(|buffer| hash.write(buffer));
            hash.write_usize(array.null_count());
        }
        let digest = hash.finish();
        self.sent.push(digest);
        match self.again.pop_front() {
            Some(before) if before == digest => Ok(()),
            Some(_) => Err(moved()),
            None => Ok(self.writer.write(&RecordBatch::try_new(self.schema.clone(), arrays)?)?),
        }
    }
}

fn moved() -> Fault {
    Fault::new(
        Kind::Inexact,
        "a long value made the query run again, and its rows came in another order; add ORDER BY to the query",
    )
}
