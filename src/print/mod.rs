/*! Forms to read and to sign on paper: one content, rendered as a page and as PDF. */

pub mod font;
mod html;
mod pdf;

pub use html::html;
pub use pdf::pdf;

use qrcode::{Color, EcLevel, QrCode};
use survey::{
    Grown,
    document::{Cell, Draft},
};
use ui::{Lang, grouped};

use crate::{output::label, sheet::official, stale};

/// What is printed.
pub struct Print {
    /// Language that comes first.
    pub lang: Lang,
    /// What stands above everything, where it is more than one form.
    pub title: String,
    /// A digest with its label, and what the square code holds.
    pub mark: Option<Mark>,
    /// The forms.
    pub forms: Vec<Sheet>,
    /// Whether lines for signatures by hand are printed.
    pub signing: bool,
}

/// A digest that people compare.
pub struct Mark {
    /// Name of its label.
    pub name: &'static str,
    /// The digest.
    pub digest: String,
    /// What the square code holds.
    pub code: String,
}

/// A heading: in the first language, and in the other one beside it.
pub struct Heading {
    /// In the language that comes first.
    pub main: String,
    /// In the other.
    pub beside: String,
}

/// One form in its official layout.
pub struct Sheet {
    /// Its name.
    pub title: String,
    /// Label and value: head of the form.
    pub facts: Vec<(Heading, String)>,
    /// What must not be overlooked: books open, not due, stale.
    pub marks: Vec<String>,
    /// Headings, each with whether its column holds numbers.
    pub columns: Vec<(Heading, bool)>,
    /// Rows.
    pub rows: Vec<Vec<Field>>,
    /// 核实说明: rule, cause, text, person.
    pub explanations: Vec<[String; 4]>,
    /// 调整: code and name, amount, reason, person.
    pub adjustments: Vec<[String; 4]>,
    /// Foot of the form.
    pub foot: Vec<(Heading, String)>,
    /// What the form says about itself.
    pub remarks: Vec<(Heading, String)>,
}

/// A cell of the table.
#[derive(Default)]
pub struct Field {
    /// What is reported.
    pub text: String,
    /// A smaller line beneath it.
    pub below: String,
    /// Whether there is no figure.
    pub missing: bool,
}

impl Field {
    fn of(text: impl Into<String>) -> Field {
        Field { text: text.into(), ..Field::default() }
    }
}

fn heading(lang: Lang, name: &str) -> Heading {
    let other = if lang == Lang::Zh { Lang::En } else { Lang::Zh };
    Heading { main: label(lang, name), beside: label(other, name) }
}

impl Sheet {
    /// A draft in its form's layout, under the digest of what is kept of it.
    pub fn of(draft: &Draft, digest: &str, lang: Lang) -> Sheet {
        let head = |name: &str| heading(lang, name);
        let header = &draft.header;
        let facts: [(&str, &str); 8] = [
            ("form", &draft.form),
            ("authority", &header.authority),
            ("unit-code", &draft.unit.code),
            ("document", &header.document),
            ("unit-name", &draft.unit.name),
            ("valid-until", &header.valid_until),
            ("period", &draft.period),
            ("money-unit", &header.money_unit),
        ];
        let mut marks = Vec::new();
        if draft.books_open {
            marks.push(label(lang, "books-open"));
        }
        let told = |code: &&&str| draft.findings.iter().any(|note| note.code == ***code);
        marks.extend(["period-beyond"].iter().chain(&stale::MARKS).filter(told).map(|code| label(lang, code)));
        if !draft.due {
            marks.push(label(lang, "not-due"));
        }
        let shown = draft.shown();
        let mut columns = Vec::from(["code", "name", "unit"].map(|name| (head(name), false)));
        columns.extend(shown.iter().map(|name| (head(name), true)));
        columns.extend([(head("growth"), true), (head("status"), false)]);
        let adjusted = draft.cells.iter().filter_map(|cell| {
            let made = cell.adjustment.as_ref()?;
            Some([format!("{} {}", cell.id, cell.name), grouped(&made.amount), made.reason.clone(), made.by.clone()])
        });
        let said = draft.explanations.iter().map(|said| [&said.rule, &said.cause, &said.text, &said.by].map(Clone::clone));
        let foot = &draft.footer;
        let people: [(&str, &str); 5] = [
            ("head", &foot.head),
            ("statistician", &foot.statistician),
            ("preparer", &foot.preparer),
            ("phone", &foot.phone),
            ("sent-on", &foot.sent_on),
        ];
        let mut remarks = vec![(head("scope"), official(&header.scope)), (head("deadline"), official(&header.deadline))];
        remarks.push((head("draft-digest"), digest.to_owned()));
        Sheet {
            title: draft.name.clone(),
            facts: facts.map(|(name, value)| (head(name), value.to_owned())).into(),
            marks,
            columns,
            rows: draft.cells.iter().map(|cell| row(cell, &shown, lang)).collect(),
            explanations: said.collect(),
            adjustments: adjusted.collect(),
            foot: people.map(|(name, value)| (head(name), value.to_owned())).into(),
            remarks,
        }
    }
}

fn row(cell: &Cell, shown: &[&'static str], lang: Lang) -> Vec<Field> {
    let mut row = vec![Field::of(&cell.id), Field::of(&cell.name), Field::of(&cell.unit)];
    for name in shown {
        let Some(column) = cell.columns.shown(name) else {
            row.push(Field::default());
            continue;
        };
        let words = matches!(&*cell.kind, "text" | "choice");
        let number = |value: &str| if words { value.to_owned() } else { grouped(value) };
        row.push(match (cell.adjusted(column), &column.value, &column.platform) {
            (Some(made), computed, _) => {
                let computed = computed.as_deref().map_or("—".to_owned(), number);
                let below = format!("{} {computed}", label(lang, "computed"));
                Field { text: number(&made.reported), below, missing: false }
            }
            (None, Some(value), _) => Field::of(number(value)),
            (None, None, Some(filed)) => Field { text: number(filed), below: label(lang, "platform"), missing: true },
            (None, None, None) => Field { text: "—".to_owned(), missing: true, ..Field::default() },
        });
    }
    row.push(match survey::grown(&cell.columns) {
        Grown::None => Field::default(),
        Grown::Percent(percent) => Field::of(format!("{percent}%")),
        Grown::Meaningless { difference, .. } => {
            let below = ui::text(lang, "label-growth-difference", &[("difference", grouped(&difference))]);
            Field { text: "—".to_owned(), below, missing: false }
        }
    });
    row.push(Field::of(label(lang, &format!("status-{}", cell.status.replace('_', "-")))));
    row
}

/// The dark squares of a square code, row by row; what does not fit into one has none.
fn squares(text: &str) -> Vec<Vec<bool>> {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return Vec::new() };
    let dark: Vec<bool> = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
    dark.chunks(code.width()).map(<[bool]>::to_vec).collect()
}
