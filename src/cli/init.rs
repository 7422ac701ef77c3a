/*! `taizhang init`: from a database to a configuration that runs. */

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use connector::Account;
use model::{Finding, Level};
use reader::{Source, Verb};
use survey::{Match, Standard};

use super::{Ctx, check::credit_code};
use crate::{
    detect::{Candidate, Detected, Discovered, Where, detect, quoted},
    forms::EDITION,
    output::Table,
    packs,
    report::{Failure, blocked},
    source::Reading,
};

/// What `init` is told.
#[derive(ClapArgs)]
pub struct Args {
    #[command(flatten)]
    at: Where,
    /// 单位名称，默认取第一个账套的公司名 Name of the reporting unit; the first book's company where absent
    #[arg(long)]
    unit_name: Option<String>,
    /// 统一社会信用代码 Unified social credit code, 18 characters
    #[arg(long)]
    unit_code: Option<String>,
    /// 行业代码（GB/T 4754），按它列出要报的表 Industry code: the forms of its trade are proposed
    #[arg(long)]
    industry: Option<String>,
    /// 要报的表，可重复；不给则按行业列出 Form to report, such as B203; may be repeated; those of the industry where absent
    #[arg(long, value_name = "FORM")]
    form: Vec<String>,
    /// 自己的连接器包，可重复 Folder of a pack of your own; may be repeated
    #[arg(long, value_name = "DIR")]
    pack: Vec<PathBuf>,
    /// 会计准则；不给则按科目表推荐 Accounting standard; proposed from the charts where absent
    #[arg(long, value_parser = ["cas", "small-business"])]
    standard: Option<String>,
    /// 写到哪里，默认为 -c 的文件 Where to write; the file of -c where absent
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A book's chart and calendar, beside what the standards say of them.
struct Coverage {
    accounts: usize,
    /// Accounts that each standard knows, in the order of [`survey::STANDARDS`].
    known: Vec<usize>,
    periods: Vec<String>,
}

/// Detects, reads the charts, writes the configuration; an existing file stays as it is.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Vec<Finding>, Failure> {
    let out = args.out.as_ref().unwrap_or(&ctx.config);
    let place = out.display().to_string();
    if out.exists() {
        return Err(Failure::config(Finding::error("config-exists").at(place)));
    }
    if let Some(finding) = args.unit_code.as_deref().and_then(|code| credit_code(code, "--unit-code")) {
        return Err(Failure::config(finding));
    }
    let known = || survey::FORMS.iter().filter(|(edition, ..)| *edition == EDITION).map(|(_, code, _)| *code);
    if let Some(form) = args.form.iter().find(|form| !known().any(|code| code == form.as_str())) {
        let near = settings::nearest(form, known()).unwrap_or("—");
        let finding = Finding::error("form-unknown").at("--form").with("form", form).with("edition", EDITION);
        return Err(Failure::config(finding.with("near", near)));
    }
    let source = args.at.source()?;
    let own = args.pack.iter().map(|folder| super::connector::own(folder)).collect::<Result<_, _>>()?;
    let mut detected = detect("source", &source, own)?;
    let best = detected.recognised("source").map_err(|finding| Failure::findings(vec![finding]))?;
    if detected.books.is_empty() {
        return Err(Failure::findings(vec![Finding::error("book-none").at("source").with("connector", &best.connector)]));
    }
    let standards = survey::STANDARDS.iter().map(|(name, _)| packs::built_in_standard(name)).collect::<Result<Vec<_>, _>>()?;
    let (mut covered, mut findings) = (Vec::new(), Vec::new());
    for book in &detected.books {
        let (coverage, wrong) = coverage(book, best, &source, &standards)?;
        covered.push(coverage);
        findings.extend(wrong);
    }
    if blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let known: Vec<usize> = (0..standards.len()).map(|at| covered.iter().map(|book| book.known[at]).sum()).collect();
    // The first of the standards, the general one, where both know as many.
    let proposed = known.iter().enumerate().rev().max_by_key(|(_, known)| **known).map_or(0, |(at, _)| at);
    let total: usize = covered.iter().map(|book| book.accounts).sum();
    let chosen = args.standard.clone().unwrap_or_else(|| standards[proposed].name.clone());
    // A chart that hardly tells one standard from the other is a question for a person.
    let sorted = {
        let mut sorted = known.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        sorted
    };
    let unsure = (sorted[0] - sorted.get(1).copied().unwrap_or(0)) * 10 < total && args.standard.is_none();
    let level = if unsure { Level::Warning } else { Level::Note };
    let finding = Finding::new(level, "standard-proposed").at(&place).with("standard", &standards[proposed].title);
    let others = standards.iter().zip(&known).map(|(standard, known)| format!("{} {known}/{total}", standard.title));
    let finding = finding.with("name", &standards[proposed].name).with("matches", others.collect::<Vec<_>>().join(", "));
    findings.push(finding.with("chosen", &chosen));
    let text = config(args, &detected, best, &covered, &chosen, elsewhere(out));
    let refused = |error: std::io::Error| Failure::config(Finding::io(out, &error));
    let mut file = OpenOptions::new().write(true).create_new(true).open(out).map_err(refused)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(refused)?;
    let rows = detected.books.iter().zip(&covered).map(|(book, coverage)| {
        let [first, last] = [coverage.periods.first(), coverage.periods.last()].map(|p| p.cloned().unwrap_or_default());
        let known = coverage.known.iter().map(ToString::to_string);
        let head = [&book.id, &best.connector, &book.info.name, &book.info.currency].map(Clone::clone);
        let mut row = head.to_vec();
        row.push(coverage.accounts.to_string());
        row.extend(known);
        row.extend([first, last]);
        row
    });
    let columns = ["book", "connector", "name", "currency", "accounts", "cas", "small_business", "first_period", "last_period"];
    let numbers = ["accounts", "cas", "small_business"];
    Table { columns: &columns, numbers: &numbers, rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    if detected.system.can_write == "yes" {
        findings.push(Finding::warning("account-can-write").at("source").with("system", &detected.system.name));
    }
    findings.append(&mut detected.findings);
    let forms = text.contains("\n[[form]]");
    let written = if forms { Finding::note("config-complete") } else { Finding::note("config-written") };
    findings.push(written.at(&place).with("books", detected.books.len()).with("file", &place));
    Ok(findings)
}

/// Whether a file stands in another folder than the present one.
fn elsewhere(out: &Path) -> bool {
    out.parent().is_some_and(|folder| !["", "."].contains(&folder.display().to_string().as_str()))
}

fn coverage(
    book: &Discovered,
    candidate: &Candidate,
    source: &Source,
    standards: &[Standard],
) -> Result<(Coverage, Vec<Finding>), Failure> {
    let place = format!("book {}", book.id);
    let values = book.values(&candidate.pack)?;
    let names = ["accounts", "periods"];
    let (names, queries): (Vec<&str>, Vec<_>) =
        names.into_iter().filter_map(|name| Some((name, candidate.pack.query(name, &values, None, source.dialect())?))).unzip();
    let rows = Reading { place, source }.rows(Verb::Read, queries)?;
    let (mut accounts, mut periods, mut findings): (Vec<Account>, _, _) = (Vec::new(), Vec::new(), Vec::new());
    for (name, rows) in names.into_iter().zip(&rows) {
        let wrong = if name == "accounts" {
            let (read, wrong) = connector::accounts(&candidate.pack.name, rows);
            accounts = read;
            wrong
        } else {
            let (read, wrong) = connector::periods(&candidate.pack.name, rows);
            periods = read.into_iter().map(|info| info.period).collect();
            wrong
        };
        findings.extend(wrong);
    }
    let is = |standard: &Standard, account: &Account| matches!(standard.find(&account.account, &account.name), Match::Is(_));
    let known = standards.iter().map(|standard| accounts.iter().filter(|account| is(standard, account)).count()).collect();
    Ok((Coverage { accounts: accounts.len(), known, periods }, findings))
}

/// The configuration with words for a person.
fn config(args: &Args, detected: &Detected, best: &Candidate, covered: &[Coverage], standard: &str, elsewhere: bool) -> String {
    let first = &detected.books[0];
    let name = args.unit_name.as_deref().unwrap_or(&first.info.name);
    let version = detected.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let mut text = format!(
        "# 台账配置 Configuration of taizhang. 由 taizhang init 生成 written by taizhang init.\n\
         # 来源 source: {}{version}, {}\n\
         # 改完运行 after a change run: taizhang check\n\n\
         [unit]\n# 统一社会信用代码，18 位 unified social credit code\ncode = {}\nname = {}\n\
         # 行业代码（GB/T 4754）：决定专业和要报的表 industry code: decides the trade and its forms\n{}industry = {}\n\
         # cas 企业会计准则, small-business 小企业会计准则\naccounting_standard = {}\n\n\
         # 封存的证据放在哪里，默认在本文件旁边 where sealed evidence is kept\n# [state]\n# dir = \"taizhang-state\"\n\n",
        best.pack.title,
        detected.system.name,
        quoted(args.unit_code.as_deref().unwrap_or_default()),
        quoted(name),
        if args.industry.is_some() { "" } else { "# " },
        quoted(args.industry.as_deref().unwrap_or_default()),
        quoted(standard),
    );
    let source = args.at.toml(elsewhere);
    if source.contains("password") {
        text.push_str("# 口令从环境变量读取，不写进本文件 the password comes from the environment and is never written here\n");
    }
    if !best.options.is_empty() {
        let about: BTreeMap<_, _> = best.options.iter().map(|name| (name, &best.pack.options[name].about)).collect();
        about.iter().for_each(|(name, about)| text.push_str(&format!("# variables.{name}: {about}\n")));
    }
    for (book, coverage) in detected.books.iter().zip(covered) {
        let first = coverage.periods.first().map_or("2025-01", String::as_str);
        text.push_str(&format!("\n{}", book.toml(&best.connector, &source)));
        text.push_str(&format!(
            "# 从哪个月起逐笔封存，更早的只留期初 first month that is sealed line by line\n# first_period = \"{}\"\n",
            first.split('+').next().unwrap_or(first)
        ));
    }
    text.push_str(&listed(&args.form, args.industry.as_deref(), &first.id));
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The forms to report: those that are named, those of the trade where the industry is known, or one of the three that most units begin
/// with.
fn listed(chosen: &[String], industry: Option<&str>, book: &str) -> String {
    let trades = survey::Thresholds::parse("mappings/thresholds.toml", survey::THRESHOLDS).0;
    let trade = industry.and_then(|code| trades.as_ref()?.trade(code)).map(|trade| (trade.name.as_str(), trade.letter.as_str()));
    let entry = |code: &str, mark: &str| {
        format!(
            "{mark}[[form]]\n{mark}code = \"{code}\"\n{mark}edition = \"{}\"\n{mark}book = {}\n# head = \"\"          # 单位负责人\n\
             # statistician = \"\"  # 统计负责人\n# preparer = \"\"      # 填表人\n# phone = \"\"         # 联系电话\n\n",
            crate::forms::EDITION,
            quoted(book),
        )
    };
    if !chosen.is_empty() {
        let head = "\n# 要报的表 the forms to report\n".to_owned();
        return chosen.iter().fold(head, |text, code| text + &entry(code, ""));
    }
    let Some((name, letter)) = trade else {
        let head = "\n# 要报的表，按单位的专业选一张去掉 # 号：B203 工业财务状况, E203 批发和零售业, F203 服务业\n\
             # The forms to report: pick the one of your industry and take the # away. 全部的表 all of them: taizhang form list\n";
        return ["B203", "E203", "F203"].iter().fold(head.to_owned(), |text, code| text + &entry(code, "# "));
    };
    let mut text = format!(
        "\n# 要报的表：专业 {letter} {name}。账上取得到数的定期报表已列出，其余的去掉 # 号；要报哪些以统计机构的通知为准\n\
         # The forms of the trade. Periodic ones that the books can fill are listed, the others stand behind #; the bureau says which are due.\n"
    );
    for (edition, code, pack) in survey::FORMS.iter().filter(|(edition, ..)| *edition == crate::forms::EDITION) {
        let Some(form) = survey::Form::parse(&format!("{edition} {code}"), pack).0 else { continue };
        if form.trade.as_deref().is_some_and(|own| own != letter) || form.frequency == survey::Frequency::Census {
            continue;
        }
        let filled = form.rows.iter().filter(|row| row.formula.is_some()).count() * 2 > form.rows.len();
        // Products are in the ERP. What else a form is repeated for, somebody has to name and to enter.
        let known = matches!(form.each.as_deref(), None | Some("product"));
        let active = filled && known && !form.frequency.is_yearly() && form.trade.is_some();
        text.push_str(&format!("# {code} {}\n{}", form.name, entry(code, if active { "" } else { "# " })));
    }
    text
}
