/*! Addresses of pages. */

pub use gate::part;

use crate::desk::{EditPlace, FigurePlace, LinesPlace, Place};

pub fn draft(place: &Place) -> String {
    format!("/drafts/{}/{}/{}", part(&place.book), part(&place.form), part(&place.period))
}

pub fn figure(place: &FigurePlace) -> String {
    format!("{}/figure?cell={}&column={}", draft(&place.draft), part(&place.cell), part(&place.column))
}

pub fn lines(place: &LinesPlace) -> String {
    let figure = &place.figure;
    format!(
        "{}/lines?cell={}&column={}&answer={}&account={}&sealed={}&skip={}",
        draft(&figure.draft),
        part(&figure.cell),
        part(&figure.column),
        place.answer,
        part(&place.account),
        part(&place.period.to_string()),
        place.skip
    )
}

/// A voucher with the figure that it was opened from, so that there is a way back.
pub fn voucher_of(from: &FigurePlace, book: &str, period: &str, key: &str) -> String {
    let Place { form, period: month, .. } = &from.draft;
    let [form, month, cell, column] = [form, month, &from.cell, &from.column].map(|text| part(text));
    format!(
        "/books/{}/vouchers?form={form}&month={month}&cell={cell}&column={column}&sealed={}&key={}",
        part(book),
        part(period),
        part(key)
    )
}

pub fn receipt(name: &str) -> String {
    format!("/receipts/{}", part(name))
}

pub fn changes(book: &str, period: &str, old: &str, new: &str) -> String {
    format!("/books/{}/changes/{}?old={}&new={}", part(book), part(period), part(old), part(new))
}

/// The mapping of a book and month.
pub fn mapping(book: &str, period: &str) -> String {
    format!("/mapping?book={}&period={}", part(book), part(period))
}

/// A change of the mapping; `said` is filled in and tried.
pub fn edit(place: &EditPlace, said: Option<&str>) -> String {
    let EditPlace { book, period, what } = place;
    let said = said.map_or_else(String::new, |said| format!("&say={}", part(said)));
    format!("/mapping/edit?book={}&period={}&what={}{said}", part(book), part(period), part(what))
}
