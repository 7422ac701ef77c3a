/*! What the small extracts mean: accounts, periods, books, the ERP's own balances, fingerprints. */

use std::collections::BTreeMap;

use model::{Amount, Finding, MeasureRow, Month, Period};
use serde::{Deserialize, Serialize};

use crate::Rows;

/// An account of the chart as the ERP has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Code, unique in the book.
    pub account: String,
    /// Name.
    pub name: String,
    /// `asset`, `liability`, `equity`, `cost`, `profit_and_loss`, `off_balance` or `balance_sheet`.
    pub class: String,
    /// `debit` or `credit`, where the ERP says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// Whether the ERP marks it as 本年利润 or 利润分配.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub profit: bool,
    /// The ERP's own type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erp_type: Option<String>,
}

/// A period as the ERP has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodInfo {
    /// `YYYY-MM` or `YYYY-MM+adj`.
    pub period: String,
    /// Whether the ERP has closed it.
    pub closed: bool,
    /// First month of its fiscal year.
    pub fiscal_year_start: String,
}

impl PeriodInfo {
    /// The period itself.
    pub fn period(&self) -> Option<Period> {
        self.period.parse().ok()
    }
}

/// A book that was discovered in a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookInfo {
    /// Name, usually of the company.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Month in which fiscal years start, where the ERP says.
    pub fiscal_year_starts: Option<u8>,
    /// Values of the pack's variables.
    pub variables: BTreeMap<String, String>,
}

/// A balance that the ERP itself stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErpBalance {
    /// It holds after this month, adjustment periods included.
    pub month: Month,
    /// Account code.
    pub account: String,
    /// Debit-positive, since inception.
    pub closing: Amount,
}

/// Lines of the fingerprint by period, in an order of their own.
pub type Fingerprint = BTreeMap<Period, Vec<String>>;

const CLASSES: [&str; 7] = ["asset", "liability", "equity", "cost", "profit_and_loss", "off_balance", "balance_sheet"];

/// The chart. What is wrong with it is found at once.
pub fn accounts(pack: &str, rows: &Rows) -> (Vec<Account>, Vec<Finding>) {
    let mut findings = rows.check(pack, "accounts");
    let (mut accounts, mut seen) = (Vec::new(), BTreeMap::new());
    let place = format!("pack {pack}, accounts");
    rows.each(|value| {
        let Some(account) = value("account").filter(|account| !account.is_empty()) else {
            findings.push(Finding::error("account-nameless").at(&place).with("name", value("name").unwrap_or_default()));
            return;
        };
        let name = value("name").unwrap_or_default();
        let class = value("class").unwrap_or_default();
        if !CLASSES.contains(&class.as_str()) {
            let finding = Finding::error("class-unknown").at(&place).with("account", &account).with("class", &class);
            findings.push(finding.with("known", CLASSES.join(", ")));
        }
        if let Some(other) = seen.insert(account.clone(), name.clone()) {
            let finding = Finding::error("account-doubled").at(&place).with("account", &account);
            findings.push(finding.with("name", &name).with("other", other));
        }
        let (profit, side, erp_type) = (value("profit").as_deref() == Some("1"), value("side"), value("erp_type"));
        accounts.push(Account { account, name, class, side, profit, erp_type });
    });
    (accounts, findings)
}

/// The calendar.
pub fn periods(pack: &str, rows: &Rows) -> (Vec<PeriodInfo>, Vec<Finding>) {
    let mut findings = rows.check(pack, "periods");
    let mut periods: BTreeMap<Period, PeriodInfo> = BTreeMap::new();
    rows.each(|value| {
        let start = value("fiscal_year_start").unwrap_or_default();
        // An entry whose day is in no month is in none of the rows that are read by month: the calendar is where it can be told.
        if let Some(voucher) = value("voucher") {
            let number = value("number").filter(|number| !number.is_empty()).unwrap_or_else(|| "—".to_owned());
            let finding = Finding::error("date-unreadable").at(format!("pack {pack}, {}", value("field").unwrap_or_default()));
            let finding = finding.with("text", value("month").unwrap_or_default()).with("number", number);
            findings.push(finding.with("voucher", voucher));
            return;
        }
        let Some(period) = period(value) else {
            let finding = Finding::error("month-unreadable").at(format!("pack {pack}, periods"));
            findings.push(finding.with("text", value("month").unwrap_or_default()));
            return;
        };
        if start.parse::<Month>().is_err() {
            findings.push(Finding::error("month-unreadable").at(format!("pack {pack}, periods, {period}")).with("text", &start));
        }
        let closed = value("state").as_deref() == Some("closed");
        // A month that the ERP keeps in several periods is closed when all of them are.
        let info = PeriodInfo { period: period.to_string(), closed, fiscal_year_start: start };
        periods.entry(period).and_modify(|known| known.closed &= closed).or_insert(info);
    });
    (periods.into_values().collect(), findings)
}

