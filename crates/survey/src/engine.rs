//! Formulas of a mapping evaluated on a book: the world in which items and indicators refer to each other.

use std::cell::Cell;

use formula::{Account, At, Column, Expr, Figures, Gap, MeasureQuestion, Mode, Part, Question, Scope, Trace, World, evaluate};

use crate::{Mapping, Printed, RowKind};

/// References followed into each other at most: a formula may ask for its own previous month, and that for the one before.
const DEEPEST: usize = 40;

/// Figures of one book for forms: `monthly` leaves adjustment periods out, `annual` takes them in.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// For monthly and quarterly forms.
    pub monthly: &'a dyn Figures,
    /// For annual forms.
    pub annual: &'a dyn Figures,
}

/// A mapping on a book's chart and figures.
pub struct Engine<'a> {
    mapping: &'a Mapping,
    chart: &'a [Account],
    sources: Sources<'a>,
    depth: Cell<usize>,
}

impl<'a> Engine<'a> {
    /// Puts a mapping on a book.
    pub fn new(mapping: &'a Mapping, chart: &'a [Account], sources: Sources<'a>) -> Engine<'a> {
        Engine { mapping, chart, sources, depth: Cell::new(0) }
    }

    /// The mapping.
    pub fn mapping(&self) -> &'a Mapping {
        self.mapping
    }

    /// Value and lineage of an indicator: the formula of a row of a form.
    pub fn cell(&self, form: &str, row: &str, at: At) -> Trace {
        let Some(formula) = self.mapping.cells.get(&(form.to_owned(), row.to_owned())) else {
            let gap_of = match self.mapping.form(form) {
                Some(_) => Gap::new("missing_source", "indicator-without-source").with("indicator", row),
                // Another trade's form, or one that nobody configured: what refers to it does not apply.
                None => Gap::new("not_applicable", "form-not-filled").with("form", form),
            };
            return gap(format!("[{form}:{row}]"), gap_of);
        };
        self.deeper(&formula.expr, &Lens { engine: self, form, scope: formula.scope }, at)
    }

    /// What the formulas of a form see.
    pub(crate) fn lens<'e>(&'e self, form: &'e str) -> Lens<'e, 'a> {
        Lens { engine: self, form, scope: Scope::Standard }
    }

    /// Value and lineage of a named item of the mapping, as a monthly form sees it.
    pub fn item_value(&self, name: &str, at: At) -> Trace {
        self.item("", name, at)
    }

    /// Value and lineage of a formula that is in no mapping: one that is proposed.
    pub fn formula(&self, form: &str, expr: &Expr, scope: Scope, at: At) -> Trace {
        evaluate(expr, &Lens { engine: self, form, scope }, at)
    }

    /// The chart.
    pub(crate) fn chart(&self) -> &'a [Account] {
        self.chart
    }

    /// The figures.
    pub(crate) fn sources(&self) -> Sources<'a> {
        self.sources
    }

    /// Asks the figures that a form sees.
    pub(crate) fn ask(&self, form: &str, question: &Question) -> Result<Vec<Part>, Gap> {
        self.figures(form).ask(question)
    }

    fn item(&self, form: &str, name: &str, at: At) -> Trace {
        let text = || format!("@{name}");
        match self.mapping.items.get(name) {
            None => gap(text(), Gap::new("error", "item-unknown").with("item", name)),
            Some(None) => gap(text(), Gap::new("not_applicable", "item-not-in-standard").with("item", name)),
            Some(Some(formula)) => self.deeper(&formula.expr, &Lens { engine: self, form, scope: formula.scope }, at),
        }
    }

    /// Evaluates what another formula refers to.
    fn deeper(&self, expr: &Expr, lens: &Lens<'_, '_>, at: At) -> Trace {
        if self.depth.get() >= DEEPEST {
            return gap(expr.to_string(), Gap::new("error", "reference-too-deep").with("deepest", DEEPEST));
        }
        self.depth.set(self.depth.get() + 1);
        let trace = evaluate(expr, lens, at);
        self.depth.set(self.depth.get() - 1);
        trace
    }

    fn figures(&self, form: &str) -> &'a dyn Figures {
        let annual = self.mapping.form(form).is_some_and(|form| form.frequency.is_yearly());
        if annual { self.sources.annual } else { self.sources.monthly }
    }
}

fn gap(text: String, gap: Gap) -> Trace {
    Trace { text, outcome: Err(gap), question: None, measured: None, parts: Vec::new(), children: Vec::new() }
}

/// What a formula sees: its form, and the codes by which it names accounts.
pub(crate) struct Lens<'e, 'a> {
    engine: &'e Engine<'a>,
    form: &'e str,
    scope: Scope,
}

impl World for Lens<'_, '_> {
    fn chart(&self) -> &[Account] {
        self.engine.chart
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        self.engine.figures(self.form).ask(question)
    }

    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        self.engine.figures(self.form).measure(question)
    }

    fn covers(&self, what: formula::What, from: model::Month, to: model::Month) -> Result<(), Gap> {
        self.engine.figures(self.form).covers(what, from, to)
    }

    fn reference(&self, form: Option<&str>, code: &str, column: Option<Column>, at: At) -> Trace {
        let moved = |months: i32, mode: Mode| at.month.plus(months).map(|month| At { month, mode });
        let at = match column {
            None => Some(at),
            Some(Column::ThisMonth) => moved(0, Mode::Month),
            Some(Column::Cumulative | Column::Closing) => moved(0, Mode::ToDate),
            Some(Column::PriorYearMonth) => moved(-12, Mode::Month),
            Some(Column::PriorYear) => moved(-12, Mode::ToDate),
            Some(Column::Previous) => moved(if at.mode == Mode::Quarter { -3 } else { -1 }, at.mode),
            // What there was when the year began was closed when the year before ended, where the formula does not say so itself.
            Some(Column::Opening) => {
                let row = self.engine.mapping.form(form.unwrap_or(self.form)).and_then(|form| form.row(code));
                Printed::Opening.at(at.month, row.map_or(RowKind::Stock, |row| row.kind))
            }
            // What was filed is looked at by rules, and never becomes a value.
            Some(Column::FiledLastYear) => {
                return gap(format!("[{code}]"), Gap::new("not_applicable", "rule-nothing-filed").with("indicator", code));
            }
        };
        match at {
            Some(at) => self.engine.cell(form.unwrap_or(self.form), code, at),
            None => gap(format!("[{code}]"), Gap::new("before_first_period", "month-out-of-range")),
        }
    }

    fn item(&self, name: &str, at: At) -> Trace {
        self.engine.item(self.form, name, at)
    }

    fn repeated(&self, form: Option<&str>, code: &str, _: At) -> Vec<String> {
        let form = self.engine.mapping.form(form.unwrap_or(self.form));
        let rows: Vec<String> = form.iter().flat_map(|form| form.repeated(code)).map(|row| row.key().to_owned()).collect();
        if rows.is_empty() { vec![code.to_owned()] } else { rows }
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}
