//! Messages between the bureau and units.

use exchange::Message;

use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql,
};

pub(super) fn message(row: &Row) -> db::Result<(String, Message)> {
    let message = Message {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        at: row.get(1)?,
        kind: row.get(2)?,
        by: row.get(3)?,
        form: row.get(4)?,
        period: row.get(5)?,
        payload: row.get(6)?,
        subject: row.get(7)?,
        reply_to: row.get::<_, Option<i64>>(8)?.map(i64::unsigned_abs),
        text: row.get(9)?,
    };
    Ok((row.get(10)?, message))
}

/// A message that is to be written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Unit it is to or from.
    pub unit: String,
    /// The same key of a unit is the same message.
    pub key: String,
    /// Its words and what they are about; number and time are given here.
    pub message: Message,
}

impl Draft {
    /// Writes it.
    pub fn add(&self, connection: &Connection, at: &str) -> db::Result<Message> {
        let Message { kind, by, form, period, payload, subject, reply_to, text, .. } = &self.message;
        let reply_to = reply_to.map(number);
        let row = params![at, self.unit, kind, by, form, period, payload, subject, reply_to, self.key, text];
        connection.prepare_cached(sql::ADD_MESSAGE)?.execute(row)?;
        let id = connection.last_insert_rowid().unsigned_abs();
        Ok(Message { id, at: at.to_owned(), ..self.message.clone() })
    }
}

/// SQLite's numbers have a sign.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Draft {
    /// A message by its number.
    pub fn find(connection: &Connection, id: u64) -> db::Result<Option<(String, Message)>> {
        connection.prepare_cached(sql::MESSAGE)?.query_row([number(id)], message).optional()
    }

    /// The last return or acceptance of a form in a package.
    pub fn decision(connection: &Connection, unit: &str, form: &str, payload: &str) -> db::Result<Option<Message>> {
        let found = connection.prepare_cached(sql::DECISION)?.query_row([unit, form, payload], message).optional()?;
        Ok(found.map(|(_, message)| message))
    }

    /// A message of a unit by its key.
    pub fn of_key(connection: &Connection, unit: &str, key: &str) -> db::Result<Option<Message>> {
        let found = connection.prepare_cached(sql::MESSAGE_OF_KEY)?.query_row([unit, key], message).optional()?;
        Ok(found.map(|(_, message)| message))
    }

    /// Messages of a unit after a number, or of all units: each with its unit.
    pub fn after(connection: &Connection, unit: &str, from: u64, limit: usize) -> db::Result<Vec<(String, Message)>> {
        let row = params![unit, number(from), i64::try_from(limit).unwrap_or(i64::MAX)];
        connection.prepare_cached(sql::MESSAGES)?.query_map(row, message)?.collect()
    }
}
