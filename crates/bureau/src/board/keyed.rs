//! Key enterprises (重点企业): which they are and why, what each contributes to the county's change, and what a person should look at. For the bureau alone: nothing here
//! writes to a unit, and no warning is a number that anybody has to meet.

use std::path::Path;

use model::{Amount, Finding, Month};
use serde::Deserialize;
use settings::Shape;

use super::{
    Board, Cells, Duties,
    read::{Figures, Registered, Slots},
};
use crate::{
    failure::{Failure, own_file},
    store::StoreError,
};

const TEXT: Shape = Shape::Text;
const MUST: Shape = Shape::Must(&TEXT);
const SHAPE: Shape = Shape::Table(&[
    (
        "unit",
        Shape::Each(&Shape::Table(&[("code", MUST), ("reason", MUST), ("since", MUST), ("until", TEXT), ("handler", TEXT)])),
    ),
    (
        "warning",
        Shape::Each(&Shape::Table(&[
            ("id", MUST),
            ("kind", MUST),
            ("form", MUST),
            ("code", MUST),
            ("with", TEXT),
            ("most", TEXT),
            ("handler", MUST),
            ("text", MUST),
        ])),
    ),
]);

/// Name of the file, beside the configuration.
pub const FILE: &str = "keys.toml";

/// Which units are key enterprises, and what is watched.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Keyed {
    #[serde(default, rename = "unit")]
    units: Vec<Own>,
    #[serde(default, rename = "warning")]
    rules: Vec<Rule>,
}

/// A key enterprise.
#[derive(Clone, Debug, Deserialize)]
struct Own {
    code: String,
    reason: String,
    since: String,
    until: Option<String>,
    #[serde(default)]
    handler: String,
}

/// Something that is watched.
#[derive(Clone, Debug, Deserialize)]
struct Rule {
    id: String,
    kind: String,
    form: String,
    code: String,
    with: Option<String>,
    most: Option<String>,
    handler: String,
    text: String,
}

/// A key enterprise in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Unit.
    pub unit: Registered,
    /// Why it is one.
    pub reason: String,
    /// First month.
    pub since: Month,
    /// Last month, where there is one.
    pub until: Option<Month>,
    /// Who looks after it.
    pub handler: String,
}

/// What a key enterprise contributes to a headline figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The enterprise.
    pub key: Key,
    /// Code and name of the figure, and its unit.
    pub figure: [String; 3],
    /// What it reported; nothing where it did not.
    pub value: Option<Amount>,
    /// The same period of last year.
    pub prior_year: Option<Amount>,
    /// Its part of the county's figure, in percent.
    pub share: Option<Amount>,
    /// What its change adds to the county's growth, in percentage points.
    pub points: Option<Amount>,
}

/// What a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The enterprise.
    pub key: Key,
    /// Rule that caused it.
    pub rule: String,
    /// `stop`, `fall` or `apart`.
    pub kind: String,
    /// What it says.
    pub text: String,
    /// The figures: what each is, and it.
    pub facts: Vec<(String, Amount)>,
    /// Who looks at it.
    pub handler: String,
}

const KINDS: [&str; 3] = ["stop", "fall", "apart"];

impl Keyed {
    /// Reads the file beside the configuration.
    pub fn read(folder: &Path, duties: &Duties) -> Result<Keyed, Failure> {
        let missing = || Failure::config(Finding::error("keys-missing").at(folder.join(FILE).display().to_string()));
        let (name, text) = own_file(folder, FILE)?.ok_or_else(missing)?;
        Keyed::parse(&name, &text, duties)
    }

