//! What can be computed from sums: linear algebra over a prime field.

use std::collections::{HashMap, HashSet};

/// 2⁶¹ − 1. Whatever is a combination of sums over the rationals is one here, unless a denominator is a multiple of it: then a sum would be
/// admitted that should not; with tables of zeros and ones of this size none is.
const PRIME: u64 = (1 << 61) - 1;

fn times(a: u64, b: u64) -> u64 {
    // Below 2^61 each; the remainder fits.
    u64::try_from(u128::from(a) * u128::from(b) % u128::from(PRIME)).unwrap_or_default()
}

const fn minus(a: u64, b: u64) -> u64 {
    if a >= b { a - b } else { a + PRIME - b }
}

const fn plus(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

fn inverse(a: u64) -> u64 {
    // Fermat.
    let (mut power, mut base, mut result) = (PRIME - 2, a, 1);
    while power > 0 {
        if power & 1 == 1 {
            result = times(result, base);
        }
        base = times(base, base);
        power >>= 1;
    }
    result
}

/// The span of sums that are given, and what must not lie in it.
pub struct Span {
    least: usize,
    /// Independent sums, each with its pivot, one there and zero at the pivots of those before.
    basis: Vec<(usize, Vec<u64>)>,
    /// What must not be computed, without what the basis says of it; zero where it can be computed.
    targets: Vec<Vec<u64>>,
    /// Those of the targets that are one atom of fewer units than the least: how many it has.
    small: Vec<(usize, usize)>,
    atoms: usize,
    /// A random-looking number for each atom: a combination of vectors has the same combination of marks.
    marks: Vec<u64>,
}

impl Span {
    /// Nothing given, of atoms with so many units each: nobody may compute what fewer than `least` units have together.
    pub fn new(sizes: &[usize], least: usize) -> Span {
        let atoms = sizes.len();
        let mut span =
            Span { least, basis: Vec::new(), targets: Vec::new(), small: Vec::new(), atoms, marks: Vec::with_capacity(atoms) };
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for (at, size) in sizes.iter().enumerate() {
            // SplitMix64: marks need only be unlike each other.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            span.marks.push((mixed ^ (mixed >> 31)) % PRIME);
            if *size < least {
                span.small.push((span.targets.len(), *size));
                let mut vector = vec![0; atoms];
                vector[at] = 1;
                span.targets.push(vector);
            }
        }
        span
    }

    /// That nobody may compute this sum.
    pub fn protect(&mut self, sum: &[bool]) {
        let rest = self.reduced(sum.iter().map(|is| u64::from(*is)).collect());
        self.targets.push(rest);
    }

    /// Gives a sum, unless it tells on somebody then; whether it was given.
    pub fn admit(&mut self, sum: &[bool]) -> bool {
        let mut rest = self.reduced(sum.iter().map(|is| u64::from(*is)).collect());
        let Some(pivot) = rest.iter().position(|value| *value != 0) else {
            // Whoever has the others has this one.
            return true;
        };
        let scale = inverse(rest[pivot]);
        rest.iter_mut().for_each(|value| *value = times(*value, scale));
        let next: Vec<Vec<u64>> = self.targets.iter().map(|target| without(target, pivot, &rest)).collect();
        if self.tells(&next) {
            return false;
        }
        self.targets = next;
        self.basis.push((pivot, rest));
        true
    }

    fn reduced(&self, mut vector: Vec<u64>) -> Vec<u64> {
        vector.resize(self.atoms, 0);
        for (pivot, known) in &self.basis {
            vector = without(&vector, *pivot, known);
        }
        vector
    }

    /// Whether some target is computed, or the sum of small atoms that have fewer units together than the least.
    fn tells(&self, targets: &[Vec<u64>]) -> bool {
        if targets.iter().any(|target| target.iter().all(|value| *value == 0)) {
            return true;
        }
        let mark = |scale: u64, target: &[u64]| {
            let own = target.iter().zip(&self.marks).filter(|(value, _)| **value != 0);
            times(scale, own.fold(0, |sum, (value, mark)| plus(sum, times(*value, *mark))))
        };
        // Two single units that point the same way: whoever is one of them could compute the other from the own part.
        let mut ways = HashSet::new();
        let single = |(at, size): &(usize, usize)| (*size == 1).then_some(targets[*at].as_slice());
        if self.small.iter().filter_map(single).any(|target| {
            let first = target.iter().copied().find(|value| *value != 0).unwrap_or(1);
            !ways.insert(mark(inverse(first), target))
        }) {
            return true;
        }
        let small: Vec<(u64, usize)> = self.small.iter().map(|(at, size)| (mark(1, &targets[*at]), *size)).collect();
        together(&small, self.least)
    }
}

/// Whether two or more of these, with fewer units together than the least, add up to nothing: marks do where vectors do.
fn together(small: &[(u64, usize)], least: usize) -> bool {
    // Sums so far that more can be added to, by their mark: the fewest units that have it.
    let mut sums: HashMap<u64, usize> = HashMap::new();
    for (mark, size) in small {
        let joined: Vec<(u64, usize)> =
            sums.iter().map(|(known, units)| (plus(*known, *mark), units + size)).filter(|(_, units)| *units < least).collect();
        if joined.iter().any(|(mark, _)| *mark == 0) {
            return true;
        }
        for (mark, units) in joined.into_iter().chain([(*mark, *size)]).filter(|(_, units)| units + 1 < least) {
            sums.entry(mark).and_modify(|known| *known = (*known).min(units)).or_insert(units);
        }
    }
    false
}

/// A vector without its part along another that has a one at `pivot`.
fn without(vector: &[u64], pivot: usize, other: &[u64]) -> Vec<u64> {
    let factor = vector[pivot];
    if factor == 0 {
        return vector.to_vec();
    }
    vector
        .iter()
        .zip(other)
        .map(|(value, other)| if *other == 0 { *value } else { minus(*value, times(factor, *other)) })
        .collect()
}
