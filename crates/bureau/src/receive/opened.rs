//! A package that was taken before, opened again: what it reports and what the unit says about it.

use seal::{Limits, Package, canonical};
use serde::Deserialize;
use survey::{
    audit::Explanation,
    document::Draft,
    filing::{Identity, Report},
};

use super::audit;

/// What stands in a package.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Whose, what and when.
    pub identity: Identity,
    /// Its reports, as the unit wrote them: adjustments beside what was computed.
    pub forms: Vec<Draft>,
    /// Its reports, as rules see them: adjusted figures included.
    pub drafts: Vec<Draft>,
    /// What the unit said about rules that are not met (核实说明).
    pub said: Vec<Said>,
}

/// What a unit said about a rule in its report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Said {
    /// Form.
    pub form: String,
    /// Rule.
    pub rule: String,
    /// Code of the cause.
    #[serde(default)]
    pub cause: String,
    /// The words.
    #[serde(default)]
    pub text: String,
    /// Digest of the figures it is about.
    #[serde(default)]
    pub figures: String,
    /// Who.
    #[serde(default)]
    pub by: SaidBy,
}

/// Who said it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SaidBy {
    /// Name; nothing where the unit no longer knows the person.
    #[serde(default)]
    pub name: Option<String>,
}

impl Said {
    /// As the rules have it.
    pub fn explanation(&self) -> Explanation {
        let (rule, cause, text, figures) = (self.rule.clone(), self.cause.clone(), self.text.clone(), self.figures.clone());
        Explanation { rule, cause, text, by: self.by.name.clone().unwrap_or_default(), figures }
    }
}

#[derive(Default, Deserialize)]
struct Explanations {
    #[serde(default)]
    explanations: Vec<Said>,
}

impl Opened {
    /// Opens the bytes of a package; nothing where they are none, which can only be where the state was damaged.
    pub fn read(bytes: &[u8]) -> Option<Opened> {
        let package = Package::read(bytes, Limits::default()).ok()?;
        Opened::of(&package)
    }

    /// Opens a package.
    pub fn of(package: &Package) -> Option<Opened> {
        let value = |name: &str| canonical::from_bytes(package.payload().get(name)?).ok();
        let identity: Identity = serde_json::from_value(value("identity.json")?).ok()?;
        let report: Report = serde_json::from_value(value("report.json")?).ok()?;
        // A package without explanations explains nothing.
        let said = value("explanations.json").and_then(|value| serde_json::from_value::<Explanations>(value).ok());
        let said = said.unwrap_or_default().explanations;
        let drafts = report.forms.iter().map(audit::reported).collect();
        Some(Opened { identity, forms: report.forms, drafts, said })
    }
}
