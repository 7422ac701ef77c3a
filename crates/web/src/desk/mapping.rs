//! The mapping as pages show it: the chart of accounts with what it feeds, and changes that are tried before they are written.

use model::Finding;

use super::Answer;

/// Which book and month; the agent chooses where nobody does.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MappingAsked {
    /// Book id.
    #[serde(default)]
    pub book: String,
    /// Month, `YYYY-MM`.
    #[serde(default)]
    pub period: String,
    /// What accounts and indicators are looked for.
    #[serde(default)]
    pub q: String,
}

/// An indicator that an account reaches.
#[derive(Clone, Debug)]
pub struct Feed {
    /// `form:row`
    pub figure: String,
    /// Its name.
    pub name: String,
}

/// An account of the book.
#[derive(Clone, Debug, Default)]
pub struct AccountView {
    /// Code.
    pub code: String,
    /// Name in the ERP.
    pub name: String,
    /// Machine name of its class; empty where nobody knows it.
    pub class: String,
    /// Account of the standard that it is: code and name; empty where none is.
    pub standard: String,
    /// Accounts of the standard that it may be.
    pub undecided: Vec<String>,
    /// What a person decided, and why.
    pub decided: Option<[String; 2]>,
    /// Opening, debit, credit and closing of the month with all that is below, debit-positive; none where nothing moved.
    pub money: Option<[String; 4]>,
    /// Balance, or movement of the year for profit and loss.
    pub carried: Option<String>,
    /// `named`, `class`, `none` or `nothing`.
    pub reach: &'static str,
    /// Indicators that it reaches.
    pub feeds: Vec<Feed>,
    /// Accounts below it.
    pub children: Vec<AccountView>,
}

/// Rows of a form that have formulas: code and name of the form, then each row's `form:row` and name.
pub type FormRows = (String, String, Vec<[String; 2]>);

/// The chart of accounts and what it feeds.
#[derive(Clone, Debug)]
pub struct ChartView {
    /// Book id.
    pub book: String,
    /// Books that there are.
    pub books: Vec<String>,
    /// Month.
    pub period: String,
    /// Months that are sealed, the newest first.
    pub months: Vec<String>,
    /// Name of the accounting standard.
    pub standard: String,
    /// Accounts with money that reach no indicator, the largest first.
    pub unmapped: Vec<AccountView>,
    /// The chart.
    pub tree: Vec<AccountView>,
    /// Rows whose formula can be changed.
    pub rows: Vec<FormRows>,
    /// What is to be known.
    pub findings: Vec<Finding>,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct EditPlace {
    /// Book id.
    pub book: String,
    /// Month that it is tried on.
    pub period: String,
    /// `form:row`, `@item`, or `account:code`.
    pub what: String,
}

/// A figure now and then.
#[derive(Clone, Debug)]
pub struct MovedView {
    /// Book id.
    pub book: String,
    /// Form code.
    pub form: String,
    /// Row.
    pub cell: String,
    /// Its name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Machine name of the column.
    pub column: String,
    /// Value, in 元, and status now.
    pub before: [String; 3],
    /// Then.
    pub after: [String; 3],
    /// Whether it is another.
    pub other: bool,
    /// Whether it is of what is changed.
    pub own: bool,
}

/// What a change would do.
#[derive(Clone, Debug, Default)]
pub struct TrialView {
    /// As it was typed.
    pub said: String,
    /// Parts of it, and whether something is wrong there.
    pub parts: Vec<(String, bool)>,
    /// Faults, or what is to be known.
    pub findings: Vec<Finding>,
    /// Whether it can be saved.
    pub sound: bool,
    /// Figures.
    pub moved: Vec<MovedView>,
}

/// A change under way.
#[derive(Clone, Debug)]
pub struct EditView {
    /// About what.
    pub place: EditPlace,
    /// Name of the indicator, item or account.
    pub name: String,
    /// What the mapping says now: a formula, or an account of the standard.
    pub now: Option<String>,
    /// What that formula means, in Chinese and in English.
    pub words: [String; 2],
    /// What comes with the program where a layer says something else: formula and place.
    pub original: Option<(String, String)>,
    /// Formulas that show the notation, each with what it means.
    pub examples: Vec<(String, [String; 2])>,
    /// Items that the formula refers to: `@name`, what it is called, and its own formula.
    pub items: Vec<[String; 3]>,
    /// Where that stands.
    pub stands: String,
    /// Why it is so, where the layer says it.
    pub why: Option<String>,
    /// Layer that it goes into.
    pub file: String,
    /// Identity of that layer as it was shown.
    pub digest: String,
    /// Whether that layer is not there yet.
    pub fresh: bool,
    /// Whether this person may save.
    pub may: bool,
    /// The account, where it is about one.
    pub account: Option<AccountView>,
    /// Accounts of the standard: class, code, name.
    pub choices: Vec<[String; 3]>,
    /// Rows that an account could be added to.
    pub rows: Vec<FormRows>,
    /// What was tried.
    pub trial: Option<TrialView>,
}

/// Formulas that somebody pasted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pasted {
    /// Book id.
    pub book: String,
    /// Month.
    pub period: String,
    /// Form that they are of; empty where they become items.
    pub form: String,
    /// Whose way of writing; empty where it is to be found out.
    pub dialect: String,
    /// One a line.
    pub text: String,
}

/// One pasted formula.
#[derive(Clone, Debug)]
pub struct PastedFormula {
    /// What it becomes.
    pub target: String,
    /// In which dialect it was read.
    pub dialect: String,
    /// As it was pasted.
    pub original: String,
    /// What it is in our language; none where it was not understood.
    pub formula: Option<String>,
    /// What the mapping says now.
    pub now: Option<String>,
    /// `understood`, `renamed`, `to-check` or `not-imported`.
    pub result: &'static str,
    /// What there is to say.
    pub findings: Vec<Finding>,
}

/// Pasted formulas, read.
#[derive(Clone, Debug)]
pub struct PastedView {
    /// Books that there are.
    pub books: Vec<String>,
    /// Forms: code and name.
    pub forms: Vec<[String; 2]>,
    /// As it was pasted, with book and month that the agent chose.
    pub pasted: Pasted,
    /// One by one; empty before anything was pasted.
    pub formulas: Vec<PastedFormula>,
    /// What is to be known of all.
    pub findings: Vec<Finding>,
    /// Layer that they go into, and its identity as it was shown.
    pub file: String,
    /// Its identity.
    pub digest: String,
    /// Whether this person may take any.
    pub may: bool,
    /// What those that were chosen would do.
    pub trial: Option<TrialView>,
}

/// The mapping, as pages work on it.
pub trait MappingDesk: Send + Sync + 'static {
    /// The chart of accounts and what it feeds.
    fn chart_view(&self, asked: &MappingAsked) -> Answer<ChartView>;
    /// A change under way: what is said now, and what another saying would do.
    fn edit_view(&self, who: &str, place: &EditPlace, said: Option<&str>) -> Answer<EditView>;
    /// Writes it into the layer that was on the screen.
    fn edit_save(&self, who: &str, place: &EditPlace, said: &str, why: &str, digest: &str) -> Answer<Vec<Finding>>;
    /// Pasted formulas, read; and what the chosen ones would do.
    fn paste_view(&self, who: &str, pasted: &Pasted, chosen: Option<&[usize]>) -> Answer<PastedView>;
    /// Takes the chosen ones into the layer that was on the screen.
    fn paste_take(&self, who: &str, pasted: &Pasted, chosen: &[usize], why: &str, digest: &str) -> Answer<Vec<Finding>>;
}
