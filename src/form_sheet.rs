/*! Sheets that people made, read for what they say about a form. */

use std::path::Path;

use model::Finding;
use sheets::SheetError;
use survey::{
    Form, Printed,
    exam::{Grid, HEADERS, Wanted, Words},
};

use crate::{config::Agent, report::Failure};

impl From<SheetError> for Failure {
    fn from(error: SheetError) -> Failure {
        Failure::config(match error {
            SheetError::Io { path, source } => Finding::io(&path, &source),
            SheetError::Refused(finding) => finding,
        })
    }
}

/// How a sheet is to be read.
pub struct Reading<'a> {
    /// File.
    pub path: &'a Path,
    /// Name of the sheet; the one with the most figures of the form where absent.
    pub sheet: Option<&'a str>,
    /// Unit of money of figures beside which none is said.
    pub unit: Option<&'a str>,
    /// Year of headings that say a month alone.
    pub year: Option<u16>,
    /// Column of headings that say a month alone.
    pub column: Option<Printed>,
}

impl Reading<'_> {
    /// What the file says about a form, with the words that it was read by.
    pub fn of(&self, agent: &Agent, form: &Form) -> Result<(Grid, survey::exam::Reading, Words), Failure> {
        self.of_sheets(agent, form, sheets::read(self.path)?)
    }

    /// The same of sheets that were read already.
    pub fn of_sheets(
        &self,
        agent: &Agent,
        form: &Form,
        mut sheets: Vec<sheets::Sheet>,
    ) -> Result<(Grid, survey::exam::Reading, Words), Failure> {
        let words = words(Some(agent))?;
        let place = self.path.display().to_string();
        let unit = match self.unit {
            None => None,
            Some(name) => Some(words.money(name).ok_or_else(|| {
                let known = words.moneys().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
                Failure::config(Finding::error("money-unit-unknown").with("unit", name).with("known", known))
            })?),
        };
        if let Some(name) = self.sheet {
            let known = sheets.iter().map(|sheet| sheet.grid.name.clone()).collect::<Vec<_>>().join(", ");
            sheets.retain(|sheet| sheet.grid.name == name);
            if sheets.is_empty() {
                return Err(Failure::config(Finding::error("sheet-missing").at(place).with("sheet", name).with("known", known)));
            }
        }
        let wanted =
            Wanted { form, words: &words, unit: (&agent.unit.code, &agent.unit.name), year: self.year, column: self.column };
        let mut best: Option<(Grid, survey::exam::Reading)> = None;
        for sheet in sheets {
            let found = survey::exam::read(&sheet.grid, wanted);
            let size = |reading: &survey::exam::Reading| (reading.told.len(), reading.unclear.len());
            if best.as_ref().is_none_or(|(_, best)| size(&found) > size(best)) {
                best = Some((sheet.grid, found));
            }
        }
        let (grid, mut reading) = best.ok_or_else(|| {
            let finding = Finding::error("sheet-without-figures").at(&place);
            Failure::findings(vec![finding.with("form", &form.form)])
        })?;
        for told in &mut reading.told {
            let money = form.row(&told.key).is_some_and(|row| words.is_money(form, row));
            told.unit = told.unit.or(unit.filter(|_| money));
        }
        Ok((grid, reading, words))
    }
}

/// The words of headings: the enterprise's own, or those that come with the program.
pub fn words(agent: Option<&Agent>) -> Result<Words, Failure> {
    const FILE: &str = "mappings/headers.toml";
    let own = agent.map_or(Ok(None), |agent| crate::forms::own_file(agent, FILE)).map_err(Failure::config)?;
    let (words, findings) = Words::parse(FILE, own.as_deref().unwrap_or(HEADERS));
    words.ok_or(Failure { exit: 2, findings })
}
