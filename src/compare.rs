/*! Two drafts side by side: figures that are others, and what else is. */

use std::collections::BTreeSet;

use journal::Digest;
use model::Amount;
use store::{DraftVersion, Store};
use survey::document::{Cell, Column, Draft};
use web::{Compared, Comparison, KeptVersion, Moved, VersionAct};

use crate::{build, config::Agent, desk::local, report::Failure, then};

/// Versions of a draft, the oldest first: the same text in several states is one version.
pub fn versions(store: &Store, book: &str, form: &str, period: &str) -> Result<Vec<(KeptVersion, DraftVersion)>, Failure> {
    let mut found: Vec<(KeptVersion, DraftVersion)> = Vec::new();
    for kept in store.drafts_of(book, form, period)? {
        match found.last_mut().filter(|(version, _)| version.number == kept.version) {
            Some((version, last)) => {
                version.state.clone_from(&kept.state);
                *last = kept;
            }
            None => {
                let at = store.operation(kept.operation)?.map(|operation| local(&operation.at)).unwrap_or_default();
                let (digest, state) = (Digest::of(kept.body.as_bytes()).to_string(), kept.state.clone());
                let period = kept.period.clone();
                let (who, why) = (String::new(), Vec::new());
                found.push((KeptVersion { number: kept.version, period, digest, at, state, who, why, acts: Vec::new() }, kept));
            }
        }
    }
    Ok(found)
}

/// Says of each version who built it, why it is another than the one before, and what people had done meanwhile.
pub fn tell(agent: &Agent, store: &Store, versions: &mut [(KeptVersion, DraftVersion)]) -> Result<(), Failure> {
    let mut before: Option<(Draft, i64)> = None;
    for (version, kept) in versions {
        let draft = build::read(kept)?;
        let built = then::built(store, kept)?;
        if let Some(built) = &built {
            version.who = name(agent, &built.who);
        }
        version.why = match &before {
            None => vec![("version-first".to_owned(), String::new())],
            Some((old, _)) => reasons(old, &draft),
        };
        let seq = built.map_or(0, |built| built.seq);
        if let Some((_, last)) = before {
            version.acts = acts_between(agent, store, &draft, last, seq)?;
        }
        before = Some((draft, seq));
    }
    Ok(())
}

/// Why a version is another than the one before: labels, each with what it is about.
fn reasons(old: &Draft, new: &Draft) -> Vec<(String, String)> {
    let mut why = Vec::new();
    let mut add = |name: &str, about: Vec<String>| why.push((name.to_owned(), about.join("、")));
    if old.pack != new.pack && old.pack.is_some() {
        add("version-pack", Vec::new());
    } else if old.mapping != new.mapping {
        add("version-mapping", Vec::new());
    }
    let moved = moved(old, new);
    let of = |which: &dyn Fn(&&Moved) -> bool| moved.iter().filter(which).map(|moved| moved.period.clone()).collect::<Vec<_>>();
    for (name, periods) in [
        ("version-books", of(&|moved| moved.old != moved.new && !moved.old.is_empty())),
        ("version-months", of(&|moved| moved.old.is_empty() && !moved.new.is_empty())),
        ("version-measures", of(&|moved| moved.measures)),
    ] {
        if !periods.is_empty() {
            add(name, periods);
        }
    }
    let cells = |differs: &dyn Fn(&Cell, &Cell) -> bool| {
        let both = new.cells.iter().filter_map(|cell| Some((cell, old.cells.iter().find(|known| known.id == cell.id)?)));
        both.filter(|(now, before)| differs(before, now)).map(|(now, _)| now.id.clone()).collect::<Vec<_>>()
    };
    let words = |cell: &Cell| matches!(&*cell.kind, "text" | "choice");
    let value = |cell: &Cell| cell.columns.main().and_then(|column| column.value.clone());
    for (name, cells) in [
        ("version-adjustment", cells(&|before, now| before.adjustment != now.adjustment)),
        ("version-texts", cells(&|before, now| words(now) && value(before) != value(now))),
    ] {
        if !cells.is_empty() {
            add(name, cells);
        }
    }
    if old.explanations != new.explanations {
        add("version-explanations", Vec::new());
    }
    if old.footer != new.footer || old.unit != new.unit {
        add("version-people", Vec::new());
    }
    if why.is_empty() {
        let name = if old.findings == new.findings { "version-rebuilt" } else { "version-rules" };
        why.push((name.to_owned(), String::new()));
    }
    why
}

