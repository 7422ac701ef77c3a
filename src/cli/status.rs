/*! `taizhang status`: what is due, what is late, how far each report has come, and what the outbox waits for. */

use super::Ctx;
use crate::{
    delivery::{
        outbox::{self, Way},
        published,
    },
    due::{self, DONE, Report},
    output::{Table, label},
    report::Failure,
    signing, stale, under_way,
};
use jiff::civil::Date;
use model::Finding;

/// Runs the verb.
pub fn run(ctx: &Ctx, date: Option<Date>, all: bool) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let today = date.unwrap_or_else(due::today);
    let (reports, mut findings) = due::around(&agent, &store, today, all)?;
    let time = |at: &str| ctx.time(at);
    findings.extend(under_way::packages(&store, &time)?);
    findings.extend(under_way::letters(&store, &reports, &time)?);
    findings.extend(signing::reminders(&agent, signing::now()?));
    findings.extend(published::waiting(&agent, &store));
    let ways = outbox::drafts_on_their_way(&store)?;
    let way = |report: &Report| {
        let version = report.version.as_ref()?;
        ways.get(&[version.form.clone(), version.book.clone(), version.period.clone()]).copied()
    };
    let columns = [
        "form",
        "name",
        "book",
        "period",
        "due_date",
        "days_left",
        "when",
        "state",
        "tries",
        "touched",
        "stale",
        "county",
        "city",
        "province",
        "fact",
    ];
    let rows = reports.iter().map(|report| row(ctx, report, today, way(report))).collect();
    Table { columns: &columns, numbers: &["days_left", "tries"], rows }.write(ctx.format, ctx.lang)?;
    Ok(findings)
}

fn row(ctx: &Ctx, report: &Report, today: Date, way: Option<Way>) -> Vec<String> {
    let Report { form, book, due, stale, .. } = report;
    let state = report.state();
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
        book.clone(),
        covers,
        due.enterprise.to_string(),
        left.to_string(),
        word(when, &format!("when-{when}")),
        ctx.state(state, way),
        way.map_or_else(String::new, |way| way.tries.to_string()),
        if stale.contains(&"evidence-changed") { word("changed", "evidence-changed") } else { String::new() },
        stale::shown(ctx.people().then_some(ctx.lang), stale),
        date(due.county),
        date(due.city),
        date(due.province),
        due.status.clone(),
    ]
}
