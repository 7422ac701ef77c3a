//! A unit's own series: what moved, by how much, and against which earlier figure of its own.

use model::{Amount, Finding, Month};

use super::{Compare, Coordination, Thresholds, robust};

/// Figures of one indicator by month, in its unit.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Form.
    pub form: String,
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Whether it is a flow; a stock has only closings.
    pub flow: bool,
    /// Months in their order.
    pub points: Vec<Point>,
}

/// One month of a series.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Month.
    pub month: Month,
    /// 本月
    pub alone: Option<Amount>,
    /// 1—本月, or 期末
    pub to_date: Option<Amount>,
    /// 上年同期
    pub prior_year: Option<Amount>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// `continuity`, `matching`, `coordination` or `outlier`.
    pub kind: &'static str,
    /// Form and code, or the id of a pair.
    pub figure: String,
    /// Name.
    pub name: String,
    /// Figures it is about, each with its month: the unit's own, as they are.
    pub facts: Vec<(String, Amount)>,
    /// How far it stands out.
    pub score: Option<Amount>,
    /// Above which it is told.
    pub threshold: Amount,
    /// Sentence and what to do, as an entry of the catalogue.
    pub finding: Finding,
}

impl Series {
    fn point(&self, month: Month) -> Option<&Point> {
        self.points.iter().find(|point| point.month == month)
    }

    fn flag(
        &self,
        kind: &'static str,
        finding: Finding,
        facts: Vec<(String, Amount)>,
        score: Option<Amount>,
        threshold: Amount,
    ) -> Flag {
        let shown = facts.iter().map(|(when, value)| format!("{when} {value} {}", self.unit)).collect::<Vec<_>>().join("; ");
        let figure = format!("{}:{}", self.form, self.code);
        let finding = finding.with("indicator", format!("{figure} {}", self.name)).with("facts", shown);
        let finding =
            finding.with("score", score.map_or_else(|| "—".to_owned(), |score| score.to_string())).with("threshold", threshold);
        Flag { kind, figure, name: self.name.clone(), facts, score, threshold, finding }
    }
}

/// Looks at a series as it is in a month.
pub fn screen(series: &Series, month: Month, set: &Thresholds) -> Vec<Flag> {
    let checks =
        [carry(series, month, set), monthly(series, month, set), yearly(series, month, set), outlier(series, month, set)];
    checks.into_iter().flatten().collect()
}

/// 上月累计 + 本月 = 本月累计; in January the month is all there is.
fn carry(series: &Series, month: Month, set: &Thresholds) -> Option<Flag> {
    let now = series.point(month).filter(|_| series.flow)?;
    let (alone, to_date) = (now.alone?, now.to_date?);
    let before = match month.month() {
        1 => Amount::ZERO,
        _ => series.point(month.plus(-1)?)?.to_date?,
    };
    let apart = robust::size(before.checked_add(alone)?.checked_sub(to_date)?)?;
    if apart <= set.carry.tolerance {
        return None;
    }
    let facts = vec![(format!("{} 1—", month.plus(-1)?), before), (month.to_string(), alone), (format!("{month} 1—"), to_date)];
    let finding = Finding::warning("quality-carry-forward");
    Some(series.flag("continuity", finding, facts, Some(apart), set.carry.tolerance))
}

/// Size of a change as a part of what it changed from; `None` from nothing.
fn change(before: Amount, now: Amount) -> Option<Amount> {
    robust::size(now.checked_sub(before)?)?.checked_div(robust::size(before)?)
}

fn moved(before: Amount, now: Amount, set: &super::Growth) -> Option<Option<Amount>> {
    if robust::size(before)?.max(robust::size(now)?) < set.floor || before == now {
        return None;
    }
    let score = change(before, now);
    score.is_none_or(|score| score > set.most).then_some(score)
}

fn monthly(series: &Series, month: Month, set: &Thresholds) -> Option<Flag> {
    let earlier = month.plus(-1)?;
    let of = |point: &Point| if series.flow { point.alone } else { point.to_date };
    let (before, now) = (of(series.point(earlier)?)?, of(series.point(month)?)?);
    let score = moved(before, now, &set.month_on_month)?;
    let facts = vec![(earlier.to_string(), before), (month.to_string(), now)];
    let finding = Finding::warning("quality-month-on-month");
    Some(series.flag("continuity", finding, facts, score, set.month_on_month.most))
}

fn yearly(series: &Series, month: Month, set: &Thresholds) -> Option<Flag> {
    let now = series.point(month)?;
    let (before, value) = (now.prior_year?, now.to_date?);
    let score = moved(before, value, &set.year_on_year)?;
    let facts = vec![(month.prior_year()?.to_string(), before), (month.to_string(), value)];
    let finding = Finding::warning("quality-year-on-year");
    Some(series.flag("continuity", finding, facts, score, set.year_on_year.most))
}

