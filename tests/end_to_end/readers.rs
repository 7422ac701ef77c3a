//! Runs `taizhang reader` as its own parent does, for the tests of readers and drivers.

use std::{
    fs,
    io::{BufReader, Write},
    process::{Command, Stdio},
};

use arrow_array::{Array, cast::AsArray};
use arrow_ipc::reader::StreamReader;
use serde_json::{Value, json};

/// Rows of the first stream, NULL as nothing.
pub type Table = Vec<Vec<Option<String>>>;

/// What a reader answered.
pub struct Answer {
    pub code: Option<i32>,
    pub columns: Vec<String>,
    pub rows: Table,
    pub stderr: String,
}

impl Answer {
    /// The rows of an answer that must have succeeded.
    pub fn rows(self) -> Table {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.rows
    }

    /// The only value of an answer that must have succeeded.
    pub fn one(self) -> String {
        let rows = self.rows();
        assert_eq!((rows.len(), rows[0].len()), (1, 1), "{rows:?}");
        rows[0][0].clone().unwrap()
    }

    /// The fault of an answer that must have failed, with the exit code that goes with its kind.
    pub fn fault(self) -> (String, String) {
        let line = self.stderr.lines().rev().find(|line| line.contains("\"error\"")).unwrap_or_else(|| panic!("{}", self.stderr));
        let fault: Value = serde_json::from_str(line).unwrap();
        let (kind, message) = (fault["error"]["kind"].as_str().unwrap(), fault["error"]["message"].as_str().unwrap());
        let exit = match kind {
            "inexact" => 1,
            "request" => 2,
            "driver" | "connect" | "credentials" => 3,
            _ => 4,
        };
        assert_eq!(self.code, Some(exit), "{kind}: {message}");
        assert!(!self.stderr.contains(crate::servers::PASSWORD), "a secret in: {}", self.stderr);
        (kind.to_owned(), message.to_owned())
    }
}

/// What the reader writes to stdout for a request that must succeed.
pub fn bytes(request: &Value) -> Vec<u8> {
    let mut child = reader().spawn().unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// The built-in reader as a command.
pub fn reader() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    command.arg("reader").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("LD_LIBRARY_PATH", format!("/usr/lib/{}-linux-gnu/odbc", std::env::consts::ARCH));
    command
}

/// Asks the built-in reader.
pub fn ask(request: &Value) -> Answer {
    let mut child = reader().spawn().unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let mut answer =
        Answer { code: out.status.code(), columns: Vec::new(), rows: Vec::new(), stderr: String::from_utf8(out.stderr).unwrap() };
    // A reader that failed may have sent less than a stream.
    let Ok(stream) = StreamReader::try_new(&out.stdout[..], None) else { return answer };
    answer.columns = stream.schema().fields().iter().map(|field| field.name().clone()).collect();
    for batch in stream.map_while(Result::ok) {
        let columns: Vec<_> = batch.columns().iter().map(|column| column.as_string::<i32>().clone()).collect();
        for row in 0..batch.num_rows() {
            let value = |at: usize| columns[at].is_valid(row).then(|| columns[at].value(row).to_owned());
            answer.rows.push((0..columns.len()).map(value).collect());
        }
    }
    answer
}

/// Reads one query.
pub fn read(source: &Value, query: &str, parameters: &[Value]) -> Answer {
    ask(&json!({ "source": source, "queries": [{ "query": query, "parameters": parameters }], "timeout_s": 60 }))
}

/// The most memory a reader held while it answered so many rows, in KiB.
pub fn peak_kib(request: &Value, rows: u64) -> u64 {
    let mut child = reader().spawn().unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut seen, mut peak) = (0, 0);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    for batch in StreamReader::try_new(stdout, None).unwrap() {
        seen += batch.unwrap().num_rows() as u64;
        // Once it has ended there is nothing to read; it did not grow after its last row.
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        peak = line.map_or(peak, |line| line.split_whitespace().nth(1).unwrap().parse().unwrap());
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(seen, rows);
    assert!(peak > 0);
    peak
}
