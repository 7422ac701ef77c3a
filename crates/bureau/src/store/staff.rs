//! The bureau's people, what they sign in with, what they looked at, and by when answers are expected.

use std::collections::BTreeMap;

use super::{Unit, column, json};
use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql::staff as sql,
};
use exchange::Message;

/// Somebody of the bureau, as things are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    /// Id, with which the person signs in.
    pub person: String,
    /// Name.
    pub name: String,
    /// `admin`, `reviewer`, `reader`, `town`, `officer`.
    pub roles: Vec<String>,
    /// First digits of the regions (行政区划代码) that are the person's.
    pub area: String,
    /// First digits of the industries (行业代码) that are the person's; all where empty.
    pub trade: String,
    /// Whether the person still works here.
    pub open: bool,
}

fn staff(row: &Row) -> db::Result<Staff> {
    let (roles, state): (String, String) = (row.get(2)?, row.get(5)?);
    let (person, name, roles) = (row.get(0)?, row.get(1)?, column(&roles, 2)?);
    Ok(Staff { person, name, roles, area: row.get(3)?, trade: row.get(4)?, open: state == "open" })
}

impl Staff {
    /// Somebody by the id.
    pub fn find(connection: &Connection, person: &str) -> db::Result<Option<Staff>> {
        connection.prepare_cached(sql::STAFF)?.query_row([person], staff).optional()
    }

    /// Everybody.
    pub fn all(connection: &Connection) -> db::Result<Vec<Staff>> {
        connection.prepare_cached(sql::STAFF_ALL)?.query_map([], staff)?.collect()
    }

    /// Keeps it as the newest word about the person.
    pub fn add(&self, connection: &Connection, at: &str, who: &str) -> db::Result<()> {
        let state = if self.open { "open" } else { "closed" };
        let row = params![at, self.person, self.name, json(&self.roles)?, self.area, self.trade, state, who];
        connection.prepare_cached(sql::ADD_STAFF)?.execute(row).map(drop)
    }
}

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// What somebody signs in with. The columns are bytes: the log has their digests and not themselves.
pub fn account(connection: &Connection, person: &str) -> db::Result<Option<gate::Account>> {
    let read = |row: &Row| {
        let (password, invitation, until) = (text(row.get(0)?), text(row.get(1)?), row.get(2)?);
        Ok(gate::Account { password, invitation, until, second: text(row.get(3)?) })
    };
    connection.prepare_cached(sql::ACCOUNT)?.query_row([person], read).optional()
}

/// Keeps what somebody signs in with.
pub fn put_account(connection: &Connection, at: &str, who: &str, person: &str, account: &gate::Account) -> db::Result<()> {
    let bytes = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
    let row =
        params![at, person, bytes(&account.password), bytes(&account.invitation), account.until, bytes(&account.second), who];
    connection.prepare_cached(sql::ADD_ACCOUNT)?.execute(row).map(drop)
}

/// That somebody looked at values of a unit, or took them away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewed {
    /// Number; 0 until it is kept.
    pub id: i64,
    /// When.
    pub at: String,
    /// Who.
    pub person: String,
    /// Which page, as the table of routes has it.
    pub page: String,
    /// Unit.
    pub unit: String,
    /// Form.
    pub form: String,
    /// Edition.
    pub edition: String,
    /// Period.
    pub period: String,
    /// What else was asked for.
    pub about: String,
}

impl Viewed {
    /// Keeps it; gives its number.
    pub fn add(&self, connection: &Connection) -> db::Result<i64> {
        let Viewed { at, person, page, unit, form, edition, period, about, .. } = self;
        let row = params![at, person, page, unit, form, edition, period, about];
        connection.prepare_cached(sql::ADD_VIEWED)?.execute(row)?;
        Ok(connection.last_insert_rowid())
    }

    /// The row as the log has it.
    pub fn row(&self) -> serde_json::Value {
        let Viewed { id, at, person, page, unit, form, edition, period, about } = self;
        serde_json::json!({ "id": id, "at": at, "person": person, "page": page, "unit": unit, "form": form, "edition": edition,
            "period": period, "about": about })
    }

    /// The newest before a number, of a person or of all, at a unit or at all.
    pub fn list(connection: &Connection, person: &str, unit: &str, before: i64, most: usize) -> db::Result<Vec<Viewed>> {
        let read = |row: &Row| {
            let (id, at, person, page) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let (unit, form, edition, period) = (row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?);
            Ok(Viewed { id, at, person, page, unit, form, edition, period, about: row.get(8)? })
        };
        let row = params![person, unit, before, number(most)];
        connection.prepare_cached(sql::VIEWED)?.query_map(row, read)?.collect()
    }

