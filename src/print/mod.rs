/*! Forms to read and to sign on paper: one content, rendered as a page and as PDF. */

mod beside;
pub mod font;
mod html;
mod pdf;

pub use beside::Beside;
pub use html::html;
pub use pdf::pdf;

use qrcode::{Color, EcLevel, QrCode};
use survey::{
    Grown,
    document::{Cell, Draft},
};
use ui::{Lang, grouped, terms::term};

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

/// One form in its official layout.
pub struct Sheet {
    /// Its name.
    pub title: String,
    /// Label and value: head of the form.
    pub facts: Vec<(String, String)>,
    /// What must not be overlooked: books open, not due, stale.
    pub marks: Vec<String>,
    /// Headings, each with whether its column holds numbers.
    pub columns: Vec<(String, bool)>,
    /// Rows.
    pub rows: Vec<Vec<Field>>,
    /// 核实说明: rule, cause, text, person.
    pub explanations: Vec<[String; 4]>,
    /// 调整: code and name, amount, reason, person.
    pub adjustments: Vec<[String; 4]>,
    /// Foot of the form.
    pub foot: Vec<(String, String)>,
    /// What the form says about itself.
    pub remarks: Vec<(String, String)>,
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

impl Sheet {
    /// A draft in its form's layout, under the digest of what is kept of it.
    pub fn of(draft: &Draft, digest: &str, lang: Lang, beside: &Beside) -> Sheet {
        let head = |name: &str| label(lang, name);
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
            let name = format!("{} {}", cell.id, term(lang, &cell.name));
            Some([name, grouped(&made.amount), made.reason.clone(), beside.person(&made.by)])
        });
        let said = draft.explanations.iter();
        let said =
            said.map(|said| [said.rule.clone(), beside.cause(lang, &said.cause), said.text.clone(), beside.person(&said.by)]);
        let foot = &draft.footer;
        let sent_on = if foot.sent_on.is_empty() { &beside.sent_on } else { &foot.sent_on };
        let people: [(&str, String); 5] = [
            ("head", beside.signed(lang, "head", &foot.head)),
            ("statistician", beside.signed(lang, "statistician", &foot.statistician)),
            ("preparer", beside.signed(lang, "preparer", &foot.preparer)),
            ("phone", foot.phone.clone()),
            ("sent-on", sent_on.clone()),
        ];
        let own = |text: &str| term(lang, &official(text, &beside.region));
        let mut remarks = vec![(head("scope"), own(&header.scope)), (head("deadline"), own(&header.deadline))];
        remarks.push((head("draft-digest"), digest.to_owned()));
        Sheet {
            title: term(lang, &draft.name),
            facts: facts.map(|(name, value)| (head(name), term(lang, value))).into(),
            marks,
            columns,
            rows: draft.cells.iter().map(|cell| row(cell, &shown, lang)).collect(),
            explanations: said.collect(),
            adjustments: adjusted.collect(),
            foot: people.map(|(name, value)| (head(name), value)).into(),
            remarks,
        }
    }
}

fn row(cell: &Cell, shown: &[&'static str], lang: Lang) -> Vec<Field> {
    let mut row = vec![Field::of(&cell.id), Field::of(term(lang, &cell.name)), Field::of(term(lang, &cell.unit))];
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
