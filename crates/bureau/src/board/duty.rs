//! Who owes which form, and until when: the register, a list that a bureau can replace, and the calendar.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use jiff::civil::Date;
use model::{Finding, Month};
use serde::Deserialize;
use settings::Shape;
use survey::{Calendar, Calendars, Due, Form, RowKind, Thresholds};

use super::read::{Registered, Short};
use crate::{
    failure::{Failure, own_file},
    knowledge,
    store::{Published, Store},
};

/// What comes with the program.
pub const BOARD: &str = include_str!("../../../../mappings/board.toml");
/// Where a bureau's own is, beside its configuration.
const OWN: &str = "mappings/board.toml";

const ANY: Shape = Shape::Any;
const SHAPE: Shape = Shape::Table(&[
    ("duty", Shape::Each(&Shape::Table(&[("trade", ANY), ("forms", ANY), ("status", ANY)]))),
    ("unit", Shape::Each(&Shape::Table(&[("code", ANY), ("with", ANY), ("without", ANY)]))),
    ("headline", Shape::Map(&ANY)),
    (
        "portal",
        Shape::Table(&[
            ("status", ANY),
            ("filed", ANY),
            ("reported", ANY),
            ("accepted", ANY),
            ("returned", ANY),
            ("missing", ANY),
        ]),
    ),
]);

#[derive(Deserialize)]
struct Raw {
    #[serde(default, rename = "duty")]
    duties: Vec<Duty>,
    #[serde(default, rename = "unit")]
    units: Vec<Own>,
    #[serde(default)]
    headline: BTreeMap<String, Vec<String>>,
    portal: Portal,
}

#[derive(Deserialize)]
struct Duty {
    trade: String,
    forms: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Own {
    code: String,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
}

/// How the portal's exports say a state.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Portal {
    /// Headings of the state.
    pub status: Vec<String>,
    /// Headings of the day of filing.
    pub filed: Vec<String>,
    reported: Vec<String>,
    accepted: Vec<String>,
    returned: Vec<String>,
    missing: Vec<String>,
}

impl Portal {
    /// What a word of a state means.
    pub fn state(&self, word: &str) -> Option<&'static str> {
        let known = [
            ("reported", &self.reported),
            ("accepted", &self.accepted),
            ("returned", &self.returned),
            ("missing", &self.missing),
        ];
        known.into_iter().find(|(_, words)| words.iter().any(|known| known == word.trim())).map(|(name, _)| name)
    }
}

/// What boards count by.
pub struct Duties {
    by_trade: BTreeMap<String, Vec<String>>,
    own: BTreeMap<String, Own>,
    headline: BTreeMap<String, Vec<String>>,
    /// How the portal's exports say a state.
    pub portal: Portal,
    thresholds: Thresholds,
    calendars: Calendars,
    forms: BTreeMap<String, Form>,
}

impl Duties {
    /// Reads the list beside the configuration, or the one that comes with the program, the forms that are known and the calendars.
    pub fn read(store: &Store, folder: &Path) -> Result<Duties, Failure> {
        let (name, text) = own_file(folder, OWN)?.unwrap_or_else(|| (OWN.to_owned(), BOARD.to_owned()));
        let published = store.read(Published::all)?;
        let (editions, _) = knowledge::editions(&published);
        // Of a form that several editions have, the newest says when it is due.
        let forms =
            editions.into_values().flat_map(|edition| edition.mapping.forms).map(|form| (form.form.clone(), form)).collect();
        Duties::parse(&name, &text, forms, calendars(&published))
    }

    fn parse(file: &str, text: &str, forms: BTreeMap<String, Form>, calendars: Calendars) -> Result<Duties, Failure> {
        let (raw, mut findings) = settings::read::<Raw>(file, text, &SHAPE);
        let (thresholds, wrong) = Thresholds::parse("mappings/thresholds.toml", survey::THRESHOLDS);
        findings.extend(wrong);
        let (Some(raw), Some(thresholds)) = (raw, thresholds) else { return Err(Failure { exit: 2, findings }) };
        let named = raw
            .duties
            .iter()
            .flat_map(|duty| &duty.forms)
            .chain(raw.units.iter().flat_map(|unit| unit.with.iter().chain(&unit.without)));
        for form in named.chain(raw.headline.keys()).collect::<BTreeSet<_>>() {
            if !forms.contains_key(form) {
                let nearest = settings::nearest(form, forms.keys().map(String::as_str)).unwrap_or("—");
                findings.push(Finding::error("board-form-unknown").at(file).with("form", form).with("nearest", nearest));
            }
        }
        if !findings.is_empty() {
            return Err(Failure { exit: 2, findings });
        }
        let mut by_trade: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for duty in raw.duties {
            by_trade.entry(duty.trade).or_default().extend(duty.forms);
        }
        let own = raw.units.into_iter().map(|unit| (unit.code.clone(), unit)).collect();
        Ok(Duties { by_trade, own, headline: raw.headline, portal: raw.portal, thresholds, calendars, forms })
    }

