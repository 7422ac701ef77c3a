//! What is wrong with a formula before it is used: everything at once.

use std::collections::{BTreeMap, BTreeSet};

use model::Amount;

use crate::{
    Fault,
    ast::{AccountCall, Column, Expr, Function, MeasureCall, Node, Operator, Selector, What},
    evaluate::round_places,
    select::{Account, Class, Scope, select},
};

/// Kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Number.
    Number,
    /// Truth.
    Truth,
    /// Text: only where a function compares one.
    Text,
}

/// What a formula names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An item of the mapping.
    Item,
    /// An indicator.
    Indicator,
    /// An indicator, or one that its form repeats for what the unit has.
    Repeated,
}

/// Checks a formula that must give a `wanted` value. `chart` is the book's, where there is one; `known` tells whether an indicator
/// (form, code) or an item (without a form) exists.
pub fn check(
    expr: &Expr,
    wanted: Kind,
    chart: Option<(&[Account], Scope)>,
    known: &dyn Fn(Option<&str>, &str, Named) -> bool,
) -> Vec<Fault> {
    let mut checker = Checker { chart, known, faults: Vec::new(), foreseen: false };
    checker.expect(expr, wanted);
    checker.faults
}

struct Checker<'a> {
    chart: Option<(&'a [Account], Scope)>,
    known: &'a dyn Fn(Option<&str>, &str, Named) -> bool,
    faults: Vec<Fault>,
    /// Whether the formula says what is to be done where the accounts are missing.
    foreseen: bool,
}

