/*!
A reader's answer, taken in without trust: Arrow IPC or lines of JSON, text columns only, no message longer than it may be, no memory
reserved for what a reader merely claims to send.
*/

use std::{
    io::{BufRead, Read},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, StringArray, builder::StringBuilder};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::{BATCH_BYTES, BATCH_ROWS};

/// Longest head of an Arrow message, in bytes: a thousand columns have room.
const HEAD_MAX: u64 = 1 << 20;

/// Longest body of an Arrow message, and longest line, in bytes.
const BODY_MAX: u64 = 64 << 20;

/// What is reserved before the bytes are there.
const RESERVED: u64 = 1 << 20;

/// Reads `count` streams, the whole of the answer. `take` gets each batch with its stream's number, and nothing where a stream begins
/// or ends; when it says no, the rest is left.
pub(crate) fn streams(
    input: &mut impl BufRead,
    count: usize,
    mut take: impl FnMut(usize, Option<RecordBatch>) -> bool,
) -> Result<(), String> {
    for at in 0..count {
        let mut take = |batch| take(at, batch);
        let first = input.fill_buf().map_err(|error| error.to_string())?.first().copied();
        let more = match first {
            Some(b'{') => lines(input, &mut take)?,
            Some(_) => arrow(input, &mut take)?,
            None => return Err(format!("the answer ended after {at} of {count} streams")),
        };
        if !more {
            return Ok(());
        }
    }
    match input.fill_buf().map_err(|error| error.to_string())?.is_empty() {
        true => Ok(()),
        false => Err("the answer goes on after its last stream".to_owned()),
    }
}

fn arrow(input: &mut impl BufRead, take: &mut impl FnMut(Option<RecordBatch>) -> bool) -> Result<bool, String> {
    let mut schema: Option<SchemaRef> = None;
    loop {
        let start = exactly(input, 8)?;
        if start[..4] != [0xff; 4] {
            return Err("the answer is neither an Arrow stream nor lines of JSON".to_owned());
        }
        let size = u32::from_le_bytes([start[4], start[5], start[6], start[7]]);
        if size == 0 {
            return if schema.is_some() { Ok(take(None)) } else { Err("a stream ended before its schema".to_owned()) };
        }
        let head = exactly(input, within("head", u64::from(size), HEAD_MAX)?)?;
        let message = arrow_ipc::root_as_message(&head).map_err(|error| error.to_string())?;
        let length = u64::try_from(message.bodyLength()).map_err(|_| "a message has a negative length")?;
        let body = exactly(input, within("message", length, BODY_MAX)?)?;
        let more = match (&schema, message.header_as_schema(), message.header_as_record_batch()) {
            (None, Some(columns), _) => {
                schema = Some(columns_of(columns)?);
                take(None)
            }
            // A batch without rows is no sign of life.
            (Some(schema), _, Some(batch)) => rows_of(schema, batch, body)?.is_none_or(|batch| take(Some(batch))),
            _ => return Err(format!("the answer holds a message out of place: {:?}", message.header_type())),
        };
        if !more {
            return Ok(false);
        }
    }
}

