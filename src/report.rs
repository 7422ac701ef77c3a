/*! What a verb tells a person: findings in their language, and the exit code that says of what kind they are. */

use std::io::{Write, stderr};

use model::{Finding, Level};
use ui::Lang;

/// What stopped a verb.
#[derive(Debug)]
pub struct Failure {
    /// Exit code: 1 findings that block the result, 2 wrong usage or configuration, 3 a source could not be reached.
    pub exit: u8,
    /// Why, all at once.
    pub findings: Vec<Finding>,
}

impl Failure {
    /// Findings that block the result.
    pub fn findings(findings: Vec<Finding>) -> Failure {
        Failure { exit: 1, findings }
    }

    /// Wrong usage or configuration.
    pub fn config(finding: Finding) -> Failure {
        Failure { exit: 2, findings: vec![finding] }
    }

    /// A source could not be reached, or the state not be written.
    pub fn source(finding: Finding) -> Failure {
        Failure { exit: 3, findings: vec![finding] }
    }
}

impl From<journal::SealError> for Failure {
    fn from(error: journal::SealError) -> Failure {
        match error {
            journal::SealError::NoColumn { column } => {
                Failure::config(Finding::error("column-missing").with("extract", "entries").with("column", column))
            }
            journal::SealError::Damaged { path, reason } => {
                Failure::source(Finding::error("file-damaged").at(path.display().to_string()).with("reason", reason))
            }
            journal::SealError::Io { path, source } => Failure::source(Finding::io(&path, &source)),
            journal::SealError::TooLarge { account, period } => {
                Failure::findings(vec![Finding::error("amount-too-large").at(period.to_string()).with("account", account)])
            }
        }
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Failure {
        use store::StoreError as E;
        let refusal = error.refusal();
        match error {
            E::Io { path, source } => Failure::source(Finding::io(&path, &source)),
            E::Sqlite { path, source } => Failure::source(match refusal {
                Some(kind) => Finding::io(&path, &std::io::Error::new(kind, source)),
                None => Finding::error("state-refused").at(path.display().to_string()).with("reason", source),
            }),
            E::Damaged { path, reason } => {
                Failure::source(Finding::error("file-damaged").at(path.display().to_string()).with("reason", reason))
            }
            E::Newer { path, found } => {
                Failure::config(Finding::error("state-newer").at(path.display().to_string()).with("version", found))
            }
            E::Locked { book } => Failure::source(Finding::error("book-locked").at(format!("book {book}")).with("book", book)),
        }
    }
}

/// Writes findings to stderr, the gravest last, where a person looks first.
pub fn tell(lang: Lang, findings: &[Finding]) {
    // A build and the draft it made may say the same.
    let mut sorted: Vec<&Finding> = Vec::new();
    for finding in findings {
        if !sorted.contains(&finding) {
            sorted.push(finding);
        }
    }
    sorted.sort_by_key(|finding| finding.level);
    let mut out = stderr().lock();
    let mut told: Vec<&Finding> = Vec::new();
    for finding in &sorted {
        if told.contains(finding) {
            continue;
        }
        let kind = |other: &&Finding| other.level == finding.level && other.code == finding.code;
        let alike: Vec<&Finding> = sorted.iter().copied().filter(kind).collect();
        let same: Vec<&Finding> = alike.iter().copied().filter(|other| other.arguments == finding.arguments).collect();
        let text = if same.len() > 1 {
            // What is true of many places is told once.
            let places: Vec<&str> = same.iter().skip(1).map(|other| other.place.as_str()).collect();
            let others = [("count", places.len().to_string()), ("places", places.join("; "))];
            format!("{}\n    {}", sentence(lang, finding), ui::text(lang, "label-also-at", &others))
        } else if finding.level == Level::Note && alike.len() > NOTES_ALIKE {
            // Notes of one kind that say different things share their name and their hint.
            let own = advice(lang, finding);
            let rest = alike.iter().copied().filter(|other| !told.contains(other) && advice(lang, other) == own);
            let rest: Vec<&Finding> = rest.collect();
            let lines = rest.iter().skip(1).map(|other| format!("\n    {}", short(lang, other)));
            let text = format!("{}{}{own}", head(lang, finding), lines.collect::<String>());
            told.extend(rest);
            text
        } else {
            sentence(lang, finding)
        };
        told.extend(same);
        // Nobody is left to tell when stderr is gone; the exit code still speaks.
        let _ = writeln!(out, "{text}");
    }
}

/// Notes of one code that are told one by one.
const NOTES_ALIKE: usize = 2;

/// What is worth telling beside a result that a person asked for: not the notes, which stand in the draft itself.
pub fn grave(findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|finding| finding.level > Level::Note).collect()
}

/// One finding as a person reads it: level, code, place, sentence, and what to do on a line of its own.
pub fn sentence(lang: Lang, finding: &Finding) -> String {
    head(lang, finding) + &advice(lang, finding)
}

/// Place and sentence.
fn short(lang: Lang, finding: &Finding) -> String {
    let gap = if finding.place.is_empty() { "" } else { ": " };
    format!("{}{gap}{}", finding.place, ui::text(lang, &finding.code, &finding.arguments))
}

/// Level and code before place and sentence.
fn head(lang: Lang, finding: &Finding) -> String {
    ui::head(lang, finding.level.name(), &finding.code, &finding.place, &finding.arguments)
}

/// What to do, on a line of its own.
fn advice(lang: Lang, finding: &Finding) -> String {
    ui::advice(lang, &finding.code, &finding.arguments)
}

/// Whether any finding is an error.
pub fn blocked(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.level == Level::Error)
}