/// The books of a source.
pub fn books(pack: &str, rows: &Rows) -> (Vec<BookInfo>, Vec<Finding>) {
    let findings = rows.check(pack, "books");
    let own: Vec<String> =
        rows.columns().into_iter().filter(|name| !["name", "currency", "fiscal_year_starts"].contains(&name.as_str())).collect();
    let mut books = Vec::new();
    rows.each(|value| {
        let variables = own.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect();
        books.push(BookInfo {
            name: value("name").unwrap_or_default(),
            currency: value("currency").unwrap_or_default(),
            fiscal_year_starts: value("fiscal_year_starts").and_then(|text| text.parse().ok()),
            variables,
        });
    });
    (books, findings)
}

/// The ERP's own balances.
pub fn balances(pack: &str, rows: &Rows) -> (Vec<ErpBalance>, Vec<Finding>) {
    let mut findings = rows.check(pack, "balances");
    let mut balances = Vec::new();
    rows.each(|value| {
        let account = value("account").unwrap_or_default();
        let month = value("month").unwrap_or_default();
        // A source that cannot subtract exactly gives both sides.
        let given = match value("closing") {
            Some(closing) => closing.parse::<Amount>().map(Some),
            None => value("debit").unwrap_or_default().parse::<Amount>().and_then(|debit| {
                let credit: Amount = value("credit").unwrap_or_default().parse()?;
                Ok(debit.checked_sub(credit))
            }),
        };
        match (month.parse(), given) {
            (Ok(month), Ok(Some(closing))) => balances.push(ErpBalance { month, account, closing }),
            (Err(_), _) => {
                findings.push(Finding::error("month-unreadable").at(format!("pack {pack}, balances")).with("text", month))
            }
            (_, Ok(None)) => findings.push(Finding::error("amount-too-large").at(format!("{month}, {account}"))),
            (_, Err(error)) => {
                let finding = Finding::error("amount-unreadable").at(month).with("column", "closing");
                findings.push(finding.with("account", account).with("reason", error));
            }
        }
    });
    (balances, findings)
}

/// Fingerprints by period.
pub fn fingerprints(pack: &str, rows: &Rows) -> (Fingerprint, Vec<Finding>) {
    let mut findings = rows.check(pack, "fingerprint");
    let columns = rows.columns();
    let mut prints = Fingerprint::new();
    rows.each(|value| match period(value) {
        Some(period) => {
            let cells = columns.iter().map(|name| value(name).map_or_else(|| "\u{1}".to_owned(), |v| format!("\u{2}{v}")));
            prints.entry(period).or_default().push(cells.collect());
        }
        None => {
            let finding = Finding::error("month-unreadable").at(format!("pack {pack}, fingerprint"));
            findings.push(finding.with("text", value("month").unwrap_or_default()));
        }
    });
    prints.values_mut().for_each(|lines| lines.sort_unstable());
    (prints, findings)
}

fn period(value: &dyn Fn(&str) -> Option<String>) -> Option<Period> {
    Some(Period { month: value("month")?.parse().ok()?, adjustment: value("adjustment").as_deref() == Some("1") })
}

/// Rows of measures; each that cannot be read is a finding with its document.
pub fn measures(pack: &str, rows: &Rows) -> (Vec<MeasureRow>, Vec<Finding>) {
    let (mut read, mut findings) = (Vec::with_capacity(rows.len()), rows.check(pack, "measures"));
    if !findings.is_empty() {
        return (read, findings);
    }
    rows.each(|value| {
        let text = |name: &str| value(name).unwrap_or_default();
        let (kind, document) = (text("kind"), text("document"));
        let place = format!("pack {pack}, measures, {kind} {document}");
        let Ok(month) = text("month").parse::<Month>() else {
            findings.push(Finding::error("month-unreadable").at(place).with("text", text("month")));
            return;
        };
        for name in ["kind", "item", "document"] {
            if text(name).is_empty() {
                findings.push(Finding::error("measure-row-incomplete").at(&place).with("column", name));
                return;
            }
        }
        let mut amount = |name: &str| match value(name).map(|text| text.parse::<Amount>()).transpose() {
            Ok(amount) => amount,
            Err(error) => {
                let finding = Finding::error("amount-unreadable").at(&place).with("column", name);
                findings.push(finding.with("account", text("item")).with("reason", error));
                None
            }
        };
        let filled = |name: &str| value(name).filter(|text| !text.is_empty());
        read.push(MeasureRow {
            month,
            kind: kind.clone(),
            item: text("item"),
            item_name: filled("item_name"),
            class: filled("class"),
            origin: filled("origin"),
            unit: filled("unit"),
            quantity: amount("quantity"),
            amount: amount("amount"),
            document: document.clone(),
            line: filled("line"),
            date: filled("date"),
        });
    });
    (read, findings)
}
