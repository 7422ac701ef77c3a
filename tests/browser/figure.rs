//! A figure and why it is what it is: explained by what its draft was built from, and why it is another than the month before.

use std::{collections::BTreeMap, fs};

use model::Amount;
use thirtyfour::prelude::*;

use crate::{
    Site,
    browser::{Chromium, Person, axe, block},
    mapping::{config, layer, signed_in},
    pages::{Pages, values},
};

const MONTH: &str = "/drafts/hz/B203/2026-02";

fn figure(cell: &str, column: &str) -> String {
    format!("{MONTH}/figure?cell={cell}&column={column}")
}

fn sum<'a>(values: impl IntoIterator<Item = &'a String>) -> Amount {
    values.into_iter().fold(Amount::ZERO, |sum, value| sum.checked_add(value.parse().unwrap()).unwrap())
}

/// What each voucher credits less what it debits to each account of sales of a month, in fen, straight from the ERP's database.
fn sales(site: &Site, month: &str) -> BTreeMap<[String; 2], i64> {
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let query = "SELECT m.number, a.code, SUM(CAST(round(l.credit * 100) - round(l.debit * 100) AS INTEGER)) FROM account_move_line l \
                 JOIN account_move m ON m.id = l.move JOIN account_account a ON a.id = l.account JOIN account_period p ON p.id = m.period \
                 WHERE a.code LIKE '4.1.%' AND a.company = 1 AND m.state = 'posted' AND substr(p.start_date, 1, 7) = ? AND p.type = 'standard' \
                 GROUP BY m.id, a.id";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([month], |row| Ok(([row.get::<_, String>(0)?, row.get(1)?], row.get::<_, i64>(2)?)));
    rows.unwrap().map(Result::unwrap).filter(|(_, fen)| *fen != 0).collect()
}

