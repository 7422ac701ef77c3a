//! What an evaluation asks for, and what it gives back.

use model::{Amount, Month};

use crate::{
    ast::{Aspect, Column, Field, Filter, Measure, Side, What},
    select::{Account, Scope},
};

/// How a formula of a flow is evaluated: for the month alone, or from January. One formula serves both columns: in the month, SL is SY
/// and LFS is FS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The month alone.
    Month,
    /// From the first month of its quarter to the month.
    Quarter,
    /// From January to the month.
    ToDate,
}

/// When and how a formula is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Month of the draft, already moved where a column of last year is asked for.
    pub month: Month,
    /// Month alone or from January.
    pub mode: Mode,
}

/// A question to the books, with everything resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What.
    pub what: What,
    /// In what.
    pub measure: Measure,
    /// Codes of the book.
    pub accounts: Vec<String>,
    /// DFS: codes of the other accounts.
    pub counter: Vec<String>,
    /// First month; an opening is before it.
    pub from: Month,
    /// Last month; a closing is after it.
    pub to: Month,
    /// Side of a turnover; debit where none was said and the account's normal side is debit.
    pub side: Option<Side>,
    /// Only balances of account and party that stand on this side.
    pub detail: Option<Side>,
    /// Only lines with these dimensions.
    pub filters: Vec<Filter>,
}

/// A question to the measures, with everything resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureQuestion {
    /// Kind of measure, by its id or one of its names.
    pub kind: String,
    /// What of it.
    pub aspect: Aspect,
    /// Only rows with these values.
    pub fields: Vec<(Field, String)>,
    /// Unit of the answer; without one, all rows must have the same.
    pub unit: Option<String>,
    /// First month; what is at hand (stock, heads at the end) is of the last.
    pub from: Month,
    /// Last month.
    pub to: Month,
}

/// What one account or one item of a measure gives to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Code in the book; of a measure, its item.
    pub account: String,
    /// Balances, net turnover and movement: debit-positive. Turnover: of its side, signed.
    pub amount: Amount,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// `missing_account`, `missing_source`, `not_read`, `before_first_period`, `no_rate`, `undecided_account`, `error`; a world may have
    /// more.
    pub status: &'static str,
    /// Code of the message that says why.
    pub code: &'static str,
    /// Values of that message.
    pub arguments: Vec<(&'static str, String)>,
}

impl Gap {
    /// A gap with this status and message.
    pub fn new(status: &'static str, code: &'static str) -> Gap {
        Gap { status, code, arguments: Vec::new() }
    }

    /// Whether there is known to be nothing, so that `coalesce` may pass it over and `missing` is true: the book has no such account, the
    /// standard no such item. Where a figure exists or may exist and is not known here, passing it over would make a zero of it: a month
    /// that was not read, a year before the first period, an account that nobody has decided on, a rate that is not there, an error.
    pub fn is_absence(&self) -> bool {
        !matches!(self.status, "error" | "undecided_account" | "missing_source" | "not_read" | "before_first_period" | "no_rate")
    }

    /// Adds a value of the message.
    pub fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Gap {
        self.arguments.push((name, value.to_string()));
        self
    }
}

/// A value of a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Number.
    Number(Amount),
    /// Truth.
    Truth(bool),
}

/// A value, or why there is none. Missing is never zero.
pub type Outcome = Result<Value, Gap>;

/// How a value came about: the formula as a tree of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Canonical text of this part of the formula.
    pub text: String,
    /// Its value.
    pub outcome: Outcome,
    /// What was asked of the books.
    pub question: Option<Question>,
    /// What was asked of the measures.
    pub measured: Option<MeasureQuestion>,
    /// What each account gave, with the sign it has in the value.
    pub parts: Vec<Part>,
    /// What it was made from.
    pub children: Vec<Trace>,
}

impl Trace {
    /// The answers of books and measures in it, in the order of the formula.
    pub fn answers(&self) -> Vec<&Trace> {
        let (mut found, mut waiting) = (Vec::new(), vec![self]);
        while let Some(trace) = waiting.pop() {
            if trace.question.is_some() || trace.measured.is_some() {
                found.push(trace);
            }
            waiting.extend(trace.children.iter().rev());
        }
        found
    }
}

/// What answers questions to the books.
pub trait Figures {
    /// One part for each account with an amount, in the order of the question's accounts.
    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap>;

    /// Whether the months of a question were read, whatever accounts it names.
    fn covers(&self, _what: What, _from: Month, _to: Month) -> Result<(), Gap> {
        Ok(())
    }

    /// One part for each item of a measure. What knows of no measures has none: that is a gap, and no zero.
    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        Err(no_measures(question))
    }
}

/// The gap of whoever keeps no measures.
fn no_measures(question: &MeasureQuestion) -> Gap {
    Gap::new("missing_source", "measure-without-source").with("kind", &question.kind)
}

/// Where an evaluation gets its figures.
pub trait World {
    /// The chart, sorted by code.
    fn chart(&self) -> &[Account];

    /// Answers a question: one part for each account with an amount. No part at all is zero, so what is not known must be a gap: a month
    /// that was not read, a dimension or a measure that the book does not keep, lines where only balances are. A value of a dimension
    /// that never occurs in the book is one too, as it is most likely misspelt.
    ///
    /// Filters choose lines first, all of them together; `detail` then nets what is left by account and party, where no party counts as
    /// one, and keeps the nets on its side.
    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap>;

    /// Whether the months of a question were read, whatever accounts it names: of a month that nobody read, nothing can be said about
    /// accounts.
    fn covers(&self, _what: What, _from: Month, _to: Month) -> Result<(), Gap> {
        Ok(())
    }

    /// Answers a question to the measures: one part for each item.
    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        Err(no_measures(question))
    }

    /// Value of another indicator, of this form where `form` is absent; in 元, unrounded.
    fn reference(&self, form: Option<&str>, code: &str, column: Option<Column>, at: At) -> Trace;

    /// The rows that a form repeats an indicator for: itself where it is not repeated.
    fn repeated(&self, _form: Option<&str>, code: &str, _at: At) -> Vec<String> {
        vec![code.to_owned()]
    }

    /// What was entered for an indicator that is a text or a choice; nothing where it was left empty.
    fn text(&self, _form: Option<&str>, code: &str, _at: At) -> Result<Option<String>, Gap> {
        Err(Gap::new("not_applicable", "rule-indicator-absent").with("indicator", format!("[{code}]")))
    }

    /// Value of a named item of the mapping.
    fn item(&self, name: &str, at: At) -> Trace;

    /// By which codes the formula that is evaluated names accounts.
    fn scope(&self) -> Scope;
}
