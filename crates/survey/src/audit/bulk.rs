/*!
Rules over many units at once: columns of figures in, verdicts by rule and row out.

A rule is compiled once into steps over columns. Batches bound the memory: a step works on one column of a batch, and nothing of a batch
outlives it but the hits. Verdicts are those of [`super::judge`], which is asked again for the few rows that a person will look at.
*/

use std::rc::Rc;

use formula::{Column, Expr, Function, Node, Operator};
use model::{Amount, Finding};

use super::{
    Ready, Reported,
    dimension::{self, Allowance, Slack},
    judge::holds,
};

/// Which figure of an indicator a column has. Units have different products and projects, so that what is made of the rows that a form
/// repeats is made before a batch: [`Part::of`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Its own.
    #[default]
    Row,
    /// The sum over its rows.
    Sum,
    /// The least of its rows.
    Least,
    /// The greatest of its rows.
    Most,
    /// How many rows it has, in whole numbers.
    Rows,
}

impl Part {
    /// The value and state of a unit, from those of its rows; of one that is not repeated, from its own alone.
    pub fn of(self, rows: &[(i128, u8)]) -> (i128, u8) {
        if self == Part::Rows {
            return (i128::try_from(rows.len()).unwrap_or(i128::MAX), state::OK);
        }
        // The first gap counts.
        if let Some((_, gap)) = rows.iter().find(|(_, known)| *known != state::OK) {
            return (0, *gap);
        }
        let values = rows.iter().map(|(value, _)| *value);
        let made = match self {
            Part::Row => rows.last().map(|(value, _)| *value),
            Part::Least => values.min(),
            Part::Most => values.max(),
            Part::Sum | Part::Rows => values.map(Some).reduce(|sum, value| sum?.checked_add(value?)).flatten(),
        };
        made.map_or((0, if rows.is_empty() { state::ABSENT } else { state::AWAITED }), |made| (made, state::OK))
    }
}

/// One column of figures: a row of a form in one of its columns, in 元 or in its own unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// Form.
    pub form: String,
    /// Row.
    pub row: String,
    /// Column; the main one where absent.
    pub column: Option<Column>,
    /// Which figure of it.
    pub part: Part,
}

/// State of one value of a column: the greater one wins where two meet.
pub mod state {
    /// There is a value.
    pub const OK: u8 = 0;
    /// The unit does not have it: a rule is not applicable.
    pub const ABSENT: u8 = 1;
    /// It is still to come, or could not be computed.
    pub const AWAITED: u8 = 2;
    /// It is before the unit's first period: a rule is not applicable, and nothing stands in for it.
    pub const BEFORE: u8 = 3;
}

/// One column of a batch: amounts in 10⁻⁹, and the state of each.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Amounts; whatever stands where there is none does not count.
    pub values: Vec<i128>,
    /// States; empty where all are there.
    pub states: Vec<u8>,
}

/// What came of a rule in a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Rows it holds for.
    pub met: u64,
    /// Rows it does not hold for.
    pub unmet: u64,
    /// Rows that do not have its figures.
    pub not_applicable: u64,
    /// Rows whose figures are awaited.
    pub undetermined: u64,
}

/// Rules that were compiled, and the columns they read.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Columns, in the order in which a batch has them.
    pub figures: Vec<Figure>,
    /// Ids of the rules.
    pub rules: Vec<String>,
    steps: Vec<Vec<Step>>,
    deepest: usize,
}

/// One step of a stack machine whose values are columns.
#[derive(Clone, Debug)]
enum Step {
    Load(usize),
    Number(i128),
    Truth(bool),
    Negate,
    Not,
    Add,
    Subtract,
    Multiply,
    Divide,
    Compare(Operator, Amount),
    /// What is forgiven depends on how many rows a unit has: columns with the numbers, by form and code.
    CompareRows(Operator, Rc<Slack>, Vec<((Option<String>, String), usize)>),
    Same(bool),
    /// What decides alone, and whether it does so beside a gap.
    Joined(i128, bool),
    Abs,
    Round(i32),
    Least,
    Most,
    Either,
    Missing,
    If,
}

