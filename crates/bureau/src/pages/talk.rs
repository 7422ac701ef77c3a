//! Queries, returns and acceptances on pages: the same function as the command line writes them. Nothing here can carry a figure into a report.

use exchange::Message;
use gate::{Answer, Kind, Refusal};
use maud::{Markup, html};
use model::Finding;
use survey::audit::{Outcome, Verdict};
use ui::{
    Lang, label,
    page::{Tone, badge},
};

use super::{
    Bureau, frame,
    route::{Reply, Visit},
    submission::{self, Submission},
};
use crate::{
    clock,
    failure::Failure,
    messages::{self, Letter},
    staff::Role,
    store::{Query, ReportVersion, Unit},
};

/// Lines of a list.
const MOST: usize = 500;

/// Queries as a table, with their deadlines.
pub fn queries(lang: Lang, rows: &[&(Unit, Query)], today: &str) -> Markup {
    html! {
        div.scroll { table data-grid {
            (frame::heads(lang, &["unit-name", "form", "period", "subject", "bureau-cause", "bureau-asked-at", "bureau-answer-by", "state"]))
            tbody { @for (unit, query) in rows {
                @let message = &query.message;
                tr {
                    td { a.cell href=(thread_at(query)) { (unit.name) } }
                    td { (message.form) } td { (message.period) } td { (message.subject) }
                    td { @if !query.deadline.cause.is_empty() { (label(lang, &format!("cause-{}", query.deadline.cause))) } }
                    td { (frame::moment(&message.at)) small { (message.by) } }
                    td { (query.deadline.answer_by) }
                    td { (standing(lang, query, today)) }
                }
            } }
        } }
    }
}

/// Where the conversation about a query is.
fn thread_at(query: &Query) -> String {
    let Query { unit, message, edition, .. } = query;
    format!("{}#talk", frame::report_at(unit, [&message.form, edition, &message.period]))
}

/// Where a query stands on a day.
fn standing(lang: Lang, query: &Query, today: &str) -> Markup {
    let days = &query.deadline;
    if query.answer > 0 {
        return badge(Tone::Good, &label(lang, "bureau-answered"));
    }
    if days.answer_by.is_empty() || today <= days.answer_by.as_str() {
        return badge(Tone::Plain, &label(lang, "bureau-waits"));
    }
    // Days of one length sort as texts.
    if today <= days.grace.as_str() {
        badge(Tone::Warn, &label(lang, "bureau-in-grace"))
    } else {
        badge(Tone::Bad, &label(lang, "bureau-overdue"))
    }
}

/// Every query of the own area.
pub fn list(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let lang = visit.session.lang;
    let all = visit.query.text("all") == "1";
    let rows = bureau.read(|connection| {
        let mut rows = Vec::new();
        let mut reports: std::collections::BTreeMap<String, Vec<ReportVersion>> = std::collections::BTreeMap::new();
        for query in Query::list(connection, "", "", 10 * MOST)? {
            let Some(unit) = Unit::find(connection, &query.unit)?.filter(|unit| visit.staff.covers(unit)) else { continue };
            if !reports.contains_key(&query.unit) {
                reports.insert(query.unit.clone(), ReportVersion::of(connection, &query.unit)?);
            }
            let known = reports.get(&query.unit).map_or(&[][..], Vec::as_slice);
            if all || query.is_open(known) {
                rows.push((unit, query.placed(known)));
            }
        }
        Ok(rows)
    })?;
    let shown: Vec<_> = rows.iter().take(MOST).collect();
    let body = html! {
        p { @if all { a href="/queries" { (label(lang, "bureau-queries-open")) } } @else { a href="/queries?all=1" { (label(lang, "bureau-queries-all")) } } }
        @if shown.is_empty() { p { (label(lang, "bureau-nothing")) } } @else { (queries(lang, &shown, &clock::today().to_string())) }
    };
    Ok(Reply::Page { title: label(lang, "bureau-queries"), crumbs: frame::home_way(lang), here: "/queries", body })
}

