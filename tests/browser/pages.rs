//! The review pages over HTTP: who is let in, and that from every figure the totals agree at each level down to the vouchers of the ERP.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use model::Amount;
use reqwest::{
    blocking::{Client, Response},
    redirect::Policy,
};

use crate::Site;

pub const CONFIG: &str = r#"
[unit]
name = "杭州西溪精密机械有限公司"
code = "91350100M000100Y43"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]

[[person]]
id = "zhoumin"
name = "周敏"
roles = ["statistician", "head"]

[[person]]
id = "li"
name = "李强"
roles = ["contributor"]

[web]
listen = "127.0.0.1:0"
"#;

pub const FORM: &str = "/drafts/hz/B203/2025-06";
pub const FIGURE: &str = "/drafts/hz/B203/2025-06/figure?cell=301&column=cumulative";
pub const PASSWORD: &str = "a sentence that is long enough";

/// A company with a built draft, and its pages served by the daemon.
pub struct Pages {
    pub site: Site,
    pub url: String,
    daemon: Child,
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Pages {
    pub fn start(config: &str) -> Pages {
        Pages::start_with(config, |_| ())
    }

    /// The same with files beside the configuration before anything is built.
    pub fn start_with(config: &str, more: impl FnOnce(&Site)) -> Pages {
        let site = Site::tryton(config);
        more(&site);
        site.ok(&["build", "--period", "2025-06"]);
        Pages::serve(site)
    }

    /// The pages of a company as it is. The daemon knows no password of anybody.
    pub fn serve(site: Site) -> Pages {
        Pages::serve_with(site, &[])
    }

    /// The same with what the machine itself tells the daemon.
    pub fn serve_with(site: Site, machine: &[(&str, &str)]) -> Pages {
        // Clients of both kinds want one, though nothing here is encrypted; the second time it is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
        command
            .current_dir(site.folder.path())
            .args(["--lang", "en", "run"])
            .envs(machine.iter().copied())
            .stderr(Stdio::piped());
        let mut daemon = command.spawn().unwrap();
        let mut lines = BufReader::new(daemon.stderr.take().unwrap()).lines();
        let told = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("[web-serves] ")?;
            Some(rest.split(": ").next()?.to_owned())
        });
        let url = told.expect("the daemon serves pages");
        std::thread::spawn(move || lines.for_each(drop));
        Pages { site, url, daemon }
    }

    /// The link with which a person sets a password.
    pub fn invite(&self, id: &str) -> String {
        let told = self.site.ok(&["person", "invite", id, "--format", "csv"]);
        // The port was chosen by the system: whoever is given the link reaches the pages that run.
        let link = crate::csv(&told)[0]["link"].clone();
        assert!(link.starts_with(&self.url), "{link} is not at {}", self.url);
        link
    }

    pub fn client() -> Client {
        Client::builder().redirect(Policy::none()).no_proxy().build().unwrap()
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)], cookie: &str) -> Response {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = Pages::client().post(format!("{}{path}", self.url)).body(body.join("&"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.header("Cookie", format!("taizhang={cookie}")).send().unwrap()
    }

    /// An act with a file, as a browser sends it.
    pub fn upload(&self, path: &str, token: &str, (field, name, bytes): (&str, &str, Vec<u8>), cookie: &str) -> Response {
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--edge\r\n\
             Content-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n"
        );
        let body = [head.into_bytes(), bytes, b"\r\n--edge--\r\n".to_vec()].concat();
        let request = Pages::client().post(format!("{}{path}", self.url)).body(body);
        let request = request.header("Content-Type", "multipart/form-data; boundary=edge");
        request.header("Cookie", format!("taizhang={cookie}")).send().unwrap()
    }

    /// Invites a person, sets a password, and gives the cookie.
    pub fn sign_in(&self, id: &str) -> String {
        let link = self.invite(id);
        let (_, invitation) = link.split_once("invitation=").unwrap();
        let fields = [("person", id), ("invitation", invitation), ("password", PASSWORD), ("again", PASSWORD)];
        cookie(&self.post("/welcome", &fields, "")).unwrap()
    }

    pub fn get(&self, path: &str, cookie: &str) -> Response {
        let request = Pages::client().get(format!("{}{path}", self.url));
        request.header("Cookie", format!("taizhang={cookie}")).send().unwrap()
    }

    pub fn page(&self, path: &str, cookie: &str) -> String {
        let response = self.get(path, cookie);
        let status = response.status();
        let text = response.text().unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        text
    }
}

