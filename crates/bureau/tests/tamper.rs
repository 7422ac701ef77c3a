/*! Every column of every row of the receiver's state, changed by another program: `log verify` finds it and says where. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::fs;

use common::{Bureau, OTHER, Order, UNIT, period, postgres::Postgres, receipt};
use rusqlite::{Connection, types::Value};
use seal::{Checkpoint, Digest, Limits};

/// A state in which each table has rows, with refusals, corrections, trials and a checkpoint of an agent.
fn lived(bureau: Bureau) -> Bureau {
    let mut bureau = bureau.with_pages();
    bureau.works("lina", &["reader"], "350100");
    bureau.serve();
    let site = bureau.unit(UNIT);
    bureau.unit(OTHER);
    let key = bureau.openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", &format!("{UNIT}.key"), "-outform", "DER"]);
    let machine = seal::SecretKey::from_pkcs8(&key).unwrap();
    let note = |size: u64| {
        let checkpoint = Checkpoint { origin: format!("taizhang/unit/{UNIT}"), size, root: Digest::of(&[7]) };
        fs::write(bureau.path("note"), checkpoint.sign(&machine).unwrap().to_string()).unwrap();
        format!("Agent-Checkpoint: {}", String::from_utf8(bureau.openssl(&["base64", "-A", "-in", "note"])).unwrap())
    };
    let send = |order: &Order, size: u64| {
        let package = site.package(order);
        let (status, answer) = bureau.submit(UNIT, &package.write(Limits::default()).unwrap(), &["--header", &note(size)]);
        receipt(&answer);
        (status, package.digest().to_string())
    };
    let (status, first) = send(&Order::default(), 7);
    assert_eq!(status, 201);
    assert_eq!(send(&Order { figure: 200, supersedes: Some(first), ..Order::default() }, 8).0, 201);
    assert_eq!(send(&Order { trial: true, ..Order::default() }, 9).0, 201);
    assert_eq!(send(&Order { figure: 300, ..Order::default() }, 9).0, 422);
    assert_eq!(bureau.submit(UNIT, b"no package", &[]).0, 422);
    let period = period();
    let about = ["--form", "B203", "--edition", "2025", "--period", &period, "--text", "请核实"];
    bureau.run(&[&["query", UNIT, "--cause", "other"], &about[..]].concat());
    // What the robot asks about is what rules say of figures that are all the same; nobody answers it.
    let robot = "enabled = true\nseverities = [\"verify\"]\nescalate_workdays = 0\nreviewer = \"审核员\"\n";
    fs::write(bureau.path("robot.toml"), robot).unwrap();
    (0..2).for_each(|_| drop(bureau.run(&["board", "robot"])));
    assert!(!bureau.json(&["board", "escalations"]).is_empty());
    fs::write(bureau.path("export.csv"), format!("统一社会信用代码,营业收入;本年-1—本月\n{UNIT},7\n")).unwrap();
    bureau.run(&["import", "--portal", "--form", "B203", "--period", &period, "export.csv"]);
    bureau.run(&[&["return", UNIT], &about[..]].concat());
    let post = ["--header", "Content-Type: application/json", "--data", "{\"key\":\"a-1\",\"text\":\"已核实\"}"];
    assert_eq!(bureau.ask(UNIT, "/v1/messages", &post).0, 201);
    let (_, _, text) = survey::FORMS.iter().find(|(_, code, _)| *code == "B203").unwrap();
    let known = survey::Form::parse("B203", text).0.unwrap().revision;
    let lines = text.lines().filter(|line| !line.starts_with("revision")).map(|line| format!("{line}\n"));
    let newer = lines.collect::<String>().replacen("edition =", &format!("revision = {}\nedition =", known + 1), 1);
    fs::write(bureau.path("B203.toml"), newer).unwrap();
    bureau.run(&["packs", "publish", "B203.toml"]);
    let serial = bureau.json(&["certificates", "--unit", OTHER])[0]["serial"].as_str().unwrap().to_owned();
    bureau.run(&["revoke", &serial, "--reason", "电脑丢失"]);
    // Somebody looks at values; the last account has all that an account can have.
    let lina = bureau.signs_in("lina");
    assert_eq!(lina.get(&format!("/units/{UNIT}/B203/2025/{period}")).status, 200);
    lina.second();
    bureau.run(&["staff", "invite", "lina"]);
    bureau.kill();
    bureau
}

fn open(bureau: &Bureau) -> Connection {
    let connection = Connection::open(bureau.path("bureau-state/bureau.sqlite")).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection
}

/// What a column's value becomes.
fn other(column: &str, value: Value) -> Value {
    match value {
        Value::Integer(number) if ["accepted", "trial"].contains(&column) => Value::Integer(1 - number),
        Value::Integer(number) => Value::Integer(number + 1000),
        Value::Text(text) => Value::Text(format!("{text} ")),
        Value::Blob(mut bytes) => {
            *bytes.last_mut().unwrap() ^= 1;
            Value::Blob(bytes)
        }
        _ => Value::Integer(1),
    }
}

/// Whether what was said names the table that was changed. What follows from a row can be what does not hold: a package's number is asked for by its
/// reports, the last entry by its checkpoint.
fn names_it(table: &str, said: &str) -> bool {
    let named: &[&str] = match table {
        "unit" => &["unit of the register"],
        "enrolment" => &["one-time code"],
        "enrolled" => &["use of a code"],
        "agent" => &["checkpoint of an agent"],
        "blob" => &["bytes of a package", "package"],
        "package" => &["package", "report"],
        "node" => &["hash of a subtree"],
        "entry" => &["entry of the log", "checkpoint"],
        "portal" => &["portal export"],
        table => &[table],
    };
    named.iter().any(|named| said.contains(&format!("do not hold: {named} ")))
}

/// The same on a server: its superuser, whom no trigger and no right stops, changes the last row of each table.
#[test]
fn no_row_on_a_server_can_be_changed_or_taken_away_unnoticed() {
    let bureau = lived(Bureau::with(Some(Postgres::start(&["fsync=off"])), ""));
    bureau.run(&["log", "verify"]);
    let server = bureau.postgres.as_ref().unwrap();
    let lines = |sql: &str| -> Vec<String> { server.sql("bureau", sql).lines().map(str::to_owned).collect() };
    let tables = lines("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1");
    let mut missed = Vec::new();
    let mut count = 0;
    for table in tables.iter().filter(|table| *table != "state_version") {
        for (role, word) in [("receiver", "permission denied"), ("owner", "rows are only added")] {
            for act in ["DELETE FROM", "TRUNCATE"] {
                let refused = server.sql_as(role, &format!("{act} {table}")).unwrap_err();
                assert!(refused.contains(word), "{role} {act} {table}: {refused}");
            }
        }
        let columns = lines(&format!(
            "SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        ));
        server.sql("bureau", &format!("CREATE SCHEMA IF NOT EXISTS kept; CREATE TABLE kept.{table} AS SELECT * FROM {table}"));
        let first = columns[0].split(' ').next().unwrap();
        let key = if table == "node" { "level * 1000 + place" } else { first };
        let this = format!("{key} = (SELECT MAX({key}) FROM {table})");
        let change = |line: &String| {
            let (column, kind) = line.split_once(' ').unwrap();
            let other = match kind {
                "bigint" if ["accepted", "trial"].contains(&column) => "7".to_owned(),
                "bigint" => format!("COALESCE({column} + 1000, 1)"),
                "bytea" => format!("set_byte({column}, length({column}) - 1, get_byte({column}, length({column}) - 1) # 1)"),
                _ => format!("{column} || ' '"),
            };
            format!("UPDATE {table} SET {column} = {other} WHERE {this} RETURNING 1")
        };
        for act in columns.iter().map(change).chain([format!("DELETE FROM {table} WHERE {this} RETURNING 1")]) {
            let unguarded = "SET session_replication_role = replica;";
            assert_eq!(server.sql("bureau", &format!("{unguarded} {act}")).trim(), "1", "{act}");
            let out = bureau.output(&["--lang", "en", "log", "verify"]);
            let said = String::from_utf8(out.stderr).unwrap();
            count += 1;
            if out.status.code() != Some(1) || !names_it(table, &said) {
                missed.push(format!("{act}: {said}"));
            }
            server.sql("bureau", &format!("{unguarded} DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table}"));
        }
    }
    assert!(missed.is_empty() && count > 90, "{count}: {}", missed.join("\n"));
    // What keeps others from changing rows is missed too.
    server.sql("bureau", "ALTER TABLE receipt DISABLE TRIGGER receipt_only_added");
    assert!(bureau.fails(&["--lang", "en", "log", "verify"]).1.contains("receipt_only_added"));
    server.sql("bureau", "ALTER TABLE receipt ENABLE TRIGGER receipt_only_added");
    bureau.run(&["log", "verify"]);
}

#[test]
fn no_row_can_be_changed_or_taken_away_unnoticed() {
    let bureau = lived(Bureau::new());
    bureau.run(&["log", "verify"]);
    let file = bureau.path("bureau-state/bureau.sqlite");
    let connection = open(&bureau);
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let texts = |query: &str| -> Vec<String> {
        let mut statement = connection.prepare(query).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let tables = texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name");
    let triggers = texts("SELECT sql || ';' FROM sqlite_schema WHERE type = 'trigger'").concat();
    let names = texts("SELECT name FROM sqlite_schema WHERE type = 'trigger'");
    let mut cases = Vec::new();
    for table in &tables {
        let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let key = if table == "node" { "level * 1000 + place" } else { "rowid" };
        for end in ["MIN", "MAX"] {
            let this = format!("{key} = (SELECT {end}({key}) FROM {table})");
            // Of rows that follow from receipts the first one is changed too: others are derived from it.
            let both = ["receipt", "package", "report", "node", "checkpoint"].contains(&table.as_str());
            for column in columns.iter().filter(|_| both || end == "MAX") {
                let value: Value =
                    connection.query_row(&format!("SELECT {column} FROM {table} WHERE {this}"), [], |row| row.get(0)).unwrap();
                cases.push((table.clone(), format!("UPDATE {table} SET {column} = ? WHERE {this}"), Some(other(column, value))));
            }
            cases.push((table.clone(), format!("DELETE FROM {table} WHERE {this}"), None));
        }
    }
    drop(connection);
    let pristine = fs::read(&file).unwrap();
    assert!(cases.len() > 120, "{}", cases.len());
    let mut missed = Vec::new();
    for (table, change, value) in cases {
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(bureau.path(&format!("bureau-state/bureau.sqlite{ending}")));
        }
        fs::write(&file, &pristine).unwrap();
        let connection = open(&bureau);
        names.iter().for_each(|name| connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
        let changed = match &value {
            // A trial that becomes a report of the same version meets that one: it becomes neither.
            Some(value) => connection.execute(&change, [value]).or_else(|_| connection.execute(&change, [7])),
            None => connection.execute(&change, []),
        };
        assert_eq!(changed.unwrap(), 1, "{change}");
        connection.execute_batch(&triggers).unwrap();
        drop(connection);
        let out = bureau.output(&["--lang", "en", "log", "verify"]);
        let said = String::from_utf8(out.stderr).unwrap();
        if out.status.code() != Some(1) || !names_it(&table, &said) {
            missed.push(format!("{change} {:?}: {said}", value.map(|value| value.data_type())));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
