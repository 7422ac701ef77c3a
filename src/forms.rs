/*! A sealed book with the mapping of its forms: what building, explaining and checking work on. */

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use formula::{Account, Figures};
use journal::{Coverage, Digest, Evidence};
use model::{Amount, Finding, Month, Period};
use survey::{
    BookAccount, Converted, Engine, Form, Mapping, Rate, Rates, Sealed, Sources, Standard,
    document::PackUsed,
    measures::{Beside, Measures},
};

use crate::{
    books::{self, Grain, SealedBook},
    config::{self, Agent, Book},
    measures, packs,
    report::{self, Failure},
    retyped, unposted,
};

/// Currency of the forms.
const FORM_CURRENCY: &str = "CNY";

/// The newest edition that comes with the program.
pub const EDITION: &str = "2025";

/// Layers of a book's mapping put together.
pub struct Layers {
    /// The mapping.
    pub mapping: Mapping,
    /// Its texts with the names of their files.
    pub texts: Vec<(String, String)>,
    /// Digest of what people and the program say of measures, where a formula asks for any.
    measures: Option<String>,
    /// Notes and warnings.
    pub findings: Vec<Finding>,
}

impl Layers {
    /// SHA-256 over what a form's draft can depend on: its standard, the forms that it refers to, the layers that say something about them.
    /// The texts count, not where the enterprise keeps the files.
    pub fn digest(&self, form: &str) -> String {
        let mut text: String = self.mapping.texts_of(form).iter().map(|text| format!("{}\n{text}", text.len())).collect();
        if self.mapping.reach(form).measures {
            text.push_str(self.measures.as_deref().unwrap_or_default());
        }
        Digest::of(text.as_bytes()).to_string()
    }
}

impl Layers {
    /// The form's own pack, by revision and digest of its text.
    pub fn pack(&self, code: &str) -> Option<PackUsed> {
        let form = self.mapping.form(code)?;
        let name = file_name(&form.edition, code);
        let (_, text) = self.texts.iter().find(|(file, _)| *file == name)?;
        Some(PackUsed { revision: form.revision, digest: Digest::of(text.as_bytes()).to_string() })
    }
}

/// Where a form lies: with the program, and beneath the configuration where an enterprise has its own text of it.
fn file_name(edition: &str, code: &str) -> String {
    format!("mappings/forms/{edition}/{code}.toml")
}

/// Forms that are configured for a book; `wanted` is added where it comes with the program and nobody configured it.
pub fn configured(agent: &Agent, book: &Book, wanted: Option<&str>) -> Result<Vec<config::Form>, Failure> {
    let own = |form: &&config::Form| form.book.as_ref().is_none_or(|id| *id == book.id);
    let mut forms: Vec<config::Form> = agent.forms.iter().filter(own).cloned().collect();
    if let Some(code) = wanted
        && !forms.iter().any(|form| form.code == code)
    {
        forms.push(config::Form::of(code, EDITION));
    }
    if forms.is_empty() {
        return Err(Failure::config(Finding::error("forms-missing").at(agent.path.display().to_string())));
    }
    Ok(forms)
}

/// A file of the enterprise's own folder `mappings`, laid out like the one that comes with the program: it stands in the place of the
/// built-in text, so that a fact of a survey can be put right without a build.
pub fn own_file(agent: &Agent, name: &str) -> Result<Option<String>, Finding> {
    let path = agent.folder().join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Finding::io(&path, &error)),
    }
}

