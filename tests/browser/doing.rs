//! What people do on pages, in Chromium: adjusting, filling, locking, noting, entering, taking back what was filed. What was done is read back with the verbs.

use std::{collections::BTreeMap, fs};

use thirtyfour::prelude::*;

use crate::{
    browser::{Chromium, Person, axe, block},
    csv,
    pages::{CONFIG, FORM, Pages, values},
};

const SHEETS: &str = r#"
[[form]]
code = "101-1"

[[sheet]]
id = "power"
kind = "energy"
person = "li"
items = ["电力", "天然气"]
due_day = 5

[[sheet]]
id = "heads"
kind = "headcount"
person = "wu"
due_day = 5
"#;

/// The company with short sheets and a form that people fill.
pub fn config() -> String {
    CONFIG.replace("[[person]]\nid = \"wu\"", &format!("{SHEETS}\n[[person]]\nid = \"wu\""))
}

/// A signed-in browser.
pub async fn entered(chromium: &Chromium, site: &Pages, cookie: &str) -> WebDriver {
    let driver = chromium.session(&[]).await;
    driver.goto(format!("{}/login", site.url)).await.unwrap();
    let mut own = Cookie::new("taizhang", cookie.to_owned());
    own.set_path("/");
    driver.add_cookie(own).await.unwrap();
    driver
}

impl Person<'_> {
    /// Types into a field, over what is there.
    pub async fn types(&self, selector: &str, text: &str) {
        let found = self.driver.find(By::Css(selector)).await.unwrap();
        found.scroll_into_view().await.unwrap();
        found.clear().await.unwrap();
        found.send_keys(text).await.unwrap();
    }

    /// Chooses a value of a list.
    pub async fn selects(&self, selector: &str, value: &str) {
        let found = self.driver.find(By::Css(format!("{selector} option[value='{value}']"))).await.unwrap();
        found.click().await.unwrap();
    }

    /// Sends the form that a field stands in.
    pub async fn sends(&self, selector: &str) {
        let field = self.driver.find(By::Css(selector)).await.unwrap();
        let form = field.find(By::XPath("ancestor::form")).await.unwrap();
        let button = form.find(By::XPath(".//button")).await.unwrap();
        let page = self.driver.find(By::Tag("html")).await.unwrap();
        button.scroll_into_view().await.unwrap();
        button.click().await.unwrap();
        self.gone(&page).await;
    }

    /// Opens everything that can be unfolded.
    pub async fn unfold(&self) {
        let script = "document.querySelectorAll('details').forEach((one) => { one.open = true; })";
        self.driver.execute(script, Vec::new()).await.unwrap();
    }
}

#[test]
fn figures_are_adjusted_and_rows_filled_with_reason_and_papers() {
    let site = Pages::start(&config());
    let (chromium, axe) = (Chromium::start(), axe());
    let paper = site.site.path("合同.txt");
    fs::write(&paper, "补充协议 HT-2025-06").unwrap();
    let figure = format!("{FORM}/figure?cell=301&column=cumulative");
    let of_wu = site.sign_in("wu");
    block(async {
        let driver = entered(&chromium, &site, &of_wu).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        wu.go(&figure).await;
        wu.unfold().await;
        wu.types("#amount-301", "12").await;
        wu.types("#reason-301", "补记6月未开票收入").await;
        wu.fill("#papers-301", paper.to_str().unwrap()).await;
        wu.sends("#amount-301").await;
        wu.sees(&["已经做好"]).await;
        wu.go(&figure).await;
        // 808 was computed of the company's book.
        wu.sees(&["820", "808", "补记6月未开票收入", "合同.txt"]).await;
        wu.unfold().await;
        wu.looks("adjusted").await;
        wu.go(FORM).await;
        wu.sees(&["820", "调整"]).await;

        // A choice, a text, and their correction, which needs a reason.
        let fill = "/drafts/hz/101-1/2025-06/fill";
        wu.go(fill).await;
        wu.unfold().await;
        wu.looks("fill").await;
        wu.types("#text-201", "王建国").await;
        wu.sends("#text-201").await;
        wu.go(fill).await;
        wu.unfold().await;
        wu.types("#text-201", "周敏").await;
        wu.types("#reason-201", "法定代表人变更，见登记通知书").await;
        wu.sends("#text-201").await;
        wu.go(fill).await;
        wu.sees(&["周敏"]).await;
        // A page that was made before is refused and changes nothing.
        let old = "document.querySelector('#text-202').form.querySelector('[name=digest]').value = 'f'.repeat(64)";
        driver.execute(old, Vec::new()).await.unwrap();
        wu.unfold().await;
        wu.types("#text-202", "2010-05").await;
        wu.sends("#text-202").await;
        wu.sees(&["这一步没有做", "draft-digest-differs"]).await;
        driver.quit().await.unwrap();
    });
    let versions = csv(&site.site.ok(&["ledger", "versions", "B203:301", "--period", "2025-06", "--format", "csv"]));
    let newest = versions.last().unwrap();
    assert_eq!((newest["adjustment"].as_str(), newest["reported"].as_str()), ("12", "820"), "{versions:?}");
    let draft: serde_json::Value =
        serde_json::from_str(&site.site.ok(&["draft", "export", "--form", "101-1", "--period", "2025-06", "--to", "json"]))
            .unwrap();
    assert!(draft.to_string().contains("周敏") && !draft.to_string().contains("2010-05"));
    let log = site.site.ok(&["log", "show", "--format", "json"]);
    assert!(log.contains("法定代表人变更") && log.contains("\"adjust\""), "{log}");
    // Papers are kept under what they are, and a withdrawal is one more version.
    site.site.ok(&["log", "verify"]);
    let withdraw =
        ["ledger", "adjust", "B203:301", "--period", "2025-06", "--withdraw", "--reason", "发票已到，已入账", "--as", "wu"];
    site.site.ok(&withdraw);
    let cookie = site.sign_in("zhoumin");
    assert!(!site.page(&figure, &cookie).contains("补记6月未开票收入"));
}

