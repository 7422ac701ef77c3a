//! Packs that the bureau published.

use exchange::Pack;

use crate::{
    db::{self, Connection, OptionalExtension, Row, params},
    sql,
};

/// A pack with the text that it holds.
#[derive(Clone, Debug)]
pub struct Published {
    /// What agents are told.
    pub pack: Pack,
    /// The text of the form or calendar.
    pub text: String,
}

impl Published {
    /// Publishes a signed container.
    pub fn add(&self, connection: &Connection, container: &[u8], who: &str) -> db::Result<()> {
        let Pack { kind, edition, form, revision, sha256, at, .. } = &self.pack;
        let row = params![at, kind, edition, form, revision, sha256, self.text, container, who];
        connection.prepare_cached(sql::ADD_PACK)?.execute(row).map(drop)
    }

    /// The newest revision of each.
    pub fn all(connection: &Connection) -> db::Result<Vec<Published>> {
        let read = |row: &Row| {
            let pack = Pack {
                kind: row.get(0)?,
                edition: row.get(1)?,
                form: row.get(2)?,
                revision: row.get(3)?,
                sha256: row.get(4)?,
                length: row.get::<_, i64>(5)?.unsigned_abs(),
                at: row.get(6)?,
            };
            Ok(Published { pack, text: row.get(7)? })
        };
        connection.prepare_cached(sql::PACKS)?.query_map([], read)?.collect()
    }

    /// A container.
    pub fn container(connection: &Connection, sha256: &str) -> db::Result<Option<Vec<u8>>> {
        connection.prepare_cached(sql::PACK)?.query_row([sha256], |row| row.get(0)).optional()
    }

    /// How many there are: what was read of them is current while this stays.
    pub fn count(connection: &Connection) -> db::Result<i64> {
        connection.prepare_cached(sql::PACKS_COUNT)?.query_row([], |row| row.get(0))
    }
}
