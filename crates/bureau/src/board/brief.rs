//! The monthly brief (月度简报): of data that were accepted, with what they are, how they moved, and how many units they are of.

use std::collections::BTreeMap;

use model::{Amount, Month};
use ui::{Lang, chart};

use super::{
    Asked, Board, Duties, Keyed, Sums, Total, cells,
    compare::growth,
    keyed::{self, Contribution, Warning},
    progress::{self, Group},
    read::{Decision, Figures, Slots, State, TRADE},
};
use crate::store::StoreError;

/// A headline figure of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// Code, name and unit.
    pub figure: [String; 3],
    /// Units that have it.
    pub units: u64,
    /// 1—本月, or 期末
    pub value: Amount,
    /// 上年同期
    pub prior_year: Option<Amount>,
    /// In percent.
    pub growth: Option<Amount>,
    /// The months of the year up to this one: month, figure, last year's.
    pub months: Vec<(String, Option<Amount>, Option<Amount>)>,
    /// By division of the industry: division, units, figure, growth.
    pub trades: Vec<(String, u64, Amount, Option<Amount>)>,
}

/// A brief.
#[derive(Clone, Debug, Default)]
pub struct Brief {
    /// Form.
    pub form: String,
    /// Period.
    pub period: String,
    /// Units that are in it.
    pub units: i64,
    /// How far reporting has come.
    pub progress: Group,
    /// Headline figures.
    pub headlines: Vec<Headline>,
    /// What key enterprises contribute.
    pub contributions: Vec<Contribution>,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
}

/// Whether a report is accepted: a companion is so where it was filed, until it is returned.
fn is_accepted(state: &State) -> bool {
    state.decision == Decision::Accepted || !state.official && state.decision != Decision::Returned
}

/// Accepted reports of a form and month, added up: all together, and by division.
pub fn accepted(board: &Board, asked: &Asked, month: Month) -> Result<(Total, BTreeMap<String, Total>), StoreError> {
    let register = board.register()?;
    let period = super::number(month);
    let broken = || rusqlite::Error::InvalidQuery;
    let (mut all, mut trades): (Total, BTreeMap<String, Total>) = (Total::default(), BTreeMap::new());
    board.read(|connection| {
        for state in State::all(connection, &asked.form, period)?.iter().filter(|state| is_accepted(state)) {
            let Some(unit) = register.get(state.unit).filter(|unit| asked.takes(unit)) else { continue };
            let figures = Figures::find(connection, unit.id, &asked.form, period)?.unwrap_or_default();
            let trade = unit.industry.get(..TRADE).unwrap_or(&unit.industry).to_owned();
            for total in [&mut all, trades.entry(trade).or_default()] {
                total.units += 1;
                cells::count(&mut total.sums, &figures.cells, true).ok_or_else(broken)?;
            }
        }
        Ok(())
    })?;
    Ok((all, trades))
}

