/*! Packages that a person has submitted, on their way. */

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use journal::Digest;
use model::{Finding, Level};
use seal::{Limits, Received};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{DraftVersion, Record, Store, Wanted, Work};

use super::{
    accept,
    client::{self, Client},
    machine::Machine,
};
use crate::{
    acts,
    config::Agent,
    package::{self, Kept},
    packs,
    report::Failure,
    signing,
};

/// Kind of the records of the outbox: of a period, by payload digest.
pub const OUTBOX: &str = "outbox";

/// How far a package has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A person has submitted it; there is no receipt yet.
    Queued,
    /// It was written into a file that a person carries; there is no receipt yet.
    HandedOut,
    /// The receiver has it, and its receipt is kept.
    Delivered,
    /// The receiver refused it, and that receipt is kept.
    Refused,
    /// A person took it back before there was a receipt, or submitted a newer one in its place.
    Withdrawn,
}

impl State {
    /// In drafts and machine formats: a draft whose package was taken back is what it was before.
    pub const fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::HandedOut => "handed_out",
            State::Delivered => "delivered",
            State::Refused => "refused",
            State::Withdrawn => "signed",
        }
    }

    /// Whether a receipt is waited for.
    pub const fn waits(self) -> bool {
        matches!(self, State::Queued | State::HandedOut)
    }
}

/// A package in the outbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// How far it has come.
    pub state: State,
    /// Who submitted it.
    pub by: String,
    /// The package as it was submitted.
    pub package: Kept,
}

/// The newest version of each entry of the outbox, with its period.
pub fn entries(store: &Store) -> Result<Vec<(String, Entry)>, Failure> {
    store.records(OUTBOX, Wanted::default())?.iter().map(|record| Ok((record.period.clone(), acts::body(record)?))).collect()
}

/// The entry of a payload.
pub fn entry(store: &Store, digest: &str) -> Result<Option<Entry>, Failure> {
    store.records(OUTBOX, Wanted { key: Some(digest), ..Wanted::default() })?.last().map(acts::body).transpose()
}

/// The act by which a package leaves.
#[derive(Clone, Copy)]
pub struct Act<'a> {
    /// Whose it is.
    pub by: &'a str,
    /// Why it leaves although the books have moved since it was signed.
    pub anyway: Option<&'a str>,
    /// The file that a person carries; nothing where it goes over the network.
    pub file: Option<&'a Path>,
}

/// Puts a package into the outbox, or notes that it was handed out as a file. One that waits or has arrived is not put there again. Older ones
/// that still wait with a form of it are taken back: they would arrive after what replaces them.
pub fn queue(store: &mut Store, kept: &Kept, period: &str, act: Act<'_>) -> Result<(), Failure> {
    let state = if act.file.is_some() { State::HandedOut } else { State::Queued };
    let before = entry(store, &kept.digest)?.map(|entry| entry.state);
    if act.file.is_none() && before.is_some_and(|state| matches!(state, State::Queued | State::Delivered)) {
        return Ok(());
    }
    let ours = |other: &Kept| {
        other.forms.iter().any(|[form, book, _]| kept.forms.iter().any(|own| own[..2] == [form, book].map(Clone::clone)))
    };
    let mut replaced = Vec::new();
    for (month, entry) in entries(store)? {
        let other = &entry.package;
        if month == period && entry.state.waits() && other.trial == kept.trial && other.digest != kept.digest && ours(other) {
            replaced.push(Entry { state: State::Withdrawn, ..entry });
        }
    }
    let drafts = drafts(store, kept, period)?;
    let detail = json!({ "digest": kept.digest, "container": kept.container, "period": period, "trial": kept.trial,
        "forms": kept.forms.iter().map(|[form, ..]| form).collect::<Vec<_>>(), "anyway": act.anyway,
        "file": act.file.map(|file| file.display().to_string()),
        "replaces": replaced.iter().map(|entry| &entry.package.digest).collect::<Vec<_>>() });
    let what = if act.file.is_some() { "submit-file" } else { "submit" };
    let work = store.begin(act.by, what, &detail)?;
    for entry in &replaced {
        put(&work, entry, period, Vec::new())?;
    }
    // What has arrived, or waits to be sent, stays so although somebody carries a copy as well.
    if !before.is_some_and(|state| matches!(state, State::Queued | State::Delivered)) {
        put(&work, &Entry { state, by: act.by.to_owned(), package: kept.clone() }, period, drafts)?;
    }
    Ok(work.commit()?)
}

