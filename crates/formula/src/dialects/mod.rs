/*!
Formulas of other report tools, translated: Yonyou's UFO sheets and Kingdee's ACCT in its dialects.

A translation means what the original means, or there is none: what differs in spelling is told as renamed, what a person must look at is told
as to be checked, and what is not understood is told with its place. Pure; what stands in the cells of a sheet is asked for.
*/

mod acct;
mod sheet;
mod ufo;

use std::ops::Range;

use model::Amount;

use crate::{
    Fault, Kind,
    ast::{Expr, Function, Node, Operator},
    check, parse,
};
pub use sheet::CellName;
use sheet::{Term, TermNode};

/// Who wrote a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// 用友 UFO: `QM("1001",月,,,年,,)`.
    Ufo,
    /// 金蝶云星空: `ACCT(账簿, 科目, 类型, 年度, 起始期间, 结束期间, 币别)`.
    KingdeeCloud,
    /// 金蝶 K3: `ACCT(科目, 类型, 币别, 年度, 起始期间, 结束期间, 账套)`.
    KingdeeK3,
    /// 金蝶 KIS: `ACCT(科目, 类型, 年度, 起始期间, 结束期间, 币别, 账套)`.
    KingdeeKis,
    /// K3's order with other type codes: QC QM JFS DFS JLFS DLFS.
    AcctQm,
}

impl Dialect {
    /// All of them with their names.
    pub const ALL: [(Dialect, &'static str); 5] = [
        (Dialect::Ufo, "ufo"),
        (Dialect::KingdeeCloud, "kingdee-cloud"),
        (Dialect::KingdeeK3, "kingdee-k3"),
        (Dialect::KingdeeKis, "kingdee-kis"),
        (Dialect::AcctQm, "acct-qm"),
    ];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(dialect, _)| *dialect == self).map_or("", |(_, name)| name)
    }

    /// The dialect with this name.
    pub fn named(name: &str) -> Option<Dialect> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(dialect, _)| *dialect)
    }
}

/// What a cell that a formula refers to is here.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// An indicator or an item of the mapping.
    Named(Node),
    /// A number that somebody wrote.
    Number(Amount),
    /// A text, an account code for one.
    Text(String),
    /// Nothing: sheets take it for zero.
    Empty,
    /// The sheet was not given.
    Unknown,
}

/// The sheet that a formula stands in.
pub trait Cells {
    /// What a cell is.
    fn standing(&self, cell: &CellName) -> Standing;
}

/// No sheet: a formula on its own.
pub struct NoCells;

impl Cells for NoCells {
    fn standing(&self, _: &CellName) -> Standing {
        Standing::Unknown
    }
}

/// What there is to say about a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degree {
    /// Says the same in other words.
    Renamed,
    /// A person should look whether it means the same.
    Check,
    /// Not understood: there is no translation.
    Lost,
}

/// A remark on a translation, with its place in the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How grave.
    pub degree: Degree,
    /// What, and where.
    pub fault: Fault,
}

/// A translation.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The formula; none where a part of it was not understood.
    pub expr: Option<Expr>,
    /// What there is to say, in the order of the text.
    pub remarks: Vec<Remark>,
}

/// Translates one formula. What is translated prints as a formula that reads back as the same.
pub fn import(text: &str, dialect: Dialect, cells: &dyn Cells) -> Imported {
    let mut import = Import { dialect, cells, remarks: Vec::new() };
    let term = match sheet::parse(text) {
        Ok(term) => term,
        Err(faults) => {
            let remarks = faults.into_iter().map(|fault| Remark { degree: Degree::Lost, fault }).collect();
            return Imported { expr: None, remarks };
        }
    };
    let mut expr = import.expr(&term);
    if let Some(found) = &expr {
        let mut faults = check(found, Kind::Number, None, &|_, _, _| true);
        let printed = found.to_string();
        let (again, syntax) = parse(&printed);
        // Too long or too deep once translated.
        faults.extend(syntax);
        if faults.is_empty() && again.as_ref() == Some(found) {
            // Its places are those of the text that goes into the layer.
            expr = again;
        } else {
            // The tree was built and not read: its parts have no places in the original.
            let whole = term.span.clone();
            let lost = |fault: Fault| Remark { degree: Degree::Lost, fault: Fault { span: whole.clone(), ..fault } };
            import.remarks.extend(faults.into_iter().map(lost));
            if !import.remarks.iter().any(|remark| remark.degree == Degree::Lost) {
                import.remark(Degree::Lost, fault("import-unsayable", whole).with("formula", printed));
            }
            expr = None;
        }
    }
    let mut remarks = import.remarks;
    remarks.sort_by_key(|remark| (remark.fault.span.start, remark.fault.span.end));
    remarks.dedup();
    Imported { expr, remarks }
}