/// What was said about the report, in its order; answers stand under their query.
pub fn conversation(lang: Lang, messages: &[(String, Message)], queries: &[Query]) -> Markup {
    let today = clock::today().to_string();
    let begins: Vec<&Message> =
        messages.iter().map(|(_, message)| message).filter(|message| message.reply_to.is_none()).collect();
    html! {
        h2 id="talk" { (label(lang, "bureau-talk")) }
        @if begins.is_empty() { p.dim { (label(lang, "bureau-nothing-said")) } }
        @for message in begins { div.card {
            (line(lang, message))
            @if let Some(query) = queries.iter().find(|query| query.message.id == message.id) {
                p.dim {
                    @if !query.deadline.cause.is_empty() { (label(lang, &format!("cause-{}", query.deadline.cause))) " · " (label(lang, "bureau-answer-by")) " " (query.deadline.answer_by) " · " (label(lang, "bureau-grace")) " " (query.deadline.grace) " " }
                    (standing(lang, query, &today))
                }
            }
            @for (_, answer) in messages.iter().filter(|(_, answer)| answer.reply_to == Some(message.id)) { div.answer { (line(lang, answer)) } }
        } }
    }
}

fn line(lang: Lang, message: &Message) -> Markup {
    let tone = match message.kind.as_str() {
        "return" => Tone::Bad,
        "acceptance" => Tone::Good,
        "query" => Tone::Warn,
        _ => Tone::Plain,
    };
    html! {
        p { (badge(tone, &label(lang, &format!("message-{}", message.kind)))) " " strong { (message.subject) } " " (message.by) " · " (frame::moment(&message.at)) " · " span.dim { "#" (message.id) } }
        p.said { (message.text) }
    }
}

/// What may be done with the report, and why not what may not.
pub fn acts(
    bureau: &Bureau,
    visit: &Visit,
    submission: &Submission,
    verdicts: &[Verdict],
    decision: Option<&Message>,
    typed: Option<&str>,
) -> Markup {
    let lang = visit.session.lang;
    if !visit.staff.is_any(&[Role::Reviewer]) {
        return html! { p.dim { (label(lang, "bureau-readers-only-read")) } };
    }
    let official = submission.arrival.channel == "official";
    let returned = decision.is_some_and(|word| word.kind == "return");
    let accepted = decision.is_some_and(|word| word.kind == "acceptance");
    html! {
        (ask(bureau, visit, submission, verdicts, typed))
        @if !official { (gate::findings(lang, &gate::reasons(&[Finding::error("channel-companion").with("act", "return")]))) }
        @else if returned { p { (label(lang, "bureau-waits-correction")) } }
        @else {
            h2 id="decide" { (label(lang, "bureau-decide")) }
            @if !accepted { (decide(visit, submission, "accept", ["bureau-accept", "bureau-accept-words"], typed)) }
            (decide(visit, submission, "return", ["bureau-return", "bureau-return-words"], typed))
        }
    }
}

fn carried(visit: &Visit, submission: &Submission) -> Markup {
    html! {
        (frame::token(&visit.session.token))
        input type="hidden" name="payload" value=(submission.arrival.payload);
    }
}

fn kept<'v>(visit: &'v Visit, typed: Option<&str>, act: &str, name: &str) -> &'v str {
    if typed == Some(act) { visit.form.text(name) } else { "" }
}

