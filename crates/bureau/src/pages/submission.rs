//! A report that arrived: figures, verdicts, explanations, versions, signatures, receipt and conversation, and files to take away.

use gate::{Answer, Refusal};
use maud::{Markup, html};
use model::{Finding, Month};
use seal::{Demands, Limits, Moment, Package, Receipt, Received, Trust, Verification};
use survey::{audit::Verdict, document::Draft};
use ui::{
    Lang, label,
    page::{self as parts, Tone, badge},
};

use super::{
    Bureau, frame, lost, paper,
    route::{Reply, Visit},
    talk,
};
use crate::{
    clock,
    receive::{self, Opened},
    store::{Arrival, Issued, Known, MessageDraft, Query, Unit},
};

/// Where a report is.
pub const PATH: &str = "/units/{unit}/{form}/{edition}/{period}";

/// One version of a report with all that belongs to it.
pub struct Submission {
    /// The version.
    pub arrival: Arrival,
    /// Every version of the report, the first first.
    pub versions: Vec<Arrival>,
    /// What stands in the package.
    pub opened: Opened,
    /// The report as the unit wrote it.
    pub draft: Draft,
    /// The package's bytes.
    bytes: Vec<u8>,
    /// The receipt's container.
    receipt: Vec<u8>,
}

fn damaged(what: &str) -> Refusal {
    Refusal { kind: gate::Kind::Broken, findings: vec![Finding::error("file-damaged").with("reason", what)] }
}

/// A version of the report of the address: the newest where no other is asked for.
pub fn open(bureau: &Bureau, visit: &Visit, version: &str) -> Answer<Submission> {
    let report = visit.report();
    let unit = &visit.unit.code;
    let mut versions = bureau.read(|connection| Arrival::of(connection, unit))?;
    versions.retain(|one| one.report == report);
    let wanted = match version {
        "" => versions.last(),
        text => versions.iter().find(|one| one.version.to_string() == text),
    };
    let arrival = wanted.cloned().ok_or_else(Refusal::missing)?;
    let receipt = bureau.read(|connection| Known::of_payload(connection, &arrival.payload, unit))?;
    let bytes = bureau.office.store().object(&arrival.content).map_err(lost)?.ok_or_else(|| damaged("blob"))?;
    let opened = Opened::read(&bytes).ok_or_else(|| damaged("package"))?;
    let draft =
        opened.forms.iter().find(|draft| draft.form == arrival.report[0]).cloned().ok_or_else(|| damaged("report.json"))?;
    let receipt = receipt.ok_or_else(|| damaged("receipt"))?.receipt;
    Ok(Submission { arrival, versions, opened, draft, bytes, receipt })
}

impl Submission {
    /// Where its page is.
    pub fn address(&self) -> String {
        let [form, edition, period] = &self.arrival.report;
        frame::report_at(&self.arrival.unit, [form, edition, period])
    }

    /// The file name of what is taken away.
    fn name(&self, ending: &str) -> String {
        let [form, edition, period] = &self.arrival.report;
        format!("{}-{form}-{edition}-{period}-v{}.{ending}", self.arrival.unit, self.arrival.version)
    }
}

/// Verdicts of the report's own rules, as on arrival.
fn verdicts(bureau: &Bureau, submission: &Submission) -> Answer<Vec<Verdict>> {
    let Arrival { unit, report, .. } = &submission.arrival;
    let Ok(month) = report[2].parse::<Month>() else { return Ok(Vec::new()) };
    let store = bureau.office.store();
    let known = bureau.office.knowledge().now(store).map_err(lost)?;
    let all = receive::verdicts(&bureau.office, &known, unit, month, &submission.opened.drafts).map_err(lost)?;
    Ok(all.into_iter().filter(|verdict| verdict.form == report[0]).collect())
}

/// The page.
pub fn page(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    made(bureau, visit, &[], None)
}

