//! Calendars of a year: when each form is due and accepted, holidays and the days worked for them, forms of a census. Dates are civil
//! dates of the time zone that the calendar names; today is handed in.

use jiff::{ToSpan, civil::Date, civil::Weekday};
use model::{Finding, Month};
use serde::{Deserialize, Deserializer, de};
use settings::Shape;

use crate::{
    form::{Form, Frequency},
    shape::ANY,
};

const TERM: Shape = Shape::Table(&[("months", ANY), ("day", ANY), ("workdays", ANY)]);
const ON: Shape = Shape::Table(&[("enterprise", ANY), ("county", ANY), ("city", ANY), ("province", ANY), ("note", ANY)]);
const SHAPE: Shape = Shape::Table(&[
    ("year", ANY),
    ("revision", ANY),
    ("time_zone", ANY),
    ("basis", ANY),
    ("holiday", Shape::Each(&Shape::Table(&[("name", ANY), ("from", ANY), ("to", ANY), ("workdays", ANY), ("status", ANY)]))),
    (
        "due",
        Shape::Each(&Shape::Table(&[
            ("forms", ANY),
            ("frequency", ANY),
            ("enterprise", TERM),
            ("county", TERM),
            ("city", TERM),
            ("province", TERM),
            ("shift", ANY),
            ("exempt_months", ANY),
            ("cumulated_months", ANY),
            ("status", ANY),
            ("note", ANY),
            ("on", Shape::Map(&ON)),
        ])),
    ),
    (
        "census",
        Shape::Each(&Shape::Table(&[
            ("form", ANY),
            ("by", ANY),
            ("period", ANY),
            ("enterprise", ANY),
            ("county", ANY),
            ("city", ANY),
            ("province", ANY),
            ("status", ANY),
            ("note", ANY),
        ])),
    ),
]);

/// The calendar of a year: monthly and quarterly reports of its months, annual reports of the year before.
#[derive(Clone, Debug, Deserialize)]
pub struct Calendar {
    /// The year.
    pub year: u16,
    /// Which correction of the year's calendar this is.
    #[serde(default)]
    pub revision: u32,
    /// Where its days begin and end.
    pub time_zone: String,
    /// What is known, and from where.
    #[serde(default)]
    pub basis: String,
    #[serde(default, rename = "holiday")]
    holidays: Vec<Holiday>,
    #[serde(default, rename = "due")]
    dues: Vec<Entry>,
    #[serde(default, rename = "census")]
    censuses: Vec<Census>,
}

#[derive(Clone, Debug, Deserialize)]
struct Holiday {
    #[serde(deserialize_with = "date")]
    from: Date,
    #[serde(deserialize_with = "date")]
    to: Date,
    /// Days of a weekend that are worked for it (调休).
    #[serde(default, deserialize_with = "dates")]
    workdays: Vec<Date>,
}

/// A deadline: a day of a later month, or working days after the enterprise's.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Term {
    Day { months: i32, day: i8 },
    Workdays { workdays: u32 },
}

#[derive(Clone, Debug, Deserialize)]
struct Entry {
    forms: Vec<String>,
    frequency: Frequency,
    enterprise: Term,
    county: Option<Term>,
    city: Option<Term>,
    province: Option<Term>,
    #[serde(default)]
    shift: Shift,
    exempt_months: Option<Vec<u8>>,
    cumulated_months: Option<Vec<u8>>,
    status: String,
    #[serde(default)]
    on: std::collections::BTreeMap<String, Dates>,
}

/// What becomes of a deadline on a day that is not worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shift {
    /// It moves to the next working day.
    #[default]
    NextWorkday,
    /// It stays.
    None,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Dates {
    #[serde(default, deserialize_with = "some_date")]
    enterprise: Option<Date>,
    #[serde(default, deserialize_with = "some_date")]
    county: Option<Date>,
    #[serde(default, deserialize_with = "some_date")]
    city: Option<Date>,
    #[serde(default, deserialize_with = "some_date")]
    province: Option<Date>,
}

#[derive(Clone, Debug, Deserialize)]
struct Census {
    form: String,
    by: String,
    #[serde(deserialize_with = "month")]
    period: Month,
    status: String,
    #[serde(flatten)]
    dates: Dates,
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    parsed(deserializer)
}

fn some_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    parsed(deserializer).map(Some)
}

fn month<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Month, D::Error> {
    parsed(deserializer)
}

fn dates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Date>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
}

/// When a report is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Month that the report is of, the last of those it covers.
    pub period: Month,
    /// First month that it covers: January where January and February are reported together.
    pub from: Month,
    /// Last day of the enterprise, to its end (24:00).
    pub enterprise: Date,
    /// Acceptance by the county.
    pub county: Option<Date>,
    /// Acceptance by the city.
    pub city: Option<Date>,
    /// Acceptance by the province.
    pub province: Option<Date>,
    /// The form of a census that takes its place.
    pub replaced_by: Option<String>,
    /// Evidence status of the dates.
    pub status: String,
}

impl Due {
    /// Days that are left on a day, zero on the last; negative where it is late.
    pub fn days_left(&self, today: Date) -> i32 {
        (self.enterprise - today).get_days()
    }
}

