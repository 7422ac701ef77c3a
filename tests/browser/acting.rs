//! Acts that are refused and lose nothing, measures of a whole year, several forms signed at once, a key on a token, what is taken back.

use std::{fs, process::Command};

use thirtyfour::prelude::*;

use crate::{
    PASSWORD, Site,
    browser::{Chromium, Person, axe, block},
    csv,
    doing::{config, entered},
    pages::{CONFIG, FORM, Pages, values},
    peers,
};

#[test]
fn heads_of_a_year_are_entered_at_once_and_a_refusal_loses_none_of_them() {
    let site = Pages::start(CONFIG);
    let (chromium, axe) = (Chromium::start(), axe());
    let of_wu = site.sign_in("wu");
    let year = "/years/hz/headcount?year=2025&item=";
    block(async {
        let driver = entered(&chromium, &site, &of_wu).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        // From the figure that has no value to the sheet that gives it one.
        wu.go(FORM).await;
        wu.leave(By::PartialLinkText("601 平均用工人数")).await;
        wu.leave(By::PartialLinkText("录入 从业人员")).await;
        wu.sees(&["从业人员", "缺的月份 12", "2025-01", "2025-12"]).await;
        wu.looks("year").await;
        // Five months of six: the first figure is no number, and everything that was typed stays.
        for (at, count) in ["x", "20", "21", "22", "22"].iter().enumerate() {
            wu.types(&format!("[name='r{at}.quantity']"), count).await;
        }
        wu.types("[name='r3.note']", "四月招 1 人").await;
        wu.sends("[name='r0.quantity']").await;
        wu.sees(&["这一步没有做", "measure-number-unfit"]).await;
        wu.looks("year-refused").await;
        let typed = |name: &'static str| {
            let driver = &driver;
            async move { driver.find(By::Css(format!("[name='{name}']"))).await.unwrap().prop("value").await.unwrap().unwrap() }
        };
        assert_eq!((typed("r1.quantity").await.as_str(), typed("r3.note").await.as_str()), ("20", "四月招 1 人"));
        wu.rewrites("[name='r0.quantity']", "x", "20").await;
        wu.sends("[name='r0.quantity']").await;
        wu.sees(&["已经做好", "缺的月份 7"]).await;
        // All that is still missing is said at once, with the way to it.
        wu.go(FORM).await;
        wu.press("生成").await;
        wu.sees(&["measure-not-entered"]).await;
        wu.go(year).await;
        wu.types("[name='r5.quantity']", "24").await;
        wu.sends("[name='r5.quantity']").await;
        wu.go(FORM).await;
        wu.press("生成").await;
        driver.quit().await.unwrap();
    });
    let listed = csv(&site.site.ok(&["measure", "list", "--format", "csv"]));
    let counts: Vec<[&str; 2]> = listed.iter().map(|row| [row["period"].as_str(), row["quantity"].as_str()]).collect();
    let months = ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06"];
    assert_eq!(
        counts,
        months.into_iter().zip(["20", "20", "21", "22", "22", "24"]).map(|(month, count)| [month, count]).collect::<Vec<_>>()
    );
    let text = site.site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "json"]);
    let draft: serde_json::Value = serde_json::from_str(&text).unwrap();
    let draft = if draft.is_array() { draft[0].clone() } else { draft };
    let cell = draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == "601").unwrap();
    // (20 + 20 + 21 + 22 + 22 + 24) ÷ 6 = 21.5, whole people half away from zero.
    let columns = cell["columns"].as_object().unwrap();
    assert!(columns.values().any(|column| column["value"] == "22"), "{cell}");
}

