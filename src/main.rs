/*!
The agent: one binary with a verb for everything that people and schedules do.

stdout carries results only. Exit 0 done, 1 findings that block the result, 2 wrong usage or configuration, 3 a source or the state could
not be reached.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod acts;
mod archive;
mod audit;
mod books;
mod build;
mod changes;
mod cli;
mod compare;
mod config;
mod custody;
mod deeds;
mod delivery;
mod desk;
mod detect;
mod due;
mod evidence;
mod exam;
mod form_sheet;
mod forms;
mod fresh;
mod knowledge;
mod ledger;
mod loading;
mod mapping;
mod measures;
mod output;
mod package;
mod packet;
mod packs;
mod pages;
mod password;
mod plain;
mod print;
mod pull;
mod report;
mod reported;
mod retyped;
mod sandbox;
mod sheet;
mod signature;
mod signing;
mod signoff;
mod source;
mod stale;
mod submission;
mod then;
mod times;
mod touched;
mod under_way;
mod unposted;
mod zipped;

use std::{
    io::{Write, stderr, stdin, stdout},
    process::{Command, ExitCode},
};

/// Where a reader's rows go: stdout as it is, because its own lock looks for line ends in what it is given.
#[cfg(unix)]
fn rows() -> impl Write {
    use std::os::fd::AsFd;
    let own = stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    let rows: Box<dyn Write> = match own {
        Ok(file) => Box::new(file),
        Err(_) => Box::new(stdout().lock()),
    };
    rows
}

#[cfg(not(unix))]
fn rows() -> impl Write {
    stdout().lock()
}

/// This program started as a reader once more, for what a reader can read at the same time.
fn second() -> Option<Command> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.arg("reader");
    Some(command)
}

fn main() -> ExitCode {
    times::done("begin");
    let args = match cli::Args::read() {
        Ok(args) => args,
        Err(exit) => return ExitCode::from(exit),
    };
    if let cli::Verb::Reader = args.verb {
        reader::end_with_parent();
        return match reader::serve(stdin().lock(), rows(), stderr().lock(), second()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => {
                // Nobody is left to tell when stderr is gone; the exit code still speaks.
                let _ = writeln!(stderr(), "{}", fault.line());
                ExitCode::from(fault.kind.exit())
            }
        };
    }
    let lang = args.lang();
    let (exit, findings) = match cli::run(args) {
        Ok(findings) => (0, findings),
        Err(failure) => (failure.exit, failure.findings),
    };
    times::done("result");
    report::tell(lang, &findings);
    times::done("findings");
    ExitCode::from(exit)
}
