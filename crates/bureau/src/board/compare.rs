//! An indicator over months, beside one of another form where that is asked for.

use model::{Amount, Month as Period};

use super::{
    Asked, Board,
    cells::Sum,
    read::Slots,
    totals::{self, By},
};
use crate::store::StoreError;

/// An indicator of a month, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Month {
    /// Month, `YYYY-MM`.
    pub period: String,
    /// Units that reported the form.
    pub units: i64,
    /// 本月
    pub alone: Option<Sum>,
    /// 1—本月, or 期末
    pub main: Option<Sum>,
    /// 上年同期
    pub prior_year: Option<Sum>,
    /// Growth of the sums on last year in percent; nothing where there is nothing to grow from.
    pub growth: Option<Amount>,
    /// The other indicator: 1—本月, or 期末
    pub other: Option<Sum>,
    /// The first by the other.
    pub ratio: Option<Amount>,
}

/// An indicator over months.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Name of the row, and its unit.
    pub name: [String; 2],
    /// Name of the other one, and its unit.
    pub other: [String; 2],
    /// Months.
    pub months: Vec<Month>,
}

/// Percent of a change with one decimal.
pub fn growth(now: Amount, before: Amount) -> Option<Amount> {
    if before <= Amount::ZERO {
        return None;
    }
    now.checked_sub(before)?.checked_mul(Amount::from_whole(100)?)?.checked_div(before)?.round(1)
}

/// Adds up the indicator of each month, and another one beside it.
pub fn compare(
    board: &Board,
    asked: &Asked,
    code: &str,
    other: Option<(&str, &str)>,
    months: [Period; 2],
) -> Result<Compared, StoreError> {
    let slots = board.read(Slots::read)?;
    let named = |form: &str, code: &str| {
        let slot = slots.main(form, code).and_then(|id| slots.get(id));
        slot.map(|slot| [slot.name.clone(), slot.measure.clone()]).unwrap_or_default()
    };
    let fine = asked.area.len() > super::read::REGION || asked.trade.len() > super::read::TRADE;
    let all = |form: &str, month: Period| {
        let asked = Asked { form: form.to_owned(), ..asked.clone() };
        if fine {
            return Ok(totals::totals(board, &asked, month, By::Area)?.all);
        }
        board.read(|connection| totals::sum(connection, &asked, super::number(month)))
    };
    let mut compared = Compared { name: named(&asked.form, code), ..Compared::default() };
    if let Some((form, code)) = other {
        compared.other = named(form, code);
    }
    let mut month = Some(months[0]);
    while let Some(now) = month.filter(|month| *month <= months[1]) {
        month = now.plus(1);
        let total = all(&asked.form, now)?;
        let sum =
            |form: &str, code: &str, column: &str| slots.find(form, code, column).and_then(|id| total.sums.get(&id)).copied();
        let main = slots.main(&asked.form, code).and_then(|id| total.sums.get(&id)).copied();
        let beside = match other {
            Some((form, code)) => slots
                .main(form, code)
                .map(|id| Ok::<_, StoreError>(all(form, now)?.sums.get(&id).copied()))
                .transpose()?
                .flatten(),
            None => None,
        };
        let prior_year = sum(&asked.form, code, "prior_year");
        let both = |one: Option<Sum>, other: Option<Sum>| Some((one?.sum, other?.sum));
        compared.months.push(Month {
            period: now.to_string(),
            units: total.units,
            alone: sum(&asked.form, code, "this_month"),
            main,
            prior_year,
            growth: both(main, prior_year).and_then(|(now, before)| growth(now, before)),
            other: beside,
            ratio: both(main, beside).and_then(|(one, other)| one.checked_div(other)),
        });
    }
    Ok(compared)
}
