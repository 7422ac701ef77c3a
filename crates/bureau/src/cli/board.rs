//! `board …`: what a county sees of all its units.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use model::{Finding, Month};

use super::{Ctx, output};
use crate::{
    board::{self, Around, Asked, Board, By, Decision, Duties, Keyed, Sheet, Sum, Target, Totals},
    clock,
    failure::Failure,
    knowledge::Knowledge,
    letters::Letters,
    office::Office,
    robot::{self, Policy},
    store::{Remark, Store},
};

/// What to look at.
#[derive(Subcommand)]
pub enum What {
    /// 从收到的一切重建看板 Makes the board anew from what arrived
    Rebuild,
    /// 上报率：按地区、表和状态 How far reporting has come, by area, form and state
    Progress(Progress),
    /// 迟报的和快到期的；--letter 写催报 Who is late and who soon will be; --letter writes reminders
    Late(Late),
    /// 先看哪些：疑点和份量，及其理由 What to look at first, with the reasons
    Queue(Queue),
    /// 汇总：按地区或行业 Totals by area or trade
    Totals(TotalsOf),
    /// 一家单位各表各月的状态 The forms of one unit by month
    Unit {
        /// 统一社会信用代码 The unit's code
        unit: String,
        #[command(flatten)]
        file: File,
    },
    /// 一项指标各月的比较，或与另一张表的指标比 An indicator over months, or beside one of another form
    Compare(Compare),
    /// 平台值与企业报来的不同之处 Where the portal has other figures than the units' reports
    Differences(Of),
    /// 重点企业（keys.toml）：占全县多少，拉动多少 Key enterprises: their part of the county's figures and of its growth
    Keys(Of),
    /// 重点企业预警：停产、骤降、变动不一致；只给本局看 What to look at of key enterprises, for the bureau alone
    Warnings {
        /// 期别 YYYY-MM Period
        #[arg(long)]
        period: Month,
        #[command(flatten)]
        file: File,
    },
    /// 月度简报：已受理的数据，Markdown 或 HTML The monthly brief of accepted data
    Brief {
        /// 表号 Form
        #[arg(long)]
        form: String,
        /// 期别 YYYY-MM Period
        #[arg(long)]
        period: Month,
        #[command(flatten)]
        of: Where,
        /// 文件，以 .md 或 .html 结尾；不写则 Markdown 到标准输出 A file that ends in .md or .html; Markdown on stdout where absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// 审核机器人按 robot.toml 走一遍：查询、结束、上交 One run of the audit robot by robot.toml: asks, closes, escalates
    Robot,
    /// 机器人上交审核员的查询 Queries that the robot told a reviewer of
    Escalations,
    /// 导出各单位的报表：从报送包读，不从看板读 The units' reports as a file, read from their packages
    Export(Export),
}

/// Which units.
#[derive(Args)]
pub struct Where {
    /// 行政区划代码以此开头 Units whose region begins with this
    #[arg(long, default_value = "")]
    area: String,
    /// 行业代码以此开头 Units whose industry begins with this
    #[arg(long, default_value = "")]
    trade: String,
}

impl Where {
    fn asked(&self, form: &str) -> Asked {
        Asked { form: form.to_owned(), area: self.area.clone(), trade: self.trade.clone() }
    }
}

/// Into which file.
#[derive(Args)]
pub struct File {
    /// 写进文件，代替标准输出 Into a file, in the place of stdout
    #[arg(long)]
    out: Option<PathBuf>,
    /// 文件种类 Kind of the file
    #[arg(long, value_enum, default_value = "xlsx")]
    to: Target,
}

/// Progress of a period.
#[derive(Args)]
pub struct Progress {
    /// 期别 YYYY-MM Period
    #[arg(long)]
    period: Month,
    /// 表号；不写则每张该报的表 Form; every form that is owed where absent
    #[arg(long, default_value = "")]
    form: String,
    #[command(flatten)]
    of: Where,
    #[command(flatten)]
    file: File,
}

/// What is missing.
#[derive(Args)]
pub struct Late {
    /// 表号；不写则每张该报的表 Form; every form that is owed where absent
    #[arg(long, default_value = "")]
    form: String,
    /// 只看这一期 Only this period
    #[arg(long)]
    period: Option<Month>,
    #[command(flatten)]
    of: Where,
    /// 截止日在几天以内过去的 Deadlines of so many days back
    #[arg(long, default_value_t = 31)]
    back: i32,
    /// 几天以内到期的也列出 Deadlines of so many days ahead
    #[arg(long, default_value_t = 3)]
    soon: i32,
    /// 按哪一天看，YYYY-MM-DD；不写则今天 As of a day; today where absent
    #[arg(long)]
    on: Option<Date>,
    /// 给列出的单位写催报，一家一封，同一截止日不重复 Writes a reminder to each unit of the list, once for each deadline
    #[arg(long)]
    letter: bool,
    #[command(flatten)]
    file: File,
}

/// A form and period.
#[derive(Args)]
pub struct Of {
    /// 表号 Form
    #[arg(long)]
    form: String,
    /// 期别 YYYY-MM Period
    #[arg(long)]
    period: Month,
    #[command(flatten)]
    of: Where,
    #[command(flatten)]
    file: File,
}

/// The queue.
#[derive(Args)]
pub struct Queue {
    #[command(flatten)]
    of: Of,
    /// 最多几家 At most so many
    #[arg(long, default_value_t = 100)]
    top: usize,
}

/// Totals.
#[derive(Args)]
pub struct TotalsOf {
    #[command(flatten)]
    of: Of,
    /// 按什么分组 Groups
    #[arg(long, value_enum, default_value = "area")]
    by: By,
    /// 只要这些指标，可多次 Only these rows
    #[arg(long = "code")]
    codes: Vec<String>,
}

/// What is compared.
#[derive(Args)]
pub struct Compare {
    /// 表号 Form
    #[arg(long)]
    form: String,
    /// 指标代码 Row
    #[arg(long)]
    code: String,
    /// 另一张表的指标，写作 表号:代码 A row of another form, as FORM:CODE
    #[arg(long)]
    with: Option<String>,
    /// 从哪一期 From this period
    #[arg(long)]
    from: Month,
    /// 到哪一期 To this period
    #[arg(long)]
    to: Month,
    #[command(flatten)]
    of: Where,
    /// 写进文件，代替标准输出 Into a file, in the place of stdout
    #[arg(long)]
    out: Option<PathBuf>,
    /// 文件种类 Kind of the file
    #[arg(long, value_enum, default_value = "xlsx")]
    kind: Target,
}

/// What is exported.
#[derive(Args)]
pub struct Export {
    /// 表号 Form
    #[arg(long)]
    form: String,
    /// 期别 YYYY-MM Period
    #[arg(long)]
    period: Month,
    #[command(flatten)]
    of: Where,
    /// 文件种类 Kind of the file
    #[arg(long, value_enum)]
    to: Target,
    /// 文件 The file
    #[arg(long)]
    out: PathBuf,
}

/// The board with what it counts by, fed up to now.
struct Opened {
    store: Store,
    board: Board,
    duties: Duties,
}

fn open(ctx: &Ctx) -> Result<Opened, Failure> {
    let (config, store) = ctx.open()?;
    let board = Board::open(&config.state)?;
    let duties = Duties::read(&store, &ctx.folder())?;
    board::catch_up(&store, &board)?;
    Ok(Opened { store, board, duties })
}

pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Rebuild => {
            let (config, store) = ctx.open()?;
            let board = Board::open(&config.state)?;
            let fed = board::rebuild(&store, &board)?;
            board::refresh(&board, &store, &Knowledge::default(), &ctx.folder())?;
            let told = Finding::note("board-rebuilt").with("units", fed.units).with("reports", fed.reports);
            Ok(vec![told.with("messages", fed.messages).with("imports", fed.imports)])
        }
        What::Progress(what) => progress(ctx, what),
        What::Late(what) => late(ctx, what),
        What::Queue(what) => queue(ctx, what),
        What::Totals(what) => totals(ctx, what),
        What::Unit { unit, file } => unit_months(ctx, unit, file),
        What::Compare(what) => compare(ctx, what),
        What::Differences(what) => differences(ctx, what),
        What::Robot => robot(ctx),
        What::Keys(what) => keys(ctx, what),
        What::Warnings { period, file } => warnings(ctx, *period, file),
        What::Brief { form, period, of, out } => {
            let Opened { board, duties, .. } = open(ctx)?;
            let keyed = Keyed::read(&ctx.folder(), &duties)?;
            let brief = board::brief(&board, &duties, &keyed, &of.asked(form), *period)?;
            let Some(path) = out else {
                output::say(&brief.markdown(ctx.lang))?;
                return Ok(Vec::new());
            };
            let page = path.extension().is_some_and(|ending| ending == "html");
            let text = if page { brief.html(ctx.lang) } else { brief.markdown(ctx.lang) };
            board::save(path, text.as_bytes())?;
            Ok(vec![Finding::note("board-exported").at(path.display().to_string()).with("rows", brief.units)])
        }
        What::Escalations => {
            let (_, store) = ctx.open()?;
            let columns = ["at", "unit", "message", "by", "text"];
            let row = |remark: Remark| vec![remark.at, remark.unit, remark.message.to_string(), remark.who, remark.text];
            let rows: Vec<Vec<String>> = store.read(|connection| Remark::all(connection, ""))?.into_iter().map(row).collect();
            output::rows(ctx.format, ctx.lang, &columns, &rows)?;
            Ok(Vec::new())
        }
        What::Export(what) => {
            let Opened { store, duties, .. } = open(ctx)?;
            let asked = what.of.asked(&what.form);
            let (bytes, count) = board::exported(&store, &duties, &asked, what.period, what.to)?;
            if count == 0 {
                let place = format!("{}, {}", what.form, what.period);
                return Err(Failure::findings(vec![Finding::error("board-empty").at(place)]));
            }
            board::save(&what.out, &bytes)?;
            Ok(vec![Finding::note("board-exported").at(what.out.display().to_string()).with("rows", count)])
        }
    }
}

