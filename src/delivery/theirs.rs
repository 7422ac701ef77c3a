/*! The receiver's log, asked whether it is still the one of which receipts are kept here: a receiver that cut its log off, or wrote it anew, contradicts them. */

use std::{collections::BTreeMap, fs, path::PathBuf};

use model::Finding;
use seal::{Checkpoint, Digest, Limits, Moment, Note, Received, log};
use store::Store;

use super::{client::Client, machine::Machine, receipts};
use crate::{config::Agent, report::Failure, signing};

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

/// Of each log and size the root and a receipt that has it.
type Known = BTreeMap<(String, u64), (Digest, PathBuf)>;

fn known(agent: &Agent, store: &Store) -> Result<Known, Failure> {
    let mut known = Known::new();
    let Some(roots) = receipts::roots(agent) else { return Ok(known) };
    let trust = signing::trust(&roots, Moment::Signed(signing::now()?))?;
    for path in receipts::files(store) {
        let read = fs::read(&path).ok().and_then(|bytes| Received::read(&bytes, Limits::default()).ok());
        // What does not hold is told where receipts are looked at.
        let Some(received) = read.filter(|received| received.verify(&trust).is_valid()) else { continue };
        if let Ok(Checkpoint { origin, size, root }) = received.proof.note.checkpoint() {
            known.entry((origin, size)).or_insert((root, path));
        }
    }
    Ok(known)
}

fn ask(client: &Client, known: &Known) -> Result<Vec<Finding>, Failure> {
    let now = Note::parse(&client.checkpoint()?).and_then(|note| note.checkpoint()).map_err(Failure::source)?;
    let (mut findings, mut count) = (Vec::new(), 0_usize);
    for ((origin, size), (root, path)) in known {
        let told = |finding: Finding| {
            finding.at(path.display().to_string()).with("log", origin).with("size", size).with("now", now.size)
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
    if findings.is_empty() {
        findings.push(Finding::note("receipt-log-extends").at(now.origin).with("count", count).with("now", now.size));
    }
    Ok(findings)
}
