/*!
The Merkle tree over a snapshot's vouchers (`docs/specs/snapshot.md`), and proofs that one voucher is in it.

Leaves are sorted and the tree's shape follows from their number, so a proof is a place, a number and the siblings on the way up. It shows one
voucher and, of the others, nothing but hashes.
*/

use model::Finding;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{canonical, digest::Digest};

/// Leaf of one voucher: its period and its lines, each already in canonical bytes. Lines are sorted, so that the order in which the ERP gave
/// them says nothing.
pub fn leaf(period: &str, lines: &mut [Vec<u8>]) -> Digest {
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

fn join(left: Digest, right: Digest) -> Digest {
    Digest(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

fn up(level: &[Digest]) -> Vec<Digest> {
    let pair = |pair: &[Digest]| match pair {
        [left, right] => join(*left, *right),
        odd => odd[0],
    };
    level.chunks(2).map(pair).collect()
}

/// Root over leaves, which are sorted first. No leaf at all has the digest of nothing; an odd leaf goes up unchanged.
pub fn root(mut level: Vec<Digest>) -> Digest {
    level.sort_unstable();
    if level.is_empty() {
        return Digest::of(b"");
    }
    while level.len() > 1 {
        level = up(&level);
    }
    level[0]
}

/// Appends a text to a line's canonical bytes: its length as four bytes, then the bytes; absent is the length of all ones.
#[inline]
pub fn put_text(line: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
    line.extend_from_slice(&length.to_be_bytes());
    line.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Appends an amount: one byte 1 and sixteen bytes of its count of 10⁻⁹ units, or one byte 0 when absent.
#[inline]
pub fn put_amount(line: &mut Vec<u8>, units: Option<i128>) {
    line.push(u8::from(units.is_some()));
    if let Some(units) = units {
        line.extend_from_slice(&units.to_be_bytes());
    }
}

/// The way from a leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Place among the sorted leaves, from 0.
    pub index: u64,
    /// Number of leaves.
    pub count: u64,
    /// Siblings from the leaf up; a level without a sibling has none.
    pub siblings: Vec<Digest>,
}

impl Path {
    /// The way of `own` among `leaves`; `None` where it is not among them.
    pub fn find(mut leaves: Vec<Digest>, own: Digest) -> Option<Path> {
        leaves.sort_unstable();
        let index = leaves.binary_search(&own).ok()?;
        let (mut place, mut level, mut siblings) = (index, leaves, Vec::new());
        let count = u64::try_from(level.len()).ok()?;
        while level.len() > 1 {
            siblings.extend(level.get(place ^ 1));
            level = up(&level);
            place /= 2;
        }
        Some(Path { index: u64::try_from(index).ok()?, count, siblings })
    }

    /// The root that it leads to from `own`; `None` where it has not the number of siblings that its shape asks for.
    pub fn root(&self, own: Digest) -> Option<Digest> {
        if self.index >= self.count {
            return None;
        }
        let (mut place, mut count, mut hash) = (self.index, self.count, own);
        let mut siblings = self.siblings.iter();
        while count > 1 {
            if place % 2 == 1 {
                hash = join(*siblings.next()?, hash);
            } else if place + 1 < count {
                hash = join(hash, *siblings.next()?);
            }
            place /= 2;
            count = count.div_ceil(2);
        }
        siblings.next().is_none().then_some(hash)
    }
}

/// Text columns of a line in the order of its canonical bytes. The first two never miss a value.
pub const TEXTS: [&str; 15] = [
    "voucher",
    "account",
    "number",
    "kind",
    "date",
    "line",
    "summary",
    "currency",
    "unit",
    "party",
    "product",
    "department",
    "project",
    "person",
    "closing",
];
/// Amount columns, after the texts. The first two never miss a value.
pub const AMOUNTS: [&str; 4] = ["debit", "credit", "foreign_amount", "quantity"];

/// What the first version of this format is called, and the most lines of one voucher that are read.
const FORMAT: &str = "taizhang-voucher-proof/1";
const LINES_MAX: usize = 100_000;

/// A disclosed voucher with the way to the root of its snapshot. The package that it is about names the root among its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct VoucherProof {
    /// Digest of the package's payload.
    pub payload: Digest,
    /// Book and period of the snapshot.
    pub book: String,
    /// Its period.
    pub period: String,
    /// The snapshot's root.
    pub root: Digest,
    /// The way there.
    pub path: Path,
    /// The voucher's lines: objects with the columns of `docs/specs/snapshot.md`; absent columns are left out; amounts are decimal texts.
    pub lines: Vec<Value>,
}

impl VoucherProof {
    /// Canonical bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Finding> {
        canonical::to_bytes(&json!({
            "format": FORMAT,
            "payload": self.payload.to_string(),
            "book": self.book,
            "period": self.period,
            "root": self.root.to_string(),
            "index": self.path.index,
            "count": self.path.count,
            "siblings": self.path.siblings.iter().map(Digest::to_string).collect::<Vec<_>>(),
            "lines": self.lines,
        }))
    }

    /// Reads one; whether it holds is said by [`VoucherProof::verify`].
    pub fn from_bytes(bytes: &[u8]) -> Result<VoucherProof, Finding> {
        let damaged = || Finding::error("voucher-proof-damaged");
        let value = canonical::from_bytes(bytes)?;
        let digest = |value: &Value| value.as_str().and_then(Digest::parse);
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let proof = (|| {
            (value["format"] == FORMAT).then_some(())?;
            Some(VoucherProof {
                payload: digest(&value["payload"])?,
                book: text("book")?,
                period: text("period")?,
                root: digest(&value["root"])?,
                path: Path {
                    index: value["index"].as_u64()?,
                    count: value["count"].as_u64()?,
                    siblings: value["siblings"].as_array()?.iter().map(digest).collect::<Option<_>>()?,
                },
                lines: value["lines"].as_array().filter(|lines| lines.len() <= LINES_MAX)?.clone(),
            })
        })();
        let proof = proof.ok_or_else(damaged)?;
        if proof.to_bytes()? == bytes { Ok(proof) } else { Err(damaged()) }
    }

    /// Checks that the lines are those of one voucher whose leaf leads to the root. Whether that root is the evidence of the package is for the
    /// caller to look up there.
    pub fn verify(&self) -> Result<(), Finding> {
        let mut lines =
            self.lines.iter().map(line).collect::<Option<Vec<_>>>().ok_or_else(|| Finding::error("voucher-proof-damaged"))?;
        let one = self.lines.first().is_some_and(|first| self.lines.iter().all(|line| line["voucher"] == first["voucher"]));
        if !one {
            return Err(Finding::error("voucher-proof-damaged"));
        }
        let own = leaf(&self.period, &mut lines);
        if self.path.root(own) == Some(self.root) { Ok(()) } else { Err(Finding::error("voucher-proof-wrong")) }
    }
}

/// A line as a proof shows it: what is absent is left out.
pub fn shown(texts: [Option<&str>; TEXTS.len()], amounts: [Option<model::Amount>; AMOUNTS.len()]) -> Value {
    let texts = TEXTS.into_iter().zip(texts).filter_map(|(name, text)| Some((name.to_owned(), json!(text?))));
    let amounts =
        AMOUNTS.into_iter().zip(amounts).filter_map(|(name, amount)| Some((name.to_owned(), json!(amount?.to_string()))));
    Value::Object(texts.chain(amounts).collect())
}

/// Canonical bytes of a disclosed line; `None` where a column is strange or not as it is written.
fn line(value: &Value) -> Option<Vec<u8>> {
    let object = value.as_object()?;
    object.keys().all(|name| TEXTS.contains(&name.as_str()) || AMOUNTS.contains(&name.as_str())).then_some(())?;
    let mut bytes = Vec::new();
    for name in TEXTS {
        put_text(&mut bytes, object.get(name).map(|text| text.as_str().ok_or(())).transpose().ok()?);
    }
    for name in AMOUNTS {
        let amount = |text: &Value| text.as_str()?.parse::<model::Amount>().ok();
        let units = object.get(name).map(|text| amount(text).ok_or(())).transpose().ok()?;
        put_amount(&mut bytes, units.map(model::Amount::units));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_leads_to_the_root() {
        for count in 1..40_u8 {
            let leaves: Vec<Digest> = (0..count).map(|number| Digest::of(&[number])).collect();
            let whole = root(leaves.clone());
            for own in &leaves {
                let path = Path::find(leaves.clone(), *own).unwrap();
                assert_eq!(path.root(*own), Some(whole));
                assert_ne!(path.root(Digest::of(b"other")), Some(whole));
                let longer = Path { siblings: [&path.siblings[..], &[whole]].concat(), ..path.clone() };
                assert_eq!(longer.root(*own), None);
                assert_eq!(Path { index: u64::from(count), ..path }.root(*own), None);
            }
            assert_eq!(Path::find(leaves, Digest::of(b"other")), None);
        }
    }

    #[test]
    fn order_of_delivery_changes_nothing_and_content_does() {
        let (a, b, c) = (Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"c"));
        assert_eq!(root(vec![a, b, c]), root(vec![c, a, b]));
        assert_ne!(root(vec![a, b, c]), root(vec![a, b]));
        assert_ne!(root(vec![a, b]), root(vec![a, b, b]));
        assert_eq!(root(Vec::new()), Digest::of(b""));
        let lines = || vec![b"1".to_vec(), b"2".to_vec()];
        let mut turned = lines();
        turned.reverse();
        assert_eq!(leaf("2025-01", &mut lines()), leaf("2025-01", &mut turned));
        assert_ne!(leaf("2025-01", &mut lines()), leaf("2025-02", &mut lines()));
    }
}
