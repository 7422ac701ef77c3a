//! Edition packs and calendars from the outside: every form builds on a real company, packs are installed, status counts days.

use std::fs;

use serde_json::Value;

use crate::{
    Site, csv, data,
    hand::{
        Books,
        How::{self, Income},
        Money, TRYTON_ASSETS, TRYTON_EQUITY, TRYTON_LIABILITIES, money, thousands, to_date,
    },
};

/// The Tryton company with these forms.
fn site(forms: &[&str]) -> Site {
    let unit = "[unit]\nname = \"示例\"\ncode = \"913301060000000000\"\nregion = \"330106\"\nindustry = \"3411\"\n\n";
    let book = "[[book]]\nid = \"book\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\nvariables.company = 1\n\
        first_period = \"2025-01\"\n\n";
    let forms: String = forms.iter().map(|form| format!("[[form]]\ncode = \"{form}\"\nmapping = [\"layer.toml\"]\n\n")).collect();
    let site = Site::tryton(&format!("{unit}{book}{forms}"));
    fs::copy(data("../../mappings/examples/tryton-hz.toml"), site.path("layer.toml")).unwrap();
    site
}

fn draft(site: &Site, form: &str, month: &str) -> Value {
    let text = site.ok(&["draft", "export", "--form", form, "--period", month, "--to", "json"]);
    serde_json::from_str(&text).unwrap()
}

fn cell<'a>(draft: &'a Value, id: &str) -> &'a Value {
    draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no cell {id}"))
}

#[test]
fn every_form_builds_on_a_real_company() {
    let codes: Vec<String> = csv(&Site::new("").ok(&["-c", "none.toml", "form", "list", "--format", "csv"]))
        .iter()
        .map(|row| row["form"].clone())
        .collect();
    assert_eq!(codes.len(), 28);
    let site = site(&codes.iter().map(String::as_str).collect::<Vec<_>>());
    let built = csv(&site.ok(&["build", "--period", "2025-12", "--format", "csv"]));
    assert_eq!(built.len(), 28);

    // The annual form takes the adjustment period in and leaves its closing voucher out. There is nothing else in it, so that the year
    // ends with what December ended with, by the oracle; Tryton's own closing would have put 制造费用 and 暂估 into the result.
    let books = Books::new("tryton", "1", &crate::drafts::tryton_lines(&site, "1"));
    let annual = draft(&site, "B103-1", "2025-12");
    let revenue = Income(&["4.1.1.01", "4.1.2.01"]);
    let year = |how: How| to_date("2025-12").iter().map(|month| books.amount(how, month)).sum::<Money>();
    for (id, column, expected) in [
        ("213", "closing", books.amount(TRYTON_ASSETS, "2025-12")),
        ("217", "closing", books.amount(TRYTON_LIABILITIES, "2025-12")),
        ("218", "closing", books.amount(TRYTON_EQUITY, "2025-12")),
        ("301", "cumulative", year(revenue)),
        // 4,000,000.00 of one account, none of it by kind of investor.
        ("219", "closing", money("4000000.00")),
        // Nothing was in stock when the year began; 2,880,000.00 − 669,870.97.
        ("101", "opening", 0),
        ("209", "closing", money("2880000.00")),
        ("210", "closing", money("669870.97")),
    ] {
        let figure = &cell(&annual, id)["columns"][column];
        assert_eq!(figure["raw"].as_str().map(money), Some(expected), "{id}: {figure}");
        assert_eq!(figure["value"].as_str(), Some(&*thousands(expected)), "{id}");
    }
    assert_eq!(
        books.amount(TRYTON_ASSETS, "2025-12"),
        books.amount(TRYTON_LIABILITIES, "2025-12") + books.amount(TRYTON_EQUITY, "2025-12")
    );
    assert!(cell(&annual, "301")["columns"].get("this_month").is_none(), "a year has no month");
    assert_eq!(annual["printed"], serde_json::json!(["value", "prior_year"]));
    // The census form of other units: net fixed assets.
    let census = draft(&site, "611-3", "2025-12");
    assert_eq!(cell(&census, "250")["columns"]["closing"]["raw"].as_str().map(money), Some(money("2210129.03")));
    // Texts from the configuration; rows that Beijing adds are left out elsewhere.
    let base = draft(&site, "101-1", "2025-12");
    assert_eq!(cell(&base, "102")["columns"]["value"]["value"], "示例");
    assert_eq!(cell(&base, "205")["status"], "missing_source");
    let labour = draft(&site, "202-1", "2025-12");
    assert!(labour["cells"].as_array().unwrap().iter().all(|cell| !cell["id"].as_str().unwrap().starts_with("BJ")));
    // Explaining ends in the same figure.
    let told: Value =
        serde_json::from_str(&site.ok(&["explain", "B103-1:213", "--period", "2025-12", "--format", "json"])).unwrap();
    assert_eq!(told["raw"].as_str().map(money), Some(books.amount(TRYTON_ASSETS, "2025-12")), "{told}");
}

