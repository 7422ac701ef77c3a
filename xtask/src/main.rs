/*! `cargo xtask VERB`: what people and CI run. Cargo is the only build tool. */
#![allow(clippy::print_stderr, reason = "a build tool talks to a person")]

#[cfg(feature = "bench")]
mod bench;

use std::{
    path::Path,
    process::{Command, ExitCode},
};

/// Debian packages that tests run against: a file each brings, and what it is for.
const PACKAGES: &[(&str, &str, &str)] = &[
    ("postgresql", "/usr/lib/postgresql/*/bin/initdb", "a private PostgreSQL server with real ERP databases"),
    ("odbc-postgresql", "odbc/psqlodbcw.so", "PostgreSQL's ODBC driver"),
    ("mariadb-server", "/usr/sbin/mariadbd", "a private MariaDB server"),
    ("odbc-mariadb", "odbc/libmaodbc.so", "MariaDB's ODBC driver"),
    ("libsqliteodbc", "odbc/libsqlite3odbc.so", "SQLite's ODBC driver"),
    ("sqlite3", "/usr/bin/sqlite3", "SQLite's own client"),
    ("python3", "/usr/bin/python3", "independent computations, and a reader that is not ours"),
    ("python3-venv", "/var/lib/dpkg/info/python3-venv.list", "a folder of its own for packages from PyPI"),
    ("odbcinst", "/usr/bin/odbcinst", "registers the drivers in /etc/odbcinst.ini"),
    ("curl", "/usr/bin/curl", "a client of the receiver that is not ours"),
    ("openssl", "/usr/bin/openssl", "certificates and signatures that are not ours"),
    ("libfaketime", "faketime/libfaketime.so.1", "days that have not come yet, for certificates that end"),
    ("softhsm2", "/usr/bin/softhsm2-util", "a PKCS#11 token in software"),
    ("unzip", "/usr/bin/unzip", "a reader of containers that is not ours"),
    ("poppler-utils", "/usr/bin/pdftotext", "a reader of PDF that is not ours"),
    ("chromium", "/usr/bin/chromium", "a browser for the review pages"),
    ("chromium-driver", "/usr/bin/chromedriver", "drives that browser"),
    ("oathtool", "/usr/bin/oathtool", "codes of a second factor that are not ours"),
    ("fonts-wqy-microhei", "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", "a font with Chinese characters, for PDF"),
];

/// Debian packages that only the benchmark runs against.
#[cfg(not(feature = "bench"))]
const PEERS: &[(&str, &str, &str)] = &[
    ("libodbc2", "libodbc.so.2", "what pyodbc, a peer, is linked with"),
    ("ledger", "/usr/bin/ledger", "a peer: balances from a journal in text"),
    ("hledger", "/usr/bin/hledger", "a peer: balances from a journal in text"),
];

const USAGE: &str = "usage: cargo xtask test [ARGS] | bench [--lines N] | bench audit | bench forms | bench receiver\n\n  \
    test    every test of the workspace, with cargo-nextest where present; ARGS go to the test runner\n  \
    bench   times a pull of a made ledger beside a bare fetch and peers; docs/benchmarks.md explains the figures;\n            \
             bench audit times a county's year of audit rules beside vtlengine, bench forms a month of one enterprise;\n            \
             bench receiver puts a bureau's receiver under load over TLS (--store postgres, --objects folder)";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("test") => test(args.collect()),
        #[cfg(feature = "bench")]
        Some("bench") => bench::main(&args.collect::<Vec<_>>()),
        #[cfg(not(feature = "bench"))]
        Some("bench") => bench(args.collect()),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Whether a package's file is there; `*` stands for a version, a path without a root for the loader's folders.
fn present(file: &str) -> bool {
    if let Some((before, after)) = file.split_once('*') {
        let versions = std::fs::read_dir(before).into_iter().flatten();
        return versions.flatten().any(|version| version.path().join(after.trim_start_matches('/')).exists());
    }
    let loader = Path::new("/usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    Path::new("/").join(file).exists() || loader.join(file).exists()
}

/// Installs what is missing of `packages`, and says so.
fn install<'a>(packages: impl IntoIterator<Item = &'a (&'a str, &'a str, &'a str)>) -> bool {
    let missing: Vec<_> = packages.into_iter().filter(|(_, file, _)| !present(file)).collect();
    if missing.is_empty() {
        return true;
    }
    eprintln!("This runs against real servers, drivers and peers. With apt-get, it installs:");
    missing.iter().for_each(|(package, _, reason)| eprintln!("  {package:18}{reason}"));
    let names = missing.iter().map(|(package, ..)| *package).collect::<Vec<_>>().join(" ");
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    // The servers that the packages bring are not started: tests start their own, on free ports, and stop them.
    let script = format!(
        "set -e; export DEBIAN_FRONTEND=noninteractive; apt-get update -q; \
         if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; \
         chmod +x /usr/sbin/policy-rc.d; trap 'rm -f /usr/sbin/policy-rc.d' EXIT; fi; \
         apt-get install -q -y --no-install-recommends {names}"
    );
    let mut command = Command::new(if root { "sh" } else { "sudo" });
    command.args(if root { &["-c"][..] } else { &["sh", "-c"] }).arg(script);
    let done = command.stdout(std::process::Stdio::null()).status().is_ok_and(|status| status.success());
    if !done || missing.iter().any(|(_, file, _)| !present(file)) {
        eprintln!("That did not work. On Debian or Ubuntu, as root: apt-get install {names}");
        return false;
    }
    true
}

/// Builds what the benchmark needs beyond this program, and starts it.
#[cfg(not(feature = "bench"))]
fn bench(args: Vec<String>) -> ExitCode {
    if !install(PACKAGES.iter().chain(PEERS)) {
        return ExitCode::from(3);
    }
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--locked", "--package", "xtask", "--features", "bench", "--", "bench"]);
    match command.args(args).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs all tests; doc tests apart, because nextest does not run them.
fn test(args: Vec<String>) -> ExitCode {
    if !install(PACKAGES) {
        return ExitCode::from(3);
    }
    let nextest = Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|o| o.status.success());
    let runner: &[&str] = match (nextest, std::env::var_os("CI")) {
        (true, Some(_)) => &["nextest", "run", "--profile", "ci"],
        (true, None) => &["nextest", "run"],
        (false, _) => &["test", "--all-targets"],
    };
    let steps: [(&[&str], &[String]); 3] = [
        (&["fmt", "--all", "--check"], &[]),
        (&["clippy", "--workspace", "--all-targets", "--features", "xtask/bench", "--locked", "--", "--deny", "warnings"], &[]),
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