/// A form, with its repeated rows for the products of the unit: the enterprise's own text of it where there is one, or the one that comes
/// with the program.
pub fn pack(agent: Option<&Agent>, configured: &config::Form) -> Result<Form, Vec<Finding>> {
    let (edition, code) = (configured.edition.as_str(), configured.code.as_str());
    let name = file_name(edition, code);
    let plain = [edition, code].iter().all(|part| part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_'));
    let own = match agent.filter(|_| plain) {
        Some(agent) => own_file(agent, &name).map_err(|finding| vec![finding])?,
        None => None,
    };
    let built_in = survey::FORMS.iter().find(|(e, c, _)| (*e, *c) == (edition, code)).map(|(.., text)| (*text).to_owned());
    let Some(text) = own.or(built_in) else {
        let near = settings::nearest(code, survey::FORMS.iter().map(|(_, code, _)| *code)).unwrap_or("—");
        let place = agent.map_or_else(String::new, |agent| agent.form_place(configured, "code"));
        let finding = Finding::error("form-unknown").at(place).with("form", code);
        return Err(vec![finding.with("edition", edition).with("near", near)]);
    };
    let (form, mut findings) = Form::parse(&name, &text);
    if let Some(form) = &form
        && (form.form.as_str(), form.edition.as_str()) != (code, edition)
    {
        let finding = Finding::error("form-misnamed").at(&name).with("form", &form.form).with("edition", &form.edition);
        findings.push(finding);
        return Err(findings);
    }
    form.map_or(Err(findings), |form| expanded(agent, form))
}

/// A form with its repeated rows for what the unit has.
fn expanded(agent: Option<&Agent>, form: Form) -> Result<Form, Vec<Finding>> {
    let energies = match agent.filter(|agent| form.each.as_deref() == Some("energy") && !agent.energy.is_empty()) {
        Some(agent) => Some(measures::energies(agent)?),
        None => None,
    };
    let products = agent.map(|agent| agent.products.as_slice()).unwrap_or_default();
    // A form of energy is repeated for what the unit burns, and never for what it makes.
    let (form, wrong) = form.expanded(energies.as_deref().unwrap_or(products));
    if wrong.is_empty() { Ok(form) } else { Err(wrong) }
}

/// Says where a form is another region's than the unit's.
pub fn elsewhere(agent: &Agent, own: &config::Form, form: &Form) -> Option<Finding> {
    let (region, unit) = (form.region.as_deref()?, agent.unit.region.as_str());
    // 行政区划代码 go from the left by twos: province, city, county.
    let mut wide = region;
    while let Some(wider) = wide.strip_suffix("00") {
        wide = wider;
    }
    let finding = Finding::warning("form-of-another-region").at(agent.form_place(own, "code")).with("form", &form.form);
    (!unit.is_empty() && !unit.starts_with(wide)).then(|| finding.with("region", region).with("unit", unit))
}

/// The layers of `forms`, each once, under the names that documents give them.
pub fn texts<'a>(agent: &Agent, forms: impl IntoIterator<Item = &'a config::Form>) -> (Vec<(String, String)>, Vec<Finding>) {
    texts_with(agent, forms, None)
}

/// The same with another text in the place of one file.
fn texts_with<'a>(
    agent: &Agent,
    forms: impl IntoIterator<Item = &'a config::Form>,
    instead: Option<(&Path, &str)>,
) -> (Vec<(String, String)>, Vec<Finding>) {
    let (mut texts, mut findings) = (Vec::new(), Vec::new());
    for path in forms.into_iter().flat_map(|form| &form.mapping) {
        let name = layer_name(agent, path);
        if texts.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let text = match instead.filter(|(file, _)| file == path) {
            Some((_, text)) => Ok(text.to_owned()),
            None => fs::read_to_string(path),
        };
        match text {
            Ok(text) => texts.push((name, text)),
            Err(error) => findings.push(Finding::io(path, &error)),
        }
    }
    (texts, findings)
}

/// A layer as documents name it: as the configuration does, so that they are the same wherever it is kept.
pub fn layer_name(agent: &Agent, path: &Path) -> String {
    path.strip_prefix(agent.folder()).unwrap_or(path).display().to_string()
}

/// Puts standard, forms and layers of a book together; everything that is wrong is told at once.
pub fn layers(agent: &Agent, forms: &[config::Form]) -> Result<Layers, Failure> {
    layers_with(agent, forms, None)
}

