/*! `taizhang mapping test`: the `[[test]]`s of layers, on the figures that they give themselves. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use model::Finding;
use survey::{Form, Mapping, Standard, Tests};

use super::Ctx;
use crate::{
    config::{self, Agent},
    forms::{self, EDITION},
    measures,
    output::{Table, label},
    packs,
    report::{Failure, blocked},
};

/// Runs the verb.
pub fn run(ctx: &Ctx, files: &[PathBuf], standard: Option<&str>) -> Result<Vec<Finding>, Failure> {
    // Files that are named need no configuration: a layer can be tested before there is a book.
    let agent = if files.is_empty() || ctx.config.exists() { Some(ctx.agent()?) } else { None };
    let mut files: Vec<PathBuf> = files.to_vec();
    if files.is_empty() {
        for form in agent.iter().flat_map(|agent| &agent.forms) {
            files.extend(form.mapping.iter().filter(|path| !files.contains(path)).cloned().collect::<Vec<_>>());
        }
    }
    let facts = measures::facts_of(agent.as_ref())?;
    let (mut rows, mut findings, mut failed, mut count) = (Vec::new(), Vec::new(), false, 0);
    for path in &files {
        let name = agent.as_ref().and_then(|agent| path.strip_prefix(agent.folder()).ok()).unwrap_or(path).display().to_string();
        let text = fs::read_to_string(path).map_err(|error| Failure::config(Finding::io(path, &error)))?;
        let (tests, found) = survey::tests(&name, &text);
        findings.extend(found);
        let Some(tests) = tests else { continue };
        if tests.tests.is_empty() {
            continue;
        }
        let standard = standard.map(str::to_owned).or_else(|| tests.standard.clone());
        let mapping = mapping(agent.as_ref(), standard.as_deref(), &tests, path, (&name, &text));
        let (mapping, found) = mapping.map_err(|failure| Failure { exit: 2, ..failure })?;
        findings.extend(found);
        for test in &tests.tests {
            let (checked, found) = test.run(&mapping, &facts.kinds, &facts.energy);
            findings.extend(found);
            for checked in checked {
                count += 1;
                let word = if checked.passed { "passed" } else { "failed" };
                rows.push(vec![
                    name.clone(),
                    test.name.clone(),
                    checked.cell.clone(),
                    checked.expected.clone(),
                    checked.got.clone(),
                    if ctx.people() { label(ctx.lang, word) } else { word.to_owned() },
                ]);
                if !checked.passed {
                    failed = true;
                    let finding = Finding::error("mapping-test-failed").at(&checked.place).with("test", &test.name);
                    let finding =
                        finding.with("cell", &checked.cell).with("expected", &checked.expected).with("got", &checked.got);
                    findings.push(finding.with("lineage", checked.told()));
                }
            }
        }
    }
    let columns = ["file", "test", "cell", "expected", "got", "result"];
    Table { columns: &columns, numbers: &["expected", "got"], rows }.write(ctx.format, ctx.lang)?;
    if failed || blocked(&findings) {
        return Err(Failure { exit: if failed { 1 } else { 2 }, findings });
    }
    if count == 0 {
        findings.push(Finding::warning("mapping-tests-missing"));
    }
    Ok(findings)
}

/// The mapping that a file's tests are held against: standard, the forms that they name, and the layer itself; with the other layers of a
/// configured form where the file is one of them.
fn mapping(
    agent: Option<&Agent>,
    standard: Option<&str>,
    tests: &Tests,
    path: &Path,
    layer: (&str, &str),
) -> Result<(Mapping, Vec<Finding>), Failure> {
    let standard = self::standard(agent, standard)?;
    let edition = tests.edition.as_deref().unwrap_or(EDITION);
    let configured = agent.and_then(|agent| agent.forms.iter().find(|form| form.mapping.iter().any(|known| known == path)));
    let mut layers = Vec::new();
    for other in configured.iter().flat_map(|form| &form.mapping) {
        let name = other.strip_prefix(agent.map_or(Path::new(""), Agent::folder)).unwrap_or(other).display().to_string();
        layers.push((name, fs::read_to_string(other).map_err(|error| Failure::config(Finding::io(other, &error)))?));
    }
    if layers.is_empty() {
        layers.push((layer.0.to_owned(), layer.1.to_owned()));
    }
    let mut wanted: Vec<&str> = tests.tests.iter().filter_map(|test| test.form.as_deref()).collect();
    // A layer may override cells of forms that its tests do not look at.
    let own: Vec<String> = layers.iter().flat_map(|(_, text)| overridden(text)).collect();
    wanted.extend(own.iter().map(String::as_str));
    wanted.sort_unstable();
    wanted.dedup();
    let mut packs: Vec<Form> = Vec::new();
    for code in wanted {
        let own = agent.and_then(|agent| agent.forms.iter().find(|form| form.code == code).cloned());
        let (named, configured) = (own.is_none(), own.unwrap_or_else(|| config::Form::of(code, edition)));
        packs.push(forms::pack(agent, &configured).map_err(|mut findings| {
            // A form that only the tests or the layer speak of is wrong where they do, and not in the configuration.
            let quoted = layer.1.find(&format!("\"{code}")).map(|at| at + 1);
            if let Some(at) = quoted.filter(|_| named) {
                let unknown = findings.iter_mut().filter(|finding| finding.code == "form-unknown");
                unknown.for_each(|finding| finding.place = settings::place(layer.0, layer.1, at));
            }
            Failure { exit: 2, findings }
        })?);
    }
    let (mapping, findings) = Mapping::assemble(&standard, packs, &layers);
    match mapping {
        Some(mapping) if !blocked(&findings) => Ok((mapping, findings)),
        _ => Err(Failure { exit: 2, findings }),
    }
}

/// Forms whose cells a layer writes anew.
fn overridden(text: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    let cells = table.get("cell").and_then(toml::Value::as_table);
    cells.iter().flat_map(|cells| cells.keys()).filter_map(|cell| Some(cell.split_once(':')?.0.to_owned())).collect()
}

fn standard(agent: Option<&Agent>, named: Option<&str>) -> Result<Standard, Failure> {
    match (agent, named) {
        (Some(agent), None) => packs::standard(agent),
        // The enterprise may have a text of its own of the standard that it uses.
        (Some(agent), Some(name)) if name == agent.unit.accounting_standard => packs::standard(agent),
        (_, named) => {
            let name = named.unwrap_or("cas");
            let known: Vec<&str> = survey::STANDARDS.iter().map(|(name, _)| *name).collect();
            if known.contains(&name) {
                return packs::built_in_standard(name);
            }
            Err(Failure::config(Finding::error("standard-unknown").with("standard", name).with("near", known.join(", "))))
        }
    }
}
