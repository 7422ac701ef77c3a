/*! Packages that a person has submitted, on their way. */

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use journal::Digest;
use model::Finding;
use seal::{Limits, Received};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{DraftVersion, Record, Store, Wanted, Work};

use super::{accept, client::Client, machine::Machine};
use crate::{
    acts,
    config::Agent,
    package::{self, Kept},
    report::Failure,
    signing,
};

/// Kind of the records of the outbox: of a period, by payload digest.
pub const OUTBOX: &str = "outbox";

/// How far a package has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A person has submitted it; there is no receipt yet.
    Queued,
    /// The receiver has it, and its receipt is kept.
    Delivered,
    /// The receiver refused it, and that receipt is kept.
    Refused,
}

impl State {
    /// In drafts and machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Delivered => "delivered",
            State::Refused => "refused",
        }
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

/// Puts a package into the outbox. One that waits or has arrived is not put there again.
pub fn queue(store: &mut Store, kept: &Kept, period: &str, who: &str) -> Result<(), Failure> {
    if entry(store, &kept.digest)?.is_some_and(|entry| entry.state != State::Refused) {
        return Ok(());
    }
    let drafts = drafts(store, kept, period)?;
    let detail = json!({ "digest": kept.digest, "container": kept.container, "period": period, "trial": kept.trial,
        "forms": kept.forms.iter().map(|[form, ..]| form).collect::<Vec<_>>() });
    let work = store.begin(who, "submit", &detail)?;
    let entry = Entry { state: State::Queued, by: who.to_owned(), package: kept.clone() };
    put(&work, &entry, period, drafts)?;
    Ok(work.commit()?)
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
    let Some(finding) = failure.findings.first() else { return Ok(()) };
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
    let machine = Machine::read(agent)?;
    machine.holds(signing::now()?)?;
    let client = Client::new(agent, Some(&machine))?;
    let package = package::read(store, &entry.package)?.write(Limits::default()).map_err(Failure::source)?;
    let checkpoint = machine.checkpoint(agent, store)?.to_string();
    let receipt = client.submit(package, &checkpoint)?;
    accept(agent, store, &entry.package, &period, &receipt, Some(&client))
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
