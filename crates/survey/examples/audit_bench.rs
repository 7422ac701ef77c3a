/*!
A county's year of one form, judged by its shipped rules over columns: `cargo xtask bench audit` runs it and reads what it prints.

Units × 12 months of made figures go through in batches. With a folder as argument, the same figures are written there as a table and the
rules as a VTL script, for another engine. Figures are the same in every run.
*/
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it talks to the benchmark, which stops where it does")]

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use formula::{At, Column, Expr, Function, Node, Operator};
use model::{Amount, Month};
use survey::{
    Form, RowKind,
    audit::{
        Outside, Papers, Ready, Reported,
        bulk::{Count, Figure, Lane, Machine, Program, state},
        spread, tolerance,
    },
};

/// The form: thirty-one indicators, twenty-five rules.
const FORM: &str = "E203";
const UNITS: usize = 10_000;
const MONTHS: usize = 12;
/// Rows of a batch: what a rule's columns hold stays in the processor's cache.
const BATCH: usize = 1024;

fn at() -> At {
    At { month: Month::new(2025, 6).unwrap(), mode: formula::Mode::ToDate }
}

fn next(seed: &mut u64) -> i128 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    i128::from(*seed >> 33)
}

/// One made figure in its row's unit: of a size that rules are about, so that some hold and some do not.
fn made(figure: &Figure, forms: &[Form], seed: &mut u64) -> Option<i128> {
    let size = next(seed) % 4000 + 1;
    let row = forms.iter().find(|form| form.form == figure.form).and_then(|form| form.row(&figure.row));
    let unknown = next(seed) % 40 == 0;
    if unknown || row.is_none() {
        return None;
    }
    let value = match figure.row.as_str() {
        "213" => size * 4 + 3000,
        "201" => size * 3 + 500,
        "301" | "302" | "307" => size + 800,
        "601" | "606" => size % 90 + 1,
        _ => size - 200,
    };
    Some(match figure.column {
        Some(Column::PriorYear) => value * (next(seed) % 90 + 60) / 100,
        Some(Column::Previous) => value * (next(seed) % 30 + 75) / 100,
        _ => value,
    })
}

/// Figures of the rows of a batch.
fn fill(program: &Program, forms: &[Form], batch: &mut [Lane], rows: usize, seed: &mut u64) {
    for lane in batch.iter_mut() {
        lane.values.resize(rows, 0);
        lane.states.resize(rows, state::OK);
    }
    for row in 0..rows {
        for (figure, lane) in program.figures.iter().zip(batch.iter_mut()) {
            let value = made(figure, forms, seed);
            let divisor = forms
                .iter()
                .find(|form| form.form == figure.form)
                .map_or(1, |form| form.row(&figure.row).map_or(1, |row| form.reckoned(row)));
            lane.values[row] = value.unwrap_or(0) * i128::from(divisor) * 1_000_000_000;
            lane.states[row] = if value.is_some() { state::OK } else { state::ABSENT };
        }
        for (total, parts) in EQUATIONS {
            balance(program, batch, row, total, parts, next(seed) % 5 - 2);
        }
    }
}

/// Totals and what they are made of: equations that a made unit nearly keeps.
const EQUATIONS: &[(&str, &[(&str, i128)])] = &[
    ("213", &[("217", 1), ("218", 1)]),
    (
        "323",
        &[
            ("301", 1),
            ("307", -1),
            ("309", -1),
            ("312", -1),
            ("313", -1),
            ("331", -1),
            ("317", -1),
            ("320", -1),
            ("333", -1),
            ("321", 1),
            ("332", 1),
            ("322", 1),
            ("330", 1),
        ],
    ),
    ("327", &[("323", 1), ("325", 1), ("326", -1)]),
];

/// Makes a total of its parts, some thousands off.
fn balance(program: &Program, batch: &mut [Lane], row: usize, total: &str, parts: &[(&str, i128)], off: i128) {
    let lane = |code: &str| program.figures.iter().position(|f| f.form == FORM && f.row == code && f.column.is_none());
    let value = |code: &str| lane(code).filter(|at| batch[*at].states[row] == state::OK).map_or(0, |at| batch[at].values[row]);
    let sum: i128 = parts.iter().map(|(code, sign)| sign * value(code)).sum();
    if let Some(at) = lane(total) {
        batch[at].values[row] = sum + off * 1_000_000_000_000;
    }
}

/// A number that changes with every hit: the same hits, the same number.
fn mark(sum: u64, row: usize) -> u64 {
    let row = row as u64 + 1;
    (sum + row * row % 1_000_000_007) % 1_000_000_007
}

