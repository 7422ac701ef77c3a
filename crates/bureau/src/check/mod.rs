/*!
Whether the state is what the log says. What can be derived is derived again and compared: hashes of subtrees and checkpoints from the entries,
receipts, packages, versions of reports and checkpoints of agents from `receipt.json`, everything else row by row from its entry.

A province's state is larger than any memory: entries, rows and hashes are walked beside each other in one order, and what must be there stands in
tables on the disk until it was found ([`scratch`]).
*/

mod scratch;
mod sql;
mod tree;

use std::collections::BTreeSet;

use model::Finding;
use seal::{Certificate, Checkpoint, Digest, Limits, Note, Package, Receipt, Received, Trust, Verdict};

use crate::{
    db::{self, Connection},
    receive::told,
    sql::{ACTS, tables},
    store::{Act, Agent, Blob, Entry, Kept, Known, Log, NewReport, Objects, Store, StoreError, Taken},
};
use scratch::{Scratch, key, shown};
use tree::{Edge, HIGHEST};

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
    /// Packages whose bytes are archived: they were not read.
    pub archived: u64,
    /// What does not hold.
    pub findings: Vec<Finding>,
    told: BTreeSet<(&'static str, String)>,
    left: u64,
}

/// So many findings are told one by one; of more the number is.
const TOLD: usize = 10_000;

impl Checked {
    fn broken(&mut self, what: &'static str, at: impl std::fmt::Display) {
        let at = at.to_string();
        if self.told.contains(&(what, at.clone())) {
            return;
        }
        if self.told.len() >= TOLD {
            self.left += 1;
            return;
        }
        self.findings.push(Finding::error("bureau-log-broken").with("what", what).with("at", &at));
        self.told.insert((what, at));
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
const DATABASE: &str = "database";

/// Looks at everything.
pub fn check(store: &Store, trust: &Trust, receiver: &[Certificate], origin: &str) -> Result<Checked, StoreError> {
    let mut checked = Checked::default();
    store.read(|connection| {
        let scratch = Scratch::new()?;
        entries(connection, &scratch, &mut checked, &Signed { receiver, origin })?;
        receipts(connection, trust, &scratch, &mut checked)?;
        packages(connection, store.objects(), &scratch, &mut checked)?;
        blobs(connection, &scratch, &mut checked)?;
        reports(connection, &scratch, &mut checked)?;
        Agent::each(connection, |at, unit, agent, note| scratch.found(&at, &unit, &agent, &note))?;
        scratch.odd(|label| checked.broken(AGENT, label))?;
        for (table, column, _) in ACTS {
            let rows = |each: &mut dyn FnMut(scratch::Key, serde_json::Value) -> db::Result<()>| {
                Act::rows(connection, table, |row| each(key(&row[*column]), row))
            };
            scratch.acts(table, rows, |key| checked.broken(table, shown(key)))?;
        }
        for [what, at] in Known::untrue(connection)? {
            let what = [RECEIPT, PACKAGE, REPORT, AGENT].into_iter().find(|known| *known == what).unwrap_or(DATABASE);
            checked.broken(what, at);
        }
        connection.integrity()?.into_iter().for_each(|said| checked.broken(DATABASE, said));
        let guards = connection.guards(&tables())?;
        for (name, text) in guards.wanted {
            if !guards.present.contains(&(name.clone(), text)) {
                checked.broken(GUARD, name);
            }
        }
        Ok(())
    })?;
    if checked.left > 0 {
        let more = format!("… + {}", checked.left);
        checked.findings.push(Finding::error("bureau-log-broken").with("what", DATABASE).with("at", more));
    }
    Ok(checked)
}

/// Whose checkpoints they are.
struct Signed<'a> {
    receiver: &'a [Certificate],
    origin: &'a str,
}

impl Signed<'_> {
    /// Whether a checkpoint says what the tree is now, under the receiver's name.
    fn holds(&self, note: &str, size: u64, edge: &Edge) -> bool {
        let Ok(note) = Note::parse(note) else { return false };
        let says = size == edge.size()
            && note.checkpoint().is_ok_and(|Checkpoint { origin, size: of, root }| {
                origin == self.origin && of == size && Some(root) == edge.root()
            });
        says && self.receiver.iter().any(|certificate| note.verify(self.origin, certificate.public_key()).is_ok())
    }
}

/// What an entry is.
enum Record {
    Act(Act),
    Receipt(Box<Receipt>),
    Neither,
}

impl Record {
    fn of(bytes: &[u8]) -> Record {
        match (Act::from_bytes(bytes), Receipt::from_bytes(bytes)) {
            (Some(act), _) => Record::Act(act),
            (None, Ok(receipt)) => Record::Receipt(Box::new(receipt)),
            (None, Err(_)) => Record::Neither,
        }
    }
}

