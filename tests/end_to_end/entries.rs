//! What an entry touches and what is refused when it is made: each case beside what a person did by hand.

use std::fs;

use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
name = "示例"
code = "913301060000000000"
industry = "3824"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables = { company = 1, sales = true, stock = true }

[measures]
none = ["processing"]
energy = ["原煤", "电力"]

[[form]]
code = "B203"

[[form]]
code = "B204-1"

[[form]]
code = "205-1"

[[product]]
code = "P1"
name = "产品一"
unit = "台"
item = "A-1"
industry = "3824"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]
"#;

fn site() -> Site {
    Site::tryton(CONFIG)
}

/// Enters something; what was told.
fn enter(site: &Site, args: &[&str]) -> String {
    let out = site.run(&[&["--as", "wu", "measure", "enter"], args].concat());
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "{args:?}: {told}");
    told
}

/// What is told of changed measures, by form and month, and that nothing is told of vouchers.
fn touched(told: &str) -> Vec<(String, String)> {
    assert!(!told.contains("evidence-changed") && !told.contains("voucher"), "{told}");
    let mut found: Vec<(String, String)> = Vec::new();
    for line in told.lines() {
        if let Some((_, line)) = line.split_once("[measures-changed] ") {
            let (place, cells) = line.split_once(", book hz: ").unwrap();
            found.push((place.to_owned(), cells.rsplit("touches ").next().unwrap().to_owned()));
        } else if let Some((_, places)) = line.split_once(" more: ") {
            // What touches the same cells of several drafts is told once.
            let cells = found.last().unwrap().1.clone();
            let places = places.split("; ").map(|place| place.trim_end_matches(", book hz").to_owned());
            found.extend(places.map(|place| (place, cells.clone())));
        }
    }
    found
}

fn pair(place: &str, cells: &str) -> (String, String) {
    (place.to_owned(), cells.to_owned())
}

#[test]
fn an_entry_touches_what_asked_for_its_kind_item_and_month() {
    let site = site();
    enter(
        &site,
        &[
            "--kind",
            "headcount",
            "--item",
            "在岗职工",
            "--period",
            "2025-01",
            "--date",
            "2025-01-01",
            "--basis",
            "level",
            "--quantity",
            "90",
        ],
    );
    for (month, quantity) in [("2025-01", "100"), ("2025-02", "120"), ("2025-03", "130")] {
        enter(&site, &["--kind", "energy", "--item", "原煤", "--period", month, "--quantity", quantity, "--unit", "吨"]);
    }
    for month in ["2025-01", "2025-02", "2025-03"] {
        site.ok(&["build", "--period", month]);
    }
    // Electricity of March: B204-1 asks for it in 05, 205-1 in the rows of electricity, and no other cell or month does.
    let power = ["--kind", "energy", "--item", "电力", "--period", "2025-03", "--quantity", "3709500", "--unit", "千瓦时"];
    let told = touched(&enter(&site, &power));
    let of_march = |place: &str| told.iter().find(|(known, _)| known == place).map(|(_, cells)| cells.clone());
    assert_eq!(of_march("B204-1, 2025-03").as_deref(), Some("05"), "{told:?}");
    let energy = of_march("205-1, 2025-03").unwrap();
    assert!(energy.split(", ").all(|cell| cell.starts_with("电力.") || cell == "total"), "{energy}");
    assert_eq!(told.len(), 2, "{told:?}");
    site.ok(&["build", "--period", "2025-03"]);
    // Coal of February touches what counts from January on, in February and March, and no electricity.
    let coal = ["--kind", "energy", "--item", "原煤", "--period", "2025-02", "--quantity", "121", "--unit", "吨"];
    let told = touched(&enter(&site, &[&coal[..], &["--correct", "--reason", "过磅单更正"]].concat()));
    let places = told.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>();
    assert_eq!(places, ["205-1, 2025-02", "205-1, 2025-03"], "{told:?}");
    assert!(told.iter().all(|(_, cells)| cells.split(", ").all(|cell| cell.starts_with("原煤.") || cell == "total")), "{told:?}");
    for month in ["2025-02", "2025-03"] {
        site.ok(&["build", "--form", "205-1", "--period", month]);
    }
    // Heads of February are nothing to January.
    let heads = ["--kind", "headcount", "--item", "在岗职工", "--period", "2025-02", "--date", "2025-02-10", "--quantity", "3"];
    assert_eq!(touched(&enter(&site, &heads)), [pair("B203, 2025-02", "601"), pair("B203, 2025-03", "601")]);
    let shown = site.ok(&["draft", "show", "--form", "B203", "--period", "2025-02"]);
    assert!(shown.contains("measures changed") && !shown.contains("vouchers changed"), "{shown}");
}

