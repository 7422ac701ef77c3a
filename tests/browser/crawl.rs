//! Every page of two forms and two months, in both languages: nothing in the console, no name of the catalogue without its words, nothing that the
//! accessibility checker calls serious, Chinese on English pages marked as that, and nothing wider than a narrow screen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use thirtyfour::WebDriver;

use crate::{
    browser::{Chromium, Person, axe, block, pictures},
    mapping::signed_in,
    pages::{CONFIG, Pages},
};

/// Pages of one kind that are opened in one language: a figure is like the next one.
const ALIKE: usize = 1;

/// Pages of one language at most: what is alike is opened once, so that all of it takes a minute at most.
const MOST: usize = 70;

/// What is looked for in a page: names of the catalogue that have no words, and Chinese in English pages that does not say so.
const WORDS: &str = r#"
    const wrong = [];
    const chinese = /[\u3400-\u4dbf\u4e00-\u9fff]/;
    const english = document.documentElement.lang === "en";
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent;
        const at = walker.currentNode.parentElement;
        if (/\blabel-[a-z]/.test(text)) wrong.push("key: " + text.trim());
        if (!english || !chinese.test(text)) continue;
        if (at.closest('[lang="zh"], [translate="no"], textarea, code, pre, script, style')) continue;
        wrong.push("not marked: " + text.trim().slice(0, 80));
    }
    for (const one of document.querySelectorAll("[title], [aria-label], [placeholder]")) {
        for (const name of ["title", "aria-label", "placeholder"]) {
            if (/\blabel-[a-z]/.test(one.getAttribute(name) || "")) wrong.push("key: " + one.getAttribute(name));
        }
    }
    return [...new Set(wrong)];
"#;

/// Elements that reach beyond a narrow screen, where the page does.
const WIDE: &str = r#"
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const inside = (one) => one.parentElement && (one.parentElement.closest(".scroll") || one.parentElement.closest("svg"));
    const wide = [...document.querySelectorAll("main *")].filter((one) => !inside(one) && one.getBoundingClientRect().right > width + 1);
    return wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 160));
"#;

/// The kind of a page: its address without what tells it from others of its kind, but with the draft it belongs to.
fn kind(path: &str) -> String {
    let (path, asked) = path.split_once('?').unwrap_or((path, ""));
    if path.starts_with("/kinds/") {
        return "/kinds".to_owned();
    }
    // A year's sheet of one kind is like that of the next.
    if path.starts_with("/years/") {
        return "/years".to_owned();
    }
    let names: Vec<&str> = asked.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    // The letters in a path are what a page is; digests, months and numbers are which one.
    let own =
        path.split('/').map(|part| if part.len() > 20 || path.starts_with("/books/") && part.contains('-') { "*" } else { part });
    format!("{}?{}", own.collect::<Vec<_>>().join("/"), names.join("&"))
}

/// Links of pages that are read: no files, no other site.
fn wanted(path: &str) -> bool {
    let out = ["/export/", "/file", "/template", "/papers/", "/carried/", "/pdf", "/assets/"];
    let month = |path: &str| path.contains("2025-05") || path.contains("2025-06") || !path.contains("/20");
    path.starts_with('/') && !out.iter().any(|part| path.contains(part)) && month(path)
}

#[test]
fn every_page_has_words_in_both_languages_and_fits_a_narrow_screen() {
    let config = CONFIG.replace("code = \"B203\"", "code = \"B203\"\n\n[[form]]\ncode = \"B204-1\"");
    let site = Pages::start_with(&config, |site| {
        site.ok(&["build", "--period", "2025-05"]);
    });
    let cookie = site.sign_in("wu");
    let (chromium, axe) = (Chromium::start(), axe());
    block(async {
        let driver = chromium.session(&[]).await;
        let wu = Person { driver: &driver, url: &site.url, axe: &axe };
        signed_in(&driver, &site.url, &cookie).await;
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for lang in ["zh", "en"] {
            if lang == "en" {
                wu.go("/").await;
                wu.press("English").await;
            }
            let mut left: Vec<String> =
                ["/", "/log", "/account", "/exam", "/letters", "/mapping", "/measures?period=2025-06", "/months?period=2025-06"]
                    .map(str::to_owned)
                    .into();
            for form in ["B203", "B204-1"] {
                left.extend(["2025-05", "2025-06"].map(|month| format!("/drafts/hz/{form}/{month}")));
            }
            left.reverse();
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            let mut known: BTreeSet<String> = left.iter().cloned().collect();
            while let Some(path) = left.pop() {
                let alike = kinds.entry(kind(&path)).or_default();
                if *alike == ALIKE {
                    continue;
                }
                *alike += 1;
                wu.go(&path).await;
                let wrong: Vec<String> = driver.execute(WORDS, Vec::new()).await.unwrap().convert().unwrap();
                assert!(wrong.is_empty(), "{path} in {lang}: {wrong:#?}");
                // Looks are those of a form's page, whatever month; of another language, those of a page.
                let bare = path.split(['?', '#']).next().unwrap_or_default();
                let page = bare.rsplit('/').next().unwrap_or_default();
                let form = bare.strip_prefix("/drafts/hz/").and_then(|rest| rest.split('/').next());
                let form = form.filter(|_| lang == "zh").unwrap_or_default();
                let page = if page.starts_with("20") { bare.split('/').nth(1).unwrap_or_default() } else { page };
                let look = format!("{lang} {form} {page}");
                if seen.insert(look) {
                    let name = format!("crawl-{lang}-{}", path.trim_matches('/').replace(['/', '?', '&', '='], "-"));
                    wu.looks(&name.chars().take(80).collect::<String>()).await;
                    narrow(&driver, true).await;
                    let wide: Vec<String> = driver.execute(WIDE, Vec::new()).await.unwrap().convert().unwrap();
                    driver
                        .screenshot(&pictures().join(format!("{}-375.png", name.chars().take(80).collect::<String>())))
                        .await
                        .unwrap();
                    assert!(wide.is_empty(), "{path} in {lang} is wider than 375: {wide:#?}");
                    narrow(&driver, false).await;
                }
                let links = "return [...document.querySelectorAll('main a[href]')].map((one) => one.getAttribute('href'));";
                let links: Vec<String> = driver.execute(links, Vec::new()).await.unwrap().convert().unwrap();
                for link in links
                    .into_iter()
                    .map(|link| link.split('#').next().unwrap_or_default().to_owned())
                    .filter(|link| wanted(link))
                {
                    if known.insert(link.clone()) {
                        left.insert(0, link);
                    }
                }
            }
            let opened: usize = kinds.values().sum();
            assert!((30..MOST).contains(&opened), "{opened} pages: {kinds:#?}");
        }
        driver.quit().await.unwrap();
    });
}

/// A narrow screen with a dark look, or the browser as it is.
async fn narrow(driver: &WebDriver, narrow: bool) {
    let (name, size) = if narrow {
        ("Emulation.setDeviceMetricsOverride", json!({ "width": 375, "height": 812, "deviceScaleFactor": 1, "mobile": false }))
    } else {
        ("Emulation.clearDeviceMetricsOverride", json!({}))
    };
    driver.cdp().send_raw(name, size).await.unwrap();
    let look = if narrow { "dark" } else { "light" };
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": look }] });
    driver.cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
}
