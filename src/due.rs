/*! What is due and what is late, and how far each report has come. */

use std::collections::BTreeMap;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz,
};
use model::{Finding, Month};
use store::{DraftVersion, Store};
use survey::{Due, Form};

use crate::{
    build,
    config::Agent,
    forms, knowledge,
    report::Failure,
    stale::{self, Watch},
};

/// Hours that China's clock is ahead of UTC; there is no summer time.
const CHINA: i8 = 8;

/// Days that a report stays in the list after its deadline.
const BACK: i32 = 92;

/// Days before its deadline in which a report is in the list.
const AHEAD: i32 = 100;

/// States in which a report is under way: it is shown however old it is, or whoever must approve, sign or correct it would not see it.
const UNDER_WAY: [&str; 7] = ["in_review", "approved", "signed", "handed_out", "queued", "refused", "returned"];

/// States in which nothing is left to do at the enterprise.
pub const DONE: [&str; 2] = ["delivered", "accepted"];

/// The day it is in China.
pub fn today() -> Date {
    tz::offset(CHINA).to_datetime(Timestamp::now()).date()
}

/// A time as clocks in China show it, whatever zone this machine is set to: deadlines are days there.
pub fn clock(at: Timestamp) -> DateTime {
    tz::offset(CHINA).to_datetime(at)
}

/// Days from the beginning of a month to a day.
fn days_since(month: Month, day: Date) -> i32 {
    let (year, of_year) = (i16::try_from(month.year()), i8::try_from(month.month()));
    let begun = year.ok().zip(of_year.ok()).and_then(|(year, month)| Date::new(year, month, 1).ok());
    begun.and_then(|begun| (day - begun).get_days().into()).unwrap_or_default()
}

/// A report around a day.
pub struct Report {
    /// Its form.
    pub form: Form,
    /// Book id.
    pub book: String,
    /// Its deadlines.
    pub due: Due,
    /// The newest version of its draft.
    pub version: Option<DraftVersion>,
    /// What it stands on and has changed, by the codes of [`stale::MARKS`].
    pub stale: Vec<&'static str>,
}

impl Report {
    /// State of its draft.
    pub fn state(&self) -> &str {
        self.version.as_ref().map_or("not_built", |version| version.state.as_str())
    }
}

/// A month that a form is not reported for.
pub struct Exempt {
    /// Form code.
    pub form: String,
    /// Book id.
    pub book: String,
    /// The month.
    pub month: Month,
    /// The month with which it is reported together, where it is.
    pub with: Option<Month>,
}

/// Months of the last quarter for which no report is made of a form that is made every month.
pub fn exempt(agent: &Agent, today: Date) -> Result<Vec<Exempt>, Failure> {
    let (calendars, _) = knowledge::calendars_since(agent, today.year(), today.year())?;
    let now = u16::try_from(today.year()).ok().zip(u8::try_from(today.month()).ok());
    let Some(now) = now.and_then(|(year, month)| Month::new(year, month)) else { return Ok(Vec::new()) };
    let mut exempt = Vec::new();
    for own in &agent.forms {
        let form = forms::pack(Some(agent), own).map_err(|findings| Failure { exit: 2, findings })?;
        let known = calendars.0.iter().any(|calendar| calendar.forms().any(|(code, _)| code == form.form));
        for month in (-3..=0).filter_map(|step| now.plus(step)).filter(|month| known && form.closes(*month)) {
            if calendars.0.iter().all(|calendar| calendar.year != month.year()) || calendars.due(&form, month).is_some() {
                continue;
            }
            let later = (1..=3).filter_map(|step| calendars.due(&form, month.plus(step)?));
            let with = later.into_iter().find(|due| due.from <= month).map(|due| due.period);
            for book in agent.books.iter().filter(|book| own.book.as_ref().is_none_or(|id| *id == book.id)) {
                exempt.push(Exempt { form: form.form.clone(), book: book.id.clone(), month, with });
            }
        }
    }
    Ok(exempt)
}

