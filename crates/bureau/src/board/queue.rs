//! What to look at first: how much there is to suspect, by how much the unit weighs in the county's figures. Each place has its reasons in words.

use std::collections::BTreeMap;

use model::{Amount, Month};
use ui::Lang;

use super::{
    Asked, Board, Sums,
    duty::Duties,
    read::{Decision, Figures, Hit, Outlier, Registered, Slots, State},
    totals,
};
use crate::store::StoreError;

/// What a rule weighs that is mandatory, that asks for an explanation, and that has one.
const RULES: [i64; 3] = [400, 150, 20];
/// What a figure weighs that the portal has otherwise.
const DIFFERS: i64 = 200;
/// What each further figure that stands out weighs, and how many of them count.
const FURTHER: (i64, i64) = (25, 10);

/// A reason, as an entry of the catalogue with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Entry.
    pub code: &'static str,
    /// Values.
    pub values: Vec<(&'static str, String)>,
}

impl Reason {
    fn new(code: &'static str, values: impl IntoIterator<Item = (&'static str, String)>) -> Reason {
        Reason { code, values: values.into_iter().collect() }
    }

    /// In words.
    pub fn text(&self, lang: Lang) -> String {
        ui::text(lang, self.code, &self.values)
    }
}

/// A report in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Unit.
    pub unit: Registered,
    /// How its report stands.
    pub state: State,
    /// How much there is to suspect.
    pub suspicion: i64,
    /// How much it weighs, in thousandths of the county's figure or of its change.
    pub impact: i64,
    /// What the queue goes by: the one by the other.
    pub score: i64,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// The queue of a form and period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Reports with something to suspect, the first to look at first.
    pub queued: Vec<Queued>,
    /// Reports that were looked at.
    pub reports: usize,
}

fn suspicion(state: &State) -> i64 {
    let [mandatory, verify, explained] = RULES;
    let outliers = if state.outliers > 0 { state.odd / 2 + FURTHER.0 * (state.outliers - 1).min(FURTHER.1) } else { 0 };
    state.mandatory * mandatory + state.verify * verify + state.explained * explained + outliers + state.differs.min(5) * DIFFERS
}

/// The reports of a form and period that there is something to suspect of; at most so many are told why.
pub fn queue(board: &Board, duties: &Duties, asked: &Asked, month: Month, most: usize) -> Result<Queue, StoreError> {
    let register = board.register()?;
    let period = super::number(month);
    let headline = duties.headline(&asked.form);
    let (mut queue, total) = board.read(|connection| {
        let slots = Slots::read(connection)?;
        let total = totals::sum(
            connection,
            &Asked {
                trade: String::new(),
                area: asked.area.get(..6.min(asked.area.len())).unwrap_or_default().to_owned(),
                ..asked.clone()
            },
            period,
        )?;
        let mut queue = Queue::default();
        for state in State::all(connection, &asked.form, period)? {
            let Some(unit) = register.get(state.unit).filter(|unit| asked.takes(unit)) else { continue };
            queue.reports += 1;
            let suspicion = suspicion(&state);
            // What was returned waits for its correction.
            if suspicion == 0 || state.decision == Decision::Returned {
                continue;
            }
            let figures = Figures::find(connection, unit.id, &asked.form, period)?.unwrap_or_default();
            let (impact, reasons) = impact(&slots, &asked.form, &headline, &figures, &total.sums);
            let score = suspicion.saturating_mul(1000 + impact);
            queue.queued.push(Queued { unit: unit.clone(), state, suspicion, impact, score, reasons });
        }
        Ok((queue, total))
    })?;
    debug_assert!(total.units >= 0);
    queue.queued.sort_by(|one, other| (other.score, &one.unit.code).cmp(&(one.score, &other.unit.code)));
    let told: Vec<(Vec<Hit>, Vec<Outlier>)> = board.read(|connection| {
        let each = queue.queued.iter().take(most).map(|queued| {
            let (form, unit) = (&asked.form, queued.unit.id);
            Ok((Hit::all(connection, unit, form, period)?, Outlier::all(connection, form, period, unit)?))
        });
        each.collect()
    })?;
    for (queued, (hits, outliers)) in queue.queued.iter_mut().zip(told) {
        let mut reasons = why(&queued.state, &hits, &outliers);
        reasons.append(&mut queued.reasons);
        queued.reasons = reasons;
    }
    Ok(queue)
}

