/*! A county's year, made up by another program: what is planted is found, who is clean is left alone, and every sum is the sum. */
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up its case must fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::{Arc, Mutex},
};

use bureau::{
    board::{self, Around, Asked, Board, By, Duties, Keyed},
    config::Config,
    keys::Keys,
    knowledge::Knowledge,
    letters::Letters,
    messages::{self, Letter},
    office::Office,
    receive::{Arrived, Receiving, judge, keep},
    robot::{self, Policy},
    store::{KeptMessage, MessageDraft, Unit, commit},
};
use model::{Amount, Month};
use rusqlite::types::Value as Sql;
use seal::{Algorithm, Certificate, Identity, Limits, Package, Payload, Profile, Role, SecretKey, Subject, Time, canonical};
use serde_json::{Value, json};
use survey::{
    document::{Cell, Column, Columns, Draft, Unit as Reporting},
    filing::{FiledForm, Identity as Said, Report, SCHEMA},
};
use tempfile::TempDir;

const BUREAU: &str = "[bureau]\ncode = \"350121\"\nname = \"示例县统计局\"\n[receive]\nroles = [\"preparer\", \"head\"]\n";
const FORM: &str = "B203";

/// A county with its receiver, in this process and at moments of its own.
struct County {
    told: Value,
    folder: TempDir,
    office: Arc<Office>,
    people: BTreeMap<String, [(SecretKey, Certificate); 2]>,
}

