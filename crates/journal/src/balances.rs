/*! The trial balance: signed debit-positive, with profit and loss restarting each fiscal year. */

use std::collections::{BTreeMap, BTreeSet};

use model::{Amount, Month, Period};

use crate::cube::{Cell, Sums};

/// Account of the row that carries what the restart of profit and loss leaves over.
pub const UNDISTRIBUTED: &str = "*undistributed";

/// Whether an account's balance restarts at the fiscal year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Carries its balance on for ever.
    BalanceSheet,
    /// Opens every fiscal year at zero.
    ProfitAndLoss,
}

/// One account in one period. Openings and closings are debit-positive; a negative debit (红字) stays a debit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Account code, or [`UNDISTRIBUTED`].
    pub account: String,
    /// Balance before the period.
    pub opening: Amount,
    /// Debit turnover of the period.
    pub debit: Amount,
    /// Credit turnover of the period.
    pub credit: Amount,
    /// Balance after the period: opening + debit − credit.
    pub closing: Amount,
}

/// Why a book has no trial balance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BalanceError {
    /// Turnover of an account that the chart does not have. It is never dropped and never guessed.
    #[error("{period}: account {account} is not in the chart")]
    UnknownAccount {
        /// The period it turned over in.
        period: Period,
        /// The code that is missing.
        account: String,
    },
    /// All entries before a period do not add up to zero, so some voucher does not balance.
    #[error("entries before {period} do not balance: debit − credit is {difference}")]
    Unbalanced {
        /// The period asked for.
        period: Period,
        /// Debit minus credit since inception.
        difference: Amount,
    },
    /// A sum leaves the range of an amount.
    #[error("account {account}: the sum is too large for an amount")]
    TooLarge {
        /// Account whose sum it is.
        account: String,
    },
}

/// Turnover of one account in one period, by whether closing vouchers made it.
#[derive(Clone, Copy, Default)]
struct Turnover {
    ordinary: Sums,
    closing: Sums,
}

/// When fiscal years start: what the ERP says, and whole years before and after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Years {
    starts: BTreeSet<Month>,
    usual: u8,
}

impl Years {
    /// `starts` are the first months of the fiscal years that are known; `usual` (1 to 12) is the month where none is.
    pub fn new(starts: impl IntoIterator<Item = Month>, usual: u8) -> Years {
        Years { starts: starts.into_iter().collect(), usual }
    }

    /// First month of the fiscal year that holds `month`.
    ///
    /// The last known start at or before it counts, and every twelfth month after that; before the first known start, every twelfth
    /// month before it.
    pub fn start_of(&self, month: Month) -> Option<Month> {
        let known = self.starts.range(..=month).next_back().or_else(|| self.starts.first());
        month.fiscal_year_start(known.map_or(self.usual, |start| start.month())).map(|start| match known {
            // A known short year ends the twelve months that would reach back across it.
            Some(known) if *known <= month => start.max(*known),
            _ => start,
        })
    }
}

/// Turnover of a book by account and period. Memory grows with accounts × periods, not with entries.
pub struct Balances {
    years: Years,
    accounts: BTreeMap<String, (Class, BTreeMap<Period, Turnover>)>,
}

impl Balances {
    /// A book without entries.
    pub fn new(years: Years, chart: impl IntoIterator<Item = (String, Class)>) -> Balances {
        let accounts = chart.into_iter().map(|(account, class)| (account, (class, BTreeMap::new()))).collect();
        Balances { years, accounts }
    }

    /// Adds one cell of a period's cube. On an error the book is as it was.
    pub fn add(&mut self, period: Period, cell: &Cell) -> Result<(), BalanceError> {
        let Some((_, periods)) = self.accounts.get_mut(&*cell.account) else {
            return Err(BalanceError::UnknownAccount { period, account: cell.account.to_string() });
        };
        let turnover = periods.entry(period).or_default();
        let sums = if cell.closing { &mut turnover.closing } else { &mut turnover.ordinary };
        *sums = sums.plus(cell.sums).ok_or_else(|| too_large(&cell.account))?;
        Ok(())
    }

