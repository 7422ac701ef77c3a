/*!
Enrolment over secure transport (RFC 7030): what goes over the wire, in base64.

A reply is a PKCS#7 of certificates only, which is a handful of DER headers around certificates that are there already, so it is written here
and not through a library of signed data.
*/

use base64ct::{Base64, Encoding};

/// Object identifiers in DER.
const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;

/// A value with its tag and length.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let bytes = content.len().to_be_bytes();
    let significant = bytes.iter().position(|byte| *byte != 0).map_or(&bytes[bytes.len() - 1..], |at| &bytes[at..]);
    if content.len() >= 0x80 {
        // No length here has more than eight bytes.
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
    }
    out.extend_from_slice(significant);
    out.extend_from_slice(content);
    out
}

/// A PKCS#7 that holds certificates and signs nothing.
pub fn certificates_only<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let certificates = certificates.into_iter().collect::<Vec<_>>().concat();
    let version = [0x02, 0x01, 0x01];
    let content =
        [&version[..], &tagged(SET, &[]), &tagged(SEQUENCE, DATA), &tagged(CONTEXT_0, &certificates), &tagged(SET, &[])].concat();
    tagged(SEQUENCE, &[SIGNED_DATA, &tagged(CONTEXT_0, &tagged(SEQUENCE, &content))].concat())
}

/// What a request should have: a P-256 key, signed with ECDSA and SHA-256. Persons may bring an SM2 key instead.
pub fn request_attributes() -> Vec<u8> {
    let key = tagged(SEQUENCE, &[EC_PUBLIC_KEY, &tagged(SET, P256)].concat());
    tagged(SEQUENCE, &[&key[..], ECDSA_SHA256].concat())
}

/// Bytes of a base64 in lines.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let bare: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let text = std::str::from_utf8(&bare).ok()?;
    Base64::decode_vec(text).ok().filter(|bytes| !bytes.is_empty())
}

/// Base64 in lines of 64.
pub fn encode(bytes: &[u8]) -> String {
    let text = Base64::encode_string(bytes);
    let mut lines = String::with_capacity(text.len() + text.len() / 64 + 1);
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

/// User and password of `Authorization: Basic`.
pub fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(Base64::decode_vec(rest.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_der() {
        // X.690, 8.1.3: short below 128, then the number of bytes and the bytes.
        assert_eq!(tagged(4, &[7]), [4, 1, 7]);
        assert_eq!(tagged(4, &[]), [4, 0]);
        assert_eq!(tagged(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(tagged(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tagged(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn headers_of_basic_authentication_are_read() {
        // RFC 7617, 2: Aladdin and open sesame.
        let said = basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap();
        assert_eq!(said, ("Aladdin".to_owned(), "open sesame".to_owned()));
        for wrong in ["Bearer x", "Basic", "Basic ***", "Basic QQ=="] {
            assert!(basic(wrong).is_none(), "{wrong}");
        }
    }
}