/// The page, with what is told above it and what was typed and is not to be lost.
pub fn made(bureau: &Bureau, visit: &Visit, told: &[Finding], typed: Option<&str>) -> Answer<Reply> {
    let lang = visit.session.lang;
    let submission = open(bureau, visit, visit.query.text("version"))?;
    let verdicts = verdicts(bureau, &submission)?;
    let Submission { arrival, draft, .. } = &submission;
    let (unit, [form, _, period]) = (&visit.unit, &arrival.report);
    let (messages, queries, decision) = bureau.read(|connection| {
        let mut messages = MessageDraft::after(connection, &unit.code, 0, usize::MAX)?;
        messages.retain(|(_, message)| message.form == *form && message.period == *period);
        let mut queries = Query::list(connection, "", &unit.code, usize::MAX)?;
        queries.retain(|query| query.message.form == *form && query.message.period == *period);
        Ok((messages, queries, MessageDraft::decision(connection, &unit.code, form, &arrival.payload)?))
    })?;
    let said: Vec<_> = submission.opened.said.iter().filter(|said| said.form == *form).collect();
    let newest = submission.versions.last().is_some_and(|last| last.version == arrival.version);
    let body = html! {
        (gate::findings(lang, told))
        @if !newest { (gate::findings(lang, &[Finding::warning("version-superseded").with("version", arrival.version)])) p { a.button.plain href=(submission.address()) { (label(lang, "bureau-newest")) } } }
        (head(lang, unit, &submission, decision.as_ref().map(|word| word.kind.as_str())))
        (paper::verdicts(lang, &verdicts, &said, &bureau.causes))
        h2 id="figures" { (draft.name) }
        (paper::figures(lang, draft))
        (versions(lang, &submission))
        (talk::conversation(lang, &messages, &queries))
        @if newest { (talk::acts(bureau, visit, &submission, &verdicts, decision.as_ref(), typed)) }
        (signatures(lang, bureau, &submission)?)
        (receipt_facts(lang, &submission))
    };
    let title = format!("{} · {form} {period}", unit.name);
    Ok(Reply::Page { title, crumbs: frame::unit_way(lang, unit), here: "/units", body })
}

fn head(lang: Lang, unit: &Unit, submission: &Submission, decision: Option<&str>) -> Markup {
    let Submission { arrival, draft, opened, versions, .. } = submission;
    let text = |value: &str| html! { (value) };
    let filed = opened.identity.forms.iter().find(|form| form.form == arrival.report[0]).and_then(|form| form.filed.as_ref());
    let mut rows = vec![
        (label(lang, "state"), frame::decision(lang, decision)),
        (label(lang, "bureau-channel"), frame::channel(lang, &arrival.channel)),
        (label(lang, "unit-code"), text(&unit.code)),
        (label(lang, "page-version"), text(&format!("{} / {}", arrival.version, versions.len()))),
        (label(lang, "bureau-arrived-at"), text(&frame::moment(&arrival.at))),
    ];
    if let Some(filed) = filed {
        rows.push((label(lang, "bureau-filed"), html! { (filed.at) " " (filed.reference) }));
    }
    let header = &draft.header;
    let more = [("authority", &header.authority), ("document", &header.document), ("valid-until", &header.valid_until)];
    rows.extend(more.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (label(lang, name), text(value))));
    html! {
        div.card {
            (parts::facts(&rows))
            @if arrival.channel == "companion" { p.dim { (label(lang, "bureau-companion-why")) } }
            @if draft.books_open { (badge(Tone::Warn, &label(lang, "books-open"))) }
        }
    }
}

fn versions(lang: Lang, submission: &Submission) -> Markup {
    let (address, all) = (submission.address(), &submission.versions);
    let version = submission.arrival.version;
    html! {
        h2 id="versions" { (label(lang, "bureau-versions")) }
        div.scroll { table {
            (frame::heads(lang, &["page-version", "at", "payload", "bureau-differences", "bureau-take"]))
            tbody { @for one in all.iter().rev() {
                @let at = format!("?version={}", one.version);
                tr {
                    td { @if one.version == version { strong { (one.version) } } @else { a href=(format!("{address}{at}")) { (one.version) } } }
                    td { (frame::moment(&one.at)) } td { (parts::digest(&one.payload)) }
                    td { @if one.version > 1 { a href=(format!("{address}/changes?old={}&new={}", one.version - 1, one.version)) { (label(lang, "bureau-against-before")) } } }
                    td {
                        a href=(format!("{address}/package{at}")) download { (label(lang, "package")) } " "
                        a href=(format!("{address}/receipt{at}")) download { (label(lang, "bureau-receipt")) } " "
                        a href=(format!("{address}/csv{at}")) download { "CSV" }
                    }
                }
            } }
        } }
        p.dim { (label(lang, "bureau-take-why")) }
    }
}

/// Whether the signatures hold, by whom and when.
fn signatures(lang: Lang, bureau: &Bureau, submission: &Submission) -> Answer<Markup> {
    let config = bureau.office.config();
    let trust =
        Trust { roots: vec![bureau.office.keys().root().clone()], revoked: Vec::new(), moment: Moment::Signed(clock::now()) };
    let demands = Demands { unit: Some(submission.arrival.unit.clone()), roles: config.receive.roles.clone() };
    let package = Package::read(&submission.bytes, Limits::default()).map_err(|_| damaged("package"))?;
    let Verification { signatures, findings, digest } = package.verify(&trust, &demands);
    let mut rows = Vec::new();
    for signed in signatures {
        let revoked = bureau.read(|connection| Issued::revoked(connection, &signed.serial))?;
        rows.push((signed, revoked));
    }
    Ok(html! {
        h2 id="signatures" { (label(lang, "bureau-signatures")) }
        (gate::findings(lang, &findings))
        div.scroll { table {
            (frame::heads(lang, &["bureau-signed-as", "person-name", "bureau-signed-at", "state", "serial"]))
            tbody { @for (signed, revoked) in &rows { tr {
                td { (label(lang, &format!("role-{}", signed.role.id()))) }
                td { (signed.by.name) @if signed.scan.is_some() { small { (label(lang, "signed-on-paper")) } } }
                td { (frame::moment(&signed.at.to_string())) }
                td {
                    (badge(Tone::Good, &label(lang, "bureau-holds")))
                    @if let Some(since) = revoked { " " (badge(Tone::Warn, &format!("{} {}", label(lang, "revoked"), frame::moment(since)))) }
                }
                td { (parts::digest(&signed.serial)) }
            } } }
        } }
        p { (label(lang, "payload")) " " (parts::digest(&digest.to_string())) }
    })
}

