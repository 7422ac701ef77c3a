//! From a built draft to the receipt of a real receiver, in the pages alone; what the bureau writes; what changed. Two people, read back by verbs.

use std::{fs, time::Duration};

use serde_json::Value;
use thirtyfour::prelude::*;

use crate::{
    Site,
    browser::{Chromium, Person, axe, block},
    csv,
    mapping::attribute,
    pages::{CONFIG, FORM, Pages},
    receiver::{Bureau, UNIT},
};

/// What the people of the company type when they sign; the daemon is not told.
use crate::PASSWORD;

/// A company that has enrolled with a receiver, whose people have keys under a password that the daemon does not know.
pub fn company(bureau: &Bureau, official: bool) -> Pages {
    let form = if official { "code = \"B203\"\nchannel = \"official\"" } else { "code = \"B203\"" };
    let keys = ["wu", "zhoumin"].map(|id| {
        format!(
            "\n[signing.key.{id}]\ncertificate = \"{id}.crt\"\nfile = \"{id}.pem\"\npassword = {{ env = \"TAIZHANG_TEST_PASSWORD\" }}\n"
        )
    });
    let own = format!("\n[bureau]\nurl = \"https://127.0.0.1:{}\"\nca = \"bureau.pem\"\ntimeout = 10\n", bureau.port);
    let signing = format!("\n[signing]\nroots = \"bureau.pem\"\n{}", keys.concat());
    let config = format!("{}{signing}{own}", CONFIG.replace("code = \"B203\"", form));
    let site = Site::tryton(&config);
    fs::copy(bureau.authority(), site.path("bureau.pem")).unwrap();
    site.ok(&["build", "--period", "2025-06"]);
    site.explains("B203", "2025-06", "wu");
    site.ok(&["enroll", "--code", &bureau.code(&[])]);
    site.ok(&["enroll", "--code", &bureau.code(&["--person", "吴静", "--role", "preparer"]), "--as", "wu"]);
    let code = bureau.code(&["--person", "周敏", "--role", "statistician", "--role", "head"]);
    site.ok(&["enroll", "--code", &code, "--as", "zhoumin"]);
    Pages::serve(site)
}

impl Person<'_> {
    /// Signs in a role by typing the password.
    async fn signs(&self, role: &str, secret: &str) {
        self.fill(&format!("#secret-{role}"), secret).await;
        self.leave(By::XPath(format!("//input[@id='secret-{role}']/following-sibling::button"))).await;
    }

    /// The page of the delivery comes anew by itself until it says this.
    async fn waits_until(&self, words: &str) {
        for _ in 0..120 {
            // The page may go while it is read.
            if let Ok(main) = self.driver.find(By::Tag("main")).await
                && main.text().await.is_ok_and(|text| text.contains(words))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{words:?} did not come: {}", self.text().await);
    }
}

fn state(site: &Site) -> String {
    csv(&site.ok(&["draft", "list", "--format", "csv"])).into_iter().find(|row| row["period"] == "2025-06").unwrap()["state"]
        .clone()
}

/// Receipts as the command line has them, looked at: all hold.
fn receipts(site: &Site) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&site.ok(&["receipt", "list", "--format", "json"])).unwrap();
    let listed = listed.as_array().unwrap().clone();
    assert!(listed.iter().all(|row| row["valid"] == "yes"), "{listed:?}");
    listed
}

