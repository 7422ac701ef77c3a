/*! `cargo xtask VERB`: what people and CI run. Cargo is the only build tool. */
#![allow(clippy::print_stderr, reason = "a build tool talks to a person")]

use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask test [ARGS]\n\n  test    every test of the workspace, with cargo-nextest where present; ARGS go to the test runner";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("test") => test(args.collect()),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Runs all tests; doc tests apart, because nextest does not run them.
fn test(args: Vec<String>) -> ExitCode {
    let nextest = Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|o| o.status.success());
    let runner: &[&str] = if nextest { &["nextest", "run"] } else { &["test", "--all-targets"] };
    let steps: [(&[&str], &[String]); 3] = [
        (&["fmt", "--all", "--check"], &[]),
        (&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"], &[]),
        (&[runner, &["--workspace", "--locked"]].concat(), &args),
    ];
    for (step, extra) in steps {
        eprintln!("cargo {}", step.join(" "));
        match Command::new("cargo").args(step).args(extra).status() {
            Ok(status) if status.success() => {}
            Ok(_) => return ExitCode::from(1),
            Err(error) => {
                eprintln!("cargo could not be started: {error}");
                return ExitCode::from(3);
            }
        }
    }
    ExitCode::SUCCESS
}