#[test]
fn a_month_is_locked_explained_and_handed_over() {
    let site = Pages::start(&config());
    let (chromium, axe) = (Chromium::start(), axe());
    let month = "/months?book=hz&period=2025-06";
    let (of_zhou, of_wu) = (site.sign_in("zhoumin"), site.sign_in("wu"));
    block(async {
        let one = entered(&chromium, &site, &of_wu).await;
        let two = entered(&chromium, &site, &of_zhou).await;
        let wu = Person { driver: &one, url: &site.url, axe: &axe };
        let zhou = Person { driver: &two, url: &site.url, axe: &axe };
        zhou.go(month).await;
        wu.go(month).await;
        wu.selects("#event-kind", "capacity").await;
        wu.types("#event-text", "二号生产线投产").await;
        wu.sends("#event-text").await;
        wu.sees(&["二号生产线投产", "产能"]).await;
        wu.selects("#handover-to", "zhoumin").await;
        wu.types("#handover-note", "移交六月台账和凭证").await;
        wu.sends("#handover-note").await;
        wu.sees(&["移交六月台账和凭证"]).await;
        wu.press("锁定").await;
        wu.sees(&["已锁定", "wu"]).await;
        wu.looks("month").await;
        // The other's page is of the time before.
        zhou.press("锁定").await;
        zhou.sees(&["这一步没有做", "lock-changed"]).await;
        // What is locked is not adjusted, on pages as on the command line.
        zhou.go(&format!("{FORM}/figure?cell=301&column=cumulative")).await;
        zhou.unfold().await;
        zhou.types("#amount-301", "1").await;
        zhou.types("#reason-301", "试一试能不能改").await;
        zhou.sends("#amount-301").await;
        zhou.sees(&["period-locked"]).await;
        zhou.go("/sheets/power/2025-06").await;
        zhou.sees(&["这个月已锁定"]).await;
        zhou.go(month).await;
        zhou.unfold().await;
        zhou.types("#unlock-all", "更正六月收入").await;
        zhou.sends("#unlock-all").await;
        zhou.sees(&["已解锁", "更正六月收入"]).await;
        one.quit().await.unwrap();
        two.quit().await.unwrap();
    });
    let events = csv(&site.site.ok(&["ledger", "event", "--format", "csv"]));
    assert_eq!((events[0]["kind"].as_str(), events[0]["by"].as_str()), ("capacity", "wu"), "{events:?}");
    let handovers = csv(&site.site.ok(&["ledger", "handover", "--format", "csv"]));
    assert_eq!((handovers[0]["handed_to"].as_str(), handovers[0]["open"].as_str()), ("zhoumin", "2"), "{handovers:?}");
    let log = site.site.ok(&["log", "show", "--format", "json"]);
    assert!(log.contains("\"lock\"") && log.contains("更正六月收入"), "{log}");
    // Whose month it is again is adjusted again.
    site.site.ok(&["build", "--period", "2025-06"]);
}

