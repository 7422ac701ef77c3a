/*! `taizhang mapping`: whether a mapping fits a book, and which money reaches no indicator. */

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::Subcommand;
use formula::{At, Class, Figures, Measure, Mode, Pick, Question, Trace, What as Asked};
use model::{Amount, Finding, Month, Period};

use super::{Ctx, mapping_import, mapping_test};
use crate::{
    books::Grain,
    build,
    config::Book,
    forms::{self, Desk},
    output::{Table, label},
    pull,
    report::{Failure, blocked},
};

/// What to do with mappings.
#[derive(Subcommand)]
pub enum What {
    /// 检查映射 Check forms, layers and formulas against the chart of each book
    Check {
        /// 账套 id，不给则每个账套 Book id; every book where absent
        #[arg(long)]
        book: Option<String>,
    },
    /// 未取数科目 Accounts that reach no indicator, and how much money that is
    Coverage {
        /// 账套 id，不给则每个账套 Book id; every book where absent
        #[arg(long)]
        book: Option<String>,
        /// 表号，不给则该账套的每张表 Form code; every form of the book where absent
        #[arg(long)]
        form: Option<String>,
        /// 月份，不给则最后封存的月份 YYYY-MM; the last sealed month where absent
        #[arg(long)]
        period: Option<Month>,
        /// 已取数的科目也列出 Accounts that do reach an indicator too
        #[arg(long)]
        all: bool,
    },
    /// 导入公式 Translate formulas of UFO sheets or of Kingdee's ACCT into a layer
    Import(mapping_import::What),
    /// 测试映射 Run the [[test]]s of layers on the figures that they give
    Test {
        /// 映射层或测试文件，不给则配置里的各层 Layers or files of tests; the layers of the configuration where absent
        files: Vec<PathBuf>,
        /// 会计准则，文件和配置都没写时用 Accounting standard, where neither a file nor the configuration says it
        #[arg(long)]
        standard: Option<String>,
    },
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Import(what) => mapping_import::run(ctx, what),
        What::Test { files, standard } => mapping_test::run(ctx, files, standard.as_deref()),
        What::Check { book } => check(ctx, book.as_deref()),
        What::Coverage { book, form, period, all } => coverage(ctx, book.as_deref(), form.as_deref(), *period, *all),
    }
}

fn check(ctx: &Ctx, book: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let books: Vec<&Book> = match book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books_of(None),
    };
    let (mut rows, mut findings, mut exit) = (Vec::new(), Vec::new(), 0);
    for own in &agent.forms {
        // A pack that cannot be read is told with its book.
        findings.extend(forms::pack(Some(&agent), own).ok().and_then(|form| forms::elsewhere(&agent, own, &form)));
    }
    for book in books {
        let checked = (|| {
            let layers = forms::layers(&agent, &forms::configured(&agent, book, None)?)?;
            // The mapping is read before the book: an error in a file needs no database to be found.
            let (sealed, pulled) = pull::sealed(&agent, &mut store, book, Period::from(Month::LAST), Grain::Dimensions)?;
            let desk = Desk::new(&agent, &store, book, sealed, &layers.mapping, false)?;
            let mut findings = pulled;
            findings.extend(layers.findings);
            findings.extend(desk.findings.iter().cloned());
            findings.extend(layers.mapping.check(&desk.chart));
            let undecided = desk.chart.iter().filter(|account| !account.undecided.is_empty() && desk.book.is_used(&account.code));
            let count = |count: usize| count.to_string();
            let formulas = layers.mapping.items.values().flatten().count() + layers.mapping.cells.len();
            let matched = desk.chart.iter().filter(|account| account.standard.is_some()).count();
            let row = vec![
                book.id.clone(),
                layers.mapping.standard.name.clone(),
                layers.mapping.forms.iter().map(|form| form.form.clone()).collect::<Vec<_>>().join(" "),
                count(formulas),
                count(desk.chart.len()),
                count(matched),
                count(undecided.count()),
            ];
            Ok::<_, Failure>((row, findings))
        })();
        match checked {
            Ok((row, found)) => {
                rows.push(row);
                findings.extend(found);
            }
            Err(failure) => {
                exit = exit.max(failure.exit);
                findings.extend(failure.findings);
            }
        }
    }
    let columns = ["book", "standard", "forms", "formulas", "accounts", "matched", "undecided"];
    Table { columns: &columns, numbers: &columns[3..], rows }.write(ctx.format, ctx.lang)?;
    if exit > 0 || blocked(&findings) {
        return Err(Failure { exit: exit.max(1), findings });
    }
    Ok(findings)
}

/// How an account reaches a form.
#[derive(Default)]
struct Reach {
    /// Rows whose formula names it.
    named: BTreeSet<String>,
    /// Rows that take it in with its whole class.
    class: BTreeSet<String>,
}

