//! From tree to canonical text; what is printed reads as the same tree.

use std::fmt::{self, Display, Formatter};

use crate::{
    ast::{AccountCall, Expr, Filter, Measure, MeasureCall, Node, Operator, Pick, Selector, Side, Span, Year},
    names::{ACCOUNT_FUNCTIONS, ASPECTS, COLUMNS, DIMENSIONS, FIELDS, FUNCTIONS, name_of},
};

impl Operator {
    /// Sign and how tightly it binds.
    pub(crate) fn sign(self) -> (&'static str, u8) {
        match self {
            Operator::Or => ("or", 1),
            Operator::And => ("and", 2),
            Operator::Equal => ("=", 4),
            Operator::Unequal => ("<>", 4),
            Operator::Less => ("<", 4),
            Operator::AtMost => ("<=", 4),
            Operator::Greater => (">", 4),
            Operator::AtLeast => (">=", 4),
            Operator::Add => ("+", 5),
            Operator::Subtract => ("-", 5),
            Operator::Multiply => ("*", 6),
            Operator::Divide => ("/", 6),
        }
    }
}

impl Display for crate::Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(COLUMNS, self))
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.put(f, 0)
    }
}

impl Expr {
    /// Puts the expression where an operand must bind at least as tightly as `least`.
    fn put(&self, f: &mut Formatter<'_>, least: u8) -> fmt::Result {
        let own = match &self.node {
            Node::Binary { operator, .. } => operator.sign().1,
            Node::Not(_) => 3,
            Node::Negate(_) => 7,
            _ => 8,
        };
        if own < least {
            f.write_str("(")?;
            self.bare(f)?;
            return f.write_str(")");
        }
        self.bare(f)
    }

    fn bare(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Number(number) => write!(f, "{number}"),
            Node::Truth(truth) => write!(f, "{truth}"),
            Node::Text(text) => write!(f, "\"{}\"", text.replace('"', "\"\"")),
            Node::Item(name) => write!(f, "@{name}"),
            Node::Reference { form, code, column } => {
                match form {
                    Some(form) => write!(f, "[{form}:{code}]")?,
                    None => write!(f, "[{code}]")?,
                }
                column.map_or(Ok(()), |column| write!(f, ".{column}"))
            }
            Node::Account(call) => write!(f, "{call}"),
            Node::Measure(call) => write!(f, "{call}"),
            Node::Call { function, arguments } => {
                write!(f, "{}(", name_of(FUNCTIONS, function))?;
                for (at, argument) in arguments.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    argument.put(f, 0)?;
                }
                f.write_str(")")
            }
            Node::Negate(operand) => {
                f.write_str("-")?;
                operand.put(f, 7)
            }
            Node::Not(operand) => {
                f.write_str("not ")?;
                // `not a` swallows a comparison, and nothing that binds less.
                operand.put(f, 3)
            }
            Node::Binary { operator, left, right } => {
                let (sign, level) = operator.sign();
                // A `not` on the left would swallow the operator with its operand.
                left.put(f, if level == 4 { 5 } else { level })?;
                write!(f, " {sign} ")?;
                right.put(f, level + 1)
            }
        }
    }
}

impl Display for AccountCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let prefix = match self.measure {
            Measure::Money => "",
            Measure::Quantity => "S",
            Measure::Foreign => "W",
        };
        // The functions that run from January say so by their name.
        let to_date = matches!(self.span, Span::ToDate | Span::Through(_));
        let named = |to: bool| ACCOUNT_FUNCTIONS.iter().find(|(.., what, runs)| *what == self.what && *runs == to);
        let runs = to_date && named(true).is_some();
        let name = named(runs).map_or(String::new(), |(short, ..)| short.to_uppercase());
        write!(f, "{prefix}{name}({}", self.accounts)?;
        if let Some(counter) = &self.counter {
            write!(f, ", {counter}")?;
        }
        match self.span {
            Span::Month(0) => {}
            Span::ToDate if runs => {}
            Span::Month(offset) => write!(f, ", period={offset}")?,
            Span::Of(month) | Span::Through(month) => write!(f, ", period={month}")?,
            Span::Quarter => f.write_str(", period=季")?,
            Span::Year => f.write_str(", period=年")?,
            Span::ToDate => f.write_str(", period=累计")?,
        }
        if let Some(side) = self.side {
            write!(f, ", side={side}")?;
        }
        put_year(f, self.year)?;
        if let Some(side) = self.detail {
            write!(f, ", detail={side}")?;
        }
        for Filter { name, value } in &self.filters {
            write!(f, ", {}={}", name_of(DIMENSIONS, name), Quoted(value))?;
        }
        f.write_str(")")
    }
}

fn put_year(f: &mut Formatter<'_>, year: Year) -> fmt::Result {
    match year {
        Year::Offset(0) => Ok(()),
        Year::Offset(offset) => write!(f, ", year={offset}"),
        Year::Of(year) => write!(f, ", year={year}"),
    }
}

impl Display for MeasureCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut letters = self.kind.chars();
        let bare = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
        if bare && letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            write!(f, "MEASURE({}", self.kind)?;
        } else {
            write!(f, "MEASURE({}", Quoted(&self.kind))?;
        }
        write!(f, ", {}", name_of(ASPECTS, &self.aspect))?;
        for (field, value) in &self.fields {
            write!(f, ", {}={}", name_of(FIELDS, field), Quoted(value))?;
        }
        if let Some(unit) = &self.unit {
            write!(f, ", unit={}", Quoted(unit))?;
        }
        match self.span {
            Span::ToDate => {}
            Span::Month(0) => f.write_str(", period=月")?,
            Span::Month(offset) => write!(f, ", period={offset}")?,
            Span::Of(month) | Span::Through(month) => write!(f, ", period={month}")?,
            Span::Quarter => f.write_str(", period=季")?,
            Span::Year => f.write_str(", period=年")?,
        }
        put_year(f, self.year)?;
        f.write_str(")")
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Debit => "借",
            Side::Credit => "贷",
        })
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            // Every character that reads as a quote is doubled.
            if matches!(c, '"' | '“' | '”' | '＂') {
                write!(f, "{c}")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

struct Code<'a>(&'a str);

impl Display for Code<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bare = |c: char| {
            c.is_alphanumeric() && !('\u{ff01}'..='\u{ff5e}').contains(&c) || matches!(c, '.' | '-' | '_' | '*' | '?' | '/')
        };
        if !self.0.is_empty() && self.0.chars().all(bare) { f.write_str(self.0) } else { write!(f, "{}", Quoted(self.0)) }
    }
}

impl Display for Pick {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Pick::Code(code, None) => write!(f, "{}", Code(code)),
            Pick::Code(code, Some(text)) => write!(f, "{}~{}", Code(code), Quoted(text)),
            Pick::Range(from, to) => write!(f, "{}:{}", Code(from), Code(to)),
            Pick::Pattern(pattern) => write!(f, "{}", Code(pattern)),
            Pick::Class(class) => write!(f, "#{}", class.name()),
        }
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let ([pick], []) = (self.picks.as_slice(), self.without.as_slice()) {
            return write!(f, "{pick}");
        }
        let picks = self.picks.iter().map(Pick::to_string).chain(self.without.iter().map(|pick| format!("!{pick}")));
        write!(f, "{{{}}}", picks.collect::<Vec<_>>().join(", "))
    }
}
