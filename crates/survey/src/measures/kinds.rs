//! Kinds of measures and the order of price sources: data of a year.

use std::collections::{BTreeMap, BTreeSet};

use model::{Amount, Finding};
use serde::Deserialize;
use settings::Shape;

const ANY: Shape = Shape::Any;
const KINDS: Shape = Shape::Table(&[
    ("title", ANY),
    ("price_order", ANY),
    ("price_places", ANY),
    (
        "kind",
        Shape::Map(&Shape::Table(&[
            ("name", ANY),
            ("english", ANY),
            ("nature", ANY),
            ("stands", ANY),
            ("needs", ANY),
            ("items", ANY),
            ("priced", ANY),
            ("invoices", ANY),
            ("coal", ANY),
            ("beside", Shape::Each(&Shape::Table(&[("name", ANY), ("formula", ANY)]))),
            ("field", Shape::Map(&Shape::Table(&[("name", ANY), ("needed", ANY), ("choices", ANY), ("month", ANY)]))),
            ("status", ANY),
            ("note", ANY),
        ])),
    ),
]);

/// How figures of a kind come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Added up over the span.
    Flow,
    /// What is there at the end of the span.
    Stock,
    /// Heads, from dated changes.
    Heads,
    /// A price for one unit.
    Price,
}

/// What an entry of a kind must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// 数量
    Quantity,
    /// 单位
    Unit,
    /// 金额
    Amount,
    /// 日期
    Date,
}

impl Need {
    /// Machine name.
    pub fn name(self) -> &'static str {
        match self {
            Need::Quantity => "quantity",
            Need::Unit => "unit",
            Need::Amount => "amount",
            Need::Date => "date",
        }
    }
}

/// A text that entries of a kind have beside the common ones.
#[derive(Clone, Debug, Deserialize)]
pub struct FieldFact {
    /// Name.
    pub name: String,
    /// Whether an entry must have it.
    #[serde(default)]
    pub needed: bool,
    /// The only values it can have; any where there are none.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Whether it is a month.
    #[serde(default)]
    pub month: bool,
}

/// A line of a sheet that no product has.
#[derive(Clone, Debug, Deserialize)]
pub struct AlsoFact {
    /// Name.
    pub name: String,
    /// Formula of its value.
    pub formula: String,
}

/// A kind of measure (计量种类).
#[derive(Clone, Debug, Deserialize)]
pub struct KindFact {
    /// Chinese name.
    pub name: String,
    /// English name.
    #[serde(default)]
    pub english: String,
    /// How its figures come about.
    pub nature: Nature,
    /// Of what is at hand: whether an entry stands until there is another one. Otherwise each month is entered anew.
    #[serde(default)]
    pub stands: bool,
    /// What an entry must have.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// The only items it can have; any where there are none.
    #[serde(default)]
    pub items: Vec<String>,
    /// Whether it has a value by the order of price sources.
    #[serde(default)]
    pub priced: bool,
    /// Whether its rows are what was invoiced: averages of prices are made of them.
    #[serde(default)]
    pub invoices: bool,
    /// Whether it can be counted in standard coal.
    #[serde(default)]
    pub coal: bool,
    /// What stands beside its products in their sheet.
    #[serde(default, rename = "beside")]
    pub also: Vec<AlsoFact>,
    /// Texts of its entries.
    #[serde(default, rename = "field")]
    pub fields: BTreeMap<String, FieldFact>,
    /// Evidence status.
    pub status: String,
    /// What else is known.
    pub note: Option<String>,
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// Average of the month's invoices.
    Invoiced,
    /// Entered by a person.
    Entered,
    /// Average of the month's invoices of other items of its class.
    Class,
    /// Average of the invoices of the three months before.
    LastThreeMonths,
}

impl PriceSource {
    /// Machine name.
    pub fn name(self) -> &'static str {
        match self {
            PriceSource::Invoiced => "invoiced",
            PriceSource::Entered => "entered",
            PriceSource::Class => "class",
            PriceSource::LastThreeMonths => "last_three_months",
        }
    }
}

/// The kinds of a year.
#[derive(Clone, Debug, Deserialize)]
pub struct Kinds {
    #[serde(rename = "title")]
    _title: String,
    /// Price sources, the first that has one counts.
    pub price_order: Vec<PriceSource>,
    /// Decimals of a price.
    pub price_places: u32,
    /// Kinds by id.
    #[serde(rename = "kind")]
    pub kinds: BTreeMap<String, KindFact>,
}

impl Kinds {
    /// Reads the file; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Kinds>, Vec<Finding>) {
        let (kinds, mut findings) = settings::read::<Kinds>(file, text, &KINDS);
        if let Some(kinds) = &kinds {
            let mut names = BTreeSet::new();
            for (id, kind) in &kinds.kinds {
                if !names.insert(id.clone()) || !names.insert(kind.name.clone()) {
                    findings.push(Finding::error("measure-kind-doubled").at(file).with("kind", id).with("name", &kind.name));
                }
            }
            let orders = kinds.price_order.iter().collect::<BTreeSet<_>>();
            if kinds.price_places > 9 || orders.len() != kinds.price_order.len() {
                findings.push(Finding::error("price-order-unfit").at(file));
            }
        }
        if findings.is_empty() { (kinds, findings) } else { (None, findings) }
    }

    /// A kind by its id or one of its names, in whatever case.
    pub fn find(&self, name: &str) -> Option<(&str, &KindFact)> {
        let wanted = name.to_lowercase();
        let same = |(id, kind): &(&String, &KindFact)| {
            id.to_lowercase() == wanted || kind.name == name || kind.english.to_lowercase() == wanted
        };
        self.kinds.iter().find(same).map(|(id, kind)| (id.as_str(), kind))
    }

    /// Names by which a kind can be asked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().flat_map(|(id, kind)| [id.as_str(), kind.name.as_str()])
    }
}

