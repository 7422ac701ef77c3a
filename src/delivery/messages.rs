/*!
Messages of the bureau: fetched, kept as records, answered by people. A return or an acceptance of a report that arrived is the state of its draft,
where the draft still is what was sent.
*/

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use exchange::{Message, NewMessage};
use model::Finding;
use seal::Digest;
use serde_json::{Value, json};
use store::{DraftVersion, Record, Store, Wanted, Work};

use super::outbox;
use crate::{
    acts,
    config::{Agent, Deed, Person},
    packs,
    report::Failure,
};

/// Kind of the records of messages, by number.
const MESSAGE: &str = "message";
/// Kind of the record of the last number that was fetched.
const READ: &str = "messages-read";
/// How often `run` asks for messages.
const EVERY: Duration = Duration::from_secs(300);
/// Longest text of a message, in characters.
const LONGEST: usize = 4000;

/// When messages were asked for.
#[derive(Default)]
pub struct Look {
    last: Option<Instant>,
    /// Whether it failed the last time: that was told.
    lost: bool,
}

impl Look {
    /// Asks for messages where it is time to, and gives what is to be told. A failure is told once until it works again.
    pub fn look(&mut self, agent: &Agent, store: &mut Store) -> Vec<Finding> {
        if agent.bureau.is_none() || self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Vec::new();
        }
        self.last = Some(Instant::now());
        match fetch(agent, store) {
            Ok(findings) => {
                self.lost = false;
                findings
            }
            Err(failure) => {
                let told = std::mem::replace(&mut self.lost, true);
                if told { Vec::new() } else { failure.findings }
            }
        }
    }
}

/// Every message that is kept, in their order.
pub fn all(store: &Store) -> Result<Vec<Message>, Failure> {
    let mut messages: Vec<Message> =
        store.records(MESSAGE, Wanted::default())?.iter().map(acts::body).collect::<Result<_, _>>()?;
    messages.sort_by_key(|message| message.id);
    Ok(messages)
}

/// Who of the enterprise wrote a message; none where the log does not say.
pub fn author(store: &Store, number: u64) -> Result<Option<String>, Failure> {
    let key = number.to_string();
    let first = store.record_versions(MESSAGE, Wanted { key: Some(&key), ..Wanted::default() })?.into_iter().next();
    let Some(record) = first else { return Ok(None) };
    Ok(store.operation(record.operation)?.filter(|made| made.what == "message-answer").map(|made| made.who))
}

/// Queries that nobody has answered.
pub fn open(messages: &[Message]) -> Vec<&Message> {
    let answered: BTreeSet<u64> = messages.iter().filter_map(|message| message.reply_to).collect();
    messages.iter().filter(|message| message.kind == "query" && !answered.contains(&message.id)).collect()
}

/// How many wait for somebody: queries without an answer, and reports that were returned and not corrected.
pub fn waiting(store: &Store) -> Result<usize, Failure> {
    let all = all(store)?;
    let back: BTreeSet<(&str, &str)> =
        all.iter().filter(|message| message.kind == "return").map(|message| (&*message.form, &*message.period)).collect();
    if back.is_empty() {
        return Ok(open(&all).len());
    }
    let drafts = store.current_drafts()?;
    let returned = drafts.iter().filter(|draft| draft.state == "returned" && back.contains(&(&*draft.form, &*draft.period)));
    Ok(open(&all).len() + returned.count())
}