fn ask(bureau: &Bureau, visit: &Visit, submission: &Submission, verdicts: &[Verdict], typed: Option<&str>) -> Markup {
    let lang = visit.session.lang;
    let (subject, cause) = (kept(visit, typed, "query", "subject"), kept(visit, typed, "query", "cause"));
    let unmet: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Unmet).collect();
    let rules = submission::rules(bureau, submission);
    let deadline = bureau.letters.deadline("other", clock::today()).unwrap_or_default();
    let option = |value: &str, words: &str| html! { option value=(value) selected[value == subject] { (words) } };
    html! {
        h2 id="ask" { (label(lang, "bureau-ask")) }
        form.card method="post" action=(format!("{}/query", submission.address())) {
            (carried(visit, submission))
            label for="subject" { (label(lang, "bureau-subject")) }
            select id="subject" name="subject" {
                (option("", &label(lang, "bureau-whole")))
                @if !unmet.is_empty() { optgroup label=(label(lang, "bureau-rules-unmet")) {
                    // A rule that is about each row is one rule of the form.
                    @for verdict in unmet { @let id = verdict.rule.split('/').next().unwrap_or_default(); (option(id, &format!("{} {}", verdict.rule, verdict.text))) }
                } }
                optgroup label=(label(lang, "bureau-indicators")) {
                    @for cell in &submission.draft.cells { (option(&cell.id, &format!("{} {}", cell.code.as_deref().unwrap_or(&cell.id), cell.name))) }
                }
                @if !rules.is_empty() { optgroup label=(label(lang, "bureau-rules")) { @for (id, text) in &rules { (option(id, &format!("{id} {text}"))) } } }
            }
            label for="cause" { (label(lang, "bureau-cause")) }
            select id="cause" name="cause" required {
                option value="" { "—" }
                @for (code, words) in &bureau.letters.causes {
                    option value=(code) selected[code == cause] { (if lang == Lang::Zh { &words.zh } else { &words.en }) }
                }
            }
            label for="query-text" { (label(lang, "bureau-words")) }
            textarea id="query-text" name="text" required { (kept(visit, typed, "query", "text")) }
            p.dim { (label(lang, "bureau-no-steering")) " " (label(lang, "bureau-answer-by")) " " (deadline.answer_by) " · " (label(lang, "bureau-grace")) " " (deadline.grace) }
            div.row { button { (label(lang, "bureau-send-query")) } }
        }
    }
}

fn decide(visit: &Visit, submission: &Submission, act: &str, [name, words]: [&str; 2], typed: Option<&str>) -> Markup {
    let lang = visit.session.lang;
    html! {
        form.card method="post" action=(format!("{}/{act}", submission.address())) {
            (carried(visit, submission))
            label for=(format!("{act}-text")) { (label(lang, words)) }
            textarea id=(format!("{act}-text")) name="text" required { (kept(visit, typed, act, "text")) }
            div.row { button.plain[act == "return"] { (label(lang, name)) } }
        }
    }
}

/// Asks.
pub fn query(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    write(bureau, visit, "query", "query")
}

/// Returns.
pub fn give_back(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    write(bureau, visit, "return", "return")
}

/// Accepts.
pub fn accept(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    write(bureau, visit, "accept", "acceptance")
}

/// Writes a letter; one that is refused is on the page again, with the reason above it.
fn write(bureau: &Bureau, visit: &Visit, act: &str, kind: &str) -> Answer<Reply> {
    let who = visit.staff.signed();
    let cause = visit.form.text("cause");
    let letter = Letter {
        kind,
        unit: &visit.unit.code,
        report: visit.report(),
        subject: visit.form.text("subject"),
        cause,
        payload: visit.form.text("payload"),
        text: visit.form.text("text").trim(),
        who: &who,
    };
    let missing = kind == "query" && cause.is_empty();
    let written = if missing {
        Err(Failure::findings(vec![Finding::error("letter-cause-missing")]))
    } else {
        messages::write(&bureau.office, &bureau.letters, &letter)
    };
    match written {
        Ok(_) => Ok(Reply::To(format!("{}#talk", frame::report_at(&visit.unit.code, visit.report())))),
        Err(failure) => {
            let refusal = Refusal::from(failure);
            if refusal.kind == Kind::Broken {
                return Err(refusal);
            }
            let again = submission::made(bureau, visit, &refusal.findings, Some(act))?;
            Ok(Reply::Again(Box::new(again)))
        }
    }
}
