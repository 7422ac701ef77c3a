//! Screens among units, for receivers. An enterprise that has not filed sees none of them, and no range of its peers.

use model::Amount;

use super::{Among, HidiroglouBerthelot, MedianMad, robust};

/// What a screen says of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screened {
    /// Place of the unit in what was given.
    pub unit: usize,
    /// How far it stands out; a score above the threshold is an outlier.
    pub score: Amount,
    /// Threshold that the score was held against.
    pub threshold: Amount,
    /// Whether it stands out.
    pub outlier: bool,
}

/// Change from period to period after Hidiroglou and Berthelot (1986): small units may change more than large ones.
///
/// With r = current ÷ previous and its median m: s = 1 − m/r where r < m, r/m − 1 otherwise; E = s × max(current, previous)^U; outliers are
/// outside (E_M − C·max(E_M − E_Q1, |A·E_M|), E_M + C·max(E_Q3 − E_M, |A·E_M|)). The score is the distance from E_M in such widths, so that
/// C is its threshold. Units without two positive figures are not screened; nothing is said where a width is zero and a unit stands outside
/// by any distance: it is then an outlier with the threshold as its score. A change whose |s| is below the least that is told is none. Ratios have nine decimals, so that scores are exact to about a
/// thousandth.
pub fn hidiroglou_berthelot(units: &[(Amount, Amount)], set: &HidiroglouBerthelot) -> Option<Vec<Screened>> {
    let one = Amount::from_whole(1)?;
    let known: Vec<usize> = (0..units.len()).filter(|at| units[*at].0 > Amount::ZERO && units[*at].1 > Amount::ZERO).collect();
    let ratios = known.iter().map(|at| units[*at].1.checked_div(units[*at].0)).collect::<Option<Vec<_>>>()?;
    let Some(middle) = robust::median(&ratios) else { return Some(Vec::new()) };
    let (mut effects, mut aways) = (Vec::with_capacity(known.len()), Vec::with_capacity(known.len()));
    for (at, ratio) in known.iter().zip(&ratios) {
        // Two figures that differ by more than nine decimals can hold have no ratio to work with.
        let away = if ratio.is_zero() || middle.is_zero() {
            return None;
        } else if *ratio < middle {
            one.checked_sub(middle.checked_div(*ratio)?)?
        } else {
            ratio.checked_div(middle)?.checked_sub(one)?
        };
        let weight = robust::power(units[*at].0.max(units[*at].1), set.u_quarters)?;
        effects.push(away.checked_mul(weight)?);
        aways.push(robust::size(away)?);
    }
    let mut sorted = effects.clone();
    sorted.sort_unstable();
    let [first, center, third] = [1, 2, 3].map(|quarters| robust::quartile(&sorted, quarters));
    let (first, center, third) = (first?, center?, third?);
    let least = robust::size(set.a.checked_mul(center)?)?;
    let below = center.checked_sub(first)?.max(least);
    let above = third.checked_sub(center)?.max(least);
    let mut screened = Vec::with_capacity(known.len());
    for ((at, effect), away) in known.iter().zip(effects).zip(aways) {
        let (distance, width) =
            if effect < center { (center.checked_sub(effect)?, below) } else { (effect.checked_sub(center)?, above) };
        let outlier = distance > set.c.checked_mul(width)? && away >= set.least;
        let score = distance.checked_div(width).unwrap_or(if outlier { set.c } else { Amount::ZERO });
        screened.push(Screened { unit: *at, score, threshold: set.c, outlier });
    }
    Some(screened)
}

/// Level of a figure among units: `|x − median| ÷ (1.4826 × MAD)`. Nothing where half of the units are alike.
pub fn median_mad(values: &[Amount], set: &MedianMad) -> Option<Vec<Screened>> {
    if robust::deviation(values).is_none_or(Amount::is_zero) {
        return Some(Vec::new());
    }
    let screen = |(unit, value): (usize, &Amount)| {
        let score = robust::score(*value, values)?;
        Some(Screened { unit, score, threshold: set.most, outlier: score > set.most })
    };
    values.iter().enumerate().map(screen).collect()
}

/// A ratio with fixed bounds. The score is the ratio itself, the threshold the bound it is outside of, or the upper one.
pub fn ratio(units: &[(Amount, Amount)], set: &Among) -> Vec<Screened> {
    let screen = |(unit, (left, right)): (usize, &(Amount, Amount))| {
        let score = left.checked_div(*right)?;
        let (low, high) = (score < set.least, score > set.most);
        Some(Screened { unit, score, threshold: if low { set.least } else { set.most }, outlier: low || high })
    };
    units.iter().enumerate().filter_map(screen).collect()
}
