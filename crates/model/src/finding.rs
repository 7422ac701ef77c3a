/*! Findings: what is wrong or worth knowing, where, and of what kind; the words are in the message catalogue. */

use std::{borrow::Cow, fmt, io, path::Path};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing; nothing is wrong.
    Note,
    /// To be looked at by a person; the result stands.
    Warning,
    /// The result it concerns is withheld.
    Error,
}

impl Level {
    /// Lower-case English word, as machine formats write it.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// One finding. It carries no sentence: `code` names the entry of the message catalogue (and of `docs/errors/`), `arguments` fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Entry of the catalogue, words joined by hyphens: `voucher-unbalanced`.
    pub code: Cow<'static, str>,
    /// How much it weighs.
    pub level: Level,
    /// Where, outermost first, empty when it concerns everything: `mappings/x.toml:12:5`, `book hz, 2025-01, voucher 17`.
    pub place: String,
    /// Values the catalogue's sentence names in braces.
    pub arguments: Vec<(Cow<'static, str>, String)>,
}

impl Finding {
    /// A finding without place and arguments.
    pub fn new(level: Level, code: &'static str) -> Finding {
        Finding { code: code.into(), level, place: String::new(), arguments: Vec::new() }
    }

    /// An error.
    pub fn error(code: &'static str) -> Finding {
        Finding::new(Level::Error, code)
    }

    /// A warning.
    pub fn warning(code: &'static str) -> Finding {
        Finding::new(Level::Warning, code)
    }

    /// A note.
    pub fn note(code: &'static str) -> Finding {
        Finding::new(Level::Note, code)
    }

    /// What the system said about a file.
    pub fn io(path: &Path, error: &io::Error) -> Finding {
        use io::ErrorKind as Kind;
        let finding = match error.kind() {
            // A limit on the size of files (ulimit -f) leaves as little room as a full disk.
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Finding::error("disk-full"),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Finding::error("file-forbidden"),
            Kind::NotFound => Finding::error("file-missing"),
            _ => Finding::error("file-refused"),
        };
        finding.at(path.display().to_string()).with("reason", error)
    }

    /// The same finding at `place`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Finding {
        self.place = place.into();
        self
    }

    /// The same finding with one more argument.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Finding {
        self.arguments.push((name.into(), value.to_string()));
        self
    }
}

/// For logs and tests; people read the catalogue's sentence.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.place.is_empty() {
            write!(f, " at {}", self.place)?;
        }
        for (name, value) in &self.arguments {
            write!(f, ", {name} {value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Finding {}