impl Checker<'_> {
    fn expect(&mut self, expr: &Expr, wanted: Kind) {
        if self.kind(expr).is_some_and(|kind| kind != wanted) {
            let name = |kind| match kind {
                Kind::Number => "number",
                Kind::Truth => "truth",
                Kind::Text => "text",
            };
            let fault = Fault::new("formula-kind", expr.span.clone()).with("formula", expr);
            self.faults.push(fault.with("wanted", name(wanted)));
        }
    }

    /// The kind of an expression; `None` where a fault leaves it open.
    fn kind(&mut self, expr: &Expr) -> Option<Kind> {
        match &expr.node {
            Node::Number(_) => Some(Kind::Number),
            Node::Truth(_) => Some(Kind::Truth),
            Node::Text(_) => Some(Kind::Text),
            Node::Item(name) => {
                if !(self.known)(None, name, Named::Item) {
                    self.faults.push(Fault::new("item-unknown", expr.span.clone()).with("item", name));
                }
                Some(Kind::Number)
            }
            Node::Reference { form, code, .. } => {
                self.indicator(expr, form.as_deref(), code, Named::Indicator);
                Some(Kind::Number)
            }
            Node::Account(call) => {
                self.account(expr, call);
                Some(Kind::Number)
            }
            // Which kinds there are is data: what is asked of one that is not there has no value.
            Node::Measure(_) => Some(Kind::Number),
            Node::Negate(operand) => {
                self.expect(operand, Kind::Number);
                Some(Kind::Number)
            }
            Node::Not(operand) => {
                self.expect(operand, Kind::Truth);
                Some(Kind::Truth)
            }
            Node::Binary { operator, left, right } => {
                use Operator as O;
                match operator {
                    O::And | O::Or => {
                        self.expect(left, Kind::Truth);
                        self.expect(right, Kind::Truth);
                        Some(Kind::Truth)
                    }
                    O::Equal | O::Unequal => {
                        match self.kind(left) {
                            Some(kind) => self.expect(right, kind),
                            None => {
                                self.kind(right);
                            }
                        }
                        Some(Kind::Truth)
                    }
                    O::Less | O::AtMost | O::Greater | O::AtLeast => {
                        self.expect(left, Kind::Number);
                        self.expect(right, Kind::Number);
                        Some(Kind::Truth)
                    }
                    O::Add | O::Subtract | O::Multiply | O::Divide => {
                        self.expect(left, Kind::Number);
                        self.expect(right, Kind::Number);
                        if *operator == O::Divide && right.node == Node::Number(Amount::ZERO) {
                            self.faults.push(Fault::new("division-by-zero", right.span.clone()));
                        }
                        Some(Kind::Number)
                    }
                }
            }
            Node::Call { function, arguments } => self.call(expr, *function, arguments),
        }
    }

    fn indicator(&mut self, expr: &Expr, form: Option<&str>, code: &str, named: Named) {
        if !(self.known)(form, code, named) {
            self.faults.push(Fault::new("indicator-unknown", expr.span.clone()).with("indicator", expr));
        }
    }

    /// A function that reads texts: of indicators first, then those that it compares with.
    fn texts(&mut self, function: Function, arguments: &[Expr]) -> Kind {
        for (at, argument) in arguments.iter().enumerate() {
            match &argument.node {
                Node::Reference { form, code, column: None } if at < function.texts() => {
                    self.indicator(argument, form.as_deref(), code, Named::Indicator);
                }
                _ if at < function.texts() => {
                    let fault = Fault::new("formula-kind", argument.span.clone()).with("formula", argument);
                    self.faults.push(fault.with("wanted", "[…]"));
                }
                _ => self.expect(argument, Kind::Text),
            }
        }
        match function {
            Function::Length | Function::Answers | Function::Year | Function::Months => Kind::Number,
            _ => Kind::Truth,
        }
    }

    fn call(&mut self, expr: &Expr, function: Function, arguments: &[Expr]) -> Option<Kind> {
        let (least, most) = match function {
            Function::Abs | Function::Missing | Function::Filled => (1, 1),
            Function::Length | Function::Answers | Function::Year => (1, 1),
            Function::Round | Function::Months => (2, 2),
            Function::If => (3, 3),
            Function::Is | Function::Contains => (2, usize::MAX),
            Function::Min | Function::Max | Function::Coalesce | Function::Sum => (1, usize::MAX),
        };
        if !(least..=most).contains(&arguments.len()) {
            let fault = Fault::new("formula-argument-count", expr.span.clone()).with("formula", expr);
            self.faults.push(fault.with("given", arguments.len()).with("wanted", least));
        }
        if function == Function::Round
            && let Some(places) = arguments.get(1)
            && let Some(number) = constant(places)
            && round_places(number).is_none()
        {
            self.faults.push(Fault::new("round-places", places.span.clone()).with("places", number));
        }
        if function.texts() > 0 {
            return Some(self.texts(function, arguments));
        }
        match function {
            Function::If => {
                let mut arguments = arguments.iter();
                if let Some(condition) = arguments.next() {
                    self.expect(condition, Kind::Truth);
                }
                let kinds: Vec<Option<Kind>> = arguments.map(|argument| self.kind(argument)).collect();
                if let [Some(then), Some(other)] = kinds[..]
                    && then != other
                {
                    self.faults.push(Fault::new("formula-kind", expr.span.clone()).with("formula", expr).with("wanted", "="));
                }
                kinds.first().copied().flatten()
            }
            Function::Missing => {
                let before = std::mem::replace(&mut self.foreseen, true);
                for argument in arguments {
                    self.kind(argument);
                }
                self.foreseen = before;
                Some(Kind::Truth)
            }
            Function::Coalesce => {
                let before = self.foreseen;
                for (at, argument) in arguments.iter().enumerate() {
                    self.foreseen = before || at + 1 < arguments.len();
                    self.expect(argument, Kind::Number);
                }
                self.foreseen = before;
                Some(Kind::Number)
            }
            _ => {
                for argument in arguments {
                    match &argument.node {
                        Node::Reference { form, code, .. } if function.gathers() => {
                            self.indicator(argument, form.as_deref(), code, Named::Repeated);
                        }
                        _ => self.expect(argument, Kind::Number),
                    }
                }
                Some(Kind::Number)
            }
        }
    }

    fn account(&mut self, expr: &Expr, call: &AccountCall) {
        let fault = |code| Fault::new(code, expr.span.clone()).with("formula", call);
        if call.detail.is_some() && !matches!(call.what, What::Opening | What::Closing) {
            self.faults.push(fault("detail-without-balance"));
        }
        let Some((chart, scope)) = self.chart else { return };
        let mut selectors: Vec<&Selector> = vec![&call.accounts];
        selectors.extend(&call.counter);
        for selector in selectors {
            let selected = select(selector, chart, scope);
            let none = selected.accounts.is_empty() && selected.undecided.is_empty();
            // A shipped selection lists what any book may have; one of the enterprise's own names its accounts.
            let odd = match scope {
                Scope::Own => [selected.empty, selected.idle].concat(),
                Scope::Standard if none => selected.empty,
                Scope::Standard => Vec::new(),
            };
            if none && !self.foreseen || !none && !odd.is_empty() {
                self.faults.push(fault("account-missing").with("account", odd.join(", ")));
            }
        }
        let selected = select(&call.accounts, chart, scope);
        let accounts = || selected.accounts.iter().map(|at| &chart[*at]);
        if call.what == What::Movement
            && let Some(account) = accounts().find(|account| account.class.is_some_and(|class| class != Class::ProfitAndLoss))
        {
            self.faults.push(fault("movement-of-balance").with("account", &account.code).with("name", &account.name));
        }
        if call.side.is_none() && call.detail.is_none() && call.what != What::Net {
            // What `evaluate` refuses: accounts without a normal side, or with both.
            if let Some(account) = accounts().find(|account| account.debit.is_none()) {
                self.faults.push(fault("side-unknown").with("account", &account.code).with("name", &account.name));
            } else if accounts().map(|account| account.debit).collect::<BTreeSet<_>>().len() > 1 {
                self.faults.push(fault("side-mixed"));
            }
        }
    }
}

