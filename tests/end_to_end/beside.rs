//! What stands beside figures: events of a month, entries and the forms that read them, what an ERP does not tell, and packs with several
//! mistakes.

use std::fs;

use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
name = "示例"
region = "320505"

[[book]]
id = "book"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables = { company = 1, sales = true }

[measures]
none = ["processing"]

[[form]]
code = "B203"

[[form]]
code = "B204-1"

[[repeat]]
each = "project"
code = "P1"
name = "三号线"
item = "P1"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]
"#;

fn stderr(site: &Site, args: &[&str]) -> String {
    let out = site.run(args);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{args:?}: {told}");
    told
}

#[test]
fn events_stand_beside_the_figures_of_their_month_and_change_none() {
    let site = Site::tryton(CONFIG);
    let of = ["--form", "B203", "--period", "2025-06"];
    site.ok(&["build", "--form", "B203", "--period", "2025-06"]);
    let kept = || crate::csv(&site.ok(&["draft", "list", "--format", "csv"]))[0].clone();
    let before = kept();
    site.ok(&["ledger", "event", "--period", "2025-06", "--kind", "capacity", "--text", "二号生产线投产", "--as", "wu"]);
    for verb in [&["draft", "show"][..], &["audit", "quality"]] {
        let told = stderr(&site, &[verb, &of[..]].concat());
        assert!(told.contains("[event-noted] 2025-06: ") && told.contains("二号生产线投产 (wu)"), "{verb:?}: {told}");
    }
    let told = stderr(&site, &["explain", "B203:301", "--period", "2025-06"]);
    assert!(told.contains("二号生产线投产"), "{told}");
    // July is compared with June; August is not.
    let told = stderr(&site, &["audit", "quality", "--form", "B203", "--period", "2025-07"]);
    assert!(told.contains("二号生产线投产"), "{told}");
    assert!(!stderr(&site, &["audit", "quality", "--form", "B203", "--period", "2025-08"]).contains("二号生产线投产"));
    let rows = crate::csv(&site.ok(&["ledger", "export", "--form", "B203", "--period", "2025-06", "--to", "csv"]));
    assert!(!rows.is_empty() && rows.iter().all(|row| row["events"] == "二号生产线投产"), "{rows:?}");
    site.ok(&["draft", "export", of[0], of[1], of[2], of[3], "--to", "xlsx", "--out", "d.xlsx"]);
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(site.path("d.xlsx")).unwrap();
    let sheets = calamine::Reader::sheet_names(&book);
    let found = sheets.iter().any(|name| {
        let range = calamine::Reader::worksheet_range(&mut book, name).unwrap();
        range.rows().flatten().any(|cell| cell.to_string().contains("二号生产线投产"))
    });
    assert!(found, "{sheets:?}");
    site.ok(&["build", "--form", "B203", "--period", "2025-06"]);
    assert_eq!(kept(), before, "a draft is what it was");
}

#[test]
fn investment_and_research_reach_their_forms_and_an_entry_that_no_form_reads_says_so() {
    let site = Site::tryton(CONFIG);
    let invest = |month: &str, part: &str, amount: &str| {
        let field = format!("composition={part}");
        let entry = ["measure", "enter", "--kind", "investment", "--item", "P1", "--amount", amount, "--period", month];
        stderr(&site, &[&entry[..], &["--field", "project=三号线", "--field", &field, "--as", "wu"]].concat())
    };
    let told = invest("2025-01", "建筑工程", "1200000");
    assert!(told.contains("[measure-unread]") && told.contains("固定资产投资"), "{told}");
    let forms = "[[form]]\ncode = \"206-1\"\n\n[[form]]\ncode = \"107-1\"\n";
    fs::write(site.path("agent.toml"), format!("{CONFIG}\n{forms}")).unwrap();
    for (month, part, amount) in [
        ("2025-01", "安装工程", "0"),
        ("2025-01", "设备工器具购置", "300000"),
        ("2025-01", "其他费用", "0"),
        ("2025-02", "建筑工程", "800000"),
        ("2025-02", "安装工程", "50000"),
        ("2025-02", "设备工器具购置", "0"),
        ("2025-02", "其他费用", "0"),
    ] {
        let told = invest(month, part, amount);
        assert!(!told.contains("measure-unread"), "{told}");
    }
    let figure = |form: &str, month: &str, id: &str, column: &str| {
        site.ok(&["build", "--form", form, "--period", month]);
        let text = site.ok(&["draft", "export", "--form", form, "--period", month, "--to", "json"]);
        let draft: Value = serde_json::from_str(&text).unwrap();
        let cells = draft["cells"].as_array().unwrap().clone();
        let cell = cells.iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no {id}: {text}"));
        cell["columns"][column]["raw"].as_str().map(str::to_owned)
    };
    // January and February: 1,200,000 + 800,000 of buildings; with 50,000 and 300,000 the whole is 2,350,000.
    assert_eq!(figure("206-1", "2025-02", "P1.construction", "cumulative").as_deref(), Some("2000000"));
    assert_eq!(figure("206-1", "2025-02", "P1.investment", "cumulative").as_deref(), Some("2350000"));
    let entry = ["measure", "enter", "--kind", "rd", "--item", "P1", "--field", "project=三号线", "--field", "started=2025-01"];
    for month in 1..=12 {
        let period = format!("2025-{month:02}");
        site.ok(&[&entry[..], &["--amount", "1000.5", "--period", &period, "--as", "wu"]].concat());
    }
    assert_eq!(figure("107-1", "2025-12", "P1.11", "cumulative").as_deref(), Some("12006"));
}

