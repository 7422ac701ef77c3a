/*!
The audit robot: asks about what rules and screens find on arrival, one letter for each unit and run, closes its queries when a correction or an explanation satisfies
what it asked for, and tells a reviewer what stays open.

It has a person's words and none of a person's powers: it never changes, returns or accepts. Who did it is `robot:` and the rules. What a letter is about stands in its key
(`robot:RULE@FORM/PERIOD/VERSION;…`), so that a run that was broken off, or that comes again, writes nothing twice.
*/

mod policy;

pub use policy::{FILE, Policy};

use std::collections::{BTreeMap, BTreeSet};

use exchange::Message;
use jiff::civil::Date;
use model::Month;
use seal::Time;
use survey::{Calendars, audit::Causes};
use ui::Lang;

use crate::{
    board::{self, Board, Decision, Duties, Hit, Outlier, ROBOT, Registered, State, Thread},
    clock,
    failure::Failure,
    letters::Letters,
    office::Office,
    store::{KeptMessage, MessageDraft, Remark},
};

/// What the robot did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Letters: number, unit, and what each is about.
    pub opened: Vec<(u64, String, Vec<Item>)>,
    /// Queries that were closed: number and unit.
    pub closed: Vec<(u64, String)>,
    /// Queries that a reviewer was told of: number, unit and reviewer.
    pub escalated: Vec<(u64, String, String)>,
}

/// Something that is asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Form.
    pub form: String,
    /// Period, `YYYY-MM`.
    pub period: String,
    /// Rule, or screen and figure: `before:B203:301`.
    pub rule: String,
    /// Version of the report.
    pub version: i64,
    /// Whether it is a rule that is mandatory.
    pub mandatory: bool,
    /// The rule's words, or the name of the figure.
    pub text: String,
    /// Whether it is a figure that stands out, and no rule.
    pub outlier: bool,
}

impl Item {
    fn key(&self) -> String {
        format!("{}@{}/{}/{}", self.rule, self.form, self.period, self.version)
    }

    /// What it is about, whatever the version.
    fn about(&self) -> [&str; 3] {
        [&self.rule, &self.form, &self.period]
    }

    fn words(&self, lang: Lang) -> String {
        let code = if self.outlier { "label-robot-outlier" } else { "label-robot-rule" };
        let values = [("form", &self.form), ("period", &self.period), ("rule", &self.rule), ("text", &self.text)];
        ui::text(lang, code, &values)
    }
}

/// What a key of the robot's says: rule, form, period and version.
fn asked(key: &str) -> Vec<([&str; 3], i64)> {
    key.strip_prefix(ROBOT).unwrap_or_default().split(';').filter_map(item_of).collect()
}

fn item_of(text: &str) -> Option<([&str; 3], i64)> {
    let (rule, rest) = text.split_once('@')?;
    let mut parts = rest.split('/');
    let (form, period, version) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    Some(([rule, form, period], version))
}

/// Who a letter is by: the robot, and the rules that caused it.
fn name(rules: &BTreeSet<&str>) -> String {
    format!("{ROBOT}{}", rules.iter().copied().collect::<Vec<_>>().join("+"))
}

/// One run over everything that changed: the board must have been fed and screened.
pub fn run(
    office: &Office,
    board: &Board,
    duties: &Duties,
    (policy, letters): (&Policy, &Letters),
    at: Time,
) -> Result<Run, Failure> {
    let mut run = Run::default();
    if !policy.enabled {
        return Ok(run);
    }
    close(office, board, policy, at, &mut run)?;
    open(office, board, policy, letters, at, &mut run)?;
    escalate(office, board, duties.calendars(), policy, at, &mut run)?;
    Ok(run)
}

