/*! `taizhang demo`: the whole story on the book of a company, kept by a real ERP, that comes with the program. */

use std::{
    fs,
    io::{Read, Write, stdout},
    path::Path,
};

use clap::Parser;
use model::{Finding, Level, Month};
use store::{Store, Wanted};
use survey::document::Note;

use super::{Args, Ctx};
use crate::{
    audit, build,
    config::Agent,
    delivery, output, package,
    report::{self, Failure},
    sandbox::Sandbox,
    sheet,
};

/// The company's Tryton database, as its ERP wrote it.
const DATABASE: &[u8] = include_bytes!("../../tests/data/tryton/tryton.sqlite.gz");
/// What the company decided about its accounts.
const LAYER: &str = include_str!("../../mappings/examples/tryton-hz.toml");
/// Longest database that is unpacked, in bytes.
const DATABASE_MAX: u64 = 64 << 20;

const AGENT: &str = r#"# 演示配置 Configuration of the demo
[unit]
name = "杭州西溪精密机械有限公司"
code = "91330106MA00000003"
industry = "C3489"
accounting_standard = "cas"

[[book]]
id = "hz"
connector = "tryton"
source.sqlite = "erp/tryton.sqlite"
variables.company = 1
first_period = "2025-01"

[[form]]
code = "B203"
edition = "2025"
book = "hz"
mapping = ["layer-hz.toml"]
head = "陈立"
statistician = "周敏"
preparer = "吴静"
phone = "0571-0000000"

[[person]]
id = "wujing"
name = "吴静"
roles = ["preparer"]

[[person]]
id = "zhoumin"
name = "周敏"
roles = ["statistician", "head"]

[signing]
roots = "roots"

[signing.key.wujing]
certificate = "keys/wujing.crt"
file = "keys/wujing.pem"
password = { file = "keys/password" }

[signing.key.zhoumin]
certificate = "keys/zhoumin.crt"
file = "keys/zhoumin.pem"
password = { file = "keys/password" }

# 演示自带的接收端，只在演示运行时在这里 The receiver inside the demo, there only while the demo runs
[bureau]
url = "https://127.0.0.1:0"
ca = "roots/bureau.pem"
"#;

/// The line of the configuration that the demo writes anew, as its receiver listens where there is room.
const URL: &str = "url = \"https://127.0.0.1:";
/// The day on which the demo's company filed at the national portal.
const FILED: &str = "2026-03-10";

/// What the demo builds, who brings it to the bureau, and the one figure that it explains.
const BOOK: &str = "hz";
const FORM: &str = "B203";
const MONTH: &str = "2026-02";
const PREPARER: &str = "wujing";
const APPROVER: &str = "zhoumin";
const FIGURE: &str = "B203:301";

/// Unpacks the company where it is not yet, and walks from its ERP to the explained figure and on to the receipt.
pub fn run(ctx: &Ctx, folder: &Path) -> Result<Vec<Finding>, Failure> {
    let config = folder.join("agent.toml");
    if !config.exists() {
        unpack(folder)?;
    }
    let path = |name: &str| folder.join(name).display().to_string();
    let mut story = Story { ctx, folder, config: &config, told: Vec::new() };
    story.chapter("pull")?;
    story.step(&["pull", "--book", "hz"])?;
    story.chapter("balances")?;
    story.step(&["balances", "--book", "hz", "--period", "2025-12", "--without-closing"])?;
    story.chapter("build")?;
    story.step(&["build", "--form", FORM, "--period", MONTH])?;
    story.step(&["draft", "show", "--form", FORM, "--period", MONTH])?;
    story.chapter("explain")?;
    story.step(&["explain", FIGURE, "--period", MONTH, "--lines", "3"])?;
    story.chapter("export")?;
    fs::create_dir_all(folder.join("out")).map_err(|error| Failure::source(Finding::io(folder, &error)))?;
    let (draft, ledger) = (path("out/B203-2026-02.xlsx"), path("out/ledger.xlsx"));
    story.step(&["draft", "export", "--form", FORM, "--period", MONTH, "--to", "xlsx", "--out", &draft])?;
    story.step(&["ledger", "export", "--to", "xlsx", "--out", &ledger])?;
    let receipt = story.submit()?;
    story.step(&["log", "verify"])?;
    story.chapter("next")?;
    let agent = config.display();
    let next = [
        format!("taizhang -c {agent} explain B203:213 --period {MONTH}"),
        format!("taizhang -c {agent} mapping coverage"),
        format!("taizhang -c {agent} draft export --period {MONTH} --to json"),
        format!("taizhang -c {agent} log show"),
        "taizhang init --help".to_owned(),
    ];
    output::say(&(next.join("\n") + "\n\n"))?;
    output::say(&format!("{draft}\n{ledger}\n{receipt}\n"))?;
    let count = |level: Level| story.told.iter().filter(|note| note.level == level.name()).count().to_string();
    let counts = [("notes", count(Level::Note)), ("warnings", count(Level::Warning))];
    output::say(&format!("\n{}\n", ui::text(ctx.lang, "demo-done", &counts)))?;
    Ok(Vec::new())
}

