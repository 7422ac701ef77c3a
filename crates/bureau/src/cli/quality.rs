//! `quality`: screens among units, for the bureau alone.

use clap::Args;
use model::{Finding, Month};
use survey::quality::among::{Hit, Screen};

use super::{Ctx, output, output::Format};
use crate::{
    failure::Failure,
    quality::{self, Asked, Screened},
};

/// What is compared.
#[derive(Args)]
pub struct Quality {
    /// 表号 Form
    #[arg(long)]
    form: String,
    /// 期别 YYYY-MM Period
    #[arg(long)]
    period: Month,
    /// 制度年份；不写则用收到的最新的 Edition; the newest that arrived where absent
    #[arg(long)]
    edition: Option<String>,
    /// 只比较行业代码以此开头的单位 Only units whose industry begins with this
    #[arg(long, default_value = "")]
    trade: String,
    /// 只比较行政区划代码以此开头的单位 Only units whose region begins with this
    #[arg(long, default_value = "")]
    region: String,
    /// 给出各项的四分位数，代替与众不同的单位 The quartiles of each screen, in the place of the units that stand out
    #[arg(long)]
    ranges: bool,
}

pub fn run(ctx: &Ctx, what: &Quality) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let folder = ctx.config.parent().map(ToOwned::to_owned).unwrap_or_default();
    let asked = Asked {
        form: &what.form,
        month: what.period,
        edition: what.edition.as_deref(),
        trade: &what.trade,
        region: &what.region,
    };
    let screened = quality::screen(&store, &folder, &asked)?;
    match (what.ranges, ctx.format) {
        (true, _) => ranges(ctx, &screened)?,
        (false, Format::Table) => people(ctx, &screened)?,
        (false, _) => outliers(ctx, &screened)?,
    }
    Ok(screened.findings)
}

fn name(ctx: &Ctx, screened: &Screened, figure: usize) -> [String; 2] {
    let figure = &screened.plan.figures()[figure];
    [ctx.word("peers", figure.screen.name()), figure.name.clone()]
}

/// Sentence and what to do.
fn words(ctx: &Ctx, hit: &Hit) -> [String; 2] {
    let finding = &hit.finding;
    let sentence = ui::text(ctx.lang, &finding.code, &finding.arguments);
    [sentence, ui::hint(ctx.lang, &finding.code, &finding.arguments).unwrap_or_default()]
}

fn outliers(ctx: &Ctx, screened: &Screened) -> Result<(), Failure> {
    let row = |hit: &Hit| {
        let unit = &screened.units[hit.unit];
        let [screen, name] = name(ctx, screened, hit.figure);
        let [sentence, to_do] = words(ctx, hit);
        let ratio = hit.ratio.map(|ratio| ratio.to_string()).unwrap_or_default();
        let numbers = [hit.pair[0], hit.pair[1]].map(|number| number.to_string());
        let mut row = vec![unit.code.clone(), unit.name.clone(), screen, hit.id.clone(), name];
        row.extend(numbers);
        row.extend([ratio, hit.score.to_string(), hit.threshold.to_string(), sentence, to_do]);
        row
    };
    let rows: Vec<Vec<String>> = screened.hits.iter().map(row).collect();
    let columns =
        ["unit", "unit_name", "screen", "indicator", "name", "one", "other", "ratio", "score", "limit", "sentence", "to_do"];
    output::rows(ctx.format, ctx.lang, &columns, &rows)
}

fn ranges(ctx: &Ctx, screened: &Screened) -> Result<(), Failure> {
    let rows = screened.spreads.iter().map(|spread| {
        let [screen, name] = name(ctx, screened, spread.figure);
        let quartile = |at: usize| spread.quartiles.map(|all| all[at].to_string()).unwrap_or_default();
        let mut row = vec![screen, spread.id.clone(), name, spread.units.to_string()];
        row.extend([ctx.word("peers", if spread.screened { "yes" } else { "few" }), quartile(0), quartile(1), quartile(2)]);
        row.push(spread.outliers.to_string());
        row
    });
    let columns = ["screen", "indicator", "name", "units", "screened", "lower", "middle", "upper", "outliers"];
    output::rows(ctx.format, ctx.lang, &columns, &rows.collect::<Vec<_>>())
}

/// By screen, as a person reads it: who stands out, by how much, and what to do about it.
fn people(ctx: &Ctx, screened: &Screened) -> Result<(), Failure> {
    let none: [(&str, &str); 0] = [];
    if screened.hits.is_empty() {
        return output::say(&format!("{}\n", ui::text(ctx.lang, "label-peers-quiet", &none)));
    }
    let mut text = String::new();
    for screen in [Screen::Before, Screen::LastYear, Screen::Level, Screen::Ratio] {
        let of = |hit: &&Hit| screened.plan.figures()[hit.figure].screen == screen;
        let mut hits = screened.hits.iter().filter(of).peekable();
        let Some(first) = hits.peek() else { continue };
        text += &format!("【{}】{}\n", ctx.word("peers", screen.name()), words(ctx, first)[1]);
        for hit in hits {
            let unit = &screened.units[hit.unit];
            text += &format!("    {} {}  {}\n", unit.code, unit.name, words(ctx, hit)[0]);
        }
        text.push('\n');
    }
    output::say(&text)
}
