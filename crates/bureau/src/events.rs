/*! What happened, one line each: of `log list`, and of `serve` on stderr. A line says who, what and when, and no figure. */

use std::{
    io::Write,
    sync::mpsc::{SyncSender, sync_channel},
};

use seal::{Receipt, Role, Verdict};
use ui::Lang;

use crate::{
    clock,
    receive::told,
    store::{Act, Entry},
};

/// Lines that wait to be written; more are not kept, since nobody reads them.
const WAITING: usize = 4096;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, RFC 3339.
    pub at: String,
    /// `received`, `refused`, `declined`, or the table of a row: `label-event-<kind>` of the catalogue is what people read.
    pub kind: String,
    /// The unit's code; empty where it is about none, or the event itself does not say.
    pub unit: String,
    /// What it is about.
    pub about: String,
    /// Who did it.
    pub by: String,
}

impl Event {
    /// What an entry of the log says.
    pub fn of(entry: &Entry) -> Option<Event> {
        Act::from_bytes(&entry.record).map(|act| Event::of_act(&act)).or_else(|| {
            let receipt = Receipt::from_bytes(&entry.record).ok()?;
            Some(Event::of_receipt(&receipt))
        })
    }

    /// What a receipt says.
    pub fn of_receipt(receipt: &Receipt) -> Event {
        let kind = if receipt.verdict == Verdict::Received { "received" } else { "refused" };
        let forms = receipt.forms.iter().map(|form| match form.version {
            0 => format!("{} {} {}", form.form, form.edition, form.period),
            version => format!("{} {} {} v{version}", form.form, form.edition, form.period),
        });
        let trial = receipt.test.then(|| "trial".to_owned());
        let about: Vec<String> = forms.chain(trial).chain([receipt.payload.to_string()]).chain(told(receipt)).collect();
        let (at, unit) = (receipt.received.to_string(), receipt.unit.clone());
        Event { at, kind: kind.to_owned(), unit, about: about.join("; "), by: String::new() }
    }

    /// What a row says.
    pub fn of_act(act: &Act) -> Event {
        let text = |column: &str| act.text(column).to_owned();
        let joined = |columns: &[&str]| {
            let texts = columns.iter().map(|column| act.text(column)).filter(|text| !text.is_empty());
            texts.collect::<Vec<_>>().join(" ")
        };
        let (unit, about, by) = match act.table.as_str() {
            "unit" => (text("code"), text("name"), text("source")),
            "enrolment" => (text("unit"), [text("person"), titles(act.text("roles"))].join(" ").trim().to_owned(), text("who")),
            "enrolled" => (String::new(), text("serial"), String::new()),
            "certificate" => (text("unit"), joined(&["serial", "person"]), String::new()),
            "revocation" => (String::new(), joined(&["serial", "reason"]), text("who")),
            "message" => (text("unit"), joined(&["kind", "form", "period", "subject"]), text("who")),
            "portal" => (String::new(), joined(&["form", "file"]), text("who")),
            "remark" => (text("unit"), text("text"), text("who")),
            "staff" => (String::new(), joined(&["person", "name", "area", "state"]), text("who")),
            "account" => (String::new(), text("person"), text("who")),
            "viewed" => (text("unit"), joined(&["form", "edition", "period", "page"]), text("person")),
            "deadline" => (String::new(), joined(&["cause", "answer_by", "grace"]), String::new()),
            _ => (String::new(), joined(&["kind", "edition", "form"]), text("who")),
        };
        Event { at: text("at"), kind: act.table.clone(), unit, about, by }
    }

    /// A request that was turned away.
    pub fn declined(unit: &str, problem: &exchange::Problem) -> Event {
        let about = format!("{} {}", problem.status, problem.code);
        let at = clock::text(clock::now());
        Event { at, kind: "declined".to_owned(), unit: unit.to_owned(), about, by: String::new() }
    }

    /// What it is about, in words for people.
    pub fn shown(&self, lang: Lang) -> String {
        match self.about.split_once(' ') {
            Some((kind, rest)) if self.kind == "message" => {
                format!("{} {rest}", ui::label(lang, &format!("message-{kind}")))
            }
            _ => self.about.clone(),
        }
    }

    fn line(&self, lang: Lang) -> String {
        let kind = ui::label(lang, &format!("event-{}", self.kind));
        let about = self.shown(lang);
        let parts = [self.at.as_str(), &kind, &self.unit, &about, &self.by];
        // A name or a reason is somebody's text: it stays on its line.
        let plain = |text: &str| text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>();
        parts.into_iter().filter(|part| !part.is_empty()).map(plain).collect::<Vec<_>>().join("  ")
    }
}

/// Roles of a row as certificates call them.
fn titles(roles: &str) -> String {
    let ids: Vec<String> = serde_json::from_str(roles).unwrap_or_default();
    ids.iter().filter_map(|id| Role::from_id(id)).map(Role::title).collect::<Vec<_>>().join("、")
}

/// Where lines go: a thread writes them, so that nobody who is served waits for whoever reads them.
pub struct Teller {
    lines: SyncSender<String>,
    lang: Lang,
}

impl Teller {
    /// Starts it.
    pub fn start(lang: Lang) -> std::io::Result<Teller> {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        std::thread::Builder::new().name("events".to_owned()).spawn(move || {
            for line in waiting {
                // Nobody is left to tell when stderr is gone.
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
        })?;
        Ok(Teller { lines, lang })
    }

    /// Tells it.
    pub fn tell(&self, event: &Event) {
        // What nobody reads in time stands in the log all the same.
        let _ = self.lines.try_send(event.line(self.lang));
    }
}