/// Takes a package back that has no receipt yet; its drafts are signed as before. Where it may have been sent, the receiver is asked first: what it
/// has is delivered, and its receipt is kept.
pub fn withdraw(
    agent: &Agent,
    store: &mut Store,
    (digest, period): (&str, &str),
    (who, reason): (&str, &str),
) -> Result<Vec<Finding>, Failure> {
    let _one = turn(store)?;
    let place = format!("package {digest}");
    let Some(entry) = entry(store, digest)?.filter(|entry| entry.state.waits()) else {
        return Err(Failure::findings(vec![Finding::error("package-not-waiting").at(place)]));
    };
    let mut findings = Vec::new();
    if sent(store, digest) {
        match asked(agent, store, &entry.package, period) {
            Ok(Some((_, mut more))) => {
                more.push(Finding::error("withdrawn-too-late").at(place));
                return Err(Failure::findings(more));
            }
            Ok(None) => {}
            Err(failure) => {
                findings.extend(failure.findings.into_iter().map(|finding| Finding { level: Level::Warning, ..finding }));
                findings.push(Finding::warning("withdrawn-unasked").at(&place));
            }
        }
    }
    let drafts = drafts(store, &entry.package, period)?;
    let detail = json!({ "digest": digest, "period": period, "reason": reason });
    let work = store.begin(who, "withdraw", &detail)?;
    put(&work, &Entry { state: State::Withdrawn, ..entry }, period, drafts)?;
    work.commit()?;
    findings.push(Finding::note("package-withdrawn").at(place));
    Ok(findings)
}

/// Why a package is not what its drafts are now; nothing where it is.
pub fn outdated(store: &Store, kept: &Kept, period: &str) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for [form, book, digest] in &kept.forms {
        let now = store.current_draft(book, form, period)?.map(|version| Digest::of(version.body.as_bytes()).to_string());
        if now.as_ref() != Some(digest) {
            findings.push(Finding::error("package-outdated").at(format!("{form}, {period}, book {book}")).with("form", form));
        }
    }
    Ok(findings)
}

/// The drafts of a package that still are what was signed; of what is only tried none.
pub fn drafts(store: &Store, kept: &Kept, period: &str) -> Result<Vec<DraftVersion>, Failure> {
    let mut found = Vec::new();
    for [form, book, digest] in kept.forms.iter().filter(|_| !kept.trial) {
        let version = store.current_draft(book, form, period)?;
        found.extend(version.filter(|version| Digest::of(version.body.as_bytes()).to_string() == *digest));
    }
    Ok(found)
}

/// Writes the state of an entry, and the same into its drafts.
pub fn put(work: &Work<'_>, entry: &Entry, period: &str, drafts: Vec<DraftVersion>) -> Result<(), Failure> {
    let body = serde_json::to_string(entry).map_err(|e| Failure::source(Finding::error("state-refused").with("reason", e)))?;
    let key = entry.package.digest.clone();
    work.put_record(&Record { kind: OUTBOX.to_owned(), period: period.to_owned(), key, body, ..Record::default() })?;
    for version in drafts.into_iter().filter(|version| version.state != entry.state.name()) {
        work.put_draft(&DraftVersion { state: entry.state.name().to_owned(), ..version })?;
    }
    Ok(())
}

/// How often a package has been tried since it was put here, and why the last time failed. It is a file beside the database and no operation:
/// nothing follows from it but what people are told.
#[derive(Serialize, Deserialize)]
pub struct Tried {
    /// Failures so far.
    pub times: u64,
    /// The last one, RFC 3339.
    pub at: String,
    /// Its code.
    pub code: String,
    /// What was said.
    pub reason: String,
}

fn tried_file(store: &Store, digest: &str) -> PathBuf {
    store.folder().join("outbox").join(format!("{digest}.json"))
}

/// The failures of a package that waits; one that nobody can read is none.
pub fn tried(store: &Store, digest: &str) -> Option<Tried> {
    serde_json::from_slice(&fs::read(tried_file(store, digest)).ok()?).ok()
}