/// The month among the unit's own earlier months. What these would let one expect is not told.
fn outlier(series: &Series, month: Month, set: &Thresholds) -> Option<Flag> {
    let of = |point: &Point| if series.flow { point.alone } else { point.to_date };
    let value = of(series.point(month)?)?;
    let past: Vec<Amount> = series.points.iter().filter(|point| point.month <= month).filter_map(of).collect();
    if past.len() < set.own_outlier.least_months {
        return None;
    }
    let score = robust::score(value, &past).filter(|score| *score > set.own_outlier.most)?;
    let finding = Finding::warning("quality-outlier").with("months", past.len());
    Some(series.flag("outlier", finding, vec![(month.to_string(), value)], Some(score), set.own_outlier.most))
}

/// Both sides of a comparison with a source outside the books, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// The form's figure and the outside one of the period.
    pub now: (Option<Amount>, Option<Amount>),
    /// Those of the same period of last year; of the month before where the change from month to month is looked at.
    pub before: (Option<Amount>, Option<Amount>),
}

/// A form's figure and one from outside the books: how far they are apart, and never which of them is right. Where a figure is not known,
/// or there is nothing to compare with, nothing is said.
pub fn coordination(set: &Coordination, sides: &Sides, month: Month) -> Option<Flag> {
    let now = (sides.now.0?, sides.now.1?);
    let shown = |when: String, text: &str, value: Amount| (format!("{when} {text}"), value);
    let mut facts = vec![shown(format!("{month} 1—"), &set.left, now.0), shown(format!("{month} 1—"), &set.right, now.1)];
    let (finding, score) = match set.compare {
        Compare::Level => (Finding::warning("quality-level-apart"), change(now.1, now.0)?),
        Compare::Growth => {
            let before = (sides.before.0?, sides.before.1?);
            // Growth from nothing, or from less than nothing, is none.
            if before.0 <= Amount::ZERO || before.1 <= Amount::ZERO {
                return None;
            }
            let when = format!("{} 1—", month.prior_year()?);
            facts.extend([shown(when.clone(), &set.left, before.0), shown(when, &set.right, before.1)]);
            let growth = (now.0.checked_div(before.0)?, now.1.checked_div(before.1)?);
            (Finding::warning("quality-growth-apart"), robust::size(growth.0.checked_sub(growth.1)?)?)
        }
        Compare::Change => {
            let Coordination { id, left, right, most, text, .. } = set.clone();
            let months = [(month.plus(-1)?, sides.before.0, sides.before.1), (month, sides.now.0, sides.now.1)];
            let form = String::new();
            let flag = pair(&super::Pair { id, form, left, right, most, text }, &months, month)?;
            return Some(Flag { kind: "coordination", ..flag });
        }
    };
    if score <= set.most {
        return None;
    }
    let all = facts.iter().map(|(when, value)| format!("{when} = {value}")).collect::<Vec<_>>().join("; ");
    let finding = finding.with("pair", &set.id).with("text", &set.text).with("facts", all);
    let finding = finding.with("score", score).with("threshold", set.most);
    let (figure, name) = (set.id.clone(), set.text.clone());
    Some(Flag { kind: "coordination", figure, name, facts, score: Some(score), threshold: set.most, finding })
}

/// Two figures that move together: whether left ÷ right jumped from one month to the next.
pub fn pair(set: &super::Pair, months: &[(Month, Option<Amount>, Option<Amount>)], month: Month) -> Option<Flag> {
    let earlier = month.plus(-1)?;
    let find = |wanted: Month| months.iter().find(|(known, ..)| *known == wanted);
    let of = |(_, left, right): &(Month, Option<Amount>, Option<Amount>)| Some(((*left)?, (*right)?));
    let (before, now) = (of(find(earlier)?)?, of(find(month)?)?);
    let (was, is) = (before.0.checked_div(before.1), now.0.checked_div(now.1));
    let score = match (was, is) {
        (Some(was), Some(is)) => change(was, is),
        // One of the two is nothing: a jump only where the other is not.
        _ if now.0.is_zero() == now.1.is_zero() => return None,
        _ => None,
    };
    if score.is_some_and(|score| score <= set.most) || was == is && was.is_some() {
        return None;
    }
    let facts = vec![
        (format!("{earlier} {}", set.left), before.0),
        (format!("{earlier} {}", set.right), before.1),
        (format!("{month} {}", set.left), now.0),
        (format!("{month} {}", set.right), now.1),
    ];
    let shown = facts.iter().map(|(when, value)| format!("{when} = {value}")).collect::<Vec<_>>().join("; ");
    let finding = Finding::warning("quality-pair-jumped").with("pair", &set.id).with("text", &set.text).with("facts", shown);
    let finding =
        finding.with("score", score.map_or_else(|| "—".to_owned(), |score| score.to_string())).with("threshold", set.most);
    Some(Flag { kind: "matching", figure: set.id.clone(), name: set.text.clone(), facts, score, threshold: set.most, finding })
}
