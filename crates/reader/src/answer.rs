/*!
A reader's answer, taken in without trust: Arrow IPC or lines of JSON, text columns only, no message longer than it may be, no memory
reserved for what a reader merely claims to send.
*/

use std::{
    io::{BufRead, Read},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, builder::StringBuilder};
use arrow_buffer::Buffer;
use arrow_ipc::{MessageHeader, reader::StreamDecoder};
use arrow_schema::{DataType, Field, Schema};

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
    let mut decoder = StreamDecoder::new();
    let mut begun = false;
    loop {
        let mut message = exactly(input, 8)?;
        if message[..4] != [0xff; 4] {
            return Err("the answer is neither an Arrow stream nor lines of JSON".to_owned());
        }
        let size = u32::from_le_bytes([message[4], message[5], message[6], message[7]]);
        let mut body = Vec::new();
        if size > 0 {
            let head = exactly(input, within("head", u64::from(size), HEAD_MAX)?)?;
            let parsed = arrow_ipc::root_as_message(&head).map_err(|error| error.to_string())?;
            match parsed.header_type() {
                MessageHeader::Schema | MessageHeader::RecordBatch => {}
                other => return Err(format!("the answer holds a message that is no schema and no rows: {other:?}")),
            }
            let length = u64::try_from(parsed.bodyLength()).map_err(|_| "a message has a negative length")?;
            body = exactly(input, within("message", length, BODY_MAX)?)?;
            message.extend_from_slice(&head);
        }
        for bytes in [message, body] {
            let mut buffer = Buffer::from(bytes);
            while !buffer.is_empty() {
                let batch = decoder.decode(&mut buffer).map_err(|error| error.to_string())?;
                if let Some(schema) = decoder.schema().filter(|_| !begun) {
                    if let Some(field) = schema.fields().iter().find(|field| *field.data_type() != DataType::Utf8) {
                        return Err(format!("column {} is {} and not Utf8", field.name(), field.data_type()));
                    }
                    begun = true;
                    if !take(None) {
                        return Ok(false);
                    }
                }
                if let Some(batch) = batch.filter(|batch| batch.num_rows() > 0)
                    && !take(Some(batch))
                {
                    return Ok(false);
                }
            }
        }
        if size == 0 {
            return if begun { Ok(take(None)) } else { Err("a stream ended before its schema".to_owned()) };
        }
    }
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
