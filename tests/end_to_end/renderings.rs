//! Renderings of a draft, read back by programs that nobody here wrote.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;

use crate::{Site, peers};

const CONFIG: &str = r#"
[unit]
name = "杭州<西溪>精密机械有限公司"
code = "91350100M000100Y43"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "tryton.sqlite"
variables.company = 1

[[form]]
code = "B203"
preparer = "<script>alert(1)</script>"

[[person]]
id = "wu"
name = "吴静"
roles = ["preparer"]
"#;

/// Two libraries for SDMX, of which neither knows the other.
const SDMX: [&str; 2] = ["pysdmx[xml,data]==1.21.0", "sdmx1==2.28.0"];

const ADJUST: [&str; 10] =
    ["ledger", "adjust", "B203:301", "--period", "2025-06", "--amount", "-3", "--as", "wu", "--reason=补记未开票收入"];

fn export(site: &Site, to: &str, out: &str) -> String {
    site.ok(&["draft", "export", "--form", "B203", "--period", "2025-06", "--to", to, "--out", out])
}

#[test]
fn two_libraries_read_the_figures_of_the_draft() {
    let site = Site::tryton(CONFIG);
    site.ok(&["build", "--period", "2025-06"]);
    site.ok(&ADJUST);
    assert_eq!(export(&site, "sdmx", "b.csv"), "b.sdmx.csv\nb.sdmx.xml\nb.dsd.xml\n");
    export(&site, "json", "b.json");
    let draft: Value = serde_json::from_slice(&fs::read(site.path("b.json")).unwrap()).unwrap();
    let expected = figures(&draft);
    assert!(expected.values().any(|value| value[0].is_null()));
    libraries_read(&site, ["b.sdmx.csv", "b.sdmx.xml", "b.dsd.xml"], &expected);
}

/// What a package carries is the same figures, in files that both libraries read as they are.
#[test]
fn two_libraries_read_the_figures_of_a_package() {
    let site =
        crate::packages::site(&crate::packages::CONFIG.replace("code = \"B203\"", "code = \"B203\"\nchannel = \"official\""));
    site.ok(&ADJUST);
    crate::packages::approve(&site);
    let digest = crate::packages::shown(&site);
    crate::packages::sign(&site, "preparer", "wu", &digest, &[]);
    peers::run(Command::new("sh").current_dir(site.folder.path()).args(["-c", "unzip -q taizhang-state/packages/*.asice"]));
    let report: Value = serde_json::from_slice(&fs::read(site.path("report.json")).unwrap()).unwrap();
    let expected = figures(&report["forms"][0]);
    libraries_read(&site, ["report.sdmx.csv", "report.sdmx.xml", "report.dsd.xml"], &expected);
}

/// What a document of a form says: by the key of an observation, the reported value and its status.
fn figures(draft: &Value) -> BTreeMap<String, Value> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut expected: BTreeMap<String, Value> = BTreeMap::new();
    for cell in draft["cells"].as_array().unwrap() {
        for (name, column) in cell["columns"].as_object().unwrap() {
            let key = ["B203", "2025", "91350100M000100Y43", &text(&cell["id"]), name, "2025-06"].join("|");
            // What is reported, where a person adjusted it.
            let adjusted = cell["id"] == "301" && name == "cumulative";
            let value = if adjusted { &cell["adjustment"]["reported"] } else { &column["value"] };
            expected.insert(key, serde_json::json!([value, column["status"]]));
        }
    }
    assert!(expected.len() > 60 && draft["form"] == "B203");
    expected
}

fn libraries_read(site: &Site, files: [&str; 3], expected: &BTreeMap<String, Value>) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/read_sdmx.py");
    let said = peers::run(Command::new(peers::python(&SDMX)).current_dir(site.folder.path()).arg(script).args(files));
    let said: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(&said).unwrap();
    assert_eq!(said.len(), 4);
    for (reader, rows) in said {
        assert_eq!(rows, *expected, "{reader}");
    }
}

#[test]
fn a_page_is_whole_by_itself_and_runs_nothing() {
    let site = Site::tryton(CONFIG);
    site.ok(&["build", "--period", "2025-06"]);
    export(&site, "html", "b.html");
    let page = fs::read_to_string(site.path("b.html")).unwrap();
    assert!(page.contains("杭州&lt;西溪&gt;精密机械有限公司") && !page.contains("<script"), "texts are escaped");
    assert!(!page.contains("src=") && !page.contains("url(") && !page.contains("<link"), "nothing is loaded");
    // Python's own parser finds a cell for every figure, and the digest that approve asks for.
    let script = "import sys, html.parser\n\
        class Page(html.parser.HTMLParser):\n    cells = 0\n    def handle_starttag(self, tag, attrs):\n        self.cells += tag == 'td'\n\
        page = Page(); page.feed(open(sys.argv[1], encoding='utf-8').read()); print(page.cells)";
    let cells = peers::run(Command::new("python3").args(["-c", script]).arg(site.path("b.html")));
    assert!(cells.trim().parse::<usize>().unwrap() > 200, "{cells}");
    let operations: Value = serde_json::from_str(&site.ok(&["log", "show", "--format", "json"])).unwrap();
    let detail: Value = serde_json::from_str(operations.as_array().unwrap().last().unwrap()["detail"].as_str().unwrap()).unwrap();
    assert!(page.contains(detail["drafts"][0]["draft"].as_str().unwrap()));
}

#[test]
fn a_pdf_is_read_by_poppler_and_the_same_bytes_again() {
    let site = Site::tryton(CONFIG);
    site.ok(&["build", "--period", "2025-06"]);
    export(&site, "pdf", "b.pdf");
    export(&site, "pdf", "again.pdf");
    let bytes = fs::read(site.path("b.pdf")).unwrap();
    assert_eq!(bytes, fs::read(site.path("again.pdf")).unwrap());
    assert!(bytes.len() < 400_000, "{} bytes: the font is not subset", bytes.len());
    let text = peers::run(Command::new("pdftotext").args(["-layout", "b.pdf", "-"]).current_dir(site.folder.path()));
    for word in ["杭州<西溪>精密机械有限公司", "Operating revenue", "91350100M000100Y43"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    // Without a font there is no PDF, and the way to one is told.
    let mut command = Command::new(env!("CARGO_BIN_EXE_taizhang"));
    command.current_dir(site.folder.path()).env("TAIZHANG_FONT", "nowhere.ttf");
    let out = command.args(["draft", "export", "--form", "B203", "--period", "2025-06", "--to", "pdf"]).output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(2) && told.contains("font-missing") && told.contains("fonts-wqy-microhei"), "{told}");
}
