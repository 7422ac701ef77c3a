//! Where rules take reported figures from: a book through its formulas, or documents that were filed.

use std::collections::BTreeMap;

use formula::{Account, At, Column, Gap, MeasureQuestion, Mode, Part, Question, Scope, Trace, Value, World};
use model::{Amount, Month};

use super::outside::{OUTSIDE, Outside};
use crate::{Form, RowKind, document::Draft, engine::Engine};

/// What a person calls a figure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// 元 divided by this is the unit, where it is money.
    pub divisor: i64,
}

/// Figures as they are reported: rounded to their form's unit, money in 元, quantities in the unit of the form.
pub trait Reported: World {
    /// Smallest difference between two reported figures of a row, and whether it is money in 元; `None` where there is no such row.
    fn step(&self, form: Option<&str>, row: &str) -> Option<(Amount, bool)>;

    /// The column that a bare `[row]` means.
    fn main(&self, form: Option<&str>, row: &str) -> &'static str;

    /// What a person calls it.
    fn describe(&self, form: Option<&str>, row: &str) -> Described;

    /// Whether the form repeats a row for what a unit has.
    fn is_repeated(&self, form: Option<&str>, row: &str) -> bool;
}

/// What both worlds know of forms.
struct Known<'a> {
    forms: &'a [Form],
    own: &'a str,
}

impl<'a> Known<'a> {
    fn form(&self, form: Option<&str>) -> Option<&'a Form> {
        self.forms.iter().find(|known| known.form == form.unwrap_or(self.own))
    }

    /// A row, or one of those that it was repeated for: all of them are alike.
    fn row(&self, form: Option<&str>, row: &str) -> Option<(&'a Form, &'a crate::Row)> {
        let form = self.form(form)?;
        let found = form.row(row).or_else(|| form.rows.iter().find(|known| known.repeats.as_deref() == Some(row)))?;
        Some((form, found))
    }

    fn step(&self, form: Option<&str>, row: &str) -> Option<(Amount, bool)> {
        if form == Some(OUTSIDE) {
            return Some((Amount::ZERO, false));
        }
        let (form, row) = self.row(form, row)?;
        let (_, places) = form.conversion(row);
        if row.kind == RowKind::Count {
            // People are counted, not rounded.
            return Some((Amount::ZERO, false));
        }
        let one = Amount::from_whole(form.reckoned(row).into())?;
        Some((one.checked_div(Amount::from_whole(10_i128.pow(places.min(9)))?)?, form.is_money(row)))
    }

    fn is_repeated(&self, form: Option<&str>, row: &str) -> bool {
        self.form(form).is_some_and(|form| form.is_repeated(row))
    }

    fn main(&self, form: Option<&str>, row: &str) -> &'static str {
        match self.row(form, row) {
            Some((_, row)) if row.kind == RowKind::Flow => "cumulative",
            Some(_) => "closing",
            None => "value",
        }
    }

    fn describe(&self, form: Option<&str>, row: &str) -> Described {
        match self.row(form, row) {
            Some((form, row)) => {
                let unit = row.unit.clone().unwrap_or_else(|| form.unit.clone());
                Described { name: row.name.clone(), unit, divisor: form.reckoned(row) }
            }
            None => Described { name: row.to_owned(), unit: String::new(), divisor: 1 },
        }
    }

    /// Why a row that is asked for is not there, or has no such column.
    fn gap(
        &self,
        form: Option<&str>,
        row: &str,
        column: Option<Column>,
        month: Month,
    ) -> Result<(&'a Form, &'a crate::Row), Gap> {
        let own = form.is_none_or(|form| form == self.own);
        let name = if own { format!("[{row}]") } else { format!("[{}:{row}]", form.unwrap_or(self.own)) };
        let absent = |name: String| Err(Gap::new("not_applicable", "rule-indicator-absent").with("indicator", name));
        let Some((form, row)) = self.row(form, row) else { return absent(name) };
        if column == Some(Column::Opening) && !matches!(row.kind, RowKind::Stock | RowKind::Opening) {
            return absent(name);
        }
        // What was accumulated up to December is another year's.
        if column == Some(Column::Previous) && row.kind == RowKind::Flow && month.month() == 1 {
            return Err(Gap::new("not_applicable", "rule-year-begins").with("indicator", name));
        }
        Ok((form, row))
    }
}

