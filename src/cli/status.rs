/*! `taizhang status`: what is due, what is late, how far each report has come, and what the outbox waits for. */

use jiff::civil::Date;
use model::Finding;
use store::Store;

use super::Ctx;
use crate::{
    delivery::{
        self, messages,
        outbox::{self, State, Way},
        published,
    },
    due::{self, DONE, Report},
    output::{Table, label},
    package::Kept,
    report::Failure,
    signing, stale,
};

/// Runs the verb.
pub fn run(ctx: &Ctx, date: Option<Date>, all: bool) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let today = date.unwrap_or_else(due::today);
    let (reports, mut findings) = due::around(&agent, &store, today, all)?;
    findings.extend(outbox(ctx, &store)?);
    findings.extend(bureau(ctx, &store, &reports)?);
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

/// Packages that wait, with why the last try failed; and refusals that nobody has done anything about.
fn outbox(ctx: &Ctx, store: &Store) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let ways = outbox::ways(store)?;
    for (period, entry) in outbox::entries(store)? {
        let package = &entry.package;
        let forms = package.forms.iter().map(|[form, ..]| form.as_str()).collect::<Vec<_>>().join(" ");
        let place = format!("{forms}, {period}");
        match entry.state {
            _ if entry.state.waits() && !outbox::outdated(store, package, &period)?.is_empty() => {
                findings.push(Finding::warning("package-waits-outdated").at(place).with("digest", &package.digest));
            }
            State::HandedOut => {
                findings.push(Finding::note("package-handed-out").at(place).with("digest", &package.digest));
            }
            State::Queued => findings.push(match (ways.get(&package.digest), outbox::tried(store, &package.digest)) {
                (Some(way), _) if way.sending => {
                    let finding = Finding::note("package-sending").at(place).with("digest", &package.digest);
                    finding.with("times", way.tries)
                }
                (_, None) => Finding::note("package-queued").at(place).with("digest", &package.digest),
                (_, Some(tried)) => {
                    let finding = Finding::warning("package-untaken").at(place).with("digest", &package.digest);
                    let finding = finding.with("times", tried.times).with("at", ctx.time(&tried.at));
                    finding.with("code", tried.code).with("reason", tried.reason)
                }
            }),
            State::Refused if outbox::drafts(store, package, &period)?.iter().any(|draft| draft.state == "refused") => {
                // Which role it is about stands in the receipt.
                let reasons = match delivery::kept(store, &package.digest) {
                    Ok(Some(received)) => delivery::why(&received.receipt),
                    _ => delivery::refusal(store, &package.digest)?.join(", "),
                };
                findings.push(Finding::warning("submission-refused").at(place).with("reasons", reasons));
            }
            // Told as long as the report itself is on its way: no draft shows what was only tried.
            State::Delivered if package.trial && !reported(store, package, &period)? => {
                let at = delivery::received_at(store, &package.digest)?;
                findings.push(Finding::note("trial-delivered").at(place).with("at", ctx.time(&at)));
            }
            State::Refused | State::Delivered | State::Withdrawn => {}
        }
    }
    Ok(findings)
}

/// What the bureau asked and nobody answered, and what it returned and nobody corrected.
fn bureau(ctx: &Ctx, store: &Store, reports: &[Report]) -> Result<Vec<Finding>, Failure> {
    let all = messages::all(store)?;
    let told = |finding: Finding, message: &exchange::Message| {
        let finding = finding.at(messages::place(message)).with("message", message.id).with("by", &message.by);
        finding.with("at", ctx.time(&message.at)).with("text", &message.text)
    };
    let open = messages::open(&all).into_iter();
    let mut findings: Vec<Finding> = open.map(|message| told(Finding::warning("message-open"), message)).collect();
    for report in reports.iter().filter(|report| report.state() == "returned") {
        let period = report.due.period.to_string();
        let of = |message: &&exchange::Message| {
            message.kind == "return" && message.form == report.form.form && message.period == period
        };
        findings.extend(all.iter().rfind(of).map(|message| told(Finding::warning("report-returned"), message)));
    }
    Ok(findings)
}

/// Whether the drafts of a package have become others since, or were delivered themselves.
fn reported(store: &Store, package: &Kept, period: &str) -> Result<bool, Failure> {
    let mut done = !outbox::outdated(store, package, period)?.is_empty();
    for [form, book, _] in &package.forms {
        done |= store.current_draft(book, form, period)?.is_some_and(|version| DONE.contains(&&*version.state));
    }
    Ok(done)
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