impl Program {
    /// Compiles rules. What a batch cannot answer (questions to a book, items) is refused with its rule.
    pub fn compile(rules: &[Ready<'_>], world: &dyn Reported) -> Result<Program, Vec<Finding>> {
        let (mut program, mut findings) = (Program::default(), Vec::new());
        for ready in rules {
            let mut steps = Vec::new();
            match program.expression(ready, &ready.expr, world, true, &mut steps) {
                Some(()) => {
                    program.deepest = program.deepest.max(depth(&steps));
                    program.rules.push(ready.id.clone());
                    program.steps.push(steps);
                }
                None => findings.push(Finding::error("rule-not-columnar").at(&ready.form.form).with("rule", &ready.id)),
            }
        }
        if findings.is_empty() { Ok(program) } else { Err(findings) }
    }

    fn load(&mut self, figure: Figure) -> usize {
        let known = self.figures.iter().position(|known| *known == figure);
        known.unwrap_or_else(|| {
            self.figures.push(figure);
            self.figures.len() - 1
        })
    }

    fn compare(
        &mut self,
        ready: &Ready<'_>,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        world: &dyn Reported,
    ) -> Option<Step> {
        let slack = match dimension::allowance(ready, operator, left, right, world)? {
            Allowance::Fixed(amount) => return Some(Step::Compare(operator, amount)),
            Allowance::Rows(slack) => slack,
        };
        let own = &ready.form.form;
        let counted = slack.repeated().map(|(form, code)| {
            let figure = Figure { form: form.unwrap_or(own).to_owned(), row: code.to_owned(), column: None, part: Part::Rows };
            ((form.map(str::to_owned), code.to_owned()), self.load(figure))
        });
        let counted = counted.collect();
        Some(Step::CompareRows(operator, Rc::new(slack), counted))
    }

    /// Steps of an expression; `truth` where it is one of a rule's own conditions, and not of a number in it.
    fn expression(
        &mut self,
        ready: &Ready<'_>,
        expr: &Expr,
        world: &dyn Reported,
        truth: bool,
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let step = match &expr.node {
            Node::Number(number) => Step::Number(number.units()),
            Node::Truth(truth) => Step::Truth(*truth),
            Node::Reference { form, code, column } => {
                let form = form.clone().unwrap_or_else(|| ready.form.form.clone());
                Step::Load(self.load(Figure { form, row: code.clone(), column: *column, part: Part::Row }))
            }
            Node::Negate(operand) => {
                self.expression(ready, operand, world, false, steps)?;
                Step::Negate
            }
            Node::Not(operand) => {
                self.expression(ready, operand, world, truth, steps)?;
                Step::Not
            }
            Node::Binary { operator, left, right } => {
                let joins = matches!(operator, Operator::And | Operator::Or) || super::judge::is_truth(left);
                self.expression(ready, left, world, truth && joins, steps)?;
                self.expression(ready, right, world, truth && joins, steps)?;
                match operator {
                    Operator::Add => Step::Add,
                    Operator::Subtract => Step::Subtract,
                    Operator::Multiply => Step::Multiply,
                    Operator::Divide => Step::Divide,
                    Operator::And => Step::Joined(0, truth),
                    Operator::Or => Step::Joined(1, truth),
                    Operator::Equal | Operator::Unequal if super::judge::is_truth(left) => {
                        Step::Same(*operator == Operator::Equal)
                    }
                    _ => self.compare(ready, *operator, left, right, world)?,
                }
            }
            Node::Call { function, arguments } => {
                return self.call(ready, *function, arguments, world, truth, steps);
            }
            Node::Item(_) | Node::Account(_) | Node::Measure(_) | Node::Text(_) => return None,
        };
        steps.push(step);
        Some(())
    }

    fn call(
        &mut self,
        ready: &Ready<'_>,
        function: Function,
        arguments: &[Expr],
        world: &dyn Reported,
        truth: bool,
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let step = match function {
            Function::Abs => Step::Abs,
            Function::Missing => Step::Missing,
            Function::If => Step::If,
            Function::Min => Step::Least,
            Function::Max => Step::Most,
            Function::Coalesce => Step::Either,
            Function::Sum => Step::Add,
            Function::Round => {
                let places = dimension::constant(arguments.get(1)?)?;
                self.expression(ready, arguments.first()?, world, false, steps)?;
                let places = (-9..=9).find(|whole: &i32| Amount::from_whole(i128::from(*whole)) == Some(places))?;
                steps.push(Step::Round(places));
                return Some(());
            }
            // Texts are no columns.
            _ => return None,
        };
        for (at, argument) in arguments.iter().enumerate() {
            match &argument.node {
                Node::Reference { form, code, column } if function.gathers() => {
                    let form = form.clone().unwrap_or_else(|| ready.form.form.clone());
                    let part = match function {
                        _ if !world.is_repeated(Some(&form), code) => Part::Row,
                        Function::Min => Part::Least,
                        Function::Max => Part::Most,
                        _ => Part::Sum,
                    };
                    steps.push(Step::Load(self.load(Figure { form, row: code.clone(), column: *column, part })));
                }
                _ => self.expression(ready, argument, world, truth && function == Function::If, steps)?,
            }
            // Of many arguments, each is joined with those before it.
            if at > 0 && matches!(step, Step::Least | Step::Most | Step::Either | Step::Add) {
                steps.push(step.clone());
            }
        }
        if matches!(step, Step::Abs | Step::Missing | Step::If) {
            steps.push(step);
        }
        Some(())
    }
}

/// Columns that steps need at once.
fn depth(steps: &[Step]) -> usize {
    let (mut top, mut deepest) = (0_usize, 0);
    for step in steps {
        match step {
            Step::Load(_) | Step::Number(_) | Step::Truth(_) => top += 1,
            Step::Negate | Step::Not | Step::Abs | Step::Round(_) | Step::Missing => {}
            Step::If => top = top.saturating_sub(2),
            _ => top = top.saturating_sub(1),
        }
        deepest = deepest.max(top);
    }
    deepest
}

/// What a machine works on; kept between batches, so that no batch asks for memory of its own.
#[derive(Debug, Default)]
pub struct Machine {
    stack: Vec<Lane>,
}

impl Machine {
    /// Runs all rules on a batch: counts by rule, and `hit(rule, row)` for each row that a rule does not hold for.
    pub fn run(&mut self, program: &Program, batch: &[Lane], rows: usize, mut hit: impl FnMut(usize, usize)) -> Vec<Count> {
        let mut counts = Vec::with_capacity(program.steps.len());
        self.stack.resize_with(program.deepest + 1, Lane::default);
        for lane in &mut self.stack {
            lane.values.resize(rows, 0);
            lane.states.resize(rows, state::OK);
        }
        for (rule, steps) in program.steps.iter().enumerate() {
            let mut top = 0;
            for step in steps {
                top = self.step(step, top, batch, rows);
            }
            let mut count = Count::default();
            let result = &self.stack[0];
            for row in 0..rows {
                match (result.states[row], result.values[row]) {
                    (state::OK, 0) => {
                        count.unmet += 1;
                        hit(rule, row);
                    }
                    (state::OK, _) => count.met += 1,
                    (state::ABSENT | state::BEFORE, _) => count.not_applicable += 1,
                    _ => count.undetermined += 1,
                }
            }
            counts.push(count);
        }
        counts
    }

