//! Another engine gives the same verdicts: rules written by hand as SQL, run by SQLite's own program on generated forms.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use common::{Key, Table, next, shipped};
use model::{Amount, Month};
use survey::audit::{self, Outcome, judge};

/// What the survey says of financial statements, as SQL over `a213` …, in 元. A figure that is not
/// there is NULL, and so is what cannot be said.
const FINANCE: &[(&str, &str)] = &[
    ("FIN-01", "a213 >= a205"),
    ("FIN-04", "a213 >= 0"),
    ("FIN-05", "a217 >= 0"),
    ("FIN-06", "a301 >= 0"),
    ("FIN-07", "a323 < a301"),
    ("FIN-08", "a402 >= 0"),
    ("FIN-10", "a307 <= 100 * a301"),
    // What rounding can do to k figures of whole thousands is k halves of one, in whole thousands: two of four, seven of fourteen.
    ("FIN-11", "abs(a327 - (a323 + coalesce(a325, 0) - coalesce(a326, 0))) <= 2000"),
    // Three figures of whole thousands can be rounded one thousand apart.
    ("FIN-13", "a201 - (a202 + a205) >= -1000"),
    ("FIN-14", "a205 >= a206"),
    (
        "FIN-19",
        "abs(a323 - (a301 - a307 - a309 - a312 - a313 - coalesce(a331, 0) - a317 - coalesce(a320, 0) - coalesce(a333, 0)
         + coalesce(a321, 0) + coalesce(a332, 0) + coalesce(a322, 0) + coalesce(a330, 0))) <= 7000",
    ),
    ("FIN-20", "a213 >= a201"),
];

/// Figures of one made unit, in 千元: mostly in order, sometimes not, sometimes missing.
fn unit(seed: &mut u64) -> BTreeMap<&'static str, i64> {
    let mut of = BTreeMap::new();
    let mut any = |most: u64| i64::try_from(next(seed) % most).unwrap();
    for code in ["202", "205", "301", "307"] {
        of.insert(code, any(4000));
    }
    for code in ["309", "312", "313", "317", "320", "321", "322", "325", "326", "330", "331", "332", "333"] {
        of.insert(code, any(90) - 10);
    }
    of.insert("206", of["205"] - any(3) * 50 + 40);
    of.insert("201", of["202"] + of["205"] + any(6) - 3);
    of.insert("213", of["201"] + any(3) * 1000 - 900);
    of.insert("217", any(3000) - 300);
    of.insert("402", any(300) - 60);
    let build = of["301"] - ["307", "309", "312", "313", "331", "317", "320", "333"].map(|code| of[code]).iter().sum::<i64>()
        + ["321", "332", "322", "330"].map(|code| of[code]).iter().sum::<i64>();
    of.insert("323", build + any(23) - 11);
    of.insert("327", of["323"] + of["325"] - of["326"] + any(9) - 4);
    let absent = ["325", "326", "331", "320", "321", "205", "402"];
    if any(3) == 0 {
        of.remove(absent[usize::try_from(any(7)).unwrap()]);
    }
    of
}

