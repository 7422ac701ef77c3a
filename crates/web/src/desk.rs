/*!
What pages ask of the agent. The agent implements [`Desk`]; pages know no file, no database and no ERP.

Every act carries who acts and the digest of what was on the screen: an act on something that has changed meanwhile is refused by the agent, so
that of two people who work at once neither loses anything.
*/

mod deeds;
mod exam;
mod figure;
mod filed;
mod history;
mod mapping;
mod sheets;
mod signoff;

pub use gate::{Account, Answer, Kind, Paper, Refusal};
use model::{Finding, Period};
use survey::document::{Cell, Column, Draft};
use ui::Lang;

pub use deeds::*;
pub use exam::*;
pub use figure::*;
pub use filed::*;
pub use history::*;
pub use mapping::*;
pub use sheets::*;
pub use signoff::*;

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Id in the configuration.
    pub id: String,
    /// Name.
    pub name: String,
    /// `preparer`, `statistician`, `finance`, `head`, `contributor`.
    pub roles: Vec<String>,
    /// Whether the person answers for the forms; people of departments see their own sheets alone.
    pub office: bool,
}

/// Which draft.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Place {
    /// Book id.
    pub book: String,
    /// Form code.
    pub form: String,
    /// Month, `YYYY-MM`.
    pub period: String,
}

/// Which figure of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigurePlace {
    /// Of which draft.
    pub draft: Place,
    /// Indicator id.
    pub cell: String,
    /// Column, by its machine name.
    pub column: String,
}

/// A report that is due, or was.
#[derive(Clone, Debug)]
pub struct Due {
    /// Where its draft is or will be.
    pub place: Place,
    /// Name of the form.
    pub name: String,
    /// The day until which the enterprise reports, `YYYY-MM-DD`.
    pub date: String,
    /// Days left; negative when it is past.
    pub left: i32,
    /// `not_built`, `built`, `in_review` … `delivered`.
    pub state: String,
    /// What it stands on and has changed, by the codes of the findings that say so.
    pub stale: Vec<&'static str>,
    /// Whether the books have been read that far.
    pub reached: bool,
    /// Mandatory rules that are not met, and rules that ask for an explanation.
    pub open: [usize; 2],
    /// How often its package was tried, while it is on its way.
    pub tries: u64,
    /// What is to be done next.
    pub next: Next,
}

/// Whether a book can be read, and how far it is sealed.
#[derive(Clone, Debug)]
pub struct Source {
    /// Book id.
    pub book: String,
    /// Name in the ERP.
    pub name: String,
    /// Last sealed month; empty where nothing is sealed.
    pub sealed: String,
    /// When it was last read, RFC 3339.
    pub read: String,
}

/// The first page.
#[derive(Clone, Debug)]
pub struct Home {
    /// The day it is for.
    pub today: String,
    /// Reports around today, the most urgent first.
    pub due: Vec<Due>,
    /// What changed: of the books, the mapping, the outbox.
    pub news: Vec<Finding>,
    /// Sources.
    pub sources: Vec<Source>,
    /// Months that are not reported.
    pub exempt: Vec<Exempt>,
    /// Whether everything that is late is here, however old.
    pub all: bool,
}

/// A month of a form that is not reported.
#[derive(Clone, Debug)]
pub struct Exempt {
    /// Where its draft is or would be.
    pub place: Place,
    /// State of its draft; it may be built and kept.
    pub state: String,
    /// The month with which it is reported together; empty where there is none.
    pub with: String,
    /// Whether the books have been read that far.
    pub reached: bool,
}

/// A draft as it is kept.
#[derive(Clone, Debug)]
pub struct DraftView {
    /// The draft.
    pub draft: Draft,
    /// Its version, from 1.
    pub version: i64,
    /// Its state.
    pub state: String,
    /// SHA-256 of what is kept, in hex: what people approve.
    pub digest: String,
    /// Whether what it stands on is another by now.
    pub stale: bool,
    /// What it stands on and has changed since, and what holds it up.
    pub findings: Vec<Finding>,
    /// Where the draft of the month before is, if there is one.
    pub before: Option<Place>,
}

/// A formula as a tree of values.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its text.
    pub text: String,
    /// Its value in 元, or none.
    pub value: Option<String>,
    /// Why there is none.
    pub gap: Option<Finding>,
    /// The answer of the books that it is, by index into [`Figure::answers`].
    pub answer: Option<usize>,
    /// What it was made from.
    pub children: Vec<Node>,
}

