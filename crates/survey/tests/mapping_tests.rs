//! The `[[test]]`s that are shipped hold, and one that does not says so.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its case must fail")]

use std::{fs, path::Path};

use survey::{
    ENERGY, FORMS, Form, MEASURES, Mapping, STANDARDS, Standard,
    measures::{Energy, Kinds},
    tests,
};

fn mapping(standard: &str, layer: (&str, &str)) -> Mapping {
    let (name, text) = STANDARDS.iter().find(|(name, _)| *name == standard).unwrap();
    let standard = Standard::parse(name, text).0.unwrap();
    let form = |code: &str| {
        let (.., text) = FORMS.iter().find(|(edition, known, _)| (*edition, *known) == ("2025", code)).unwrap();
        Form::parse(code, text).0.unwrap().expanded(&[]).0
    };
    let (mapping, findings) =
        Mapping::assemble(&standard, ["B203", "E203", "B204-1"].map(form).to_vec(), &[(layer.0.to_owned(), layer.1.to_owned())]);
    mapping.unwrap_or_else(|| panic!("{findings:?}"))
}

fn facts() -> (Kinds, Energy) {
    (Kinds::parse("kinds", MEASURES).0.unwrap(), Energy::parse("energy", ENERGY).0.unwrap())
}

#[test]
fn shipped_tests_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings");
    let ((kinds, energy), mut count) = (facts(), 0);
    for folder in ["tests", "examples"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            let name = path.display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let (read, findings) = tests(&name, &text);
            assert_eq!(findings, [], "{name}");
            let read = read.unwrap();
            let mapping = mapping(read.standard.as_deref().unwrap_or("cas"), (&name, &text));
            for test in &read.tests {
                let (checked, _) = test.run(&mapping, &kinds, &energy);
                for checked in checked {
                    assert!(checked.passed, "{}: {} is {}, {}", test.name, checked.cell, checked.got, checked.told());
                    count += 1;
                }
            }
        }
    }
    assert!(count > 20, "{count} expectations");
}

#[test]
fn the_example_of_the_reference_holds() {
    let page = include_str!("../../../docs/reference/mapping-tests.md");
    let mut blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let (books, measures) = (blocks.next().unwrap(), format!("title = \"x\"\n{}", blocks.next().unwrap()));
    for (text, count) in [(books, 3), (&measures, 1)] {
        let (read, findings) = tests("page", text);
        assert_eq!(findings, []);
        let (checked, _) = read.unwrap().tests[0].run(&mapping("cas", ("page", text)), &facts().0, &facts().1);
        assert!(checked.len() == count && checked.iter().all(|checked| checked.passed), "{text}");
    }
}

#[test]
fn a_failing_test_says_what_came_out_and_from_where() {
    let text = r#"
title = "x"
[cell."B203:301"]
formula = "SL(6001,,贷) + SL(6051,,贷)"
why = "x"
[[test]]
name = "t"
form = "B203"
period = "2025-01"
given = [
    { account = "6001 主营业务收入", period = "2025-01", credit = "1000" },
    { account = "6051 其他业务收入", period = "2025-01", credit = "600" },
]
[test.expect]
"301" = "3"
"#;
    let (read, findings) = tests("layer.toml", text);
    assert_eq!(findings, []);
    let (checked, _) = read.unwrap().tests[0].run(&mapping("cas", ("layer.toml", text)), &facts().0, &facts().1);
    let checked = &checked[0];
    assert_eq!((checked.passed, checked.got.as_str(), checked.place.as_str()), (false, "2", "layer.toml:15:1"));
    assert_eq!(checked.told(), "SL(6001, side=贷) = 1000 (6001 1000); SL(6051, side=贷) = 600 (6051 600)");
}

#[test]
fn a_test_that_is_written_wrongly_is_told_with_its_place() {
    for (given, place) in
        [("{ account = \"6001\", debit = 3 }", "layer.toml:5:33"), ("{ account = \"6001\", debit = \"3,0\" }", "layer.toml:5:33")]
    {
        let text = format!("title = \"x\"\n[[test]]\nname = \"t\"\nperiod = \"2025-01\"\ngiven = [{given}]\nexpect = {{}}\n");
        let (read, findings) = tests("layer.toml", &text);
        assert!(read.is_none());
        assert_eq!(
            findings[0].place.split(':').take(2).collect::<Vec<_>>(),
            place.split(':').take(2).collect::<Vec<_>>(),
            "{findings:?}"
        );
    }
    let (read, findings) = tests("layer.toml", "title = \"x\"\n[[test]]\nnmae = \"t\"\n");
    assert!(read.is_none());
    assert_eq!(findings[0].code, "key-unknown");
}

#[test]
fn measures_are_given_as_people_enter_them_or_as_an_erp_keeps_them() {
    let (kinds, energy) = facts();
    let run = |measures: &str| {
        let text = "title = \"x\"\n".to_owned()
            + "[cell.\"B203:301\"]\nformula = 'MEASURE(output, quantity, item=\"A\")'\nwhy = \"x\"\n"
            + "[[test]]\nname = \"t\"\nform = \"B203\"\nperiod = \"2025-03\"\n"
            + measures
            + "\n[test.expect]\n\"301\" = \"0\"\n";
        let (read, findings) = tests("layer.toml", &text);
        assert_eq!(findings, []);
        let (checked, found) = read.unwrap().tests[0].run(&mapping("cas", ("layer.toml", &text)), &kinds, &energy);
        (checked[0].got.clone(), found.into_iter().map(|finding| finding.code.to_string()).collect::<Vec<_>>())
    };
    let row = "kind = \"output\", item = \"A\", unit = \"台\", quantity = \"5000\"";
    // 5,000 in January; an ERP that keeps output says with its silence that there was none in February and March.
    assert_eq!(run(&format!("measures = [{{ {row}, period = \"2025-01\", source = \"erp\" }}]")), ("5".to_owned(), vec![]));
    // People who entered nothing for two months have said nothing about them.
    assert_eq!(run(&format!("measures = [{{ {row}, period = \"2025-01\" }}]")).0, "missing_source");
    assert_eq!(run("none = [\"output\"]").0, "0");
    assert_eq!(run("").0, "missing_source");
    assert_eq!(run("measures = [{ kind = \"outputs\", item = \"A\" }]").1, ["measure-kind-unknown"]);
    assert_eq!(run(&format!("measures = [{{ {row} }}]")).1, ["measure-date-unfit"]);
}
