/*! `taizhang-bureau`: exit 0 done, 1 findings that block the result, 2 wrong usage or configuration, 3 the state could not be reached. */

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match bureau::cli::Args::of_process() {
        Ok(args) => args,
        Err(exit) => return ExitCode::from(exit),
    };
    let (exit, lang, findings) = bureau::cli::run(args);
    bureau::failure::tell(lang, &findings);
    ExitCode::from(exit)
}