/// Entries, the hashes of subtrees and the checkpoints, all in the log's order. Each checkpoint says what the log was, and each that an act was
/// written with is there.
fn entries(connection: &Connection, scratch: &Scratch, checked: &mut Checked, signed: &Signed<'_>) -> db::Result<()> {
    let (height, count) = Log::height(connection)?;
    if height > HIGHEST {
        checked.broken(NODE, height);
    }
    let mut statements = tree::statements(connection, height)?;
    let mut kept = tree::Kept::new(&mut statements)?;
    let mut edge = Edge::default();
    // Of the entries since the last checkpoint, the newest time.
    let mut latest: Option<String> = None;
    let mut checkpoints = connection.prepare_cached(crate::sql::CHECKPOINTS)?;
    let mut checkpoints = checkpoints.query([])?;
    let mut next = Log::read_checkpoint(checkpoints.next()?)?;
    let mut last = 0;
    let mut wanted = 0_u64;
    Log::entries(connection, |Entry { leaf, kind, hash, record }| {
        let leaf_hash = seal::log::leaf(&record);
        let place = edge.size();
        checked.entries += 1;
        let mut holds = leaf == place && leaf_hash.to_string() == hash;
        // A checkpoint of no entry, or of as many as one before it.
        while next.as_ref().is_some_and(|(size, ..)| *size <= place) {
            if let Some((size, ..)) = next {
                checked.broken(CHECKPOINT, size);
                checked.checkpoints += 1;
            }
            next = Log::read_checkpoint(checkpoints.next()?)?;
        }
        for node in edge.push(leaf_hash) {
            wanted += 1;
            kept.hold(node, |level, place| checked.broken(NODE, format!("{level}/{place}")))?;
        }
        let time = match Record::of(&record) {
            Record::Act(act) => {
                holds &= kind == act.table && ACTS.iter().any(|(table, ..)| *table == act.table);
                if next.as_ref().map(|(size, ..)| *size) != Some(act.size) {
                    checked.broken(CHECKPOINT, act.size);
                }
                scratch.act(&act)?;
                act.text("at").to_owned()
            }
            Record::Receipt(receipt) => {
                holds &= kind == RECEIPT;
                scratch.receipt(place, &receipt)?;
                receipt.received.to_string()
            }
            Record::Neither => {
                holds = false;
                String::new()
            }
        };
        if !holds {
            checked.broken(ENTRY, leaf);
        }
        latest = latest.take().max(Some(time));
        if let Some((size, at, note)) = next.as_ref().filter(|(size, ..)| *size == edge.size()) {
            checked.checkpoints += 1;
            if Some(at) != latest.as_ref() || !signed.holds(note, *size, &edge) {
                checked.broken(CHECKPOINT, size);
            }
            (last, latest) = (*size, None);
            next = Log::read_checkpoint(checkpoints.next()?)?;
        }
        Ok(())
    })?;
    while let Some((size, ..)) = next {
        checked.checkpoints += 1;
        checked.broken(CHECKPOINT, size);
        last = size;
        next = Log::read_checkpoint(checkpoints.next()?)?;
    }
    if last != edge.size() {
        checked.broken(CHECKPOINT, edge.size());
    }
    kept.rest(|level, place| checked.broken(NODE, format!("{level}/{place}")))?;
    if count != wanted {
        checked.broken(NODE, format!("{count} ≠ {wanted}"));
    }
    Ok(())
}

/// Rows of receipts, each of which has its entry, and each entry its row.
fn receipts(connection: &Connection, trust: &Trust, scratch: &Scratch, checked: &mut Checked) -> db::Result<()> {
    let mut last = None;
    Known::each_checked(connection, |row, entry, covering| {
        let (leaf, [unit, payload, content, at, reasons]) = (row.leaf, &row.texts);
        checked.receipts += 1;
        let read = Received::read(&row.body, Limits::default()).ok();
        let receipt = entry.as_deref().and_then(|entry| match Record::of(entry) {
            Record::Receipt(receipt) => Some(receipt),
            Record::Act(_) | Record::Neither => None,
        });
        let holds = receipt.as_ref().zip(read.as_ref()).is_some_and(|(receipt, read)| {
            let texts =
                [receipt.unit.clone(), receipt.payload.to_string(), receipt.package.to_string(), receipt.received.to_string()];
            texts == [unit.clone(), payload.clone(), content.clone(), at.clone()]
                && row.accepted == i64::from(receipt.verdict == Verdict::Received)
                && serde_json::to_string(&told(receipt)).is_ok_and(|told| told == *reasons)
                && read.receipt.to_bytes().ok() == entry
                && read.proof.index == leaf
                && read.verify(trust).is_valid()
        });
        // Receipts have numbers in the order of their entries: the last refusal is asked for by its number.
        if !holds || last.is_some_and(|last| last >= leaf) {
            checked.broken(RECEIPT, payload);
        }
        last = Some(leaf);
        if let Some(size) = read.as_ref().and_then(|read| read.proof.note.checkpoint().ok()).map(|checkpoint| checkpoint.size)
            && covering != Some(size)
        {
            checked.broken(CHECKPOINT, size);
        }
        let received = receipt.filter(|receipt| receipt.verdict == Verdict::Received);
        if let Some((receipt, note)) = received.zip(read.and_then(|read| read.agent))
            && let Ok(Checkpoint { origin, size, root }) = note.checkpoint()
        {
            let agent = Agent { origin, size, root: root.to_string() };
            scratch.wanted(&receipt.received.to_string(), &receipt.unit, &agent, &note.to_string())?;
        }
        Ok(())
    })?;
    Known::unwritten(connection, |entry| {
        if let Record::Receipt(receipt) = Record::of(&entry) {
            checked.broken(RECEIPT, receipt.payload);
        }
    })
}

