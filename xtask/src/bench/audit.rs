/*!
`cargo xtask bench audit`: a county's year of a form judged by its shipped rules, on one core, beside vtlengine on the same figures and rules.

The other engine is fetched from PyPI into the target folder. Both must say the same of every row, or the run fails: a time for another
answer is no time.
*/

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{memory, seconds};

/// The engine beside which it runs, in the version that was tried.
const PEER: &str = "vtlengine==1.9.6";
/// Rounds; the fastest counts, as nothing but other programs makes one slower than another.
const ROUNDS: usize = 5;
/// Row-rules in a second.
const TARGET: u64 = 10_000_000;

/// What an engine said.
struct Said {
    rows: u64,
    took: Duration,
    /// Met, not met, neither, and a number made from the rows that are not met: by rule.
    verdicts: Vec<String>,
}

fn said(text: &str) -> Option<Said> {
    let mut lines = text.lines().filter(|line| !line.starts_with("form "));
    let head: Vec<&str> = lines.next()?.split(' ').collect();
    let ["rows", rows, "nanoseconds", took] = head.as_slice() else { return None };
    let verdicts = lines.map(|line| line.split_once(' ').map_or("", |(_, counts)| counts).to_owned());
    Some(Said { rows: rows.parse().ok()?, took: Duration::from_nanos(took.parse().ok()?), verdicts: verdicts.collect() })
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().map_err(|error| format!("{name}: {error}"))?;
    if !out.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&out.stderr)));
    }
    String::from_utf8(out.stdout).map_err(|error| error.to_string())
}

/// A Python with the peer in it.
fn peer(target: &Path) -> Result<PathBuf, String> {
    let folder = target.join("bench-vtl");
    let python = folder.join("bin/python");
    if output(Command::new(&python).args(["-c", "import vtlengine"])).is_err() {
        eprintln!("{PEER} from PyPI, into {}", folder.display());
        output(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        output(Command::new(&python).args(["-m", "pip", "install", "--quiet", PEER]))?;
    }
    Ok(python)
}

/// Runs both and prints a table.
pub fn main() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    eprintln!("cargo build --release --example audit_bench");
    let mut build = Command::new("cargo");
    build.current_dir(root).args(["build", "--release", "--quiet", "--package", "taizhang-survey", "--example", "audit_bench"]);
    if !build.status().is_ok_and(|status| status.success()) {
        return Err("the program does not build".to_owned());
    }
    let program = target.join("release/examples/audit_bench");
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut best: Option<Said> = None;
    let mut head = String::new();
    for _ in 0..ROUNDS {
        let text = output(&mut Command::new(&program))?;
        head = text.lines().next().unwrap_or_default().to_owned();
        let now = said(&text).ok_or("audit_bench said something else")?;
        best = Some(best.filter(|best| best.took <= now.took).unwrap_or(now));
    }
    let ours = best.ok_or("no round")?;
    let peak = memory::run(&mut Command::new(&program))?.peak_kib;
    output(Command::new(&program).arg(folder.path()))?;
    let rules = ours.verdicts.len() as u64;
    println!("{head}; {} rows\n", ours.rows);
    println!("| what | time | row-rules/s | peak memory |\n|---|---:|---:|---:|");
    let rate = |said: &Said| said.rows as f64 * rules as f64 / said.took.as_secs_f64();
    let line = |what: &str, said: &Said, peak: u64| {
        let million = rate(said) / 1e6;
        println!("| {what} | {} | {million:.2} million | {} MiB |", seconds(said.took), peak >> 10);
    };
    line("columns, one core", &ours, peak);
    let python = peer(&target)?;
    let script = root.join("xtask/src/bench/audit.py");
    fs::copy(&script, folder.path().join("audit.py")).map_err(|error| error.to_string())?;
    eprintln!("vtlengine on the same figures");
    let text = output(Command::new(&python).arg(folder.path().join("audit.py")).arg(folder.path()))?;
    let theirs = said(&text).ok_or("vtlengine said something else")?;
    let other = memory::run(Command::new(&python).arg(folder.path().join("audit.py")).arg(folder.path()))?.peak_kib;
    line(PEER, &theirs, other);
    let differ = ours.verdicts.iter().zip(&theirs.verdicts).filter(|(ours, theirs)| ours != theirs).count();
    if differ > 0 || ours.verdicts.len() != theirs.verdicts.len() {
        return Err(format!("{differ} of {rules} rules differ: a time for another answer is none"));
    }
    println!("\n- all {} verdicts are the same, row by row", ours.rows * rules);
    println!("- target: {} million row-rules/s on one core", TARGET / 1_000_000);
    println!("- {:.0} times as fast", theirs.took.as_secs_f64() / ours.took.as_secs_f64());
    Ok(())
}
