//! A receiver as the bureau runs it: the built program, in a folder of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// The reporting unit of these tests.
pub const UNIT: &str = "91350100M000100Y43";

/// A receiver as the bureau runs it.
pub struct Bureau {
    pub folder: tempfile::TempDir,
    pub port: u16,
    pub server: Option<Child>,
}

impl Drop for Bureau {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The receiver's program, beside this one. `cargo nextest run --workspace` and `cargo build -p taizhang-bureau` build it.
fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_taizhang")).with_file_name("taizhang-bureau");
    assert!(own.is_file(), "{} is missing: cargo build -p taizhang-bureau", own.display());
    own
}

/// A program whose clock is so many days ahead, and whose waiting is as long as ever.
pub fn another_day(program: &Path, days: u32) -> Command {
    another_time(program, &format!("+{days}d"))
}

/// A program whose clock is ahead or behind: `+1h`, `-1h`.
pub fn another_time(program: &Path, by: &str) -> Command {
    let library = Path::new("/usr/lib").join(format!("{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH));
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", library).env("FAKETIME", by);
    command.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command
}

impl Bureau {
    pub fn new() -> Bureau {
        Bureau::of("B203")
    }

    /// One whose register says of these forms that they are filed here.
    pub fn of(official: &str) -> Bureau {
        // A port that was free a moment ago; the receiver comes back to the same one.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bureau = Bureau { folder: tempfile::tempdir().unwrap(), port, server: None };
        bureau.ok(&["init", "--code", "350100", "--name", "示例县统计局", "--host", "localhost", "--host", "127.0.0.1"]);
        let register =
            format!("统一社会信用代码,单位详细名称,行政区划代码,行业代码,直报表号\n{UNIT},杭州西溪,350100,3411,{official}\n");
        fs::write(bureau.folder.path().join("register.csv"), register).unwrap();
        bureau.ok(&["unit", "import", "register.csv"]);
        bureau
    }

    pub fn run(&self, args: &[&str]) -> Output {
        Command::new(program()).current_dir(self.folder.path()).args(args).output().unwrap()
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[&["--format", "json"], args].concat())).unwrap()
    }

    pub fn serve(&mut self) {
        self.serve_by(&mut Command::new(program()));
    }

    /// Serves on a day of its own.
    pub fn serve_in(&mut self, days: u32) {
        self.serve_by(&mut another_day(&program(), days));
    }

    /// Serves by a clock of its own.
    pub fn serve_at(&mut self, by: &str) {
        self.serve_by(&mut another_time(&program(), by));
    }

    fn serve_by(&mut self, child: &mut Command) {
        let listen = format!("127.0.0.1:{}", self.port);
        child.current_dir(self.folder.path()).args(["serve", "--listen", &listen]).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let there = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("https://"));
        assert!(there, "the receiver does not serve");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.server = Some(child);
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.server.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("bureau-keys/authority.pem")
    }

    pub fn code(&self, more: &[&str]) -> String {
        self.json(&[&["enroll", UNIT][..], more].concat())[0]["code"].as_str().unwrap().to_owned()
    }
}