fn nothing_filed(form: &Form, row: &crate::Row) -> Gap {
    Gap::new("not_applicable", "rule-nothing-filed").with("indicator", format!("[{}:{}]", form.form, row.key()))
}

/// A row that is a text or a choice.
fn of_text<'a>((form, row): (&'a Form, &'a crate::Row)) -> Result<&'a crate::Row, Gap> {
    let absent =
        || Gap::new("not_applicable", "rule-indicator-absent").with("indicator", format!("[{}:{}]", form.form, row.key()));
    if row.kind.is_number() { Err(absent()) } else { Ok(row) }
}

fn gap(text: String, gap: Gap) -> Trace {
    Trace { text, outcome: Err(gap), question: None, measured: None, parts: Vec::new(), children: Vec::new() }
}

fn text(form: Option<&str>, row: &str, column: Option<Column>) -> String {
    let form = form.map_or_else(String::new, |form| format!("{form}:"));
    column.map_or_else(|| format!("[{form}{row}]"), |column| format!("[{form}{row}].{column}"))
}

/// What rules look at beside a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Figures from elsewhere.
    pub outside: Outside,
    /// What people added to computed figures, by form, month and row, in the form's unit: it stands in the main column.
    pub adjusted: BTreeMap<(String, Month, String), Amount>,
    /// What was filed before, as the platform has it, by form, month and row, in the form's unit.
    pub filed: BTreeMap<(String, Month, String), Amount>,
    /// All columns of what was filed before (平台值), by form, month, row and column, in the form's unit: it stands in for last year where the
    /// books do not reach back.
    pub platform: BTreeMap<(String, Month, String, String), Amount>,
    /// Facts of the unit that fill texts, by the names that packs give them.
    pub facts: BTreeMap<String, String>,
    /// Texts and choices that people entered, by form, month and row.
    pub texts: BTreeMap<(String, Month, String), Entered>,
}

/// A text that a person entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// The text.
    pub text: String,
    /// Who entered it.
    pub by: String,
}

impl Given {
    /// What fills the text of a row: a fact of the unit, or what a person entered for the month.
    pub fn text(&self, form: &Form, row: &crate::Row, month: Month) -> Option<&str> {
        let fact = row.fill.as_ref().and_then(|fact| self.facts.get(fact)).filter(|text| !text.is_empty());
        let entered = || self.texts.get(&(form.form.clone(), month, row.key().to_owned())).map(|entered| entered.text.as_str());
        fact.map(String::as_str).or_else(entered)
    }
}

/// A book's figures through the formulas of its mapping.
pub struct Filed<'a> {
    engine: &'a Engine<'a>,
    known: Known<'a>,
    lens: crate::engine::Lens<'a, 'a>,
    given: &'a Given,
}

