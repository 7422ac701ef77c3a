/*! `taizhang check`: everything that can be known to be wrong before a month depends on it, all at once. */

use std::fs;

use model::{CreditCode, Finding};
use reader::Verb;
use survey::{Mapping, Standard};

use super::Ctx;
use crate::{
    config::{Agent, Book, Form},
    detect::{columns, some, system},
    output::Table,
    packs,
    pull::Opened,
    report::{Failure, blocked, io},
};

/// Findings and the gravest exit code among them.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    exit: u8,
}

impl Found {
    fn failure(&mut self, failure: Failure) {
        self.exit = self.exit.max(failure.exit);
        self.findings.extend(failure.findings);
    }

    /// Findings about the configuration.
    fn config(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let findings: Vec<Finding> = findings.into_iter().collect();
        if blocked(&findings) {
            self.exit = self.exit.max(2);
        }
        self.findings.extend(findings);
    }

    /// Findings about what the source holds.
    fn data(&mut self, findings: Vec<Finding>) {
        if blocked(&findings) {
            self.exit = self.exit.max(1);
        }
        self.findings.extend(findings);
    }
}

/// Checks the configuration, packs and mappings, and opens every source.
pub fn run(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let agent = ctx.agent()?;
    let mut found = Found::default();
    let place = agent.path.display().to_string();
    found.config(unit(&agent, &place));
    if agent.books.is_empty() {
        found.config([Finding::warning("config-without-books").at(&place)]);
    }
    if let Some(file) = agent.rates.as_ref()
        && let Err(error) = fs::metadata(file)
    {
        found.config([io(file, &error)]);
    }
    if let Err(failure) = crate::measures::facts(&agent) {
        found.failure(failure);
    }
    match packs::standard(&agent) {
        Ok(standard) => agent.forms.iter().for_each(|own| form(&agent, own, &standard, &mut found)),
        Err(failure) => found.failure(failure),
    }
    let rows = agent.books.iter().map(|own| book(&agent, own, &mut found)).collect();
    let columns = ["book", "connector", "name", "system", "can_write", "currency", "accounts"];
    Table { columns: &columns, numbers: &["accounts"], rows }.write(ctx.format, ctx.lang)?;
    if found.exit > 0 {
        return Err(Failure { exit: found.exit, findings: found.findings });
    }
    found.findings.push(Finding::note("check-done").at(&place).with("books", agent.books.len()).with("forms", agent.forms.len()));
    Ok(found.findings)
}

fn unit(agent: &Agent, place: &str) -> Vec<Finding> {
    let place = format!("{place}, unit");
    let mut findings = Vec::new();
    if agent.unit.code.is_empty() {
        findings.push(Finding::warning("credit-code-missing").at(&place));
    } else if let Err(reason) = agent.unit.code.parse::<CreditCode>() {
        let finding = Finding::error("credit-code-unfit").at(&place).with("code", &agent.unit.code);
        findings.push(finding.with("reason", reason));
    }
    if agent.unit.name.is_empty() {
        findings.push(Finding::warning("unit-nameless").at(place));
    }
    findings
}

/// A form of the configuration: known, on a book that is there, with layers that can be read.
fn form(agent: &Agent, own: &Form, standard: &Standard, found: &mut Found) {
    if let Some(book) = &own.book
        && let Err(failure) = agent.book(Some(book))
    {
        found.failure(failure);
    }
    let mut layers = Vec::new();
    for path in &own.mapping {
        match fs::read_to_string(path) {
            Ok(text) => layers.push((path.display().to_string(), text)),
            Err(error) => found.config([io(path, &error)]),
        }
    }
    let form = crate::forms::pack(Some(agent), own).map_err(|findings| found.config(findings)).ok();
    if let Some(form) = form {
        found.config(Mapping::assemble(standard, vec![form], &layers).1);
    }
}

/// Opens a book's source and reads what is small; a row of the result.
fn book(agent: &Agent, own: &Book, found: &mut Found) -> Vec<String> {
    let place = format!("book {}", own.id);
    let mut row = vec![own.id.clone(), own.connector.clone()];
    row.resize(7, String::new());
    if Agent::has_inline_password(own) {
        found.config([Finding::warning("password-inline").at(&place)]);
    }
    let opened = match Opened::new(agent, own) {
        Ok(opened) => opened,
        Err(failure) => {
            found.failure(failure);
            return row;
        }
    };
    let reading = opened.reading();
    match system(&reading) {
        Ok(system) => {
            match system.can_write.as_str() {
                "yes" => found.config([Finding::warning("account-can-write").at(&place).with("system", &system.name)]),
                "unknown" => found.config([Finding::note("rights-unknown").at(&place).with("system", &system.name)]),
                _ => {}
            }
            (row[3], row[4]) = (system.name, system.can_write);
        }
        Err(failure) => {
            found.failure(failure);
            return row;
        }
    }
    match columns(&reading) {
        Ok(columns) => {
            // With extracts of one's own the pack's tables need not be there.
            if let Some(fit) = opened.pack.fit(&columns).filter(|fit| own.extract.is_empty() && !fit.missing.is_empty()) {
                let finding = Finding::error("pack-unfit").at(&place).with("connector", &own.connector);
                found.config([finding.with("missing", some(&fit.missing))]);
                return row;
            }
        }
        Err(failure) => found.failure(failure),
    }
    let absent = ["periods", "fingerprint"].into_iter().filter(|name| !opened.pack.has(name));
    found.config(absent.map(|name| Finding::warning("extract-absent").at(&place).with("extract", name)));
    let mut currency = own.currency.clone().unwrap_or_default();
    for extract in ["books", "accounts", "periods"] {
        let Some(query) = opened.query(extract, None) else { continue };
        let rows = match reading.rows(Verb::Read, vec![query]) {
            Ok(rows) => rows,
            Err(failure) => {
                found.failure(failure);
                continue;
            }
        };
        let (rows, pack) = (&rows[0], opened.pack.name.as_str());
        match extract {
            "books" => {
                let (books, findings) = connector::books(pack, rows);
                found.data(findings);
                let names: Vec<String> = books.iter().map(|info| info.name.clone()).collect();
                match books.into_iter().find(|info| packs::is_book(&opened.values, info)) {
                    Some(info) => {
                        row[2] = info.name;
                        if currency.is_empty() {
                            currency = info.currency;
                        }
                    }
                    None => found.config([Finding::error("book-absent").at(&place).with("known", some(&names))]),
                }
            }
            "accounts" => {
                let (accounts, findings) = connector::accounts(pack, rows);
                found.data(findings);
                if accounts.is_empty() {
                    let values = opened.values.iter().map(|(name, value)| format!("{name} = {value:?}")).collect::<Vec<_>>();
                    found.data(vec![Finding::error("chart-empty").at(&place).with("values", values.join(", "))]);
                }
                row[6] = accounts.len().to_string();
            }
            _ => found.data(connector::periods(pack, rows).1),
        }
    }
    if currency.is_empty() {
        found.config([Finding::warning("currency-unknown").at(&place)]);
    }
    row[5] = currency;
    row
}
