/*! `taizhang measure`: what the books do not hold: entries of people, short sheets, transfer sheets. */

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use formula::{At, Trace};
use model::{Finding, Month};
use serde_json::json;

use super::Ctx;
use crate::{
    config::{Agent, Book},
    evidence::Paper,
    measures::{
        self,
        entering::{self, known},
        ledger::{self, Act, Body},
        sheet as transfer, short,
    },
    output::{self, Format, Table, label},
    report::Failure,
    sheet,
};

/// What to do with measures.
#[derive(Subcommand)]
pub enum What {
    /// 计量种类 Kinds of measures
    Kinds,
    /// 录入 Enter one measure; needs --as
    Enter(Box<Enter>),
    /// 导入短表 Enter every line of a short sheet (XLSX, or CSV in UTF-8 or GBK), or none; needs --as
    Import {
        /// 表格文件 The sheet
        file: PathBuf,
        /// 是哪一张 [[sheet]] Id of the [[sheet]] that it is
        #[arg(long, conflicts_with = "kind")]
        sheet: Option<String>,
        /// 表里没有“种类”列时是哪一种 Kind, where the sheet has no column for it
        #[arg(long)]
        kind: Option<String>,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        #[command(flatten)]
        act: ActArgs,
    },
    /// 空白短表 An empty short sheet as CSV
    Template {
        /// [[sheet]] 的 id Id of the [[sheet]]
        #[arg(long, conflicts_with = "kind")]
        sheet: Option<String>,
        /// 种类 Kind
        #[arg(long)]
        kind: Option<String>,
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
    },
    /// 录入台账 Entries that hold, or were taken back
    List {
        /// 只要这个月 Only this month
        #[arg(long)]
        period: Option<Month>,
        /// 只要这一种 Only this kind
        #[arg(long)]
        kind: Option<String>,
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
    },
    /// 一笔录入的各个版本 Every version of an entry: who, when, why, with which evidence
    Show {
        /// measure list 里的键 Key, as `measure list` has it
        key: String,
        /// 只要这个月 Only this month
        #[arg(long)]
        period: Option<Month>,
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
    },
    /// 过录表 How the documents of a month became a measure; of output: quantity, price, source of the price, value
    Sheet {
        /// 种类 Kind
        #[arg(long)]
        kind: String,
        /// 月份 YYYY-MM
        #[arg(long)]
        period: Month,
        /// 文件种类 Kind of file
        #[arg(long, value_enum)]
        to: Option<To>,
        /// 文件，从当前目录算起；CSV 不给则到标准输出 File; CSV goes to stdout where absent
        #[arg(long)]
        out: Option<PathBuf>,
        /// 账套 id，只有一个时可不给 Book id; the only one where absent
        #[arg(long)]
        book: Option<String>,
    },
    /// 谁还没填 Which short sheets are missing from whom
    Due {
        /// 月份，不给则上个月 YYYY-MM; the month before today where absent
        #[arg(long)]
        period: Option<Month>,
        /// 问的日子，不给则今天 The day on which it is asked (YYYY-MM-DD); today where absent
        #[arg(long)]
        on: Option<String>,
    },
}

/// Kind of file.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// Workbook
    Xlsx,
    /// UTF-8 without BOM
    Csv,
}

/// How entries are made.
#[derive(Args)]
pub struct ActArgs {
    /// 证明材料 Papers that prove it; copied into the state under their SHA-256
    #[arg(long, num_args = 1..)]
    evidence: Vec<PathBuf>,
    /// 更正以前录入的，旧版仍在 Correct what was entered before; the version before stays
    #[arg(long, requires = "reason")]
    correct: bool,
    /// 更正或撤回的理由 Why it is corrected or taken back
    #[arg(long)]
    reason: Option<String>,
    /// 加在 ERP 已有的数上 Add to what the ERP has of the same item
    #[arg(long)]
    beside_erp: bool,
    /// 账套 id，只有一个时可不给 Book id; the only one where absent
    #[arg(long)]
    book: Option<String>,
}

