//! A year put away as one file: whole, checked by other tools, the same bytes for the same state.

use std::{fs, process::Command};

use serde_json::Value;

use crate::Site;

const CONFIG: &str = r#"
[unit]
code = "91330106MA2XK8QM3J"
name = "杭州西溪精密机械有限公司"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables = { company = 1, sales = true }

[[form]]
code = "B203"
mapping = ["own.toml"]

[[form]]
code = "B204-1"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer", "statistician"]

[[person]]
id = "zhoumin"
name = "周敏"
roles = ["statistician"]
"#;

/// Reads the archive with Python's zipfile alone: unpacks it, follows its manifest and the chain of its log, tells what it found.
const CHECK: &str = r#"
import hashlib, io, json, sys, zipfile

packed = zipfile.ZipFile(sys.argv[1])
assert packed.testzip() is None
names = packed.namelist()
assert names == sorted(names, key=lambda name: name.encode()), names
assert {info.date_time for info in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
packed.extractall(sys.argv[2])
manifest = json.loads(packed.read("manifest.json"))
told = {file["name"]: file for file in manifest["files"]}
assert set(names) == set(told) | {"manifest.json", "manifest.sha256"}
for name, file in told.items():
    data = packed.read(name)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"]), name
for name in names:
    if name.startswith(("content/mapping/", "content/contexts/", "content/evidence/")):
        assert hashlib.sha256(packed.read(name)).hexdigest() in name, name
log = json.loads(packed.read("content/log.json"))
before = manifest["log"]["previous"]
for at, entry in enumerate(log):
    digest = hashlib.sha256()
    for name in ("seq", "at", "who", "what", "detail", "previous"):
        field = str(entry[name]).encode()
        digest.update(len(field).to_bytes(8, "big") + field)
    assert entry["hash"] == digest.hexdigest() and entry["previous"] == before and entry["seq"] == log[0]["seq"] + at
    before = entry["hash"]
assert before == manifest["log"]["last"]
readme = packed.read("README.md").decode()
program = readme.split("```python\n")[1].split("```")[0]
open(sys.argv[2] + "/check.py", "w").write(program)
print(json.dumps(names))
"#;

fn python(site: &Site, script: &str, args: &[&str]) -> String {
    let out = Command::new("python3").current_dir(site.folder.path()).args(["-c", script]).args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn told(out: &std::process::Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn a_year_is_put_away_and_read_without_this_program() {
    let site = Site::tryton(CONFIG);
    let layer = |note: &str| format!("# {note}\ntitle = \"本单位\"\n");
    fs::write(site.path("own.toml"), layer("as it was in May")).unwrap();
    site.refused(&["ledger", "archive", "--year", "2025", "--out", "y.zip"], 2, &["person-missing"]);
    site.refused(&["ledger", "archive", "--year", "2025", "--out", "y.zip", "--as", "wu"], 1, &["archive-empty"]);
    assert!(!site.path("y.zip").exists());
    site.ok(&["build", "--period", "2025-05"]);
    // The layer of May is edited before June is built: both texts must be there later.
    fs::write(site.path("own.toml"), layer("as it was in June")).unwrap();
    site.ok(&["build", "--form", "B203", "--period", "2025-06"]);
    fs::write(site.path("合同.TXT"), "合同").unwrap();
    let adjust = ["ledger", "adjust", "B203:301", "--period", "2025-06", "--amount", "-3", "--reason", "补记未开票收入"];
    site.ok(&[&adjust[..], &["--evidence", "合同.TXT", "--as", "wu"]].concat());
    fs::write(site.path("花名册.pdf"), "names").unwrap();
    let enter = ["measure", "enter", "--kind", "headcount", "--item", "生产人员", "--period", "2025-06", "--basis", "level"];
    let rest = ["--date", "2025-06-01", "--quantity", "40", "--evidence", "花名册.pdf", "--as", "wu"];
    site.ok(&[&enter[..], &rest].concat());
    site.ok(&["ledger", "event", "--period", "2025-06", "--kind", "capacity", "--text", "二号生产线投产", "--as", "wu"]);
    site.ok(&["ledger", "event", "--period", "2024-06", "--kind", "capacity", "--text", "一号生产线投产", "--as", "wu"]);
    site.ok(&["ledger", "handover", "--to", "zhoumin", "--note", "移交六月台账与凭证", "--as", "wu"]);
    site.ok(&["ledger", "lock", "--period", "2025-06", "--as", "zhoumin"]);
    let archive = |file: &str| {
        let out = site.run(&["ledger", "archive", "--year", "2025", "--out", file, "--as", "wu", "--format", "csv"]);
        (told(&out), crate::csv(&String::from_utf8(out.stdout).unwrap()).remove(0))
    };
    let (message, row) = archive("2025.zip");
    // What the year lacks is told, and holds nothing up.
    for said in ["archive-month-open", "2025-05", "archive-draft-waiting", "B203 2025-06", "archive-form-unbuilt", "B203 2025-12"]
    {
        assert!(message.contains(said), "{said}: {message}");
    }
    assert!(!message.contains("archive-text-missing"), "{message}");
    // Its digest is what another tool gives, and the log says who packed it.
    let sum = Command::new("sha256sum").arg(site.path("2025.zip")).output().unwrap();
    let digest = String::from_utf8(sum.stdout).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(row["sha256"], digest);
    let log = crate::csv(&site.ok(&["log", "show", "--format", "csv"]));
    let last = log.last().unwrap();
    assert_eq!((last["what"].as_str(), last["who"].as_str()), ("archive", "wu"));
    assert!(last["detail"].contains(&digest));
    // The same state gives the same bytes, whoever packs it, in whatever language, and whatever was packed before.
    for (file, lang) in [("again.zip", "en"), ("noch.zip", "zh")] {
        let words = ["ledger", "archive", "--year", "2025", "--out", file, "--as", "zhoumin", "--lang", lang];
        let out = Command::new(env!("CARGO_BIN_EXE_taizhang")).current_dir(site.folder.path()).args(words).output().unwrap();
        told(&out);
        assert!(fs::read(site.path("2025.zip")).unwrap() == fs::read(site.path(file)).unwrap(), "{file}");
    }
    // Other tools read it: Python's zipfile, sha256sum, and the program that its own README has.
    let names: Vec<String> = serde_json::from_str(&python(&site, CHECK, &["2025.zip", "unpacked"])).unwrap();
    let unpacked = site.path("unpacked");
    let run = |program: &str, args: &[&str]| {
        let out = Command::new(program).current_dir(&unpacked).args(args).output().unwrap();
        assert!(
            out.status.success(),
            "{program}: {}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    assert_eq!(run("sha256sum", &["--strict", "-c", "manifest.sha256"]).lines().count(), names.len() - 1);
    assert_eq!(run("python3", &["check.py"]), "OK\n");
    let read = |name: &str| fs::read_to_string(unpacked.join(name)).unwrap();
    let json = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
    // Every version of a figure, and the text that the formula of each was in.
    let ledger = crate::csv(&read("content/books/hz/ledger.csv"));
    let versions: Vec<_> =
        ledger.iter().filter(|row| (row["code"].as_str(), row["period"].as_str()) == ("301", "2025-06")).collect();
    assert_eq!(versions.iter().map(|row| row["version"].as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((versions[0]["adjustment"].as_str(), versions[1]["adjustment"].as_str()), ("", "-3"));
    let whole = json("content/books/hz/ledger.json");
    assert_eq!(whole.as_array().unwrap().len(), ledger.len());
    assert!(whole[0]["body"].is_object() && whole[0]["who"].as_str().is_some_and(|who| !who.is_empty()));
    let texts: Vec<String> = names
        .iter()
        .filter(|name| name.starts_with("content/mapping/"))
        .map(|name| read(name).lines().next().unwrap_or_default().to_owned())
        .collect();
    assert!(
        ["# as it was in May", "# as it was in June"].iter().all(|first| texts.iter().any(|text| text == first)),
        "{texts:?}"
    );
    // A draft is the bytes whose digest people are shown.
    let drafts = crate::csv(&read("content/books/hz/drafts.csv"));
    let june: Vec<_> = drafts.iter().filter(|row| row["period"] == "2025-06").collect();
    assert_eq!(
        june.iter().map(|row| (row["version"].as_str(), row["state"].as_str())).collect::<Vec<_>>(),
        [("1", "built"), ("2", "built")]
    );
    let shown: Value =
        serde_json::from_str(&site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "json"])).unwrap();
    assert_eq!(json(&june[1]["file"])["cells"], shown["cells"]);
    assert!(names.iter().any(|name| name == "content/books/hz/drafts/2025-05/B204-1.xlsx"));
    // Papers, records, seals.
    for (file, text) in [("合同.TXT", "合同"), ("花名册.pdf", "names")] {
        let sum = Command::new("sha256sum").arg(site.path(file)).output().unwrap();
        let digest = String::from_utf8(sum.stdout).unwrap().split_whitespace().next().unwrap().to_owned();
        let extension = file.rsplit_once('.').unwrap().1.to_lowercase();
        assert_eq!(read(&format!("content/evidence/{digest}.{extension}")), text);
    }
    let events = json("content/records/event.json");
    assert_eq!(events.as_array().unwrap().iter().map(|event| &event["body"]["text"]).collect::<Vec<_>>(), ["二号生产线投产"]);
    assert_eq!(json("content/records/handover.json")[0]["body"]["to"], "zhoumin");
    assert_eq!(json("content/records/lock.json")[0]["body"]["locked"], true);
    assert_eq!(json("content/records/measure.json")[0]["body"]["quantity"], "40");
    let seals = crate::csv(&read("content/books/hz/seals.csv"));
    let shown = crate::csv(&site.ok(&["balances", "--period", "2025-06", "--format", "csv"]));
    let sum = |rows: &crate::Rows, name: &str| {
        rows.iter().fold(model::Amount::ZERO, |sum, row| sum.checked_add(row[name].parse().unwrap()).unwrap())
    };
    let june = seals.iter().find(|row| row["book"] == "hz" && row["period"] == "2025-06").unwrap();
    assert_eq!(sum(&shown, "debit"), june["debit"].parse().unwrap());
    assert!(seals.iter().any(|row| row["book"] == "hz+measures"));
    // What happens to another year leaves it as it is; what happens to this one does not.
    site.ok(&["build", "--form", "B203", "--period", "2024-12"]);
    archive("other.zip");
    assert!(fs::read(site.path("2025.zip")).unwrap() == fs::read(site.path("other.zip")).unwrap());
    site.ok(&["ledger", "lock", "--period", "2025-05", "--as", "zhoumin"]);
    let (message, _) = archive("locked.zip");
    assert!(message.contains("2025-04, 2025-07"), "{message}");
    assert!(fs::read(site.path("2025.zip")).unwrap() != fs::read(site.path("locked.zip")).unwrap());
    assert!(site.ok(&["log", "verify"]).is_empty());
    // Evidence that is lost or was touched stops it: an archive that lacks it would not say so in twenty years.
    let evidence = fs::read_dir(site.path("taizhang-state/evidence")).unwrap().next().unwrap().unwrap().path();
    fs::write(&evidence, "other").unwrap();
    site.refused(&["ledger", "archive", "--year", "2025", "--out", "broken.zip", "--as", "wu"], 3, &["file-damaged"]);
    assert!(!site.path("broken.zip").exists());
}