fn keys(ctx: &Ctx, what: &Of) -> Result<Vec<Finding>, Failure> {
    let Opened { board, duties, .. } = open(ctx)?;
    let keyed = Keyed::read(&ctx.folder(), &duties)?;
    let asked = what.of.asked(&what.form);
    let (total, _) = board::accepted(&board, &asked, what.period)?;
    let found = board::contributions(&board, &duties, &keyed, &asked.form, what.period, &total)?;
    let columns =
        ["unit", "unit_name", "reason", "since", "until", "handler", "indicator", "sum", "prior_year", "share", "points"];
    let row = |one: &board::Contribution| {
        let key = &one.key;
        let until = key.until.map(|month| month.to_string()).unwrap_or_default();
        let texts =
            [key.unit.code.clone(), key.unit.name.clone(), key.reason.clone(), key.since.to_string(), until, key.handler.clone()];
        let mut row = texts.to_vec();
        row.push(format!("{} {}", one.figure[0], one.figure[1]));
        row.extend(
            [one.value, one.prior_year, one.share, one.points]
                .map(|value| value.map(|value| value.to_string()).unwrap_or_default()),
        );
        row
    };
    put(ctx, (&what.file.out, what.file.to), &asked.form, &columns, found.iter().map(row).collect())
}

fn warnings(ctx: &Ctx, period: Month, file: &File) -> Result<Vec<Finding>, Failure> {
    let Opened { board, duties, .. } = open(ctx)?;
    let keyed = Keyed::read(&ctx.folder(), &duties)?;
    let found = board::warnings(&board, &keyed, period)?;
    let columns = ["unit", "unit_name", "rule", "kind", "text", "facts", "handler"];
    let row = |one: &board::Warning| {
        let facts = one.facts.iter().map(|(what, value)| format!("{what} {value}")).collect::<Vec<_>>().join("; ");
        let texts = [&one.key.unit.code, &one.key.unit.name, &one.rule, &one.kind, &one.text, &facts, &one.handler];
        texts.map(String::clone).to_vec()
    };
    put(ctx, (&file.out, file.to), &period.to_string(), &columns, found.iter().map(row).collect())
}

