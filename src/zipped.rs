/*! ZIP files whose bytes follow from their content alone: fixed times, names in the order in which they are given. */

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use journal::Digest;
use model::Finding;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::{report::Failure, sheet};

/// A ZIP file under way.
pub struct Zip<'a> {
    path: &'a Path,
    writer: ZipWriter<BufWriter<File>>,
}

impl Zip<'_> {
    /// Begins a file.
    pub fn new(path: &Path) -> Result<Zip<'_>, Failure> {
        let file = File::create(path).map_err(|error| sheet::unwritten(path, &error))?;
        Ok(Zip { path, writer: ZipWriter::new(BufWriter::new(file)) })
    }

    fn refused(&self) -> impl Fn(zip::result::ZipError) -> Failure + use<> {
        let path = self.path.to_owned();
        move |error| match error {
            zip::result::ZipError::Io(error) => sheet::unwritten(&path, &error),
            error => Failure::source(Finding::error("output-refused").with("reason", error)),
        }
    }

    /// Adds a file: its size and digest.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(u64, String), Failure> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        let refused = self.refused();
        self.writer.start_file(name, options).map_err(&refused)?;
        self.writer.write_all(bytes).map_err(|error| refused(error.into()))?;
        Ok((bytes.len() as u64, Digest::of(bytes).to_string()))
    }

    /// Writes what is left: size and digest of the whole.
    pub fn finish(self) -> Result<(u64, String), Failure> {
        let refused = self.refused();
        let unwritten = |error: io::Error| sheet::unwritten(self.path, &error);
        let file = self.writer.finish().map_err(&refused)?.into_inner().map_err(|error| unwritten(error.into_error()))?;
        file.sync_all().map_err(unwritten)?;
        let size = file.metadata().map_err(unwritten)?.len();
        Ok((size, journal::file_digest(self.path)?.to_string()))
    }
}
