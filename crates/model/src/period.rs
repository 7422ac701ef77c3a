/*! Accounting periods as a person names them: `2025-12`, and `2025-12+adj` for its adjustment periods alone. */

use std::{fmt, str::FromStr};

/// A calendar month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u16,
    month: u8,
}

/// A month, or the adjustment periods that follow it. Ordered as books open: `2025-12` < `2025-12+adj` < `2026-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The month it is, or follows.
    pub month: Month,
    /// True for the month's adjustment periods alone.
    pub adjustment: bool,
}

/// A text that names no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a period: {text:?} (a month is YYYY-MM, its adjustment periods are YYYY-MM+adj)")]
pub struct PeriodError {
    /// What was read.
    pub text: String,
}

impl Month {
    /// The first month there is.
    pub const FIRST: Month = Month { year: 1000, month: 1 };

    /// The last month there is.
    pub const LAST: Month = Month { year: 9999, month: 12 };

    /// Last month that a source is asked for: a query may add a month to it, and no database goes past the year 9999.
    pub const LAST_ASKED: Month = Month { year: 9998, month: 12 };

    /// A month of a four-digit year; `None` unless 1000 ≤ `year` ≤ 9999 and 1 ≤ `month` ≤ 12.
    pub fn new(year: u16, month: u8) -> Option<Month> {
        ((1000..=9999).contains(&year) && (1..=12).contains(&month)).then_some(Month { year, month })
    }

    /// Four-digit year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The month `months` later (earlier when negative); `None` past the four-digit years.
    pub fn plus(self, months: i32) -> Option<Month> {
        let index = (i32::from(self.year) * 12 + i32::from(self.month) - 1).checked_add(months)?;
        Month::new(u16::try_from(index.div_euclid(12)).ok()?, index.rem_euclid(12) as u8 + 1)
    }

    /// The same month of the year before.
    pub fn prior_year(self) -> Option<Month> {
        self.plus(-12)
    }

    /// First month of the fiscal year that contains this one, when fiscal years start in month `starts` (1 to 12).
    ///
    /// `None` for another `starts`, or past the four-digit years.
    pub fn fiscal_year_start(self, starts: u8) -> Option<Month> {
        let year = if self.month >= starts { self.year } else { self.year - 1 };
        Month::new(year, starts)
    }
}

impl From<Month> for Period {
    fn from(month: Month) -> Period {
        Period { month, adjustment: false }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.month, if self.adjustment { "+adj" } else { "" })
    }
}

impl FromStr for Month {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Month, PeriodError> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        text.split_once('-')
            .filter(|(year, month)| year.len() == 4 && month.len() == 2 && digits(year) && digits(month))
            .and_then(|(year, month)| Month::new(year.parse().ok()?, month.parse().ok()?))
            .ok_or_else(|| PeriodError { text: text.to_owned() })
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Period, PeriodError> {
        let (month, adjustment) = match text.strip_suffix("+adj") {
            Some(month) => (month, true),
            None => (text, false),
        };
        let month = month.parse().map_err(|_| PeriodError { text: text.to_owned() })?;
        Ok(Period { month, adjustment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn periods_print_as_they_are_read_and_sort_as_books_open() {
        let texts = ["2024-12", "2025-01", "2025-12", "2025-12+adj", "2026-01"];
        let periods: Vec<Period> = texts.iter().map(|t| t.parse().unwrap()).collect();
        assert!(periods.is_sorted());
        assert_eq!(periods.iter().map(Period::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn other_texts_are_refused_and_kept() {
        for text in
            ["", "2025", "2025-00", "2025-13", "2025-1", "25-01", "2025/01", "2025-01-01", "2025-01+ADJ", "+025-01", "0999-01"]
        {
            assert_eq!(text.parse::<Period>(), Err(PeriodError { text: text.to_owned() }), "{text:?}");
        }
    }

    #[test]
    fn months_count_across_years() {
        assert_eq!(month("2025-01").plus(-1), Some(month("2024-12")));
        assert_eq!(month("2025-11").plus(14), Some(month("2027-01")));
        assert_eq!(month("2026-02").prior_year(), Some(month("2025-02")));
        assert_eq!(month("9999-12").plus(1), None);
        assert_eq!(month("1000-01").plus(i32::MIN), None);
    }

    #[test]
    fn fiscal_years_need_not_start_in_january() {
        assert_eq!(month("2025-03").fiscal_year_start(1), Some(month("2025-01")));
        assert_eq!(month("2025-03").fiscal_year_start(4), Some(month("2024-04")));
        assert_eq!(month("2025-04").fiscal_year_start(4), Some(month("2025-04")));
        assert_eq!(month("2025-04").fiscal_year_start(13), None);
    }
}
