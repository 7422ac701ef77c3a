//! The mapping in a real Chromium: an account and its money, a formula that is tried, refused, saved and built by, and pasted formulas.

use std::{collections::BTreeMap, fs};

use thirtyfour::prelude::*;

use crate::{
    Site,
    browser::{Chromium, Person, axe, block},
    pages::{CONFIG, FORM, Pages},
    site::data,
};

/// The configuration with a layer of the enterprise's own.
pub fn config() -> String {
    CONFIG
        .replace("code = \"B203\"", "code = \"B203\"\nmapping = [\"layer.toml\"]")
        .replace("variables.company = 1", "variables.company = 1\nfirst_period = \"2025-01\"")
}

pub fn layer() -> String {
    fs::read_to_string(data("../../mappings/examples/tryton-hz.toml")).unwrap()
}

/// Cents of the company's own trial balance: of one account in one month, by column.
pub fn oracle(account: &str, period: &str) -> BTreeMap<String, i64> {
    let text = fs::read_to_string(data("tryton/oracle.csv")).unwrap();
    let rows = crate::csv(&text);
    let row = rows.iter().find(|row| row["company_id"] == "1" && row["account_code"] == account && row["period"] == period);
    let cents = |text: &str| {
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let rest = format!("{rest:0<2}").parse::<i64>().unwrap();
        let whole_cents = whole.parse::<i64>().unwrap() * 100;
        if text.starts_with('-') { whole_cents - rest } else { whole_cents + rest }
    };
    ["opening", "debit", "credit", "closing"]
        .into_iter()
        .map(|name| (name.to_owned(), row.map_or(0, |row| cents(&row[name]))))
        .collect()
}

/// Debit less credit of the months from January to June, in cents, by hand.
pub fn half_year(account: &str) -> i64 {
    (1..=6).map(|month| oracle(account, &format!("2025-0{month}"))).map(|row| row["debit"] - row["credit"]).sum()
}

/// 千元, rounded half away from zero.
pub fn thousands(cents: i64) -> String {
    let (size, sign) = (cents.abs(), cents.signum());
    ((size + 50_000) / 100_000 * sign).to_string()
}

