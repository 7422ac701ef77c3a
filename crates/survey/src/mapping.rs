//! Layers of a mapping put together: the standard's items, the form's rows, what the enterprise overrides.

use std::collections::{BTreeMap, BTreeSet};

use formula::{Expr, Fault, Kind, MeasureCall, Named, Scope};
use model::{Finding, Level};
use serde::Deserialize;
use settings::Shape;
use toml::Spanned;

use crate::{Form, Standard, audit, proposed::own_level};

const ANY: Shape = Shape::Any;
const TEXT: Shape = Shape::Text;
const MUST: Shape = Shape::Must(&TEXT);
pub(crate) const ITEM: Shape =
    Shape::Table(&[("name", TEXT), ("formula", TEXT), ("status", TEXT), ("note", TEXT), ("why", TEXT)]);
pub(crate) const LAYER: Shape = Shape::Table(&[
    // A file of tests alone has none.
    ("title", TEXT),
    // What the tests of a layer are about; they add nothing to the mapping.
    ("standard", ANY),
    ("edition", ANY),
    ("test", crate::trial::TEST),
    ("accounts", Shape::Map(&Shape::Table(&[("is", MUST), ("why", MUST)]))),
    ("item", Shape::Map(&ITEM)),
    ("cell", Shape::Map(&Shape::Table(&[("formula", MUST), ("why", MUST)]))),
]);

/// A text and where it is from, for places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub file: String,
    pub text: String,
}

impl Source {
    /// Place of a byte of a value. A text without escapes stands in the file as it is, behind its quote.
    fn place(&self, value: &Spanned<String>, at: usize) -> String {
        let span = value.span();
        let inner = self.text.get(span.clone()).and_then(|raw| raw.find(value.get_ref().as_str()));
        settings::place(&self.file, &self.text, span.start + inner.map_or(0, |inner| inner + at))
    }
}

/// A named formula of a standard or of the enterprise.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Item {
    pub name: Option<String>,
    pub formula: Option<Spanned<String>>,
    pub note: Option<String>,
    pub why: Option<String>,
}

#[derive(Deserialize)]
struct RawLayer {
    title: String,
    #[serde(default)]
    accounts: BTreeMap<Spanned<String>, RawDecision>,
    #[serde(default)]
    item: BTreeMap<String, Item>,
    #[serde(default)]
    cell: BTreeMap<Spanned<String>, CellOverride>,
}

#[derive(Deserialize)]
struct RawDecision {
    is: Spanned<String>,
    why: String,
}

/// What a person writes where an account is none of the standard's and is not reported.
pub const NOTHING: &str = "none";

/// What a person decided about an account.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The standard's account that it is, or [`NOTHING`].
    pub is: String,
    /// Why.
    pub why: String,
    /// `file:line:column` of the account.
    pub place: String,
}

#[derive(Deserialize)]
struct CellOverride {
    formula: Spanned<String>,
    why: String,
}

/// One formula of the mapping and where it comes from.
#[derive(Clone, Debug)]
pub struct Formula {
    /// As it is written.
    pub text: String,
    /// Read.
    pub expr: Expr,
    /// By which codes it names accounts.
    pub scope: Scope,
    /// `file:line:column` of its first character.
    pub place: String,
    /// Name of an item.
    pub name: Option<String>,
    /// Why the enterprise's layer says something else.
    pub why: Option<String>,
    /// Place of the formula that it replaces.
    pub replaces: Option<String>,
    source: Source,
    spanned: Spanned<String>,
}

impl Formula {
    /// A fault in it as a finding with its place.
    pub(crate) fn finding(&self, fault: &Fault, level: Level) -> Finding {
        finding(&self.source, &self.spanned, fault, level)
    }
}

fn finding(source: &Source, value: &Spanned<String>, fault: &Fault, level: Level) -> Finding {
    let mut finding = Finding::new(level, fault.code).at(source.place(value, fault.span.start));
    for (name, text) in &fault.arguments {
        finding = finding.with(name, text);
    }
    finding
}

/// An audit rule, read.
#[derive(Clone, Debug)]
pub struct RuleFormula {
    /// Form.
    pub form: String,
    /// Place in the form's rules.
    pub at: usize,
    /// Read.
    pub expr: Expr,
}

