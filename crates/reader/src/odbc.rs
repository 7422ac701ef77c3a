/*!
The built-in ODBC reader: the child's side.

Every value comes as text. Columns are fetched in blocks into bound buffers, because that is three times as fast as value by value. The
sizes that drivers report cannot be trusted (psqlODBC calls `jsonb` 255 characters long), so each block is looked through for values
that did not fit; then the query is run again value by value, in pieces, and goes on where the blocks ended. No value is ever cut.
*/

use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

use odbc_api::{
    Connection, ConnectionOptions, Cursor, DataType, Error, IntoParameter, ResultSetMetadata,
    buffers::{BufferDesc, ColumnarDynBuffer, TextColumnSlice},
    environment,
    parameter::InputParameter,
};

use crate::{
    Fault, Kind, Query, Request, Value, Verb,
    known::{self, KNOWN, Known, SAMPLE},
    pipe,
    rows::{Column, DAMAGED, RowWriter, Sink},
};

/// Rows of a block. With [`TEXT_MAX`] this keeps a column of a block below half a megabyte.
const BLOCK_ROWS: usize = 500;

/// Bytes of small answers that are held until their turn.
const HELD_MAX: u64 = 64 << 20;

/// UTF-16 units or bytes of a bound text. Longer values are fetched in pieces.
const TEXT_MAX: usize = 400;

/// Characters of a bound number.
const NUMBER_MAX: usize = 60;

/// Schemas that hold the database's own tables.
const SYSTEM_SCHEMAS: [&str; 6] = ["pg_catalog", "information_schema", "mysql", "performance_schema", "sys", "pg_toast"];

pub(crate) fn dialect(text: &str) -> &'static str {
    known::driver(text).map_or("", |known| known.dialect)
}

/// Runs the request's queries and streams their rows. `second` starts this program as a reader once more.
pub(crate) fn serve(text: &str, request: &Request, second: Option<Command>, output: &mut impl Sink) -> Result<(), Fault> {
    let small = request.small >= request.queries.len();
    let mut database = Database::open(text, request.timeout_s, small && request.verb == Verb::Read)?;
    let done = match request.verb {
        Verb::Read => read(&mut database, request, second, output),
        Verb::Check => check(&database, output),
        Verb::Discover => discover(&database.connection, output),
        Verb::Describe => Ok(()),
    };
    // Nothing was written, so nothing is lost when a broken connection cannot roll back.
    let _ = database.connection.rollback();
    done
}

/// Answers the queries. Small answers are read meanwhile by a second reader that sees the same state, where there can be one.
fn read(database: &mut Database, request: &Request, second: Option<Command>, output: &mut impl Sink) -> Result<(), Fault> {
    if let Some(state) = &request.state {
        database.enter(state)?;
    }
    let (large, small) = request.queries.split_at(request.queries.len().saturating_sub(request.small));
    let second = second.filter(|_| !large.is_empty() && !small.is_empty());
    let second = second.and_then(|command| Second::start(command, Request { state: Some(database.share()?), ..request.clone() }));
    database.narrow = database.speaks_utf8();
    large.iter().try_for_each(|query| answer(database, query, output))?;
    // A second session may be forbidden, or its answers may be too large after all: then this one reads them.
    let Some(held) = second.and_then(Second::finish) else {
        return small.iter().try_for_each(|query| answer(database, query, output));
    };
    small.iter().for_each(|_| output.begin());
    output.write_all(&held).map_err(|error| Fault::new(Kind::Output, error))
}

/// A reader that answers the small queries. A thread would do as well, but would make every allocation of the driver slower.
struct Second(Child);

impl Second {
    fn start(mut command: Command, request: Request) -> Option<Second> {
        let first = request.queries.len().saturating_sub(request.small);
        let request = Request { queries: request.queries[first..].to_vec(), ..request };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let second = Second(command.spawn().ok()?);
        pipe::widen(second.0.stdout.as_ref()?);
        serde_json::to_writer(second.0.stdin.as_ref()?, &request).ok()?;
        Some(second)
    }

