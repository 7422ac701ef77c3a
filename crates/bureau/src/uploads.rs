/*!
Unfinished uploads: files `<unit>/<sha256>-<length>` that only grow. How much of one is there is the length of its file, so that nothing needs to be
written down, and a killed receiver finds them as they were.
*/

use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use exchange::{Problem, UploadOrder, UploadState};
use seal::Digest;

use crate::{config, problem::Unwritten};

/// The folder of uploads.
pub struct Uploads {
    folder: PathBuf,
    bounds: config::Uploads,
    /// One piece at a time: what two clients of one unit send must not mingle.
    turn: Mutex<()>,
}

fn unwritten(path: &Path, error: &std::io::Error) -> Problem {
    Unwritten(format!("{}: {error}", path.display())).into()
}

fn unknown() -> Problem {
    Problem::new(404, "upload-unknown")
}

impl Uploads {
    /// Uploads below `state`.
    pub fn open(state: &Path, bounds: config::Uploads) -> Uploads {
        Uploads { folder: state.join("uploads"), bounds, turn: Mutex::default() }
    }

    /// A unit's folder: its code comes from a certificate of this receiver, and still only plain letters become a name.
    fn unit(&self, unit: &str) -> Option<PathBuf> {
        let plain = !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| self.folder.join(unit))
    }

    fn known(&self, unit: &str) -> Vec<(PathBuf, UploadState)> {
        let files = self.unit(unit).and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let state = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let (sha256, length) = name.split_once('-')?;
            let offset = entry.metadata().ok()?.len();
            Some((entry.path(), UploadState { sha256: sha256.to_owned(), length: length.parse().ok()?, offset }))
        };
        files.filter_map(state).collect()
    }

    fn find(&self, unit: &str, sha256: &str) -> Option<(PathBuf, UploadState)> {
        self.known(unit).into_iter().find(|(_, state)| state.sha256 == sha256)
    }

    /// Throws away what nobody went on with.
    pub fn sweep(&self) {
        let old = Duration::from_secs(u64::from(self.bounds.hours) * 3600);
        for folder in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let changed = file.metadata().and_then(|about| about.modified());
                if changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > old)) {
                    // One that somebody finishes at this moment is not old.
                    let _ = fs::remove_file(file.path());
                }
            }
        }
    }

    /// Begins an upload, or finds it.
    pub fn begin(&self, unit: &str, order: &UploadOrder, longest: usize) -> Result<(bool, UploadState), Problem> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known(unit);
        if let Some((_, state)) = known.iter().find(|(_, state)| state.sha256 == order.sha256) {
            if state.length != order.length {
                return Err(Problem::new(409, "upload-length-differs").with("length", state.length));
            }
            return Ok((false, state.clone()));
        }
        if order.length > longest as u64 {
            return Err(Problem::new(413, "request-too-large").with("limit", longest));
        }
        if known.len() >= self.bounds.each as usize {
            return Err(Problem::new(409, "uploads-too-many").with("limit", self.bounds.each));
        }
        let folder = self.unit(unit).ok_or_else(unknown)?;
        fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
        let path = folder.join(format!("{}-{}", order.sha256, order.length));
        File::create(&path).map_err(|error| unwritten(&path, &error))?;
        Ok((true, UploadState { sha256: order.sha256.clone(), length: order.length, offset: 0 }))
    }

    /// How much is there.
    pub fn state(&self, unit: &str, sha256: &str) -> Result<UploadState, Problem> {
        self.find(unit, sha256).map(|(_, state)| state).ok_or_else(unknown)
    }

    /// Adds a piece at the end.
    pub fn append(&self, unit: &str, sha256: &str, offset: u64, piece: &[u8]) -> Result<UploadState, Problem> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, state) = self.find(unit, sha256).ok_or_else(unknown)?;
        let end = offset.saturating_add(piece.len() as u64);
        if offset != state.offset || end > state.length {
            return Err(Problem::new(409, "upload-offset-differs").with("offset", state.offset).with("length", state.length));
        }
        let mut file = File::options().append(true).open(&path).map_err(|error| unwritten(&path, &error))?;
        if let Err(error) = file.write_all(piece) {
            // A piece that came in part would be in the way of its repetition.
            let _ = file.set_len(offset);
            return Err(unwritten(&path, &error));
        }
        Ok(UploadState { offset: end, ..state })
    }

    /// The bytes of a whole upload; what is not what its digest says is thrown away.
    pub fn whole(&self, unit: &str, sha256: &str) -> Result<Vec<u8>, Problem> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, state) = self.find(unit, sha256).ok_or_else(unknown)?;
        if state.offset != state.length {
            return Err(Problem::new(409, "upload-unfinished").with("offset", state.offset).with("length", state.length));
        }
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|mut file| file.rewind().and_then(|()| file.read_to_end(&mut bytes)));
        read.map_err(|error| unwritten(&path, &error))?;
        if Digest::of(&bytes).to_string() != sha256 {
            fs::remove_file(&path).map_err(|error| unwritten(&path, &error))?;
            return Err(Problem::new(409, "upload-damaged").with("sha256", sha256));
        }
        Ok(bytes)
    }

    /// Removes an upload whose receipt is there.
    pub fn done(&self, unit: &str, sha256: &str) {
        if let Some((path, _)) = self.find(unit, sha256) {
            // What stays behind is swept, and its receipt is found by its digest all the same.
            let _ = fs::remove_file(path);
        }
    }
}
