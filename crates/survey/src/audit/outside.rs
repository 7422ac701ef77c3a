//! Figures that come from elsewhere: tax sales, electricity. `[outside:name]` in a rule.

use std::collections::BTreeMap;

use formula::{At, Column, Gap, Mode, Trace, Value};
use model::{Amount, Finding, Month};

/// The form that outside figures are said to stand on.
pub const OUTSIDE: &str = "outside";

/// Outside figures by name and month. A figure is that of its month alone; what is asked for from January on is their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    figures: BTreeMap<(String, Month), Amount>,
}

impl Outside {
    /// From the rows of a sheet: line, period, name and value of each. Everything that is wrong is found at once.
    pub fn of<'a>(file: &str, rows: impl IntoIterator<Item = (u64, [&'a str; 3])>) -> (Outside, Vec<Finding>) {
        let (mut outside, mut findings) = (Outside::default(), Vec::new());
        for (line, [period, name, value]) in rows {
            let wrong = |reason: String| Finding::error("outside-unreadable").at(format!("{file}:{line}")).with("reason", reason);
            let month = match period.parse::<Month>() {
                Ok(month) => month,
                Err(error) => {
                    findings.push(wrong(error.to_string()));
                    continue;
                }
            };
            match value.parse::<Amount>() {
                _ if name.is_empty() => findings.push(wrong("name".to_owned())),
                Err(error) => findings.push(wrong(error.to_string())),
                Ok(value) => {
                    if outside.figures.insert((name.to_owned(), month), value).is_some() {
                        findings.push(wrong(format!("{month} {name} ×2")));
                    }
                }
            }
        }
        (outside, findings)
    }

    /// Names of the figures there are.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.figures.keys().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names
    }

    /// A figure of one month.
    pub fn month(&self, name: &str, month: Month) -> Option<Amount> {
        self.figures.get(&(name.to_owned(), month)).copied()
    }

    pub(crate) fn trace(&self, name: &str, column: Option<Column>, at: At) -> Trace {
        let text = column.map_or_else(|| format!("[{OUTSIDE}:{name}]"), |column| format!("[{OUTSIDE}:{name}].{column}"));
        let outcome = self.value(name, column, at).map(Value::Number);
        Trace { text, outcome, question: None, measured: None, parts: Vec::new(), children: Vec::new() }
    }

    fn value(&self, name: &str, column: Option<Column>, at: At) -> Result<Amount, Gap> {
        let (back, alone) = match column {
            None => (0, at.mode == Mode::Month),
            Some(Column::ThisMonth | Column::Closing) => (0, true),
            Some(Column::Cumulative) => (0, false),
            Some(Column::PriorYearMonth) => (-12, true),
            Some(Column::PriorYear) => (-12, false),
            Some(Column::Previous) => (-1, at.mode == Mode::Month),
            Some(Column::Opening | Column::FiledLastYear) => {
                return Err(Gap::new("not_applicable", "outside-missing").with("name", name).with("month", at.month));
            }
        };
        let missing = |month: Month| Gap::new("not_applicable", "outside-missing").with("name", name).with("month", month);
        let last = at.month.plus(back).ok_or_else(|| missing(at.month))?;
        let first = if alone { last.month() } else { 1 };
        let mut sum = Amount::ZERO;
        for number in first..=last.month() {
            let month = Month::new(last.year(), number).ok_or_else(|| missing(last))?;
            let value = self.month(name, month).ok_or_else(|| missing(month))?;
            sum = sum.checked_add(value).ok_or_else(|| Gap::new("error", "amount-too-large"))?;
        }
        Ok(sum)
    }
}
