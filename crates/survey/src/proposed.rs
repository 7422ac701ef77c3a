//! A formula that somebody proposes for a row or an item, looked at before it is written anywhere.

use std::collections::BTreeSet;

use formula::{Account, Fault, Kind, Scope};
use model::Level;

use crate::{Mapping, mapping::known};

impl Mapping {
    /// What is wrong with a formula that is to stand in a row of `form`, or in an item where that is empty; spans count from its first
    /// byte. `beside` are items that come with it. The chart is the book's, and so are the codes.
    pub fn faults(&self, form: &str, text: &str, chart: &[Account], beside: &BTreeSet<&str>) -> Vec<(Fault, Level)> {
        let (expr, faults) = formula::parse(text);
        let mut found: Vec<(Fault, Level)> = faults.into_iter().map(|fault| (fault, Level::Error)).collect();
        if let Some(expr) = expr {
            let faults = formula::check(&expr, Kind::Number, Some((chart, Scope::Own)), &|of, code, named| {
                of.is_none() && beside.contains(code) || known(&self.forms, &self.items, form, of, code, named)
            });
            found.extend(faults.into_iter().map(|fault| {
                let level = own_level(fault.code);
                (fault, level)
            }));
        }
        found
    }
}

/// How grave a fault is in a formula of the enterprise's own.
pub(crate) fn own_level(code: &str) -> Level {
    match code {
        "account-missing" | "movement-of-balance" => Level::Warning,
        _ => Level::Error,
    }
}