    /// Its answers, where they are whole and small.
    fn finish(mut self) -> Option<Vec<u8>> {
        drop(self.0.stdin.take());
        let mut held = Vec::new();
        self.0.stdout.take()?.take(HELD_MAX + 1).read_to_end(&mut held).ok()?;
        let whole = held.len() as u64 <= HELD_MAX && self.0.wait().ok()?.success();
        whole.then_some(held)
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // Ended already, or of no use any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An open database whose session only reads, and what is known of it.
struct Database {
    connection: Connection<'static>,
    system: String,
    known: Option<&'static Known>,
    /// Whether texts arrive as UTF-8.
    narrow: bool,
    timeout: Option<usize>,
}

impl Database {
    /// Opens the database; `small` where all that is asked has small answers.
    fn open(text: &str, timeout_s: u64, small: bool) -> Result<Database, Fault> {
        let timeout = usize::try_from(timeout_s).ok();
        let mut full = text.trim_end_matches(';').to_owned();
        if let Some(known) = known::driver(text) {
            let lower = text.to_lowercase();
            let options = if small { known.small } else { known.options };
            for (key, value) in options.iter().filter(|(key, _)| !lower.contains(&format!("{}=", key.to_lowercase()))) {
                full.push_str(&format!(";{key}={value}"));
            }
        }
        let environment = environment().map_err(fault)?;
        let options = ConnectionOptions { login_timeout_sec: Some(30), ..ConnectionOptions::default() };
        let connection = environment.connect_with_connection_string(&full, options).map_err(connecting)?;
        let system = connection.database_management_system_name().map_err(connecting)?;
        let known = KNOWN.iter().find(|known| system.contains(known.system));
        for statement in known.iter().flat_map(|known| known.session) {
            // PRAGMA gives rows back with some drivers; they are not wanted.
            drop(connection.execute(statement, (), timeout).map_err(fault)?);
        }
        if let Some(known) = known.filter(|known| !known.timeout.is_empty()) {
            let statement = format!("{}{timeout_s}", known.timeout);
            drop(connection.execute(&statement, (), timeout).map_err(fault)?);
        }
        connection.set_autocommit(false).map_err(fault)?;
        Ok(Database { connection, system, known, narrow: false, timeout })
    }

    /// Names the state that this session sees from now on, for another session.
    fn share(&self) -> Option<String> {
        let share = self.known?.share?;
        let name = || -> Result<Option<String>, Error> {
            let Some(mut cursor) = self.connection.execute(share.name, (), self.timeout)? else { return Ok(None) };
            let Some(mut row) = cursor.next_row()? else { return Ok(None) };
            let mut name = Vec::new();
            row.get_text(1, &mut name)?;
            Ok(String::from_utf8(name).ok())
        };
        let name = name();
        if name.is_err() {
            // A failed statement spoils the transaction; it has read nothing yet.
            let _ = self.connection.rollback();
        }
        name.ok().flatten()
    }

    /// Lets this session see a state that another one named.
    fn enter(&self, state: &str) -> Result<(), Fault> {
        let Some(share) = self.known.and_then(|known| known.share) else {
            return Err(Fault::new(Kind::Request, "sessions of this database cannot share a state"));
        };
        if !state.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Fault::new(Kind::Request, "this is no name of a state"));
        }
        self.connection.execute(&format!("{}'{state}'", share.enter), (), self.timeout).map(drop).map_err(fault)
    }

    /// Whether texts arrive as UTF-8 when they are asked for as narrow text. Some drivers translate to the locale of this process.
    fn speaks_utf8(&self) -> bool {
        let Some(sample) = self.known.map(|known| known.sample).filter(|sample| !sample.is_empty()) else { return false };
        let fetch = || -> Result<bool, Error> {
            let Some(cursor) = self.connection.execute(sample, (), self.timeout)? else { return Ok(false) };
            let buffer = ColumnarDynBuffer::try_from_descs(1, [BufferDesc::Text { max_str_len: TEXT_MAX }])?;
            let mut blocks = cursor.bind_buffer(buffer)?;
            let text = blocks.fetch()?.and_then(|block| block.column(0).as_text()?.get(0).map(<[u8]>::to_vec));
            Ok(text.is_some_and(|text| text == SAMPLE.as_bytes()))
        };
        let fits = fetch();
        if fits.is_err() {
            let _ = self.connection.rollback();
        }
        fits.unwrap_or(false)
    }
}

