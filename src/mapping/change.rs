//! A change of the mapping, put together and looked at as a whole before it is written into a layer of the enterprise's own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use formula::{Account, Scope};
use journal::Digest;
use model::{Finding, Level};
use serde_json::json;
use store::Store;
use survey::Mapping;

use super::{
    About, Edit,
    keep::others_keep,
    layer::{self, one_line},
};
use crate::{
    acts,
    config::{self, Agent, Book, Deed, Person},
    due,
    forms::{self, Layers},
    report::{self, Failure},
    sheet,
};

/// The layer that is made where an enterprise has none yet, beneath the configuration.
const FIRST: &str = "mappings/own.toml";

/// What a page shows in the place of a digest where there is no file yet.
const ABSENT: &str = "new";

/// A layer that a change goes into.
pub struct Layer {
    /// As documents name it.
    pub name: String,
    path: PathBuf,
    /// Its text; none where it is not there yet.
    text: Option<String>,
    /// The configured form that it has to be listed at, where it is at none.
    listed_at: Option<usize>,
}

impl Layer {
    /// Identity of what is in it now: SHA-256, or a word where there is nothing.
    pub fn digest(&self) -> String {
        self.text.as_deref().map_or_else(|| ABSENT.to_owned(), digest)
    }
}

impl Layer {
    /// Whether it is not there yet.
    pub fn is_new(&self) -> bool {
        self.text.is_none()
    }
}

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

/// What changes, as the log and people have it.
pub struct Said {
    /// `B203:301`, `@item`, or the code of an account.
    pub name: String,
    /// Formula or standard's account before; none where nobody said any.
    pub before: Option<String>,
    /// Now.
    pub after: String,
}

/// A change that would load.
pub struct Plan {
    /// Where it goes.
    pub layer: Layer,
    /// What changes.
    pub said: Vec<Said>,
    /// What is to be known about it.
    pub findings: Vec<Finding>,
    after: String,
    why: String,
}

/// The mapping of each book that uses the layer, as it would be.
pub type Tried = BTreeMap<String, (Vec<config::Form>, Layers)>;

/// The layer in which something is said, or would be: where it stands now, else the last of the book's, which comes over all others.
pub fn layer_of(agent: &Agent, book: &Book, mapping: &Mapping, about: &[&About]) -> Result<Layer, Failure> {
    let configured = forms::configured(agent, book, None)?;
    let mut paths: Vec<&PathBuf> = Vec::new();
    for path in configured.iter().flat_map(|form| &form.mapping) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let now: BTreeSet<&str> = about.iter().filter_map(|about| said_in(mapping, about)).collect();
    let only = (now.len() == 1).then(|| paths.iter().find(|path| now.contains(&*forms::layer_name(agent, path)))).flatten();
    if let Some(path) = only.or(paths.last()) {
        let text = fs::read_to_string(path).map_err(|error| Failure::config(Finding::io(path, &error)))?;
        let (name, path) = (forms::layer_name(agent, path), (*path).clone());
        return Ok(Layer { name, path, text: Some(text), listed_at: None });
    }
    // Nobody has said anything yet: a first layer, listed at the form that it is about.
    let form = about.iter().find_map(|about| match about {
        About::Cell(form, _) => Some(form.as_str()),
        _ => None,
    });
    let own = |known: &&config::Form| known.book.as_ref().is_none_or(|id| *id == book.id);
    let at = agent.forms.iter().position(|known| own(&known) && form.is_none_or(|form| known.code == form));
    let Some(at) = at else {
        let wanted = form.unwrap_or("—");
        let near = settings::nearest(wanted, agent.forms.iter().map(|own| own.code.as_str())).unwrap_or("—");
        let finding = Finding::error("form-not-configured").at(agent.path.display().to_string()).with("form", wanted);
        return Err(Failure::config(finding.with("near", near)));
    };
    let path = agent.folder().join(FIRST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::config(Finding::io(&path, &error))),
    };
    Ok(Layer { name: FIRST.to_owned(), path, text, listed_at: Some(at) })
}

