/*! `taizhang-bureau`: exit 0 done, 1 findings that block the result, 2 wrong usage or configuration, 3 the state could not be reached. */

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let (exit, lang, findings) = bureau::cli::run(bureau::cli::Args::parse());
    bureau::failure::tell(lang, &findings);
    ExitCode::from(exit)
}
