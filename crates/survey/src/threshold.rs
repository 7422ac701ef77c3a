//! Thresholds above which a unit is in the survey (纳统标准): data by trade, and where a unit stands.

use std::collections::BTreeMap;

use model::{Amount, Finding};
use serde::Deserialize;
use settings::Shape;

const ANY: Shape = Shape::Any;
const SHAPE: Shape = Shape::Table(&[
    ("edition", ANY),
    ("documents", ANY),
    ("sections", Shape::Map(&ANY)),
    (
        "trade",
        Shape::Each(&Shape::Table(&[
            ("name", ANY),
            ("letter", ANY),
            ("industry", ANY),
            ("item", ANY),
            ("amount", ANY),
            ("status", ANY),
            ("note", ANY),
        ])),
    ),
]);

/// The table of thresholds.
#[derive(Clone, Debug, Deserialize)]
pub struct Thresholds {
    /// Year of the rules.
    pub edition: String,
    /// What a registration usually asks for.
    pub documents: Vec<String>,
    /// First and last division (大类) of each section of the classification, by its letter.
    #[serde(default)]
    sections: BTreeMap<String, [u8; 2]>,
    /// Trades.
    #[serde(rename = "trade")]
    pub trades: Vec<Trade>,
}

/// One trade's threshold.
#[derive(Clone, Debug, Deserialize)]
pub struct Trade {
    /// Name.
    pub name: String,
    /// Letter of the trade in the survey (专业), as forms have it.
    #[serde(default)]
    pub letter: String,
    /// First characters of industry codes.
    pub industry: Vec<String>,
    /// Item of the mapping that is compared; none where every unit is in.
    pub item: Option<String>,
    /// 元 of a calendar year, as a decimal.
    pub amount: Option<String>,
    /// Evidence status.
    pub status: String,
    /// What else is known.
    #[serde(default)]
    pub note: String,
}

/// Where a unit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every unit of the trade is in the survey.
    Always,
    /// Last year and this year are above.
    Above,
    /// Last year was below, this year is above already: a duty to register.
    CrossedUp,
    /// Last year was above, and this whole year is below.
    CrossedDown,
    /// Last year was above; this year is not over and has not reached it.
    AboveLastYear,
    /// This year is above, and last year's figure is not known: whether it was crossed is not either.
    AboveNow,
    /// Below, as far as the figures go.
    Below,
    /// A figure is missing.
    Unknown,
}

impl Standing {
    /// Machine name.
    pub const fn name(self) -> &'static str {
        match self {
            Standing::Always => "always",
            Standing::Above => "above",
            Standing::CrossedUp => "crossed_up",
            Standing::CrossedDown => "crossed_down",
            Standing::AboveLastYear => "above_last_year",
            Standing::AboveNow => "above_now",
            Standing::Below => "below",
            Standing::Unknown => "unknown",
        }
    }
}

impl Thresholds {
    /// Reads a table; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Thresholds>, Vec<Finding>) {
        let (table, mut findings) = settings::read::<Thresholds>(file, text, &SHAPE);
        for trade in table.iter().flat_map(|table| &table.trades) {
            let unfit = trade.amount.as_ref().is_some_and(|text| text.parse::<Amount>().is_err());
            if unfit || trade.amount.is_some() != trade.item.is_some() {
                findings.push(Finding::error("threshold-unfit").at(file).with("trade", &trade.name));
            }
        }
        (table.filter(|_| findings.is_empty()), findings)
    }

    /// The trade of an industry code, with or without the letter of its section: the longest beginning that fits.
    pub fn trade(&self, industry: &str) -> Option<&Trade> {
        let division = industry.get(..2).and_then(|digits| digits.parse::<u8>().ok());
        let section = self.sections.iter().find(|(_, [first, last])| division.is_some_and(|at| (*first..=*last).contains(&at)));
        let whole = section.map(|(letter, _)| format!("{letter}{industry}"));
        let industry = whole.as_deref().unwrap_or(industry);
        let fits = |trade: &Trade| trade.industry.iter().filter(|start| industry.starts_with(*start)).map(String::len).max();
        self.trades
            .iter()
            .filter_map(|trade| Some((fits(trade)?, trade)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, trade)| trade)
    }
}

impl Trade {
    /// Where a unit stands by last year's figure and this year's so far; `over` says that the year is over.
    pub fn standing(&self, last_year: Option<Amount>, so_far: Option<Amount>, over: bool) -> Standing {
        let Some(limit) = self.amount.as_ref().and_then(|text| text.parse::<Amount>().ok()) else { return Standing::Always };
        let (Some(now), last) = (so_far, last_year) else { return Standing::Unknown };
        match (last.map(|last| last >= limit), now >= limit) {
            (Some(true), true) => Standing::Above,
            (Some(false), true) => Standing::CrossedUp,
            (Some(true), false) if over => Standing::CrossedDown,
            (Some(true), false) => Standing::AboveLastYear,
            (Some(false), false) => Standing::Below,
            (None, true) => Standing::AboveNow,
            (None, false) => Standing::Below,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trades_are_told_by_their_code_and_units_by_their_year() {
        let (table, findings) = Thresholds::parse("mappings/thresholds.toml", crate::THRESHOLDS);
        assert_eq!(findings, []);
        let table = table.unwrap();
        let name = |code: &str| table.trade(code).map(|trade| trade.name.as_str());
        assert_eq!(name("C3489"), Some("工业"));
        assert_eq!(name("F5112"), Some("批发业"));
        assert_eq!(name("F5211"), Some("零售业"));
        assert_eq!(name("K7010"), Some("房地产开发经营业"));
        assert_eq!(name("A0111"), None);
        let amount = |text: &str| Some(text.parse::<Amount>().unwrap());
        let industry = table.trade("C3489").unwrap();
        for (last, now, over, standing) in [
            ("19999999.99", "20000000", false, Standing::CrossedUp),
            ("20000000", "19999999.99", false, Standing::AboveLastYear),
            ("20000000", "19999999.99", true, Standing::CrossedDown),
            ("30000000", "30000000", true, Standing::Above),
            ("1", "1", true, Standing::Below),
        ] {
            assert_eq!(industry.standing(amount(last), amount(now), over), standing, "{last} {now}");
        }
        // Nobody knows whether last year was above.
        assert_eq!(industry.standing(None, amount("28456630"), true), Standing::AboveNow);
        assert_eq!(industry.standing(None, amount("19999999"), true), Standing::Below);
        assert_eq!(industry.standing(None, None, false), Standing::Unknown);
        assert_eq!(table.trade("E4710").unwrap().standing(None, None, false), Standing::Always);
    }
}
