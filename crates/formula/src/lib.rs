/*!
The indicator formula language: parse, check against a chart, evaluate with lineage.

Pure: figures and other indicators are asked for through [`World`]. Knows no form, no standard and no store. `docs/reference/formula.md`
is the grammar and the meaning of every function.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod ast;
mod check;
pub mod dialects;
mod evaluate;
mod lexer;
mod names;
mod parser;
mod print;
mod questions;
mod select;
mod texts;
mod weights;
mod world;

pub use ast::{
    AccountCall, Aspect, Column, Expr, Field, Filter, Function, Measure, MeasureCall, Name, Node, Operator, Pick, Selector, Side,
    Span, What, Year,
};
pub use check::{Kind, Named, asks_measures, check, cycle, measured, references};
pub use evaluate::{evaluate, rounded};
pub use parser::{LONGEST, parse};
pub use select::{Account, Class, Scope, Selected, select};
pub use texts::{answers, is_date};
pub use weights::weights;
pub use world::{At, Figures, Gap, MeasureQuestion, Mode, Outcome, Part, Question, Trace, Value, World};

/// Something wrong in a formula, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable name, an entry of the message catalogue.
    pub code: &'static str,
    /// Bytes of the formula it is about.
    pub span: std::ops::Range<usize>,
    /// Values of the message.
    pub arguments: Vec<(&'static str, String)>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, span: std::ops::Range<usize>) -> Fault {
        Fault { code, span, arguments: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Fault {
        self.arguments.push((name, value.to_string()));
        self
    }
}