    /// Letter of a unit's trade; nothing where its industry is of none.
    pub fn trade(&self, unit: &Registered) -> Option<&str> {
        self.thresholds.trade(&unit.industry).map(|trade| trade.letter.as_str())
    }

    /// Whether a unit owes a form.
    pub fn owes(&self, unit: &Registered, form: &str) -> bool {
        let is = |forms: &Vec<String>| forms.iter().any(|known| known == form);
        if let Some(own) = self.own.get(&unit.code)
            && (is(&own.with) || is(&own.without))
        {
            return is(&own.with);
        }
        self.trade(unit).and_then(|trade| self.by_trade.get(trade)).is_some_and(is)
    }

    /// Every form that some unit owes, or that is asked for alone.
    pub fn asked(&self, form: &str) -> Vec<&Form> {
        let owed = self.by_trade.values().flatten().chain(self.own.values().flat_map(|own| &own.with));
        let owed: BTreeSet<&str> = owed.map(String::as_str).filter(|known| form.is_empty() || *known == form).collect();
        owed.into_iter().filter_map(|form| self.forms.get(form)).collect()
    }

    /// A form.
    pub fn form(&self, form: &str) -> Option<&Form> {
        self.forms.get(form)
    }

    /// The calendars.
    pub fn calendars(&self) -> &Calendars {
        &self.calendars
    }

    /// Headline figures of a form.
    pub fn headline(&self, form: &str) -> Vec<&str> {
        if let Some(codes) = self.headline.get(form) {
            return codes.iter().map(String::as_str).collect();
        }
        let rows = self.forms.get(form).map(|form| form.rows.as_slice()).unwrap_or_default();
        rows.iter().find(|row| row.kind == RowKind::Flow).map(|row| row.key()).into_iter().collect()
    }
}

/// Calendars that come with the program, and newer ones that the bureau published.
fn calendars(published: &[Published]) -> Calendars {
    let built_in = survey::CALENDARS.iter().map(|(year, text)| (*year, *text));
    let own = published.iter().filter(|published| published.pack.kind == "calendar");
    let texts = built_in.chain(own.map(|published| (published.pack.edition.as_str(), published.text.as_str())));
    let mut newest: BTreeMap<u16, Calendar> = BTreeMap::new();
    for calendar in texts.filter_map(|(name, text)| Calendar::parse(name, text).0) {
        if newest.get(&calendar.year).is_none_or(|known| known.revision <= calendar.revision) {
            newest.insert(calendar.year, calendar);
        }
    }
    Calendars(newest.into_values().collect())
}

/// When a form is due for a month; nothing where it is not.
pub fn due(duties: &Duties, form: &str, month: Month) -> Option<Due> {
    duties.calendars.due(duties.forms.get(form)?, month)
}

/// How a unit that owes a report stands with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not reported.
    Missing,
    /// It reported in time, or nobody knows until when it had to.
    InTime,
    /// It reported after the deadline.
    Late,
}

/// Hours that China's clocks are ahead of UTC.
pub const CHINA: i64 = 8;

/// The moment after the last one of a day in China, in seconds.
pub fn ends(day: Date) -> i64 {
    let midnight = jiff::tz::TimeZone::UTC.to_timestamp(day.tomorrow().unwrap_or(day).at(0, 0, 0, 0));
    midnight.map_or(i64::MAX, |moment| moment.as_second() - CHINA * 3600)
}

/// The day of a moment in China.
pub fn day_of(seconds: i64) -> Date {
    let moment = jiff::Timestamp::from_second(seconds + CHINA * 3600).unwrap_or_default();
    jiff::tz::TimeZone::UTC.to_datetime(moment).date()
}

/// A day as the board numbers it.
pub fn day_number(day: Date) -> i64 {
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

/// Whether what was reported came in time: a companion by the day of its filing at the portal, which is what the law asks for, all others by when they arrived.
pub fn standing(short: Option<&Short>, deadline: Option<Date>) -> Standing {
    match (short, deadline) {
        (None, _) => Standing::Missing,
        (Some(short), Some(day)) if short.filed > 0 && short.filed <= day_number(day) => Standing::InTime,
        (Some(short), Some(day)) if short.filed > 0 || short.first >= ends(day) => Standing::Late,
        _ => Standing::InTime,
    }
}