/// One entry.
#[derive(Args)]
pub struct Enter {
    /// 种类：id 或名称 Kind: id or name
    #[arg(long)]
    kind: String,
    /// 项目：产品、能源品种、人员类别、研发项目 Item: product, kind of energy, category of people, project
    #[arg(long)]
    item: String,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 日期 Day (YYYY-MM-DD)
    #[arg(long, default_value = "")]
    date: String,
    /// 数量 Quantity
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    quantity: String,
    /// 计量单位 Unit
    #[arg(long, default_value = "")]
    unit: String,
    /// 金额（本位币）；单价为不含税 Money in the book's currency; of a price, for one unit without tax
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    amount: String,
    /// 人数：level 为从该日起的人数，change 为增减 Of heads: level (so many from that day on) or change (so many more or less)
    #[arg(long, default_value = "")]
    basis: String,
    /// 实测折标系数 Measured coefficient: tonnes of standard coal for one unit
    #[arg(long, default_value = "")]
    coefficient: String,
    /// 单据号 Number of the paper
    #[arg(long, default_value = "")]
    document: String,
    /// 品种类别 Class of the item
    #[arg(long, default_value = "")]
    class: String,
    /// 来源 made, bought or service
    #[arg(long, default_value = "")]
    origin: String,
    /// 该种类的字段 A field of the kind, as in project=三号线
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// 说明 In words
    #[arg(long, default_value = "")]
    note: String,
    /// 撤回这一条，原记录仍在 Take the entry back; it keeps its place and says why
    #[arg(long, requires = "reason")]
    withdraw: bool,
    #[command(flatten)]
    act: ActArgs,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::Kinds => kinds(ctx),
        What::Enter(entry) => enter(ctx, entry),
        What::Import { file, sheet, kind, period, act } => {
            let agent = ctx.agent()?;
            let kind = kind_of(&agent, sheet.as_deref(), kind.as_deref())?;
            let facts = measures::facts(&agent)?;
            let (bodies, mut findings) = short::read(file, &facts.kinds, kind.as_deref())?;
            findings.extend(make(ctx, *period, act, bodies)?);
            Ok(findings)
        }
        What::Template { sheet, kind, book } => template(ctx, sheet.as_deref(), kind.as_deref(), book.as_deref()),
        What::List { period, kind, book } => list(ctx, *period, kind.as_deref(), book.as_deref()),
        What::Show { key, period, book } => show(ctx, key, *period, book.as_deref()),
        What::Sheet { kind, period, to, out, book } => transfer(ctx, kind, *period, *to, out.as_ref(), book.as_deref()),
        What::Due { period, on } => due(ctx, *period, on.as_deref()),
    }
}

fn kinds(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let facts = measures::facts(&ctx.agent()?)?;
    let rows = facts.kinds.kinds.iter().map(|(id, kind)| {
        let needs = kind.needs.iter().map(|need| need.name()).collect::<Vec<_>>().join(", ");
        let fields = kind.fields.iter().map(|(id, field)| format!("{id} {}", field.name)).collect::<Vec<_>>().join(", ");
        let nature = format!("{:?}", kind.nature).to_lowercase();
        vec![id.clone(), kind.name.clone(), nature, needs, fields, kind.note.clone().unwrap_or_default()]
    });
    let columns = ["kind", "name", "nature", "needs", "fields", "note"];
    Table { columns: &columns, numbers: &[], rows: rows.collect() }.write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}

/// The kind that is meant: of the sheet, or as it is said.
fn kind_of(agent: &Agent, sheet: Option<&str>, kind: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(id) = sheet else { return Ok(kind.map(str::to_owned)) };
    let known = || agent.sheets.iter().map(|sheet| sheet.id.as_str());
    match agent.sheets.iter().find(|sheet| sheet.id == id) {
        Some(sheet) => Ok(Some(sheet.kind.clone())),
        None if agent.sheets.is_empty() => {
            let finding = Finding::error("sheets-missing").at(agent.path.display().to_string());
            Err(Failure::config(finding.with("sheet", id)))
        }
        None => {
            let near = settings::nearest(id, known()).unwrap_or("—").to_owned();
            let finding = Finding::error("sheet-unknown").at(agent.path.display().to_string()).with("sheet", id);
            Err(Failure::config(finding.with("near", near).with("known", known().collect::<Vec<_>>().join(", "))))
        }
    }
}

