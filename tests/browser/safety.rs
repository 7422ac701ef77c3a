//! Who gets in and how far: people of departments, second factors, one's own sessions, whoever asks too often.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use thirtyfour::prelude::*;

use crate::{
    browser::{Chromium, Person, axe, block},
    doing::config,
    pages::{PASSWORD, Pages, cookie, values},
};

/// Every address of the router with its parts filled in, read from where it is made: a page that comes later is in it by itself.
fn addresses() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders =
        ["crates/web/src", "crates/gate/src"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let constants = text.split("pub const ").chain(text.split("\nconst ")).filter_map(|rest| {
                let (name, rest) = rest.split_once(": &str = \"")?;
                Some((name.to_owned(), rest.split('"').next()?.to_owned()))
            });
            let constants: std::collections::BTreeMap<String, String> = constants.collect();
            for rest in text.split(".route(").skip(1) {
                let argument = rest.trim_start().split(',').next().unwrap().trim();
                let route = match argument.strip_prefix('"') {
                    Some(text) => text.trim_end_matches('"').to_owned(),
                    None => match constants.get(argument) {
                        Some(text) => text.clone(),
                        None => continue,
                    },
                };
                let filled =
                    [("{book}", "hz"), ("{form}", "B203"), ("{period}", "2025-06"), ("{sheet}", "heads"), ("{kind}", "energy")];
                let filled = filled.iter().fold(route, |route, (name, text)| route.replace(name, text));
                let parts: Vec<&str> = filled.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
                found.insert(parts.join("/"));
            }
        }
    }
    found
}

/// What is everybody's own.
const OWN: [&str; 11] = [
    "/login",
    "/login/code",
    "/welcome",
    "/logout",
    "/lang",
    "/sheets",
    "/account",
    "/account/password",
    "/account/second",
    "/account/second/code",
    "/account/second/end",
];

#[test]
fn people_of_departments_reach_their_own_sheet_and_nothing_else() {
    let site = Pages::start(&config());
    let cookie = site.sign_in("li");
    let addresses = addresses();
    assert!(
        addresses.len() > 30 && addresses.contains("/months") && addresses.contains("/drafts/hz/B203/2025-06"),
        "{addresses:?}"
    );
    let own = site.page("/sheets/power/2025-06", &cookie);
    let token = values(&own, "value").into_iter().find(|value| value.len() == 43).unwrap();
    for address in addresses.iter().filter(|address| !OWN.contains(&address.as_str()) && *address != "/account/sessions") {
        let got = site.get(address, &cookie);
        let home = address == "/" && got.headers().get("location").is_some_and(|to| to == "/sheets");
        assert!([403, 404, 405].contains(&got.status().as_u16()) || home, "GET {address}: {}", got.status());
        let fields = [("token", token.as_str()), ("period", "2025-06"), ("reason", "试试看"), ("key", "energy:电力")];
        let sent = site.post(address, &fields, &cookie);
        assert!([403, 404, 405].contains(&sent.status().as_u16()), "POST {address}: {}", sent.status());
    }
    let figure = site.get("/drafts/hz/B203/2025-06/figure?cell=301&column=cumulative", &cookie);
    assert_eq!(figure.status(), 403);
    assert_eq!(site.get("/sheets/power/2025-06/template", &cookie).status(), 200);
    // What is offered is what is reached.
    let links: BTreeSet<String> =
        values(&own, "href").into_iter().filter(|href| href.starts_with('/') && !href.starts_with("/assets")).collect();
    for link in &links {
        assert!(site.get(link, &cookie).status().as_u16() < 400, "{link}");
    }
    // A person of a department without a sheet is not let in at all.
    let without = config().replace("person = \"li\"", "person = \"wu\"");
    fs::write(site.site.path("agent.toml"), without).unwrap();
    assert_eq!(site.get("/sheets", &cookie).status(), 303);
    site.site.refused(&["person", "invite", "li"], 1, &["role-unfit"]);
}

