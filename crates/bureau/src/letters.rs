/*!
What a letter may say, and by when it is to be answered.

No letter of the bureau, by a robot or a person, names a target, a wanted growth or a direction. Which words do is data: the list that comes with the
program, and what a bureau adds to it in a file of its own. That file can add and never take away.
*/

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;
use model::Finding;
use serde::Deserialize;
use settings::Shape;
use survey::{Calendar, Calendars};
use ui::Lang;

use crate::{
    failure::{Failure, own_file},
    store::Deadline,
};

/// The list that comes with the program.
const OWN: &str = include_str!("../../../mappings/letters.toml");
/// Where a bureau's additions are, beside its configuration.
const FILE: &str = "mappings/letters.toml";

const ANY: Shape = Shape::Any;
const SHAPE: Shape = Shape::Table(&[
    ("answer_workdays", ANY),
    ("grace_workdays", ANY),
    ("phrases", ANY),
    ("cause", Shape::Map(&Shape::Table(&[("zh", ANY), ("en", ANY)]))),
]);

/// Why a query is asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Cause {
    /// 中文
    pub zh: String,
    /// English
    pub en: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    answer_workdays: Option<u32>,
    grace_workdays: Option<u32>,
    phrases: Vec<String>,
    cause: BTreeMap<String, Cause>,
}

/// Causes of queries, phrases that no letter has, and days for answers.
#[derive(Clone, Debug)]
pub struct Letters {
    /// Causes by code.
    pub causes: BTreeMap<String, Cause>,
    phrases: Vec<(String, Vec<Piece>)>,
    days: [u32; 2],
    calendars: Calendars,
}

/// A part of a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// These characters.
    Text(Vec<char>),
    /// A number, after a small word or two.
    Number,
    /// Up to so many characters.
    Some,
}

/// Characters that `…` passes over at most.
const SOME: usize = 12;
/// Words that may stand before a number.
const SMALL: &str = "约到至为是了大概成元万亿以上下在之";
/// Digits as people write them.
const NUMBERS: &str = "零〇一二两三四五六七八九十百千万亿几";

/// Letters and digits in one case and width: what a text says without its dress.
fn bare(text: &str) -> Vec<char> {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    text.chars().map(narrow).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A phrase of the list as its parts.
fn pieces(phrase: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut text = String::new();
    let close = |text: &mut String, found: &mut Vec<Piece>| {
        let letters = bare(text);
        if !letters.is_empty() {
            found.push(Piece::Text(letters));
        }
        text.clear();
    };
    for letter in phrase.chars() {
        match letter {
            '#' | '…' => {
                close(&mut text, &mut found);
                found.push(if letter == '#' { Piece::Number } else { Piece::Some });
            }
            letter => text.push(letter),
        }
    }
    close(&mut text, &mut found);
    found
}

/// Whether the parts stand at the beginning of a text.
fn fits(pieces: &[Piece], text: &[char]) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return true };
    match first {
        Piece::Text(letters) => text.starts_with(letters) && fits(rest, &text[letters.len()..]),
        Piece::Some => (0..=SOME.min(text.len())).any(|skipped| fits(rest, &text[skipped..])),
        Piece::Number => {
            let small = text.iter().take(3).take_while(|c| SMALL.contains(**c) && !NUMBERS.contains(**c)).count();
            (0..=small).any(|skipped| {
                text.get(skipped).is_some_and(|c| c.is_numeric() || NUMBERS.contains(*c)) && fits(rest, &text[skipped + 1..])
            })
        }
    }
}

fn read(file: &str, text: &str) -> Result<Raw, Failure> {
    match settings::read::<Raw>(file, text, &SHAPE) {
        (Some(raw), findings) if findings.is_empty() => Ok(raw),
        (_, findings) => Err(Failure { exit: 2, findings }),
    }
}

