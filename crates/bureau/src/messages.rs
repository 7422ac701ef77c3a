/*! Queries, answers, acceptances and returns. They are words: a figure changes only by a corrected package. */

use exchange::{Message, NewMessage, Problem};
use model::Finding;

use crate::{
    clock,
    db::{self, Connection},
    failure::Failure,
    letters::Letters,
    office::Office,
    problem::Unwritten,
    store::{KeptMessage, MessageDraft, Report},
};

/// Longest text of a message, in characters.
const LONGEST: usize = 4000;

/// Takes an answer or a notice of a unit; whether it is new.
pub fn post(office: &Office, unit: &str, asked: &NewMessage) -> Result<(bool, Message), Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let malformed = |part: &str| Problem::new(400, "request-malformed").with("part", part);
    if asked.key.is_empty() || asked.key.len() > 64 || !asked.key.chars().all(plain) {
        return Err(malformed("key"));
    }
    let blank = asked.text.chars().all(|c| c.is_whitespace() || c.is_control());
    // A zero byte is no text for every database.
    if blank || asked.text.contains('\0') || asked.text.chars().count() > LONGEST {
        return Err(malformed("text"));
    }
    if asked.reply_to.is_some_and(|id| i64::try_from(id).is_err()) {
        return Err(malformed("reply_to"));
    }
    let at = clock::text(clock::now());
    // A message about a message: the key is looked at and the row written under one lock.
    let written = office.write(|connection| {
        if let Some(known) = MessageDraft::of_key(connection, unit, &asked.key)? {
            let same = known.text == asked.text && known.reply_to == asked.reply_to;
            return Ok(if same {
                Ok((false, known))
            } else {
                Err(Problem::new(409, "message-key-used").with("key", &asked.key))
            });
        }
        let answered = match asked.reply_to {
            None => None,
            Some(id) => match MessageDraft::find(connection, id)?.filter(|(of, query)| of == unit && query.kind == "query") {
                Some((_, query)) => Some(query),
                None => return Ok(Err(Problem::new(404, "message-unknown").with("message", id))),
            },
        };
        let kind = if answered.is_some() { "answer" } else { "notice" };
        let about = answered.unwrap_or_default();
        let message =
            Message { kind: kind.to_owned(), by: unit.to_owned(), reply_to: asked.reply_to, text: asked.text.clone(), ..about };
        let draft = MessageDraft { unit: unit.to_owned(), key: asked.key.clone(), message };
        draft.add(connection, &at).map(|message| Ok((true, message)))
    });
    written.map_err(|error| Problem::from(Unwritten::from(error)))?
}

/// What the bureau writes to a unit about a form.
pub struct Letter<'a> {
    /// `query`, `acceptance` or `return`.
    pub kind: &'a str,
    /// Unit.
    pub unit: &'a str,
    /// Form, edition and period.
    pub report: [&'a str; 3],
    /// Indicator or rule.
    pub subject: &'a str,
    /// Why a query is asked, as `mappings/letters.toml` names it; empty where nobody says, and then no answer is expected by a day.
    pub cause: &'a str,
    /// Payload digest of the version that was looked at; empty where it is the newest, whichever that is.
    pub payload: &'a str,
    /// The words.
    pub text: &'a str,
    /// Who writes.
    pub who: &'a str,
}

