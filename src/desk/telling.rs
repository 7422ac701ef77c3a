//! What an operation of the log says, in words: one table of acts and what they keep. What only whoever verifies reads (digests of rows, of
//! mappings, of what stood before) is not in it; `taizhang log show` has all of it.

use std::collections::BTreeMap;

use serde_json::Value;
use web::{Fact, Operation, Shown};

use super::{local, signoff};
use crate::{audit, config::Agent, measures};

/// How a value is told.
#[derive(Clone, Copy)]
enum How {
    /// A name or number, as it is.
    Data,
    /// What somebody wrote.
    Text,
    /// The first digits of a digest.
    Digest,
    /// A person's name.
    Person,
    /// A word of the catalogue: `label-<prefix>-<value>`.
    Word(&'static str),
    /// A cause of an explanation.
    Cause,
    /// A time.
    Time,
    /// That it is so; nothing where it is not.
    Yes,
    /// Names one after another.
    List,
    /// How many there are in a list.
    Count,
    /// The first and the last sealed period.
    Periods,
    /// Form and month of each draft.
    Drafts,
    /// Kind and item of each measure.
    Measures,
    /// What was written for what, before and now.
    Changes,
    /// The form's month, or all of it.
    Form,
}

/// Fields that every act tells alike: name, label, how.
const ALL: [(&str, &str, How); 11] = [
    ("book", "log-book", How::Data),
    ("form", "log-form", How::Data),
    ("forms", "log-form", How::List),
    ("figure", "log-figure", How::Data),
    ("period", "log-period", How::Data),
    ("role", "log-role", How::Word("role")),
    ("person", "log-person", How::Person),
    ("state", "log-state", How::Word("state")),
    ("verdict", "log-verdict", How::Word("verdict")),
    ("trial", "log-trial", How::Yes),
    ("reason", "log-reason", How::Text),
];

/// Fields of one act: act, name, label, how. They stand before those that every act tells alike.
const OWN: [(&str, &str, &str, How); 50] = [
    ("pull", "sealed", "log-sealed", How::Periods),
    ("build", "drafts", "log-drafts", How::Drafts),
    ("review", "draft", "log-draft", How::Digest),
    ("approve", "draft", "log-draft", How::Digest),
    ("return", "draft", "log-draft", How::Digest),
    ("explain", "rule", "log-rule", How::Data),
    ("explain", "cause", "log-cause", How::Cause),
    ("adjust", "amount", "log-amount", How::Data),
    ("text", "text", "log-text", How::Text),
    ("lock", "form", "log-form", How::Form),
    ("unlock", "form", "log-form", How::Form),
    ("event", "kind", "log-kind", How::Word("event")),
    ("event", "text", "log-text", How::Text),
    ("handover", "from", "log-handed-by", How::Person),
    ("handover", "to", "log-handed-to", How::Person),
    ("handover", "note", "log-note", How::Text),
    ("handover", "open", "log-open", How::Count),
    ("measure", "entries", "log-measures", How::Measures),
    ("ledger-import", "file", "log-file", How::Text),
    ("ledger-import", "figures", "log-figures", How::Data),
    ("ledger-import", "from", "log-from", How::Data),
    ("ledger-import", "to", "log-to", How::Data),
    ("ledger-import-withdraw", "indicator", "log-figure", How::Data),
    ("ledger-import-withdraw", "column", "log-column", How::Word("")),
    ("ledger-import-withdraw", "records", "log-figures", How::Data),
    ("filed", "at", "log-filed-on", How::Data),
    ("filed", "reference", "log-reference", How::Text),
    ("sign", "digest", "log-package", How::Digest),
    ("sign", "paper", "log-paper", How::Yes),
    ("sign", "complete", "log-complete", How::Yes),
    ("sign", "replaces", "log-replaces-signature", How::Yes),
    ("submit", "digest", "log-package", How::Digest),
    ("submit", "anyway", "log-anyway", How::Text),
    ("submit", "replaces", "log-replaces", How::Count),
    ("submit-file", "digest", "log-package", How::Digest),
    ("submit-file", "file", "log-file", How::Data),
    ("submit-file", "anyway", "log-anyway", How::Text),
    ("withdraw", "digest", "log-package", How::Digest),
    ("receipt", "digest", "log-package", How::Digest),
    ("receipt", "receipt", "log-receipt", How::Digest),
    ("receipt", "adopted", "log-adopted", How::Yes),
    ("messages", "messages", "log-letters", How::List),
    ("message-answer", "query", "log-letter", How::Data),
    ("archive", "year", "log-year", How::Data),
    ("archive", "books", "log-book", How::List),
    ("archive", "file", "log-file", How::Data),
    ("archive", "files", "log-files", How::Data),
    ("account", "invited", "log-invited", How::Yes),
    ("account", "second", "log-second", How::Yes),
    ("enroll", "renewal", "log-renewal", How::Yes),
];

/// More of them: certificates, packs, mappings.
const MORE: [(&str, &str, &str, How); 9] = [
    ("enroll", "serial", "log-serial", How::Data),
    ("enroll", "until", "log-until", How::Time),
    ("install-form", "edition", "log-edition", How::Data),
    ("install-form", "revision", "log-revision", How::Data),
    ("install-calendar", "edition", "log-year", How::Data),
    ("install-calendar", "revision", "log-revision", How::Data),
    ("mapping", "file", "log-file", How::Data),
    ("mapping", "changes", "log-changes", How::Changes),
    ("evidence", "file", "log-file", How::Data),
];

/// What names of the log mean, read once for a page.
pub struct Telling<'a> {
    agent: &'a Agent,
    causes: BTreeMap<String, String>,
    kinds: BTreeMap<String, String>,
}

