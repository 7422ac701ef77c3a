//! What people do to a month and to a figure of it, as pages ask for it.

use model::Finding;

use super::{Answer, DraftView, Paper, Place};

/// A file that was attached before: name and SHA-256.
pub type Attached = (String, String);

/// An adjustment that is to be made.
#[derive(Clone, Debug)]
pub struct Adjusting {
    /// Of which draft.
    pub place: Place,
    /// Indicator id.
    pub row: String,
    /// Digest of the draft that was on the screen.
    pub digest: String,
    /// What is added to the computed value, in the form's unit; none takes the adjustment back.
    pub amount: Option<String>,
    /// Why.
    pub reason: String,
    /// What shows it.
    pub papers: Vec<Paper>,
}

/// A text or a choice that is to be said.
#[derive(Clone, Debug)]
pub struct Saying {
    /// Of which draft.
    pub place: Place,
    /// Indicator id.
    pub row: String,
    /// Digest of the draft that was on the screen.
    pub digest: String,
    /// What it says; none takes it back.
    pub text: Option<String>,
    /// Why it is corrected or taken back.
    pub reason: Option<String>,
    /// What shows it.
    pub papers: Vec<Paper>,
}

/// What a person said about a row.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// A text, or an amount.
    pub text: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// Files that show it.
    pub papers: Vec<Attached>,
}

/// A row of a form that a person fills.
#[derive(Clone, Debug, Default)]
pub struct FillRow {
    /// Indicator id.
    pub id: String,
    /// Official code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Machine name of its main column.
    pub column: String,
    /// Whether it is a number.
    pub number: bool,
    /// Answers of a choice.
    pub choices: Vec<String>,
    /// How many of them at once.
    pub most: usize,
    /// Whether the form asks for it.
    pub required: bool,
    /// The record that holds it, in words.
    pub source: String,
    /// What stands on the form now.
    pub now: Option<String>,
    /// What a person said.
    pub said: Option<Said>,
    /// The fact of the configuration that fills it.
    pub fact: Option<String>,
}

/// The rows of a form that people fill.
#[derive(Clone, Debug)]
pub struct Fill {
    /// The draft.
    pub view: DraftView,
    /// Its rows.
    pub rows: Vec<FillRow>,
}

/// A lock on a month.
#[derive(Clone, Debug, Default)]
pub struct LockView {
    /// Whether it is locked; an unlocked month was locked once.
    pub locked: bool,
    /// Who locked or unlocked it last.
    pub by: String,
    /// When.
    pub at: String,
    /// Why it was unlocked.
    pub reason: String,
    /// The operation that did.
    pub operation: i64,
}

/// A form in a month.
#[derive(Clone, Debug)]
pub struct FormMonth {
    /// Form code.
    pub form: String,
    /// Its name.
    pub name: String,
    /// State of its draft.
    pub state: String,
    /// Its lock.
    pub lock: Option<LockView>,
}

/// An event (大事记).
#[derive(Clone, Debug)]
pub struct EventView {
    /// Month.
    pub period: String,
    /// Kind.
    pub kind: String,
    /// What happened.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// Files that show it.
    pub papers: Vec<Attached>,
    /// Number by which it is taken back, and the operation that wrote it last.
    pub key: (String, i64),
    /// Why it was taken back, where it was.
    pub withdrawn: Option<String>,
}

/// A handover (交接).
#[derive(Clone, Debug)]
pub struct HandoverView {
    /// When.
    pub at: String,
    /// Who handed over.
    pub from: String,
    /// Who took over.
    pub to: String,
    /// What.
    pub note: String,
    /// Drafts that were open then.
    pub open: usize,
    /// Files that show it.
    pub papers: Vec<Attached>,
    /// Number by which it is taken back, and the operation that wrote it last.
    pub key: (String, i64),
    /// Why it was taken back, where it was.
    pub withdrawn: Option<String>,
}

/// A month of a book.
#[derive(Clone, Debug)]
pub struct MonthView {
    /// Book id.
    pub book: String,
    /// Books: id.
    pub books: Vec<String>,
    /// Month.
    pub period: String,
    /// The months beside it.
    pub beside: [Option<String>; 2],
    /// Whether it has begun.
    pub begun: bool,
    /// The lock on the whole month.
    pub lock: Option<LockView>,
    /// Forms.
    pub forms: Vec<FormMonth>,
    /// Kinds of events.
    pub kinds: Vec<&'static str>,
    /// Events of this month and of the eleven before, the newest first.
    pub events: Vec<EventView>,
    /// Handovers, the newest first.
    pub handovers: Vec<HandoverView>,
    /// Whoever can take over: id and name.
    pub people: Vec<(String, String)>,
}

/// A lock that is to be set, or taken off where there is a reason.
#[derive(Clone, Debug)]
pub struct Locking {
    /// Book id.
    pub book: String,
    /// Form code; empty for the whole month.
    pub form: String,
    /// Month.
    pub period: String,
    /// The operation that locked or unlocked it last, as it was on the screen; 0 for none.
    pub seen: i64,
    /// Whether it is to be locked.
    pub locked: bool,
    /// Why it is unlocked.
    pub reason: String,
    /// What shows it.
    pub papers: Vec<Paper>,
}

/// What people do to a month.
pub trait DeedDesk: Send + Sync + 'static {
    /// Adds to a computed value; what is to be said about it.
    fn adjust(&self, who: &str, adjusting: &Adjusting) -> Answer<Vec<Finding>>;
    /// The rows of a form that people fill.
    fn fill(&self, place: &Place) -> Answer<Fill>;
    /// Says a text or a choice.
    fn say(&self, who: &str, saying: &Saying) -> Answer<Vec<Finding>>;
    /// A month; of the first book, and the month before today, where these are empty.
    fn month(&self, who: &str, book: &str, period: &str) -> Answer<MonthView>;
    /// Locks or unlocks.
    fn lock(&self, who: &str, locking: &Locking) -> Answer<Vec<Finding>>;
    /// Writes an event.
    fn note(&self, who: &str, period: &str, kind: &str, text: &str, papers: &[Paper]) -> Answer<()>;
    /// Hands over.
    fn hand_over(&self, who: &str, to: &str, note: &str, papers: &[Paper]) -> Answer<()>;
    /// Takes an event back, or a handover, by its number; `seen` is the operation of the one that was shown.
    fn take_back(&self, who: &str, handover: bool, key: &str, seen: i64, reason: &str) -> Answer<()>;
    /// A file that was attached, by its SHA-256.
    fn paper(&self, digest: &str) -> Answer<Vec<u8>>;
}
