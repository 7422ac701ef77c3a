//! What was filed at the portal (平台值), as pages ask for it.

use model::Finding;
use survey::document::Draft;

use super::{Answer, DraftView, Paper, Place};

/// A version of a draft.
#[derive(Clone, Debug)]
pub struct FiledVersion {
    /// Its number.
    pub version: i64,
    /// Its state.
    pub state: String,
    /// SHA-256 of its text.
    pub digest: String,
    /// What it says.
    pub draft: Draft,
}

/// A figure that was filed.
#[derive(Clone, Debug)]
pub struct FiledFigure {
    /// Indicator id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Machine name of the column.
    pub column: String,
    /// What the draft reports there.
    pub ours: Option<String>,
    /// What was filed.
    pub filed: String,
    /// Filed less ours, where both are numbers.
    pub apart: Option<String>,
    /// Whether they are the same.
    pub same: bool,
    /// Where it was read: file and cell.
    pub place: String,
    /// Who loaded it.
    pub by: String,
}

/// What was filed of a draft.
#[derive(Clone, Debug)]
pub struct Filed {
    /// The newest draft.
    pub view: DraftView,
    /// The version that was signed last; else the newest.
    pub against: FiledVersion,
    /// Whether somebody signed that version.
    pub signed: bool,
    /// Figures.
    pub figures: Vec<FiledFigure>,
}

/// Figures that are to be taken back as filed.
#[derive(Clone, Debug)]
pub struct Filing {
    /// Of which draft.
    pub place: Place,
    /// Machine name of the column that was pasted; of a file, what headings that say a month alone mean.
    pub column: String,
    /// What was pasted, one figure on a line.
    pub text: String,
    /// The portal's export.
    pub paper: Option<Paper>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct FiledNow {
    /// For each month how many figures there were, and how many of them said something new.
    pub months: Vec<(String, usize, usize)>,
    /// What is to be said about them.
    pub findings: Vec<Finding>,
}

/// What was filed at the portal.
pub trait FiledDesk: Send + Sync + 'static {
    /// What was filed beside what was signed.
    fn filed(&self, place: &Place) -> Answer<Filed>;
    /// Takes figures back as filed.
    fn file(&self, who: &str, filing: &Filing) -> Answer<FiledNow>;
    /// Takes out what should not have been loaded: all of the month, or one row of it.
    fn unfile(&self, who: &str, place: &Place, row: &str, reason: &str) -> Answer<()>;
}
