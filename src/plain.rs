//! Formulas in plain words, for people who do not read the notation: accounts and indicators by name, functions as accountants say them.

use formula::{
    AccountCall, Aspect, Column, Expr, Field, Function, Measure, MeasureCall, Node, Operator, Pick, Scope, Selector, Side, Span,
    What, Year,
};
use survey::{Mapping, measures::Kinds};
use ui::{Lang, label, text};

/// Items that are followed into each other at most.
const DEEPEST: usize = 6;

/// What formulas are told with.
pub struct Plain<'a> {
    /// The mapping that they are of.
    pub mapping: &'a Mapping,
    /// The book's accounts.
    pub chart: &'a [formula::Account],
    /// Kinds of measures, where a formula asks for any.
    pub kinds: Option<&'a Kinds>,
    /// The form that they are of.
    pub form: &'a str,
    /// In which language.
    pub lang: Lang,
}

impl Plain<'_> {
    /// A formula, then one sentence for each item that it leads to.
    pub fn lines(&self, expr: &Expr, scope: Scope) -> Vec<String> {
        // An indicator that is an item as it is says what the item says.
        if let Node::Item(name) = &expr.node
            && let Some(Some(formula)) = self.mapping.items.get(name)
            && !matches!(formula.expr.node, Node::Item(_))
        {
            return self.lines(&formula.expr, formula.scope);
        }
        let mut lines = vec![self.say(expr, scope, 0)];
        let (mut waiting, mut known) = (items(expr), Vec::new());
        for _ in 0..DEEPEST {
            let mut next = Vec::new();
            for name in waiting {
                if known.contains(&name) {
                    continue;
                }
                if let Some(Some(formula)) = self.mapping.items.get(&name) {
                    let (item, says) = (self.item(&name), self.say(&formula.expr, formula.scope, 0));
                    lines.push(text(self.lang, "label-plain-where", &[("item", item), ("says", says)]));
                    next.extend(items(&formula.expr));
                }
                known.push(name);
            }
            waiting = next;
        }
        lines
    }

    /// One side of a rule, as it is written; unchanged where it does not read.
    pub fn side(&self, written: &str) -> String {
        let (sign, rest) = split(written);
        match formula::parse(rest) {
            (Some(expr), faults) if faults.is_empty() => {
                let says = self.say(&expr, Scope::Standard, 0);
                if sign.is_empty() { says } else { format!("{} {says}", self.sign(sign)) }
            }
            _ => written.to_owned(),
        }
    }

    fn text(&self, name: &str, values: &[(&str, String)]) -> String {
        let name = format!("plain-{name}");
        text(self.lang, &format!("label-{name}"), values)
    }

    fn sign<'s>(&self, sign: &'s str) -> &'s str {
        match sign {
            "<>" => "≠",
            "<=" => "≤",
            ">=" => "≥",
            "-" => "−",
            "*" => "×",
            "/" => "÷",
            other => other,
        }
    }

    fn list(&self, all: &[String]) -> String {
        all.join(if self.lang == Lang::Zh { "、" } else { ", " })
    }

    fn item(&self, name: &str) -> String {
        let known = self.mapping.items.get(name).and_then(Option::as_ref).and_then(|formula| formula.name.clone());
        known.unwrap_or_else(|| format!("@{name}"))
    }

    fn say(&self, expr: &Expr, scope: Scope, least: u8) -> String {
        let own = level(expr);
        let said = match &expr.node {
            Node::Number(number) => number.to_string(),
            Node::Truth(truth) => truth.to_string(),
            Node::Text(text) => format!("“{text}”"),
            Node::Item(name) => self.item(name),
            Node::Reference { form, code, column } => self.reference(form.as_deref(), code, *column),
            Node::Account(call) => self.account(call, scope),
            Node::Measure(call) => self.measure(call),
            Node::Negate(operand) => format!("−{}", self.say(operand, scope, 7)),
            Node::Not(operand) => self.text("not", &[("a", self.say(operand, scope, 3))]),
            Node::Binary { operator, left, right } => {
                let (left, right) = (self.say(left, scope, own), self.say(right, scope, own + 1));
                match operator {
                    Operator::And => self.text("and", &[("a", left), ("b", right)]),
                    Operator::Or => self.text("or", &[("a", left), ("b", right)]),
                    _ => format!("{left} {} {right}", self.sign(written(*operator))),
                }
            }
            Node::Call { function, arguments } => self.call(*function, arguments, scope),
        };
        if own < least { format!("（{said}）") } else { said }
    }

    fn call(&self, function: Function, arguments: &[Expr], scope: Scope) -> String {
        let all: Vec<String> = arguments.iter().map(|argument| self.say(argument, scope, 0)).collect();
        let of = |at: usize| all.get(at).cloned().unwrap_or_default();
        let (a, b, c) = (("a", of(0)), ("b", of(1)), ("c", of(2)));
        match function {
            Function::Coalesce if all.len() == 2 && of(1) == "0" => self.text("or-zero", &[a]),
            Function::Coalesce => self.text("first-of", &[("all", self.list(&all))]),
            Function::If => self.text("if", &[a, b, c]),
            Function::Abs => self.text("abs", &[a]),
            Function::Round => self.text("round", &[a, b]),
            Function::Max => self.text("max", &[("all", self.list(&all))]),
            Function::Min => self.text("min", &[("all", self.list(&all))]),
            Function::Sum => self.text("sum", &[("all", self.list(&all))]),
            Function::Missing => self.text("missing", &[a]),
            Function::Filled => self.text("filled", &[a]),
            Function::Is => self.text("is", &[a, ("all", self.list(all.get(1..).unwrap_or_default()))]),
            Function::Contains => self.text("contains", &[a, ("all", self.list(all.get(1..).unwrap_or_default()))]),
            Function::Length => self.text("length", &[a]),
            Function::Answers => self.text("answers", &[a]),
            Function::Year => self.text("year", &[a]),
            Function::Months => self.text("months", &[a, b]),
        }
    }

    /// An indicator by its name, with its code behind it.
    fn reference(&self, form: Option<&str>, code: &str, column: Option<Column>) -> String {
        let row = self.mapping.form(form.unwrap_or(self.form)).and_then(|form| form.row(code));
        let name = row.map_or("", |row| row.name.trim());
        let mut said = match form.filter(|form| *form != self.form) {
            Some(form) => format!("{form} {name}({code})"),
            None => format!("{name}({code})"),
        };
        if let Some(column) = column {
            said += &format!("〔{}〕", label(self.lang, at_column(column)));
        }
        said
    }

    fn named(&self, code: &str, scope: Scope) -> String {
        let own = self.chart.iter().find(|account| account.code == code).filter(|_| scope == Scope::Own);
        let standard = || self.mapping.standard.account(code).and_then(|known| known.names.first());
        match own.map(|account| &account.name).or_else(standard) {
            Some(name) => format!("{name}({code})"),
            None => code.to_owned(),
        }
    }

    fn pick(&self, pick: &Pick, scope: Scope) -> String {
        match pick {
            Pick::Code(code, None) => self.named(code, scope),
            Pick::Code(code, Some(part)) => self.text("pick-name", &[("a", self.named(code, scope)), ("part", part.clone())]),
            Pick::Range(from, to) => self.text("pick-range", &[("a", self.named(from, scope)), ("b", self.named(to, scope))]),
            Pick::Pattern(pattern) => self.text("pick-pattern", &[("a", pattern.clone())]),
            Pick::Class(class) => self.text("pick-class", &[("a", label(self.lang, &format!("class-{}", class.name())))]),
        }
    }

    fn accounts(&self, selector: &Selector, scope: Scope) -> String {
        let picks = |picks: &[Pick]| self.list(&picks.iter().map(|pick| self.pick(pick, scope)).collect::<Vec<_>>());
        match selector.without.as_slice() {
            [] => picks(&selector.picks),
            without => self.text("without", &[("a", picks(&selector.picks)), ("b", picks(without))]),
        }
    }

    fn account(&self, call: &AccountCall, scope: Scope) -> String {
        let side = |side: Side| label(self.lang, if side == Side::Debit { "debit" } else { "credit" });
        // English wants a space where Chinese has none.
        let own = call.side.map(|own| side(own) + if self.lang == Lang::En { " " } else { "" }).unwrap_or_default();
        let name = match (call.what, call.side) {
            (What::Opening, _) => "opening",
            (What::Closing, _) => "closing",
            (What::Turnover, _) => "turnover",
            (What::Net, Some(Side::Credit)) => "net-credit",
            (What::Net, _) => "net",
            (What::Movement, Some(Side::Credit)) => "movement-credit",
            (What::Movement, Some(Side::Debit)) => "movement-debit",
            (What::Movement, None) => "movement",
            (What::Counter, _) => "counter",
        };
        let counter = call.counter.as_ref().map(|counter| self.accounts(counter, scope)).unwrap_or_default();
        let mut said =
            self.text(name, &[("accounts", self.accounts(&call.accounts, scope)), ("side", own), ("counter", counter)]);
        match call.measure {
            Measure::Money => {}
            Measure::Quantity => said += &self.text("quantity", &[]),
            Measure::Foreign => said += &self.text("foreign", &[]),
        }
        let flow = !matches!(call.what, What::Opening | What::Closing);
        let mut notes = self.when(call.span, call.year, flow);
        if let Some(detail) = call.detail {
            notes.push(self.text("detail", &[("side", side(detail))]));
        }
        for filter in &call.filters {
            notes.push(self.text("only", &[("value", filter.value.clone())]));
        }
        self.noted(said, &notes)
    }

    fn noted(&self, said: String, notes: &[String]) -> String {
        if notes.is_empty() { said } else { format!("{said}（{}）", self.list(notes)) }
    }

    /// Over which months, where it is not what everybody expects.
    fn when(&self, span: Span, year: Year, flow: bool) -> Vec<String> {
        let mut notes = Vec::new();
        let number = |number: i64| [("number", number.to_string())];
        match span {
            Span::Month(0) if flow => notes.push(self.text("month", &[])),
            Span::Month(0) | Span::ToDate => {}
            Span::Month(offset) => notes.push(self.text("month-before", &number(i64::from(-offset)))),
            Span::Of(month) => notes.push(self.text("month-of", &number(i64::from(month)))),
            Span::Quarter => notes.push(self.text("quarter", &[])),
            Span::Year => notes.push(self.text("whole-year", &[])),
            Span::Through(month) => notes.push(self.text("through", &number(i64::from(month)))),
        }
        match year {
            Year::Offset(0) => {}
            Year::Offset(offset) => notes.push(self.text("year-before", &number(i64::from(-offset)))),
            Year::Of(year) => notes.push(self.text("year-of", &number(i64::from(year)))),
        }
        notes
    }

    fn measure(&self, call: &MeasureCall) -> String {
        let kind = self.kinds.and_then(|kinds| kinds.find(&call.kind)).map_or(call.kind.as_str(), |(_, kind)| match self.lang {
            Lang::En if !kind.english.is_empty() => kind.english.as_str(),
            _ => kind.name.as_str(),
        });
        let aspect = match call.aspect {
            Aspect::Quantity => "aspect-quantity",
            Aspect::Amount => "aspect-amount",
            Aspect::Value => "aspect-value",
            Aspect::Average => "aspect-average",
            Aspect::Closing => "aspect-closing",
            Aspect::Coal => "aspect-coal",
        };
        let said = self.text("measure", &[("kind", kind.to_owned()), ("aspect", self.text(aspect, &[]))]);
        let mut notes = self.when(call.span, call.year, true);
        for (field, value) in &call.fields {
            let field = match field {
                Field::Item => "item",
                Field::Class => "class",
                Field::Origin => "origin",
                Field::Use => "use",
                Field::Composition => "composition",
            };
            notes.push(self.text("only", &[("value", format!("{} {value}", self.text(&format!("field-{field}"), &[])))]));
        }
        notes.extend(call.unit.as_ref().map(|unit| self.text("in-unit", &[("unit", unit.clone())])));
        self.noted(said, &notes)
    }
}

