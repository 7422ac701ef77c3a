/*! Filings at the national portal, recorded, and signed packages on their way out. The command line and the pages do it by this. */

use jiff::civil::Date;
use journal::Digest;
use model::{Finding, Level, Month};
use seal::Limits;
use serde_json::json;
use store::{Record, Store};

use crate::{
    acts, build,
    config::{Agent, Book, Channel, Deed, Person},
    delivery::{
        self, client,
        machine::Machine,
        outbox::{self, Act, Entry},
    },
    due,
    evidence::{self, Paper},
    package::{self, Kept, Meant},
    report::Failure,
    signing,
};

/// A filing at the national portal.
pub struct Filed<'a> {
    /// Of which book.
    pub book: &'a Book,
    /// Form code.
    pub form: &'a str,
    /// Month.
    pub month: Month,
    /// The day.
    pub at: Date,
    /// What the portal calls it.
    pub reference: &'a str,
    /// Files that show it.
    pub papers: &'a [Paper],
}

/// Records a filing, of the draft as it is now.
pub fn filed(agent: &Agent, store: &mut Store, person: &Person, what: &Filed<'_>) -> Result<Vec<Finding>, Failure> {
    let (book, form, period) = (what.book, what.form.to_owned(), what.month.to_string());
    let place = format!("{form}, {period}, book {}", book.id);
    person.must(Deed::Platform, &place)?;
    let mut findings = Vec::new();
    if agent.channel(&form, &book.id) == Channel::Official {
        findings.push(Finding::error("filing-official").at(&place).with("form", &form));
    }
    // What has not happened is not recorded: nothing is filed before its month begins, and nothing in days to come.
    let begins = Date::new(i16::try_from(what.month.year()).unwrap_or(i16::MAX), what.month.month().try_into().unwrap_or(1), 1);
    if what.at > due::today() || begins.is_ok_and(|begins| what.at < begins) {
        let finding = Finding::error("filing-date-unfit").at(&place).with("at", what.at).with("period", &period);
        findings.push(finding.with("today", due::today()));
    }
    if !findings.is_empty() {
        return Err(Failure::findings(findings));
    }
    let Some(version) = store.current_draft(&book.id, &form, &period)? else {
        return Err(Failure::findings(vec![Finding::error("draft-missing").at(place)]));
    };
    let files = evidence::keep_all(store, what.papers)?;
    let draft = Digest::of(version.body.as_bytes()).to_string();
    let at = what.at.to_string();
    let body = json!({ "at": at, "reference": what.reference, "by": person.id, "draft": draft, "evidence": files });
    let detail = json!({ "book": book.id, "form": form, "period": period, "at": at, "reference": what.reference });
    let kind = delivery::FILED.to_owned();
    let record = Record { kind, book: book.id.clone(), form, period, body: body.to_string(), ..Record::default() };
    acts::write(store, &person.id, delivery::FILED, &detail, &record)?;
    Ok(vec![Finding::note("filing-kept").at(place).with("at", at)])
}

/// What a package holds by default and what it does not: shown before it leaves.
pub const STAYS: [&str; 5] = ["stays-lines", "stays-parties", "stays-persons", "stays-snapshots", "stays-attachments"];

/// A package that is about to leave.
pub struct Leaving {
    /// As it is kept.
    pub kept: Kept,
    /// The container's bytes.
    pub bytes: Vec<u8>,
    /// What holds it up, and what is to be known.
    pub findings: Vec<Finding>,
}

/// The newest package that is meant, and why it does not leave yet. With `anyway` it leaves although the books have moved since it was signed.
pub fn leaving(agent: &Agent, store: &Store, meant: Meant<'_>, anyway: bool) -> Result<Leaving, Failure> {
    let place = place(meant);
    let required = signing::required(agent)?;
    let Some(kept) = package::kept(store, None, Some(meant))? else {
        return Err(Failure::findings(vec![only_tried(store, meant, &required, &place)?]));
    };
    let mut findings = ready(store, &kept, &required, meant.period, &place)?;
    if findings.iter().any(|finding| finding.code == "package-outdated") {
        let tried = only_tried(store, meant, &required, &place)?;
        if tried.code == "package-trial-only" {
            findings = vec![tried];
        }
    }
    if anyway {
        let moved = |finding: &&mut Finding| finding.code == "submit-evidence-changed";
        findings.iter_mut().filter(moved).for_each(|finding| finding.level = Level::Warning);
    }
    let bytes = package::read(store, &kept)?.write(Limits::default()).map_err(Failure::source)?;
    Ok(Leaving { kept, bytes, findings })
}

/// What a package is called in findings.
pub fn place(meant: Meant<'_>) -> String {
    format!("{}, {}", meant.form.unwrap_or("all"), meant.period)
}

