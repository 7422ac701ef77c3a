/*! Survey knowledge that lies beside the program: edition packs and calendars, built in or in the folder of the configuration. */

use std::{collections::BTreeMap, fs, path::PathBuf};

use journal::Digest;
use model::{Finding, Level};
use serde_json::json;
use store::Store;
use survey::{Calendar, Calendars, Form, Mapping, pack::Kind};

use crate::{
    config::Agent,
    forms, packs,
    report::{self, Failure},
    sheet,
};

/// Where a pack comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// With the program.
    BuiltIn,
    /// From the folder of the configuration.
    Own,
}

impl Origin {
    /// Machine name.
    pub const fn name(self) -> &'static str {
        match self {
            Origin::BuiltIn => "built_in",
            Origin::Own => "own",
        }
    }
}

/// A pack that can be used.
pub struct Pack {
    /// Where it comes from.
    pub origin: Origin,
    /// Its text.
    pub text: String,
    /// What it says.
    pub form: Form,
}

/// Every pack there is, by edition and code; what the enterprise keeps stands in the place of what comes with the program. A file that
/// cannot be read is told and left out.
pub fn all(agent: Option<&Agent>) -> (BTreeMap<(String, String), Pack>, Vec<Finding>) {
    let mut texts: Vec<(Origin, String, String)> = Vec::new();
    for (edition, code, text) in survey::FORMS {
        texts.push((Origin::BuiltIn, format!("mappings/forms/{edition}/{code}.toml"), (*text).to_owned()));
    }
    let mut findings = Vec::new();
    for path in agent.map(own_packs).unwrap_or_default() {
        match fs::read_to_string(&path) {
            Ok(text) => texts.push((Origin::Own, path.display().to_string(), text)),
            Err(error) => findings.push(Finding::io(&path, &error)),
        }
    }
    let mut packs = BTreeMap::new();
    for (origin, name, text) in texts {
        let (form, wrong) = Form::parse(&name, &text);
        findings.extend(wrong);
        if let Some(form) = form {
            packs.insert((form.edition.clone(), form.form.clone()), Pack { origin, text, form });
        }
    }
    (packs, findings)
}

/// Files `mappings/forms/<edition>/<form>.toml` of the enterprise, in order.
fn own_packs(agent: &Agent) -> Vec<PathBuf> {
    let inside = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let editions = inside(agent.folder().join("mappings/forms"));
    let mut files: Vec<PathBuf> =
        editions.flat_map(inside).filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

/// Examines packs: each alone, then its formulas and rules beside every other form, under both accounting standards.
pub fn examine(agent: Option<&Agent>, files: &[(String, String)]) -> (Vec<Option<Form>>, Vec<Finding>) {
    let (known, _) = all(agent);
    let (mut forms, mut findings) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let (form, wrong) = Form::parse(name, text);
        findings.extend(wrong);
        forms.push(form);
    }
    let given: Vec<&Form> = forms.iter().flatten().collect();
    for form in &given {
        let fits = |other: &Form| other.edition == form.edition && other.form != form.form;
        let beside = given.iter().copied().filter(|other| fits(other)).map(|other| (other.form.clone(), other.clone()));
        let others = known.values().map(|pack| &pack.form).filter(|other| fits(other));
        // Packs that are examined together stand in the place of those that are known.
        let mut together: BTreeMap<String, Form> = others.map(|other| (other.form.clone(), other.clone())).collect();
        together.extend(beside);
        let mut together: Vec<Form> = together.into_values().collect();
        together.push((*form).clone());
        for (name, _) in survey::STANDARDS {
            let Ok(standard) = packs::built_in_standard(name) else { continue };
            let (_, wrong) = Mapping::assemble(&standard, together.clone(), &[]);
            let own = wrong.into_iter().filter(|finding| files.iter().any(|(file, _)| finding.place.starts_with(file.as_str())));
            for finding in own {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
    }
    (forms, findings)
}

/// What became of a pack that was to be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// It stands in the folder now.
    New,
    /// The same text stood there.
    Unchanged,
}

/// A text that is to be installed.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// What findings about it are placed at.
    pub name: String,
    /// The text.
    pub text: String,
    /// Where it came from, for the operation log; null for a file.
    pub from: serde_json::Value,
}

/// Which pack a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which {
    /// A form or a calendar.
    pub kind: Kind,
    /// Edition, or the calendar's year.
    pub edition: String,
    /// Form; empty for a calendar.
    pub form: String,
    /// Which correction it is.
    pub revision: u32,
}

impl Which {
    /// What people are told it is: a form by its code, a calendar by that word.
    pub fn title(&self) -> &str {
        if self.kind == Kind::Calendar { Kind::Calendar.name() } else { &self.form }
    }

    /// A finding about it.
    pub fn told(&self, finding: Finding) -> Finding {
        finding.with("form", self.title()).with("edition", &self.edition)
    }

    /// Where it stands in the folder of the configuration.
    fn file(&self) -> PathBuf {
        match self.kind {
            Kind::Calendar => PathBuf::from(format!("mappings/calendars/{}.toml", self.edition)),
            Kind::Form => PathBuf::from(format!("mappings/forms/{}/{}.toml", self.edition, self.form)),
        }
    }
}

