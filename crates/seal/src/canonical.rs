/*!
Canonical JSON: one text for one value.

RFC 8785 for values without fractions: members in the order of their names' UTF-16 code units, no blanks, the shortest escapes. Numbers are
integers within ±(2⁵³−1), the range in which every reader of JSON agrees; amounts are texts, so that nobody's floating point touches them.
*/

use model::Finding;
use serde_json::Value;

/// Deepest nesting that is written or read.
const DEPTH: usize = 64;

/// Largest integer that all readers of JSON hold exactly.
const EXACT: i64 = (1 << 53) - 1;

/// Canonical bytes of `value`.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, Finding> {
    let mut out = Vec::new();
    write(value, DEPTH, &mut out)?;
    Ok(out)
}

/// Reads JSON that must be in canonical form: a value has one text, so nothing can hide in another one.
pub fn from_bytes(bytes: &[u8]) -> Result<Value, Finding> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Finding::error("json-unreadable").with("line", error.line()).with("column", error.column()))?;
    if to_bytes(&value)? == bytes { Ok(value) } else { Err(Finding::error("json-not-canonical")) }
}

fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), Finding> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Finding::error("json-too-deep").with("limit", DEPTH));
    };
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if (-EXACT..=EXACT).contains(&integer) => out.extend_from_slice(integer.to_string().as_bytes()),
            _ => return Err(Finding::error("json-number").with("number", number)),
        },
        Value::String(text) => put_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, depth, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            out.push(b'{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                put_text(name, out);
                out.push(b':');
                write(member, depth, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\0'..='\u{1f}' => out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes()),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_and_escapes_are_those_of_rfc_8785() {
        // Section 3.2.3 of the RFC: names sort by UTF-16 code units, so an emoji comes before U+FB33.
        let value = json!({ "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh", "1": "One",
            "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis" });
        let text = String::from_utf8(to_bytes(&value).unwrap()).unwrap();
        let places: Vec<usize> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
            .iter()
            .map(|word| text.find(word).unwrap())
            .collect();
        assert!(places.is_sorted(), "{text}");
        let string = json!("\u{20ac}$\u{f}\nA'B\"\\\\\"/");
        assert_eq!(to_bytes(&string).unwrap(), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"".as_bytes());
    }

    #[test]
    fn what_readers_could_disagree_on_is_refused() {
        for text in ["1.5", "1e3", "9007199254740993", "[[1.0]]"] {
            assert_eq!(from_bytes(text.as_bytes()).unwrap_err().code, "json-number", "{text}");
        }
        for text in ["{\"b\":1,\"a\":2}", "[1, 2]", "{\"a\":1,\"a\":1}", "\"\\u0041\"", "{}\n"] {
            assert_eq!(from_bytes(text.as_bytes()).unwrap_err().code, "json-not-canonical", "{text}");
        }
        assert_eq!(from_bytes(b"{").unwrap_err().code, "json-unreadable");
        assert!(from_bytes(&[b"[".repeat(100), b"]".repeat(100)].concat()).is_err());
        assert_eq!(from_bytes("{\"a\":[1,null,true],\"乙\":\"甲\"}".as_bytes()).unwrap()["乙"], "甲");
    }
}