    /// Reads a text; everything that is wrong is told at once.
    pub fn parse(file: &str, text: &str, duties: &Duties) -> Result<Keyed, Failure> {
        let (keyed, mut findings) = settings::read::<Keyed>(file, text, &SHAPE);
        let Some(keyed) = keyed else { return Err(Failure { exit: 2, findings }) };
        let mut unfit =
            |what: &str, text: &str| findings.push(Finding::error("keys-unfit").at(file).with("what", what).with("text", text));
        for unit in &keyed.units {
            for text in
                [Some(&unit.since), unit.until.as_ref()].into_iter().flatten().filter(|text| text.parse::<Month>().is_err())
            {
                unfit(&unit.code, text);
            }
        }
        for rule in &keyed.rules {
            let known = |form: &str, code: &str| duties.form(form).is_some_and(|form| form.row(code).is_some());
            let with = rule.with.as_deref().map(|with| with.split_once(':').filter(|(form, code)| known(form, code)));
            if !KINDS.contains(&rule.kind.as_str()) {
                unfit(&rule.id, &rule.kind);
            }
            if !known(&rule.form, &rule.code) || with == Some(None) || (rule.kind == "apart") != with.is_some() {
                unfit(&rule.id, &format!("{}:{} {}", rule.form, rule.code, rule.with.as_deref().unwrap_or_default()));
            }
            let most = rule.most.as_ref().map(|text| text.parse::<Amount>());
            if matches!(most, Some(Err(_))) || (rule.kind != "stop") != most.is_some() {
                unfit(&rule.id, rule.most.as_deref().unwrap_or("most"));
            }
        }
        if findings.is_empty() { Ok(keyed) } else { Err(Failure { exit: 2, findings }) }
    }

    /// The key enterprises of a month.
    pub fn of(&self, board: &Board, month: Month) -> Result<Vec<Key>, StoreError> {
        let register = board.register()?;
        let key = |own: &Own| {
            let (since, until) = (own.since.parse().ok()?, own.until.as_ref().and_then(|text| text.parse().ok()));
            let unit = register.units().iter().find(|unit| unit.code == own.code)?.clone();
            let is_one = since <= month && until.is_none_or(|until: Month| month <= until);
            is_one.then(|| Key { unit, reason: own.reason.clone(), since, until, handler: own.handler.clone() })
        };
        Ok(self.units.iter().filter_map(key).collect())
    }
}

/// A part in percent, with two decimals.
fn percent(part: Amount, whole: Amount) -> Option<Amount> {
    part.checked_mul(Amount::from_whole(100)?)?.checked_div(whole)?.round(2)
}

/// What each key enterprise has of the headline figures of a form, and adds to their growth. `total` has the county's figures.
pub fn contributions(
    board: &Board,
    duties: &Duties,
    keyed: &Keyed,
    form: &str,
    month: Month,
    total: &super::Total,
) -> Result<Vec<Contribution>, StoreError> {
    let keys = keyed.of(board, month)?;
    board.read(|connection| {
        let slots = Slots::read(connection)?;
        let mut found = Vec::new();
        for key in keys {
            let figures = Figures::find(connection, key.unit.id, form, super::number(month))?.unwrap_or_default();
            for code in duties.headline(form) {
                let Some(slot) = slots.main(form, code).and_then(|id| slots.get(id)) else { continue };
                let before = slots.find(form, code, "prior_year");
                let (value, prior_year) =
                    (figures.cells.get(&slot.id).copied(), before.and_then(|id| figures.cells.get(&id)).copied());
                let whole = |id: u32| total.sums.get(&id).map(|sum| sum.sum);
                let change = value.zip(prior_year).and_then(|(value, before)| value.checked_sub(before));
                let share = value.zip(whole(slot.id)).and_then(|(value, all)| percent(value, all));
                let points = change
                    .zip(before.and_then(whole).filter(|all| *all > Amount::ZERO))
                    .and_then(|(change, all)| percent(change, all));
                let figure = [slot.code.clone(), slot.name.clone(), slot.measure.clone()];
                found.push(Contribution { key: key.clone(), figure, value, prior_year, share, points });
            }
        }
        Ok(found)
    })
}

