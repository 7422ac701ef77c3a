//! The review pages in a real Chromium, as people use them: signing in, from a form to a voucher by keyboard, explaining, handing in, approving.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use thirtyfour::prelude::*;

use crate::{
    pages::{self, CONFIG, FORM, Pages},
    peers,
};

/// Rules of the accessibility checker, which ships in this package.
const AXE: &str = "axe-playwright-python==0.1.8";

/// A driver of Chromium, stopped with the test.
pub struct Chromium {
    driver: Child,
    url: String,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Chromium {
    pub fn start() -> Chromium {
        let mut driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let told = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let url = format!("http://127.0.0.1:{}", told.unwrap());
        std::thread::spawn(move || lines.for_each(drop));
        Chromium { driver, url }
    }

    pub async fn session(&self, more: &[&str]) -> WebDriver {
        let mut wanted = DesiredCapabilities::chrome();
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000", "--accept-lang=zh-CN,zh"]
            .iter()
            .chain(more)
        {
            wanted.add_arg(argument).unwrap();
        }
        wanted.set("goog:loggingPrefs", serde_json::json!({ "browser": "ALL" })).unwrap();
        WebDriver::new(&self.url, wanted).await.unwrap()
    }
}

/// Where pictures go for people to look at.
pub fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A person at a browser.
pub struct Person<'a> {
    pub driver: &'a WebDriver,
    pub url: &'a str,
    pub axe: &'a str,
}

