/*!
Hand calculations of the indicators (指标): which accounts an accountant adds up, and what they hold.

Nothing here asks the program how it calculates. The figures come from `oracle.csv`, which the ERPs' own reports made, and only where a
balance has to be split by party from the lines in the ERP's database, read with a client of its own.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{csv, data};
use How::{Credited, Expense, Income, Missing, NoSource, Stock};

/// Money in millionths of 元: exact for every amount of the oracles, and for an amount times a rate of four decimals.
pub type Money = i128;

pub fn money(text: &str) -> Money {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(part.len() <= 6, "{text}");
    let whole: Money = if whole.is_empty() { 0 } else { whole.parse().unwrap() };
    sign * (whole * 1_000_000 + format!("{part:0<6}").parse::<Money>().unwrap())
}

/// 元 → 千元, rounded once, half away from zero.
pub fn thousands(raw: Money) -> String {
    ((raw.abs() + 500_000_000) / 1_000_000_000 * raw.signum()).to_string()
}

/// How an indicator is made from the accounts of a book.
#[derive(Clone, Copy)]
pub enum How {
    /// 期末数: closing balances of accounts, on the side where they are positive; and of accounts kept by party (往来单位) the balances
    /// of those parties that stand on that side: a customer's credit balance is an advance received (预收), a debt and no negative
    /// asset; a supplier's debit balance is an advance paid (预付).
    Stock { side: Side, accounts: &'static [&'static str], by_party: &'static [&'static str] },
    /// 发生数: credit less debit turnover, of income.
    Income(&'static [&'static str]),
    /// 发生数: debit less credit turnover, of expenses.
    Expense(&'static [&'static str]),
    /// 贷方发生额: credit turnover alone.
    Credited(&'static [&'static str]),
    /// The book has no such account: no figure, and no zero.
    Missing,
    /// Nothing in the books says it.
    NoSource,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Debit,
    Credit,
}
use Side::{Credit, Debit};

pub const NONE: &[&str] = &[];

/// Tryton, company 1 (CNY), form B203.
///
/// By the standard, and not as Tryton types them: 5.1.4.01 制造费用 and 5.1.5.02 发出商品 are stock, though Tryton closes them as
/// expenses; 6.3.4.01 税金及附加 and 6.3.10.01 所得税费用 are expenses, though Tryton keeps them on the balance sheet. 5.1.5.01 暂估入库 is
/// goods received less goods invoiced: with a credit balance a debt to suppliers, with a debit balance an advance to them. 5.1.3 holds
/// what is left between the two, a difference in purchase price.
pub const TRYTON_B203: &[(&str, How)] = &[
    // 流动资产: 现金 + 银行 + 库存商品 + 发出商品 + 制造费用 + 应收、预付的借方明细
    (
        "201",
        Stock {
            side: Debit,
            accounts: &["1.1.1.01", "1.1.1.02", "1.3.4.01", "5.1.5.02", "5.1.4.01"],
            by_party: &["1.2.1", "2.1.1", "5.1.5.01"],
        },
    ),
    ("202", Stock { side: Debit, accounts: NONE, by_party: &["1.2.1"] }),
    ("205", Stock { side: Debit, accounts: &["1.3.4.01", "5.1.5.02", "5.1.4.01"], by_party: NONE }),
    ("206", Stock { side: Debit, accounts: &["1.3.4.01"], by_party: NONE }),
    ("213", TRYTON_ASSETS),
    ("217", TRYTON_LIABILITIES),
    ("301", Income(&["4.1.1.01", "4.1.2.01"])),
    ("307", Expense(&["5.2.1.01", "5.1.3"])),
    ("309", Expense(&["6.3.4.01"])),
    ("312", Expense(&["5.2.2.02", "5.2.2.03"])),
    ("313", Expense(&["5.2.2.01", "5.2.2.04"])),
    ("331", Expense(&["5.2.2.05"])),
    ("317", Expense(&["6.2.1.01", "6.2.6.01"])),
    ("319", Expense(&["6.2.6.01"])),
    ("320", Missing),
    ("333", Missing),
    ("321", Missing),
    ("322", Missing),
    ("332", Missing),
    ("330", Income(&["6.1.1.01"])),
    ("323", Income(TRYTON_OPERATING)),
    ("325", Missing),
    ("326", Missing),
    // Without 营业外收支 the total profit is the operating profit.
    ("327", Income(TRYTON_OPERATING)),
    ("328", Expense(&["6.3.10.01"])),
    ("401", Credited(&["2.2.4.01", "2.2.4.02"])),
    // 销项 − 进项. What was transferred from 销项税额 to 未交增值税 is still tax of the year; nothing of it was paid, so the three together
    // are what came to be owed.
    ("402", Income(&["2.2.3.01", "2.2.3.02", "2.2.3.03"])),
    ("601", NoSource),
];
pub const TRYTON_ASSETS: How = Stock {
    side: Debit,
    accounts: &["1.1.1.01", "1.1.1.02", "1.3.4.01", "5.1.5.02", "5.1.4.01", "1.5.3.01", "1.5.3.09"],
    by_party: &["1.2.1", "2.1.1", "5.1.5.01"],
};
pub const TRYTON_LIABILITIES: How = Stock {
    side: Credit,
    accounts: &["2.2.3.01", "2.2.3.02", "2.2.3.03", "2.2.3.04", "2.2.3.05", "2.2.3.06", "2.2.4.01", "2.2.4.02", "2.3.2.01"],
    by_party: &["1.2.1", "2.1.1", "5.1.5.01"],
};
/// Capital, retained earnings, and the profit and loss that was not transferred to them.
pub const TRYTON_EQUITY: How = Stock {
    side: Credit,
    accounts: &[
        "3.1.1.01",
        "3.2.1.01",
        "4.1.1.01",
        "4.1.2.01",
        "5.1.3",
        "5.2.1.01",
        "5.2.2.01",
        "5.2.2.02",
        "5.2.2.03",
        "5.2.2.04",
        "5.2.2.05",
        "6.1.1.01",
        "6.2.1.01",
        "6.2.6.01",
        "6.3.4.01",
        "6.3.10.01",
    ],
    by_party: NONE,
};
pub const TRYTON_OPERATING: &[&str] = &[
    "4.1.1.01", "4.1.2.01", "5.1.3", "5.2.1.01", "5.2.2.01", "5.2.2.02", "5.2.2.03", "5.2.2.04", "5.2.2.05", "6.1.1.01",
    "6.2.1.01", "6.2.6.01", "6.3.4.01",
];

/// Rows that E203 and F203 have beyond B203.
pub const TRYTON_MORE: &[(&str, How)] = &[
    ("209", Stock { side: Debit, accounts: &["1.5.3.01"], by_party: NONE }),
    ("210", Stock { side: Credit, accounts: &["1.5.3.09"], by_party: NONE }),
    ("211", Credited(&["1.5.3.09"])),
    ("218", TRYTON_EQUITY),
    ("302", Income(&["4.1.1.01"])),
    ("606", NoSource),
];

/// Odoo, companies 1 and 4 (CNY), form B203.
///
/// By the standard, and not as Odoo types them: 500100 生产成本 and 510100 制造费用 are work in progress, though Odoo has them among
/// expenses; they do not begin at zero in January. 100203 and 100204 are payments on their way through the bank. All VAT is on 222100.
pub const ODOO_B203: &[(&str, How)] = &[
    (
        "201",
        Stock {
            side: Debit,
            accounts: &["100100", "100201", "100203", "100204", "140200", "140300", "140500", "140601", "500100", "510100"],
            by_party: &["112200", "220200"],
        },
    ),
    ("202", Stock { side: Debit, accounts: NONE, by_party: &["112200"] }),
    ("205", Stock { side: Debit, accounts: &["140200", "140300", "140500", "140601", "500100", "510100"], by_party: NONE }),
    ("206", Stock { side: Debit, accounts: &["140500"], by_party: NONE }),
    ("213", ODOO_ASSETS),
    ("217", ODOO_LIABILITIES),
    ("301", Income(&["600100", "605100"])),
    ("307", Expense(&["640100"])),
    ("309", Expense(&["640300"])),
    ("312", Expense(&["660100"])),
    ("313", Expense(&["660200"])),
    ("331", Expense(&["660210"])),
    ("317", Expense(&["660300", "660310"])),
    ("319", Expense(&["660300"])),
    // In the chart, and never used: a figure, and zero.
    ("320", Expense(&["670100"])),
    ("333", Missing),
    ("321", Income(&["610100"])),
    ("322", Income(&["611100"])),
    ("332", Missing),
    ("330", Missing),
    ("323", Income(ODOO_OPERATING)),
    ("325", Income(&["630100"])),
    ("326", Expense(&["671100"])),
    ("327", Income(ODOO_PROFIT)),
    ("328", Expense(&["680100"])),
    ("401", Credited(&["221101", "221102"])),
    ("402", Income(&["222100"])),
    ("601", NoSource),
];
pub const ODOO_ASSETS: How = Stock {
    side: Debit,
    accounts: &[
        "100100", "100201", "100203", "100204", "140200", "140300", "140500", "140601", "500100", "510100", "160100", "160201",
    ],
    by_party: &["112200", "220200"],
};
pub const ODOO_LIABILITIES: How = Stock {
    side: Credit,
    accounts: &["200101", "221101", "221102", "222100", "222110", "222111", "222112"],
    by_party: &["112200", "220200"],
};
/// Capital, retained earnings, and the results of this year and of earlier ones: Odoo makes no closing vouchers.
pub const ODOO_EQUITY: How = Stock {
    side: Credit,
    accounts: &[
        "400101", "410401", "600100", "605100", "630100", "640100", "640300", "660100", "660200", "660210", "660300", "660310",
        "680100",
    ],
    by_party: NONE,
};
pub const ODOO_OPERATING: &[&str] = &["600100", "605100", "640100", "640300", "660100", "660200", "660210", "660300", "660310"];
pub const ODOO_PROFIT: &[&str] =
    &["600100", "605100", "630100", "640100", "640300", "660100", "660200", "660210", "660300", "660310"];
pub const ODOO_MORE: &[(&str, How)] = &[
    ("209", Stock { side: Debit, accounts: &["160100"], by_party: NONE }),
    ("218", ODOO_EQUITY),
    ("net-service-revenue", NoSource),
    ("334", NoSource),
    ("606", NoSource),
];

/// First and last month of both oracles.
pub const MONTHS: [&str; 14] = [
    "2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10", "2025-11",
    "2025-12", "2026-01", "2026-02",
];

/// What the ERP's own reports and database say about one company.
pub struct Books {
    /// Closing balances since the beginning, debit-positive, by month and account.
    closing: BTreeMap<(String, String), Money>,
    /// Debit and credit turnover.
    turnover: BTreeMap<(String, String), (Money, Money)>,
    /// Closing balances by month, account and party.
    parties: BTreeMap<(String, String, String), Money>,
    /// Accounts of the oracle.
    pub accounts: BTreeSet<String>,
}

impl Books {
    /// `lines`: month, account, party, balance of every posted line of the accounts kept by party.
    pub fn new(erp: &str, company: &str, lines: &[(String, String, String, Money)]) -> Books {
        let (mut closing, mut turnover, mut accounts) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let text = fs::read_to_string(data(&format!("{erp}/oracle.csv"))).unwrap();
        let rows: Vec<_> = csv(&text).into_iter().filter(|row| row["company_id"] == company).collect();
        // Tryton's report starts income and expenses at zero each year. What its year-end voucher, in a period of its own, left on an
        // account is still there: it adds to the balances of the new year.
        let mut left: BTreeMap<String, Money> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.get("period_type").is_some_and(|kind| kind == "adjustment")) {
            if row["statement"] == "income" {
                left.insert(row["account_code"].clone(), money(&row["closing"]));
            }
        }
        for row in &rows {
            let month = row.get("period").or(row.get("month")).unwrap();
            if month.ends_with("年结调整") {
                continue;
            }
            let account = row["account_code"].clone();
            let before = if month.starts_with("2026") { left.get(&account).copied().unwrap_or(0) } else { 0 };
            let balance = match row.get("closing_since_inception") {
                Some(balance) => money(balance),
                None => money(&row["closing"]) + before,
            };
            closing.insert((month.clone(), account.clone()), balance);
            turnover.insert((month.clone(), account.clone()), (money(&row["debit"]), money(&row["credit"])));
            accounts.insert(account);
        }
        // An account without a row in the new year has what was left on it.
        for month in MONTHS.iter().filter(|month| month.starts_with("2026")) {
            for (account, balance) in &left {
                closing.entry(((*month).to_owned(), account.clone())).or_insert(*balance);
            }
        }
        let mut parties: BTreeMap<(String, String, String), Money> = BTreeMap::new();
        for month in MONTHS {
            for (at, account, party, balance) in lines.iter().filter(|(at, ..)| at.as_str() <= month) {
                assert!(at.len() >= 7, "{at}");
                *parties.entry((month.to_owned(), account.clone(), party.clone())).or_default() += balance;
            }
        }
        let books = Books { closing, turnover, parties, accounts };
        // The lines read here and the ERP's report agree on what each account has in all.
        for month in MONTHS {
            for account in lines.iter().map(|(_, account, ..)| account).collect::<BTreeSet<_>>() {
                let sum: Money = books.by_party(month, account).sum();
                assert_eq!(sum, books.balance(month, account), "{erp} {company}, {account}, {month}");
            }
        }
        books
    }

    pub fn balance(&self, month: &str, account: &str) -> Money {
        self.closing.get(&(month.to_owned(), account.to_owned())).copied().unwrap_or(0)
    }

    pub fn by_party<'a>(&'a self, month: &'a str, account: &'a str) -> impl Iterator<Item = Money> + 'a {
        let of = move |(at, of, _): &(String, String, String)| at == month && of == account;
        self.parties.iter().filter(move |(key, _)| of(key)).map(|(_, balance)| *balance)
    }

    pub fn stock(&self, month: &str, side: Side, accounts: &[&str], by_party: &[&str]) -> Money {
        let sign = if side == Debit { 1 } else { -1 };
        let plain: Money = accounts.iter().map(|account| sign * self.balance(month, account)).sum();
        let parties = by_party.iter().flat_map(|account| self.by_party(month, account)).map(|balance| sign * balance);
        plain + parties.filter(|balance| *balance > 0).sum::<Money>()
    }

    pub fn turned(&self, month: &str, accounts: &[&str]) -> (Money, Money) {
        let of = |account: &&str| self.turnover.get(&(month.to_owned(), (*account).to_owned())).copied().unwrap_or((0, 0));
        accounts.iter().map(of).fold((0, 0), |sum, sides| (sum.0 + sides.0, sum.1 + sides.1))
    }

    /// The amount of an indicator in one month: a balance at its end, or what happened in it.
    pub fn amount(&self, how: How, month: &str) -> Money {
        match how {
            Stock { side, accounts, by_party } => self.stock(month, side, accounts, by_party),
            Income(accounts) => {
                let (debit, credit) = self.turned(month, accounts);
                credit - debit
            }
            Expense(accounts) => {
                let (debit, credit) = self.turned(month, accounts);
                debit - credit
            }
            Credited(accounts) => self.turned(month, accounts).1,
            Missing | NoSource => unreachable!("no figure"),
        }
    }
}

/// 一年里从一月到本月.
pub fn to_date(month: &str) -> Vec<&str> {
    MONTHS.into_iter().filter(|at| at[..4] == month[..4] && *at <= month).collect()
}

pub fn year_before(month: &str) -> Option<&'static str> {
    let (year, rest) = month.split_at(4);
    let before = format!("{}{rest}", year.parse::<u16>().unwrap() - 1);
    MONTHS.into_iter().find(|at| *at == before)
}

/// The columns of an indicator, each a list of months to add up; nothing where the books begin later.
pub fn columns(how: How, month: &'static str) -> Vec<(&'static str, Option<Vec<&'static str>>)> {
    let before = year_before(month);
    match how {
        Stock { .. } => vec![("closing", Some(vec![month])), ("prior_year", before.map(|at| vec![at]))],
        _ => vec![
            ("this_month", Some(vec![month])),
            ("cumulative", Some(to_date(month))),
            ("prior_year_month", before.map(|at| vec![at])),
            ("prior_year", before.map(to_date)),
        ],
    }
}

/// Every account of the ERP's report is in exactly the tables that it belongs to, and they balance in every month.
pub fn tables_are_whole(books: &Books, tables: [How; 3]) {
    let mut named = BTreeSet::new();
    for how in tables {
        let Stock { accounts, by_party, .. } = how else { unreachable!("a balance") };
        named.extend(accounts.iter().chain(by_party).map(|account| (*account).to_owned()));
    }
    assert_eq!(named, books.accounts);
    for month in MONTHS {
        let [assets, debts, equity] = tables.map(|how| books.amount(how, month));
        assert_eq!(assets, debts + equity, "{month}");
    }
}
