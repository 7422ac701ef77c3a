//! One rule on one set of figures: its verdict, both sides with their numbers, and the figures behind them.

use std::cell::RefCell;

use formula::{
    Account, At, Column, Expr, Function, Gap, MeasureQuestion, Mode, Node, Operator, Part, Question, Scope, Trace, Value, World,
    evaluate,
};
use model::{Amount, Finding, Level, Month};
use serde::Serialize;

use super::{
    Explanation, Ready,
    dimension::{Dimension, dimension, tolerance},
    reach,
    world::Reported,
};
use crate::{document::Note, draft::gap_finding};

/// How a rule came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Met,
    /// It does not.
    Unmet,
    /// The unit does not have a figure that it asks for.
    NotApplicable,
    /// A figure that it asks for is still to come, or could not be computed.
    Undetermined,
}

impl Outcome {
    /// As machine formats and messages write it.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Met => "met",
            Outcome::Unmet => "unmet",
            Outcome::NotApplicable => "not_applicable",
            Outcome::Undetermined => "undetermined",
        }
    }
}

/// One rule, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Form.
    pub form: String,
    /// Id of the rule, with the row where it is about each.
    pub rule: String,
    /// `mandatory`, `verify` or `info`.
    pub severity: &'static str,
    /// `within`, `forms`, `periods` or `outside`.
    pub level: &'static str,
    /// What a person reads.
    pub text: String,
    /// Its expression.
    pub expression: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Why it could not be judged.
    pub gap: Option<Note>,
    /// Each comparison that was made, in its order.
    pub comparisons: Vec<Comparison>,
    /// Each figure that was asked for, once.
    pub facts: Vec<Fact>,
}

/// Two sides that were compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Text of the left side.
    pub left: String,
    /// `=`, `<>`, `<`, `<=`, `>` or `>=`.
    pub operator: &'static str,
    /// Text of the right side.
    pub right: String,
    /// Unit of the values; empty where they are ratios and the like.
    pub unit: String,
    /// Value of the left side.
    pub left_value: Option<String>,
    /// Value of the right side.
    pub right_value: Option<String>,
    /// Left minus right.
    pub difference: Option<String>,
    /// What was forgiven.
    pub tolerance: String,
    /// Whether it holds.
    pub holds: Option<bool>,
}

/// A figure that a rule asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Form.
    pub form: String,
    /// Code or id of the row; name of the outside figure.
    pub code: String,
    /// Name.
    pub name: String,
    /// Column.
    pub column: &'static str,
    /// Month that was meant.
    pub period: String,
    /// As it is reported, in the row's unit.
    pub value: Option<String>,
    /// That unit.
    pub unit: String,
    /// Why there is none.
    pub status: String,
    /// What the books answered.
    pub rows: Vec<Behind>,
}

/// One row behind a figure: what a question to the books found on one account, with the sign it has in that answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// The question, as it stands in the formula.
    pub question: String,
    /// Account, or item of a measure.
    pub account: String,
    /// In 元, or the measure's unit.
    pub amount: String,
}

/// Judges a rule for a month.
pub fn judge(ready: &Ready<'_>, world: &dyn Reported, month: Month) -> Verdict {
    let noted = Noted { world, own: &ready.form.form, facts: RefCell::default() };
    let mut judging = Judging { ready, world: &noted, at: At { month, mode: Mode::ToDate }, comparisons: Vec::new() };
    let truth = judging.truth(&ready.expr);
    let (outcome, gap) = match truth {
        Ok(true) => (Outcome::Met, None),
        Ok(false) => (Outcome::Unmet, None),
        Err(gap) if awaited(&gap) => (Outcome::Undetermined, Some(gap)),
        Err(gap) => (Outcome::NotApplicable, Some(gap)),
    };
    let comparisons = judging.comparisons;
    Verdict {
        form: ready.form.form.clone(),
        rule: ready.id.clone(),
        severity: ready.rule.severity.name(),
        level: reach(ready.form, ready.rule, &ready.expr).name(),
        text: ready.rule.text.clone(),
        expression: ready.expr.to_string(),
        outcome,
        gap: gap.map(|gap| Note::from(&gap_finding(&gap, Level::Note))),
        comparisons,
        facts: noted.facts.into_inner(),
    }
}

/// Whether a figure is there or will be, and only not known now: then a rule waits for it.
fn awaited(gap: &Gap) -> bool {
    matches!(gap.status, "missing_source" | "not_read" | "undecided_account" | "no_rate" | "error")
}

struct Judging<'a> {
    ready: &'a Ready<'a>,
    world: &'a Noted<'a>,
    at: At,
    comparisons: Vec<Comparison>,
}