/// What one account gives to an answer.
#[derive(Clone, Debug)]
pub struct Part {
    /// Account code, or the item of a measure.
    pub account: String,
    /// Its name.
    pub name: String,
    /// The standard's account that it is: code and name; empty where none is known.
    pub standard: String,
    /// What it gives.
    pub amount: String,
    /// The same by sealed period, the newest first.
    pub periods: Vec<(Period, String)>,
    /// The first lines of the newest period that has any, so that a voucher is one click away.
    pub first: Option<(Period, Vec<Line>)>,
}

/// One answer of the books: a function of the formula.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The function.
    pub text: String,
    /// Its value.
    pub value: String,
    /// What each account gives.
    pub parts: Vec<Part>,
    /// Whether it comes from measures and not from entry lines.
    pub measured: bool,
    /// Rows of measures: headings are the machine names of columns.
    pub rows: Vec<Vec<String>>,
}

/// A month of a series, in the form's unit.
#[derive(Clone, Debug)]
pub struct SeriesPoint {
    /// Month.
    pub month: String,
    /// What is reported of it.
    pub value: Option<String>,
    /// The same a year before.
    pub before: Option<String>,
    /// Whether nobody reported it: it was computed from the books by the present mapping.
    pub computed: bool,
}

/// A figure over some months.
#[derive(Clone, Debug)]
pub struct SeriesView {
    /// Column, by its machine name.
    pub column: String,
    /// Months, the oldest first.
    pub points: Vec<SeriesPoint>,
    /// Where most of the unit's own months lie.
    pub band: Option<Band>,
}

/// Where most of a unit's own months lie: the line beyond which the quality screens ask somebody to look. It says nothing of what is right.
#[derive(Clone, Debug)]
pub struct Band {
    /// From.
    pub low: model::Amount,
    /// To.
    pub high: model::Amount,
    /// How many times the spread of the months it is wide.
    pub most: String,
    /// Months that it is made of.
    pub months: usize,
}

/// A figure with what it is made of.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The draft it stands in.
    pub view: DraftView,
    /// Its cell as it is kept.
    pub cell: Cell,
    /// The column as it is kept.
    pub column: Column,
    /// Computed now, in 元 and unrounded.
    pub raw: Option<String>,
    /// Computed now, in the form's unit.
    pub value: Option<String>,
    /// Why the mapping has this formula, where it says so.
    pub why: Option<String>,
    /// The formula as a tree; none where a person or a record says the figure.
    pub tree: Option<Node>,
    /// What the formula means, in Chinese and in English, a sentence each.
    pub words: [Vec<String>; 2],
    /// What is another since the draft was built; none where nothing is.
    pub since: Option<Since>,
    /// Why it is another than the month before; none where that cannot be said.
    pub moved: Option<Why>,
    /// Answers of the books.
    pub answers: Vec<Answered>,
    /// Roots of the seals it stands on.
    pub seals: Vec<(String, String)>,
    /// The same figure month by month; none of a text.
    pub series: Option<SeriesView>,
    /// What has come together since January, of a figure that adds up over the year.
    pub progress: Option<SeriesView>,
    /// 大事记 by month.
    pub events: Vec<(String, String)>,
    /// What is to be known about it.
    pub findings: Vec<Finding>,
    /// Sheets of the measures that it asks for: name of the kind, and where.
    pub sheets: Vec<(String, YearPlace)>,
}

/// Which lines of a figure.
#[derive(Clone, Debug)]
pub struct LinesPlace {
    /// Of which figure.
    pub figure: FigurePlace,
    /// Index of the answer.
    pub answer: usize,
    /// Account code.
    pub account: String,
    /// Sealed period.
    pub period: Period,
    /// Lines to pass over.
    pub skip: usize,
}

/// An entry line (分录).
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Key of its voucher in the ERP.
    pub voucher: String,
    /// Number of its voucher as people see it.
    pub number: String,
    /// Day.
    pub date: String,
    /// Number of the line.
    pub line: String,
    /// Account code.
    pub account: String,
    /// Account name.
    pub name: String,
    /// Summary (摘要).
    pub summary: String,
    /// Party (往来单位).
    pub party: String,
    /// Party of its voucher, where the line has none itself.
    pub beside: String,
    /// Debit.
    pub debit: String,
    /// Credit.
    pub credit: String,
    /// What it adds to the figure; empty on the page of a voucher.
    pub amount: String,
}

