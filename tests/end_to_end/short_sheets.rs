//! Short sheets as people make them: workbooks with titles and real dates, and CSV as a Chinese spreadsheet saves it.

use std::{fs, process::Command};

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use crate::{Site, csv};

const CONFIG: &str = r#"
[unit]
name = "示例"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]
"#;

fn listed(site: &Site, period: &str) -> Vec<[String; 4]> {
    let rows = csv(&site.ok(&["--format", "csv", "measure", "list", "--period", period]));
    rows.iter().map(|row| ["key", "quantity", "unit", "amount"].map(|name| row[name].clone())).collect()
}

fn texts(rows: &[[&str; 4]]) -> Vec<[String; 4]> {
    rows.iter().map(|row| row.map(str::to_owned)).collect()
}

#[test]
fn a_workbook_is_read_sheet_by_sheet() {
    let site = Site::tryton(CONFIG);
    let path = site.path("短表.xlsx");
    let make = |wrong: bool| {
        let mut book = Workbook::new();
        let notes = book.add_worksheet().set_name("填写说明").unwrap();
        notes.write(0, 0, "每月 5 日前填好").unwrap();
        let power = book.add_worksheet().set_name("能源").unwrap();
        power.write(0, 0, "能源消费短表").unwrap();
        for (at, name) in (0..).zip(["种类", "品种", "数量", "单位", "说明"]) {
            power.write(2, at, name).unwrap();
        }
        // 0.1 + 0.2 is what a spreadsheet's own sum leaves in a cell; it shows 0.3.
        for (row, item, quantity, unit) in [(3, "电力", 123_456.5, "千瓦时"), (5, "天然气", 0.1 + 0.2, "万立方米")] {
            power.write(row, 0, "energy").unwrap().write(row, 1, item).unwrap();
            power.write(row, 2, quantity).unwrap().write(row, 3, unit).unwrap();
        }
        if wrong {
            power.write(5, 2, "约三百").unwrap();
        }
        let heads = book.add_worksheet().set_name("人员").unwrap();
        for (at, name) in (0..).zip(["kind", "item", "date", "basis", "quantity"]) {
            heads.write(0, at, name).unwrap();
        }
        let day = ExcelDateTime::from_ymd(2025, 6, 11).unwrap();
        heads.write(1, 0, "从业人员").unwrap().write(1, 1, "在岗职工").unwrap();
        heads.write_with_format(1, 2, &day, &Format::new().set_num_format("yyyy/m/d")).unwrap();
        heads.write(1, 3, "增减").unwrap().write(1, 4, -3).unwrap();
        book.save(&path).unwrap();
    };
    let import = ["--as", "wu", "measure", "import", "短表.xlsx", "--period", "2025-06"];
    make(true);
    // The row is the one that the person sees in the spreadsheet.
    site.refused(&import, 1, &["短表.xlsx 能源:6", "measure-number-unfit", "约三百"]);
    assert_eq!(listed(&site, "2025-06"), texts(&[]), "all lines or none");
    make(false);
    let out = site.run(&import);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && told.contains("sheet-passed-over") && told.contains("填写说明"), "{told}");
    let expected = texts(&[
        ["energy:天然气", "0.3", "万立方米", ""],
        ["energy:电力", "123456.5", "千瓦时", ""],
        ["headcount:在岗职工@2025-06-11", "-3", "", ""],
    ]);
    assert_eq!(listed(&site, "2025-06"), expected);
    // A column that is not known is told with its row, whatever stands above it.
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(1, 0, "品种").unwrap().write(1, 1, "数 量").unwrap().write(2, 0, "电力").unwrap();
    book.save(&path).unwrap();
    site.refused(&import, 2, &["短表.xlsx:2", "sheet-column-unknown", "数 量"]);
}

#[test]
fn gbk_is_what_a_chinese_spreadsheet_saves() {
    let site = Site::tryton(CONFIG);
    let text = "六月人员变动\r\n\r\n种类,品种,日期,方式,数量\r\n从业人员,在岗职工,2025/6/3,人数,\"1,200\"\r\n,,,,\r\n从业人员,劳务派遣人员,2025年6月30日,增减,-2\r\n";
    fs::write(site.path("utf8.csv"), text).unwrap();
    let converted = Command::new("iconv").args(["-f", "UTF-8", "-t", "GBK"]).arg(site.path("utf8.csv")).output().unwrap();
    assert!(converted.status.success() && std::str::from_utf8(&converted.stdout).is_err(), "this is no UTF-8");
    fs::write(site.path("短表.csv"), &converted.stdout).unwrap();
    let import = ["--as", "wu", "measure", "import", "短表.csv", "--period", "2025-06"];
    site.ok(&import);
    let expected =
        texts(&[["headcount:劳务派遣人员@2025-06-30", "-2", "", ""], ["headcount:在岗职工@2025-06-03", "1200", "", ""]]);
    assert_eq!(listed(&site, "2025-06"), expected);
    // The line is the one of the file: two above the head, one of them empty.
    let wrong = text.replace("\"1,200\"", "千二");
    fs::write(site.path("utf8.csv"), wrong).unwrap();
    let converted = Command::new("iconv").args(["-f", "UTF-8", "-t", "GBK"]).arg(site.path("utf8.csv")).output().unwrap();
    fs::write(site.path("短表.csv"), &converted.stdout).unwrap();
    site.refused(&import, 1, &["短表.csv:4", "measure-number-unfit", "千二"]);
    // What is neither UTF-8 nor GBK is refused whole.
    fs::write(site.path("短表.csv"), [0xff, 0xff, 0xff, 0x0a]).unwrap();
    site.refused(&import, 2, &["sheet-encoding"]);
}