    /// Does a step on a stack of `top` columns; how many there are then.
    fn step(&mut self, step: &Step, top: usize, batch: &[Lane], rows: usize) -> usize {
        match step {
            Step::Load(figure) => {
                let (lane, from) = (&mut self.stack[top], &batch[*figure]);
                lane.values.copy_from_slice(&from.values[..rows]);
                match from.states.get(..rows) {
                    Some(states) => lane.states.copy_from_slice(states),
                    None => lane.states.fill(state::OK),
                }
                top + 1
            }
            Step::Number(number) => self.constant(top, *number),
            Step::Truth(truth) => self.constant(top, i128::from(*truth)),
            Step::Negate => self.one(top, |value| value.checked_neg()),
            Step::Not => self.one(top, |value| Some(1 - value)),
            Step::Abs => self.one(top, i128::checked_abs),
            Step::Round(places) => self.one(top, |value| formula::rounded(Amount::from_units(value), *places).map(Amount::units)),
            Step::Add => self.two(top, i128::checked_add),
            Step::Subtract => self.two(top, i128::checked_sub),
            Step::Multiply => self.two(top, |a, b| Amount::from_units(a).checked_mul(Amount::from_units(b)).map(Amount::units)),
            Step::Divide => self.two(top, |a, b| Amount::from_units(a).checked_div(Amount::from_units(b)).map(Amount::units)),
            Step::Least => self.two(top, |a, b| Some(a.min(b))),
            Step::Most => self.two(top, |a, b| Some(a.max(b))),
            Step::Same(same) => self.two(top, |a, b| Some(i128::from((a == b) == *same))),
            Step::Compare(operator, tolerance) => {
                self.two(top, |a, b| Some(i128::from(holds(*operator, Amount::from_units(a.checked_sub(b)?), *tolerance))))
            }
            Step::CompareRows(operator, slack, counted) => self.compare(top, *operator, slack, counted, batch),
            Step::Joined(decides, alone) => self.joined(top, *decides, *alone),
            Step::Either => self.either(top),
            Step::Missing => self.missing(top),
            Step::If => self.choose(top),
        }
    }

