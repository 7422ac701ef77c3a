//! What a change of the mapping does to every form, before anything is written.

use model::{Finding, Level, Month};
use store::Store;
use survey::document::Draft;

use super::change::Tried;
use crate::{
    build::{self, Ready},
    config::{Agent, Book},
    report::Failure,
};

/// A figure as a draft has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// In the form's unit.
    pub value: Option<String>,
    /// In 元, not rounded.
    pub raw: Option<String>,
    /// `ok`, or why there is none.
    pub status: String,
}

/// A figure now and then.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Book id.
    pub book: String,
    /// Form code.
    pub form: String,
    /// Row.
    pub cell: String,
    /// Its name.
    pub name: String,
    /// Unit of the value.
    pub unit: String,
    /// Machine name of the column.
    pub column: &'static str,
    /// As the mapping stands.
    pub before: Figure,
    /// As it would be.
    pub after: Figure,
}

impl Moved {
    /// Whether it is another.
    pub fn is_other(&self) -> bool {
        self.before != self.after
    }

    /// `form:row`
    pub fn figure(&self) -> String {
        format!("{}:{}", self.form, self.cell)
    }
}

/// Every figure of every form of a draft's month, now and then: those that move, and all of the rows in `of` (`form:row`).
pub fn effects(
    agent: &Agent,
    store: &mut Store,
    (book, ready): (&Book, &Ready),
    tried: Tried,
    of: &[String],
    month: Month,
) -> Result<(Vec<Moved>, Vec<Finding>), Failure> {
    let (mut moved, mut findings) = (Vec::new(), Vec::new());
    for (id, (forms, layers)) in tried {
        let own;
        let (other, now) = if id == book.id {
            (book, ready)
        } else {
            let other = agent.book(Some(&id))?;
            own = build::ready(agent, store, other, None, month)?;
            (other, &own)
        };
        if let Some(unread) = now.unread(month) {
            findings.push(unread.at(format!("{month}, book {id}")));
            continue;
        }
        let (before, known) = build::compute(agent, store, other, (now, &now.layers), None, month)?;
        // Other decisions about accounts make another chart, and measures are read where a formula asks for any; otherwise the figures
        // that are loaded serve the other mapping too.
        let same = decided(&now.layers) == decided(&layers)
            && now.layers.mapping.asks_measures(None) == layers.mapping.asks_measures(None);
        let (after, told) = if same {
            build::compute(agent, store, other, (now, &layers), None, month)?
        } else {
            let then = build::ready_with(agent, store, other, forms, layers, month)?;
            build::compute(agent, store, other, (&then, &then.layers), None, month)?
        };
        let fresh = told.into_iter().filter(|finding| finding.level > Level::Note && !known.contains(finding));
        // A rule that was not met before is no news, whatever its figures are by now.
        let known: Vec<_> = known.iter().map(rule).collect();
        findings.extend(fresh.filter(|finding| !finding.code.starts_with("rule-") || !known.contains(&rule(finding))));
        for ((before, _), (after, _)) in before.iter().zip(&after) {
            moved.extend(pairs(&id, before, after).filter(|moved| moved.is_other() || of.contains(&moved.figure())));
        }
    }
    Ok((moved, findings))
}

/// Place and id of the rule that a finding is about.
fn rule(finding: &Finding) -> (&str, Option<&str>) {
    let id = finding.arguments.iter().find(|(name, _)| name == "rule").map(|(_, id)| id.as_str());
    (finding.place.as_str(), id)
}

fn decided(layers: &crate::forms::Layers) -> Vec<(&str, &str)> {
    layers.mapping.accounts.iter().map(|(account, decision)| (account.as_str(), decision.is.as_str())).collect()
}

/// The figures of two drafts of the same form, side by side.
fn pairs<'a>(book: &'a str, before: &'a Draft, after: &'a Draft) -> impl Iterator<Item = Moved> + 'a {
    after.cells.iter().flat_map(move |cell| {
        let old = before.cells.iter().find(|known| known.id == cell.id);
        cell.columns.each().map(move |(name, column)| {
            let figure = |column: &survey::document::Column| Figure {
                value: column.value.clone(),
                raw: column.raw.clone(),
                status: column.status.clone(),
            };
            Moved {
                book: book.to_owned(),
                form: after.form.clone(),
                cell: cell.id.clone(),
                name: cell.name.clone(),
                unit: cell.unit.clone(),
                column: name,
                before: old.and_then(|old| old.columns.get(name)).map(figure).unwrap_or_default(),
                after: figure(column),
            }
        })
    })
}