fn check(database: &Database, output: &mut impl Sink) -> Result<(), Fault> {
    let Database { connection, system, known, .. } = database;
    let columns = ["system", "version", "read_only", "can_write"].map(str::to_owned);
    let ask = |sql: &str| -> Result<Option<String>, Fault> {
        if sql.is_empty() {
            return Ok(None);
        }
        let Some(mut cursor) = connection.execute(sql, (), None).map_err(fault)? else { return Ok(None) };
        let Some(mut row) = cursor.next_row().map_err(fault)? else { return Ok(None) };
        let mut text = Vec::new();
        row.get_text(1, &mut text).map_err(fault)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    };
    let version = known.map_or(Ok(None), |known| ask(known.version))?;
    let can_write = known.map_or(Ok(None), |known| ask(known.can_write))?;
    let read_only = if known.is_some() { "yes" } else { "unknown" };
    let mut writer = RowWriter::new(output, &columns)?;
    let row = [Some(system.as_str()), version.as_deref(), Some(read_only), can_write.as_deref().or(Some("unknown"))];
    row.into_iter().enumerate().for_each(|(at, value)| writer.put(at, value));
    writer.end_row()?;
    writer.finish()
}

fn discover(connection: &Connection<'_>, output: &mut impl Sink) -> Result<(), Fault> {
    let mut writer = RowWriter::new(output, &["table_name".to_owned(), "column_name".to_owned()])?;
    for row in connection.columns("", "", "%", "%").map_err(fault)? {
        let row = row.map_err(fault)?;
        let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        let schema = text(row.schema.as_bytes());
        let catalog = text(row.catalog.as_bytes());
        if SYSTEM_SCHEMAS.contains(&schema.as_str()) || SYSTEM_SCHEMAS.contains(&catalog.as_str()) {
            continue;
        }
        writer.put(0, Some(&text(row.table.as_bytes())));
        writer.put(1, Some(&text(row.column_name.as_bytes())));
        writer.end_row()?;
    }
    writer.finish()
}

fn parameters(values: &[Value]) -> Vec<Box<dyn InputParameter>> {
    let boxed = values.iter().map(|value| match value {
        Value::Integer(value) => Box::new(value.into_parameter()) as Box<dyn InputParameter>,
        // Wide, so that characters survive whatever the locale of this process is.
        Value::Text(text) => {
            let wide = odbc_api::Utf16String::from_str(text);
            Box::new(wide.into_parameter()) as Box<dyn InputParameter>
        }
    });
    boxed.collect()
}

fn answer(database: &Database, query: &Query, output: &mut impl Sink) -> Result<(), Fault> {
    let Database { connection, system, timeout, .. } = database;
    if system.contains("SQLite") && query.query.chars().any(|letter| letter > '\u{ffff}') {
        let message = "SQLite's ODBC driver damages characters outside the basic plane in a query; give them as parameters";
        return Err(Fault::new(Kind::Request, message));
    }
    let run = || {
        let cursor = connection.execute(&query.query, parameters(&query.parameters).as_slice(), *timeout).map_err(fault)?;
        cursor.ok_or_else(|| Fault::new(Kind::Query, "the statement gives no rows"))
    };
    let mut cursor = run()?;
    let columns: Vec<String> = cursor.column_names().and_then(Iterator::collect).map_err(fault)?;
    let mut writer = RowWriter::new(output, &columns)?;
    let mut plan = Vec::with_capacity(columns.len());
    for (at, name) in (1_u16..).zip(&columns) {
        let desc = bound(cursor.col_data_type(at).map_err(fault)?, database);
        plan.push(desc.map_err(|kind| {
            let message =
                format!("column {}: a {kind} value has no exact text; cast it to text in the query", name.to_lowercase());
            Fault::new(Kind::Inexact, message)
        })?);
    }
    let buffer = ColumnarDynBuffer::try_from_descs(BLOCK_ROWS, plan).map_err(fault)?;
    let mut blocks = cursor.bind_buffer(buffer).map_err(fault)?;
    let mut text = String::new();
    let mut whole = true;
    'blocks: while let Some(block) = blocks.fetch().map_err(fault)? {
        let columns: Vec<Cells<'_>> = (0..writer.width()).filter_map(|at| Cells::of(block, at)).collect();
        let Some(size) = columns.iter().map(Cells::size).sum() else {
            whole = false;
            break 'blocks;
        };
        let rows = block.num_rows();
        if writer.fits(rows, size) {
            let mut bytes = 0;
            for (at, cells) in columns.iter().enumerate() {
                bytes += cells.copy(writer.column(at), &mut text).ok_or_else(|| writer.inexact(at, DAMAGED))?;
            }
            writer.end_rows(rows, bytes)?;
            continue;
        }
        for row in 0..rows {
            for (at, cells) in columns.iter().enumerate() {
                match cells.read(row, &mut text) {
                    Some(true) => writer.put(at, Some(&text)),
                    Some(false) => writer.put(at, None),
                    None => return Err(writer.inexact(at, DAMAGED)),
                }
            }
            writer.end_row()?;
        }
    }
    if whole {
        return writer.finish();
    }
    drop(blocks);
    writer.restart();
    pieces(run()?, &mut writer)?;
    writer.finish()
}

