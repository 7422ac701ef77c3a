//! The packs that are shipped: each parses, all assemble together, and none of the known facts of a survey is lost.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::{collections::BTreeMap, fs, path::Path};

use model::Month;
use serde::Deserialize;
use survey::{Form, Frequency, Mapping, Printed, RowKind, Severity, Standard};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn form(code: &str) -> Form {
    let (_, _, text) = survey::FORMS.iter().find(|(_, known, _)| *known == code).unwrap();
    let (form, findings) = Form::parse(code, text);
    assert_eq!(findings, []);
    form.unwrap()
}

fn all() -> Vec<Form> {
    survey::FORMS.iter().map(|(_, code, _)| form(code)).collect()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// What is known of a form: indicators as code, name, status; rules as id, severity, status.
#[derive(Deserialize)]
struct Facts {
    indicators: Vec<[String; 3]>,
    rules: Vec<[String; 3]>,
}

fn facts() -> BTreeMap<String, Facts> {
    serde_json::from_str(&fs::read_to_string(root().join("crates/survey/tests/facts.json")).unwrap()).unwrap()
}

#[test]
fn the_list_is_the_folder() {
    let mut listed: Vec<String> = survey::FORMS.iter().map(|(edition, code, _)| format!("{edition}/{code}.toml")).collect();
    listed.sort();
    let mut found = Vec::new();
    for edition in fs::read_dir(root().join("mappings/forms")).unwrap().map(Result::unwrap) {
        for file in fs::read_dir(edition.path()).unwrap().map(Result::unwrap) {
            found.push(format!("{}/{}", edition.file_name().display(), file.file_name().display()));
        }
    }
    found.sort();
    assert_eq!(listed, found);
    for (edition, code, text) in survey::FORMS {
        let (form, findings) = Form::parse(code, text);
        assert_eq!(findings, [], "{code}");
        let form = form.unwrap();
        assert_eq!((form.edition.as_str(), form.form.as_str()), (*edition, *code));
        assert!(form.revision > 0 && !form.basis.is_empty() && !form.scope.is_empty(), "{code}");
    }
}

#[test]
fn all_forms_assemble_together_under_both_standards() {
    for (name, text) in survey::STANDARDS {
        let standard = Standard::parse(name, text).0.unwrap();
        let (mapping, findings) = Mapping::assemble(&standard, all(), &[]);
        assert_eq!(findings, [], "{name}");
        // Every rule that stands in a pack is a formula that was read, references to other forms included.
        let rules: usize = all().iter().map(|form| form.rules.len()).sum();
        assert_eq!(mapping.unwrap().rules.len(), rules);
    }
}

#[test]
fn every_known_indicator_is_a_row_with_its_evidence() {
    let facts = facts();
    assert_eq!(facts.len(), 28);
    let plain = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let mut known = 0;
    for (code, facts) in &facts {
        let form = form(code);
        for [indicator, name, status] in &facts.indicators {
            // A range of codes is one row for each.
            let range = indicator.split_once(['-', '.']).filter(|_| code != "B204-1");
            let rows: Vec<_> = match range.and_then(|(a, b)| Some((a.parse().ok()?, b.trim_matches('.').parse::<u32>().ok()?))) {
                Some((first, last)) => (first..=last).map(|code: u32| form.row(&code.to_string()).unwrap()).collect(),
                None => {
                    let of = |row: &&survey::Row| row.code.as_ref() == Some(indicator) || plain(&row.name) == plain(name);
                    let found: Vec<_> = form.rows.iter().filter(of).collect();
                    // One line for the four parts of an investment.
                    if found.is_empty() {
                        name.split('/').map(|part| form.rows.iter().find(|row| row.name == part).unwrap()).collect()
                    } else {
                        found
                    }
                }
            };
            assert!(!rows.is_empty(), "{code}: {indicator} {name}");
            for row in rows {
                assert_eq!(&row.status, status, "{code}: {indicator} {name}");
                known += 1;
            }
        }
    }
    assert!(known > 470, "{known}");
    assert_eq!(facts.values().map(|facts| facts.indicators.len()).sum::<usize>(), 468);
}

#[test]
fn every_known_rule_is_a_formula_or_says_why_not() {
    let severity = |severity: Severity| severity.name();
    let (mut formulas, mut reasons, mut rules) = (0, 0, 0);
    for (code, facts) in facts() {
        let form = form(&code);
        let mut stated: BTreeMap<String, (String, String)> = BTreeMap::new();
        for rule in &form.rules {
            stated.insert(rule.survey_id().to_owned(), (severity(rule.severity).to_owned(), rule.status.clone()));
            assert!(!rule.text.is_empty(), "{code}: {}", rule.id);
            formulas += 1;
        }
        for rule in &form.unformulated {
            let before = stated.insert(rule.id.clone(), (severity(rule.severity).to_owned(), rule.status.clone()));
            assert_eq!(before, None, "{code}: {} is a formula and none", rule.id);
            assert!(rule.reason.chars().count() > 10 && !rule.text.is_empty(), "{code}: {}", rule.id);
            reasons += 1;
        }
        let known: BTreeMap<_, _> = facts.rules.into_iter().map(|[id, severity, status]| (id, (severity, status))).collect();
        assert_eq!(stated, known, "{code}");
        rules += known.len();
    }
    // That each formula has figures it holds for and figures it does not is shown in `rules.rs`.
    assert_eq!(rules, 304, "the whole list of what is known, and not a part of it");
    assert!(formulas > 200 && reasons > 50, "{formulas} formulas, {reasons} reasons");
}

/// Rows that no formula fills say which record holds them.
#[test]
fn every_row_says_where_it_comes_from() {
    let silent: Vec<String> = all()
        .iter()
        .flat_map(|form| form.rows.iter().map(move |row| (form.form.clone(), row)))
        .filter(|(_, row)| row.formula.is_none() && row.source.is_none() && row.fill.is_none())
        .map(|(form, row)| format!("{form}:{}", row.key()))
        .collect();
    // What somebody alone can say of a research project stands in no other record than what they say.
    let known = |cell: &String| ["107-1:3", "107-1:4", "107-1:5"].contains(&cell.as_str());
    assert!(silent.iter().all(known), "{silent:?}");
}

/// A reason that says which rows a form does not have is true: rules would be formulas if it had them.
#[test]
fn rows_that_reasons_miss_are_not_there() {
    let mut looked = 0;
    for form in all() {
        for rule in &form.unformulated {
            let Some(missed) = rule.reason.strip_prefix("本表不列").and_then(|rest| rest.split('，').next()) else {
                continue;
            };
            for code in missed.split('（').skip(1).filter_map(|rest| rest.split('）').next()) {
                assert!(form.row(code).is_none(), "{} {}: {code} is there", form.form, rule.id);
                looked += 1;
            }
        }
    }
    assert!(looked > 50, "{looked}");
}

/// A region's own form has codes of its own: 01 and 155 mean other things than on national forms, and both stand in one mapping.
#[test]
fn codes_of_a_region_live_beside_the_same_codes_of_other_forms() {
    let text = fs::read_to_string(root().join("mappings/examples/forms/BJ-JY.toml")).unwrap();
    let (local, findings) = Form::parse("BJ-JY.toml", &text);
    assert_eq!(findings, []);
    let local = local.unwrap();
    assert_eq!(local.region.as_deref(), Some("110000"));
    let standard = Standard::parse("cas.toml", survey::STANDARDS[0].1).0.unwrap();
    let (mapping, findings) = Mapping::assemble(&standard, vec![form("B204-1"), form("E204-1"), form("B203"), local], &[]);
    assert_eq!(findings, []);
    let mapping = mapping.unwrap();
    let name = |form: &str, code: &str| mapping.form(form).unwrap().row(code).unwrap().name.clone();
    assert_eq!(name("BJ-JY", "01"), "人员");
    assert_eq!(name("B204-1", "01"), "工业总产值（当年价格）");
    assert_eq!(name("E204-1", "01"), "商品购进额");
    let formula = |form: &str, code: &str| mapping.cells.get(&(form.to_owned(), code.to_owned())).map(|f| f.text.clone());
    assert_eq!(formula("BJ-JY", "65").as_deref(), Some("@total_profit"));
    assert_eq!(formula("B203", "65"), None);
}

#[test]
fn a_form_of_another_trade_makes_a_rule_not_applicable_and_no_error() {
    let standard = Standard::parse("cas.toml", survey::STANDARDS[0].1).0.unwrap();
    let (mapping, findings) = Mapping::assemble(&standard, vec![form("B203")], &[]);
    assert_eq!(findings, []);
    assert!(mapping.unwrap().rules.iter().any(|rule| rule.expr.to_string().contains("B204-1")));
    // A misspelt row of a form that is there is an error all the same.
    let text =
        survey::FORMS.iter().find(|(_, code, _)| *code == "B203").unwrap().2.replace("[213] >= [205]", "[213] >= [B203:999]");
    let (_, findings) = Mapping::assemble(&standard, vec![Form::parse("B203", &text).0.unwrap()], &[]);
    assert!(findings.iter().any(|finding| finding.code == "indicator-unknown"), "{findings:?}");
}

#[test]
fn forms_are_due_by_their_frequency_and_not_when_a_census_takes_their_place() {
    let due = |code: &str, at: &str| form(code).is_due(month(at));
    assert!(due("B203", "2025-02") && !due("B203", "2025-01"));
    assert!(due("F203", "2025-01"));
    assert!(due("E203", "2025-03") && !due("E203", "2025-04"));
    assert!(due("102-1", "2025-12") && !due("102-1", "2025-11"));
    // 2018 was the year of the fourth economic census: 602 stood in the place of 102-1; 205-1 went on every month.
    assert!(!due("102-1", "2018-12") && form("102-1").replaced(month("2018-12")).unwrap().form == "602");
    assert!(due("205-1", "2018-12"));
    assert!(due("611-3", "2018-12") && !due("611-3", "2025-12"));
    assert!(!due("201-1", "2025-12"));
}

#[test]
fn a_change_of_definition_lies_between_two_years_once() {
    let rows = |at: &str| form("F203").changed(month(at)).flat_map(|change| change.rows.clone()).collect::<Vec<_>>();
    assert_eq!(rows("2019-01"), ["301", "307"]);
    assert_eq!(rows("2019-12"), ["301", "307"]);
    assert_eq!(rows("2020-06"), [""; 0]);
    assert_eq!(rows("2021-03"), ["606", "401"]);
    assert_eq!(rows("2022-01"), [""; 0]);
}

#[test]
fn rows_have_the_columns_and_units_of_their_kind() {
    use Printed as P;
    let (labour, annual, output) = (form("202-1"), form("B103-1"), form("B204-1"));
    let columns = |form: &Form, row: &str| form.columns_of(form.row(row).unwrap());
    assert_eq!(columns(&labour, "12"), [P::ThisMonth, P::Cumulative, P::PriorYearMonth, P::PriorYear], "printed in 1—本季 only");
    assert_eq!(columns(&annual, "101"), [P::Opening, P::PriorYear]);
    assert_eq!(columns(&annual, "301"), [P::Cumulative, P::PriorYear], "a year has no month");
    assert_eq!(columns(&form("101-1"), "102"), [P::Value]);
    assert_eq!(annual.row("101").unwrap().kind, RowKind::Opening);
    // 万千瓦时 with two decimals; people as they are; the rest in 千元.
    let unit = |row: &str| output.conversion(output.row(row).unwrap());
    assert_eq!((unit("05"), unit("01")), ((10_000, 2), (1000, 0)));
    assert_eq!(labour.conversion(labour.row("01").unwrap()), (1, 0));
    assert_eq!(annual.frequency, Frequency::Annual);
    // Rows of one region's own are left out elsewhere.
    let own = labour.row("BJ07").unwrap();
    assert!(own.is_filled_in("110105") && own.is_filled_in("") && !own.is_filled_in("330106"));
}

/// Everything wrong with a pack is told at once, each in its place.
#[test]
fn all_that_is_wrong_is_found_at_once() {
    let text = "form = \"T\"\nedition = \"2025\"\nname = \"t\"\nfrequency = \"monthly\"\nexempt_months = [13]\ncolumns = [\"cumulative\"]\n\
        unit = \"千元\"\ndivisor = 0\nplaces = 0\n[header]\nauthority = \"\"\ndocument = \"\"\nvalid_until = \"\"\nstatus = \"recalled\"\n\
        [[change]]\nsince = \"2025-01\"\nrows = [\"9\"]\ntext = \"\"\nstatus = \"recalled\"\n\
        [[row]]\ncode = \"1\"\nname = \"a\"\nkind = \"text\"\nformula = \"1\"\nstatus = \"recalled\"\n\
        [[row]]\ncode = \"1\"\nname = \"b\"\nkind = \"choice\"\nchoices = [\"x\"]\nmax_choices = 2\nstatus = \"recalled\"\n\
        [[row]]\nname = \"c\"\nkind = \"flow\"\ncolumns = [\"opening\"]\nstatus = \"recalled\"\n\
        [[rule]]\nid = \"R\"\nexpr = \"true\"\nseverity = \"verify\"\ntolerance = \"-0.5\"\ntext = \"\"\nstatus = \"recalled\"\n\
        [[unformulated]]\nid = \"R\"\nseverity = \"verify\"\ntext = \"\"\nstatus = \"recalled\"\nreason = \"\"\n";
    let (form, findings) = Form::parse("t.toml", text);
    assert!(form.is_none());
    let found: Vec<_> = findings.iter().map(|finding| format!("{} {}", finding.code, finding.place)).collect();
    assert_eq!(
        found,
        [
            "row-source-unfit t.toml:20:1",
            "row-doubled t.toml:26:1",
            "choices-unfit t.toml:26:1",
            "row-nameless t.toml:33:1",
            "column-not-printed t.toml:33:1",
            "tolerance-unfit t.toml:38:1",
            "rule-doubled t.toml:45:1",
            "change-of-nothing t.toml:15:1",
            "pack-month-unfit t.toml",
            "unit-unfit t.toml",
        ]
    );
}

/// A book that has nothing in it.
struct Nothing;

impl formula::Figures for Nothing {
    fn ask(&self, _: &formula::Question) -> Result<Vec<formula::Part>, formula::Gap> {
        Ok(Vec::new())
    }
}

/// Codes of what a draft of an empty book says.
fn said(code: &str, at: &str) -> Vec<(String, String)> {
    let standard = Standard::parse("cas.toml", survey::STANDARDS[0].1).0.unwrap();
    let mapping = Mapping::assemble(&standard, vec![form(code)], &[]).0.unwrap();
    let engine = survey::Engine::new(&mapping, &[], survey::Sources { monthly: &Nothing, annual: &Nothing });
    let (facts, seals) = (BTreeMap::new(), BTreeMap::new());
    let built = survey::build(&survey::Order {
        form: mapping.form(code).unwrap(),
        month: month(at),
        engine: &engine,
        original: None,
        unit: survey::document::Unit::default(),
        footer: survey::document::Footer::default(),
        facts: &facts,
        book: "book".to_owned(),
        currency: "CNY".to_owned(),
        source: String::new(),
        unposted: false,
        measures: false,
        measured: None,
        seals: survey::Seals { books: &seals, measures: &seals, both: &seals },
        mapping: String::new(),
        given: &survey::audit::Given::default(),
        said: &[],
        digest: &|_| String::new(),
    });
    let told = built.findings.iter().filter(|finding| ["definition-changed", "form-replaced"].contains(&finding.code.as_ref()));
    told.map(|finding| (finding.code.to_string(), finding.arguments[0].1.clone())).collect()
}

#[test]
fn a_draft_says_where_last_year_meant_something_else() {
    let pair = |code: &str, value: &str| (code.to_owned(), value.to_owned());
    assert_eq!(said("F203", "2021-06"), [pair("definition-changed", "606"), pair("definition-changed", "401")]);
    assert_eq!(said("F203", "2022-06"), []);
    assert_eq!(said("B203", "2019-02"), [pair("definition-changed", "301, 307")]);
    assert_eq!(said("102-1", "2018-12"), [pair("form-replaced", "602")]);
    assert_eq!(said("205-1", "2018-12"), []);
}
