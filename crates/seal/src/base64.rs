/*! Base 64 with padding, read strictly: one text for one sequence of bytes. */

use base64ct::{Base64, Encoding as _};

pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}
