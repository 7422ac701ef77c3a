/*!
The container: a ZIP of which there is one for given files.

`mimetype` comes first, the others follow in the order of their names, all of them stored, with one fixed time and nothing optional. A container is
read by its local headers and then written again: every byte of it must be the one that writing gives. So no byte is without meaning, headers and
directory cannot disagree, nothing hides in gaps, comments or extra fields, and there is nothing to unpack that could grow.
*/

use std::collections::{BTreeMap, BTreeSet};

use model::Finding;

/// First file of each container, and its content: ASiC-E (ETSI EN 319 162-1).
pub const MIMETYPE: (&str, &str) = ("mimetype", "application/vnd.etsi.asic-e+zip");

/// What is read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole container.
    pub bytes: usize,
    /// Files in it.
    pub files: usize,
}

impl Default for Limits {
    /// 64 MiB and 1,000 files.
    fn default() -> Limits {
        Limits { bytes: 64 << 20, files: 1000 }
    }
}

/// Longest name of a file.
const NAME_MAX: usize = 200;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Length of a local header, a directory entry and the end record without their names.
const LOCAL_SIZE: usize = 30;
const CENTRAL_SIZE: usize = 46;
const END_SIZE: usize = 22;
/// 1980-01-01 00:00, the first moment that ZIP knows.
const DATE: u16 = 0x21;

/// Writes a container of `files` besides `mimetype`. Fails where a reader with `limits` would refuse it.
pub fn write(files: &BTreeMap<String, Vec<u8>>, limits: Limits) -> Result<Vec<u8>, Finding> {
    let mut names = Names::default();
    files.keys().try_for_each(|name| names.add(name))?;
    let size =
        END_SIZE + entries(files).map(|(name, bytes)| LOCAL_SIZE + CENTRAL_SIZE + 2 * name.len() + bytes.len()).sum::<usize>();
    check_size(size, files.len() + 1, limits)?;
    Ok(compose(files, size))
}

/// Reads a container: its files besides `mimetype`, whose content is known.
pub fn read(bytes: &[u8], limits: Limits) -> Result<BTreeMap<String, Vec<u8>>, Finding> {
    check_size(bytes.len(), 0, limits)?;
    let head = Entry::at(bytes, 0).filter(|entry| entry.name == MIMETYPE.0.as_bytes());
    let Some(head) = head.filter(|entry| entry.data == MIMETYPE.1.as_bytes()) else {
        return Err(Finding::error("container-unknown"));
    };
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut names = Names::default();
    let mut at = head.end;
    while word(bytes, at) == Some(LOCAL) {
        let Some(entry) = Entry::at(bytes, at) else {
            return Err(damaged(&files, bytes, at));
        };
        let name = std::str::from_utf8(entry.name).unwrap_or_default();
        names.add(name)?;
        if entry.method != 0 {
            return Err(Finding::error("container-compressed").with("file", name));
        }
        check_size(bytes.len(), files.len() + 2, limits)?;
        files.insert(name.to_owned(), entry.data.to_vec());
        at = entry.end;
    }
    let again = compose(&files, bytes.len());
    if again == bytes {
        return Ok(files);
    }
    let differs = again.iter().zip(bytes).position(|(one, other)| one != other).unwrap_or(again.len().min(bytes.len()));
    Err(damaged(&files, bytes, differs))
}

/// Names of a container's files, in lower-case letters: two that differ only in capitals are one file on many systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl Names {
    /// Adds a name. Refuses those that could mean something to a file system, that are there, or that are another one's folder.
    pub(crate) fn add(&mut self, name: &str) -> Result<(), Finding> {
        let plain = |part: &str| {
            let letters = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
            letters && !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with('.')
        };
        let good = name.len() <= NAME_MAX && name.split('/').all(plain) && !name.eq_ignore_ascii_case(MIMETYPE.0);
        let lower = name.to_ascii_lowercase();
        let folders: Vec<&str> = lower.match_indices('/').map(|(at, _)| &lower[..at]).collect();
        let clash = self.files.contains(&lower)
            || self.folders.contains(&lower)
            || folders.iter().any(|folder| self.files.contains(*folder) || *folder == MIMETYPE.0);
        if !good || clash {
            return Err(Finding::error("container-file-name").with("file", name));
        }
        self.folders.extend(folders.into_iter().map(str::to_owned));
        self.files.insert(lower);
        Ok(())
    }
}

fn check_size(bytes: usize, files: usize, limits: Limits) -> Result<(), Finding> {
    if bytes > limits.bytes {
        return Err(Finding::error("container-too-large").with("bytes", bytes).with("limit", limits.bytes));
    }
    if files > limits.files {
        return Err(Finding::error("container-too-many-files").with("files", files).with("limit", limits.files));
    }
    Ok(())
}

/// The finding for a byte at `at` that is not the one that belongs there.
fn damaged(files: &BTreeMap<String, Vec<u8>>, bytes: &[u8], at: usize) -> Finding {
    let mut start = 0;
    for (name, data) in entries(files) {
        start += LOCAL_SIZE + name.len() + data.len();
        if at < start {
            return Finding::error("container-damaged").with("part", name).with("offset", at);
        }
    }
    let part = Entry::at(bytes, start).and_then(|entry| std::str::from_utf8(entry.name).ok()).unwrap_or("directory");
    Finding::error("container-damaged").with("part", part).with("offset", at)
}