fn cents_text(cents: i64) -> String {
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

pub async fn signed_in(driver: &WebDriver, url: &str, cookie: &str) {
    driver.goto(format!("{url}/login")).await.unwrap();
    let mut own = Cookie::new("taizhang", cookie);
    own.set_path("/");
    driver.add_cookie(own).await.unwrap();
}

pub async fn attribute(driver: &WebDriver, selector: &str, name: &str) -> String {
    driver.find(By::Css(selector)).await.unwrap().attr(name).await.unwrap().unwrap_or_default()
}

async fn write(person: &Person<'_>, selector: &str, text: &str) {
    let field = person.driver.find(By::Css(selector)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

#[test]
fn a_formula_is_tried_saved_with_its_reason_and_built_by() {
    // 财务费用 as this company has it, and only the interest of it.
    const INTEREST: &str = "6.2.6.01";
    let expected = half_year(INTEREST);
    assert!(expected > 100_000, "the company pays interest: {expected}");
    let own = Site::tryton(&config());
    fs::write(own.path("layer.toml"), layer()).unwrap();
    own.ok(&["build", "--period", "2025-06"]);
    let site = Pages::serve(own);
    let (chromium, axe, cookie) = (Chromium::start(), axe(), site.sign_in("wu"));
    block(async {
        let driver = chromium.session(&[]).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        signed_in(&driver, &site.url, &cookie).await;
        wu.go("/mapping?period=2025-06").await;
        wu.sees(&["科目表", "企业会计准则", "有钱而没有去处、或没有认定的科目"]).await;
        wu.looks("mapping").await;
        // The tree carries the ERP's own trial balance.
        for account in ["1.1.1.02", INTEREST] {
            let line = driver.find(By::XPath(format!("//*[@data-account='{account}']/.."))).await.unwrap();
            let mut shown = Vec::new();
            for amount in line.find_all(By::Css("[data-money]")).await.unwrap() {
                shown.push(amount.attr("data-money").await.unwrap().unwrap());
            }
            let row = oracle(account, "2025-06");
            let own = ["opening", "debit", "credit", "closing"].map(|name| cents_text(row[name]));
            assert_eq!(shown, own, "{account}");
        }
        write(&wu, "#q", "利息").await;
        wu.press("查找").await;
        wu.sees(&[INTEREST, "B203:317"]).await;
        wu.looks("mapping-search").await;

        // From the account to the formula that it feeds.
        wu.leave(By::XPath(format!("//*[@data-account='{INTEREST}']/ancestor::li[1]//a[.='B203:317']"))).await;
        wu.sees(&["@finance_expenses", "试算"]).await;
        let digest = attribute(&driver, "form[method=get] input[name=what]", "value").await;
        assert_eq!(digest, "B203:317");
        // A fault stands at its place and nothing is tried.
        write(&wu, "#say", &format!("SL({INTEREST},,借) + @nonono + [9999]")).await;
        wu.press("试算").await;
        wu.sees(&["B203:317, formula:1:19", "B203:317, formula:1:29", "item-unknown", "indicator-unknown"]).await;
        let marked = driver.find(By::Css("pre.formula mark")).await.unwrap().text().await.unwrap();
        assert_eq!(marked, "@nonono");
        wu.looks("mapping-fault").await;
        assert_eq!(fs::read_to_string(site.site.path("layer.toml")).unwrap(), layer(), "trying writes nothing");

        write(&wu, "#say", &format!("SL({INTEREST},,借)")).await;
        wu.press("试算").await;
        let row = "tr[data-figure='B203:317'][data-column='cumulative']";
        assert_eq!(attribute(&driver, row, "data-after").await, thousands(expected));
        assert_eq!(attribute(&driver, row, "data-raw").await.trim_end_matches('0'), cents_text(expected).trim_end_matches('0'));
        wu.looks("mapping-tried").await;

        // Somebody else edits the file meanwhile: refused, and the formula is still there.
        let other = layer() + "\n# 别人写的一行\n";
        fs::write(site.site.path("layer.toml"), &other).unwrap();
        wu.fill("#why", "只报借款利息，汇兑损益另列").await;
        wu.press("保存到映射层").await;
        wu.sees(&["mapping-file-changed"]).await;
        assert_eq!(fs::read_to_string(site.site.path("layer.toml")).unwrap(), other);
        wu.follow("a.button.plain[href*='say=']").await;
        wu.fill("#why", "只报借款利息，汇兑损益另列").await;
        wu.press("保存到映射层").await;
        wu.sees(&["已保存", &format!("SL({INTEREST},,借)"), "layer.toml:"]).await;
        wu.looks("mapping-saved").await;

        // The draft says that it is of another mapping; built anew, it has the figure.
        wu.follow("a[href^='/drafts/']").await;
        wu.sees(&["mapping-changed"]).await;
        wu.press("重新生成").await;
        wu.go(FORM).await;
        driver.quit().await.unwrap();
    });
    let written = fs::read_to_string(site.site.path("layer.toml")).unwrap();
    let (before, added) = written.split_at(written.find("\n[cell.\"B203:317\"]").unwrap());
    // Every line that people wrote stays, in its order; what is new is one section with its comment.
    let mut lines = written.lines();
    for line in layer().lines().chain(["# 别人写的一行"]) {
        assert!(lines.any(|known| known == line), "{line} is lost in {written}");
    }
    let comment = before.lines().last().unwrap();
    assert!(comment.starts_with("# 20") && comment.ends_with("吴静 (wu): 只报借款利息，汇兑损益另列"), "{comment}");
    let table: toml::Table = written.parse().unwrap();
    assert_eq!(table["cell"]["B203:317"]["formula"].as_str(), Some("SL(6.2.6.01,,借)"), "{added}");
    // The command line sees the same.
    let exported = site.site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "json"]);
    let draft: serde_json::Value = serde_json::from_str(&exported).unwrap();
    let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "317").unwrap();
    assert_eq!(cell["columns"]["cumulative"]["value"].as_str(), Some(&*thousands(expected)), "{cell}");
    let log = site.site.ok(&["log", "show", "--format", "json"]);
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    let made = log.as_array().unwrap().iter().find(|entry| entry["what"] == "mapping").unwrap();
    assert_eq!(made["who"].as_str(), Some("wu"), "{made}");
    for word in ["B203:317", "@finance_expenses", "SL(6.2.6.01,,借)", "只报借款利息", "layer.toml"] {
        assert!(made.to_string().contains(word), "{word}: {made}");
    }
    site.site.ok(&["log", "verify"]);
}

