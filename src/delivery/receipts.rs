/*! Receipts: what is looked at before one is believed, and how it is kept. */

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use model::{Finding, Level};
use seal::{Limits, Moment, Receipt, Received, Trust, Verdict, log};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Record, Store, Wanted};

use super::{
    RECEIPT, RECEIVED,
    client::Client,
    machine,
    outbox::{self, Entry, State},
};
use crate::{
    acts,
    config::Agent,
    package::{self, Kept, PACKAGE},
    report::Failure,
    signing,
};

/// Kind of the records of the receiver's checkpoints: the largest that was seen of each log.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// Folder of the receipts in the state.
const FOLDER: &str = "receipts";

/// The largest checkpoint that was seen of the receiver's log.
#[derive(Serialize, Deserialize)]
pub(super) struct Seen {
    pub size: u64,
    pub root: String,
}

/// Period of a package that is kept here.
pub fn period_of(store: &Store, digest: &str) -> Result<Option<String>, Failure> {
    let records = store.records(PACKAGE, Wanted { key: Some(digest), ..Wanted::default() })?;
    Ok(records.last().map(|record| record.period.clone()))
}

/// The newest receipt of a payload.
pub fn kept(store: &Store, digest: &str) -> Result<Option<Received>, Failure> {
    let records = store.records(RECEIPT, Wanted { key: Some(digest), ..Wanted::default() })?;
    let Some(record) = records.last() else { return Ok(None) };
    let body: serde_json::Value = acts::body(record)?;
    let name = body["receipt"].as_str().unwrap_or_default();
    let path = store.folder().join(FOLDER).join(format!("{name}.asice"));
    let bytes = fs::read(&path).map_err(|error| Failure::source(Finding::io(&path, &error)))?;
    let read = Received::read(&bytes, Limits::default());
    read.map(Some).map_err(|finding| Failure::source(finding.at(path.display().to_string())))
}