#[test]
fn a_document_of_the_erp_that_changed_touches_what_asked_for_its_kind_item_and_month() {
    let other =
        "[[product]]\ncode = \"P2\"\nname = \"减速机\"\nunit = \"Unit\"\nitem = \"减速机 NMRV063\"\nindustry = \"3824\"\n";
    let config = format!("{CONFIG}\n[[form]]\ncode = \"B204-2\"\n{other}").replace("A-1", "伺服电机 1.5kW");
    let site = Site::tryton(&config.replace("unit = \"台\"", "unit = \"Unit\""));
    let power = ["--kind", "energy", "--item", "电力", "--period", "2025-02", "--quantity", "100", "--unit", "千瓦时"];
    enter(&site, &power);
    for month in ["2025-01", "2025-02", "2025-03"] {
        site.ok(&["build", "--period", month]);
    }
    let marked = || {
        let drafts: Vec<Value> = serde_json::from_str(&site.ok(&["--format", "json", "draft", "list"])).unwrap();
        let touched = drafts.iter().filter(|draft| draft.to_string().contains("-changed"));
        let place = |draft: &Value| ["form", "period"].map(|name| draft[name].as_str().unwrap().to_owned());
        touched.map(place).collect::<Vec<_>>()
    };
    assert_eq!(marked(), [[""; 2]; 0]);
    // One delivery of February was of another quantity: stock from February on is another, and nothing that asks for sales, energy or heads.
    let erp = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let moved = erp.execute(
        "UPDATE stock_move SET internal_quantity = internal_quantity + 1 WHERE id = (SELECT MIN(sm.id) FROM stock_move sm \
         JOIN stock_location lt ON lt.id = sm.to_location JOIN product_product pp ON pp.id = sm.product JOIN product_template pt \
         ON pt.id = pp.template WHERE sm.company = 1 AND \
         sm.state = 'done' AND lt.type = 'customer' AND pt.name = '伺服电机 1.5kW' AND sm.effective_date BETWEEN '2025-02-01' AND '2025-02-28')",
        [],
    );
    assert_eq!(moved.unwrap(), 1);
    site.ok(&["pull"]);
    assert_eq!(marked(), [["B204-2", "2025-02"], ["B204-2", "2025-03"]]);
    let shown = site.run(&["draft", "show", "--form", "B204-2", "--period", "2025-02"]);
    let told = touched(&String::from_utf8(shown.stderr).unwrap());
    assert_eq!(told, [pair("B204-2, 2025-02", "P1.closing-stock")]);
}

#[test]
fn the_same_sheet_with_the_same_papers_is_the_same() {
    let site = site();
    fs::write(site.path("energy.csv"), "品种,数量,单位\n电力,120000,千瓦时\n原煤,40,吨\n").unwrap();
    fs::write(site.path("bill.pdf"), "电费单").unwrap();
    fs::write(site.path("other.pdf"), "过磅单").unwrap();
    let import = ["--as", "wu", "measure", "import", "energy.csv", "--kind", "energy", "--period", "2025-03"];
    let run = |more: &[&str]| String::from_utf8(site.run(&[&import[..], more].concat()).stderr).unwrap();
    let entered = |told: &str, count: &str| assert!(told.contains(count), "{told}");
    entered(&run(&["--evidence", "bill.pdf"]), "2 entries made");
    for more in [&["--evidence", "bill.pdf"][..], &[]] {
        let told = run(more);
        assert!(told.contains("0 entries made; 2 say") && !told.contains("error"), "{told}");
    }
    // Another paper is something new, and wants a reason.
    assert!(run(&["--evidence", "other.pdf"]).contains("measure-entered-already"));
}

