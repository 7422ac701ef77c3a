/*! What the files of a journal have in common: how they are written, and why they fail. */

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use model::Period;
use parquet::{
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};
use sha2::{Digest as _, Sha256};

use crate::Digest;

/// Why a journal file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The system refused; a full disk is one of these.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was sealed.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The rows lack a column that a journal needs.
    #[error("the entries have no column {column}")]
    NoColumn {
        /// Its name.
        column: &'static str,
    },
    /// The sum of lines is past the range of an amount.
    #[error("{account}, {period}: an amount is too large")]
    TooLarge {
        /// The account.
        account: String,
        /// The period.
        period: Period,
    },
}

pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> SealError + use<> {
    let path = path.to_owned();
    move |source| SealError::Io { path, source }
}

pub(crate) fn damaged<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> SealError + use<E> {
    let path = path.to_owned();
    move |error| SealError::Damaged { path, reason: error.to_string() }
}

/// A full disk comes out of the Parquet writer as an external error: it is still the system's word.
pub(crate) fn parquet(path: &Path) -> impl FnOnce(ParquetError) -> SealError + use<> {
    let path = path.to_owned();
    move |error| match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(source) => SealError::Io { path, source: *source },
            Err(other) => SealError::Damaged { path, reason: other.to_string() },
        },
        other => SealError::Damaged { path, reason: other.to_string() },
    }
}

/// Rows of a row group: small enough that a writer holds a few megabytes.
const GROUP_ROWS: usize = 32 << 10;

/// Columns whose values rarely come again: looking each up in a dictionary was a fifth of the time a seal took, and the dictionary was
/// given up for its size all the same. Compression finds what does come again.
const VARIED: [&str; 8] = ["voucher", "number", "line", "summary", "debit", "credit", "foreign_amount", "quantity"];

pub(crate) fn properties(facts: Vec<(&str, String)>) -> WriterProperties {
    let facts: Vec<KeyValue> = facts.into_iter().map(|(key, value)| KeyValue::new(format!("taizhang.{key}"), value)).collect();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        // A file holds one period: nobody would skip a part of it by its smallest and largest values, but who looks for one voucher.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from("voucher"), EnabledStatistics::Chunk)
        .set_created_by("taizhang".to_owned())
        .set_key_value_metadata((!facts.is_empty()).then_some(facts));
    for column in VARIED {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    properties.build()
}

/// Digest of a file's bytes.
pub fn file_digest(path: &Path) -> Result<Digest, SealError> {
    let mut file = File::open(path).map_err(io(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).map_err(io(path))? {
            0 => return Ok(Digest(hash.finalize().into())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Whether the bytes of a file are those that were sealed.
pub fn sound(path: &Path, digest: Digest) -> Result<(), SealError> {
    let found = file_digest(path)?;
    if found == digest {
        return Ok(());
    }
    Err(SealError::Damaged { path: path.to_owned(), reason: format!("SHA-256 {found}") })
}

/// A writer that digests what goes through it.
pub(crate) struct Digesting<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Digesting<W> {
    pub(crate) fn new(inner: W) -> Digesting<W> {
        Digesting { inner, hash: Sha256::new() }
    }

    /// Digest of everything so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
    }

    pub(crate) fn inner(&self) -> &W {
        &self.inner
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
