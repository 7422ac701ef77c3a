/*!
`cargo xtask bench pages`: what the review pages ask of a sealed book of ten million lines, from a figure down to its vouchers.

The ledger is that of the other benches, except that four of ten lines are on one account, as on the bank of a real book.
*/

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Milliseconds that a page may take.
const TARGET: f64 = 200.0;

/// Measurements that are no page, or of what is read once and remembered: they have no target.
const FREE: [&str; 3] = ["cubes-read", "by-period-counter-once", "for-comparison-lines-of-one-month"];

/// Builds the bench, runs it and prints its table with the target.
pub fn main(lines: Option<&str>) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    eprintln!("cargo build --release --example pages_bench");
    let mut build = Command::new("cargo");
    build.current_dir(root).args(["build", "--release", "--quiet", "--locked", "--package", "taizhang-journal"]);
    if !build.args(["--example", "pages_bench"]).status().is_ok_and(|status| status.success()) {
        return Err("the bench does not build".to_owned());
    }
    let out = Command::new(target.join("release/examples/pages_bench"))
        .args(lines)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("pages_bench: {error}"))?;
    if !out.status.success() {
        return Err("the bench ended early".to_owned());
    }
    println!("| what | ms | target |\n|---|---:|---|");
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let Some((name, micros)) = line.split_once(' ') else { continue };
        let micros: f64 = micros.parse().map_err(|_| format!("strange figure: {line}"))?;
        let millis = micros / 1000.0;
        let judged = match () {
            () if FREE.contains(&name) => String::new(),
            () if millis <= TARGET => format!("≤ {TARGET}"),
            () => format!("≤ {TARGET}: **missed**"),
        };
        println!("| {name} | {millis:.1} | {judged} |");
    }
    Ok(())
}
