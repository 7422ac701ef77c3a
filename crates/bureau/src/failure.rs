/*! What a verb tells a person: findings in their language, and the exit code that says of what kind they are. */

use std::{fs, io::Write, path::Path};

use model::Finding;
use ui::Lang;

use crate::store::StoreError;

/// A file of the bureau's own beside its configuration: what it is called in findings, and its text; nothing where there is none.
pub fn own_file(folder: &Path, name: &str) -> Result<Option<(String, String)>, Failure> {
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path.display().to_string(), text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::config(Finding::io(&path, &error))),
    }
}

/// What stopped a verb.
#[derive(Debug)]
pub struct Failure {
    /// Exit code: 1 findings that block the result, 2 wrong usage or configuration, 3 the state or a peer could not be reached.
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

    /// The state or a peer could not be reached.
    pub fn source(finding: Finding) -> Failure {
        Failure { exit: 3, findings: vec![finding] }
    }
}

impl From<Finding> for Failure {
    fn from(finding: Finding) -> Failure {
        Failure::findings(vec![finding])
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Io { path, source } => Failure::source(Finding::io(&path, &source)),
            StoreError::Database { place, source } if source.is_full() => {
                let full = std::io::Error::new(std::io::ErrorKind::StorageFull, source.to_string());
                Failure::source(Finding::io(std::path::Path::new(&place), &full))
            }
            StoreError::Database { place, source } => {
                Failure::source(Finding::error("state-refused").at(place).with("reason", source))
            }
            StoreError::Damaged { place, reason } => {
                Failure::source(Finding::error("file-damaged").at(place).with("reason", reason))
            }
            StoreError::Objects { place, reason } => {
                Failure::source(Finding::error("objects-refused").at(place).with("reason", reason))
            }
            StoreError::Archived { place } => Failure::source(Finding::error("object-archived").at(place)),
            StoreError::Unsigned { finding } => Failure::source(finding),
            StoreError::Newer { place, found } => Failure::config(Finding::error("state-newer").at(place).with("version", found)),
            StoreError::Older { place, found } => {
                let finding = Finding::error("bureau-state-older").at(place).with("version", found);
                Failure::config(finding.with("now", crate::sql::SCHEMA_VERSION))
            }
            StoreError::Unmigrated { place, found } => {
                let finding = Finding::error("store-unmigrated").at(place).with("version", found);
                Failure::config(finding.with("now", crate::sql::SCHEMA_VERSION))
            }
        }
    }
}

/// One finding as a person reads it.
pub fn sentence(lang: Lang, finding: &Finding) -> String {
    let arguments = &finding.arguments;
    ui::head(lang, finding.level.name(), &finding.code, &finding.place, arguments) + &ui::advice(lang, &finding.code, arguments)
}

/// Writes findings to stderr, the gravest last.
pub fn tell(lang: Lang, findings: &[Finding]) {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.level);
    let mut out = std::io::stderr().lock();
    for finding in sorted {
        // Nobody is left to tell when stderr is gone; the exit code still speaks.
        let _ = writeln!(out, "{}", sentence(lang, finding));
    }
}