/// Thousandths of a whole; nothing where the whole is none.
fn part(of: Amount, whole: Amount) -> Option<i64> {
    let size = |amount: Amount| amount.units().checked_abs();
    let (of, whole) = (size(of)?, size(whole)?);
    Some(i64::try_from(of.checked_mul(1000)?.checked_div(whole)?).unwrap_or(1000).min(1000))
}

fn percent(thousandths: i64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

/// How much a report weighs, and in which figure.
fn impact(slots: &Slots, form: &str, headline: &[&str], figures: &Figures, total: &Sums) -> (i64, Vec<Reason>) {
    let mut best: (i64, Vec<Reason>) = (0, Vec::new());
    for code in headline {
        let Some(slot) = slots.main(form, code).and_then(|id| slots.get(id)) else { continue };
        let Some(own) = figures.cells.get(&slot.id) else { continue };
        let Some(all) = total.get(&slot.id) else { continue };
        let before = slots.find(form, code, "prior_year");
        let change = before.and_then(|before| {
            let (own_before, all_before) = (figures.cells.get(&before)?, total.get(&before)?);
            part(own.checked_sub(*own_before)?, all.sum.checked_sub(all_before.sum)?)
        });
        let name = || ("indicator", format!("{code} {}", slot.name));
        let share = part(*own, all.sum).unwrap_or(0);
        if share > best.0 {
            best = (share, vec![Reason::new("label-queue-share", [name(), ("percent", percent(share))])]);
        }
        if let Some(change) = change.filter(|change| *change > best.0) {
            best = (change, vec![Reason::new("label-queue-change", [name(), ("percent", percent(change))])]);
        }
    }
    best
}

/// Rules first, unexplained before explained; then what stands out; then what the portal has otherwise.
fn why(state: &State, hits: &[Hit], outliers: &[Outlier]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let weight = |hit: &&Hit| (!hit.cause.is_empty(), hit.severity != "mandatory", hit.rule.clone());
    let mut sorted: Vec<&Hit> = hits.iter().collect();
    sorted.sort_by_key(weight);
    for hit in sorted {
        let code = match (hit.cause.is_empty(), hit.severity.as_str()) {
            (true, "mandatory") => "label-queue-mandatory",
            (true, _) => "label-queue-verify",
            (false, _) => "label-queue-explained",
        };
        let values =
            [("rule", hit.rule.clone()), ("text", hit.text.clone()), ("cause", hit.cause.clone()), ("said", hit.said.clone())];
        reasons.push(Reason::new(code, values));
    }
    let mut by_screen: BTreeMap<&str, Vec<&Outlier>> = BTreeMap::new();
    outliers.iter().for_each(|outlier| by_screen.entry(&outlier.screen).or_default().push(outlier));
    for (screen, mut own) in by_screen {
        own.sort_by_key(|outlier| std::cmp::Reverse(outlier.odd()));
        let Some(first) = own.first() else { continue };
        let code = if screen.starts_with("own-") { "label-queue-own" } else { "label-queue-peers" };
        let values = [
            ("screen", screen.to_owned()),
            ("indicator", format!("{} {}", first.id, first.name)),
            ("one", first.pair[0].clone()),
            ("other", first.pair[1].clone()),
            ("more", (own.len() - 1).to_string()),
        ];
        reasons.push(Reason::new(code, values));
    }
    if state.differs > 0 {
        reasons.push(Reason::new("label-queue-portal", [("figures", state.differs.to_string())]));
    }
    reasons
}
