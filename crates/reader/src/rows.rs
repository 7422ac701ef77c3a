/*! Rows of text on their way out: Arrow IPC in small batches. */

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher},
    io::{self, BufWriter, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use arrow_array::{
    Array, ArrayRef, RecordBatch,
    builder::{ArrayBuilder, StringBuilder},
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};

use crate::{BATCH_BYTES, BATCH_ROWS, Fault, Kind, Progress};

/// Longest row, in bytes: it must fit into one message.
const ROW_MAX: usize = 32 << 20;

/// Progress is told this often at most.
const PACE: Duration = Duration::from_millis(250);

/// Where a reader's answer goes: rows to stdout, progress to stderr.
pub(crate) trait Sink: Write {
    /// A stream begins.
    fn begin(&mut self);
    /// So many rows of it were read.
    fn progress(&mut self, rows: u64);
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn begin(&mut self) {
        (**self).begin();
    }

    fn progress(&mut self, rows: u64) {
        (**self).progress(rows);
    }
}

/// Rows and log of the reader's side.
pub(crate) struct Output<R: Write, L: Write> {
    rows: BufWriter<R>,
    log: L,
    streams: u64,
    told: Instant,
}

impl<R: Write, L: Write> Output<R, L> {
    pub(crate) fn new(rows: R, log: L) -> Output<R, L> {
        Output { rows: BufWriter::with_capacity(64 << 10, rows), log, streams: 0, told: Instant::now() }
    }
}

impl<R: Write, L: Write> Write for Output<R, L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rows.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.rows.flush()
    }
}

impl<R: Write, L: Write> Sink for Output<R, L> {
    fn begin(&mut self) {
        self.streams += 1;
    }

    fn progress(&mut self, rows: u64) {
        if self.told.elapsed() >= PACE {
            self.told = Instant::now();
            let progress = Progress { query: self.streams.saturating_sub(1), rows };
            // Rows still arrive where nobody listens to progress.
            let _ = writeln!(self.log, "{}", progress.line());
        }
    }
}

pub(crate) struct RowWriter<W: Sink> {
    writer: StreamWriter<W>,
    schema: Arc<Schema>,
    builders: Vec<StringBuilder>,
    rows: u64,
    /// Bytes of the row under way, and of the rows that wait to go out.
    bytes: (usize, usize),
    /// Digest of every batch that went out, so that a second reading can prove it goes on from the same rows.
    sent: Vec<u64>,
    /// Batches of a second reading that must come again before new ones go out.
    again: VecDeque<u64>,
}

impl<W: Sink> RowWriter<W> {
    /// Column names are written in lower case, because databases disagree about the case they give back.
    pub(crate) fn new(mut output: W, columns: &[String]) -> Result<RowWriter<W>, Fault> {
        let fields: Vec<Field> = columns.iter().map(|name| Field::new(name.to_lowercase(), DataType::Utf8, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        output.begin();
        let writer = StreamWriter::try_new(output, &schema)?;
        let builders = columns.iter().map(|_| StringBuilder::new()).collect();
        Ok(RowWriter { writer, schema, builders, rows: 0, bytes: (0, 0), sent: Vec::new(), again: VecDeque::new() })
    }

    pub(crate) fn width(&self) -> usize {
        self.builders.len()
    }

    /// Sets column `at` (from 0, below [`Self::width`]) of the row under way; `None` is NULL.
    pub(crate) fn put(&mut self, at: usize, value: Option<&str>) {
        self.bytes.0 += value.map_or(0, str::len);
        self.builders[at].append_option(value);
    }

    pub(crate) fn end_row(&mut self) -> Result<(), Fault> {
        self.rows += 1;
        let row = std::mem::take(&mut self.bytes.0);
        self.bytes.1 += row;
        if row > ROW_MAX {
            return Err(Fault::new(Kind::Size, format!("row {} has {row} bytes; the limit is {ROW_MAX}", self.rows)));
        }
        let full = self.builders.first().is_some_and(|builder| builder.len() >= BATCH_ROWS);
        if full || self.bytes.1 >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Whether so many rows with so many bytes can be taken at once by [`Self::column`] and [`Self::end_rows`]: only where they would go
    /// out together value by value too, because a restart compares batch with batch.
    pub(crate) fn fits(&self, rows: usize, bytes: usize) -> bool {
        let waiting = self.builders.first().map_or(0, ArrayBuilder::len);
        waiting + rows <= BATCH_ROWS && self.bytes.1 + bytes < BATCH_BYTES
    }

    /// Where the values of column `at` (from 0, below [`Self::width`]) go that are taken at once.
    pub(crate) fn column(&mut self, at: usize) -> &mut StringBuilder {
        &mut self.builders[at]
    }

    /// Ends rows that were taken at once, of so many bytes.
    pub(crate) fn end_rows(&mut self, rows: usize, bytes: usize) -> Result<(), Fault> {
        self.rows += rows as u64;
        self.bytes.1 += bytes;
        let full = self.builders.first().is_some_and(|builder| builder.len() >= BATCH_ROWS);
        if full { self.flush() } else { Ok(()) }
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
        (self.rows, self.bytes) = (0, (0, 0));
        self.again = std::mem::take(&mut self.sent).into();
    }

    /// The fault of a value of `kind` in column `at` of the row under way that has no exact text.
    pub(crate) fn inexact(&self, at: usize, kind: &str) -> Fault {
        let (column, row) = (self.schema.field(at).name(), self.rows + 1);
        let message = format!("column {column}, row {row}: a {kind} value has no exact text; cast it to text in the query");
        Fault::new(Kind::Inexact, message)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.bytes.1 = 0;
        self.writer.get_mut().progress(self.rows);
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        // Of one process only; it goes nowhere.
        let mut hash = ahash::RandomState::with_seeds(1, 2, 3, 4).build_hasher();
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