fn receipt_facts(lang: Lang, submission: &Submission) -> Markup {
    let read = Received::read(&submission.receipt, Limits::default()).ok();
    let Some(Received { receipt, proof, .. }) = read else { return html! {} };
    let Receipt { received, reasons, .. } = receipt;
    let size = proof.note.checkpoint().map(|checkpoint| checkpoint.size.to_string()).unwrap_or_default();
    let text = |value: String| html! { (value) };
    let rows = [
        (label(lang, "bureau-arrived-at"), text(frame::moment(&received.to_string()))),
        (label(lang, "bureau-leaf"), text(proof.index.to_string())),
        (label(lang, "bureau-log-size"), text(size)),
        (label(lang, "package"), parts::digest(&submission.arrival.content)),
    ];
    html! {
        h2 id="receipt" { (label(lang, "bureau-receipt")) }
        div.card { (parts::facts(&rows)) }
        (gate::findings(lang, &reasons))
    }
}

/// What is another between two versions.
pub fn changes(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let lang = visit.session.lang;
    let old = open(bureau, visit, visit.query.text("old"))?;
    let new = open(bureau, visit, visit.query.text("new"))?;
    let body = html! {
        p {
            (label(lang, "page-version")) " " (old.arrival.version) " (" (frame::moment(&old.arrival.at)) ") → " (new.arrival.version) " (" (frame::moment(&new.arrival.at)) ")"
        }
        (paper::differences(lang, &old.draft, &new.draft))
    };
    let mut crumbs = frame::unit_way(lang, &visit.unit);
    crumbs.push((new.address(), format!("{} {}", new.arrival.report[0], new.arrival.report[2])));
    Ok(Reply::Page { title: label(lang, "bureau-differences"), crumbs, here: "/units", body })
}

/// The package as it arrived.
pub fn package(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let submission = open(bureau, visit, visit.query.text("version"))?;
    Ok(Reply::File(submission.name("asice"), exchange::media::CONTAINER, submission.bytes))
}

/// Its receipt.
pub fn receipt(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let submission = open(bureau, visit, visit.query.text("version"))?;
    Ok(Reply::File(submission.name("receipt.asice"), exchange::media::CONTAINER, submission.receipt))
}

/// Its figures as a table for other programs.
pub fn csv(bureau: &Bureau, visit: &Visit) -> Answer<Reply> {
    let submission = open(bureau, visit, visit.query.text("version"))?;
    let broken = |error: &dyn std::fmt::Display| Refusal {
        kind: gate::Kind::Broken,
        findings: vec![Finding::error("output-refused").with("reason", error)],
    };
    let mut sheet = csv::Writer::from_writer(Vec::new());
    sheet
        .write_record(["unit", "form", "edition", "period", "version", "code", "name", "measure", "column", "value"])
        .map_err(|error| broken(&error))?;
    let Arrival { unit, report: [form, edition, period], version, .. } = &submission.arrival;
    let version = version.to_string();
    for cell in &submission.draft.cells {
        for (name, column) in cell.columns.each() {
            let value = paper::reported(cell, column).unwrap_or_default();
            // A text of a unit never becomes a formula of a sheet.
            let value = if value.starts_with(['=', '+', '@', '\t', '\r']) { format!("'{value}") } else { value.to_owned() };
            let row = [unit, form, edition, period, &version, &cell.id, &cell.name, &cell.unit, name, &value];
            sheet.write_record(row).map_err(|error| broken(&error))?;
        }
    }
    let bytes = sheet.into_inner().map_err(|error| broken(&error))?;
    Ok(Reply::File(submission.name("csv"), "text/csv; charset=utf-8", bytes))
}

/// Rules of the report's form, by id.
pub fn rules(bureau: &Bureau, submission: &Submission) -> Vec<(String, String)> {
    let [form, edition, _] = &submission.arrival.report;
    let known = bureau.office.knowledge().edition(bureau.office.store(), edition).ok().flatten();
    let pack = known.as_ref().and_then(|known| known.mapping.form(form));
    pack.map(|pack| pack.rules.iter().map(|rule| (rule.id.clone(), rule.text.clone())).collect()).unwrap_or_default()
}
