/*!
The built-in ODBC reader: the child's side.

Every value comes as text. Columns are fetched in blocks into bound buffers, because that is three times as fast as value by value. The
sizes that drivers report cannot be trusted (psqlODBC calls `jsonb` 255 characters long), so each block is looked through for values
that did not fit; then the query is run again value by value, in pieces, and goes on where the blocks ended. No value is ever cut.
*/

use odbc_api::{
    Connection, ConnectionOptions, Cursor, DataType, Error, IntoParameter, ResultSetMetadata,
    buffers::{BufferDesc, ColumnarDynBuffer},
    environment,
    parameter::InputParameter,
};

use crate::{
    Fault, Kind, Query, Request, Value, Verb,
    rows::{RowWriter, Sink},
};

/// Rows of a block. With [`TEXT_MAX`] this keeps a column of a block below half a megabyte.
const BLOCK_ROWS: usize = 500;

/// UTF-16 units of a bound text. Longer values are fetched in pieces.
const TEXT_MAX: usize = 400;

/// Characters of a bound number.
const NUMBER_MAX: usize = 60;

/// What is known of a driver. Others rely on the rights of the account and on the roll-back.
struct Known {
    /// Word in the driver's name in a connection string, in lower case.
    driver: &'static str,
    /// Word in the name the database gives itself.
    system: &'static str,
    dialect: &'static str,
    /// Added to the connection string where the key is not there.
    options: &'static [(&'static str, &'static str)],
    /// Run first: the session cannot write, and all queries of a request see one state.
    session: &'static [&'static str],
    /// Run with the seconds that a statement may take, where the driver does not see to it.
    timeout: &'static str,
    /// The server's version: one row of one column.
    version: &'static str,
    /// Whether the account could write: one row of one column.
    can_write: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        driver: "postgres",
        system: "PostgreSQL",
        dialect: "postgresql",
        // Without declare/fetch the driver holds the whole result in memory.
        options: &[("UseDeclareFetch", "1"), ("Fetch", "1000"), ("BoolsAsChar", "0")],
        session: &["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"],
        timeout: "",
        version: "SELECT current_setting('server_version')",
        can_write: "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                    AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) THEN 'yes' ELSE 'no' END",
    },
    Known {
        driver: "mariadb",
        system: "MariaDB",
        dialect: "mariadb",
        // Without these the driver holds the whole result in memory.
        options: &[("NO_CACHE", "1"), ("FORWARDONLY", "1"), ("charset", "utf8mb4")],
        session: &["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION TRANSACTION READ ONLY"],
        timeout: "SET SESSION max_statement_time = ",
        version: "SELECT version()",
        can_write: "SELECT CASE WHEN EXISTS (SELECT 1 FROM information_schema.user_privileges \
                    WHERE privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'DROP')) OR EXISTS (SELECT 1 FROM \
                    information_schema.schema_privileges WHERE privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'DROP')) \
                    THEN 'yes' ELSE 'no' END",
    },
    Known {
        driver: "mysql",
        system: "MySQL",
        dialect: "mariadb",
        options: &[("NO_CACHE", "1"), ("FORWARD_CURSOR", "1"), ("charset", "utf8mb4")],
        session: &["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION TRANSACTION READ ONLY"],
        timeout: "SET SESSION max_execution_time = 1000 * ",
        version: "SELECT version()",
        can_write: "",
    },
    Known {
        driver: "sqlite",
        system: "SQLite",
        dialect: "sqlite",
        // NoCreat: a misspelt path is an error and not a new, empty database.
        options: &[("NoCreat", "1")],
        session: &["PRAGMA query_only = ON"],
        // Its driver knows no time-out: the parent's patience ends what takes too long.
        timeout: "",
        version: "SELECT sqlite_version()",
        can_write: "",
    },
];

/// Schemas that hold the database's own tables.
const SYSTEM_SCHEMAS: [&str; 6] = ["pg_catalog", "information_schema", "mysql", "performance_schema", "sys", "pg_toast"];

fn driver(text: &str) -> Option<&'static Known> {
    let lower = text.to_lowercase();
    KNOWN.iter().find(|known| lower.contains(known.driver))
}