impl<'a> Filed<'a> {
    /// What rules of `form` see of a book.
    pub fn new(engine: &'a Engine<'a>, form: &'a str, given: &'a Given) -> Filed<'a> {
        let known = Known { forms: &engine.mapping().forms, own: form };
        Filed { engine, known, lens: engine.lens(form), given }
    }

    /// What was filed of a row in a month.
    pub fn platform(&self, form: &str, row: &str, month: Month, column: &str) -> Option<Amount> {
        self.given.platform.get(&(form.to_owned(), month, row.to_owned(), column.to_owned())).copied()
    }

    /// What was filed of last year's column, in the form's unit: what this year's report brought along, else what was filed a year ago.
    pub fn last_year(&self, form: &str, row: &str, column: Column, month: Month) -> Option<Amount> {
        let (shown, filed): (&str, &[&str]) = match column {
            Column::PriorYear => ("prior_year", &["cumulative", "closing", "opening"]),
            Column::PriorYearMonth => ("prior_year_month", &["this_month"]),
            _ => return None,
        };
        let before = || filed.iter().find_map(|column| self.platform(form, row, month.prior_year()?, column));
        self.platform(form, row, month, shown).or_else(before)
    }

    /// What a person added to the figure that is asked for.
    fn adjusted(&self, form: &Form, row: &crate::Row, column: Option<Column>, at: At) -> Option<Amount> {
        let back = match column {
            None if at.mode == Mode::ToDate || row.kind != RowKind::Flow => 0,
            Some(Column::Cumulative | Column::Closing) => 0,
            Some(Column::PriorYear) => -12,
            Some(Column::Previous) if at.mode == Mode::ToDate => -1,
            Some(Column::Opening) if row.kind == RowKind::Stock => -i32::from(at.month.month()),
            Some(Column::Opening) => 0,
            _ => return None,
        };
        self.given.adjusted.get(&(form.form.clone(), at.month.plus(back)?, row.key().to_owned())).copied()
    }
}

impl World for Filed<'_> {
    fn chart(&self) -> &[Account] {
        self.lens.chart()
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        self.lens.ask(question)
    }

    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        self.lens.measure(question)
    }

    fn item(&self, name: &str, at: At) -> Trace {
        self.lens.item(name, at)
    }

    fn scope(&self) -> Scope {
        self.lens.scope()
    }

    fn repeated(&self, form: Option<&str>, code: &str, at: At) -> Vec<String> {
        self.lens.repeated(form, code, at)
    }

    /// What nobody has entered here is awaited, and not empty.
    fn text(&self, form: Option<&str>, code: &str, at: At) -> Result<Option<String>, Gap> {
        let (of, row) = self.known.gap(form, code, None, at.month)?;
        let known = self.given.text(of, of_text((of, row))?, at.month);
        let awaited = || Gap::new("missing_source", "indicator-without-source").with("indicator", row.key());
        known.map(|text| Some(text.to_owned())).ok_or_else(awaited)
    }

    fn reference(&self, form: Option<&str>, code: &str, column: Option<Column>, at: At) -> Trace {
        if form == Some(OUTSIDE) {
            return self.given.outside.trace(code, column, at);
        }
        let (of, row) = match self.known.gap(form, code, column, at.month) {
            Ok(found) => found,
            Err(why) => return gap(text(form, code, column), why),
        };
        let ((divisor, places), reckoned) = (of.conversion(row), of.reckoned(row));
        if column == Some(Column::FiledLastYear) {
            let key = at.month.prior_year().map(|month| (of.form.clone(), month, row.key().to_owned()));
            let filed = key.and_then(|key| self.given.filed.get(&key)?.checked_mul(Amount::from_whole(reckoned.into())?));
            let outcome = filed.map(Value::Number).ok_or_else(|| nothing_filed(of, row));
            let text = text(form, code, column);
            return Trace { text, outcome, question: None, measured: None, parts: Vec::new(), children: Vec::new() };
        }
        let inner = self.lens.reference(form, code, column, at);
        let adjusted = self.adjusted(of, row, column, at);
        let computed = match (&inner.outcome, adjusted) {
            (Ok(Value::Number(raw)), _) => Ok(raw.div_round(divisor.into(), places)),
            (Ok(Value::Truth(_)), _) => Err(Gap::new("error", "value-wrong-kind")),
            // What no system holds, a person gave.
            (Err(_), Some(_)) => Ok(Some(Amount::ZERO)),
            // Where nothing was computed of last year, what was filed says it: so that the first year can be compared.
            (Err(why), None) => {
                let filed = column.and_then(|column| self.last_year(&of.form, row.key(), column, at.month));
                filed.map(Some).ok_or_else(|| why.clone())
            }
        };
        let outcome = computed.and_then(|computed| {
            let reported = computed.and_then(|computed| computed.checked_add(adjusted.unwrap_or_default()));
            let reckoned = reported.and_then(|value| value.checked_mul(Amount::from_whole(reckoned.into())?));
            reckoned.map(Value::Number).ok_or_else(|| Gap::new("error", "amount-too-large"))
        });
        Trace {
            text: text(form, code, column),
            outcome,
            question: None,
            measured: None,
            parts: Vec::new(),
            children: vec![inner],
        }
    }
}