/// Fetches value by value, each in as many pieces as it takes.
fn pieces(mut cursor: impl Cursor, writer: &mut RowWriter<impl Sink>) -> Result<(), Fault> {
    let (mut wide, mut text) = (Vec::new(), String::new());
    while let Some(mut row) = cursor.next_row().map_err(fault)? {
        for at in 0..writer.width() {
            let column = u16::try_from(at + 1).map_err(|_| Fault::new(Kind::Query, "too many columns"))?;
            if row.get_wide_text(column, &mut wide).map_err(fault)? {
                if !decode(&wide, &mut text) {
                    return Err(writer.inexact(at, DAMAGED));
                }
                writer.put(at, Some(&text));
            } else {
                writer.put(at, None);
            }
        }
        writer.end_row()?;
    }
    Ok(())
}

/// The buffer of a column, or the name of a type that drivers do not give exactly as text.
fn bound(kind: DataType, database: &Database) -> Result<BufferDesc, &'static str> {
    let system = &database.system;
    Ok(match kind {
        // psqlODBC gives 'infinity' as today; a cast in the query gives its text.
        DataType::Date | DataType::Time { .. } | DataType::Timestamp { .. } => return Err("date or time"),
        // Drivers print fifteen digits of these.
        DataType::Float { .. } | DataType::Real | DataType::Double => return Err("floating-point"),
        // The SQLite driver wraps sums and literals at 32 bits when they are asked for as what it calls them.
        DataType::Integer if system.contains("SQLite") => BufferDesc::WText { max_str_len: NUMBER_MAX },
        // MariaDB's driver gives its byte, not its number.
        DataType::Bit if !system.contains("PostgreSQL") => return Err("bit"),
        DataType::Integer | DataType::SmallInt | DataType::TinyInt | DataType::BigInt | DataType::Bit => {
            BufferDesc::Text { max_str_len: NUMBER_MAX }
        }
        DataType::Numeric { .. } | DataType::Decimal { .. } => BufferDesc::Text { max_str_len: NUMBER_MAX },
        DataType::Varbinary { .. } | DataType::Binary { .. } | DataType::LongVarbinary { .. } => return Err("binary"),
        _ if database.narrow => BufferDesc::Text { max_str_len: TEXT_MAX },
        _ => BufferDesc::WText { max_str_len: TEXT_MAX },
    })
}

