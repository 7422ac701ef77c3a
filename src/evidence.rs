/*! Files that people attach to what they write: kept once under their SHA-256, never changed. */

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use journal::Digest;
use model::Finding;
use store::Store;

use crate::{report::Failure, sheet};

/// Longest file that is attached, in bytes.
const LONGEST: u64 = 32 << 20;

/// Longest name of one, in letters.
const LONGEST_NAME: usize = 120;

/// A file that somebody attaches, read whole: from the command line, or as a page received it.
#[derive(Clone, Debug)]
pub struct Paper {
    name: String,
    bytes: Vec<u8>,
}

impl Paper {
    /// A file as it was received. Its name is a word about it and never a path.
    pub fn received(name: &str, bytes: Vec<u8>) -> Result<Paper, Failure> {
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String = name.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect();
        if bytes.len() as u64 > LONGEST {
            return Err(too_long(&name));
        }
        Ok(Paper { name, bytes })
    }

    /// A file of this machine.
    pub fn read(path: &Path) -> Result<Paper, Failure> {
        let refused = |error: std::io::Error| Failure::source(Finding::io(path, &error));
        let mut bytes = Vec::new();
        File::open(path).map_err(refused)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(refused)?;
        if bytes.len() as u64 > LONGEST {
            return Err(too_long(&path.display().to_string()));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Paper { name, bytes })
    }

    /// The files of some paths.
    pub fn all(paths: &[PathBuf]) -> Result<Vec<Paper>, Failure> {
        paths.iter().map(|path| Paper::read(path)).collect()
    }

    /// Its name, without folders.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its SHA-256.
    pub fn digest(&self) -> String {
        Digest::of(&self.bytes).to_string()
    }

    /// Copies it into the state and gives what a record says of it: name, size, digest.
    pub fn keep(&self, store: &Store) -> Result<BTreeMap<String, String>, Failure> {
        let digest = self.digest();
        let folder = store.folder().join("evidence");
        fs::create_dir_all(&folder).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
        let kept = folder.join(&digest);
        if !kept.exists() {
            sheet::save(&kept, &self.bytes)?;
        }
        let facts = [("name", self.name.clone()), ("size", self.bytes.len().to_string()), ("sha256", digest)];
        Ok(facts.map(|(key, value)| (key.to_owned(), value)).into())
    }
}

/// Keeps some files.
pub fn keep_all(store: &Store, papers: &[Paper]) -> Result<Vec<BTreeMap<String, String>>, Failure> {
    papers.iter().map(|paper| paper.keep(store)).collect()
}

fn too_long(place: &str) -> Failure {
    Failure::config(Finding::error("file-too-long").at(place).with("limit", LONGEST))
}
