//! Outlier screens agree with a computation in another language, from the published formulas, in rational arithmetic.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use common::next;
use model::{Amount, Month};
use serde_json::{Value, json};
use survey::quality::{
    Among, Compare, HidiroglouBerthelot, MedianMad, THRESHOLDS, Thresholds,
    peers::{self, Screened},
    robust,
    series::{self, Point, Series, Sides},
};

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// A figure of a made unit: of very different sizes, with some that stand out.
fn figure(seed: &mut u64) -> Amount {
    let size = 10_i128.pow((next(seed) % 6) as u32 + 1);
    Amount::from_units((i128::from(next(seed)) % size + 1) * 1_000_000_000 + i128::from(next(seed) % 100) * 10_000_000)
}

fn grown(value: Amount, seed: &mut u64) -> Amount {
    let wild = next(seed).is_multiple_of(20);
    let percent = if wild { next(seed) % 900 } else { 80 + next(seed) % 40 };
    value.checked_mul(Amount::from_units(i128::from(percent) * 10_000_000)).unwrap()
}

fn python(script: &str, asked: &Value) -> Value {
    let script = format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The same units, the same verdicts, and scores that differ by a thousandth at most: ratios with nine decimals are multiplied by sizes.
fn same(screened: &[Screened], other: &Value, what: &str) -> usize {
    let other = other.as_array().unwrap();
    assert_eq!(screened.len(), other.len(), "{what}");
    for (ours, theirs) in screened.iter().zip(other) {
        assert_eq!(ours.unit as u64, theirs[0].as_u64().unwrap(), "{what}");
        assert_eq!(ours.outlier, theirs[2].as_bool().unwrap(), "{what}: {ours:?} {theirs}");
        let apart = robust::size(ours.score.checked_sub(amount(theirs[1].as_str().unwrap())).unwrap()).unwrap();
        let most = ours.score.div_round(1000, 9).unwrap().max(amount("0.001"));
        assert!(apart <= most, "{what}: {ours:?} {theirs}");
    }
    screened.iter().filter(|screened| screened.outlier).count()
}

#[test]
fn screens_agree_with_another_language() {
    let mut seed = 1986;
    let mut asked = json!({ "hb": [], "mad": [], "ratio": [] });
    let mut ours = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..40_usize {
        let count = 5 + round * 7;
        let pairs: Vec<(Amount, Amount)> = (0..count)
            .map(|_| {
                let before = figure(&mut seed);
                let now = grown(before, &mut seed);
                // Some units were not there before, or are not now.
                match next(&mut seed) % 15 {
                    0 => (Amount::ZERO, now),
                    1 => (before, Amount::ZERO),
                    _ => (before, now),
                }
            })
            .collect();
        let texts: Vec<[String; 2]> = pairs.iter().map(|(a, b)| [a.to_string(), b.to_string()]).collect();
        let (u_quarters, a, c) = ((round % 5) as u8, ["0.05", "0", "0.1"][round % 3], ["4", "7", "20"][round / 3 % 3]);
        let set = HidiroglouBerthelot { u_quarters, a: amount(a), c: amount(c) };
        ours[0].push(peers::hidiroglou_berthelot(&pairs, &set).unwrap());
        asked["hb"].as_array_mut().unwrap().push(json!({ "pairs": texts, "u": u_quarters, "a": a, "c": c }));
        let values: Vec<Amount> = pairs.iter().map(|(_, now)| *now).collect();
        let most = ["3.5", "2.24", "10"][round % 3];
        ours[1].push(peers::median_mad(&values, &MedianMad { most: amount(most) }).unwrap());
        let texts_of: Vec<String> = values.iter().map(ToString::to_string).collect();
        asked["mad"].as_array_mut().unwrap().push(json!({ "values": texts_of, "most": most }));
        let edit = Among { least: amount("0.7"), most: amount("1.3"), ..Among::default() };
        ours[2].push(peers::ratio(&pairs, &edit));
        asked["ratio"].as_array_mut().unwrap().push(json!({ "pairs": texts, "least": "0.7", "most": "1.3" }));
    }
    let theirs = python("peers.py", &asked);
    for (kind, ours) in ["hb", "mad", "ratio"].into_iter().zip(ours) {
        let outliers: usize = ours
            .iter()
            .enumerate()
            .map(|(round, screened)| same(screened, &theirs[kind][round], &format!("{kind} {round}")))
            .sum();
        assert!(outliers > 50, "{kind}: {outliers} outliers: agreement would show nothing");
    }
}

#[test]
fn roots_are_the_largest_whose_square_is_not_above() {
    for (value, expected) in [("0", "0"), ("4", "2"), ("2", "1.414213562"), ("0.000000001", "0.000031622"), ("1000000", "1000")] {
        assert_eq!(robust::root(amount(value)), Some(amount(expected)), "{value}");
    }
    assert_eq!(robust::root(amount("-1")), None);
    assert_eq!(robust::power(amount("16"), 3), Some(amount("8")));
}

#[test]
fn units_that_are_alike_are_not_screened() {
    let alike = [amount("5"), amount("5"), amount("5"), amount("5"), amount("900")];
    assert_eq!(peers::median_mad(&alike, &MedianMad { most: amount("3.5") }), Some(Vec::new()));
    let set = HidiroglouBerthelot { u_quarters: 2, a: amount("0"), c: amount("4") };
    assert_eq!(peers::hidiroglou_berthelot(&[], &set), Some(Vec::new()));
}

/// A series of a flow from the amounts of its months in 2025.
fn months(amounts: &[i128]) -> Series {
    let mut sum = 0;
    let points = (1..).zip(amounts).map(|(month, alone)| {
        sum += alone;
        let whole = |value: i128| Amount::from_whole(value);
        Point { month: Month::new(2025, month).unwrap(), alone: whole(*alone), to_date: whole(sum), prior_year: None }
    });
    Series { form: "B203".to_owned(), code: "301".to_owned(), flow: true, points: points.collect(), ..Series::default() }
}

fn codes(series: &Series, month: u8) -> Vec<String> {
    let set = Thresholds::parse("quality.toml", THRESHOLDS).0.unwrap();
    let flags = series::screen(series, Month::new(2025, month).unwrap(), &set);
    flags.into_iter().map(|flag| flag.finding.code.into_owned()).collect()
}

#[test]
fn a_series_tells_what_moved_and_nothing_else() {
    let quiet = months(&[1000, 1040, 980, 1010, 1100, 950, 1005, 990, 1020]);
    assert_eq!(codes(&quiet, 9), [""; 0]);
    let jumped = months(&[1000, 1040, 980, 1010, 1100, 950, 1005, 990, 1700]);
    assert_eq!(codes(&jumped, 9), ["quality-month-on-month", "quality-outlier"]);
    // Small figures may do what they like.
    assert_eq!(codes(&months(&[10, 40]), 2), [""; 0]);
    let mut late = months(&[1000, 1040, 980]);
    late.points[1].to_date = Amount::from_whole(2030);
    assert_eq!(codes(&late, 3), ["quality-carry-forward"]);
    late.points[1].to_date = Amount::from_whole(2041);
    assert_eq!(codes(&late, 3), [""; 0], "one thousand is what rounding can do");
    let mut yearly = months(&[1000, 1040]);
    yearly.points[1].prior_year = Amount::from_whole(1300);
    assert_eq!(codes(&yearly, 2), ["quality-year-on-year"]);
    yearly.points[1].prior_year = Amount::from_whole(1400);
    assert_eq!(codes(&yearly, 2), [""; 0]);
    let from_nothing = months(&[0, 500]);
    assert_eq!(codes(&from_nothing, 2), ["quality-month-on-month"]);
}

#[test]
fn no_screen_of_ones_own_series_says_what_would_be_expected() {
    let set = Thresholds::parse("quality.toml", THRESHOLDS).0.unwrap();
    let jumped = months(&[1000, 1040, 980, 1010, 1100, 950, 1005, 990, 1700]);
    let own: Vec<Amount> = jumped.points.iter().filter_map(|point| point.alone).collect();
    for flag in series::screen(&jumped, Month::new(2025, 9).unwrap(), &set) {
        // Every amount that is shown is one of the unit's own figures.
        assert!(flag.facts.iter().all(|(_, value)| own.contains(value)), "{flag:?}");
        let median = robust::median(&own).unwrap().to_string();
        assert!(flag.finding.arguments.iter().all(|(_, text)| !text.contains(&median)), "{flag:?}");
    }
}

#[test]
fn coordination_agrees_with_another_language_and_says_only_what_was_given() {
    let month = Month::new(2026, 2).unwrap();
    let mut set = Thresholds::parse("quality.toml", THRESHOLDS).0.unwrap().coordination;
    let mut seed = 41;
    let (mut cases, mut ours, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3000 {
        let at = next(&mut seed) as usize % set.len();
        let left = figure(&mut seed);
        let right = grown(left, &mut seed);
        let before = [left, right].map(|value| grown(value, &mut seed));
        let mut figures = [left, right, before[0], before[1]].map(Some);
        match next(&mut seed) % 12 {
            0 => figures[next(&mut seed) as usize % 4] = None,
            1 => figures[next(&mut seed) as usize % 4] = Some(Amount::ZERO),
            2 => figures[next(&mut seed) as usize % 4] = amount("-120.5").into(),
            _ => {}
        }
        let name = match set[at].compare {
            Compare::Level => "level",
            Compare::Growth => "growth",
            Compare::Change => "change",
        };
        let mut case = vec![json!(name), json!(set[at].most.to_string())];
        case.extend(figures.iter().map(|figure| json!(figure.map(|figure| figure.to_string()))));
        asked.push(Value::Array(case));
        let sides = Sides { now: (figures[0], figures[1]), before: (figures[2], figures[3]) };
        cases.push((at, figures));
        ours.push(series::coordination(&set[at], &sides, month));
    }
    let theirs = python("coordination.py", &Value::Array(asked));
    let mut seen = [0; 3];
    for (((at, figures), ours), theirs) in cases.iter().zip(&ours).zip(theirs.as_array().unwrap()) {
        let Some(flag) = ours else {
            assert!(theirs.is_null(), "{} of {figures:?}: {theirs}", set[*at].id);
            continue;
        };
        assert_eq!(flag.kind, "coordination");
        seen[set[*at].compare as usize] += 1;
        match (&flag.score, theirs) {
            (None, Value::String(other)) => assert_eq!(other, "—"),
            (Some(score), Value::String(other)) => {
                // Quotients have nine decimals, so that a ratio of ratios is good to about a hundred thousandth of itself.
                let apart = robust::size(score.checked_sub(amount(other)).unwrap()).unwrap();
                let most = score.div_round(100_000, 9).unwrap().max(amount("0.00001"));
                assert!(apart <= most, "{flag:?} {other}");
            }
            _ => panic!("{} of {figures:?}: {flag:?} {theirs}", set[*at].id),
        }
        // No amount is shown but those that were given: nothing is expected, and no way is pointed.
        assert!(flag.facts.iter().all(|(_, value)| figures.contains(&Some(*value))), "{flag:?}");
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    // What is missing is passed over, and a threshold is a line, not a size.
    set.retain(|set| set.compare == Compare::Level);
    let sides = |left: &str, right: Option<&str>| Sides { now: (Some(amount(left)), right.map(amount)), ..Sides::default() };
    assert_eq!(series::coordination(&set[0], &sides("100", None), month), None);
    assert_eq!(series::coordination(&set[0], &sides("130", Some("100")), month), None);
    assert!(series::coordination(&set[0], &sides("130.01", Some("100")), month).is_some());
}
