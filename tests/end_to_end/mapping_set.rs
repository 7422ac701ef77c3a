//! Changes of the mapping by command: who may, what is refused before a byte is written, and what is left behind.

use std::fs;

use crate::{Site, csv, drafts::tryton_book};

/// A company without a layer, and people of three kinds.
fn company() -> Site {
    let people = [("wu", "preparer"), ("zhou", "finance"), ("li", "contributor")]
        .map(|(id, role)| format!("\n[[person]]\nid = \"{id}\"\nname = \"{id}\"\nroles = [\"{role}\"]\n"));
    let config = format!(
        "# 头\n[unit]\nname = \"示例\"\n\n{}\n[[form]] # 表\ncode = \"B203\"\n\n[[form]]\ncode = \"B204-1\"\n{}",
        tryton_book("1", "first_period = \"2025-01\"\n"),
        people.concat()
    );
    Site::tryton(&config)
}

const SET: [&str; 3] = ["mapping", "set", "B203:317"];

fn set<'a>(formula: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&SET[..], &["--formula", formula, "--period", "2025-06"], more].concat()
}

#[test]
fn only_a_whole_mapping_is_written_and_only_by_whom_may() {
    let site = company();
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    let why = ["--reason", "只报借款利息", "--as"];
    let by = |who| [&why[..], &[who]].concat();
    site.refused(&set("SL(6.2.6.01,,借)", &by("li")), 1, &["role-unfit"]);
    site.refused(&set("SL(6.2.6.01,,借)", &["--reason", "短", "--as", "wu"]), 2, &["reason-too-short"]);
    site.refused(&set("SL(6.2.6.01,,借", &by("wu")), 1, &["formula-unclosed", "B203:317, formula:1:15"]);
    // It reads, and would go round in a circle.
    site.refused(&set("[317] + 1", &by("wu")), 2, &["indicators-cyclic"]);
    site.refused(
        &["mapping", "set", "B203:999", "--formula", "1", "--reason", "只报借款利息", "--as", "wu"],
        1,
        &["indicator-unknown"],
    );
    site.refused(&["mapping", "account", "9.9", "--is", "1122", "--reason", "客户往来", "--as", "wu"], 1, &["decision-idle"]);
    site.refused(
        &["mapping", "account", "1.2.1", "--is", "9999", "--reason", "客户往来", "--as", "wu"],
        2,
        &["standard-account-unknown"],
    );
    let tried = csv(&site.ok(&[&set("SL(6.2.6.01,,借)", &["--dry-run", "--as", "wu"])[..], &["--format", "csv"]].concat()));
    assert!(tried.iter().any(|row| row["indicator"] == "B203:317" && row["changed"] == "yes"), "{tried:?}");
    assert!(
        !site.path("mappings").exists() && fs::read_to_string(site.path("agent.toml")).unwrap() == config,
        "nothing was written"
    );
    let log = site.ok(&["log", "show", "--format", "json"]);
    assert!(!log.contains("\"mapping\""), "{log}");

    site.ok(&set("SL(6.2.6.01,,借)", &by("wu")));
    site.refused(&set("SL(6.2.6.01,,借)", &by("wu")), 1, &["mapping-same"]);
    let written = fs::read_to_string(site.path("agent.toml")).unwrap();
    assert_eq!(written.replace("mapping = [\"mappings/own.toml\"]\n", ""), config, "comments and everything else stay");
    site.ok(&["mapping", "account", "1.2.1", "--is", "1122", "--reason", "客户往来", "--as", "zhou"]);
    let coverage = || csv(&site.ok(&["mapping", "coverage", "--period", "2025-06", "--all", "--format", "csv"]));
    let reach = |account: &str| coverage().into_iter().find(|row| row["account"] == account).unwrap()["reach"].clone();
    assert_eq!(reach("1.2.1"), "named");
    site.ok(&["mapping", "account", "3.1.1.01", "--is", "none", "--reason", "实收资本不在这张表", "--as", "zhou"]);
    assert_eq!(reach("3.1.1.01"), "nothing");
    let own = fs::read_to_string(site.path("mappings/own.toml")).unwrap();
    assert_eq!(own.matches("# 20").count(), 3, "each change has its line: {own}");
    site.ok(&["mapping", "check"]);
    site.ok(&["log", "verify"]);
}
