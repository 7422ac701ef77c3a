/*! Exact decimal amounts: an `i128` count of 10⁻⁹ units. */

use std::{fmt, str::FromStr};

/// Decimal places an [`Amount`] holds.
const SCALE: usize = 9;
/// 10^SCALE: one whole unit.
const ONE: i128 = 1_000_000_000;

/// An exact signed amount: money in units of its currency (元, not 分), or a quantity. Nine decimal places.
///
/// The range is that of `i128` ÷ 10⁹, about ±1.7 × 10²⁹. Arithmetic is checked: it answers `None` rather than wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

/// Why a text is not an [`Amount`]. The text itself is kept, so that whoever reports it can show what was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Anything but `[-+]?digits[.digits]`: an exponent, a thousands separator, `NaN`, a blank.
    #[error("not a plain decimal number: {text:?}")]
    Syntax {
        /// What was read.
        text: String,
    },
    /// More significant decimals than nine; they would have to be cut, and money is never cut.
    #[error("more than nine decimal places: {text:?}")]
    TooPrecise {
        /// What was read.
        text: String,
    },
    /// Larger than an amount can hold.
    #[error("too large for an amount: {text:?}")]
    TooLarge {
        /// What was read.
        text: String,
    },
}

impl AmountError {
    /// A word for it that a catalogue says in the reader's language.
    pub const fn code(&self) -> &'static str {
        match self {
            AmountError::Syntax { .. } => "amount-syntax",
            AmountError::TooPrecise { .. } => "amount-too-precise",
            AmountError::TooLarge { .. } => "amount-too-large",
        }
    }
}

impl Amount {
    /// Nothing owed. An amount that is *absent* is `Option::None`, never this.
    pub const ZERO: Amount = Amount(0);

    /// The amount as a count of 10⁻⁹ units.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// An amount from a count of 10⁻⁹ units.
    pub const fn from_units(units: i128) -> Amount {
        Amount(units)
    }

    /// An amount from whole units; `None` outside the range.
    pub fn from_whole(whole: i128) -> Option<Amount> {
        whole.checked_mul(ONE).map(Amount)
    }

    /// True for exactly zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum, or `None` outside the range.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// Difference, or `None` outside the range.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// The opposite sign, or `None` outside the range.
    pub fn checked_neg(self) -> Option<Amount> {
        self.0.checked_neg().map(Amount)
    }

    /// Product, rounded once to nine decimals, half away from zero; `None` outside the range.
    pub fn checked_mul(self, other: Amount) -> Option<Amount> {
        Amount(self.0.checked_mul(other.0)?).div_round(ONE, 9)
    }

    /// Quotient, rounded once to nine decimals, half away from zero; `None` for a divisor of zero or outside the range.
    pub fn checked_div(self, other: Amount) -> Option<Amount> {
        Amount(self.0.checked_mul(ONE)?).div_round(other.0, 9)
    }

    /// Rounds once to `places` decimals, half away from zero, as survey forms are rounded; `None` outside the range.
    ///
    /// Nine or more places change nothing.
    pub fn round(self, places: u32) -> Option<Amount> {
        let Some(drop) = (SCALE as u32).checked_sub(places).filter(|&d| d > 0) else {
            return Some(self);
        };
        let step = 10_i128.pow(drop); // drop ≤ 9
        let rest = self.0 % step;
        let down = self.0 - rest;
        if rest.abs() >= step / 2 { down.checked_add(step * rest.signum()).map(Amount) } else { Some(Amount(down)) }
    }

    /// Divided by a whole number of units (元 → 千元 is 1000), rounded once to `places`, half away from zero.
    ///
    /// The quotient is rounded from the exact fraction, not from an intermediate decimal, so it is never rounded twice.
    /// `None` when `divisor` is zero or the result is outside the range.
    pub fn div_round(self, divisor: i128, places: u32) -> Option<Amount> {
        let drop = (SCALE as u32).saturating_sub(places);
        let step = 10_i128.pow(drop); // drop ≤ 9
        let by = divisor.checked_mul(step)?;
        let quotient = self.0.checked_div(by)?;
        let rest = self.0.checked_rem(by)?.unsigned_abs();
        let away = if (self.0 < 0) == (divisor < 0) { 1 } else { -1 };
        let up = rest >= by.unsigned_abs() - rest;
        quotient.checked_add(if up { away } else { 0 })?.checked_mul(step).map(Amount)
    }

    /// Canonical text with at least `places` decimals: `fixed(2)` is what a trial balance prints.
    ///
    /// Further decimals are shown when they are there: nothing is cut.
    pub fn fixed(self, places: usize) -> String {
        let (sign, magnitude) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let one = ONE.unsigned_abs();
        let digits = format!("{:09}", magnitude % one);
        let kept = digits.trim_end_matches('0').len().max(places.min(SCALE));
        let point = if kept == 0 { "" } else { "." };
        format!("{sign}{}{point}{}", magnitude / one, &digits[..kept])
    }
}

/// Reads what nearly all amounts look like in one pass: few enough digits for an `i64`, at most nine decimals. `None` is not yet wrong:
/// it is to be read with care.
fn everyday(text: &[u8]) -> Option<Amount> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let (mut units, mut decimals) = (0_i64, 0);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => units = units * 10 + i64::from(byte - b'0'),
            b'.' if decimals == 0 && at > 0 => decimals = u32::try_from(digits.len() - at - 1).ok().filter(|after| *after > 0)?,
            _ => return None,
        }
    }
    let missing = (SCALE as u32).checked_sub(decimals)?;
    let units = i128::from(units) * 10_i128.pow(missing);
    Some(Amount(if negative { -units } else { units }))
}

