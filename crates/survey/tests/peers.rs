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
        let least = ["0", "0.1", "0.3"][round / 2 % 3];
        let set = HidiroglouBerthelot { u_quarters, a: amount(a), c: amount(c), least: amount(least) };
        ours[0].push(peers::hidiroglou_berthelot(&pairs, &set).unwrap());
        asked["hb"].as_array_mut().unwrap().push(json!({ "pairs": texts, "u": u_quarters, "a": a, "c": c, "least": least }));
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
    let set = HidiroglouBerthelot { u_quarters: 2, a: amount("0"), c: amount("4"), least: Amount::ZERO };
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

/// Forms that are filled for each sort of energy are compared sort by sort, and a ratio may take its sides from two forms.
#[test]
fn repeated_rows_are_compared_by_their_code_and_ratios_across_forms() {
    use survey::{
        Form,
        audit::{Outside, Papers},
        document::{Cell, Column, Columns, Draft},
        quality::among::{Plan, Said},
    };
    let forms: Vec<Form> = ["205-1", "B204-1"]
        .map(|code| {
            let text = survey::FORMS.iter().find(|(_, known, _)| *known == code).unwrap().2;
            Form::parse(code, text).0.unwrap()
        })
        .into();
    let month = Month::new(2025, 3).unwrap();
    let mut set = Thresholds::parse("quality.toml", THRESHOLDS).0.unwrap().peers;
    set.ratios.push(Among {
        id: "coal-to-output".to_owned(),
        forms: vec!["205-1".to_owned()],
        left: "[B204-1:01]".to_owned(),
        right: "[total]".to_owned(),
        least: amount("1000"),
        most: amount("9000"),
        text: String::new(),
    });
    let (plan, findings) = Plan::new(&forms[0], &set, month);
    assert_eq!(findings, []);
    assert_eq!((plan.before(), plan.others().iter().map(String::as_str).collect::<Vec<_>>()), (month.plus(-1), vec!["B204-1"]));
    let cell = |id: &str, repeats: Option<&str>, alone: i128, whole: i128| {
        let column = |value: i128| Some(Column { value: Some(value.to_string()), status: "ok".to_owned(), ..Column::default() });
        let columns = Columns { this_month: column(alone), cumulative: column(whole), ..Columns::default() };
        Cell { id: id.to_owned(), repeats: repeats.map(str::to_owned), columns, ..Cell::default() }
    };
    let document = |form: &str, period: &str, cells: Vec<Cell>| Draft {
        form: form.to_owned(),
        period: period.to_owned(),
        cells,
        ..Draft::default()
    };
    let outside = Outside::default();
    let said: Vec<Said> = (0..14_i128)
        .map(|unit| {
            // Unit 4 burns nine times the electricity of last month; unit 9 uses no coal; unit 11 makes too much of its energy.
            let power = 100 + unit * 10;
            let now = if unit == 4 { power * 9 } else { power + unit % 3 };
            let mut cells = vec![cell("电力.c5", Some("c5"), now, 3 * now), cell("total", None, 50, 100)];
            if unit != 9 {
                cells.push(cell("原煤.c5", Some("c5"), 40, 80));
            }
            let before = vec![cell("电力.c5", Some("c5"), power, 2 * power), cell("原煤.c5", Some("c5"), 40, 40)];
            let output = if unit == 11 { 2000 } else { 300 };
            let drafts = [
                document("205-1", "2025-03", cells),
                document("205-1", "2025-02", before),
                document("B204-1", "2025-03", vec![cell("01", None, 0, output)]),
            ];
            plan.read(&Papers::new(&forms, "205-1", &drafts, &outside))
        })
        .collect();
    let (hits, spreads) = plan.screen(&said);
    let shown: Vec<(&str, usize, String)> =
        hits.iter().map(|hit| (hit.id.as_str(), hit.unit, hit.ratio.unwrap().to_string())).collect();
    // 2,000 千元 of output for 100 tonnes: 20,000 元 for a tonne; the others have 3,000.
    assert_eq!(shown, [("205-1:电力.c5", 4, "9".to_owned()), ("coal-to-output", 11, "20000".to_owned())]);
    let of = |id: &str| spreads.iter().find(|spread| spread.id == id).map(|spread| (spread.units, spread.screened)).unwrap();
    assert_eq!((of("205-1:电力.c5"), of("205-1:原煤.c5"), of("coal-to-output")), ((14, true), (13, true), (14, true)));
}
