/*!
The agent: `taizhang balances` is its first verb.

stdout carries results only. Exit 0 done, 1 findings that block the result, 2 wrong usage or configuration, 3 a source could not be
reached.
*/

mod balances;
mod config;

use std::{
    io::{Write, stderr, stdin, stdout},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "taizhang", version, about = "电子统计台账 Electronic statistical ledger beside the ERP")]
struct Cli {
    /// Configuration file
    #[arg(short, default_value = "agent.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// 科目余额表 Trial balance of a book and period, read from its source (CSV, debit-positive)
    Balances {
        /// Book id from the configuration
        #[arg(long)]
        book: String,
        /// YYYY-MM, or YYYY-MM+adj for its adjustment periods alone
        #[arg(long)]
        period: model::Period,
        /// Output format
        #[arg(long, default_value = "csv", value_parser = ["csv"])]
        format: String,
    },
    /// The built-in reader, started by the agent itself: request on stdin, Arrow IPC on stdout
    #[command(hide = true)]
    Reader,
}

/// What stopped a verb, and the exit code that says of what kind it is.
struct Stop {
    code: u8,
    message: String,
}

impl Stop {
    fn finding(error: impl std::fmt::Display) -> Stop {
        Stop { code: 1, message: error.to_string() }
    }

    fn config(error: impl std::fmt::Display) -> Stop {
        Stop { code: 2, message: error.to_string() }
    }

    fn source(error: impl std::fmt::Display) -> Stop {
        Stop { code: 3, message: error.to_string() }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb {
        Verb::Balances { book, period, .. } => balances::run(&cli.config, &book, period, stdout().lock()),
        Verb::Reader => reader::serve(stdin().lock(), stdout().lock()).map_err(Stop::source),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            // Nobody is left to tell when stderr is gone; the exit code still speaks.
            let _ = writeln!(stderr(), "taizhang: {}", stop.message);
            ExitCode::from(stop.code)
        }
    }
}