/// The layer that says something now.
fn said_in<'a>(mapping: &'a Mapping, about: &About) -> Option<&'a str> {
    let own = |formula: &'a survey::Formula| (formula.scope == Scope::Own).then_some(formula.place.as_str());
    let place = match about {
        About::Cell(form, row) => mapping.cells.get(&(form.clone(), row.clone())).and_then(own),
        About::Item(name) => mapping.items.get(name).and_then(Option::as_ref).and_then(own),
        About::Account(code) => mapping.accounts.get(code).map(|decision| decision.place.as_str()),
    }?;
    // file:line:column
    place.rsplitn(3, ':').nth(2)
}

/// What the mapping says of something now.
pub fn now(mapping: &Mapping, about: &About) -> Option<String> {
    match about {
        About::Cell(form, row) => mapping.cells.get(&(form.clone(), row.clone())).map(|formula| formula.text.clone()),
        About::Item(name) => mapping.items.get(name).and_then(Option::as_ref).map(|formula| formula.text.clone()),
        About::Account(code) => mapping.accounts.get(code).map(|decision| decision.is.clone()),
    }
}

/// A formula on one line, as it goes into a layer.
pub fn formula_line(text: &str) -> String {
    one_line(text)
}

/// What comes with the program and a layer says something else in the place of: the formula and where it stands.
pub fn original(mapping: &Mapping, about: &About) -> Option<(String, String)> {
    match about {
        About::Cell(form, row) => mapping.original(form, row),
        About::Item(name) => mapping.original("", name),
        About::Account(_) => None,
    }
    .filter(|_| said_in(mapping, about).is_some())
}

/// Whether an edit says again what comes with the program.
fn restores(mapping: &Mapping, edit: &Edit) -> bool {
    original(mapping, &edit.about).is_some_and(|(text, _)| text == edit.say)
}

/// How grave a fault is in a formula that somebody is about to write: an account that the book does not have is most likely misspelt.
pub fn gravity(code: &str, level: Level) -> Level {
    if code == "account-missing" { Level::Error } else { level }
}

