/*! Readers that flood, stall or leave something behind: the parent's memory and time stay its own. */
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{
    fs,
    ops::ControlFlow,
    process::Command,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use reader::{Program, Progress, Query, ReadError, Request, Source, Verb, read};

fn request(queries: usize) -> Request {
    let query = Query { query: "SELECT 1".to_owned(), parameters: Vec::new() };
    Request::new(Verb::Read, Source::Sqlite(":memory:".into()), vec![query; queries])
}

/// Runs a script as the reader of so many queries; how it ended, and the rows that came.
fn run(script: &str, queries: usize, limit: Duration, progress: impl FnMut(Progress)) -> (Result<(), ReadError>, usize) {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    let mut rows = 0;
    let done = read(command, &request(queries), limit, &AtomicBool::new(false), progress, |_, batch| {
        rows += batch.num_rows();
        ControlFlow::Continue(())
    });
    (done, rows)
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn progress_is_heard_while_the_reader_works() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    // It waits for what the parent does when it hears of its progress.
    let script = format!(
        "echo '{{\"progress\":{{\"query\":0,\"rows\":7}}}}' >&2; while [ ! -e {} ]; do sleep 0.01; done; \
         echo '{{\"columns\":[\"a\"]}}'; echo '[\"x\"]'; echo '{{\"end\":1}}'",
        go.display()
    );
    let (done, rows) = run(&script, 1, MINUTE, |progress| {
        assert_eq!(progress, Progress { query: 0, rows: 7 });
        fs::write(&go, "").unwrap();
    });
    assert!(done.is_ok() && rows == 1, "{done:?}");
}

#[test]
fn only_what_advances_is_a_sign_of_life() {
    let short = Duration::from_millis(600);
    let advancing = "for n in 1 2 3 4; do echo \"{\\\"progress\\\":{\\\"query\\\":0,\\\"rows\\\":$n}}\" >&2; sleep 0.3; done; \
                     echo '{\"columns\":[]}'; echo '{\"end\":0}'";
    assert!(run(advancing, 1, short, |_| {}).0.is_ok());
    let clock = advancing.replace("$n", "7").replace("1 2 3 4", "1 2 3 4 5 6 7 8 9");
    assert!(matches!(run(&clock, 1, short, |_| {}).0, Err(ReadError::TimedOut { .. })));
    // Streams without rows are life: each of these is an answer.
    let empty = "for n in 1 2 3 4; do sleep 0.3; echo '{\"columns\":[\"a\"]}'; echo '{\"end\":0}'; done";
    assert!(run(empty, 4, short, |_| {}).0.is_ok());
}

#[test]
fn floods_end_without_filling_memory() {
    let (done, _) = run("head -c 100000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo the end >&2; exit 3", 1, MINUTE, |_| {});
    let Err(ReadError::Failed { message, .. }) = done else { panic!("{done:?}") };
    assert!(message.ends_with("the end") && message.len() <= 8 << 10, "{} bytes", message.len());
    // A line that never ends; what its reader would do after it does not matter.
    let started = Instant::now();
    let (done, _) = run("printf '{'; head -c 100000000 /dev/zero; sleep 60", 1, MINUTE, |_| {});
    assert!(done.unwrap_err().to_string().contains("longer than"));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_a_reader_leaves_behind_ends_with_it() {
    let started = Instant::now();
    let (done, _) = run("sleep 61 & echo $! >&2; exit 3", 1, MINUTE, |_| {});
    let Err(ReadError::Failed { message, status }) = done else { panic!("{done:?}") };
    assert!(status.contains('3') && started.elapsed() < Duration::from_secs(30), "{status}");
    let (done, _) = run("sleep 61 & echo $! >&2; wait", 1, Duration::from_millis(300), |_| {});
    assert!(matches!(done, Err(ReadError::TimedOut { .. })), "{done:?}");
    let stat = |pid: &str| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(!stat(&message).contains("sleep"), "it still runs");
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_takes_all_memory_loses_its_read() {
    let (done, _) = run("exec python3 -c 'x = bytearray(3 << 30)'", 1, MINUTE, |_| {});
    assert!(done.unwrap_err().to_string().contains("MemoryError"));
}

#[test]
fn secrets_and_control_characters_are_struck_out() {
    let source = |text: &str| match text.split_once('|') {
        Some((_, password)) => Source::Command(Program {
            command: Vec::new(),
            folder: "".into(),
            hidden: Vec::new(),
            dialect: String::new(),
            settings: serde_json::Map::new(),
            password: Some(password.to_owned()),
        }),
        None => Source::Odbc(text.to_owned()),
    };
    for source in ["Driver=X;PWD={hunter;2}", "Driver=X;Password=hunter;2", "|hunter;2"].map(source) {
        let mut command = Command::new("sh");
        command.args(["-c", "printf '\\033[31mPWD=hunter;2 {hunter;2}\\n' >&2; exit 3"]);
        let request = Request::new(Verb::Check, source, Vec::new());
        let done = read(command, &request, MINUTE, &AtomicBool::new(false), |_| {}, |_, _| ControlFlow::Continue(()));
        let message = done.unwrap_err().to_string();
        assert!(!message.contains("hunter") && !message.contains('\u{1b}') && message.contains("***"), "{message}");
    }
}