fn generated(units: usize, periods: usize) -> Value {
    let script = format!("{}/tests/county.py", env!("CARGO_MANIFEST_DIR"));
    let out = Command::new("python3").args([script, units.to_string(), periods.to_string()]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

/// Work on all processors.
fn each<T: Send, R: Send>(work: Vec<T>, act: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let (waiting, done) = (Mutex::new(work.into_iter().enumerate().collect::<Vec<_>>()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let Some((at, one)) = waiting.lock().unwrap().pop() else { return };
                    let result = act(one);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

impl County {
    fn new(units: usize, periods: usize) -> County {
        let told = generated(units, periods);
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse("bureau.toml", BUREAU, folder.path()).unwrap();
        let begun: Time = "2025-01-01T00:00:00Z".parse().unwrap();
        let office = Office::with(config, Keys::make("350121", "示例县统计局", begun).unwrap()).unwrap();
        let register = told["units"].as_array().unwrap();
        office
            .write(|connection| {
                for unit in register {
                    let [code, name, region, industry] = ["code", "name", "region", "industry"].map(|key| text(&unit[key]));
                    let channels = BTreeMap::from([(FORM.to_owned(), "official".to_owned())]);
                    Unit { code, name, region, industry, channels }.add(connection, "2025-01-01T00:00:00Z", "test")?;
                }
                Ok(())
            })
            .unwrap();

        let codes: Vec<String> = register.iter().map(|unit| text(&unit["code"])).collect();
        let people = each(codes, |unit| {
            let authority = office.keys().authority().unwrap();
            let person = |name: &str, role: Role| {
                let key = SecretKey::generate(Algorithm::P256).unwrap();
                let subject =
                    Subject { unit: unit.clone(), organization: String::new(), name: name.to_owned(), roles: [role].into() };
                let until = begun.plus(86_400 * 600);
                let certificate =
                    authority.issue(seal::Signer::public_key(&key), &subject, Profile::Person, begun, until).unwrap();
                (key, certificate)
            };
            let people = [person("王五", Role::Preparer), person("张三", Role::UnitHead)];
            (unit, people)
        });

        County { told, folder, office, people: people.into_iter().collect() }
    }

    fn board(&self) -> Board {
        Board::open(&self.office.config().state).unwrap()
    }

    fn duties(&self) -> Duties {
        Duties::read(self.office.store(), self.folder.path()).unwrap()
    }

    /// A signed package of an event.
    fn package(&self, event: &Value, supersedes: Option<String>) -> (Vec<u8>, String) {
        let (unit, period) = (text(&event["unit"]), text(&event["period"]));
        let own = Reporting { code: unit.clone(), name: "示例".to_owned() };
        let cell = |(code, columns): (&String, &Value)| {
            let column = |name: &str| {
                let value = columns.get(name)?.to_string();
                Some(Column { value: Some(value), status: "ok".to_owned(), ..Column::default() })
            };
            let [this_month, cumulative, closing, prior_year] = ["this_month", "cumulative", "closing", "prior_year"].map(column);
            let columns = Columns { this_month, cumulative, closing, prior_year, ..Columns::default() };
            Cell { id: code.clone(), columns, status: "ok".to_owned(), ..Cell::default() }
        };
        let draft = Draft {
            form: FORM.to_owned(),
            edition: "2025".to_owned(),
            period: period.clone(),
            unit: own.clone(),
            cells: event["rows"].as_object().unwrap().iter().map(cell).collect(),
            ..Draft::default()
        };
        let form = FiledForm { form: FORM.to_owned(), edition: "2025".to_owned(), draft_version: 1, ..FiledForm::default() };
        let identity = Said {
            schema: SCHEMA.to_owned(),
            program: "test".to_owned(),
            unit: own,
            period,
            channel: "official".to_owned(),
            supersedes,
            forms: vec![form],
            ..Said::default()
        };
        let said = event["explanations"].as_array().unwrap().iter().map(|said| {
            json!({ "form": FORM, "rule": said["rule"], "cause": said["cause"], "text": said["text"], "figures": "", "by": {} })
        });
        let mut payload = Payload::new();
        let mut put = |name: &str, value: Value| payload.insert(name, canonical::to_bytes(&value).unwrap()).unwrap();
        put("identity.json", serde_json::to_value(identity).unwrap());
        put("report.json", serde_json::to_value(Report::of(&[draft])).unwrap());
        put("explanations.json", json!({ "explanations": said.collect::<Vec<_>>() }));
        let mut package = Package::new(payload).unwrap();
        let at: Time = text(&event["at"]).parse().unwrap();
        for ((key, certificate), role) in self.people[&unit].iter().zip([Role::Preparer, Role::UnitHead]) {
            package.sign(&Identity::new(key, vec![certificate.clone()]).unwrap(), role, at).unwrap();
        }
        (package.write(Limits::default()).unwrap(), package.digest().to_string())
    }

    /// Everything that happens in a period, through the receiver's own functions: judged, written down in batches, receipted.
    fn live(&self, period: &str, corrections: bool, newest: &mut BTreeMap<String, String>) {
        let events: Vec<&Value> =
            self.told["events"].as_array().unwrap().iter().filter(|event| event["period"] == period).collect();
        let reports: Vec<&Value> =
            events.iter().copied().filter(|event| event.get("rows").is_some() && event["correction"] == corrections).collect();
        for batch in reports.chunks(200) {
            let work: Vec<(&Value, Option<String>)> = batch
                .iter()
                .map(|event| (*event, newest.get(event["unit"].as_str().unwrap()).cloned().filter(|_| corrections)))
                .collect();
            let judged = each(work, |(event, supersedes)| {
                let (bytes, digest) = self.package(event, supersedes);
                let unit = text(&event["unit"]);
                let at = text(&event["at"]).parse().unwrap();
                let arrived = Arrived {
                    bytes: &bytes,
                    whole: None,
                    unit: Some(&unit),
                    machines: Vec::new(),
                    connection: Vec::new(),
                    agent: None,
                    at,
                };
                let judged = judge(&self.office, &arrived).unwrap();
                keep(&self.office, &judged, &bytes).unwrap();
                (unit, digest, Receiving::new(Arc::clone(&self.office), judged, bytes))
            });
            let mut tasks: Vec<Box<dyn bureau::store::Task>> = Vec::new();
            let mut answers = Vec::new();
            for (unit, digest, (task, answer)) in judged {
                tasks.push(Box::new(task));
                answers.push((unit, digest, answer));
            }
            commit(&self.office.store().writing().unwrap(), &self.office.notary(), tasks);
            for (unit, digest, mut answer) in answers {
                let receipt = answer.try_recv().unwrap().unwrap();
                assert!(
                    receipt.accepted,
                    "{unit} {period}: {:?}",
                    seal::Received::read(&receipt.receipt, Limits::default()).unwrap().receipt.reasons
                );
                newest.insert(unit, digest);
            }
        }
        for event in events.iter().filter(|event| event.get("return").is_some() && corrections) {
            let unit = text(&event["unit"]);
            let letter = Letter {
                cause: "",
                payload: "",
                kind: "return",
                unit: &unit,
                report: [FORM, "2025", period],
                subject: "",
                text: "请核对后重报",
                who: "审核员",
            };
            messages::write(&self.office, &Letters::load(&self.office.config().folder).unwrap(), &letter).unwrap();
        }
    }

    /// The board, fed and screened.
    fn fed(&self) -> Board {
        let board = self.board();
        board::catch_up(self.office.store(), &board).unwrap();
        board::refresh(&board, self.office.store(), &Knowledge::default(), self.folder.path()).unwrap();
        board
    }

    /// Letters of the robot: unit, kind, words and who.
    fn letters(&self) -> Vec<(String, String, String, String)> {
        let all = self.office.store().read(|connection| MessageDraft::after(connection, "", 0, 1_000_000)).unwrap();
        let robot = all.into_iter().filter(|(_, message)| message.by.starts_with("robot:"));
        robot.map(|(unit, message)| (unit, message.kind, message.text, message.by)).collect()
    }
}

/// Every row of every table of the board.
fn content(county: &County) -> Vec<(String, Vec<Sql>)> {
    let connection = rusqlite::Connection::open(county.office.config().state.join("board.sqlite")).unwrap();
    let mut rows = Vec::new();
    for table in board::sql::TABLES {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let read = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Sql>>>();
        rows.extend(statement.query_map([], read).unwrap().map(|row| ((*table).to_owned(), row.unwrap())));
    }
    rows
}

const POLICY: &str = include_str!("../../../config/robot.toml");

/// Words that no letter has: it asks what happened, and nobody is told what to aim at.
const STEERING: [&str; 24] = [
    "目标",
    "增长",
    "增速",
    "增幅",
    "提高",
    "降低",
    "上调",
    "下调",
    "调到",
    "调高",
    "调低",
    "调整为",
    "改为",
    "不低于",
    "不高于",
    "应报",
    "应为",
    "力争",
    "任务",
    "target",
    "growth",
    "increase",
    "decrease",
    "should be",
];

fn year(units: usize, periods: usize) {
    let county = County::new(units, periods);
    let policy = Policy::parse("robot.toml", POLICY).unwrap();
    let letters = Letters::load(county.folder.path()).unwrap();
    let duties = county.duties();
    let asked = Asked { form: FORM.to_owned(), ..Asked::default() };
    let clean = texts(&county.told["clean"]);
    let mut newest = BTreeMap::new();
    for period in county.told["periods"].as_array().unwrap().iter().map(text) {
        let truth = &county.told["truth"][&period];
        let month: Month = period.parse().unwrap();
        newest.clear();
        county.live(&period, false, &mut newest);
        let last: jiff::civil::Date = truth["due"].as_str().unwrap().parse().unwrap();
        let noon = |days: i64| -> Time {
            format!("{}T04:00:00Z", last.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap()).parse().unwrap()
        };
        let before = county.letters().len();
        let board = county.fed();
        let run = robot::run(&county.office, &board, &duties, (&policy, &letters), noon(7)).unwrap();
        let wrote: BTreeSet<String> = run.opened.iter().map(|(_, unit, _)| unit.clone()).collect();
        assert_eq!(run.opened.len(), wrote.len(), "a unit had more than one letter");
        let strayed: Vec<&String> = wrote.intersection(&clean).collect();
        assert!(strayed.is_empty(), "{period}: letters to clean units: {strayed:?} {:?}", run.opened);
        let wanted: BTreeSet<String> =
            texts(&truth["letters"]).into_iter().chain(truth["planted"].as_object().unwrap().keys().cloned()).collect();
        let missed: Vec<&String> = wanted.difference(&wrote).collect();
        assert!(missed.is_empty(), "{period}: no letter to {missed:?}");
        // Restarted, it does nothing again; and what it wrote is on the board.
        assert_eq!(robot::run(&county.office, &board, &duties, (&policy, &letters), noon(7)).unwrap().opened, []);
        county.fed();
        assert_eq!(robot::run(&county.office, &board, &duties, (&policy, &letters), noon(7)).unwrap(), robot::Run::default());

        county.live(&period, true, &mut newest);
        let board = county.fed();
        let run = robot::run(&county.office, &board, &duties, (&policy, &letters), noon(7)).unwrap();
        let corrected: BTreeSet<String> =
            texts(&truth["letters"]).into_iter().filter(|unit| truth["planted"].get(unit).is_none()).collect();
        let closed: BTreeSet<String> = run.closed.iter().map(|(_, unit)| unit.clone()).collect();
        assert!(corrected.is_subset(&closed), "{period}: {corrected:?} {closed:?}");
        let board = county.fed();
        // What nothing settles goes to a reviewer after its days, once.
        let run = robot::run(&county.office, &board, &duties, (&policy, &letters), noon(14)).unwrap();
        let escalated: BTreeSet<String> = run.escalated.iter().map(|(_, unit, _)| unit.clone()).collect();
        let wrong =
            truth["planted"].as_object().unwrap().iter().filter(|(_, kind)| *kind == "wrong").map(|(unit, _)| unit.clone());
        let wrong: BTreeSet<String> = wrong.collect();
        assert!(wrong.is_subset(&escalated) && escalated.is_disjoint(&clean), "{period}: {wrong:?} {escalated:?}");
        assert_eq!(robot::run(&county.office, &board, &duties, (&policy, &letters), noon(14)).unwrap().escalated, []);
        assert!(county.letters().len() > before || wanted.is_empty());

        // Progress and lateness are the truth's.
        let progress = board::progress(&board, &duties, &asked, month).unwrap();
        let (all, count) = (&progress[0].all, |key: &str| truth[key].as_u64().unwrap() as usize);
        let lists = ["late", "silent", "returned"].map(|key| texts(&truth[key]));
        assert_eq!((all.owed, all.reported, all.missing), (count("owed"), count("reported"), lists[1].len()), "{period}");
        assert_eq!(
            (all.late, all.returned, progress[0].due.unwrap().to_string()),
            (lists[0].len(), lists[2].len(), text(&truth["due"]))
        );
        assert_eq!(progress[0].groups.iter().map(|group| group.reported).sum::<usize>(), all.reported);
        let around =
            Around { today: last.checked_add(jiff::Span::new().days(5)).unwrap(), back: 31, ahead: 3, period: Some(month) };
        let late = board::late(&board, &duties, &asked, &around).unwrap();
        assert_eq!(late.late.iter().map(|one| one.unit.code.clone()).collect::<BTreeSet<_>>(), lists[1], "{period}");
        assert_eq!(late.came.iter().map(|(unit, ..)| unit.code.clone()).collect::<BTreeSet<_>>(), lists[0], "{period}");
        assert!(late.late.iter().all(|one| one.days == -5) && late.soon.is_empty());

        // What is planted is in the first tenth of all that was reported.
        let queue = board::queue(&board, &duties, &asked, month, usize::MAX).unwrap();
        let tenth = queue.reports / 10;
        let first: BTreeSet<&str> = queue.queued.iter().take(tenth).map(|queued| queued.unit.code.as_str()).collect();
        for (unit, kind) in truth["planted"].as_object().unwrap() {
            assert!(first.contains(unit.as_str()), "{period}: {unit} ({kind}) is not in the first {tenth}");
        }
        assert!(queue.queued.iter().take(tenth).all(|queued| !queued.reasons.is_empty()));

        // Totals to the unit, all together and by trade.
        let totals = board::totals(&board, &asked, month, By::Trade).unwrap();
        let sums = |total: &board::Total| -> BTreeMap<String, (u64, Amount)> {
            let named = |(slot, sum): (&u32, &board::Sum)| {
                let slot = totals.slots.get(*slot).unwrap();
                (format!("{} {}", slot.code, slot.column), (sum.units, sum.sum))
            };
            total.sums.iter().map(named).collect()
        };
        let wanted = |value: &Value| -> BTreeMap<String, (u64, Amount)> {
            let pair =
                |(key, pair): (&String, &Value)| (key.clone(), (pair[0].as_u64().unwrap(), pair[1].to_string().parse().unwrap()));
            value.as_object().unwrap().iter().map(pair).collect()
        };
        assert_eq!(sums(&totals.all), wanted(&truth["sums"]), "{period}");
        let groups: BTreeMap<String, _> = totals.groups.iter().map(|total| (total.group.clone(), sums(total))).collect();
        assert_eq!(
            groups,
            truth["groups"].as_object().unwrap().iter().map(|(trade, value)| (trade.clone(), wanted(value))).collect()
        );
        // By town they are added up report by report, and come to the same.
        let towns = board::totals(&board, &asked, month, By::Area).unwrap();
        assert!(towns.groups.len() > 5);
        assert_eq!(sums(&towns.all), sums(&totals.all));
        let compared = board::compare(&board, &asked, "301", None, [month, month]).unwrap();
        let main = compared.months[0].main.unwrap();
        assert_eq!((main.units, main.sum), wanted(&truth["sums"])["301 cumulative"]);
    }
    // Made anew, the board has the same content.
    let board = county.fed();
    let grown = content(&county);
    board::rebuild(county.office.store(), &board).unwrap();
    county.fed();
    let anew = content(&county);
    assert_eq!(grown.len(), anew.len());
    let other = grown.iter().zip(&anew).find(|(one, other)| one != other);
    assert!(other.is_none(), "{other:?}");

    reminders(&county, &duties, &asked);
    accepted(&county, &duties, &asked);
    for (unit, kind, words, who) in county.letters() {
        let found: Vec<&&str> = STEERING.iter().filter(|word| words.to_lowercase().contains(**word)).collect();
        assert!(found.is_empty(), "{unit} {kind} {who}: {found:?} in {words}");
        letters.check(&unit, &words).unwrap();
        assert!(who.len() > "robot:".len(), "{who}");
    }
}

/// One letter to each unit that is late, about nothing but what is missing, once for each deadline.
fn reminders(county: &County, duties: &Duties, asked: &Asked) {
    let board = county.fed();
    let period = text(county.told["periods"].as_array().unwrap().last().unwrap());
    let truth = &county.told["truth"][&period];
    let today: jiff::civil::Date = truth["due"].as_str().unwrap().parse().unwrap();
    let around = Around { today: today.tomorrow().unwrap(), back: 62, ahead: 0, period: None };
    let late = board::late(&board, duties, asked, &around).unwrap();
    assert!(!late.late.is_empty());
    let units: BTreeSet<&str> = late.late.iter().map(|one| one.unit.code.as_str()).collect();
    let told = board::letters(&county.office, &late.late, "催报员").unwrap();
    assert_eq!(told.len(), units.len());
    let again = board::letters(&county.office, &late.late, "催报员").unwrap();
    assert!(again.iter().all(|finding| finding.code == "reminded-before"), "{again:?}");
    for unit in units {
        let own = county.office.store().read(|connection| KeptMessage::of_kind(connection, unit, "reminder")).unwrap();
        let missing: Vec<_> = late.late.iter().filter(|one| one.unit.code == *unit).collect();
        assert_eq!(own.len(), 1);
        let words = &own[0].message.text;
        assert!(missing.iter().all(|one| words.contains(&one.due.to_string()) && words.contains(&one.form)));
        assert!(!STEERING.iter().any(|word| words.to_lowercase().contains(word)), "{words}");
        Letters::load(county.folder.path()).unwrap().check(unit, words).unwrap();
        // No figure is in it: every number is a form, a month or a day.
        assert_eq!(own[0].message.by, "催报员");
    }
}

/// One that is no longer a key enterprise, and what is watched.
const KEYS: &str = r#"
[[unit]]
code = "91350121MA00000014"
reason = "到期"
since = "2024-01"
until = "2024-12"

[[warning]]
id = "fall"
kind = "fall"
form = "B203"
code = "301"
most = "0.5"
handler = "工业科"
text = "少一半以上"
"#;

/// What is accepted is what the brief is of, to the unit; and what falls is told of key enterprises, to the bureau alone.
fn accepted(county: &County, duties: &Duties, asked: &Asked) {
    let periods: Vec<String> = county.told["periods"].as_array().unwrap().iter().map(text).collect();
    let [before, period] = [&periods[periods.len() - 2], &periods[periods.len() - 1]];
    let (truth, month) = (&county.told["truth"][period], period.parse::<Month>().unwrap());
    let watched = texts(&county.told["kinds"]["suspicious"]);
    let ordinary = text(&county.told["clean"][0]);
    let mut keys = String::new();
    for unit in watched.iter().chain([&ordinary]) {
        keys += &format!("[[unit]]\ncode = \"{unit}\"\nreason = \"占比大\"\nsince = \"2025-01\"\n");
    }
    keys += KEYS;
    let keyed = Keyed::parse("keys.toml", &keys, duties).unwrap();
    let board = county.fed();
    // Nothing is accepted yet.
    let empty = board::brief(&board, duties, &keyed, asked, month).unwrap();
    assert!(empty.units == 0 && empty.headlines.is_empty());
    let (returned, silent) = (texts(&truth["returned"]), texts(&truth["silent"]));
    let units = county.told["units"].as_array().unwrap().iter().map(|unit| text(&unit["code"]));
    for unit in units.filter(|unit| !returned.contains(unit) && !silent.contains(unit)) {
        let report = [FORM, "2025", period.as_str()];
        let letter =
            Letter {
                kind: "acceptance", unit: &unit, report, subject: "", cause: "", payload: "", text: "受理", who: "审核员"
            };
        messages::write(&county.office, &Letters::load(county.folder.path()).unwrap(), &letter).unwrap();
    }
    let letters = county.letters().len();
    let board = county.fed();
    let brief = board::brief(&board, duties, &keyed, asked, month).unwrap();
    let sum = |key: &str| truth["sums"][key][1].to_string().parse::<Amount>().unwrap();
    assert_eq!(brief.units as u64, truth["sums"]["301 cumulative"][0].as_u64().unwrap());
    assert_eq!(brief.headlines.iter().map(|one| one.value).collect::<Vec<_>>(), [sum("301 cumulative"), sum("327 cumulative")]);
    assert_eq!(brief.headlines[0].prior_year, Some(sum("301 prior_year")));
    let trades: BTreeMap<String, Amount> =
        brief.headlines[0].trades.iter().map(|(trade, _, value, _)| (trade.clone(), *value)).collect();
    let groups = truth["groups"].as_object().unwrap().iter();
    assert_eq!(
        trades,
        groups.map(|(trade, sums)| (trade.clone(), sums["301 cumulative"][1].to_string().parse().unwrap())).collect()
    );
    for (kind, text) in [("md", brief.markdown(ui::Lang::Zh)), ("html", brief.html(ui::Lang::Zh))] {
        assert!(
            text.contains(&ui::grouped(&sum("301 cumulative").to_string())) && text.contains("<svg") == (kind == "html"),
            "{text}"
        );
    }

    // What the months alone say, as the generator wrote them.
    let alone = |unit: &str, period: &str| {
        let mut events = county.told["events"].as_array().unwrap().iter();
        let last = events.rfind(|event| event["unit"] == unit && event["period"] == period && event.get("rows").is_some())?;
        last["rows"]["301"]["this_month"].as_i64()
    };
    let fell = |unit: &&String| alone(unit, before).zip(alone(unit, period)).is_some_and(|(before, now)| now * 2 < before);
    let wanted: BTreeSet<String> = watched.iter().filter(fell).cloned().collect();
    assert_eq!(brief.warnings.iter().map(|warning| warning.key.unit.code.clone()).collect::<BTreeSet<_>>(), wanted);
    assert!(brief.warnings.iter().all(|warning| warning.handler == "工业科" && warning.rule == "fall"));
    assert_eq!(brief.contributions.len(), 2 * (watched.len() + 1));
    let own = brief.contributions.iter().find(|one| one.key.unit.code == ordinary && one.figure[0] == "301").unwrap();
    let change = own.value.unwrap().checked_sub(own.prior_year.unwrap()).unwrap();
    let points =
        change.checked_mul(Amount::from_whole(100).unwrap()).unwrap().checked_div(sum("301 prior_year")).unwrap().round(2);
    assert_eq!(own.points, points);
    assert_eq!(county.letters().len(), letters, "a warning reached a unit");
}

#[test]
fn a_county_counts_what_was_planted() {
    year(300, 3);
}

/// The whole year: `cargo test -p taizhang-bureau --test county -- --ignored`.
#[test]
#[ignore = "takes minutes in debug builds"]
fn a_whole_year_of_nine_hundred_units() {
    year(900, 12);
}