#[test]
fn what_is_refused_comes_back_with_its_words_and_what_was_noted_is_taken_back() {
    let site = Pages::start(&config());
    let (chromium, axe) = (Chromium::start(), axe());
    let figure = format!("{FORM}/figure?cell=301&column=cumulative");
    let month = "/months?book=hz&period=2025-06";
    let of_wu = site.sign_in("wu");
    block(async {
        let driver = entered(&chromium, &site, &of_wu).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        // An empty phrase, and more decimals than the form has: both are refused before anything is kept.
        wu.go(&figure).await;
        wu.unfold().await;
        wu.sees(&["别的指标都不跟着变"]).await;
        wu.types("#amount-301", "12").await;
        wu.types("#reason-301", "核实无误").await;
        wu.sends("#amount-301").await;
        wu.sees(&["reason-empty"]).await;
        assert!(driver.current_url().await.unwrap().as_str().contains("/figure?cell=301"));
        wu.looks("adjust-refused").await;
        wu.rewrites("#reason-301", "核实无误", "补记6月未开票收入，见合同 HT-06").await;
        wu.rewrites("#amount-301", "12", "1.5").await;
        wu.sends("#amount-301").await;
        wu.sees(&["adjust-decimals"]).await;
        wu.rewrites("#amount-301", "1.5", "3").await;
        wu.sends("#amount-301").await;
        wu.sees(&["已经做好", "811"]).await;
        wu.unfold().await;
        wu.sees(&["现有调整，新的会代替它"]).await;
        // A link that a colleague opens, or the page read again, sends nothing again.
        driver.refresh().await.unwrap();
        wu.sees(&["已经做好"]).await;

        wu.go(month).await;
        wu.selects("#event-kind", "price").await;
        wu.types("#event-text", "涨价").await;
        driver.execute("document.getElementById('event-text').removeAttribute('minlength')", Vec::new()).await.unwrap();
        wu.sends("#event-text").await;
        wu.sees(&["reason-too-short"]).await;
        wu.rewrites("#event-text", "涨价", "钢材涨价 8%").await;
        wu.sends("#event-text").await;
        wu.sees(&["钢材涨价 8%"]).await;
        wu.unfold().await;
        wu.types("[id^='back-event-']", "记错了月份").await;
        wu.sends("[id^='back-event-']").await;
        wu.sees(&["已撤回", "记错了月份"]).await;
        wu.looks("event-withdrawn").await;
        wu.go(FORM).await;
        assert!(!wu.text().await.contains("钢材涨价"));
        // What stands open is said before the button.
        wu.sees(&["待说明", "签名之前要写核实说明", "空着的指标"]).await;
        wu.go("/?date=2025-08-20").await;
        wu.sees(&["全部逾期的"]).await;
        wu.looks("home-late").await;
        driver.quit().await.unwrap();
    });
    let events = csv(&site.site.ok(&["ledger", "event", "--format", "csv"]));
    assert_eq!((events.len(), events[0]["withdrawn"].as_str()), (1, "记错了月份"), "{events:?}");
    let log = site.site.ok(&["log", "show", "--format", "json"]);
    assert!(log.contains("event-withdraw") && !log.contains("核实无误"), "{log}");
    site.site.ok(&["log", "verify"]);
    // A month that the books do not reach has nothing to be built of; January is free and said so.
    let cookie = site.sign_in("zhoumin");
    let home = site.page("/?date=2026-11-25", &cookie);
    assert!(home.contains("账还没读到这个月") && home.contains("全部逾期的"), "{home}");
    let january = site.page("/?date=2026-02-20", &cookie);
    assert!(january.contains("B203 2026-01 按时间表免报，和 2026-02 合在一起报"), "{january}");
    // Without a page that the browser names, the act still leads to one of ours.
    let page = site.page(FORM, &cookie);
    let token = values(&page, "value").into_iter().next().unwrap();
    let answer = site.post(&format!("{FORM}/step"), &[("step", "approve"), ("token", &token), ("digest", "0")], &cookie);
    assert_eq!(answer.status(), 303);
    let there = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(there.starts_with(&format!("{FORM}?told=")), "{there}");
    let there = there.split('#').next().unwrap();
    assert!(site.page(there, &cookie).contains("draft-state-unfit"));
    // Whoever else opens that address sees the page and nothing of it.
    let other = site.sign_in("wu");
    assert!(!site.page(there, &other).contains("draft-state-unfit"));
}

/// Where Debian has SoftHSM2.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "246810";

fn openssl(site: &Site, args: &[&str]) {
    peers::run(Command::new("openssl").current_dir(site.folder.path()).args(args));
}