/// The layers together.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The accounting standard.
    pub standard: Standard,
    /// Forms.
    pub forms: Vec<Form>,
    /// Formula of each item; none where the standard has no such thing.
    pub items: BTreeMap<String, Option<Formula>>,
    /// Formula of each `(form, row)` that has one.
    pub cells: BTreeMap<(String, String), Formula>,
    /// Audit rules.
    pub rules: Vec<RuleFormula>,
    /// What the enterprise decided about its accounts.
    pub accounts: BTreeMap<String, Decision>,
    pub(crate) sources: Sources,
}

/// Where a mapping was read from.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub standard: Source,
    /// As the forms stand in the mapping.
    pub forms: Vec<Source>,
    /// In their order, each with what it says something about.
    pub layers: Vec<(Source, Says)>,
}

/// What a layer says something about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Says {
    pub accounts: bool,
    pub items: BTreeSet<String>,
    /// Forms with cells.
    pub forms: BTreeSet<String>,
}

/// Collects formulas and what is wrong with them.
struct Assembly {
    items: BTreeMap<String, Option<Formula>>,
    cells: BTreeMap<(String, String), Formula>,
    findings: Vec<Finding>,
}

impl Assembly {
    fn read(&mut self, source: &Source, value: &Spanned<String>, scope: Scope) -> Option<Formula> {
        let (expr, faults) = formula::parse(value.get_ref());
        self.findings.extend(faults.iter().map(|fault| finding(source, value, fault, Level::Error)));
        Some(Formula {
            text: value.get_ref().clone(),
            expr: expr?,
            scope,
            place: source.place(value, 0),
            name: None,
            why: None,
            replaces: None,
            source: source.clone(),
            spanned: value.clone(),
        })
    }

    fn item(&mut self, source: &Source, id: &str, item: &Item, scope: Scope) {
        let mut formula = item.formula.as_ref().and_then(|value| self.read(source, value, scope));
        let before = self.items.get(id).cloned().flatten();
        if let Some(formula) = &mut formula {
            formula.name = item.name.clone().or(before.as_ref().and_then(|before| before.name.clone()));
            formula.why = item.why.clone().or(item.note.clone());
            formula.replaces = before.map(|before| before.place);
        } else if item.formula.is_some() {
            return;
        }
        self.items.insert(id.to_owned(), formula);
    }
}

/// What layers, `(file, text)`, decide about accounts: the account, and the standard's account that it is. Nothing else of them is
/// looked at, so that a formula under way keeps nobody from reading the books.
pub fn decisions(layers: &[(String, String)]) -> (BTreeMap<String, String>, Vec<Finding>) {
    let (mut decided, mut all) = (BTreeMap::new(), Vec::new());
    for (file, text) in layers {
        let (layer, findings) = settings::read::<RawLayer>(file, text, &LAYER);
        all.extend(findings);
        // What is on no form still closes as the ERP says.
        let accounts =
            layer.into_iter().flat_map(|layer| layer.accounts).filter(|(_, decision)| decision.is.get_ref() != NOTHING);
        decided.extend(accounts.map(|(account, decision)| (account.into_inner(), decision.is.into_inner())));
    }
    (decided, all)
}