#[test]
fn departments_enter_their_sheets_and_nobody_writes_over_another() {
    let site = Pages::start(&config());
    let (chromium, axe) = (Chromium::start(), axe());
    let (sheet, bill) = (site.site.path("power.csv"), site.site.path("电费单.txt"));
    fs::write(&sheet, "品种,数量,计量单位\n").unwrap();
    fs::write(&bill, "国网 2025-06 128000 千瓦时").unwrap();
    let power = "/sheets/power/2025-06";
    let (of_wu, of_li) = (site.sign_in("wu"), site.sign_in("li"));
    block(async {
        let one = entered(&chromium, &site, &of_li).await;
        let two = entered(&chromium, &site, &of_wu).await;
        let li = Person { driver: &one, url: &site.url, axe: &axe };
        let wu = Person { driver: &two, url: &site.url, axe: &axe };
        li.go("/").await;
        li.sees(&["我的短表", "能源消费", "已逾期"]).await;
        li.looks("own-sheets").await;
        wu.go(power).await;
        li.go(power).await;
        // A line without its unit: nothing is kept.
        li.types("[name='r0.quantity']", "12.8").await;
        li.sends("[name='r0.quantity']").await;
        li.sees(&["measure-field-missing"]).await;
        li.rewrites("[name='r0.quantity']", "12.8", "12.8").await;
        li.types("[name='r0.unit']", "万千瓦时").await;
        li.fill("#sheet-papers", bill.to_str().unwrap()).await;
        li.sends("[name='r0.quantity']").await;
        li.go(power).await;
        li.sees(&["1 / 2", "电费单.txt"]).await;
        // Papers are given to those who answer for the forms alone.
        assert!(one.find(By::Css(".papers a")).await.is_err());
        li.looks("sheet").await;
        // The other page was made before anything was there.
        wu.types("[name='r0.quantity']", "13").await;
        wu.types("[name='r0.unit']", "万千瓦时").await;
        wu.sends("[name='r0.quantity']").await;
        wu.sees(&["measure-changed"]).await;
        // A correction says why.
        wu.go(power).await;
        assert!(two.find(By::Css(".papers a")).await.is_ok());
        wu.types("[name='r0.quantity']", "12.9").await;
        wu.sends("[name='r0.quantity']").await;
        wu.sees(&["reason-too-short"]).await;
        wu.go(power).await;
        wu.types("[name='r0.quantity']", "12.9").await;
        wu.types("#sheet-reason", "电表读数更正").await;
        wu.sends("[name='r0.quantity']").await;
        // A sheet that was filled elsewhere.
        li.go(power).await;
        li.unfold().await;
        fs::write(&sheet, "品种,数量,单位\n天然气,3200,立方米\n").unwrap();
        li.fill("#sheet-file", sheet.to_str().unwrap()).await;
        li.sends("#sheet-file").await;
        li.go(power).await;
        li.sees(&["已填", "2 / 2"]).await;
        li.unfold().await;
        let back = one.find_all(By::Css("input[id^=withdraw-]")).await.unwrap().len();
        assert_eq!(back, 2);
        li.types("#withdraw-0", "填错了月份").await;
        li.sends("#withdraw-0").await;
        li.go(power).await;
        li.sees(&["已撤回", "填错了月份"]).await;
        wu.go("/measures?period=2025-06").await;
        wu.sees(&["李强", "全部计量种类", "从业人员"]).await;
        wu.looks("measures").await;
        wu.go("/kinds/hz/energy/2025-06").await;
        wu.sees(&["能源消费"]).await;
        one.quit().await.unwrap();
        two.quit().await.unwrap();
    });
    let listed = csv(&site.site.ok(&["measure", "list", "--period", "2025-06", "--format", "csv"]));
    let of = |item: &str| listed.iter().find(|row| row["key"].contains(item)).unwrap().clone();
    let (power, gas) = (of("电力"), of("天然气"));
    let held = [power["quantity"].as_str(), power["state"].as_str(), power["who"].as_str()];
    let told = [gas["quantity"].as_str(), gas["state"].as_str(), gas["who"].as_str()];
    // Entries stand in the order of their keys: the first one was taken back.
    assert_eq!((held, told), (["12.9", "holds", "wu"], ["3200", "withdrawn", "li"]), "{listed:?}");
    let shown: serde_json::Value =
        serde_json::from_str(&site.site.ok(&["measure", "show", &power["key"], "--format", "json"])).unwrap();
    let versions = shown.as_array().unwrap();
    assert_eq!(versions[0]["entry"]["evidence"][0]["name"], "电费单.txt", "{shown}");
    assert_eq!((&versions[1]["entry"]["person"], &versions[1]["entry"]["reason"]), (&"wu".into(), &"电表读数更正".into()));
}