/// A flow of a month alone: as it is reported, else what was added since the report before. A stock as it stands.
fn alone(slots: &Slots, form: &str, code: &str, months: &[(i64, Cells)], period: i64) -> Option<Amount> {
    let cells = |period: i64| months.iter().find(|(known, _)| *known == period).map(|(_, cells)| cells);
    let now = cells(period)?;
    if let Some(value) = slots.find(form, code, "this_month").and_then(|id| now.get(&id)) {
        return Some(*value);
    }
    if let Some(id) = slots.find(form, code, "cumulative") {
        let to_date = *now.get(&id)?;
        // What was accumulated up to December is another year's; January is reported with February.
        return match period.rem_euclid(12) {
            0 | 1 => Some(to_date),
            _ => to_date.checked_sub(*cells(period - 1)?.get(&id)?),
        };
    }
    slots.find(form, code, "closing").and_then(|id| now.get(&id)).copied()
}

/// What a person should look at in a month: stops, sharp falls, and figures that no longer move together.
pub fn warnings(board: &Board, keyed: &Keyed, month: Month) -> Result<Vec<Warning>, StoreError> {
    let keys = keyed.of(board, month)?;
    let period = super::number(month);
    board.read(|connection| {
        let slots = Slots::read(connection)?;
        let mut found = Vec::new();
        for key in keys {
            for rule in &keyed.rules {
                let months = |form: &str| -> rusqlite::Result<Vec<(i64, Cells)>> {
                    let figures = Figures::between(connection, key.unit.id, form, [period - 2, period])?;
                    Ok(figures.into_iter().map(|figures| (figures.period, figures.cells)).collect())
                };
                let own = months(&rule.form)?;
                let ask = |period: i64| alone(&slots, &rule.form, &rule.code, &own, period);
                let (Some(now), Some(before)) = (ask(period), ask(period - 1)) else { continue };
                let name = format!("{}:{}", rule.form, rule.code);
                let at = |period: i64| super::month(period).map(|month| month.to_string()).unwrap_or_default();
                let mut facts = vec![(format!("{} {name}", at(period - 1)), before), (format!("{} {name}", at(period)), now)];
                let most = rule.most.as_ref().and_then(|text| text.parse::<Amount>().ok()).unwrap_or_default();
                let is_one = match rule.kind.as_str() {
                    "stop" => now.is_zero() && before > Amount::ZERO,
                    "fall" => before > Amount::ZERO && fell(before, now).is_some_and(|part| part > most),
                    _ => {
                        let Some((form, code)) = rule.with.as_deref().and_then(|with| with.split_once(':')) else { continue };
                        let others = months(form)?;
                        let ask = |period: i64| alone(&slots, form, code, &others, period);
                        let (Some(other), Some(other_before)) = (ask(period), ask(period - 1)) else { continue };
                        facts.extend([
                            (format!("{} {form}:{code}", at(period - 1)), other_before),
                            (format!("{} {form}:{code}", at(period)), other),
                        ]);
                        apart([before, now], [other_before, other]).is_some_and(|part| part > most)
                    }
                };
                if is_one {
                    let (rule, kind, text) = (rule.id.clone(), rule.kind.clone(), rule.text.clone());
                    let handler =
                        keyed.rules.iter().find(|known| known.id == rule).map(|known| known.handler.clone()).unwrap_or_default();
                    found.push(Warning { key: key.clone(), rule, kind, text, facts, handler });
                }
            }
        }
        Ok(found)
    })
}

/// By what part a figure fell.
fn fell(before: Amount, now: Amount) -> Option<Amount> {
    before.checked_sub(now)?.checked_div(before)
}

/// How far apart two figures moved, each as a part of what it was.
fn apart([before, now]: [Amount; 2], [other_before, other]: [Amount; 2]) -> Option<Amount> {
    if before <= Amount::ZERO || other_before <= Amount::ZERO {
        return None;
    }
    let apart = now.checked_div(before)?.checked_sub(other.checked_div(other_before)?)?;
    apart.units().checked_abs().map(Amount::from_units)
}
