//! Why a figure made by hand is not the one that the books give: candidates, each tried on the sealed books.

use std::collections::BTreeMap;

use formula::{AccountCall, Aspect, At, Expr, Node, Operator, Scope, Side, Span, What};
use model::{Amount, Finding, Month};

use super::{
    accounts,
    change::{self, Change},
    compare::{Difference, Shown, Subject, number},
};
use crate::{Engine, Mapping, RowKind};

/// A possible cause of a difference.
#[derive(Clone, Debug)]
pub struct Cause {
    /// What, with its values.
    pub said: Finding,
    /// A change of the mapping that gives the sheet's figure, tried on the books.
    pub change: Option<Change>,
}

/// What is done to a part of a formula.
type Rewrite = fn(&mut Node);

/// Months before and after that a figure is looked for in.
const MONTHS_BACK: i32 = 12;
const MONTHS_ON: i32 = 3;

/// Finds causes for every difference. What explains many cells of a sheet explains each of them best.
pub(super) fn explain(subject: Subject<'_>, open: Vec<(Difference, Shown)>) -> Vec<Difference> {
    let twisted = Twisted::new(subject.engine.mapping());
    let mut differences: Vec<Difference> = open
        .into_iter()
        .map(|(mut difference, shown)| {
            difference.causes = Search { subject, difference: &difference, shown, twisted: &twisted }.causes();
            difference
        })
        .collect();
    let mut shared: BTreeMap<String, usize> = BTreeMap::new();
    let name = |cause: &Cause| format!("{} {:?}", cause.said.code, cause.said.arguments);
    for cause in differences.iter().flat_map(|difference| &difference.causes) {
        *shared.entry(name(cause)).or_default() += 1;
    }
    for difference in &mut differences {
        difference.causes.sort_by_key(|cause| std::cmp::Reverse(shared.get(&name(cause)).copied().unwrap_or(0)));
    }
    differences
}

/// The mapping read otherwise: with closing vouchers where it leaves them out, and the other way round.
struct Twisted {
    closing_in: Mapping,
    closing_out: Mapping,
}

impl Twisted {
    fn new(mapping: &Mapping) -> Twisted {
        let twist = |with: Rewrite| {
            let mut twisted = mapping.clone();
            let formulas = twisted.items.values_mut().flatten().chain(twisted.cells.values_mut());
            formulas.for_each(|formula| change::walk(&mut formula.expr, with));
            twisted
        };
        Twisted { closing_in: twist(closing_in), closing_out: twist(closing_out) }
    }
}

/// SL and SY with the closing vouchers in them.
fn closing_in(node: &mut Node) {
    if let Node::Account(call) = node
        && call.what == What::Movement
    {
        call.what = What::Net;
        if let Span::Through(month) = call.span {
            call.span = Span::Of(month);
        }
    }
}

fn closing_out(node: &mut Node) {
    if let Node::Account(call) = node
        && matches!(call.what, What::Net | What::Turnover)
    {
        if call.what == What::Net && call.side.is_none() {
            call.side = Some(Side::Debit);
        }
        call.what = What::Movement;
    }
}

/// The search for the causes of one difference.
pub(super) struct Search<'s> {
    pub subject: Subject<'s>,
    pub difference: &'s Difference,
    pub shown: Shown,
    twisted: &'s Twisted,
}