/// Commands one after another, each as a person would type it, so that what is seen here can be done again.
struct Story<'a> {
    ctx: &'a Ctx,
    folder: &'a Path,
    config: &'a Path,
    told: Vec<Note>,
}

impl Story<'_> {
    fn chapter(&self, code: &str) -> Result<(), Failure> {
        let folder = self.folder.display().to_string();
        let place = [("folder", folder), ("month", MONTH.to_owned()), ("figure", FIGURE.to_owned())];
        output::say(&format!("\n── {}\n\n", ui::text(self.ctx.lang, &format!("demo-{code}"), &place)))
    }

    fn step(&mut self, args: &[&str]) -> Result<(), Failure> {
        let lang = if self.ctx.lang == ui::Lang::En { "en" } else { "zh" };
        let command = ["-c", &self.config.display().to_string(), "--lang", lang].map(str::to_owned);
        output::say(&format!("$ taizhang -c {} {}\n\n", self.config.display(), args.join(" ")))?;
        let words = std::iter::once("taizhang".to_owned()).chain(command).chain(args.iter().map(|arg| (*arg).to_owned()));
        let parsed = Args::try_parse_from(words)
            .map_err(|error| Failure::config(Finding::error("output-refused").with("reason", error)))?;
        let findings = super::run(parsed)?;
        // What was found stands below the result it is about.
        let _ = stdout().flush();
        // Once is enough: what the build found is found again by whoever shows or exports what it built.
        let fresh: Vec<Finding> = findings.into_iter().filter(|finding| !self.told.contains(&Note::from(finding))).collect();
        report::tell(self.ctx.lang, &fresh);
        for note in fresh.iter().map(Note::from) {
            if !self.told.contains(&note) {
                self.told.push(note);
            }
        }
        Ok(())
    }

    /// The last act: approve, sign, submit, and verify the receipt. What an earlier run has done is not done again.
    fn submit(&mut self) -> Result<String, Failure> {
        let form = ["--form", FORM, "--period", MONTH];
        let agent = Agent::load(self.config)?;
        self.chapter("sandbox")?;
        let sandbox = self.sandbox(&agent)?;
        let agent = Agent::load(self.config)?;
        if !agent.machine().is_file() {
            self.step(&["enroll", "--code", &sandbox.code(None)?])?;
        }
        for person in &agent.people {
            let own = agent.signing.key.get(&person.id);
            if own.is_some_and(|own| !agent.folder().join(&own.certificate).is_file()) {
                self.step(&["enroll", "--code", &sandbox.code(Some(person))?, "--as", &person.id])?;
            }
        }
        self.chapter("sign")?;
        let mut store = Store::open(&agent.state)?;
        let state = |store: &Store| -> Result<String, Failure> {
            Ok(store.current_draft(BOOK, FORM, MONTH)?.map(|version| version.state).unwrap_or_default())
        };
        if let Some(version) = store.current_draft(BOOK, FORM, MONTH)?.filter(|version| version.state == "built") {
            // Nothing is signed before what is odd has been explained.
            for finding in audit::unexplained(&build::read(&version)?) {
                let rule =
                    finding.arguments.iter().find(|(name, _)| *name == "rule").map(|(_, rule)| rule.clone()).unwrap_or_default();
                let text = ui::text(self.ctx.lang, "demo-explained", &[("month", MONTH)]);
                let said = ["--rule", &rule, "--period", MONTH, "--cause", "other", "--text", &text, "--as", PREPARER];
                self.step(&[&["audit", "explain", FORM][..], &said].concat())?;
            }
        }
        if state(&store)? == "built" {
            self.step(&[&["review"][..], &form, &["--as", PREPARER]].concat())?;
        }
        if state(&store)? == "in_review" {
            self.step(&[&["approve"][..], &form, &["--as", APPROVER]].concat())?;
        }
        if state(&store)? == "approved" {
            if delivery::filing(&store, BOOK, FORM, MONTH)?.is_none() {
                let filed = ["--at", FILED, "--reference", "DEMO", "--as", PREPARER];
                self.step(&[&["filing"][..], &form, &filed].concat())?;
            }
            self.step(&[&["sign"][..], &form].concat())?;
            let digest = digest(&agent, &mut store)?;
            for (role, person) in [("preparer", PREPARER), ("statistician", APPROVER), ("head", APPROVER)] {
                let signed =
                    package::kept(&store, Some(&digest), None)?.is_some_and(|kept| kept.roles.iter().any(|own| own == role));
                if !signed {
                    let by = ["--role", role, "--as", person, "--digest", &digest[..crate::signoff::SHOWN]];
                    self.step(&[&["sign"][..], &form, &by].concat())?;
                }
            }
        }
        self.chapter("submit")?;
        self.step(&[&["submit"][..], &form, &["--dry-run"]].concat())?;
        self.step(&[&["submit"][..], &form, &["--as", PREPARER]].concat())?;
        self.chapter("receipt")?;
        drop(sandbox);
        let receipt = receipt(&store)?;
        let roots = self.folder.join("roots").display().to_string();
        self.step(&["verify", &receipt, "--roots", &roots])?;
        Ok(receipt)
    }

    /// Starts the receiver, and writes into the configuration where it is.
    fn sandbox(&self, agent: &Agent) -> Result<Sandbox, Failure> {
        let sandbox = Sandbox::start(&self.folder.join("sandbox"), agent)?;
        let refused = |path: &Path, error: &std::io::Error| Failure::source(Finding::io(path, error));
        let authority = fs::read(&sandbox.authority).map_err(|error| refused(&sandbox.authority, &error))?;
        sheet::save(&self.folder.join("roots/bureau.pem"), &authority)?;
        let text = fs::read_to_string(self.config).map_err(|error| refused(self.config, &error))?;
        let line = |line: &str| if line.starts_with(URL) { format!("url = \"{}\"\n", sandbox.url) } else { format!("{line}\n") };
        sheet::save(self.config, text.lines().map(line).collect::<String>().as_bytes())?;
        output::say(&format!("{}\n\n", sandbox.url))?;
        Ok(sandbox)
    }
}