pub(crate) fn dialect(text: &str) -> &'static str {
    driver(text).map_or("", |known| known.dialect)
}

/// Runs the request's queries and streams their rows.
pub(crate) fn serve(text: &str, request: &Request, output: &mut impl Sink) -> Result<(), Fault> {
    let timeout = usize::try_from(request.timeout_s).ok();
    let mut full = text.trim_end_matches(';').to_owned();
    if let Some(known) = driver(text) {
        let lower = text.to_lowercase();
        for (key, value) in known.options.iter().filter(|(key, _)| !lower.contains(&format!("{}=", key.to_lowercase()))) {
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
        let statement = format!("{}{}", known.timeout, request.timeout_s);
        drop(connection.execute(&statement, (), timeout).map_err(fault)?);
    }
    connection.set_autocommit(false).map_err(fault)?;
    let done = match request.verb {
        Verb::Read => request.queries.iter().try_for_each(|query| answer(&connection, query, timeout, system.as_str(), output)),
        Verb::Check => check(&connection, &system, known, output),
        Verb::Discover => discover(&connection, output),
        Verb::Describe => Ok(()),
    };
    // Nothing was written, so nothing is lost when a broken connection cannot roll back.
    let _ = connection.rollback();
    done
}

fn check(connection: &Connection<'_>, system: &str, known: Option<&Known>, output: &mut impl Sink) -> Result<(), Fault> {
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
    let row = [Some(system), version.as_deref(), Some(read_only), can_write.as_deref().or(Some("unknown"))];
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

fn answer(
    connection: &Connection<'_>,
    query: &Query,
    timeout: Option<usize>,
    system: &str,
    output: &mut impl Sink,
) -> Result<(), Fault> {
    if system.contains("SQLite") && query.query.chars().any(|letter| letter > '\u{ffff}') {
        let message = "SQLite's ODBC driver damages characters outside the basic plane in a query; give them as parameters";
        return Err(Fault::new(Kind::Request, message));
    }
    let run = || {
        let cursor = connection.execute(&query.query, parameters(&query.parameters).as_slice(), timeout).map_err(fault)?;
        cursor.ok_or_else(|| Fault::new(Kind::Query, "the statement gives no rows"))
    };
    let mut cursor = run()?;
    let columns: Vec<String> = cursor.column_names().and_then(Iterator::collect).map_err(fault)?;
    let mut writer = RowWriter::new(output, &columns)?;
    let mut plan = Vec::with_capacity(columns.len());
    for (at, name) in (1_u16..).zip(&columns) {
        let desc = bound(cursor.col_data_type(at).map_err(fault)?, system);
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
        if columns.iter().any(Cells::cut) {
            whole = false;
            break 'blocks;
        }
        for row in 0..block.num_rows() {
            for (at, cells) in columns.iter().enumerate() {
                match cells.read(row, &mut text) {
                    Some(true) => writer.put(at, Some(&text)),
                    Some(false) => writer.put(at, None),
                    None => return Err(writer.inexact(at, "damaged UTF-16")),
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
                    return Err(writer.inexact(at, "damaged UTF-16"));
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
fn bound(kind: DataType, system: &str) -> Result<BufferDesc, &'static str> {
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
        _ => BufferDesc::WText { max_str_len: TEXT_MAX },
    })
}

/// The cells of one column of a block.
enum Cells<'a> {
    Narrow(odbc_api::buffers::TextColumnSlice<'a, u8>),
    Wide(odbc_api::buffers::TextColumnSlice<'a, u16>),
}

impl<'a> Cells<'a> {
    fn of(block: &'a ColumnarDynBuffer, at: usize) -> Option<Cells<'a>> {
        block.column(at).as_text().map(Cells::Narrow).or_else(|| block.column(at).as_wide_text().map(Cells::Wide))
    }

    fn cut(&self) -> bool {
        match self {
            Cells::Narrow(cells) => cells.has_truncated_values().is_some(),
            Cells::Wide(cells) => cells.has_truncated_values().is_some(),
        }
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
