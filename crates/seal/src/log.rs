/*!
The Merkle tree of RFC 6962: roots, inclusion and consistency proofs.

Complete subtrees are named by their level (0 for leaves) and their index on it, and never change once they are there; whoever keeps a log keeps them
([`append`] says which are new) and hands them in through [`Nodes`]. So a proof costs a logarithm of the log, not the log.
*/

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// Complete subtrees of a log.
pub trait Nodes {
    /// The hash of the subtree over the leaves `index·2^level` to `(index+1)·2^level`.
    fn node(&self, level: u32, index: u64) -> Option<Digest>;
}

impl Nodes for HashMap<(u32, u64), Digest> {
    fn node(&self, level: u32, index: u64) -> Option<Digest> {
        self.get(&(level, index)).copied()
    }
}

/// Hash of a leaf.
pub fn leaf(data: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

fn join(left: Digest, right: Digest) -> Digest {
    Digest(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The complete subtrees that a leaf makes as the log grows from `size` by one, from the leaf up. `None` where a node is not there.
pub fn append(nodes: &impl Nodes, size: u64, leaf: Digest) -> Option<Vec<(u32, u64, Digest)>> {
    let mut new = vec![(0, size, leaf)];
    let (mut level, mut index, mut hash) = (0, size, leaf);
    while index % 2 == 1 {
        hash = join(nodes.node(level, index - 1)?, hash);
        level += 1;
        index /= 2;
        new.push((level, index, hash));
    }
    Some(new)
}

/// Root of the first `size` leaves; that of none is the hash of nothing.
pub fn root(nodes: &impl Nodes, size: u64) -> Option<Digest> {
    if size == 0 { Some(Digest::of(b"")) } else { subtree(nodes, 0, size) }
}

/// Hash over the leaves from `begin` to `end`, where `begin` is a multiple of the power of two that holds them all.
fn subtree(nodes: &impl Nodes, begin: u64, end: u64) -> Option<Digest> {
    let count = end - begin;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(level, begin >> level);
    }
    let left = split(count);
    Some(join(subtree(nodes, begin, begin + left)?, subtree(nodes, begin + left, end)?))
}

/// The largest power of two below a count of two or more.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// Proof that the leaf at `index` is among the first `size`: siblings from the leaf up.
pub fn inclusion(nodes: &impl Nodes, index: u64, size: u64) -> Option<Vec<Digest>> {
    if index >= size {
        return None;
    }
    let (mut begin, mut end, mut proof) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            proof.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree(nodes, begin, middle)?);
            begin = middle;
        }
    }
    proof.reverse();
    Some(proof)
}

/// Proof that the first `old` leaves of a log are the first of `new`.
pub fn consistency(nodes: &impl Nodes, old: u64, new: u64) -> Option<Vec<Digest>> {
    if old > new {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let (mut begin, mut end, mut proof) = (0, new, Vec::new());
    while old != end {
        let middle = begin + split(end - begin);
        if old <= middle {
            proof.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree(nodes, begin, middle)?);
            begin = middle;
        }
    }
    // The old root itself is known where the old log is a complete subtree at the left edge.
    if begin != 0 {
        proof.push(subtree(nodes, begin, end)?);
    }
    proof.reverse();
    Some(proof)
}

/// Whether a proof leads from `leaf` at `index` to the root of `size` leaves (RFC 9162, 2.1.3.2).
pub fn includes(leaf: Digest, index: u64, size: u64, proof: &[Digest], root: Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if place % 2 == 1 || place == last {
            hash = join(*sibling, hash);
            while place % 2 == 0 && place != 0 {
                place /= 2;
                last /= 2;
            }
        } else {
            hash = join(hash, *sibling);
        }
        place /= 2;
        last /= 2;
    }
    last == 0 && hash == root
}

/// Whether a proof shows that a log of `old` leaves grew to one of `new` (RFC 9162, 2.1.4.2).
pub fn consistent(old: (u64, Digest), new: (u64, Digest), proof: &[Digest]) -> bool {
    if old.0 > new.0 {
        return false;
    }
    if old.0 == 0 {
        return proof.is_empty() && old.1 == Digest::of(b"");
    }
    if old.0 == new.0 {
        return proof.is_empty() && old.1 == new.1;
    }
    let mut proof = proof.iter().copied();
    let first = if old.0.is_power_of_two() { Some(old.1) } else { proof.next() };
    let Some(first) = first else { return false };
    let (mut place, mut last) = (old.0 - 1, new.0 - 1);
    while place % 2 == 1 {
        place /= 2;
        last /= 2;
    }
    let (mut before, mut after) = (first, first);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if place % 2 == 1 || place == last {
            before = join(sibling, before);
            after = join(sibling, after);
            while place % 2 == 0 && place != 0 {
                place /= 2;
                last /= 2;
            }
        } else {
            after = join(after, sibling);
        }
        place /= 2;
        last /= 2;
    }
    last == 0 && before == old.1 && after == new.1
}

/// A whole log in memory.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: HashMap<(u32, u64), Digest>,
    size: u64,
}

impl Tree {
    /// An empty one.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        // All complete subtrees are there, so that none can be missing.
        for (level, index, hash) in append(&self.nodes, self.size, leaf).unwrap_or_default() {
            self.nodes.insert((level, index), hash);
        }
        self.size += 1;
    }
}

impl Nodes for Tree {
    fn node(&self, level: u32, index: u64) -> Option<Digest> {
        self.nodes.node(level, index)
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Tree {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Tree {
        let mut tree = Tree::new();
        entries.into_iter().for_each(|entry| tree.push(leaf(entry.as_ref())));
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries and roots of Certificate Transparency's own test data (RFC 6962 reference implementation).
    const ENTRIES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let tree: Tree = ENTRIES.iter().collect();
        let at = |size| root(&tree, size).unwrap().to_string();
        assert_eq!(at(0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(at(1), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(at(8), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn proofs_hold_and_others_do_not() {
        let tree: Tree = (0..70_u32).map(u32::to_be_bytes).collect();
        for size in 0..=70 {
            let whole = root(&tree, size).unwrap();
            for index in 0..size {
                let own = leaf(&u32::try_from(index).unwrap().to_be_bytes());
                let proof = inclusion(&tree, index, size).unwrap();
                assert!(includes(own, index, size, &proof, whole));
                assert!(!includes(own, (index + 1) % size, size, &proof, whole) || size == 1);
                assert!(!includes(leaf(b"other"), index, size, &proof, whole));
                assert!(!includes(own, index, size, &[&proof[..], &[whole]].concat(), whole));
            }
            for old in 0..=size {
                let before = root(&tree, old).unwrap();
                let proof = consistency(&tree, old, size).unwrap();
                assert!(consistent((old, before), (size, whole), &proof), "{old} {size}");
                let other = root(&tree, (old + 1) % 70).unwrap();
                assert!(!consistent((old, other), (size, whole), &proof), "{old} {size}");
                if !proof.is_empty() {
                    assert!(!consistent((old, before), (size, whole), &proof[1..]), "{old} {size}");
                }
            }
        }
        assert!(inclusion(&tree, 70, 70).is_none());
        assert!(consistency(&tree, 71, 70).is_none());
    }
}