/// Digest of what is signed.
fn digest(agent: &Agent, store: &mut Store) -> Result<String, Failure> {
    let month: Month = MONTH.parse().map_err(|_| Failure::config(Finding::error("draft-missing").at(MONTH)))?;
    let chosen = package::choose(agent, store, Some(FORM), None, month)?;
    Ok(package::make(agent, store, &chosen, false)?.0.digest().to_string())
}

/// The newest receipt of the demo's form and month.
fn receipt(store: &Store) -> Result<String, Failure> {
    let wanted = Wanted { book: Some(BOOK), form: Some(FORM), period: Some(MONTH), key: None };
    let missing = || Failure::source(Finding::error("package-missing").at(FORM).with("period", MONTH));
    let records = store.records(delivery::RECEIPT, wanted)?;
    let body: serde_json::Value = crate::acts::body(records.last().ok_or_else(missing)?)?;
    let name = body["receipt"].as_str().ok_or_else(missing)?;
    Ok(store.folder().join("receipts").join(format!("{name}.asice")).display().to_string())
}

/// Writes database, layer and, last, the configuration: where that is, the rest is whole.
fn unpack(folder: &Path) -> Result<(), Failure> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Failure::source(Finding::io(&path, &error))
    };
    let erp = folder.join("erp");
    for own in [&erp, &folder.join("keys"), &folder.join("roots")] {
        fs::create_dir_all(own).map_err(refused(own))?;
    }
    let database = erp.join("tryton.sqlite");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(DATABASE).take(DATABASE_MAX).read_to_end(&mut bytes).map_err(refused(&database))?;
    sheet::save(&database, &bytes)?;
    sheet::save(&folder.join("layer-hz.toml"), LAYER.as_bytes())?;
    // The people of the demo are nobody's secret.
    sheet::save(&folder.join("keys/password"), b"demo\n")?;
    sheet::save(&folder.join("agent.toml"), AGENT.as_bytes())
}