/// The same as if a file had another text: what is about to be written is looked at before it is.
pub fn layers_with(agent: &Agent, forms: &[config::Form], instead: Option<(&Path, &str)>) -> Result<Layers, Failure> {
    let standard = packs::standard(agent)?;
    let (texts, mut findings) = texts_with(agent, forms, instead);
    let mut packs = Vec::new();
    for configured in forms {
        match pack(Some(agent), configured) {
            Ok(form) => {
                // What no product has of its own belongs to one of the industries, and only the unit knows to which.
                if form.rows.iter().any(|row| row.repeats.is_some() && row.rest.is_some()) {
                    let finding = Finding::warning("industry-main-missing").at(agent.place("unit.industry"));
                    findings.push(finding.with("form", &form.form).with("industry", &agent.unit.industry));
                }
                packs.push(form);
            }
            Err(wrong) => findings.extend(wrong),
        }
    }
    let (mapping, wrong) = Mapping::assemble(&standard, packs, &texts);
    findings.extend(wrong);
    match mapping {
        Some(mapping) if !report::blocked(&findings) => {
            let mut texts: Vec<(String, String)> =
                mapping.sources().map(|(file, text)| (file.to_owned(), text.to_owned())).collect();
            let mut measures = None;
            if mapping.asks_measures(None) {
                let facts = measures::facts(agent)?;
                measures = Some(facts.digest.clone());
                texts.extend(facts.texts.map(|(file, text)| (file.to_owned(), text)));
            }
            Ok(Layers { mapping, texts, measures, findings })
        }
        _ => Err(Failure { exit: 2, findings }),
    }
}

