/*! The identity of a snapshot: a Merkle root over the canonical bytes of its vouchers. `docs/specs/snapshot.md` is the rule. */

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Digest> {
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
        }
        Some(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Leaf of one voucher: its period and its lines, each already in canonical bytes. Lines are sorted, so that the order in which the
/// ERP gave them says nothing.
pub(crate) fn leaf(period: &str, lines: &mut [Vec<u8>]) -> Digest {
    lines.sort_unstable();
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(u32::try_from(period.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(period.as_bytes());
    hash.update(u32::try_from(lines.len()).unwrap_or(u32::MAX).to_be_bytes());
    for line in lines {
        hash.update(&*line);
    }
    Digest(hash.finalize().into())
}

/// Root over leaves, which are sorted first. No leaf at all has the digest of nothing; an odd leaf goes up unchanged.
pub(crate) fn root(mut level: Vec<Digest>) -> Digest {
    level.sort_unstable();
    if level.is_empty() {
        return Digest::of(b"");
    }
    while level.len() > 1 {
        let up = level.chunks(2).map(|pair| match pair {
            [left, right] => {
                let mut hash = Sha256::new();
                hash.update([1]);
                hash.update(left.0);
                hash.update(right.0);
                Digest(hash.finalize().into())
            }
            odd => odd[0],
        });
        level = up.collect();
    }
    level[0]
}

/// Appends a text to a line's canonical bytes: its length as four bytes, then the bytes; absent is the length of all ones.
pub(crate) fn put_text(line: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
    line.extend_from_slice(&length.to_be_bytes());
    line.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Appends an amount: one byte 1 and sixteen bytes of its count of 10⁻⁹ units, or one byte 0 when absent.
pub(crate) fn put_amount(line: &mut Vec<u8>, units: Option<i128>) {
    line.push(u8::from(units.is_some()));
    if let Some(units) = units {
        line.extend_from_slice(&units.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_print_as_they_are_read() {
        // The digest of nothing, as every SHA-256 tool gives it.
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), nothing);
        assert_eq!(Digest::parse(nothing), Some(Digest::of(b"")));
        assert_eq!(Digest::parse(&nothing.to_uppercase()), None);
        assert_eq!(root(Vec::new()), Digest::of(b""));
    }

    #[test]
    fn order_of_delivery_changes_nothing_and_content_does() {
        let (a, b, c) = (Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"c"));
        assert_eq!(root(vec![a, b, c]), root(vec![c, a, b]));
        assert_ne!(root(vec![a, b, c]), root(vec![a, b]));
        assert_ne!(root(vec![a, b]), root(vec![a, b, b]));
        let lines = || vec![b"1".to_vec(), b"2".to_vec()];
        let mut turned = lines();
        turned.reverse();
        assert_eq!(leaf("2025-01", &mut lines()), leaf("2025-01", &mut turned));
        assert_ne!(leaf("2025-01", &mut lines()), leaf("2025-02", &mut lines()));
    }
}
