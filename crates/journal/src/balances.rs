/*! The trial balance: signed debit-positive, with profit and loss restarting each fiscal year. */

use std::collections::BTreeMap;

use model::{Amount, Period};

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
    /// An entry names an account that the chart does not have. It is never dropped and never guessed.
    #[error("voucher {voucher}: account {account} is not in the chart")]
    UnknownAccount {
        /// Voucher number as the ERP shows it.
        voucher: String,
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
    /// The month in which fiscal years start is not 1 to 12.
    #[error("fiscal years cannot start in month {month}")]
    FiscalYear {
        /// The month that was given.
        month: u8,
    },
}

/// Turnover of one account in one period.
#[derive(Clone, Copy, Default)]
struct Turnover {
    debit: Amount,
    credit: Amount,
}

/// Turnover of a book by account and period. Memory grows with accounts × periods, not with entries.
pub struct Balances {
    starts: u8,
    accounts: BTreeMap<String, (Class, BTreeMap<Period, Turnover>)>,
}

impl Balances {
    /// A book without entries. `starts` is the month (1 to 12) in which its fiscal years start.
    pub fn new(starts: u8, chart: impl IntoIterator<Item = (String, Class)>) -> Result<Balances, BalanceError> {
        if !(1..=12).contains(&starts) {
            return Err(BalanceError::FiscalYear { month: starts });
        }
        let accounts = chart.into_iter().map(|(account, class)| (account, (class, BTreeMap::new()))).collect();
        Ok(Balances { starts, accounts })
    }

    /// Adds one entry line. On an error the book is as it was.
    pub fn add(
        &mut self,
        voucher: &str,
        account: &str,
        period: Period,
        debit: Amount,
        credit: Amount,
    ) -> Result<(), BalanceError> {
        let Some((_, periods)) = self.accounts.get_mut(account) else {
            return Err(BalanceError::UnknownAccount { voucher: voucher.to_owned(), account: account.to_owned() });
        };
        let old = periods.get(&period).copied().unwrap_or_default();
        let sums = old.debit.checked_add(debit).zip(old.credit.checked_add(credit));
        let (debit, credit) = sums.ok_or_else(|| too_large(account))?;
        periods.insert(period, Turnover { debit, credit });
        Ok(())
    }

    /// The trial balance of a period: accounts with any amount in it, in order of their codes, then [`UNDISTRIBUTED`].
    ///
    /// That everything before the period adds up to zero is checked first, so that the last row cannot hide an imbalance.
    pub fn trial(&self, period: Period) -> Result<Vec<Row>, BalanceError> {
        let year = period.month.fiscal_year_start(self.starts).ok_or(BalanceError::FiscalYear { month: self.starts })?;
        let mut rows = Vec::new();
        let (mut inception, mut opened) = (Amount::ZERO, Amount::ZERO);
        for (account, (class, periods)) in &self.accounts {
            let since = |from: Option<Period>| {
                let earlier = periods.range(..period).filter(|(at, _)| from.is_none_or(|from| **at >= from));
                earlier.map(|(_, t)| *t).try_fold(Amount::ZERO, apply).ok_or_else(|| too_large(account))
            };
            let all = since(None)?;
            let opening = match class {
                Class::BalanceSheet => all,
                Class::ProfitAndLoss => since(Some(Period::from(year)))?,
            };
            inception = inception.checked_add(all).ok_or_else(|| too_large(account))?;
            opened = opened.checked_add(opening).ok_or_else(|| too_large(account))?;
            let turnover = periods.get(&period).copied().unwrap_or_default();
            let closing = apply(opening, turnover).ok_or_else(|| too_large(account))?;
            if [opening, turnover.debit, turnover.credit].iter().any(|amount| !amount.is_zero()) {
                rows.push(Row { account: account.clone(), opening, debit: turnover.debit, credit: turnover.credit, closing });
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

fn apply(balance: Amount, turnover: Turnover) -> Option<Amount> {
    balance.checked_add(turnover.debit)?.checked_sub(turnover.credit)
}

fn too_large(account: &str) -> BalanceError {
    BalanceError::TooLarge { account: account.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Balances {
        let chart = [("cash", Class::BalanceSheet), ("sales", Class::ProfitAndLoss)];
        Balances::new(1, chart.map(|(account, class)| (account.to_owned(), class))).unwrap()
    }

    fn whole(amount: i128) -> Amount {
        Amount::from_whole(amount).unwrap()
    }

    #[test]
    fn what_the_restart_leaves_over_is_one_more_row() {
        let mut book = book();
        let december: Period = "2024-12".parse().unwrap();
        book.add("1", "cash", december, whole(70), Amount::ZERO).unwrap();
        book.add("1", "sales", december, Amount::ZERO, whole(70)).unwrap();
        // Cash opens at 70, sales restart at 0, so 70 of profit is on no account: −70, debit-positive.
        let rows = book.trial("2025-01".parse().unwrap()).unwrap();
        assert_eq!(
            rows.iter().map(|r| (r.account.as_str(), r.opening)).collect::<Vec<_>>(),
            [("cash", whole(70)), (UNDISTRIBUTED, whole(-70)),]
        );
    }

    #[test]
    fn an_imbalance_is_an_error_and_not_undistributed_profit() {
        let mut book = book();
        book.add("1", "cash", "2024-12".parse().unwrap(), whole(70), Amount::ZERO).unwrap();
        let period = "2025-01".parse().unwrap();
        assert_eq!(book.trial(period), Err(BalanceError::Unbalanced { period, difference: whole(70) }));
    }

    #[test]
    fn an_unknown_account_is_named_with_its_voucher() {
        let error = book().add("记-7", "9999", "2024-12".parse().unwrap(), whole(1), Amount::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "voucher 记-7: account 9999 is not in the chart");
    }

    #[test]
    fn a_negative_debit_stays_a_debit() {
        let mut book = book();
        let period = "2025-10".parse().unwrap();
        book.add("1", "cash", period, whole(-9999), Amount::ZERO).unwrap();
        let rows = book.trial(period).unwrap();
        assert_eq!((rows[0].debit, rows[0].credit, rows[0].closing), (whole(-9999), Amount::ZERO, whole(-9999)));
    }
}
