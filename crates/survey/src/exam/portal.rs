//! The head of a sheet with units in rows, as the national platform exports it: for who reads the rows of all units, and not one unit's.

use super::{
    grid::Grid,
    reading::{Reader, Wanted},
    words::{Role, Words},
};
use crate::{Form, Printed};

/// Rows in which the head is looked for.
const HEAD_ROWS: usize = 30;

/// A head.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its row, from 0.
    pub row: usize,
    /// What stands in it.
    pub headings: Vec<String>,
    roles: Vec<Option<Role>>,
    /// Figures: place, code of the row, column, and the unit of money that the heading says in 元.
    pub figures: Vec<(usize, String, Printed, Option<i64>)>,
}

impl Head {
    /// Where something is said of the row.
    pub fn place(&self, wanted: Role) -> Option<usize> {
        self.roles.iter().position(|role| *role == Some(wanted))
    }
}

/// Finds the head: the first row that says where the unit's code is, and figures of the form (`营业收入;本年-1—本月`) or one of `words`, by which a state is said.
pub fn head(grid: &Grid, form: &Form, words: &Words, states: &[String]) -> Option<Head> {
    let reader = Reader::new(grid, Wanted { form, words, unit: ("", ""), year: None, column: None });
    for row in 0..HEAD_ROWS.min(grid.rows.len()) {
        let headings = reader.headings(row, 1);
        let roles = reader.roles_of(&headings);
        let kept = |text: &String| {
            let (found, column) = reader.portal(text)?;
            Some((found.key().to_owned(), Reader::kept(found, column)?, words.money(text)))
        };
        let figures: Vec<_> = headings
            .iter()
            .enumerate()
            .filter_map(|(at, text)| kept(text).map(|(key, column, money)| (at, key, column, money)))
            .collect();
        let state = headings.iter().any(|heading| states.iter().any(|word| word == heading.trim()));
        let head = Head { row, headings, roles, figures };
        if head.place(Role::UnitCode).is_some() && (state || !head.figures.is_empty()) {
            return Some(head);
        }
    }
    None
}