#[test]
fn what_was_filed_is_taken_back_and_every_difference_is_shown() {
    let site = Pages::start(CONFIG);
    let (chromium, axe) = (Chromium::start(), axe());
    let cookie = site.sign_in("zhoumin");
    let portal = format!("{FORM}/portal");
    let page = site.page(&portal, &cookie);
    let column = page.split("id=\"column-cumulative\"").nth(1).unwrap();
    let column = column.split_once('>').unwrap().1.split("</textarea>").next().unwrap();
    // The first line end belongs to the box.
    let mut lines: Vec<String> = column.strip_prefix('\n').unwrap().split('\n').map(str::to_owned).collect();
    // 301 was typed as 880 at the portal.
    let at = lines.iter().position(|line| line == "808").unwrap();
    lines[at] = "880".to_owned();
    let export = site.site.path("平台.csv");
    fs::write(&export, "代码,指标名称,本月,1-本月\n301,营业收入,173,808\n").unwrap();
    let of_wu = site.sign_in("wu");
    block(async {
        let driver = entered(&chromium, &site, &of_wu).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        wu.go(&portal).await;
        wu.unfold().await;
        let paste = |text: String| {
            let script = "document.getElementById('filed-cumulative').value = arguments[0]";
            let driver = &driver;
            async move { driver.execute(script, vec![text.into()]).await.unwrap() }
        };
        paste(lines[1..].join("\n")).await;
        wu.sends("#filed-cumulative").await;
        wu.sees(&["paste-lines-differ"]).await;
        let kept = driver.find(By::Id("filed-cumulative")).await.unwrap().prop("value").await.unwrap().unwrap();
        assert_eq!(kept, lines[1..].join("\n"), "what was pasted is still there");
        paste(lines.join("\n")).await;
        wu.sends("#filed-cumulative").await;
        wu.sees(&["2025-06", "已经做好", "平台值已收下"]).await;
        // What came of it is told on the page itself, and reading it again sends nothing again.
        assert!(driver.current_url().await.unwrap().path().ends_with("/portal"));
        driver.refresh().await.unwrap();
        wu.sees(&["平台值已收下"]).await;
        wu.go(&portal).await;
        wu.sees(&["与平台不同", "还没有签过名的草稿", "880", "72"]).await;
        let apart = driver.find_all(By::Css("tr[data-filed]")).await.unwrap();
        assert_eq!(apart.len(), 1);
        wu.unfold().await;
        wu.looks("portal-filed").await;
        // The portal's export says it is 808 by now.
        wu.fill("#filed-file", export.to_str().unwrap()).await;
        wu.sends("#filed-file").await;
        wu.sees(&["reported-replaced"]).await;
        wu.go(&portal).await;
        wu.sees(&["平台值与草稿一致"]).await;
        // What should not have been loaded is taken out again, for a reason.
        wu.unfold().await;
        wu.selects("#filed-row", "307").await;
        wu.types("#filed-reason", "307 是上月的数").await;
        wu.sends("#filed-reason").await;
        driver.quit().await.unwrap();
    });
    let ledger = csv(&site.site.ok(&["ledger", "show", "--form", "B203", "--period", "2025-06", "--format", "csv"]));
    let platform: BTreeMap<&str, &str> = ledger.iter().map(|row| (row["code"].as_str(), row["platform"].as_str())).collect();
    assert_eq!((platform["301"], platform["307"]), ("808", ""));
    // The version that was signed is what counts, whatever was built after it. How a draft is signed is shown elsewhere.
    let mut state = store::Store::open(&site.site.path("taizhang-state")).unwrap();
    let signed = state.current_draft("hz", "B203", "2025-06").unwrap().unwrap();
    let work = state.begin("zhoumin", "sign", &serde_json::json!({ "form": "B203" })).unwrap();
    work.put_draft(&store::DraftVersion { state: "signed".to_owned(), ..signed }).unwrap();
    work.commit().unwrap();
    let adjust =
        ["ledger", "adjust", "B203:301", "--period", "2025-06", "--amount", "5", "--reason", "签名以后又改", "--as", "wu"];
    site.site.ok(&adjust);
    let page = site.page(&portal, &cookie);
    assert!(
        page.contains("与签过名的草稿逐格比对") && page.contains("平台值与草稿一致") && !page.contains("data-filed"),
        "{page}"
    );
    let column = page.split("id=\"column-cumulative\"").nth(1).unwrap().split("</textarea>").next().unwrap();
    assert!(column.contains("\n813\n"), "what is copied is what is to be filed now: {column}");
    let filed = platform.values().filter(|value| !value.is_empty()).count();
    assert_eq!(filed + 1, lines.iter().filter(|line| !line.is_empty()).count(), "{platform:?}");
    assert!(site.site.ok(&["log", "show", "--format", "json"]).contains("307 是上月的数"));
}

