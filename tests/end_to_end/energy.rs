//! 205-1: a form that is repeated for what the unit burns, from entries of people, by hand.

use std::fs;

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

[measures]
energy = ["原煤", "电力"]

[[form]]
code = "205-1"

[[person]]
id = "liu"
name = "刘设备"
roles = ["preparer"]
"#;

fn enter(site: &Site, month: &str, sheet: &str) {
    fs::write(site.path("短表.csv"), sheet).unwrap();
    site.ok(&["--as", "liu", "measure", "import", "短表.csv", "--period", month]);
}

fn draft(site: &Site) -> Value {
    site.ok(&["build", "--period", "2025-02"]);
    serde_json::from_str(&site.ok(&["draft", "export", "--form", "205-1", "--period", "2025-02", "--to", "json"])).unwrap()
}

fn value(draft: &Value, id: &str, column: &str) -> Option<String> {
    let cells = draft["cells"].as_array().unwrap();
    let cell = cells.iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no cell {id}: {draft}"));
    cell["columns"][column]["value"].as_str().map(str::to_owned)
}

#[test]
fn energy_is_counted_for_each_kind_in_its_own_unit() {
    let site = Site::tryton(&CONFIG.replace("电力\"]", "电\"]"));
    site.refused(&["build", "--period", "2025-02"], 2, &["energy-unknown", "电"]);
    fs::write(site.path("agent.toml"), CONFIG).unwrap();
    let head = "种类,品种,数量,单位,金额,用途\n";
    enter(&site, "2024-12", &format!("{head}energy_stock,原煤,40,吨,,\n"));
    enter(
        &site,
        "2025-01",
        &format!(
            "{head}energy_purchase,原煤,100,吨,80000,\nenergy,原煤,70,吨,,生产\nenergy,原煤,5,吨,,非生产\n\
             energy_purchase,电力,20000,千瓦时,13000,\n"
        ),
    );
    // A delivery note counts in kilograms.
    enter(
        &site,
        "2025-02",
        &format!(
            "{head}energy_purchase,原煤,50000,千克,41000,\nenergy,原煤,60,吨,,生产\nenergy,原煤,5,吨,,非生产\n\
             energy_stock,原煤,50,吨,,\nenergy_purchase,电力,1,万千瓦时,6500,\n"
        ),
    );
    let form = draft(&site);
    // Stock of December; 100 + 50; (80,000 + 41,000) ÷ 1000; 70 + 60; 5 + 5; what is left.
    let coal = [
        ("c1", "opening", "40"),
        ("c2", "cumulative", "150"),
        ("c3", "cumulative", "121"),
        ("c5", "cumulative", "130"),
        ("c7", "cumulative", "10"),
        ("c9", "closing", "50"),
    ];
    for (row, column, expected) in coal {
        assert_eq!(value(&form, &format!("原煤.{row}"), column).as_deref(), Some(expected), "{row}");
    }
    // 2 + 1, in the unit of the catalogue; nobody said what the electricity was used for.
    assert_eq!(value(&form, "电力.c2", "cumulative").as_deref(), Some("3"));
    assert_eq!(value(&form, "电力.c5", "cumulative"), None);
    let cells = form["cells"].as_array().unwrap();
    let named = |id: &str| cells.iter().filter(|cell| cell["id"].as_str().is_some_and(|own| own.ends_with(id))).count();
    assert_eq!((named("c2"), named("total")), (2, 1), "the total stands once");
    let unit = |id: &str| cells.iter().find(|cell| cell["id"] == id).unwrap()["unit"].as_str().unwrap().to_owned();
    assert_eq!([unit("原煤.c2"), unit("电力.c2"), unit("原煤.c3")], ["吨", "万千瓦时", "千元"]);
    // 40 + 150 − 130 − 10 = 50: nothing to say. One tonne less in the yard is.
    let told = |draft: &Value| draft["findings"].to_string().contains("ENG-01.原煤");
    assert!(!told(&form), "{}", form["findings"]);
    let stock = ["--as", "liu", "measure", "enter", "--kind", "energy_stock", "--item", "原煤", "--period", "2025-02"];
    site.ok(&[&stock[..], &["--quantity", "49", "--unit", "吨", "--correct", "--reason", "重新盘点"]].concat());
    assert!(told(&draft(&site)));
}
