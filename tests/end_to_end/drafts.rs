/*!
Report drafts against hand calculations.

Nothing here asks the program how it calculates. The figures come from `oracle.csv`, which the ERPs' own reports made, and only where a
balance has to be split by party from the lines in the ERP's database, read with a client of its own. The tables below say, for each
indicator (指标), which accounts an accountant adds up.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;

use crate::{Site, csv, data, servers::Postgres};
use How::{Credited, Expense, Income, Missing, NoSource, Stock};

/// Money in millionths of 元: exact for every amount of the oracles, and for an amount times a rate of four decimals.
type Money = i128;

fn money(text: &str) -> Money {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(part.len() <= 6, "{text}");
    let whole: Money = if whole.is_empty() { 0 } else { whole.parse().unwrap() };
    sign * (whole * 1_000_000 + format!("{part:0<6}").parse::<Money>().unwrap())
}

/// 元 → 千元, rounded once, half away from zero.
fn thousands(raw: Money) -> String {
    ((raw.abs() + 500_000_000) / 1_000_000_000 * raw.signum()).to_string()
}

/// How an indicator is made from the accounts of a book.
#[derive(Clone, Copy)]
enum How {
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
enum Side {
    Debit,
    Credit,
}
use Side::{Credit, Debit};

const NONE: &[&str] = &[];

/// Tryton, company 1 (CNY), form B203.
///
/// By the standard, and not as Tryton types them: 5.1.4.01 制造费用 and 5.1.5.02 发出商品 are stock, though Tryton closes them as
/// expenses; 6.3.4.01 税金及附加 and 6.3.10.01 所得税费用 are expenses, though Tryton keeps them on the balance sheet. 5.1.5.01 暂估入库 is
/// goods received less goods invoiced: with a credit balance a debt to suppliers, with a debit balance an advance to them. 5.1.3 holds
/// what is left between the two, a difference in purchase price.
const TRYTON_B203: &[(&str, How)] = &[
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
const TRYTON_ASSETS: How = Stock {
    side: Debit,
    accounts: &["1.1.1.01", "1.1.1.02", "1.3.4.01", "5.1.5.02", "5.1.4.01", "1.5.3.01", "1.5.3.09"],
    by_party: &["1.2.1", "2.1.1", "5.1.5.01"],
};
const TRYTON_LIABILITIES: How = Stock {
    side: Credit,
    accounts: &["2.2.3.01", "2.2.3.02", "2.2.3.03", "2.2.3.04", "2.2.3.05", "2.2.3.06", "2.2.4.01", "2.2.4.02", "2.3.2.01"],
    by_party: &["1.2.1", "2.1.1", "5.1.5.01"],
};
/// Capital, retained earnings, and the profit and loss that was not transferred to them.
const TRYTON_EQUITY: How = Stock {
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
const TRYTON_OPERATING: &[&str] = &[
    "4.1.1.01", "4.1.2.01", "5.1.3", "5.2.1.01", "5.2.2.01", "5.2.2.02", "5.2.2.03", "5.2.2.04", "5.2.2.05", "6.1.1.01",
    "6.2.1.01", "6.2.6.01", "6.3.4.01",
];

/// Rows that E203 and F203 have beyond B203.
const TRYTON_MORE: &[(&str, How)] = &[
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
const ODOO_B203: &[(&str, How)] = &[
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
const ODOO_ASSETS: How = Stock {
    side: Debit,
    accounts: &[
        "100100", "100201", "100203", "100204", "140200", "140300", "140500", "140601", "500100", "510100", "160100", "160201",
    ],
    by_party: &["112200", "220200"],
};
const ODOO_LIABILITIES: How = Stock {
    side: Credit,
    accounts: &["200101", "221101", "221102", "222100", "222110", "222111", "222112"],
    by_party: &["112200", "220200"],
};
/// Capital, retained earnings, and the results of this year and of earlier ones: Odoo makes no closing vouchers.
const ODOO_EQUITY: How = Stock {
    side: Credit,
    accounts: &[
        "400101", "410401", "600100", "605100", "630100", "640100", "640300", "660100", "660200", "660210", "660300", "660310",
        "680100",
    ],
    by_party: NONE,
};
const ODOO_OPERATING: &[&str] = &["600100", "605100", "640100", "640300", "660100", "660200", "660210", "660300", "660310"];
const ODOO_PROFIT: &[&str] =
    &["600100", "605100", "630100", "640100", "640300", "660100", "660200", "660210", "660300", "660310"];
const ODOO_MORE: &[(&str, How)] = &[
    ("209", Stock { side: Debit, accounts: &["160100"], by_party: NONE }),
    ("218", ODOO_EQUITY),
    ("net-service-revenue", NoSource),
    ("334", NoSource),
    ("606", NoSource),
];

/// First and last month of both oracles.
const MONTHS: [&str; 14] = [
    "2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10", "2025-11",
    "2025-12", "2026-01", "2026-02",
];

/// What the ERP's own reports and database say about one company.
struct Books {
    /// Closing balances since the beginning, debit-positive, by month and account.
    closing: BTreeMap<(String, String), Money>,
    /// Debit and credit turnover.
    turnover: BTreeMap<(String, String), (Money, Money)>,
    /// Closing balances by month, account and party.
    parties: BTreeMap<(String, String, String), Money>,
    /// Accounts of the oracle.
    accounts: BTreeSet<String>,
}

impl Books {
    /// `lines`: month, account, party, balance of every posted line of the accounts kept by party.
    fn new(erp: &str, company: &str, lines: &[(String, String, String, Money)]) -> Books {
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

    fn balance(&self, month: &str, account: &str) -> Money {
        self.closing.get(&(month.to_owned(), account.to_owned())).copied().unwrap_or(0)
    }

    fn by_party<'a>(&'a self, month: &'a str, account: &'a str) -> impl Iterator<Item = Money> + 'a {
        let of = move |(at, of, _): &(String, String, String)| at == month && of == account;
        self.parties.iter().filter(move |(key, _)| of(key)).map(|(_, balance)| *balance)
    }

    fn stock(&self, month: &str, side: Side, accounts: &[&str], by_party: &[&str]) -> Money {
        let sign = if side == Debit { 1 } else { -1 };
        let plain: Money = accounts.iter().map(|account| sign * self.balance(month, account)).sum();
        let parties = by_party.iter().flat_map(|account| self.by_party(month, account)).map(|balance| sign * balance);
        plain + parties.filter(|balance| *balance > 0).sum::<Money>()
    }

    fn turned(&self, month: &str, accounts: &[&str]) -> (Money, Money) {
        let of = |account: &&str| self.turnover.get(&(month.to_owned(), (*account).to_owned())).copied().unwrap_or((0, 0));
        accounts.iter().map(of).fold((0, 0), |sum, sides| (sum.0 + sides.0, sum.1 + sides.1))
    }

    /// The amount of an indicator in one month: a balance at its end, or what happened in it.
    fn amount(&self, how: How, month: &str) -> Money {
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
fn to_date(month: &str) -> Vec<&str> {
    MONTHS.into_iter().filter(|at| at[..4] == month[..4] && *at <= month).collect()
}

fn year_before(month: &str) -> Option<&'static str> {
    let (year, rest) = month.split_at(4);
    let before = format!("{}{rest}", year.parse::<u16>().unwrap() - 1);
    MONTHS.into_iter().find(|at| *at == before)
}

/// The columns of an indicator, each a list of months to add up; nothing where the books begin later.
fn columns(how: How, month: &'static str) -> Vec<(&'static str, Option<Vec<&'static str>>)> {
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

fn draft(site: &Site, form: &str, month: &str) -> Value {
    site.ok(&["build", "--form", form, "--period", month]);
    let text = site.ok(&["draft", "export", "--form", form, "--period", month, "--to", "json"]);
    let draft: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!((draft["form"].as_str(), draft["period"].as_str()), (Some(form), Some(month)));
    draft
}

fn cell<'a>(draft: &'a Value, id: &str) -> &'a Value {
    draft["cells"].as_array().unwrap().iter().find(|cell| cell["id"] == id).unwrap_or_else(|| panic!("no cell {id}"))
}

fn raw(draft: &Value, id: &str, column: &str) -> Option<Money> {
    cell(draft, id)["columns"][column]["raw"].as_str().map(money)
}

/// Every account of the ERP's report is in exactly the tables that it belongs to, and they balance in every month.
fn tables_are_whole(books: &Books, tables: [How; 3]) {
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

/// Compares every indicator of a form, every column, every month; and the equations between them.
fn equals_hand_calculation(site: &Site, form: &str, books: &Books, tables: &[&[(&str, How)]], equity: How) {
    for month in MONTHS {
        let draft = draft(site, form, month);
        let mut known = 0;
        for cell in draft["cells"].as_array().unwrap() {
            let id = cell["id"].as_str().unwrap();
            let name = format!("{form}:{id} {}, {month}", cell["name"]);
            let (_, how) = tables.iter().copied().flatten().find(|(known, _)| *known == id).unwrap_or_else(|| panic!("{name}"));
            let status = cell["status"].as_str().unwrap();
            if matches!(how, Missing | NoSource) {
                let expected = if matches!(how, Missing) { "missing_account" } else { "missing_source" };
                assert_eq!(status, expected, "{name}");
                for (column, figure) in cell["columns"].as_object().unwrap() {
                    assert!(figure["value"].is_null() && figure["raw"].is_null(), "{name}, {column}: {figure}");
                }
                continue;
            }
            assert_eq!(status, "ok", "{name}");
            let columns = columns(*how, month);
            assert_eq!(cell["columns"].as_object().unwrap().len(), columns.len(), "{name}: {}", cell["columns"]);
            for (column, months) in columns {
                let figure = &cell["columns"][column];
                let Some(months) = months else {
                    assert_eq!(figure["status"], "before_first_period", "{name}, {column}");
                    assert!(figure["value"].is_null() && figure["raw"].is_null(), "{name}, {column}: {figure}");
                    continue;
                };
                let expected: Money = months.iter().map(|month| books.amount(*how, month)).sum();
                let raw = figure["raw"].as_str().map(money);
                assert_eq!(raw, Some(expected), "{name}, {column}: {figure}");
                assert_eq!(figure["value"].as_str(), Some(&*thousands(expected)), "{name}, {column}");
                known += 1;
            }
        }
        assert!(known > 30, "{known} figures in {month}");
        equations(&draft, form, books, equity, month);
    }
}

/// 资产 = 负债 + 所有者权益; 营业利润 from its parts; 利润总额 = 营业利润 + 营业外收支.
fn equations(draft: &Value, form: &str, books: &Books, equity: How, month: &'static str) {
    let Stock { side, accounts, by_party } = equity else { unreachable!("equity is a balance") };
    for (column, at) in [("closing", Some(month)), ("prior_year", year_before(month))] {
        let Some(at) = at else { continue };
        let (assets, debts) = (raw(draft, "213", column).unwrap(), raw(draft, "217", column).unwrap());
        assert_eq!(assets, debts + books.stock(at, side, accounts, by_party), "{form}, {month}, {column}");
    }
    for column in ["this_month", "cumulative"] {
        let of = |id: &str| raw(draft, id, column).unwrap_or(0);
        let built = of("301") - ["307", "309", "312", "313", "331", "317", "320", "333"].map(of).iter().sum::<Money>()
            + ["321", "322", "332", "330"].map(of).iter().sum::<Money>();
        assert_eq!(of("323"), built, "{form}:323, {month}, {column}");
        assert_eq!(of("327"), of("323") + of("325") - of("326"), "{form}:327, {month}, {column}");
    }
}

fn site(book: &str, forms: &[&str], layer: &str) -> Site {
    let forms: String = forms
        .iter()
        .map(|form| format!("[[form]]\ncode = \"{form}\"\nedition = \"2025\"\nbook = \"book\"\nmapping = [\"{layer}\"]\n\n"))
        .collect();
    let unit = "[unit]\nname = \"示例\"\ncode = \"913301060000000000\"\naccounting_standard = \"cas\"\n\n";
    let site = Site::tryton(&format!("{unit}{book}\n\n{forms}"));
    let layers = data("../../mappings/examples");
    fs::copy(layers.join(layer), site.path(layer)).unwrap();
    site
}

fn tryton_book(company: &str, more: &str) -> String {
    format!(
        "[[book]]\nid = \"book\"\nconnector = \"tryton\"\nsource.sqlite = \"tryton.sqlite\"\nvariables.company = {company}\n{more}"
    )
}

/// Posted lines of accounts that are kept by party, as Tryton's tables have them. A year-end period comes after its month.
fn tryton_lines(site: &Site, company: &str) -> Vec<(String, String, String, Money)> {
    let database = rusqlite::Connection::open(site.path("tryton.sqlite")).unwrap();
    let sql = "SELECT substr(p.start_date, 1, 7) || CASE p.type WHEN 'adjustment' THEN '+' ELSE '' END, a.code,
                      coalesce(l.party, ''), CAST(l.debit AS TEXT), CAST(l.credit AS TEXT)
               FROM account_move_line l JOIN account_move m ON m.id = l.move JOIN account_period p ON p.id = m.period
               JOIN account_account a ON a.id = l.account
               WHERE m.state = 'posted' AND a.company = ? AND a.code IN ('1.2.1', '2.1.1', '5.1.5.01')";
    let mut statement = database.prepare(sql).unwrap();
    let line = |row: &rusqlite::Row<'_>| {
        let party: rusqlite::types::Value = row.get(2)?;
        let (debit, credit): (String, String) = (row.get(3)?, row.get(4)?);
        Ok((row.get(0)?, row.get(1)?, format!("{party:?}"), money(&debit) - money(&credit)))
    };
    statement.query_map([company], line).unwrap().map(Result::unwrap).collect()
}

fn odoo_lines(server: &Postgres, company: &str) -> Vec<(String, String, String, Money)> {
    let sql = format!(
        "SELECT to_char(l.date, 'YYYY-MM'), a.code_store ->> '{company}', coalesce(l.partner_id, 0), l.debit - l.credit
         FROM account_move_line l JOIN account_move m ON m.id = l.move_id JOIN account_account a ON a.id = l.account_id
         WHERE m.state = 'posted' AND l.company_id = {company} AND a.code_store ->> '{company}' IN ('112200', '220200')"
    );
    let text = server.sql("odoo", &sql);
    let line = |line: &str| {
        let parts: Vec<&str> = line.split('|').collect();
        (parts[0].to_owned(), parts[1].to_owned(), parts[2].to_owned(), money(parts[3]))
    };
    text.lines().map(line).collect()
}

#[test]
fn tryton_drafts_equal_hand_calculations() {
    let site = site(&tryton_book("1", "first_period = \"2025-01\"\n"), &["B203", "E203"], "tryton-hz.toml");
    site.ok(&["pull"]);
    let books = Books::new("tryton", "1", &tryton_lines(&site, "1"));
    tables_are_whole(&books, [TRYTON_ASSETS, TRYTON_LIABILITIES, TRYTON_EQUITY]);
    // One figure worked out by hand, so that the tables themselves are held to something.
    // 营业收入 2025: 1,771,344.76 products + 16,800.00 repairs = 1,788,144.76 元 → 1,788 千元.
    assert_eq!(thousands(money("1788144.76")), "1788");
    let income = to_date("2025-12").iter().map(|month| books.amount(TRYTON_B203[6].1, month)).sum::<Money>();
    assert_eq!(income, money("1788144.76"));
    equals_hand_calculation(&site, "B203", &books, &[TRYTON_B203], TRYTON_EQUITY);
    equals_hand_calculation(&site, "E203", &books, &[TRYTON_B203, TRYTON_MORE], TRYTON_EQUITY);
}

#[test]
fn odoo_drafts_equal_hand_calculations() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    for (company, forms) in [("1", &["B203", "F203"][..]), ("4", &["B203"])] {
        let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
        let book = format!(
            "[[book]]\nid = \"book\"\nconnector = \"odoo\"\nfirst_period = \"2025-01\"\n{source}\nvariables.company = {company}\n"
        );
        let site = site(&book, forms, "odoo-sz.toml");
        site.ok(&["pull"]);
        let books = Books::new("odoo", company, &odoo_lines(&server, company));
        tables_are_whole(&books, [ODOO_ASSETS, ODOO_LIABILITIES, ODOO_EQUITY]);
        for form in forms {
            equals_hand_calculation(&site, form, &books, &[ODOO_B203, ODOO_MORE], ODOO_EQUITY);
        }
    }
}

#[test]
fn a_branch_founded_in_the_year_has_a_whole_year() {
    let server = Postgres::start();
    server.load("odoo", &data("odoo/dump.sql.gz"));
    let source = format!("source.odbc = \"{}\"\nsource.password.env = \"TAIZHANG_TEST_PASSWORD\"", server.odbc("odoo"));
    let book =
        format!("[[book]]\nid = \"book\"\nconnector = \"odoo\"\nfirst_period = \"2025-01\"\n{source}\nvariables.company = 7\n");
    let site = site(&book, &["F203"], "odoo-sz.toml");
    // 苏州分公司 pays its selling expenses in cash that it does not have, from June on; it has no capital, no debts and no income.
    let books = Books::new("odoo", "7", &[]);
    let cash = Stock { side: Debit, accounts: &["100100"], by_party: NONE };
    let loss = Stock { side: Credit, accounts: &["660100"], by_party: NONE };
    for month in ["2025-05", "2025-06", "2025-12", "2026-02"] {
        let draft = draft(&site, "F203", month);
        assert_eq!(raw(&draft, "213", "closing"), Some(books.amount(cash, month)), "{month}");
        assert_eq!(raw(&draft, "217", "closing"), Some(0), "{month}");
        assert_eq!(raw(&draft, "218", "closing"), Some(books.amount(loss, month)), "{month}");
        let spent: Money = to_date(month).iter().map(|month| books.amount(Expense(&["660100"]), month)).sum();
        assert_eq!(raw(&draft, "312", "cumulative"), Some(spent), "{month}");
        assert_eq!(raw(&draft, "323", "cumulative"), Some(-spent), "{month}");
        assert_eq!(raw(&draft, "301", "this_month"), Some(0), "{month}: in the chart, without a line");
        equations(&draft, "F203", &books, loss, month);
    }
}

/// Tryton, company 2, keeps its book in US dollars.
#[test]
fn a_book_in_dollars_has_figures_only_with_rates() {
    let unit = |rates: &str| format!("{rates}{}", tryton_book("2", "first_period = \"2025-01\"\n"));
    let bare = site(&unit(""), &["E203"], "tryton-hz.toml");
    // A finding that blocks, a draft without a figure.
    bare.refused(&["build", "--form", "E203", "--period", "2025-06"], 1, &["USD", "2025-06"]);
    let text = bare.ok(&["draft", "export", "--form", "E203", "--period", "2025-06", "--to", "json"]);
    let draft: Value = serde_json::from_str(&text).unwrap();
    assert!(draft["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "rate-missing"), "{text}");
    for cell in draft["cells"].as_array().unwrap() {
        for (column, figure) in cell["columns"].as_object().unwrap() {
            assert!(figure["value"].is_null() && figure["raw"].is_null(), "{} {column}: {figure}", cell["id"]);
        }
    }
    for id in ["213", "217", "218", "301", "323", "401"] {
        assert_eq!(cell(&draft, id)["status"], "no_rate", "{id}");
    }

    // Rates that no two months share; the average of a month is not its last day's.
    let rate = |month: &str| 72_000 + 37 * MONTHS.iter().position(|at| *at == month).unwrap() as Money;
    let average = |month: &str| rate(month) - 11;
    let decimal = |rate: Money| format!("{}.{:04}", rate / 10_000, rate % 10_000);
    let mut table = "month,currency,rate,average\n".to_owned();
    for month in MONTHS {
        table += &format!("{month},EUR,8.0,8.1\n{month},USD,{},{}\n", decimal(rate(month)), decimal(average(month)));
    }
    let site = site(&unit("[rates]\nfile = \"rates.csv\"\n\n"), &["E203"], "tryton-hz.toml");
    fs::write(site.path("rates.csv"), table).unwrap();
    let books = Books::new("tryton", "2", &tryton_lines(&site, "2"));
    for month in ["2025-01", "2025-06", "2025-12", "2026-02"] {
        let draft = self::draft(&site, "E203", month);
        for (id, how) in TRYTON_B203.iter().chain(TRYTON_MORE) {
            let present = draft["cells"].as_array().unwrap().iter().any(|cell| cell["id"] == *id);
            if !present || matches!(how, Missing | NoSource) {
                continue;
            }
            for (column, months) in columns(*how, month) {
                let Some(months) = months else { continue };
                let name = format!("{id}, {month}, {column}");
                let figure = &cell(&draft, id)["columns"][column];
                // Balances at the last day's rate; what happened, month by month at the average.
                let at = |month: &str| if matches!(how, Stock { .. }) { rate(month) } else { average(month) };
                let dollars: Money = months.iter().map(|month| books.amount(*how, month)).sum();
                let yuan: Money = months.iter().map(|month| books.amount(*how, month) * at(month)).sum();
                assert_eq!(yuan % 10_000, 0, "cents times four decimals are exact");
                let yuan = yuan / 10_000;
                assert_eq!(figure["raw"].as_str().map(money), Some(yuan), "{name}: {figure}");
                assert_eq!(figure["value"].as_str(), Some(&*thousands(yuan)), "{name}");
                assert_eq!(figure["original"]["currency"], "USD", "{name}: {figure}");
                assert_eq!(figure["original"]["raw"].as_str().map(money), Some(dollars), "{name}");
            }
        }
        let of = |id| raw(&draft, id, "closing").unwrap();
        assert_eq!(of("213"), of("217") + of("218"), "{month}");
    }
}

/// Without `first_period` the books themselves say where they begin: balances with the opening voucher, turnover with the month after.
#[test]
fn last_year_is_missing_where_the_books_do_not_reach() {
    let site = site(&tryton_book("1", ""), &["B203"], "tryton-hz.toml");
    // The opening voucher of 2024-12 says what there was at the end of that year.
    let draft = draft(&site, "B203", "2025-12");
    // 52,000 cash + 3,860,000 bank + 640,000 receivable + 2,400,000 machines − 360,000 depreciation.
    assert_eq!(raw(&draft, "213", "prior_year"), Some(money("6592000.00")));
    // 455,000 payable + 1,000,000 loan + 118,000 wages.
    assert_eq!(raw(&draft, "217", "prior_year"), Some(money("1573000.00")));
    // It says nothing about what was sold in it.
    for column in ["prior_year_month", "prior_year"] {
        let figure = &cell(&draft, "301")["columns"][column];
        assert!(figure["value"].is_null() && figure["raw"].is_null(), "{figure}");
        assert_eq!(figure["status"], "before_first_period");
    }
}