/// Whether a word can be the name of a folder or a file.
fn plain(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

/// The pack that is there under a kind, edition and form: its origin, revision and text.
pub fn present(agent: &Agent, kind: Kind, edition: &str, form: &str) -> Option<(Origin, u32, String)> {
    if kind == Kind::Form {
        let (mut known, _) = all(Some(agent));
        return known.remove(&(edition.to_owned(), form.to_owned())).map(|pack| (pack.origin, pack.form.revision, pack.text));
    }
    if !plain(edition) {
        return None;
    }
    let file = format!("mappings/calendars/{edition}.toml");
    let own = forms::own_file(agent, &file).ok().flatten().map(|text| (Origin::Own, text));
    let built_in = || survey::CALENDARS.iter().find(|(year, _)| *year == edition).map(|(_, text)| (*text).to_owned());
    let (origin, text) = own.or_else(|| built_in().map(|text| (Origin::BuiltIn, text)))?;
    // What cannot be read is older than anything.
    let revision = Calendar::parse(&file, &text).0.map_or(0, |calendar| calendar.revision);
    Some((origin, revision, text))
}

/// Which pack a text is, where nothing is wrong with it. `beside` are others that are to be installed with it.
fn which(agent: &Agent, one: &Incoming, beside: &[Incoming]) -> Result<(Which, Vec<Finding>), Failure> {
    if Kind::of(&one.text) == Kind::Calendar {
        let (calendar, findings) = Calendar::parse(&one.name, &one.text);
        return match calendar.filter(|_| !report::blocked(&findings)) {
            Some(Calendar { year, revision, .. }) => {
                Ok((Which { kind: Kind::Calendar, edition: year.to_string(), form: String::new(), revision }, findings))
            }
            None => Err(Failure::findings(findings)),
        };
    }
    let others = beside.iter().filter(|other| other.name != one.name && Kind::of(&other.text) == Kind::Form);
    let texts: Vec<_> = std::iter::once(one).chain(others).map(|text| (text.name.clone(), text.text.clone())).collect();
    let (forms, mut findings) = examine(Some(agent), &texts);
    findings.retain(|finding| finding.place.starts_with(&one.name));
    match forms.into_iter().next().flatten() {
        Some(Form { edition, form, revision, .. }) if !report::blocked(&findings) => {
            Ok((Which { kind: Kind::Form, edition, form, revision }, findings))
        }
        _ => Err(Failure::findings(findings)),
    }
}

/// Puts a pack into the folder of the configuration, as one operation. A broken pack is refused, and one that is no newer than what there is.
pub fn install(
    agent: &Agent,
    store: &mut Store,
    who: &str,
    one: &Incoming,
    beside: &[Incoming],
) -> Result<(Which, Installed, Vec<Finding>), Failure> {
    let (which, mut findings) = which(agent, one, beside)?;
    let Incoming { name, text, from } = one;
    if !plain(&which.edition) || !plain(which.title()) {
        // Both become names of a folder and a file.
        findings.push(which.told(Finding::error("pack-name-unfit").at(name)));
        return Err(Failure::findings(findings));
    }
    let present = present(agent, which.kind, &which.edition, &which.form);
    if present.as_ref().is_some_and(|(origin, _, present)| *origin == Origin::Own && present == text) {
        return Ok((which, Installed::Unchanged, findings));
    }
    if let Some((_, revision, _)) = present.as_ref().filter(|(_, revision, _)| *revision >= which.revision) {
        let finding = which.told(Finding::error("pack-older").at(name));
        findings.push(finding.with("given", which.revision).with("present", revision));
        return Err(Failure::findings(findings));
    }
    let path = agent.folder().join(which.file());
    let folder = path.parent().unwrap_or(agent.folder());
    fs::create_dir_all(folder).map_err(|error| Failure::source(Finding::io(folder, &error)))?;
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    let before = present.map(|(_, revision, text)| json!({ "revision": revision, "sha256": digest(&text) }));
    let mut detail = json!({ "form": which.form, "edition": which.edition, "revision": which.revision, "sha256": digest(text),
        "before": before });
    if !from.is_null() {
        detail["from"] = from.clone();
    }
    let work = store.begin(who, &format!("install-{}", which.kind.name()), &detail)?;
    sheet::save(&path, text.as_bytes())?;
    work.commit()?;
    Ok((which, Installed::New, findings))
}

/// The calendars of the years around a day.
pub fn calendars(agent: &Agent, year: i16) -> Result<(Calendars, Vec<Finding>), Failure> {
    calendars_since(agent, year, year)
}

/// The same, from those that were due for an earlier year on.
pub fn calendars_since(agent: &Agent, first: i16, year: i16) -> Result<(Calendars, Vec<Finding>), Failure> {
    let (mut read, mut findings) = (Vec::new(), Vec::new());
    for year in first.min(year - 2)..=year + 1 {
        let file = format!("mappings/calendars/{year}.toml");
        let own = forms::own_file(agent, &file).map_err(Failure::config)?;
        let built_in = survey::CALENDARS.iter().find(|(known, _)| *known == year.to_string());
        let Some(text) = own.or(built_in.map(|(_, text)| (*text).to_owned())) else { continue };
        let (calendar, wrong) = Calendar::parse(&file, &text);
        findings.extend(wrong);
        match calendar {
            Some(calendar) if i16::try_from(calendar.year) == Ok(year) => read.push(calendar),
            Some(calendar) => findings.push(Finding::error("calendar-misnamed").at(&file).with("year", calendar.year)),
            None => {}
        }
    }
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(Failure { exit: 2, findings });
    }
    Ok((Calendars(read), findings))
}