/// Puts a brief together.
pub fn brief(board: &Board, duties: &Duties, keyed: &Keyed, asked: &Asked, month: Month) -> Result<Brief, StoreError> {
    let (total, trades) = accepted(board, asked, month)?;
    let slots = board.read(Slots::read)?;
    let mut months = Vec::new();
    for back in (1..month.month()).rev() {
        if let Some(earlier) = month.plus(-i32::from(back)) {
            months.push((earlier, accepted(board, asked, earlier)?.0));
        }
    }
    months.push((month, total.clone()));
    let of = |sums: &Sums, id: Option<u32>| id.and_then(|id| sums.get(&id)).map(|sum| sum.sum);
    let mut headlines = Vec::new();
    for code in duties.headline(&asked.form) {
        let Some(slot) = slots.main(&asked.form, code).and_then(|id| slots.get(id)) else { continue };
        let before = slots.find(&asked.form, code, "prior_year");
        let Some(sum) = total.sums.get(&slot.id) else { continue };
        let prior_year = of(&total.sums, before);
        let point =
            |(month, total): &(Month, Total)| (month.to_string(), of(&total.sums, Some(slot.id)), of(&total.sums, before));
        let trade = |(trade, total): (&String, &Total)| {
            let sum = total.sums.get(&slot.id)?;
            Some((trade.clone(), sum.units, sum.sum, of(&total.sums, before).and_then(|before| growth(sum.sum, before))))
        };
        headlines.push(Headline {
            figure: [slot.code.clone(), name(duties, &asked.form, code, &slot.name), slot.measure.clone()],
            units: sum.units,
            value: sum.sum,
            prior_year,
            growth: prior_year.and_then(|before| growth(sum.sum, before)),
            months: months.iter().map(point).collect(),
            trades: trades.iter().filter_map(trade).collect(),
        });
    }
    let progress = progress::progress(board, duties, asked, month)?.into_iter().find(|one| one.form == asked.form);
    Ok(Brief {
        form: asked.form.clone(),
        period: month.to_string(),
        units: total.units,
        progress: progress.map(|one| one.all).unwrap_or_default(),
        headlines,
        contributions: keyed::contributions(board, duties, keyed, &asked.form, month, &total)?,
        warnings: keyed::warnings(board, keyed, month)?,
    })
}

/// A row's name, where a document does not say it.
fn name(duties: &Duties, form: &str, code: &str, said: &str) -> String {
    let row = duties.form(form).and_then(|form| form.row(code));
    if said.is_empty() { row.map(|row| row.name.clone()).unwrap_or_default() } else { said.to_owned() }
}

/// A table: headings and rows.
struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn amount(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "—".to_owned(), |amount| ui::grouped(&amount.to_string()))
}

impl Brief {
    fn title(&self, lang: Lang) -> String {
        ui::text(lang, "label-brief-title", &[("form", &self.form), ("period", &self.period)])
    }

    fn lead(&self, lang: Lang) -> String {
        let group = &self.progress;
        let rate = group.rate().map(|rate| format!("{}.{}", rate / 10, rate % 10)).unwrap_or_default();
        let values = [
            ("units", self.units.to_string()),
            ("owed", group.owed.to_string()),
            ("reported", group.reported.to_string()),
            ("rate", rate),
        ];
        ui::text(lang, "label-brief-lead", &values)
    }