#[test]
fn from_built_to_the_receipt_a_query_and_a_correction_in_the_pages_alone() {
    let mut bureau = Bureau::new();
    bureau.serve();
    let site = company(&bureau, true);
    let (chromium, axe) = (Chromium::start(), axe());
    let sign = format!("{FORM}/sign");
    block(async {
        let (one, two) = (chromium.session(&[]).await, chromium.session(&[]).await);
        let wu = Person { driver: &one, url: &site.url, axe: &axe };
        let zhou = Person { driver: &two, url: &site.url, axe: &axe };
        wu.sets_a_password(&site, "wu", "一匹正确的马 电池 订书钉").await;
        zhou.sets_a_password(&site, "zhoumin", "another sentence that is long").await;

        // Before anybody approved it there is nothing to sign, and it is said whose turn it is.
        zhou.go(&sign).await;
        zhou.sees(&["提交审核 等：吴静", "统计局回执"]).await;
        wu.go(FORM).await;
        wu.press("提交审核").await;
        wu.sees(&["这一步不由您做", "role-unfit"]).await;
        wu.go(&sign).await;
        wu.sees(&["批准 等：周敏"]).await;
        zhou.go(FORM).await;
        zhou.press("批准").await;

        // Signing: a wrong password is told as such and kept nowhere; another digest than the one on the screen is refused.
        wu.go(&sign).await;
        wu.sees(&["要签的内容", "填表人", "未签"]).await;
        wu.looks("sign").await;
        wu.signs("preparer", "no such password").await;
        wu.sees(&["key-password-wrong"]).await;
        wu.looks("sign-wrong").await;
        wu.signs("preparer", PASSWORD).await;
        wu.sees(&["填表人签名 吴静"]).await;
        zhou.go(&sign).await;
        zhou.signs("statistician", PASSWORD).await;
        assert_eq!(state(&site.site), "approved");
        zhou.signs("head", PASSWORD).await;
        zhou.sees(&["单位负责人签名 周敏", "已签名"]).await;
        zhou.looks("signed").await;
        assert_eq!(state(&site.site), "signed");

        // What would leave is what the command line says, and leaving is an act of its own.
        wu.go("/?date=2025-07-10").await;
        wu.sees(&["去报送"]).await;
        wu.go(&format!("{FORM}/submit")).await;
        let would = site.site.ok(&["submit", "--period", "2025-06", "--dry-run", "--format", "csv"]);
        let digests: Vec<String> = csv(&would).iter().map(|row| row["sha256"].clone()).collect();
        assert!(digests.len() > 5, "{would}");
        wu.sees(&digests.iter().map(String::as_str).collect::<Vec<_>>()).await;
        wu.sees(&["不离开本单位", "示例县统计局"]).await;
        wu.looks("submit").await;
        // What is sent can be read before it is: the page that the package itself holds.
        let content = attribute(&one, "a[href*='/content/']", "href").await;
        wu.go(&content).await;
        assert!(one.source().await.unwrap().contains("营业收入"));
        wu.looks("submit-content").await;
        wu.go(&format!("{FORM}/submit")).await;
        assert_eq!(state(&site.site), "signed");
        wu.leave(By::XPath("//main//form[contains(@action, '/submit')]//button")).await;
        wu.waits_until("已送达").await;
        wu.looks("delivery").await;
        assert_eq!(state(&site.site), "delivered");
        wu.leave(By::PartialLinkText("回执 ·")).await;
        wu.sees(&["刚刚核过，属实", "示例县统计局", "第 1 次送达"]).await;
        wu.looks("receipt").await;

        // The bureau asks; it is answered where it is read.
        let about = |text: &'static str| {
            [UNIT, "--form", "B203", "--edition", "2025", "--period", "2025-06", "--text", text, "--as", "李科"]
        };
        bureau.ok(&[&["query", "--subject", "301"], &about("请核实营业收入")[..]].concat());
        zhou.go("/letters").await;
        zhou.press("现在去取").await;
        zhou.sees(&["请核实营业收入", "查询 1"]).await;
        zhou.looks("letters").await;
        zhou.go("/?date=2025-07-10").await;
        zhou.sees(&["答复查询", "message-open"]).await;
        zhou.go("/letters").await;
        zhou.fill("textarea[name=text]", "已核实，甲公司一次性订货 12 台，见合同 HT-2025-06。").await;
        zhou.press("答复查询").await;
        zhou.sees(&["甲公司一次性订货", "查询 1", "示例县统计局 · 李科", "周敏"]).await;
        let said = bureau.json(&["messages"]);
        assert!(
            said.as_array()
                .unwrap()
                .iter()
                .any(|row| row["kind"] == "answer" && row["text"].as_str().unwrap().contains("HT-2025-06")),
            "{said}"
        );

        // It is returned, corrected by another version, and both receipts know of each other.
        bureau.ok(&[&["return"], &about("营业成本漏报")[..]].concat());
        zhou.press("现在去取").await;
        zhou.sees(&["营业成本漏报"]).await;
        assert_eq!(state(&site.site), "returned");
        zhou.go("/?date=2025-07-10").await;
        zhou.sees(&["按退回意见更正"]).await;
        zhou.looks("returned").await;
        zhou.go(&sign).await;
        zhou.choose("details.card:has(#reason) summary").await;
        zhou.fill("#reason", "统计局退回，补记营业成本").await;
        zhou.press("退回").await;
        site.site.ok(&[
            "ledger",
            "adjust",
            "B203:307",
            "--period",
            "2025-06",
            "--amount",
            "12",
            "--reason",
            "补记六月漏记的营业成本",
            "--as",
            "wu",
        ]);
        // A rule whose figure was corrected is explained anew.
        site.site.explains("B203", "2025-06", "wu");
        wu.go(FORM).await;
        wu.press("提交审核").await;
        zhou.go(FORM).await;
        zhou.press("批准").await;
        wu.go(&sign).await;
        // Beside what the bureau has, the one figure that was corrected.
        wu.sees(&["1 个数变了", "307", "+12"]).await;
        wu.looks("sign-correction").await;
        wu.signs("preparer", PASSWORD).await;
        zhou.go(&sign).await;
        zhou.signs("statistician", PASSWORD).await;
        zhou.signs("head", PASSWORD).await;
        wu.go(&format!("{FORM}/submit")).await;
        wu.leave(By::XPath("//main//form[contains(@action, '/submit')]//button")).await;
        wu.waits_until("更正的是").await;
        for _ in 0..120 {
            if one.find_all(By::PartialLinkText("回执 ·")).await.is_ok_and(|receipts| receipts.len() == 2) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        wu.sees(&["已由后来的更正", "营业成本漏报"]).await;
        wu.looks("delivery-corrected").await;
        wu.leave(By::PartialLinkText("回执 ·")).await;
        wu.sees(&["更正的是", "第 2 次送达"]).await;

        // History: any two versions, and the log by form, person and act.
        // Explanations make versions too: the second was delivered, the fourth corrects it.
        wu.go(&format!("{FORM}/versions?old=2&new=4")).await;
        wu.sees(&["第 2 版", "1 个数变了"]).await;
        wu.looks("versions").await;
        wu.go("/log?form=B203&period=2025-06&person=zhoumin&act=sign").await;
        wu.sees(&["签名", "周敏", "统计负责人"]).await;
        wu.looks("log-filtered").await;
        let rows = one.find_all(By::Css("tbody tr")).await.unwrap().len();
        let log = csv(&site.site.ok(&["log", "show", "--format", "csv"]));
        assert_eq!(rows, log.iter().filter(|row| row["who"] == "zhoumin" && row["what"] == "sign").count());
        one.quit().await.unwrap();
        two.quit().await.unwrap();
    });
    // What the pages did, read back by the verbs and the bureau.
    let kept = receipts(&site.site);
    assert_eq!(kept.len(), 2, "{kept:?}");
    for receipt in &kept {
        let path = format!("taizhang-state/receipts/{}.asice", receipt["receipt"].as_str().unwrap());
        let said = site.site.ok(&["verify", &path, "--roots", "bureau.pem"]);
        assert!(said.contains("received") && said.lines().last().unwrap().starts_with("valid"), "{said}");
    }
    let log = site.site.ok(&["log", "show", "--format", "json"]);
    assert!(!log.contains(PASSWORD) && !log.contains("no such password"), "{log}");
    site.site.ok(&["log", "verify"]);
    bureau.kill();
    bureau.ok(&["log", "verify"]);
}