impl Judging<'_> {
    /// Truth of an expression. What decides alone decides, whatever else is missing: `false and ?` is false, `true or ?` is true.
    fn truth(&mut self, expr: &Expr) -> Result<bool, Gap> {
        match &expr.node {
            Node::Truth(truth) => Ok(*truth),
            Node::Not(operand) => self.truth(operand).map(|truth| !truth),
            Node::Binary { operator: operator @ (Operator::And | Operator::Or), left, right } => {
                let decides = *operator == Operator::Or;
                match self.truth(left) {
                    Ok(truth) if truth == decides => Ok(truth),
                    Ok(_) => self.truth(right),
                    Err(gap) => match self.truth(right) {
                        Ok(truth) if truth == decides => Ok(truth),
                        _ => Err(gap),
                    },
                }
            }
            Node::Binary { operator: operator @ (Operator::Equal | Operator::Unequal), left, right } if is_truth(left) => {
                let (left, right) = (self.truth(left), self.truth(right));
                Ok((left? == right?) == (*operator == Operator::Equal))
            }
            Node::Binary { operator, left, right } if sign(*operator).is_some() => self.compare(*operator, left, right),
            Node::Call { function: Function::If, arguments } => match arguments.as_slice() {
                [condition, then, other] => {
                    if self.truth(condition)? {
                        self.truth(then)
                    } else {
                        self.truth(other)
                    }
                }
                _ => Err(Gap::new("error", "formula-argument-count")),
            },
            _ => match evaluate(expr, self.world, self.at).outcome? {
                Value::Truth(truth) => Ok(truth),
                Value::Number(_) => Err(Gap::new("error", "value-wrong-kind")),
            },
        }
    }

    fn compare(&mut self, operator: Operator, left: &Expr, right: &Expr) -> Result<bool, Gap> {
        let world = self.world.world;
        let number = |expr: &Expr| match evaluate(expr, self.world, self.at).outcome? {
            Value::Number(number) => Ok(number),
            Value::Truth(_) => Err(Gap::new("error", "value-wrong-kind")),
        };
        let first = number(left);
        // Where the first side does not apply, the rule does not, and the books need not be asked for the other: most units load nothing to
        // compare last year's figures with.
        let second = match &first {
            Err(gap) if !awaited(gap) => Err(gap.clone()),
            _ => number(right),
        };
        let values = (first, second);
        let money = [left, right].map(|side| dimension(side, world)).contains(&Dimension::Money);
        let unit = if money { Amount::from_whole(self.ready.form.divisor.into()) } else { Amount::from_whole(1) };
        let tolerance =
            tolerance(self.ready, operator, left, right, world, self.at).ok_or_else(|| Gap::new("error", "amount-too-large"))?;
        let difference = match &values {
            (Ok(left), Ok(right)) => left.checked_sub(*right),
            _ => None,
        };
        let holds = difference.map(|difference| holds(operator, difference, tolerance));
        let shown = |value: Amount| unit.and_then(|unit| value.checked_div(unit)).unwrap_or(value).to_string();
        self.comparisons.push(Comparison {
            left: left.to_string(),
            operator: sign(operator).unwrap_or_default(),
            right: right.to_string(),
            unit: if money { self.ready.form.unit.clone() } else { String::new() },
            left_value: values.0.as_ref().ok().copied().map(shown),
            right_value: values.1.as_ref().ok().copied().map(shown),
            difference: difference.map(shown),
            tolerance: shown(tolerance),
            holds,
        });
        values.0?;
        values.1?;
        holds.ok_or_else(|| Gap::new("error", "amount-too-large"))
    }
}

pub(crate) fn is_truth(expr: &Expr) -> bool {
    match &expr.node {
        Node::Truth(_) | Node::Not(_) => true,
        Node::Call { function: Function::Missing | Function::Filled | Function::Is | Function::Contains, .. } => true,
        Node::Binary { operator, .. } => sign(*operator).is_some() || matches!(operator, Operator::And | Operator::Or),
        Node::Call { function: Function::If, arguments } => arguments.get(1).is_some_and(is_truth),
        _ => false,
    }
}

fn sign(operator: Operator) -> Option<&'static str> {
    match operator {
        Operator::Equal => Some("="),
        Operator::Unequal => Some("<>"),
        Operator::Less => Some("<"),
        Operator::AtMost => Some("<="),
        Operator::Greater => Some(">"),
        Operator::AtLeast => Some(">="),
        _ => None,
    }
}

/// Whether a comparison holds, from left minus right.
pub(crate) fn holds(operator: Operator, difference: Amount, tolerance: Amount) -> bool {
    let (difference, tolerance) = (difference.units(), tolerance.units());
    match operator {
        Operator::Equal => difference.unsigned_abs() <= tolerance.unsigned_abs(),
        Operator::AtMost => difference <= tolerance,
        Operator::AtLeast => difference >= -tolerance,
        Operator::Unequal => difference != 0,
        Operator::Less => difference < 0,
        Operator::Greater => difference > 0,
        _ => false,
    }
}

/// A world that remembers which figures it was asked for.
struct Noted<'a> {
    world: &'a dyn Reported,
    own: &'a str,
    facts: RefCell<Vec<Fact>>,
}