#[test]
fn packs_are_checked_and_installed_without_a_build() {
    let site = site(&["B203"]);
    let built_in = fs::read_to_string(data("../../mappings/forms/2025/B203.toml")).unwrap();
    let newer = built_in.replace("revision = 1", "revision = 2").replace("name = \"资产总计\"", "name = \"资产总计（新）\"");
    fs::write(site.path("newer.toml"), &newer).unwrap();
    fs::write(site.path("older.toml"), &built_in).unwrap();
    fs::write(
        site.path("broken.toml"),
        newer.replace("expr = \"[213] >= 0\"", "expr = \"[999] >= 0\"").replace("kind = \"flow\"", "kind = \"flwo\""),
    )
    .unwrap();
    let wrong = newer
        .replace("expr = \"[213] >= 0\"", "expr = \"[999] >= 0\"")
        .replace("[[row]]\ncode = \"201\"", "[[row]]\ncode = \"202\"");
    fs::write(site.path("wrong.toml"), &wrong).unwrap();

    // Everything that is wrong, each in its place.
    let line = |text: &str, part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    site.refused(&["form", "check", "broken.toml"], 1, &["value-unknown", "broken.toml:", "flwo"]);
    let doubled = line(&wrong, "name = \"应收账款\"") - 2;
    site.refused(&["form", "check", "wrong.toml"], 1, &["row-doubled", &format!("wrong.toml:{doubled}:1")]);
    let unknown = newer.replace("expr = \"[213] >= 0\"", "expr = \"[999] >= 0\"");
    fs::write(site.path("unknown.toml"), &unknown).unwrap();
    let at = line(&unknown, "[999]");
    site.refused(&["form", "check", "newer.toml", "unknown.toml"], 1, &["indicator-unknown", &format!("unknown.toml:{at}:9")]);
    let checked = csv(&site.ok(&["form", "check", "newer.toml", "older.toml", "--format", "csv"]));
    assert!(checked.iter().all(|row| row["result"] == "in_order" && row["rules"] == "25"), "{checked:?}");

    // Broken and older packs are refused and change nothing.
    site.refused(&["form", "install", "unknown.toml"], 1, &["indicator-unknown"]);
    site.refused(&["form", "install", "older.toml"], 1, &["pack-older", "revision 1"]);
    assert!(!site.path("mappings").exists());

    site.ok(&["form", "install", "newer.toml"]);
    assert_eq!(fs::read_to_string(site.path("mappings/forms/2025/B203.toml")).unwrap(), newer);
    site.ok(&["build", "--period", "2025-06"]);
    assert_eq!(cell(&draft(&site, "B203", "2025-06"), "213")["name"], "资产总计（新）");
    let listed = csv(&site.ok(&["form", "list", "--trade", "B", "--format", "csv"]));
    let row = listed.iter().find(|row| row["form"] == "B203").unwrap();
    assert_eq!((row["revision"].as_str(), row["origin"].as_str()), ("2", "own"));
    let log = csv(&site.ok(&["log", "show", "--format", "csv"]));
    let installed: Vec<_> = log.iter().filter(|row| row["what"] == "install-form").collect();
    assert!(installed.len() == 1 && installed[0]["detail"].contains("\"revision\":2"), "{log:?}");
    site.ok(&["log", "verify"]);
    // The same once more is no operation, and what stands there is no older than itself.
    site.ok(&["form", "install", "newer.toml"]);
    assert_eq!(csv(&site.ok(&["log", "show", "--format", "csv"])).len(), log.len());

    // A form of a region, with codes that others use for other things.
    site.ok(&["form", "install", data("../../mappings/examples/forms/BJ-JY.toml").to_str().unwrap()]);
    site.ok(&["build", "--form", "BJ-JY", "--period", "2025-12"]);
    let (local, national) = (draft(&site, "BJ-JY", "2025-12"), draft(&site, "B203", "2025-12"));
    assert_eq!((local["region"].as_str(), cell(&local, "01")["name"].as_str()), (Some("110000"), Some("人员")));
    let raw = |draft: &Value, id: &str| cell(draft, id)["columns"]["cumulative"]["raw"].clone();
    assert_eq!(raw(&local, "65"), raw(&national, "327"));
    let shown: Value = serde_json::from_str(&site.ok(&["form", "show", "BJ-JY", "--format", "json"])).unwrap();
    assert_eq!(shown["row"][4]["code"], "155");
    site.refused(&["form", "show", "B999"], 2, &["form-unknown"]);
}