/// The code that another program shows for a secret.
fn code(secret: &str, when: &str) -> String {
    let out = Command::new("oathtool").args(["--totp", "--base32", "--now", when, secret]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_second_factor_is_asked_for_and_it_can_make_it_begin_anew() {
    let site = Pages::start(&config());
    let (chromium, axe) = (Chromium::start(), axe());
    let other = "another sentence that is long";
    block(async {
        let driver = chromium.session(&[]).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        driver.goto(site.invite("wu")).await.unwrap();
        wu.fill("#password", PASSWORD).await;
        wu.fill("#again", PASSWORD).await;
        wu.press("设置并登录").await;
        wu.go("/account").await;
        wu.looks("account").await;
        // Another password: the old one must be known.
        for (old, new, again, word) in [
            ("not the password", other, other, "password-wrong"),
            (PASSWORD, other, PASSWORD, "password-differs"),
            (PASSWORD, "short", "short", ""),
            (PASSWORD, other, other, "password-changed"),
        ] {
            wu.go("/account").await;
            wu.fill("#old", old).await;
            wu.fill("#password", new).await;
            wu.fill("#again", again).await;
            if word.is_empty() {
                // The browser itself keeps what is too short.
                continue;
            }
            wu.press("改密码").await;
            wu.sees(&[word]).await;
        }
        wu.fill("#second-password", other).await;
        wu.press("设置第二道验证").await;
        let secret = driver.find(By::Css("#secret")).await.unwrap().text().await.unwrap();
        wu.looks("second-factor").await;
        wu.fill("#code", "000000").await;
        wu.press("启用").await;
        wu.sees(&["second-wrong"]).await;
        let first = code(&secret, "now");
        wu.fill("#code", &first).await;
        wu.press("启用").await;
        wu.sees(&["已启用"]).await;
        wu.press("退出").await;
        wu.fill("#person", "wu").await;
        wu.fill("#password", other).await;
        wu.press("登录").await;
        wu.sees(&["验证码"]).await;
        wu.looks("code").await;
        // The password alone opens nothing, and a code opens once.
        wu.fill("#code", &first).await;
        wu.press("登录").await;
        wu.sees(&["验证码不对"]).await;
        wu.fill("#code", &code(&secret, "now + 30 seconds")).await;
        wu.press("登录").await;
        wu.sees(&["下一步"]).await;
        let shown = site.site.ok(&["log", "show", "--format", "json"]);
        assert!(!shown.contains(&secret) && shown.contains("second"), "{shown}");
        // The phone is lost: an invitation begins anew.
        driver.goto(site.invite("wu")).await.unwrap();
        wu.fill("#password", PASSWORD).await;
        wu.fill("#again", PASSWORD).await;
        wu.press("设置并登录").await;
        wu.go("/account").await;
        wu.sees(&["设置第二道验证"]).await;
        driver.quit().await.unwrap();
    });
    assert!(fs::read_dir(site.site.path("taizhang-state/second")).unwrap().next().is_none(), "nothing is left of it");
    site.site.ok(&["log", "verify"]);
}

#[test]
fn one_sees_and_ends_ones_own_sessions_and_waits_are_told() {
    let site = Pages::start(&config());
    let here = site.sign_in("wu");
    let there = cookie(&site.post("/login", &[("person", "wu"), ("password", PASSWORD)], "")).unwrap();
    let page = site.page("/account", &here);
    assert_eq!(page.matches("127.0.0.1").count(), 2, "{page}");
    let token = values(&page, "value").into_iter().find(|value| value.len() == 43).unwrap();
    assert_eq!(site.get("/", &there).status(), 200);
    assert_eq!(site.post("/account/sessions", &[("token", &token), ("id", "")], &here).status(), 303);
    let gone = site.get("/", &there);
    assert!(gone.headers().get("location").unwrap().to_str().unwrap().ends_with("&over=1"));
    let told = site.get("/login?next=%2F&over=1", "").text().unwrap();
    assert!(told.contains("30 分钟没有操作"), "{told}");
    assert_eq!(site.get("/", &here).status(), 200);
    // Guessing: how long to wait is told, with who can end it.
    for _ in 0..5 {
        site.post("/login", &[("person", "wu"), ("password", "wrong wrong wrong")], "");
    }
    let waits = site.post("/login", &[("person", "wu"), ("password", PASSWORD)], "");
    assert_eq!(waits.status(), 429);
    let text = waits.text().unwrap();
    assert!(text.contains("1 分钟后再试") && text.contains("person invite"), "{text}");
    assert_eq!(site.get("/", &site.sign_in("wu")).status(), 200, "an invitation ends it");
    // A program that runs wild is held up, and its session's pages are not everybody's.
    let acts: Vec<u16> = {
        let cookie = site.sign_in("zhoumin");
        (0..70).map(|_| site.post("/lang", &[("token", "x")], &cookie).status().as_u16()).collect()
    };
    assert!(acts[..50].iter().all(|status| *status == 403) && acts.contains(&429), "{acts:?}");
    let tries: Vec<u16> =
        (0..40).map(|at| site.post("/login", &[("person", &format!("nobody{at}"))], "").status().as_u16()).collect();
    assert!(tries.contains(&429), "{tries:?}");
}