impl Reported for Filed<'_> {
    fn step(&self, form: Option<&str>, row: &str) -> Option<(Amount, bool)> {
        self.known.step(form, row)
    }

    fn main(&self, form: Option<&str>, row: &str) -> &'static str {
        self.known.main(form, row)
    }

    fn describe(&self, form: Option<&str>, row: &str) -> Described {
        self.known.describe(form, row)
    }

    fn is_repeated(&self, form: Option<&str>, row: &str) -> bool {
        self.known.is_repeated(form, row)
    }
}

impl std::fmt::Debug for Filed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filed({}, {} forms)", self.known.own, self.engine.mapping().forms.len())
    }
}

/// Filed documents of one unit: what a receiver has, and nothing of the book behind them.
pub struct Papers<'a> {
    known: Known<'a>,
    drafts: BTreeMap<(&'a str, Month), &'a Draft>,
    outside: &'a Outside,
}

impl<'a> Papers<'a> {
    /// What rules of `form` see of documents.
    pub fn new(
        forms: &'a [Form],
        form: &'a str,
        drafts: impl IntoIterator<Item = &'a Draft>,
        outside: &'a Outside,
    ) -> Papers<'a> {
        let keyed = |draft: &'a Draft| Some(((draft.form.as_str(), draft.period.parse().ok()?), draft));
        Papers { known: Known { forms, own: form }, drafts: drafts.into_iter().filter_map(keyed).collect(), outside }
    }

    /// The row of the pack that an indicator of a document is one of, where a form was repeated for what the unit has.
    fn template<'c>(&self, form: Option<&str>, code: &'c str) -> std::borrow::Cow<'c, str> {
        let form = form.unwrap_or(self.known.own);
        let mut cells = self.drafts.iter().filter(|((of, _), _)| *of == form).flat_map(|(_, draft)| &draft.cells);
        let repeats = cells.find(|cell| cell.id == code).and_then(|cell| cell.repeats.clone());
        repeats.map_or(code.into(), Into::into)
    }

    fn figure(&self, form: &Form, row: &crate::Row, code: &str, column: Option<Column>, at: At) -> Result<Amount, Gap> {
        let flow = row.kind == RowKind::Flow;
        let main = match row.kind {
            RowKind::Flow => "cumulative",
            RowKind::Opening => "opening",
            _ => "closing",
        };
        let here =
            || self.drafts.get(&(form.form.as_str(), at.month)).and_then(|draft| draft.cells.iter().find(|c| c.id == code));
        let (back, name) = match column {
            None if flow && at.mode == Mode::Month => (0, "this_month"),
            None => (0, if flow { "cumulative" } else { "closing" }),
            Some(Column::ThisMonth) => (0, "this_month"),
            Some(Column::Cumulative) => (0, "cumulative"),
            Some(Column::Closing) => (0, "closing"),
            Some(Column::PriorYearMonth) => (0, "prior_year_month"),
            Some(Column::PriorYear) => (0, "prior_year"),
            Some(Column::Previous) => (-1, main),
            // Forms that do not print it have it on the report of December.
            Some(Column::Opening) if here().is_some_and(|cell| cell.columns.opening.is_some()) => (0, "opening"),
            Some(Column::Opening) => (-i32::from(at.month.month()), main),
            Some(Column::FiledLastYear) => (-12, main),
        };
        let absent = || match column {
            Some(Column::FiledLastYear) => nothing_filed(form, row),
            _ => Gap::new("not_applicable", "rule-indicator-absent").with("indicator", format!("[{}:{code}]", form.form)),
        };
        let month = at.month.plus(back).ok_or_else(absent)?;
        let draft = self.drafts.get(&(form.form.as_str(), month)).ok_or_else(absent)?;
        let cell = draft.cells.iter().find(|cell| cell.id == code).ok_or_else(absent)?;
        let column = cell.columns.get(name).ok_or_else(absent)?;
        // Last year's column may have nothing but what was filed.
        let Some(value) = column.value.as_ref().or(column.platform.as_ref()) else {
            let status = STATUSES.iter().find(|status| **status == column.status).copied().unwrap_or("not_applicable");
            return Err(Gap::new(status, "rule-indicator-absent").with("indicator", format!("[{}:{code}]", form.form)));
        };
        let one = Amount::from_whole(form.reckoned(row).into());
        let value = value.parse::<Amount>().ok().and_then(|value| value.checked_mul(one?));
        value.ok_or_else(|| Gap::new("error", "amount-too-large"))
    }
}

