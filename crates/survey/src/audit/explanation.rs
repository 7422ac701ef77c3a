//! Explanations (核实说明): what a person says about figures that a rule queried, bound to these very figures.

use serde::{Deserialize, Serialize};

use super::Verdict;

/// What a person said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Rule, with the row where it is about each.
    pub rule: String,
    /// Code of the cause.
    pub cause: String,
    /// The explanation.
    pub text: String,
    /// Id of the person.
    pub by: String,
    /// Digest of the figures it is about.
    pub figures: String,
}

/// An explanation beside a verdict: whether it still speaks of the same figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// It does.
    Holds(&'a Explanation),
    /// A figure has changed since.
    Stale(&'a Explanation),
    /// There is none.
    None,
}

/// Digest of a rule and of every figure it asked for. Where one of them changes, what was said about them is no longer about them.
pub fn digest_of(verdict: &Verdict, digest: &dyn Fn(&str) -> String) -> String {
    let mut text = format!("{}\n{}\n", verdict.rule, verdict.expression);
    for fact in &verdict.facts {
        let value = fact.value.as_deref().unwrap_or("-");
        text += &format!("{} {} {} {} {value}\n", fact.form, fact.code, fact.column, fact.period);
    }
    digest(&text)
}

impl Verdict {
    /// The explanation of this verdict among those of its form and period.
    pub fn claim<'a>(&self, said: &'a [Explanation], digest: &dyn Fn(&str) -> String) -> Claim<'a> {
        match said.iter().find(|said| said.rule == self.rule) {
            Some(said) if said.figures == digest_of(self, digest) => Claim::Holds(said),
            Some(said) => Claim::Stale(said),
            None => Claim::None,
        }
    }
}
