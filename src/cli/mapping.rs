/*! `taizhang mapping`: whether a mapping fits a book, and which money reaches no indicator. */

use std::path::PathBuf;

use clap::Subcommand;
use formula::Class;
use model::{Amount, Finding, Month, Period};

use super::{Ctx, mapping_import, mapping_set, mapping_test};
use crate::{
    books::Grain,
    build,
    config::Book,
    forms::{self, Desk},
    mapping::coverage::{self, Reach},
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
    /// 改公式 Put a formula into a layer of one's own, or only show what it would do to every form
    Set(mapping_set::Formula),
    /// 认定科目 Say which account of the standard an account of the book is, or that it is reported nowhere
    Account(mapping_set::Account),
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
        What::Set(what) => mapping_set::formula(ctx, what),
        What::Account(what) => mapping_set::account(ctx, what),
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
        let reach = coverage::reaches(&ready, &forms, month);
        let carried = coverage::carried(&ready.desk, month);
        let mut left = Amount::ZERO;
        for account in &ready.desk.chart {
            let Some(&amount) = carried.get(&account.code) else { continue };
            let found = reach.get(&account.code);
            let nothing = ready.layers.mapping.accounts.get(&account.code).is_some_and(|decision| decision.is == survey::NOTHING);
            let how = match Reach::how(found) {
                "none" if nothing => "nothing",
                how => how,
            };
            if !all && (["named", "nothing"].contains(&how) || amount.is_zero()) {
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
