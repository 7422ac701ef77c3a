/*! Rows of text on their way out: Arrow IPC in small batches. */

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher},
    io::{self, BufWriter, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};

use crate::{BATCH_BYTES, BATCH_ROWS, Fault, Kind, Progress};

/// What a value is called whose letters are none.
pub(crate) const DAMAGED: &str = "damaged Unicode";

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

/// The values of one column that wait to go out.
pub(crate) struct Column {
    bytes: Vec<u8>,
    /// Where each value ends, from 0 on.
    ends: Vec<i32>,
    given: Vec<bool>,
    nulls: bool,
}

impl Column {
    /// Room as for a batch that holds `bytes`.
    fn new(bytes: usize) -> Column {
        let mut ends = Vec::with_capacity(BATCH_ROWS + 1);
        ends.push(0);
        Column { bytes: Vec::with_capacity(bytes + bytes / 8), ends, given: Vec::with_capacity(BATCH_ROWS), nulls: false }
    }

    fn len(&self) -> usize {
        self.given.len()
    }

    /// Adds a value: the bytes of a text, which are looked at when they go out, or NULL.
    #[inline]
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        if let Some(bytes) = value {
            self.bytes.extend_from_slice(bytes);
        }
        self.given.push(value.is_some());
        self.nulls |= value.is_none();
        // A batch is far smaller; what is not is refused when it goes out.
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// The values as an array; the row, from 0, of one that is no text.
    fn finish(&mut self) -> Result<StringArray, usize> {
        let full = std::mem::replace(self, Column::new(self.bytes.len()));
        let nulls = full.nulls.then(|| NullBuffer::from(full.given.as_slice()));
        let (bytes, ends) = (Buffer::from(full.bytes), OffsetBuffer::new(ScalarBuffer::from(full.ends)));
        // Letters are looked at all at once, which is quicker than value by value; a wrong one is looked for.
        StringArray::try_new(ends.clone(), bytes.clone(), nulls).map_err(|_| {
            let value = |row: usize| bytes.get(usize::try_from(ends[row]).ok()?..usize::try_from(ends[row + 1]).ok()?);
            (0..ends.len() - 1).find(|row| value(*row).is_none_or(|value| std::str::from_utf8(value).is_err())).unwrap_or(0)
        })
    }
}

pub(crate) struct RowWriter<W: Sink> {
    writer: StreamWriter<W>,
    schema: Arc<Schema>,
    columns: Vec<Column>,
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
        let columns = columns.iter().map(|_| Column::new(0)).collect();
        Ok(RowWriter { writer, schema, columns, rows: 0, bytes: (0, 0), sent: Vec::new(), again: VecDeque::new() })
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Sets column `at` (from 0, below [`Self::width`]) of the row under way; `None` is NULL.
    pub(crate) fn put(&mut self, at: usize, value: Option<&str>) {
        self.bytes.0 += value.map_or(0, str::len);
        self.columns[at].push(value.map(str::as_bytes));
    }

    pub(crate) fn end_row(&mut self) -> Result<(), Fault> {
        self.rows += 1;
        let row = std::mem::take(&mut self.bytes.0);
        self.bytes.1 += row;
        if row > ROW_MAX {
            return Err(Fault::new(Kind::Size, format!("row {} has {row} bytes; the limit is {ROW_MAX}", self.rows)));
        }
        if self.waiting() >= BATCH_ROWS || self.bytes.1 >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Whether so many rows with so many bytes can be taken at once by [`Self::column`] and [`Self::end_rows`]: only where they would go
    /// out together value by value too, because a restart compares batch with batch.
    pub(crate) fn fits(&self, rows: usize, bytes: usize) -> bool {
        self.waiting() + rows <= BATCH_ROWS && self.bytes.1 + bytes < BATCH_BYTES
    }

    /// Where the values of column `at` (from 0, below [`Self::width`]) go that are taken at once.
    pub(crate) fn column(&mut self, at: usize) -> &mut Column {
        &mut self.columns[at]
    }

    /// Rows that wait to go out.
    fn waiting(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// Ends rows that were taken at once, of so many bytes.
    pub(crate) fn end_rows(&mut self, rows: usize, bytes: usize) -> Result<(), Fault> {
        self.rows += rows as u64;
        self.bytes.1 += bytes;
        if self.waiting() >= BATCH_ROWS { self.flush() } else { Ok(()) }
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
        self.columns.iter_mut().for_each(|column| *column = Column::new(0));
        (self.rows, self.bytes) = (0, (0, 0));
        self.again = std::mem::take(&mut self.sent).into();
    }

    /// The fault of a value of `kind` in column `at` of the row under way that has no exact text.
    pub(crate) fn inexact(&self, at: usize, kind: &str) -> Fault {
        inexact(self.schema.field(at).name(), self.rows + 1, kind)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.bytes.1 = 0;
        self.writer.get_mut().progress(self.rows);
        let first = self.rows - self.waiting() as u64;
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.iter_mut().enumerate() {
            match column.finish() {
                Ok(array) => arrays.push(Arc::new(array)),
                Err(row) => return Err(inexact(self.schema.field(at).name(), first + row as u64 + 1, DAMAGED)),
            }
        }
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

fn inexact(column: &str, row: u64, kind: &str) -> Fault {
    let message = format!("column {column}, row {row}: a {kind} value has no exact text; cast it to text in the query");
    Fault::new(Kind::Inexact, message)
}

fn moved() -> Fault {
    Fault::new(
        Kind::Inexact,
        "a long value made the query run again, and its rows came in another order; add ORDER BY to the query",
    )
}