fn robot(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let office = ctx.office()?;
    let folder = ctx.folder();
    let Some(policy) = Policy::read(&folder)? else {
        return Err(Failure::config(Finding::error("robot-policy-missing").at(folder.join(robot::FILE).display().to_string())));
    };
    let Opened { store, board, duties } = open(ctx)?;
    board::refresh(&board, &store, &Knowledge::default(), &folder)?;
    let run = robot::run(&office, &board, &duties, (&policy, &Letters::load(&folder)?), clock::now())?;
    let mut rows = Vec::new();
    for (message, unit, items) in &run.opened {
        let about =
            items.iter().map(|item| format!("{} {} {}", item.form, item.period, item.rule)).collect::<Vec<_>>().join("; ");
        rows.push(vec![ctx.word("message", "query"), unit.clone(), message.to_string(), about]);
    }
    rows.extend(
        run.closed
            .iter()
            .map(|(message, unit)| vec![ctx.word("message", "closing"), unit.clone(), message.to_string(), String::new()]),
    );
    let escalation = |(message, unit, reviewer): &(u64, String, String)| {
        vec![word(ctx, "escalation"), unit.clone(), message.to_string(), reviewer.clone()]
    };
    rows.extend(run.escalated.iter().map(escalation));
    output::rows(ctx.format, ctx.lang, &["act", "unit", "message", "about"], &rows)?;
    let told = Finding::note("robot-ran").with("opened", run.opened.len()).with("closed", run.closed.len());
    Ok(vec![told.with("escalated", run.escalated.len())])
}

