//! Other programs on the same rows and the same vouchers.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    data::{self, yuan},
    memory,
};

const PYODBC: &str = r#"
import os, sys, pyodbc
connection = pyodbc.connect(os.environ["BENCH_ODBC"])
connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
rows = 0
for month in sys.argv[2:]:
    cursor = connection.execute(sys.argv[1], month, month)
    while block := cursor.fetchmany(1000):
        rows += len(block)
print(rows)
"#;

/// Fetches with pyodbc; it is installed into `folder`.
pub fn pyodbc(folder: &Path, odbc: &str, query: &str, months: &[String]) -> Result<memory::Run, String> {
    let venv = folder.join("venv");
    quiet(Command::new("python3").arg("-m").arg("venv").arg(&venv))?;
    let python = venv.join("bin/python");
    quiet(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pyodbc"]))?;
    let mut command = Command::new(python);
    command.args(["-c", PYODBC, query]).args(months).env("BENCH_ODBC", odbc);
    super::with_drivers(&mut command);
    memory::run(&mut command)
}

/// Installs tackler once for all runs, into the build's own folder.
pub fn tackler(tools: &Path) -> Result<PathBuf, String> {
    let program = tools.join("bin/tackler");
    if !program.exists() {
        eprintln!("cargo install tackler, a peer, into {}", tools.display());
        quiet(Command::new("cargo").args(["install", "--quiet", "--locked", "tackler", "--root"]).arg(tools))?;
    }
    Ok(program)
}

/// Runs a step that must work; its words only where it does not.
fn quiet(command: &mut Command) -> Result<(), String> {
    let out = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let last = String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or_default().to_owned();
    if out.status.success() { Ok(()) } else { Err(last) }
}

/// Journals of plain-text accounting tools: the vouchers of the ledger's second year.
pub struct Journals {
    /// For ledger.
    pub ledger: PathBuf,
    /// For hledger, which is slower by far: the first month of that year.
    pub month: PathBuf,
    /// Entry lines in it.
    pub month_lines: u64,
    /// tackler's configuration; it names its journal.
    pub tackler: PathBuf,
    /// Entry lines of the year.
    pub lines: u64,
}

/// Writes the journals.
pub fn journals(folder: &Path, lines: u64) -> io::Result<Journals> {
    let name = |name: &str| folder.join(name);
    let mut ledger = BufWriter::new(File::create(name("year.ledger"))?);
    let mut month = BufWriter::new(File::create(name("month.ledger"))?);
    let mut txns = BufWriter::new(File::create(name("year.txn"))?);
    let (mut written, mut month_lines) = (0, 0);
    for voucher in data::vouchers(lines).filter(|voucher| voucher.month >= data::MONTHS / 2) {
        let day = format!("{}-{:02}", voucher.month(), voucher.day);
        let mut text = format!("{day} ({}) {}\n", voucher.id, voucher.lines[0].summary);
        writeln!(txns, "{day} ({}) '{}", voucher.id, voucher.lines[0].summary)?;
        for line in &voucher.lines {
            let amount = yuan(line.debit - line.credit);
            text += &format!("    A{}  {amount}\n", line.account);
            writeln!(txns, " A{}  {amount}", line.account)?;
        }
        writeln!(ledger, "{text}")?;
        writeln!(txns)?;
        written += voucher.lines.len() as u64;
        if voucher.month == data::MONTHS / 2 {
            writeln!(month, "{text}")?;
            month_lines += voucher.lines.len() as u64;
        }
    }
    ledger.flush()?;
    month.flush()?;
    txns.flush()?;
    fs::write(
        name("tackler.toml"),
        "[kernel]\nstrict = false\naudit = { mode = false, hash = 'SHA-256' }\n\
         timestamp = { default-time = 00:00:00, timezone = { name = 'UTC' } }\n\
         [kernel.input]\nstorage = 'fs'\nfs = { path = '.', dir = '.', ext = 'txn' }\n\
         [transaction]\naccounts = { path = 'none' }\ncommodities = { path = 'none' }\ntags = { path = 'none' }\n\
         [report]\nreport-timezone = 'UTC'\nscale = { min = 2, max = 2 }\nformats = ['txt']\naccounts = []\ntargets = ['balance']\n\
         balance = { title = 'year', type = 'flat' }\nbalance-group = { title = 'year', type = 'flat', group-by = 'month' }\n\
         register = { title = 'year' }\n[export]\ntargets = []\nequity = { equity-account = 'E' }\n",
    )?;
    let (ledger, month, tackler) = (name("year.ledger"), name("month.ledger"), name("tackler.toml"));
    Ok(Journals { ledger, month, month_lines, tackler, lines: written })
}
