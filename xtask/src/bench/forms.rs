/*!
`cargo xtask bench forms`: a month's forms of one enterprise built from sealed data, release build, as the process that a person starts.

The enterprise is the company of the demo, whose book Tryton kept. Each round builds a month that was not built before, so that every cell and
draft is new and is written; the seals are there already.
*/

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Months that are built, one a round: the second year, so that last year's columns have figures too.
const MONTHS: [&str; 12] = [
    "2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10", "2025-11",
    "2025-12",
];
/// What is to be reached.
const TARGET: Duration = Duration::from_millis(100);
/// Forms of an industrial enterprise beside B203, which the demo has: monthly, quarterly and annual ones at once, which no month has.
const MORE: [&str; 13] =
    ["101-1", "102-1", "107-1", "107-2", "109", "201-1", "202-1", "205-1", "B103-1", "B103-2", "B204-1", "B204-2", "B210"];

/// One build.
struct Round {
    took: Duration,
    parts: BTreeMap<String, Duration>,
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn run(product: &Path, folder: &Path, args: &[&str]) -> Result<(Duration, String), String> {
    let mut command = Command::new(product);
    command.current_dir(folder).args(args).env("TAIZHANG_TIMES", "1");
    let begun = Instant::now();
    let out = command.output().map_err(|error| error.to_string())?;
    let took = begun.elapsed();
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    if out.status.success() { Ok((took, told)) } else { Err(format!("{args:?}: {told}")) }
}

/// Parts that the program tells of itself.
fn parts(told: &str) -> BTreeMap<String, Duration> {
    let line = |line: &str| {
        let (part, took) = line.strip_prefix("time ")?.rsplit_once(' ')?;
        Some((part.to_owned(), Duration::from_micros(took.parse().ok()?)))
    };
    told.lines().filter_map(line).collect()
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Builds the product and the months, and prints a table.
pub fn main() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    eprintln!("cargo build --release");
    let built = Command::new("cargo").current_dir(root).args(["build", "--release", "--quiet", "--package", "taizhang"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("the product does not build".to_owned());
    }
    let product = target.join("release/taizhang");
    println!("| what | middle | worst | target |\n|---|---:|---:|---|");
    for more in [&[][..], &MORE[..]] {
        let site = tempfile::tempdir().map_err(|error| error.to_string())?;
        run(&product, site.path(), &["demo", "--dir", "."])?;
        fs::remove_dir_all(site.path().join("taizhang-state")).map_err(|error| error.to_string())?;
        let config = site.path().join("agent.toml");
        let mut text = fs::read_to_string(&config).map_err(|error| error.to_string())?;
        text += &more.iter().map(|code| format!("\n[[form]]\ncode = \"{code}\"\nbook = \"hz\"\n")).collect::<String>();
        fs::write(&config, text).map_err(|error| error.to_string())?;
        run(&product, site.path(), &["pull"])?;
        let mut rounds = Vec::new();
        for month in MONTHS {
            let (took, told) = run(&product, site.path(), &["build", "--period", month])?;
            rounds.push(Round { took, parts: parts(&told) });
        }
        // What the system takes to start it and to take it away again is not inside.
        let empty = middle(
            (0..MONTHS.len())
                .map(|_| run(&product, site.path(), &["--version"]))
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .map(|(took, _)| took)
                .collect(),
        );
        let count = if more.is_empty() { "1 form".to_owned() } else { format!("{} forms", more.len() + 1) };
        let line = |what: &str, times: Vec<Duration>, goal: &str| {
            let worst = times.iter().max().copied().unwrap_or_default();
            println!("| {what} | {} | {} | {goal} |", milliseconds(middle(times)), milliseconds(worst));
        };
        let goal = format!("≤ {} ms", TARGET.as_millis());
        line(&format!("**a month, {count}, the whole process**"), rounds.iter().map(|round| round.took).collect(), &goal);
        line("inside, from its first line to its last", rounds.iter().map(|round| round.parts.values().sum()).collect(), "");
        let mut names: Vec<&String> = rounds[0].parts.keys().collect();
        names.sort_by_key(|name| std::cmp::Reverse(middle(rounds.iter().map(|round| round.parts[*name]).collect())));
        for name in names.into_iter().filter(|name| *name != "begin") {
            line(&format!("— {name}"), rounds.iter().filter_map(|round| round.parts.get(name).copied()).collect(), "");
        }
        println!("| the process alone (`--version`) | {} | | |", milliseconds(empty));
    }
    Ok(())
}
