//! The pages under `docs/errors/` show what the program really says: their cases are run, their commands in a shell.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use crate::Site;

/// What stands around a `# layer.toml` of a page.
const AGENT: &str = r#"
[[book]]
id = "demo"
connector = "generic-sql"
source.sqlite = "erp.sqlite"

[book.extract]
accounts.query = """
SELECT '1001' AS account, '库存现金' AS name, 'asset' AS class UNION ALL SELECT '1122', '应收账款', 'asset'
UNION ALL SELECT '2203', '预收账款', 'liability' UNION ALL SELECT '6001', '主营业务收入', 'profit_and_loss'"""
entries.query = """
SELECT '2025-01' AS month, '0' AS adjustment, 'V1' AS voucher, '1001' AS account, '8' AS debit, '8' AS credit"""

[[form]]
code = "B203"
mapping = ["layer.toml"]
"#;

/// Fenced blocks of a kind, without their fences.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("\n```{kind}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| block).collect()
}

/// Runs the commands of a console block one after the other; what is not said as the page says it.
fn differences(site: &Site, console: &str) -> Vec<String> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in console.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command, Vec::new())),
            (None, Some((_, expected))) => expected.push(line),
            (None, None) => panic!("no command before: {line}"),
        }
    }
    let program = Path::new(env!("CARGO_BIN_EXE_taizhang")).parent().unwrap();
    let path = format!("{}:{}", program.display(), env::var("PATH").unwrap());
    let mut missing = Vec::new();
    for (command, expected) in steps {
        let out = Command::new("sh").args(["-c", command]).current_dir(site.folder.path()).env("PATH", &path).output().unwrap();
        let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        for line in expected.into_iter().filter(|line| !said.lines().any(|said| said == *line)) {
            missing.push(format!("$ {command}\nexpected: {line}\nsaid: {said}"));
        }
    }
    missing
}

#[test]
fn cases_of_the_pages_are_answered_as_the_pages_say() {
    let pages = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors")).unwrap();
    let pages: BTreeMap<String, String> = pages
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    let (mut missing, mut cases) = (Vec::new(), 0);
    for (code, page) in pages {
        let Some(console) = blocks(&page, "console").first().copied() else { continue };
        assert!(console.contains(&format!("[{code}]")), "the case of {code} does not show it");
        let tomls = blocks(&page, "toml");
        let file = |name: &str| tomls.iter().find(|text| text.starts_with(&format!("# {name}\n"))).copied();
        if tomls.iter().any(|text| text.contains('…')) {
            continue;
        }
        let site = match (file("agent.toml"), file("layer.toml")) {
            (Some(agent), layer) => {
                let site = Site::new(agent);
                if let Some(layer) = layer {
                    fs::write(site.path("layer.toml"), layer).unwrap();
                }
                site
            }
            (None, Some(layer)) => {
                let site = Site::new(AGENT);
                fs::write(site.path("layer.toml"), layer).unwrap();
                site
            }
            (None, None) => Site::new(""),
        };
        fs::write(site.path("erp.sqlite"), "").unwrap();
        missing.extend(differences(&site, console).into_iter().map(|text| format!("{code}: {text}")));
        cases += 1;
    }
    assert!(missing.is_empty(), "{}", missing.join("\n\n"));
    assert!(cases > 50, "{cases} cases were run");
}
