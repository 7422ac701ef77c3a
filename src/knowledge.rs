/*! Survey knowledge that lies beside the program: edition packs and calendars, built in or in the folder of the configuration. */

use std::{collections::BTreeMap, fs, path::PathBuf};

use journal::Digest;
use model::{Finding, Level};
use serde_json::json;
use store::Store;
use survey::{Calendar, Calendars, Form, Mapping};

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

/// Puts a pack into the folder of the configuration, as one operation. A broken pack is refused, and one that is no newer than what there is.
pub fn install(
    agent: &Agent,
    store: &mut Store,
    who: &str,
    name: &str,
    text: &str,
) -> Result<(Form, Installed, Vec<Finding>), Failure> {
    let (mut forms, mut findings) = examine(Some(agent), &[(name.to_owned(), text.to_owned())]);
    let form = match forms.pop().flatten() {
        Some(form) if !report::blocked(&findings) => form,
        _ => return Err(Failure::findings(findings)),
    };
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    if !plain(&form.edition) || !plain(&form.form) {
        // Both become names of a folder and a file.
        findings.push(Finding::error("pack-name-unfit").at(name).with("form", &form.form).with("edition", &form.edition));
        return Err(Failure::findings(findings));
    }
    let (known, _) = all(Some(agent));
    let present = known.get(&(form.edition.clone(), form.form.clone()));
    if present.is_some_and(|pack| pack.origin == Origin::Own && pack.text == text) {
        return Ok((form, Installed::Unchanged, findings));
    }
    if let Some(pack) = present.filter(|pack| pack.form.revision >= form.revision) {
        let finding = Finding::error("pack-older").at(name).with("form", &form.form).with("edition", &form.edition);
        findings.push(finding.with("given", form.revision).with("present", pack.form.revision));
        return Err(Failure::findings(findings));
    }
    let folder = agent.folder().join("mappings/forms").join(&form.edition);
    let path = folder.join(format!("{}.toml", form.form));
    fs::create_dir_all(&folder).map_err(|error| Failure::source(Finding::io(&folder, &error)))?;
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    let detail = json!({
        "form": form.form, "edition": form.edition, "revision": form.revision, "sha256": digest(text),
        "before": present.map(|pack| json!({ "revision": pack.form.revision, "sha256": digest(&pack.text) })),
    });
    let work = store.begin(who, "install-form", &detail)?;
    sheet::save(&path, text.as_bytes())?;
    work.commit()?;
    Ok((form, Installed::New, findings))
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