impl Telling<'_> {
    /// Reads causes and kinds; where a file of them is damaged, their codes are shown, and the file is told where it is used.
    pub fn new(agent: &Agent) -> Telling<'_> {
        let causes = audit::causes(agent).map(|all| all.causes.into_iter().map(|(code, cause)| (code, cause.zh)).collect());
        let kinds = measures::facts(agent).map(|all| all.kinds.kinds.into_iter().map(|(id, kind)| (id, kind.name)).collect());
        Telling { agent, causes: causes.unwrap_or_default(), kinds: kinds.unwrap_or_default() }
    }

    /// An operation as people read it.
    pub fn operation(&self, operation: store::Operation) -> Operation {
        let detail: Value = serde_json::from_str(&operation.detail).unwrap_or_default();
        let what = operation.what.as_str();
        let own = OWN.iter().chain(&MORE).filter(|(act, ..)| *act == what).map(|(_, name, label, how)| (*name, *label, *how));
        let own: Vec<(&str, &'static str, How)> = own.collect();
        let common = ALL.iter().filter(|(name, ..)| !own.iter().any(|(other, ..)| other == name)).copied();
        let facts = common.chain(own.iter().copied()).filter_map(|(name, label, how)| {
            let said = self.said(detail.get(name)?, how)?;
            Some(Fact { label, said })
        });
        let facts = facts.collect();
        let who = signoff::name(self.agent, &operation.who);
        Operation { seq: operation.seq, at: local(&operation.at), who, what: operation.what, facts }
    }

    fn said(&self, value: &Value, how: How) -> Option<Shown> {
        let items = || value.as_array().into_iter().flatten();
        let joined = |words: Vec<String>| (!words.is_empty()).then(|| Shown::Data(words.join("、")));
        let text = plain(value);
        match how {
            How::Yes => (value == &Value::Bool(true)).then_some(Shown::Yes),
            How::Form if text.is_empty() => Some(Shown::Word("log-whole-month".to_owned())),
            How::Count => {
                let count = value.as_array().map_or(0, Vec::len);
                (count > 0).then(|| Shown::Data(count.to_string()))
            }
            How::List => joined(items().map(plain).collect()),
            How::Periods => {
                let mut periods: Vec<String> = items().map(|one| plain(&one["period"])).collect();
                periods.sort();
                let (first, last) = (periods.first()?.clone(), periods.last()?.clone());
                Some(Shown::Data(if first == last { first } else { format!("{first} – {last} ({})", periods.len()) }))
            }
            How::Drafts => joined(items().map(|one| [plain(&one["form"]), plain(&one["period"])].join(" ")).collect()),
            How::Measures => joined(items().map(|one| self.measure(&plain(&one["key"]))).collect()),
            How::Changes => {
                let one = |one: &Value| {
                    let before = plain(&one["before"]);
                    let before = if before.is_empty() { "—".to_owned() } else { before };
                    format!("{}: {before} → {}", plain(&one["cell"]), plain(&one["after"]))
                };
                let all: Vec<String> = items().map(one).collect();
                (!all.is_empty()).then(|| Shown::Text(all.join("; ")))
            }
            _ if text.is_empty() => None,
            How::Digest => Some(Shown::Digest(text)),
            How::Person => Some(Shown::Data(signoff::name(self.agent, &text))),
            How::Word(kind) => {
                let word = text.replace('_', "-");
                Some(Shown::Word(if kind.is_empty() { word } else { format!("{kind}-{word}") }))
            }
            How::Cause => Some(Shown::Data(self.causes.get(&text).cloned().unwrap_or(text))),
            How::Time => Some(Shown::Data(local(&text))),
            How::Text => Some(Shown::Text(text)),
            How::Data | How::Form => Some(Shown::Data(text)),
        }
    }

    /// Kind and item of a measure, from what tells it from others of its month.
    fn measure(&self, key: &str) -> String {
        let (kind, rest) = key.split_once(':').unwrap_or((key, ""));
        let name = self.kinds.get(kind).map_or(kind, String::as_str);
        let (item, date) = rest.split_once('@').unwrap_or((rest, ""));
        let date = date.split('#').next().unwrap_or_default();
        [name, item.trim_matches(['*', '/']), date].join(" ").trim().replace("  ", " ")
    }
}

/// A value as it stands: numbers and words; nothing where there is none.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_and_field_has_words() {
        let known: std::collections::BTreeSet<&str> = ui::codes().collect();
        for label in ALL.iter().map(|(_, label, _)| label).chain(OWN.iter().chain(&MORE).map(|(_, _, label, _)| label)) {
            assert!(known.contains(format!("label-{label}").as_str()), "{label}");
        }
        for (act, ..) in OWN.iter().chain(&MORE) {
            assert!(known.contains(format!("label-did-{act}").as_str()), "{act}");
        }
    }
}
