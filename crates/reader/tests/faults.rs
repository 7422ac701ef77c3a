/*! Readers that hang, die, lie or are asked to write: each is an error of that read with its reason, and nothing else. */
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use reader::{ReadError, Request, ServeError, Source, read, serve as answer};

fn request(query: &str) -> Request {
    Request { source: Source::Sqlite(":memory:".into()), query: query.to_owned(), parameters: Vec::new(), timeout_s: 60 }
}

fn shell(script: &str, limit: Duration) -> ReadError {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    read(command, &request("SELECT 1"), limit, |_| panic!("no row was sent")).unwrap_err()
}

fn serve(query: &str) -> ServeError {
    answer(&serde_json::to_vec(&request(query)).unwrap()[..], Vec::new()).unwrap_err()
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
        assert!(matches!(error, ServeError::Writes | ServeError::Sqlite(_)), "{error}");
    }
    let real = serve("SELECT 'fine' AS a, 0.1 + 0.2 AS amount").to_string();
    assert!(real.contains("column amount, row 1") && real.contains("REAL"), "{real}");
    assert!(serve("SELECT x'31' AS amount").to_string().contains("BLOB"));
}