fn enter(ctx: &Ctx, entry: &Enter) -> Result<Vec<Finding>, Failure> {
    let mut body = Body {
        kind: entry.kind.clone(),
        item: entry.item.trim().to_owned(),
        date: entry.date.clone(),
        document: entry.document.clone(),
        quantity: entry.quantity.clone(),
        unit: entry.unit.clone(),
        amount: entry.amount.clone(),
        basis: entry.basis.clone(),
        coefficient: entry.coefficient.clone(),
        class: entry.class.clone(),
        origin: entry.origin.clone(),
        note: entry.note.clone(),
        withdrawn: entry.withdraw,
        ..Body::default()
    };
    for field in &entry.fields {
        let Some((name, value)) = field.split_once('=') else {
            let finding = Finding::error("measure-field-unfit").with("field", "field").with("value", field);
            return Err(Failure::config(finding.with("known", "NAME=VALUE")));
        };
        body.fields.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    let place = format!("{} {}, {}", entry.kind, entry.item, entry.period);
    make_as(ctx, entry.period, &entry.act, entry.act.correct || entry.withdraw, vec![(place, body)])
}

fn make(ctx: &Ctx, month: Month, act: &ActArgs, bodies: Vec<(String, Body)>) -> Result<Vec<Finding>, Failure> {
    make_as(ctx, month, act, act.correct, bodies)
}

fn make_as(ctx: &Ctx, month: Month, act: &ActArgs, correct: bool, bodies: Vec<(String, Body)>) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let person = ctx.person(&agent)?;
    let book = agent.book(act.book.as_deref())?;
    let (reason, papers) = (act.reason.as_deref().unwrap_or_default(), Paper::all(&act.evidence)?);
    let act = Act { person, correct, beside: act.beside_erp, reason, evidence: &papers };
    let (written, findings) = entering::make(&agent, &mut store, book, &act, vec![(month, bodies)])?;
    output::say(&written.iter().map(|key| format!("{key}\n")).collect::<String>())?;
    Ok(findings)
}

fn template(ctx: &Ctx, id: Option<&str>, kind: Option<&str>, book: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let named = kind_of(&agent, id, kind)?.unwrap_or_default();
    let facts = measures::facts(&agent)?;
    let (kind, fact) = known(&facts.kinds, &named)?;
    let sheet = id.and_then(|id| agent.sheets.iter().find(|sheet| sheet.id == id));
    let book = agent.book(book.or_else(|| sheet?.book.as_deref()))?;
    let items = sheet.map(|sheet| sheet.items.as_slice()).unwrap_or_default();
    let (header, lines) = short::template(kind, fact, items, &ledger::current(&store, &book.id, None)?);
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    output::say(&sheet::csv(&header, &lines)?)?;
    Ok(Vec::new())
}

const LIST: [&str; 11] = ["period", "key", "quantity", "unit", "amount", "basis", "who", "at", "evidence", "state", "reason"];

/// When an operation was and what it says of an entry: the rows of `list` and `show`.
fn lines(ctx: &Ctx, store: &store::Store, entries: &[ledger::Entry]) -> Result<(), Failure> {
    let times: std::collections::BTreeMap<i64, String> =
        store.operations()?.into_iter().map(|operation| (operation.seq, operation.at)).collect();
    let rows = entries.iter().map(|entry| {
        let body = &entry.body;
        let files = body.evidence.iter().map(|file| {
            let of = |name: &str| file.get(name).map(String::as_str).unwrap_or_default();
            format!("{} {}", of("name"), of("sha256").get(..12).unwrap_or_default())
        });
        let state = if body.withdrawn { label(ctx.lang, "withdrawn") } else { label(ctx.lang, "holds") };
        vec![
            entry.month.to_string(),
            entry.key.clone(),
            body.quantity.clone(),
            body.unit.clone(),
            body.amount.clone(),
            body.basis.clone(),
            body.person.clone(),
            times.get(&entry.operation).cloned().unwrap_or_default(),
            files.collect::<Vec<_>>().join("; "),
            if ctx.people() { state } else { if body.withdrawn { "withdrawn" } else { "holds" }.to_owned() },
            body.reason.clone(),
        ]
    });
    Table { columns: &LIST, numbers: &["quantity", "amount"], rows: rows.collect() }.write(ctx.format, ctx.lang)
}

