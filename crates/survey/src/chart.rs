//! A book's chart as formulas see it: each account with the standard's account that it is.

use formula::{Account, Class};
use model::Finding;

use crate::{Mapping, Match, NOTHING};

/// An account as the ERP has it.
#[derive(Clone, Debug)]
pub struct BookAccount {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Class as the ERP says: `asset`, `liability`, `equity`, `cost`, `profit_and_loss`, `off_balance`, `balance_sheet`.
    pub class: String,
    /// `debit` or `credit`, where the ERP says.
    pub side: Option<String>,
}

/// Finds out which account of the standard each account is. Code and name are matched together; where they disagree a person decides, in
/// a layer's `[accounts]`, and until then nothing that may need the account has a value. `used` tells which accounts ever had an amount:
/// the others are not worth a person's time.
pub fn chart(mapping: &Mapping, accounts: &[BookAccount], used: &dyn Fn(&str) -> bool) -> (Vec<Account>, Vec<Finding>) {
    let standard = &mapping.standard;
    let mut findings = Vec::new();
    let mut chart = Vec::with_capacity(accounts.len());
    for account in accounts.iter().filter(|account| account.class != "off_balance") {
        let erp = Class::named(&account.class);
        let mut undecided = Vec::new();
        let decision = mapping.accounts.get(&account.code);
        // Whoever says that an account is on no form has looked at it: there is nothing left to match and nothing to tell.
        let nothing = decision.is_some_and(|decision| decision.is == NOTHING);
        let decided = decision.and_then(|decision| standard.account(&decision.is));
        let found = decided.or_else(|| match standard.find(&account.code, &account.name) {
            _ if nothing => None,
            Match::Is(found) => Some(found),
            Match::Disagrees { code, name } => {
                // An account without a line adds nothing wherever it belongs, so it holds no figure up.
                if used(&account.code) {
                    undecided = [Some(code), name].into_iter().flatten().map(|found| found.code.clone()).collect();
                    let finding = Finding::warning("account-name-disagrees").at(account.code.clone()).with("name", &account.name);
                    let by_name = name.map_or_else(|| "—".to_owned(), |found| format!("{} {}", found.code, found.names[0]));
                    let by_code = format!("{} {}", code.code, code.names[0]);
                    findings.push(finding.with("by_code", by_code).with("by_name", by_name).with("standard", &standard.title));
                }
                None
            }
            Match::Unknown => {
                if erp.is_none() && used(&account.code) {
                    let finding = Finding::warning("account-unmatched").at(account.code.clone()).with("name", &account.name);
                    findings.push(finding.with("standard", &standard.title));
                }
                None
            }
        });
        let class = found.and_then(|found| Class::named(&found.class)).or(erp);
        if let (Some(ours), Some(theirs), Some(found)) = (class, erp, found)
            && ours != theirs
            && used(&account.code)
        {
            let finding = Finding::note("account-class-disagrees").at(account.code.clone()).with("name", &account.name);
            findings.push(finding.with("erp", theirs.name()).with("standard", ours.name()).with("is", &found.code));
        }
        let by_class = match class {
            Some(Class::Asset | Class::Cost) => Some(true),
            Some(Class::Liability | Class::Equity) => Some(false),
            _ => None,
        };
        let side = account.side.as_deref().map(|side| side == "debit");
        chart.push(Account {
            code: account.code.clone(),
            name: account.name.clone(),
            standard: found.map(|found| found.code.clone()),
            class,
            debit: found.map(|found| found.debit).or(side).or(by_class),
            undecided,
        });
    }
    chart.sort_by(|a, b| a.code.cmp(&b.code));
    (chart, findings)
}
