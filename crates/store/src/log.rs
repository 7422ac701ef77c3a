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

/// Where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The entry that does not follow.
    pub seq: i64,
}

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

impl Store {
    /// The whole log, oldest first.
    pub fn operations(&self) -> Result<Vec<Operation>, StoreError> {
        let sqlite = self.sqlite();
        let mut statement = self
            .connection
            .prepare("SELECT seq, at, who, what, detail, previous, hash FROM operation ORDER BY seq")
            .map_err(&sqlite)?;
        let rows = statement.query_map([], |row| {
            let [at, who, what, detail, previous, hash] = [1, 2, 3, 4, 5, 6].map(|at| row.get(at));
            let (at, who, what) = (at?, who?, what?);
            Ok(Operation { seq: row.get(0)?, at, who, what, detail: detail?, previous: previous?, hash: hash? })
        });
        rows.and_then(Iterator::collect).map_err(sqlite)
    }

    /// Checks the chain from its first entry; the first break is enough, as nothing after it can be trusted.
    pub fn verify(&self) -> Result<Result<u64, Break>, StoreError> {
        let (mut previous, mut count) = (FIRST.to_owned(), 0_u64);
        for op in self.operations()? {
            let expected = hash([&op.seq.to_string(), &op.at, &op.who, &op.what, &op.detail, &previous]);
            if op.previous != previous || op.hash != expected || u64::try_from(op.seq) != Ok(count + 1) {
                return Ok(Err(Break { seq: op.seq }));
            }
            (previous, count) = (op.hash, count + 1);
        }
        Ok(Ok(count))
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
        assert_eq!(store.verify().unwrap(), Err(Break { seq: 3 }));
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
