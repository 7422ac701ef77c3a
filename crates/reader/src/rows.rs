/*! Rows of text on their way out: Arrow IPC in small batches. */

use std::{io::Write, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, builder::StringBuilder};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};

use crate::{BATCH_ROWS, ServeError};

pub(crate) struct RowWriter<W: Write> {
    writer: StreamWriter<W>,
    schema: Arc<Schema>,
    builders: Vec<StringBuilder>,
    rows: u64,
}

impl<W: Write> RowWriter<W> {
    /// Column names are written in lower case, because databases disagree about the case they give back.
    pub(crate) fn new(output: W, columns: Vec<String>) -> Result<RowWriter<W>, ServeError> {
        let fields: Vec<Field> = columns.iter().map(|name| Field::new(name.to_lowercase(), DataType::Utf8, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(output, &schema)?;
        let builders = columns.iter().map(|_| StringBuilder::new()).collect();
        Ok(RowWriter { writer, schema, builders, rows: 0 })
    }

    pub(crate) fn width(&self) -> usize {
        self.builders.len()
    }

    /// Sets column `at` (from 0, below [`Self::width`]) of the row under way; `None` is NULL.
    pub(crate) fn put(&mut self, at: usize, value: Option<&str>) {
        self.builders[at].append_option(value);
    }

    pub(crate) fn end_row(&mut self) -> Result<(), ServeError> {
        self.rows += 1;
        if self.rows.is_multiple_of(BATCH_ROWS as u64) { self.flush() } else { Ok(()) }
    }

    pub(crate) fn finish(mut self) -> Result<(), ServeError> {
        self.flush()?;
        Ok(self.writer.finish()?)
    }

    /// The error of a value of `kind` in column `at` of the row under way that has no exact text.
    pub(crate) fn inexact(&self, at: usize, kind: &'static str) -> ServeError {
        ServeError::Inexact { column: self.schema.field(at).name().clone(), row: self.rows + 1, kind }
    }

    fn flush(&mut self) -> Result<(), ServeError> {
        let arrays = self.builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        Ok(self.writer.write(&RecordBatch::try_new(self.schema.clone(), arrays)?)?)
    }
}