/// Why a package was refused: codes, each with its place where it has one.
pub fn why(receipt: &Receipt) -> String {
    let one = |reason: &Finding| match reason.place.is_empty() {
        true => reason.code.to_string(),
        false => format!("{} ({})", reason.code, reason.place),
    };
    receipt.reasons.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A receipt that is kept, of one form of its package.
pub struct Listed {
    /// Its record.
    pub record: Record,
    /// `received` or `refused`.
    pub verdict: String,
    /// When the receiver had the package, RFC 3339.
    pub at: String,
    /// Whether it was only tried.
    pub trial: bool,
    /// Why it was refused: codes of findings.
    pub reasons: Vec<String>,
    /// SHA-256 of its container.
    pub name: String,
    /// Its place in the receiver's log and the log's size, where all of it holds.
    pub place: Option<(u64, u64)>,
    /// What is wrong with it, looked at now.
    pub findings: Vec<Finding>,
}

/// Every receipt that is kept, the oldest first. Each file is looked at again: signature, chain, and its place in the receiver's log.
pub fn list(agent: &Agent, store: &Store, form: Option<&str>, period: Option<&str>) -> Result<Vec<Listed>, Failure> {
    let trust = signing::trust(&believing(agent)?, Moment::Signed(signing::now()?))?;
    let mut listed = Vec::new();
    let mut seen = BTreeSet::new();
    for record in store.record_versions(RECEIPT, Wanted { form, period, ..Wanted::default() })? {
        let body: serde_json::Value = acts::body(&record)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let name = text("receipt");
        // What was refused and is submitted once more comes back with the same receipt.
        if !seen.insert([&record.form, &record.book, &record.period, &name].map(Clone::clone)) {
            continue;
        }
        let reasons = body["reasons"].as_array().into_iter().flatten().filter_map(|code| code.as_str().map(str::to_owned));
        let path = store.folder().join(FOLDER).join(format!("{name}.asice"));
        let (place, findings) = match looked_at(&path, &trust, &name, &record.key) {
            Ok(place) => (Some(place), Vec::new()),
            Err(findings) => (None, findings.into_iter().map(|finding| finding.at(path.display().to_string())).collect()),
        };
        let (verdict, at, trial, reasons) = (text("verdict"), text("at"), body["trial"] == true, reasons.collect());
        listed.push(Listed { record, verdict, at, trial, reasons, name, place, findings });
    }
    Ok(listed)
}

/// A receipt that is kept, looked at now.
pub struct Looked {
    /// What it says.
    pub received: Received,
    /// Its records, one for each of its forms.
    pub records: Vec<Record>,
    /// Its file.
    pub path: PathBuf,
    /// Its place in the receiver's log and the log's size, where all of it holds.
    pub place: Option<(u64, u64)>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// Whose word is believed.
    pub roots: PathBuf,
}

/// The receipt whose container has this SHA-256, where a record names it.
pub fn look(agent: &Agent, store: &Store, name: &str) -> Result<Option<Looked>, Failure> {
    let mut records = Vec::new();
    for record in store.record_versions(RECEIPT, Wanted::default())? {
        let body: serde_json::Value = acts::body(&record)?;
        if body["receipt"] == name {
            records.push(record);
        }
    }
    let Some(payload) = records.first().map(|record| record.key.clone()) else { return Ok(None) };
    let path = store.folder().join(FOLDER).join(format!("{name}.asice"));
    let bytes = fs::read(&path).map_err(|error| Failure::source(Finding::io(&path, &error)))?;
    let damaged = |finding: Finding| Failure::source(finding.at(path.display().to_string()));
    let received = Received::read(&bytes, Limits::default()).map_err(damaged)?;
    let roots = believing(agent)?;
    let trust = signing::trust(&roots, Moment::Signed(signing::now()?))?;
    let (place, findings) = match looked_at(&path, &trust, name, &payload) {
        Ok(place) => (Some(place), Vec::new()),
        Err(findings) => (None, findings),
    };
    Ok(Some(Looked { received, records, path, place, findings, roots }))
}

/// The place of a receipt in the receiver's log, where its file is the one that was kept and holds.
fn looked_at(path: &Path, trust: &Trust, name: &str, payload: &str) -> Result<(u64, u64), Vec<Finding>> {
    let one = |finding: Finding| vec![finding];
    let bytes = fs::read(path).map_err(|error| one(Finding::io(path, &error)))?;
    if seal::Digest::of(&bytes).to_string() != name {
        return Err(one(Finding::error("file-damaged").with("reason", "SHA-256")));
    }
    let received = Received::read(&bytes, Limits::default()).map_err(one)?;
    let verification = received.verify(trust);
    if !verification.is_valid() {
        return Err(verification.findings);
    }
    if received.receipt.payload.to_string() != payload {
        let finding = Finding::error("receipt-of-another-package").with("payload", received.receipt.payload);
        return Err(one(finding.with("wanted", payload)));
    }
    let checkpoint = received.proof.note.checkpoint().map_err(one)?;
    Ok((received.proof.index, checkpoint.size))
}

/// Looks at a receipt and keeps it; only then does the package's state change, in the same operation. Without a connection the receiver's log
/// cannot be asked how it went on since the last receipt, and that is told.
pub fn accept(
    agent: &Agent,
    store: &mut Store,
    (kept, period): (&Kept, &str),
    bytes: &[u8],
    client: Option<&Client>,
    who: &str,
) -> Result<(Received, Vec<Finding>), Failure> {
    let place = format!("receipt {}", kept.digest);
    let wrong = |finding: Finding| Failure::findings(vec![finding.at(&place)]);
    let received = believed(agent, bytes, &place)?;
    let receipt = &received.receipt;
    if receipt.payload.to_string() != kept.digest {
        let finding = Finding::error("receipt-of-another-package").with("payload", receipt.payload);
        return Err(wrong(finding.with("wanted", &kept.digest)));
    }
    let behind = own_log(agent, &machine::tree(store)?, &received).map_err(wrong)?;
    let (checkpoint, mut findings) = their_log(store, &received, client, &place)?;
    let adopted = behind.is_some();
    findings.extend(behind.map(|finding| finding.at(&place)));
    let name = seal::Digest::of(bytes).to_string();
    let folder = store.folder().join(FOLDER);
    package::lasting(&folder, &format!("{name}.asice"), bytes).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
    let state = if receipt.verdict == Verdict::Received { State::Delivered } else { State::Refused };
    let verdict = if state == State::Delivered { RECEIVED } else { State::Refused.name() };
    let reasons: Vec<String> = receipt.reasons.iter().map(|reason| reason.code.to_string()).collect();
    let mut body = json!({ "verdict": verdict, "receipt": name, "trial": receipt.test, "at": receipt.received.to_string(),
        "receiver": receipt.receiver.0, "reasons": reasons });
    if adopted {
        body["adopted"] = true.into();
    }
    let drafts = outbox::drafts(store, kept, period)?;
    let before = outbox::entry(store, &kept.digest)?;
    let body = body.to_string();
    let wanted = Wanted { key: Some(&kept.digest), ..Wanted::default() };
    let known = store.records(RECEIPT, wanted)?.iter().any(|record| record.body == body);
    if !known || before.as_ref().is_some_and(|entry| entry.state != state) {
        let detail = json!({ "digest": kept.digest, "period": period, "verdict": verdict, "receipt": name });
        let work = store.begin(who, "receipt", &detail)?;
        for [form, book, _] in &kept.forms {
            work.put_record(&Record {
                kind: RECEIPT.to_owned(),
                book: book.clone(),
                form: form.clone(),
                period: period.to_owned(),
                key: kept.digest.clone(),
                body: body.clone(),
                ..Record::default()
            })?;
        }
        if let Some(record) = checkpoint {
            work.put_record(&record)?;
        }
        let by = before.map_or(who.to_owned(), |entry| entry.by);
        outbox::put(&work, &Entry { state, by, package: kept.clone() }, period, drafts)?;
        work.commit()?;
    }
    findings.push(match state {
        State::Refused => Finding::error("submission-refused").at(&place).with("reasons", why(receipt)),
        _ if receipt.test => Finding::note("trial-delivered").at(&place).with("at", receipt.received),
        _ => Finding::note("package-delivered").at(&place).with("at", receipt.received),
    });
    Ok((received, findings))
}

/// Keeps a receipt that somebody carried back: of a package that is kept here, or of one that is not and arrived all the same. What the receipt says
/// is given where its package is here.
pub fn import(
    agent: &Agent,
    store: &mut Store,
    bytes: &[u8],
    who: &str,
    place: &str,
) -> Result<(Option<Received>, Vec<Finding>), Failure> {
    let wrong = |finding: Finding| Failure::findings(vec![finding.at(place)]);
    let digest = Received::read(bytes, Limits::default()).map_err(wrong)?.receipt.payload.to_string();
    let _one = outbox::turn(store)?;
    let Some((kept, period)) = package::kept(store, Some(&digest), None)?.zip(period_of(store, &digest)?) else {
        let adopted = adopt(agent, store, bytes, None, who)?;
        let missing = || wrong(Finding::error("receipt-of-no-package").with("payload", digest));
        return adopted.map(|finding| (None, vec![finding])).ok_or_else(missing);
    };
    let (received, findings) = accept(agent, store, (&kept, &period), bytes, None, who)?;
    Ok((Some(received), findings))
}

/// Whose receipts are believed. Who carries files by hand needs no receiver's address, only whom to believe.
pub(super) fn roots(agent: &Agent) -> Option<PathBuf> {
    let own = agent.bureau.as_ref().map(|bureau| &bureau.ca).or(agent.signing.roots.as_ref());
    own.map(|roots| agent.folder().join(roots))
}

fn believing(agent: &Agent) -> Result<PathBuf, Failure> {
    roots(agent).ok_or_else(|| Failure::config(Finding::error("roots-missing").at(agent.place("signing"))))
}

/// A receipt that holds and is this unit's.
fn believed(agent: &Agent, bytes: &[u8], place: &str) -> Result<Received, Failure> {
    let wrong = |finding: Finding| Failure::findings(vec![finding.at(place)]);
    let received = Received::read(bytes, Limits::default()).map_err(wrong)?;
    let verification = received.verify(&signing::trust(&believing(agent)?, Moment::Signed(signing::now()?))?);
    if !verification.is_valid() {
        return Err(Failure::findings(verification.findings.into_iter().map(|finding| finding.at(place)).collect()));
    }
    if received.receipt.unit != agent.unit.code {
        let finding = Finding::error("receipt-of-another-unit").with("unit", &received.receipt.unit);
        return Err(wrong(finding.with("wanted", &agent.unit.code)));
    }
    Ok(received)
}

/// Keeps the receipt of a package of this unit that is not here: the state is an older backup, or another machine sent it. What is made next
/// corrects that package, as the receiver wants it. Nothing where it took no package.
pub fn adopt(
    agent: &Agent,
    store: &mut Store,
    bytes: &[u8],
    client: Option<&Client>,
    who: &str,
) -> Result<Option<Finding>, Failure> {
    let received = believed(agent, bytes, "receipt")?;
    let receipt = &received.receipt;
    let digest = receipt.payload.to_string();
    if receipt.verdict != Verdict::Received {
        return Ok(None);
    }
    let place = format!("receipt {digest}");
    let (checkpoint, _) = their_log(store, &received, client, &place)?;
    let name = seal::Digest::of(bytes).to_string();
    let folder = store.folder().join(FOLDER);
    package::lasting(&folder, &format!("{name}.asice"), bytes).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
    // The log that the receiver countersigned with it may be longer than the one that is here now; that is why it is adopted.
    let body = json!({ "verdict": RECEIVED, "receipt": name, "trial": receipt.test, "at": receipt.received.to_string(),
        "receiver": receipt.receiver.0, "reasons": [], "adopted": true });
    let forms: Vec<String> = receipt.forms.iter().map(|form| format!("{} {}", form.form, form.period)).collect();
    let detail = json!({ "digest": digest, "verdict": RECEIVED, "receipt": name, "adopted": true });
    let work = store.begin(who, "receipt", &detail)?;
    for form in &receipt.forms {
        for book in agent.books_of(Some(&form.form)) {
            work.put_record(&Record {
                kind: RECEIPT.to_owned(),
                book: book.id.clone(),
                form: form.form.clone(),
                period: form.period.clone(),
                key: digest.clone(),
                body: body.to_string(),
                ..Record::default()
            })?;
        }
    }
    if let Some(record) = checkpoint {
        work.put_record(&record)?;
    }
    work.commit()?;
    Ok(Some(Finding::warning("receipt-adopted").at(place).with("forms", forms.join(", "))))
}

/// The checkpoint that the receiver countersigned is of this log: what was sent then is still there. A log that is shorter was put back to a
/// backup, and that is told.
fn own_log(agent: &Agent, tree: &log::Tree, received: &Received) -> Result<Option<Finding>, Finding> {
    let Some(note) = &received.agent else { return Ok(None) };
    let checkpoint = note.checkpoint()?;
    if checkpoint.origin == machine::origin(agent) && tree.size() < checkpoint.size {
        let finding = Finding::warning("log-behind-receipt").with("size", checkpoint.size);
        return Ok(Some(finding.with("now", tree.size())));
    }
    if checkpoint.origin == machine::origin(agent) && log::root(tree, checkpoint.size) == Some(checkpoint.root) {
        return Ok(None);
    }
    Err(Finding::error("receipt-log-differs").with("log", &checkpoint.origin).with("size", checkpoint.size))
}

/// Looks at every receipt that is kept, and whether this machine's log is still the one that the receiver countersigned in it: a chain of hashes
/// can be made anew as a whole, and that signature cannot. Files that no record names any more are asked, too.
pub fn verify(agent: &Agent, store: &Store) -> Result<Vec<Finding>, Failure> {
    let folder = store.folder().join(FOLDER);
    let files = files(store);
    if roots(agent).is_none() || files.is_empty() && store.records(RECEIPT, Wanted::default())?.is_empty() {
        return Ok(Vec::new());
    }
    let mut findings: Vec<Finding> = list(agent, store, None, None)?.into_iter().flat_map(|receipt| receipt.findings).collect();
    findings.dedup();
    let tree = machine::tree(store)?;
    // What a person was told to be of a log that was lost, a record says: it is told again, and holds nothing up.
    let mut adopted = BTreeSet::new();
    for record in store.record_versions(RECEIPT, Wanted::default())? {
        let body: serde_json::Value = acts::body(&record)?;
        if body["adopted"] == true {
            adopted.insert(folder.join(format!("{}.asice", body["receipt"].as_str().unwrap_or_default())));
        }
    }
    for path in files {
        // What cannot be read has been told where a record names it, and is what a crash left behind where none does.
        let Ok(received) =
            fs::read(&path).map_err(drop).and_then(|bytes| Received::read(&bytes, Limits::default()).map_err(drop))
        else {
            continue;
        };
        let known = adopted.contains(&path);
        let level = if known { Level::Warning } else { Level::Error };
        let wrong = own_log(agent, &tree, &received).unwrap_or_else(Some);
        findings.extend(wrong.map(|finding| {
            // A log that has grown past that size by now is another one all the same.
            let size = finding.arguments.iter().find(|(name, _)| name == "size").map(|(_, size)| size.clone());
            let told = match size {
                Some(size) if known => Finding::warning("log-behind-receipt").with("size", size).with("now", tree.size()),
                _ => Finding { level, ..finding },
            };
            told.at(path.display().to_string())
        }));
    }
    Ok(findings)
}

/// Files of the receipts, in the order of their names.
pub(super) fn files(store: &Store) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(store.folder().join(FOLDER)).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    files
}

