/*! `taizhang form`: edition packs listed, shown, checked and installed. */

use std::{fs, path::PathBuf};

use clap::Subcommand;
use model::Finding;
use serde_json::Value;

use super::Ctx;
use crate::{
    config::Agent,
    delivery::{client::Client, machine::Machine, published},
    knowledge::{self, Incoming, Pack},
    output::{self, Format, Table, label},
    report::{self, Failure},
};

/// What to do with packs of forms.
#[derive(Subcommand)]
pub enum What {
    /// 所有报表 Every form there is: built in, and in the folder of the configuration
    List {
        /// 专业字母 Letter of a trade (专业): B, C, E, S, X, F, U
        #[arg(long)]
        trade: Option<String>,
        /// 统计局发布的报表包和时间表，哪些比这里的新 What the bureau published, and which of it is newer than what is here
        #[arg(long, conflicts_with = "trade")]
        from_bureau: bool,
    },
    /// 一张报表的指标和审核关系 Rows and audit rules of a form
    Show {
        /// 表号 Form code
        form: String,
        /// 制度年份，默认最新 Edition; the newest where absent
        #[arg(long)]
        edition: Option<String>,
    },
    /// 检查报表包 Everything that is wrong with packs, each in its place
    Check {
        /// 文件 Files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// 安装更新的报表包 Put a newer pack into the folder of the configuration; older and broken ones are refused
    Install {
        /// 文件；加 --from-bureau 时是表号，不给则全部更新的，时间表写 calendar File; with --from-bureau form codes, or all that is newer where absent
        #[arg(required_unless_present = "from_bureau")]
        what: Vec<String>,
        /// 装统计局发布并签名的 What the bureau published and signed
        #[arg(long)]
        from_bureau: bool,
    },
}

/// Most names of changed entries that a person is shown of each kind.
const SHOWN: usize = 6;

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::List { from_bureau: true, .. } => offered(ctx, &[], true, false),
        What::List { trade, .. } => list(ctx, trade.as_deref()),
        What::Show { form, edition } => show(ctx, form, edition.as_deref()),
        What::Check { files } => check(ctx, files),
        What::Install { what, from_bureau: true } => offered(ctx, what, false, true),
        What::Install { what, .. } => {
            let mut findings = Vec::new();
            for file in what {
                findings.extend(install(ctx, &PathBuf::from(file))?);
            }
            Ok(findings)
        }
    }
}

/// The configuration, where there is one: packs can be looked at before.
fn agent(ctx: &Ctx) -> Result<Option<Agent>, Failure> {
    if ctx.config.exists() { ctx.agent().map(Some) } else { Ok(None) }
}

