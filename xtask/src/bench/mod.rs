/*!
`cargo xtask bench`: a pull of a made ledger in a real PostgreSQL, beside a bare fetch and peers, all in one run on one machine.

Nothing here judges: it prints ratios beside their targets, and `docs/benchmarks.md` says what they mean.
*/
#![allow(clippy::print_stdout, clippy::float_arithmetic, reason = "a report on the terminal, and its ratios")]

mod audit;
mod bare;
mod data;
mod forms;
mod memory;
mod pages;
mod peers;
mod receiver;
mod report;
mod served;
#[path = "../../../tests/end_to_end/servers.rs"]
#[allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "shared with the end-to-end tests; a bench that cannot start must fail"
)]
mod servers;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use memory::Run;
use report::Report;
use servers::{PASSWORD, Postgres};

/// Entry lines where nobody says.
const LINES: u64 = 2_000_000;
/// Rounds of pull and bare fetch in turn; the middle one counts.
const ROUNDS: usize = 3;
/// Memory is compared with that of a pull of this many lines.
const SMALL: u64 = 1_000_000;

const USAGE: &str = "usage: cargo xtask bench [--lines N] | bench audit | bench forms | bench receiver | bench pages [N] | bench served [N]\n\n  --lines N   entry lines of the ledger, 2000000 where absent";

/// What is read, as a person would write it in agent.toml; `{from}` and `{to}` are parameters.
const ENTRIES: &str = "SELECT month, '0' AS adjustment, voucher, number, kind, CAST(day AS TEXT) AS date, line, summary, account, debit, \
                       credit, party FROM LEDGER WHERE month BETWEEN {from} AND {to} ORDER BY month, voucher, line";

/// What changed, told by the database itself.
const FINGERPRINT: &str = "SELECT month, '0' AS adjustment, account, COUNT(*) AS entry_count, SUM(debit) AS debit, SUM(credit) AS \
                           credit, CAST(MAX(changed) AS TEXT) AS newest FROM LEDGER WHERE month BETWEEN {from} AND {to} GROUP BY month, account ORDER BY month, account";

