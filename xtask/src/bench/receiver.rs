/*!
`cargo xtask bench receiver`: a receiver's program under load over TLS, with the load generator on the same cores.

Packages of a typical size are verified, audited and durably receipted. What is measured: the maximum, the delay at a part of it when packages come whether
they are answered or not, a burst of units that all come at once, and what a package costs beside many stored units.
*/

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::seconds;

/// Stored units beside which a package is timed.
const STORED: [&str; 3] = ["1000", "10000", "100000"];

/// What is wanted: name of the measurement, bound, and whether the figure must be at least or at most that.
const TARGETS: [(&str, u64, bool); 2] = [("maximum", 500, true), ("open_p99", 500, false)];

/// Builds both programs, runs the bench and prints its table with the targets.
pub fn main(words: &[String]) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    for what in [&["--bin", "taizhang-bureau"], &["--example", "receiver_bench"]] {
        eprintln!("cargo build --release {}", what.join(" "));
        let mut build = Command::new("cargo");
        build.current_dir(root).args(["build", "--release", "--quiet", "--locked", "--package", "taizhang-bureau"]).args(what);
        if !build.status().is_ok_and(|status| status.success()) {
            return Err("the program does not build".to_owned());
        }
    }
    let begun = std::time::Instant::now();
    let out = Command::new(target.join("release/examples/receiver_bench"))
        .arg(target.join("release/taizhang-bureau"))
        .args(words)
        .args(STORED)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("receiver_bench: {error}"))?;
    let text = String::from_utf8(out.stdout).map_err(|error| error.to_string())?;
    let mut missed = false;
    for line in text.lines() {
        let mut parts = line.splitn(3, ' ');
        let (name, value, unit) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let target = TARGETS.iter().find(|(known, ..)| *known == name).map(|(_, bound, least)| {
            let met = value.parse::<u64>().is_ok_and(|value| if *least { value >= *bound } else { value <= *bound });
            missed |= !met;
            let sign = if *least { "≥" } else { "≤" };
            format!("  {sign} {bound}: {}", if met { "met" } else { "missed" })
        });
        println!("{name:16} {value:>10} {unit}{}", target.unwrap_or_default());
    }
    println!("took {}", seconds(begun.elapsed()));
    if !out.status.success() {
        return Err("the bench ended early: what was printed last is where".to_owned());
    }
    if missed { Err("a target was missed".to_owned()) } else { Ok(()) }
}
