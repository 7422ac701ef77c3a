/*! The board on the command line: the portal's export, lists, files. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

mod common;

use std::{fs, process::Command};

use common::{Bureau, OTHER, Order, UNIT, period};

/// A figure of a row of a result.
fn text<'a>(row: &'a serde_json::Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

#[test]
fn boards_cover_units_with_and_without_an_agent() {
    let mut bureau = Bureau::new();
    let third = "91350300M0003002XD";
    let register = format!(
        "统一社会信用代码,单位详细名称,行政区划代码,行业代码,直报表号\n{UNIT},示例机械有限公司,350102001000,3411,B203\n\
         {OTHER},示例二厂,350102002000,3411,B203\n{third},示例三厂,350103001000,2511,B203\n"
    );
    fs::write(bureau.path("all.csv"), register).unwrap();
    bureau.run(&["unit", "import", "all.csv"]);
    bureau.serve();
    let site = bureau.unit(UNIT);
    bureau.kill();
    let first = site.package(&Order { figure: 100, ..Order::default() });
    fs::write(bureau.path("p.asice"), first.write(seal::Limits::default()).unwrap()).unwrap();
    bureau.run(&["import", "p.asice"]);
    let period = period();

    // The portal: our unit with another figure, one that has no agent, one that is not in the register, and a cell that is no figure.
    let month = period.replace('-', "");
    let export = format!(
        "报表导出\n统一社会信用代码,单位详细名称,报告期,报送状态,报送时间,[B203] 营业收入;本年-1—本月,利润总额;本年-1—本月（万元）,存货;期末\n\
         {UNIT},示例机械有限公司,{month},已上报,2026-09-01,101,10,100\n{OTHER},示例二厂,{month},已上报,2026-09-02,55,1,约5\n\
         91350100M000101Y41,别家,{month},已上报,2026-09-02,55,1,5\n{third},示例三厂,{month},未上报,,,,\n"
    );
    let (gbk, _, _) = encoding_rs::GBK.encode(&export);
    fs::write(bureau.path("export.csv"), &gbk).unwrap();
    let out = bureau.output(&["import", "--portal", "--form", "B203", "export.csv"]);
    let told = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success() && told.contains("[portal-imported]") && told.contains("3 行"), "{told}");
    assert!(
        told.contains("[portal-unit-unknown] export.csv:5") && told.contains("[portal-figure-unreadable] export.csv:4"),
        "{told}"
    );
    let again = bureau.output(&["import", "--portal", "--form", "B203", "export.csv"]);
    assert!(String::from_utf8(again.stderr).unwrap().contains("[portal-imported-before]"));

    let of = ["--form", "B203", "--period", &period];
    let progress = bureau.json(&[&["board", "progress"], &of[..]].concat());
    let all = progress.last().unwrap();
    let counts = ["area", "owed", "reported", "portal_only", "missing", "rate"].map(|name| text(all, name));
    assert_eq!(counts, ["all", "3", "2", "1", "1", "66.6"]);
    assert_eq!(progress.iter().map(|row| text(row, "area")).collect::<Vec<_>>(), ["350102", "350103", "all"]);

    // 营业收入 101 and not 100; 利润总额 10 万元 are 100 千元, which is what the report has; the stock is the same.
    let differ = bureau.json(&[&["board", "differences"], &of[..]].concat());
    assert_eq!(differ.len(), 1, "{differ:?}");
    assert_eq!(["unit", "code", "portal", "report"].map(|name| text(&differ[0], name)), [UNIT, "301", "101", "100"]);
    let queue = bureau.json(&[&["board", "queue"], &of[..]].concat());
    assert_eq!(text(&queue[0], "unit"), UNIT);
    assert!(text(&queue[0], "reasons").contains("与平台不同"), "{queue:?}");

    // Files: the package's figures, and the board's tables.
    for (kind, name) in [("xlsx", "r.xlsx"), ("csv", "r.csv"), ("gbk", "r.gbk.csv"), ("sdmx", "r.sdmx.csv")] {
        bureau.run(&[&["board", "export", "--to", kind, "--out", name], &of[..]].concat());
    }
    let sdmx = fs::read_to_string(bureau.path("r.sdmx.csv")).unwrap();
    assert!(sdmx.starts_with("STRUCTURE,") && sdmx.contains(&format!(",{UNIT},301,cumulative,{period},100,")), "{sdmx}");
    let bytes = fs::read(bureau.path("r.gbk.csv")).unwrap();
    assert!(std::str::from_utf8(&bytes).is_err());
    let (wide, _, wrong) = encoding_rs::GBK.decode(&bytes);
    assert!(!wrong && wide.lines().next().unwrap().contains("营业收入;本年-1—本月"), "{wide}");
    // What we write as the portal does is read as the portal's.
    let out = bureau.output(&["import", "--portal", "--form", "B203", "r.gbk.csv"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(bureau.json(&[&["board", "differences"], &of[..]].concat()).is_empty());
    let python = "import csv,sys,zipfile; z=zipfile.ZipFile('r.xlsx'); t=z.read('xl/worksheets/sheet1.xml').decode(); \
                  assert '<v>100</v>' in t, t; assert 'f>' not in t; print('ok')";
    let out = Command::new("python3").args(["-c", python]).current_dir(bureau.folder.path()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    bureau.run(&[&["board", "totals", "--by", "trade", "--out", "t.xlsx"], &of[..]].concat());
    let totals = bureau.json(&[&["board", "totals", "--by", "trade", "--code", "301"], &of[..]].concat());
    let row = totals.iter().find(|row| text(row, "group") == "34" && text(row, "column") == "cumulative").unwrap();
    assert_eq!([text(row, "units"), text(row, "sum")], ["1", "100"]);

    // Late by a day that is given, and one letter each.
    let on = ["--period", &period, "--form", "B203", "--on", "2030-01-01"];
    let late = bureau.json(&[&["board", "late"], &on[..]].concat());
    assert_eq!(
        late.iter().filter(|row| text(row, "standing") == "late").map(|row| text(row, "unit")).collect::<Vec<_>>(),
        [third]
    );
    let written = bureau.output(&[&["board", "late", "--letter"], &on[..]].concat());
    assert!(String::from_utf8(written.stderr).unwrap().contains("[message-written]"));
    let written = bureau.output(&[&["board", "late", "--letter"], &on[..]].concat());
    assert!(String::from_utf8(written.stderr).unwrap().contains("[reminded-before]"));
    let messages = bureau.json(&["messages", "--unit", third]);
    assert!(messages.len() == 1 && text(&messages[0], "kind") == "reminder" && text(&messages[0], "text").contains("B203"));
    let months = bureau.json(&["board", "unit", UNIT]);
    assert_eq!(["form", "version", "channel"].map(|name| text(&months[0], name)), ["B203", "1", "official"]);
    let compared = bureau.json(&["board", "compare", "--form", "B203", "--code", "301", "--from", &period, "--to", &period]);
    assert_eq!(["units", "to_date", "growth"].map(|name| text(&compared[0], name)), ["1", "100", "0"]);

    // Thrown away, it comes again as it was; and what was imported is bound to the log like everything else.
    fs::remove_file(bureau.path("bureau-state/board.sqlite")).unwrap();
    assert_eq!(bureau.json(&[&["board", "progress"], &of[..]].concat()), progress);
    let (exit, told) = bureau.fails(&["board", "robot"]);
    assert!(exit == 2 && told.contains("[robot-policy-missing]"), "{told}");
    bureau.run(&["log", "verify"]);
}
