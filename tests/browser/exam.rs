//! The exam in a real Chromium: a report with two planted mistakes, and the way from a proposed change to the mapping.

use std::{fs, path::Path};

use rust_xlsxwriter::Workbook;
use thirtyfour::prelude::*;

use crate::{
    browser::{Chromium, Person, axe, block},
    mapping::{attribute, config, half_year, layer, oracle, signed_in, thousands},
    pages::Pages,
};

/// 财务费用 with one of its accounts forgotten, as a layer may have it.
const FORGOTTEN: &str = "\n[cell.\"B203:317\"]\nformula = \"SL(6.2.1.01,,借)\"\nwhy = \"漏了一个科目\"\n";

/// A report as a statistician fills it from the trial balance of June: name, code, 1—本月.
fn rows() -> Vec<(&'static str, &'static str, String)> {
    let closing = |account: &str| thousands(oracle(account, "2025-06")["closing"]);
    let interest = half_year("6.2.6.01") + half_year("6.2.1.01");
    vec![
        ("应收账款", "202", closing("1.2.1")),
        ("财务费用", "317", thousands(interest)),
        ("销售费用", "312", thousands(selling())),
    ]
}

/// 销售费用 of the half year, by hand: every account of that name.
fn selling() -> i64 {
    let text = fs::read_to_string(crate::site::data("tryton/oracle.csv")).unwrap();
    let rows = crate::csv(&text);
    let own = |row: &&std::collections::BTreeMap<String, String>| {
        row["company_id"] == "1" && row["account_name"].starts_with("销售费用")
    };
    let codes: std::collections::BTreeSet<String> = rows.iter().filter(own).map(|row| row["account_code"].clone()).collect();
    codes.iter().map(|code| half_year(code)).sum()
}

fn report(path: &Path, change: &dyn Fn(&str, String) -> String) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("财务状况").unwrap();
    sheet.write_string(0, 0, "计量单位：千元").unwrap();
    for (at, text) in (0..).zip(["指标名称", "指标代码", "1—本月"]) {
        sheet.write_string(1, at, text).unwrap();
    }
    for (row, (name, code, value)) in (2..).zip(rows()) {
        sheet.write_string(row, 0, name).unwrap();
        sheet.write_string(row, 1, code).unwrap();
        let value: f64 = change(code, value).parse().unwrap();
        sheet.write_number(row, 2, value).unwrap();
    }
    book.save(path).unwrap();
}

#[test]
fn two_planted_mistakes_are_found_and_a_forgotten_account_is_proposed() {
    let own = crate::Site::tryton(&config());
    fs::write(own.path("layer.toml"), layer() + FORGOTTEN).unwrap();
    own.ok(&["build", "--period", "2025-06"]);
    // The mapping forgot an account, and the sheet has the sign of one figure turned round.
    let turned = |code: &str, value: String| if code == "312" { format!("-{value}") } else { value };
    report(&own.path("hand.xlsx"), &turned);
    report(&own.path("right.xlsx"), &|_, value| value);
    // The same as the portal would export it: GBK, one row, indicator;column.
    let text = format!(
        "统一社会信用代码,单位详细名称,应收账款;本年-1—本月,财务费用;本年-1—本月\n91350100M000100Y43,杭州西溪精密机械有限公司,{},{}\n",
        rows()[0].2,
        rows()[1].2
    );
    let (bytes, _, lost) = encoding_rs::GBK.encode(&text);
    assert!(!lost && std::str::from_utf8(&bytes).is_err());
    fs::write(own.path("portal.csv"), bytes).unwrap();
    let site = Pages::serve(own);
    let (chromium, axe, cookie) = (Chromium::start(), axe(), site.sign_in("wu"));
    let file = |name: &str| site.site.path(name).display().to_string();
    block(async {
        let driver = chromium.session(&[]).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        signed_in(&driver, &site.url, &cookie).await;
        wu.go("/exam?form=B203&period=2025-06").await;
        wu.looks("exam").await;
        wu.fill("#report", &file("hand.xlsx")).await;
        wu.press("对照").await;
        wu.sees(&["有差异", "财务费用", "销售费用", "财务状况!C"]).await;
        wu.looks("exam-result").await;
        let found = driver.find_all(By::Css("tr[data-difference]")).await.unwrap();
        let mut keys = Vec::new();
        for one in &found {
            keys.push(one.attr("data-difference").await.unwrap().unwrap());
        }
        keys.sort_unstable();
        assert_eq!(keys, ["312", "317"], "the planted ones and no other");
        let sign = driver.find(By::Css("tr[data-difference='312']")).await.unwrap().text().await.unwrap();
        assert!(sign.contains("正负号") || sign.contains("符号"), "{sign}");
        // The proposed change opens the mapping with the formula filled in and tried.
        let to = attribute(&driver, "tr[data-difference='317'] a[href*='/mapping/edit']", "href").await;
        wu.go(&to).await;
        let filled = driver.find(By::Css("#say")).await.unwrap().prop("value").await.unwrap().unwrap();
        assert!(filled.contains("6.2.1.01") && filled.contains("6.2.6.01"), "{filled}");
        let row = "tr[data-figure='B203:317'][data-column='cumulative']";
        assert_eq!(attribute(&driver, row, "data-after").await, rows()[1].2);
        wu.fill("#why", "补上利息支出科目").await;
        wu.press("保存到映射层").await;
        wu.sees(&["已保存"]).await;
        // With it, and the sign as it should be, everything agrees.
        for name in ["right.xlsx", "portal.csv"] {
            wu.go("/exam?form=B203&period=2025-06").await;
            wu.fill("#report", &file(name)).await;
            wu.press("对照").await;
            wu.sees(&["全部一致"]).await;
        }
        driver.quit().await.unwrap();
    });
    // The command line says the same of both.
    site.site.ok(&["exam", "--against", "right.xlsx", "--form", "B203", "--period", "2025-06"]);
    site.site.refused(
        &["exam", "--against", "hand.xlsx", "--form", "B203", "--period", "2025-06"],
        1,
        &["exam-differs", "1 of 3"],
    );
}