/// Lines of one account and period.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The form's name and the indicator's.
    pub title: String,
    /// The function they answer.
    pub text: String,
    /// Name of the account.
    pub name: String,
    /// How many there are.
    pub count: u64,
    /// What they add up to.
    pub sum: String,
    /// Those of this page.
    pub lines: Vec<Line>,
    /// What the account carries from periods that were sealed without lines.
    pub opening: Option<String>,
    /// Lines of a page.
    pub most: usize,
}

/// A voucher as it is sealed.
#[derive(Clone, Debug)]
pub struct Voucher {
    /// Book id.
    pub book: String,
    /// Sealed period.
    pub period: Period,
    /// Key in the ERP.
    pub key: String,
    /// Number as people see it.
    pub number: String,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Sum of debits, and of credits.
    pub totals: [String; 2],
    /// Attachments (附件) as the ERP counts them.
    pub attachments: String,
    /// Root of the seal it is in.
    pub root: String,
    /// When it was sealed.
    pub sealed: String,
    /// Whether it closes profit and loss.
    pub closing: bool,
}

/// One side of a rule, with the figures it is made of.
#[derive(Clone, Debug)]
pub struct Side {
    /// As it is written.
    pub text: String,
    /// The same in Chinese and in English words.
    pub words: [String; 2],
    /// Its value.
    pub value: Option<String>,
}

/// A rule that somebody must look at, or has.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Id of the rule.
    pub rule: String,
    /// What it asks, as people read it.
    pub text: String,
    /// `mandatory`, `verify` or `information`.
    pub severity: String,
    /// Both sides.
    pub sides: Vec<Side>,
    /// Indicators in it: id, name, value.
    pub figures: Vec<[String; 3]>,
    /// What was said about it: cause, text, who; and whether it still speaks of these figures.
    pub said: Option<([String; 3], bool)>,
    /// As the agent's findings say it.
    pub finding: Finding,
}

/// The rules of a draft.
#[derive(Clone, Debug)]
pub struct Verdicts {
    /// The draft.
    pub view: DraftView,
    /// Rules that are not met, mandatory ones first.
    pub open: Vec<Verdict>,
    /// How many are met, and how many are not applicable.
    pub counts: [usize; 2],
    /// Causes that can be chosen: code and name.
    pub causes: Vec<(String, String)>,
}

/// What becomes of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Built from sealed evidence, anew where something changed.
    Build,
    /// 提交审核
    Review,
    /// 批准
    Approve,
    /// 退回
    Return,
}

/// A file to take away.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One operation of the log.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Number.
    pub seq: i64,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// What it says.
    pub facts: Vec<Fact>,
}

/// The agent, as pages see it. Calls may wait for files and the database; they are made outside the event loop.
pub trait Desk:
    DeedDesk + ExamDesk + FiledDesk + HistoryDesk + MappingDesk + SheetDesk + SignDesk + Send + Sync + 'static
{
    /// Name of the reporting unit.
    fn unit(&self) -> Answer<String>;
    /// People of the configuration who may sign in.
    fn people(&self) -> Answer<Vec<Person>>;
    /// What a person signs in with; none where nobody invited the person.
    fn account(&self, person: &str) -> Answer<Option<Account>>;
    /// Keeps it, as an act of `who`.
    fn put_account(&self, who: &str, person: &str, account: &Account) -> Answer<()>;
    /// How many letters of the bureau wait for somebody: queries without an answer, and returns that nobody has corrected.
    fn waiting(&self) -> Answer<usize>;
    /// The first page, on a day, `YYYY-MM-DD`: today where absent, or no day; with everything that is late where `all`.
    fn home(&self, who: &str, day: Option<&str>, all: bool) -> Answer<Home>;
    /// A draft.
    fn draft(&self, place: &Place) -> Answer<DraftView>;
    /// A figure.
    fn figure(&self, place: &FigurePlace) -> Answer<Figure>;
    /// Lines behind a figure.
    fn lines(&self, place: &LinesPlace) -> Answer<Lines>;
    /// A voucher.
    fn voucher(&self, book: &str, period: Period, key: &str) -> Answer<Voucher>;
    /// The rules of a draft.
    fn verdicts(&self, place: &Place) -> Answer<Verdicts>;
    /// 核实说明.
    fn explain(&self, who: &str, place: &Place, digest: &str, rule: &str, cause: &str, text: &str) -> Answer<()>;
    /// Takes a step; what the agent has to say about it.
    fn step(&self, who: &str, place: &Place, step: Step, digest: &str, reason: &str) -> Answer<Vec<Finding>>;
    /// A draft as a file: `xlsx`, `pdf`, `csv`, `json`.
    fn export(&self, place: &Place, kind: &str, lang: Lang) -> Answer<File>;
}