#[test]
fn an_account_is_decided_and_pasted_formulas_are_taken() {
    // Without a layer 1.2.1 is no account of the standard, and there is no file that a change could go into.
    let site = Pages::start(CONFIG);
    let (chromium, axe, cookie) = (Chromium::start(), axe(), site.sign_in("zhoumin"));
    block(async {
        let driver = chromium.session(&[]).await;
        let zhou = Person { driver: &driver, url: &site.url, axe: &axe };
        signed_in(&driver, &site.url, &cookie).await;
        zhou.go("/mapping/edit?book=hz&period=2025-06&what=account%3A1.2.1").await;
        zhou.sees(&["Accounts, Notes And Loans Receivable", "它是准则的哪个科目"]).await;
        zhou.choose("#say option[value='1122']").await;
        zhou.press("试算").await;
        // Receivables have a figure now; so have the sums they are in.
        zhou.sees(&["B203:202", "无此科目", "新建", "mappings/own.toml"]).await;
        zhou.looks("mapping-account").await;
        let after = attribute(&driver, "tr[data-figure='B203:202'][data-column='closing']", "data-raw").await;
        assert_eq!(after.trim_end_matches('0'), cents_text(oracle("1.2.1", "2025-06")["closing"]).trim_end_matches('0'));
        zhou.fill("#why", "客户往来，发票借记、收款贷记").await;
        zhou.press("保存到映射层").await;
        zhou.sees(&["已保存", "1122"]).await;

        zhou.go("/mapping/paste?book=hz&period=2025-06").await;
        zhou.choose("#form option[value='B203']").await;
        zhou.fill("#text", "317 = JE(\"6.2.6.01\",月)\n301 = NOBODY(\"6001\",月)\n202 = QM(\"1.2.1\",月,,,年,,)").await;
        zhou.press("看懂了多少").await;
        zhou.sees(&["未导入", "B203:202", "B203:317", "NOBODY"]).await;
        zhou.looks("mapping-paste").await;
        let boxes = driver.find_all(By::Css("input[type=checkbox]")).await.unwrap();
        assert_eq!(boxes.len(), 2, "what was not understood cannot be taken");
        for one in boxes {
            if one.attr("name").await.unwrap().as_deref() == Some("take-2") {
                if !one.is_selected().await.unwrap() {
                    one.click().await.unwrap();
                }
            } else if one.is_selected().await.unwrap() {
                one.click().await.unwrap();
            }
        }
        zhou.press("试算勾选的").await;
        zhou.sees(&["试算结果", "这个月没有一个数会变"]).await;
        zhou.fill("#why", "原 UFO 表的公式，核对一致").await;
        zhou.press("采用勾选的").await;
        zhou.sees(&["科目表"]).await;
        driver.quit().await.unwrap();
    });
    let own = fs::read_to_string(site.site.path("mappings/own.toml")).unwrap();
    let table: toml::Table = own.parse().unwrap();
    assert_eq!(table["accounts"]["1.2.1"]["is"].as_str(), Some("1122"), "{own}");
    assert!(table["cell"]["B203:202"]["formula"].as_str().is_some() && table["cell"].get("B203:317").is_none(), "{own}");
    assert!(own.contains("# 原公式") && own.contains("周敏 (zhoumin): 原 UFO 表的公式，核对一致"), "{own}");
    let config = fs::read_to_string(site.site.path("agent.toml")).unwrap();
    assert_eq!(config.replace("mapping = [\"mappings/own.toml\"]\n", ""), CONFIG, "nothing else of the configuration moved");
    site.site.ok(&["mapping", "check"]);
    site.site.ok(&["log", "verify"]);
}
