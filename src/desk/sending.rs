//! What leaves and what comes back: the package before it goes, its way, receipts, and letters of the bureau.

use model::{Finding, Level};
use seal::Verdict;
use serde_json::Value;
use store::{Store, Wanted};
use web::{Answer, Delivery, File, Leaving, Letters, PackedFile, Place, ReceiptView, Refusal, Sent, Thread};

use super::{drafts, local, signoff};
use crate::{
    acts, build,
    config::{Agent, Deed, Person},
    delivery::{
        self, messages,
        outbox::{self, Act, State},
    },
    package::{self, Kept, Meant, PACKAGE},
    report::Failure,
    submission,
};

fn meant(place: &Place) -> Meant<'_> {
    Meant { form: Some(&place.form), period: &place.period, trial: false }
}

/// Refuses a package that is not of the draft's book: one form may be built from several.
fn own(kept: &Kept, place: &Place) -> Answer<()> {
    let ours = |[form, book, _]: &[String; 3]| *form == place.form && *book == place.book;
    if kept.forms.iter().any(ours) { Ok(()) } else { Err(Refusal::missing()) }
}

/// What would leave.
pub fn leaving(agent: &Agent, store: &Store, place: &Place, person: &Person) -> Answer<Leaving> {
    let view = drafts::view(agent, store, place)?;
    let submission::Leaving { kept, bytes, findings } = submission::leaving(agent, store, meant(place), false)?;
    own(&kept, place)?;
    let parts = submission::parts(&bytes)?.into_iter();
    let parts = parts.map(|part| PackedFile { name: part.name, kind: part.kind, size: part.size, sha256: part.sha256 });
    let mut held: Vec<Finding> = findings.iter().filter(|finding| finding.level == Level::Error).cloned().collect();
    let anyway = held.iter().any(|finding| finding.code == "submit-evidence-changed");
    held.retain(|finding| finding.code != "submit-evidence-changed");
    held.extend(person.unfit(Deed::Submit));
    let to = agent.bureau.as_ref().map(|bureau| bureau.url.clone()).unwrap_or_default();
    let bureau = bureau(agent, store)?;
    if agent.bureau.is_none() {
        held.extend(delivery::client::bureau(agent).err().into_iter().flat_map(|failure| failure.findings));
    }
    Ok(Leaving {
        view,
        digest: kept.digest,
        forms: kept.forms.into_iter().map(|[form, book, _]| [form, book]).collect(),
        parts: parts.collect(),
        size: bytes.len(),
        stays: submission::STAYS.to_vec(),
        to,
        bureau,
        findings,
        anyway,
        offer: if held.is_empty() { Ok(()) } else { Err(held) },
    })
}

/// The package that was on the screen, where nothing holds it up.
fn ready(
    agent: &Agent,
    store: &Store,
    (place, person): (&Place, &Person),
    digest: &str,
    anyway: Option<&str>,
) -> Answer<submission::Leaving> {
    let at = submission::place(meant(place));
    person.must(Deed::Submit, &at)?;
    let leaving = submission::leaving(agent, store, meant(place), anyway.is_some())?;
    own(&leaving.kept, place)?;
    if leaving.kept.digest != digest {
        return Err(
            Failure::findings(vec![Finding::error("sign-digest-differs").at(at).with("now", &leaving.kept.digest)]).into()
        );
    }
    if crate::report::blocked(&leaving.findings) {
        return Err(Failure::findings(leaving.findings).into());
    }
    Ok(leaving)
}

/// A reason where there is one.
fn reason(text: &str) -> Answer<Option<&str>> {
    Ok(Some(text.trim()).filter(|reason| !reason.is_empty()).map(acts::reason).transpose()?)
}

/// Puts the package into the outbox that was on the screen.
pub fn submit(agent: &Agent, store: &mut Store, place: &Place, person: &Person, digest: &str, anyway: &str) -> Answer<()> {
    let anyway = reason(anyway)?;
    let leaving = ready(agent, store, (place, person), digest, anyway)?;
    submission::queue(agent, store, &leaving.kept, &place.period, Act { by: &person.id, anyway, file: None })?;
    Ok(())
}

/// Hands the package out as a file that somebody carries.
pub fn carry(agent: &Agent, store: &mut Store, place: &Place, person: &Person, digest: &str, anyway: &str) -> Answer<File> {
    let anyway = reason(anyway)?;
    let leaving = ready(agent, store, (place, person), digest, anyway)?;
    let name = carried_name(place, digest);
    let _one = outbox::turn(store)?;
    outbox::queue(store, &leaving.kept, &place.period, Act { by: &person.id, anyway, file: Some(name.as_ref()) })?;
    Ok(File { name, media: CONTAINER, bytes: leaving.bytes })
}

