/*! `taizhang threshold`: whether a unit is above its trade's threshold (纳统标准), and which duty follows. */

use formula::{At, Gap, Mode, Value};
use model::{Amount, Finding, Month};
use survey::{Standing, Thresholds};

use super::Ctx;
use crate::{
    build, forms,
    output::{Table, label},
    report::Failure,
};

/// Compares last year and this year so far with the threshold of the unit's trade.
pub fn run(ctx: &Ctx, book: Option<&str>, month: Month) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let book = agent.book(book)?;
    let name = "mappings/thresholds.toml";
    let own = forms::own_file(&agent, name).map_err(Failure::config)?;
    let (table, findings) = Thresholds::parse(name, own.as_deref().unwrap_or(survey::THRESHOLDS));
    let table = table.ok_or(Failure { exit: 2, findings })?;
    let industry = agent.unit.industry.as_str();
    let Some(trade) = table.trade(industry) else {
        let finding = Finding::error("industry-unknown").at(agent.path.display().to_string());
        return Err(Failure::config(finding.with("industry", industry)));
    };
    let form = forms::configured(&agent, book, None).ok().and_then(|forms| forms.first().map(|form| form.code.clone()));
    let ready = build::ready(&agent, &mut store, book, form.as_deref().or(Some("B203")), month)?;
    let year = |month: Month, item: &str| -> Result<Amount, Gap> {
        let at = At { month, mode: Mode::ToDate };
        ready.desk.with(&ready.layers.mapping, |engine, _| match engine.item_value(item, at).outcome {
            Ok(Value::Number(number)) => Ok(number),
            Ok(Value::Truth(_)) => Err(Gap::new("error", "value-wrong-kind")),
            Err(gap) => Err(gap),
        })
    };
    let before = Month::new(month.year().saturating_sub(1), 12);
    let last = before.zip(trade.item.as_deref()).map(|(before, item)| (before.year(), year(before, item)));
    let now = trade.item.as_deref().and_then(|item| year(month, item).ok());
    // A year that nobody knows is neither above nor below, and it is told why.
    let unknown = last.as_ref().and_then(|(year, last)| Some((*year, last.as_ref().err()?.clone())));
    let last = last.and_then(|(_, last)| last.ok());
    let standing = trade.standing(last, now, month.month() == 12);
    let show = |amount: Option<Amount>| amount.map_or_else(String::new, |amount| amount.fixed(2));
    let word = if ctx.people() {
        label(ctx.lang, &format!("standing-{}", standing.name().replace('_', "-")))
    } else {
        standing.name().to_owned()
    };
    let limit = trade.amount.clone().unwrap_or_default();
    let row = vec![trade.name.clone(), industry.to_owned(), limit, show(last), show(now), word];
    let columns = ["trade", "industry", "threshold", "last_year", "so_far", "standing"];
    Table { columns: &columns, numbers: &columns[2..5], rows: vec![row] }.write(ctx.format, ctx.lang)?;
    let mut findings = crate::report::grave(ready.findings);
    let place = format!("book {}, {month}", book.id);
    if let Some((year, gap)) = unknown {
        let finding = Finding::note("threshold-year-unknown").at(&place).with("year", year);
        findings.push(finding.with("reason", ui::text(ctx.lang, gap.code, &gap.arguments)));
    }
    match standing {
        Standing::AboveNow => {
            let documents = table.documents.join("、");
            let finding = Finding::warning("threshold-above-now").at(place).with("trade", &trade.name);
            findings.push(finding.with("threshold", trade.amount.as_deref().unwrap_or("")).with("documents", documents));
        }
        Standing::CrossedUp => {
            let documents = table.documents.join("、");
            let finding = Finding::warning("threshold-crossed-up").at(place).with("trade", &trade.name);
            findings.push(finding.with("threshold", trade.amount.as_deref().unwrap_or("")).with("documents", documents));
        }
        Standing::CrossedDown => {
            let finding = Finding::warning("threshold-crossed-down").at(place).with("trade", &trade.name);
            findings.push(finding.with("threshold", trade.amount.as_deref().unwrap_or("")));
        }
        _ => {}
    }
    Ok(findings)
}
