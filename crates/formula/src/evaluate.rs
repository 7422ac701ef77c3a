//! From tree to value, with the tree of values it came from.

use model::{Amount, Month};

use crate::{
    ast::{AccountCall, Expr, Function, MeasureCall, Node, Operator, Side, Span, What, Year, operands},
    select::{Account, Selected, select},
    texts,
    world::{At, Gap, MeasureQuestion, Mode, Outcome, Question, Trace, Value, World},
};

/// Evaluates a formula. Every gap keeps its reason; a division by zero or a sum out of range is one.
pub fn evaluate(expr: &Expr, world: &dyn World, at: At) -> Trace {
    let mut trace = Trace {
        text: expr.to_string(),
        outcome: Err(error("value-wrong-kind")),
        question: None,
        measured: None,
        parts: Vec::new(),
        children: Vec::new(),
    };
    trace.outcome = match &expr.node {
        Node::Number(number) => Ok(Value::Number(*number)),
        Node::Truth(truth) => Ok(Value::Truth(*truth)),
        // A text is compared, and is no value.
        Node::Text(_) => Err(error("value-wrong-kind")),
        Node::Item(name) => child(&mut trace, world.item(name, at)),
        Node::Reference { form, code, column } => child(&mut trace, world.reference(form.as_deref(), code, *column, at)),
        Node::Account(call) => account(call, world, at, &mut trace),
        Node::Measure(call) => measure(call, world, at, &mut trace),
        Node::Negate(operand) => {
            let value = child(&mut trace, evaluate(operand, world, at));
            value
                .and_then(number)
                .and_then(|value| value.checked_neg().ok_or_else(|| error("amount-too-large")).map(Value::Number))
        }
        Node::Not(operand) => child(&mut trace, evaluate(operand, world, at)).and_then(truth).map(|value| Value::Truth(!value)),
        Node::Binary { .. } => chain(expr, world, at, &mut trace),
        Node::Call { function, arguments } => call(*function, arguments, world, at, &mut trace),
    };
    trace
}

/// Operators of one level, as in `a + b - c`, are one node with an operand for each child: a long sum is as flat as it reads, and no
/// deeper for who walks it.
fn chain(expr: &Expr, world: &dyn World, at: At, trace: &mut Trace) -> Outcome {
    let (first, rest) = operands(expr);
    let mut value = child(trace, evaluate(first, world, at));
    for (operator, right) in rest {
        // `and` and `or` ask for the right side only where the left does not decide.
        if let (Operator::And, Ok(Value::Truth(false))) | (Operator::Or, Ok(Value::Truth(true))) = (operator, &value) {
            break;
        }
        let right = child(trace, evaluate(right, world, at));
        value = value.and_then(|left| right.and_then(|right| binary(operator, left, right)));
    }
    value
}

fn error(code: &'static str) -> Gap {
    Gap::new("error", code)
}

fn child(trace: &mut Trace, child: Trace) -> Outcome {
    let outcome = child.outcome.clone();
    trace.children.push(child);
    outcome
}

fn number(value: Value) -> Result<Amount, Gap> {
    match value {
        Value::Number(number) => Ok(number),
        Value::Truth(_) => Err(error("value-wrong-kind")),
    }
}

fn truth(value: Value) -> Result<bool, Gap> {
    match value {
        Value::Truth(truth) => Ok(truth),
        Value::Number(_) => Err(error("value-wrong-kind")),
    }
}

fn binary(operator: Operator, left: Value, right: Value) -> Outcome {
    use Operator as O;
    if let (O::And | O::Or, Value::Truth(_), Value::Truth(right)) = (operator, left, right) {
        // The left side did not decide, so the right side does.
        return Ok(Value::Truth(right));
    }
    if let (O::Equal | O::Unequal, Value::Truth(left), Value::Truth(right)) = (operator, left, right) {
        return Ok(Value::Truth((left == right) == (operator == O::Equal)));
    }
    let (left, right) = (number(left)?, number(right)?);
    let computed = match operator {
        O::Add => left.checked_add(right),
        O::Subtract => left.checked_sub(right),
        O::Multiply => left.checked_mul(right),
        O::Divide if right.is_zero() => return Err(error("division-by-zero")),
        O::Divide => left.checked_div(right),
        O::Equal => return Ok(Value::Truth(left == right)),
        O::Unequal => return Ok(Value::Truth(left != right)),
        O::Less => return Ok(Value::Truth(left < right)),
        O::AtMost => return Ok(Value::Truth(left <= right)),
        O::Greater => return Ok(Value::Truth(left > right)),
        O::AtLeast => return Ok(Value::Truth(left >= right)),
        O::And | O::Or => return Err(error("value-wrong-kind")),
    };
    computed.map(Value::Number).ok_or_else(|| error("amount-too-large"))
}