/// Runs the benchmark, or the bare fetch as a process of its own.
pub fn main(args: &[String]) -> ExitCode {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["bare", kind, query, months @ ..] => bare_child(*kind == "wide", query, months),
        ["audit"] => audit::main(),
        ["receiver", words @ ..] => receiver::main(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()),
        ["forms"] => forms::main(),
        ["pages"] => pages::main(None),
        ["pages", lines] => pages::main(Some(lines)),
        ["served"] => pages_served(LINES),
        ["served", lines] => match lines.parse() {
            Ok(lines) if lines >= 100_000 => pages_served(lines),
            _ => Err(format!("bench served: at least 100000 lines\n\n{USAGE}")),
        },
        [] => bench(LINES),
        ["--lines", lines] => match lines.parse() {
            Ok(lines) if lines >= SMALL => bench(lines),
            _ => Err(format!("--lines is at least {SMALL}\n\n{USAGE}")),
        },
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn bare_child(wide: bool, query: &str, months: &[&str]) -> Result<(), String> {
    let connection = env::var("BENCH_ODBC").map_err(|error| error.to_string())?;
    let months: Vec<String> = months.iter().map(|month| (*month).to_owned()).collect();
    let rows = bare::fetch(&connection, wide, query, &months).map_err(|error| error.to_string())?;
    println!("{rows}");
    Ok(())
}

/// Drivers that Debian registers without a path are found through the loader.
fn with_drivers(command: &mut Command) {
    command.env("LD_LIBRARY_PATH", format!("/usr/lib/{}-linux-gnu/odbc", env::consts::ARCH));
}

/// Where the product is run, and how.
struct Site {
    folder: tempfile::TempDir,
    product: PathBuf,
}

impl Site {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.product);
        command.current_dir(self.folder.path()).args(args).env("BENCH_PASSWORD", PASSWORD).stderr(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Result<Run, String> {
        memory::run(&mut self.command(args))
    }

    fn output(&self, args: &[&str]) -> Result<String, String> {
        let out = self.command(args).output().map_err(|error| error.to_string())?;
        String::from_utf8(out.stdout).map_err(|error| error.to_string())
    }

    /// Forgets what was sealed.
    fn forget(&self) {
        let _ = fs::remove_dir_all(self.folder.path().join("taizhang-state"));
    }

    fn configure(&self, odbc: &str, books: &[(&str, &str)]) -> Result<(), String> {
        let mut text = String::new();
        for (id, table) in books {
            text += &format!(
                "[[book]]\nid = \"{id}\"\nconnector = \"generic-sql\"\ncurrency = \"CNY\"\nsource.odbc = \"{odbc}\"\n\
                 source.password = {{ env = \"BENCH_PASSWORD\" }}\n\
                 [book.extract.accounts]\nquery = \"SELECT code AS account, name, class FROM gl_account ORDER BY code\"\n\
                 [book.extract.periods]\nquery = \"SELECT month, '0' AS adjustment, 'closed' AS state, year_start AS \
                 fiscal_year_start FROM gl_period ORDER BY month\"\n\
                 [book.extract.entries]\nquery = \"{}\"\n[book.extract.fingerprint]\nquery = \"{}\"\n\n",
                ENTRIES.replace("LEDGER", table),
                FINGERPRINT.replace("LEDGER", table)
            );
        }
        fs::write(self.folder.path().join("agent.toml"), text).map_err(|error| error.to_string())
    }
}

fn middle(mut runs: Vec<Run>) -> Run {
    runs.sort_by_key(|run| run.took);
    let peak_kib = runs.iter().map(|run| run.peak_kib).max().unwrap_or(0);
    Run { peak_kib, ..runs[runs.len() / 2] }
}

/// The product as it is released, in a folder of its own; and where things are built.
fn built() -> Result<(Site, PathBuf), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    eprintln!("cargo build --release");
    let built = Command::new("cargo").current_dir(root).args(["build", "--release", "--quiet", "--package", "taizhang"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("the product does not build".to_owned());
    }
    let site = Site { folder: tempfile::tempdir().map_err(|error| error.to_string())?, product: target.join("release/taizhang") };
    Ok((site, target))
}

/// A PostgreSQL with a ledger of `lines` entry lines that the site reads; and how many it became.
fn loaded(site: &Site, lines: u64) -> Result<(Postgres, String, u64), String> {
    eprintln!("a private PostgreSQL, and a ledger of {lines} lines");
    // The settings are PostgreSQL's own; only that nothing is checkpointed while others are timed is not.
    let server = Postgres::start_with(&["max_wal_size=8GB", "checkpoint_timeout=1h"]);
    let rows = load(&server, lines)?;
    let odbc = server.odbc("erp");
    site.configure(&odbc, &[("ledger", "gl_entry"), ("small", "gl_small")])?;
    Ok((server, odbc, rows))
}

/// Only the pages of a book that was pulled.
fn pages_served(lines: u64) -> Result<(), String> {
    let (site, _) = built()?;
    let mut report = Report::new(lines);
    let (_server, _, _) = loaded(&site, lines)?;
    eprintln!("pull");
    site.run(&["pull", "--book", "ledger"])?;
    served::served(&site, &mut report)?;
    report.print();
    Ok(())
}

fn bench(lines: u64) -> Result<(), String> {
    let (site, target) = built()?;
    let mut report = Report::new(lines);
    let (server, odbc, rows) = loaded(&site, lines)?;

    let full = format!("{odbc};PWD={{{}}};UseDeclareFetch=1;Fetch=1000;BoolsAsChar=0", PASSWORD.replace('}', "}}"));
    let query = ENTRIES.replace("LEDGER", "gl_entry");
    let asked = query.replace("{from}", "?").replace("{to}", "?");
    let months: Vec<String> = (0..data::MONTHS).map(data::month).collect();
    let (mut pulls, mut narrow, mut wide) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}: bare fetch, pull");
        for (kind, runs) in [("narrow", &mut narrow), ("wide", &mut wide)] {
            let mut command = Command::new(env::current_exe().map_err(|error| error.to_string())?);
            with_drivers(command.args(["bench", "bare", kind, &asked]).args(&months).env("BENCH_ODBC", &full));
            runs.push(memory::run(&mut command)?);
        }
        site.forget();
        pulls.push(site.run(&["pull", "--book", "ledger"])?);
    }
    let (pull, bare, wide) = (middle(pulls), middle(narrow), middle(wide));
    report.time("bare ODBC fetch of the same columns, rows dropped", bare.took, rows);
    report.time("the same, texts as UTF-16", wide.took, rows);
    report.time("pull to sealed snapshots and cube, fingerprint included", pull.took, rows);
    report.ratio("pull ÷ bare fetch", pull.took, bare.took, "≤ 1.2");
    report.cpu("CPU of the bare fetch: the driver", bare);
    report.cpu("CPU of the pull, all processes: driver, reader, seal", pull);

    eprintln!("pull again, unchanged and with one changed voucher");
    let unchanged = site.run(&["pull", "--book", "ledger"])?;
    report.time("pull again, nothing changed", unchanged.took, rows);
    let voucher = "month = '2025-06' AND voucher = (SELECT MAX(voucher) FROM gl_entry WHERE month = '2025-06')";
    server.sql("erp", &format!("UPDATE gl_entry SET debit = debit * 2, credit = credit * 2, changed = now() WHERE {voucher}"));
    server.sql("erp", "VACUUM gl_entry");
    let changed = site.run(&["pull", "--book", "ledger"])?;
    report.time("pull again, one voucher of one month changed", changed.took, rows);
    report.ratio("changed month ÷ full pull", changed.took, pull.took, "≤ 0.2");
    let diff = site.output(&["diff", "--book", "ledger", "--period", "2025-06", "--format", "csv"])?;
    report.note(&format!("diff of that month: {} lines", diff.lines().count().saturating_sub(1)));

    eprintln!("memory with {SMALL} lines");
    let small = site.run(&["pull", "--book", "small"])?;
    report.memory(&format!("peak memory of all our processes, {SMALL} lines"), small.peak_kib);
    report.memory(&format!("peak memory of all our processes, {rows} lines"), pull.peak_kib);

    eprintln!("peers that read: psql COPY, pyodbc");
    let copied = query.replace("{from}", "'2024-01'").replace("{to}", "'2025-12'");
    let copy = memory::run(server.client("erp").args(["-c", &format!("COPY ({copied}) TO STDOUT")]))?;
    report.time("psql COPY of the same query, no ODBC", copy.took, rows);
    match peers::pyodbc(site.folder.path(), &full, &asked, &months) {
        Ok(run) => {
            report.time("pyodbc fetchmany(1000), rows dropped", run.took, rows);
            report.ratio("pyodbc ÷ pull", run.took, pull.took, "");
        }
        Err(reason) => report.note(&format!("pyodbc was left out: {reason}")),
    }
    balances(&site, &mut report, lines, &target)?;
    served::served(&site, &mut report)?;
    report.print();
    Ok(())
}

