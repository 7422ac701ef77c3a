//! A package that was taken before, opened again: what it reports and what the unit says about it.

use seal::{Limits, Package, canonical};
use serde::Deserialize;
use survey::{
    document::Draft,
    filing::{Identity, Report},
};

use super::audit;

/// What stands in a package.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Whose, what and when.
    pub identity: Identity,
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
        let value = |name: &str| canonical::from_bytes(package.payload().get(name)?).ok();
        let identity: Identity = serde_json::from_value(value("identity.json")?).ok()?;
        let report: Report = serde_json::from_value(value("report.json")?).ok()?;
        // A package without explanations explains nothing.
        let said = value("explanations.json").and_then(|value| serde_json::from_value::<Explanations>(value).ok());
        let said = said.unwrap_or_default().explanations;
        Some(Opened { identity, drafts: report.forms.iter().map(audit::reported).collect(), said })
    }
}