/// What the bureau calls itself: in the newest receipt that is here, or else in the certificate that is trusted; empty where neither says.
pub fn bureau(agent: &Agent, store: &Store) -> Result<String, Failure> {
    let newest = store.records(delivery::RECEIPT, Wanted::default())?.into_iter().max_by_key(|record| record.operation);
    if let Some(record) = newest {
        let body: Value = acts::body(&record)?;
        let name = body["receipt"].as_str().unwrap_or_default();
        if let Some(looked) = delivery::look(agent, store, name)? {
            return Ok(looked.received.receipt.receiver.1);
        }
    }
    let Some(bureau) = &agent.bureau else { return Ok(String::new()) };
    // What cannot be read is told where it is used; here it is only a name.
    let text = std::fs::read_to_string(agent.folder().join(&bureau.ca)).unwrap_or_default();
    let roots = seal::Certificate::from_pem(&text).unwrap_or_default();
    // The root of a bureau is named after it: `<name> 统计报送证书颁发`.
    let named = roots.iter().find_map(|root| root.subject().name.strip_suffix(ROOT).map(|name| name.trim().to_owned()));
    Ok(named.unwrap_or_default())
}

/// What the root of a receiver calls itself beside the bureau's name.
const ROOT: &str = "统计报送证书颁发";

/// The page within a package that shows its forms: what was on the screen, or what was sent.
pub fn content(store: &Store, place: &Place, digest: &str) -> Answer<File> {
    let kept = package::kept(store, Some(digest), None)?.ok_or_else(Refusal::missing)?;
    own(&kept, place)?;
    let package = package::read(store, &kept)?;
    let bytes = package.payload().get(VIEW).ok_or_else(Refusal::missing)?.to_vec();
    Ok(File { name: VIEW.to_owned(), media: "text/html; charset=utf-8", bytes })
}

/// The file of a package that people read.
const VIEW: &str = "view.html";

/// Media type of packages and receipts (ETSI EN 319 162-1).
const CONTAINER: &str = "application/vnd.etsi.asic-e+zip";

fn carried_name(place: &Place, digest: &str) -> String {
    format!("{}-{}-{}.asice", place.form, place.period, digest.get(..12).unwrap_or(digest))
}

/// What was handed out, once more, or the checkpoint that goes beside it.
pub fn carried(agent: &Agent, store: &Store, place: &Place, digest: &str, checkpoint: bool) -> Answer<File> {
    let handed = outbox::entry(store, digest)?.filter(|entry| entry.state == State::HandedOut).ok_or_else(Refusal::missing)?;
    own(&handed.package, place)?;
    let name = carried_name(place, digest);
    if checkpoint {
        let text = submission::checkpoint(agent, store)?.ok_or_else(Refusal::missing)?;
        return Ok(File { name: format!("{name}.checkpoint"), media: "text/plain; charset=utf-8", bytes: text.into_bytes() });
    }
    let bytes = package::read(store, &handed.package)?.write(seal::Limits::default()).map_err(Failure::source)?;
    Ok(File { name, media: CONTAINER, bytes })
}

/// Keeps a receipt that was carried back; its name.
pub fn import(agent: &Agent, store: &mut Store, person: &Person, paper: &web::Paper) -> Answer<String> {
    person.must(Deed::Submit, &paper.name)?;
    delivery::import(agent, store, &paper.bytes, &person.id, &paper.name)?;
    Ok(seal::Digest::of(&paper.bytes).to_string())
}

/// Takes back what was on the screen.
pub fn withdraw(
    agent: &Agent,
    store: &mut Store,
    place: &Place,
    person: &Person,
    digest: &str,
    reason: &str,
) -> Answer<Vec<Finding>> {
    let at = submission::place(meant(place));
    let waits = outbox::entry(store, digest)?.filter(|entry| entry.state.waits());
    let Some(entry) = waits else { return Err(Failure::findings(vec![Finding::error("package-not-waiting").at(at)]).into()) };
    own(&entry.package, place)?;
    person.must(Deed::Submit, &at)?;
    let reason = acts::reason(reason)?;
    Ok(outbox::withdraw(agent, store, (digest, &place.period), (&person.id, reason))?)
}

/// The packages of a form's month, the newest first.
fn packages(store: &Store, place: &Place) -> Result<Vec<Kept>, Failure> {
    let mut found = Vec::new();
    for record in store.records(PACKAGE, Wanted { period: Some(&place.period), ..Wanted::default() })?.iter().rev() {
        let kept = Kept { operation: record.operation, ..acts::body(record)? };
        if kept.forms.iter().any(|[form, book, _]| *form == place.form && *book == place.book) {
            found.push(kept);
        }
    }
    Ok(found)
}