/// A mapping put together again from the texts that were kept with a draft, in the order in which they were kept: standard, forms, layers,
/// measures. What of it is not in these texts, the unit's products, is as it is now.
pub fn layers_kept(agent: &Agent, kept: &[(String, String)]) -> Result<(Layers, Option<measures::Facts>), Vec<Finding>> {
    let missing = || vec![Finding::error("standard-unknown").with("standard", "—").with("near", "cas, small-business")];
    let ((file, text), rest) = kept.split_first().ok_or_else(missing)?;
    let (standard, mut findings) = Standard::parse(file, text);
    let standard = standard.ok_or_else(|| findings.clone())?;
    let (mut packs, mut layers, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    for (file, text) in rest {
        if measures::is_fact(file) {
            facts.push((file.clone(), text.clone()));
            continue;
        }
        // A layer may lie anywhere; a form lies where its edition and code say.
        let form = file.starts_with("mappings/forms/").then(|| Form::parse(file, text).0).flatten();
        match form.filter(|form| *file == file_name(&form.edition, &form.form)) {
            Some(form) => packs.push(expanded(Some(agent), form)?),
            None => layers.push((file.clone(), text.clone())),
        }
    }
    let (mapping, wrong) = Mapping::assemble(&standard, packs, &layers);
    findings.extend(wrong);
    let facts = measures::facts_kept(&facts);
    match mapping {
        Some(mapping) => {
            let measures = facts.as_ref().map(|facts| facts.digest.clone());
            Ok((Layers { mapping, texts: kept.to_vec(), measures, findings: Vec::new() }, facts))
        }
        None => Err(findings),
    }
}

/// A book ready to be asked by formulas.
pub struct Desk {
    /// Chart as formulas see it.
    pub chart: Vec<Account>,
    /// Names of accounts as the ERP has them.
    pub names: BTreeMap<String, String>,
    /// What was found about the chart.
    pub findings: Vec<Finding>,
    /// Currency of the book.
    pub currency: String,
    /// Seals by period.
    pub seals: BTreeMap<Period, store::Seal>,
    /// What the figures stand on.
    pub evidence: BTreeMap<Period, Sealed>,
    /// Measures alone, where a formula asks for any.
    pub measured: BTreeMap<Period, Sealed>,
    /// Both.
    pub beside: BTreeMap<Period, Sealed>,
    /// The figures.
    pub book: journal::Book,
    /// What the books do not hold, where a formula asks for any.
    pub measures: Option<Measures>,
    /// What the ERP says of each account whose class nobody else says.
    pub types: BTreeMap<String, String>,
    /// Accounts without a line whose code and name disagree: in doubt once they have one.
    pub doubtful: Vec<String>,
    /// Rates, where its currency is not that of the forms.
    pub rates: Option<Rates>,
}

impl Desk {
    /// Prepares a sealed book for the formulas of `mapping`; with `unposted`, its unposted vouchers are in the figures.
    pub fn new(
        agent: &Agent,
        store: &store::Store,
        book: &Book,
        sealed: SealedBook,
        mapping: &Mapping,
        unposted: bool,
    ) -> Result<Desk, Failure> {
        let drafts = if unposted { SealedBook::load(store, &unposted::id(&book.id), Grain::Dimensions)? } else { None };
        Desk::of(agent, store, book, (sealed, drafts), mapping, (unposted, None))
    }

    /// The same from seals that are given, and with `facts` of measures that are not those of now.
    pub fn of(
        agent: &Agent,
        store: &store::Store,
        book: &Book,
        (mut sealed, mut drafts): (SealedBook, Option<SealedBook>),
        mapping: &Mapping,
        (unposted, facts): (bool, Option<measures::Facts>),
    ) -> Result<Desk, Failure> {
        let place = format!("book {}", book.id);
        for (period, cells) in drafts.as_mut().map(|drafts| std::mem::take(&mut drafts.cubes)).unwrap_or_default() {
            sealed.cubes.entry(period).or_default().extend(cells);
        }
        let context = sealed.context;
        let standard = &mapping.standard;
        let losses: BTreeMap<&str, bool> = context
            .accounts
            .iter()
            .map(|a| (a.account.as_str(), a.class == "profit_and_loss" || standard.is_profit_and_loss(&a.account, &a.name)))
            .collect();
        let cubes = sealed.cubes.iter().map(|(period, cells)| (*period, cells.as_slice()));
        let first = book.first_period.map(|text| text.0);
        let coverage = Coverage::of(cubes, |account| losses.get(account).copied().unwrap_or(false), first)
            .ok_or_else(|| Failure::findings(vec![Finding::error("book-empty").at(&place)]))?;
        let mut entries: BTreeMap<Period, Vec<Evidence>> = BTreeMap::new();
        for seal in sealed.seals.iter().chain(drafts.iter().flat_map(|drafts| &drafts.seals)) {
            if let Some(file) = books::entry_file(&store.snapshots(&seal.book)?, seal)? {
                entries.entry(seal.period).or_default().push(file);
            }
        }
        let figures = journal::Book::new(coverage, sealed.cubes, entries);
        let accounts: Vec<BookAccount> = context
            .accounts
            .iter()
            .map(|account| BookAccount {
                code: account.account.clone(),
                name: account.name.clone(),
                class: account.class.clone(),
                side: account.side.clone(),
            })
            .collect();
        let (chart, found) = survey::chart(mapping, &accounts, &|account| figures.is_used(account));
        let known: BTreeSet<&str> = chart.iter().filter(|a| a.standard.is_some()).map(|a| a.code.as_str()).collect();
        let types = context.accounts.iter().filter(|account| !known.contains(&*account.account));
        let types = types.map(|account| (account.account.clone(), retyped::typed(account))).collect();
        let mut findings: Vec<Finding> =
            found.into_iter().map(|finding| Finding { place: format!("{place}, {}", finding.place), ..finding }).collect();
        let would = |account: &&Account| !account.undecided.is_empty() && !figures.is_used(&account.code);
        let all = survey::chart(mapping, &accounts, &|_| true).0;
        let doubtful = all.iter().filter(would).map(|account| account.code.clone()).collect();
        // A layer may serve several books, of which each has some of its accounts.
        let level = if agent.books.len() > 1 { model::Level::Note } else { model::Level::Warning };
        let own = |finding: Finding| Finding { level, place: format!("{place}, {}", finding.place), ..finding };
        findings.extend(mapping.idle(&accounts).into_iter().map(own));
        if context.currency.is_empty() {
            findings.push(Finding::warning("currency-unknown").at(&place));
        }
        let foreign = !context.currency.is_empty() && context.currency != FORM_CURRENCY;
        let rates = if foreign { Some(rates(agent, &context.currency)?) } else { None };
        let asks = mapping.asks_measures(None);
        let mut measured = BTreeMap::new();
        if asks {
            measures::beside(store, &book.id, &mut measured)?;
        }
        Ok(Desk {
            chart,
            names: context.accounts.into_iter().map(|account| (account.account, account.name)).collect(),
            findings,
            currency: context.currency,
            seals: sealed.seals.into_iter().map(|seal| (seal.period, seal)).collect(),
            evidence: unposted::seals(store, &book.id, unposted, false)?,
            measured,
            beside: unposted::seals(store, &book.id, unposted, asks)?,
            measures: if asks { Some(measures::load_with(agent, store, book, facts)?) } else { None },
            book: figures,
            types,
            doubtful,
            rates,
        })
    }

    /// Gives `work` the formulas on the book's figures in 元, and in its own currency where that is another.
    pub fn with<T>(&self, mapping: &Mapping, work: impl FnOnce(&Engine<'_>, Option<&Engine<'_>>) -> T) -> T {
        let (monthly, annual) = (self.book.seen(false), self.book.seen(true));
        let beside = |figures, rates| Beside { figures, measures: self.measures.as_ref(), rates };
        let own = [beside(&monthly as &dyn Figures, None), beside(&annual as &dyn Figures, None)];
        let own = Engine::new(mapping, &self.chart, Sources { monthly: &own[0], annual: &own[1] });
        match &self.rates {
            None => work(&own, None),
            Some(rates) => {
                let converted = |figures| Converted { figures, currency: &self.currency, rates };
                let (monthly, annual) = (converted(&monthly as &dyn Figures), converted(&annual as &dyn Figures));
                let rates = Some((rates, self.currency.as_str()));
                let (monthly, annual) = (beside(&monthly as &dyn Figures, rates), beside(&annual as &dyn Figures, rates));
                let engine = Engine::new(mapping, &self.chart, Sources { monthly: &monthly, annual: &annual });
                work(&engine, Some(&own))
            }
        }
    }
}

impl Desk {
    /// Accounts with lines up to a month that only the ERP says the class of, by what it says.
    pub fn typed(&self, month: Month) -> BTreeMap<String, Vec<String>> {
        let mut typed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (account, what) in self.types.iter().filter(|(account, _)| self.book.is_used_by(account, month)) {
            typed.entry(what.clone()).or_default().push(account.clone());
        }
        typed
    }

    /// The rows of measures that answer a question, each with what it gives in 元.
    pub fn counted(&self, question: &formula::MeasureQuestion) -> Result<Vec<survey::measures::Counted<'_>>, formula::Gap> {
        let rates = self.rates.as_ref().map(|rates| (rates, self.currency.as_str()));
        survey::measures::counted(self.measures.as_ref(), rates, question)
    }
}