impl Mapping {
    /// Puts the layers together: `forms` and `layers` are `(file, text)`, later layers over earlier ones. There is a mapping when
    /// nothing is wrong with it.
    pub fn assemble(standard: &Standard, forms: Vec<Form>, layers: &[(String, String)]) -> (Option<Mapping>, Vec<Finding>) {
        let mut assembly = Assembly { items: BTreeMap::new(), cells: BTreeMap::new(), findings: Vec::new() };
        let mut sources = Sources { standard: standard.source.clone(), forms: Vec::new(), layers: Vec::new() };
        for (id, item) in &standard.items {
            assembly.item(&standard.source, id, item, Scope::Standard);
        }
        for form in &forms {
            sources.forms.push(form.source.clone());
            for row in &form.rows {
                if let Some(value) = &row.formula
                    && let Some(formula) = assembly.read(&form.source, value, Scope::Standard)
                {
                    assembly.cells.insert((form.form.clone(), row.key().to_owned()), formula);
                }
            }
        }
        let mut accounts = BTreeMap::new();
        for (file, text) in layers {
            let source = Source { file: file.clone(), text: text.clone() };
            let (layer, findings) = settings::read::<RawLayer>(file, text, &LAYER);
            assembly.findings.extend(findings);
            let Some(layer) = layer else { continue };
            let _ = layer.title;
            let mut says = Says { accounts: !layer.accounts.is_empty(), ..Says::default() };
            says.items.extend(layer.item.keys().cloned());
            for (id, item) in &layer.item {
                assembly.item(&source, id, item, Scope::Own);
            }
            for (account, RawDecision { is, why }) in layer.accounts {
                let place = settings::place(file, text, account.span().start);
                let account = account.into_inner();
                if is.get_ref() != NOTHING && standard.account(is.get_ref()).is_none() {
                    let finding = Finding::error("standard-account-unknown").at(source.place(&is, 0)).with("account", &account);
                    assembly.findings.push(finding.with("is", is.get_ref()).with("standard", &standard.title));
                }
                accounts.insert(account, Decision { is: is.into_inner(), why, place });
            }
            for (cell, given) in layer.cell {
                let place = settings::place(file, text, cell.span().start);
                let known = cell.get_ref().split_once(':').and_then(|(form, row)| {
                    let found = forms.iter().find(|known| known.form == form)?;
                    found.row(row).map(|row| (form.to_owned(), row.key().to_owned()))
                });
                let Some(key) = known else {
                    let finding = Finding::error("cell-unknown").at(place).with("cell", cell.get_ref());
                    assembly.findings.push(finding);
                    continue;
                };
                says.forms.insert(key.0.clone());
                if let Some(mut formula) = assembly.read(&source, &given.formula, Scope::Own) {
                    formula.why = Some(given.why);
                    formula.replaces = assembly.cells.get(&key).map(|before| before.place.clone());
                    assembly.cells.insert(key, formula);
                }
            }
            sources.layers.push((source, says));
        }
        let mut rules = Vec::new();
        for form in &forms {
            for (at, rule) in form.rules.iter().enumerate() {
                if let Some(formula) = assembly.read(&form.source, &rule.expr, Scope::Standard) {
                    assembly.findings.extend(
                        formula::check(&formula.expr, Kind::Truth, None, &|of, code, named| {
                            // A rule may look at a form that this unit does not fill; it is then not applicable.
                            let elsewhere = of.is_some_and(|of| forms.iter().all(|known| known.form != of));
                            elsewhere || code == audit::EACH || known(&forms, &assembly.items, &form.form, of, code, named)
                        })
                        .iter()
                        .map(|fault| formula.finding(fault, Level::Error)),
                    );
                    rules.push(RuleFormula { form: form.form.clone(), at, expr: formula.expr });
                }
            }
        }
        let Assembly { items, cells, mut findings } = assembly;
        findings.extend(references(&forms, &items, &cells));
        let whole = !findings.iter().any(|finding| finding.level == Level::Error);
        let said = accounts.iter().filter(|(_, decision): &(&String, &Decision)| decision.is != NOTHING);
        let decided = said.map(|(account, decision)| (account.clone(), decision.is.clone()));
        let mapping = Mapping { standard: standard.clone().decided(decided), forms, items, cells, rules, accounts, sources };
        (whole.then_some(mapping), findings)
    }