/// What there is to ask about a report.
fn items(policy: &Policy, state: &State, period: Month, hits: &[Hit], outliers: &[Outlier]) -> Vec<Item> {
    let item = |rule: String, mandatory: bool, text: String, outlier: bool| Item {
        form: state.form.clone(),
        period: period.to_string(),
        rule,
        version: state.version,
        mandatory,
        text,
        outlier,
    };
    let rules = hits.iter().filter(|hit| policy.asks(hit));
    let rules = rules.map(|hit| item(hit.rule.clone(), hit.severity == "mandatory", hit.text.clone(), false));
    let screens = outliers.iter().filter(|outlier| policy.asks_about(outlier));
    // A figure that stands out by several screens is asked about once.
    let mut seen = BTreeSet::new();
    let screens = screens.filter(|outlier| seen.insert(outlier.id.clone()));
    let screens = screens.map(|outlier| item(outlier.rule(), false, format!("{} {}", outlier.id, outlier.name), true));
    rules.chain(screens).collect()
}

fn open(office: &Office, board: &Board, policy: &Policy, letters: &Letters, at: Time, run: &mut Run) -> Result<(), Failure> {
    let register = board.register()?;
    let oldest = office.month(at).plus(-policy.months).unwrap_or(Month::FIRST);
    let mut wanted: BTreeMap<i64, Vec<Item>> = BTreeMap::new();
    for (form, period) in board.read(board::periods)? {
        let Some(month) = board::month(period).filter(|month| *month >= oldest && policy.looks_at(&form)) else { continue };
        board.read(|connection| {
            for state in State::all(connection, &form, period)? {
                // What was returned waits for its correction.
                if state.decision == Decision::Returned || state.mandatory + state.verify + state.outliers == 0 {
                    continue;
                }
                let (hits, outliers) =
                    (Hit::all(connection, state.unit, &form, period)?, Outlier::all(connection, &form, period, state.unit)?);
                let mut own = items(policy, &state, month, &hits, &outliers);
                // A rule of a bureau's own may say what no letter says: then it is asked about by its name alone.
                own.iter_mut().filter(|item| letters.check("", &item.text).is_err()).for_each(|item| item.text.clear());
                if !own.is_empty() {
                    wanted.entry(state.unit).or_default().extend(own);
                }
            }
            Ok(())
        })?;
    }
    for (unit, items) in wanted {
        let Some(unit) = register.get(unit) else { continue };
        if let Some((message, items)) = letter(office, unit, items, at)? {
            run.opened.push((message.id, unit.code.clone(), items));
        }
    }
    Ok(())
}

/// One letter to a unit about all that it was not asked before; nothing where that is nothing. What was asked is looked at and the letter written under one lock.
fn letter(office: &Office, unit: &Registered, items: Vec<Item>, at: Time) -> Result<Option<(Message, Vec<Item>)>, Failure> {
    let written = office.write(|connection| {
        let queries = KeptMessage::of_kind(connection, &unit.code, "query")?;
        let closings = KeptMessage::of_kind(connection, &unit.code, "closing")?;
        let closed: BTreeSet<u64> = closings.iter().filter_map(|kept| kept.message.reply_to).collect();
        let known = |item: &Item| {
            queries.iter().any(|kept| {
                let open = !closed.contains(&kept.message.id);
                asked(&kept.key).into_iter().any(|(about, version)| about == item.about() && (open || version == item.version))
            })
        };
        let mut new: Vec<Item> = items.iter().filter(|item| !known(item)).cloned().collect();
        new.sort();
        new.truncate(MOST);
        let Some(first) = new.first() else { return Ok(None) };
        let one = |of: fn(&Item) -> &str| {
            if new.iter().all(|item| of(item) == of(first)) { of(first).to_owned() } else { String::new() }
        };
        let message = Message {
            kind: "query".to_owned(),
            by: name(&new.iter().map(|item| item.rule.as_str()).collect()),
            form: one(|item| &item.form),
            period: one(|item| &item.period),
            subject: one(|item| &item.rule),
            text: words(&new),
            ..Message::default()
        };
        let key = format!("{ROBOT}{}", new.iter().map(Item::key).collect::<Vec<_>>().join(";"));
        let draft = MessageDraft { unit: unit.code.clone(), key, message };
        draft.add(connection, &clock::text(at)).map(|message| Some((message, new)))
    })?;
    Ok(written)
}

