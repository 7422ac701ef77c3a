//! Verdicts in the shape of the ESS validation report, version 1.0.1: one entry for each validation, with id, event, rule, data and value.

use serde_json::{Value, json};

use super::{Outcome, Verdict};

/// What made the validations happen.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// When, in ISO 8601.
    pub time: &'a str,
    /// Who: the unit or receiver.
    pub actor: &'a str,
    /// With what.
    pub agent: &'a str,
    /// Why: the command or the arrival of a package.
    pub trigger: &'a str,
    /// Population: the unit's code.
    pub unit: &'a str,
    /// Measurement: the period.
    pub period: &'a str,
}

/// The report. The standard's fields carry the standard's words; `details` holds what only this program has.
pub fn report(event: &Event<'_>, verdicts: &[Verdict]) -> Value {
    let entries = verdicts.iter().map(|verdict| {
        let severity = match verdict.severity {
            "mandatory" => "error",
            "info" => "information",
            _ => "warning",
        };
        let value = match verdict.outcome {
            Outcome::Met => "1",
            Outcome::Unmet => "0",
            Outcome::NotApplicable | Outcome::Undetermined => "NA",
        };
        // Population, measurement, unit and variable: which figure of whom and when.
        let target: Vec<Value> = verdict
            .facts
            .iter()
            .map(|fact| json!([event.unit, fact.period, fact.form, format!("{}.{}", fact.code, fact.column)]))
            .collect();
        json!({
            "id": format!("{}/{}/{}/{}", event.unit, event.period, verdict.form, verdict.rule),
            "type": "validation",
            "event": {
                "time": event.time, "actor": event.actor, "agent": event.agent, "trigger": event.trigger,
            },
            "rule": {
                "language": "taizhang-formula",
                "expression": verdict.expression,
                "severity": severity,
                "description": format!("{} {}", verdict.rule, verdict.text),
            },
            "data": {
                "source": target,
                "target": target,
                "description": format!("{} {}", verdict.form, event.period),
            },
            "value": value,
            "details": verdict,
        })
    });
    entries.collect()
}