/// A word of a table in the reader's language; machines get the word itself.
fn word(ctx: &Ctx, word: &str) -> String {
    match ctx.format {
        output::Format::Table => ui::label(ctx.lang, &format!("board-{word}")),
        _ => word.to_owned(),
    }
}

/// Rows to stdout or into a file.
fn put(
    ctx: &Ctx,
    file: (&Option<PathBuf>, Target),
    name: &str,
    columns: &[&str],
    rows: Vec<Vec<String>>,
) -> Result<Vec<Finding>, Failure> {
    let (Some(path), target) = file else {
        output::rows(ctx.format, ctx.lang, columns, &rows)?;
        return Ok(Vec::new());
    };
    let count = rows.len();
    let sheet =
        Sheet { name: name.to_owned(), columns: columns.iter().map(|name| output::title(ctx.lang, name)).collect(), rows };
    board::save(path, &sheet.bytes(target)?)?;
    Ok(vec![Finding::note("board-exported").at(path.display().to_string()).with("rows", count)])
}

fn progress(ctx: &Ctx, what: &Progress) -> Result<Vec<Finding>, Failure> {
    let Opened { store, board, duties } = open(ctx)?;
    board::refresh(&board, &store, &Knowledge::default(), &ctx.folder())?;
    let found = board::progress(&board, &duties, &what.of.asked(&what.form), what.period)?;
    let columns = [
        "form",
        "due",
        "area",
        "owed",
        "reported",
        "rate",
        "late",
        "missing",
        "portal_only",
        "accepted",
        "returned",
        "unmet",
        "open_queries",
        "outliers",
        "beyond",
    ];
    let mut rows = Vec::new();
    for form in &found {
        for group in form.groups.iter().chain([&form.all]) {
            let due = form.due.map(|day| day.to_string()).unwrap_or_default();
            let rate = group.rate().map(|rate| format!("{}.{}", rate / 10, rate % 10)).unwrap_or_default();
            let all = std::ptr::eq(group, &form.all);
            let area = if all { word(ctx, "all") } else { group.area.clone() };
            let count = |count: usize| count.to_string();
            let mut row = vec![form.form.clone(), due, area, count(group.owed), count(group.reported), rate];
            row.extend([group.late, group.missing, group.portal, group.accepted, group.returned].map(count));
            row.extend([group.unmet, group.open, group.outliers, group.beyond].map(count));
            rows.push(row);
        }
    }
    put(ctx, (&what.file.out, what.file.to), &what.period.to_string(), &columns, rows)
}

