//! What real drivers do to values and statements, and that none of it gets through: a value is whole and exact, or refused with its place.
//! Expected values are literals, or what the database's own client says.

use std::{fs, process::Command};

use model::{Amount, AmountError};
use serde_json::{Value, json};

use crate::{
    Site, books, data,
    readers::{ask, bytes, peak_kib, read},
    servers::{MariaDb, PASSWORD, Postgres},
};

fn with_password(odbc: &str, password: &str) -> Value {
    json!({ "odbc": format!("{odbc};PWD={{{}}}", password.replace('}', "}}")) })
}

/// One value of one row.
fn one(source: &Value, query: &str) -> String {
    read(source, query, &[]).one()
}

/// The kind of fault and the words that a query must be refused with.
fn refused(source: &Value, query: &str, kind: &str, words: &str) {
    let (found, message) = read(source, query, &[]).fault();
    assert!(found == kind && message.contains(words), "{query}: {found}: {message}");
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn postgresql_is_read_whole_exact_and_only_read() {
    let server = Postgres::start();
    let source = with_password(&server.odbc("postgres"), PASSWORD);
    postgresql_values(&server, &source);
    postgresql_writes(&server, &source);
    failures(&source, &|password| with_password(&server.odbc("postgres"), password));

    let slow = ask(&json!({ "source": source, "queries": [{ "query": "SELECT pg_sleep(20)::text AS x" }], "timeout_s": 1 }));
    assert_eq!(slow.fault().0, "timeout");
    let killed = "SELECT CASE WHEN g = 50000 THEN pg_terminate_backend(pg_backend_pid())::text ELSE 'x' END AS x \
                  FROM generate_series(1, 100000) g";
    // The server's last words or the closed socket, whichever the driver sees first.
    refused(&source, killed, "connect", "connection");
    // Half of the rows have gone out when the long value makes the query run again.
    let moved = "SELECT random()::text || repeat('x', CASE g WHEN 1500 THEN 500 ELSE 0 END) AS x FROM generate_series(1, 2000) g";
    refused(&source, moved, "inexact", "another order");
    let slow = read(&source, "SELECT g AS n, pg_sleep(0.0005)::text AS s FROM generate_series(1, 3000) g", &[]);
    let told: Vec<u64> = slow
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["progress"]["rows"].as_u64().unwrap())
        .collect();
    assert!(!told.is_empty() && told.len() < 100 && told.is_sorted() && told.iter().all(|rows| *rows <= 3000), "{told:?}");
    let check = ask(&json!({ "verb": "check", "source": source })).rows();
    assert_eq!(check[0][0], text("PostgreSQL"));
    assert_eq!(check[0][1], Some(server.sql("postgres", "SHOW server_version").trim().to_owned()));
    assert_eq!(check[0][2..], [text("yes"), text("yes")], "the session is read-only, the account could write");
}

