//! Every formula of every shipped form and standard: on a book with all accounts it has a figure, which moves with the book; on a book without
//! any it has none, or the nothing that the formula itself says.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::collections::BTreeSet;

use formula::{At, Figures, Gap, MeasureQuestion, Mode, Part, Question, Value};
use model::{Amount, Month};
use survey::{BookAccount, Engine, Form, Mapping, RowKind, Sources, Standard};

/// A book that answers every question with an amount of each account, each its own.
struct All {
    /// Which book it is: amounts of two have nothing in common.
    book: u8,
}

/// An amount that no two names share.
fn own(name: &str) -> i128 {
    name.bytes().fold(7, |sum: i128, byte| (sum * 31 + i128::from(byte)) % 999_983) + 1
}

impl Figures for All {
    fn ask(&self, question: &Question) -> Result<Vec<Part>, Gap> {
        let amount = |account: &String| {
            let name = format!("{account} {:?} {:?} {}", question.what, question.side, self.book);
            Amount::from_whole((own(&name) - 500_000) * 1000).unwrap()
        };
        Ok(question.accounts.iter().map(|account| Part { account: account.clone(), amount: amount(account) }).collect())
    }

    fn measure(&self, question: &MeasureQuestion) -> Result<Vec<Part>, Gap> {
        let name = format!("{} {:?}", question.kind, question.aspect);
        Ok(vec![Part { account: name.clone(), amount: Amount::from_whole(own(&format!("{name}{}", self.book))).unwrap() }])
    }
}

/// A book that has nothing.
struct Nothing;

impl Figures for Nothing {
    fn ask(&self, _: &Question) -> Result<Vec<Part>, Gap> {
        Ok(Vec::new())
    }
}

/// Codes and names of the accounts that a formula asks for by both.
fn named(formula: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = formula.split('~').collect();
    let pair = |pair: &[&'_ str]| -> Option<(usize, usize)> {
        let code = pair[0].len() - pair[0].bytes().rev().take_while(u8::is_ascii_digit).count();
        let name = pair[1].trim_start_matches('"');
        Some((code, name.find(['"', ',', '}', ')', ' ']).unwrap_or(name.len())))
    };
    let found = parts.windows(2).filter_map(|two| {
        let (code, end) = pair(two)?;
        Some((&two[0][code..], &two[1].trim_start_matches('"')[..end]))
    });
    found.collect()
}

fn mapping(standard: &Standard) -> Mapping {
    let forms = survey::FORMS.iter().map(|(_, name, text)| Form::parse(name, text).0.unwrap());
    Mapping::assemble(standard, forms.collect(), &[]).0.unwrap()
}

#[test]
fn each_formula_has_a_figure_that_moves_with_the_book_and_none_without_its_accounts() {
    let at = At { month: Month::new(2025, 6).unwrap(), mode: Mode::ToDate };
    let mut seen = 0;
    for (name, text) in survey::STANDARDS {
        let standard = Standard::parse(name, text).0.unwrap();
        let mapping = mapping(&standard);
        let side = |debit: bool| Some(if debit { "debit" } else { "credit" }.to_owned());
        let mut accounts: Vec<BookAccount> = standard
            .accounts()
            .map(|account| BookAccount {
                code: account.code.clone(),
                name: account.names[0].clone(),
                class: account.class.clone(),
                side: side(account.debit),
            })
            .collect();
        // Accounts below them, by the names that formulas ask for: `2221~"销项税额"`.
        let texts = mapping.cells.values().chain(mapping.items.values().flatten()).map(|formula| formula.text.as_str());
        for (code, name) in texts.flat_map(named) {
            let known = |account: &BookAccount| account.name == name && account.code.starts_with(code);
            if !accounts.iter().any(known) {
                let parent = accounts.iter().find(|account| account.code == code).unwrap_or_else(|| panic!("{code}")).clone();
                let code = format!("{code}{:02}", accounts.iter().filter(|account| account.code.starts_with(code)).count());
                accounts.push(BookAccount { code, name: name.to_owned(), ..parent });
            }
        }
        accounts.sort_by(|a, b| a.code.cmp(&b.code));
        let (chart, findings) = survey::chart(&mapping, &accounts, &|_| true);
        assert_eq!(findings, [], "{name}");
        let values = |chart: &[formula::Account], book: &dyn Figures| {
            let engine = Engine::new(&mapping, chart, Sources { monthly: book, annual: book });
            let cells = mapping.cells.keys().map(|(form, row)| ((form.clone(), row.clone()), engine.cell(form, row, at).outcome));
            cells.collect::<Vec<_>>()
        };
        let books: Vec<_> = (0..12).map(|book| values(&chart, &All { book })).collect();
        let none = values(&[], &Nothing);
        for (at, ((form, row), none)) in none.iter().enumerate() {
            let cell = format!("{name} {form}:{row}");
            // What one standard does not have is not applicable under it, and what is made of entered figures waits for them.
            let outside = |gap: &Gap| gap.status == "not_applicable" || gap.code == "indicator-without-source";
            if matches!(&books[0][at].1, Err(gap) if outside(gap)) {
                continue;
            }
            seen += 1;
            let figure = |book: &Vec<(_, formula::Outcome)>| match &book[at].1 {
                Ok(Value::Number(number)) => *number,
                other => panic!("{cell}: {other:?}"),
            };
            let figures: BTreeSet<Amount> = books.iter().map(figure).collect();
            assert!(figures.len() > 1, "{cell} is {figures:?} on every book");
            let pack = mapping.form(form).unwrap().row(row).unwrap();
            assert!(pack.kind != RowKind::Text && pack.kind != RowKind::Choice, "{cell}");
            // Without accounts and measures there is no figure, unless the formula says what nothing is worth.
            match none {
                Ok(Value::Number(value)) => assert!(value.is_zero(), "{cell}: {value}"),
                Ok(Value::Truth(_)) => panic!("{cell}"),
                Err(gap) => {
                    assert!(["missing_account", "missing_source", "not_applicable"].contains(&gap.status), "{cell}: {gap:?}")
                }
            }
        }
    }
    assert!(seen > 200, "{seen} formulas");
}
