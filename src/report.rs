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
            journal::SealError::Io { path, source } => Failure::source(io(&path, &source)),
        }
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Failure {
        use store::StoreError as E;
        let refusal = error.refusal();
        match error {
            E::Io { path, source } => Failure::source(io(&path, &source)),
            E::Sqlite { path, source } => {
                let code = refusal.map_or("state-refused", refused);
                Failure::source(Finding::error(code).at(path.display().to_string()).with("reason", source))
            }
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

/// What the system said about a file.
pub fn io(path: &std::path::Path, error: &std::io::Error) -> Finding {
    Finding::error(refused(error.kind())).at(path.display().to_string()).with("reason", error)
}

fn refused(kind: std::io::ErrorKind) -> &'static str {
    use std::io::ErrorKind as Kind;
    match kind {
        // A limit on the size of files (ulimit -f) leaves as little room as a full disk.
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => "disk-full",
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => "file-forbidden",
        Kind::NotFound => "file-missing",
        _ => "file-refused",
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
    let mut told: Vec<&str> = Vec::new();
    for finding in &sorted {
        let same: Vec<&str> = sorted
            .iter()
            .filter(|other| other.level == Level::Note && other.code == finding.code)
            .map(|f| f.place.as_str())
            .collect();
        if told.contains(&&*finding.code) && finding.level == Level::Note && same.len() > NOTES_ALIKE {
            continue;
        }
        told.push(&finding.code);
        let mut text = sentence(lang, finding);
        // A note that is true of many places is told once.
        if finding.level == Level::Note && same.len() > NOTES_ALIKE {
            let others = [("count", (same.len() - 1).to_string()), ("places", same[1..].join("; "))];
            text.push_str(&format!("\n    {}", ui::text(lang, "label-also-at", &others)));
        }
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
    let level = match finding.level {
        Level::Note => "level-note",
        Level::Warning => "level-warning",
        Level::Error => "level-error",
    };
    let none: [(&str, &str); 0] = [];
    let mut text = format!("{}[{}]", ui::text(lang, level, &none), finding.code);
    if !finding.place.is_empty() {
        text.push_str(&format!(" {}", finding.place));
    }
    text.push_str(": ");
    text.push_str(&ui::text(lang, &finding.code, &finding.arguments));
    if let Some(hint) = ui::hint(lang, &finding.code, &finding.arguments) {
        text.push_str(&format!("\n    {}{hint}", ui::text(lang, "label-hint", &none)));
    }
    text
}

/// Whether any finding is an error.
pub fn blocked(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.level == Level::Error)
}