    fn headings(lang: Lang, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| ui::label(lang, name)).collect()
    }

    fn figures(&self, lang: Lang) -> Table {
        let row = |one: &Headline| {
            let [code, name, measure] = &one.figure;
            vec![
                format!("{code} {name}"),
                measure.clone(),
                one.units.to_string(),
                amount(Some(one.value)),
                amount(one.prior_year),
                amount(one.growth),
            ]
        };
        let head = Brief::headings(lang, &["indicator", "measure", "units", "sum", "prior_year", "growth"]);
        Table { head, rows: self.headlines.iter().map(row).collect() }
    }

    fn trades(&self, lang: Lang, headline: &Headline) -> Table {
        let row = |(trade, units, value, growth): &(String, u64, Amount, Option<Amount>)| {
            vec![trade.clone(), units.to_string(), amount(Some(*value)), amount(*growth)]
        };
        Table {
            head: Brief::headings(lang, &["industry", "units", "sum", "growth"]),
            rows: headline.trades.iter().map(row).collect(),
        }
    }

    fn keys(&self, lang: Lang) -> Table {
        let row = |one: &Contribution| {
            let key = &one.key;
            let texts = [
                key.unit.code.clone(),
                key.unit.name.clone(),
                key.reason.clone(),
                format!("{} {}", one.figure[0], one.figure[1]),
            ];
            let mut row = texts.to_vec();
            row.extend([one.value, one.prior_year, one.share, one.points].map(amount));
            row
        };
        let head =
            Brief::headings(lang, &["unit_code", "unit_name", "reason", "indicator", "sum", "prior_year", "share", "points"]);
        Table { head, rows: self.contributions.iter().map(row).collect() }
    }

    fn watched(&self, lang: Lang) -> Table {
        let row = |one: &Warning| {
            let facts = one.facts.iter().map(|(what, value)| format!("{what} {value}")).collect::<Vec<_>>().join("; ");
            vec![one.key.unit.name.clone(), one.rule.clone(), one.text.clone(), facts, one.handler.clone()]
        };
        Table {
            head: Brief::headings(lang, &["unit_name", "rule", "text", "facts", "handler"]),
            rows: self.warnings.iter().map(row).collect(),
        }
    }

    fn parts(&self, lang: Lang) -> Vec<(String, Table)> {
        let mut parts = vec![(ui::label(lang, "brief_figures"), self.figures(lang))];
        for headline in &self.headlines {
            parts.push((
                format!("{}：{} {}", ui::label(lang, "brief_trades"), headline.figure[0], headline.figure[1]),
                self.trades(lang, headline),
            ));
        }
        parts.extend([(ui::label(lang, "brief_keys"), self.keys(lang)), (ui::label(lang, "brief_warnings"), self.watched(lang))]);
        parts.into_iter().filter(|(_, table)| !table.rows.is_empty()).collect()
    }

    /// As Markdown.
    pub fn markdown(&self, lang: Lang) -> String {
        let mut text = format!("# {}\n\n{}\n", self.title(lang), self.lead(lang));
        let line = |cells: &[String]| {
            format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
        };
        for (title, table) in self.parts(lang) {
            text += &format!("\n## {title}\n\n{}{}", line(&table.head), line(&vec!["---".to_owned(); table.head.len()]));
            table.rows.iter().for_each(|row| text += &line(row));
        }
        text
    }

    /// As a page that prints.
    pub fn html(&self, lang: Lang) -> String {
        let title = plain(&self.title(lang));
        let mut text = format!(
            "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{}</p>",
            if lang == Lang::Zh { "zh" } else { "en" },
            plain(&self.lead(lang))
        );
        for (at, headline) in self.headlines.iter().enumerate() {
            let point = |(month, now, before): &(String, Option<Amount>, Option<Amount>)| chart::Point {
                label: month.clone(),
                now: now.map(Amount::units),
                before: before.map(Amount::units),
                texts: [now, before].map(|value| value.map(|value| value.to_string()).unwrap_or_default()),
                event: String::new(),
                outside: false,
                hollow: false,
            };
            let points: Vec<chart::Point> = headline.months.iter().map(point).collect();
            let [code, name, measure] = &headline.figure;
            let (id, title) = (format!("figure-{at}"), format!("{code} {name}"));
            let drawn = chart::Chart { id: &id, title: &title, description: measure, points: &points, band: None, ticks: &[] };
            text += &format!("<h2>{}</h2>{}", plain(&title), chart::series(lang, &drawn).into_string());
        }
        for (title, table) in self.parts(lang) {
            let cells = |name: &str, cells: &[String]| {
                cells.iter().map(|cell| format!("<{name}>{}</{name}>", plain(cell))).collect::<String>()
            };
            let rows = table.rows.iter().map(|row| format!("<tr>{}</tr>", cells("td", row))).collect::<String>();
            text += &format!("<h2>{}</h2><table><tr>{}</tr>{rows}</table>", plain(&title), cells("th", &table.head));
        }
        text + "</html>\n"
    }
}

const STYLE: &str = "body{font-family:sans-serif;max-width:60em;margin:2em auto}table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:.2em .5em;text-align:left}\
svg.chart{width:100%}.now{fill:none;stroke:#1a5fb4;stroke-width:2}circle{fill:#1a5fb4}.before{fill:none;stroke:#999;stroke-width:2}.grid{stroke:#ccc}";

/// A text in a page.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