/// Statuses that documents say a figure is missing with.
const STATUSES: [&str; 8] = [
    "missing_account",
    "missing_source",
    "not_read",
    "before_first_period",
    "no_rate",
    "undecided_account",
    "error",
    "not_applicable",
];

impl World for Papers<'_> {
    fn chart(&self) -> &[Account] {
        &[]
    }

    fn ask(&self, _: &Question) -> Result<Vec<Part>, Gap> {
        Err(Gap::new("not_applicable", "rule-without-book"))
    }

    fn item(&self, name: &str, _: At) -> Trace {
        gap(format!("@{name}"), Gap::new("not_applicable", "rule-without-book"))
    }

    fn scope(&self) -> Scope {
        Scope::Standard
    }

    fn repeated(&self, form: Option<&str>, code: &str, at: At) -> Vec<String> {
        let draft = self.drafts.get(&(form.unwrap_or(self.known.own), at.month));
        let cells = draft.iter().flat_map(|draft| &draft.cells);
        let rows: Vec<String> = cells.filter(|cell| cell.repeats.as_deref() == Some(code)).map(|cell| cell.id.clone()).collect();
        if rows.is_empty() { vec![code.to_owned()] } else { rows }
    }

    /// A document is whole: what stands empty on it was left empty.
    fn text(&self, form: Option<&str>, code: &str, at: At) -> Result<Option<String>, Gap> {
        let (of, row) = self.known.gap(form, &self.template(form, code), None, at.month)?;
        of_text((of, row))?;
        let absent = || Gap::new("not_applicable", "rule-indicator-absent").with("indicator", format!("[{}:{code}]", of.form));
        let draft = self.drafts.get(&(of.form.as_str(), at.month)).ok_or_else(absent)?;
        let cell = draft.cells.iter().find(|cell| cell.id == code).ok_or_else(absent)?;
        Ok(cell.columns.get("value").and_then(|column| column.value.clone()))
    }

    fn reference(&self, form: Option<&str>, code: &str, column: Option<Column>, at: At) -> Trace {
        if form == Some(OUTSIDE) {
            return self.outside.trace(code, column, at);
        }
        let found = self.known.gap(form, &self.template(form, code), column, at.month);
        let outcome = found.and_then(|(of, row)| self.figure(of, row, code, column, at)).map(Value::Number);
        Trace { text: text(form, code, column), outcome, question: None, measured: None, parts: Vec::new(), children: Vec::new() }
    }
}

impl Reported for Papers<'_> {
    fn step(&self, form: Option<&str>, row: &str) -> Option<(Amount, bool)> {
        self.known.step(form, &self.template(form, row))
    }

    fn main(&self, form: Option<&str>, row: &str) -> &'static str {
        self.known.main(form, &self.template(form, row))
    }

    fn describe(&self, form: Option<&str>, row: &str) -> Described {
        self.known.describe(form, &self.template(form, row))
    }

    fn is_repeated(&self, form: Option<&str>, row: &str) -> bool {
        self.known.is_repeated(form, row)
    }
}
