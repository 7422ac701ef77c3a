/*! Problems in words, and what becomes of errors on the way to an agent. */

use exchange::Problem;
use model::Finding;
use ui::Lang;

use crate::store::StoreError;

/// The same problem with its sentence in Chinese and English.
pub fn worded(problem: Problem) -> Problem {
    let values: Vec<(&String, &String)> = problem.arguments.iter().collect();
    let sentence = |lang| ui::text(lang, &problem.code, &values);
    Problem { title: format!("{} · {}", sentence(Lang::Zh), sentence(Lang::En)), ..problem }
}

/// A finding as a problem.
pub fn of(status: u16, finding: &Finding) -> Problem {
    let problem = Problem::new(status, &finding.code);
    finding.arguments.iter().fold(problem, |problem, (name, value)| problem.with(name, value))
}

/// A problem as a finding, for verbs that do what the API does.
pub fn finding(problem: Problem) -> Finding {
    let arguments = problem.arguments.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Finding { code: problem.code.into(), level: model::Level::Error, place: String::new(), arguments }
}

impl From<StoreError> for Unwritten {
    fn from(error: StoreError) -> Unwritten {
        Unwritten(error.to_string())
    }
}

/// The state could not be asked or written: the agent comes again.
pub struct Unwritten(pub String);

impl From<Unwritten> for Problem {
    fn from(why: Unwritten) -> Problem {
        // What exactly is wrong with the disk is for the receiver's own log, and for nobody else.
        eprint_line(&why.0);
        Problem::new(503, "receiver-unwritable")
    }
}

/// A line for whoever runs the receiver.
pub fn eprint_line(text: &str) {
    use std::io::Write;
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