/// A number that is written out.
fn constant(expr: &Expr) -> Option<Amount> {
    match &expr.node {
        Node::Number(number) => Some(*number),
        Node::Negate(operand) => match &operand.node {
            Node::Number(number) => number.checked_neg(),
            _ => None,
        },
        _ => None,
    }
}

/// What a formula refers to: `(form, code)` of indicators, and `(None, "@name")` of items.
pub fn references(expr: &Expr) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        match &expr.node {
            Node::Item(name) => found.push((None, format!("@{name}"))),
            // Another period is another cell: it cannot close a circle.
            Node::Reference { column: Some(Column::Previous | Column::Opening | Column::FiledLastYear), .. } => {}
            // A text is no figure that is made of others.
            Node::Call { function, .. } if function.texts() > 0 => {}
            Node::Reference { form, code, .. } => found.push((form.clone(), code.clone())),
            Node::Negate(operand) | Node::Not(operand) => waiting.push(operand),
            Node::Binary { left, right, .. } => waiting.extend([&**left, &**right]),
            Node::Call { arguments, .. } => waiting.extend(arguments),
            Node::Number(_) | Node::Truth(_) | Node::Text(_) | Node::Account(_) | Node::Measure(_) => {}
        }
    }
    found
}

/// Whether a formula asks for a measure itself; what it refers to is asked on its own.
pub fn asks_measures(expr: &Expr) -> bool {
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        match &expr.node {
            Node::Measure(_) => return true,
            Node::Negate(operand) | Node::Not(operand) => waiting.push(operand),
            Node::Binary { left, right, .. } => waiting.extend([&**left, &**right]),
            Node::Call { arguments, .. } => waiting.extend(arguments),
            _ => {}
        }
    }
    false
}

/// What an expression asks of measures.
pub fn measured<'a>(expr: &'a Expr, calls: &mut Vec<&'a MeasureCall>) {
    let mut waiting = vec![expr];
    while let Some(expr) = waiting.pop() {
        match &expr.node {
            Node::Measure(call) => calls.push(call),
            Node::Negate(operand) | Node::Not(operand) => waiting.push(operand),
            Node::Binary { left, right, .. } => waiting.extend([&**left, &**right]),
            Node::Call { arguments, .. } => waiting.extend(arguments),
            _ => {}
        }
    }
}

/// A circle among formulas that refer to each other: the names on it, the first one repeated at the end.
pub fn cycle(references: &BTreeMap<String, Vec<String>>) -> Option<Vec<String>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in references.keys() {
        // Depth first with a path of its own: formulas come from files, so nothing here may grow the stack.
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        while let Some((name, next)) = path.last_mut() {
            let target = references.get(*name).and_then(|targets| targets.get(*next));
            *next += 1;
            match target {
                None => {
                    done.insert(name);
                    path.pop();
                }
                Some(target) if done.contains(target.as_str()) => {}
                Some(target) => match path.iter().position(|(name, _)| name == target) {
                    Some(at) => {
                        let circle = path[at..].iter().map(|(name, _)| (*name).to_owned());
                        return Some(circle.chain([target.clone()]).collect());
                    }
                    None => path.push((target, 0)),
                },
            }
        }
    }
    None
}
