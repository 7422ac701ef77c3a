//! Columns of forms: which of them a draft has of a row, and which months they are about.

use formula::{At, Mode};
use model::Month;
use serde::Deserialize;

use crate::{
    form::{Form, Frequency},
    row::{Row, RowKind},
};

/// A column that a form prints (栏).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Printed {
    /// 本月
    ThisMonth,
    /// 本季
    ThisQuarter,
    /// 1—本月 or 1—本季; balances at the end stand here too
    Cumulative,
    /// 期末
    Closing,
    /// 年初
    Opening,
    /// 上年同月
    PriorYearMonth,
    /// 上年同期
    PriorYear,
    /// The only figure of a row: 本年, 数量, a text, a choice
    Value,
}

impl Printed {
    /// Name in packs and documents.
    pub fn name(self) -> &'static str {
        match self {
            Printed::ThisMonth => "this_month",
            Printed::ThisQuarter => "this_quarter",
            Printed::Cumulative => "cumulative",
            Printed::Closing => "closing",
            Printed::Opening => "opening",
            Printed::PriorYearMonth => "prior_year_month",
            Printed::PriorYear => "prior_year",
            Printed::Value => "value",
        }
    }

    /// When a row's formula is evaluated for this column of a draft of `month`; nothing for a text, and before the first year.
    pub fn at(self, month: Month, kind: RowKind) -> Option<At> {
        let moved = |months: i32, mode: Mode| month.plus(months).map(|month| At { month, mode });
        match self {
            Printed::ThisMonth => moved(0, Mode::Month),
            Printed::ThisQuarter => moved(0, Mode::Quarter),
            Printed::Cumulative | Printed::Closing => moved(0, Mode::ToDate),
            // The formula of 年初数 says itself that it is about the beginning of the year; a balance was closed when the year before ended.
            Printed::Opening if kind == RowKind::Opening => moved(0, Mode::ToDate),
            Printed::Opening => Month::new(month.year() - 1, 12).map(|month| At { month, mode: Mode::ToDate }),
            Printed::PriorYearMonth => moved(-12, Mode::Month),
            Printed::PriorYear => moved(-12, Mode::ToDate),
            Printed::Value => None,
        }
    }
}

impl Form {
    /// The columns that a draft has of a row: those that the form prints and those that the ledger keeps.
    pub fn columns_of(&self, row: &Row) -> Vec<Printed> {
        use Printed as P;
        // A year has no month of its own.
        let monthly = matches!(self.frequency, Frequency::Monthly | Frequency::Quarterly);
        let all: &[P] = match row.kind {
            RowKind::Flow if monthly => &[P::ThisMonth, P::ThisQuarter, P::Cumulative, P::PriorYearMonth, P::PriorYear],
            RowKind::Flow => &[P::Cumulative, P::PriorYear],
            RowKind::Stock => &[P::Closing, P::PriorYear, P::Opening],
            RowKind::Count => &[P::Closing, P::PriorYear],
            RowKind::Opening => &[P::Opening, P::PriorYear],
            RowKind::Text | RowKind::Choice => &[P::Value],
        };
        let optional = |column: P| column == P::ThisQuarter || column == P::Opening && row.kind == RowKind::Stock;
        let prints = |column: &P| self.columns.contains(column) && (row.columns.is_empty() || row.columns.contains(column));
        all.iter().copied().filter(|column| !optional(*column) || prints(column)).collect()
    }
}