/// A company whose preparer signs with a token, and which reports two forms.
fn with_token() -> Pages {
    let own = format!(
        "[signing.key.wu]\ncertificate = \"wu.crt\"\nmodule = \"{MODULE}\"\ntoken = \"台账\"\nkey = \"wu\"\n\n[signing.key.zhoumin]\n\
         certificate = \"zhoumin.crt\"\nfile = \"zhoumin.pem\"\npassword = {{ env = \"TAIZHANG_TEST_PASSWORD\" }}\n"
    );
    let forms = "code = \"B203\"\nchannel = \"official\"\n\n[[form]]\ncode = \"C203\"\nchannel = \"official\"";
    let site = Site::tryton(&format!("{}\n{own}", CONFIG.replace("code = \"B203\"", forms)));
    let folder = site.folder.path().to_owned();
    fs::create_dir(folder.join("tokens")).unwrap();
    let conf = folder.join("softhsm2.conf");
    fs::write(&conf, format!("directories.tokendir = {}\n", folder.join("tokens").display())).unwrap();
    let hsm = |args: &[&str]| peers::run(Command::new("softhsm2-util").env("SOFTHSM2_CONF", &conf).args(args));
    hsm(&["--init-token", "--free", "--label", "台账", "--so-pin", "13579", "--pin", PIN]);
    let unit = crate::receiver::UNIT;
    for (id, name, title) in [("wu", "吴静", "title=填表人"), ("zhoumin", "周敏", "title=统计负责人/title=单位负责人")]
    {
        let [pem, key, crt] = ["pem", "key", "crt"].map(|kind| format!("{id}.{kind}"));
        openssl(&site, &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key]);
        let subject = format!("/organizationIdentifier={unit}/CN={name}/{title}");
        let plain = ["req", "-x509", "-utf8", "-sha256", "-days", "365", "-key", &key, "-subj", &subject];
        openssl(&site, &[&plain[..], &["-addext", "keyUsage=critical,digitalSignature", "-out", &crt]].concat());
        let secret = format!("pass:{PASSWORD}");
        openssl(&site, &["pkcs8", "-topk8", "-in", &key, "-passout", &secret, "-out", &pem]);
    }
    openssl(&site, &["pkcs8", "-topk8", "-nocrypt", "-in", "wu.key", "-out", "import.pem"]);
    let import = folder.join("import.pem").display().to_string();
    hsm(&["--import", &import, "--token", "台账", "--label", "wu", "--id", "01", "--pin", PIN]);
    site.ok(&["build", "--period", "2025-06"]);
    for form in ["B203", "C203"] {
        site.explains(form, "2025-06", "wu");
        for (verb, person) in [("review", "wu"), ("approve", "zhoumin")] {
            site.ok(&[verb, "--form", form, "--period", "2025-06", "--as", person]);
        }
    }
    let conf = conf.display().to_string();
    Pages::serve_with(site, &[("SOFTHSM2_CONF", &conf)])
}

#[test]
fn a_token_signs_after_a_wrong_pin_and_two_forms_are_signed_with_one_password() {
    let site = with_token();
    let (chromium, axe) = (Chromium::start(), axe());
    let (of_wu, of_zhou) = (site.sign_in("wu"), site.sign_in("zhoumin"));
    block(async {
        let one = entered(&chromium, &site, &of_wu).await;
        let two = entered(&chromium, &site, &of_zhou).await;
        let wu = Person { driver: &one, url: &site.url, axe: &axe };
        let zhou = Person { driver: &two, url: &site.url, axe: &axe };
        wu.go(&format!("{FORM}/sign")).await;
        // The figures that are signed are on the page, not their digest alone.
        wu.sees(&["要签的数", "营业收入", "808", "PIN"]).await;
        wu.fill("#secret-preparer", "000000").await;
        wu.sends("#secret-preparer").await;
        wu.sees(&["这一步没有做", "token-pin-wrong", "未签"]).await;
        wu.looks("token-pin-wrong").await;
        assert!(!one.source().await.unwrap().contains("000000"), "a PIN is kept nowhere");
        wu.fill("#secret-preparer", PIN).await;
        wu.sends("#secret-preparer").await;
        wu.sees(&["填表人签名 吴静"]).await;
        // Whoever signs two forms in two roles types the password once.
        zhou.go("/?date=2025-07-10").await;
        zhou.follow("a[href='/signing']").await;
        zhou.sees(&["B203", "C203", "808"]).await;
        zhou.looks("sign-several").await;
        for at in 0..4 {
            zhou.choose(&format!("[name='sign.{at}']")).await;
        }
        zhou.fill("#secret", "not the password").await;
        zhou.sends("#secret").await;
        zhou.sees(&["这一步没有做", "key-password-wrong"]).await;
        assert!(two.find(By::Name("sign.3")).await.unwrap().is_selected().await.unwrap(), "what was chosen is chosen still");
        zhou.fill("#secret", PASSWORD).await;
        zhou.sends("#secret").await;
        zhou.sees(&["已经做好", "已签名：统计负责人", "现在没有轮到您签的表"]).await;
        zhou.looks("signed-several").await;
        one.quit().await.unwrap();
        two.quit().await.unwrap();
    });
    let listed = csv(&site.site.ok(&["draft", "list", "--format", "csv"]));
    let state = |form: &str| listed.iter().find(|row| row["form"] == form).unwrap()["state"].clone();
    // Everybody has signed the first; the preparer owes the other.
    assert_eq!((state("B203"), state("C203")), ("signed".to_owned(), "approved".to_owned()));
    let log = csv(&site.site.ok(&["log", "show", "--format", "csv"]));
    let signed = |who: &str| log.iter().filter(|row| row["what"] == "sign" && row["who"] == who).count();
    assert_eq!((signed("wu"), signed("zhoumin")), (1, 4));
    let all = site.site.ok(&["log", "show", "--format", "json"]);
    assert!(!all.contains(PIN) && !all.contains(PASSWORD));
    site.site.ok(&["log", "verify"]);
}
