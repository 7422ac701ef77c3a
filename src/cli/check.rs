/*! `taizhang check`: everything that can be known to be wrong before a month depends on it, all at once. */

use std::fs;

use model::{CreditCode, Finding, Level, Month};
use reader::{Query, Source, Verb};
use survey::{Mapping, Standard};

use super::Ctx;
use crate::{
    config::{Agent, Book, Form, Secret},
    delivery::{client::Client, clock, machine::Machine},
    detect::{columns, some, system},
    output::{Table, label},
    packs,
    pull::Opened,
    report::{Failure, blocked},
    signing::{self, Signatory},
    source::Reading,
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
    found.config(unit(&agent));
    if agent.books.is_empty() {
        found.config([Finding::warning("config-without-books").at(&place)]);
    }
    if let Some(file) = agent.rates.as_ref()
        && let Err(error) = fs::metadata(file)
    {
        found.config([Finding::io(file, &error)]);
    }
    if let Err(failure) = crate::measures::facts(&agent) {
        found.failure(failure);
    }
    if let Err(failure) = crate::audit::outside(&agent) {
        found.failure(failure);
    }
    keys(&agent, &mut found);
    receiver(&agent, &mut found);
    match packs::standard(&agent) {
        Ok(standard) => agent.forms.iter().for_each(|own| form(&agent, own, &standard, &mut found)),
        Err(failure) => found.failure(failure),
    }
    let mut rows: Vec<Vec<String>> = agent.books.iter().map(|own| book(&agent, own, &mut found)).collect();
    for row in rows.iter_mut().filter(|row| ctx.people() && !row[4].is_empty()) {
        row[4] = label(ctx.lang, &format!("answer-{}", row[4]));
    }
    let columns = ["book", "connector", "name", "system", "can_write", "currency", "accounts"];
    Table { columns: &columns, numbers: &["accounts"], rows }.write(ctx.format, ctx.lang)?;
    if found.exit > 0 {
        return Err(Failure { exit: found.exit, findings: found.findings });
    }
    found.findings.push(Finding::note("check-done").at(&place).with("books", agent.books.len()).with("forms", agent.forms.len()));
    Ok(found.findings)
}

/// Keys and certificates of people who sign. Their passwords need not be known here, so what is wrong with them holds nothing up.
fn keys(agent: &Agent, found: &mut Found) {
    if let Err(failure) = signing::required(agent) {
        found.failure(failure);
    }
    let Ok(now) = signing::now() else { return };
    // Of those that have ended more is said below.
    found.config(signing::reminders(agent, now).into_iter().filter(|finding| finding.code != "signing-certificate-ended"));
    for (id, key) in &agent.signing.key {
        if [&key.password, &key.pin].into_iter().flatten().any(|secret| matches!(secret, Secret::Inline(_))) {
            found.config([Finding::warning("password-inline").at(agent.place(&format!("signing.key.{id}")))]);
        }
        let wrong = match agent.person(id) {
            Err(failure) => failure.findings,
            Ok(person) => match Signatory::of(agent, person, None) {
                Err(failure) => failure.findings,
                Ok(own) => own.unfit(agent, person, now),
            },
        };
        found.config(wrong.into_iter().map(|finding| Finding { level: Level::Warning, ..finding }));
    }
}

/// The receiver and this machine's certificate. A receiver that is away holds nothing up: what is submitted waits for it.
fn receiver(agent: &Agent, found: &mut Found) {
    let Some(own) = &agent.bureau else { return };
    let warnings = |failure: Failure| failure.findings.into_iter().map(|finding| Finding { level: Level::Warning, ..finding });
    let Ok(now) = signing::now() else { return };
    if let Err(failure) = Machine::read(agent).and_then(|machine| machine.holds(now)) {
        found.config(warnings(failure));
    }
    let client = match Client::new(agent, None) {
        Ok(client) => client,
        Err(failure) => return found.failure(failure),
    };
    match client.health() {
        Err(failure) => found.config(warnings(failure)),
        Ok(health) => {
            found.config(clock::differs(agent, &health.time));
            let there = if health.sandbox { Finding::note("bureau-sandbox") } else { Finding::note("bureau-reached") };
            found.config([there.at(&own.url).with("version", health.version)]);
            // Health is told to everybody; whether this machine may ask for anything, only a question of its own says.
            let asked = Machine::read(agent).and_then(|machine| Client::new(agent, Some(&machine)));
            if let Err(failure) = asked.and_then(|client| client.receipt_of(&"0".repeat(64))) {
                let declined = failure.findings.into_iter().filter(|finding| finding.code == "bureau-declined");
                found.config(declined.map(|finding| Finding { level: Level::Warning, ..finding }));
            }
        }
    }
}