/// Annual forms of research and the whole of a project, from what people entered; every expected figure was added up by hand.
#[test]
fn projects_and_research_are_made_of_what_was_entered() {
    let site = Site::tryton(CONFIG);
    let forms = "[[form]]\ncode = \"206-1\"\n\n[[form]]\ncode = \"107-1\"\n\n[[form]]\ncode = \"107-2\"\n";
    let sheet = "\n[[sheet]]\nid = \"rd\"\nkind = \"rd_cost\"\nperson = \"wu\"\ndue_day = 20\nmonths = [12]\n";
    fs::write(site.path("agent.toml"), format!("{CONFIG}\n{forms}{sheet}")).unwrap();
    let enter = |kind: &str, month: &str, rest: &[&str]| {
        let entry = ["--as", "wu", "measure", "enter", "--kind", kind, "--item", "P1", "--period", month];
        stderr(&site, &[&entry[..], rest].concat());
    };
    enter("project_plan", "2025-01", &["--amount", "50000000"]);
    enter("project_plan", "2025-03", &["--amount", "60000000"]);
    enter("invested_before", "2024-12", &["--amount", "10000000"]);
    for (month, part, amount) in [("2025-01", "建筑工程", "1200000"), ("2025-02", "建筑工程", "1150000")] {
        enter("investment", month, &["--amount", amount, "--field", "project=三号线", "--field", &format!("composition={part}")]);
    }
    enter("funds", "2025-01", &["--amount", "3000000", "--field", "composition=自筹资金"]);
    enter("funds", "2025-02", &["--amount", "500000", "--field", "composition=国内贷款"]);
    enter("rd_people", "2025-12", &["--quantity", "12", "--unit", "人"]);
    enter("rd_time", "2025-12", &["--quantity", "85", "--unit", "人月"]);
    for (part, amount) in
        [("政府资金", "4000"), ("科学原理的探索发现", "0"), ("企业自主开展", "9000"), ("委托外单位开展", "3006")]
    {
        enter("rd_project", "2025-12", &["--amount", amount, "--field", &format!("composition={part}")]);
    }
    let import = |kind: &str, text: &str| {
        fs::write(site.path("rd.csv"), text).unwrap();
        site.ok(&["--as", "wu", "measure", "import", "rd.csv", "--kind", kind, "--period", "2025-12"]);
    };
    import(
        "rd_cost",
        "品种,金额\n人员人工费用,100000.4\n直接投入费用,200000.4\n折旧费用与长期待摊费用,30000\n无形资产摊销费用,4000\n设计费用,5000\n\
         装备调试费用与试验费用,6000\n委托境内研究机构,7000\n委托境内高等学校,8000\n委托境内企业,9000\n委托境外机构,1000\n其他费用,2000\n",
    );
    import("rd_funding", "品种,金额\n企业自筹,300000.8\n政府部门,72000\n银行贷款,0\n风险投资,0\n其他渠道,0\n");
    import("rd_count", "品种,数量,单位\n研究开发人员,9,人\n女性研究开发人员,2,人\n专利申请,3,件\n");
    let figure = |form: &str, month: &str, id: &str, column: &str| {
        site.ok(&["build", "--form", form, "--period", month]);
        let text = site.ok(&["draft", "export", "--form", form, "--period", month, "--to", "json"]);
        let draft: Value = serde_json::from_str(&text).unwrap();
        let cells = draft["cells"].as_array().unwrap().clone();
        let cell = cells.iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no {id}: {text}"));
        cell["columns"][column]["raw"].as_str().unwrap_or(cell["status"].as_str().unwrap()).to_owned()
    };
    for (month, id, column, expected) in [
        ("2025-02", "P1.planned-investment", "closing", "50000000"),
        ("2025-03", "P1.planned-investment", "closing", "60000000"),
        ("2025-02", "P1.investment-total", "closing", "12350000"),
        ("2025-02", "P1.funds", "cumulative", "3500000"),
        // Nobody said anything of March.
        ("2025-03", "P1.funds", "cumulative", "missing_source"),
    ] {
        assert_eq!(figure("206-1", month, id, column), expected, "{month} {id}");
    }
    for (id, column, expected) in [
        ("P1.9", "closing", "12"),
        ("P1.10", "closing", "85"),
        ("P1.12", "cumulative", "4000"),
        ("P1.13", "cumulative", "0"),
        ("P1.14", "cumulative", "9000"),
        ("P1.15", "cumulative", "3006"),
    ] {
        assert_eq!(figure("107-1", "2025-12", id, column), expected, "{id}");
    }
    for (id, column, expected) in [
        ("8", "cumulative", "100000.4"),
        ("14", "cumulative", "25000"),
        ("7", "cumulative", "372000.8"),
        ("from-government", "cumulative", "72000"),
        ("1", "closing", "9"),
        ("29", "closing", "3"),
        ("30", "closing", "missing_source"),
    ] {
        assert_eq!(figure("107-2", "2025-12", id, column), expected, "{id}");
    }
    let verdicts: Vec<Value> =
        serde_json::from_str(&site.ok(&["audit", "run", "--form", "107-2", "--period", "2025-12", "--format", "json"])).unwrap();
    for rule in ["RD-02", "RD-07", "RD-09", "RD-15", "RD-16"] {
        let found = verdicts.iter().find(|verdict| verdict["id"].as_str().is_some_and(|id| id.contains(rule))).unwrap();
        let expected = if rule == "RD-07" { "NA" } else { "1" };
        assert_eq!(found["value"], expected, "{found}");
    }
    let due = |month: &str| {
        site.ok(&["--format", "csv", "measure", "due", "--period", month, "--on", "2026-01-05"]).lines().count() - 1
    };
    assert_eq!([due("2025-11"), due("2025-12")], [0, 1]);
}