/// Canonical text: a minus sign if negative, no leading or trailing zeros, no exponent.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fixed(0))
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    /// Reads `[-+]?digits[.digits]` and nothing else. Zeros beyond the ninth decimal carry no value and are accepted.
    fn from_str(text: &str) -> Result<Amount, AmountError> {
        if let Some(amount) = everyday(text.as_bytes()) {
            return Ok(amount);
        }
        let syntax = || AmountError::Syntax { text: text.to_owned() };
        let too_large = || AmountError::TooLarge { text: text.to_owned() };
        let (negative, body) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, decimals) = match body.split_once('.') {
            Some((_, "")) => return Err(syntax()),
            Some(parts) => parts,
            None => (body, ""),
        };
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(decimals) {
            return Err(syntax());
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > SCALE {
            return Err(AmountError::TooPrecise { text: text.to_owned() });
        }
        let padding = std::iter::repeat_n(b'0', SCALE - decimals.len());
        let mut units = 0_i128;
        for digit in whole.bytes().chain(decimals.bytes()).chain(padding) {
            let digit = i128::from(digit - b'0');
            // Built towards its own sign, so that i128::MIN reads back as it prints.
            let signed = if negative { -digit } else { digit };
            units = units.checked_mul(10).and_then(|u| u.checked_add(signed)).ok_or_else(too_large)?;
        }
        Ok(Amount(units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn products_and_quotients_are_rounded_once() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        for (a, b, product, quotient) in [
            ("1.5", "-2", "-3", Some("-0.75")),
            ("1", "3", "3", Some("0.333333333")),
            ("2", "3", "6", Some("0.666666667")),
            ("0.000000001", "0.5", "0.000000001", Some("0.000000002")),
            ("7", "0", "0", None),
        ] {
            assert_eq!(amount(a).checked_mul(amount(b)), Some(amount(product)), "{a} * {b}");
            assert_eq!(amount(a).checked_div(amount(b)), quotient.map(amount), "{a} / {b}");
        }
    }

    #[test]
    fn text_that_is_not_a_plain_decimal_is_refused() {
        // Each of these was seen coming out of a database driver or an export, and each was once read as a number somewhere.
        for text in ["", "-", "+", ".", ".5", "5.", "1,234.50", "1.0e+15", "NaN", "Infinity", " 1", "1 ", "1.2.3", "--1", "１"] {
            assert!(matches!(text.parse::<Amount>(), Err(AmountError::Syntax { .. })), "{text:?}");
        }
        assert!(matches!("0.0000000001".parse::<Amount>(), Err(AmountError::TooPrecise { .. })));
        assert!(matches!("9".repeat(31).parse::<Amount>(), Err(AmountError::TooLarge { .. })));
    }

    #[test]
    fn canonical_text_trims_zeros_and_fixed_text_never_cuts() {
        assert_eq!(amount("18650.40").to_string(), "18650.4");
        assert_eq!(amount("18650.40").fixed(2), "18650.40");
        assert_eq!(amount("-0.005").fixed(2), "-0.005");
        assert_eq!(amount("-0.00").to_string(), "0");
        assert_eq!(amount("007").fixed(2), "7.00");
        assert_eq!(amount("1.00000000000000").to_string(), "1");
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (from, places, to) in
            [("2.5", 0, "3"), ("-2.5", 0, "-3"), ("2.49", 0, "2"), ("0.005", 2, "0.01"), ("-0.0049", 2, "0"), ("1.5", 12, "1.5")]
        {
            assert_eq!(amount(from).round(places).unwrap(), amount(to), "{from} to {places}");
        }
    }

    #[test]
    fn yuan_become_thousand_yuan_in_one_rounding() {
        // 499.999999999 元 is 0.499999999999 千元: rounded to nine decimals first it would become 0.5, and then 1.
        for (yuan, thousand) in [("1500", "2"), ("-1500", "-2"), ("1499.99", "1"), ("499.999999999", "0"), ("500", "1")] {
            assert_eq!(amount(yuan).div_round(1000, 0).unwrap(), amount(thousand), "{yuan}");
        }
        assert_eq!(amount("-1500").div_round(-1000, 0), Some(amount("2")));
        assert_eq!(amount("1").div_round(0, 0), None);
        assert_eq!(amount("2").div_round(3, 4), Some(amount("0.6667")));
    }

    #[test]
    fn the_edges_of_the_range_are_errors_and_not_wraps() {
        let (least, most) = (Amount::from_units(i128::MIN), Amount::from_units(i128::MAX));
        assert_eq!(least.to_string().parse(), Ok(least));
        assert_eq!(most.to_string().parse(), Ok(most));
        assert_eq!(most.checked_add(Amount::from_units(1)), None);
        assert_eq!(least.checked_neg(), None);
        assert_eq!(most.round(0), None);
    }

    proptest! {
        #[test]
        fn printing_and_reading_round_trip(units: i128, places in 0_usize..12) {
            let amount = Amount::from_units(units);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            prop_assert_eq!(amount.fixed(places).parse(), Ok(amount));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Amount>();
        }

        #[test]
        fn rounding_is_dividing_by_one(units in -10_i128.pow(30)..10_i128.pow(30), places in 0_u32..10) {
            let amount = Amount::from_units(units);
            prop_assert_eq!(amount.round(places), amount.div_round(1, places));
        }

        #[test]
        fn a_quotient_is_off_by_half_a_step_at_most(units in -10_i128.pow(25)..10_i128.pow(25), by in 1_i128..10_000) {
            let quotient = Amount::from_units(units).div_round(by, 0).unwrap();
            let off = (quotient.units() * by - units).abs() * 2;
            prop_assert!(off <= by * ONE);
        }
    }
}