const ENERGY: Shape = Shape::Table(&[
    ("title", ANY),
    ("unit", Shape::Map(&Shape::Table(&[("is", ANY), ("times", ANY)]))),
    ("energy", Shape::Map(&Shape::Table(&[("unit", ANY), ("coal", ANY), ("status", ANY), ("note", ANY)]))),
]);

#[derive(Deserialize)]
struct RawEnergy {
    #[serde(rename = "title")]
    _title: String,
    unit: BTreeMap<String, RawUnit>,
    energy: BTreeMap<String, RawCoal>,
}

#[derive(Deserialize)]
struct RawUnit {
    is: String,
    times: String,
}

#[derive(Deserialize)]
struct RawCoal {
    unit: String,
    coal: String,
    status: String,
}

/// A kind of energy.
#[derive(Clone, Debug)]
pub struct EnergyFact {
    /// Unit that its coefficient is for.
    pub unit: String,
    /// Tonnes of standard coal for one unit.
    pub coal: Amount,
    /// Evidence status.
    pub status: String,
}

/// Units and coefficients of a year.
#[derive(Clone, Debug)]
pub struct Energy {
    units: BTreeMap<String, (String, Amount)>,
    /// Coefficients by kind of energy.
    pub kinds: BTreeMap<String, EnergyFact>,
}

impl Energy {
    /// Reads the file; everything that is wrong is found at once.
    pub fn parse(file: &str, text: &str) -> (Option<Energy>, Vec<Finding>) {
        let (raw, mut findings) = settings::read::<RawEnergy>(file, text, &ENERGY);
        let Some(raw) = raw else { return (None, findings) };
        let mut number = |name: &str, text: &str| match text.parse::<Amount>() {
            Ok(number) if number > Amount::ZERO => Some(number),
            Ok(_) => {
                findings
                    .push(Finding::error("coefficient-unfit").at(file).with("name", name).with("reason", format!("{text} ≤ 0")));
                None
            }
            Err(error) => {
                findings.push(Finding::error("coefficient-unfit").at(file).with("name", name).with("reason", error.code()));
                None
            }
        };
        let mut units = BTreeMap::new();
        for (name, unit) in raw.unit {
            if let Some(times) = number(&name, &unit.times) {
                units.insert(name, (unit.is, times));
            }
        }
        let mut kinds = BTreeMap::new();
        for (name, energy) in raw.energy {
            if let Some(coal) = number(&name, &energy.coal) {
                kinds.insert(name, EnergyFact { unit: energy.unit, coal, status: energy.status });
            }
        }
        for (name, energy) in &kinds {
            if !units.contains_key(&energy.unit) {
                findings.push(Finding::error("coefficient-unfit").at(file).with("name", name).with("reason", &energy.unit));
            }
        }
        if findings.is_empty() { (Some(Energy { units, kinds }), findings) } else { (None, findings) }
    }

    /// A quantity in another unit; `None` where nothing is known between them, or the number is too large.
    pub fn convert(&self, quantity: Amount, from: &str, to: &str) -> Option<Amount> {
        if from == to {
            return Some(quantity);
        }
        let ((from, own), (to, wanted)) = (self.units.get(from)?, self.units.get(to)?);
        if from != to {
            return None;
        }
        quantity.checked_mul(*own)?.checked_div(*wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_come_with_the_program_are_read() {
        let (kinds, findings) = Kinds::parse("mappings/measures/2025.toml", crate::MEASURES);
        assert_eq!(findings, []);
        let kinds = kinds.unwrap();
        assert_eq!(kinds.find("产量").unwrap().0, "output");
        assert_eq!(kinds.find("OUTPUT").unwrap().1.nature, Nature::Flow);
        assert!(kinds.find("beauty").is_none());
        let (energy, findings) = Energy::parse("mappings/energy/2025.toml", crate::ENERGY);
        assert_eq!(findings, []);
        let energy = energy.unwrap();
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        assert_eq!(energy.convert(amount("123456"), "千瓦时", "万千瓦时"), Some(amount("12.3456")));
        assert_eq!(energy.convert(amount("1"), "千瓦时", "吨"), None);
        assert_eq!(energy.convert(amount("1"), "台", "台"), Some(amount("1")));
    }

    #[test]
    fn what_is_wrong_is_found_at_once() {
        let text = "title = \"x\"\n[unit]\n\"吨\" = { is = \"千克\", times = \"0\" }\n[energy.\"煤\"]\nunit = \"车\"\ncoal = \"x\"\nstatus = \"recalled\"\n";
        let (energy, findings) = Energy::parse("e.toml", text);
        assert!(energy.is_none());
        assert_eq!(findings.iter().filter(|finding| finding.code == "coefficient-unfit").count(), 2);
        let text = "title = \"x\"\nprice_order = [\"invoiced\", \"invoiced\"]\nprice_places = 6\n[kind.a]\nname = \"b\"\nnature = \"flow\"\nstatus = \"x\"\n[kind.b]\nname = \"c\"\nnature = \"flow\"\nstatus = \"x\"\n";
        let (kinds, findings) = Kinds::parse("k.toml", text);
        assert!(kinds.is_none());
        let codes: Vec<&str> = findings.iter().map(|finding| &*finding.code).collect();
        assert_eq!(codes, ["measure-kind-doubled", "price-order-unfit"]);
    }
}