fn postgresql_values(server: &Postgres, source: &Value) {
    // The driver says that jsonb is 255 long and text 8190.
    server.sql(
        "postgres",
        "CREATE TABLE long AS SELECT g AS n, repeat('账', 9001) || g AS a, jsonb_build_object('名', repeat('本', 300) || g) AS j \
         FROM generate_series(1, 1200) g",
    );
    let rows = read(source, "SELECT n, a, j FROM long ORDER BY n", &[]).rows();
    assert_eq!(rows.len(), 1200);
    for (at, row) in (1..).zip(&rows) {
        assert_eq!(row[1], Some(format!("{}{at}", "账".repeat(9001))));
        assert_eq!(row[2], Some(format!("{{\"名\": \"{}{at}\"}}", "本".repeat(300))));
    }
    let digits = ["12345678901234567890123456789012345678.123456789", "-0.000000000000000000000000000001"];
    for digits in digits.map(str::to_owned).into_iter().chain([format!("{}.{}", "9".repeat(100), "1".repeat(50))]) {
        assert_eq!(one(source, &format!("SELECT '{digits}'::numeric AS x")), digits);
    }
    assert_eq!(one(source, "SELECT sum(x) AS x FROM (VALUES (9223372036854775807), (1)) v(x)"), "9223372036854775808");
    // Not a number comes as such, and is no amount.
    assert!(matches!(one(source, "SELECT 'NaN'::numeric AS x").parse::<Amount>(), Err(AmountError::Syntax { .. })));
    // The driver gives 'infinity' as today.
    for kind in ["date", "timestamp", "timestamptz"] {
        refused(source, &format!("SELECT 'infinity'::{kind} AS day"), "inexact", "column day");
        assert_eq!(one(source, &format!("SELECT 'infinity'::{kind}::text AS day")), "infinity");
    }
    let zoned = "(timestamptz '2025-01-31 23:59:59.123456+08' AT TIME ZONE 'Asia/Shanghai')::text";
    assert_eq!(one(source, &format!("SELECT {zoned} AS x")), "2025-01-31 23:59:59.123456");
    refused(source, "SELECT 1.5::float8 AS amount", "inexact", "column amount");
    refused(source, "SELECT 'a'::bytea AS x", "inexact", "column x");
    let row = read(source, "SELECT true AS a, false AS b, NULL::boolean AS c, '' AS d", &[]).rows();
    assert_eq!(row, [vec![text("1"), text("0"), None, text("")]]);
    // Outside the basic plane.
    server.sql("postgres", "CREATE TABLE rare AS SELECT '\u{2cb5a}公司'::text AS name");
    assert_eq!(one(source, "SELECT name FROM rare"), "\u{2cb5a}公司");
    assert_eq!(one(source, "SELECT '\u{2cb5a}' AS x"), "\u{2cb5a}");
    let found = read(
        source,
        "SELECT name, ?::bigint + 1 AS n FROM rare WHERE name = ?",
        &[json!(9007199254740992_i64), json!("\u{2cb5a}公司")],
    );
    assert_eq!(found.rows(), [vec![text("\u{2cb5a}公司"), text("9007199254740993")]]);
}

fn postgresql_writes(server: &Postgres, source: &Value) {
    server.sql("postgres", "CREATE TABLE t (a INT); CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (9) RETURNING a'");
    for query in [
        "INSERT INTO t VALUES (1)",
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT a FROM x",
        "SELECT f() AS x",
        "SELECT nextval('s') AS x",
        "SELECT 1 AS x; INSERT INTO t VALUES (1)",
        "SELECT 1 AS x; COMMIT; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; INSERT INTO t VALUES (3)",
        "SELECT a FROM t FOR UPDATE",
    ] {
        refused(source, query, "writes", "");
    }
    let loosened = read(source, "SELECT set_config('transaction_read_only', 'off', false) AS x", &[]).fault();
    assert!(loosened.1.contains("read-write"), "{loosened:?}");
    assert_eq!(server.sql("postgres", "SELECT count(*), (SELECT last_value FROM s) FROM t").trim(), "0|1");
}

/// What every server refuses alike.
fn failures(source: &Value, with: &dyn Fn(&str) -> Value) {
    refused(source, "SELECT a FROM nosuch", "table", "nosuch");
    refused(source, "SELECT nosuch FROM t", "column", "nosuch");
    refused(source, "SELECT FROM WHERE", "query", "");
    let (kind, message) = read(&with("wrong-s3cret"), "SELECT 1 AS x", &[]).fault();
    assert!(kind == "credentials" && !message.contains("wrong-s3cret"), "{kind}: {message}");
    let driverless = json!({ "odbc": "Driver={No Such Driver};UID=u;PWD=wrong-s3cret" });
    let (kind, message) = read(&driverless, "SELECT 1 AS x", &[]).fault();
    assert!(kind == "driver" && message.contains("No Such Driver") && !message.contains("wrong-s3cret"), "{kind}: {message}");
}

#[test]
fn the_reader_says_what_it_is() {
    let answer = ask(&json!({ "verb": "describe" }));
    assert_eq!(answer.columns, ["protocol", "name", "version", "sources", "verbs"]);
    let row =
        [text("1"), text("taizhang"), text(env!("CARGO_PKG_VERSION")), text("sqlite odbc"), text("describe check discover read")];
    assert_eq!(answer.rows(), [row.to_vec()]);
    let source = json!({ "sqlite": "b.sqlite" });
    for request in [
        json!({ "protocol": 2, "source": source }),
        json!({ "verb": "write", "source": source }),
        json!({ "source": source, "qveries": [] }),
        json!({ "verb": "read" }),
        json!({ "source": { "command": { "settings": {} } } }),
    ] {
        assert_eq!(ask(&request).fault().0, "request", "{request}");
    }
}

