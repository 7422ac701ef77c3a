/*!
Quality of figures beside the rules of a form: continuity and matching of a unit's own series, coordination with sources outside the
books, and screens among peers.

Two doors: [`series`] looks at one unit's own figures and says what moved, never what would be expected; [`among`] compares the reports of many
units with each other by the screens of [`peers`], for receivers only. No result proposes a value or a direction. Thresholds are data.
*/

pub mod among;
pub mod peers;
pub mod robust;
pub mod series;

use model::{Amount, Finding};
use serde::Deserialize;
use settings::Shape;

use crate::rule::amount;

/// Thresholds that come with the program.
pub const THRESHOLDS: &str = include_str!("../../../../mappings/quality.toml");

const ANY: Shape = Shape::Any;
const SHAPE: Shape = Shape::Table(&[
    ("carry", Shape::Table(&[("tolerance", ANY)])),
    ("month_on_month", Shape::Table(&[("most", ANY), ("floor", ANY)])),
    ("year_on_year", Shape::Table(&[("most", ANY), ("floor", ANY)])),
    ("own_outlier", Shape::Table(&[("least_months", ANY), ("most", ANY)])),
    (
        "pair",
        Shape::Each(&Shape::Table(&[("id", ANY), ("form", ANY), ("left", ANY), ("right", ANY), ("most", ANY), ("text", ANY)])),
    ),
    (
        "coordination",
        Shape::Each(&Shape::Table(&[
            ("id", ANY),
            ("forms", ANY),
            ("left", ANY),
            ("right", ANY),
            ("compare", ANY),
            ("most", ANY),
            ("text", ANY),
        ])),
    ),
    (
        "peers",
        Shape::Table(&[
            ("least_units", ANY),
            ("hidiroglou_berthelot", Shape::Table(&[("u_quarters", ANY), ("a", ANY), ("c", ANY), ("least", ANY)])),
            ("median_mad", Shape::Table(&[("most", ANY)])),
            ("level", Shape::Each(&Shape::Table(&[("id", ANY), ("forms", ANY), ("left", ANY), ("right", ANY), ("text", ANY)]))),
            (
                "ratio",
                Shape::Each(&Shape::Table(&[
                    ("id", ANY),
                    ("forms", ANY),
                    ("left", ANY),
                    ("right", ANY),
                    ("least", ANY),
                    ("most", ANY),
                    ("text", ANY),
                ])),
            ),
        ]),
    ),
]);

/// Thresholds, read.
#[derive(Clone, Debug, Deserialize)]
pub struct Thresholds {
    /// 上月累计 + 本月 = 本月累计.
    pub carry: Carry,
    /// Against the month before.
    pub month_on_month: Growth,
    /// Against the same months of last year.
    pub year_on_year: Growth,
    /// Against the unit's own months.
    pub own_outlier: OwnOutlier,
    /// Figures that move together.
    #[serde(default, rename = "pair")]
    pub pairs: Vec<Pair>,
    /// Figures of forms and of sources outside the books.
    #[serde(default)]
    pub coordination: Vec<Coordination>,
    /// For receivers.
    pub peers: Peers,
}

/// Carry-forward.
#[derive(Clone, Debug, Deserialize)]
pub struct Carry {
    /// What is forgiven, in the row's unit: three roundings.
    #[serde(deserialize_with = "amount")]
    pub tolerance: Amount,
}

/// Growth.
#[derive(Clone, Debug, Deserialize)]
pub struct Growth {
    /// Largest change that is not told, as a part of the earlier figure.
    #[serde(deserialize_with = "amount")]
    pub most: Amount,
    /// Figures that are both below this in the row's unit are not looked at.
    #[serde(deserialize_with = "amount")]
    pub floor: Amount,
}

/// Own history.
#[derive(Clone, Debug, Deserialize)]
pub struct OwnOutlier {
    /// Months that must be there.
    pub least_months: usize,
    /// Largest score that is not told.
    #[serde(deserialize_with = "amount")]
    pub most: Amount,
}