fn list(ctx: &Ctx, period: Option<Month>, kind: Option<&str>, book: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let book = agent.book(book)?;
    let facts = measures::facts(&agent)?;
    let kind = kind.map(|name| known(&facts.kinds, name)).transpose()?.map(|(id, _)| id);
    let mut entries = ledger::current(&store, &book.id, period)?;
    entries.retain(|entry| kind.is_none_or(|kind| entry.body.kind == kind));
    lines(ctx, &store, &entries)?;
    Ok(Vec::new())
}

fn show(ctx: &Ctx, key: &str, period: Option<Month>, book: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let book = agent.book(book)?;
    let versions = ledger::versions(&store, &book.id, period, key)?;
    if versions.is_empty() {
        let month = period.map_or_else(|| "*".to_owned(), |month| month.to_string());
        let finding = Finding::error("measure-entry-unknown").at(format!("book {}", book.id)).with("key", key);
        return Err(Failure::findings(vec![finding.with("month", month)]));
    }
    if ctx.format == Format::Json {
        let shown = versions.iter().map(|entry| {
            json!({ "period": entry.month.to_string(), "key": entry.key, "operation": entry.operation, "entry": entry.body })
        });
        output::json(&shown.collect())?;
    } else {
        lines(ctx, &store, &versions)?;
    }
    Ok(Vec::new())
}

fn transfer(
    ctx: &Ctx,
    kind: &str,
    month: Month,
    to: Option<To>,
    out: Option<&PathBuf>,
    book: Option<&str>,
) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let book = agent.book(book)?;
    measures::first(&agent, &mut store, book)?;
    let loaded = measures::load(&agent, &store, book)?;
    let (id, fact) = known(&loaded.kinds, kind)?;
    let desk = if fact.also.is_empty() { None } else { Some(desk(&agent, &mut store, book, month)?) };
    let also = |formula: &str, at: At| evaluated(desk.as_ref()?, formula, at);
    let made = transfer::make(&loaded, id, fact, month, ctx.lang, &also)?;
    if made.rows.is_empty() && made.products.is_empty() {
        let finding = Finding::warning("measure-without-source").at(format!("{month}, book {}", book.id));
        return Ok(vec![finding.with("kind", &fact.name)]);
    }
    if to == Some(To::Xlsx) {
        let path = out.cloned().unwrap_or_else(|| PathBuf::from(format!("{id}-{month}.xlsx")));
        made.save(&path, &fact.name, ctx.lang)?;
        output::say(&format!("{}\n", path.display()))?;
        return Ok(made.findings);
    }
    let tables = [(&transfer::PRODUCTS[..], &made.products), (&transfer::ROWS[..], &made.rows)];
    if ctx.format == Format::Json && to.is_none() {
        let object = |columns: &[&str], rows: &[Vec<String>]| {
            let named = |cells: &Vec<String>| {
                let pairs = columns.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), cell.as_str().into()));
                serde_json::Value::Object(pairs.collect())
            };
            rows.iter().map(named).collect::<Vec<_>>()
        };
        let [products, documents] = tables.map(|(columns, rows)| object(columns, rows));
        output::json(&json!({
            "kind": id, "name": fact.name, "book": book.id, "period": month.to_string(),
            "products": products, "documents": documents,
        }))?;
        return Ok(made.findings);
    }
    if to == Some(To::Csv) || ctx.format == Format::Csv {
        // The calculation where there is one, the documents otherwise.
        let (columns, rows) = if made.products.is_empty() { tables[1] } else { tables[0] };
        let inert: Vec<Vec<String>> = rows.iter().map(|row| csv_row(columns, row)).collect();
        let text = sheet::csv(columns, &inert)?;
        match out {
            Some(path) => sheet::save(path, text.as_bytes())?,
            None => output::say(&text)?,
        }
        return Ok(made.findings);
    }
    let products: Vec<Vec<String>> = made
        .products
        .iter()
        .map(|row| {
            let mut row = row.clone();
            if !row[6].is_empty() {
                row[6] = label(ctx.lang, &format!("price-{}", row[6]));
            }
            row
        })
        .collect();
    if !products.is_empty() {
        let numbers = ["quantity", "price", "value"];
        Table { columns: &transfer::PRODUCTS, numbers: &numbers, rows: products }.write(Format::Table, ctx.lang)?;
        output::say("\n")?;
    }
    Table { columns: &transfer::ROWS, numbers: &["quantity", "amount"], rows: made.rows }.write(Format::Table, ctx.lang)?;
    Ok(made.findings)
}