    /// The trial balance of a period: accounts with any amount in it, in order of their codes, then [`UNDISTRIBUTED`].
    ///
    /// With `without_closing`, debit and credit are turnover without closing vouchers; opening and closing stay what they are.
    ///
    /// That everything before the period adds up to zero is checked first, so that the last row cannot hide an imbalance.
    pub fn trial(&self, period: Period, without_closing: bool) -> Result<Vec<Row>, BalanceError> {
        let year = self.years.start_of(period.month).unwrap_or(Month::FIRST);
        let mut rows = Vec::new();
        let (mut inception, mut opened) = (Amount::ZERO, Amount::ZERO);
        for (account, (class, periods)) in &self.accounts {
            let since = |from: Option<Period>| {
                let earlier = periods.range(..period).filter(|(at, _)| from.is_none_or(|from| **at >= from));
                earlier.map(|(_, t)| t).try_fold(Amount::ZERO, apply).ok_or_else(|| too_large(account))
            };
            let all = since(None)?;
            let opening = match class {
                Class::BalanceSheet => all,
                Class::ProfitAndLoss => since(Some(Period::from(year)))?,
            };
            inception = inception.checked_add(all).ok_or_else(|| too_large(account))?;
            opened = opened.checked_add(opening).ok_or_else(|| too_large(account))?;
            let turnover = periods.get(&period).copied().unwrap_or_default();
            let closing = apply(opening, &turnover).ok_or_else(|| too_large(account))?;
            let shown = if without_closing { Some(turnover.ordinary) } else { turnover.ordinary.plus(turnover.closing) };
            let Sums { debit, credit, .. } = shown.ok_or_else(|| too_large(account))?;
            if [opening, debit, credit, closing].iter().any(|amount| !amount.is_zero()) {
                rows.push(Row { account: account.clone(), opening, debit, credit, closing });
            }
        }
        if !inception.is_zero() {
            return Err(BalanceError::Unbalanced { period, difference: inception });
        }
        if !opened.is_zero() {
            let left = opened.checked_neg().ok_or_else(|| too_large(UNDISTRIBUTED))?;
            let (debit, credit) = (Amount::ZERO, Amount::ZERO);
            rows.push(Row { account: UNDISTRIBUTED.to_owned(), opening: left, debit, credit, closing: left });
        }
        Ok(rows)
    }
}

fn apply(balance: Amount, turnover: &Turnover) -> Option<Amount> {
    balance.checked_add(turnover.ordinary.net()?)?.checked_add(turnover.closing.net()?)
}

fn too_large(account: &str) -> BalanceError {
    BalanceError::TooLarge { account: account.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Balances {
        let chart = [("cash", Class::BalanceSheet), ("sales", Class::ProfitAndLoss)];
        Balances::new(Years::new([], 1), chart.map(|(account, class)| (account.to_owned(), class)))
    }

    fn whole(amount: i128) -> Amount {
        Amount::from_whole(amount).unwrap()
    }

    fn cell(account: &str, debit: i128, credit: i128, closing: bool) -> Cell {
        let sums = Sums { debit: whole(debit), credit: whole(credit), lines: 1, ..Sums::default() };
        Cell { account: account.into(), dimensions: Default::default(), closing, sums }
    }

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_restart_leaves_over_is_one_more_row() {
        let mut book = book();
        book.add(period("2024-12"), &cell("cash", 70, 0, false)).unwrap();
        book.add(period("2024-12"), &cell("sales", 0, 70, false)).unwrap();
        // Cash opens at 70, sales restart at 0, so 70 of profit is on no account: −70, debit-positive.
        let rows = book.trial(period("2025-01"), false).unwrap();
        let openings: Vec<_> = rows.iter().map(|r| (r.account.as_str(), r.opening)).collect();
        assert_eq!(openings, [("cash", whole(70)), (UNDISTRIBUTED, whole(-70))]);
    }

    #[test]
    fn an_imbalance_is_an_error_and_not_undistributed_profit() {
        let mut book = book();
        book.add(period("2024-12"), &cell("cash", 70, 0, false)).unwrap();
        let period = period("2025-01");
        assert_eq!(book.trial(period, false), Err(BalanceError::Unbalanced { period, difference: whole(70) }));
    }

    #[test]
    fn a_negative_debit_stays_a_debit() {
        let mut book = book();
        book.add(period("2025-10"), &cell("cash", -9999, 0, false)).unwrap();
        let rows = book.trial(period("2025-10"), false).unwrap();
        assert_eq!((rows[0].debit, rows[0].credit, rows[0].closing), (whole(-9999), Amount::ZERO, whole(-9999)));
    }

    #[test]
    fn without_closing_changes_turnover_and_nothing_else() {
        let mut book = book();
        for cell in
            [cell("sales", 0, 70, false), cell("sales", 70, 0, true), cell("cash", 70, 70, true), cell("cash", 70, 0, false)]
        {
            book.add(period("2025-10"), &cell).unwrap();
        }
        let sales = |without| {
            let rows = book.trial(period("2025-10"), without).unwrap();
            rows.iter().find(|row| row.account == "sales").map(|r| (r.debit, r.credit, r.closing)).unwrap()
        };
        assert_eq!(sales(false), (whole(70), whole(70), Amount::ZERO));
        assert_eq!(sales(true), (Amount::ZERO, whole(70), Amount::ZERO));
    }

    #[test]
    fn fiscal_years_are_what_the_erp_says_and_whole_years_beyond() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        let years = Years::new([month("2024-04"), month("2025-01")], 1);
        for (at, start) in [
            ("2024-03", "2023-04"),
            ("2024-12", "2024-04"),
            ("2025-03", "2025-01"),
            ("2027-02", "2027-01"),
            ("2024-04", "2024-04"),
        ] {
            assert_eq!(years.start_of(month(at)), Some(month(start)), "{at}");
        }
        assert_eq!(Years::new([], 7).start_of(month("2025-03")), Some(month("2024-07")));
        // 2025-10 begins a short year: April 2026 is in the year from there on, not from the April twelve months before.
        let moved = Years::new([month("2025-04"), month("2025-10")], 1);
        assert_eq!(moved.start_of(month("2026-04")), Some(month("2025-10")));
    }
}