impl Person<'_> {
    pub async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.unwrap();
    }

    pub async fn text(&self) -> String {
        self.driver.find(By::Tag("main")).await.unwrap().text().await.unwrap()
    }

    /// Clicks, and waits until another page has come in the place of this one.
    pub async fn leave(&self, by: By) {
        let page = self.driver.find(By::Tag("html")).await.unwrap();
        let found = self.driver.find(by).await.unwrap();
        found.scroll_into_view().await.unwrap();
        found.click().await.unwrap();
        self.gone(&page).await;
    }

    pub async fn gone(&self, page: &WebElement) {
        for _ in 0..500 {
            if page.tag_name().await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no other page came");
    }

    pub async fn sees(&self, words: &[&str]) {
        let text = self.text().await;
        words.iter().for_each(|word| assert!(text.contains(word), "{word:?} is not in: {text}"));
    }

    pub async fn choose(&self, selector: &str) {
        let found = self.driver.find(By::Css(selector)).await.unwrap();
        found.scroll_into_view().await.unwrap();
        found.click().await.unwrap();
    }

    pub async fn follow(&self, selector: &str) {
        self.leave(By::Css(selector)).await;
    }

    /// Presses the button with these words.
    pub async fn press(&self, words: &str) {
        self.leave(By::XPath(format!("//button[contains(., '{words}')]"))).await;
    }

    pub async fn fill(&self, selector: &str, text: &str) {
        self.driver.find(By::Css(selector)).await.unwrap().send_keys(text).await.unwrap();
    }

    pub async fn sets_a_password(&self, site: &Pages, id: &str, password: &str) {
        let invitation = site.invite(id);
        self.driver.goto(&invitation).await.unwrap();
        self.fill("#password", password).await;
        self.fill("#again", password).await;
        self.press("设置并登录").await;
        self.sees(&["下一步", "账套"]).await;
    }

    /// Finds what was typed before in a field, and types something else.
    pub async fn rewrites(&self, selector: &str, before: &str, text: &str) {
        let found = self.driver.find(By::Css(selector)).await.unwrap();
        assert_eq!(found.prop("value").await.unwrap().as_deref(), Some(before), "{selector}");
        found.clear().await.unwrap();
        found.send_keys(text).await.unwrap();
    }

    /// A picture, no fault that the accessibility checker calls serious, and nothing in the console.
    pub async fn looks(&self, name: &str) {
        self.driver.screenshot(&pictures().join(format!("{name}.png"))).await.unwrap();
        let script = format!(
            "{}; const done = arguments[arguments.length - 1]; axe.run(document, {{ resultTypes: ['violations'] }}).then((found) => done(found.violations\
             .filter((fault) => ['serious', 'critical'].includes(fault.impact)).map((fault) => fault.id + ': ' + fault.nodes.map((node) => node.html).join(' ')))\
             , (error) => done([String(error)]));",
            self.axe
        );
        let found = self.driver.execute_async(script, Vec::new()).await.unwrap();
        let faults: Vec<String> = found.convert().unwrap();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        let told = self.driver.get_log("browser").await.unwrap();
        let grave = told.into_iter().filter(|entry| !["DEBUG", "INFO"].contains(&entry.level.as_str()));
        let told: Vec<String> = grave.map(|entry| format!("{entry:?}")).collect();
        // A page that refuses an act says so with its status, which Chromium writes down.
        let wrong: Vec<&String> =
            told.iter().filter(|line| !["401", "403", "409", "422", "429"].iter().any(|status| line.contains(status))).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

pub fn axe() -> String {
    let python = peers::python(&[AXE]);
    let words = "import axe_playwright_python as a, os; print(os.path.join(os.path.dirname(a.__file__), 'axe.min.js'))";
    let path = peers::run(Command::new(python).args(["-c", words]));
    fs::read_to_string(path.trim()).unwrap()
}

pub fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn two_people_bring_a_draft_from_its_figures_to_approval() {
    let site = Pages::start(CONFIG);
    let (chromium, axe) = (Chromium::start(), axe());
    block(async {
        let one = chromium.session(&[]).await;
        let two = chromium.session(&[]).await;
        let wu = Person { driver: &one, url: &site.url, axe: &axe };
        let zhou = Person { driver: &two, url: &site.url, axe: &axe };
        wu.go("/").await;
        wu.looks("login").await;
        wu.fill("#person", "wu").await;
        wu.fill("#password", "not the password").await;
        wu.press("登录").await;
        wu.sees(&["人员编号或密码不对"]).await;
        wu.sets_a_password(&site, "wu", "一匹正确的马 电池 订书钉").await;
        wu.looks("home").await;
        zhou.sets_a_password(&site, "zhoumin", "another sentence that is long").await;

        // By keyboard from the form to a figure, and by one more click to a voucher.
        wu.go(FORM).await;
        wu.sees(&["营业收入", "已生成", "杭州西溪精密机械有限公司"]).await;
        wu.looks("draft").await;
        let body = one.find(By::Tag("body")).await.unwrap();
        body.send_keys(Key::Down + "").await.unwrap();
        for _ in 0..6 {
            one.active_element().await.unwrap().send_keys(Key::Down + "").await.unwrap();
        }
        let page = one.find(By::Tag("html")).await.unwrap();
        one.active_element().await.unwrap().send_keys(Key::Enter + "").await.unwrap();
        wu.gone(&page).await;
        wu.sees(&["301 营业收入", "主营业务收入", "计算过程"]).await;
        wu.looks("figure").await;
        wu.follow("h4 + .scroll a.cell").await;
        wu.sees(&["封存时间", "借方", "贷方"]).await;
        wu.looks("voucher").await;

        // A rule to be verified: an empty phrase is refused, a reason is kept.
        wu.go(&format!("{FORM}/rules")).await;
        wu.looks("rules").await;
        wu.choose("form select option:nth-child(2)").await;
        wu.fill("textarea[name=text]", "核实无误").await;
        wu.press("保存说明").await;
        wu.sees(&["这一步没有做"]).await;
        wu.looks("rules-again").await;
        // What was typed is still there, and is written over.
        wu.rewrites("textarea[name=text]", "核实无误", "2025年6月销售额比上月增加，甲公司一次性订货 12 台，见合同 HT-2025-06。")
            .await;
        wu.press("保存说明").await;
        wu.sees(&["已说明", "甲公司一次性订货"]).await;

        // Somebody looks at the draft that is about to become another one.
        zhou.go(FORM).await;
        wu.go(FORM).await;
        wu.press("提交审核").await;
        wu.sees(&["审核中"]).await;
        // Whoever handed in does not approve: it is not offered, and it is said why.
        wu.sees(&["这一步不由您做", "role-unfit", "approver-is-preparer"]).await;
        wu.looks("not-yours").await;
        // The page of the other person is of the state before: what it offers is refused with a clear word and nothing is lost.
        zhou.go(FORM).await;
        wu.fill("#reason", "营业收入还要再核一遍").await;
        wu.press("退回").await;
        zhou.press("批准").await;
        zhou.sees(&["这一步没有做", "draft-state-unfit"]).await;
        zhou.looks("refused").await;
        wu.press("提交审核").await;
        zhou.go(FORM).await;
        zhou.press("批准").await;
        zhou.sees(&["已批准"]).await;
        zhou.looks("approved").await;
        zhou.go(&format!("{FORM}/portal")).await;
        zhou.sees(&["复制这一栏"]).await;
        zhou.looks("portal").await;
        zhou.go("/log").await;
        zhou.sees(&["批准", "提交审核", "写核实说明", "周敏"]).await;
        zhou.looks("log").await;
        zhou.press("English").await;
        zhou.sees(&["Home", "Books"]).await;
        zhou.looks("english").await;
        zhou.press("Sign out").await;
        zhou.go(FORM).await;
        zhou.sees(&["登录"]).await;
        one.quit().await.unwrap();
        two.quit().await.unwrap();
    });
    // What the pages did is what the verbs see.
    let listed = site.site.ok(&["draft", "list", "--format", "csv"]);
    assert!(crate::csv(&listed).iter().any(|row| row["period"] == "2025-06" && row["state"] == "approved"), "{listed}");
    site.site.ok(&["log", "verify"]);
}

#[test]
fn pages_are_read_and_acted_on_without_script_on_a_narrow_dark_screen() {
    let site = Pages::start(CONFIG);
    let (chromium, axe) = (Chromium::start(), axe());
    let cookie = site.sign_in("wu");
    block(async {
        let narrow = ["--window-size=390,844", "--force-dark-mode", "--blink-settings=scriptEnabled=false"];
        let driver = chromium.session(&narrow).await;
        let person = Person { driver: &driver, url: &site.url, axe: &axe };
        person.go("/login").await;
        let mut own = Cookie::new("taizhang", cookie.clone());
        own.set_path("/");
        driver.add_cookie(own).await.unwrap();
        for (path, words) in [
            ("/", "账套"),
            (FORM, "营业收入"),
            (pages::FIGURE, "计算过程"),
            ("/mapping", "科目表"),
            ("/exam", "手工表对照"),
            ("/log", "生成草稿"),
        ] {
            person.go(path).await;
            assert!(driver.source().await.unwrap().contains(words), "{path}");
            driver.screenshot(&pictures().join(format!("narrow-{}.png", words))).await.unwrap();
        }
        // Acts need no script either.
        for (path, words) in [
            ("/measures?period=2025-06", "全部计量种类"),
            ("/account", "改密码"),
            (&*format!("{FORM}/portal"), "装入平台导出的文件"),
        ] {
            person.go(path).await;
            assert!(driver.source().await.unwrap().contains(words), "{path}");
        }
        person.go("/months?period=2025-06").await;
        driver.screenshot(&pictures().join("narrow-month.png")).await.unwrap();
        person.press("锁定").await;
        person.sees(&["已锁定"]).await;
        driver.quit().await.unwrap();
    });
}