fn late(ctx: &Ctx, what: &Late) -> Result<Vec<Finding>, Failure> {
    // Letters are written by the receiver with its keys, lists by anybody who may read.
    let office = if what.letter { Some(ctx.office()?) } else { None };
    let Opened { board, duties, .. } = open(ctx)?;
    let today = what.on.unwrap_or_else(|| board::day_of(i64::try_from(clock::now().unix()).unwrap_or(0)));
    let around = Around { today, back: what.back, ahead: what.soon, period: what.period };
    let found = board::late(&board, &duties, &what.of.asked(&what.form), &around)?;
    let columns = ["standing", "unit", "unit_name", "form", "period", "due", "days"];
    let mut rows = Vec::new();
    for (state, list) in [("late", &found.late), ("soon", &found.soon)] {
        for one in list {
            let texts = [&one.unit.code, &one.unit.name, &one.form].map(String::clone);
            let mut row = vec![word(ctx, state)];
            row.extend(texts);
            row.extend([one.period.to_string(), one.due.to_string(), one.days.to_string()]);
            rows.push(row);
        }
    }
    for (unit, form, period) in &found.came {
        let due = board::due(&duties, form, *period).map(|due| due.enterprise.to_string()).unwrap_or_default();
        rows.push(vec![
            word(ctx, "came"),
            unit.code.clone(),
            unit.name.clone(),
            form.clone(),
            period.to_string(),
            due,
            String::new(),
        ]);
    }
    let mut findings = put(ctx, (&what.file.out, what.file.to), "late", &columns, rows)?;
    if let Some(office) = office {
        findings.extend(letters(&office, &found, &ctx.who())?);
    }
    Ok(findings)
}

fn letters(office: &Office, found: &board::Late, who: &str) -> Result<Vec<Finding>, Failure> {
    let missing: Vec<board::Missing> = found.late.iter().chain(&found.soon).cloned().collect();
    board::letters(office, &missing, who)
}

