//! Causes of differences, and what makes an explanation one. Both are data.

use std::collections::BTreeMap;

use model::Finding;
use serde::Deserialize;
use settings::Shape;

const ANY: Shape = Shape::Any;
const SHAPE: Shape = Shape::Table(&[
    ("least", ANY),
    ("empty", ANY),
    ("names", ANY),
    ("cause", Shape::Map(&Shape::Table(&[("zh", ANY), ("en", ANY), ("asks_zh", ANY), ("asks_en", ANY)]))),
]);

/// The causes there are, and what an explanation must have.
#[derive(Clone, Debug, Deserialize)]
pub struct Causes {
    /// Least length of an explanation in characters, punctuation and spaces not counted.
    pub least: usize,
    empty: Vec<String>,
    names: Vec<String>,
    /// Causes by code.
    #[serde(rename = "cause")]
    pub causes: BTreeMap<String, Cause>,
}

/// One cause.
#[derive(Clone, Debug, Deserialize)]
pub struct Cause {
    /// 中文
    pub zh: String,
    /// English
    pub en: String,
    /// What its explanation should say.
    pub asks_zh: String,
    /// The same in English.
    pub asks_en: String,
}

/// Letters and digits only, in one case: what a text says without its dress.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A date alone does not make them more: the period is known.
fn is_date(letter: char) -> bool {
    letter.is_ascii_digit() || "年月日号".contains(letter)
}

impl Causes {
    /// Reads the file.
    pub fn parse(file: &str, text: &str) -> (Option<Causes>, Vec<Finding>) {
        settings::read(file, text, &SHAPE)
    }

    /// What is wrong with an explanation; `least` stands over the file's own where it is given.
    pub fn check(&self, cause: &str, text: &str, least: Option<usize>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let asks = match self.causes.get(cause) {
            Some(cause) => cause.clone(),
            None => {
                let near = settings::nearest(cause, self.causes.keys().map(String::as_str)).unwrap_or("other");
                let known = self.causes.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let finding = Finding::error("explanation-cause-unknown").with("cause", cause);
                findings.push(finding.with("near", near).with("known", known));
                Cause { zh: String::new(), en: String::new(), asks_zh: "—".to_owned(), asks_en: "—".to_owned() }
            }
        };
        let about = |finding: Finding| finding.with("asks_zh", &asks.asks_zh).with("asks_en", &asks.asks_en);
        let rest = self.beside_phrases(text);
        let (length, least) = (rest.chars().count(), least.unwrap_or(self.least));
        if rest.chars().all(is_date) {
            findings.push(about(Finding::error("explanation-empty").with("text", text)));
        } else if length < least {
            findings.push(about(Finding::error("explanation-short").with("length", length).with("least", least)));
        } else if !self.is_concrete(text) {
            findings.push(about(Finding::error("explanation-vague").with("text", text)));
        }
        findings
    }

    /// Whether a text is stock phrases and nothing else.
    pub fn says_nothing(&self, text: &str) -> bool {
        self.beside_phrases(text).chars().all(is_date)
    }

    /// What a text says beside stock phrases: one after the other they are still nothing but stock phrases.
    fn beside_phrases(&self, text: &str) -> String {
        let mut rest = bare(text);
        let mut empty: Vec<String> = self.empty.iter().map(|phrase| bare(phrase)).collect();
        empty.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        for phrase in empty.iter().filter(|phrase| !phrase.is_empty()) {
            rest = rest.replace(phrase.as_str(), "");
        }
        rest
    }

    /// Whether it names something that can be looked up: a number, a date, a name.
    fn is_concrete(&self, text: &str) -> bool {
        let quoted = ['《', '“', '「', '"'].iter().any(|mark| text.contains(*mark));
        let digits = text.chars().any(|c| c.is_numeric() || "零一二三四五六七八九十百千万亿".contains(c));
        quoted || digits || self.names.iter().any(|name| text.contains(name.as_str()))
    }
}