impl Calendar {
    /// Reads a calendar; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Calendar>, Vec<Finding>) {
        let (calendar, mut findings) = settings::read::<Calendar>(file, text, &SHAPE);
        let Some(calendar) = calendar else { return (None, findings) };
        let mut seen: Vec<&str> = Vec::new();
        for form in calendar.dues.iter().flat_map(|entry| &entry.forms) {
            if seen.contains(&form.as_str()) {
                findings.push(Finding::error("calendar-form-doubled").at(file).with("form", form));
            }
            seen.push(form);
        }
        for holiday in calendar.holidays.iter().filter(|holiday| holiday.from > holiday.to) {
            findings.push(Finding::error("holiday-unfit").at(file).with("from", holiday.from).with("to", holiday.to));
        }
        let days = calendar.dues.iter().flat_map(|entry| [Some(entry.enterprise), entry.county, entry.city, entry.province]);
        let unfit = |term: Term| matches!(term, Term::Day { day, .. } if !(1..=31).contains(&day));
        if days.flatten().any(unfit) || calendar.dues.iter().any(|entry| matches!(entry.enterprise, Term::Workdays { .. })) {
            findings.push(Finding::error("deadline-unfit").at(file));
        }
        if findings.is_empty() { (Some(calendar), findings) } else { (None, findings) }
    }

    /// Forms it has deadlines of, with how often each is due.
    pub fn forms(&self) -> impl Iterator<Item = (&str, Frequency)> {
        self.dues.iter().flat_map(|entry| entry.forms.iter().map(|form| (form.as_str(), entry.frequency)))
    }
}

/// Calendars of several years together.
#[derive(Clone, Debug, Default)]
pub struct Calendars(pub Vec<Calendar>);

impl Calendars {
    fn year(&self, year: u16) -> Option<&Calendar> {
        self.0.iter().find(|calendar| calendar.year == year)
    }

    /// Whether a day is worked: no holiday, no weekend, or a weekend that is worked for a holiday.
    pub fn is_workday(&self, day: Date) -> bool {
        let mut holidays = self.0.iter().flat_map(|calendar| &calendar.holidays);
        if holidays.clone().any(|holiday| holiday.workdays.contains(&day)) {
            return true;
        }
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        !weekend && !holidays.any(|holiday| (holiday.from..=holiday.to).contains(&day))
    }

    fn next_workday(&self, mut day: Date) -> Date {
        while !self.is_workday(day) {
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        day
    }

    fn term(&self, term: Term, month: Month, enterprise: Option<Date>, shift: Shift) -> Option<Date> {
        match term {
            Term::Day { months, day } => {
                let month = month.plus(months)?;
                let first = Date::new(i16::try_from(month.year()).ok()?, i8::try_from(month.month()).ok()?, 1).ok()?;
                let day = first.checked_add((day.min(first.days_in_month()) - 1).days()).ok()?;
                Some(if shift == Shift::NextWorkday { self.next_workday(day) } else { day })
            }
            Term::Workdays { workdays } => {
                let mut day = enterprise?;
                for _ in 0..workdays {
                    day = self.next_workday(day.tomorrow().ok()?);
                }
                Some(day)
            }
        }
    }

    /// When a form is due for a month; nothing where it is not, or where no calendar says.
    pub fn due(&self, form: &Form, month: Month) -> Option<Due> {
        let yearly = form.frequency.is_yearly();
        let calendar = self.year(if yearly { month.year() + 1 } else { month.year() })?;
        let census = calendar.censuses.iter().find(|census| census.form == form.form && census.period == month);
        if let Some(census) = census {
            let Dates { enterprise, county, city, province } = census.dates;
            let (replaced_by, status) = (Some(census.by.clone()), census.status.clone());
            return Some(Due {
                period: month,
                from: month,
                enterprise: enterprise?,
                county,
                city,
                province,
                replaced_by,
                status,
            });
        }
        let entry = calendar.dues.iter().find(|entry| entry.forms.contains(&form.form))?;
        let exempt = entry.exempt_months.as_ref().unwrap_or(&form.exempt_months);
        let together = entry.cumulated_months.as_ref().unwrap_or(&form.cumulated_months);
        if !form.closes(month) {
            return None;
        }
        let within = together.contains(&month.month());
        let last = together.iter().max() == Some(&month.month());
        if within && !last || !within && exempt.contains(&month.month()) {
            return None;
        }
        let first = if within { together.iter().min().copied() } else { None };
        let from = Month::new(month.year(), first.unwrap_or(month.month()))?;
        let exact = entry.on.get(&month.to_string()).copied().unwrap_or_default();
        let enterprise = exact.enterprise.or_else(|| self.term(entry.enterprise, month, None, entry.shift))?;
        let level =
            |exact: Option<Date>, term: Option<Term>| exact.or_else(|| self.term(term?, month, Some(enterprise), entry.shift));
        Some(Due {
            period: month,
            from,
            enterprise,
            county: level(exact.county, entry.county),
            city: level(exact.city, entry.city),
            province: level(exact.province, entry.province),
            replaced_by: form.replaced(month).map(|replaced| replaced.form.clone()),
            status: entry.status.clone(),
        })
    }

    /// Reports of a form that matter on a day: those due in the `back` days before it, and the next where it is due in `ahead` days.
    pub fn around(&self, form: &Form, today: Date, back: i32, ahead: i32) -> Vec<Due> {
        let month = u16::try_from(today.year()).ok().zip(u8::try_from(today.month()).ok());
        let Some(month) = month.and_then(|(year, month)| Month::new(year, month)) else { return Vec::new() };
        // An annual form is due up to sixteen months after its year began.
        let since = -(back / 28).saturating_add(16);
        let mut dues: Vec<Due> = (since..=12).filter_map(|months| self.due(form, month.plus(months)?)).collect();
        dues.sort_by_key(|due| due.enterprise);
        let next = dues.iter().position(|due| due.enterprise >= today).unwrap_or(dues.len());
        dues.truncate(next + 1);
        dues.retain(|due| (-back..=ahead).contains(&due.days_left(today)));
        dues
    }
}