/// Most items of one letter; the rest comes with the next run.
const MOST: usize = 12;

/// The words of a letter: what is asked about, and the kinds of causes there are. No figure of others, no range, nothing to aim at.
fn words(items: &[Item]) -> String {
    let (causes, _) = Causes::parse("mappings/causes.toml", survey::audit::CAUSES);
    [Lang::Zh, Lang::En]
        .map(|lang| {
            let own = items.iter().map(|item| item.words(lang)).collect::<Vec<_>>().join("\n");
            let kinds = causes.iter().flat_map(|causes| causes.causes.values());
            let kinds: Vec<&str> = kinds.map(|cause| if lang == Lang::Zh { cause.zh.as_str() } else { &cause.en }).collect();
            let between = if lang == Lang::Zh { "；" } else { "; " };
            ui::text(lang, "label-robot-letter", &[("items", own), ("causes", kinds.join(between))])
        })
        .join("\n\n")
}

/// Why something that was asked about is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Corrected,
    Explained,
    Answered,
}

impl Settled {
    fn code(self) -> &'static str {
        match self {
            Settled::Corrected => "label-robot-corrected",
            Settled::Explained => "label-robot-explained",
            Settled::Answered => "label-robot-answered",
        }
    }
}

/// Whether an answer says a kind of cause and something concrete.
fn is_answer(causes: Option<&Causes>, text: &str) -> bool {
    let Some(causes) = causes else { return false };
    let named = causes.causes.iter().find(|(code, cause)| {
        text.contains(&cause.zh) || text.to_lowercase().contains(&cause.en) || text.starts_with(code.as_str())
    });
    named.is_some_and(|(code, _)| causes.check(code, text, None).is_empty())
}

fn close(office: &Office, board: &Board, policy: &Policy, at: Time, run: &mut Run) -> Result<(), Failure> {
    let register = board.register()?;
    let (causes, _) = Causes::parse("mappings/causes.toml", survey::audit::CAUSES);
    let open: Vec<Thread> = board.read(Thread::open)?.into_iter().filter(Thread::is_robot).collect();
    for thread in open {
        let Some(unit) = register.get(thread.unit) else { continue };
        let answer = if thread.answer > 0 && policy.answers { said(office, thread.answer)? } else { None };
        let answered = answer.is_some_and(|text| is_answer(causes.as_ref(), &text));
        let mut settled = Vec::new();
        for (about, version) in asked(&thread.key) {
            match settles(board, unit.id, about, version, answered)? {
                Some(why) => settled.push((about, why)),
                None => break,
            }
        }
        let items = asked(&thread.key);
        if settled.is_empty() || settled.len() < items.len() {
            continue;
        }
        let text = [Lang::Zh, Lang::En]
            .map(|lang| {
                let one = |([rule, form, period], why): &([&str; 3], Settled)| {
                    ui::text(lang, why.code(), &[("rule", *rule), ("form", *form), ("period", *period)])
                };
                ui::text(lang, "label-robot-closing", &[("items", settled.iter().map(one).collect::<Vec<_>>().join("\n"))])
            })
            .join("\n\n");
        let message = Message {
            kind: "closing".to_owned(),
            by: name(&settled.iter().map(|(about, _)| about[0]).collect()),
            form: thread.form.clone(),
            period: thread.period.clone(),
            payload: thread.payload.clone(),
            subject: thread.subject.clone(),
            reply_to: Some(thread.message.unsigned_abs()),
            text,
            ..Message::default()
        };
        let key = format!("{ROBOT}close:{}", thread.message);
        let written = office.write(|connection| {
            if MessageDraft::of_key(connection, &unit.code, &key)?.is_some() {
                return Ok(None);
            }
            let draft = MessageDraft { unit: unit.code.clone(), key: key.clone(), message: message.clone() };
            draft.add(connection, &clock::text(at)).map(Some)
        })?;
        if written.is_some() {
            run.closed.push((thread.message.unsigned_abs(), unit.code.clone()));
        }
    }
    Ok(())
}

