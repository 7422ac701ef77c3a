/*! What is given away tells on nobody: an attacker with exact linear algebra, in another language, tries to compute what units reported. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

use std::{
    io::Write,
    process::{Command, Stdio},
};

use bureau::release::{Asked, Fate, Policy, Unplanned, plan};
use serde_json::{Value, json};

/// A number that looks like chance and is the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Units in towns and trades, and what they reported.
struct County {
    towns: Vec<u64>,
    trades: Vec<u64>,
    revenue: Vec<Option<i128>>,
}

impl County {
    fn new(seed: u64, units: usize) -> County {
        let mut chance = Chance(seed);
        let towns = (0..units).map(|_| chance.below(4)).collect();
        let trades = (0..units).map(|_| chance.below(4)).collect();
        let size = |chance: &mut Chance| 10_i128.pow(2 + chance.below(4) as u32) + i128::from(chance.below(90));
        let revenue = (0..units).map(|_| (chance.below(20) != 0).then(|| size(&mut chance))).collect();
        County { towns, trades, revenue }
    }

    /// The table of towns and trades with both margins and the whole, without empty sums.
    fn table(&self, there: &dyn Fn(usize) -> bool) -> Vec<Vec<usize>> {
        let mut sets = Vec::new();
        for town in [None, Some(0), Some(1), Some(2), Some(3)] {
            for trade in [None, Some(0), Some(1), Some(2), Some(3)] {
                let of = |unit: &usize| {
                    there(*unit)
                        && town.is_none_or(|town| self.towns[*unit] == town)
                        && trade.is_none_or(|trade| self.trades[*unit] == trade)
                };
                sets.push((0..self.towns.len()).filter(of).collect::<Vec<_>>());
            }
        }
        sets.retain(|set| !set.is_empty());
        sets
    }
}

fn attack(cases: &[Value]) -> Vec<Vec<Vec<usize>>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/release.py");
    let mut python = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(serde_json::to_string(cases).unwrap().as_bytes()).unwrap();
    let out = python.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

const POLICY: Policy = Policy { least: 3, percent: 10 };

#[test]
fn no_release_tells_what_a_unit_reported_alone_or_with_those_before() {
    let (mut cases, mut naive) = (Vec::new(), Vec::new());
    let (mut shown, mut all, mut hidden, mut refused) = (0, 0, 0, 0);
    for seed in 0..24 {
        let county = County::new(seed, 22);
        let rows = [county.revenue.clone()];
        // Some reports arrive after the first release, and one unit leaves before the second.
        let early = |unit: usize| unit % 7 != 3;
        let late = |unit: usize| unit % 11 != 5;
        let mut given: Vec<Vec<usize>> = Vec::new();
        for there in [&early as &dyn Fn(usize) -> bool, &late] {
            let sets = county.table(there);
            let asked = Asked { units: 22, sets: &sets, earlier: &given, rows: &rows };
            let fates = match plan(POLICY, &asked) {
                Ok(fates) => fates,
                Err(Unplanned::Exposed) => {
                    refused += 1;
                    continue;
                }
                Err(other) => panic!("{other}"),
            };
            let of = |wanted: &dyn Fn(Fate) -> bool| -> Vec<Vec<usize>> {
                sets.iter().zip(&fates).filter(|(_, fate)| wanted(**fate)).map(|(set, _)| set.clone()).collect()
            };
            let kept = of(&|fate| matches!(fate, Fate::Few | Fate::Dominated));
            let fit = of(&|fate| matches!(fate, Fate::Shown | Fate::Complementary));
            naive.push(json!({ "units": 22, "least": 3, "given": fit, "kept": kept }));
            given.extend(of(&|fate| fate == Fate::Shown));
            shown += of(&|fate| fate == Fate::Shown).len();
            hidden += of(&|fate| fate == Fate::Complementary).len();
            all += sets.len();
            cases.push(json!({ "units": 22, "least": 3, "given": given, "kept": kept }));
        }
    }
    for (at, told) in attack(&cases).iter().enumerate() {
        assert!(told.is_empty(), "{}: {told:?}", cases[at]);
    }
    // The attacker is one: what is fit by itself tells on somebody together, in most counties.
    let naive = attack(&naive).iter().filter(|told| !told.is_empty()).count();
    assert!(naive * 2 > cases.len(), "{naive} of {}", cases.len());
    // And something is left to read.
    assert!(shown > 2 * hidden && hidden > 0, "{shown} shown, {hidden} hidden of {all}");
    assert!(refused <= 12, "{refused}");
}

#[test]
fn thresholds_are_what_they_say() {
    // Ten units, of which the first two are nearly all: 1000 + 900 + 8 × 12 = 1996; the others are 96 < 10 % of 1000.
    let mut row: Vec<Option<i128>> = vec![Some(12); 10];
    (row[0], row[1]) = (Some(1000), Some(900));
    let all: Vec<usize> = (0..10).collect();
    let fate = |rows: &[Vec<Option<i128>>], set: &[usize]| {
        plan(POLICY, &Asked { units: 10, sets: &[set.to_vec()], earlier: &[], rows }).unwrap()[0]
    };
    assert_eq!(fate(&[row.clone()], &all), Fate::Dominated);
    row[2] = Some(16);
    assert_eq!(fate(&[row.clone()], &all), Fate::Shown, "100 of 1000 is 10 per cent");
    assert_eq!(fate(&[row.clone()], &all[..2]), Fate::Few);
    // A loss is as telling as a gain of the same size.
    row[0] = Some(-1000);
    row[2] = Some(12);
    assert_eq!(fate(&[row], &all), Fate::Dominated);
    // Where nobody has anything, everybody's part is known; where two report, there are two.
    assert_eq!(fate(&[vec![Some(0); 10]], &all), Fate::Dominated);
    let two: Vec<Option<i128>> = (0..10).map(|unit| (unit < 2).then_some(5)).collect();
    assert_eq!(fate(&[two], &all), Fate::Few);
    // Rows that equations tie together have one fate.
    assert_eq!(fate(&[vec![Some(5); 10], vec![Some(0); 10]], &all), Fate::Dominated);
    let lax = Policy { least: 2, percent: 10 };
    let nothing = Asked { units: 0, sets: &[], earlier: &[], rows: &[] };
    assert_eq!(plan(lax, &nothing), Err(Unplanned::Thresholds));
}

#[test]
fn a_total_and_all_towns_but_one_do_not_give_the_last_town() {
    // Four towns of five, five, five and two units; the last is too small, and with the others and the total it would be known.
    let towns: Vec<Vec<usize>> = vec![(0..5).collect(), (5..10).collect(), (10..15).collect(), vec![15, 16]];
    let mut sets = vec![(0..17).collect::<Vec<_>>()];
    sets.extend(towns);
    let row: Vec<Option<i128>> = (0..17).map(|unit| Some(100 + unit)).collect();
    let fates = plan(POLICY, &Asked { units: 17, sets: &sets, earlier: &[], rows: &[row] }).unwrap();
    let count = |fate: Fate| fates.iter().filter(|own| **own == fate).count();
    assert_eq!([count(Fate::Shown), count(Fate::Complementary), count(Fate::Few)], [3, 1, 1]);
    assert_eq!(fates[0], Fate::Shown, "the total is what a reader needs first");
}