fn list(ctx: &Ctx, trade: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let agent = agent(ctx)?;
    let (packs, findings) = knowledge::all(agent.as_ref());
    let wanted = |pack: &&Pack| trade.is_none_or(|letter| pack.form.trade.as_deref().is_none_or(|own| own == letter));
    let rows = packs.values().filter(wanted).map(|Pack { origin, form, .. }| {
        let word = |name: &str, shown: &str| if ctx.people() { label(ctx.lang, shown) } else { name.to_owned() };
        let (frequency, origin) = (form.frequency.name(), origin.name());
        let formulas = form.rows.iter().filter(|row| row.formula.is_some()).count();
        vec![
            form.form.clone(),
            form.edition.clone(),
            form.revision.to_string(),
            form.trade.clone().unwrap_or_default(),
            form.region.clone().unwrap_or_default(),
            form.name.clone(),
            word(frequency, &format!("frequency-{frequency}")),
            form.rows.len().to_string(),
            formulas.to_string(),
            form.rules.len().to_string(),
            word(origin, &format!("origin-{origin}")),
        ]
    });
    let columns =
        ["form", "edition", "revision", "trade", "region", "name", "frequency", "indicators", "formulas", "rules", "origin"];
    let numbers = ["revision", "indicators", "formulas", "rules"];
    Table { columns: &columns, numbers: &numbers, rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(findings)
}

fn show(ctx: &Ctx, code: &str, edition: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let agent = agent(ctx)?;
    let (packs, findings) = knowledge::all(agent.as_ref());
    let found = packs.iter().rev().find(|((known, form), _)| form == code && edition.is_none_or(|edition| edition == known));
    let Some((_, pack)) = found else {
        let near = settings::nearest(code, packs.keys().map(|(_, form)| form.as_str())).unwrap_or("—");
        let finding = Finding::error("form-unknown").with("form", code).with("edition", edition.unwrap_or("—"));
        return Err(Failure::config(finding.with("near", near)));
    };
    let form = &pack.form;
    if ctx.format == Format::Json {
        let lost = |error: &dyn std::fmt::Display| Failure::source(Finding::error("output-refused").with("reason", error));
        let table: toml::Table = toml::from_str(&pack.text).map_err(|error| lost(&error))?;
        let value: Value = serde_json::to_value(table).map_err(|error| lost(&error))?;
        output::json(&value)?;
        return Ok(findings);
    }
    if ctx.people() {
        let label = |name: &str| label(ctx.lang, name);
        let printed = form.columns.iter().map(|column| label(output::at_end(column.name()))).collect::<Vec<_>>().join("、");
        let facts = [
            ("scope", form.scope.clone()),
            ("deadline", form.deadline.clone()),
            ("money-unit", form.unit.clone()),
            ("columns", printed),
            ("basis", form.basis.clone()),
        ];
        let mut head = format!("{}  {}  {} r{}\n", form.form, form.name, form.edition, form.revision);
        for (name, value) in facts {
            head += &format!("{}：{value}\n", label(name));
        }
        for other in &form.known_as {
            head += &format!("{}：{} {}\n", label("known-as"), other.form, other.name);
        }
        for other in &form.replaced_by {
            let years = other.years.iter().map(ToString::to_string).collect::<Vec<_>>().join("、");
            head += &format!("{}：{} ({years})\n", label("replaced-by"), other.form);
        }
        for change in &form.changes {
            head += &format!("{} {}：{}\n", label("change-of-meaning"), change.since, change.text);
        }
        output::say(&(head + "\n"))?;
    }
    let rows = form.rows.iter().map(|row| {
        let source = row.formula.as_ref().map(|formula| formula.get_ref().clone()).or(row.fill.clone()).or(row.source.clone());
        vec![
            row.key().to_owned(),
            row.name.clone(),
            row.unit.clone().unwrap_or_else(|| form.unit.clone()),
            row.kind.name().to_owned(),
            source.unwrap_or_default(),
            row.status.clone(),
            row.note.clone().unwrap_or_default(),
        ]
    });
    let columns = ["code", "name", "unit", "kind", "source", "fact", "note"];
    Table { columns: &columns, numbers: &[], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    if ctx.people() {
        output::say("\n")?;
        let formulas = form.rules.iter().map(|rule| {
            let cells = [&rule.id, rule.severity.name(), rule.level.name(), rule.expr.get_ref(), &rule.text, &rule.status];
            cells.map(str::to_owned).to_vec()
        });
        let others = form.unformulated.iter().map(|rule| {
            let reason = format!("— {}", rule.reason);
            let cells = [&rule.id, rule.severity.name(), rule.level.name(), &reason, &rule.text, &rule.status];
            cells.map(str::to_owned).to_vec()
        });
        let columns = ["rule", "severity", "level_of_rule", "formula", "sentence", "fact"];
        Table { columns: &columns, numbers: &[], rows: formulas.chain(others).collect() }.write(ctx.format, ctx.lang)?;
    }
    Ok(findings)
}

fn read(file: &PathBuf) -> Result<(String, String), Failure> {
    let text = fs::read_to_string(file).map_err(|error| Failure::config(Finding::io(file, &error)))?;
    Ok((file.display().to_string(), text))
}

fn check(ctx: &Ctx, files: &[PathBuf]) -> Result<Vec<Finding>, Failure> {
    let agent = agent(ctx)?;
    let texts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let (forms, findings) = knowledge::examine(agent.as_ref(), &texts);
    let rows = texts.iter().zip(&forms).map(|((name, _), form)| {
        let broken =
            findings.iter().any(|finding| finding.place.starts_with(name.as_str()) && finding.level == model::Level::Error);
        let word = if broken { "broken" } else { "in_order" };
        let count = |count: Option<usize>| count.map_or_else(String::new, |count| count.to_string());
        let form = form.as_ref();
        vec![
            name.clone(),
            form.map_or_else(String::new, |form| form.form.clone()),
            form.map_or_else(String::new, |form| form.edition.clone()),
            form.map_or_else(String::new, |form| form.revision.to_string()),
            count(form.map(|form| form.rows.len())),
            count(form.map(|form| form.rules.len())),
            count(form.map(|form| form.unformulated.len())),
            if ctx.people() { label(ctx.lang, word) } else { word.to_owned() },
        ]
    });
    let columns = ["file", "form", "edition", "revision", "indicators", "rules", "unformulated", "result"];
    let numbers = ["revision", "indicators", "rules", "unformulated"];
    Table { columns: &columns, numbers: &numbers, rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    if report::blocked(&findings) { Err(Failure::findings(findings)) } else { Ok(findings) }
}

fn install(ctx: &Ctx, file: &PathBuf) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let who = ctx.who(&agent)?;
    let (name, text) = read(file)?;
    let incoming = Incoming { name, text, from: Value::Null };
    let (which, installed, mut findings) = knowledge::install(&agent, &mut store, &who, &incoming, &[])?;
    findings.push(published::told(&incoming.name, &which, installed));
    Ok(findings)
}

/// What the bureau published that is not here yet, or all of it.
fn offered(ctx: &Ctx, forms: &[String], all: bool, install: bool) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let who = ctx.who(&agent)?;
    let client = Client::new(&agent, Some(&Machine::read(&agent)?))?;
    let offers = published::offers(&agent, &client, forms)?;
    if let Some(form) = forms.iter().find(|form| !offers.iter().any(|offer| offer.is(form))) {
        let known = offers.iter().map(|offer| offer.which.title());
        let near = settings::nearest(form, known).unwrap_or("—").to_owned();
        return Err(Failure::config(Finding::error("pack-not-offered").with("form", form).with("near", near)));
    }
    let named = |offer: &published::Offer| forms.iter().any(|form| offer.is(form));
    let wanted = |offer: &&published::Offer| all || named(offer) || forms.is_empty() && offer.standing.is_news();
    let shown: Vec<&published::Offer> = offers.iter().filter(wanted).collect();
    let rows = shown.iter().map(|offer| row(ctx, offer)).collect();
    let columns = ["kind", "form", "edition", "revision", "present", "offer", "changes", "signed_by", "signed_at", "sha256"];
    Table { columns: &columns, numbers: &["revision", "present"], rows }.write(ctx.format, ctx.lang)?;
    let mut failed = Failure { exit: 0, findings: Vec::new() };
    for offer in &shown {
        failed.findings.extend(offer.findings.clone());
    }
    if shown.is_empty() {
        failed.findings.push(Finding::note("packs-all-present").at(client.url()));
    }
    if install {
        let (exit, findings) = published::install(&agent, &mut store, &who, &shown, !forms.is_empty());
        failed.exit = exit;
        failed.findings.extend(findings);
        // What `status` tells is what is still to be done.
        published::note(&store, &published::remaining(&agent, &offers));
    }
    if report::blocked(&failed.findings) {
        return Err(Failure { exit: failed.exit.max(1), ..failed });
    }
    Ok(failed.findings)
}

fn row(ctx: &Ctx, offer: &published::Offer) -> Vec<String> {
    let word = |name: &str, shown: String| if ctx.people() { label(ctx.lang, &shown) } else { name.to_owned() };
    let which = &offer.which;
    let (kind, standing) = (which.kind.name(), offer.standing.name());
    let (by, at) = offer.signed.as_ref().map_or_else(Default::default, |(by, at)| (by.clone(), ctx.time(&at.to_string())));
    vec![
        word(kind, format!("pack-{kind}")),
        which.form.clone(),
        which.edition.clone(),
        which.revision.to_string(),
        offer.present.map_or_else(String::new, |revision| revision.to_string()),
        word(standing, format!("offer-{standing}")),
        offer.changes(ctx.people().then_some(SHOWN)),
        by,
        at,
        ctx.short(&offer.sha256),
    ]
}
