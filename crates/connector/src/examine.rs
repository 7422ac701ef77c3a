/*! What `taizhang connector test` looks for in the entries that a pack gives. */

use std::collections::{BTreeMap, HashSet};

use arrow_array::{Array, RecordBatch};
use model::{Amount, Finding, Month};

use crate::rows::{check, text};

/// Findings named one by one.
const NAMED: usize = 50;

/// Goes through the entries of a pack and keeps what breaks the contract.
pub struct Examiner<'a> {
    pack: &'a str,
    accounts: &'a HashSet<String>,
    findings: Vec<Finding>,
    columns_checked: bool,
    period: (String, String),
    voucher: String,
    seen: HashSet<String>,
    /// Rows gone through.
    pub rows: u64,
    /// Rows by month and adjustment.
    pub periods: BTreeMap<(String, String), u64>,
    more: u64,
}

impl<'a> Examiner<'a> {
    /// For the entries of `pack`; `accounts` are the codes of its chart.
    pub fn new(pack: &'a str, accounts: &'a HashSet<String>) -> Examiner<'a> {
        Examiner {
            pack,
            accounts,
            findings: Vec::new(),
            columns_checked: false,
            period: Default::default(),
            voucher: String::new(),
            seen: HashSet::new(),
            rows: 0,
            periods: BTreeMap::new(),
            more: 0,
        }
    }

    /// Goes through a batch.
    pub fn push(&mut self, batch: &RecordBatch) {
        if !self.columns_checked {
            self.columns_checked = true;
            self.findings.extend(check(batch, self.pack, "entries"));
        }
        let value = |name: &str, row: usize| {
            text(batch, name).filter(|column| column.is_valid(row)).map(|column| column.value(row).to_owned())
        };
        for row in 0..batch.num_rows() {
            self.rows += 1;
            let [month, adjustment, voucher, account] =
                ["month", "adjustment", "voucher", "account"].map(|name| value(name, row).unwrap_or_default());
            let place = format!("row {}, {month}, {voucher}", self.rows);
            if month.parse::<Month>().is_err() {
                self.report(Finding::error("month-unreadable").at(&place).with("text", &month));
            }
            let period = (month, adjustment);
            if period != self.period {
                if period < self.period {
                    self.report(Finding::error("entries-unsorted").at(&place));
                }
                self.period = period.clone();
                self.seen.clear();
                self.voucher.clear();
            }
            *self.periods.entry(period).or_insert(0) += 1;
            if voucher != self.voucher {
                if !self.seen.insert(voucher.clone()) {
                    self.report(Finding::error("voucher-scattered").at(&place));
                }
                self.voucher = voucher;
            }
            if !self.accounts.contains(&account) {
                self.report(Finding::error("account-unknown").at(&place).with("account", &account));
            }
            for (name, needed) in [("debit", true), ("credit", true), ("foreign_amount", false), ("quantity", false)] {
                let reason = match value(name, row).map(|text| text.parse::<Amount>()) {
                    None if needed => "NULL".to_owned(),
                    Some(Err(error)) => error.to_string(),
                    _ => continue,
                };
                let finding = Finding::error("amount-unreadable").at(&place).with("column", name);
                self.report(finding.with("account", &account).with("reason", reason));
            }
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Vec<Finding> {
        if self.more > 0 {
            self.findings.push(Finding::error("more-findings").at(format!("pack {}", self.pack)).with("count", self.more));
        }
        self.findings
    }

    fn report(&mut self, finding: Finding) {
        if self.findings.len() < NAMED {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}
