/*! `taizhang evidence`: what an inspector asks for about one figure: the calculation, the vouchers, documents, prices and papers behind it, and
what a person made of it. */

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use formula::{At, Mode, Value};
use journal::{Digest, Entry, Sealed};
use model::{Amount, Finding, Month, Period};
use rust_xlsxwriter::ExcelDateTime;
use serde_json::json;
use survey::{Frequency, RowKind, measures::Origin};

use super::Ctx;
use crate::{
    acts, build, output, packet,
    report::{self, Failure},
    sheet::{self, Page},
    zipped::Zip,
};

/// What stands in the place of a name that is none of the figure's business.
const MASKED: &str = "＊＊＊";

/// Which figure, and where the packet goes.
#[derive(clap::Args)]
pub struct What {
    /// 指标，表号:代码 FORM:CODE, such as B203:301
    figure: String,
    /// 月份 YYYY-MM
    #[arg(long)]
    period: Month,
    /// 账套 id，该表只有一个账套时可不给 Book id; the only one of the form where absent
    #[arg(long)]
    book: Option<String>,
    /// 只要本月，不要 1—本月 The month alone instead of the year to date
    #[arg(long)]
    month: bool,
    /// 资料包的文件夹；以 .zip 结尾则写成一个 ZIP Folder of the packet; a ZIP file where the name ends in .zip
    #[arg(long)]
    out: PathBuf,
}

/// A line of the figure: which question, which account, how much.
struct Counted {
    formula: String,
    period: Period,
    voucher: String,
    number: String,
    account: String,
    amount: Amount,
    /// Date, quantity, unit, price or coefficient, source of the price, who says it: of a document or entry.
    measure: [String; 6],
}

const CALCULATION: [&str; 13] = [
    "formula",
    "account",
    "name",
    "period",
    "voucher",
    "date",
    "quantity",
    "unit",
    "factor",
    "price_source",
    "source",
    "amount",
    "running_total",
];
const VOUCHERS: [&str; 11] =
    ["period", "voucher", "date", "line", "account", "name", "debit", "credit", "party", "summary", "counts"];

