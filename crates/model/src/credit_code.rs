/*! The unified social credit code (统一社会信用代码) of GB 32100-2015. */

use std::{fmt, str::FromStr};

use crate::Finding;

/// Digits and letters in the order of their values; `I O S V Z` are left out because they look like others.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Weight of each of the first seventeen characters: powers of 3 modulo 31.
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// A code whose check character holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditCode(String);

/// Why a text is no unified social credit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditCodeError {
    /// Another number of characters than 18.
    Length(usize),
    /// A character that codes do not have, and its place from 1. Letters are capital.
    Character {
        /// The character.
        character: char,
        /// Its place.
        at: usize,
    },
    /// The last character is another than the first seventeen ask for: a digit was mistyped, or two changed places.
    Check {
        /// The character that they ask for.
        wanted: char,
    },
}

impl FromStr for CreditCode {
    type Err = CreditCodeError;

    fn from_str(text: &str) -> Result<CreditCode, CreditCodeError> {
        let length = text.chars().count();
        if length != WEIGHTS.len() + 1 {
            return Err(CreditCodeError::Length(length));
        }
        let mut values = [0; WEIGHTS.len() + 1];
        for ((at, character), value) in text.chars().enumerate().zip(&mut values) {
            let known = ALPHABET.iter().position(|known| char::from(*known) == character);
            *value = known.ok_or(CreditCodeError::Character { character, at: at + 1 })?;
        }
        let sum: usize = WEIGHTS.iter().zip(values).map(|(weight, value)| weight * value).sum();
        let check = (ALPHABET.len() - sum % ALPHABET.len()) % ALPHABET.len();
        if check == values[WEIGHTS.len()] {
            Ok(CreditCode(text.to_owned()))
        } else {
            Err(CreditCodeError::Check { wanted: char::from(ALPHABET[check]) })
        }
    }
}

impl fmt::Display for CreditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CreditCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CreditCodeError::Length(length) => write!(f, "{length} ≠ 18"),
            CreditCodeError::Character { character, at } => write!(f, "{character} ({at})"),
            CreditCodeError::Check { wanted } => write!(f, "GB 32100: {wanted}"),
        }
    }
}

impl std::error::Error for CreditCodeError {}

impl CreditCodeError {
    /// What is wrong with `code`, for people.
    pub fn finding(self, code: &str) -> Finding {
        let finding = match self {
            CreditCodeError::Length(length) => Finding::error("credit-code-length").with("length", length),
            CreditCodeError::Character { character, at } => {
                Finding::error("credit-code-character").with("character", character).with("at", at)
            }
            CreditCodeError::Check { wanted } => Finding::error("credit-code-unfit").with("wanted", wanted),
        };
        finding.with("code", code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of well-known companies, as the public register shows them.
    const PUBLIC: [&str; 5] =
        ["91350100M000100Y43", "914403001922038216", "9144030071526726XG", "91330100799655058B", "91110000802100433B"];

    #[test]
    fn public_codes_hold() {
        for code in PUBLIC {
            assert_eq!(code.parse::<CreditCode>().unwrap().to_string(), code);
        }
    }

    #[test]
    fn one_wrong_character_and_two_swapped_ones_are_found() {
        for code in PUBLIC {
            let letters: Vec<char> = code.chars().collect();
            for at in 0..18 {
                for other in ALPHABET.iter().map(|letter| char::from(*letter)).filter(|other| *other != letters[at]) {
                    let mut wrong = letters.clone();
                    wrong[at] = other;
                    let found = wrong.iter().collect::<String>().parse::<CreditCode>();
                    assert!(matches!(found, Err(CreditCodeError::Check { .. })), "{wrong:?}");
                    // Where only the check character is wrong, the one that is asked for is the right one.
                    if at == 17 {
                        assert_eq!(found, Err(CreditCodeError::Check { wanted: letters[17] }));
                    }
                }
            }
            for at in 0..16 {
                let mut swapped = letters.clone();
                swapped.swap(at, at + 1);
                let holds = swapped.iter().collect::<String>().parse::<CreditCode>().is_ok();
                assert_eq!(holds, letters[at] == letters[at + 1], "{swapped:?}");
            }
        }
    }

    #[test]
    fn other_texts_say_what_is_wrong() {
        assert_eq!("".parse::<CreditCode>(), Err(CreditCodeError::Length(0)));
        assert_eq!("91350100M000100Y4".parse::<CreditCode>(), Err(CreditCodeError::Length(17)));
        for (text, character, at) in
            [("9135010OM000100Y43", 'O', 8), ("91350100m000100Y43", 'm', 9), ("９1350100M000100Y43", '９', 1)]
        {
            assert_eq!(text.parse::<CreditCode>(), Err(CreditCodeError::Character { character, at }));
        }
    }
}