/// The words of an answer.
fn said(office: &Office, message: i64) -> Result<Option<String>, Failure> {
    let found = office.store().read(|connection| MessageDraft::find(connection, message.unsigned_abs()))?;
    Ok(found.map(|(_, message)| message.text))
}

/// What settles an item, if anything does.
fn settles(
    board: &Board,
    unit: i64,
    [rule, form, period]: [&str; 3],
    version: i64,
    answered: bool,
) -> Result<Option<Settled>, Failure> {
    let Some(number) = period.parse::<Month>().ok().map(board::number) else { return Ok(None) };
    let (state, hits, outliers) = board.read(|connection| {
        let state = State::find(connection, form, number, unit)?;
        Ok((state, Hit::all(connection, unit, form, number)?, Outlier::all(connection, form, number, unit)?))
    })?;
    let Some(state) = state else { return Ok(None) };
    let hit = hits.iter().find(|hit| hit.rule == rule);
    let stands_out = outliers.iter().any(|outlier| outlier.rule() == rule);
    Ok(match hit {
        Some(hit) if !hit.cause.is_empty() => Some(Settled::Explained),
        Some(hit) => Some(Settled::Answered).filter(|_| answered && hit.severity != "mandatory"),
        None if stands_out => Some(Settled::Answered).filter(|_| answered),
        // What no longer stands out among others has been settled by a correction of its own alone.
        None if state.version > version => Some(Settled::Corrected),
        None => Some(Settled::Answered).filter(|_| answered),
    })
}

fn escalate(
    office: &Office,
    board: &Board,
    calendars: &Calendars,
    policy: &Policy,
    at: Time,
    run: &mut Run,
) -> Result<(), Failure> {
    let Some(days) = policy.escalate_workdays else { return Ok(()) };
    let register = board.register()?;
    let today = board::day_of(i64::try_from(at.unix()).unwrap_or(0));
    // What this run closed is closed, though the board has not read it yet.
    let closed: BTreeSet<u64> = run.closed.iter().map(|(message, _)| *message).collect();
    for thread in board.read(Thread::open)?.into_iter().filter(Thread::is_robot) {
        let Some(unit) = register.get(thread.unit).filter(|_| !closed.contains(&thread.message.unsigned_abs())) else { continue };
        let begun = board::day_of(board::seconds(&thread.at));
        if workdays(calendars, begun, today) < days {
            continue;
        }
        let reviewer = policy.reviewer(&unit.region).to_owned();
        let values = [("message", thread.message.to_string()), ("reviewer", reviewer.clone()), ("days", days.to_string())];
        let remark = Remark {
            unit: unit.code.clone(),
            kind: "escalation".to_owned(),
            message: thread.message,
            who: thread.who.clone(),
            key: format!("{ROBOT}escalate:{}", thread.message),
            text: [Lang::Zh, Lang::En].map(|lang| ui::text(lang, "label-robot-escalation", &values)).join("\n"),
            ..Remark::default()
        };
        if office.write(|connection| remark.add(connection, &clock::text(at)))? {
            run.escalated.push((thread.message.unsigned_abs(), unit.code.clone(), reviewer));
        }
    }
    Ok(())
}

/// Days worked after a day, up to another.
fn workdays(calendars: &Calendars, from: Date, to: Date) -> u32 {
    let (mut day, mut count) = (from, 0);
    while day < to {
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => break,
        }
        count += u32::from(calendars.is_workday(day));
    }
    count
}