pub fn cookie(response: &Response) -> Option<String> {
    let set = response.headers().get("set-cookie")?.to_str().unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    Some(set.strip_prefix("taizhang=")?.split(';').next()?.to_owned())
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Values of an attribute, in the order of the page.
pub fn values(page: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    let found = page.split(&begin).skip(1);
    found.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&")).collect()
}

fn sum(values: &[String]) -> Amount {
    values.iter().fold(Amount::ZERO, |sum, value| sum.checked_add(value.parse().unwrap()).unwrap())
}

#[test]
fn who_is_not_signed_in_sees_nothing_and_acts_need_a_page_of_ours() {
    let site = Pages::start(CONFIG);
    let to = |response: &Response| response.headers().get("location").unwrap().to_str().unwrap().to_owned();
    for path in ["/", FORM, FIGURE, "/log", "/mapping", "/exam", "/books/hz/vouchers?sealed=2025-06&key=1", "/nothing"] {
        let response = site.get(path, "");
        assert_eq!(response.status(), 303, "{path}");
        assert!(to(&response).starts_with("/login?next="), "{path}");
        let policy = response.headers().get("content-security-policy").unwrap().to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let wrong = site.post("/login", &[("person", "wu"), ("password", PASSWORD)], "");
    assert_eq!(wrong.status(), 401, "nobody has an account yet");
    let cookie = site.sign_in("wu");
    assert_eq!(site.get("/", &cookie).status(), 200);
    // An invitation works once.
    let link = site.invite("zhoumin");
    let (_, invitation) = link.split_once("invitation=").unwrap();
    let fields = |password| [("person", "zhoumin"), ("invitation", invitation), ("password", password), ("again", password)];
    assert_eq!(site.post("/welcome", &fields("short"), "").status(), 422);
    assert_eq!(site.post("/welcome", &fields(PASSWORD), "").status(), 303);
    assert_eq!(site.post("/welcome", &fields(PASSWORD), "").status(), 403);
    assert_eq!(site.post("/login", &[("person", "zhoumin"), ("password", PASSWORD)], "").status(), 303);
    // An act without the token of a page, or from a page elsewhere, is not done.
    let step = format!("{FORM}/step");
    assert_eq!(site.post(&step, &[("step", "review"), ("token", "x")], &cookie).status(), 403);
    let client = Pages::client();
    let page = site.page(FORM, &cookie);
    let token = values(&page, "value").into_iter().next().unwrap();
    let elsewhere = client.post(format!("{}{step}", site.url)).header("Cookie", format!("taizhang={cookie}"));
    let elsewhere = elsewhere.header("Origin", "https://elsewhere.example").body(format!("step=review&token={token}"));
    assert_eq!(elsewhere.send().unwrap().status(), 403);
    let named = client.get(&site.url).header("Host", "elsewhere.example").send().unwrap();
    assert_eq!(named.status(), 421, "a name that points here is not ours");
    assert_eq!(client.put(&site.url).send().unwrap().status(), 405);
    // The address of an act, opened as a page, leads to what it was done to.
    assert_eq!(to(&site.get(&format!("{FORM}/step"), &cookie)), FORM);
    // Guessing is slowed down.
    let tries = (0..6).map(|_| site.post("/login", &[("person", "wu"), ("password", "wrong wrong wrong")], "").status().as_u16());
    assert_eq!(tries.collect::<Vec<_>>(), [401, 401, 401, 401, 401, 429]);
    // Signing in leads to a page of ours, wherever the link says.
    let out = site.post("/login", &[("person", "zhoumin"), ("password", PASSWORD), ("next", "//elsewhere.example/")], "");
    assert_eq!(to(&out), "/");
    // Pages show every form down to its vouchers: people of departments are not let in, and who is no longer configured is signed out.
    site.site.refused(&["person", "invite", "li"], 1, &["role-unfit"]);
    assert_eq!(site.get("/", &cookie).status(), 200);
    std::fs::write(site.site.path("agent.toml"), CONFIG.replace("id = \"wu\"", "id = \"another\"")).unwrap();
    assert_eq!(site.get("/", &cookie).status(), 303);
    // What opens an account is in no log.
    let log = site.site.ok(&["log", "show", "--format", "json"]);
    assert!(log.contains("\"account\"") && !log.contains("argon2") && !log.contains(invitation), "{log}");
    site.site.ok(&["log", "verify"]);
}

#[test]
fn files_and_the_log_are_in_the_language_of_the_page() {
    let site = Pages::start_with(CONFIG, |site| {
        // Nobody serves pages yet, and the system chooses the port: a link would open nothing, and none is given.
        site.refused(&["person", "invite", "wu"], 1, &["web-not-running"]);
    });
    let cookie = site.sign_in("wu");
    let export = || site.get(&format!("{FORM}/export/csv"), &cookie).text().unwrap();
    // What is a byte order mark is no part of a text: reqwest takes it away, the bytes have it.
    let bytes = site.get(&format!("{FORM}/export/csv"), &cookie).bytes().unwrap();
    assert!(bytes.starts_with(&[0xef, 0xbb, 0xbf]), "spreadsheets know the encoding by it");
    let rows = |text: &str| crate::csv(text.trim_start_matches('\u{feff}'));
    let chinese = rows(&export());
    let revenue = |rows: &[BTreeMap<String, String>], code: &str| rows.iter().find(|row| row[code] == "301").cloned().unwrap();
    assert_eq!(revenue(&chinese, "代码")["名称"], "营业收入", "{chinese:?}");
    let token = values(&site.page(FORM, &cookie), "value")[0].clone();
    assert_eq!(site.post("/lang", &[("lang", "en"), ("token", &token)], &cookie).status(), 303);
    let english = rows(&export());
    assert_eq!(revenue(&english, "code")["name"], "Operating revenue", "{english:?}");
    assert_eq!(revenue(&english, "code")["cumulative"], revenue(&chinese, "代码")["1—本月"]);
    // The command line gives programs what it gave them.
    let machine = site.site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "csv"]);
    assert!(machine.starts_with("form,period,book,code,name"), "{machine}");
    // A page in English says who and what in words, and no JSON.
    let log = site.page("/log", &cookie);
    assert!(log.contains("built drafts") && log.contains("B203 2025-06") && !log.contains("{&quot;"), "{log}");
    // The page to sign in is in the language that the browser asks for.
    let login = |lang: &str| {
        let request = Pages::client().get(format!("{}/login", site.url)).header("Accept-Language", lang);
        request.send().unwrap().text().unwrap()
    };
    assert!(login("en-US,en;q=0.9").contains("lang=\"en\"") && login("zh-CN,zh;q=0.9,en;q=0.8").contains("lang=\"zh-CN\""));
    assert!(login("fr").contains("lang=\"zh-CN\""), "Chinese where neither is asked for");
}