#[test]
fn what_an_erp_does_not_tell_has_a_name_and_a_way() {
    let site = Site::tryton(CONFIG);
    let told = stderr(&site, &["build", "--form", "B204-1", "--period", "2025-06"]);
    assert!(told.contains("[measure-origin-untold]") && told.contains("产成品 A"), "{told}");
    let layer =
        "title = '按类别'\n[cell.'B204-1:03']\nformula = 'MEASURE(sales, amount, class=\"产成品 A\")'\nwhy = '没有生产模块'\n";
    fs::write(site.path("layer.toml"), layer).unwrap();
    let config = CONFIG.replace("code = \"B204-1\"", "code = \"B204-1\"\nmapping = [\"layer.toml\"]");
    fs::write(site.path("agent.toml"), config).unwrap();
    site.ok(&["build", "--form", "B204-1", "--period", "2025-06"]);
    let text = site.ok(&["draft", "export", "--form", "B204-1", "--period", "2025-06", "--to", "json"]);
    let draft: Value = serde_json::from_str(&text).unwrap();
    let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "03").unwrap().clone();
    assert_eq!(cell["status"], "ok", "{cell}");
}

#[test]
fn heads_at_the_end_are_told_from_the_average() {
    let site = Site::tryton(CONFIG);
    let enter = |date: &str, basis: &str, quantity: &str| {
        let base = ["--as", "wu", "measure", "enter", "--kind", "headcount", "--item", "在岗职工", "--period", "2025-01"];
        site.ok(&[&base[..], &["--date", date, "--basis", basis, "--quantity", quantity]].concat());
    };
    // (100 × 30 + 131) ÷ 31 = 101 on average, 131 on the last day.
    enter("2025-01-01", "level", "100");
    enter("2025-01-31", "change", "31");
    fs::write(site.path("hand.csv"), "指标名称,指标代码,期末\n平均用工人数,601,131\n").unwrap();
    let out = site.run(&["exam", "--against", "hand.csv", "--form", "B203", "--period", "2025-01", "--format", "json"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("exam-cause-heads"), "{text} {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn everything_that_is_wrong_with_a_pack_or_a_configuration_is_told_at_once() {
    let site = Site::tryton(&format!("{CONFIG}\n[outside]\nfile = \"gone.csv\"\n"));
    let pack = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/forms/2025/206-1.toml")).unwrap();
    let broken = pack.replace("kind = \"flow\"", "kind = \"flw\"").replace("severity = \"verify\"", "severity = \"mild\"");
    let (rows, rules) = (broken.matches("\"flw\"").count(), broken.matches("\"mild\"").count());
    let broken = broken.replacen("id = \"funds\"", "id = \"investment\"", 1);
    fs::write(site.path("bad.toml"), &broken).unwrap();
    let told = site.refused(&["form", "check", "bad.toml"], 1, &["row-doubled"]);
    let places = |word: &str| told.matches(word).count();
    assert!(rows > 3 && rules > 1 && places("bad.toml:") > rows + rules, "{rows} {rules} {told}");
    site.refused(&["check"], 2, &["outside-unreadable", "gone.csv"]);
    fs::create_dir_all(site.path("mappings/forms/2025")).unwrap();
    let local = pack.replacen("form = \"206-1\"", "form = \"BJ-1\"\nregion = \"110000\"", 1);
    fs::write(site.path("mappings/forms/2025/BJ-1.toml"), local).unwrap();
    let with = |region: &str| {
        let config = CONFIG.replace("320505", region);
        fs::write(site.path("agent.toml"), format!("{config}\n[[form]]\ncode = \"BJ-1\"\n")).unwrap();
        stderr(&site, &["mapping", "check"])
    };
    assert!(with("320505").contains("[form-of-another-region]"));
    assert!(!with("110105").contains("form-of-another-region"));
}
