//! Values that are written as texts.

use serde::Deserialize;

/// A value that is written as text.
#[derive(Clone, Copy)]
pub struct Text<T>(pub T);

impl<'de, T: std::str::FromStr<Err: std::fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Text<T>, D::Error> {
        String::deserialize(deserializer)?.parse().map(Text).map_err(serde::de::Error::custom)
    }
}