    /// Files the mapping was read from, with their texts.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let Sources { standard, forms, layers } = &self.sources;
        let all = std::iter::once(standard).chain(forms).chain(layers.iter().map(|(source, _)| source));
        all.map(|source| (source.file.as_str(), source.text.as_str()))
    }

    /// Whether formulas of a form, or of any where none is named, ask for measures: their own, or those of the items.
    pub fn asks_measures(&self, form: Option<&str>) -> bool {
        let cells = self.cells.iter().filter(|((of, _), _)| form.is_none_or(|form| form == of)).map(|(_, formula)| formula);
        cells.chain(self.items.values().flatten()).any(|formula| formula::asks_measures(&formula.expr))
    }

    /// What formulas of its forms ask of measures.
    pub fn measured(&self) -> Vec<&MeasureCall> {
        let mut calls = Vec::new();
        for formula in self.cells.values().chain(self.items.values().flatten()) {
            formula::measured(&formula.expr, &mut calls);
        }
        calls
    }

    /// What comes with a form, or for an item with the standard, where a layer says something else: the formula and its place.
    pub fn original(&self, form: &str, name: &str) -> Option<(String, String)> {
        let (source, value) = match self.form(form) {
            Some(known) => {
                let at = self.forms.iter().position(|other| other.form == known.form)?;
                (&self.sources.forms[at], known.row(name)?.formula.as_ref()?)
            }
            None => (&self.sources.standard, self.standard.items.get(name)?.formula.as_ref()?),
        };
        Some((value.get_ref().clone(), source.place(value, 0)))
    }

    /// The form with this code.
    pub fn form(&self, code: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.form == code)
    }

    /// Checks every formula against the chart of a book.
    pub fn check(&self, chart: &[formula::Account]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let items = self.items.iter().filter_map(|(id, formula)| Some((format!("@{id}"), formula.as_ref()?)));
        let cells = self.cells.iter().map(|((form, row), formula)| (format!("{form}:{row}"), formula));
        for (name, formula) in items.chain(cells) {
            let faults = formula::check(&formula.expr, Kind::Number, Some((chart, formula.scope)), &|_, _, _| true);
            for fault in faults {
                // A shipped formula may name an account that this book has no use for; a formula of one's own should not.
                let level = match (fault.code, formula.scope) {
                    ("account-missing", Scope::Standard) => Level::Note,
                    (code, _) => own_level(code),
                };
                let mut finding = formula.finding(&fault, level);
                // A line and a column alone do not tell a person what the formula is for.
                let title = formula.name.as_deref().map(|title| format!(" {title}")).unwrap_or_default();
                finding.place.push_str(&format!(", {name}{title}"));
                findings.push(finding);
            }
        }
        findings
    }

    /// Decisions about accounts that a book's chart does not have, each with the nearest code that it has: most are misspelt.
    pub fn idle(&self, chart: &[crate::BookAccount]) -> Vec<Finding> {
        let known = || chart.iter().map(|account| account.code.as_str());
        let idle = self.accounts.iter().filter(|(account, _)| !known().any(|code| code == account.as_str()));
        let finding = |(account, decision): (&String, &Decision)| {
            let near = settings::nearest(account, known()).unwrap_or("—");
            Finding::warning("decision-idle").at(&decision.place).with("account", account).with("near", near)
        };
        idle.map(finding).collect()
    }
}

pub(crate) fn known(
    forms: &[Form],
    items: &BTreeMap<String, Option<Formula>>,
    own: &str,
    form: Option<&str>,
    code: &str,
    named: Named,
) -> bool {
    let form = forms.iter().find(|known| known.form == form.unwrap_or(own));
    match named {
        Named::Item => items.contains_key(code),
        Named::Indicator => form.is_some_and(|form| form.row(code).is_some()),
        Named::Repeated => form.is_some_and(|form| form.repeated(code).next().is_some()),
    }
}

/// Unknown references, wrong kinds and circles.
fn references(
    forms: &[Form],
    items: &BTreeMap<String, Option<Formula>>,
    cells: &BTreeMap<(String, String), Formula>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut graph: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut places: BTreeMap<String, &Formula> = BTreeMap::new();
    let all = items.iter().filter_map(|(id, formula)| Some((format!("@{id}"), "", formula.as_ref()?)));
    let all = all.chain(cells.iter().map(|((form, row), formula)| (format!("{form}:{row}"), form.as_str(), formula)));
    for (name, own, formula) in all {
        let faults =
            formula::check(&formula.expr, Kind::Number, None, &|form, code, named| known(forms, items, own, form, code, named));
        findings.extend(faults.iter().map(|fault| formula.finding(fault, Level::Error)));
        let targets = formula::references(&formula.expr).into_iter().flat_map(|(form, code)| match (form, code) {
            (None, code) if code.starts_with('@') => vec![code],
            // One that is repeated stands for all of its rows.
            (form, code) => {
                let of = form.as_deref().unwrap_or(own);
                let known = forms.iter().find(|known| known.form == of);
                let rows: Vec<_> = known.iter().flat_map(|known| known.repeated(&code)).map(|row| row.key()).collect();
                rows.into_iter().map(|row| format!("{of}:{row}")).collect()
            }
        });
        graph.insert(name.clone(), targets.collect());
        places.insert(name, formula);
    }
    if let Some(circle) = formula::cycle(&graph) {
        let place = circle.first().and_then(|name| places.get(name)).map_or("", |formula| formula.place.as_str());
        findings.push(Finding::error("indicators-cyclic").at(place).with("circle", circle.join(" → ")));
    }
    findings
}
