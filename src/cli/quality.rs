/*! `taizhang audit quality`: continuity, matching, coordination with outside sources, and outliers of a unit's own series. It says what moved, never what to report. */

use formula::{At, Mode, Value, World};
use model::{Amount, Finding, Month};
use serde_json::json;
use survey::{
    Form,
    audit::Filed,
    document::{Cell, Columns},
    quality::{
        Compare, Thresholds,
        series::{self, Flag, Point, Series, Sides},
    },
};

use super::{Ctx, audit::Which};
use crate::{
    acts, audit, build,
    output::{self, Format, Table, label},
    report::{self, Failure},
};

/// Months before the one that is looked at.
const BACK: i32 = 24;

/// Runs the verb.
pub fn run(ctx: &Ctx, which: &Which) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    let set = audit::thresholds(&agent)?;
    let books = match &which.book {
        Some(id) => vec![agent.book(Some(id))?],
        None => agent.books_of(which.form.as_deref()),
    };
    let (mut flags, mut findings) = (Vec::new(), Vec::new());
    for book in books {
        let ready = build::ready(&agent, &mut store, book, which.form.as_deref(), which.period)?;
        let given = audit::given(&agent, &store, book)?;
        findings.extend(report::grave(ready.findings.clone()));
        let wanted = ready.forms.iter().filter(|form| which.form.as_ref().is_none_or(|code| form.code == *code));
        for configured in wanted {
            let Some(pack) = ready.layers.mapping.form(&configured.code) else { continue };
            let mut kept = Vec::new();
            for back in 0..=BACK {
                let Some(month) = which.period.plus(-back) else { continue };
                if let Some(version) = store.current_draft(&book.id, &pack.form, &month.to_string())? {
                    kept.push((month, build::read(&version)?));
                }
            }
            let desk = ready.desk(&configured.code);
            let place = format!("{}, {}, book {}", pack.form, which.period, book.id);
            let mut found = desk.with(&ready.layers.mapping, |engine, _| {
                let world = Filed::new(engine, &pack.form, &given);
                let look = Look { world: &world, form: pack, month: which.period };
                let mut flags = look.series(&set, &kept);
                flags.extend(look.pairs(&set));
                flags.extend(look.coordination(&set));
                flags
            });
            found.iter_mut().for_each(|flag| flag.finding.place.clone_from(&place));
            flags.extend(found);
        }
    }
    show(ctx, &flags)?;
    // What happened in the month and in those that it is compared with explains breaks.
    let compared = [which.period.prior_year(), which.period.plus(-1), Some(which.period)];
    findings.extend(acts::events(&store, &compared.into_iter().flatten().collect::<Vec<_>>())?);
    Ok(findings)
}

struct Look<'a> {
    world: &'a Filed<'a>,
    form: &'a Form,
    month: Month,
}