fn main() {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let forms: Vec<Form> = survey::FORMS.iter().map(|(_, name, text)| Form::parse(name, text).0.unwrap()).collect();
    let form = forms.iter().find(|form| form.form == FORM).unwrap();
    let mut readies = Vec::new();
    for rule in &form.rules {
        let spread = spread(form, rule, &formula::parse(rule.expr.get_ref()).0.unwrap());
        // One that is asked of each row would be the greater part of all, and says nothing new.
        readies.extend(spread.into_iter().filter(|ready| ready.id == rule.id));
    }
    let outside = Outside::default();
    let world = Papers::new(&forms, FORM, [], &outside);
    let program = Program::compile(&readies, &world).unwrap();
    let mut sheet = folder.as_ref().map(|folder| BufWriter::new(File::create(folder.join("figures.csv")).unwrap()));
    if let Some(folder) = &folder {
        std::fs::write(folder.join("rules.vtl"), script(&readies, &program, &world)).unwrap();
    }
    if let Some(sheet) = &mut sheet {
        let names: Vec<String> = (0..program.figures.len()).map(|at| format!("c{at}")).collect();
        writeln!(sheet, "n,{}", names.join(",")).unwrap();
    }
    let total = UNITS * MONTHS;
    let (mut machine, mut batch) = (Machine::default(), vec![Lane::default(); program.figures.len()]);
    let (mut counts, mut marks) = (vec![Count::default(); program.rules.len()], vec![0_u64; program.rules.len()]);
    let (mut took, mut seed, mut from) = (Duration::ZERO, 20_250_601, 0);
    while from < total {
        let rows = BATCH.min(total - from);
        fill(&program, &forms, &mut batch, rows, &mut seed);
        if let Some(sheet) = &mut sheet {
            write(sheet, &batch, from, rows);
        }
        let begun = Instant::now();
        let found = machine.run(&program, &batch, rows, |rule, row| marks[rule] = mark(marks[rule], from + row));
        took += begun.elapsed();
        for (count, found) in counts.iter_mut().zip(found) {
            count.met += found.met;
            count.unmet += found.unmet;
            count.not_applicable += found.not_applicable;
            count.undetermined += found.undetermined;
        }
        from += rows;
    }
    let row = form.rows.iter().filter(|row| row.kind != RowKind::Text).count();
    println!("form {FORM} indicators {row} rules {} columns {}", program.rules.len(), program.figures.len());
    println!("rows {total} nanoseconds {}", took.as_nanos());
    for ((rule, count), mark) in program.rules.iter().zip(&counts).zip(&marks) {
        println!("{rule} {} {} {} {mark}", count.met, count.unmet, count.not_applicable + count.undetermined);
    }
}

fn write(sheet: &mut BufWriter<File>, batch: &[Lane], from: usize, rows: usize) {
    for row in 0..rows {
        let mut line = (from + row).to_string();
        for lane in batch {
            match lane.states[row] {
                state::OK => write!(line, ",{}", Amount::from_units(lane.values[row])).unwrap(),
                _ => line.push(','),
            }
        }
        writeln!(sheet, "{line}").unwrap();
    }
}

/// The rules in VTL 2.1: one calculation of a measure for each.
fn script(readies: &[Ready<'_>], program: &Program, world: &dyn Reported) -> String {
    let rules = readies.iter().enumerate().map(|(at, ready)| format!("r{at} := {}", vtl(ready, &ready.expr, program, world)));
    format!("DS_r <- DS_1[calc {}];\n", rules.collect::<Vec<_>>().join(",\n    "))
}

fn vtl(ready: &Ready<'_>, expr: &Expr, program: &Program, world: &dyn Reported) -> String {
    let inner = |expr: &Expr| vtl(ready, expr, program, world);
    match &expr.node {
        Node::Number(number) => number.to_string(),
        Node::Truth(truth) => truth.to_string(),
        Node::Reference { form, code, column } => {
            let form = form.as_deref().unwrap_or(FORM);
            let at = program.figures.iter().position(|f| f.form == form && f.row == *code && f.column == *column);
            format!("c{}", at.unwrap())
        }
        Node::Negate(operand) => format!("(0 - {})", inner(operand)),
        Node::Not(operand) => format!("(not {})", inner(operand)),
        Node::Binary { operator, left, right } => {
            let (l, r) = (inner(left), inner(right));
            let truths = matches!(&left.node, Node::Binary { operator, .. } if compares(*operator));
            let forgiven = if truths { None } else { tolerance(ready, *operator, left, right, world, at()) };
            let forgiven = forgiven.filter(|forgiven| !forgiven.is_zero());
            let sign = match (operator, forgiven) {
                (Operator::Equal, Some(t)) => return format!("(abs({l} - {r}) <= {t})"),
                (Operator::AtMost, Some(t)) => return format!("({l} - {r} <= {t})"),
                (Operator::AtLeast, Some(t)) => return format!("({r} - {l} <= {t})"),
                (Operator::Or, _) => "or",
                (Operator::And, _) => "and",
                (Operator::Equal, _) => "=",
                (Operator::Unequal, _) => "<>",
                (Operator::Less, _) => "<",
                (Operator::AtMost, _) => "<=",
                (Operator::Greater, _) => ">",
                (Operator::AtLeast, _) => ">=",
                (Operator::Add, _) => "+",
                (Operator::Subtract, _) => "-",
                (Operator::Multiply, _) => "*",
                (Operator::Divide, _) => "/",
            };
            format!("({l} {sign} {r})")
        }
        Node::Call { function, arguments } => {
            let all: Vec<String> = arguments.iter().map(inner).collect();
            match function {
                Function::Abs => format!("abs({})", all[0]),
                Function::Round => format!("round({}, {})", all[0], all[1]),
                Function::If => format!("(if {} then {} else {})", all[0], all[1], all[2]),
                Function::Coalesce => all.into_iter().rev().reduce(|rest, first| format!("nvl({first}, {rest})")).unwrap(),
                Function::Missing => format!("isnull({})", all[0]),
                Function::Sum => format!("({})", all.join(" + ")),
                _ => panic!("VTL has no such function of a row's measures: {expr}"),
            }
        }
        Node::Item(_) | Node::Account(_) | Node::Measure(_) | Node::Text(_) => panic!("no figure of a form: {expr}"),
    }
}

fn compares(operator: Operator) -> bool {
    use Operator as O;
    matches!(operator, O::Equal | O::Unequal | O::Less | O::AtMost | O::Greater | O::AtLeast | O::And | O::Or)
}
