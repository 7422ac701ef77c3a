//! The bureau's people at their pages, in a real Chromium: an administrator lets them in, a reviewer reads, asks, returns and accepts what a real company
//! sent, a town sees times alone, and whoever is responsible sees who looked. What the pages did is read back with the command line.

use std::fs;

use serde_json::Value;
use thirtyfour::prelude::*;

use crate::{
    Site,
    browser::{Chromium, Person, axe, block},
    csv,
    receiver::{Bureau, UNIT},
    signoff::company,
};

const REPORT: &str = "/units/91350100M000100Y43/B203/2025/2025-06";
const PASSWORD: &str = "一匹正确的马 电池 订书钉";

/// A free port for the pages, so that invitations name it.
fn with_pages(bureau: &Bureau) -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = bureau.folder.path().join("bureau.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n[pages]\nlisten = \"127.0.0.1:{port}\"\n")).unwrap();
    let towns = format!("code,name,region\n{UNIT},杭州西溪,350100001012\n");
    fs::write(bureau.folder.path().join("towns.csv"), towns).unwrap();
    bureau.ok(&["unit", "import", "towns.csv"]);
    format!("http://127.0.0.1:{port}")
}

/// The month's report, explained, approved, signed and sent.
fn sends(site: &Site) {
    let of = ["--form", "B203", "--period", "2025-06"];
    let act = |verb: &'static str, more: &[&str]| site.ok(&[&[verb][..], &of, more].concat());
    // What was corrected is explained anew.
    site.explains("B203", "2025-06", "wu");
    act("review", &["--as", "wu"]);
    act("approve", &["--as", "zhoumin"]);
    let digest = csv(&act("sign", &["--format", "csv"]))[0]["digest"].clone();
    for (role, person) in [("preparer", "wu"), ("statistician", "zhoumin"), ("head", "zhoumin")] {
        act("sign", &["--role", role, "--as", person, "--digest", &digest]);
    }
    site.ok(&["submit", "--period", "2025-06", "--as", "wu"]);
}

