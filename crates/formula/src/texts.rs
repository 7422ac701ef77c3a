//! What formulas ask of texts: whether one is there, which it is, how long, and what date.

use model::{Amount, Month};

use crate::{
    ast::{Expr, Function, Node},
    world::{At, Gap, Outcome, Value, World},
};

/// What stands between the answers of one question.
const BETWEEN: [char; 7] = ['、', '；', ';', '，', ',', '\n', '|'];

/// The answers of a text that may hold several.
pub fn answers(text: &str) -> impl Iterator<Item = &str> {
    text.split(BETWEEN).map(str::trim).filter(|answer| !answer.is_empty())
}

/// A function of the texts of indicators.
pub(crate) fn call(function: Function, arguments: &[Expr], world: &dyn World, at: At) -> Outcome {
    let text = |which: usize| match arguments.get(which).map(|argument| &argument.node) {
        Some(Node::Reference { form, code, .. }) => {
            let text = world.text(form.as_deref(), code, at)?;
            Ok(text.map(|text| text.trim().to_owned()).unwrap_or_default())
        }
        _ => Err(Gap::new("error", "formula-argument-count")),
    };
    let first = text(0)?;
    let mut given = arguments.iter().skip(function.texts()).filter_map(|argument| match &argument.node {
        Node::Text(text) => Some(text.trim()),
        _ => None,
    });
    let count = |count: usize| number(i128::try_from(count).unwrap_or(i128::MAX));
    match function {
        Function::Filled => Ok(Value::Truth(!first.is_empty())),
        Function::Is => Ok(Value::Truth(given.any(|text| first == text || !text.is_empty() && code(&first) == text))),
        Function::Contains => Ok(Value::Truth(given.any(|text| first.contains(text)))),
        Function::Length => count(first.chars().count()),
        Function::Answers => count(answers(&first).count()),
        Function::Year => number(date(&first)?.0.year().into()),
        Function::Months => {
            let (from, to) = (date(&first)?, date(&text(1)?)?);
            let months = |month: Month| i128::from(month.year()) * 12 + i128::from(month.month());
            // The last month is whole once its day has come; a date without a day is a whole month.
            let short = from.1.zip(to.1).is_some_and(|(from, to)| to < from);
            number(months(to.0) - months(from.0) - i128::from(short))
        }
        _ => Err(Gap::new("error", "value-wrong-kind")),
    }
}

fn number(whole: i128) -> Outcome {
    Amount::from_whole(whole).map(Value::Number).ok_or_else(|| Gap::new("error", "amount-too-large"))
}

/// The code before the words of a choice: `210` of `210 私营`.
fn code(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// Whether a text is a month or a day as formulas read them: `2025-03-01`, `2025-03`, `20250301`, `202503`.
pub fn is_date(text: &str) -> bool {
    date(text).is_ok()
}

/// A month with its day, where the date says one: `2025-03-01`, `2025-03`, `20250301`, `202503`.
fn date(text: &str) -> Result<(Month, Option<u8>), Gap> {
    let strange = || Gap::new("error", "text-not-date").with("text", text);
    let parts: Vec<&str> = match text.split('-').collect::<Vec<_>>()[..] {
        [year, month] => vec![year, month],
        [year, month, day] => vec![year, month, day],
        [whole] if whole.is_ascii() && whole.len() == 6 => vec![&whole[..4], &whole[4..]],
        [whole] if whole.is_ascii() && whole.len() == 8 => vec![&whole[..4], &whole[4..6], &whole[6..]],
        _ => return Err(strange()),
    };
    let plain = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(parts[0], 4) || !parts[1..].iter().all(|part| plain(part, 2)) {
        return Err(strange());
    }
    let month = Month::new(parts[0].parse().map_err(|_| strange())?, parts[1].parse().map_err(|_| strange())?);
    let month = month.ok_or_else(strange)?;
    let day = parts.get(2).map(|day| day.parse::<u8>().map_err(|_| strange())).transpose()?;
    match day {
        Some(day) if !(1..=days(month)).contains(&day) => Err(strange()),
        _ => Ok((month, day)),
    }
}

fn days(month: Month) -> u8 {
    let leap = month.year().is_multiple_of(4) && !month.year().is_multiple_of(100) || month.year().is_multiple_of(400);
    match month.month() {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_strictly() {
        let read = |text: &str| date(text).ok().map(|(month, day)| (month.to_string(), day));
        assert_eq!(read("2025-03"), Some(("2025-03".to_owned(), None)));
        assert_eq!(read("202503"), Some(("2025-03".to_owned(), None)));
        assert_eq!(read("2024-02-29"), Some(("2024-02".to_owned(), Some(29))));
        assert_eq!(read("20240229"), Some(("2024-02".to_owned(), Some(29))));
        for wrong in [
            "",
            "2025",
            "2025-13",
            "2025-02-29",
            "2025-3",
            "25-03",
            "2025-03-",
            "2025-03-01-",
            "三月",
            "20２503",
            "+02503",
            "2025/03",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
