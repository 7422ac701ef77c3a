/*! `taizhang demo`: the whole story on the book of a company, kept by a real ERP, that comes with the program. */

use std::{
    fs,
    io::{Read, Write, stdout},
    path::Path,
};

use clap::Parser;
use model::{Finding, Level};
use survey::document::Note;

use super::{Args, Ctx};
use crate::{
    output,
    report::{self, Failure},
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
"#;

/// The month that the demo builds, and the one figure that it explains.
const MONTH: &str = "2026-02";
const FIGURE: &str = "B203:301";

/// Unpacks the company where it is not yet, and walks from its ERP to the explained figure.
pub fn run(ctx: &Ctx, folder: &Path) -> Result<Vec<Finding>, Failure> {
    let config = folder.join("agent.toml");
    if !config.exists() {
        unpack(folder)?;
    }
    let path = |name: &str| folder.join(name).display().to_string();
    let chapter = |code: &str| {
        let place = [("folder", folder.display().to_string()), ("month", MONTH.to_owned()), ("figure", FIGURE.to_owned())];
        output::say(&format!("\n── {}\n\n", ui::text(ctx.lang, &format!("demo-{code}"), &place)))
    };
    let lang = if ctx.lang == ui::Lang::En { "en" } else { "zh" };
    // Each step is the command that a person would type, so that what is seen here can be done again.
    let mut told: Vec<Note> = Vec::new();
    let mut step = |args: &[&str]| -> Result<(), Failure> {
        let command = ["-c", &config.display().to_string(), "--lang", lang].map(str::to_owned);
        output::say(&format!("$ taizhang -c {} {}\n\n", config.display(), args.join(" ")))?;
        let words = std::iter::once("taizhang".to_owned()).chain(command).chain(args.iter().map(|arg| (*arg).to_owned()));
        let parsed = Args::try_parse_from(words)
            .map_err(|error| Failure::config(Finding::error("output-refused").with("reason", error)))?;
        let findings = super::run(parsed)?;
        // What was found stands below the result it is about.
        let _ = stdout().flush();
        // Once is enough: what the build found is found again by whoever shows or exports what it built.
        let fresh: Vec<Finding> = findings.into_iter().filter(|finding| !told.contains(&Note::from(finding))).collect();
        report::tell(ctx.lang, &fresh);
        for note in fresh.iter().map(Note::from) {
            if !told.contains(&note) {
                told.push(note);
            }
        }
        Ok(())
    };
    chapter("pull")?;
    step(&["pull", "--book", "hz"])?;
    chapter("balances")?;
    step(&["balances", "--book", "hz", "--period", "2025-12", "--without-closing"])?;
    chapter("build")?;
    step(&["build", "--form", "B203", "--period", MONTH])?;
    step(&["draft", "show", "--form", "B203", "--period", MONTH])?;
    chapter("explain")?;
    step(&["explain", FIGURE, "--period", MONTH, "--lines", "3"])?;
    chapter("export")?;
    fs::create_dir_all(folder.join("out")).map_err(|error| Failure::source(report::io(folder, &error)))?;
    let (draft, ledger) = (path("out/B203-2026-02.xlsx"), path("out/ledger.xlsx"));
    step(&["draft", "export", "--form", "B203", "--period", MONTH, "--to", "xlsx", "--out", &draft])?;
    step(&["ledger", "export", "--to", "xlsx", "--out", &ledger])?;
    step(&["log", "verify"])?;
    chapter("next")?;
    let agent = config.display();
    let next = [
        format!("taizhang -c {agent} explain B203:213 --period {MONTH}"),
        format!("taizhang -c {agent} mapping coverage"),
        format!("taizhang -c {agent} draft export --period {MONTH} --to json"),
        format!("taizhang -c {agent} log show"),
        "taizhang init --help".to_owned(),
    ];
    output::say(&(next.join("\n") + "\n\n"))?;
    output::say(&format!("{draft}\n{ledger}\n"))?;
    let count = |level: Level| told.iter().filter(|note| note.level == level.name()).count().to_string();
    let counts = [("notes", count(Level::Note)), ("warnings", count(Level::Warning))];
    output::say(&format!("\n{}\n", ui::text(ctx.lang, "demo-done", &counts)))?;
    Ok(Vec::new())
}

/// Writes database, layer and, last, the configuration: where that is, the rest is whole.
fn unpack(folder: &Path) -> Result<(), Failure> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Failure::source(report::io(&path, &error))
    };
    let erp = folder.join("erp");
    fs::create_dir_all(&erp).map_err(refused(&erp))?;
    let database = erp.join("tryton.sqlite");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(DATABASE).take(DATABASE_MAX).read_to_end(&mut bytes).map_err(refused(&database))?;
    sheet::save(&database, &bytes)?;
    sheet::save(&folder.join("layer-hz.toml"), LAYER.as_bytes())?;
    sheet::save(&folder.join("agent.toml"), AGENT.as_bytes())
}
