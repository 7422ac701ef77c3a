/*! The operation log: who did what when, each entry chained to the one before by its hash. */

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::{Store, StoreError};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// From 1, without gaps.
    pub seq: i64,
    /// UTC, RFC 3339.
    pub at: String,
    /// A person's id, or `system:` and the account that ran the program.
    pub who: String,
    /// `pull`, `build` …
    pub what: String,
    /// JSON object.
    pub detail: String,
    /// Hash of the entry before; 64 zeros for the first.
    pub previous: String,
    /// SHA-256 over the fields above in canonical bytes.
    pub hash: String,
}

/// Where the log does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Break {
    /// An entry that does not follow from the one before.
    Chain {
        /// Its number.
        seq: i64,
    },
    /// What an operation wrote is not what its entry says.
    Rows {
        /// Its number.
        seq: i64,
    },
    /// A chart or calendar is not the one that seals name, or is not there.
    Context {
        /// Its digest.
        digest: String,
    },
}

/// Key under which an entry's detail holds the digest of the operation's rows.
const ROWS: &str = "rows_sha256";

const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Each field as its length in eight bytes and its bytes: no two lists of fields have the same bytes.
fn hash(fields: [&str; 6]) -> String {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn append(connection: &Connection, who: &str, what: &str, detail: &serde_json::Value) -> Result<i64, rusqlite::Error> {
    let last = connection
        .query_row("SELECT seq, hash FROM operation ORDER BY seq DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last, previous): (i64, String) = last.unwrap_or((0, FIRST.to_owned()));
    let seq = last + 1;
    let at = jiff::Timestamp::now().to_string();
    let detail = detail.to_string();
    let hash = hash([&seq.to_string(), &at, who, what, &detail, &previous]);
    connection.execute(
        "INSERT INTO operation (seq, at, who, what, detail, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![seq, at, who, what, detail, previous, hash],
    )?;
    Ok(seq)
}

/// Puts the digest of an operation's rows into its entry, which is still invisible to everybody else.
pub(crate) fn complete(connection: &Connection, seq: i64, rows: &str) -> Result<(), rusqlite::Error> {
    let read = |row: &rusqlite::Row<'_>| {
        let [at, who, what, detail, previous] = [0, 1, 2, 3, 4].map(|at| row.get::<_, String>(at));
        Ok([at?, who?, what?, detail?, previous?])
    };
    let sql = "SELECT at, who, what, detail, previous FROM operation WHERE seq = ?";
    let [at, who, what, detail, previous] = connection.query_row(sql, [seq], read)?;
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&detail).unwrap_or_default();
    fields.insert(ROWS.to_owned(), rows.into());
    let detail = serde_json::Value::Object(fields).to_string();
    let hash = hash([&seq.to_string(), &at, &who, &what, &detail, &previous]);
    connection.execute("UPDATE operation SET detail = ?, hash = ? WHERE seq = ?", params![detail, hash, seq])?;
    Ok(())
}

impl Store {
    /// The whole log, oldest first.
    pub fn operations(&self) -> Result<Vec<Operation>, StoreError> {
        self.logged("ORDER BY seq", [])
    }