/// Texts of a sheet cannot be formulas; numbers stay as they are.
fn csv_row(columns: &[&str], row: &[String]) -> Vec<String> {
    let number = |name: &str| ["quantity", "price", "value", "amount"].contains(&name);
    columns.iter().zip(row).map(|(name, text)| if number(name) { text.clone() } else { sheet::inert(text) }).collect()
}

/// The book with its standard, for the lines of a sheet that are formulas.
fn desk(
    agent: &Agent,
    store: &mut store::Store,
    book: &Book,
    month: Month,
) -> Result<(survey::Mapping, crate::forms::Desk), Failure> {
    let forms = agent.forms.iter().filter(|form| form.book.as_ref().is_none_or(|id| *id == book.id)).cloned().collect::<Vec<_>>();
    let layers = crate::forms::layers(agent, &forms)?;
    let period = model::Period { month, adjustment: true };
    let (sealed, _) = crate::pull::sealed(agent, store, book, period, crate::books::Grain::Dimensions)?;
    let mut desk = crate::forms::Desk::new(agent, store, book, sealed, &layers.mapping, false)?;
    desk.measures = Some(measures::load(agent, store, book)?);
    Ok((layers.mapping, desk))
}

fn evaluated((mapping, desk): &(survey::Mapping, crate::forms::Desk), text: &str, at: At) -> Option<Trace> {
    let (expr, _) = formula::parse(text);
    let expr = expr?;
    Some(desk.with(mapping, |engine, _| engine.formula("", &expr, formula::Scope::Standard, at)))
}

fn due(ctx: &Ctx, period: Option<Month>, on: Option<&str>) -> Result<Vec<Finding>, Failure> {
    let (agent, store) = ctx.open()?;
    let today = on.map_or_else(measures::today, str::to_owned);
    let unfit = || Failure::config(Finding::error("measure-date-unfit").with("item", "--on").with("document", &today));
    let month = period.or_else(|| entering::month_before(&today)).ok_or_else(unfit)?;
    let facts = measures::facts(&agent)?;
    let mut rows = Vec::new();
    for owed in entering::owed(&agent, &store, &facts, month, &today)? {
        let id = &owed.sheet.person;
        let person = agent.people.iter().find(|person| person.id == *id);
        let name = person.map_or_else(|| id.clone(), |person| format!("{} {}", person.id, person.name));
        let shown = if ctx.people() { label(ctx.lang, owed.state) } else { owed.state.to_owned() };
        let done = format!("{}/{}", owed.expected - owed.missing.len().min(owed.expected), owed.expected);
        let (sheet, kind, missing) = (owed.sheet.id.clone(), owed.name.to_owned(), owed.missing.join(", "));
        rows.push(vec![sheet, kind, month.to_string(), name, owed.due, shown, done, missing]);
    }
    let columns = ["sheet", "kind", "period", "person", "due", "state", "entered", "missing"];
    Table { columns: &columns, numbers: &[], rows }.write(ctx.format, ctx.lang)?;
    Ok(Vec::new())
}