/// Receipts of a package, the newest first: name, verdict, when.
fn receipts(store: &Store, digest: &str) -> Result<Vec<[String; 3]>, Failure> {
    let mut found: Vec<[String; 3]> = Vec::new();
    for record in store.record_versions(delivery::RECEIPT, Wanted { key: Some(digest), ..Wanted::default() })?.iter().rev() {
        let body: Value = acts::body(record)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let one = [text("receipt"), text("verdict"), local(&text("at"))];
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

/// Where the packages of a form's month are.
pub fn delivery(agent: &Agent, store: &Store, place: &Place, person: &Person) -> Answer<Delivery> {
    let version = drafts::kept(store, place)?;
    let name = build::read(&version)?.name;
    let ways = outbox::ways(store)?;
    let (mut sent, mut moving, mut withdraw) = (Vec::new(), false, None);
    for kept in packages(store, place)? {
        let entry = outbox::entry(store, &kept.digest)?;
        let way = ways.get(&kept.digest);
        let state = match (&entry, way) {
            (Some(_), Some(way)) => way.name(),
            (Some(entry), None) if entry.state == State::Withdrawn => "withdrawn",
            (Some(entry), None) => entry.state.name(),
            (None, _) => "signed",
        };
        let waits = entry.as_ref().is_some_and(|entry| entry.state.waits());
        moving |= way.is_some();
        if waits && !kept.trial && withdraw.is_none() {
            withdraw = Some(signoff::may(person, Deed::Submit));
        }
        let wanted = Wanted { key: Some(&kept.digest), ..Wanted::default() };
        let first = store.record_versions(outbox::OUTBOX, wanted).map_err(Failure::from)?.into_iter().next();
        let made = first.map(|record| store.operation(record.operation)).transpose().map_err(Failure::from)?.flatten();
        let (by, at) = made.map(|made| (signoff::name(agent, &made.who), local(&made.at))).unwrap_or_default();
        let trouble = outbox::tried(store, &kept.digest).filter(|_| waits).map(|tried| {
            // What the system said is for whoever looks after it: `taizhang status` has it.
            let finding = Finding::warning("package-untaken-yet").with("times", tried.times);
            finding.with("at", local(&tried.at)).with("why", tried.code)
        });
        let (state, tries) = (state.to_owned(), way.map_or(0, |way| way.tries));
        let (corrects, receipts) = (kept.corrects(store)?, receipts(store, &kept.digest)?);
        sent.push(Sent { digest: kept.digest, trial: kept.trial, state, tries, by, at, corrects, trouble, receipts });
    }
    let about = |thread: &Thread| thread.place.as_ref() == Some(place);
    let threads = threads(agent, store)?.into_iter().filter(about).collect();
    Ok(Delivery { name, state: version.state, sent, moving, withdraw, threads })
}

/// The receipt of a payload that took it, or else the newest one: its name.
fn receipt_of(store: &Store, digest: &str) -> Result<Option<String>, Failure> {
    let all = receipts(store, digest)?;
    let took = all.iter().find(|[_, verdict, _]| verdict == delivery::RECEIVED);
    Ok(took.or(all.first()).map(|[name, ..]| name.clone()))
}

/// A receipt, looked at now.
pub fn receipt(agent: &Agent, store: &Store, name: &str) -> Answer<ReceiptView> {
    let looked = delivery::look(agent, store, name)?.ok_or_else(Refusal::missing)?;
    let receipt = &looked.received.receipt;
    let payload = receipt.payload.to_string();
    let drafts: Vec<Place> = looked.records.iter().fold(Vec::new(), |mut places, record| {
        let place = Place { book: record.book.clone(), form: record.form.clone(), period: record.period.clone() };
        if !places.contains(&place) {
            places.push(place);
        }
        places
    });
    let named = |digest: String| Ok::<_, Failure>([receipt_of(store, &digest)?.unwrap_or_default(), digest]);
    let kept = package::kept(store, Some(&payload), None)?;
    let explained = kept
        .as_ref()
        .zip(drafts.first())
        .map(|(kept, first)| delivery::explained(store, kept, &first.period))
        .transpose()?
        .unwrap_or_default();
    let corrects = kept.map(|kept| kept.corrects(store)).transpose()?.flatten().map(named).transpose()?;
    let corrected =
        drafts.first().map(|place| corrected_by(store, place, &payload)).transpose()?.flatten().map(named).transpose()?;
    let counts = ["met", "unmet", "undetermined", "not_applicable"];
    let audit = counts.into_iter().filter_map(|name| Some((name.to_owned(), receipt.audit[name].as_u64()?.to_string())));
    let hit = |hit: &Value| ["form", "rule", "severity", "text"].map(|name| hit[name].as_str().unwrap_or_default().to_owned());
    let hits = receipt.audit["hits"].as_array().into_iter().flatten().map(hit);
    Ok(ReceiptView {
        name: name.to_owned(),
        verdict: if receipt.verdict == Verdict::Received { "received" } else { "refused" },
        trial: receipt.test,
        receiver: [receipt.receiver.0.clone(), receipt.receiver.1.clone()],
        at: local(&receipt.received.to_string()),
        channel: receipt.channel.clone(),
        forms: receipt
            .forms
            .iter()
            .map(|form| [form.form.clone(), form.period.clone(), form.edition.clone(), form.version.to_string()])
            .collect(),
        payload,
        package: receipt.package.to_string(),
        reasons: receipt.reasons.clone(),
        audit: audit.collect(),
        hits: hits.collect(),
        explained,
        // People count from one.
        place: looked.place.map(|(index, size)| [index + 1, size]),
        findings: looked.findings,
        drafts,
        corrects,
        corrected,
        verify: format!("taizhang verify {name}.asice --roots {}", looked.roots.display()),
    })
}

/// Payload of the package of a form's month that corrects another one.
fn corrected_by(store: &Store, place: &Place, digest: &str) -> Result<Option<String>, Failure> {
    for kept in packages(store, place)? {
        if kept.corrects(store)?.as_deref() == Some(digest) {
            return Ok(Some(kept.digest));
        }
    }
    Ok(None)
}

/// A receipt's file.
pub fn receipt_file(agent: &Agent, store: &Store, name: &str) -> Answer<File> {
    let looked = delivery::look(agent, store, name)?.ok_or_else(Refusal::missing)?;
    let bytes = std::fs::read(&looked.path).map_err(|error| Failure::source(Finding::io(&looked.path, &error)))?;
    Ok(File { name: format!("{name}.asice"), media: CONTAINER, bytes })
}

/// What the bureau wrote, each with what was answered; what is open first, then the newest.
fn threads(agent: &Agent, store: &Store) -> Answer<Vec<Thread>> {
    let all = messages::all(store)?;
    let bureau = bureau(agent, store)?;
    // The bureau writes the unit's own messages under the unit's code: the log knows who it was. An account of its machine is nobody's name.
    let by = |message: &exchange::Message| -> Answer<String> {
        if message.by == agent.unit.code {
            let author = messages::author(store, message.id)?;
            return Ok(author.map_or_else(|| agent.unit.name.clone(), |id| signoff::name(agent, &id)));
        }
        let named = if message.by.starts_with("system:") { "" } else { message.by.as_str() };
        Ok([bureau.as_str(), named].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "))
    };
    let open: Vec<u64> = messages::open(&all).iter().map(|message| message.id).collect();
    let mut threads = Vec::new();
    for message in &all {
        if message.reply_to.is_some_and(|to| all.iter().any(|other| other.id == to)) {
            continue;
        }
        let entry = outbox::entry(store, &message.payload)?;
        let form = entry.iter().flat_map(|entry| &entry.package.forms).find(|[form, ..]| *form == message.form);
        let place = form.map(|[form, book, _]| Place { book: book.clone(), form: form.clone(), period: message.period.clone() });
        let corrected = match &place {
            Some(place) => {
                corrected_by(store, place, &message.payload)?.map(|digest| receipt_of(store, &digest)).transpose()?.flatten()
            }
            None => None,
        };
        let mut answers = Vec::new();
        for answer in all.iter().filter(|other| other.reply_to == Some(message.id)) {
            answers.push([local(&answer.at), by(answer)?, answer.text.clone()]);
        }
        threads.push(Thread {
            number: message.id,
            kind: message.kind.clone(),
            at: local(&message.at),
            by: by(message)?,
            place,
            about: messages::place(message),
            subject: message.subject.clone(),
            text: message.text.clone(),
            answers,
            open: open.contains(&message.id),
            corrected,
        });
    }
    threads.sort_by_key(|thread| (!thread.open, std::cmp::Reverse(thread.number)));
    Ok(threads)
}

/// Every letter, for a person.
pub fn letters(agent: &Agent, store: &Store, person: &Person) -> Answer<Letters> {
    let offer = signoff::may(person, Deed::Answer);
    Ok(Letters { threads: threads(agent, store)?, offer, connected: agent.bureau.is_some() })
}
