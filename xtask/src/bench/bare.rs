//! What a driver costs by itself: the same queries, bound as text and fetched in blocks, and every row dropped.

use odbc_api::{
    ConnectionOptions, Cursor, DataType, IntoParameter, ResultSetMetadata, Utf16String,
    buffers::{BufferDesc, ColumnarDynBuffer},
    environment,
};

/// Rows of a block and characters of a bound text and number: what the product binds.
const BLOCK_ROWS: usize = 500;
const TEXT_MAX: usize = 400;
const NUMBER_MAX: usize = 60;

/// Runs `query` once per month in one read-only transaction and fetches into nothing; the number of rows. With `wide`, texts come as
/// UTF-16, which is what ODBC prescribes; without, as narrow text, which is UTF-8 with this driver and quicker.
pub fn fetch(connection: &str, wide: bool, query: &str, months: &[String]) -> Result<u64, odbc_api::Error> {
    let environment = environment()?;
    let connection = environment.connect_with_connection_string(connection, ConnectionOptions::default())?;
    drop(connection.execute(
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        (),
        None,
    )?);
    connection.set_autocommit(false)?;
    let mut rows = 0;
    for month in months {
        let month = Utf16String::from_str(month);
        let parameters = (&month.clone().into_parameter(), &month.into_parameter());
        let Some(mut cursor) = connection.execute(query, parameters, None)? else { continue };
        let mut plan = Vec::new();
        for at in 1..=cursor.num_result_cols()? {
            plan.push(match cursor.col_data_type(at.try_into().unwrap_or(u16::MAX))? {
                DataType::Integer | DataType::SmallInt | DataType::BigInt | DataType::Numeric { .. } => {
                    BufferDesc::Text { max_str_len: NUMBER_MAX }
                }
                _ if wide => BufferDesc::WText { max_str_len: TEXT_MAX },
                _ => BufferDesc::Text { max_str_len: TEXT_MAX },
            });
        }
        let mut blocks = cursor.bind_buffer(ColumnarDynBuffer::try_from_descs(BLOCK_ROWS, plan)?)?;
        while let Some(block) = blocks.fetch()? {
            rows += block.num_rows() as u64;
        }
    }
    connection.rollback()?;
    Ok(rows)
}
