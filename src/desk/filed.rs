//! What was filed at the portal, beside what was signed.

use model::{Amount, Finding};
use store::{DraftVersion, Store};
use survey::{
    document::{Cell, Column},
    exam::column_named,
};
use ui::Lang;
use web::{Answer, Filed, FiledDesk, FiledFigure, FiledNow, FiledVersion, Filing, Place, Refusal};

use super::{Pages, book, deeds::name_of, drafts, month};
use crate::{
    acts, build,
    config::{Agent, Deed},
    evidence::Paper,
    loading,
    report::{self, Failure},
    reported,
};

/// States of a draft that somebody has signed.
const SIGNED: [&str; 7] = ["signed", "handed_out", "queued", "delivered", "accepted", "refused", "returned"];

impl FiledDesk for Pages {
    fn filed(&self, place: &Place) -> Answer<Filed> {
        let (agent, store) = self.open()?;
        filed(&agent, &store, place)
    }

    fn file(&self, who: &str, filing: &Filing) -> Answer<FiledNow> {
        let (agent, mut store) = self.open()?;
        let (person, place) = (agent.person(who)?, &filing.place);
        let (book, month) = (book(&agent, place)?, month(place)?);
        let form = loading::form(&agent, &place.form)?;
        let loaded = match &filing.paper {
            Some(paper) => {
                let received = loading::received(Paper::received(&paper.name, paper.bytes.clone())?)?;
                let column = column_named(&filing.column);
                let reading = loading::reading(&paper.name, month, column);
                loading::load(&agent, &mut store, book, &form, &reading, received, Some(month), person, Lang::Zh)?
            }
            None => {
                let draft = build::read(&drafts::kept(&store, place)?)?;
                if !draft.shown().contains(&filing.column.as_str()) {
                    return Err(Refusal::missing());
                }
                let rows: Vec<_> = draft
                    .cells
                    .iter()
                    .map(|cell| {
                        let column = cell.columns.shown(&filing.column).map(|column| name_of(cell, column));
                        (cell.id.clone(), column.and_then(|name| column_named(&name)))
                    })
                    .collect();
                loading::pasted(&mut store, (book, &form, month), &rows, &filing.text, person, Lang::Zh)?
            }
        };
        let months = loaded.kept.months.into_iter().map(|(month, (count, new))| (month, count, new)).collect();
        Ok(FiledNow { months, findings: report::grave(loaded.findings) })
    }

    fn unfile(&self, who: &str, place: &Place, row: &str, reason: &str) -> Answer<()> {
        let (agent, mut store) = self.open()?;
        let person = agent.person(who)?;
        person.must(Deed::Platform, &place.form)?;
        let (book, month, reason) = (book(&agent, place)?, month(place)?, acts::reason(reason)?);
        let key = Some(row).filter(|row| !row.is_empty());
        let back = reported::Back { book: &book.id, form: &place.form, period: Some(month), key, column: None, reason };
        if reported::withdraw(&mut store, &back, person)?.is_empty() {
            let at = format!("{}, {month}, book {}", place.form, book.id);
            return Err(Failure::findings(vec![Finding::error("reported-absent").at(at)]).into());
        }
        Ok(())
    }
}

fn version(version: &DraftVersion) -> Result<FiledVersion, Failure> {
    let digest = journal::Digest::of(version.body.as_bytes()).to_string();
    Ok(FiledVersion { version: version.version, state: version.state.clone(), digest, draft: build::read(version)? })
}

/// What a cell reports in a column. What stands at the end of the period has one name on the form and may have another where it was filed.
fn column<'a>(cell: &'a Cell, name: &str) -> Option<&'a Column> {
    let main = ["cumulative", "closing", "opening", "value"].contains(&name);
    cell.columns.get(name).or_else(|| cell.columns.main().filter(|_| main))
}

fn filed(agent: &Agent, store: &Store, place: &Place) -> Answer<Filed> {
    let (book, month) = (book(agent, place)?, month(place)?);
    let view = drafts::view(agent, store, place)?;
    let versions = store.drafts_of_year(&book.id, month.year()).map_err(Failure::from)?;
    let own = versions.iter().filter(|version| version.form == place.form && version.period == place.period);
    let last = own.filter(|version| SIGNED.contains(&version.state.as_str())).max_by_key(|version| version.operation);
    let signed = last.is_some();
    let against = match last {
        Some(last) => version(last)?,
        None => version(&drafts::kept(store, place)?)?,
    };
    let mut figures = Vec::new();
    for (record, reported) in reported::of(store, &book.id, Some(&place.form), Some(&place.period))? {
        let cell = against.draft.cells.iter().find(|cell| cell.id == record.key);
        for (name, filed) in &reported.columns {
            let ours = cell.and_then(|cell| {
                let column = column(cell, name)?;
                cell.adjusted(column).map(|made| made.reported.clone()).or_else(|| column.value.clone())
            });
            let number = |text: &str| text.parse::<Amount>().ok();
            let both = ours.as_deref().and_then(number).zip(number(filed));
            let apart = both.and_then(|(ours, filed)| filed.checked_sub(ours)).map(|apart| apart.to_string());
            let cell_place = reported.places.get(name).cloned().unwrap_or_default();
            figures.push(FiledFigure {
                id: record.key.clone(),
                name: cell.map(|cell| cell.name.clone()).unwrap_or_default(),
                column: name.clone(),
                same: both.is_some_and(|(ours, filed)| ours == filed),
                ours,
                filed: filed.clone(),
                apart,
                place: format!("{} {cell_place}", reported.file),
                by: reported.by.clone(),
            });
        }
    }
    // In the order of the form; what is not on it comes last.
    let order = |id: &str| against.draft.cells.iter().position(|cell| cell.id == id).unwrap_or(usize::MAX);
    figures.sort_by_key(|figure| (order(&figure.id), figure.column.clone()));
    Ok(Filed { view, against, signed, figures })
}