/// Seals as drafts look at them.
pub fn sealed<'a>(seals: impl Iterator<Item = &'a store::Seal>) -> BTreeMap<Period, Sealed> {
    seals.map(|seal| (seal.period, Sealed { root: seal.root.clone(), closed: seal.state == "closed" })).collect()
}

/// The table of rates of one currency; no table is an empty one.
pub fn rates(agent: &Agent, currency: &str) -> Result<Rates, Failure> {
    let mut table = Rates::default();
    let Some(path) = &agent.rates else { return Ok(table) };
    let name = path.display().to_string();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_path(path)
        .map_err(|error| Failure::config(Finding::error("rates-unreadable").at(&name).with("reason", error)))?;
    let wrong =
        |line: u64, reason: String| Finding::error("rates-unreadable").at(format!("{name}:{line}")).with("reason", reason);
    let headers: Vec<String> = match reader.headers() {
        // A spreadsheet may write a byte order mark before the first name.
        Ok(headers) => headers.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect(),
        Err(error) => return Err(Failure::config(wrong(1, error.to_string()))),
    };
    let column = |wanted: &str| headers.iter().position(|name| name == wanted);
    let (Some(month), Some(code), Some(rate)) = (column("month"), column("currency"), column("rate")) else {
        return Err(Failure::config(wrong(1, "month,currency,rate[,average]".to_owned())));
    };
    let mut findings = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let line = at as u64 + 2;
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                findings.push(wrong(line, error.to_string()));
                continue;
            }
        };
        let text = |at: usize| record.get(at).unwrap_or_default();
        let amount = |text: &str| match text.parse::<Amount>() {
            Ok(amount) if amount > Amount::ZERO => Ok(amount),
            Ok(_) => Err(format!("{text} ≤ 0")),
            Err(error) => Err(error.to_string()),
        };
        let average = column("average").map(text).filter(|text| !text.is_empty());
        let read = text(month).parse::<Month>().map_err(|error| error.to_string()).and_then(|month| {
            let closing = amount(text(rate))?;
            Ok((month, Rate { closing, average: average.map_or(Ok(closing), amount)? }))
        });
        match read {
            Ok((month, rate)) if text(code) == currency => {
                if !table.add(month, rate) {
                    findings.push(wrong(line, format!("{month} {currency} ×2")));
                }
            }
            Ok(_) => {}
            Err(reason) => findings.push(wrong(line, reason)),
        }
    }
    if findings.is_empty() { Ok(table) } else { Err(Failure { exit: 2, findings }) }
}
