//! What a sheet says beside what the sealed books give.

use formula::{At, Gap, Outcome, Trace, Value};
use model::{Amount, Finding, Month};

use super::{
    causes::{self, Cause},
    reading::{Reading, Told},
    words::Words,
};
use crate::{Engine, Form, Printed, Row};

/// What is examined.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Formulas on the book, in 元.
    pub engine: &'a Engine<'a>,
    /// The form.
    pub form: &'a Form,
    /// The month.
    pub month: Month,
    /// The words of headings, with the rates of tax that are tried.
    pub words: &'a Words,
}

/// One cell that is not as the books give it.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Code or id of the indicator.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Column.
    pub column: Printed,
    /// Row and column in the sheet, from 0.
    pub at: (usize, usize),
    /// What the sheet says.
    pub theirs: Amount,
    /// What the books give, in the sheet's unit and as exact as the sheet.
    pub ours: Option<Amount>,
    /// The same in 元, not rounded.
    pub raw: Option<Amount>,
    /// `ok`, or why the books give nothing.
    pub status: String,
    /// What may be the cause, the most likely first.
    pub causes: Vec<Cause>,
}

/// One cell that is as the books give it.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// Code or id of the indicator.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Column.
    pub column: Printed,
    /// Row and column in the sheet, from 0.
    pub at: (usize, usize),
    /// What both say.
    pub value: Amount,
}

/// The result of an exam.
#[derive(Clone, Debug, Default)]
pub struct Exam {
    /// Cells that were compared.
    pub compared: usize,
    /// Those that are equal.
    pub agreed: Vec<Agreed>,
    /// Those that are not equal.
    pub differences: Vec<Difference>,
    /// Rows and cells that could not be compared.
    pub unclear: Vec<Finding>,
    /// What was passed over on purpose.
    pub notes: Vec<Finding>,
}

impl Exam {
    /// Whether the books say what the sheet says, and the sheet was understood.
    pub fn passed(&self) -> bool {
        self.compared > 0 && self.differences.is_empty() && self.unclear.is_empty()
    }
}

/// How the figures of a cell of a sheet are shown: 元 divided by, and decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub divisor: i64,
    pub places: u32,
}

impl Shown {
    pub fn of(self, raw: Amount) -> Option<Amount> {
        raw.div_round(i128::from(self.divisor), self.places)
    }

    /// Half of the last place, in 元.
    pub fn half(self) -> Option<Amount> {
        let unit = Amount::from_whole(i128::from(self.divisor))?;
        unit.div_round(2 * 10_i128.pow(self.places.min(9)), 9)
    }
}

impl<'a> Subject<'a> {
    /// When a column is evaluated.
    pub(super) fn at(&self, key: &str, column: Printed, month: Month) -> Option<At> {
        column.at(month, self.form.row(key)?.kind)
    }

    pub(super) fn trace(&self, key: &str, column: Printed, month: Month) -> Option<Trace> {
        let at = self.at(key, column, month)?;
        Some(self.engine.cell(&self.form.form, key, at))
    }

    pub(super) fn raw(&self, key: &str, column: Printed, month: Month) -> Option<Amount> {
        number(&self.trace(key, column, month)?.outcome)
    }

    /// A sheet in another unit than the form's, or with more decimals, is held to what it says itself.
    pub(super) fn shown(&self, row: &Row, told: &Told) -> Shown {
        let (own, places) = self.form.conversion(row);
        let divisor = told.unit.unwrap_or(own);
        let places = if divisor == own { places.max(told.decimals) } else { told.decimals };
        Shown { divisor, places }
    }
}

pub(super) fn number(outcome: &Outcome) -> Option<Amount> {
    match outcome {
        Ok(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Compares everything that a sheet says about the month.
pub fn examine(subject: Subject<'_>, reading: Reading) -> Exam {
    let mut exam = Exam { unclear: reading.unclear, notes: reading.notes, ..Exam::default() };
    let mut open: Vec<(Difference, Shown)> = Vec::new();
    for told in reading.told.iter().filter(|told| told.month.is_none_or(|month| month == subject.month)) {
        let Some(row) = subject.form.row(&told.key) else { continue };
        let shown = subject.shown(row, told);
        let trace = subject.trace(&told.key, told.column, subject.month);
        let (raw, status) = match trace.as_ref().map(|trace| &trace.outcome) {
            Some(Ok(Value::Number(raw))) => (Some(*raw), "ok"),
            Some(Err(Gap { status, .. })) => (None, *status),
            Some(Ok(Value::Truth(_))) => (None, "error"),
            None => (None, "before_first_period"),
        };
        exam.compared += 1;
        let ours = raw.and_then(|raw| shown.of(raw));
        if ours == Some(told.value) {
            let (key, name) = (told.key.clone(), row.name.clone());
            exam.agreed.push(Agreed { key, name, column: told.column, at: told.at, value: told.value });
            continue;
        }
        open.push((
            Difference {
                key: told.key.clone(),
                name: row.name.clone(),
                column: told.column,
                at: told.at,
                theirs: told.value,
                ours,
                raw,
                status: status.to_owned(),
                causes: Vec::new(),
            },
            shown,
        ));
    }
    exam.differences = causes::explain(subject, open);
    exam
}