impl Letters {
    /// The program's list with what the bureau of this folder adds.
    pub fn load(folder: &Path) -> Result<Letters, Failure> {
        let own = own_file(folder, FILE)?;
        Letters::parse(own.as_ref().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    fn parse(own: Option<(&str, &str)>) -> Result<Letters, Failure> {
        let mut all = read(FILE, OWN)?;
        if let Some((file, own)) = own {
            let more = read(file, own)?;
            all.phrases.extend(more.phrases);
            // What the program names stays what it is called.
            for (code, cause) in more.cause {
                all.cause.entry(code).or_insert(cause);
            }
            (all.answer_workdays, all.grace_workdays) =
                (more.answer_workdays.or(all.answer_workdays), more.grace_workdays.or(all.grace_workdays));
        }
        let phrases = all.phrases.into_iter().map(|phrase| (phrase.clone(), pieces(&phrase)));
        let phrases = phrases.filter(|(_, pieces)| pieces.iter().any(|piece| matches!(piece, Piece::Text(_)))).collect();
        let calendars = survey::CALENDARS.iter().filter_map(|(name, text)| Calendar::parse(name, text).0).collect();
        let days = [all.answer_workdays.unwrap_or(3), all.grace_workdays.unwrap_or(2)];
        Ok(Letters { causes: all.cause, phrases, days, calendars: Calendars(calendars) })
    }

    /// The first phrase that a text has and may not have.
    pub fn steers(&self, text: &str) -> Option<&str> {
        let letters = bare(text);
        let has = |pieces: &[Piece]| (0..letters.len()).any(|at| fits(pieces, &letters[at..]));
        self.phrases.iter().find(|(_, pieces)| has(pieces)).map(|(phrase, _)| phrase.as_str())
    }

    /// That no target, growth or direction is named.
    pub fn check(&self, place: &str, text: &str) -> Result<(), Finding> {
        match self.steers(text) {
            Some(phrase) => Err(Finding::error("letter-steers").at(place).with("phrase", phrase)),
            None => Ok(()),
        }
    }

    /// The deadline of a query that is asked today, for a cause.
    pub fn deadline(&self, cause: &str, today: Date) -> Result<Deadline, Finding> {
        if !self.causes.contains_key(cause) {
            let known = self.causes.keys().map(String::as_str);
            let near = settings::nearest(cause, known.clone()).unwrap_or("other");
            let finding = Finding::error("letter-cause-unknown").with("cause", cause).with("near", near);
            return Err(finding.with("known", known.collect::<Vec<_>>().join(", ")));
        }
        let [answer, grace] = self.days;
        let answer_by = self.workdays(today, answer);
        let grace = self.workdays(answer_by, grace);
        Ok(Deadline { cause: cause.to_owned(), answer_by: answer_by.to_string(), grace: grace.to_string() })
    }

    /// The words of a letter with why it is asked and by when an answer is expected, as the unit reads it.
    pub fn signed(&self, text: &str, deadline: Option<&Deadline>) -> String {
        let Some((deadline, cause)) = deadline.and_then(|day| Some((day, self.causes.get(&day.cause)?))) else {
            return text.to_owned();
        };
        let said = [(Lang::Zh, &cause.zh), (Lang::En, &cause.en)].map(|(lang, cause)| {
            let values = [("cause", cause.as_str()), ("day", &deadline.answer_by), ("grace", &deadline.grace)];
            ui::text(lang, "label-letter-foot", &values)
        });
        format!("{text}\n\n{}", said.join("\n"))
    }

    /// The day after so many working days.
    fn workdays(&self, mut day: Date, days: u32) -> Date {
        for _ in 0..days {
            loop {
                match day.tomorrow() {
                    Ok(next) => day = next,
                    Err(_) => return day,
                }
                if self.calendars.is_workday(day) {
                    break;
                }
            }
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_names_a_target_a_growth_or_a_direction() {
        let letters = Letters::parse(None).unwrap();
        for text in [
            "请把营业收入调到 1.2 亿元",
            "营业收入改为１２００千元",
            "本季增长不低于 8%，请核实",
            "增速 要 求 是 9%",
            "离目标还差一点",
            "合计应为 100，请更正",
            "应填“三百万”",
            "请更正为约5000",
            "确保 增 长",
            "请往上报一些",
            "Please change revenue to 1,200",
            "It SHOULD be 300.",
            "growth of at least five percent",
        ] {
            assert!(letters.steers(text).is_some(), "{text}");
        }
        for text in [
            "请核实营业收入与上年同期相差较大的原因，附合同或凭证号。",
            "301 本月为 12,345 千元，上月为 1,234 千元，请说明发生了什么。",
            "营业成本大于营业收入，请核实是否漏报、多报或计量单位有误。",
            "资产总计与负债、所有者权益合计相差 35 千元，请核实。",
            "核实说明不具体：请写明客户、合同和日期。",
            "营业收入由上月的 300 减少到 20，差异达到 93%，请说明。",
            "贵单位填报 2026 年 5 月 B203 表时，3 项为空。",
            "Revenue changed from 3 to 5 and assets amount to 12; it differs from last month by 40 %: please say why.",
        ] {
            assert_eq!(letters.steers(text), None, "{text}");
        }
    }

    #[test]
    fn a_bureau_adds_to_the_list_and_takes_nothing_away() {
        let own = "phrases = [\"跑赢\"]\nanswer_workdays = 5\n[cause.rule]\nzh = \"x\"\nen = \"x\"\n[cause.site]\nzh = \"实地核查\"\nen = \"a visit\"\n";
        let letters = Letters::parse(Some(("own", own))).unwrap();
        assert!(letters.steers("全县要跑赢全市").is_some() && letters.steers("目标").is_some());
        assert_eq!((letters.causes["rule"].zh.as_str(), letters.causes["site"].zh.as_str()), ("审核关系不成立", "实地核查"));
        // A Wednesday: five working days are the next Wednesday, two more are Friday.
        let deadline = letters.deadline("site", "2026-06-03".parse().unwrap()).unwrap();
        assert_eq!((deadline.answer_by.as_str(), deadline.grace.as_str()), ("2026-06-10", "2026-06-12"));
        assert_eq!(letters.deadline("sites", "2026-06-03".parse().unwrap()).unwrap_err().code, "letter-cause-unknown");
        assert!(Letters::parse(Some(("own", "phrase = []\n"))).is_err());
    }
}