/// Writes the packet: a calculation whose total is the figure, whole vouchers with unrelated parties masked, and a manifest.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let (form, row, book) = agent.figure(&what.figure, what.book.as_deref())?;
    let ready = build::ready(&agent, &mut store, book, Some(form), what.period)?;
    let (layers, desk) = (&ready.layers, ready.desk(form));
    let Some((pack, own)) = layers.mapping.form(form).and_then(|pack| Some((pack, pack.row(row)?))) else {
        let finding = Finding::error("indicator-unknown").with("indicator", format!("[{}]", what.figure)).with("near", "—");
        return Err(Failure::config(finding));
    };
    let mode = if what.month { Mode::Month } else { Mode::ToDate };
    let trace = desk.with(&layers.mapping, |engine, _| engine.cell(form, row, At { month: what.period, mode }));
    let place = format!("{}, {}, book {}", what.figure, what.period, book.id);
    // A person's change stands beside the year to date of a flow, and beside the closing of everything else.
    let adjusts = !what.month || own.kind != RowKind::Flow;
    let change = acts::adjustment(&store, &book.id, form, &what.period.to_string(), row)?.filter(|_| adjusts);
    let change = change.as_ref().map(|(change, operation)| (change, *operation));
    let figure = match &trace.outcome {
        Ok(Value::Number(number)) => Some(*number),
        // What a person filled in is all that there is, and it has a reason and papers too.
        Err(_) if change.is_some() => None,
        Ok(Value::Truth(_)) => return Err(Failure::findings(vec![Finding::error("value-wrong-kind").at(place)])),
        Err(gap) => return Err(Failure::findings(vec![survey::gap_finding(gap, model::Level::Error).at(place)])),
    };
    let closing: BTreeMap<Period, HashSet<String>> =
        desk.seals.iter().map(|(period, seal)| (*period, crate::books::closing(seal))).collect();
    let seen = desk.book.seen(pack.frequency == Frequency::Annual);
    let (mut counted, mut measured): (Vec<Counted>, Vec<survey::measures::Counted<'_>>) = (Vec::new(), Vec::new());
    for leaf in trace.answers() {
        if let Some(question) = leaf.measured.as_ref().filter(|_| leaf.outcome.is_ok()) {
            let rows = desk.counted(question);
            let rows = rows.map_err(|gap| Failure::findings(vec![survey::gap_finding(&gap, model::Level::Error).at(&place)]))?;
            measured.extend(rows.iter().cloned());
            counted.extend(rows.into_iter().map(|one| Counted {
                measure: said(ctx, &one),
                formula: leaf.text.clone(),
                period: one.month.into(),
                // A document of the warehouse is no voucher of the books: its number stands in the calculation.
                voucher: String::new(),
                number: one.row.document.clone(),
                account: one.row.item.clone(),
                amount: one.amount,
            }));
            continue;
        }
        let Some(question) = leaf.question.as_ref().filter(|_| leaf.outcome.is_ok()) else { continue };
        let from = counted.len();
        seen.lines(question, &closing, |period, sealed| {
            let (voucher, number, account, amount) = match sealed {
                Sealed::Entry(entry, amount) => (entry.voucher(), entry.number(), entry.account(), amount),
                Sealed::Opening(account, amount) => ("", "", account, amount),
            };
            let [voucher, number, account] = [voucher, number, account].map(str::to_owned);
            let (formula, measure) = (leaf.text.clone(), Default::default());
            counted.push(Counted { formula, period, voucher, number, account, amount, measure });
        })?;
        // Lines stand debit-positive; in the figure they have the sign of the part they belong to.
        for part in &leaf.parts {
            let own = |line: &&mut Counted| line.account == part.account;
            let mut sum = counted[from..].iter().filter(|line| line.account == part.account);
            let sum = sum.try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.amount));
            if sum != Some(part.amount) {
                counted[from..]
                    .iter_mut()
                    .filter(own)
                    .for_each(|line| line.amount = line.amount.checked_neg().unwrap_or(line.amount));
            }
        }
    }
    counted.sort_by(|a, b| (&a.formula, &a.account, a.period, &a.voucher).cmp(&(&b.formula, &b.account, b.period, &b.voucher)));
    let items = desk.measures.as_ref().map(survey::measures::Measures::names).unwrap_or_default();
    let mut total = Amount::ZERO;
    let mut calculation = Vec::new();
    for line in &counted {
        total = total
            .checked_add(line.amount)
            .ok_or_else(|| Failure::findings(vec![Finding::error("amount-too-large").at(&place)]))?;
        let name = desk.names.get(&line.account).or(items.get(&line.account)).cloned().unwrap_or_default();
        let (period, amount) = (line.period.to_string(), line.amount.to_string());
        let head = [line.formula.clone(), line.account.clone(), name, period, line.number.clone()];
        calculation.push([head.to_vec(), line.measure.to_vec(), vec![amount, total.to_string()]].concat());
    }
    let vouchers = vouchers(&store, &book.id, desk, &counted)?;
    let stem = format!("{form}-{row}-{}", what.period);
    // The same evidence is the same packet, whenever it is asked for.
    let made = ExcelDateTime::from_ymd(1980, 1, 1)
        .map_err(|error| Failure::source(Finding::error("output-refused").with("reason", error)))?;
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut papers = packet::Papers::new(&store, book, &stem)?;
    let (conversion, unit) = (pack.conversion(own), packet::unit(pack, own));
    let reported = packet::reported(figure, conversion, unit, change, &mut papers, ctx.lang)?;
    let documents = packet::documents(&measured, &mut papers)?;
    let prices = match &desk.measures {
        Some(measures) => packet::prices(measures, &measured, &mut papers, ctx.lang)?,
        None => Vec::new(),
    };
    let page = |name: &str, columns: &'static [&'static str], numbers: &'static [&'static str], rows| {
        let title = output::label(ctx.lang, &format!("sheet-{name}"));
        Page { title, columns, numbers, rows }
    };
    let money: &[&str] = &["quantity", "factor", "amount", "running_total"];
    let calculation = [
        page("calculation", &CALCULATION, money, &calculation),
        page("reported", &packet::REPORTED, &["amount"], &reported.rows),
    ];
    let mut books: Vec<(&str, &[Page<'_>])> = vec![("calculation", &calculation)];
    let vouchers = [page("vouchers", &VOUCHERS, &["debit", "credit"], &vouchers)];
    books.push(("vouchers", &vouchers));
    let numbers: &[&str] = &["quantity", "price", "amount"];
    let documents =
        [page("documents", &packet::DOCUMENTS, numbers, &documents), page("prices", &packet::PRICES, numbers, &prices)];
    if !measured.is_empty() {
        books.push(("documents", &documents));
    }
    for (name, pages) in books {
        files.insert(format!("{stem}-{name}.xlsx"), sheet::paged(&what.out, pages, ctx.lang, Some(&made))?);
    }
    files.append(&mut papers.files);
    // A linear figure is the sum of its lines; one with a product or a quotient is explained by its tree.
    let adds_up = figure == Some(total);
    let evidence: BTreeMap<String, &str> = desk
        .evidence
        .iter()
        .filter(|(period, _)| period.month <= what.period)
        .map(|(p, seal)| (p.to_string(), seal.root.as_str()))
        .collect();
    let manifest = json!({
        "unit": { "code": agent.unit.code, "name": agent.unit.name }, "book": book.id, "form": form, "edition": pack.edition,
        "figure": row, "period": what.period.to_string(), "column": if what.month { "this_month" } else { "cumulative" },
        "raw": figure.map(|figure| figure.to_string()), "lines_total": total.to_string(), "lines": counted.len(), "adds_up": adds_up, "cell": reported.said,
        "mapping": layers.digest(form), "evidence": evidence, "lineage": survey::document::Lineage::from(&trace),
        "files": files.iter().map(|(name, bytes)| (name, Digest::of(bytes).to_string())).collect::<BTreeMap<_, _>>(),
    });
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Failure::source(Finding::error("output-refused").with("reason", error)))?;
    files.insert(format!("{stem}.json"), (text + "\n").into_bytes());
    output::say(&written(&what.out, &files)?)?;
    let mut findings = report::grave(ready.findings.clone());
    if let Some(figure) = figure.filter(|_| !adds_up) {
        findings
            .push(Finding::warning("figure-not-a-sum").at(place).with("figure", figure.fixed(2)).with("lines", total.fixed(2)));
    }
    Ok(findings)
}