/// Voucher 183 of 2025-06 as somebody edits it in the ERP after it was sealed: 34,692.00 becomes 35,692.00 on both sides.
const EDIT: &str = "
    UPDATE account_move_line SET debit = CAST('35692.00' AS BLOB), write_date = '2026-11-24 08:00:00' WHERE id = 1216;
    UPDATE account_move_line SET credit = CAST('35692.00' AS BLOB), write_date = '2026-11-24 08:00:00' WHERE id = 1217;
    UPDATE account_move SET write_date = '2026-11-24 08:00:00' WHERE number = '183' AND company = 1 AND date = '2025-06-30';";

#[test]
fn a_copy_follows_its_filing_the_head_signs_on_paper_and_changed_vouchers_are_shown() {
    let mut bureau = Bureau::of("");
    bureau.serve();
    let site = company(&bureau, false);
    let (chromium, axe) = (Chromium::start(), axe());
    let sign = format!("{FORM}/sign");
    let scan = site.site.path("签字页.pdf");
    fs::write(&scan, [&b"%PDF-1.7\n"[..], &[b' '; 4096], b"\n%%EOF\n"].concat()).unwrap();
    block(async {
        let (one, two) = (chromium.session(&[]).await, chromium.session(&["--force-dark-mode"]).await);
        let wu = Person { driver: &one, url: &site.url, axe: &axe };
        let zhou = Person { driver: &two, url: &site.url, axe: &axe };
        wu.sets_a_password(&site, "wu", "一匹正确的马 电池 订书钉").await;
        zhou.sets_a_password(&site, "zhoumin", "another sentence that is long").await;
        wu.go(FORM).await;
        wu.press("提交审核").await;
        zhou.go(FORM).await;
        zhou.press("批准").await;
        wu.go("/?date=2025-07-10").await;
        wu.sees(&["登记平台已报"]).await;
        wu.go(&sign).await;
        wu.sees(&["filing-missing", "还没有登记"]).await;
        one.execute("document.getElementById('filed-at').value = '2025-07-10'", Vec::new()).await.unwrap();
        wu.fill("#filed-reference", "T-2025-06").await;
        wu.press("登记平台已报").await;
        wu.sees(&["2025-07-10", "T-2025-06"]).await;
        wu.signs("preparer", PASSWORD).await;
        zhou.go(&sign).await;
        zhou.signs("statistician", PASSWORD).await;
        zhou.looks("sign-dark").await;

        // Print, sign, scan, upload: the page to print has the digest and a square code, and shows in its own style.
        wu.go(&format!("{sign}/print")).await;
        let digest =
            csv(&site.site.ok(&["sign", "--form", "B203", "--period", "2025-06", "--format", "csv"]))[0]["digest"].clone();
        let print = one.source().await.unwrap();
        // With the day of the filing, who has signed by name, and one language.
        for words in [&*digest, "2025-07-10", "（签名：周敏）", "（签名：吴静）"] {
            assert!(print.contains(words), "{words} is not in: {print}");
        }
        assert!(!print.contains("this month") && !print.contains("湖南"), "{print}");
        wu.looks("print-to-sign").await;
        wu.go(&sign).await;
        wu.choose("details.card:has(#scan) summary").await;
        one.find(By::Id("scan")).await.unwrap().send_keys(scan.to_str().unwrap()).await.unwrap();
        one.execute("document.getElementById('paper-role').value = 'head'", Vec::new()).await.unwrap();
        wu.fill("#paper-secret", PASSWORD).await;
        wu.press("上传并证明").await;
        wu.sees(&["已签名", "签字页.pdf"]).await;
        wu.looks("signed-paper").await;

        // Guessing is braked: after five wrong ones the right one has to wait as well, and the signature that is there stays.
        for _ in 0..5 {
            zhou.go(&sign).await;
            zhou.choose("details:has(#secret-statistician) summary").await;
            zhou.signs("statistician", "a guess").await;
            zhou.sees(&["key-password-wrong"]).await;
        }
        // The place to sign stays open where it was refused.
        zhou.signs("statistician", PASSWORD).await;
        zhou.sees(&["signing-waits", "统计负责人签名 周敏"]).await;

        // Queued while the bureau is away, taken back, and submitted again.
        bureau.kill();
        wu.go(&format!("{FORM}/submit")).await;
        wu.leave(By::XPath("//main//form[contains(@action, '/submit')]//button")).await;
        wu.waits_until("package-untaken").await;
        one.find(By::LinkText("停止更新")).await.unwrap().click().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        wu.looks("delivery-waits").await;
        wu.choose("details.card:has(#withdraw-reason) summary").await;
        wu.fill("#withdraw-reason", "统计局的服务器今天停机").await;
        wu.press("撤回报送").await;
        assert_eq!(state(&site.site), "signed");
        one.quit().await.unwrap();
        two.quit().await.unwrap();
    });
    carried(&site, &bureau);
    let kept = receipts(&site.site);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let packages = fs::read_dir(site.site.path("taizhang-state/packages")).unwrap();
    let whole = packages.flatten().filter(|file| {
        let path = file.path();
        let out = site.site.run(&["verify", path.to_str().unwrap(), "--roots", "bureau.pem"]);
        String::from_utf8_lossy(&out.stdout).lines().last().is_some_and(|line| line.starts_with("valid"))
    });
    assert_eq!(whole.count(), 1, "one container has all three signatures");
    // The ERP changes what was sealed; the pages show which voucher, before and now.
    let erp = rusqlite::Connection::open(site.site.path("tryton.sqlite")).unwrap();
    erp.execute_batch(EDIT).unwrap();
    drop(erp);
    site.site.ok(&["pull"]);
    let cookie = site.sign_in("wu");
    block(async {
        let driver = chromium.session(&[]).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        wu.go("/login").await;
        let mut own = Cookie::new("taizhang", cookie.clone());
        own.set_path("/");
        driver.add_cookie(own).await.unwrap();
        wu.go("/books/hz/changes").await;
        wu.follow("td a.cell").await;
        wu.sees(&["变了的凭证：1 张", "183", "34,692.00", "35,692.00", "计提单位社保", "B203 2025-06"]).await;
        let shown = driver.find_all(By::Css("tbody tr")).await.unwrap().len();
        let told = csv(&site.site.ok(&["diff", "--book", "hz", "--period", "2025-06", "--format", "csv"]));
        assert_eq!(shown, told.len());
        wu.looks("changes").await;
        driver.quit().await.unwrap();
    });
    site.site.ok(&["log", "verify"]);
}