fn coverage(
    ctx: &Ctx,
    book: Option<&str>,
    form: Option<&str>,
    period: Option<Month>,
    all: bool,
) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let books: Vec<&Book> = match book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books_of(form),
    };
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    for book in books {
        let month = period.unwrap_or(Month::LAST);
        let ready = build::ready(&agent, &mut store, book, form, month)?;
        let month = month.min(ready.desk.book.coverage().to);
        let forms: Vec<&str> =
            ready.forms.iter().map(|f| f.code.as_str()).filter(|code| form.is_none_or(|f| f == *code)).collect();
        let mut reach: BTreeMap<String, Reach> = BTreeMap::new();
        let (monthly, annual) = (ready.desk.book.seen(false), ready.desk.book.seen(true));
        // In the book's own currency: what reaches an indicator does not depend on a rate.
        let sources = survey::Sources { monthly: &monthly, annual: &annual };
        let own = survey::Engine::new(&ready.layers.mapping, &ready.desk.chart, sources);
        for pack in ready.layers.mapping.forms.iter().filter(|pack| forms.contains(&pack.form.as_str())) {
            for row in &pack.rows {
                let trace = own.cell(&pack.form, row.key(), At { month, mode: Mode::ToDate });
                let name = format!("{}:{}", pack.form, row.key());
                mark(&trace, &name, &mut reach);
            }
        }
        let mut left = Amount::ZERO;
        for account in &ready.desk.chart {
            let Some(amount) = carried(&ready.desk, &account.code, account.class, month) else { continue };
            let found = reach.get(&account.code);
            let how = match found {
                Some(found) if !found.named.is_empty() => "named",
                Some(_) => "class",
                None => "none",
            };
            if !all && (how == "named" || amount.is_zero()) {
                continue;
            }
            // What the owners put in and what was earned is on no form of activity.
            if how == "none" && account.class != Some(Class::Equity) {
                let size = if amount < Amount::ZERO { amount.checked_neg().unwrap_or(amount) } else { amount };
                left = left.checked_add(size).unwrap_or(left);
            }
            let reached = found
                .map_or_else(String::new, |found| found.named.iter().chain(&found.class).cloned().collect::<Vec<_>>().join(" "));
            let word = |word: &str| if ctx.people() { label(ctx.lang, word) } else { word.to_owned() };
            rows.push(vec![
                book.id.clone(),
                month.to_string(),
                account.code.clone(),
                account.name.clone(),
                account.standard.clone().unwrap_or_default(),
                word(&format!("class-{}", account.class.map_or("unknown", Class::name).replace('_', "-"))),
                amount.fixed(2),
                word(&format!("reach-{how}")),
                reached,
            ]);
        }
        findings.extend(ready.findings);
        if !left.is_zero() {
            let finding = Finding::warning("money-unmapped").at(format!("book {}, {month}", book.id));
            findings.push(finding.with("amount", left.fixed(2)));
        }
    }
    if !ctx.people() {
        for row in &mut rows {
            row[5] = row[5].trim_start_matches("class-").replace('-', "_");
            row[7] = row[7].trim_start_matches("reach-").to_owned();
        }
    }
    let columns = ["book", "period", "account", "name", "standard_account", "class", "amount", "reach", "indicators"];
    Table { columns: &columns, numbers: &["amount"], rows }.write(ctx.format, ctx.lang)?;
    Ok(findings)
}

/// What an account carries: movement since January for profit and loss, the balance for the others.
fn carried(desk: &Desk, account: &str, class: Option<Class>, month: Month) -> Option<Amount> {
    let year = Month::new(month.year(), 1)?;
    let loss = class == Some(Class::ProfitAndLoss);
    let question = Question {
        what: if loss { Asked::Movement } else { Asked::Closing },
        measure: Measure::Money,
        accounts: vec![account.to_owned()],
        counter: Vec::new(),
        from: if loss { year.max(desk.book.coverage().turnover_from) } else { month },
        to: month,
        side: None,
        detail: None,
        filters: Vec::new(),
    };
    desk.book.seen(false).ask(&question).ok()?.first().map(|part| part.amount)
}

/// Marks the accounts that a figure was made of.
fn mark(trace: &Trace, name: &str, reach: &mut BTreeMap<String, Reach>) {
    let mut waiting = vec![trace];
    while let Some(trace) = waiting.pop() {
        waiting.extend(&trace.children);
        let Some(question) = &trace.question else { continue };
        let whole = by_class(&trace.text);
        for account in &question.accounts {
            let reached = reach.entry(account.clone()).or_default();
            if whole {
                reached.class.insert(name.to_owned())
            } else {
                reached.named.insert(name.to_owned())
            };
        }
    }
}

/// Whether a question picks accounts by their class, so that an account nobody thought of is in it too.
fn by_class(text: &str) -> bool {
    match formula::parse(text).0.map(|expr| expr.node) {
        Some(formula::Node::Account(call)) => call.accounts.picks.iter().any(|pick| matches!(pick, Pick::Class(_))),
        _ => false,
    }
}