    /// Operations with a number below `before`, the newest first, at most `most`.
    pub fn operations_before(&self, before: Option<i64>, most: usize) -> Result<Vec<Operation>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.logged("WHERE seq < ? ORDER BY seq DESC LIMIT ?", [before.unwrap_or(i64::MAX), most])
    }

    /// Everybody who is in the log, and everything that was done, in order of their names.
    pub fn log_names(&self) -> Result<[Vec<String>; 2], StoreError> {
        let sqlite = self.sqlite();
        let distinct = |sql: &str| {
            let mut statement = self.connection.prepare(sql).map_err(&sqlite)?;
            let rows = statement.query_map([], |row| row.get(0));
            rows.and_then(Iterator::collect).map_err(&sqlite)
        };
        Ok([
            distinct("SELECT DISTINCT who FROM operation ORDER BY who")?,
            distinct("SELECT DISTINCT what FROM operation ORDER BY what")?,
        ])
    }

    /// One operation.
    pub fn operation(&self, seq: i64) -> Result<Option<Operation>, StoreError> {
        Ok(self.logged("WHERE seq = ?", [seq])?.pop())
    }

    fn logged(&self, which: &str, values: impl rusqlite::Params) -> Result<Vec<Operation>, StoreError> {
        let sqlite = self.sqlite();
        let sql = format!("SELECT seq, at, who, what, detail, previous, hash FROM operation {which}");
        let mut statement = self.connection.prepare(&sql).map_err(&sqlite)?;
        let rows = statement.query_map(values, |row| {
            let [at, who, what, detail, previous, hash] = [1, 2, 3, 4, 5, 6].map(|at| row.get(at));
            let (at, who, what) = (at?, who?, what?);
            Ok(Operation { seq: row.get(0)?, at, who, what, detail: detail?, previous: previous?, hash: hash? })
        });
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// Checks the chain from its first entry, and that what each operation wrote is still there as it wrote it; the first break is enough, as
    /// nothing after it can be trusted. Entries of versions that kept no digest of their rows say nothing about them.
    pub fn verify(&self) -> Result<Result<u64, Break>, StoreError> {
        let (mut previous, mut count) = (FIRST.to_owned(), 0_u64);
        for op in self.operations()? {
            let expected = hash([&op.seq.to_string(), &op.at, &op.who, &op.what, &op.detail, &previous]);
            if op.previous != previous || op.hash != expected || u64::try_from(op.seq) != Ok(count + 1) {
                return Ok(Err(Break::Chain { seq: op.seq }));
            }
            let detail: serde_json::Value = serde_json::from_str(&op.detail).unwrap_or_default();
            let rows = || crate::rows::digest(&self.connection, op.seq).map_err(self.sqlite());
            if let Some(known) = detail.get(ROWS)
                && known.as_str() != Some(rows()?.as_str())
            {
                return Ok(Err(Break::Rows { seq: op.seq }));
            }
            (previous, count) = (op.hash, count + 1);
        }
        if let Some(seq) = crate::rows::stray(&self.connection).map_err(self.sqlite())? {
            return Ok(Err(Break::Rows { seq }));
        }
        let missing = "SELECT min(context) FROM seal WHERE context NOT IN (SELECT digest FROM context)";
        if let Some(digest) =
            self.connection.query_row(missing, [], |row| row.get::<_, Option<String>>(0)).map_err(self.sqlite())?
        {
            return Ok(Err(Break::Context { digest }));
        }
        for (digest, body) in self.contexts()? {
            let own: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
            if own != digest {
                return Ok(Err(Break::Context { digest }));
            }
        }
        Ok(Ok(count))
    }

    fn contexts(&self) -> Result<Vec<(String, String)>, StoreError> {
        let sqlite = self.sqlite();
        let mut statement = self.connection.prepare("SELECT digest, body FROM context").map_err(&sqlite)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.and_then(Iterator::collect).map_err(sqlite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_holds_until_someone_touches_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        assert_eq!(store.verify().unwrap(), Ok(0));
        for what in ["pull", "build", "pull"] {
            store.begin("system:test", what, &serde_json::json!({ "book": "hz" })).unwrap().commit().unwrap();
        }
        // An operation that is not committed leaves nothing behind.
        drop(store.begin("system:test", "lost", &serde_json::json!({})).unwrap());
        assert_eq!(store.verify().unwrap(), Ok(3));
        let rest = "WHERE seq = 2";
        for (change, back) in [
            (format!("UPDATE operation SET who = 'other' {rest}"), format!("UPDATE operation SET who = 'system:test' {rest}")),
            (format!("UPDATE operation SET seq = 9 {rest}"), "UPDATE operation SET seq = 2 WHERE seq = 9".to_owned()),
        ] {
            store.connection.execute(&change, []).unwrap();
            assert!(store.verify().unwrap().is_err(), "{change}");
            store.connection.execute(&back, []).unwrap();
            assert_eq!(store.verify().unwrap(), Ok(3));
        }
        store.connection.execute("DELETE FROM operation WHERE seq = 2", []).unwrap();
        assert_eq!(store.verify().unwrap(), Err(Break::Chain { seq: 3 }));
    }

    #[test]
    fn rows_that_something_else_touched_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        for body in ["one", "two"] {
            let work = store.begin("wu", "adjust", &serde_json::json!({ "key": "k" })).unwrap();
            let (kind, key) = ("adjustment".to_owned(), "k".to_owned());
            work.put_record(&crate::Record { kind, key, body: body.to_owned(), ..Default::default() }).unwrap();
            work.commit().unwrap();
        }
        assert_eq!(store.verify().unwrap(), Ok(2));
        let row = "INSERT INTO record (id, operation, kind, book, form, period, key, body)";
        for (change, back, seq) in [
            ("UPDATE record SET body = 'six' WHERE body = 'two'", "UPDATE record SET body = 'two' WHERE body = 'six'", 2),
            (&format!("{row} VALUES (9, 1, 'a', '', '', '', '', '')"), "DELETE FROM record WHERE id = 9", 1),
            (
                &format!("PRAGMA foreign_keys = OFF; {row} VALUES (9, 7, 'a', '', '', '', '', '')"),
                "DELETE FROM record WHERE id = 9",
                7,
            ),
        ] {
            store.connection.execute_batch(change).unwrap();
            assert_eq!(store.verify().unwrap(), Err(Break::Rows { seq }), "{change}");
            store.connection.execute_batch(back).unwrap();
            assert_eq!(store.verify().unwrap(), Ok(2), "{back}");
        }
        store.connection.execute_batch("DELETE FROM record WHERE body = 'one'").unwrap();
        assert_eq!(store.verify().unwrap(), Err(Break::Rows { seq: 1 }));
    }

    #[test]
    fn the_hash_is_what_another_tool_computes() {
        // printf of the six length-prefixed fields "1","t","w","x","{}",64 zeros into sha256sum.
        let mut bytes = String::new();
        for field in ["1", "t", "w", "x", "{}", FIRST] {
            bytes.extend((field.len() as u64).to_be_bytes().iter().map(|b| format!("\\x{b:02x}")));
            bytes.push_str(field);
        }
        let script = format!("printf '{bytes}' | sha256sum");
        let out = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        let expected = String::from_utf8(out.stdout).unwrap();
        assert_eq!(Some(hash(["1", "t", "w", "x", "{}", FIRST]).as_str()), expected.split_whitespace().next());
    }
}