/// What was built by an older pack says so wherever it is looked at, and stays as it is until somebody builds it anew.
#[test]
fn a_newer_pack_leaves_kept_drafts_as_they_are_and_they_say_so() {
    let site = site(&["B203"]);
    let config = fs::read_to_string(site.path("agent.toml")).unwrap();
    let config = format!("{config}[[person]]\nid = \"wu\"\nname = \"吴静\"\nroles = [\"preparer\"]\n");
    fs::write(site.path("agent.toml"), &config).unwrap();
    site.ok(&["build", "--period", "2025-06"]);
    let built_in = fs::read_to_string(data("../../mappings/forms/2025/B203.toml")).unwrap();
    let before = draft(&site, "B203", "2025-06");
    // The digest that everybody else computes.
    let digest = |file: &std::path::Path| {
        let out = std::process::Command::new("sha256sum").arg(file).output().unwrap();
        String::from_utf8(out.stdout).unwrap()[..12].to_owned()
    };
    let old = format!("2025 r1 (SHA-256 {})", digest(&data("../../mappings/forms/2025/B203.toml")));
    let newer = built_in.replace("revision = 1", "revision = 2").replace("name = \"资产总计\"", "name = \"资产总计（新）\"");
    let other = built_in.replace("edition = \"2025\"", "edition = \"2026\"");
    for (name, text, now) in [("newer.toml", newer, "2025 r2"), ("other.toml", other, "2026 r1")] {
        fs::write(site.path(name), text).unwrap();
        site.ok(&["form", "install", name]);
        let edition = &now[..4];
        fs::write(
            site.path("agent.toml"),
            config.replace("code = \"B203\"", &format!("code = \"B203\"\nedition = \"{edition}\"")),
        )
        .unwrap();
        let now = format!("{now} (SHA-256 {})", digest(&site.path(name)));
        let sentence =
            format!("[pack-changed] B203, 2025-06, book book: the draft was made by the pack {old}; installed now is {now}");
        let said = |args: &[&str]| {
            let out = site.run(args);
            assert_eq!(out.status.code(), Some(0), "{args:?}");
            let told = String::from_utf8(out.stderr).unwrap();
            assert!(told.contains(&sentence), "{args:?}: {told}");
            assert!(!told.contains("[mapping-changed]"), "{told}");
            String::from_utf8(out.stdout).unwrap()
        };
        assert!(said(&["draft", "show", "--form", "B203", "--period", "2025-06"]).contains("made by another pack, build again"));
        said(&["explain", "B203:213", "--period", "2025-06"]);
        for args in [&["draft", "list", "--format", "csv"][..], &["status", "--date", "2025-07-10", "--format", "csv"]] {
            let rows = csv(&site.ok(args));
            let row = rows.iter().find(|row| row["form"] == "B203" && row["period"] == "2025-06");
            assert_eq!(row.map(|row| row["stale"].as_str()), Some("pack-changed"), "{args:?}");
        }
        // Nothing was computed anew: the old name, the old edition, the old version.
        let kept = draft(&site, "B203", "2025-06");
        assert_eq!((&kept["cells"], &kept["edition"]), (&before["cells"], &before["edition"]));
        assert_eq!(csv(&site.ok(&["draft", "list", "--format", "csv"]))[0]["version"], "1");
        site.refused(&["review", "--form", "B203", "--period", "2025-06", "--as", "wu"], 1, &["error[pack-changed]"]);
    }
    // Built anew it is of the other edition and says nothing any more.
    site.ok(&["build", "--period", "2025-06"]);
    let rows = csv(&site.ok(&["draft", "list", "--format", "csv"]));
    let rows: Vec<_> = rows.iter().map(|row| [&*row["edition"], &*row["version"], &*row["stale"]]).collect();
    assert_eq!(rows, [["2026", "2", ""]]);
}

