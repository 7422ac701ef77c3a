/*! `taizhang audit`: rules of the forms on a month's figures, explanations of what they query, and quality screens. */

use clap::{Args, Subcommand};
use model::{Finding, Level, Month};
use serde_json::Value;
use survey::audit::{self as rules, Claim, Outcome, Verdict};

use super::{Ctx, quality};
use crate::{
    audit::{self, Audited},
    config::Agent,
    output::{self, Format, Table, at_end, label},
    report::{self, Failure},
};

/// What to audit.
#[derive(Subcommand)]
pub enum What {
    /// 运行审核 Audit rules on the figures as they are reported; exit 1 where a mandatory rule is not met
    Run(Which),
    /// 核实说明 Explain a figure that a rule to be verified queries: with a cause and what happened
    Explain {
        /// 表号 Form code
        form: String,
        /// 审核关系 id Id of the rule
        #[arg(long)]
        rule: String,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
        #[arg(long)]
        book: Option<String>,
        /// 原因代码，taizhang audit causes 列出全部 Code of the cause; `taizhang audit causes` lists them
        #[arg(long)]
        cause: String,
        /// 发生了什么：写出数、日期或名称 What happened: with a number, a date or a name
        #[arg(long)]
        text: String,
    },
    /// 原因类型 Causes that an explanation can have
    Causes,
    /// 数据质量 Continuity, matching, coordination and outliers of the unit's own series
    Quality(Which),
}

/// Which forms.
#[derive(Args)]
pub struct Which {
    /// 表号，不给则配置里的每张表 Form code; every configured form where absent
    #[arg(long)]
    pub form: Option<String>,
    /// 账套 id，不给则该表的每个账套 Book id; every book of the form where absent
    #[arg(long)]
    pub book: Option<String>,
    /// 月份 YYYY-MM
    #[arg(long)]
    pub period: Month,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Run(which) => audit(ctx, which),
        What::Explain { form, rule, period, book, cause, text } => {
            let (agent, mut store) = ctx.open()?;
            let person = ctx.person(&agent)?;
            let book = agent.book_for(form, book.as_deref())?;
            let asked = audit::Saying { form, rule, period: *period, cause, text };
            audit::explain(&agent, &mut store, book, person, &asked)
        }
        What::Causes => causes(ctx),
        What::Quality(which) => quality::run(ctx, which),
    }
}

fn audit(ctx: &Ctx, which: &Which) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let books = match &which.book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books_of(which.form.as_deref()),
    };
    let (mut audited, mut findings) = (Vec::new(), Vec::new());
    for book in books {
        let (some, found) = audit::judged(&agent, &mut store, book, which.form.as_deref(), which.period)?;
        audited.extend(some);
        findings.extend(report::grave(found));
    }
    match ctx.format {
        Format::Json => output::json(&ess(ctx, &agent, &audited, which.period))?,
        Format::Csv => table(ctx, &audited)?,
        Format::Table => audited.iter().try_for_each(|audited| people(ctx, audited, which.period))?,
    }
    let mut blocked = false;
    for audited in &audited {
        let place = format!("{}, {}, book {}", audited.form.form, which.period, audited.book);
        for verdict in &audited.verdicts {
            let claim = verdict.claim(&audited.said, &audit::digest);
            if let (Claim::Stale(_), true) = (&claim, verdict.outcome != Outcome::Met) {
                findings.push(Finding::warning("explanation-stale").at(&place).with("rule", &verdict.rule));
            }
            if verdict.outcome == Outcome::Unmet && verdict.severity == "mandatory" {
                blocked = true;
                findings.push(Finding { level: Level::Error, ..verdict.finding(None) }.at(&place));
            }
        }
    }
    if blocked { Err(Failure::findings(findings)) } else { Ok(findings) }
}