/// Sends a package that waits, and keeps its receipt. The receiver gives the same receipt to the same package, so that whatever broke off
/// before is done again; what has its receipt already is not sent.
pub fn deliver(agent: &Agent, store: &mut Store, digest: &str) -> Result<(Received, Vec<Finding>), Failure> {
    let _one = turn(store)?;
    let before = tried(store, digest).map_or(0, |before| before.times);
    // A disk that takes no note of it does not keep it from being sent.
    let _ = note(&sending_file(store), &Sending { digest: digest.to_owned(), attempt: before + 1 });
    let done = send(agent, store, digest);
    let _ = fs::remove_file(sending_file(store));
    let path = tried_file(store, digest);
    // A disk that takes no note of a failure is no reason to hide it.
    let _ = match &done {
        Ok(_) => fs::remove_file(&path),
        Err(failure) => noted(&path, before, failure),
    };
    done
}

fn noted(path: &Path, before: u64, failure: &Failure) -> std::io::Result<()> {
    // What no longer stands was not tried.
    let Some(finding) = failure.findings.first().filter(|finding| finding.code != "package-outdated") else { return Ok(()) };
    let said = finding.arguments.iter().find(|(name, _)| *name == "reason").map(|(_, text)| text.to_string());
    let (at, code) = (jiff::Timestamp::now().to_string(), finding.code.to_string());
    let tried = Tried { times: before + 1, at, code, reason: said.unwrap_or_default() };
    note(path, &tried)
}

/// Writes a file that people are told something by.
fn note(path: &Path, said: &impl Serialize) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let part = path.with_extension("part");
    fs::write(&part, serde_json::to_vec(said)?)?;
    fs::rename(&part, path)
}

fn send(agent: &Agent, store: &mut Store, digest: &str) -> Result<(Received, Vec<Finding>), Failure> {
    let Some(period) = super::period_of(store, digest)? else {
        return Err(Failure::findings(vec![Finding::error("package-missing").with("period", digest)]));
    };
    let Some(entry) = entry(store, digest)? else {
        return Err(Failure::findings(vec![Finding::error("package-missing").with("period", period)]));
    };
    if entry.state != State::Queued
        && let Some(kept) = super::receipts::kept(store, digest)?
    {
        return Ok((kept, Vec::new()));
    }
    let old = outdated(store, &entry.package, &period)?;
    if !old.is_empty() {
        // It may have arrived before it was outdated, and only the receipt be missing.
        if sent(store, digest)
            && let Some(kept) = asked(agent, store, &entry.package, &period)?
        {
            return Ok(kept);
        }
        return Err(Failure::findings(old));
    }
    let (machine, client) = connected(agent)?;
    // Of what was taken back without an answer of the receiver, it may be that it had arrived: what follows it is built on its receipt.
    for (month, other) in entries(store)? {
        let other = Some(other).filter(|other| month == period && other.state == State::Withdrawn).map(|other| other.package);
        if let Some(other) = other.filter(|other| other.trial == entry.package.trial && sent(store, &other.digest)) {
            asked(agent, store, &other, &period)?;
            let _ = fs::remove_file(sent_file(store, &other.digest));
        }
    }
    let package = package::read(store, &entry.package)?.write(Limits::default()).map_err(Failure::source)?;
    let checkpoint = machine.checkpoint(agent, store)?.to_string();
    let mark = sent_file(store, digest);
    let marked = fs::create_dir_all(mark.parent().unwrap_or(Path::new("."))).and_then(|()| fs::write(&mark, b""));
    marked.map_err(|error| Failure::source(Finding::io(&mark, &error)))?;
    let receipt = client.submit(package, &checkpoint)?;
    let (received, mut findings) = accept(agent, store, (&entry.package, &period), &receipt, Some(&client), &packs::who())?;
    let _ = fs::remove_file(&mark);
    // The receiver has a package that is not known here: its receipt is fetched, so that the next one can follow it.
    let newest = received.receipt.reasons.iter().filter(|reason| reason.code == "package-not-next");
    let newest = newest.flat_map(|reason| reason.arguments.iter()).find(|(name, _)| *name == "wanted");
    if let Some(digest) = newest.and_then(|(_, digest)| seal::Digest::parse(digest)).map(|digest| digest.to_string())
        && super::receipts::kept(store, &digest)?.is_none()
        && let Some(receipt) = client.receipt_of(&digest)?
    {
        findings.extend(super::adopt(agent, store, &receipt, Some(&client), &packs::who())?);
    }
    Ok((received, findings))
}