impl Search<'_> {
    fn causes(&self) -> Vec<Cause> {
        let mut causes = Vec::new();
        let theirs = self.difference.theirs;
        match self.difference.raw {
            None => {
                let said = Finding::note("exam-cause-missing").with("status", &self.difference.status);
                causes.push(Cause { said, change: None });
            }
            Some(raw) => {
                if let Some((cause, sure)) = self.rounding(raw) {
                    causes.push(cause);
                    if sure {
                        return causes;
                    }
                }
                if !theirs.is_zero() {
                    causes.extend(self.sign(raw));
                    causes.extend(self.unit(raw));
                    causes.extend(self.column());
                }
                causes.extend(self.average());
                causes.extend(self.heads());
                causes.extend(self.closing());
                if !theirs.is_zero() {
                    causes.extend(self.tax(raw));
                }
            }
        }
        let (accounts, alone) = accounts::causes(self);
        let month = if theirs.is_zero() { None } else { self.month() };
        if alone {
            causes.extend(accounts);
            causes.extend(month);
        } else {
            causes.extend(month);
            causes.extend(accounts);
        }
        causes
    }

    pub(super) fn is_theirs(&self, raw: Amount) -> bool {
        self.shown.of(raw) == Some(self.difference.theirs)
    }

    pub(super) fn at(&self) -> Option<At> {
        self.subject.at(&self.difference.key, self.difference.column, self.subject.month)
    }

    /// A cause, with a change that is kept only where it gives the sheet's figure.
    pub(super) fn cause(&self, said: Finding, formula: Option<String>) -> Cause {
        let change = formula.filter(|formula| {
            let Some(at) = self.at() else { return false };
            let (Some(expr), _) = formula::parse(formula) else { return false };
            let raw = number(&self.subject.engine.formula(&self.subject.form.form, &expr, Scope::Own, at).outcome);
            raw.is_some_and(|raw| self.is_theirs(raw))
        });
        let cell = format!("{}:{}", self.subject.form.form, self.difference.key);
        let change = change.map(|formula| Change { cell, formula });
        Cause { said, change }
    }

    /// The formula of the cell as it is written, in brackets where something is put behind it.
    pub(super) fn formula(&self, alone: bool) -> Option<String> {
        let key = (self.subject.form.form.clone(), self.difference.key.clone());
        let formula = self.subject.engine.mapping().cells.get(&key)?;
        let bare = alone || !matches!(formula.expr.node, Node::Binary { .. } | Node::Not(_));
        let text = formula.text.trim().trim_start_matches('=').trim();
        Some(if bare { text.to_owned() } else { format!("({text})") })
    }

    /// The formula of the cell with its items written out and `with` done to each part.
    fn rewritten(&self, with: Rewrite) -> Option<String> {
        let key = (self.subject.form.form.clone(), self.difference.key.clone());
        let mapping = self.subject.engine.mapping();
        let mut expr: Expr = mapping.cells.get(&key)?.expr.clone();
        change::inline(&mut expr, mapping, 8)?;
        change::walk(&mut expr, with);
        Some(expr.to_string())
    }

    fn rounding(&self, raw: Amount) -> Option<(Cause, bool)> {
        let ours = self.difference.ours?;
        let gap = self.difference.theirs.checked_sub(ours)?;
        let last = Amount::from_whole(1)?.div_round(10_i128.pow(self.shown.places.min(9)), 9)?;
        let within = gap <= last && gap >= last.checked_neg()?;
        // A gap of one in figures of one digit may be anything.
        let ten = last.checked_mul(Amount::from_whole(10)?)?;
        let large = ours >= ten || ours <= ten.checked_neg()?;
        let said = Finding::note("exam-cause-rounding").with("raw", raw.fixed(2));
        within.then_some((Cause { said, change: None }, large))
    }

    fn sign(&self, raw: Amount) -> Option<Cause> {
        let turned = raw.checked_neg()?;
        let formula = self.formula(false).map(|formula| format!("-{formula}"));
        self.is_theirs(turned).then(|| self.cause(Finding::note("exam-cause-sign"), formula))
    }

    fn unit(&self, raw: Amount) -> Option<Cause> {
        let unit = self.subject.words.moneys().filter(|(_, of)| *of != self.shown.divisor).find(|(_, of)| {
            let shown = Shown { divisor: *of, places: self.shown.places };
            shown.of(raw) == Some(self.difference.theirs)
        });
        let (name, of) = unit?;
        let ours = self.subject.words.moneys().find(|(_, of)| *of == self.shown.divisor).map_or("—", |(name, _)| name);
        let times = if of > self.shown.divisor { of / self.shown.divisor } else { self.shown.divisor / of };
        let said = Finding::note("exam-cause-unit").with("unit", name).with("expected", ours).with("times", times);
        Some(Cause { said, change: None })
    }

    /// Another column of the same indicator: last year's for this year's, the month for what is cumulative.
    fn column(&self) -> Option<Cause> {
        let row = self.subject.form.row(&self.difference.key)?;
        let others = self.subject.form.columns_of(row).into_iter().filter(|column| *column != self.difference.column);
        let found = others.into_iter().find(|column| {
            let raw = self.subject.raw(&self.difference.key, *column, self.subject.month);
            raw.is_some_and(|raw| self.is_theirs(raw))
        });
        Some(Cause { said: Finding::note("exam-cause-column").with("column", found?.name()), change: None })
    }

    /// The same column of another month.
    fn month(&self) -> Option<Cause> {
        let months = (1..=MONTHS_BACK).map(|back| -back).chain(1..=MONTHS_ON);
        let of = |by: i32| -> Option<Month> {
            let month = self.subject.month.plus(by)?;
            let raw = self.subject.raw(&self.difference.key, self.difference.column, month)?;
            (self.is_theirs(raw) && !raw.is_zero()).then_some(month)
        };
        // The nearest first.
        let mut months: Vec<i32> = months.collect();
        months.sort_by_key(|by| by.abs());
        let month = months.into_iter().find_map(of)?;
        Some(Cause { said: Finding::note("exam-cause-month").with("month", month), change: None })
    }

    /// The mean of opening and closing where the closing is asked for, or the other way round.
    fn average(&self) -> Option<Cause> {
        let kind = self.subject.form.row(&self.difference.key)?.kind;
        if kind == RowKind::Flow {
            return None;
        }
        let at = self.at()?;
        let closing = self.difference.raw?;
        let december = Month::new(at.month.year().checked_sub(1)?, 12)?;
        let before: [(Option<Month>, &str, Rewrite); 2] =
            [(at.month.plus(-1), "month", mean_of_month), (Some(december), "year", mean_of_year)];
        before.into_iter().find_map(|(before, of, with)| {
            let opening = number(
                &self.subject.engine.cell(&self.subject.form.form, &self.difference.key, At { month: before?, ..at }).outcome,
            )?;
            let mean = opening.checked_add(closing)?.div_round(2, 9)?;
            let fits = self.is_theirs(mean) && opening != closing;
            fits.then(|| self.cause(Finding::note("exam-cause-average").with("of", of), self.rewritten(with)))
        })
    }

    /// Heads at the end where the average belongs. The average is what the survey asks for, so the sheet is what changes.
    fn heads(&self) -> Option<Cause> {
        let (text, at) = (self.rewritten(heads_at_the_end)?, self.at()?);
        let expr = formula::parse(&text).0?;
        let raw = number(&self.subject.engine.formula(&self.subject.form.form, &expr, Scope::Own, at).outcome)?;
        let average = self.difference.raw?;
        let said = Finding::note("exam-cause-heads").with("closing", raw.fixed(2)).with("average", average.fixed(2));
        (raw != average && self.is_theirs(raw)).then_some(Cause { said, change: None })
    }

    fn closing(&self) -> Vec<Cause> {
        let Some(at) = self.at() else { return Vec::new() };
        let raw = |mapping: &Mapping| {
            let engine = self.subject.engine;
            let engine = Engine::new(mapping, engine.chart(), engine.sources());
            number(&engine.cell(&self.subject.form.form, &self.difference.key, at).outcome)
        };
        let ways: [(&Mapping, &str, Rewrite); 2] =
            [(&self.twisted.closing_in, "in", closing_in), (&self.twisted.closing_out, "out", closing_out)];
        let fits = ways.into_iter().filter(|(mapping, ..)| raw(mapping).is_some_and(|raw| self.is_theirs(raw)));
        fits.map(|(_, how, with)| self.cause(Finding::note("exam-cause-closing").with("how", how), self.rewritten(with)))
            .collect()
    }

    fn tax(&self, raw: Amount) -> Option<Cause> {
        // Nobody pays tax on people or pieces.
        let form = self.subject.form;
        if !form.row(&self.difference.key).is_some_and(|row| form.is_money(row)) {
            return None;
        }
        let hundred = Amount::from_whole(100)?;
        self.subject.words.taxes.iter().find_map(|rate| {
            let more = Amount::from_whole(i128::from(100 + u16::from(*rate)))?;
            let base = self.formula(false);
            for (how, by, of) in [("in", more, hundred), ("out", hundred, more)] {
                let taxed = raw.checked_mul(by)?.checked_div(of)?;
                if self.is_theirs(taxed) {
                    let formula = base.map(|base| format!("{base} * {by} / {of}"));
                    let said = Finding::note("exam-cause-tax").with("how", how).with("rate", rate);
                    return Some(self.cause(said, formula));
                }
            }
            None
        })
    }
}

fn heads_at_the_end(node: &mut Node) {
    if let Node::Measure(call) = node
        && call.aspect == Aspect::Average
    {
        call.aspect = Aspect::Closing;
    }
}

fn mean(node: &mut Node, opening: Span) {
    let Node::Account(call) = node else { return };
    if call.what != What::Closing {
        return;
    }
    let before = AccountCall { what: What::Opening, span: opening, ..call.clone() };
    let expr = |node: Node| Expr { node, span: 0..0 };
    let sum = expr(Node::Binary {
        operator: Operator::Add,
        left: Box::new(expr(Node::Account(before))),
        right: Box::new(expr(Node::Account(call.clone()))),
    });
    let two = expr(Node::Number(Amount::from_units(2_000_000_000)));
    *node = Node::Binary { operator: Operator::Divide, left: Box::new(sum), right: Box::new(two) };
}

fn mean_of_month(node: &mut Node) {
    mean(node, Span::Month(0));
}

fn mean_of_year(node: &mut Node) {
    mean(node, Span::Of(1));
}