/// Operations between two versions that are looked at.
const LOOKED: usize = 2_000;

/// What people did between two builds of a draft that it may have to do with.
fn acts_between(agent: &Agent, store: &Store, draft: &Draft, after: i64, upto: i64) -> Result<Vec<VersionAct>, Failure> {
    let mut acts = Vec::new();
    for operation in store.operations_before(Some(upto), LOOKED)? {
        if operation.seq <= after {
            break;
        }
        let detail: serde_json::Value = serde_json::from_str(&operation.detail).unwrap_or_default();
        let text = |name: &str| detail[name].as_str().unwrap_or_default();
        let form = text("form") == draft.form || text("figure").split_once(':').is_some_and(|(form, _)| form == draft.form);
        let own = match operation.what.as_str() {
            "mapping" => true,
            "measure" => draft.measures,
            "adjust" | "explain" | "text" => form && text("period") == draft.period,
            _ => false,
        };
        if own {
            let changes = detail["changes"].as_array().into_iter().flatten().filter_map(|change| change["cell"].as_str());
            let mut about: Vec<&str> = changes.collect();
            let entered = detail["entries"].as_array().into_iter().flatten().filter_map(|entry| entry["key"].as_str());
            about.extend(entered.filter_map(|key| key.split(':').next()));
            about.dedup();
            about.extend(["figure", "rule", "kind"].map(text).into_iter().filter(|text| !text.is_empty()));
            acts.push(VersionAct {
                at: local(&operation.at),
                who: name(agent, &operation.who),
                about: about.join("、"),
                why: text("reason").to_owned(),
                what: operation.what,
            });
        }
    }
    acts.reverse();
    Ok(acts)
}

fn name(agent: &Agent, id: &str) -> String {
    crate::desk::name(agent, id)
}

/// Two versions of the draft of one month: every figure that people see.
pub fn versions_of(old: &(KeptVersion, DraftVersion), new: &(KeptVersion, DraftVersion)) -> Result<Comparison, Failure> {
    let (before, now) = (build::read(&old.1)?, build::read(&new.1)?);
    let columns: Vec<&str> = now.shown();
    let (changed, same) =
        figures(&before, &now, |cell| columns.iter().filter_map(|name| Some((*name, cell.columns.shown(name)?))).collect());
    let (facts, moved) = (facts(&before, &now), moved(&before, &now));
    Ok(Comparison { old: old.0.clone(), new: new.0.clone(), changed, same, facts, moved })
}

/// A draft and that of another month: what each row says of its month alone.
pub fn months(old: &(KeptVersion, DraftVersion), new: &(KeptVersion, DraftVersion)) -> Result<Comparison, Failure> {
    let (before, now) = (build::read(&old.1)?, build::read(&new.1)?);
    let (changed, same) = figures(&before, &now, |cell| {
        let name =
            ["this_month", "this_quarter"].into_iter().find(|name| cell.columns.get(name).is_some()).unwrap_or("cumulative");
        cell.columns.shown(name).map(|column| (name, column)).into_iter().collect()
    });
    Ok(Comparison { old: old.0.clone(), new: new.0.clone(), changed, same, facts: Vec::new(), moved: Vec::new() })
}

/// What is reported in a column: adjusted, computed, or what was filed before.
fn reported(cell: &Cell, column: &Column) -> Option<String> {
    let adjusted = cell.adjusted(column).map(|made| made.reported.clone());
    adjusted.or_else(|| column.value.clone()).or_else(|| column.platform.clone())
}