#[test]
fn a_delivered_figure_is_explained_by_the_formula_it_was_built_by() {
    let own = Site::tryton(&config());
    fs::write(own.path("layer.toml"), layer()).unwrap();
    own.ok(&["build", "--period", "2026-01"]);
    own.ok(&["build", "--period", "2026-02"]);
    let site = Pages::serve(own);
    let cookie = site.sign_in("wu");
    let tree = |page: &str| page.split("class=\"tree root\"").nth(1).unwrap().split("</div>").next().unwrap().to_owned();
    let before = site.page(&figure("301", "cumulative"), &cookie);
    let old: Vec<String> = values(&before, "data-answer");
    let two_months: i64 = ["2026-01", "2026-02"].iter().flat_map(|month| sales(&site.site, month).into_values()).sum();
    assert_eq!(sum(&old), Amount::from_units(i128::from(two_months) * 10_000_000), "the books' own sales");
    let explain = ["--format", "json", "explain", "B203:301", "--period", "2026-02", "--lines", "0"];
    let told = site.site.ok(&explain);

    // Somebody changes the formula on its page, with a reason.
    let edit = "/mapping/edit?book=hz&period=2026-02&what=B203:301";
    let page = site.page(edit, &cookie);
    let field = |page: &str, name: &str| {
        let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let tried = site.page(&format!("{edit}&say=SL(4.1.1.01,,%E8%B4%B7)"), &cookie);
    // Other indicators go on with the item that this one no longer uses.
    assert!(tried.contains("mapping-others-keep") && tried.contains("B203:323"), "{tried}");
    let said = [
        ("token", field(&page, "token")),
        ("book", "hz".to_owned()),
        ("period", "2026-02".to_owned()),
        ("what", "B203:301".to_owned()),
        ("say", "SL(4.1.1.01,,贷)".to_owned()),
        ("digest", field(&tried, "digest")),
        ("why", "只算一半试一试".to_owned()),
    ];
    let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(site.post("/mapping/edit", &said, &cookie).status(), 303);

    let after = site.page(&figure("301", "cumulative"), &cookie);
    assert_eq!((values(&after, "data-answer"), tree(&after)), (old, tree(&before)), "the tree is of the old formula");
    let (_, since) = after.split_once("id=\"since\"").unwrap();
    let since = since.split("</div>").next().unwrap();
    for words in ["现在的映射已改", "SL(4.1.1.01,,贷)", "吴静", "只算一半试一试", "/mapping/edit?"] {
        assert!(since.contains(words), "{words}: {since}");
    }
    assert!(!after.contains("figure-differs"));
    // Lines are those of the old formula too: each leads to the sum that the page says.
    let lines = values(&after, "href").into_iter().find(|href| href.contains("/lines?")).unwrap();
    let opened = site.page(&lines, &cookie);
    let place = values(after.split(&lines.replace('&', "&amp;")).nth(1).unwrap(), "data-period")[0].clone();
    assert_eq!(values(&opened, "data-sum")[0], place);
    // On the command line as well, with a word on what is another.
    let out = site.site.run(&explain);
    let again = String::from_utf8(out.stdout).unwrap();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for name in ["raw", "formula", "lineage", "mapping"] {
        assert_eq!(json(&again)[name], json(&told)[name], "{name}");
    }
    assert!(String::from_utf8_lossy(&out.stderr).contains("mapping-changed"));

    // The original formula is one button away, and the layer then says no more of it.
    let page = site.page(edit, &cookie);
    let restore = values(&page, "href").into_iter().find(|href| href.contains("&say=")).unwrap();
    let tried = site.page(&restore, &cookie);
    let said = [
        ("token", field(&tried, "token")),
        ("book", "hz".to_owned()),
        ("period", "2026-02".to_owned()),
        ("what", "B203:301".to_owned()),
        ("say", field(&tried, "say")),
        ("digest", field(&tried, "digest")),
        ("why", "还是用原来的".to_owned()),
    ];
    let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(site.post("/mapping/edit", &said, &cookie).status(), 303);
    assert_eq!(fs::read_to_string(site.site.path("layer.toml")).unwrap(), layer(), "the layer is what it was");
    assert!(!site.page(&figure("301", "cumulative"), &cookie).contains("id=\"since\""));
    // An account that the book does not have is marked, and cannot be saved.
    let wrong = site.page(&format!("{edit}&say=SL(4.1.9.99,,%E8%B4%B7)"), &cookie);
    assert!(wrong.contains("account-missing") && wrong.contains("<mark>") && !wrong.contains("name=\"why\""), "{wrong}");
    site.site.ok(&["log", "verify"]);
}

#[test]
fn books_that_were_sealed_anew_leave_the_explanation_of_a_draft_as_it_was() {
    let site = Pages::start_with(&config(), |site| fs::write(site.path("layer.toml"), layer()).unwrap());
    let cookie = site.sign_in("wu");
    let address = "/drafts/hz/B203/2025-06/figure?cell=301&column=cumulative";
    let before = site.page(address, &cookie);
    let database = rusqlite::Connection::open(site.site.path("tryton.sqlite")).unwrap();
    // A sale of May that is ten thousand more, and its receivable.
    let line = "SELECT l.id, l.move FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_account a ON a.id = l.account \
                WHERE a.code = '4.1.1.01' AND a.company = 1 AND m.state = 'posted' AND m.date BETWEEN '2025-05-01' AND '2025-05-31' AND l.credit > 0";
    let (line, entry): (i64, i64) = database.query_row(line, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let more = "CAST(CAST(round(CAST({} AS REAL) + 10000, 2) AS TEXT) AS TEXT)";
    let credit =
        format!("UPDATE account_move_line SET credit = {}, write_date = '2026-03-01' WHERE id = ?", more.replace("{}", "credit"));
    database.execute(&credit, [line]).unwrap();
    let debit = format!(
        "UPDATE account_move_line SET debit = {}, write_date = '2026-03-01' WHERE id = (SELECT max(id) FROM account_move_line WHERE move = ? AND debit > 0)",
        more.replace("{}", "debit")
    );
    database.execute(&debit, [entry]).unwrap();
    site.site.ok(&["pull", "--full"]);
    let after = site.page(address, &cookie);
    assert_eq!(values(&after, "data-answer"), values(&before, "data-answer"));
    assert_eq!(values(&after, "data-part"), values(&before, "data-part"));
    assert!(after.contains("id=\"since\"") && after.contains("/books/hz/changes/2025-05?"), "{after}");
    let (_, since) = after.split_once("id=\"since\"").unwrap();
    let was: Amount = values(&before, "data-answer")[0].parse().unwrap();
    let now = was.checked_add(Amount::from_whole(10_000).unwrap()).unwrap().fixed(2);
    assert!(since.replace(',', "").contains(&now), "{now}: {since}");
}

#[test]
fn why_a_figure_moved_is_one_table_down_to_the_vouchers_of_both_months() {
    let own = Site::tryton(&config());
    fs::write(own.path("layer.toml"), layer()).unwrap();
    own.ok(&["build", "--period", "2026-02"]);
    let site = Pages::serve(own);
    let (chromium, axe, cookie) = (Chromium::start(), axe(), site.sign_in("wu"));
    let page = site.page(&figure("301", "this_month"), &cookie);
    let [january, february] = ["2026-01", "2026-02"].map(|month| sales(&site.site, month));
    let total = |month: &BTreeMap<[String; 2], i64>| month.values().sum::<i64>();
    let yuan = |fen: i64| Amount::from_units(i128::from(fen) * 10_000_000);
    let difference = yuan(total(&february) - total(&january));
    assert_eq!(values(&page, "data-difference")[0].parse::<Amount>().unwrap(), difference);
    assert_eq!(sum(&values(&page, "data-effect")), difference);
    assert_eq!(sum(&values(&page, "data-voucher-effect")), difference);
    // Every sale of both months is there, those of January with the other sign, each one click from its voucher.
    let (_, why) = page.split_once("id=\"why\"").unwrap();
    let why = why.split("<h2").next().unwrap();
    let mut effects: Vec<Amount> = values(why, "data-voucher-effect").iter().map(|value| value.parse().unwrap()).collect();
    let mut expected: Vec<Amount> =
        february.values().map(|fen| yuan(*fen)).chain(january.values().map(|fen| yuan(-fen))).collect();
    effects.sort();
    expected.sort();
    assert_eq!(effects, expected);
    for [number, _] in january.keys().chain(february.keys()) {
        assert!(why.contains(&format!("{number}</a>")), "{number}: {why}");
    }
    // A reversal of January is marked, with what it reverses.
    assert!(why.contains("号金额相反") || january.values().all(|fen| *fen > 0), "{why}");
    let voucher = values(why, "href").into_iter().find(|href| href.contains("/vouchers?")).unwrap();
    let opened = site.page(&voucher, &cookie);
    assert!(values(&opened, "href").contains(&figure("301", "this_month")), "there is a way back");
    // Of all figures the accounts and the rest add up to the difference.
    let form = site.page(MONTH, &cookie);
    let links: std::collections::BTreeSet<String> =
        values(&form, "href").into_iter().filter(|href| href.contains("/figure?")).collect();
    let mut compared = 0;
    for link in links {
        let page = site.page(&link, &cookie);
        let Some(told) = values(&page, "data-difference").pop() else { continue };
        assert_eq!(sum(&values(&page, "data-effect")), told.parse().unwrap(), "{link}");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");

    block(async {
        let driver = chromium.session(&[]).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        signed_in(&driver, &site.url, &cookie).await;
        wu.go(&figure("301", "this_month")).await;
        wu.sees(&["主营业务收入", "贷方发生额减借方发生额", "与 2026-01 相比，为什么变"]).await;
        // Months without a draft are drawn hollow, and the legend says so.
        let hollow = driver.find_all(By::Css("svg[aria-labelledby='series-title'] circle.hollow")).await.unwrap();
        assert_eq!(hollow.len(), 13, "2025-01 to 2026-01 have no draft");
        wu.sees(&["没有草稿的月份"]).await;
        wu.looks("figure-why").await;
        wu.leave(By::Css("#why ~ .scroll a.cell.link")).await;
        wu.looks("figure-voucher").await;
        wu.go(&format!("{MONTH}/rules")).await;
        wu.looks("figure-rules").await;
        wu.go("/mapping/edit?book=hz&period=2026-02&what=B203:301").await;
        wu.looks("figure-formula").await;
        site.site.ok(&["build", "--period", "2026-02"]);
        wu.go(&format!("{MONTH}/versions")).await;
        wu.sees(&["为什么有这一版", "第一次生成"]).await;
        wu.looks("figure-versions").await;
        driver.quit().await.unwrap();
    });
}