#[test]
fn status_says_what_is_due_and_how_far_it_has_come() {
    let site = site(&["B203", "102-1", "201-1"]);
    let status = |date: &str| {
        let rows = csv(&site.ok(&["status", "--date", date, "--format", "csv"]));
        rows.into_iter()
            .map(|row| ["form", "period", "due_date", "days_left", "when", "state"].map(|name| row[name].clone()).join(" "))
            .collect::<Vec<_>>()
    };
    // January is exempt, and reports of 2024's months have no calendar; its annual report is due by the calendar of 2025, on a Monday.
    let annual = |left: i32, when: &str| format!("102-1 2024-12 2025-03-10 {left} {when} not_built");
    assert_eq!(status("2025-03-01"), [annual(9, "due"), "B203 2025-01..2025-02 2025-03-18 17 due not_built".to_owned()]);
    site.ok(&["build", "--form", "B203", "--period", "2025-02"]);
    assert_eq!(status("2025-03-18")[1..], ["B203 2025-01..2025-02 2025-03-18 0 due built"]);
    assert_eq!(status("2025-03-19")[..2], [annual(-9, "late"), "B203 2025-01..2025-02 2025-03-18 -1 late built".to_owned()]);
    assert_eq!(status("2025-03-19")[2], "B203 2025-03 2025-04-18 30 due not_built");
    // The annual form of 2025 is due by the calendar of 2026; 201-1 only on change.
    assert_eq!(
        status("2026-02-01"),
        [
            "B203 2025-10 2025-11-18 -75 late not_built",
            "B203 2025-11 2025-12-18 -45 late not_built",
            "B203 2025-12 2026-01-19 -13 late not_built",
            "102-1 2025-12 2026-03-10 37 due not_built",
            "B203 2026-01..2026-02 2026-03-18 45 due not_built",
        ]
    );
    // What has been late for longer is counted from the first sealed month on: seven reports of 2025-03 … 2025-09 that nobody built, and that of
    // January and February, which was built and not delivered. The annual one of 2024 is older than the book.
    let told = String::from_utf8(site.run(&["status", "--date", "2026-02-01"]).stderr).unwrap();
    let line = told.lines().find(|line| line.contains("reports-older-late")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains("8 more") && line.contains("B203 2025-02, due on 2025-03-18"), "{line}");
    let all = csv(&site.ok(&["status", "--date", "2026-02-01", "--all", "--format", "csv"]));
    assert_eq!((all.len(), all[0]["form"].as_str(), all[0]["when"].as_str()), (5 + 8, "B203", "late"));
    assert_eq!((all[0]["state"].as_str(), all[1]["state"].as_str()), ("built", "not_built"));
    // The bureau's own table stands in the place of the one that comes with the program.
    fs::create_dir_all(site.path("mappings/calendars")).unwrap();
    let text = fs::read_to_string(data("../../mappings/calendars/2026.toml")).unwrap();
    fs::write(
        site.path("mappings/calendars/2026.toml"),
        text.replace("enterprise = { months = 1, day = 18 }", "enterprise = { months = 1, day = 16 }"),
    )
    .unwrap();
    assert_eq!(status("2026-03-10")[3], "B203 2026-01..2026-02 2026-03-16 6 due not_built");
    fs::write(site.path("mappings/calendars/2026.toml"), text.replace("year = 2026", "year = 2027")).unwrap();
    site.refused(&["status", "--date", "2026-03-10"], 2, &["calendar-misnamed"]);
    fs::remove_file(site.path("mappings/calendars/2026.toml")).unwrap();
    let late = site.run(&["status", "--date", "2031-05-01"]);
    assert!(String::from_utf8_lossy(&late.stderr).contains("calendar-missing"));
}

#[test]
fn init_proposes_the_forms_of_the_trade() {
    let site = Site::tryton("");
    fs::remove_file(site.path("agent.toml")).unwrap();
    let init = |industry: &str, out: &str| {
        site.ok(&[
            "init",
            "--sqlite",
            "tryton.sqlite",
            "--unit-code",
            "91350100M000100Y43",
            "--industry",
            industry,
            "--out",
            out,
        ]);
        let text = fs::read_to_string(site.path(out)).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let forms = table["form"].as_array().unwrap().iter().map(|form| form["code"].as_str().unwrap().to_owned());
        (forms.collect::<Vec<_>>(), text)
    };
    // 3411: manufacture of metal products, with or without the letter of its section.
    let (forms, text) = init("3411", "industry.toml");
    assert!(forms.contains(&"B203".to_owned()) && forms.iter().all(|form| form.starts_with('B')), "{forms:?}");
    assert!(text.contains("# code = \"B103-1\"") && text.contains("# code = \"102-1\"") && !text.contains("E203"), "{text}");
    for (industry, out, form) in
        [("F5171", "trade.toml", "E203"), ("7010", "estate.toml", "X203"), ("6110", "hotel.toml", "S203")]
    {
        assert!(init(industry, out).0.contains(&form.to_owned()), "{industry}");
    }
    site.ok(&["-c", "industry.toml", "build", "--book", "tryton-1", "--period", "2025-06"]);
}
