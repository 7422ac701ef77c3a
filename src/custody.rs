/*! Files beside the database: packages, receipts and what people attached are what the records say, and the log is no shorter than receipts show. */

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use model::Finding;
use seal::{Limits, Received, log::Tree};
use serde_json::Value;
use store::Store;

use crate::{
    acts,
    config::Agent,
    delivery::{self, machine},
    package::{Kept, PACKAGE},
    report::Failure,
};

/// Looks at every file that a record names, and at every receipt. Gives how many files there are, and what is wrong.
pub fn verify(agent: &Agent, store: &Store) -> Result<(usize, Vec<Finding>), Failure> {
    let mut named: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut adopted = BTreeSet::new();
    for record in store.every_record()? {
        let body: Value = acts::body(&record)?;
        if record.kind == PACKAGE {
            let kept: Kept = acts::body(&record)?;
            named.insert(container(store, "packages", &kept.container), kept.container);
        } else if record.kind == delivery::RECEIPT {
            let receipt = body["receipt"].as_str().unwrap_or_default().to_owned();
            let path = container(store, delivery::RECEIPTS, &receipt);
            if body["adopted"] == true {
                adopted.insert(path.clone());
            }
            named.insert(path, receipt);
        }
        attached(&body, &mut |digest| {
            named.insert(store.folder().join("evidence").join(digest), digest.to_owned());
        });
    }
    let mut findings: Vec<Finding> = named.iter().filter_map(|(path, known)| whole(path, known).err()).collect();
    findings.extend(receipts(agent, store, &adopted)?);
    Ok((named.len(), findings))
}

fn container(store: &Store, folder: &str, digest: &str) -> PathBuf {
    store.folder().join(folder).join(format!("{digest}.asice"))
}

/// What [`crate::evidence::keep`] says of a file, wherever it stands in a body.
fn attached(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let (Some(digest), true, true) =
                (fields.get("sha256").and_then(Value::as_str), fields.contains_key("name"), fields.contains_key("size"))
            {
                found(digest);
            }
            fields.values().for_each(|inner| attached(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| attached(inner, found)),
        _ => {}
    }
}

fn whole(path: &Path, known: &str) -> Result<(), Finding> {
    let digest = journal::file_digest(path).map_err(|error| {
        Failure::from(error).findings.pop().unwrap_or_else(|| Finding::error("file-damaged").at(path.display().to_string()))
    })?;
    if digest.to_string() == known {
        return Ok(());
    }
    Err(Finding::error("file-damaged").at(path.display().to_string()).with("reason", format!("SHA-256 is {digest}")))
}

/// Every receipt that lies here, known to the database or not: the checkpoint that the receiver countersigned is of this log, which has grown
/// since. A database that was put back is found so, and a log that was written anew.
fn receipts(agent: &Agent, store: &Store, adopted: &BTreeSet<PathBuf>) -> Result<Vec<Finding>, Failure> {
    let folder = store.folder().join(delivery::RECEIPTS);
    let refused = |error: std::io::Error| Failure::source(Finding::io(&folder, &error));
    let mut files: Vec<PathBuf> = match fs::read_dir(&folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(refused)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(refused(error)),
    };
    // What a person knows to be of a log that was lost, a record says.
    files.retain(|path| path.extension().is_some_and(|kind| kind == "asice") && !adopted.contains(path));
    files.sort();
    let (tree, origin) = (machine::tree(store, None)?, machine::origin(agent));
    Ok(files.iter().filter_map(|path| grown(path, &tree, &origin).err()).collect())
}

fn grown(path: &Path, tree: &Tree, origin: &str) -> Result<(), Finding> {
    let place = path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(|error| Finding::io(path, &error))?;
    let received = Received::read(&bytes, Limits::default()).map_err(|finding| finding.at(&place))?;
    let Some(note) = &received.agent else { return Ok(()) };
    let checkpoint = note.checkpoint().map_err(|finding| finding.at(&place))?;
    if checkpoint.origin == origin && seal::log::root(tree, checkpoint.size) != Some(checkpoint.root) {
        let finding = Finding::error("log-behind-receipt").at(place).with("size", checkpoint.size);
        return Err(finding.with("now", tree.size()));
    }
    Ok(())
}