#[test]
fn mariadb_is_read_whole_exact_and_only_read() {
    let server = MariaDb::start();
    server.sql(
        "",
        "CREATE DATABASE d CHARACTER SET utf8mb4; USE d; SET sql_mode = ''; \
         CREATE TABLE t (a INT, b DECIMAL(20,4)); INSERT INTO t VALUES (1, 0.1), (2, 99999999999999.9999); \
         CREATE TABLE long_text (a LONGTEXT); INSERT INTO long_text VALUES (CONCAT(REPEAT('账', 70000), '完')); \
         CREATE TABLE odd (d DATE, i INT UNSIGNED, g BIGINT UNSIGNED, y BIT(1), f DOUBLE, name VARCHAR(20)); \
         INSERT INTO odd VALUES ('0000-00-00', 4294967295, 18446744073709551615, 1, 0.1, '\u{2cb5a}公司')",
    );
    let source = with_password(&server.odbc("d"), PASSWORD);
    assert_eq!(one(&source, "SELECT SUM(b) AS x FROM t"), "100000000000000.0999");
    assert_eq!(server.sql("d", "SELECT SUM(b) FROM t").trim(), "100000000000000.0999");
    assert_eq!(one(&source, "SELECT CAST(5 AS SIGNED) / CAST(3 AS SIGNED) AS x"), "1.6667");
    assert_eq!(one(&source, "SELECT a FROM long_text"), format!("{}完", "账".repeat(70000)));
    let row = read(&source, "SELECT i, g, TRUE AS t, NULL AS n, name FROM odd", &[]).rows();
    assert_eq!(row, [vec![text("4294967295"), text("18446744073709551615"), text("1"), None, text("\u{2cb5a}公司")]]);
    // A date that is none, a bit that comes as a byte, a double that comes as fifteen digits.
    for (column, cast) in [("d", "CAST(d AS CHAR)"), ("y", "CAST(y + 0 AS CHAR)"), ("f", "CAST(f AS CHAR)")] {
        refused(&source, &format!("SELECT {column} FROM odd"), "inexact", &format!("column {column}"));
        let asked = server.sql("d", &format!("SELECT {cast} FROM odd"));
        assert_eq!(one(&source, &format!("SELECT {cast} AS x FROM odd")), asked.trim());
    }
    assert_eq!(one(&source, "SELECT CAST(d AS CHAR) AS d FROM odd"), "0000-00-00");
    let parameters = [json!(9007199254740992_i64), json!("\u{2cb5a}公司")];
    let found = read(&source, "SELECT name, ? + 1 AS n FROM odd WHERE name = ?", &parameters);
    assert_eq!(found.rows(), [vec![text("\u{2cb5a}公司"), text("9007199254740993")]]);

    // The account may do everything; MariaDB writes files and locks rows even for a read-only transaction.
    let file = tempfile::tempdir().unwrap().path().with_extension("out");
    server.sql("d", "DELIMITER //\nCREATE FUNCTION f() RETURNS INT BEGIN INSERT INTO t VALUES (9, 9); RETURN 1; END//");
    for query in [
        "INSERT INTO t VALUES (3, 3)",
        "SELECT f() AS x",
        "SELECT 1 AS x; INSERT INTO t VALUES (3, 3)",
        "SELECT a FROM t FOR UPDATE",
        "SELECT a FROM t LOCK IN SHARE MODE",
        &format!("SELECT 'x' INTO OUTFILE '{}'", file.display()),
    ] {
        refused(&source, query, "writes", "");
    }
    assert!(!file.exists());
    assert_eq!(server.sql("d", "SELECT COUNT(*) FROM t").trim(), "2");
    failures(&source, &|password| with_password(&server.odbc("d"), password));
    let slow = "SELECT COUNT(*) AS x FROM seq_1_to_1000000000 WHERE seq % 3 = 1";
    let slow = ask(&json!({ "source": source, "queries": [{ "query": slow }], "timeout_s": 1 }));
    assert_eq!(slow.fault().0, "timeout");
    let killed = "SELECT seq AS x FROM seq_1_to_100000000";
    let victim = std::thread::spawn({
        let source = source.clone();
        move || read(&source, killed, &[]).fault()
    });
    let kill = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT seq AS x%'";
    let id = loop {
        let id = server.sql("", kill);
        if let Some(id) = id.lines().next() {
            break id.to_owned();
        }
        assert!(!victim.is_finished(), "it ended before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    server.sql("", &format!("KILL {id}"));
    let (kind, message) = victim.join().unwrap();
    assert_eq!(kind, "connect", "{message}");
    let check = ask(&json!({ "verb": "check", "source": source })).rows();
    assert_eq!(check[0][..2], [text("MariaDB"), Some(server.sql("", "SELECT VERSION()").trim().to_owned())]);
    assert_eq!(check[0][2..], [text("yes"), text("yes")]);
}

/// As Tryton writes NUMERIC: bytes that are a decimal text.
const SQLITE: &str = "CREATE TABLE t (i INTEGER, n NUMERIC, r REAL, short VARCHAR(5), b BLOB, name TEXT);
    INSERT INTO t VALUES (3000000000, CAST('12345678901234567890.123456789' AS BLOB), 12345678901234.56, '超过五个字的文字', x'00ff', '𬭚公司'),
                         (9007199254740993, CAST('-0.10' AS BLOB), 0.1, '', NULL, NULL);";

#[test]
fn sqlite_is_read_whole_exact_and_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.sqlite");
    let made = Command::new("sqlite3").arg(&file).arg(SQLITE).status().unwrap();
    assert!(made.success(), "sqlite3 is missing; `cargo xtask test` installs it");
    let before = fs::read(&file).unwrap();
    let native = json!({ "sqlite": file });
    let odbc = json!({ "odbc": format!("Driver=SQLite3;Database={}", file.display()) });
    for source in [&native, &odbc] {
        // The driver wraps these at 32 bits when they are asked for as what it calls them.
        let sums = "SELECT i, 3000000000 AS a, SUM(i) OVER () AS s, MAX(i) OVER () AS m FROM t ORDER BY i";
        let rows = read(source, sums, &[]).rows();
        let tail = [text("3000000000"), text("9007202254740993"), text("9007199254740993")];
        assert_eq!(rows[0], [&[text("3000000000")], &tail[..]].concat());
        assert_eq!(rows[1], [&[text("9007199254740993")], &tail[..]].concat());
        assert_eq!(one(source, "SELECT -9223372036854775807 AS x"), "-9223372036854775807");
        refused(source, "SELECT r FROM t", "inexact", "column r");
        refused(source, "SELECT SUM(r) AS total FROM t", "inexact", "column total");
        let rows = read(source, "SELECT CAST(n AS TEXT) AS n, short FROM t ORDER BY i", &[]).rows();
        assert_eq!(rows[0], [text("12345678901234567890.123456789"), text("超过五个字的文字")]);
        assert_eq!(rows[1], [text("-0.10"), text("")]);
        let found =
            read(source, "SELECT name, ? + 1 AS n FROM t WHERE name = ?", &[json!(9007199254740992_i64), json!("𬭚公司")]);
        assert_eq!(found.rows(), [vec![text("𬭚公司"), text("9007199254740993")]]);
        for query in ["DELETE FROM t", "SELECT 1 AS x; DELETE FROM t", "PRAGMA query_only = OFF"] {
            refused(source, query, "writes", "");
        }
        refused(source, "SELECT a FROM nosuch", "table", "nosuch");
        refused(source, "SELECT nosuch FROM t", "column", "nosuch");
        let check = ask(&json!({ "verb": "check", "source": source })).rows();
        assert!(check[0][0] == text("SQLite") && check[0][1].as_ref().unwrap().starts_with("3."), "{check:?}");
    }
    // Without a cast the native reader gives the decimal; the driver calls the column a double and would give fifteen digits.
    let rows = read(&native, "SELECT n FROM t ORDER BY i", &[]).rows();
    assert_eq!(rows[0], [text("12345678901234567890.123456789")]);
    refused(&odbc, "SELECT n FROM t", "inexact", "column n");
    // Where the driver does not know what it is, the bytes come as a literal, which is no amount.
    assert!(one(&odbc, "SELECT MAX(n) AS n FROM t").parse::<Amount>().is_err());
    refused(&native, "SELECT b FROM t ORDER BY i", "inexact", "column b, row 1");
    // The driver damages this literal: it is refused and not looked for.
    refused(&odbc, "SELECT '𬭚' AS x", "request", "parameters");
    assert_eq!(one(&native, "SELECT '𬭚' AS x"), "𬭚");
    assert_eq!(before, fs::read(&file).unwrap());
    let missing = json!({ "odbc": format!("Driver=SQLite3;Database={}", folder.path().join("none.sqlite").display()) });
    refused(&missing, "SELECT 1 AS x", "connect", "");
    assert!(!folder.path().join("none.sqlite").exists(), "a misspelt path does not make a database");
}

#[test]
fn a_figure_that_is_no_number_is_refused_with_its_place() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    let name = server.sql(
        "odoo",
        "ALTER TABLE account_move_line DROP CONSTRAINT account_move_line_check_credit_debit; \
         UPDATE account_move_line SET debit = 'NaN' WHERE id = (SELECT min(l.id) FROM account_move_line l JOIN account_move m \
         ON m.id = l.move_id WHERE m.state = 'posted' AND m.company_id = 1 AND l.debit > 0) RETURNING move_name",
    );
    let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
    let site = Site::new(&books("o", "odoo", &source, &["1"]));
    site.refused(&["pull"], 1, &["amount-unreadable", "NaN", "debit", name.trim()]);
    let left = site.path("taizhang-state/snapshots/o1").read_dir().unwrap().map(|file| file.unwrap().file_name());
    let sealed: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".parquet")).collect();
    assert!(sealed.is_empty(), "{sealed:?}");
}