fn queue(ctx: &Ctx, what: &Queue) -> Result<Vec<Finding>, Failure> {
    let Opened { store, board, duties } = open(ctx)?;
    board::refresh(&board, &store, &Knowledge::default(), &ctx.folder())?;
    let asked = what.of.of.asked(&what.of.form);
    let found = board::queue(&board, &duties, &asked, what.of.period, what.top)?;
    let columns = ["rank", "unit", "unit_name", "version", "suspicion", "impact", "open_queries", "reasons"];
    let rows = found.queued.iter().take(what.top).enumerate().map(|(at, queued)| {
        let reasons = queued.reasons.iter().map(|reason| reason.text(ctx.lang)).collect::<Vec<_>>().join("；");
        let state = &queued.state;
        let numbers = [state.version, queued.suspicion].map(|number| number.to_string());
        let mut row = vec![(at + 1).to_string(), queued.unit.code.clone(), queued.unit.name.clone()];
        row.extend(numbers);
        row.extend([format!("{}.{}", queued.impact / 10, queued.impact % 10), state.open.to_string(), reasons]);
        row
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let told = Finding::note("board-queue").with("queued", found.queued.len()).with("reports", found.reports);
    let mut findings = put(ctx, (&what.of.file.out, what.of.file.to), &asked.form, &columns, rows)?;
    findings.push(told);
    Ok(findings)
}

fn sum(sum: Option<Sum>) -> String {
    sum.map(|sum| sum.sum.to_string()).unwrap_or_default()
}

fn totals(ctx: &Ctx, what: &TotalsOf) -> Result<Vec<Finding>, Failure> {
    let Opened { board, .. } = open(ctx)?;
    let asked = what.of.of.asked(&what.of.form);
    let found = board::totals(&board, &asked, what.of.period, what.by)?;
    let columns = ["group", "units", "code", "name", "measure", "column", "units_with", "sum"];
    let Totals { slots, groups, all } = &found;
    let mut rows = Vec::new();
    for group in groups.iter().chain([all]) {
        let name = if std::ptr::eq(group, all) { word(ctx, "all") } else { group.group.clone() };
        for (slot, sum) in &group.sums {
            let Some(slot) = slots.get(*slot).filter(|slot| what.codes.is_empty() || what.codes.contains(&slot.code)) else {
                continue;
            };
            let column = output::title(if ctx.format == output::Format::Table { ctx.lang } else { ui::Lang::En }, &slot.column);
            let column = if ctx.format == output::Format::Table { column } else { slot.column.clone() };
            let texts = [&slot.code, &slot.name, &slot.measure].map(String::clone);
            let mut row = vec![name.clone(), group.units.to_string()];
            row.extend(texts);
            row.extend([column, sum.units.to_string(), sum.sum.to_string()]);
            rows.push(row);
        }
    }
    put(ctx, (&what.of.file.out, what.of.file.to), &asked.form, &columns, rows)
}

fn unit_months(ctx: &Ctx, code: &str, file: &File) -> Result<Vec<Finding>, Failure> {
    let Opened { store, board, .. } = open(ctx)?;
    board::refresh(&board, &store, &Knowledge::default(), &ctx.folder())?;
    let Some(found) = board::months(&board, code)? else {
        return Err(Failure::findings(vec![Finding::error("bureau-unit-unknown").with("unit", code)]));
    };
    let columns = [
        "period",
        "form",
        "edition",
        "version",
        "at",
        "channel",
        "decision",
        "unmet",
        "explained",
        "outliers",
        "open_queries",
        "differs",
    ];
    let row = |month: &board::UnitMonth| {
        let state = &month.state;
        let decision = match state.decision {
            Decision::None => String::new(),
            Decision::Accepted => ctx.word("message", "acceptance"),
            Decision::Returned => ctx.word("message", "return"),
        };
        let channel = ctx.word("channel", if state.official { "official" } else { "companion" });
        let at = jiff::Timestamp::from_second(state.at).map(|at| at.to_string()).unwrap_or_default();
        let period = board::month(state.period).map(|month| month.to_string()).unwrap_or_default();
        let mut row = vec![period, state.form.clone(), month.edition.clone(), state.version.to_string(), at, channel, decision];
        let counts = [state.mandatory + state.verify, state.explained, state.outliers, state.open, state.differs];
        row.extend(counts.map(|count| count.to_string()));
        row
    };
    put(ctx, (&file.out, file.to), code, &columns, found.months.iter().map(row).collect())
}

fn compare(ctx: &Ctx, what: &Compare) -> Result<Vec<Finding>, Failure> {
    let Opened { board, .. } = open(ctx)?;
    let asked = what.of.asked(&what.form);
    let with = what.with.as_deref().and_then(|with| with.split_once(':'));
    if let (Some(text), None) = (&what.with, with) {
        return Err(Failure::config(Finding::error("board-with-unfit").with("text", text)));
    }
    let found = board::compare(&board, &asked, &what.code, with, [what.from, what.to])?;
    let columns = ["period", "units", "this_month", "to_date", "prior_year", "growth", "other", "ratio"];
    let rows = found.months.iter().map(|month| {
        let amount = |amount: Option<model::Amount>| amount.map(|amount| amount.to_string()).unwrap_or_default();
        let mut row = vec![month.period.clone(), month.units.to_string()];
        row.extend([month.alone, month.main, month.prior_year].map(sum));
        row.extend([amount(month.growth), sum(month.other), amount(month.ratio.and_then(|ratio| ratio.round(6)))]);
        row
    });
    put(ctx, (&what.out, what.kind), &asked.form, &columns, rows.collect())
}

fn differences(ctx: &Ctx, what: &Of) -> Result<Vec<Finding>, Failure> {
    let Opened { board, .. } = open(ctx)?;
    let asked = what.of.asked(&what.form);
    let found = board::differences(&board, &asked, what.period)?;
    let columns = ["unit", "unit_name", "code", "name", "column", "portal", "report"];
    let row = |one: &board::Difference| {
        let texts = [&one.unit.code, &one.unit.name, &one.code, &one.name, &one.column, &one.portal, &one.report];
        texts.map(String::clone).to_vec()
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let mut findings = put(ctx, (&what.file.out, what.file.to), &asked.form, &columns, rows)?;
    if !found.is_empty() {
        let place = format!("{}, {}", what.form, what.period);
        findings.push(Finding::warning("portal-differs").at(place).with("count", found.len()));
    }
    Ok(findings)
}