/// Faults of the formulas, each at its column as it was typed.
fn faults(mapping: &Mapping, chart: &[Account], edits: &[Edit]) -> Vec<Finding> {
    let items: BTreeSet<&str> = edits
        .iter()
        .filter_map(|edit| match &edit.about {
            About::Item(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let mut findings = Vec::new();
    for edit in edits {
        // What comes with the program names accounts that any book may have.
        if restores(mapping, edit) {
            continue;
        }
        let form = match &edit.about {
            About::Cell(form, row) => {
                let pack = mapping.form(form);
                match pack.and_then(|pack| pack.row(row)) {
                    None => {
                        let known = pack.iter().flat_map(|pack| &pack.rows).map(survey::Row::key);
                        let near = settings::nearest(row, known).unwrap_or("—");
                        let name = format!("[{}]", edit.about.name());
                        findings.push(Finding::error("indicator-unknown").with("indicator", name).with("near", near));
                        continue;
                    }
                    Some(known) if !known.kind.is_number() => {
                        let finding = Finding::error("mapping-of-text").at(edit.about.name());
                        findings.push(finding.with("indicator", row).with("name", &known.name));
                        continue;
                    }
                    Some(_) => form.as_str(),
                }
            }
            About::Item(_) => "",
            About::Account(code) => {
                if !chart.iter().any(|account| account.code == *code) {
                    let near = settings::nearest(code, chart.iter().map(|account| account.code.as_str())).unwrap_or("—");
                    findings.push(Finding::error("decision-idle").with("account", code).with("near", near));
                }
                continue;
            }
        };
        for (fault, level) in mapping.faults(form, &edit.say, chart, &items) {
            let column = edit.say.get(..fault.span.start).map_or(0, |before| before.chars().count()) + 1;
            let place = format!("{}, formula:1:{column}", edit.about.name());
            let finding = Finding::new(gravity(fault.code, level), fault.code).at(place);
            findings.push(fault.arguments.iter().fold(finding, |finding, (name, value)| finding.with(name, value)));
        }
    }
    findings
}

/// Puts a change together, and refuses what would not load: for this book, and for every other that uses the same layer.
pub fn plan(
    agent: &Agent,
    book: &Book,
    (mapping, chart): (&Mapping, &[Account]),
    edits: &[Edit],
    why: &str,
) -> Result<(Plan, Tried), Failure> {
    let mut findings = faults(mapping, chart, edits);
    let same = |edit: &Edit| now(mapping, &edit.about).as_deref() == Some(edit.say.as_str());
    if edits.iter().all(same) {
        let names: Vec<String> = edits.iter().map(|edit| edit.about.name()).collect();
        findings.push(Finding::error("mapping-same").at(names.join(", ")));
    }
    if report::blocked(&findings) {
        return Err(Failure { exit: 1, findings });
    }
    let about: Vec<&About> = edits.iter().map(|edit| &edit.about).collect();
    let layer = layer_of(agent, book, mapping, &about)?;
    let title = agent.unit.name.as_str();
    let title = if title.is_empty() { "本单位" } else { title };
    let written = |edits: &[Edit]| {
        let after = layer::edited(&layer.name, layer.text.as_deref(), title, edits).map_err(Failure::config)?;
        let tried = tried(agent, &layer, &after)?;
        Ok::<_, Failure>((after, tried))
    };
    // A layer that says what comes with the program anyway had better say nothing; where another layer says something too, it must.
    let bare: Vec<Edit> = edits
        .iter()
        .map(|edit| if restores(mapping, edit) { Edit { say: String::new(), ..edit.clone() } } else { edit.clone() })
        .collect();
    let holds = |tried: &Tried| {
        let own = tried.get(&book.id).map(|(_, layers)| &layers.mapping);
        own.is_none_or(|own| edits.iter().all(|edit| now(own, &edit.about).as_deref() == Some(edit.say.as_str())))
    };
    let without = if bare == edits { None } else { written(&bare).ok().filter(|(_, tried)| holds(tried)) };
    let (after, tried) = without.map_or_else(|| written(edits), Ok)?;
    if let Some((_, layers)) = tried.get(&book.id) {
        findings.extend(edits.iter().filter_map(|edit| others_keep(mapping, &layers.mapping, chart, edit)));
    }
    let said =
        edits.iter().map(|edit| Said { name: edit.about.name(), before: now(mapping, &edit.about), after: edit.say.clone() });
    let plan = Plan { said: said.collect(), layer, findings, after, why: why.to_owned() };
    Ok((plan, tried))
}

/// The mapping of each book that uses a layer, as if the layer had another text.
fn tried(agent: &Agent, layer: &Layer, after: &str) -> Result<Tried, Failure> {
    let mut tried = BTreeMap::new();
    for other in &agent.books {
        let Ok(mut configured) = forms::configured(agent, other, None) else { continue };
        if let Some(at) = layer.listed_at {
            let listed = &agent.forms[at];
            let own = |form: &&mut config::Form| {
                (&form.code, &form.edition, &form.book) == (&listed.code, &listed.edition, &listed.book)
            };
            configured.iter_mut().filter(own).for_each(|form| form.mapping.push(layer.path.clone()));
        }
        if !configured.iter().any(|form| form.mapping.contains(&layer.path)) {
            continue;
        }
        let layers = forms::layers_with(agent, &configured, Some((&layer.path, after)))?;
        tried.insert(other.id.clone(), (configured, layers));
    }
    Ok(tried)
}

/// An edit with its comment: the day, who, and why.
pub fn edit(about: About, say: &str, person: &Person, why: &str) -> Edit {
    let remark = format!("{} {} ({}): {why}", due::today(), person.name, person.id);
    Edit { about, say: formula_line(say), why: one_line(why), remarks: vec![remark] }
}

impl Plan {
    /// Writes it: the layer is replaced by a whole one, and the log says who changed what and why. `seen` is the identity of the layer that
    /// was on the screen; what somebody else has written since is never lost.
    pub fn keep(&self, agent: &Agent, store: &mut Store, person: &Person, seen: Option<&str>) -> Result<Vec<Finding>, Failure> {
        person.must(Deed::Map, &self.layer.name)?;
        acts::reason(&self.why)?;
        let changed = || Failure::findings(vec![Finding::error("mapping-file-changed").at(&self.layer.name)]);
        if seen.is_some_and(|seen| seen != self.layer.digest()) {
            return Err(changed());
        }
        let config = self.layer.listed_at.map(|at| self.configuration(agent, at)).transpose()?;
        let said = self.said.iter().map(|said| json!({ "cell": said.name, "before": said.before, "after": said.after }));
        let detail = json!({
            "file": self.layer.name, "changes": said.collect::<Vec<_>>(), "reason": self.why,
            "before": self.layer.text.as_deref().map(digest), "sha256": digest(&self.after),
        });
        let work = store.begin(&person.id, "mapping", &detail)?;
        // Behind the lock of the log no other of our processes writes: what is read now is what is replaced.
        let now = match fs::read_to_string(&self.layer.path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::config(Finding::io(&self.layer.path, &error))),
        };
        if now != self.layer.text {
            return Err(changed());
        }
        work.put_context(&digest(&self.after), &self.after)?;
        replace(&self.layer.path, &self.after)?;
        let listed = config.map_or(Ok(()), |text| replace(&agent.path, &text));
        let done = listed.and_then(|()| Ok(work.commit()?));
        if let Err(failure) = done {
            // What the log does not have is not done: the layer becomes what it was. The failure is told either way.
            let _ = match &self.layer.text {
                Some(text) => replace(&self.layer.path, text),
                None => fs::remove_file(&self.layer.path).map_err(|error| sheet::unwritten(&self.layer.path, &error)),
            };
            return Err(failure);
        }
        let mut findings = self.findings.clone();
        for said in &self.said {
            let finding = Finding::note("mapping-written").at(&self.layer.name).with("cell", &said.name);
            findings.push(finding.with("before", said.before.as_deref().unwrap_or("—")).with("after", &said.after));
        }
        if let Some(at) = self.layer.listed_at {
            let finding = Finding::note("mapping-layer-made").at(agent.path.display().to_string());
            findings.push(finding.with("file", &self.layer.name).with("form", &agent.forms[at].code));
        }
        Ok(findings)
    }

    /// The configuration with the new layer at its form, and only where it then still loads.
    fn configuration(&self, agent: &Agent, at: usize) -> Result<String, Failure> {
        let text = fs::read_to_string(&agent.path).map_err(|error| Failure::config(Finding::io(&agent.path, &error)))?;
        let place = agent.path.display().to_string();
        let unfit = |reason: String| Failure::config(Finding::error("toml-invalid").at(&place).with("reason", reason));
        let mut document: toml_edit::DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| unfit(error.message().to_owned()))?;
        let forms = document.get_mut("form").and_then(|forms| forms.as_array_of_tables_mut());
        let form = forms.and_then(|forms| forms.get_mut(at)).ok_or_else(|| unfit("[[form]]".to_owned()))?;
        form.insert("mapping", toml_edit::value(toml_edit::Array::from_iter([self.layer.name.as_str()])));
        let text = document.to_string();
        let part = agent.path.with_extension("part");
        fs::write(&part, &text).map_err(|error| sheet::unwritten(&part, &error))?;
        let loaded = Agent::load(&part);
        // It has said whether it loads; the one that stands is replaced by `replace`.
        let _ = fs::remove_file(&part);
        loaded.map(|_| text)
    }
}

/// Replaces a file by a whole one that is on the disk before it has the name; links and rights stay as they are.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| sheet::unwritten(path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let part = path.with_extension("part");
    let mut file = File::create(&part).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    if let Ok(known) = fs::metadata(&path) {
        fs::set_permissions(&part, known.permissions()).map_err(failed)?;
    }
    fs::rename(&part, &path).map_err(failed)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}
