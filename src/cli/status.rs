/*! `taizhang status`: what is due, what is late, how far each report has come, and what the outbox waits for. */

use jiff::{Timestamp, ToSpan, civil::Date, tz};
use model::Finding;
use store::Store;
use survey::Due;

use super::Ctx;
use crate::{
    build,
    delivery::{
        self,
        outbox::{self, State},
        published,
    },
    forms, knowledge,
    output::{Table, label},
    report::Failure,
    signing,
};

/// Hours that China's clock is ahead of UTC; there is no summer time.
const CHINA: i8 = 8;

/// Days that a report stays in the list after its deadline.
const BACK: i32 = 92;

/// Days before its deadline in which a report is in the list.
const AHEAD: i32 = 100;

/// States in which nothing is left to do at the enterprise.
const DONE: [&str; 2] = ["delivered", "accepted"];

/// The day it is in China.
pub fn today() -> Date {
    tz::offset(CHINA).to_datetime(Timestamp::now()).date()
}

/// Runs the verb.
pub fn run(ctx: &Ctx, date: Option<Date>) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let today = date.unwrap_or_else(today);
    let (calendars, mut findings) = knowledge::calendars(&agent, today.year())?;
    let mut rows = Vec::new();
    for own in &agent.forms {
        let form = forms::pack(Some(&agent), own).map_err(|findings| Failure { exit: 2, findings })?;
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
            for due in calendars.around(&form, today, BACK, AHEAD) {
                let version = store.current_draft(&book.id, &form.form, &due.period.to_string())?;
                let touched = match &version {
                    Some(version) => !build::touched(&store, &build::read(version)?)?.is_empty(),
                    None => false,
                };
                let state = version.as_ref().map_or("not_built", |version| version.state.as_str());
                rows.push((due.enterprise, row(ctx, &form, &book.id, &due, today, state, touched)));
            }
        }
    }
    rows.sort();
    let years = calendars.0.iter().map(|calendar| i16::try_from(calendar.year)).collect::<Vec<_>>();
    // In the last quarter the next year's calendar is asked for.
    let soon = today.checked_add(3.months()).map_or(today.year(), Date::year);
    for year in [today.year(), soon].into_iter().collect::<std::collections::BTreeSet<_>>() {
        if !years.contains(&Ok(year)) {
            findings.push(Finding::warning("calendar-missing").with("year", year));
        }
    }
    findings.extend(outbox(ctx, &store)?);
    findings.extend(signing::reminders(&agent, signing::now()?));
    findings.extend(published::waiting(&agent, &store));
    let columns = [
        "form",
        "name",
        "book",
        "period",
        "due_date",
        "days_left",
        "when",
        "state",
        "touched",
        "county",
        "city",
        "province",
        "fact",
    ];
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Table { columns: &columns, numbers: &["days_left"], rows }.write(ctx.format, ctx.lang)?;
    Ok(findings)
}

/// Packages that wait, with why the last try failed; and refusals that nobody has done anything about.
fn outbox(ctx: &Ctx, store: &Store) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for (period, entry) in outbox::entries(store)? {
        let package = &entry.package;
        let forms = package.forms.iter().map(|[form, ..]| form.as_str()).collect::<Vec<_>>().join(" ");
        let place = format!("{forms}, {period}");
        match entry.state {
            State::Queued => findings.push(match outbox::tried(store, &package.digest) {
                None => Finding::note("package-queued").at(place).with("digest", &package.digest),
                Some(tried) => {
                    let finding = Finding::warning("package-untaken").at(place).with("digest", &package.digest);
                    let finding = finding.with("times", tried.times).with("at", ctx.time(&tried.at));
                    finding.with("code", tried.code).with("reason", tried.reason)
                }
            }),
            State::Refused if outbox::drafts(store, package, &period)?.iter().any(|draft| draft.state == "refused") => {
                let reasons = delivery::refusal(store, &package.digest)?.join(", ");
                findings.push(Finding::warning("submission-refused").at(place).with("reasons", reasons));
            }
            State::Refused | State::Delivered => {}
        }
    }
    Ok(findings)
}

fn row(ctx: &Ctx, form: &survey::Form, book: &str, due: &Due, today: Date, state: &str, touched: bool) -> Vec<String> {
    let left = due.days_left(today);
    let when = match (DONE.contains(&state), left) {
        (true, _) => "done",
        (false, ..0) => "late",
        (false, _) => "due",
    };
    let word = |name: &str, shown: &str| if ctx.people() { label(ctx.lang, shown) } else { name.to_owned() };
    let date = |date: Option<Date>| date.map_or_else(String::new, |date| date.to_string());
    let covers = if due.from == due.period { due.period.to_string() } else { format!("{}..{}", due.from, due.period) };
    vec![
        match &due.replaced_by {
            Some(other) => format!("{} → {other}", form.form),
            None => form.form.clone(),
        },
        form.name.clone(),
        book.to_owned(),
        covers,
        due.enterprise.to_string(),
        left.to_string(),
        word(when, &format!("when-{when}")),
        word(state, &format!("state-{state}")),
        if touched { word("changed", "evidence-changed") } else { String::new() },
        date(due.county),
        date(due.city),
        date(due.province),
        due.status.clone(),
    ]
}