/// Figures of both, those that differ and those that do not. Of a row without a difference, what it reports of the period is enough.
fn figures<'a>(
    old: &'a Draft,
    new: &'a Draft,
    columns: impl Fn(&'a Cell) -> Vec<(&'static str, &'a Column)>,
) -> (Vec<Compared>, Vec<Compared>) {
    let find = |draft: &'a Draft, id: &str| draft.cells.iter().find(|cell| cell.id == id);
    let gone = old.cells.iter().filter(|cell| find(new, &cell.id).is_none());
    let (mut changed, mut same) = (Vec::new(), Vec::new());
    for cell in new.cells.iter().chain(gone) {
        let [before, now] = [old, new].map(|draft| find(draft, &cell.id));
        let says = |cell: Option<&'a Cell>| {
            cell.map(|cell| (cell, columns(cell)))
                .into_iter()
                .flat_map(|(cell, columns)| columns.into_iter().map(move |(name, column)| (name, reported(cell, column))))
        };
        let names: Vec<&'static str> = says(now).chain(says(before)).map(|(name, _)| name).fold(Vec::new(), |mut names, name| {
            if !names.contains(&name) {
                names.push(name);
            }
            names
        });
        let value = |cell: Option<&'a Cell>, name: &str| says(cell).find(|(own, _)| *own == name).and_then(|(_, value)| value);
        let (mut moved, mut main) = (false, None);
        for name in names {
            let one = compared(cell, name, value(before, name), value(now, name));
            if one.old != one.new || before.is_none() || now.is_none() {
                moved = true;
                changed.push(one);
            } else if main.is_none() || name == "cumulative" {
                main = Some(one);
            }
        }
        same.extend(main.filter(|_| !moved));
    }
    (changed, same)
}

fn compared(cell: &Cell, column: &str, old: Option<String>, new: Option<String>) -> Compared {
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Amount>().ok());
    let (before, now) = (number(&old), number(&new));
    let difference = before.zip(now).and_then(|(before, now)| now.checked_sub(before));
    let percent = before.zip(now).and_then(|(before, now)| survey::growth(now, before));
    let (id, name, unit, column) = (cell.id.clone(), cell.name.clone(), cell.unit.clone(), column.to_owned());
    Compared { id, name, unit, column, old, new, difference: difference.map(|amount| amount.to_string()), percent }
}

/// What else of a draft is another: mapping, pack, people, explanations.
fn facts(old: &Draft, new: &Draft) -> Vec<(String, String, String)> {
    let said = |draft: &Draft| {
        let said = draft.explanations.iter().map(|said| format!("{} {}", said.rule, said.text));
        said.collect::<Vec<_>>().join("；")
    };
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    let pack =
        |draft: &Draft| draft.pack.as_ref().map(|pack| format!("{} {}", pack.revision, short(&pack.digest))).unwrap_or_default();
    let pairs = [
        ("mapping", short(&old.mapping), short(&new.mapping)),
        ("page-pack", pack(old), pack(new)),
        ("head", old.footer.head.clone(), new.footer.head.clone()),
        ("statistician", old.footer.statistician.clone(), new.footer.statistician.clone()),
        ("preparer", old.footer.preparer.clone(), new.footer.preparer.clone()),
        ("phone", old.footer.phone.clone(), new.footer.phone.clone()),
        ("sheet-explanations", said(old), said(new)),
    ];
    let differs = pairs.into_iter().filter(|(_, old, new)| old != new);
    differs.map(|(name, old, new)| (name.to_owned(), old, new)).collect()
}

/// Periods whose seal is another.
fn moved(old: &Draft, new: &Draft) -> Vec<Moved> {
    let periods: BTreeSet<&String> = old.evidence.keys().chain(new.evidence.keys()).collect();
    let differs = periods.into_iter().filter(|period| old.evidence.get(*period) != new.evidence.get(*period));
    // Behind the root of the books stand those of measures, each after a plus sign.
    let parts = |draft: &Draft, period: &String| {
        let all = draft.evidence.get(period).map_or("", String::as_str);
        let (root, more) = all.split_once('+').unwrap_or((all, ""));
        (root.to_owned(), more.to_owned())
    };
    let one = |period: &String| {
        let (before, now) = (parts(old, period), parts(new, period));
        Moved { period: period.clone(), measures: before.1 != now.1, old: before.0, new: now.0 }
    };
    differs.map(one).collect()
}