/// Whether a text of a sheet is meant as a formula of a report tool: it asks for accounts, whether it is understood or not.
pub fn is_formula(text: &str) -> bool {
    let plain = crate::lexer::Lexer::plain(text);
    // A name is what stands before a bracket, back to what cannot be part of it.
    plain.match_indices('(').any(|(at, _)| {
        let before = plain[..at].trim_end();
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_uppercase();
        name == "ACCT" || ufo::is_known(&name)
    })
}

/// Whether a text of a sheet reads as a call of a function that is not known here: a name of letters, brackets, and arguments between
/// them. `Total (RMB)` is a heading; `SL("6401",月)` and `PTOTAL(D2:D3)` are formulas that somebody typed.
pub fn looks_like_call(text: &str) -> bool {
    let plain = crate::lexer::Lexer::plain(text);
    let plain = plain.trim().trim_start_matches(['+', '-']).trim_start();
    let Some((name, rest)) = plain.split_once('(') else { return false };
    let name = name.trim_end();
    let named =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    named && rest.contains(')') && rest.contains(['"', ',', ':', '?', '@'])
}

/// Which dialect a collection of formulas is written in, and what shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The dialect.
    pub dialect: Dialect,
    /// How many calls of account functions say so, of how many.
    pub votes: (usize, usize),
    /// The first call that says so, and what in it; empty where nothing says anything.
    pub evidence: String,
}

/// Finds the dialect that most calls say.
pub fn detect<'a>(texts: impl Iterator<Item = &'a str>) -> Detected {
    let mut votes: Vec<(Dialect, usize, String)> = Vec::new();
    let mut of = 0;
    for text in texts {
        let Ok(term) = sheet::parse(text) else { continue };
        let mut calls = Vec::new();
        term.calls(&mut calls);
        for (name, arguments, span) in calls {
            let said = if ufo::is_known(name) {
                Some((Dialect::Ufo, name.to_owned()))
            } else if name == "ACCT" {
                acct::order(arguments)
            } else {
                None
            };
            let Some((dialect, why)) = said else { continue };
            of += 1;
            let evidence = format!("{} [{why}]", text.get(span.clone()).unwrap_or_default());
            match votes.iter_mut().find(|(known, ..)| *known == dialect) {
                Some((_, count, _)) => *count += 1,
                None => votes.push((dialect, 1, evidence)),
            }
        }
    }
    // Of equal counts the first that was met.
    let best = votes.into_iter().rev().max_by_key(|(_, count, _)| *count);
    match best {
        Some((dialect, count, evidence)) => Detected { dialect, votes: (count, of), evidence },
        None => Detected { dialect: Dialect::Ufo, votes: (0, 0), evidence: String::new() },
    }
}

/// The dialect of each formula by itself, as a sheet may have been put together from two products; `votes` are its own calls. One that says nothing is
/// read like most of those that call what it calls, or like most of all.
pub fn each(texts: &[&str]) -> Vec<Detected> {
    let own: Vec<Detected> = texts.iter().map(|text| detect(std::iter::once(*text))).collect();
    let is_acct = |text: &str| crate::lexer::Lexer::plain(text).to_ascii_uppercase().contains("ACCT");
    let most = |acct: bool| detect(texts.iter().copied().filter(|text| !acct || is_acct(text)));
    let (all, accts) = (most(false), most(true));
    let found = own.into_iter().zip(texts).map(|(own, text)| match own.votes.0 {
        0 if is_acct(text) && accts.votes.0 > 0 => Detected { dialect: accts.dialect, ..own },
        0 => Detected { dialect: all.dialect, ..own },
        _ => own,
    });
    found.collect()
}

/// A translation at work.
struct Import<'a> {
    dialect: Dialect,
    cells: &'a dyn Cells,
    remarks: Vec<Remark>,
}

/// How grave it is is the remark's to say.
fn fault(code: &'static str, span: Range<usize>) -> Fault {
    Fault::new(code, span)
}

fn expr(node: Node) -> Expr {
    Expr { node, span: 0..0 }
}

fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
    expr(Node::Binary { operator, left: Box::new(left), right: Box::new(right) })
}

fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    expr(Node::Call { function, arguments })
}

/// Cells of the largest area that is added up.
const AREA_MAX: u64 = 200;

impl Import<'_> {
    fn remark(&mut self, degree: Degree, fault: Fault) {
        self.remarks.push(Remark { degree, fault });
    }

    fn lost<T>(&mut self, fault: Fault) -> Option<T> {
        self.remark(Degree::Lost, fault);
        None
    }

    fn expr(&mut self, term: &Term) -> Option<Expr> {
        match &term.node {
            TermNode::Digits(text) => match text.parse::<Amount>() {
                Ok(number) => Some(expr(Node::Number(number))),
                Err(error) => {
                    let fault = Fault::new("formula-number", term.span.clone()).with("text", text).with("reason", error.code());
                    self.lost(fault)
                }
            },
            TermNode::Text(text) => self.lost(fault("import-text", term.span.clone()).with("text", text)),
            TermNode::Word(word) => match word.to_lowercase().as_str() {
                "true" => Some(expr(Node::Truth(true))),
                "false" => Some(expr(Node::Truth(false))),
                _ => self.lost(fault("import-text", term.span.clone()).with("text", word)),
            },
            TermNode::Cell(cell) => self.cell(cell, &term.span),
            TermNode::Area(from, to) => {
                let area = format!("{from}:{to}");
                self.lost(fault("import-area", term.span.clone()).with("area", area))
            }
            TermNode::Negate(inner) => Some(expr(Node::Negate(Box::new(self.expr(inner)?)))),
            TermNode::Not(inner) => Some(expr(Node::Not(Box::new(self.expr(inner)?)))),
            TermNode::Percent(inner) => {
                let hundred = expr(Node::Number(Amount::from_whole(100)?));
                Some(binary(Operator::Divide, self.expr(inner)?, hundred))
            }
            TermNode::Binary(operator, left, right) => {
                // Both sides are read, so that everything that is not understood is told at once.
                let (left, right) = (self.expr(left), self.expr(right));
                Some(binary(*operator, left?, right?))
            }
            TermNode::Call(name, arguments) => self.call(name, arguments, &term.span),
        }
    }

    fn cell(&mut self, cell: &CellName, span: &Range<usize>) -> Option<Expr> {
        match self.cells.standing(cell) {
            Standing::Named(node) => Some(expr(node)),
            Standing::Number(number) if number < Amount::ZERO => {
                Some(expr(Node::Negate(Box::new(expr(Node::Number(number.checked_neg()?))))))
            }
            Standing::Number(number) => Some(expr(Node::Number(number))),
            Standing::Empty => {
                self.remark(Degree::Check, fault("import-empty-cell", span.clone()).with("cell", cell));
                Some(expr(Node::Number(Amount::ZERO)))
            }
            Standing::Text(text) => self.lost(fault("import-text", span.clone()).with("text", text)),
            Standing::Unknown => self.lost(fault("import-cell", span.clone()).with("cell", cell)),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Option<Term>], span: &Range<usize>) -> Option<Expr> {
        match name {
            "ACCT" if self.dialect != Dialect::Ufo => return self.acct(arguments, span),
            "SUM" | "PTOTAL" => return self.sum(arguments, span),
            _ if self.dialect == Dialect::Ufo && ufo::is_known(name) => return self.ufo(name, arguments, span),
            _ => {}
        }
        let (function, count) = match name {
            "IF" | "IFF" => (Function::If, 3..=3),
            "ABS" => (Function::Abs, 1..=1),
            "ROUND" => (Function::Round, 2..=2),
            "MAX" => (Function::Max, 1..=100),
            "MIN" => (Function::Min, 1..=100),
            "AND" | "OR" => return self.logic(name, arguments, span),
            "NOT" => {
                let inner = self.values(name, arguments, span)?;
                return match inner.into_iter().next() {
                    Some(inner) => Some(expr(Node::Not(Box::new(inner)))),
                    None => self.lost(lacking(name, "1", span)),
                };
            }
            _ => {
                let dialect = self.dialect.name();
                let fault = fault("import-function", span.clone()).with("name", name).with("dialect", dialect);
                return self.lost(fault);
            }
        };
        let values = self.values(name, arguments, span)?;
        if count.contains(&values.len()) {
            return Some(call(function, values));
        }
        self.lost(lacking(name, &(values.len().min(*count.end()) + 1).to_string(), span))
    }

    /// Arguments that are values; none may be left out.
    fn values(&mut self, name: &str, arguments: &[Option<Term>], span: &Range<usize>) -> Option<Vec<Expr>> {
        let mut values = Vec::with_capacity(arguments.len());
        let mut whole = true;
        for (at, argument) in arguments.iter().enumerate() {
            match argument {
                None => {
                    self.remark(Degree::Lost, lacking(name, &(at + 1).to_string(), span));
                    whole = false;
                }
                Some(argument) => match self.expr(argument) {
                    Some(value) => values.push(value),
                    None => whole = false,
                },
            }
        }
        whole.then_some(values)
    }

    fn logic(&mut self, name: &str, arguments: &[Option<Term>], span: &Range<usize>) -> Option<Expr> {
        let operator = if name == "AND" { Operator::And } else { Operator::Or };
        let values = self.values(name, arguments, span)?;
        match values.into_iter().reduce(|left, right| binary(operator, left, right)) {
            Some(whole) => Some(whole),
            None => self.lost(lacking(name, "1", span)),
        }
    }

    /// A sum over values, cells and areas. Texts and empty cells of an area are nothing, as in every sheet.
    fn sum(&mut self, arguments: &[Option<Term>], span: &Range<usize>) -> Option<Expr> {
        let mut terms = Vec::new();
        let mut whole = true;
        for argument in arguments.iter().flatten() {
            let TermNode::Area(from, to) = &argument.node else {
                match self.expr(argument) {
                    Some(value) => terms.push(value),
                    None => whole = false,
                }
                continue;
            };
            let (rows, columns) =
                (from.row.min(to.row)..=from.row.max(to.row), from.column.min(to.column)..=from.column.max(to.column));
            let size = |range: &std::ops::RangeInclusive<u32>| u64::from(range.end() - range.start()) + 1;
            if size(&rows).saturating_mul(size(&columns)) > AREA_MAX {
                let area = format!("{from}:{to}");
                self.remark(Degree::Lost, fault("import-area", argument.span.clone()).with("area", area));
                whole = false;
                continue;
            }
            for row in rows {
                for column in columns.clone() {
                    let cell = CellName { sheet: from.sheet.clone(), column, row };
                    if matches!(self.cells.standing(&cell), Standing::Empty | Standing::Text(_)) {
                        continue;
                    }
                    match self.cell(&cell, &argument.span) {
                        Some(value) => terms.push(value),
                        None => whole = false,
                    }
                }
            }
        }
        if !whole {
            return None;
        }
        match terms.into_iter().reduce(|left, right| binary(Operator::Add, left, right)) {
            Some(sum) => Some(sum),
            None => self.lost(lacking("SUM", "1", span)),
        }
    }

    /// The text of an argument: written in it, or in the cell that it names.
    fn text(&self, argument: Option<&Option<Term>>) -> Option<String> {
        let term = argument?.as_ref()?;
        let text = match &term.node {
            TermNode::Cell(cell) => match self.cells.standing(cell) {
                Standing::Text(text) => text,
                Standing::Number(number) => number.to_string(),
                Standing::Empty => String::new(),
                // A code that looks like a cell is a code where there is no sheet.
                Standing::Named(_) | Standing::Unknown => term.text()?,
            },
            _ => term.text()?,
        };
        (!text.is_empty()).then_some(text)
    }

    /// The number of a set of books: which book a form is about is said in its configuration.
    fn book(&mut self, arguments: &[Option<Term>], at: usize) {
        if let Some(term) = arguments.get(at).and_then(Option::as_ref)
            && let Some(value) = self.text(arguments.get(at))
        {
            self.remark(Degree::Check, fault("import-book", term.span.clone()).with("value", value));
        }
    }

    /// An argument that was not understood.
    fn strange<T>(&mut self, function: &str, argument: &str, term: &Term) -> Option<T> {
        let value = term.text().unwrap_or_else(|| "…".to_owned());
        let fault = fault("import-argument", term.span.clone()).with("function", function);
        self.lost(fault.with("argument", argument).with("value", value))
    }
}

fn lacking(function: &str, argument: &str, span: &Range<usize>) -> Fault {
    fault("import-argument-missing", span.clone()).with("function", function).with("argument", argument)
}

/// A code as accounts may have it: anything else in its place was not understood.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
}
