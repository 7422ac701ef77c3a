//! `robot.toml`: what the robot asks about, and what settles it.

use std::path::Path;

use model::{Amount, Finding};
use serde::Deserialize;
use settings::Shape;

use crate::{
    board::{Hit, Outlier},
    failure::{Failure, own_file},
};

const SHAPE: Shape = Shape::Table(&[
    ("enabled", Shape::Must(&Shape::Flag)),
    ("forms", Shape::List),
    ("months", Shape::Whole),
    ("severities", Shape::List),
    ("except", Shape::List),
    ("screens", Shape::List),
    ("least", Shape::Text),
    ("floor", Shape::Text),
    ("answers", Shape::Flag),
    ("escalate_workdays", Shape::Whole),
    ("reviewer", Shape::Text),
    ("area", Shape::Each(&Shape::Table(&[("region", Shape::Must(&Shape::Text)), ("reviewer", Shape::Must(&Shape::Text))]))),
]);

/// Name of the file, beside the configuration.
pub const FILE: &str = "robot.toml";
const SEVERITIES: [&str; 2] = ["mandatory", "verify"];
const SCREENS: [&str; 8] =
    ["before", "year", "level", "ratio", "own-carry-forward", "own-month-on-month", "own-year-on-year", "own-outlier"];

/// What the robot does.
#[derive(Clone, Debug, Deserialize)]
pub struct Policy {
    /// Whether it does anything.
    pub enabled: bool,
    #[serde(default)]
    forms: Vec<String>,
    /// Months back that it looks at.
    #[serde(default = "months")]
    pub months: i32,
    #[serde(default)]
    severities: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    screens: Vec<String>,
    #[serde(default)]
    least: Option<String>,
    #[serde(default)]
    floor: Option<String>,
    /// Whether an answer settles what is to verify.
    #[serde(default)]
    pub answers: bool,
    /// Working days after which a reviewer is told; never where it says nothing.
    #[serde(default)]
    pub escalate_workdays: Option<u32>,
    #[serde(default)]
    reviewer: String,
    #[serde(default, rename = "area")]
    areas: Vec<Area>,
}

#[derive(Clone, Debug, Deserialize)]
struct Area {
    region: String,
    reviewer: String,
}

fn months() -> i32 {
    3
}

impl Policy {
    /// Reads the file beside the configuration; nothing where there is none.
    pub fn read(folder: &Path) -> Result<Option<Policy>, Failure> {
        own_file(folder, FILE)?.map(|(name, text)| Policy::parse(&name, &text)).transpose()
    }

    /// Reads a text; everything that is wrong is told at once.
    pub fn parse(file: &str, text: &str) -> Result<Policy, Failure> {
        let (policy, mut findings) = settings::read::<Policy>(file, text, &SHAPE);
        let Some(policy) = policy else { return Err(Failure { exit: 2, findings }) };
        let lists = [("severities", &policy.severities, &SEVERITIES[..]), ("screens", &policy.screens, &SCREENS[..])];
        let places = settings::Places::read(file, text);
        for (key, given, known) in lists {
            for word in given.iter().filter(|word| !known.contains(&word.as_str())) {
                let finding = Finding::error("robot-word-unknown").at(places.of(key)).with("word", word);
                findings.push(finding.with("known", known.join(", ")));
            }
        }
        for (key, text) in [("least", &policy.least), ("floor", &policy.floor)] {
            if let Some(text) = text.as_ref().filter(|text| text.parse::<Amount>().is_err()) {
                let finding = Finding::error("robot-word-unknown").at(places.of(key)).with("word", text);
                findings.push(finding.with("known", "1.5"));
            }
        }
        if findings.is_empty() { Ok(policy) } else { Err(Failure { exit: 2, findings }) }
    }

    /// Whether it looks at a form.
    pub fn looks_at(&self, form: &str) -> bool {
        self.forms.is_empty() || self.forms.iter().any(|known| known == form)
    }

    /// Whether it asks about a rule that is not met.
    pub fn asks(&self, hit: &Hit) -> bool {
        hit.cause.is_empty() && self.severities.contains(&hit.severity) && !self.except.contains(&hit.rule)
    }

    /// Whether it asks about a figure that stands out.
    pub fn asks_about(&self, outlier: &Outlier) -> bool {
        let hundred = Amount::from_whole(100);
        let least =
            self.least.as_ref().and_then(|text| text.parse::<Amount>().ok()).and_then(|least| least.checked_mul(hundred?));
        let least = least.map_or(100, |least| i64::try_from(least.units() / 1_000_000_000).unwrap_or(i64::MAX));
        self.screens.contains(&outlier.screen) && outlier.odd() >= least && !self.is_small(outlier)
    }

    /// Whether a change is one of figures so small that nothing can be said of it: of two and three the one is half as much again.
    fn is_small(&self, outlier: &Outlier) -> bool {
        let ratio = matches!(outlier.screen.as_str(), "level" | "ratio");
        let Some(floor) = self.floor.as_ref().and_then(|text| text.parse::<Amount>().ok()).filter(|_| !ratio) else {
            return false;
        };
        let size = |text: &String| text.parse::<Amount>().ok().map(|value| value.units().unsigned_abs());
        outlier.pair.iter().all(|text| size(text).is_none_or(|size| size < floor.units().unsigned_abs()))
    }

    /// Who looks at what stays open in a region.
    pub fn reviewer(&self, region: &str) -> &str {
        let areas = self.areas.iter().filter(|area| region.starts_with(&area.region));
        areas.max_by_key(|area| area.region.len()).map_or(&self.reviewer, |area| &area.reviewer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = include_str!("../../../../config/robot.toml");

    #[test]
    fn the_annotated_file_has_every_key_and_is_read() {
        let policy = Policy::parse("config/robot.toml", WRITTEN).unwrap();
        assert!(policy.enabled && policy.answers && policy.reviewer("350121") == "审核员");
        let Shape::Table(keys) = SHAPE else { panic!("not a table") };
        for (key, _) in keys.iter().filter(|(key, _)| *key != "area") {
            assert_eq!(WRITTEN.lines().filter(|line| line.starts_with(&format!("{key} ="))).count(), 1, "{key}");
        }
        let own = WRITTEN.replace("# [[area]]", "[[area]]").replace("# region", "region").replace("# reviewer =", "reviewer =");
        assert_eq!(Policy::parse("r", &own).unwrap().reviewer("350121005000"), "李审核");
        let wrong = WRITTEN.replace("\"verify\"", "\"info\"").replace("\"year\"", "\"yaer\"");
        assert_eq!(Policy::parse("r", &wrong).unwrap_err().findings.len(), 2);
        assert_eq!(Policy::parse("r", "enabeld = true\n").unwrap_err().exit, 2);
    }
}