#[test]
fn totals_agree_from_every_figure_to_the_vouchers_of_the_erp() {
    let site = Pages::start(CONFIG);
    let cookie = site.sign_in("wu");
    let form = site.page(FORM, &cookie);
    let links: BTreeSet<String> = values(&form, "href").into_iter().filter(|href| href.contains("/figure?")).collect();
    assert!(links.len() > 40, "{links:?}");
    let (mut lines, mut vouchers, mut reached) = (BTreeMap::new(), BTreeMap::new(), 0);
    for link in &links {
        let figure = site.page(link, &cookie);
        let mut direct = figure.contains("/vouchers?");
        for section in figure.split("data-answer=\"").skip(1) {
            let value = section.split('"').next().unwrap();
            let parts: Vec<&str> = section.split("data-part=\"").skip(1).collect();
            let amounts: Vec<String> = parts.iter().map(|part| part.split('"').next().unwrap().to_owned()).collect();
            if !amounts.is_empty() {
                assert_eq!(sum(&amounts), value.parse().unwrap(), "{link}: accounts of {value}");
            }
            for (part, amount) in parts.iter().zip(&amounts) {
                let periods = values(part, "data-period");
                assert_eq!(sum(&periods), amount.parse().unwrap(), "{link}: periods of {amount}");
                let to: BTreeSet<String> = values(part, "href").into_iter().filter(|href| href.contains("/lines?")).collect();
                assert_eq!(to.len(), periods.len(), "{link}: every period leads to its lines");
                lines.extend(to.into_iter().map(|to| (to, link.clone())));
                direct &= !periods.iter().any(|period| period != "0") || part.contains("/vouchers?");
            }
        }
        // Two clicks from the form: this page has the way to a voucher for each account that moved.
        if figure.contains("data-part=") {
            assert!(direct, "{link} shows no voucher");
            reached += 1;
        }
    }
    assert!(reached > 30, "{reached} of {} figures lead to vouchers", links.len());
    // Pages of lines are many and alike: every seventh is opened, with all that follow it.
    for (first, figure) in lines.iter().step_by(7) {
        let opened = site.page(figure, &cookie);
        let said = opened.split(&first.replace('&', "&amp;")).nth(1).unwrap();
        let said = values(said, "data-period")[0].clone();
        let (mut next, mut amounts, mut told) = (Some(first.clone()), Vec::new(), String::new());
        while let Some(path) = next {
            let page = site.page(&path, &cookie);
            told = values(&page, "data-sum")[0].clone();
            amounts.extend(values(&page, "data-amount"));
            vouchers.extend(values(&page, "href").into_iter().filter(|href| href.contains("/vouchers?")).map(|href| (href, ())));
            let more = page.split("data-key=\"n\"").next().filter(|before| before.len() < page.len());
            next = more.map(|before| values(before, "href").pop().unwrap());
        }
        assert_eq!(told.parse::<Amount>().unwrap(), said.parse().unwrap(), "{first}");
        assert_eq!(sum(&amounts), said.parse().unwrap(), "{first}");
    }
    assert!(vouchers.len() > 20, "{vouchers:?}");
    let database = rusqlite::Connection::open(site.site.path("tryton.sqlite")).unwrap();
    for path in vouchers.keys().step_by(5) {
        let page = site.page(path, &cookie);
        let key = path.rsplit_once("key=").unwrap().1;
        // Amounts of this ERP on SQLite are decimal texts.
        let mut statement =
            database.prepare("SELECT CAST(debit AS TEXT), CAST(credit AS TEXT) FROM account_move_line WHERE move = ?").unwrap();
        let rows = statement.query_map([key], |row| Ok([row.get::<_, String>(0)?, row.get::<_, String>(1)?])).unwrap();
        let rows: Vec<[String; 2]> = rows.map(Result::unwrap).collect();
        assert!(!rows.is_empty(), "{path}");
        for (at, name) in [(0, "data-debit"), (1, "data-credit")] {
            let own: Vec<String> = rows.iter().map(|row| row[at].clone()).collect();
            assert_eq!(values(&page, name)[0].parse::<Amount>().unwrap(), sum(&own), "{path}: {name}");
        }
    }
}