/// The cells of one column of a block.
enum Cells<'a> {
    Narrow(TextColumnSlice<'a, u8>),
    Wide(TextColumnSlice<'a, u16>),
}

impl<'a> Cells<'a> {
    fn of(block: &'a ColumnarDynBuffer, at: usize) -> Option<Cells<'a>> {
        block.column(at).as_text().map(Cells::Narrow).or_else(|| block.column(at).as_wide_text().map(Cells::Wide))
    }

    /// Bytes of UTF-8 that all cells have at most; `None` where one did not fit.
    fn size(&self) -> Option<usize> {
        fn size<C>(cells: &TextColumnSlice<'_, C>) -> Option<usize>
        where
            C: Default + Copy + Send,
        {
            let (mut sum, mut longest) = (0, 0);
            for length in (0..cells.len()).filter_map(|row| cells.content_length_at(row)) {
                sum += length;
                longest = longest.max(length);
            }
            // Only a cell that is full may have been cut.
            (longest < cells.max_len() || cells.has_truncated_values().is_none()).then_some(sum)
        }
        match self {
            Cells::Narrow(cells) => size(cells),
            Cells::Wide(cells) => size(cells).map(|units| units * 3),
        }
    }

    /// Copies all cells; the number of their bytes, or nothing where one is damaged.
    fn copy(&self, into: &mut Column, text: &mut String) -> Option<usize> {
        let mut bytes = 0;
        match self {
            Cells::Narrow(cells) => {
                for value in (0..cells.len()).map(|row| cells.get(row)) {
                    bytes += value.map_or(0, <[u8]>::len);
                    into.push(value);
                }
            }
            Cells::Wide(cells) => {
                for wide in (0..cells.len()).map(|row| cells.get(row)) {
                    if wide.is_some_and(|wide| !decode(wide, text)) {
                        return None;
                    }
                    bytes += wide.map_or(0, |_| text.len());
                    into.push(wide.map(|_| text.as_bytes()));
                }
            }
        }
        Some(bytes)
    }

    /// Puts a cell's text into `text`: whether it has one, or nothing where it is damaged.
    fn read(&self, row: usize, text: &mut String) -> Option<bool> {
        text.clear();
        match self {
            Cells::Narrow(cells) => match cells.get(row) {
                Some(bytes) => text.push_str(std::str::from_utf8(bytes).ok()?),
                None => return Some(false),
            },
            Cells::Wide(cells) => match cells.get(row) {
                Some(wide) if !decode(wide, text) => return None,
                Some(_) => {}
                None => return Some(false),
            },
        }
        Some(true)
    }
}

fn decode(wide: &[u16], text: &mut String) -> bool {
    text.clear();
    for unit in char::decode_utf16(wide.iter().copied()) {
        match unit {
            Ok(letter) => text.push(letter),
            Err(_) => return false,
        }
    }
    true
}

/// What a driver says while connecting is about the source, whatever code it gives.
fn connecting(error: Error) -> Fault {
    let mut fault = fault(error);
    if !matches!(fault.kind, Kind::Driver | Kind::Credentials) {
        fault.kind = Kind::Connect;
    }
    fault
}

/// Sorts a driver's words by its SQLSTATE and, where drivers use a general one, by what they say.
fn fault(error: Error) -> Fault {
    let Error::Diagnostics { record, .. } = &error else {
        return Fault::new(Kind::Query, error);
    };
    let state = String::from_utf8_lossy(&record.state.0).into_owned();
    let said = String::from_utf16_lossy(&record.message);
    let lower = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let kind = match state.as_str() {
        "IM002" | "IM003" | "IM004" => Kind::Driver,
        "28000" | "28P01" => Kind::Credentials,
        "HYT00" | "HYT01" | "57014" => Kind::Timeout,
        "42501" => Kind::Forbidden,
        "25006" => Kind::Writes,
        "42P01" | "42S02" => Kind::Table,
        "42703" | "42S22" => Kind::Column,
        // PostgreSQL ends the session: whether its words or the closed socket arrive first is chance.
        "57P01" | "57P02" | "57P03" => Kind::Connect,
        _ if says(&["can't open lib", "data source name not found"]) => Kind::Driver,
        _ if says(&["password authentication", "access denied for user"]) => Kind::Credentials,
        _ if says(&["statement timeout", "max_statement_time", "query execution was interrupted"]) => Kind::Timeout,
        _ if says(&[
            "read-only transaction",
            "read only transaction",
            "attempt to write a readonly",
            "connection is readonly",
            "data-modifying statements",
        ]) =>
        {
            Kind::Writes
        }
        _ if says(&["permission denied", "command denied"]) => Kind::Forbidden,
        _ if says(&["no such table", "doesn't exist"]) => Kind::Table,
        _ if lower.contains("relation") && lower.contains("does not exist") => Kind::Table,
        _ if says(&["no such column", "unknown column"]) => Kind::Column,
        _ if lower.contains("column") && lower.contains("does not exist") => Kind::Column,
        _ if state.starts_with("08") => Kind::Connect,
        _ => Kind::Query,
    };
    Fault { kind, message: format!("{} ({state})", said.trim()) }
}