/// PostgreSQL's dates know infinity, and years past 9999: no month has them.
#[test]
fn an_entry_in_no_month_is_refused_with_its_voucher() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
    let site = Site::new(&books("o", "odoo", &source, &["1"]));
    for day in ["infinity", "-infinity", "12025-06-30"] {
        let sql = format!(
            "UPDATE account_move_line SET date = '{day}' WHERE id = (SELECT min(id) FROM account_move_line WHERE parent_state = 'posted' \
             AND company_id = 1 AND debit > 0) RETURNING move_name, move_id"
        );
        let told = server.sql("odoo", &sql);
        let (name, id) = told.trim().split_once('|').unwrap();
        site.refused(&["pull"], 1, &["date-unreadable", "account_move_line.date", name, &format!("id {id}"), day]);
    }
    assert!(site.ok(&["log", "show", "--format", "csv"]).lines().count() <= 1, "nothing was sealed");
    server.sql(
        "odoo",
        "UPDATE account_move_line l SET date = m.date FROM account_move m WHERE m.id = l.move_id AND l.date > '9999-12-31'",
    );
    site.ok(&["pull"]);
}

#[test]
fn small_answers_come_from_a_second_session_of_the_same_state_and_are_the_same() {
    let server = Postgres::start();
    let source = with_password(&server.odbc("postgres"), PASSWORD);
    server.sql("postgres", "CREATE TABLE t AS SELECT g AS n, '摘要😀' AS s FROM generate_series(1, 3000) g");
    let answer = |small: usize| {
        let queries = ["SELECT n, s FROM t ORDER BY n", "SELECT count(*) AS lines FROM t", "SELECT min(s) AS s FROM t"];
        let queries: Vec<Value> = queries.iter().map(|query| json!({ "query": query })).collect();
        bytes(&json!({ "source": source, "queries": queries, "small": small }))
    };
    let alone = answer(0);
    assert!(!server.log().contains("SET TRANSACTION SNAPSHOT"));
    assert_eq!(answer(2), alone);
    assert!(server.log().contains("SET TRANSACTION SNAPSHOT"), "the two small answers were read by a session of their own");
    // All of them small: one session, which need not fetch in blocks.
    assert_eq!(answer(3), alone);
    // Where there is no second session, the first reads everything.
    server.sql("postgres", "REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC; CREATE ROLE low LOGIN PASSWORD 'low'");
    server.sql("postgres", "GRANT SELECT ON t TO low");
    let low = with_password(&server.odbc("postgres").replace("UID=postgres", "UID=low"), "low");
    let query = json!([{ "query": "SELECT n FROM t ORDER BY n" }, { "query": "SELECT 1 AS one" }]);
    let [alone, both] = [0, 1].map(|small| bytes(&json!({ "source": low, "queries": query, "small": small })));
    assert_eq!(both, alone);
    let sly = json!({ "source": source, "queries": [{ "query": "SELECT 1 AS x" }], "state": "1'; DROP TABLE t; --" });
    assert_eq!(ask(&sly).fault().0, "request");
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let server = Postgres::start();
    let source = with_password(&server.odbc("postgres"), PASSWORD);
    let peak = |rows: u32| {
        let query = format!(
            "SELECT g::text AS voucher, (g * 0.01)::numeric AS debit, repeat('摘要', 20) AS summary, NULL::text AS party \
             FROM generate_series(1, {rows}) g"
        );
        peak_kib(&json!({ "source": source, "queries": [{ "query": query }] }), u64::from(rows))
    };
    let (few, many) = (peak(30_000), peak(300_000));
    assert!(many < 64 << 10, "{many} KiB for 300 000 rows");
    assert!(many < few + (4 << 10), "{few} KiB for 30 000 rows, {many} KiB for 300 000");
}

