/*! `taizhang explain`: a figure from its formula down to entry lines. */

use std::collections::{BTreeMap, BTreeSet, HashSet};

use formula::{Question, Trace, Value};
use model::{Amount, Finding, Month, Period};
use serde_json::{Value as Json, json};
use survey::document::{Lineage, Note};

use super::{Ctx, explain_measures};
use crate::{
    acts, build,
    output::{self, Format, Table, at_end, label},
    report::Failure,
    reported, then,
};

/// What to explain.
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
    /// 栏目，不给则主要一栏 this_month, cumulative, prior_year_month, prior_year or closing; the form's main column where absent
    #[arg(long)]
    column: Option<String>,
    /// 只看这个科目：账套编码或准则编码 Only this account's lines
    #[arg(long)]
    account: Option<String>,
    /// 每个科目显示几行分录，0 为全部 Entry lines shown of each account, the newest months first; 0 for all
    #[arg(long, default_value_t = 10)]
    lines: usize,
}

/// Entry lines of one account in one answer.
#[derive(Default)]
struct Lines {
    months: BTreeMap<Period, (Amount, u64)>,
    shown: Vec<(Amount, Json)>,
    count: u64,
    sum: Option<Amount>,
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let (form, row, book) = agent.figure(&what.figure, what.book.as_deref())?;
    let version = store.current_draft(&book.id, form, &what.period.to_string())?;
    let stored = version.as_ref().map(build::read).transpose()?;
    let mut ready = build::ready(&agent, &mut store, book, Some(form), what.period)?;
    // What a draft says is explained by what it was built from; what is another since is told beside it.
    let another = stored.as_ref().is_some_and(|draft| then::differs(&ready, draft));
    if let (Some(version), Some(draft), true) = (&version, &stored, another) {
        ready = then::ready(&agent, &store, book, version, draft)?;
    }
    let (layers, desk, mut findings) = (&ready.layers, ready.desk(form), ready.findings.clone());
    let pack = layers.mapping.form(form).ok_or_else(|| Failure::config(Finding::error("form-unknown").with("form", form)))?;
    let Some(known) = pack.row(row) else {
        let near = settings::nearest(row, pack.rows.iter().map(survey::Row::key)).unwrap_or("—");
        let finding = Finding::error("indicator-unknown").with("indicator", format!("[{form}:{row}]")).with("near", near);
        return Err(Failure::config(finding));
    };
    let columns = pack.columns_of(known);
    let main = columns.iter().copied().find(|column| {
        use survey::Printed as P;
        matches!(column, P::Cumulative | P::Closing | P::Opening | P::Value)
    });
    let column = what.column.as_deref().or(main.map(survey::Printed::name)).unwrap_or_default();
    let found = columns.iter().find(|known| known.name() == column);
    let Some(at) = found.and_then(|column| column.at(what.period, known.kind)) else {
        let known = columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ");
        return Err(Failure::config(Finding::error("column-unknown").with("column", column).with("known", known)));
    };
    let month = at.month;
    let trace = desk.with(&layers.mapping, |engine, _| engine.cell(form, row, at));
    let closing = desk.seals.iter().map(|(period, seal)| (*period, crate::books::closing(seal))).collect::<BTreeMap<_, _>>();
    let seen = desk.book.seen(pack.frequency.is_yearly());
    let place = format!("{}, {}, book {}", what.figure, what.period, book.id);
    // An account may be named by the book's code or by the standard's.
    let meant = |account: &str| match &what.account {
        None => true,
        Some(only) => {
            let own = desk.chart.iter().find(|known| known.code == account);
            account == only || own.is_some_and(|own| own.standard.as_ref() == Some(only))
        }
    };
    let mut answers = Vec::new();
    let (mut lineage, mut measured) = (Vec::new(), Vec::new());
    for leaf in trace.answers() {
        if let Some(question) = leaf.measured.as_ref().filter(|_| leaf.outcome.is_ok()) {
            let rows = explain_measures::gather(desk, question, what.account.as_deref(), what.lines)?;
            findings.extend(explain_measures::differs(leaf, &rows, &place));
            answers.push(explain_measures::answer(leaf, &rows));
            measured.push((leaf, rows));
            continue;
        }
        let Some(question) = &leaf.question else { continue };
        let accounts: Vec<String> = question.accounts.iter().filter(|account| meant(account)).cloned().collect();
        if accounts.is_empty() || leaf.outcome.is_err() {
            continue;
        }
        let asked = Question { accounts, ..question.clone() };
        let mut lines = gather(&seen, &asked, &closing, what.lines, &place)?;
        findings.extend(sign(leaf, &mut lines, &place));
        answers.push(answer(leaf, &lines, &desk.names));
        lineage.push((leaf, lines));
    }
    if let Some(wanted) = what.account.as_ref().filter(|_| answers.is_empty()) {
        let asked = trace.answers().into_iter().filter(|leaf| leaf.outcome.is_ok()).filter_map(|leaf| leaf.question.as_ref());
        let known: BTreeSet<&str> = asked.flat_map(|question| question.accounts.iter().map(String::as_str)).collect();
        let named = |code: &str| format!("{code} {}", desk.names.get(code).map_or("", String::as_str));
        if known.is_empty() {
            return Err(Failure::config(Finding::error("figure-without-accounts").at(&place).with("account", wanted)));
        }
        let known = known.into_iter().map(named).collect::<Vec<_>>().join("、");
        let finding = Finding::error("account-not-in-figure").at(&place).with("account", wanted);
        return Err(Failure::config(finding.with("known", known)));
    }
    let cell = stored.as_ref().and_then(|draft| draft.cells.iter().find(|cell| cell.id == known.key()));
    let adjusted = cell.and_then(|cell| cell.adjusted(cell.columns.get(column)?));
    let kept = cell.and_then(|cell| cell.columns.get(column)).and_then(|column| column.raw.clone());
    let now = match &trace.outcome {
        Ok(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    if let Some(stored) = &stored {
        let stale = build::stale(&agent, &store, book, stored)?;
        match kept.filter(|kept| Some(kept) != now.as_ref()) {
            Some(kept) if stale.is_empty() => {
                let finding = Finding::warning("figure-differs").at(&place).with("kept", &kept);
                findings.push(finding.with("now", now.as_deref().unwrap_or("—")).with("period", what.period));
            }
            Some(_) => findings.extend(stale),
            None if another => findings.extend(stale),
            // The same number may be the answer to another question by now.
            None => findings.extend(stale.into_iter().filter(|finding| finding.code == "pack-changed")),
        }
    }
    let (divisor, places) = pack.conversion(known);
    let value = match &trace.outcome {
        Ok(Value::Number(number)) => number.div_round(divisor.into(), places).map(|value| value.to_string()),
        _ => None,
    };
    // Where nothing was computed, what was filed before is shown beside it and never as computed.
    let filed = reported::last_year(&store, &book.id, form, known.key(), column, what.period)?.filter(|_| value.is_none());
    let formula = layers.mapping.cells.get(&(form.to_owned(), known.key().to_owned()));
    let evidence: BTreeMap<String, &str> = desk
        .seals
        .iter()
        .filter(|(period, _)| period.month <= month)
        .map(|(period, seal)| (period.to_string(), seal.root.as_str()))
        .collect();
    match ctx.format {
        Format::Json => output::json(&json!({
            "form": form, "edition": pack.edition, "code": known.code, "id": known.key(), "name": known.name,
            "book": book.id, "period": what.period.to_string(), "column": column,
            "value": value, "adjustment": adjusted, "platform": filed, "raw": now, "unit": known.unit.as_ref().unwrap_or(&pack.unit),
            "formula": formula.map(|f| &f.text), "place": formula.map(|f| &f.place),
            "why": formula.and_then(|f| f.why.as_ref()), "replaces": formula.and_then(|f| f.replaces.as_ref()),
            "mapping": layers.digest(form), "evidence": evidence,
            "lineage": Lineage::from(&trace), "answers": answers,
        }))?,
        Format::Csv => csv(&answers)?,
        Format::Table => {
            let unit = known.unit.as_ref().unwrap_or(&pack.unit);
            let mut text =
                format!("{form}:{}  {}  {}  {}\n", known.key(), known.name, what.period, label(ctx.lang, at_end(column)));
            let shown = value.as_deref().unwrap_or("—");
            let raw = match &trace.outcome {
                Ok(Value::Number(number)) => number.fixed(2),
                _ => "—".to_owned(),
            };
            // A quantity is no money: what stands behind it is in its own unit, and where that is divided, in no unit of the form.
            let money = known.unit.as_ref().is_none_or(|unit| unit.ends_with('元'));
            let behind = match pack.conversion(known) {
                _ if money => format!("    ({raw} {})", label(ctx.lang, "yuan")),
                (1, _) => format!("    ({raw} {unit})"),
                _ => format!("    ({raw})"),
            };
            text += &format!("= {shown} {unit}{behind}\n");
            if let Some(filed) = &filed {
                let (name, colon) = (label(ctx.lang, "platform"), label(ctx.lang, "colon"));
                text += &format!("{name}{colon}{} {unit}    {} {}\n", filed.value, filed.file, filed.place);
            }
            if let Some(made) = adjusted {
                let [colon, reported, adjustment] = ["colon", "reported", "adjustment"].map(|name| label(ctx.lang, name));
                text += &format!("{reported}{colon}{} {unit}    {adjustment}{colon}{}  ", made.reported, made.amount);
                text += &format!("{} ({})\n", made.reason, made.by);
            }
            if let Some(formula) = formula {
                text += &format!("{}  ({})\n", formula.text, formula.place);
                for (name, told) in [("why", &formula.why), ("replaces", &formula.replaces)] {
                    let Some(told) = told else { continue };
                    text += &format!("{}{}{told}\n", label(ctx.lang, name), label(ctx.lang, "colon"));
                }
            }
            text.push('\n');
            output::say(&text)?;
            tree(&trace, 0, ctx)?;
            for (leaf, lines) in &lineage {
                people(ctx, leaf, lines, &desk.names)?;
            }
            for (leaf, rows) in &measured {
                explain_measures::people(ctx, leaf, rows)?;
            }
        }
    }
    if crate::report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    if let Err(gap) = &trace.outcome {
        let note = Note { level: "warning".to_owned(), ..Note::from(&survey::gap_finding(gap, model::Level::Warning)) };
        findings.push(note.finding().at(format!("{}, {month}", what.figure)));
    }
    Ok([crate::report::grave(findings), acts::events(&store, &[what.period])?].concat())
}

/// Entry lines by account; `most` are kept to be shown, all are counted and added.
fn gather(
    seen: &journal::Seen<'_>,
    question: &Question,
    closing: &BTreeMap<Period, HashSet<String>>,
    most: usize,
    place: &str,
) -> Result<BTreeMap<String, Lines>, Failure> {
    let refused = |gap| Failure::findings(vec![survey::gap_finding(&gap, model::Level::Error).at(place)]);
    let by_period = seen.by_period(question, closing).map_err(refused)?;
    let periods: BTreeSet<Period> = by_period.into_values().flatten().map(|(period, _)| period).collect();
    let mut accounts: BTreeMap<String, Lines> = BTreeMap::new();
    let none = HashSet::new();
    for period in periods.into_iter().rev() {
        let closing = closing.get(&period).unwrap_or(&none);
        let left = |account: &str| {
            let shown = accounts.get(account).map_or(0, |lines| lines.shown.len());
            (0, if most == 0 { usize::MAX } else { most.saturating_sub(shown) })
        };
        for (account, page) in seen.pages(question, period, closing, left)? {
            // What was carried without lines is one of them here.
            let opening =
                page.opening.map(|amount| (amount, json!({ "period": period.to_string(), "account": account, "opening": true })));
            let count = page.count + u64::from(opening.is_some());
            let lines = accounts.entry(account).or_insert_with(|| Lines { sum: Some(Amount::ZERO), ..Lines::default() });
            lines.sum = lines.sum.and_then(|sum| sum.checked_add(page.sum));
            lines.count += count;
            lines.months.insert(period, (page.sum, count));
            lines.shown.extend(opening.filter(|_| most == 0 || lines.shown.len() < most));
            lines.shown.extend(page.lines.iter().map(|(entry, amount)| (*amount, shown(period, entry))));
        }
    }
    Ok(accounts)
}

fn shown(period: Period, entry: &journal::Entry) -> Json {
    json!({
        "period": period.to_string(), "voucher": entry.voucher(), "number": entry.number(), "date": entry.text("date"),
        "line": entry.text("line"), "account": entry.account(), "summary": entry.text("summary"), "party": entry.text("party"),
        "debit": entry.debit().to_string(), "credit": entry.credit().to_string(),
    })
}

/// Turns the lines of an answer to the sign that they have in the figure, and proves that they add up to it.
fn sign(leaf: &Trace, accounts: &mut BTreeMap<String, Lines>, place: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in &leaf.parts {
        let Some(lines) = accounts.get_mut(&part.account) else { continue };
        if lines.sum != Some(part.amount) {
            let turned = |amount: Amount| amount.checked_neg().unwrap_or(amount);
            lines.sum = lines.sum.map(turned);
            lines.months.values_mut().for_each(|(amount, _)| *amount = turned(*amount));
            lines.shown.iter_mut().for_each(|(amount, _)| *amount = turned(*amount));
        }
        if lines.sum != Some(part.amount) {
            let finding = Finding::error("lines-differ").at(place).with("account", &part.account);
            let sum = lines.sum.map_or_else(|| "—".to_owned(), |sum| sum.fixed(2));
            findings.push(finding.with("lines", sum).with("figure", part.amount.fixed(2)));
        }
    }
    findings
}

/// One answer of the book as JSON: each account with its months and lines.
fn answer(leaf: &Trace, lines: &BTreeMap<String, Lines>, names: &BTreeMap<String, String>) -> Json {
    let accounts = lines.iter().map(|(account, lines)| {
        let part = leaf.parts.iter().find(|part| part.account == *account).map(|part| part.amount.to_string());
        let months = lines.months.iter().map(
            |(period, (amount, count))| json!({ "period": period.to_string(), "amount": amount.to_string(), "lines": count }),
        );
        let shown = lines.shown.iter().map(|(amount, line)| {
            let mut line = line.clone();
            line["amount"] = amount.to_string().into();
            line
        });
        json!({
            "account": account, "name": names.get(account), "amount": part,
            "lines_total": lines.sum.map(|sum| sum.to_string()), "lines_count": lines.count,
            "months": months.collect::<Vec<_>>(), "lines": shown.collect::<Vec<_>>(),
        })
    });
    json!({ "formula": leaf.text, "accounts": accounts.collect::<Vec<_>>() })
}

const CSV: [&str; 11] =
    ["formula", "period", "voucher", "number", "date", "account", "debit", "credit", "amount", "party", "summary"];

fn csv(answers: &[Json]) -> Result<(), Failure> {
    let list = |value: &Json, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for answer in answers {
        for line in list(answer, "accounts").iter().flat_map(|account| list(account, "lines")) {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let mut row = vec![answer["formula"].as_str().unwrap_or_default().to_owned()];
            row.extend(CSV[1..].iter().map(|name| text(name)));
            rows.push(row);
        }
    }
    output::say(&crate::sheet::csv(&CSV, &rows)?)
}

/// A formula as its reader writes it: sides have names in both languages.
fn written(ctx: &Ctx, text: &str) -> String {
    match ctx.lang {
        ui::Lang::Zh => text.to_owned(),
        ui::Lang::En => text.replace("side=贷", "side=credit").replace("side=借", "side=debit"),
    }
}

/// The formula as a tree of values.
fn tree(trace: &Trace, depth: usize, ctx: &Ctx) -> Result<(), Failure> {
    let value = match &trace.outcome {
        Ok(Value::Number(number)) => number.fixed(2),
        Ok(Value::Truth(truth)) => truth.to_string(),
        Err(gap) => format!("— {}", ui::text(ctx.lang, gap.code, &gap.arguments)),
    };
    output::say(&format!("{}{} = {value}\n", "  ".repeat(depth), written(ctx, &trace.text)))?;
    trace.children.iter().try_for_each(|child| tree(child, depth + 1, ctx))
}

fn people(ctx: &Ctx, leaf: &Trace, lines: &BTreeMap<String, Lines>, names: &BTreeMap<String, String>) -> Result<(), Failure> {
    output::say(&format!("\n{}\n", written(ctx, &leaf.text)))?;
    for (account, lines) in lines {
        let name = names.get(account).map_or("", String::as_str);
        let sum = lines.sum.map_or_else(|| "—".to_owned(), |sum| sum.fixed(2));
        let count = [("count", lines.count.to_string())];
        output::say(&format!("  {account} {name}  {sum}  {}\n", ui::text(ctx.lang, "label-lines-of", &count)))?;
        let months = lines.months.iter().rev().map(|(period, (amount, _))| format!("{period} {}", amount.fixed(2)));
        output::say(&format!("    {}\n", months.collect::<Vec<_>>().join(" · ")))?;
        let rows = lines.shown.iter().map(|(amount, line)| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            vec!["   ".to_owned(), text("period"), text("number"), text("date"), amount.fixed(2), text("party"), text("summary")]
        });
        let columns = ["blank", "period", "voucher", "date", "amount", "party", "summary"];
        Table { columns: &columns, numbers: &["amount"], rows: rows.collect() }.write(Format::Table, ctx.lang)?;
        let rest = lines.count.saturating_sub(lines.shown.len() as u64);
        if rest > 0 {
            output::say(&format!("    {}\n", ui::text(ctx.lang, "label-more-lines", &[("count", rest.to_string())])))?;
        }
    }
    Ok(())
}