/// Items that a formula names itself.
fn items(expr: &Expr) -> Vec<String> {
    let all = formula::references(expr).into_iter();
    let mut names: Vec<String> = all.filter_map(|(_, code)| code.strip_prefix('@').map(str::to_owned)).collect();
    names.reverse();
    names
}

/// What stands before one side of a comparison.
fn split(side: &str) -> (&str, &str) {
    let side = side.trim();
    let sign = ["<=", ">=", "<>", "=", "<", ">"].into_iter().find(|sign| side.starts_with(sign)).unwrap_or_default();
    (sign, side[sign.len()..].trim_start())
}

fn written(operator: Operator) -> &'static str {
    match operator {
        Operator::Or => "or",
        Operator::And => "and",
        Operator::Equal => "=",
        Operator::Unequal => "<>",
        Operator::Less => "<",
        Operator::AtMost => "<=",
        Operator::Greater => ">",
        Operator::AtLeast => ">=",
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
    }
}

/// How tightly an expression binds.
fn level(expr: &Expr) -> u8 {
    match &expr.node {
        Node::Binary { operator, .. } => match operator {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Add | Operator::Subtract => 5,
            Operator::Multiply | Operator::Divide => 6,
            _ => 4,
        },
        Node::Not(_) => 3,
        Node::Negate(_) => 7,
        _ => 8,
    }
}

fn at_column(column: Column) -> &'static str {
    match column {
        Column::ThisMonth => "this-month",
        Column::Cumulative => "cumulative",
        Column::PriorYearMonth => "prior-year-month",
        Column::PriorYear => "prior-year",
        Column::Closing => "plain-at-end",
        Column::Previous => "plain-previous",
        Column::Opening => "plain-at-start",
        Column::FiledLastYear => "plain-filed-last-year",
    }
}
