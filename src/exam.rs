/*! An exam: what a hand-made report says beside what the sealed books give, and each cause in words. */

use model::{Amount, Month};
use survey::{
    Form,
    exam::{Cause, Difference, Exam, Reading, Subject, Words, examine},
};
use ui::Lang;

use crate::{build::Ready, output::label};

/// Compares what was read with the books.
pub fn examined(ready: &Ready, form: &Form, month: Month, told: Reading, words: &Words) -> Exam {
    let desk = ready.desk(&form.form);
    desk.with(&ready.layers.mapping, |engine, _| examine(Subject { engine, form, month, words }, told))
}

/// What the sheet says less what the books give.
pub fn gap(difference: &Difference) -> Option<Amount> {
    difference.theirs.checked_sub(difference.ours?)
}

/// What a cause says, in words.
pub fn sentence(lang: Lang, cause: &Cause) -> String {
    let mut said = cause.said.clone();
    // Columns and statuses are words of the catalogue.
    for (name, value) in &mut said.arguments {
        match &**name {
            "column" => *value = label(lang, crate::output::at_end(value)),
            "status" => *value = label(lang, &format!("status-{}", value.replace('_', "-"))),
            "how" if said.code == "exam-cause-tax" => *value = label(lang, &format!("tax-{value}")),
            "how" if said.code == "exam-cause-closing" => *value = label(lang, &format!("vouchers-{value}")),
            "of" => *value = label(lang, &format!("average-{value}")),
            _ => {}
        }
    }
    ui::text(lang, &said.code, &said.arguments)
}
