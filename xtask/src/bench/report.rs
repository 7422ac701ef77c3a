//! What is printed: a Markdown table, so that it can be put into `docs/benchmarks.md` as it is.

use std::{fs, process::Command, time::Duration};

/// The figures of one run.
pub struct Report {
    lines: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// With machine and date.
    pub fn new(lines: u64) -> Report {
        let said = |program: &str, args: &[&str]| {
            let out = Command::new(program).args(args).output().map(|out| out.stdout).unwrap_or_default();
            String::from_utf8_lossy(&out).trim().to_owned()
        };
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
        let cores = info.lines().filter(|line| line.starts_with("processor")).count();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 20;
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let head = format!(
            "{}; {cores} × {model}, {memory} GiB, Linux {}; {}; {lines} lines; load {load} before",
            said("date", &["+%Y-%m-%d"]),
            said("uname", &["-r"]),
            said("psql", &["--version"]),
        );
        Report {
            lines: vec![head, String::new(), "| what | figure | target |".to_owned(), "|---|---:|---|".to_owned()],
            notes: Vec::new(),
        }
    }

    /// How long something took, and how many lines that is in a second.
    pub fn time(&mut self, what: &str, took: Duration, lines: u64) {
        let rate = lines as f64 / took.as_secs_f64() / 1000.0;
        self.row(what, &format!("{} ({rate:.0} k lines/s)", super::seconds(took)), "");
    }

    /// How long somebody waits.
    pub fn millis(&mut self, what: &str, took: Duration, target: &str) {
        self.row(what, &format!("{:.1} ms", took.as_secs_f64() * 1000.0), target);
    }

    /// What of it was computing.
    pub fn cpu(&mut self, what: &str, run: super::memory::Run) {
        self.row(what, &super::seconds(run.cpu), "");
    }

    /// One time over another.
    pub fn ratio(&mut self, what: &str, one: Duration, other: Duration, target: &str) {
        self.row(&format!("**{what}**"), &format!("**{:.2}**", one.as_secs_f64() / other.as_secs_f64()), target);
    }

    /// Memory.
    pub fn memory(&mut self, what: &str, kib: u64) {
        self.row(what, &format!("{} MiB", kib >> 10), "≤ 256 MiB");
    }

    /// A remark below the table.
    pub fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    fn row(&mut self, what: &str, figure: &str, target: &str) {
        eprintln!("  {what}: {figure}");
        self.lines.push(format!("| {what} | {figure} | {target} |"));
    }

    /// To stdout.
    pub fn print(&self) {
        self.lines.iter().for_each(|line| println!("{line}"));
        println!();
        self.notes.iter().for_each(|note| println!("- {note}"));
    }
}
