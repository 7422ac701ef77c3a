/*!
Screens among units (同行筛查): the newest reports of one form and month that arrived, compared with each other.

Reads, and writes nothing: no message, no receipt, no row. What it says is for the bureau; no door of the API leads to it, so that no range of
others reaches an enterprise.
*/

use std::{collections::BTreeMap, path::Path};

use model::{Finding, Month};
use survey::{
    audit::{Outside, Papers},
    quality::{
        THRESHOLDS, Thresholds,
        among::{Hit, Plan, Said, Spread},
    },
};

use crate::{
    failure::{Failure, own_file},
    knowledge::Knowledge,
    receive,
    store::{MessageDraft, Report, Store, StoreError, Unit},
};

/// Where thresholds of the bureau's own are, beside its configuration.
const OWN: &str = "mappings/quality.toml";

/// Which reports are compared.
pub struct Asked<'a> {
    /// Form.
    pub form: &'a str,
    /// Month.
    pub month: Month,
    /// Edition; the newest that arrived where nothing is said.
    pub edition: Option<&'a str>,
    /// First digits of the industry (行业代码); all where empty.
    pub trade: &'a str,
    /// First digits of the region (行政区划代码); all where empty.
    pub region: &'a str,
}

/// What the screens say.
pub struct Screened {
    /// What was looked at.
    pub plan: Plan,
    /// Units that were compared: hits name them by their place.
    pub units: Vec<Unit>,
    /// Who stands out.
    pub hits: Vec<Hit>,
    /// What each screen's units are like.
    pub spreads: Vec<Spread>,
    /// What a person should know.
    pub findings: Vec<Finding>,
}

/// The thresholds: a file of the bureau's own stands in the place of those that come with the program.
pub(crate) fn thresholds(folder: &Path) -> Result<Thresholds, Failure> {
    let (name, text) = own_file(folder, OWN)?.unwrap_or_else(|| (OWN.to_owned(), THRESHOLDS.to_owned()));
    match Thresholds::parse(&name, &text) {
        (Some(read), findings) if findings.is_empty() => Ok(read),
        (_, findings) => Err(Failure { exit: 2, findings }),
    }
}

/// Compares the units. `folder` is the configuration's.
pub fn screen(store: &Store, folder: &Path, asked: &Asked<'_>) -> Result<Screened, Failure> {
    let set = thresholds(folder)?;
    let (form, period) = (asked.form, asked.month.to_string());
    let place = format!("{form}, {period}");
    let listed = store.read(|connection| Report::list(connection, "", form, &period))?;
    let listed: Vec<[String; 9]> = listed.into_iter().filter(|row| row[5] == "false").collect();
    let newest = listed.iter().map(|row| row[2].as_str()).max();
    let Some(edition) = asked.edition.or(newest) else {
        return Err(Failure::findings(vec![Finding::error("peers-none").at(place)]));
    };
    let known = Knowledge::default().edition(store, edition)?;
    let Some(pack) = known.as_ref().and_then(|known| known.mapping.form(form)) else {
        return Err(Failure::config(
            Finding::error("package-form-unknown").at(&place).with("form", form).with("edition", edition),
        ));
    };
    let forms = known.as_ref().map(|known| known.mapping.forms.as_slice()).unwrap_or_default();
    let (plan, wrong) = Plan::new(pack, &set.peers, asked.month);
    if !wrong.is_empty() {
        return Err(Failure { exit: 2, findings: wrong.into_iter().map(|finding| finding.at(OWN)).collect() });
    }
    let register = store.read(Unit::all)?;
    let register: BTreeMap<&str, &Unit> = register.iter().map(|unit| (unit.code.as_str(), unit)).collect();
    // Versions come in their order: the last of each unit counts.
    let newest: BTreeMap<&str, &str> =
        listed.iter().filter(|row| row[2] == edition).map(|row| (row[0].as_str(), row[7].as_str())).collect();
    let (mut units, mut said, mut returned) = (Vec::new(), Vec::new(), 0_usize);
    for (code, payload) in newest {
        let Some(unit) =
            register.get(code).filter(|unit| unit.industry.starts_with(asked.trade) && unit.region.starts_with(asked.region))
        else {
            continue;
        };
        let decision = store.read(|connection| MessageDraft::decision(connection, code, form, payload))?;
        if decision.is_some_and(|decision| decision.kind == "return") {
            returned += 1;
            continue;
        }
        units.push((*unit).clone());
        said.push(read(store, &plan, forms, form, asked.month, code)?);
    }
    if units.is_empty() {
        return Err(Failure::findings(vec![Finding::error("peers-none").at(place)]));
    }
    let (hits, spreads) = plan.screen(&said);
    let mut findings = Vec::new();
    if returned > 0 {
        findings.push(Finding::note("peers-returned").at(&place).with("units", returned));
    }
    let few = spreads.iter().filter(|spread| !spread.screened).count();
    if few > 0 {
        let finding = Finding::note("peers-few").at(&place).with("screens", few).with("all", spreads.len());
        findings.push(finding.with("units", units.len()).with("least", set.peers.least_units));
    }
    Ok(Screened { plan, units, hits, spreads, findings })
}

/// What one unit's reports say.
fn read(store: &Store, plan: &Plan, forms: &[survey::Form], form: &str, month: Month, unit: &str) -> Result<Said, StoreError> {
    let mut drafts = receive::arrived(store, unit, month, &|of| of == form || plan.others().contains(of))?;
    if let Some(before) = plan.before() {
        drafts.extend(receive::arrived(store, unit, before, &|of| of == form)?);
    }
    let outside = Outside::default();
    Ok(plan.read(&Papers::new(forms, form, &drafts, &outside)))
}