/// The receiver's log has only grown since the largest checkpoint that was seen of it. Gives the record of a larger one.
fn their_log(
    store: &Store,
    received: &Received,
    client: Option<&Client>,
    place: &str,
) -> Result<(Option<Record>, Vec<Finding>), Failure> {
    let wrong = |finding: Finding| Failure::findings(vec![finding.at(place)]);
    let now = received.proof.note.checkpoint().map_err(wrong)?;
    let wanted = Wanted { key: Some(&now.origin), ..Wanted::default() };
    let seen: Option<Seen> = store.records(CHECKPOINT, wanted)?.last().map(acts::body).transpose()?;
    let mut findings = Vec::new();
    let mut larger = true;
    if let Some(seen) = seen {
        larger = now.size > seen.size;
        let differs = || wrong(Finding::error("receipt-log-differs").with("log", &now.origin).with("size", now.size));
        let root = seal::Digest::parse(&seen.root).ok_or_else(differs)?;
        let mut two = [(seen.size, root), (now.size, now.root)];
        two.sort_by_key(|(size, _)| *size);
        let [old, new] = two;
        if old.0 == new.0 {
            if old.1 != new.1 {
                return Err(differs());
            }
        } else if let Some(client) = client {
            let cut = || {
                let finding = Finding::error("receipt-log-cut").with("log", &now.origin).with("size", new.0);
                wrong(finding.with("now", now.size))
            };
            let proof = client.consistency(old.0, new.0)?.ok_or_else(cut)?;
            if !log::consistent(old, new, &proof) {
                return Err(differs());
            }
        } else {
            findings.push(Finding::note("receipt-log-unasked").at(place).with("from", old.0).with("to", new.0));
        }
    }
    let seen = json!({ "size": now.size, "root": now.root.to_string() });
    let key = now.origin;
    let record = Record { kind: CHECKPOINT.to_owned(), key, body: seen.to_string(), ..Record::default() };
    // What could not be asked for is no base for later questions.
    Ok(((larger && findings.is_empty()).then_some(record), findings))
}