impl Look<'_> {
    /// A figure as it is reported, in the row's unit.
    fn figure(&self, row: &survey::Row, month: Month, mode: Mode) -> Option<Amount> {
        let reckoned = self.form.reckoned(row);
        match self.world.reference(None, row.key(), None, At { month, mode }).outcome {
            Ok(Value::Number(number)) => number.checked_div(Amount::from_whole(reckoned.into())?),
            _ => None,
        }
    }

    /// What was filed of a month before, where its books do not reach back; the month itself is what its books say.
    fn filed(&self, row: &survey::Row, month: Month, columns: &[&str]) -> Option<Amount> {
        let before = (month < self.month).then_some(month)?;
        columns.iter().find_map(|column| self.world.platform(&self.form.form, row.key(), before, column))
    }

    /// Each row's series: what was kept of a month, where it was built, or what its books give today.
    fn series(&self, set: &Thresholds, kept: &[(Month, survey::document::Draft)]) -> Vec<Flag> {
        let mut flags = Vec::new();
        for row in &self.form.rows {
            let flow = row.kind == survey::RowKind::Flow;
            let mut points = Vec::new();
            for back in (0..=BACK).rev() {
                let Some(month) = self.month.plus(-back) else { continue };
                let (alone, to_date) = (self.figure(row, month, Mode::Month), self.figure(row, month, Mode::ToDate));
                let alone = alone.or_else(|| self.filed(row, month, &["this_month"]));
                let to_date = to_date.or_else(|| self.filed(row, month, &["cumulative", "closing", "opening"]));
                let prior_year = month.prior_year().and_then(|month| self.figure(row, month, Mode::ToDate));
                let filed = || self.world.last_year(&self.form.form, row.key(), formula::Column::PriorYear, month);
                let prior_year = prior_year.or_else(filed);
                let known = kept.iter().find(|(known, _)| *known == month);
                let known = known.and_then(|(_, draft)| draft.cells.iter().find(|cell| cell.id == row.key()));
                let point = Point { month, alone: alone.filter(|_| flow), to_date, prior_year };
                // The month itself is looked at as it is now; months before it as they were filled in.
                let before = known.filter(|_| month != self.month).map(|cell| as_kept(cell, point));
                points.push(before.unwrap_or(point));
            }
            let unit = row.unit.clone().unwrap_or_else(|| self.form.unit.clone());
            let (form, code) = (self.form.form.clone(), row.key().to_owned());
            let series = Series { form, code, name: row.name.clone(), unit, flow, points };
            flags.extend(series::screen(&series, self.month, set));
            flags.extend(self.differs(row, &series, kept));
        }
        flags
    }

    /// What was kept of the month against what its books give now.
    fn differs(&self, row: &survey::Row, series: &Series, kept: &[(Month, survey::document::Draft)]) -> Option<Flag> {
        let (_, draft) = kept.iter().find(|(month, _)| *month == self.month)?;
        let cell = draft.cells.iter().find(|cell| cell.id == row.key())?;
        let (was, now) = (value(cell)?, series.points.last()?.to_date?);
        if was == now {
            return None;
        }
        let figure = format!("{}:{}", series.form, series.code);
        let finding = Finding::warning("quality-ledger-differs").with("indicator", format!("{figure} {}", series.name));
        let facts = vec![(format!("{} kept", self.month), was), (format!("{} now", self.month), now)];
        let finding = finding.with("kept", was).with("now", now);
        let name = series.name.clone();
        Some(Flag { kind: "matching", figure, name, facts, score: None, threshold: Amount::ZERO, finding })
    }

    /// A side of a comparison.
    fn side(&self, text: &str, month: Month, mode: Mode) -> Option<Amount> {
        let (expr, faults) = formula::parse(text);
        let expr = expr.filter(|_| faults.is_empty())?;
        match formula::evaluate(&expr, self.world, At { month, mode }).outcome {
            Ok(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Figures of the form and of sources outside the books.
    fn coordination(&self, set: &Thresholds) -> Vec<Flag> {
        let own = set.coordination.iter().filter(|set| set.forms.contains(&self.form.form));
        let flags = own.filter_map(|set| {
            let (back, mode) = if set.compare == Compare::Change { (-1, Mode::Month) } else { (-12, Mode::ToDate) };
            let sides = |month: Month| (self.side(&set.left, month, mode), self.side(&set.right, month, mode));
            let before = self.month.plus(back).map(sides).unwrap_or_default();
            series::coordination(set, &Sides { now: sides(self.month), before }, self.month)
        });
        flags.collect()
    }

    /// Figures that move together.
    fn pairs(&self, set: &Thresholds) -> Vec<Flag> {
        let side = |text: &str, month: Month| self.side(text, month, Mode::Month);
        let pairs = set.pairs.iter().filter(|pair| pair.form == self.form.form);
        let flags = pairs.filter_map(|pair| {
            let months = [self.month.plus(-1)?, self.month];
            let months = months.map(|month| (month, side(&pair.left, month), side(&pair.right, month)));
            series::pair(pair, &months, self.month)
        });
        flags.collect()
    }
}

/// The reported main value of a kept cell.
fn value(cell: &Cell) -> Option<Amount> {
    if let Some(adjustment) = &cell.adjustment {
        return adjustment.reported.parse().ok();
    }
    crate::acts::main_value(cell)?.parse().ok()
}

/// A month as it was kept.
fn as_kept(cell: &Cell, point: Point) -> Point {
    let of = |columns: &Columns, name: &str| columns.get(name).and_then(|column| column.value.as_ref()?.parse().ok());
    Point { alone: of(&cell.columns, "this_month").or(point.alone), to_date: value(cell).or(point.to_date), ..point }
}

fn show(ctx: &Ctx, flags: &[Flag]) -> Result<(), Failure> {
    let text = |finding: &Finding| ui::text(ctx.lang, &finding.code, &finding.arguments);
    let hint = |finding: &Finding| ui::hint(ctx.lang, &finding.code, &finding.arguments).unwrap_or_default();
    match ctx.format {
        Format::Json => {
            let entries = flags.iter().map(|flag| {
                let facts: Vec<_> =
                    flag.facts.iter().map(|(when, value)| json!({ "of": when, "value": value.to_string() })).collect();
                json!({
                    "kind": flag.kind, "code": flag.finding.code, "figure": flag.figure, "name": flag.name, "facts": facts,
                    "score": flag.score.map(|score| score.to_string()), "threshold": flag.threshold.to_string(),
                    "place": flag.finding.place, "reason": text(&flag.finding), "to_do": hint(&flag.finding),
                })
            });
            output::json(&entries.collect())
        }
        Format::Csv => {
            let row = |flag: &Flag| {
                let score = flag.score.map_or_else(String::new, |score| score.to_string());
                let words = [flag.kind, &*flag.finding.code, &flag.figure, &flag.name].map(str::to_owned);
                words.into_iter().chain([score, flag.threshold.to_string(), text(&flag.finding)]).collect()
            };
            let columns = ["kind", "code", "indicator", "name", "score", "limit", "sentence"];
            Table { columns: &columns, numbers: &["score", "limit"], rows: flags.iter().map(row).collect() }
                .write(ctx.format, ctx.lang)
        }
        Format::Table if flags.is_empty() => output::say(&format!("{}\n", label(ctx.lang, "quality-quiet"))),
        Format::Table => {
            let mut all = String::new();
            for flag in flags {
                let kind = label(ctx.lang, &format!("quality-{}", flag.kind));
                all += &format!("【{kind}】{}\n    {}\n    {}\n\n", flag.finding.place, text(&flag.finding), hint(&flag.finding));
            }
            output::say(&all)
        }
    }
}