impl Person<'_> {
    /// Sets a password by an invitation.
    async fn comes_in(&self, link: &str) {
        self.driver.goto(link).await.unwrap();
        self.fill("#password", PASSWORD).await;
        self.fill("#again", PASSWORD).await;
        self.press("设置并登录").await;
    }

    async fn writes(&self, selector: &str, text: &str) {
        let field = self.driver.find(By::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn chooses(&self, selector: &str, value: &str) {
        self.choose(&format!("{selector} option[value='{value}']")).await;
    }

    /// Lets somebody in, as an administrator; gives the link.
    async fn lets_in(&self, id: &str, name: &str, role: &str, area: &str) -> String {
        self.go("/staff").await;
        self.writes("#id", id).await;
        self.writes("#name", name).await;
        self.choose(&format!("input[name='role.{role}']")).await;
        self.writes("#area", area).await;
        self.press("登记一个人").await;
        self.press("邀请").await;
        let link = self.driver.find(By::Id("link")).await.unwrap();
        link.prop("value").await.unwrap().unwrap()
    }
}

fn texts(rows: &Value, kind: &str) -> Vec<String> {
    let of = rows.as_array().unwrap().iter().filter(|row| row["kind"] == kind);
    of.map(|row| row["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_county_reads_asks_returns_and_accepts_what_a_company_sent() {
    let mut bureau = Bureau::new();
    let url = with_pages(&bureau);
    bureau.ok(&["staff", "add", "fang", "--name", "方主任", "--role", "admin", "--area", "350100"]);
    bureau.serve();
    let agent = company(&bureau, true);
    let site = &agent.site;
    let rules =
        csv(&String::from_utf8(site.run(&["audit", "run", "--form", "B203", "--period", "2025-06", "--format", "csv"]).stdout)
            .unwrap());
    let unmet = rules.iter().find(|row| row["result"] == "unmet" && row["severity"] == "verify").map(|row| row["rule"].clone());
    if let Some(rule) = &unmet {
        let said = "甲公司一次性订货 12 台，见合同 HT-2025-06。";
        site.ok(&[
            "audit", "explain", "B203", "--rule", rule, "--period", "2025-06", "--cause", "volume", "--text", said, "--as", "wu",
        ]);
    }
    sends(site);
    let (chromium, axe) = (Chromium::start(), axe());
    block(async {
        let (one, two, three) =
            (chromium.session(&[]).await, chromium.session(&[]).await, chromium.session(&["--force-dark-mode"]).await);
        let person = |driver| Person { driver, url: &url, axe: &axe };
        let (fang, lina, wang) = (person(&one), person(&two), person(&three));

        // The administrator lets people in and sees no value.
        let invited = csv(&bureau.ok(&["--format", "csv", "staff", "invite", "fang"]))[0]["link"].clone();
        assert!(invited.starts_with(&url), "{invited}");
        fang.comes_in(&invited).await;
        fang.sees(&["管理员", "350100", "您管人员和设置"]).await;
        fang.looks("bureau-home-admin").await;
        let links = [
            fang.lets_in("lina", "李娜", "reviewer", "350100").await,
            fang.lets_in("wang", "王镇", "town", "350100001").await,
            fang.lets_in("chen", "陈局", "officer", "350100").await,
        ];
        fang.looks("bureau-person").await;
        fang.go("/staff").await;
        fang.sees(&["lina", "已邀请", "乡镇", "统计负责人"]).await;
        fang.looks("bureau-staff").await;
        fang.go("/staff/fang").await;
        fang.sees(&["staff-oneself"]).await;
        // What is not fit is told, with what was typed still there.
        fang.go("/staff").await;
        fang.writes("#id", "wang2").await;
        fang.writes("#name", "王二").await;
        fang.choose("input[name='role.town']").await;
        fang.press("登记一个人").await;
        fang.sees(&["staff-town-area"]).await;
        assert_eq!(one.find(By::Id("name")).await.unwrap().prop("value").await.unwrap().unwrap(), "王二");
        fang.go(REPORT).await;
        fang.sees(&["staff-not-allowed"]).await;
        fang.looks("bureau-not-yours").await;

        // A reviewer reads what arrived.
        lina.comes_in(&links[0]).await;
        lina.sees(&["审核", "新到、还没看的报表", "杭州西溪", "B203"]).await;
        lina.looks("bureau-home").await;
        lina.follow("table a.cell").await;
        lina.sees(&["营业收入", "审核关系", "签名", "吴静", "周敏", "成立", "回执", "往来", "法定"]).await;
        if unmet.is_some() {
            lina.sees(&["单位已说明", "甲公司一次性订货"]).await;
        }
        lina.looks("bureau-report").await;
        let sent = csv(&site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "csv"]));
        let revenue = sent.iter().find(|row| row["code"] == "301").unwrap();
        let shown = two.find(By::Css("#row-301")).await.unwrap().text().await.unwrap().replace(',', "");
        assert!(shown.contains(&revenue["cumulative"]), "{shown}: {revenue:?}");

        // A letter that steers is refused and nothing typed is lost; one that asks is sent with its day.
        lina.chooses("#subject", "301").await;
        lina.chooses("#cause", "month").await;
        lina.writes("#query-text", "请把营业收入改为 1200 千元").await;
        lina.press("发出查询").await;
        lina.sees(&["letter-steers", "改为#"]).await;
        let kept = two.find(By::Id("query-text")).await.unwrap().prop("value").await.unwrap().unwrap();
        assert_eq!(kept, "请把营业收入改为 1200 千元");
        assert_eq!(two.find(By::Css("#subject option:checked")).await.unwrap().prop("value").await.unwrap().unwrap(), "301");
        lina.looks("bureau-steers").await;
        lina.writes("#query-text", "营业收入比上月多一倍，请说明发生了什么，附合同。").await;
        lina.press("发出查询").await;
        lina.sees(&["附合同", "李娜 (lina)", "答复期限", "等答复"]).await;
        lina.go("/").await;
        lina.sees(&["等答复的查询 1", "与本单位以前相差大"]).await;
        lina.go("/queries").await;
        lina.looks("bureau-queries").await;

        // The unit answers; the answer waits to be read.
        site.ok(&["message", "list", "--fetch"]);
        let open = csv(&site.ok(&["message", "list", "--format", "csv"]));
        assert!(open[0]["text"].contains("【为什么问】与本单位上期或上年同期相差大"), "{open:?}");
        site.ok(&[
            "message",
            "answer",
            &open[0]["message"],
            "--text",
            "甲公司一次性订货 12 台，见合同 HT-2025-06。",
            "--as",
            "zhoumin",
        ]);
        lina.go("/").await;
        lina.sees(&["还没看的答复 1"]).await;
        lina.go(REPORT).await;
        lina.sees(&["已答复", "见合同 HT-2025-06"]).await;
        lina.looks("bureau-talk").await;

        // It is returned, corrected, compared and accepted. What is decided is decided about the version on the screen.
        lina.writes("#return-text", "营业成本漏记六月一笔，请核对后更正。").await;
        lina.press("退回").await;
        lina.sees(&["已退回", "等企业更正后重报"]).await;
        site.ok(&["message", "list", "--fetch"]);
        site.ok(&["return", "--form", "B203", "--period", "2025-06", "--reason", "统计局退回", "--as", "zhoumin"]);
        let why = ["--amount", "12", "--reason", "补记六月漏记的营业成本"];
        site.ok(&[&["ledger", "adjust", "B203:307", "--period", "2025-06", "--as", "wu"], &why[..]].concat());
        sends(site);
        lina.go("/").await;
        lina.sees(&["新到、还没看的报表 1"]).await;
        lina.go(&format!("{REPORT}?version=1")).await;
        lina.sees(&["version-superseded", "1 / 2"]).await;
        lina.go(REPORT).await;
        lina.leave(By::LinkText("与上一版")).await;
        lina.sees(&["307", "版本 1"]).await;
        lina.looks("bureau-changes").await;
        lina.go(REPORT).await;
        lina.writes("#accept-text", "已核对，受理。").await;
        lina.press("受理").await;
        lina.sees(&["已受理"]).await;
        lina.looks("bureau-accepted").await;
        lina.press("English").await;
        lina.go(REPORT).await;
        lina.sees(&["Rules", "Signatures", "accepted", "Conversation"]).await;
        lina.looks("bureau-english").await;

        // A town sees when, and no value; the responsible officer sees who looked.
        wang.comes_in(&links[1]).await;
        wang.looks("bureau-home-town").await;
        wang.go(&format!("/units/{UNIT}")).await;
        wang.sees(&["2025-06", "B203", "已受理", "乡镇只看报送的时间"]).await;
        wang.looks("bureau-town").await;
        wang.go(REPORT).await;
        wang.sees(&["staff-not-allowed"]).await;
        wang.press("退出").await;
        wang.comes_in(&links[2]).await;
        wang.go("/views").await;
        wang.sees(&["lina", "看差异", "退回", "杭州西溪"]).await;
        wang.looks("bureau-views").await;
        for driver in [one, two, three] {
            driver.quit().await.unwrap();
        }

        // The same by keyboard and without script, on a phone, for whoever is signed in by password.
        let narrow = ["--window-size=390,844", "--blink-settings=scriptEnabled=false"];
        let driver = chromium.session(&narrow).await;
        let phone = Person { driver: &driver, url: &url, axe: &axe };
        phone.go(REPORT).await;
        phone.fill("#person", "lina").await;
        phone.fill("#password", PASSWORD).await;
        phone.press("登录").await;
        phone.sees(&["营业收入", "已受理"]).await;
        driver.screenshot(&crate::browser::pictures().join("bureau-phone.png")).await.unwrap();
        driver.quit().await.unwrap();
    });
    let said = bureau.json(&["messages"]);
    assert_eq!(texts(&said, "query").len(), 1, "{said}");
    assert_eq!(
        (texts(&said, "return").len(), texts(&said, "acceptance"), texts(&said, "answer").len()),
        (1, vec!["已核对，受理。".to_owned()], 1)
    );
    let log = bureau.json(&["log", "list"]);
    let by =
        |kind: &str, who: &str| log.as_array().unwrap().iter().filter(|row| row["event"] == kind && row["by"] == who).count();
    assert!(by("viewed", "lina") >= 8 && by("viewed", "fang") == 0 && by("viewed", "wang") == 0, "{log}");
    assert_eq!(by("staff", "fang"), 3);
    assert!(!log.to_string().contains("argon2"), "{log}");
    bureau.kill();
    bureau.ok(&["log", "verify"]);
}
