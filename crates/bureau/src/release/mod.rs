/*!
Which sums over units may be given away (统计资料共享): no sum, alone or together with sums that were given before, may let anybody compute what
one unit reported, or what fewer units than the least number reported together.

A sum is a set of units. What somebody knows who has some sums is every vector of their span; so each set is admitted only while no vector that
tells on somebody lies in the span of what is admitted and what was given before ([`Span`]). Sets are admitted in the order of their size: totals
are what a reader needs first. Rows of a form that its rules tie together by equations are planned together, with one pattern for all of them: who
has two of three could compute the third.

Only figures since January and balances are shared: sums of single months beside them would be differences of these.
*/

mod span;

pub use span::Span;

use std::collections::{BTreeMap, HashSet};

/// Thresholds of the bureau.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Fewest units of a sum, from 3: two know each other's part from their own.
    pub least: usize,
    /// Per cent of the largest unit that all but the two largest must reach together (p%-rule): else the second largest could estimate the
    /// largest too closely.
    pub percent: u32,
}

/// Most sums of one plan: what is asked for is a table that people read.
pub const MOST: usize = 2_000;

/// What becomes of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may be given.
    Shown,
    /// Too few units report it.
    Few,
    /// One unit stands for nearly all of it, or nobody has anything.
    Dominated,
    /// It is fit by itself, and together with other sums it would tell on somebody.
    Complementary,
}

/// What is asked for: one group of rows that equations tie together, of one form and period.
pub struct Asked<'a> {
    /// How many units there are; sets name them by number.
    pub units: usize,
    /// Sums that are wanted.
    pub sets: &'a [Vec<usize>],
    /// Sums that were given before of any row of the group.
    pub earlier: &'a [Vec<usize>],
    /// What each unit reported of each wanted row, in the row's smallest step; none where it did not.
    pub rows: &'a [Vec<Option<i128>>],
}

/// Why nothing can be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplanned {
    /// More sums than [`MOST`].
    #[error("{0} sums")]
    TooMany(usize),
    /// The thresholds protect nobody.
    #[error("at least 3 units and 1 per cent")]
    Thresholds,
    /// What was given before tells on somebody already: of the units that are there now, or by rows that were given apart.
    #[error("what was given before tells on somebody")]
    Exposed,
}

/// What becomes of each sum.
pub fn plan(policy: Policy, asked: &Asked<'_>) -> Result<Vec<Fate>, Unplanned> {
    if policy.least < 3 || policy.percent == 0 {
        return Err(Unplanned::Thresholds);
    }
    if asked.sets.len() + asked.earlier.len() > MOST {
        return Err(Unplanned::TooMany(asked.sets.len() + asked.earlier.len()));
    }
    let fates: Vec<Fate> = asked.sets.iter().map(|set| alone(policy, asked.rows, set)).collect();
    // Units that are in the same sums cannot be told apart: they are one variable.
    let mut signs = vec![Vec::new(); asked.units];
    for (at, set) in asked.sets.iter().chain(asked.earlier).enumerate() {
        for unit in set {
            if let Some(sign) = signs.get_mut(*unit).filter(|sign: &&mut Vec<usize>| sign.last() != Some(&at)) {
                sign.push(at);
            }
        }
    }
    let mut atoms: BTreeMap<&[usize], usize> = BTreeMap::new();
    signs.iter().filter(|sign| !sign.is_empty()).for_each(|sign| *atoms.entry(sign).or_default() += 1);
    let sizes: Vec<usize> = atoms.values().copied().collect();
    let vector = |of: usize| -> Vec<bool> { atoms.keys().map(|sign| sign.binary_search(&of).is_ok()).collect() };
    let mut span = Span::new(&sizes, policy.least);
    for (at, fate) in fates.iter().enumerate() {
        if *fate != Fate::Shown {
            span.protect(&vector(at));
        }
    }
    for at in 0..asked.earlier.len() {
        if !span.admit(&vector(asked.sets.len() + at)) {
            return Err(Unplanned::Exposed);
        }
    }
    let mut fates = fates;
    let units = |at: usize| asked.sets[at].iter().collect::<HashSet<_>>().len();
    let mut order: Vec<usize> = (0..fates.len()).filter(|at| fates[*at] == Fate::Shown).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(units(*at)), *at));
    for at in order {
        if !span.admit(&vector(at)) {
            fates[at] = Fate::Complementary;
        }
    }
    Ok(fates)
}

/// Whether a sum may be given where no other is.
fn alone(policy: Policy, rows: &[Vec<Option<i128>>], set: &[usize]) -> Fate {
    let set: HashSet<usize> = set.iter().copied().collect();
    if set.len() < policy.least {
        return Fate::Few;
    }
    let mut fate = Fate::Shown;
    for row in rows {
        let mut sizes: Vec<u128> =
            set.iter().filter_map(|unit| row.get(*unit).copied().flatten()).map(i128::unsigned_abs).collect();
        if sizes.len() < policy.least {
            return Fate::Few;
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let others = sizes[2..].iter().fold(0_u128, |sum, size| sum.saturating_add(*size));
        // Where all is nothing, everybody's part is known.
        if sizes[0] == 0 || others.saturating_mul(100) < sizes[0].saturating_mul(policy.percent.into()) {
            fate = Fate::Dominated;
        }
    }
    fate
}
