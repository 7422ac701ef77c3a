/*! The built-in ODBC reader: the child's side. Every value is fetched as text, in pieces, so that none is ever cut. */

use std::io::Write;

use odbc_api::{
    Connection, ConnectionOptions, Cursor, Error, IntoParameter, ResultSetMetadata, environment, parameter::InputParameter,
};

use crate::{ServeError, rows::RowWriter};

/// Read-only sessions, by the name the database gives itself. Others rely on the rights of the account and on the roll-back.
const READ_ONLY: &[(&str, &str)] = &[
    ("PostgreSQL", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
    ("MariaDB", "SET SESSION TRANSACTION READ ONLY"),
    ("MySQL", "SET SESSION TRANSACTION READ ONLY"),
];

/// Runs one query and streams its rows.
pub(crate) fn serve(
    source: &str,
    query: &str,
    parameters: &[i64],
    timeout_s: usize,
    output: impl Write,
) -> Result<(), ServeError> {
    let connection = environment()?.connect_with_connection_string(source, ConnectionOptions::default())?;
    let system = connection.database_management_system_name()?;
    if let Some((_, statement)) = READ_ONLY.iter().find(|(name, _)| system.contains(name)) {
        connection.execute(statement, (), Some(timeout_s))?;
    }
    connection.set_autocommit(false)?;
    let done = stream(&connection, query, parameters, timeout_s, output);
    // Nothing was written, so nothing is lost when a broken connection cannot roll back.
    let _ = connection.rollback();
    done
}

fn stream(
    connection: &Connection<'_>,
    query: &str,
    parameters: &[i64],
    timeout_s: usize,
    output: impl Write,
) -> Result<(), ServeError> {
    let parameters: Vec<Box<dyn InputParameter>> =
        parameters.iter().map(|value| Box::new(value.into_parameter()) as Box<dyn InputParameter>).collect();
    let cursor = connection.execute(query, parameters.as_slice(), Some(timeout_s))?;
    let Some(mut cursor) = cursor else {
        return Err(ServeError::NoRows);
    };
    let columns: Vec<String> = cursor.column_names()?.collect::<Result<_, Error>>()?;
    let mut writer = RowWriter::new(output, columns)?;
    let (mut wide, mut text) = (Vec::new(), String::new());
    while let Some(mut row) = cursor.next_row()? {
        for at in 0..writer.width() {
            let column = u16::try_from(at + 1).map_err(|_| ServeError::NoRows)?;
            if row.get_wide_text(column, &mut wide)? {
                text.clear();
                for unit in char::decode_utf16(wide.iter().copied()) {
                    text.push(unit.map_err(|_| writer.inexact(at, "UTF-16"))?);
                }
                writer.put(at, Some(&text));
            } else {
                writer.put(at, None);
            }
        }
        writer.end_row()?;
    }
    writer.finish()
}