impl Verdict {
    /// A rule that is not met, as a finding.
    pub fn finding(&self, explained: Option<&Explanation>) -> Finding {
        let (explained, finding) = match (explained, self.severity) {
            (Some(said), _) => (said.text.as_str(), Finding::note("rule-explained")),
            (None, "mandatory") => ("", Finding::warning("rule-mandatory")),
            (None, "info") => ("", Finding::note("rule-info")),
            (None, _) => ("", Finding::warning("rule-verify")),
        };
        let failed = self.comparisons.iter().find(|made| made.holds == Some(false)).or(self.comparisons.first());
        let side = |of: fn(&Comparison) -> &Option<String>| {
            let value = failed.and_then(|made| of(made).as_ref().map(|value| format!("{value} {}", made.unit)));
            value.map_or_else(|| "—".to_owned(), |value| value.trim_end().to_owned())
        };
        let finding = finding.with("rule", &self.rule).with("text", &self.text).with("formula", &self.expression);
        let finding = finding.with("left", side(|made| &made.left_value)).with("right", side(|made| &made.right_value));
        if explained.is_empty() { finding } else { finding.with("explanation", explained) }
    }
}

impl World for Noted<'_> {
    fn chart(&self) -> &[Account] {
        self.world.chart()
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        self.world.ask(question)
    }

    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        self.world.measure(question)
    }

    fn item(&self, name: &str, at: At) -> Trace {
        self.world.item(name, at)
    }

    fn scope(&self) -> Scope {
        self.world.scope()
    }

    fn repeated(&self, form: Option<&str>, code: &str, at: At) -> Vec<String> {
        self.world.repeated(form, code, at)
    }

    fn text(&self, form: Option<&str>, code: &str, at: At) -> Result<Option<String>, Gap> {
        let found = self.world.text(form, code, at);
        let form = form.unwrap_or(self.own);
        let described = self.world.describe(Some(form), code);
        let status = found.as_ref().err().map_or("ok", |gap| gap.status).to_owned();
        let fact = Fact {
            form: form.to_owned(),
            code: code.to_owned(),
            name: described.name,
            column: "value",
            period: at.month.to_string(),
            value: found.as_ref().ok().cloned().flatten(),
            unit: described.unit,
            status,
            rows: Vec::new(),
        };
        let mut facts = self.facts.borrow_mut();
        if !facts.contains(&fact) {
            facts.push(fact);
        }
        found
    }

    fn reference(&self, form: Option<&str>, code: &str, column: Option<Column>, at: At) -> Trace {
        let trace = self.world.reference(form, code, column, at);
        let facts = self.facts.borrow();
        let form = form.unwrap_or(self.own);
        let (back, shown) = match column {
            None => (0, self.world.main(Some(form), code)),
            Some(Column::ThisMonth) => (0, "this_month"),
            Some(Column::Cumulative) => (0, "cumulative"),
            Some(Column::Closing) => (0, "closing"),
            Some(Column::PriorYearMonth) => (0, "prior_year_month"),
            Some(Column::PriorYear) => (0, "prior_year"),
            Some(Column::Previous) => (-1, self.world.main(Some(form), code)),
            Some(Column::Opening) => (0, "opening"),
            Some(Column::FiledLastYear) => (0, "filed_last_year"),
        };
        let period = at.month.plus(back).map_or_else(String::new, |month| month.to_string());
        if facts.iter().any(|f| f.form == form && f.code == code && f.column == shown && f.period == period) {
            return trace;
        }
        drop(facts);
        let described = self.world.describe(Some(form), code);
        let value = match &trace.outcome {
            Ok(Value::Number(number)) => {
                let by = Amount::from_whole(described.divisor.into());
                by.and_then(|by| number.checked_div(by)).map(|value| value.to_string())
            }
            _ => None,
        };
        let status = trace.outcome.as_ref().err().map_or("ok", |gap| gap.status).to_owned();
        let rows = behind(&trace);
        let fact = Fact {
            form: form.to_owned(),
            code: code.to_owned(),
            name: described.name,
            column: shown,
            period,
            value,
            unit: described.unit,
            status,
            rows,
        };
        self.facts.borrow_mut().push(fact);
        trace
    }
}

/// What the books answered on the way to a figure, the largest amounts first.
fn behind(trace: &Trace) -> Vec<Behind> {
    let mut found: Vec<(Amount, Behind)> = Vec::new();
    let mut waiting = vec![trace];
    while let Some(trace) = waiting.pop() {
        for part in &trace.parts {
            let (question, account, amount) = (trace.text.clone(), part.account.clone(), part.amount.to_string());
            let row = Behind { question, account, amount };
            // Two rows of a form may lead to the same answer.
            if !found.iter().any(|(_, known)| *known == row) {
                found.push((part.amount, row));
            }
        }
        waiting.extend(trace.children.iter().rev());
    }
    found.sort_by_key(|(amount, _)| std::cmp::Reverse(amount.units().unsigned_abs()));
    found.into_iter().map(|(_, row)| row).collect()
}
