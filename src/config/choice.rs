//! Which book a person means.

use model::Finding;

use super::{Agent, Book, Form};
use crate::report::Failure;

impl Agent {
    /// The book named `id`; without a name, the only one.
    pub fn book(&self, id: Option<&str>) -> Result<&Book, Failure> {
        let known = || self.books.iter().map(|book| book.id.as_str()).collect::<Vec<_>>().join(", ");
        let found = match id {
            Some(id) => self.books.iter().find(|book| book.id == id),
            None => self.books.first().filter(|_| self.books.len() == 1),
        };
        found.ok_or_else(|| {
            let finding = match id {
                _ if self.books.is_empty() => Finding::error("books-missing"),
                Some(id) => Finding::error("book-unknown").with("book", id),
                None => Finding::error("book-unclear"),
            };
            Failure::config(finding.at(self.path.display().to_string()).with("known", known()))
        })
    }

    /// The books that a form is built from: those that are configured for it, or all that have no forms of their own.
    pub fn books_of(&self, form: Option<&str>) -> Vec<&Book> {
        let meant = |own: &&Form| form.is_none_or(|code| own.code == code);
        let forms: Vec<&Form> = self.forms.iter().filter(meant).collect();
        let wanted = |book: &&Book| forms.is_empty() || forms.iter().any(|own| own.book.as_ref().is_none_or(|id| *id == book.id));
        self.books.iter().filter(wanted).collect()
    }

    /// The book that a person means who asks about a form: the one named `id`, or the only one of the form.
    pub fn book_for(&self, form: &str, id: Option<&str>) -> Result<&Book, Failure> {
        match (id, self.books_of(Some(form)).as_slice()) {
            (None, [only]) => Ok(only),
            _ => self.book(id),
        }
    }

    /// Form, row and book of a figure that a person names as `FORM:CODE`.
    pub fn figure<'a>(&self, figure: &'a str, book: Option<&str>) -> Result<(&'a str, &'a str, &Book), Failure> {
        let unclear = || Failure::config(Finding::error("figure-unclear").with("figure", figure));
        let (form, row) = figure.split_once(':').ok_or_else(unclear)?;
        Ok((form, row, self.book_for(form, book)?))
    }
}
