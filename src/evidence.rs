/*! Files that people attach to what they write: kept once under their SHA-256, never changed. */

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::Path,
};

use journal::Digest;
use model::Finding;
use store::Store;

use crate::{report::Failure, sheet};

/// Longest file that is attached, in bytes.
const LONGEST: u64 = 32 << 20;

/// SHA-256 of a file that would be attached.
pub fn digest(path: &Path) -> Result<String, Failure> {
    Ok(Digest::of(&read(path)?).to_string())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let refused = |error: std::io::Error| Failure::source(Finding::io(path, &error));
    let mut bytes = Vec::new();
    File::open(path).map_err(refused)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > LONGEST {
        let finding = Finding::error("file-too-long").at(path.display().to_string()).with("limit", LONGEST);
        return Err(Failure::config(finding));
    }
    Ok(bytes)
}

/// Copies a file into the state and gives what a record says of it: name, size, digest.
pub fn keep(store: &Store, path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let bytes = read(path)?;
    let digest = Digest::of(&bytes).to_string();
    let folder = store.folder().join("evidence");
    fs::create_dir_all(&folder).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
    let kept = folder.join(&digest);
    if !kept.exists() {
        sheet::save(&kept, &bytes)?;
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok([("name", name), ("size", bytes.len().to_string()), ("sha256", digest)].map(|(key, value)| (key.to_owned(), value)).into())
}