/// The ESS validation report over all forms.
fn ess(ctx: &Ctx, agent: &Agent, audited: &[Audited], month: Month) -> Value {
    let (time, period) = (jiff::Timestamp::now().to_string(), month.to_string());
    let person = ctx.person.clone().unwrap_or_else(|| agent.unit.name.clone());
    let event = rules::Event {
        time: &time,
        actor: &person,
        agent: concat!("taizhang ", env!("CARGO_PKG_VERSION")),
        trigger: "taizhang audit run",
        unit: &agent.unit.code,
        period: &period,
    };
    audit::ess(&event, audited)
}

fn table(ctx: &Ctx, audited: &[Audited]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for audited in audited {
        for verdict in &audited.verdicts {
            let made = verdict.comparisons.iter().find(|made| made.holds == Some(false)).or(verdict.comparisons.first());
            let value =
                |of: fn(&rules::Comparison) -> &Option<String>| made.and_then(|made| of(made).clone()).unwrap_or_default();
            let claim = verdict.claim(&audited.said, &audit::digest);
            let said = if let Claim::Holds(said) = claim { said.text.clone() } else { String::new() };
            let mut row = [&verdict.form, &audited.book, &verdict.rule].map(String::clone).to_vec();
            row.extend([verdict.severity, verdict.level, verdict.outcome.name()].map(str::to_owned));
            row.extend([value(|made| &made.left_value), value(|made| &made.right_value), value(|made| &made.difference)]);
            row.push(made.map(|made| made.tolerance.clone()).unwrap_or_default());
            row.extend([verdict.expression.clone(), verdict.text.clone(), said]);
            rows.push(row);
        }
    }
    let columns = [
        "form",
        "book",
        "rule",
        "severity",
        "looks_at",
        "result",
        "left",
        "right",
        "difference",
        "tolerance",
        "formula",
        "text",
        "explanation",
    ];
    Table { columns: &columns, numbers: &["left", "right", "difference", "tolerance"], rows }.write(ctx.format, ctx.lang)
}

/// Rows shown behind a figure.
const ROWS: usize = 5;