/// The reports around a day, the earliest deadline first. What is late for longer than a quarter, back to the first sealed month of its book, is
/// in the list with `all`, and else counted.
pub fn around(agent: &Agent, store: &Store, today: Date, all: bool) -> Result<(Vec<Report>, Vec<Finding>), Failure> {
    let mut began: BTreeMap<&str, Month> = BTreeMap::new();
    for book in &agent.books {
        // What is before the first period that is written is an opening, and no month that was reported from here.
        let sealed = store.current_seals(&book.id)?.into_iter().map(|seal| seal.period.month).min();
        let first = sealed.map(|sealed| book.first_period.map_or(sealed, |written| written.0.max(sealed)));
        began.extend(first.map(|first| (book.id.as_str(), first)));
    }
    let first = began.values().min().and_then(|first| i16::try_from(first.year()).ok());
    let (calendars, mut findings) = knowledge::calendars_since(agent, first.unwrap_or(today.year()), today.year())?;
    let (mut reports, mut older, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    let mut watch = Watch::new(agent, store);
    for own in &agent.forms {
        let form = forms::pack(Some(agent), own).map_err(|findings| Failure { exit: 2, findings })?;
        let known = calendars.0.iter().any(|calendar| calendar.forms().any(|(code, _)| code == form.form));
        if !known {
            findings.push(Finding::note("form-not-in-calendar").at(agent.path.display().to_string()).with("form", &form.form));
            continue;
        }
        let books = match &own.book {
            Some(id) => vec![agent.book(Some(id))?],
            None => agent.books.iter().collect(),
        };
        for book in books {
            let first = began.get(book.id.as_str()).copied();
            let back = first.map_or(BACK, |first| days_since(first, today).max(BACK));
            for due in calendars.around(&form, today, back, AHEAD) {
                let recent = due.days_left(today) >= -BACK;
                if !recent && first.is_none_or(|first| due.period < first) {
                    continue;
                }
                let version = store.current_draft(&book.id, &form.form, &due.period.to_string())?;
                let shown = recent || all || version.as_ref().is_some_and(|version| UNDER_WAY.contains(&&*version.state));
                // What is only counted is not compared with its evidence.
                let told = match &version {
                    Some(version) if shown => watch.stale(book, &build::read(version)?)?,
                    _ => Vec::new(),
                };
                let stale = stale::MARKS.into_iter().filter(|code| told.iter().any(|finding| finding.code == *code)).collect();
                beside.extend(told.into_iter().filter(|finding| !stale::is_mark(finding)));
                let report = Report { form: form.clone(), book: book.id.clone(), due, version, stale };
                match recent {
                    true => reports.push(report),
                    false if DONE.contains(&report.state()) => {}
                    false if shown => reports.push(report),
                    false => older.push((report.due.enterprise, report.form.form.clone(), report.due.period)),
                }
            }
        }
    }
    if let Some((due, form, period)) = older.iter().min() {
        let finding = Finding::warning("reports-older-late").with("count", older.len()).with("days", BACK);
        findings.push(finding.with("form", form).with("period", period).with("due", due));
    }
    reports.sort_by(|a, b| {
        let key = |report: &Report| (report.due.enterprise, report.form.form.clone(), report.book.clone(), report.due.period);
        key(a).cmp(&key(b))
    });
    beside.sort_by(|a: &Finding, b| (&a.code, &a.place).cmp(&(&b.code, &b.place)));
    beside.dedup();
    findings.extend(beside);
    let years = calendars.0.iter().map(|calendar| i16::try_from(calendar.year)).collect::<Vec<_>>();
    // In the last quarter the next year's calendar is asked for.
    let soon = today.checked_add(3.months()).map_or(today.year(), Date::year);
    for year in [today.year(), soon].into_iter().collect::<std::collections::BTreeSet<_>>() {
        if !years.contains(&Ok(year)) {
            findings.push(Finding::warning("calendar-missing").with("year", year));
        }
    }
    Ok((reports, findings))
}
