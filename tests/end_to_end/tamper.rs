//! Somebody changes what is kept: the operation log, what it covers, and a receipt. Each is found and named.

use std::fs;

use rusqlite::{Connection, types::Value};

use crate::{
    Site,
    delivery::{Bureau, SUBMIT, receipts, signed},
    peers,
};

/// Words of which one is said where the log, or what it covers, does not hold.
const NAMED: [&str; 3] = ["log-broken", "rows-changed", "file-damaged"];

/// Columns of a table.
fn columns(state: &Connection, table: &str) -> Vec<String> {
    let mut statement = state.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Chains all entries anew, as somebody would who may write into the state: Python, by the specification alone.
const CHAIN: &str = r#"
import hashlib, sqlite3, sys
state = sqlite3.connect(sys.argv[1])
state.execute("UPDATE operation SET who = 'nobody' WHERE what = 'approve'")
previous = "0" * 64
for seq, at, who, what, detail in state.execute("SELECT seq, at, who, what, detail FROM operation ORDER BY seq").fetchall():
    digest = hashlib.sha256()
    for field in (str(seq), at, who, what, detail, previous):
        data = field.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    hash = digest.hexdigest()
    state.execute("UPDATE operation SET previous = ?, hash = ? WHERE seq = ?", (previous, hash, seq))
    previous = hash
state.commit()
"#;

#[test]
fn whatever_changes_in_the_log_or_a_receipt_is_found_and_named() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site: Site = signed(&bureau);
    site.ok(&SUBMIT);
    bureau.kill();
    let database = site.path("taizhang-state/state.sqlite");
    {
        let state = Connection::open(&database).unwrap();
        state.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
    }
    let original = fs::read(&database).unwrap();
    site.ok(&["log", "verify"]);

    // Every column of every table, in the first row and in the last.
    let mut tried = 0;
    for table in ["operation", "context", "seal", "cell", "draft", "record"] {
        let names = columns(&Connection::open(&database).unwrap(), table);
        assert!(names.len() > 1, "{table}");
        for (column, order) in names.iter().flat_map(|name| [(name, "ASC"), (name, "DESC")]) {
            fs::write(&database, &original).unwrap();
            let state = Connection::open(&database).unwrap();
            state.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
            let (row, value): (i64, Value) = state
                .query_row(&format!("SELECT rowid, {column} FROM {table} ORDER BY rowid {order} LIMIT 1"), [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .unwrap();
            let value = match value {
                // Rows of an operation are covered in their order, whatever their numbers.
                Value::Integer(_) if column == "id" => continue,
                Value::Integer(number) => Value::Integer(number + 1_000_000),
                Value::Text(text) => Value::Text(format!("{text} ")),
                _ => Value::Text("x".to_owned()),
            };
            state.execute(&format!("UPDATE {table} SET {column} = ? WHERE rowid = ?"), rusqlite::params![value, row]).unwrap();
            drop(state);
            let message = site.refused(&["log", "verify"], 1, &[]);
            assert!(NAMED.iter().any(|code| message.contains(code)), "{table}.{column}: {message}");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
    // Rows that go and come.
    for act in [
        "DELETE FROM operation WHERE seq = (SELECT max(seq) FROM operation)",
        "DELETE FROM operation WHERE seq = 2",
        "DELETE FROM record WHERE kind = 'receipt'",
        "INSERT INTO record (operation, kind, book, form, period, key, body) SELECT operation, kind, book, form, period, key, body FROM record LIMIT 1",
    ] {
        fs::write(&database, &original).unwrap();
        let state = Connection::open(&database).unwrap();
        state.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        state.execute_batch(act).unwrap();
        drop(state);
        let message = site.refused(&["log", "verify"], 1, &[]);
        assert!(NAMED.iter().any(|code| message.contains(code)), "{act}: {message}");
    }

    // A chain that was made anew as a whole holds by itself, and contradicts what the receiver countersigned.
    fs::write(&database, &original).unwrap();
    peers::run(std::process::Command::new("python3").args(["-c", CHAIN]).arg(&database));
    let message = site.refused(&["log", "verify"], 1, &["receipt-log-differs"]);
    assert!(NAMED.iter().all(|code| !message.contains(code)), "{message}");
    // So does one that was cut off together with the record of its receipt.
    fs::write(&database, &original).unwrap();
    let state = Connection::open(&database).unwrap();
    state.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for table in ["record", "draft", "cell", "seal"] {
        state.execute(&format!("DELETE FROM {table} WHERE operation > 3"), []).unwrap();
    }
    state.execute("DELETE FROM operation WHERE seq > 3", []).unwrap();
    drop(state);
    site.refused(&["log", "verify"], 1, &["log-behind-receipt"]);

    // A receipt: every twentieth byte of its file.
    fs::write(&database, &original).unwrap();
    let receipt = &receipts(&site)[0];
    let bytes = fs::read(receipt).unwrap();
    let file = site.path("changed.asice");
    for at in (0..bytes.len()).step_by(bytes.len() / 20) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).unwrap();
        let out = site.run(&["verify", "changed.asice", "--roots", "bureau.pem"]);
        let (said, told) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.code() == Some(1) && told.contains("error["), "byte {at}: {told}");
        assert!(said.lines().last().unwrap().starts_with("not valid"), "byte {at}: {said}");
        fs::write(receipt, &changed).unwrap();
        site.refused(&["log", "verify"], 1, &["file-damaged"]);
    }
    fs::write(receipt, &bytes).unwrap();
    site.ok(&["log", "verify"]);
}