    /// A comparison that forgives what rounding can do to as many rows as each unit has.
    fn compare(
        &mut self,
        top: usize,
        operator: Operator,
        slack: &Slack,
        counted: &[((Option<String>, String), usize)],
        batch: &[Lane],
    ) -> usize {
        let (left, right) = self.pair(top);
        let mut last: Option<(Vec<i128>, Option<Amount>)> = None;
        for row in 0..left.values.len() {
            match (left.states[row], right.states[row]) {
                (state::OK, state::OK) => {}
                (state::OK, gap) => {
                    left.states[row] = gap;
                    continue;
                }
                _ => continue,
            }
            let same = |known: &[i128]| known.iter().zip(counted).all(|(count, (_, lane))| *count == batch[*lane].values[row]);
            if !last.as_ref().is_some_and(|(known, _)| same(known)) {
                let count = |form: Option<&str>, code: &str| {
                    let found = counted.iter().find(|((of, known), _)| of.as_deref() == form && known == code);
                    found.map_or(1, |(_, lane)| usize::try_from(batch[*lane].values[row]).unwrap_or(0))
                };
                let counts = counted.iter().map(|(_, lane)| batch[*lane].values[row]).collect();
                last = Some((counts, slack.at(&count)));
            }
            let tolerance = last.as_ref().and_then(|(_, tolerance)| *tolerance);
            match left.values[row].checked_sub(right.values[row]).zip(tolerance) {
                Some((apart, tolerance)) => {
                    left.values[row] = i128::from(holds(operator, Amount::from_units(apart), tolerance));
                }
                None => left.states[row] = state::AWAITED,
            }
        }
        top - 1
    }

    fn constant(&mut self, top: usize, value: i128) -> usize {
        self.stack[top].values.fill(value);
        self.stack[top].states.fill(state::OK);
        top + 1
    }

    fn one(&mut self, top: usize, work: impl Fn(i128) -> Option<i128>) -> usize {
        let lane = &mut self.stack[top - 1];
        for (value, known) in lane.values.iter_mut().zip(&mut lane.states) {
            match work(*value) {
                Some(made) => *value = made,
                None if *known == state::OK => *known = state::AWAITED,
                None => {}
            }
        }
        top
    }

    /// The two upmost columns.
    fn pair(&mut self, top: usize) -> (&mut Lane, &Lane) {
        let (under, over) = self.stack.split_at_mut(top - 1);
        (&mut under[top - 2], &over[0])
    }

    /// Two columns become one. The first gap counts, as it does where one row is judged alone.
    fn two(&mut self, top: usize, work: impl Fn(i128, i128) -> Option<i128>) -> usize {
        let (left, right) = self.pair(top);
        let lanes = left.values.iter_mut().zip(&mut left.states).zip(right.values.iter().zip(&right.states));
        for ((value, known), (other, other_known)) in lanes {
            if *known | *other_known == state::OK {
                match work(*value, *other) {
                    Some(made) => *value = made,
                    None => *known = state::AWAITED,
                }
            } else if *known == state::OK {
                *known = *other_known;
            }
        }
        top - 1
    }

    /// `and` and `or`: what decides on the left decides; what decides on the right does where it may stand `alone`.
    fn joined(&mut self, top: usize, decides: i128, alone: bool) -> usize {
        let (left, right) = self.pair(top);
        let lanes = left.values.iter_mut().zip(&mut left.states).zip(right.values.iter().zip(&right.states));
        for ((value, known), (other, other_known)) in lanes {
            if *known == state::OK && *value == decides {
                continue;
            }
            if *known == state::OK || alone && *other_known == state::OK && *other == decides {
                (*value, *known) = (*other, *other_known);
            }
        }
        top - 1
    }

    /// `coalesce`: the other one where there is none.
    fn either(&mut self, top: usize) -> usize {
        let (left, right) = self.pair(top);
        let lanes = left.values.iter_mut().zip(&mut left.states).zip(right.values.iter().zip(&right.states));
        for ((value, known), (other, other_known)) in lanes {
            if *known == state::ABSENT {
                (*value, *known) = (*other, *other_known);
            }
        }
        top - 1
    }

    fn missing(&mut self, top: usize) -> usize {
        let lane = &mut self.stack[top - 1];
        for (value, known) in lane.values.iter_mut().zip(&mut lane.states) {
            if matches!(*known, state::OK | state::ABSENT) {
                (*value, *known) = (i128::from(*known == state::ABSENT), state::OK);
            }
        }
        top
    }

    /// `if`: condition, then, else.
    fn choose(&mut self, top: usize) -> usize {
        let (under, over) = self.stack.split_at_mut(top - 2);
        let (condition, then, other) = (&mut under[top - 3], &over[0], &over[1]);
        for row in 0..condition.values.len() {
            if condition.states[row] == state::OK {
                let taken = if condition.values[row] == 1 { then } else { other };
                (condition.values[row], condition.states[row]) = (taken.values[row], taken.states[row]);
            }
        }
        top - 2
    }
}