/// The receipt that the receiver has for a package, kept here as well.
fn asked(agent: &Agent, store: &mut Store, kept: &Kept, period: &str) -> Result<Option<(Received, Vec<Finding>)>, Failure> {
    let (_, client) = connected(agent)?;
    let Some(receipt) = client.receipt_of(&kept.digest)? else { return Ok(None) };
    accept(agent, store, (kept, period), &receipt, Some(&client), &packs::who()).map(Some)
}

/// A connection as this machine.
pub(super) fn connected(agent: &Agent) -> Result<(Machine, Client), Failure> {
    client::bureau(agent)?;
    let machine = Machine::read(agent)?;
    machine.holds(signing::now()?)?;
    let client = Client::new(agent, Some(&machine))?;
    Ok((machine, client))
}

/// Mark of a package that was begun to be sent and whose receipt has not come: beside the database, as nothing follows from it but a question.
fn sent_file(store: &Store, digest: &str) -> PathBuf {
    store.folder().join("outbox").join(format!("{digest}.sent"))
}

fn sent(store: &Store, digest: &str) -> bool {
    sent_file(store, digest).exists()
}

fn lock_file(store: &Store) -> PathBuf {
    store.folder().join("outbox.lock")
}

/// One process at a time sends, so that no receipt is kept twice.
pub fn turn(store: &Store) -> Result<File, Failure> {
    let path = lock_file(store);
    let refused = |error: std::io::Error| Failure::source(Finding::io(&path, &error));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(refused)?;
    file.lock().map_err(refused)?;
    // What a process left behind that was killed while it sent.
    let _ = fs::remove_file(sending_file(store));
    Ok(file)
}

/// The package that is being sent at this moment, and the how manieth time it is.
#[derive(Serialize, Deserialize)]
pub struct Sending {
    /// Payload digest.
    pub digest: String,
    /// From 1.
    pub attempt: u64,
}

fn sending_file(store: &Store) -> PathBuf {
    store.folder().join("outbox").join("sending.json")
}

/// What is being sent now. It is no state that is kept: only a process that holds the outbox sends, and who is killed holds it no more.
pub fn sending(store: &Store) -> Option<Sending> {
    let lock = File::open(lock_file(store)).ok()?;
    // Others who only look may do so at the same time.
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => serde_json::from_slice(&fs::read(sending_file(store)).ok()?).ok(),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// How far a package on its way has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whether it is being sent at this moment.
    pub sending: bool,
    /// How often it has been tried, now included.
    pub tries: u64,
}

impl Way {
    /// In machine formats.
    pub const fn name(self) -> &'static str {
        if self.sending { "sending" } else { State::Queued.name() }
    }
}

/// The packages on their way, by payload digest.
pub fn ways(store: &Store) -> Result<BTreeMap<String, Way>, Failure> {
    let now = sending(store);
    let waiting = entries(store)?.into_iter().filter(|(_, entry)| entry.state == State::Queued);
    let way = waiting.map(|(_, entry)| {
        let digest = entry.package.digest;
        let now = now.as_ref().filter(|now| now.digest == digest);
        let tries = now.map_or_else(|| tried(store, &digest).map_or(0, |tried| tried.times), |now| now.attempt);
        (digest, Way { sending: now.is_some(), tries })
    });
    Ok(way.collect())
}

/// The drafts on their way, by form, book and period.
pub fn drafts_on_their_way(store: &Store) -> Result<BTreeMap<[String; 3], Way>, Failure> {
    let ways = ways(store)?;
    let mut found = BTreeMap::new();
    for (period, entry) in entries(store)? {
        let Some(way) = ways.get(&entry.package.digest) else { continue };
        for draft in drafts(store, &entry.package, &period)? {
            found.insert([draft.form, draft.book, draft.period], *way);
        }
    }
    Ok(found)
}