/// Two figures that move together, as formulas over a form.
#[derive(Clone, Debug, Deserialize)]
pub struct Pair {
    /// Id.
    pub id: String,
    /// Form from which it is looked at.
    pub form: String,
    /// Formula.
    pub left: String,
    /// Formula.
    pub right: String,
    /// Largest change of left ÷ right from month to month that is not told.
    #[serde(deserialize_with = "amount")]
    pub most: Amount,
    /// What a person reads.
    pub text: String,
}

/// How a figure of a form is held against one from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Their difference as a part of the outside figure.
    Level,
    /// The difference of what each is of its own last year.
    Growth,
    /// The change of their ratio from month to month.
    Change,
}

/// A figure of a form and one of a source outside the books (协调性), as formulas over the form.
#[derive(Clone, Debug, Deserialize)]
pub struct Coordination {
    /// Id.
    pub id: String,
    /// Forms from which it is looked at.
    pub forms: Vec<String>,
    /// Formula.
    pub left: String,
    /// Formula of the outside figure.
    pub right: String,
    /// How.
    pub compare: Compare,
    /// Largest score that is not told.
    #[serde(deserialize_with = "amount")]
    pub most: Amount,
    /// What a person reads.
    pub text: String,
}

/// Screens among units.
#[derive(Clone, Debug, Deserialize)]
pub struct Peers {
    /// Fewest units that are compared.
    pub least_units: usize,
    /// Change from period to period.
    pub hidiroglou_berthelot: HidiroglouBerthelot,
    /// Level of a figure or ratio.
    pub median_mad: MedianMad,
    /// Ratios whose level is compared by [`Peers::median_mad`].
    #[serde(default, rename = "level")]
    pub levels: Vec<Among>,
    /// Ratios with fixed bounds.
    #[serde(default, rename = "ratio")]
    pub ratios: Vec<Among>,
}

/// Hidiroglou and Berthelot (1986).
#[derive(Clone, Debug, Deserialize)]
pub struct HidiroglouBerthelot {
    /// The exponent U that says how much size weighs, in quarters: 0 to 4.
    pub u_quarters: u8,
    /// A: least width of the interval, as a part of the median.
    #[serde(deserialize_with = "amount")]
    pub a: Amount,
    /// C: how many widths the interval reaches.
    #[serde(deserialize_with = "amount")]
    pub c: Amount,
    /// Smallest s that is told: a change that is hardly another than the median change is none, however large the unit. Not of the paper.
    #[serde(default, deserialize_with = "amount")]
    pub least: Amount,
}

/// Median and median absolute deviation.
#[derive(Clone, Debug, Deserialize)]
pub struct MedianMad {
    /// Largest score that is not told.
    #[serde(deserialize_with = "amount")]
    pub most: Amount,
}

/// A ratio of two formulas over a form.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Among {
    /// Id.
    pub id: String,
    /// Forms from which it is looked at; those that its formulas name where there are none.
    #[serde(default)]
    pub forms: Vec<String>,
    /// Formula of the numerator.
    pub left: String,
    /// Formula of the denominator.
    pub right: String,
    /// Lower bound, where it has bounds.
    #[serde(default, deserialize_with = "amount")]
    pub least: Amount,
    /// Upper bound, where it has bounds.
    #[serde(default, deserialize_with = "amount")]
    pub most: Amount,
    /// What a person reads.
    #[serde(default)]
    pub text: String,
}

impl Thresholds {
    /// Reads the file.
    pub fn parse(file: &str, text: &str) -> (Option<Thresholds>, Vec<Finding>) {
        let (thresholds, mut findings) = settings::read::<Thresholds>(file, text, &SHAPE);
        if thresholds.as_ref().is_some_and(|read| read.peers.hidiroglou_berthelot.u_quarters > 4) {
            findings.push(Finding::error("quality-exponent-unfit").at(file));
            return (None, findings);
        }
        (thresholds, findings)
    }
}
