/*! What becomes of a draft: the preparer hands it in, somebody else approves what was shown, or gives it back. */

use journal::Digest;
use model::{Finding, Level};
use serde_json::json;
use store::{DraftVersion, Record, Store, Wanted};

use crate::{
    acts, build,
    config::{Agent, Book, Deed, Person},
    report::Failure,
};

/// Kind of the records of who handed in, approved or returned.
pub const SIGNOFF: &str = "signoff";

/// Digits of a digest that people are shown, and must repeat at least.
pub const SHOWN: usize = 12;

/// What becomes of a draft.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// 提交审核: built → in review, by the preparer.
    Review,
    /// 批准: in review → approved, by somebody else.
    Approve,
    /// 退回: back to built, for a reason.
    Return,
}

impl Step {
    const fn deed(self) -> Deed {
        match self {
            Step::Review => Deed::Review,
            Step::Approve => Deed::Approve,
            Step::Return => Deed::Return,
        }
    }

    const fn names(self) -> (&'static str, &'static [&'static str], &'static str) {
        match self {
            Step::Review => ("review", &["built"], "in_review"),
            Step::Approve => ("approve", &["in_review"], "approved"),
            Step::Return => ("return", &["in_review", "approved", "signed", "refused", "returned"], "built"),
        }
    }
}

/// A draft that took a step.
pub struct Taken {
    /// Its state now.
    pub state: &'static str,
    /// Its digest.
    pub digest: String,
}

/// Whether a person handed the draft of a book, form and month in: the one who approves is somebody else.
pub fn handed_in(store: &Store, (book, form, period): (&str, &str, &str), person: &Person) -> Result<bool, Failure> {
    let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: Some("review") };
    for record in store.records(SIGNOFF, wanted)? {
        let body: serde_json::Value = acts::body(&record)?;
        if body["person"] == person.id.as_str() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// That a draft was given back and nobody has handed it in since: by whom, and why.
pub fn given_back(store: &Store, (book, form, period): (&str, &str, &str)) -> Result<Option<Finding>, Failure> {
    let newest = |key| {
        let wanted = Wanted { book: Some(book), form: Some(form), period: Some(period), key: Some(key) };
        Ok::<_, Failure>(store.records(SIGNOFF, wanted)?.pop())
    };
    let Some(back) = newest("return")? else { return Ok(None) };
    if newest("review")?.is_some_and(|review| review.operation > back.operation) {
        return Ok(None);
    }
    let body: serde_json::Value = acts::body(&back)?;
    let text = |name: &str| body[name].as_str().unwrap_or("—").to_owned();
    let finding = Finding::warning("draft-given-back").at(format!("{form}, {period}, book {book}"));
    Ok(Some(finding.with("person", text("name")).with("reason", text("reason"))))
}

/// Takes a step with the draft of a form's month. `seen` is the digest that was shown, or its first digits; `None` where nobody says what was
/// seen.
pub fn take(
    agent: &Agent,
    store: &mut Store,
    (book, form, period): (&Book, &str, &str),
    person: &Person,
    step: Step,
    seen: Option<&str>,
    reason: Option<&str>,
) -> Result<(Taken, Vec<Finding>), Failure> {
    let (what, from, to) = step.names();
    let place = format!("{form}, {period}, book {}", book.id);
    let Some(version) = store.current_draft(&book.id, form, period)? else {
        return Err(Failure::findings(vec![Finding::error("draft-missing").at(&place)]));
    };
    let draft = build::read(&version)?;
    let digest = Digest::of(version.body.as_bytes()).to_string();
    let mut findings = Vec::new();
    if !from.contains(&version.state.as_str()) {
        findings
            .push(Finding::error("draft-state-unfit").at(&place).with("state", &version.state).with("wanted", from.join(", ")));
    }
    // People are shown, and may type, the first digits.
    if seen.is_some_and(|shown| shown.len() < SHOWN || !digest.starts_with(shown)) {
        findings.push(Finding::error("draft-digest-differs").at(&place).with("now", &digest));
    }
    if step != Step::Return {
        let touched = build::touched(store, &draft)?;
        if !touched.is_empty() {
            findings.push(Finding::error("draft-stale").at(&place).with("cells", touched.cells().join(", ")));
        }
        let stale = build::stale(agent, store, book, &draft)?;
        let changed = stale.into_iter().filter(|finding| !["evidence-changed", "measures-changed"].contains(&&*finding.code));
        findings.extend(changed.map(|finding| Finding { level: Level::Error, ..finding }));
        // What nobody has explained is no obstacle, but whoever hands in or approves must see that it stands open.
        let rules = draft.findings.iter().filter_map(|note| match note.code.as_str() {
            "rule-mandatory" => Some(Finding { level: Level::Error, ..note.finding() }),
            "rule-verify" => Some(note.finding()),
            _ => None,
        });
        findings.extend(rules);
    }
    findings.extend(person.unfit(step.deed()).map(|finding| finding.at(&place)));
    if step == Step::Approve && handed_in(store, (&book.id, form, period), person)? {
        findings.push(Finding::error("approver-is-preparer").at(&place).with("person", &person.name));
    }
    if crate::report::blocked(&findings) {
        return Err(Failure::findings(findings));
    }
    let detail = json!({ "book": book.id, "form": form, "period": period, "draft": digest, "state": to, "reason": reason });
    let body = json!({ "person": person.id, "name": person.name, "draft": digest, "reason": reason }).to_string();
    let (kind, key) = (SIGNOFF.to_owned(), what.to_owned());
    let record =
        Record { operation: 0, kind, book: book.id.clone(), form: form.to_owned(), period: period.to_owned(), key, body };
    let work = store.begin(&person.id, what, &detail)?;
    work.put_record(&record)?;
    work.put_draft(&DraftVersion { state: to.to_owned(), ..version })?;
    work.commit()?;
    Ok((Taken { state: to, digest }, findings))
}
