//! Order statistics and roots of exact amounts.
//!
//! Quartiles are interpolated between neighbours (R's type 7); every quotient is rounded once to nine decimals. A square root is the
//! largest amount whose square is not above the radicand: exact to 10⁻⁹, rounded down.

use model::Amount;

/// 1.4826: the median absolute deviation times this is the standard deviation of a normal distribution.
pub const CONSISTENT: Amount = Amount::from_units(1_482_600_000);

/// The value that `quarters` of four quarters of the sorted values are at or below; `None` of nothing.
pub fn quartile(sorted: &[Amount], quarters: u8) -> Option<Amount> {
    let last = sorted.len().checked_sub(1)?;
    let place = last * usize::from(quarters.min(4));
    let (at, rest) = (place / 4, place % 4);
    let low = *sorted.get(at)?;
    let Some(high) = sorted.get(at + 1).filter(|_| rest > 0) else { return Some(low) };
    let step = high.checked_sub(low)?.units().checked_mul(i128::try_from(rest).ok()?)?;
    low.checked_add(Amount::from_units(step).div_round(4, 9)?)
}

/// The middle of some values.
pub fn median(values: &[Amount]) -> Option<Amount> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    quartile(&sorted, 2)
}

/// Size without sign.
pub fn size(value: Amount) -> Option<Amount> {
    value.units().checked_abs().map(Amount::from_units)
}

/// Median absolute deviation from the median, not scaled.
pub fn deviation(values: &[Amount]) -> Option<Amount> {
    let middle = median(values)?;
    let away = values.iter().map(|value| size(value.checked_sub(middle)?)).collect::<Option<Vec<_>>>()?;
    median(&away)
}

/// `|value − median| ÷ (1.4826 × MAD)`; `None` where half of the values are the same, and nothing can be said.
pub fn score(value: Amount, values: &[Amount]) -> Option<Amount> {
    let width = deviation(values)?.checked_mul(CONSISTENT)?;
    size(value.checked_sub(median(values)?)?)?.checked_div(width)
}

/// Between which values a score is not above `most`; `None` where there is no score.
pub fn band(values: &[Amount], most: Amount) -> Option<(Amount, Amount)> {
    let width = deviation(values).filter(|deviation| !deviation.is_zero())?.checked_mul(CONSISTENT)?.checked_mul(most)?;
    let middle = median(values)?;
    Some((middle.checked_sub(width)?, middle.checked_add(width)?))
}

/// Square root of an amount that is not below zero.
pub fn root(value: Amount) -> Option<Amount> {
    value.units().checked_mul(1_000_000_000)?.checked_isqrt().map(Amount::from_units)
}

/// An amount that is not below zero to the power of quarters.
pub fn power(value: Amount, quarters: u8) -> Option<Amount> {
    let half = || root(value);
    let quarter = || root(half()?);
    match quarters {
        0 => Amount::from_whole(1),
        1 => quarter(),
        2 => half(),
        3 => half()?.checked_mul(quarter()?),
        _ => Some(value),
    }
}