/// The arguments of a function, an indicator that is repeated standing for each of its rows.
fn gathered(arguments: &[Expr], world: &dyn World, at: At, trace: &mut Trace) -> Result<Vec<Amount>, Gap> {
    let mut values = Vec::new();
    for argument in arguments {
        match &argument.node {
            Node::Reference { form, code, column } => {
                for row in world.repeated(form.as_deref(), code, at) {
                    values.push(child(trace, world.reference(form.as_deref(), &row, *column, at)).and_then(number)?);
                }
            }
            _ => values.push(child(trace, evaluate(argument, world, at)).and_then(number)?),
        }
    }
    Ok(values)
}

fn call(function: Function, arguments: &[Expr], world: &dyn World, at: At, trace: &mut Trace) -> Outcome {
    if function.texts() > 0 {
        return texts::call(function, arguments, world, at);
    }
    let mut of = |at_argument: usize| match arguments.get(at_argument) {
        Some(argument) => child(trace, evaluate(argument, world, at)),
        None => Err(error("formula-argument-count")),
    };
    match function {
        Function::Abs => {
            let value = of(0).and_then(number)?;
            let value = if value < Amount::ZERO { value.checked_neg() } else { Some(value) };
            value.map(Value::Number).ok_or_else(|| error("amount-too-large"))
        }
        Function::Round => {
            let (value, places) = (of(0).and_then(number)?, of(1).and_then(number)?);
            let places = round_places(places).ok_or_else(|| error("round-places").with("places", places))?;
            rounded(value, places).map(Value::Number).ok_or_else(|| error("amount-too-large"))
        }
        Function::Min | Function::Max | Function::Sum => {
            let values = gathered(arguments, world, at, trace)?.into_iter();
            let value = match function {
                Function::Min => values.min(),
                Function::Max => values.max(),
                _ => values.map(Some).reduce(|sum, value| sum?.checked_add(value?)).flatten(),
            };
            value.map(Value::Number).ok_or_else(|| error("amount-too-large"))
        }
        Function::If => {
            let taken = if of(0).and_then(truth)? { 1 } else { 2 };
            of(taken)
        }
        Function::Coalesce => {
            let mut last = of(0);
            for at in 1..arguments.len() {
                match last {
                    Err(gap) if gap.is_absence() => last = of(at),
                    _ => break,
                }
            }
            last
        }
        Function::Missing => match of(0) {
            Ok(_) => Ok(Value::Truth(false)),
            Err(gap) if gap.is_absence() => Ok(Value::Truth(true)),
            Err(gap) => Err(gap),
        },
        _ => Err(error("value-wrong-kind")),
    }
}

/// Places that `round` takes: a whole number from −9 to 9.
pub(crate) fn round_places(places: Amount) -> Option<i32> {
    (-9..=9).find(|whole| Amount::from_whole(i128::from(*whole)) == Some(places))
}

/// Rounded once, half away from zero; −3 places are thousands.
pub fn rounded(value: Amount, places: i32) -> Option<Amount> {
    if places >= 0 {
        return value.round(places.unsigned_abs());
    }
    let step = 10_i128.pow(places.unsigned_abs());
    value.div_round(step, 0)?.units().checked_mul(step).map(Amount::from_units)
}

/// First and last month that a question is about.
fn months(span: Span, year: Year, at: At) -> Option<(Month, Month)> {
    let month = match year {
        Year::Offset(years) => at.month.plus(years.checked_mul(12)?)?,
        Year::Of(year) => Month::new(year, at.month.month())?,
    };
    let of = |number: u8| Month::new(month.year(), number);
    match span {
        Span::Month(offset) => month.plus(offset).map(|month| (month, month)),
        Span::Of(number) => of(number).map(|month| (month, month)),
        Span::Quarter => {
            let first = (month.month() - 1) / 3 * 3 + 1;
            of(first).zip(of(first + 2))
        }
        Span::Year => of(1).zip(of(12)),
        Span::ToDate if at.mode == Mode::Month => Some((month, month)),
        Span::ToDate if at.mode == Mode::Quarter => of((month.month() - 1) / 3 * 3 + 1).map(|first| (first, month)),
        Span::ToDate => of(1).map(|first| (first, month)),
        Span::Through(number) => of(1).zip(of(number)),
    }
}

