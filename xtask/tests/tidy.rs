/*! The repository checks itself: each rule of the house that a program can see is a test here. */
#![allow(clippy::unwrap_used, reason = "a test that cannot read the tree must fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Tracked and new files that are not ignored, as paths from the root.
fn files(ending: &str) -> Vec<String> {
    let out = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .unwrap();
    assert!(out.status.success());
    let files: Vec<String> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .filter(|path| path.ends_with(ending) && root().join(path).is_file())
        .map(str::to_owned)
        .collect();
    assert!(!files.is_empty(), "no {ending} file was found: the rule would check nothing");
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn report(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn files_stay_small() {
    let long = |path: &String| {
        let lines = read(path).lines().count();
        (lines > 600).then(|| format!("{path}: {lines} lines; a file that wants more than 600 wants to be two"))
    };
    report(files(".rs").iter().filter_map(long).collect());
}

#[test]
fn nothing_is_left_marked_for_later() {
    let marks = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("X", "XX"), concat!("HA", "CK")];
    let mut findings = Vec::new();
    for path in files(".rs").iter().chain(&files(".toml")).chain(&files(".md")) {
        for (at, line) in read(path).lines().enumerate() {
            // `[TODO]` marks are words of their own; a word that merely contains the letters is none.
            let marked = line.split(|c: char| !c.is_ascii_alphabetic()).any(|word| marks.contains(&word));
            if marked && path != "xtask/tests/tidy.rs" {
                findings.push(format!("{path}:{}: do it, or file it as an issue: {}", at + 1, line.trim()));
            }
        }
    }
    report(findings);
}

#[test]
fn money_never_meets_a_float() {
    let mut findings = Vec::new();
    // Writes spreadsheets for people, whose numbers are doubles by their format; nothing reads them back and nothing is computed with them.
    const SPREADSHEET: &str = "crates/bureau/src/board/export.rs";
    for path in files(".rs").iter().filter(|path| path.starts_with("crates/") && *path != SPREADSHEET) {
        for (at, line) in read(path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let float = |word: &str| ["f32", "f64", "c_double", "c_float"].contains(&word);
            if code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(float) {
                findings.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    report(findings);
}

/// Links of a Markdown text that point into this repository, without their fragments.
fn local_links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .map(|link| link.split('#').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn documents_link_to_files_that_exist() {
    let mut findings = Vec::new();
    for path in files(".md") {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for link in local_links(&read(&path)) {
            if !folder.join(&link).exists() {
                findings.push(format!("{path}: links to {link}, which is not there"));
            }
        }
    }
    report(findings);
}

/// Packages that must not come in by somebody's default features, and why.
const STRANGERS: [(&str, &str); 2] = [
    ("aws-lc-rs", "with two providers of cryptography rustls takes neither; default features of reqwest or rustls bring it"),
    ("openssl-sys", "the programs link no OpenSSL of the system"),
];

#[test]
fn one_provider_of_cryptography() {
    let lock = read("Cargo.lock");
    let there = STRANGERS.iter().filter(|(name, _)| lock.contains(&format!("name = \"{name}\"\n")));
    report(there.map(|(name, why)| format!("Cargo.lock: {name}: {why}")).collect());
}

/// Crate → the workspace crates it may depend on. `docs/ARCHITECTURE.md` draws the same arrows.
const ARROWS: &[(&str, &[&str])] = &[
    ("taizhang-model", &[]),
    ("taizhang-ui", &[]),
    ("taizhang-reader", &[]),
    ("taizhang-settings", &["taizhang-model"]),
    ("taizhang-formula", &["taizhang-model"]),
    ("taizhang-connector", &["taizhang-model", "taizhang-reader", "taizhang-settings"]),
    ("taizhang-journal", &["taizhang-model", "taizhang-formula", "taizhang-seal"]),
    ("taizhang-survey", &["taizhang-model", "taizhang-formula", "taizhang-settings"]),
    ("taizhang-sheets", &["taizhang-model", "taizhang-survey"]),
    ("taizhang-store", &["taizhang-model"]),
    ("taizhang-exchange", &[]),
    (
        "taizhang-bureau",
        &[
            "taizhang-model",
            "taizhang-settings",
            "taizhang-sheets",
            "taizhang-survey",
            "taizhang-seal",
            "taizhang-exchange",
            "taizhang-gate",
            "taizhang-ui",
        ],
    ),
    ("taizhang-gate", &["taizhang-model", "taizhang-ui"]),
    ("taizhang-web", &["taizhang-gate", "taizhang-model", "taizhang-survey", "taizhang-ui"]),
    ("taizhang-seal", &["taizhang-model"]),
    ("taizhang-token", &["taizhang-model", "taizhang-seal"]),
    ("xtask", &[]),
];

#[test]
fn dependencies_point_one_way() {
    let mut findings = Vec::new();
    for path in files("Cargo.toml").iter().filter(|path| path.as_str() != "Cargo.toml") {
        let text = read(path);
        let name = text.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap().trim_end_matches('"');
        let Some((_, allowed)) = ARROWS.iter().find(|(of, _)| *of == name) else {
            findings.push(format!("{path}: {name} has no place in ARROWS; give it one, and one in docs/ARCHITECTURE.md"));
            continue;
        };
        let depends = text.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        for other in depends.filter(|word| word.starts_with("taizhang-") && !allowed.contains(word)) {
            findings.push(format!("{path}: {name} may not depend on {other}"));
        }
        if path.starts_with("crates/") && !read("docs/ARCHITECTURE.md").contains(&format!("`{name}`")) {
            findings.push(format!("{path}: {name} is not described in docs/ARCHITECTURE.md"));
        }
    }
    report(findings);
}

/// Calls that make findings, faults and gaps, and which argument is the code. Bare names are helpers that pass a code on.
const MAKERS: &[(&str, usize, &str)] = &[
    ("Finding::error(", 0, "error"),
    ("Finding::warning(", 0, "warning"),
    ("Finding::note(", 0, "note"),
    ("Finding::new(", 1, ""),
    ("Problem::new(", 1, "error"),
    ("Fault::new(", 0, "error"),
    ("Gap::new(", 1, ""),
    (".expected(", 0, "error"),
    (" fault(", 0, ""),
    ("(fault(", 0, ""),
    (" error(", 0, ""),
    ("(error(", 0, ""),
    (" missing(", 0, ""),
    ("(missing(", 0, ""),
];

/// Files that give these calls a code in a variable, and the codes that are written elsewhere in the same file.
const PASSED_ON: &[(&str, &[&str])] = &[
    ("crates/bureau/src/problem.rs", &[]),
    ("crates/formula/src/check.rs", &[]),
    ("crates/formula/src/dialects/mod.rs", &[]),
    ("crates/formula/src/dialects/sheet.rs", &[]),
    ("crates/formula/src/evaluate.rs", &[]),
    ("crates/formula/src/parser.rs", &[]),
    ("crates/survey/src/draft.rs", &[]),
    ("crates/survey/src/mapping.rs", &[]),
    ("src/mapping/change.rs", &[]),
    ("src/mapping/import.rs", &[]),
    ("crates/survey/src/measures/answer.rs", &["measure-without-quantity", "measure-without-amount"]),
    ("crates/model/src/finding.rs", &["disk-full", "file-forbidden", "file-missing", "file-refused"]),
    ("src/cli/log.rs", &["log-broken", "rows-changed"]),
    ("src/touched.rs", &["evidence-changed", "measures-changed"]),
    ("src/config.rs", &["config-missing", "file-refused", "book-doubled", "book-id-unfit"]),
    (
        "src/source.rs",
        &[
            "reader-failed",
            "reader-silent",
            "read-cancelled",
            "driver-missing",
            "source-unreachable",
            "source-credentials",
            "statement-timeout",
            "source-forbidden",
            "table-missing",
            "source-column-missing",
            "query-writes",
            "value-inexact",
            "query-refused",
            "row-too-large",
        ],
    ),
];

/// Files whose calls of the same names carry no code: the reader's faults, which `src/source.rs` gives codes.
const CODELESS: &[&str] = &["crates/reader/"];

/// The program's own sources without their tests.
fn sources() -> Vec<(String, String)> {
    let own = |path: &String| !path.starts_with("xtask/") && !path.split('/').any(|part| part == "tests");
    let text = |path: String| {
        let text = read(&path);
        let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        (path, text[..end].to_owned())
    };
    files(".rs").into_iter().filter(own).map(text).collect()
}

/// What stands at `argument` of each call of `maker` in a text: a literal, or `None` for anything else.
fn arguments<'a>(text: &'a str, maker: &str, argument: usize) -> Vec<Option<&'a str>> {
    text.split(maker)
        .skip(1)
        .filter_map(|rest| rest.splitn(argument + 2, ',').nth(argument))
        .map(|value| value.trim_start().strip_prefix('"').and_then(|value| value.split_once('"')).map(|(literal, _)| literal))
        .collect()
}

/// Codes of the program, each with the levels that its calls say.
fn codes(findings: &mut Vec<String>) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut codes: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for (path, text) in sources() {
        if CODELESS.iter().any(|codeless| path.starts_with(codeless)) {
            continue;
        }
        let listed = PASSED_ON.iter().find(|(file, _)| *file == path);
        let mut passed_on = false;
        for (maker, argument, level) in MAKERS {
            for code in arguments(&text, maker, *argument) {
                match code {
                    Some(code) => drop(codes.entry(code.to_owned()).or_default().insert(level)),
                    // A helper's own definition and calls on the way are no new codes.
                    None => passed_on |= maker.contains("::"),
                }
            }
        }
        match listed {
            None if passed_on => {
                findings.push(format!("{path}: a code stands in a variable; list the file and its codes in PASSED_ON"))
            }
            Some(_) if !passed_on => findings.push(format!("{path}: no code stands in a variable; take it out of PASSED_ON")),
            _ => {}
        }
        for code in listed.iter().flat_map(|(_, codes)| codes.iter()) {
            if !text.contains(&format!("\"{code}\"")) {
                findings.push(format!("{path}: {code} of PASSED_ON is not there"));
            }
            codes.entry((*code).to_owned()).or_default();
        }
    }
    codes
}

/// The catalogue: code → Chinese and English sentence.
fn catalogue() -> BTreeMap<String, (String, String)> {
    let mut catalogue = BTreeMap::new();
    for path in files(".toml").iter().filter(|path| path.starts_with("crates/ui/messages/")) {
        for (code, entry) in toml::from_str::<toml::Table>(&read(path)).unwrap() {
            let sentence = |lang: &str| entry[lang].as_str().unwrap().to_owned();
            catalogue.insert(code, (sentence("zh"), sentence("en")));
        }
    }
    catalogue
}

/// Words and headings: no findings, so they have no pages.
fn is_label(code: &str) -> bool {
    ["label-", "level-", "demo-"].iter().any(|kind| code.starts_with(kind))
}

/// The line of a page that says its levels.
const LEVEL: &str = "级别 Level：";

#[test]
fn every_code_has_its_sentence_and_its_page() {
    let mut findings = Vec::new();
    let (codes, catalogue) = (codes(&mut findings), catalogue());
    assert!(codes.len() > 90, "{} codes were found: the rule would check nothing", codes.len());
    let pages: BTreeSet<String> = files(".md")
        .iter()
        .filter_map(|path| path.strip_prefix("docs/errors/")?.strip_suffix(".md").filter(|name| *name != "README"))
        .map(str::to_owned)
        .collect();
    for (code, levels) in &codes {
        if !catalogue.contains_key(code) {
            findings.push(format!("{code}: no entry in crates/ui/messages"));
        }
        if !pages.contains(code) {
            findings.push(format!("{code}: no page docs/errors/{code}.md"));
            continue;
        }
        let page = read(&format!("docs/errors/{code}.md"));
        let said = page.lines().find_map(|line| line.strip_prefix(LEVEL)).unwrap_or_default();
        for level in levels.iter().filter(|level| !said.contains(**level)) {
            findings.push(format!("docs/errors/{code}.md: the line {LEVEL} does not say {level}"));
        }
        for part in [&format!("# {code}\n"), "## 含义", "## 触发示例", "## 处理办法", "## English"] {
            if !page.contains(part) {
                findings.push(format!("docs/errors/{code}.md: no {part}"));
            }
        }
    }
    for code in catalogue.keys().filter(|code| !is_label(code) && !codes.contains_key(*code)) {
        findings.push(format!("{code}: an entry in crates/ui/messages that nothing uses"));
    }
    for code in pages.iter().filter(|code| !codes.contains_key(*code)) {
        findings.push(format!("docs/errors/{code}.md: nothing uses this code"));
    }
    report(findings);
}

#[test]
fn the_index_of_messages_is_complete() {
    let mut table = String::from("| 代码 Code | 级别 Level | 消息 Message |\n|---|---|---|\n");
    for (code, (zh, en)) in catalogue().iter().filter(|(code, _)| !is_label(code)) {
        let page = fs::read_to_string(root().join(format!("docs/errors/{code}.md"))).unwrap_or_default();
        let level = page.lines().find_map(|line| line.strip_prefix(LEVEL)).unwrap_or_default();
        table.push_str(&format!(
            "| [{code}]({code}.md) | {level} | {}<br>{} |\n",
            zh.replace('|', "\\|"),
            en.replace('|', "\\|")
        ));
    }
    let path = "docs/errors/README.md";
    let text = read(path);
    let head = text.split("| 代码 Code").next().unwrap();
    let whole = format!("{head}{table}");
    if text != whole {
        fs::write(root().join(path), whole).unwrap();
        panic!("{path} did not list every message as it is; it does now: look at the change and commit it");
    }
}

/// Words that results show through variables.
const WORDS: &[(&str, &[&str])] = &[
    ("src/cli/pull.rs", &["new", "same", "changed", "provisional", "closed", "reopened"]),
    ("src/cli/diff.rs", &["renumbered", "changed", "added", "removed"]),
];

#[test]
fn every_column_and_word_of_results_is_translated() {
    let catalogue = catalogue();
    let mut findings = Vec::new();
    let mut all = String::new();
    let programs = ["src/", "crates/bureau/src/", "crates/gate/src/", "crates/ui/src/", "crates/web/src/"];
    for (path, text) in sources().into_iter().filter(|(path, _)| programs.iter().any(|program| path.starts_with(program))) {
        let lists = ["columns: &[", "columns = [", "ctx.lang, &["].into_iter().flat_map(|before| text.split(before).skip(1));
        let mut names: Vec<&str> =
            lists.filter_map(|rest| rest.split_once(']')).flat_map(|(list, _)| list.split('"').skip(1).step_by(2)).collect();
        names.extend(text.split("label(").skip(1).filter_map(|rest| rest.split_once(", \"")).filter_map(|(lang, rest)| {
            (lang.ends_with("lang") && !lang.contains('(')).then(|| rest.split('"').next()).flatten()
        }));
        names.extend(WORDS.iter().filter(|(file, _)| *file == path).flat_map(|(_, words)| words.iter().copied()));
        for name in names.into_iter().filter(|name| !catalogue.contains_key(&format!("label-{}", name.replace('_', "-")))) {
            findings.push(format!("{path}: no entry label-{} in crates/ui/messages/labels.toml", name.replace('_', "-")));
        }
        all.push_str(&text);
    }
    // A word is written out, or put together from the name of its family: `format!("status-{…}")`, or `{value:status}` in a sentence.
    let written = |name: &str| {
        let shown = |family: &str| {
            let sentence = format!(":{family}}}");
            all.contains(&format!("\"{family}-{{")) || catalogue.values().any(|(zh, _)| zh.contains(&sentence))
        };
        let family = name.split_once('-').is_some_and(|(family, _)| shown(family));
        family || [name.to_owned(), name.replace('-', "_")].iter().any(|name| all.contains(&format!("\"{name}\"")))
    };
    for code in catalogue.keys().filter(|code| is_label(code)) {
        if !all.contains(&format!("\"{code}\"")) && !written(code.strip_prefix("label-").unwrap_or(code)) {
            findings.push(format!("{code}: nothing shows it"));
        }
    }
    report(findings);
}