/// What SQLite says of each unit and rule: `1`, `0` or nothing.
fn sqlite(units: &[BTreeMap<&'static str, i64>], rules: &[(String, String)]) -> Vec<Vec<Option<bool>>> {
    let codes: Vec<&str> =
        units.iter().flat_map(|unit| unit.keys().copied()).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let names: Vec<String> = codes.iter().map(|code| format!("a{code}")).collect();
    let mut script = format!(
        "CREATE TABLE u (n INTEGER, {});\nBEGIN;\n",
        names.iter().map(|name| format!("{name} INTEGER")).collect::<Vec<_>>().join(", ")
    );
    for (at, unit) in units.iter().enumerate() {
        let values = codes.iter().map(|code| unit.get(code).map_or("NULL".to_owned(), |value| (value * 1000).to_string()));
        writeln!(script, "INSERT INTO u VALUES ({at}, {});", values.collect::<Vec<_>>().join(", ")).unwrap();
    }
    let tests: Vec<&str> = rules.iter().map(|(_, sql)| sql.as_str()).collect();
    writeln!(script, "COMMIT;\n.mode list\n.separator ,\nSELECT {} FROM u ORDER BY n;", tests.join(", ")).unwrap();
    let mut child = Command::new("sqlite3").arg(":memory:").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    let line = |line: &str| line.split(',').map(|value| (!value.is_empty()).then(|| value == "1")).collect();
    text.lines().map(line).collect()
}

/// Rules over repeated rows as SQL: `t(n, a1 …)` has the form's own figures, `r(n, v)` a row for each that the unit repeats. All are in 元 or
/// in persons. What rounding can do to k rows and their total is k + 1 halves, in whole 千元, and nothing to two figures that are alike.
const REPEATED: &[(&str, &str, &str, &str, &str)] = &[
    ("B204-1", "IND-01", "01", "B204-1:by-industry", "abs(a - s) <= CASE WHEN k = 1 THEN 0 ELSE (k + 1) / 2 * 1000 END"),
    ("E204-1", "TRD-06", "02", "E204-1:by-commodity", "abs(a - s) <= CASE WHEN k = 1 THEN 0 ELSE (k + 1) / 2 * 1000 END"),
    ("E104-1", "TRD-06", "02", "E104-1:by-commodity", "abs(a - s) <= CASE WHEN k = 1 THEN 0 ELSE (k + 1) / 2 * 1000 END"),
    ("107-2", "RD-16", "1", "107-1:10", "a * 12 >= s"),
    // One figure of 千元 is half of one apart from what it was.
    ("107-2", "RD-17", "8", "107-1:10", "a - 2200 * s >= -500 AND a - 50000 * s <= 500"),
];

#[test]
fn another_engine_sums_repeated_rows_the_same() {
    use survey::audit::bulk::{Count, Lane, Machine, Part, Program, state};
    let forms = shipped();
    let month = Month::new(2025, 12).unwrap();
    for (form, id, own, repeated, sql) in REPEATED {
        let form = forms.iter().find(|known| known.form == *form).unwrap();
        let rule = form.rules.iter().find(|rule| rule.id == *id).unwrap();
        let ready = audit::spread(form, rule, &formula::parse(rule.expr.get_ref()).0.unwrap()).remove(0);
        let (of, code) = repeated.split_once(':').unwrap();
        let mut seed = 77;
        // Each unit has as many rows as it has; their sum is near the total, as rounding and mistakes leave it.
        let units: Vec<(i64, Vec<i64>)> = (0..800)
            .map(|_| {
                let mut any = |most: u64| i64::try_from(next(&mut seed) % most).unwrap();
                let rows: Vec<i64> = (0..=any(7)).map(|_| any(900) + 20).collect();
                let sum: i64 = rows.iter().sum();
                let total = match *id {
                    "RD-16" => sum / 12 + any(3) - 1,
                    "RD-17" => sum * (any(60) + 1),
                    _ => sum + any(9) - 4,
                };
                (total, rows)
            })
            .collect();
        let scale = |of: &str, code: &str| {
            let form = forms.iter().find(|known| known.form == of).unwrap();
            form.conversion(form.row(code).unwrap()).0
        };
        let (times, each) = (scale(&form.form, own), scale(of, code));
        let mut script = "CREATE TABLE t (n, a);\nCREATE TABLE r (n, v);\nBEGIN;\n".to_owned();
        for (n, (total, rows)) in units.iter().enumerate() {
            writeln!(script, "INSERT INTO t VALUES ({n}, {});", total * times).unwrap();
            rows.iter().for_each(|row| writeln!(script, "INSERT INTO r VALUES ({n}, {});", row * each).unwrap());
        }
        writeln!(
            script,
            "COMMIT;\nSELECT {sql} FROM t JOIN (SELECT n, sum(v) AS s, count(*) AS k FROM r GROUP BY n) USING (n) ORDER BY n;"
        )
        .unwrap();
        let mut child = Command::new("sqlite3").arg(":memory:").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let answers: Vec<bool> =
            String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().lines().map(|line| line == "1").collect();
        assert_eq!(answers.len(), units.len());
        assert!([true, false].iter().all(|said| answers.iter().filter(|answer| *answer == said).count() > 50), "{id}");

        let mut table = Table::new(&forms, &form.form);
        let program = Program::compile(std::slice::from_ref(&ready), &table).unwrap();
        let mut lanes = vec![Lane::default(); program.figures.len()];
        for ((total, rows), answer) in units.iter().zip(&answers) {
            table.rows = rows.len();
            let whole = |value: i64| Ok(Amount::from_whole(value.into()).unwrap());
            table.figures.insert((form.form.clone(), (*own).to_owned(), None), whole(*total));
            for (at, row) in rows.iter().enumerate() {
                table.figures.insert((of.to_owned(), format!("{}.{code}", at + 1), None), whole(*row));
            }
            let verdict = judge(&ready, &table, month);
            assert_eq!(verdict.outcome == Outcome::Met, *answer, "{id}: {total} of {rows:?}: {verdict:?}");
            // Each row is a fact of its own, so that the verdict leads to it.
            let facts = verdict.facts.iter().filter(|fact| fact.code.ends_with(&format!(".{code}"))).count();
            assert!(facts == rows.len() || verdict.outcome == Outcome::Unmet && *id == "RD-17", "{id}: {facts}");
            let yuan = |value: i64, times: i64| (i128::from(value * times) * 1_000_000_000, state::OK);
            let of_rows: Vec<(i128, u8)> = rows.iter().map(|row| yuan(*row, each)).collect();
            for (figure, lane) in program.figures.iter().zip(&mut lanes) {
                let (value, known) = if figure.part == Part::Row { yuan(*total, times) } else { figure.part.of(&of_rows) };
                lane.values.push(if figure.part == Part::Rows { i128::try_from(rows.len()).unwrap() } else { value });
                lane.states.push(known);
            }
        }
        let mut unmet = Vec::new();
        let counts = Machine::default().run(&program, &lanes, units.len(), |_, row| unmet.push(row));
        let expected: Vec<usize> = (0..units.len()).filter(|row| !answers[*row]).collect();
        assert_eq!(unmet, expected, "{id}");
        assert_eq!(counts, [Count { met: (units.len() - unmet.len()) as u64, unmet: unmet.len() as u64, ..Count::default() }]);
    }
}

#[test]
fn another_engine_says_the_same_of_generated_forms() {
    let forms = shipped();
    let month = Month::new(2025, 6).unwrap();
    let mut seed = 2025;
    let units: Vec<_> = (0..1500).map(|_| unit(&mut seed)).collect();
    for form in forms.iter().filter(|form| ["B203", "E203", "F203"].contains(&form.form.as_str())) {
        let mut rules = Vec::new();
        for rule in &form.rules {
            let Some((_, sql)) = FINANCE.iter().find(|(id, _)| *id == rule.id) else { continue };
            rules.push((rule.id.clone(), (*sql).to_owned()));
        }
        assert!(rules.len() >= 8, "{}: {} rules", form.form, rules.len());
        let answers = sqlite(&units, &rules);
        let mut seen: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
        for (unit, answers) in units.iter().zip(&answers) {
            let mut table = Table::new(&forms, &form.form);
            for row in &form.rows {
                let key: Key = (form.form.clone(), row.key().to_owned(), None);
                let value = unit.get(row.key()).map(|value| Amount::from_whole((*value).into()).unwrap());
                table.figures.insert(key, value.ok_or("missing_account"));
            }
            for ((id, sql), answer) in rules.iter().zip(answers) {
                let rule = form.rules.iter().find(|rule| rule.id == *id).unwrap();
                let expr = formula::parse(rule.expr.get_ref()).0.unwrap();
                let verdict = judge(&audit::spread(form, rule, &expr)[0], &table, month);
                let said = match verdict.outcome {
                    Outcome::Met => Some(true),
                    Outcome::Unmet => Some(false),
                    Outcome::NotApplicable | Outcome::Undetermined => None,
                };
                assert_eq!(said, *answer, "{} {id}: {} and {sql} of {unit:?}", form.form, verdict.expression);
                seen.entry(id).or_default()[answer.map_or(2, usize::from)] += 1;
            }
        }
        // Equations are met and broken in good measure, so that agreement is none by chance.
        for id in ["FIN-11", "FIN-13", "FIN-19", "FIN-20"].into_iter().filter(|id| seen.contains_key(id)) {
            assert!(seen[id][..2].iter().all(|count| *count > 100), "{id}: {seen:?}");
        }
    }
}
