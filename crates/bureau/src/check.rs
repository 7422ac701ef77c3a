/*!
Whether the state is what the log says. What can be derived is derived again and compared: hashes of subtrees and checkpoints from the entries,
receipts, packages, versions of reports and checkpoints of agents from `receipt.json`, everything else row by row from its entry.
*/

use std::collections::{BTreeMap, BTreeSet};

use model::Finding;
use seal::{Certificate, Digest, Limits, Note, Package, Receipt, Received, Trust, Verdict, log::Nodes, log::Tree};
use serde_json::Value;

use crate::{
    receive::told,
    sql,
    store::{Act, Agent, Blob, Entry, Kept, Known, Log, NewReport, Store, StoreError, Taken},
};

/// What was looked at, and what does not hold.
#[derive(Default)]
pub struct Checked {
    /// Entries of the log.
    pub entries: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Receipts.
    pub receipts: u64,
    /// Packages.
    pub packages: u64,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

impl Checked {
    fn broken(&mut self, what: &str, at: impl std::fmt::Display) {
        let finding = Finding::error("bureau-log-broken").with("what", what).with("at", at);
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// What rows are called in findings; `label-record-<word>` of the catalogue is what people read. Rows that are entries have their table's name.
const ENTRY: &str = "entry";
const NODE: &str = "node";
const CHECKPOINT: &str = "checkpoint";
const RECEIPT: &str = "receipt";
const PACKAGE: &str = "package";
const REPORT: &str = "report";
const AGENT: &str = "agent";
const BLOB: &str = "blob";
const GUARD: &str = "guard";

/// The entries, understood.
#[derive(Default)]
struct Record {
    tree: Tree,
    receipts: BTreeMap<u64, (Receipt, Vec<u8>)>,
    acts: BTreeMap<(String, String), Act>,
    /// Of each entry the time.
    times: Vec<String>,
    /// Of each entry the leaves under the checkpoint it was written with, where the entry says so.
    ends: BTreeMap<u64, u64>,
    /// Of each receipt the agent's checkpoint in it.
    agents: BTreeMap<u64, Option<Note>>,
}

/// Looks at everything.
pub fn check(store: &Store, trust: &Trust, receiver: &[Certificate], origin: &str) -> Result<Checked, StoreError> {
    let mut checked = Checked::default();
    store.read(|connection| {
        let mut record = Record::default();
        Log::entries(connection, |entry| record.take(&mut checked, entry))?;
        let mut nodes = 0_u64;
        Log::nodes(connection, |level, place, hash| {
            nodes += 1;
            if record.tree.node(level, place).is_none_or(|wanted| wanted.0 != *hash) {
                checked.broken(NODE, format!("{level}/{place}"));
            }
        })?;
        let wanted: u64 = (0..u64::BITS).map(|level| record.tree.size() >> level).sum();
        if nodes != wanted {
            checked.broken(NODE, format!("{nodes} ≠ {wanted}"));
        }
        receipts(connection, trust, &mut record, &mut checked)?;
        let agents = packages(connection, &record, &mut checked)?;
        if Agent::all(connection)? != agents {
            agent_rows(Agent::all(connection)?, agents, &mut checked);
        }
        acts(connection, &mut record, &mut checked)?;
        checkpoints(connection, &record, &mut checked, receiver, origin)?;
        for [what, at] in Known::untrue(connection)? {
            checked.broken(&what, at);
        }
        connection.pragma_query(None, "integrity_check", |row| {
            let said: String = row.get(0)?;
            if said != "ok" {
                checked.broken("database", said);
            }
            Ok(())
        })?;
        guards(connection, &mut checked)
    })?;
    Ok(checked)
}

impl Record {
    fn take(&mut self, checked: &mut Checked, entry: Entry) {
        let leaf = seal::log::leaf(&entry.record);
        checked.entries += 1;
        let mut holds = entry.leaf == self.tree.size() && leaf.to_string() == entry.hash;
        let place = self.tree.size();
        self.tree.push(leaf);
        match (Act::from_bytes(&entry.record), Receipt::from_bytes(&entry.record)) {
            (Some(act), _) => {
                holds &= entry.kind == act.table && sql::ACTS.iter().any(|(table, ..)| *table == act.table);
                self.times.push(act.text("at").to_owned());
                self.ends.insert(place, act.size);
                self.acts.insert((act.table.clone(), act.key()), act);
            }
            (None, Ok(receipt)) => {
                holds &= entry.kind == "receipt";
                self.times.push(receipt.received.to_string());
                self.receipts.insert(place, (receipt, entry.record));
            }
            (None, Err(_)) => {
                self.times.push(String::new());
                holds = false;
            }
        }
        if !holds {
            checked.broken(ENTRY, entry.leaf);
        }
    }
}

/// Rows of receipts, each of which has its entry, and each entry its row.
fn receipts(
    connection: &rusqlite::Connection,
    trust: &Trust,
    record: &mut Record,
    checked: &mut Checked,
) -> rusqlite::Result<()> {
    let mut seen: BTreeMap<u64, Option<Note>> = BTreeMap::new();
    let mut last = None;
    Known::each(connection, |[unit, payload, content, at, reasons], leaf, accepted, body| {
        checked.receipts += 1;
        let read = Received::read(&body, Limits::default()).ok();
        let holds = record.receipts.get(&leaf).zip(read.as_ref()).is_some_and(|((receipt, bytes), read)| {
            let texts =
                [receipt.unit.clone(), receipt.payload.to_string(), receipt.package.to_string(), receipt.received.to_string()];
            texts == [unit, payload.clone(), content, at]
                && accepted == i64::from(receipt.verdict == Verdict::Received)
                && serde_json::to_string(&told(receipt)).is_ok_and(|told| told == reasons)
                && read.receipt.to_bytes().ok().as_ref() == Some(bytes)
                && read.proof.index == leaf
                && read.verify(trust).is_valid()
        });
        // Receipts have numbers in the order of their entries: the last refusal is asked for by its number.
        if !holds || last.is_some_and(|last| last >= leaf) {
            checked.broken(RECEIPT, &payload);
        }
        last = Some(leaf);
        if let Some(size) = read.as_ref().and_then(|read| read.proof.note.checkpoint().ok()).map(|checkpoint| checkpoint.size) {
            record.ends.insert(leaf, size);
        }
        seen.insert(leaf, read.and_then(|read| read.agent));
    })?;
    for (leaf, (receipt, _)) in &record.receipts {
        if !seen.contains_key(leaf) {
            checked.broken(RECEIPT, receipt.payload);
        }
    }
    record.agents = seen;
    Ok(())
}

/// Packages and reports, which follow from the receipts; gives the checkpoints of agents that must be there.
fn packages(
    connection: &rusqlite::Connection,
    record: &Record,
    checked: &mut Checked,
) -> rusqlite::Result<Vec<(String, String, Agent, String)>> {
    let (mut taken, mut versions) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    let (mut agents, mut blobs) = (Vec::new(), BTreeSet::new());
    for (leaf, (receipt, _)) in record.receipts.iter().filter(|(_, (receipt, _))| receipt.verdict == Verdict::Received) {
        let (at, unit, payload) = (receipt.received.to_string(), receipt.unit.clone(), receipt.payload.to_string());
        let content = receipt.package.to_string();
        blobs.insert(content.clone());
        if let Some(note) = record.agents.get(leaf).cloned().flatten()
            && let Ok(checkpoint) = note.checkpoint()
        {
            let agent = Agent { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root.to_string() };
            agents.push((at.clone(), unit.clone(), agent, note.to_string()));
        }
        for form in &receipt.forms {
            let key = (unit.clone(), form.form.clone(), form.edition.clone(), form.period.clone(), receipt.test);
            versions.entry(key).or_default().push((payload.clone(), receipt.channel.clone(), form.version));
        }
        taken.insert(payload.clone(), (*leaf, Taken { at, unit, payload, content, trial: receipt.test }));
    }
    let mut last = None;
    for package in Taken::all(connection)? {
        checked.packages += 1;
        let wanted = taken.remove(&package.payload);
        let bytes = Blob::get(connection, &package.content)?;
        let whole = bytes.is_some_and(|bytes| {
            let read = Package::read(&bytes, Limits::default());
            Digest::of(&bytes).to_string() == package.content
                && read.is_ok_and(|read| read.digest().to_string() == package.payload)
        });
        let leaf = wanted.as_ref().map(|(leaf, _)| *leaf);
        if !whole || wanted.is_none_or(|(_, wanted)| wanted != package) || last.is_some_and(|last| Some(last) >= leaf) {
            checked.broken(PACKAGE, &package.payload);
        }
        last = leaf.or(last);
    }
    taken.keys().for_each(|payload| checked.broken(PACKAGE, payload));
    for sha256 in Blob::all(connection)? {
        if !blobs.remove(&sha256) {
            checked.broken(BLOB, sha256);
        }
    }
    blobs.iter().for_each(|sha256| checked.broken(BLOB, sha256));
    let mut ids: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for row in Kept::all(connection)? {
        let NewReport { form, edition, period, file, channel } = row.report;
        let at = format!("{} {form} {edition} {period} {}", row.unit, row.version);
        let key = (row.unit, form, edition, period, row.trial);
        let before = ids.entry(key.clone()).or_default();
        let place = before.len();
        let wanted = versions.get(&key).and_then(|wanted| wanted.get(place));
        let same = wanted.is_some_and(|(payload, of, version)| {
            let numbered = *version == row.version && *version == place as u64 + 1;
            numbered && Some(payload) == row.payload.as_ref() && *of == channel && file == "report.json"
        });
        if !same || row.previous != before.last().copied() {
            checked.broken(REPORT, at);
        }
        before.push(row.id);
    }
    for (key, wanted) in versions {
        for (_, _, version) in wanted.iter().skip(ids.get(&key).map_or(0, Vec::len)) {
            let (unit, form, edition, period, _) = &key;
            checked.broken(REPORT, format!("{unit} {form} {edition} {period} {version}"));
        }
    }
    Ok(agents)
}

/// Which checkpoints of agents differ.
fn agent_rows(found: Vec<(String, String, Agent, String)>, wanted: Vec<(String, String, Agent, String)>, checked: &mut Checked) {
    let odd = found.iter().filter(|row| !wanted.contains(row)).chain(wanted.iter().filter(|row| !found.contains(row)));
    odd.for_each(|(at, unit, agent, _)| checked.broken(AGENT, format!("{unit} {} {at}", agent.size)));
    if found.len() == wanted.len() && found.iter().all(|row| wanted.contains(row)) {
        // The same rows in another order: the last one is asked for by its number.
        checked.broken(AGENT, "≠");
    }
}

/// Rows that are entries, each as its entry has it.
fn acts(connection: &rusqlite::Connection, record: &mut Record, checked: &mut Checked) -> rusqlite::Result<()> {
    for (table, ..) in sql::ACTS {
        Act::rows(connection, table, |key, row: Value| {
            let wanted = record.acts.remove(&((*table).to_owned(), key.clone()));
            if wanted.is_none_or(|wanted| wanted.row != row) {
                checked.broken(table, key);
            }
        })?;
    }
    for (table, key) in record.acts.keys() {
        checked.broken(table, key);
    }
    Ok(())
}

/// Checkpoints: each says what the log was, and each that an entry was written with is there.
fn checkpoints(
    connection: &rusqlite::Connection,
    record: &Record,
    checked: &mut Checked,
    receiver: &[Certificate],
    origin: &str,
) -> rusqlite::Result<()> {
    let kept = Log::checkpoints(connection)?;
    let mut begin = 0_u64;
    for (size, at, note) in &kept {
        checked.checkpoints += 1;
        let latest = (begin..*size).filter_map(|leaf| record.times.get(usize::try_from(leaf).ok()?)).max();
        if Some(at) != latest || !signed(note, *size, &record.tree, receiver, origin) {
            checked.broken(CHECKPOINT, size);
        }
        begin = *size;
    }
    let sizes: BTreeSet<u64> = kept.iter().map(|(size, ..)| *size).collect();
    if begin != record.tree.size() {
        checked.broken(CHECKPOINT, record.tree.size());
    }
    for (leaf, size) in &record.ends {
        let covering = sizes.range(leaf + 1..).next();
        if covering != Some(size) {
            checked.broken(CHECKPOINT, size);
        }
    }
    Ok(())
}

/// Whether a checkpoint says what the tree was, under the receiver's name.
fn signed(note: &str, size: u64, tree: &Tree, receiver: &[Certificate], origin: &str) -> bool {
    let Ok(note) = Note::parse(note) else { return false };
    let says = size <= tree.size()
        && note.checkpoint().is_ok_and(|checkpoint| {
            checkpoint.origin == origin && checkpoint.size == size && Some(checkpoint.root) == seal::log::root(tree, size)
        });
    says && receiver.iter().any(|certificate| note.verify(origin, certificate.public_key()).is_ok())
}

/// What keeps other programs from changing rows is there.
fn guards(connection: &rusqlite::Connection, checked: &mut Checked) -> rusqlite::Result<()> {
    let present = Store::guards(connection)?;
    for table in sql::tables() {
        for trigger in sql::guard(table).split_inclusive("END;") {
            let text = trigger.trim_end_matches(';');
            let name = text.split_whitespace().nth(2).unwrap_or_default();
            if present.get(name).is_none_or(|present| present != text) {
                checked.broken(GUARD, name);
            }
        }
    }
    Ok(())
}