    /// When a person last looked at what: unit, form and period.
    pub fn last(connection: &Connection, person: &str) -> db::Result<BTreeMap<[String; 3], String>> {
        let read = |row: &Row| Ok(([row.get(0)?, row.get(1)?, row.get(2)?], row.get(3)?));
        connection.prepare_cached(sql::VIEWED_LAST)?.query_map([person], read)?.collect()
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// By when the answer to a query is expected, and why it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deadline {
    /// The typed cause.
    pub cause: String,
    /// The day, `YYYY-MM-DD`.
    pub answer_by: String,
    /// The last day after which it is late.
    pub grace: String,
}

impl Deadline {
    /// Keeps it beside its query.
    pub fn add(&self, connection: &Connection, at: &str, message: u64) -> db::Result<()> {
        let message = i64::try_from(message).unwrap_or(i64::MAX);
        connection.prepare_cached(sql::ADD_DEADLINE)?.execute(params![at, message, self.cause, self.answer_by, self.grace])?;
        Ok(())
    }

    /// That of a query.
    pub fn find(connection: &Connection, message: u64) -> db::Result<Option<Deadline>> {
        let message = i64::try_from(message).unwrap_or(i64::MAX);
        let read = |row: &Row| Ok(Deadline { cause: row.get(0)?, answer_by: row.get(1)?, grace: row.get(2)? });
        connection.prepare_cached(sql::DEADLINE)?.query_row(params![message], read).optional()
    }
}

/// A report that arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Unit.
    pub unit: String,
    /// Form, edition and period.
    pub report: [String; 3],
    /// Version, from 1.
    pub version: u32,
    /// `official` or `companion`.
    pub channel: String,
    /// Payload digest of its package.
    pub payload: String,
    /// Digest of the package's bytes.
    pub content: String,
    /// When.
    pub at: String,
}

fn arrival(row: &Row) -> db::Result<Arrival> {
    let (unit, report, version) = (row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?], row.get(4)?);
    let (channel, payload, content) = (row.get(5)?, row.get(6)?, row.get(7)?);
    Ok(Arrival { unit, report, version, channel, payload, content, at: row.get(8)? })
}

impl Arrival {
    /// Every version of a unit's reports, the newest of each last.
    pub fn of(connection: &Connection, unit: &str) -> db::Result<Vec<Arrival>> {
        connection.prepare_cached(sql::REPORTS_OF_UNIT)?.query_map([unit], arrival)?.collect()
    }

    /// What arrived since a moment, the newest first.
    pub fn since(connection: &Connection, at: &str, most: usize) -> db::Result<Vec<Arrival>> {
        connection.prepare_cached(sql::REPORTS_SINCE)?.query_map(params![at, number(most)], arrival)?.collect()
    }
}

/// A query with what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Unit.
    pub unit: String,
    /// The query.
    pub message: Message,
    /// Edition of the report it is about; empty until it is looked up among what arrived.
    pub edition: String,
    /// Number of the last answer; 0 where there is none.
    pub answer: u64,
    /// When that came.
    pub answered: String,
    /// By when an answer was expected; empty where nobody said.
    pub deadline: Deadline,
}

impl Query {
    /// Queries since a moment, of a unit or of all, the newest first.
    pub fn list(connection: &Connection, since: &str, unit: &str, most: usize) -> db::Result<Vec<Query>> {
        let read = |row: &Row| {
            let (unit, message) = super::messages::message(row)?;
            let deadline = Deadline { answer_by: row.get(13)?, grace: row.get(14)?, cause: row.get(15)? };
            Ok(Query {
                unit,
                message,
                edition: String::new(),
                answer: row.get::<_, i64>(11)?.unsigned_abs(),
                answered: row.get(12)?,
                deadline,
            })
        };
        connection.prepare_cached(sql::QUERIES)?.query_map(params![since, unit, number(most)], read)?.collect()
    }
}

impl Unit {
    /// Units of an area and trade as they stand now; `find` is a code or a part of the name.
    pub fn of(connection: &Connection, area: &str, trade: &str, find: &str, most: usize) -> db::Result<Vec<Unit>> {
        let part = format!("%{find}%");
        let row = params![number(area.len()), area, number(trade.len()), trade, find, part, number(most)];
        connection.prepare_cached(sql::UNITS_OF)?.query_map(row, super::units::unit)?.collect()
    }
}