fn unit(agent: &Agent) -> Vec<Finding> {
    let mut findings = Vec::new();
    if agent.unit.code.is_empty() {
        findings.push(Finding::warning("credit-code-missing").at(agent.place("unit")));
    } else {
        findings.extend(credit_code(&agent.unit.code, &agent.place("unit.code")));
    }
    if agent.unit.name.is_empty() {
        findings.push(Finding::warning("unit-nameless").at(agent.place("unit")));
    }
    findings
}

/// What is wrong with a unified social credit code.
pub fn credit_code(code: &str, place: &str) -> Option<Finding> {
    Some(code.parse::<CreditCode>().err()?.finding(code).at(place))
}

/// A form of the configuration: known, on a book that is there, with layers that can be read.
fn form(agent: &Agent, own: &Form, standard: &Standard, found: &mut Found) {
    if let Some(book) = &own.book
        && let Err(mut failure) = agent.book(Some(book))
    {
        failure.findings.iter_mut().for_each(|finding| finding.place = agent.form_place(own, "book"));
        found.failure(failure);
    }
    let mut layers = Vec::new();
    for path in &own.mapping {
        match fs::read_to_string(path) {
            Ok(text) => layers.push((path.display().to_string(), text)),
            Err(error) => found.config([Finding::io(path, &error)]),
        }
    }
    match crate::forms::pack(Some(agent), own) {
        Ok(form) => {
            found.config(crate::forms::elsewhere(agent, own, &form));
            found.config(Mapping::assemble(standard, vec![form], &layers).1);
        }
        Err(findings) => found.config(findings),
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
    let strays = opened.pack.strays(&opened.values).into_iter().map(|(extract, name, near)| {
        Finding::warning("variable-stray").at(format!("{place}, {extract}")).with("name", name).with("near", near)
    });
    found.config(strays);
    let absent = ["periods", "fingerprint"].into_iter().filter(|name| !opened.pack.has(name));
    found.config(absent.map(|name| Finding::warning("extract-absent").at(&place).with("extract", name)));
    let mut currency = own.currency.clone().unwrap_or_default();
    let mut unread = false;
    // Everything that a pull asks for: the small extracts as they are, the others for nothing at all.
    for extract in opened.pack.extracts() {
        let small = ["books", "accounts", "periods"].contains(&extract);
        let query = if small { opened.query(extract, None) } else { nothing(&opened, extract) };
        let Some(query) = query else { continue };
        let rows = match (Reading { place: format!("{place}, {extract}"), ..reading }).rows(Verb::Read, vec![query]) {
            Ok(rows) => rows,
            Err(failure) => {
                unread |= extract == "books";
                found.failure(failure);
                continue;
            }
        };
        if !small {
            continue;
        }
        let (rows, pack) = (&rows[0], opened.pack.name.as_str());
        match extract {
            "books" => {
                let (books, findings) = connector::books(pack, rows);
                found.data(findings);
                let named = |info: &connector::BookInfo| {
                    let ids: Vec<String> = info.variables.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                    format!("{} ({})", ids.join(", "), info.name)
                };
                let names: Vec<String> = books.iter().map(named).collect();
                match books.into_iter().find(|info| packs::is_book(&opened.values, info)) {
                    Some(info) => {
                        row[2] = info.name;
                        if currency.is_empty() {
                            currency = info.currency;
                        }
                    }
                    None if names.is_empty() => {
                        found.config([Finding::error("book-none").at(&place).with("connector", &opened.book.connector)]);
                    }
                    None => found.config([Finding::error("book-absent").at(&place).with("known", some(&names))]),
                }
            }
            "accounts" => {
                let (accounts, findings) = connector::accounts(pack, rows);
                found.data(findings);
                if accounts.is_empty() {
                    // Where the book itself is not there, its chart is not worth another word.
                    let known = found
                        .findings
                        .iter()
                        .any(|finding| ["book-absent", "book-none"].contains(&&*finding.code) && finding.place == place);
                    let finding = Finding::error("chart-empty").at(&place).with("values", packs::shown(&opened.values));
                    found.data(if known { Vec::new() } else { vec![finding] });
                }
                row[6] = accounts.len().to_string();
            }
            _ => found.data(connector::periods(pack, rows).1),
        }
    }
    if currency.is_empty() && !unread {
        found.config([Finding::warning("currency-unknown").at(&place)]);
    }
    row[5] = currency;
    row
}

/// The query of an extract with an answer without rows: the source looks at every table and column of it, and reads none. Where it is not
/// known how a dialect says that, the months from the last to the first hold nothing.
fn nothing(opened: &Opened<'_>, extract: &str) -> Option<Query> {
    let query = opened.query(extract, Some((Month::LAST, Month::FIRST)))?;
    let known = ["sqlite", "postgresql", "mariadb"].contains(&opened.source.dialect());
    if !known || matches!(opened.source, Source::Command(_)) {
        return Some(query);
    }
    let text = query.query.trim_end_matches([';', ' ', '\t', '\r', '\n']);
    Some(Query { query: format!("SELECT * FROM (\n{text}\n) AS answer LIMIT 0"), ..query })
}