/// The schema, of which nothing but the names is a reader's to choose.
fn columns_of(schema: arrow_ipc::Schema<'_>) -> Result<SchemaRef, String> {
    let mut fields = Vec::new();
    for field in schema.fields().into_iter().flatten() {
        let name = field.name().unwrap_or_default();
        if field.type_type() != arrow_ipc::Type::Utf8 || field.dictionary().is_some() {
            return Err(format!("column {name} is {:?} and not plain Utf8", field.type_type()));
        }
        fields.push(Field::new(name, DataType::Utf8, true));
    }
    if schema.endianness() != arrow_ipc::Endianness::Little {
        return Err("the answer is big-endian".to_owned());
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The rows of a message, each buffer within its body, each text checked. Arrow's own decoder panics where a reader lies about places.
fn rows_of(schema: &SchemaRef, batch: arrow_ipc::RecordBatch<'_>, body: Vec<u8>) -> Result<Option<RecordBatch>, String> {
    let lie = || "a batch does not hold what it says".to_owned();
    let length = usize::try_from(batch.length()).map_err(|_| lie())?;
    if length == 0 || schema.fields().is_empty() {
        return Ok(None);
    }
    if batch.compression().is_some() {
        return Err("a batch is compressed".to_owned());
    }
    let body = Buffer::from(body);
    let nodes = batch.nodes().ok_or_else(lie)?;
    let buffers = batch.buffers().ok_or_else(lie)?;
    let width = schema.fields().len();
    if nodes.len() != width || buffers.len() != 3 * width || length > body.len() / 4 {
        return Err(lie());
    }
    let buffer = |at: usize| {
        let place = buffers.get(at);
        let (from, size) = (usize::try_from(place.offset()).ok()?, usize::try_from(place.length()).ok()?);
        (from.checked_add(size)? <= body.len()).then(|| body.slice_with_length(from, size))
    };
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(width);
    for column in 0..width {
        let node = nodes.get(column);
        if usize::try_from(node.length()).ok() != Some(length) {
            return Err(lie());
        }
        let [valid, offsets, text] = [0, 1, 2].map(|part| buffer(3 * column + part));
        let (valid, offsets) = (valid.ok_or_else(lie)?, offsets.ok_or_else(lie)?);
        // One more than the rows, and no odd bytes after them.
        let size = 4 * (length + 1);
        let offsets = if offsets.len() >= size { offsets.slice_with_length(0, size) } else { return Err(lie()) };
        let data = ArrayData::builder(DataType::Utf8)
            .len(length)
            .null_bit_buffer((node.null_count() != 0).then_some(valid))
            .add_buffer(offsets)
            .add_buffer(text.ok_or_else(lie)?)
            .align_buffers(true)
            .build()
            .map_err(|error| error.to_string())?;
        columns.push(Arc::new(StringArray::from(data)));
    }
    RecordBatch::try_new(schema.clone(), columns).map(Some).map_err(|error| error.to_string())
}

fn lines(input: &mut impl BufRead, take: &mut impl FnMut(Option<RecordBatch>) -> bool) -> Result<bool, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Columns {
        columns: Vec<String>,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Line {
        Row(Vec<Option<String>>),
        End { end: u64 },
    }
    let mut line = Vec::new();
    next_line(input, &mut line)?;
    let Columns { columns } = serde_json::from_slice(&line).map_err(|error| format!("line 1: {error}"))?;
    let width = columns.len();
    if !take(None) {
        return Ok(false);
    }
    let fields: Vec<Field> = columns.into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut builders: Vec<StringBuilder> = (0..width).map(|_| StringBuilder::new()).collect();
    let (mut rows, mut held, mut bytes) = (0_u64, 0, 0);
    loop {
        next_line(input, &mut line)?;
        let parsed = serde_json::from_slice(&line)
            .map_err(|_| format!("line {}: a row is an array of strings and nulls, the end is {{\"end\": ROWS}}", rows + 2))?;
        let end = match parsed {
            Line::Row(row) if row.len() == width => {
                builders.iter_mut().zip(row).for_each(|(builder, value)| builder.append_option(value));
                (rows, held, bytes) = (rows + 1, held + 1, bytes + line.len());
                false
            }
            Line::Row(row) => return Err(format!("line {}: {} values for {width} columns", rows + 2, row.len())),
            Line::End { end } if end == rows => true,
            Line::End { end } => return Err(format!("the reader counted {end} rows and sent {rows}")),
        };
        if held == BATCH_ROWS || bytes >= BATCH_BYTES || (end && held > 0) {
            let arrays = builders.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
            (held, bytes) = (0, 0);
            if !take(Some(RecordBatch::try_new(schema.clone(), arrays).map_err(|error| error.to_string())?)) {
                return Ok(false);
            }
        }
        if end {
            return Ok(take(None));
        }
    }
}

fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), String> {
    line.clear();
    // A row of no more than the bytes it holds: what one long line took is not kept for all others.
    line.shrink_to(RESERVED as usize);
    input.take(BODY_MAX).read_until(b'\n', line).map_err(|error| error.to_string())?;
    match line.last() {
        Some(b'\n') => Ok(()),
        _ if line.len() as u64 == BODY_MAX => Err(format!("a line is longer than {BODY_MAX} bytes")),
        _ => Err("the answer ended before the end of its stream".to_owned()),
    }
}

fn within(what: &str, length: u64, limit: u64) -> Result<u64, String> {
    if length <= limit { Ok(length) } else { Err(format!("a {what} of {length} bytes; the limit is {limit}")) }
}

/// Reads so many bytes; memory grows with what comes, not with what is claimed.
fn exactly(input: &mut impl BufRead, length: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(length.min(RESERVED) as usize);
    input.take(length).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err("the answer ended before the end of its stream".to_owned()) }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_ipc::writer::StreamWriter;

    use super::*;

    fn sent(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn texts() -> Vec<u8> {
        let texts = StringArray::from(vec![Some("借"), None, Some("-0.10")]);
        sent(vec![("a", Arc::new(texts.clone())), ("b", Arc::new(texts))])
    }

    /// Rows of one stream, and what was wrong.
    fn taken(mut bytes: &[u8]) -> (usize, Option<String>) {
        let mut rows = 0;
        let done = streams(&mut bytes, 1, |_, batch| {
            rows += batch.map_or(0, |batch| batch.num_rows());
            true
        });
        (rows, done.err())
    }

    #[track_caller]
    fn refused(bytes: &[u8], word: &str) {
        let wrong = taken(bytes).1.unwrap();
        assert!(wrong.contains(word), "{wrong}");
    }

    #[test]
    fn a_broken_stream_is_refused_wherever_it_breaks() {
        let whole = texts();
        assert_eq!(taken(&whole), (6, None));
        for end in 0..whole.len() {
            assert!(taken(&whole[..end]).1.is_some(), "cut at {end}");
        }
        // Changed anywhere, it is text or an error, and no panic.
        for at in 0..whole.len() {
            for change in [0x01, 0x02, 0x08, 0x40, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                taken(&changed);
            }
        }
        refused(&[&whole[..], b"x"].concat(), "after its last stream");
        refused(&sent(vec![("n", Arc::new(Int64Array::from(vec![1])))]), "column n is Int");
    }

    #[test]
    fn what_is_announced_is_not_reserved() {
        refused(b"\xff\xff\xff\xff\xff\xff\xff\x7f", "limit");
        // The body length of the first batch is the only place where these eight bytes stand.
        let whole = texts();
        let body = (0..whole.len() - 8).rev().find(|at| {
            let mut changed = whole.clone();
            changed[*at..at + 8].copy_from_slice(&(1_i64 << 40).to_le_bytes());
            taken(&changed).1.is_some_and(|wrong| wrong.contains("a message of 1099511627776 bytes"))
        });
        assert!(body.is_some());
    }

    #[test]
    fn lines_are_read_strictly() {
        let lines = "{\"columns\": [\"a\", \"b\"]}\n[\"借\", null]\n[\"\", \"x\"]\n{\"end\": 2}\n";
        assert_eq!(taken(lines.as_bytes()), (2, None));
        for end in 0..lines.len() {
            assert!(taken(&lines.as_bytes()[..end]).1.is_some(), "cut at {end}");
        }
        refused(lines.replace("null", "0.1").as_bytes(), "line 2");
        refused(lines.replace("null", "null, null").as_bytes(), "3 values for 2 columns");
        refused(lines.replace("\"end\": 2", "\"end\": 3").as_bytes(), "counted 3");
    }
}