/// Files as they lie in the container.
fn entries(files: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = (&str, &[u8])> {
    let first = std::iter::once((MIMETYPE.0, MIMETYPE.1.as_bytes()));
    first.chain(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// Sizes fit: [`Limits`] is checked before, and a container that is larger than ZIP's 4 GiB differs from what is written.
fn compose(files: &BTreeMap<String, Vec<u8>>, capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    let mut directory = Vec::new();
    let mut count = 0_u16;
    for (name, bytes) in entries(files) {
        let offset = short(out.len());
        let size = short(bytes.len());
        let mut common = Vec::with_capacity(26);
        // Version 1.0 needed, no flags, stored.
        common.extend_from_slice(&[10, 0, 0, 0, 0, 0, 0, 0]);
        common.extend_from_slice(&DATE.to_le_bytes());
        for number in [crc32fast::hash(bytes), size, size] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        common.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&LOCAL.to_le_bytes());
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(bytes);
        directory.extend_from_slice(&CENTRAL.to_le_bytes());
        directory.extend_from_slice(&[10, 0]);
        directory.extend_from_slice(&common);
        // No comment, disk 0, no attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        count = count.saturating_add(1);
    }
    let start = short(out.len());
    out.extend_from_slice(&directory);
    out.extend_from_slice(&END.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&short(directory.len()).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A file as its local header has it.
struct Entry<'a> {
    name: &'a [u8],
    method: u16,
    data: &'a [u8],
    end: usize,
}

impl Entry<'_> {
    fn at(bytes: &[u8], at: usize) -> Option<Entry<'_>> {
        let half = |offset: usize| Some(u16::from_le_bytes(bytes.get(offset..offset + 2)?.try_into().ok()?));
        if word(bytes, at)? != LOCAL {
            return None;
        }
        let name_end = at + LOCAL_SIZE + usize::from(half(at + 26)?);
        let data_start = name_end + usize::from(half(at + 28)?);
        let end = data_start.checked_add(usize::try_from(word(bytes, at + 18)?).ok()?)?;
        Some(Entry { name: bytes.get(at + LOCAL_SIZE..name_end)?, method: half(at + 8)?, data: bytes.get(data_start..end)?, end })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let files = files(&[("report/a.json", "{}"), ("b.txt", ""), ("META-INF/x.xml", "<x/>")]);
        let bytes = write(&files, Limits::default()).unwrap();
        assert_eq!(read(&bytes, Limits::default()).unwrap(), files);
    }

    #[test]
    fn no_byte_can_change_or_be_added_or_left_out() {
        let bytes = write(&files(&[("a.json", "{\"x\":1}"), ("b/c.txt", "text")]), Limits::default()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                assert!(read(&other, Limits::default()).is_err(), "byte {at}, bit {bit}");
            }
            assert!(read(&bytes[..at], Limits::default()).is_err(), "cut at {at}");
            let mut longer = bytes.clone();
            longer.insert(at, 0);
            assert!(read(&longer, Limits::default()).is_err(), "longer at {at}");
        }
        assert!(read(&[&bytes[..], b"\0"].concat(), Limits::default()).is_err());
        let mut content = bytes.clone();
        let at = bytes.windows(4).position(|part| part == b"text").unwrap();
        content[at] = b'T';
        let finding = read(&content, Limits::default()).unwrap_err();
        assert_eq!((finding.code.as_ref(), finding.arguments[0].1.as_str()), ("container-damaged", "b/c.txt"));
    }

    #[test]
    fn names_and_sizes_are_bounded() {
        for name in ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a.", "a\\b", "C:", "表", "a b", "mimetype", "-rf", "a\0"] {
            let finding = write(&files(&[(name, "")]), Limits::default()).unwrap_err();
            assert_eq!(finding.code, "container-file-name", "{name}");
        }
        for (one, other) in [("a", "A"), ("a/b", "a"), ("a", "a/b"), ("a/B", "A/b"), ("a/b/c", "A/B"), ("A", "a/b/c")] {
            let finding = write(&files(&[(one, ""), (other, "")]), Limits::default()).unwrap_err();
            assert_eq!(finding.code, "container-file-name", "{one} {other}");
        }
        assert!(write(&files(&[("a/b", ""), ("a/c", ""), ("ab", "")]), Limits::default()).is_ok());
        let many = files(&[("a", ""), ("b", ""), ("c", "")]);
        let bytes = write(&many, Limits::default()).unwrap();
        assert_eq!(read(&bytes, Limits { bytes: 1 << 20, files: 3 }).unwrap_err().code, "container-too-many-files");
        assert_eq!(read(&bytes, Limits { bytes: 100, files: 9 }).unwrap_err().code, "container-too-large");
        assert_eq!(read(b"", Limits::default()).unwrap_err().code, "container-unknown");
        assert_eq!(read(b"PK\x03\x04", Limits::default()).unwrap_err().code, "container-unknown");
    }
}