#[test]
fn a_book_is_read_with_a_reader_of_ones_own() {
    let program = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/specs/reader.md")).unwrap();
    let program = program.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let own =
        "source.command = [\"python3\", \"reader.py\"]\nsource.dialect = \"sqlite\"\nsource.settings.file = \"tryton.sqlite\"";
    let config = books("own", "tryton", own, &["1"]) + &books("n", "tryton", "source.sqlite = \"tryton.sqlite\"", &["1"]);
    let site = Site::tryton(&config);
    fs::write(site.path("reader.py"), program).unwrap();
    let balances = |book| site.ok(&["balances", "--book", book, "--period", "2025-06", "--format", "csv"]);
    let (own, native) = (balances("own1"), balances("n1"));
    assert_eq!(own, native);
    assert!(own.lines().count() > 5, "{own}");
    fs::write(site.path("reader.py"), "import sys\nsys.exit('the API is down')\n").unwrap();
    site.refused(&["pull", "--book", "own1", "--full"], 3, &["reader-failed", "the API is down"]);
    fs::write(site.path("agent.toml"), config.replace("python3", "no-such-program")).unwrap();
    site.refused(&["pull", "--book", "own1", "--full"], 3, &["reader-failed", "could not be started"]);
}

#[test]
fn a_reader_of_ones_own_gets_its_password_on_stdin_alone() {
    let config = "[[book]]\nid = \"b\"\nconnector = \"tryton\"\nvariables.company = 1\n[book.source]\ncommand = [\"./reader.sh\"]\n\
                  password = { env = \"TAIZHANG_TEST_PASSWORD\" }\n";
    let site = Site::new(config);
    let script = "#!/bin/sh\ncat > request.json; env > environment; tr '\\0' ' ' < /proc/$$/cmdline > arguments\n\
                  cat request.json >&2; exit 3\n";
    fs::write(site.path("reader.sh"), script).unwrap();
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(site.path("reader.sh"), mode).unwrap();
    // What it repeats on stderr is told without the password: `refused` looks for it.
    site.refused(&["pull"], 3, &["reader-failed", "***"]);
    let seen = |name| fs::read_to_string(site.path(name)).unwrap();
    assert!(seen("request.json").contains(PASSWORD));
    assert!(!seen("environment").contains(PASSWORD) && !seen("arguments").contains(PASSWORD));
}
