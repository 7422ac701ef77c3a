//! A sheet as texts, and the numbers that people write in sheets.

use model::{Amount, Month};

/// A sheet: rows of texts, as a person sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Name of the sheet, or of the file.
    pub name: String,
    /// Rows of cells; they need not be equally long.
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// The text of a cell, counted from 0; none where nothing stands.
    pub fn text(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|row| row.get(column)).map_or("", |text| text.trim())
    }

    /// Columns of the widest row.
    pub fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Place of a cell: `sheet!C5`.
    pub fn place(&self, row: usize, column: usize) -> String {
        format!("{}!{}{}", self.name, letters(column), row + 1)
    }
}

/// Letters of a column, counted from 0.
fn letters(column: usize) -> String {
    let (mut rest, mut letters) = (column + 1, Vec::new());
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// What stands in a cell where a figure should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Nothing, or a dash that says so.
    Empty,
    /// A number with so many decimals.
    Number(Amount, u32),
    /// Something else.
    Strange,
}

/// Reads a figure as people write it: thousands in groups, brackets for minus, full width, a dash for nothing. Never guesses: `1,5` and
/// `1.2E+5` are no figures.
pub fn figure(text: &str) -> Figure {
    let plain: String = text.chars().map(half).filter(|c| !c.is_whitespace() && !matches!(c, '¥' | '￥')).collect();
    if plain.is_empty() || plain.chars().all(|c| matches!(c, '-' | '—' | '–' | '/' | '…' | '―')) {
        return Figure::Empty;
    }
    let (plain, negative) = match plain.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => (inner.to_owned(), true),
        None => (plain, false),
    };
    let (sign, digits) = match plain.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    if negative && sign || digits.starts_with(['-', '+']) {
        return Figure::Strange;
    }
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let grouped = whole.contains(',');
    if grouped && (first.is_empty() || first.len() > 3 || !groups.all(|group| group.len() == 3)) {
        return Figure::Strange;
    }
    let text = format!("{}{}", whole.replace(',', ""), part.map_or(String::new(), |part| format!(".{part}")));
    let text = if text.starts_with('.') { format!("0{text}") } else { text };
    match text.trim_end_matches('.').parse::<Amount>() {
        Ok(amount) => {
            let decimals = u32::try_from(part.map_or(0, str::len).min(9)).unwrap_or(9);
            let signed = if negative || sign { amount.checked_neg() } else { Some(amount) };
            signed.map_or(Figure::Strange, |amount| Figure::Number(amount, decimals))
        }
        Err(_) => Figure::Strange,
    }
}

pub(crate) fn half(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' => ' ',
        c => c,
    }
}

/// A month as headings and cells say it: `2025-03`, `2025年3月`, `202503`, `2025.3`, `3月`; the year may be left out.
pub fn month(text: &str) -> Option<(Option<u16>, u8)> {
    let plain: String = text.chars().map(half).filter(|c| !c.is_whitespace()).collect();
    let plain = plain.trim_end_matches("份");
    let number = |text: &str| text.parse::<u8>().ok().filter(|month| (1..=12).contains(month) && text.len() <= 2);
    let year = |text: &str| text.parse::<u16>().ok().filter(|year| text.len() == 4 && (1949..2200).contains(year));
    if plain.len() == 6 && plain.bytes().all(|b| b.is_ascii_digit()) {
        return Some((Some(year(plain.get(..4)?)?), number(plain.get(4..)?)?));
    }
    // A date stands for its month.
    if let Some((first, day)) = plain.rsplit_once('-').filter(|(first, _)| first.matches('-').count() == 1)
        && day.len() <= 2
        && day.bytes().all(|b| b.is_ascii_digit())
    {
        let (y, m) = first.split_once('-')?;
        return Some((Some(year(y)?), number(m)?));
    }
    let marked = plain.ends_with('月');
    let bare = plain.trim_end_matches('月');
    for sign in ["年-", "年", "-", "/", "."] {
        if let Some((y, m)) = bare.split_once(sign) {
            return Some((Some(year(y)?), number(m)?));
        }
    }
    if marked { Some((None, number(bare)?)) } else { None }
}

/// The month that a text says, where it says the year too or `year` says it.
pub fn month_of(text: &str, of: Option<u16>) -> Option<Month> {
    let (year, month) = month(text)?;
    Month::new(year.or(of)?, month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_people_write_them() {
        let number = |text: &str| match figure(text) {
            Figure::Number(amount, decimals) => Some((amount.to_string(), decimals)),
            _ => None,
        };
        for (text, expected, decimals) in [
            ("1,788,144.76", "1788144.76", 2),
            (" 1788 ", "1788", 0),
            ("(12.50)", "-12.5", 2),
            ("-3", "-3", 0),
            ("−3", "-3", 0),
            ("１２３．４", "123.4", 1),
            ("¥1,000", "1000", 0),
            (".5", "0.5", 1),
            ("12.", "12", 0),
        ] {
            assert_eq!(number(text), Some((expected.to_owned(), decimals)), "{text}");
        }
        for text in ["", "—", " - ", "--", "/"] {
            assert_eq!(figure(text), Figure::Empty, "{text:?}");
        }
        for text in ["1,5", "1.2E+5", "12%", "约 3", "1,2345", "--3", "(-3)", "1.2.3", "x"] {
            assert_eq!(figure(text), Figure::Strange, "{text:?}");
        }
    }

    #[test]
    fn months_as_people_write_them() {
        for (text, expected) in [
            ("2025-03", Some((Some(2025), 3))),
            ("2025年3月", Some((Some(2025), 3))),
            ("2025年-12月份", Some((Some(2025), 12))),
            ("202503", Some((Some(2025), 3))),
            ("2025.3", Some((Some(2025), 3))),
            ("2025-03-31", Some((Some(2025), 3))),
            ("３月", Some((None, 3))),
            ("3月份", Some((None, 3))),
            ("3", None),
            ("本月", None),
            ("2025", None),
            ("2025-13", None),
            ("13月", None),
            ("1-本月", None),
        ] {
            assert_eq!(month(text), expected, "{text}");
        }
    }
}