/// Where a message belongs, for people.
pub fn place(message: &Message) -> String {
    let parts = [message.form.as_str(), message.period.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Fetches what the bureau wrote since the last time, and keeps it. What is told is new.
pub fn fetch(agent: &Agent, store: &mut Store) -> Result<Vec<Finding>, Failure> {
    let (_, client) = outbox::connected(agent)?;
    // A receipt that arrives now and a return of its package must not pass each other.
    let _one = outbox::turn(store)?;
    let mut findings = Vec::new();
    loop {
        let read: Option<Value> = store.records(READ, Wanted::default())?.last().map(acts::body).transpose()?;
        let after = read.and_then(|read| read["next"].as_u64()).unwrap_or(0);
        let page = client.messages(after)?;
        if page.messages.is_empty() || page.next <= after {
            return Ok(findings);
        }
        findings.extend(keep(store, &page.messages, page.next)?);
        if !page.more {
            return Ok(findings);
        }
    }
}

fn keep(store: &mut Store, messages: &[Message], next: u64) -> Result<Vec<Finding>, Failure> {
    let known: BTreeSet<u64> = all(store)?.iter().map(|message| message.id).collect();
    let new: Vec<&Message> = messages.iter().filter(|message| !known.contains(&message.id)).collect();
    let (mut findings, mut states) = (Vec::new(), Vec::new());
    for message in &new {
        let state = match message.kind.as_str() {
            "return" => Some("returned"),
            "acceptance" => Some("accepted"),
            _ => None,
        };
        if let Some(state) = state
            && let Some(entry) = outbox::entry(store, &message.payload)?
        {
            let ours = |version: &DraftVersion| version.form == message.form && version.period == message.period;
            let drafts = outbox::drafts(store, &entry.package, &message.period)?;
            states.extend(drafts.into_iter().filter(ours).map(|version| DraftVersion { state: state.to_owned(), ..version }));
        }
        let finding = match message.kind.as_str() {
            "query" | "return" | "reminder" => Finding::warning("message-arrived"),
            "answer" => continue,
            _ => Finding::note("message-arrived"),
        };
        let finding = finding.at(place(message)).with("message", message.id).with("kind", &message.kind);
        findings.push(finding.with("by", &message.by).with("text", &message.text));
    }
    let numbers: Vec<u64> = new.iter().map(|message| message.id).collect();
    let work = store.begin(&packs::who(), "messages", &json!({ "messages": numbers }))?;
    for message in new {
        put(&work, message)?;
    }
    // Of a return and an acceptance that come together, the later one holds.
    states.into_iter().try_for_each(|version| work.put_draft(&version))?;
    let body = json!({ "next": next }).to_string();
    work.put_record(&Record { kind: READ.to_owned(), body, ..Record::default() })?;
    work.commit()?;
    Ok(findings)
}

fn put(work: &Work<'_>, message: &Message) -> Result<(), Failure> {
    let body =
        serde_json::to_string(message).map_err(|error| Failure::source(Finding::error("state-refused").with("reason", error)))?;
    let (form, period) = (message.form.clone(), message.period.clone());
    let kind = MESSAGE.to_owned();
    Ok(work.put_record(&Record { kind, form, period, key: message.id.to_string(), body, ..Record::default() })?)
}

/// Answers a query, as the act of a person. The same answer again is the same message, so that one whose reply was lost is sent again.
pub fn answer(
    agent: &Agent,
    store: &mut Store,
    person: &Person,
    number: u64,
    text: &str,
) -> Result<(Message, Vec<Finding>), Failure> {
    let place = format!("message {number}");
    person.must(Deed::Answer, &place)?;
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        return Err(Failure::config(Finding::error("message-text-unfit").at(place).with("longest", LONGEST)));
    }
    if !all(store)?.iter().any(|message| message.id == number && message.kind == "query") {
        return Err(Failure::config(Finding::error("message-unasked").at(place).with("message", number)));
    }
    let (_, client) = outbox::connected(agent)?;
    let digest = Digest::of(text.as_bytes()).to_string();
    let key = format!("{number}-{}", &digest[..32]);
    let sent = client.post(&NewMessage { key, reply_to: Some(number), text: text.to_owned() })?;
    let detail = json!({ "query": number, "message": sent.id, "text": digest });
    if !all(store)?.iter().any(|message| message.id == sent.id) {
        let work = store.begin(&person.id, "message-answer", &detail)?;
        put(&work, &sent)?;
        work.commit()?;
    }
    let findings = fetch(agent, store)?;
    Ok((sent, findings))
}