/// A file of a container: its name, of what kind it is, its size and its SHA-256.
pub struct Part {
    /// Name.
    pub name: String,
    /// `payload`, `signature` or `attachment`.
    pub kind: &'static str,
    /// Bytes.
    pub size: usize,
    /// SHA-256.
    pub sha256: String,
}

/// Files, sizes and digests of a container.
pub fn parts(container: &[u8]) -> Result<Vec<Part>, Failure> {
    let files = seal::container::read(container, Limits::default()).map_err(Failure::source)?;
    let parts = files.iter().map(|(name, bytes)| {
        let kind = match name.split('/').next() {
            Some("META-INF") => "signature",
            Some("attachments") => "attachment",
            _ => "payload",
        };
        Part { name: name.clone(), kind, size: bytes.len(), sha256: Digest::of(bytes).to_string() }
    });
    Ok(parts.collect())
}

/// Puts a package into the outbox, as the act of a person. It leaves from there.
pub fn queue(agent: &Agent, store: &mut Store, kept: &Kept, period: &str, act: Act<'_>) -> Result<Finding, Failure> {
    client::bureau(agent)?;
    outbox::queue(store, kept, period, act)?;
    Ok(Finding::note("package-queued").at(period).with("digest", &kept.digest))
}

/// The checkpoint that goes beside a package which a person carries: the receiver countersigns it, as it does when a package comes over the network.
/// None where this machine has not enrolled.
pub fn checkpoint(agent: &Agent, store: &Store) -> Result<Option<String>, Failure> {
    match agent.machine().is_file() {
        true => Ok(Some(Machine::read(agent)?.checkpoint(agent, store)?.to_string())),
        false => Ok(None),
    }
}

/// Takes the newest package back that is meant and waits for its receipt.
pub fn withdraw(
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    meant: Meant<'_>,
    reason: &str,
) -> Result<Vec<Finding>, Failure> {
    person.must(Deed::Submit, meant.period)?;
    let reason = acts::reason(reason)?;
    let fits = |(period, entry): &(String, Entry)| {
        let package = &entry.package;
        let form = meant.form.is_none_or(|form| package.forms.iter().any(|[own, ..]| own == form));
        period == meant.period && package.trial == meant.trial && entry.state.waits() && form
    };
    let Some((period, entry)) = outbox::entries(store)?.into_iter().rfind(fits) else {
        return Err(Failure::findings(vec![Finding::error("package-not-waiting").at(place(meant))]));
    };
    outbox::withdraw(agent, store, (&entry.package.digest, &period), (&person.id, reason))
}

/// That there is no package; where people have signed one that is only tried, that it is this one.
fn only_tried(store: &Store, meant: Meant<'_>, required: &[seal::Role], place: &str) -> Result<Finding, Failure> {
    let tried = package::kept(store, None, Some(Meant { trial: true, ..meant }))?.filter(|_| !meant.trial);
    if let Some(kept) = tried
        && kept.open_roles(required).is_empty()
        && outbox::outdated(store, &kept, meant.period)?.is_empty()
        && kept.unsigned_by(store, meant.period)?.is_none()
    {
        return Ok(Finding::error("package-trial-only").at(place).with("digest", &kept.digest));
    }
    Ok(Finding::error("package-missing").at(place).with("period", meant.period))
}

/// Why a package does not leave yet: roles that have not signed, drafts that have changed since.
fn ready(store: &Store, kept: &Kept, required: &[seal::Role], period: &str, place: &str) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let open = kept.open_roles(required);
    if !open.is_empty() {
        findings.push(Finding::error("package-roles-open").at(place).with("roles", open.join(", ")));
    }
    let old = outbox::outdated(store, kept, period)?;
    if !old.is_empty() {
        return Ok([findings, old].concat());
    }
    // What is only tried leaves its drafts as they are; a report's are signed, and nobody has given them back since.
    let wanted = if kept.trial { &package::APPROVED[..] } else { &package::APPROVED[1..] };
    for [form, book, _] in &kept.forms {
        let Some(version) = store.current_draft(book, form, period)? else { continue };
        let place = format!("{form}, {period}, book {book}");
        if !wanted.contains(&&*version.state) {
            let finding = Finding::error("draft-state-unfit").at(&place).with("state", &version.state);
            findings.push(finding.with("wanted", wanted[0]));
        }
        // What was signed stands; but whoever submits knows that the books have moved since.
        let moved = build::touched(store, &build::read(&version)?)?;
        match &*version.state {
            "queued" | "delivered" => findings.extend(moved.findings(&place)),
            _ if moved.is_empty() => {}
            _ => findings.push(Finding::error("submit-evidence-changed").at(place).with("cells", moved.cells().join(", "))),
        }
    }
    if let Some(record) = kept.unsigned_by(store, period)? {
        let since: serde_json::Value = acts::body(&record)?;
        let finding = Finding::error("signatures-withdrawn").at(place).with("by", since["name"].as_str().unwrap_or_default());
        findings.push(finding);
    }
    Ok(findings)
}