/// A year's balances from the seal, and from the same vouchers by programs that keep books as text.
fn balances(site: &Site, report: &mut Report, lines: u64, target: &Path) -> Result<(), String> {
    eprintln!("a year's balances: the seal, and peers");
    let mut year = Duration::ZERO;
    let mut one = Duration::ZERO;
    for month in data::MONTHS / 2..data::MONTHS {
        one = site.run(&["balances", "--book", "ledger", "--period", &data::month(month), "--format", "csv"])?.took;
        year += one;
    }
    let journals = peers::journals(site.folder.path(), lines).map_err(|error| error.to_string())?;
    report.time("12 × balances from the seal: opening, turnover, closing of each month", year, journals.lines);
    report.time("one of them: the last month of the year", one, journals.lines);
    let tackler = peers::tackler(&target.join("bench/tools")).map(|program| {
        let mut command = Command::new(program);
        command.args(["--config"]).arg(&journals.tackler).arg("--input.file").arg(site.folder.path().join("year.txn"));
        command.args(["--reports", "balance"]);
        command
    });
    let text = |program: &str, journal: &Path| {
        let mut command = Command::new(program);
        command.env("LANG", "C.UTF-8").arg("-f").arg(journal).args(["balance", "--flat"]);
        Ok(command)
    };
    let peers = [
        ("tackler, balance of the year", tackler, journals.lines, Some(year)),
        ("ledger, balance of the year", text("ledger", &journals.ledger), journals.lines, Some(year)),
        ("hledger, balance of one month only", text("hledger", &journals.month), journals.month_lines, None),
    ];
    for (name, command, lines, ours) in peers {
        match command.and_then(|mut command| memory::run(command.stderr(Stdio::null()))) {
            Ok(run) => {
                report.time(name, run.took, lines);
                if let Some(ours) = ours {
                    report.ratio(&format!("{name} ÷ our twelve"), run.took, ours, "≥ 3");
                }
            }
            Err(reason) => report.note(&format!("{name}: left out: {reason}")),
        }
    }
    Ok(())
}

/// Makes the ERP's tables and fills them; the number of entry lines.
fn load(server: &Postgres, lines: u64) -> Result<u64, String> {
    server.sql("postgres", "CREATE DATABASE erp");
    server.sql("erp", data::TABLES);
    server.sql("erp", &data::chart());
    let mut client = server.client("erp");
    let mut client = client.args(["-c", "COPY gl_entry FROM STDIN"]).stdin(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let input = client.stdin.take().ok_or("psql has no input")?;
    let rows = data::copy(lines, std::io::BufWriter::with_capacity(1 << 20, input)).map_err(|error| error.to_string())?;
    if !client.wait().is_ok_and(|status| status.success()) {
        return Err("the ledger could not be loaded".to_owned());
    }
    for statement in data::KEYS.split_inclusive(';') {
        server.sql("erp", statement);
    }
    server.sql("erp", &format!("CREATE VIEW gl_small AS SELECT * FROM gl_entry WHERE voucher % {} = 0", (lines / SMALL).max(1)));
    Ok(rows)
}

/// Seconds with two decimals.
fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