/// What a document or entry says beside its amount.
fn said(ctx: &Ctx, one: &survey::measures::Counted<'_>) -> [String; 6] {
    let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string()).unwrap_or_default();
    let price = one.price.map(|source| output::label(ctx.lang, &format!("price-{}", source.name()))).unwrap_or_default();
    let source = match one.origin {
        Origin::Erp => "ERP".to_owned(),
        Origin::Entry(entry) => entry.person.clone(),
    };
    let (date, unit) = (one.row.date.clone().unwrap_or_default(), one.row.unit.clone().unwrap_or_default());
    [date, text(one.row.quantity), unit, text(one.factor), price, source]
}

/// Writes the files into a ZIP where the name is one's, and into a folder otherwise; what was written, one a line.
fn written(out: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<String, Failure> {
    let refused = |error: std::io::Error| sheet::unwritten(out, &error);
    if out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip")) {
        let part = out.with_extension("part");
        let mut zip = Zip::new(&part)?;
        files.iter().try_for_each(|(name, bytes)| zip.add(name, bytes).map(|_| ()))?;
        zip.finish()?;
        std::fs::rename(&part, out).map_err(refused)?;
        return Ok(format!("{}\n", out.display()));
    }
    std::fs::create_dir_all(out).map_err(refused)?;
    let mut list = String::new();
    for (name, bytes) in files {
        let path = out.join(name);
        sheet::save(&path, bytes)?;
        list += &format!("{}\n", path.display());
    }
    Ok(list)
}

/// The whole vouchers that the lines belong to. Parties and persons of lines that are none of the figure's are masked, in summaries too.
fn vouchers(
    store: &store::Store,
    book: &str,
    desk: &crate::forms::Desk,
    counted: &[Counted],
) -> Result<Vec<Vec<String>>, Failure> {
    let mut wanted: BTreeMap<Period, BTreeSet<&str>> = BTreeMap::new();
    let mut accounts: BTreeSet<&str> = BTreeSet::new();
    for line in counted.iter().filter(|line| !line.voucher.is_empty()) {
        wanted.entry(line.period).or_default().insert(&line.voucher);
        accounts.insert(&line.account);
    }
    let folder = store.snapshots(book)?;
    let (mut rows, mut strangers, mut known) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (period, keys) in wanted {
        let Some(seal) = desk.seals.get(&period).filter(|seal| seal.file.is_some()) else { continue };
        let path: &Path = &journal::entries_path(&folder, period, crate::books::digest(seal)?);
        journal::read_entries(path, |entry: Entry| {
            if keys.contains(entry.voucher()) {
                let own = accounts.contains(entry.account());
                let text = |name: &str| entry.text(name).unwrap_or_default().to_owned();
                let party = match entry.text("party") {
                    Some(party) if !own => {
                        strangers.insert(packet::name(party).to_owned());
                        MASKED.to_owned()
                    }
                    party => {
                        known.extend(party.map(|party| packet::name(party).to_owned()));
                        party.unwrap_or_default().to_owned()
                    }
                };
                let name = desk.names.get(entry.account()).cloned().unwrap_or_default();
                let (debit, credit) = (entry.debit().to_string(), entry.credit().to_string());
                let counts = if own { "✓" } else { "" }.to_owned();
                let account = entry.account().to_owned();
                let (number, summary) = (entry.number().to_owned(), text("summary"));
                let (date, line) = (text("date"), text("line"));
                rows.push(vec![period.to_string(), number, date, line, account, name, debit, credit, party, summary, counts]);
            }
            ControlFlow::Continue(())
        })?;
    }
    // A name that a line of the figure shows is its business wherever it stands.
    let mut names: Vec<String> = strangers.difference(&known).cloned().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.chars().count()));
    let summary = VOUCHERS.iter().position(|name| *name == "summary").unwrap_or(0);
    for row in &mut rows {
        row[summary] = packet::masked(&row[summary], &names, MASKED);
    }
    Ok(rows)
}