#[test]
fn what_cannot_be_is_refused_when_it_is_entered() {
    let site = site();
    site.ok(&["pull"]);
    fn enter<'a>(args: &[&'a str]) -> Vec<&'a str> {
        [&["--as", "wu", "measure", "enter"], args].concat()
    }
    let refused = |args: &[&str], words: &[&str]| {
        site.refused(&enter(args), 1, words);
    };
    // Livestock is no unit of electricity; all of the sheet or nothing.
    fs::write(site.path("bad.csv"), "品种,数量,单位\n原煤,40,吨\n电力,5,头\n").unwrap();
    let import = ["--as", "wu", "measure", "import", "bad.csv", "--kind", "energy", "--period", "2025-03"];
    site.refused(&import, 1, &["measure-unit-unknown", "bad.csv:3", "头", "万千瓦时"]);
    assert_eq!(site.ok(&["--format", "csv", "measure", "list"]).lines().count(), 1, "nothing was entered");
    refused(
        &["--kind", "payroll", "--item", "工资", "--period", "2999-01", "--amount", "5"],
        &["measure-month-unfit", "2999-01"],
    );
    refused(&["--kind", "payroll", "--item", "工资", "--period", "1900-01", "--amount", "5"], &["measure-month-unfit"]);
    refused(
        &["--kind", "price", "--item", "A", "--period", "2025-03", "--amount", "0", "--unit", "台"],
        &["measure-number-too-small", "> 0"],
    );
    refused(
        &["--kind", "stock", "--item", "A", "--period", "2025-03", "--quantity", "-5", "--unit", "台"],
        &["measure-number-too-small", "≥ 0"],
    );
    let project = ["--kind", "rd", "--item", "RD1", "--period", "2025-03", "--amount", "5", "--field", "project=电机"];
    refused(&[&project[..], &["--field", "started=2025-13"]].concat(), &["measure-field-unfit", "2025-13"]);
    site.ok(&enter(&[&project[..], &["--field", "started=202501"]].concat()));
    // 100 people on the first of March, and 500 of them are said to have left.
    let heads = |date: &str, quantity: &str, basis: &str| {
        let args = [
            "--kind",
            "headcount",
            "--item",
            "在岗职工",
            "--period",
            "2025-03",
            "--date",
            date,
            "--quantity",
            quantity,
            "--basis",
            basis,
        ];
        enter(&args).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |args: Vec<String>| site.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(run(heads("2025-03-01", "100", "level")).status.success());
    let out = run(heads("2025-03-10", "-500", "change"));
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("heads-negative"));
    assert!(run(heads("2025-03-10", "-100", "change")).status.success(), "everyone may leave");
    // One more that leaves on the day before makes the hundredth of the 10th one too many.
    assert_eq!(run(heads("2025-03-09", "-1", "change")).status.code(), Some(1));
}

#[test]
fn a_price_for_a_unit_in_which_nothing_is_counted_is_told() {
    let site = site();
    let output = ["--kind", "output", "--item", "A-1", "--period", "2025-03", "--quantity", "10", "--unit", "单位"];
    enter(&site, &output);
    let price =
        |unit: &'static str| ["--kind", "price", "--item", "A-1", "--period", "2025-03", "--amount", "1480", "--unit", unit];
    let told = enter(&site, &price("台"));
    assert!(told.contains("price-unit-differs") && told.contains('台') && told.contains("单位"), "{told}");
    let sheet = site.run(&["measure", "sheet", "--kind", "output", "--period", "2025-03"]);
    assert!(String::from_utf8_lossy(&sheet.stderr).contains("price-unit-differs"));
    let fit = enter(&site, &[&price("单位")[..], &["--correct", "--reason", "单位写错"]].concat());
    assert!(!fit.contains("price-unit-differs"), "{fit}");
}
