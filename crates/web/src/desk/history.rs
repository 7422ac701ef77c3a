//! What became another: operations, versions of a draft, seals of a period.

use super::{Answer, Operation, Place};

/// One thing that an operation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Name of its label.
    pub label: &'static str,
    /// What.
    pub said: Shown,
}

/// How something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A name or a number.
    Data(String),
    /// What somebody wrote: it stays in the language it was written in.
    Text(String),
    /// Name of the label that says it.
    Word(String),
    /// A digest, of which people read the first digits.
    Digest(String),
    /// That it is so.
    Yes,
}

/// Which operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Form code; empty is all.
    pub form: String,
    /// Month, `YYYY-MM`; empty is all.
    pub period: String,
    /// Id of a person; empty is all.
    pub person: String,
    /// What was done; empty is all.
    pub act: String,
    /// With a number below this one.
    pub before: Option<i64>,
}

/// Operations, and what can be asked for.
#[derive(Clone, Debug)]
pub struct History {
    /// The newest first.
    pub operations: Vec<Operation>,
    /// Where the next page begins; none where there is no more.
    pub next: Option<i64>,
    /// Form codes.
    pub forms: Vec<String>,
    /// Everybody who is in the log: id and name.
    pub people: Vec<(String, String)>,
    /// Everything that was done.
    pub acts: Vec<String>,
}

/// A version of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptVersion {
    /// From 1.
    pub number: i64,
    /// Month.
    pub period: String,
    /// SHA-256 of it.
    pub digest: String,
    /// When it was built, RFC 3339 or as people read it.
    pub at: String,
    /// The last state it came to.
    pub state: String,
    /// Name of who built it; empty where nobody asked.
    pub who: String,
    /// Why it is another than the one before: names of labels, each with what it is about.
    pub why: Vec<(String, String)>,
    /// What people did since the one before.
    pub acts: Vec<VersionAct>,
}

/// An act between two versions of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionAct {
    /// When.
    pub at: String,
    /// Name of who did it.
    pub who: String,
    /// What, as the log names it.
    pub what: String,
    /// Figures, rules or kinds that it is about.
    pub about: String,
    /// Why, where it says so.
    pub why: String,
}

/// A figure of two drafts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Indicator id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Column, by its machine name.
    pub column: String,
    /// What was reported.
    pub old: Option<String>,
    /// What is.
    pub new: Option<String>,
    /// By how much it is another, where both are numbers.
    pub difference: Option<String>,
    /// The same in percent of what was.
    pub percent: Option<String>,
}

/// A sealed period that two drafts stand on differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The period.
    pub period: String,
    /// Root of the book's seal before; empty where there was none.
    pub old: String,
    /// The same now.
    pub new: String,
    /// Whether measures are others, too.
    pub measures: bool,
}

/// Two drafts side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The older one.
    pub old: KeptVersion,
    /// The newer one.
    pub new: KeptVersion,
    /// Figures that are others, in the form's order.
    pub changed: Vec<Compared>,
    /// Figures that are the same.
    pub same: Vec<Compared>,
    /// What else is another: name of its label, before, now.
    pub facts: Vec<(String, String, String)>,
    /// Months that were sealed anew between them.
    pub moved: Vec<Moved>,
}

/// Versions of a draft, and two of them compared.
#[derive(Clone, Debug)]
pub struct Versions {
    /// Name of the form.
    pub name: String,
    /// Every version, the newest first.
    pub versions: Vec<KeptVersion>,
    /// Two of them; none where there is one alone.
    pub comparison: Option<Comparison>,
}

/// A period that was sealed more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealed {
    /// The period.
    pub period: String,
    /// Its seals, the newest first: root, when.
    pub seals: Vec<(String, String)>,
}

/// A line of a voucher that was there before, or is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedLine {
    /// Whether it is there now.
    pub added: bool,
    /// Account code and name.
    pub account: [String; 2],
    /// Day.
    pub date: String,
    /// Summary (摘要).
    pub summary: String,
    /// Party (往来单位).
    pub party: String,
    /// Debit.
    pub debit: String,
    /// Credit.
    pub credit: String,
}

/// A voucher that is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedVoucher {
    /// `changed`, `added`, `removed` or `renumbered`.
    pub how: &'static str,
    /// Its number; of those that have another number, both.
    pub number: String,
    /// Its lines: of a changed one those that differ.
    pub lines: Vec<ChangedLine>,
    /// What the lines add: debit, credit; before and now.
    pub totals: [[String; 2]; 2],
}

/// What changed between two seals of a period.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Book id.
    pub book: String,
    /// The period.
    pub period: String,
    /// The older seal: root, when; none where it was sealed once.
    pub old: Option<(String, String)>,
    /// The newer seal.
    pub new: (String, String),
    /// Every seal of the period, the newest first.
    pub seals: Vec<(String, String)>,
    /// Vouchers, at most [`MOST_VOUCHERS`].
    pub vouchers: Vec<ChangedVoucher>,
    /// How many there are in all.
    pub count: usize,
    /// Drafts that stand on it and are others by it: where they are, and their cells.
    pub drafts: Vec<(Place, Vec<String>)>,
}

/// Vouchers of a page of changes.
pub const MOST_VOUCHERS: usize = 200;

/// What history pages ask.
pub trait HistoryDesk: Send + Sync + 'static {
    /// Operations.
    fn history(&self, wanted: &Wanted, most: usize) -> Answer<History>;
    /// Versions of a draft, two of them compared: the numbers, or the newest and the one before.
    fn versions(&self, place: &Place, two: [Option<i64>; 2]) -> Answer<Versions>;
    /// Periods of a book that were sealed more than once, the newest first.
    fn resealed(&self, book: &str) -> Answer<Vec<Resealed>>;
    /// What changed between two seals of a period, by their roots, or by the last change.
    fn changes(&self, book: &str, period: &str, roots: Option<[String; 2]>) -> Answer<Changes>;
}
