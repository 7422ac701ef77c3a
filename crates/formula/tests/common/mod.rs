//! A small book for the tests of the language.

use formula::{Account, At, Class, Column, Gap, MeasureQuestion, Mode, Outcome, Part, Question, Scope, Trace, Value, World};
use model::{Amount, Month};

/// A book of two accounts; items that are absent, unread, and 7.
pub struct Small {
    pub chart: Vec<Account>,
    pub scope: Scope,
}

impl Small {
    pub fn new() -> Small {
        let account = |code: &str, class, debit| Account {
            code: code.to_owned(),
            name: code.to_owned(),
            standard: None,
            class: Some(class),
            debit: Some(debit),
            undecided: Vec::new(),
        };
        Small {
            chart: vec![account("1001", Class::Asset, true), account("6001", Class::ProfitAndLoss, false)],
            scope: Scope::Standard,
        }
    }
}

fn trace(outcome: Outcome) -> Trace {
    Trace { text: String::new(), outcome, question: None, measured: None, parts: Vec::new(), children: Vec::new() }
}

impl World for Small {
    fn chart(&self) -> &[Account] {
        &self.chart
    }

    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        let amount = |account: &String| Amount::from_whole(if account == "1001" { 12 } else { -5 });
        Ok(question.accounts.iter().map(|account| Part { account: account.clone(), amount: amount(account).unwrap() }).collect())
    }

    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        if question.kind != "output" {
            return Err(Gap::new("missing_source", "unread"));
        }
        let part = |item: &str, amount| Part { account: item.to_owned(), amount: Amount::from_whole(amount).unwrap() };
        Ok(vec![part("a", i128::from(question.from.month())), part("b", i128::from(question.to.month()) * 100)])
    }

    fn reference(&self, _: Option<&str>, code: &str, _: Option<Column>, _: At) -> Trace {
        trace(
            code.parse::<i128>()
                .map(|n| Value::Number(Amount::from_whole(n).unwrap()))
                .map_err(|_| Gap::new("missing_source", "x")),
        )
    }

    fn item(&self, name: &str, _: At) -> Trace {
        trace(match name {
            "gone" => Err(Gap::new("missing_account", "gone")),
            "unread" => Err(Gap::new("missing_source", "unread")),
            _ => Ok(Value::Number(Amount::from_whole(7).unwrap())),
        })
    }

    fn scope(&self) -> Scope {
        self.scope
    }
}

pub fn at(mode: Mode) -> At {
    At { month: Month::new(2025, 6).unwrap(), mode }
}
