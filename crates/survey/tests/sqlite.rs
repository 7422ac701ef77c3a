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

/// What the survey says of financial statements, as SQL over `a213` …, in 元; `{t}` is the rule's tolerance in 元. A figure that is not
/// there is NULL, and so is what cannot be said.
const FINANCE: &[(&str, &str)] = &[
    ("FIN-01", "a213 >= a205"),
    ("FIN-04", "a213 >= 0"),
    ("FIN-05", "a217 >= 0"),
    ("FIN-06", "a301 >= 0"),
    ("FIN-07", "a323 < a301"),
    ("FIN-08", "a402 >= 0"),
    ("FIN-10", "a307 <= 100 * a301"),
    ("FIN-11", "abs(a327 - (a323 + coalesce(a325, 0) - coalesce(a326, 0))) <= {t}"),
    // Three figures of whole thousands can be rounded one thousand apart.
    ("FIN-13", "a201 - (a202 + a205) >= -1000"),
    ("FIN-14", "a205 >= a206"),
    (
        "FIN-19",
        "abs(a323 - (a301 - a307 - a309 - a312 - a313 - coalesce(a331, 0) - a317 - coalesce(a320, 0) - coalesce(a333, 0)
         + coalesce(a321, 0) + coalesce(a332, 0) + coalesce(a322, 0) + coalesce(a330, 0))) <= {t}",
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
    of.insert("323", build + any(5) - 2);
    of.insert("327", of["323"] + of["325"] - of["326"] + any(5) - 2);
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
            let tolerance = rule.tolerance.units() * i128::from(form.divisor) / 1_000_000_000;
            rules.push((rule.id.clone(), sql.replace("{t}", &tolerance.to_string())));
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
