//! The `[[test]]`s that are shipped hold, and one that does not says so.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot set up its case must fail")]

use std::{fs, path::Path};

use survey::{FORMS, Form, Mapping, STANDARDS, Standard, tests};

fn mapping(standard: &str, layer: (&str, &str)) -> Mapping {
    let (name, text) = STANDARDS.iter().find(|(name, _)| *name == standard).unwrap();
    let standard = Standard::parse(name, text).0.unwrap();
    let form = |code: &str| {
        let (.., text) = FORMS.iter().find(|(edition, known, _)| (*edition, *known) == ("2025", code)).unwrap();
        Form::parse(code, text).0.unwrap()
    };
    let (mapping, findings) =
        Mapping::assemble(&standard, vec![form("B203"), form("E203")], &[(layer.0.to_owned(), layer.1.to_owned())]);
    mapping.unwrap_or_else(|| panic!("{findings:?}"))
}

#[test]
fn shipped_tests_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings");
    let mut count = 0;
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
                let (checked, _) = test.run(&mapping);
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
    let text = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (read, findings) = tests("page", text);
    assert_eq!(findings, []);
    let (checked, _) = read.unwrap().tests[0].run(&mapping("cas", ("page", text)));
    assert!(checked.len() == 3 && checked.iter().all(|checked| checked.passed));
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
    let (checked, _) = read.unwrap().tests[0].run(&mapping("cas", ("layer.toml", text)));
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
