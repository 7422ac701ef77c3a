//! Measures and short sheets, as pages ask for them.

use std::collections::BTreeMap;

use model::Finding;

use super::{Answer, Attached, File, Paper};

/// Which sheet: a short sheet of a person, or a kind of measures of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SheetPlace {
    /// Id of the short sheet; empty for a kind.
    pub sheet: String,
    /// Book id, of a kind.
    pub book: String,
    /// Kind.
    pub kind: String,
    /// Month.
    pub period: String,
}

/// A short sheet of a month.
#[derive(Clone, Debug)]
pub struct OwedView {
    /// Its id.
    pub sheet: String,
    /// Name of its kind.
    pub kind: String,
    /// Who fills it.
    pub person: String,
    /// Last day.
    pub due: String,
    /// `filled`, `waiting` or `late`.
    pub state: String,
    /// How many items are there, and how many are expected.
    pub done: [usize; 2],
    /// Items that are missing.
    pub missing: Vec<String>,
}

/// Sheets of a month.
#[derive(Clone, Debug)]
pub struct SheetsView {
    /// Month.
    pub period: String,
    /// The months beside it.
    pub beside: [Option<String>; 2],
    /// Short sheets.
    pub owed: Vec<OwedView>,
    /// Kinds of measures that the person may enter.
    pub kinds: Vec<KindView>,
}

/// A kind of measures of a book.
#[derive(Clone, Debug)]
pub struct KindView {
    /// Book id.
    pub book: String,
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// What it is.
    pub note: String,
    /// Entries of the month that hold.
    pub count: usize,
    /// Whether a form of the configuration asks for it, or somebody has entered it.
    pub used: bool,
}

/// A kind and item over the months of a year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct YearPlace {
    /// Book id.
    pub book: String,
    /// Kind.
    pub kind: String,
    /// Item; empty for the first there is, or the whole.
    pub item: String,
    /// Year.
    pub year: String,
}

/// A month of a year's sheet.
#[derive(Clone, Debug, Default)]
pub struct YearMonth {
    /// Month.
    pub month: String,
    /// Its entries that hold; one empty line where there is none.
    pub rows: Vec<SheetRow>,
    /// Who locked it.
    pub locked: Option<String>,
    /// Whether it has begun.
    pub begun: bool,
}

/// A sheet of twelve months.
#[derive(Clone, Debug)]
pub struct YearView {
    /// Where it is; the item is the one that is shown.
    pub place: YearPlace,
    /// Id of the kind.
    pub kind: String,
    /// Name of the kind.
    pub name: String,
    /// What it is.
    pub note: String,
    /// Items that can be chosen; empty where the kind is entered as a whole.
    pub items: Vec<String>,
    /// Whether there may be other items.
    pub open: bool,
    /// Columns, without that of the item.
    pub columns: Vec<SheetColumn>,
    /// Months.
    pub months: Vec<YearMonth>,
}

/// A column of a sheet.
#[derive(Clone, Debug, Default)]
pub struct SheetColumn {
    /// Machine name; of a field of the kind `field.<id>`.
    pub name: String,
    /// Title, where the kind gives it; else the label of the machine name.
    pub title: String,
    /// What can be chosen, with what is shown for it.
    pub choices: Vec<(String, String)>,
    /// Whether it is a number.
    pub number: bool,
    /// Whether it must be filled.
    pub needed: bool,
    /// Whether it tells one entry from another, and so stays as it is.
    pub key: bool,
}

/// A line of a sheet.
#[derive(Clone, Debug, Default)]
pub struct SheetRow {
    /// Key of the entry; empty where there is none yet.
    pub key: String,
    /// The operation that wrote what is shown; 0 where there is no entry.
    pub seen: i64,
    /// Cells by the name of their column.
    pub cells: BTreeMap<String, String>,
    /// Whether it was taken back.
    pub withdrawn: bool,
    /// Who entered it.
    pub by: String,
    /// When.
    pub at: String,
    /// Why it was corrected or taken back.
    pub reason: String,
    /// Files that prove it.
    pub papers: Vec<Attached>,
    /// What the ERP has of the item.
    pub erp: Option<String>,
}

/// A sheet to be filled.
#[derive(Clone, Debug)]
pub struct SheetView {
    /// Where it is.
    pub place: SheetPlace,
    /// The months beside it.
    pub beside: [Option<String>; 2],
    /// Name of the kind.
    pub name: String,
    /// What it is.
    pub note: String,
    /// The short sheet, where it is one.
    pub owed: Option<OwedView>,
    /// Columns.
    pub columns: Vec<SheetColumn>,
    /// Lines: entries of the month, then items without one.
    pub rows: Vec<SheetRow>,
    /// Who locked the month.
    pub locked: Option<String>,
}

/// Lines that are to be entered, all of them or none.
#[derive(Clone, Debug, Default)]
pub struct Entering {
    /// Each with the operation that it was shown of.
    pub rows: Vec<(i64, BTreeMap<String, String>)>,
    /// A sheet in their stead.
    pub sheet: Option<Paper>,
    /// Whether a sheet may change what was entered before.
    pub correct: bool,
    /// Why something is corrected.
    pub reason: String,
    /// Whether they add to what the ERP has.
    pub beside: bool,
    /// What proves them.
    pub papers: Vec<Paper>,
}

/// Measures that people enter. Whoever asks sees what the person may enter, and of people of departments that is their own sheets.
pub trait SheetDesk: Send + Sync + 'static {
    /// Sheets of a month; of the month before today where it is empty.
    fn sheets(&self, who: &str, period: &str) -> Answer<SheetsView>;
    /// A sheet.
    fn sheet(&self, who: &str, place: &SheetPlace) -> Answer<SheetView>;
    /// Enters lines.
    fn enter(&self, who: &str, place: &SheetPlace, entering: &Entering) -> Answer<Vec<Finding>>;
    /// Takes an entry back.
    fn withdraw(&self, who: &str, place: &SheetPlace, key: &str, seen: i64, reason: &str) -> Answer<Vec<Finding>>;
    /// A kind and item over the months of a year.
    fn year(&self, who: &str, place: &YearPlace) -> Answer<YearView>;
    /// Enters lines of several months, all of them or none; each says its month.
    fn enter_year(&self, who: &str, place: &YearPlace, entering: &Entering) -> Answer<Vec<Finding>>;
    /// The empty sheet as a file.
    fn template(&self, who: &str, place: &SheetPlace) -> Answer<File>;
}
