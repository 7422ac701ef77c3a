/*! The receiver's log, asked whether it is still the one of which receipts are kept here: a receiver that cut its log off, or wrote it anew, contradicts them. */

use std::{collections::BTreeMap, fs, path::PathBuf};

use model::{Finding, Level};
use seal::{Checkpoint, Digest, Limits, Moment, Note, Received, log};
use serde_json::json;
use store::{Record, Store, Wanted};

use super::{RECEIPT, client::Client, machine::Machine, receipts};
use crate::{acts, config::Agent, report::Failure, signing};

/// Asks about the checkpoint of every receipt that holds; gives what contradicts them, or that nothing does. A receiver that cannot be asked is told
/// and nothing more: what is kept here is verified without it.
pub fn verify(agent: &Agent, store: &Store) -> Result<Vec<Finding>, Failure> {
    let (Some(bureau), Ok(machine)) = (&agent.bureau, Machine::read(agent)) else { return Ok(Vec::new()) };
    let known = known(agent, store)?;
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let asked = Client::brief(agent, Some(&machine)).and_then(|client| ask(&client, &known));
    Ok(asked.unwrap_or_else(|failure| {
        let reason = failure.findings.first().map(|finding| finding.code.to_string()).unwrap_or_default();
        vec![Finding::note("receipt-log-away").at(&bureau.url).with("reason", reason)]
    }))
}

/// What a receipt says of the receiver's log.
struct Known {
    root: Digest,
    path: PathBuf,
    /// Whether a person has said since that the receiver began anew.
    past: bool,
}

/// Of each log, size and root a receipt that has it: two of one size may contradict each other.
type Checkpoints = BTreeMap<(String, u64, String), Known>;

/// Records that the receiver began its log anew, as the bureau told a person: what comes next is not held against what was seen before. Receipts
/// of before stay, and stay evidence.
pub fn restarted(store: &mut Store, who: &str, reason: &str) -> Result<Vec<Finding>, Failure> {
    let seen = store.records(receipts::CHECKPOINT, Wanted::default())?;
    let work = store.begin(who, "bureau-log-restarted", &json!({ "reason": reason }))?;
    let mut findings = Vec::new();
    for record in seen {
        let before: receipts::Seen = acts::body(&record)?;
        let none = json!({ "size": 0, "root": Digest::of(b"").to_string(), "reason": reason });
        work.put_record(&Record {
            kind: receipts::CHECKPOINT.to_owned(),
            key: record.key.clone(),
            body: none.to_string(),
            ..Record::default()
        })?;
        findings.push(Finding::note("receipt-log-restarted").at(record.key).with("size", before.size));
    }
    if findings.is_empty() {
        return Err(Failure::findings(vec![Finding::error("receipt-log-unseen")]));
    }
    work.commit()?;
    Ok(findings)
}

fn known(agent: &Agent, store: &Store) -> Result<Checkpoints, Failure> {
    let mut known = Checkpoints::new();
    let Some(roots) = receipts::roots(agent) else { return Ok(known) };
    // When each receipt came, and when the receiver began anew.
    let mut came = BTreeMap::new();
    for record in store.record_versions(RECEIPT, Wanted::default())? {
        let body: serde_json::Value = acts::body(&record)?;
        came.entry(body["receipt"].as_str().unwrap_or_default().to_owned()).or_insert(record.operation);
    }
    let mut begun = BTreeMap::new();
    for record in store.record_versions(receipts::CHECKPOINT, Wanted::default())? {
        let seen: receipts::Seen = acts::body(&record)?;
        if seen.size == 0 {
            begun.insert(record.key.clone(), record.operation);
        }
    }
    let trust = signing::trust(&roots, Moment::Signed(signing::now()?))?;
    for path in receipts::files(store) {
        let read = fs::read(&path).ok().and_then(|bytes| Received::read(&bytes, Limits::default()).ok());
        // What does not hold is told where receipts are looked at.
        let Some(received) = read.filter(|received| received.verify(&trust).is_valid()) else { continue };
        if let Ok(Checkpoint { origin, size, root }) = received.proof.note.checkpoint() {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let past = begun.get(&origin).is_some_and(|begun| came.get(&name).is_some_and(|came| came < begun));
            let one = known.entry((origin, size, root.to_string())).or_insert(Known { root, path, past });
            one.past &= past;
        }
    }
    Ok(known)
}

fn ask(client: &Client, known: &Checkpoints) -> Result<Vec<Finding>, Failure> {
    let now = Note::parse(&client.checkpoint()?).and_then(|note| note.checkpoint()).map_err(Failure::source)?;
    let (mut findings, mut count) = (Vec::new(), 0_usize);
    for ((origin, size, _), Known { root, path, past }) in known {
        let told = |finding: Finding| {
            // What a person knows is told, and holds nothing up.
            let level = if *past { Level::Warning } else { Level::Error };
            let finding = Finding { level, ..finding }.at(path.display().to_string());
            finding.with("log", origin).with("size", size).with("now", now.size)
        };
        if *origin != now.origin || *size > now.size {
            findings.push(told(Finding::error("receipt-log-cut")));
            continue;
        }
        let proof = if *size == now.size { Some(Vec::new()) } else { client.consistency(*size, now.size)? };
        if proof.is_none_or(|proof| !log::consistent((*size, *root), (now.size, now.root), &proof)) {
            findings.push(told(Finding::error("receipt-log-differs")));
            continue;
        }
        count += 1;
    }
    if count > 0 {
        findings.push(Finding::note("receipt-log-extends").at(now.origin).with("count", count).with("now", now.size));
    }
    Ok(findings)
}