/// Taken as a file to a bureau without a network between, and its receipt brought back.
fn carried(site: &Pages, bureau: &Bureau) {
    let cookie = site.sign_in("wu");
    let page = site.page(&format!("{FORM}/submit"), &cookie);
    let hidden = |page: &str, name: &str| {
        let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (token, digest) = (hidden(&page, "token"), hidden(&page, "digest"));
    let fields = [("token", token.as_str()), ("digest", digest.as_str())];
    let package = site.post(&format!("{FORM}/carry"), &fields, &cookie).bytes().unwrap();
    assert_eq!(state(&site.site), "handed_out");
    let folder = bureau.folder.path();
    fs::write(folder.join("p.asice"), package).unwrap();
    let checkpoint = site.page(&format!("{FORM}/carried/{digest}/checkpoint"), &cookie);
    fs::write(folder.join("p.asice.checkpoint"), checkpoint).unwrap();
    bureau.ok(&["import", "p.asice", "--receipt", "r.asice"]);
    let receipt = fs::read(folder.join("r.asice")).unwrap();
    let answer = site.upload("/receipts", &token, ("receipt", "r.asice", receipt), &cookie);
    assert_eq!(answer.status(), 303);
    let there = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(site.page(&there, &cookie).contains("刚刚核过，属实"), "{there}");
    assert_eq!(state(&site.site), "delivered");
}