#[test]
fn charts_say_what_the_drafts_say() {
    let site = Pages::start(CONFIG);
    let months: Vec<String> = (1..=9).map(|month| format!("2025-{month:02}")).collect();
    for month in &months {
        site.site.ok(&["build", "--form", "B203", "--period", month]);
    }
    site.site.ok(&["ledger", "event", "--period", "2025-03", "--kind", "capacity", "--text", "三号线投产", "--as", "wu"]);
    let adjust =
        ["ledger", "adjust", "B203:301", "--period", "2025-04", "--amount", "5", "--reason", "补记四月收入", "--as", "wu"];
    site.site.ok(&adjust);
    let cookie = site.sign_in("wu");
    let page = site.page("/drafts/hz/B203/2025-09/figure?cell=301&column=cumulative", &cookie);
    let drawn = |id: &str, name: &str| {
        values(page.split(&format!("id=\"{id}-data\"")).nth(1).unwrap().split("</table>").next().unwrap(), name)
    };
    let (now, progress) = (drawn("series", "data-now"), drawn("progress", "data-now"));
    // The books begin with the year: what lies before is no gap.
    assert_eq!((now.len(), progress.len()), (months.len(), 12));
    let mut known = Vec::new();
    for (at, month) in months.iter().enumerate() {
        let text = site.site.ok(&["draft", "export", "--form", "B203", "--period", month, "--to", "json"]);
        let draft: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "301").unwrap().clone();
        let value = |column: &str| cell["columns"][column]["value"].as_str().unwrap().to_owned();
        assert_eq!(now[at], value("this_month"), "{month}");
        let adjusted = if month == "2025-04" { 5 } else { 0 };
        let cumulative = value("cumulative").parse::<i64>().unwrap() + adjusted;
        assert_eq!(progress[at], cumulative.to_string(), "{month}");
        known.push(value("this_month").parse::<i64>().unwrap());
    }
    assert!(progress[9..].iter().all(String::is_empty), "what is still to come is a gap");
    assert!(!page.contains("hollow"), "every month has a draft");
    // Last year behind this year: as it was reported then.
    site.site.ok(&["build", "--form", "B203", "--period", "2026-02"]);
    let later = site.page("/drafts/hz/B203/2026-02/figure?cell=301&column=cumulative", &cookie);
    let before = |id: &str| {
        values(later.split(&format!("id=\"{id}-data\"")).nth(1).unwrap().split("</table>").next().unwrap(), "data-before")
    };
    assert_eq!(before("series").last(), Some(&known[1].to_string()));
    // The months between have no draft: they are drawn, and said to be computed.
    assert!(later.contains("dot hollow"));
    assert_eq!(before("progress")[..4], progress[..4], "the months of last year stand behind those that are still to come");
    // Nine months are enough for a band; which of them are outside it is reckoned here once more.
    let median = |mut values: Vec<i64>| {
        values.sort_unstable();
        values[values.len() / 2] * 2
    };
    let middle = median(known.clone());
    let away = median(known.iter().map(|value| (value * 2 - middle).abs()).collect());
    // |x − m| > 3.5 × 1.4826 × MAD, all doubled twice and in ten-thousandths.
    let outside = known.iter().filter(|value| (*value * 2 - middle).abs() * 2 * 10_000 > away * 51_891).count();
    assert_eq!(page.matches("dot outside").count(), outside);
    assert!(page.contains("rect class=\"band\"") && page.contains("三号线投产") && page.contains("不说明应该是多少"));
}