/// Writes to a unit about what arrived. Of a companion, the enterprise has filed at the portal when it arrives; acceptance and return exist only
/// where this receiver is the designated channel.
pub fn write(office: &Office, letters: &Letters, letter: &Letter<'_>) -> Result<Message, Failure> {
    let place = format!("{}, {}, {}", letter.unit, letter.report[0], letter.report[2]);
    if letter.text.trim().is_empty() || letter.text.chars().count() > LONGEST {
        return Err(Failure::config(Finding::error("message-text-unfit").at(&place).with("longest", LONGEST)));
    }
    letters.check(&place, letter.text).map_err(|finding| Failure::findings(vec![finding]))?;
    let newest = office.store().read(|connection| Report::newest(connection, letter.unit, letter.report, false))?;
    let Some(newest) = newest else {
        return Err(Failure::findings(vec![Finding::error("report-not-received").at(&place)]));
    };
    if letter.kind != "query" && newest.channel != "official" {
        let finding = Finding::error("channel-companion").at(&place).with("act", letter.kind);
        return Err(Failure::findings(vec![finding]));
    }
    if !letter.payload.is_empty() && letter.payload != newest.payload {
        return Err(Failure::findings(vec![Finding::error("version-overtaken").at(&place).with("version", newest.version)]));
    }
    subject(office, letter)?;
    let deadline = match (letter.kind, letter.cause) {
        ("query", cause) if !cause.is_empty() => Some(letters.deadline(cause, clock::today()).map_err(Failure::config)?),
        _ => None,
    };
    let text = letters.signed(letter.text, deadline.as_ref());
    if text.chars().count() > LONGEST {
        return Err(Failure::config(Finding::error("message-text-unfit").at(&place).with("longest", LONGEST)));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Failure::source(Finding::error("randomness-missing")))?;
    let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let [form, _, period] = letter.report.map(str::to_owned);
    let message = Message {
        kind: letter.kind.to_owned(),
        by: letter.who.to_owned(),
        form,
        period,
        payload: newest.payload,
        subject: letter.subject.to_owned(),
        text,
        ..Message::default()
    };
    // Keys of the bureau cannot meet those of units: a colon is in none of theirs.
    let draft = MessageDraft { unit: letter.unit.to_owned(), key: format!("bureau:{key}"), message };
    // What was decided of a version is looked at and the row written under one lock.
    let written = office.write(|connection| {
        if let Some(known) = decided(connection, &draft)? {
            let finding = Finding::error("report-decided").at(&place).with("kind", &known.kind).with("message", known.id);
            return Ok(Err(finding.with("by", &known.by).with("version", newest.version)));
        }
        let at = clock::text(clock::now());
        let message = draft.add(connection, &at)?;
        if let Some(deadline) = &deadline {
            deadline.add(connection, &at, message.id)?;
        }
        Ok(Ok(message))
    })?;
    written.map_err(|finding| Failure::findings(vec![finding]))
}

/// The word that stands in the way of another about the same version: what was returned is corrected and not accepted, and neither is done twice.
/// What was accepted can still be returned.
fn decided(connection: &Connection, draft: &MessageDraft) -> db::Result<Option<Message>> {
    let Message { kind, form, payload, .. } = &draft.message;
    if kind == "query" {
        return Ok(None);
    }
    let last = MessageDraft::decision(connection, &draft.unit, form, payload)?;
    Ok(last.filter(|last| last.kind == "return" || last.kind == *kind))
}

/// A subject is an indicator or a rule of the form, where there is one.
fn subject(office: &Office, letter: &Letter<'_>) -> Result<(), Failure> {
    let [form, edition, _] = letter.report;
    if letter.subject.is_empty() {
        return Ok(());
    }
    // What arrived was of an edition that is known.
    let Some(edition) = office.knowledge().edition(office.store(), edition)? else { return Ok(()) };
    let Some(form) = edition.mapping.form(form) else { return Ok(()) };
    let known = || form.rows.iter().map(|row| row.key()).chain(form.rules.iter().map(|rule| rule.id.as_str()));
    if known().any(|known| known == letter.subject) {
        return Ok(());
    }
    let finding = Finding::error("message-subject-unknown").at(&form.form).with("subject", letter.subject);
    Err(Failure::config(finding.with("nearest", settings::nearest(letter.subject, known()).unwrap_or("—"))))
}

/// How keys of reminders begin.
const REMIND: &str = "bureau:remind:";

/// What a unit has not sent.
pub struct Reminder<'a> {
    /// Unit.
    pub unit: &'a str,
    /// Form, period and last day of each report.
    pub items: Vec<[String; 3]>,
    /// Who writes.
    pub who: &'a str,
}

/// Writes a reminder (催报) about what the unit was not reminded of before with the same last day; nothing where that is nothing. `words` says what the letter is
/// of some of the items.
pub fn remind(
    office: &Office,
    reminder: &Reminder<'_>,
    words: &dyn Fn(&[[String; 3]]) -> String,
) -> Result<Option<Message>, Failure> {
    // What was written before is looked at and the row written under one lock.
    let written = office.write(|connection| {
        let before = KeptMessage::of_kind(connection, reminder.unit, "reminder")?;
        let known = |item: &[String; 3]| {
            let word = item.join("/");
            before.iter().filter_map(|kept| kept.key.strip_prefix(REMIND)).any(|key| key.split(';').any(|known| known == word))
        };
        let new: Vec<[String; 3]> = reminder.items.iter().filter(|item| !known(item)).cloned().collect();
        let Some([form, period, _]) = new.first() else { return Ok(None) };
        let single = new.len() == 1;
        let about = |text: &String| if single { text.clone() } else { String::new() };
        let message = Message {
            kind: "reminder".to_owned(),
            by: reminder.who.to_owned(),
            form: about(form),
            period: about(period),
            text: words(&new),
            ..Message::default()
        };
        let key = new.iter().map(|item| item.join("/")).collect::<Vec<_>>().join(";");
        let draft = MessageDraft { unit: reminder.unit.to_owned(), key: format!("{REMIND}{key}"), message };
        draft.add(connection, &clock::text(clock::now())).map(Some)
    })?;
    Ok(written)
}
