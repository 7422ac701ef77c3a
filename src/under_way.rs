/*! What is on its way: packages that wait or were refused, and what the bureau asked or returned. */

use model::Finding;
use store::Store;

use crate::{
    delivery::{
        self, messages,
        outbox::{self, State},
    },
    due::{DONE, Report},
    package::Kept,
    report::Failure,
};

/// How times are shown.
pub type Clock<'a> = dyn Fn(&str) -> String + 'a;

/// Packages that wait, with why the last try failed; and refusals that nobody has done anything about.
pub fn packages(store: &Store, time: &Clock<'_>) -> Result<Vec<Finding>, Failure> {
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
                    let finding = finding.with("times", tried.times).with("at", time(&tried.at));
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
                findings.push(Finding::note("trial-delivered").at(place).with("at", time(&at)));
            }
            State::Refused | State::Delivered | State::Withdrawn => {}
        }
    }
    Ok(findings)
}

/// What the bureau asked and nobody answered, and what it returned and nobody corrected.
pub fn letters(store: &Store, reports: &[Report], time: &Clock<'_>) -> Result<Vec<Finding>, Failure> {
    let all = messages::all(store)?;
    let told = |finding: Finding, message: &exchange::Message| {
        let finding = finding.at(messages::place(message)).with("message", message.id).with("by", &message.by);
        finding.with("at", time(&message.at)).with("text", &message.text)
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