fn measure(call: &MeasureCall, world: &dyn World, at: At, trace: &mut Trace) -> Outcome {
    let (from, to) = months(call.span, call.year, at).ok_or_else(|| error("month-out-of-range"))?;
    let question = MeasureQuestion {
        kind: call.kind.clone(),
        aspect: call.aspect,
        fields: call.fields.clone(),
        unit: call.unit.clone(),
        from,
        to,
    };
    let answer = world.measure(&question);
    trace.measured = Some(question);
    trace.parts = answer?;
    let sum = trace.parts.iter().try_fold(Amount::ZERO, |sum, part| sum.checked_add(part.amount));
    sum.map(Value::Number).ok_or_else(|| error("amount-too-large"))
}

fn account(call: &AccountCall, world: &dyn World, at: At, trace: &mut Trace) -> Outcome {
    let chart = world.chart();
    let (from, to) = months(call.span, call.year, at).ok_or_else(|| error("month-out-of-range"))?;
    // That a month was not read comes before what the chart of another month has or lacks.
    let unread = |gap: Gap| world.covers(call.what, from, to).err().unwrap_or(gap);
    let selected = select(&call.accounts, chart, world.scope());
    let accounts = decided(&selected, chart).map_err(unread)?;
    let counter = match &call.counter {
        Some(selector) => decided(&select(selector, chart, world.scope()), chart).map_err(unread)?,
        None => Vec::new(),
    };
    let normal = |account: &Account| account.debit.map(|debit| if debit { Side::Debit } else { Side::Credit });
    let mut sides = accounts.iter().map(|account| normal(account));
    let unknown = accounts.iter().find(|account| account.debit.is_none());
    let shared = sides.next().flatten().filter(|first| sides.all(|side| side == Some(*first)));
    // Net turnover is debit minus credit unless a side is said; everything else is towards the normal side.
    let side = match (call.side, call.what) {
        (Some(side), _) => side,
        (None, What::Net) => Side::Debit,
        (None, _) if call.detail.is_some() => call.detail.unwrap_or(Side::Debit),
        (None, _) => match unknown {
            Some(account) => {
                let gap = error("side-unknown").with("formula", call).with("account", &account.code);
                return Err(gap.with("name", &account.name));
            }
            None => shared.ok_or_else(|| error("side-mixed").with("formula", call))?,
        },
    };
    let codes = |accounts: &[&Account]| accounts.iter().map(|account| account.code.clone()).collect::<Vec<_>>();
    let question = Question {
        what: call.what,
        measure: call.measure,
        accounts: codes(&accounts),
        counter: codes(&counter),
        from,
        to,
        side: matches!(call.what, What::Turnover | What::Counter).then_some(side),
        detail: call.detail,
        filters: call.filters.clone(),
    };
    let answer = world.ask(&question);
    trace.question = Some(question);
    let mut parts = answer?;
    if side == Side::Credit && !matches!(call.what, What::Turnover | What::Counter) {
        for part in &mut parts {
            part.amount = part.amount.checked_neg().ok_or_else(|| error("amount-too-large"))?;
        }
    }
    let sum = parts.iter().try_fold(Amount::ZERO, |sum, part| sum.checked_add(part.amount));
    trace.parts = parts;
    sum.map(Value::Number).ok_or_else(|| error("amount-too-large"))
}

/// The selected accounts; none at all, or one that nobody has decided on, is a gap.
fn decided<'a>(selected: &Selected, chart: &'a [Account]) -> Result<Vec<&'a Account>, Gap> {
    if let Some(at) = selected.undecided.first() {
        let account = &chart[*at];
        return Err(Gap::new("undecided_account", "account-undecided")
            .with("account", &account.code)
            .with("name", &account.name));
    }
    if selected.accounts.is_empty() {
        return Err(Gap::new("missing_account", "account-missing").with("account", selected.empty.join(", ")));
    }
    Ok(selected.accounts.iter().map(|at| &chart[*at]).collect())
}
