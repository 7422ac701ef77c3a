//! Who may do what: people of departments fill their own sheets and nothing else; acts go to rows and forms that take them.

use std::fs;

use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"

[[form]]
code = "101-1"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]

[[person]]
id = "zhou"
name = "周敏"
roles = ["statistician"]

[[person]]
id = "li"
name = "李强"
roles = ["contributor"]

[[sheet]]
id = "energy"
kind = "energy"
person = "li"
items = ["电力"]
due_day = 5
"#;

/// A command line and its words apart; `~` stands for a blank within a word.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| word.replace('~', " ")).collect()
}

fn ok(site: &Site, line: &str) -> String {
    let words = words(line);
    site.ok(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn refused(site: &Site, line: &str, code: i32, said: &[&str]) -> String {
    let words = words(line);
    site.refused(&words.iter().map(String::as_str).collect::<Vec<_>>(), code, said)
}

#[test]
fn people_of_departments_fill_their_sheets_and_nothing_else() {
    let site = Site::tryton(CONFIG);
    ok(&site, "build --form B203 --period 2025-06");
    let acts = [
        "ledger adjust B203:301 --period 2025-06 --amount 1 --reason 补记未开票收入",
        "ledger adjust B203:301 --period 2025-06 --withdraw --reason 发票已到不用调整",
        "ledger text 101-1:201 --period 2025-12 --text 张三",
        "ledger lock --period 2025-06",
        "ledger unlock --period 2025-06 --reason 更正六月收入",
        "ledger event --period 2025-06 --text 二号生产线投产",
        "ledger handover --to wu --note 移交六月台账",
        "audit explain B203 --rule FIN-01 --period 2025-06 --cause other --text 客户8家集中验收",
        "review --form B203 --period 2025-06",
        "approve --form B203 --period 2025-06",
        "return --form B203 --period 2025-06 --reason 数不对退回重做",
        "filing --form B203 --period 2025-06 --at 2025-07-10",
        "message answer 1 --text 已核实",
    ];
    for act in acts {
        let told = refused(&site, &format!("{act} --as li"), 1, &["role-unfit", "李强"]);
        assert!(told.contains("preparer") || told.contains("statistician"), "{told}");
    }
    let log = crate::csv(&ok(&site, "log show --format csv"));
    assert!(log.iter().all(|row| row["who"] != "li"), "{log:?}");
    // Its own sheet it fills, and no other.
    ok(&site, "measure enter --kind energy --item 电力 --period 2025-06 --quantity 3 --unit 万千瓦时 --field use=生产 --as li");
    refused(
        &site,
        "measure enter --kind headcount --item 全体 --period 2025-06 --date 2025-06-01 --basis level --quantity 3 --as li",
        1,
        &["measure-not-yours"],
    );
    // The others may, and lock under their own name.
    ok(&site, "ledger event --period 2025-06 --text 二号生产线投产 --as wu");
    let locked = site.run(&["ledger", "lock", "--period", "2025-06", "--as", "zhou"]);
    let told = String::from_utf8_lossy(&locked.stderr).into_owned();
    assert!(locked.status.success() && told.contains("2025-06, book hz"), "{told}");
    let told = refused(&site, "ledger adjust B203:301 --period 2025-06 --amount 1 --reason 补记未开票收入 --as wu", 1, &[]);
    assert!(told.contains("B203, 2025-06, book hz"), "{told}");
}

#[test]
fn acts_go_where_they_can_be_done() {
    let site = Site::tryton(CONFIG);
    refused(&site, "ledger adjust F203:301 --period 2025-12 --amount 1 --reason 补记收入 --as wu", 2, &["form-not-configured"]);
    refused(
        &site,
        "ledger adjust 101-1:101 --period 2025-12 --amount 1 --reason 改为一号 --as wu",
        1,
        &["adjust-text", "ledger text"],
    );
    refused(&site, "ledger text 101-1:102 --period 2025-12 --text 别名 --as wu", 2, &["text-is-fact", "unit.name"]);
    refused(&site, "ledger text B203:301 --period 2025-06 --text 100 --as wu", 2, &["text-on-figure"]);
    let drafts = crate::csv(&ok(&site, "draft list --format csv"));
    assert!(drafts.iter().all(|row| row["form"] != "F203"), "{drafts:?}");
    // Texts and choices stand in the draft as they were said; a choice may be said by its number.
    let pack: toml::Table =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/forms/2025/101-1.toml")).unwrap().parse().unwrap();
    let choice = pack["row"].as_array().unwrap().iter().find(|row| row.get("choices").is_some()).unwrap();
    let (code, choices) = (choice["code"].as_str().unwrap(), choice["choices"].as_array().unwrap());
    let (second, number) = (choices[1].as_str().unwrap(), choices[1].as_str().unwrap().split(' ').next().unwrap());
    refused(&site, &format!("ledger text 101-1:{code} --period 2025-12 --text 巨型 --as wu"), 2, &[second]);
    ok(&site, &format!("ledger text 101-1:{code} --period 2025-12 --text {number} --as wu"));
    let value = |site: &Site| {
        let text = ok(site, "draft export --form 101-1 --period 2025-12 --to json");
        let draft: Value = serde_json::from_str(&text).unwrap();
        let cells = draft["cells"].as_array().unwrap().clone();
        let cell = cells.iter().find(|cell| cell["id"] == code).unwrap();
        (cell["columns"]["value"]["value"].clone(), cell["columns"]["value"]["status"].clone())
    };
    assert_eq!(value(&site), (second.into(), "ok".into()));
    ok(&site, &format!("ledger text 101-1:{code} --period 2025-12 --withdraw --reason 填错了单位规模 --as wu"));
    assert_eq!(value(&site), (Value::Null, "missing_source".into()));
    // A month that has not begun, and a handover to oneself.
    refused(&site, "ledger lock --period 2999-01 --as zhou", 1, &["lock-of-the-future", "2999-01, book hz"]);
    refused(&site, "ledger handover --to wu --note 移交六月台账 --as wu", 1, &["handover-to-oneself"]);
    // What was made this year is kept for years, whichever month it is about.
    let today = String::from_utf8(std::process::Command::new("date").arg("+%Y").output().unwrap().stdout).unwrap();
    let year: u16 = today.trim().parse().unwrap();
    let listed = |at: String| crate::csv(&ok(&site, &format!("ledger disposal --at {at} --format csv"))).len();
    assert_eq!(listed(format!("{year}-12")), 0);
    assert!(listed(format!("{}-01", year + 30)) > 0);
}
