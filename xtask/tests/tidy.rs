/*! The repository checks itself: each rule of the house that a program can see is a test here. */
#![allow(clippy::unwrap_used, reason = "a test that cannot read the tree must fail")]

use std::{
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
    for path in files(".rs").iter().filter(|path| path.starts_with("crates/")) {
        for (at, line) in read(path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.split(|c: char| !c.is_alphanumeric()).any(|word| word == "f32" || word == "f64") {
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

/// Crate → the workspace crates it may depend on. `docs/ARCHITECTURE.md` draws the same arrows.
const ARROWS: &[(&str, &[&str])] = &[
    ("taizhang-model", &[]),
    ("taizhang-ui", &[]),
    ("taizhang-reader", &[]),
    ("taizhang-settings", &["taizhang-model"]),
    ("taizhang-formula", &["taizhang-model"]),
    ("taizhang-connector", &["taizhang-model", "taizhang-reader", "taizhang-settings"]),
    ("taizhang-journal", &["taizhang-model", "taizhang-formula"]),
    ("taizhang-survey", &["taizhang-model", "taizhang-formula", "taizhang-settings"]),
    ("taizhang-store", &["taizhang-model"]),
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
