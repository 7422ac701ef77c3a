/*! Readers that hang, die, lie or are asked to write: each is an error of that read with its reason, and nothing else. */
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{
    ops::ControlFlow,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use reader::{Fault, Kind, Query, ReadError, Request, Source, Verb, read, serve as answer};

fn request(query: &str) -> Request {
    let queries = vec![Query { query: query.to_owned(), parameters: Vec::new() }];
    Request { timeout_s: 60, ..Request::new(Verb::Read, Source::Sqlite(":memory:".into()), queries) }
}

fn shell(script: &str, limit: Duration) -> ReadError {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    read(command, &request("SELECT 1"), limit, &AtomicBool::new(false), |_| {}, |_, _| panic!("no row was sent")).unwrap_err()
}

fn serve(query: &str) -> Fault {
    answer(&serde_json::to_vec(&request(query)).unwrap()[..], Vec::new(), Vec::new(), None).unwrap_err()
}

#[test]
fn a_hung_reader_is_ended() {
    let started = Instant::now();
    let error = shell("exec sleep 60", Duration::from_millis(200));
    assert!(matches!(error, ReadError::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30), "it was waited for");
    // Closing stdout and staying is hanging too.
    let error = shell("exec sleep 60 >&-", Duration::from_millis(200));
    assert!(matches!(error, ReadError::TimedOut { .. }), "{error}");
}

#[test]
fn a_killed_reader_is_named_by_its_signal() {
    let error = shell("kill -9 $$", Duration::from_secs(60)).to_string();
    assert!(error.contains("signal: 9"), "{error}");
}

#[test]
fn a_failed_reader_is_heard_and_a_lying_one_is_not_believed() {
    let error = shell("echo the driver is missing >&2; exit 3", Duration::from_secs(60)).to_string();
    assert!(error.contains("exit status: 3") && error.contains("the driver is missing"), "{error}");
    let error = shell("echo these are no rows", Duration::from_secs(60));
    assert!(matches!(error, ReadError::Failed { .. }), "{error}");
}

#[test]
fn statements_that_write_and_values_without_exact_text_are_refused() {
    for query in ["CREATE TEMP TABLE t (a)", "WITH x AS (SELECT 1) DELETE FROM sqlite_schema", " update t set a = 1"] {
        let error = serve(query);
        // What looks like a query is still refused by SQLite itself, as the file is opened read-only.
        assert!(matches!(error.kind, Kind::Writes | Kind::Query), "{error:?}");
    }
    let real = serve("SELECT 'fine' AS a, 0.1 + 0.2 AS amount").to_string();
    assert!(real.contains("column amount, row 1") && real.contains("REAL"), "{real}");
    assert!(serve("SELECT x'80' AS amount").to_string().contains("BLOB"));
}

#[test]
fn bytes_that_are_a_decimal_text_are_that_decimal() {
    let mut out = Vec::new();
    answer(
        &serde_json::to_vec(&request("SELECT CAST('12345678901234567890.123456789' AS BLOB) AS amount")).unwrap()[..],
        &mut out,
        Vec::new(),
        None,
    )
    .unwrap();
    let mut stream = arrow_ipc::reader::StreamReader::try_new(&out[..], None).unwrap();
    let batch = stream.next().unwrap().unwrap();
    let column = arrow_array::cast::AsArray::as_string::<i32>(batch.column(0)).clone();
    assert_eq!(column.value(0), "12345678901234567890.123456789");
}

#[test]
fn a_reader_says_why_it_stopped() {
    let error =
        shell(r#"echo noise >&2; echo '{"error":{"kind":"credentials","message":"no"}}' >&2; exit 3"#, Duration::from_secs(60));
    assert!(matches!(&error, ReadError::Fault(Fault { kind: Kind::Credentials, .. })), "{error}");
}

#[test]
fn a_read_that_is_cancelled_ends() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec sleep 60"]);
    let (cancel, started) = (AtomicBool::new(false), Instant::now());
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            cancel.store(true, Ordering::Relaxed);
        });
        read(command, &request("SELECT 1"), Duration::from_secs(60), &cancel, |_| {}, |_, _| ControlFlow::Continue(()))
            .unwrap_err()
    });
    assert!(matches!(error, ReadError::Cancelled) && started.elapsed() < Duration::from_secs(30), "{error}");
}

#[test]
fn a_statement_that_takes_too_long_is_ended_by_sqlite() {
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    let request = Request { timeout_s: 0, ..request(endless) };
    let error = answer(&serde_json::to_vec(&request).unwrap()[..], Vec::new(), Vec::new(), None).unwrap_err();
    assert_eq!(error.kind, Kind::Timeout, "{error}");
}

/// SQLite makes two files beside a database in write-ahead mode, and whoever only reads cannot take them away again.
#[test]
fn nothing_is_left_beside_a_database_in_write_ahead_mode() {
    let folder = tempfile::tempdir().unwrap();
    // A name that means something else in an address.
    let path = folder.path().join("100%?#账.sqlite");
    let erp = rusqlite::Connection::open(&path).unwrap();
    erp.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('one')").unwrap();
    let ask = |query: &str| {
        let queries = vec![Query { query: query.to_owned(), parameters: Vec::new() }];
        let request = Request { timeout_s: 60, ..Request::new(Verb::Read, Source::Sqlite(path.clone()), queries) };
        let mut out = Vec::new();
        answer(&serde_json::to_vec(&request).unwrap()[..], &mut out, Vec::new(), None).map(|()| out)
    };
    let holds = |out: &[u8], text: &[u8]| out.windows(text.len()).any(|part| part == text);
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    // The ERP has it open, and what it wrote is still in the log.
    assert_eq!(files(), 3);
    assert!(holds(&ask("SELECT a FROM t").unwrap(), b"one"));
    erp.execute_batch("INSERT INTO t VALUES ('two')").unwrap();
    assert!(holds(&ask("SELECT a FROM t").unwrap(), b"two"));
    drop(erp);
    assert_eq!(files(), 1);
    assert!(holds(&ask("SELECT a FROM t").unwrap(), b"two"));
    assert_eq!(files(), 1, "something was left beside the database");
    // Somebody opens it meanwhile: the answer is not to be trusted.
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n";
    let fault = thread::scope(|scope| {
        let asked = scope.spawn(|| ask(slow));
        thread::sleep(Duration::from_millis(50));
        rusqlite::Connection::open(&path).unwrap().execute_batch("INSERT INTO t VALUES ('three')").unwrap();
        asked.join().unwrap().unwrap_err()
    });
    assert_eq!(fault.kind, Kind::Connect, "{}", fault.message);
}