#[test]
fn a_figure_is_evaluated_anew_once_what_it_stands_on_is_another() {
    let site = Pages::start(CONFIG);
    let cookie = site.sign_in("wu");
    let sums = |page: &str| values(page, "data-answer").into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>();
    let first = site.page(FIGURE, &cookie);
    assert_eq!(sums(&first), sums(&site.page(FIGURE, &cookie)), "kept between two pages");
    // The ERP's own account of sales alone, where the standard takes the whole class.
    let database = rusqlite::Connection::open(site.site.path("tryton.sqlite")).unwrap();
    let sold = "SELECT SUM(CAST(round(l.credit * 100) - round(l.debit * 100) AS INTEGER)) FROM account_move_line l \
                JOIN account_move m ON m.id = l.move JOIN account_account a ON a.id = l.account \
                WHERE a.code = '4.1.1.01' AND a.company = 1 AND m.state = 'posted' AND m.date BETWEEN '2025-01-01' AND '2025-06-30'";
    let fen: i64 = database.query_row(sold, [], |row| row.get(0)).unwrap();
    let layer = "title = 'x'\n[cell.'B203:301']\nformula = 'SL(4.1.1.01,,贷)'\nwhy = 'x'\n";
    std::fs::write(site.site.path("own.toml"), layer).unwrap();
    let config = CONFIG.replace("code = \"B203\"", "code = \"B203\"\nmapping = [\"own.toml\"]");
    std::fs::write(site.site.path("agent.toml"), config).unwrap();
    let expected: Amount = format!("{}.{:02}", fen / 100, fen % 100).parse().unwrap();
    // The draft is explained by its own formula, and what the mapping says by now stands beside it.
    let changed = site.page(FIGURE, &cookie);
    let kept = |page: &str| page.split("span class=\"big\"").nth(1).unwrap().split("</p>").next().unwrap().to_owned();
    assert_eq!((kept(&changed), sums(&changed)), (kept(&first), sums(&first)));
    assert!(changed.contains("id=\"since\"") && !first.contains("id=\"since\""));
    assert!(changed.contains("SL(4.1.1.01,,贷)") && !changed.contains("figure-differs"), "{changed}");
    // The text of the layer alone is another: what is built by it is explained by it.
    std::fs::write(site.site.path("own.toml"), layer.replace("'SL(4.1.1.01,,贷)'", "'SL(4.1.1.01,,借)'")).unwrap();
    site.site.ok(&["build", "--period", "2025-06"]);
    let turned = site.page(FIGURE, &cookie);
    assert!(!turned.contains("id=\"since\""));
    let turned = sums(&turned);
    assert_eq!(turned.iter().map(|value| value.parse().unwrap()).collect::<Vec<Amount>>(), [expected.checked_neg().unwrap()]);
}
