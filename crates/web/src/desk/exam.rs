//! An exam of a hand-made report, as its page shows it.

use model::Finding;

use super::Answer;

/// A report that somebody made by hand, and how it is to be read.
#[derive(Clone, Debug, Default)]
pub struct ExamAsked {
    /// Book id; the agent chooses where it is empty.
    pub book: String,
    /// Form code.
    pub form: String,
    /// Month, `YYYY-MM`.
    pub period: String,
    /// Sheet of the workbook; the one with the most figures where it is empty.
    pub sheet: String,
    /// Unit of money where the file says none.
    pub unit: String,
    /// Column of headings that say a month alone.
    pub column: String,
    /// Name of the file, as a word about it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A possible cause.
#[derive(Clone, Debug)]
pub struct CauseView {
    /// In words, Chinese and English.
    pub text: [String; 2],
    /// A change of the mapping that gives the sheet's figure: `form:row` and the formula.
    pub change: Option<[String; 2]>,
}

/// A cell that is not as the books give it.
#[derive(Clone, Debug)]
pub struct DifferenceView {
    /// Code of the indicator.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Machine name of the column.
    pub column: String,
    /// Its cell in the sheet.
    pub at: String,
    /// What the sheet says.
    pub theirs: String,
    /// What the books give.
    pub ours: Option<String>,
    /// The sheet's less the books'.
    pub gap: Option<String>,
    /// Why the books give nothing.
    pub status: String,
    /// Causes, the most likely first.
    pub causes: Vec<CauseView>,
}

/// A cell that is as the books give it.
#[derive(Clone, Debug)]
pub struct AgreedView {
    /// Code of the indicator.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Machine name of the column.
    pub column: String,
    /// Its cell in the sheet.
    pub at: String,
    /// What both say.
    pub value: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct ExamView {
    /// Book id.
    pub book: String,
    /// Name of the form.
    pub name: String,
    /// Sheet that was read.
    pub sheet: String,
    /// Cells that were compared.
    pub compared: usize,
    /// Whether all agree and everything was understood.
    pub passed: bool,
    /// Those that differ.
    pub differences: Vec<DifferenceView>,
    /// Those that agree.
    pub agreed: Vec<AgreedView>,
    /// What could not be compared, and what is to be known.
    pub findings: Vec<Finding>,
}

/// What can be chosen before a file is sent.
#[derive(Clone, Debug)]
pub struct ExamChoices {
    /// Books.
    pub books: Vec<String>,
    /// Forms: code and name.
    pub forms: Vec<[String; 2]>,
    /// Months that are sealed, the newest first.
    pub months: Vec<String>,
    /// Units of money.
    pub units: Vec<String>,
}

/// Exams, as pages hold them.
pub trait ExamDesk: Send + Sync + 'static {
    /// What can be chosen.
    fn exam_choices(&self) -> Answer<ExamChoices>;
    /// Compares a report with the books, cell by cell.
    fn exam(&self, asked: &ExamAsked) -> Answer<ExamView>;
}
