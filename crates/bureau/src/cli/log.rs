//! `log verify`: that nothing of the log, the receipts and the packages was changed or taken away.

use clap::Subcommand;
use model::Finding;
use seal::{Certificate, Digest, Limits, Moment, Note, Package, Received, Trust, log::Tree};

use super::Ctx;
use crate::{
    clock,
    failure::Failure,
    store::{Blob, Entry, Known, Log, Store, Taken},
};

/// What to do with the log.
#[derive(Subcommand)]
pub enum What {
    /// 验证日志、回执和收下的包 Verifies log, receipts and packages
    Verify,
}

pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let What::Verify = what;
    let (config, store) = ctx.open()?;
    let path = config.keys.join("authority.pem");
    let pem = std::fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
    let trust = Trust {
        roots: Certificate::from_pem(&pem).map_err(Failure::config)?,
        revoked: Vec::new(),
        moment: Moment::Signed(clock::now()),
    };
    let path = config.keys.join("receiver.pem");
    let pem = std::fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
    let receiver = Certificate::from_pem(&pem).map_err(Failure::config)?;
    let (counts, findings) = check(&store, &trust, &receiver, &config.origin())?;
    if !findings.is_empty() {
        return Err(Failure::findings(findings));
    }
    let told = Finding::note("bureau-log-holds").with("entries", counts.entries).with("checkpoints", counts.checkpoints);
    Ok(vec![told.with("receipts", counts.receipts).with("packages", counts.packages)])
}

/// What was looked at.
#[derive(Default)]
struct Counts {
    entries: u64,
    checkpoints: u64,
    receipts: u64,
    packages: u64,
}

fn broken(what: &str, at: impl std::fmt::Display) -> Finding {
    Finding::error("bureau-log-broken").with("what", what).with("at", at)
}

fn check(store: &Store, trust: &Trust, receiver: &[Certificate], origin: &str) -> Result<(Counts, Vec<Finding>), Failure> {
    let (mut counts, mut findings) = (Counts::default(), Vec::new());
    let mut tree = Tree::new();
    let mut records: Vec<Entry> = Vec::new();
    let checkpoints = store.read(|connection| {
        Log::entries(connection, |entry| records.push(entry))?;
        Log::checkpoints(connection)
    })?;
    let mut notes = checkpoints.iter().peekable();
    for (place, entry) in records.iter().enumerate() {
        let leaf = seal::log::leaf(&entry.record);
        if entry.leaf != place as u64 || leaf.to_string() != entry.hash {
            findings.push(broken("entry", entry.leaf));
        }
        tree.push(leaf);
        counts.entries += 1;
        while let Some((_, note)) = notes.next_if(|(size, _)| *size == tree.size()) {
            if !signed(note, &tree, receiver, origin) {
                findings.push(broken("checkpoint", tree.size()));
            }
            counts.checkpoints += 1;
        }
    }
    if let Some((size, _)) = notes.next() {
        findings.push(broken("checkpoint", size));
    }
    store.read(|connection| {
        let log = Log::open(connection)?;
        if tree.size() > 0 && log.root(log.size()).ok() != seal::log::root(&tree, tree.size()) {
            findings.push(broken("nodes", tree.size()));
        }
        Known::each(connection, |[_, payload, _], leaf, known| {
            counts.receipts += 1;
            let entry = usize::try_from(leaf).ok().and_then(|leaf| records.get(leaf));
            let holds = Received::read(&known.receipt, Limits::default()).ok().is_some_and(|read| {
                let same = read.receipt.to_bytes().ok().as_ref() == entry.map(|entry| &entry.record);
                same && read.receipt.payload.to_string() == payload && read.verify(trust).is_valid()
            });
            if !holds {
                findings.push(broken("receipt", &payload));
            }
        })?;
        for package in Taken::all(connection)? {
            counts.packages += 1;
            let bytes = Blob::get(connection, &package.content)?;
            let holds = bytes.is_some_and(|bytes| {
                let read = Package::read(&bytes, Limits::default());
                let whole = Digest::of(&bytes).to_string() == package.content;
                whole && read.is_ok_and(|read| read.digest().to_string() == package.payload)
            });
            let receipted = Known::of_payload(connection, &package.payload, &package.unit)?.is_some_and(|known| known.accepted);
            if !holds || !receipted {
                findings.push(broken("package", &package.payload));
            }
        }
        Ok(())
    })?;
    Ok((counts, findings))
}

/// Whether a checkpoint says what the tree is, under the receiver's name.
fn signed(note: &str, tree: &Tree, receiver: &[Certificate], origin: &str) -> bool {
    let Ok(note) = Note::parse(note) else { return false };
    let says = note.checkpoint().is_ok_and(|checkpoint| {
        let root = seal::log::root(tree, tree.size());
        checkpoint.origin == origin && checkpoint.size == tree.size() && Some(checkpoint.root) == root
    });
    says && receiver.iter().any(|certificate| note.verify(origin, certificate.public_key()).is_ok())
}