/// The audit of a form as a person reads it: what is to be done first, and why.
fn people(ctx: &Ctx, audited: &Audited, month: Month) -> Result<(), Failure> {
    let label = |name: &str| label(ctx.lang, name);
    let of = |outcome: Outcome| audited.verdicts.iter().filter(move |verdict| verdict.outcome == outcome);
    let form = &audited.form;
    let mut text = format!("{}  {}  {month}  {}\n", form.form, form.name, audited.book);
    let counts = [Outcome::Unmet, Outcome::Met, Outcome::NotApplicable, Outcome::Undetermined];
    let explained = |verdict: &&Verdict| matches!(verdict.claim(&audited.said, &audit::digest), Claim::Holds(_));
    let said = of(Outcome::Unmet).filter(explained).count();
    let counts = counts.map(|outcome| {
        let (name, count) = (label(&format!("audit-{}", outcome.name().replace('_', "-"))), of(outcome).count());
        // What was explained is not met either, and nobody need do anything about it.
        let told =
            if outcome == Outcome::Unmet && said > 0 { format!(" ({} {said})", label("page-explained")) } else { String::new() };
        format!("{name} {count}{told}")
    });
    text += &format!("{}\n", counts.join("    "));
    for verdict in of(Outcome::Unmet) {
        let claim = verdict.claim(&audited.said, &audit::digest);
        text += &format!("\n【{}】{}  {}\n", label(&format!("severity-{}", verdict.severity)), verdict.rule, verdict.text);
        for made in verdict.comparisons.iter().filter(|made| made.holds != Some(true)) {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "—".to_owned());
            text += &format!("    {}  {}  {}\n", made.left, made.operator, made.right);
            let (left, right, difference) = (value(&made.left_value), value(&made.right_value), value(&made.difference));
            let facts = [("left", left), ("right", right), ("difference", difference), ("tolerance", made.tolerance.clone())];
            let facts = facts.map(|(name, value)| format!("{} {value}", label(name)));
            text += &format!("    {}  {}\n", facts.join("    "), made.unit);
        }
        for fact in &verdict.facts {
            let value = fact.value.clone().unwrap_or_else(|| label(&format!("status-{}", fact.status.replace('_', "-"))));
            let figure = format!("{}:{}", fact.form, fact.code);
            // A column that no form prints: only rules ask for it.
            let column = if fact.column == "filed_last_year" { label("filed_last_year") } else { label(at_end(fact.column)) };
            text += &format!("      {figure}  {}  {} {column}  {value} {}\n", fact.name, fact.period, fact.unit);
            for row in fact.rows.iter().take(ROWS) {
                let name = audited.names.get(&row.account).map_or("", String::as_str);
                text += &format!("          {} {name}  {}  ← {}\n", row.account, row.amount, row.question);
            }
            if fact.rows.len() > ROWS {
                text += &format!("          … {}\n", fact.rows.len() - ROWS);
            }
        }
        text += &match claim {
            Claim::Holds(said) => format!("    {}：[{}] {} ({})\n", label("explanation"), said.cause, said.text, said.by),
            Claim::Stale(said) => format!("    {}：{}\n", label("explanation-before"), said.text),
            Claim::None => String::new(),
        };
        if !matches!(verdict.claim(&audited.said, &audit::digest), Claim::Holds(_)) {
            text += &advice(ctx, verdict, month);
        }
    }
    for (outcome, title) in [(Outcome::Undetermined, "audit-undetermined"), (Outcome::NotApplicable, "audit-not-applicable")] {
        if of(outcome).next().is_some() {
            text += &format!("\n{}\n", label(title));
        }
        // A rule that is asked of each row says the same of many: one line tells it, with how many there are.
        let mut told: Vec<(&Verdict, usize)> = Vec::new();
        for verdict in of(outcome) {
            let why = |verdict: &Verdict| verdict.gap.as_ref().map(|gap| gap.code.clone());
            let own = |verdict: &Verdict| verdict.rule.split_once(':').map(|(rule, _)| rule.to_owned());
            let alike = |known: &Verdict| own(known).is_some() && own(known) == own(verdict) && why(known) == why(verdict);
            match told.iter_mut().find(|(known, _)| alike(known)) {
                Some((_, count)) => *count += 1,
                None => told.push((verdict, 1)),
            }
        }
        for (verdict, count) in told {
            let why = verdict.gap.as_ref().map(survey::document::Note::finding);
            let why = why.map_or_else(String::new, |why| ui::text(ctx.lang, &why.code, &why.arguments));
            let more = if count > 1 { format!(" ×{count}") } else { String::new() };
            text += &format!("    {}{more}  {}：{why}\n", verdict.rule, verdict.text);
        }
    }
    output::say(&(text + "\n"))
}

/// What a person can do about a rule that is not met: look where the figures come from, mend that, or say what happened.
fn advice(ctx: &Ctx, verdict: &Verdict, month: Month) -> String {
    let mut text = String::new();
    let none: [(&str, &str); 0] = [];
    let figures = verdict.facts.iter().filter(|fact| !fact.rows.is_empty());
    for fact in figures {
        text += &format!("    taizhang explain {}:{} --period {month}\n", fact.form, fact.code);
    }
    let advice = match verdict.severity {
        "mandatory" => "label-advice-mandatory",
        "info" => return text,
        _ => "label-advice-verify",
    };
    text += &format!("    {}\n", ui::text(ctx.lang, advice, &none));
    if verdict.severity == "verify" {
        let (form, rule) = (&verdict.form, &verdict.rule);
        text += &format!("    taizhang audit explain {form} --rule {rule} --period {month} --as … --cause … --text …\n");
    }
    text
}

fn causes(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let agent = ctx.agent()?;
    let causes = audit::causes(&agent)?;
    let zh = ctx.lang == ui::Lang::Zh;
    let rows = causes.causes.iter().map(|(code, cause)| {
        let (name, asks) = if zh { (&cause.zh, &cause.asks_zh) } else { (&cause.en, &cause.asks_en) };
        vec![code.clone(), name.clone(), asks.clone()]
    });
    Table { columns: &["cause", "name", "asks"], numbers: &[], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}