/// Packages, which follow from the receipts, and what their bytes are.
fn packages(connection: &Connection, objects: &Objects, scratch: &Scratch, checked: &mut Checked) -> db::Result<()> {
    let mut last = None;
    Taken::each(connection, |package| {
        checked.packages += 1;
        let wanted = scratch.take(&package.payload)?;
        let kept = Blob::get(connection, &package.content)?;
        let whole = match kept.map(|kept| objects.whole(&package.content, kept)) {
            None | Some(Err(StoreError::Damaged { .. })) => false,
            Some(Err(StoreError::Archived { .. })) => {
                checked.archived += 1;
                true
            }
            // A store that cannot be asked says nothing about what is in it.
            Some(Err(error)) => return Err(db::Error::Other(error.to_string())),
            Some(Ok(bytes)) => {
                let read = Package::read(&bytes, Limits::default());
                Digest::of(&bytes).to_string() == package.content
                    && read.is_ok_and(|read| read.digest().to_string() == package.payload)
            }
        };
        let leaf = wanted.as_ref().map(|(leaf, _)| *leaf);
        if !whole || wanted.is_none_or(|(_, wanted)| wanted != package) || last.is_some_and(|last| Some(last) >= leaf) {
            checked.broken(PACKAGE, &package.payload);
        }
        last = leaf.or(last);
        Ok(())
    })?;
    scratch.not_taken(|payload| checked.broken(PACKAGE, payload))
}

/// Bytes: those of what was taken, and no others.
fn blobs(connection: &Connection, scratch: &Scratch, checked: &mut Checked) -> db::Result<()> {
    scratch.contents(|wanted| {
        Blob::each(connection, |sha256, _| {
            while let Some(missing) = wanted.peek().filter(|wanted| **wanted < sha256) {
                checked.broken(BLOB, missing);
                wanted.step()?;
            }
            if wanted.peek() == Some(&sha256) {
                return wanted.step();
            }
            checked.broken(BLOB, sha256);
            Ok(())
        })?;
        while let Some(missing) = wanted.peek() {
            checked.broken(BLOB, missing);
            wanted.step()?;
        }
        Ok(())
    })
}

/// Versions of reports, which follow from the receipts: those of one form and period are numbered in the order in which they came, and each names
/// the one before it.
fn reports(connection: &Connection, scratch: &Scratch, checked: &mut Checked) -> db::Result<()> {
    let shown = |([unit, form, edition, period], _): &([String; 4], i64), version: u64| {
        format!("{unit} {form} {edition} {period} {version}")
    };
    scratch.versions(|wanted| {
        let (mut of, mut place, mut before) = (None, 0_u64, None);
        Kept::each(connection, |row| {
            let NewReport { form, edition, period, file, channel } = row.report;
            let key = ([row.unit, form, edition, period], i64::from(row.trial));
            if of.as_ref() != Some(&key) {
                (of, place, before) = (Some(key.clone()), 0, None);
            }
            while let Some(missing) = wanted.peek().filter(|wanted| wanted.key < key) {
                checked.broken(REPORT, shown(&missing.key, missing.version));
                wanted.step()?;
            }
            let mut same = false;
            if let Some(this) = wanted.peek().filter(|wanted| wanted.key == key) {
                let numbered = this.version == row.version && this.version == place + 1;
                same =
                    numbered && Some(&this.payload) == row.payload.as_ref() && this.channel == channel && file == "report.json";
                wanted.step()?;
            }
            if !same || row.previous != before || before.is_some_and(|before| before >= row.id) {
                checked.broken(REPORT, shown(&key, row.version));
            }
            (place, before) = (place + 1, Some(row.id));
            Ok(())
        })?;
        while let Some(missing) = wanted.peek() {
            checked.broken(REPORT, shown(&missing.key, missing.version));
            wanted.step()?;
        }
        Ok(())
    })
}
