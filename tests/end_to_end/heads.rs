//! Heads on the forms of finance: days by hand, and never the closing in the place of the average.

use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
name = "示例"
code = "913301060000000000"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"

[[form]]
code = "E203"

[[form]]
code = "F203"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]
"#;

fn draft(site: &Site, form: &str) -> Value {
    site.ok(&["build", "--form", form, "--period", "2025-02"]);
    serde_json::from_str(&site.ok(&["draft", "export", "--form", form, "--period", "2025-02", "--to", "json"])).unwrap()
}

fn cell(draft: &Value, id: &str) -> Value {
    draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no {id}")).clone()
}

#[test]
fn average_heads_are_days_and_closing_heads_are_the_last_day() {
    let site = Site::tryton(CONFIG);
    let before = draft(&site, "B203");
    assert_eq!(cell(&before, "601")["status"], "missing_source", "nobody entered any: missing, and not zero");
    let enter = |month: &str, item: &str, date: &str, basis: &str, quantity: &str| {
        let base = ["--as", "wu", "measure", "enter", "--kind", "headcount", "--item", item, "--period", month];
        let out = site.run(&[&base[..], &["--date", date, "--basis", basis, "--quantity", quantity]].concat());
        assert!(out.status.success());
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    // What stands on the books alone is not touched by who was hired.
    let told = enter("2025-01", "在岗职工", "2025-01-01", "level", "100");
    let line = told.lines().find(|line| line.contains("measures-changed")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains("601") && !line.contains("301") && !line.contains("213"), "{line}");
    enter("2025-01", "在岗职工", "2025-01-11", "change", "10");
    enter("2025-01", "在岗职工", "2025-01-21", "change", "-5");
    enter("2025-02", "在岗职工", "2025-02-15", "change", "3");
    enter("2025-01", "劳务派遣人员", "2025-01-01", "level", "20");
    enter("2025-02", "劳务派遣人员", "2025-02-28", "change", "-20");
    // January: (100 × 10 + 110 × 10 + 105 × 11) ÷ 31 = 105, and 20. February: (105 × 14 + 108 × 14) ÷ 28 = 106.5, and 20 × 27 ÷ 28.
    // (125 + 106.5 + 19.285714286) ÷ 2 = 125.392857143: the average of two months is no average of 59 days.
    let b203 = draft(&site, "B203");
    let average = &cell(&b203, "601")["columns"]["closing"];
    assert_eq!((&average["raw"], &average["value"]), (&"125.392857143".into(), &"125".into()));
    for form in ["E203", "F203"] {
        // On the last day of February: 108 of one's own, and the twenty had left that morning.
        assert_eq!(cell(&draft(&site, form), "606")["columns"]["closing"]["value"], "108", "{form}");
    }
    assert_eq!(cell(&draft(&site, "F203"), "601")["columns"]["closing"]["value"], "125");
    // The books say the same as before, and stand on the same evidence.
    let kept = |draft: &Value, id: &str| (cell(draft, id)["columns"].clone(), cell(draft, id)["evidence"].clone());
    assert_eq!(kept(&before, "301"), kept(&b203, "301"));
    assert!(site.ok(&["draft", "list", "--format", "csv"]).lines().skip(1).all(|line| line.contains(",0,")), "none is stale");
    let text = site.ok(&["--format", "json", "explain", "B203:601", "--period", "2025-02"]);
    assert!(text.contains("headcount:在岗职工@2025-02-15"), "{text}");
}
