/*! Passwords in connection strings. */

/// A connection string with a password. Braces keep semicolons in it from ending it; a closing brace is doubled.
pub fn with(text: &str, password: &str) -> String {
    format!("{};PWD={{{}}};", text.trim_end_matches(';'), password.replace('}', "}}"))
}

/// Whether a connection string holds a password. Semicolons inside braces end nothing.
pub fn is_in(text: &str) -> bool {
    let (mut depth, mut parts) = (false, vec![String::new()]);
    for letter in text.chars() {
        match letter {
            '{' => depth = true,
            '}' => depth = false,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if depth || letter != ';' => part.push(letter),
            _ => parts.push(String::new()),
        }
    }
    let key = |part: &String| part.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    parts.iter().any(|part| matches!(key(part).as_str(), "pwd" | "password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_connection_string_is_seen() {
        for text in ["Driver=x;PWD=a", "pwd=a;Driver=x", "Driver={a;b}; Password = {x;y}"] {
            assert!(is_in(text), "{text}");
        }
        for text in ["Driver=x;UID=a", "Driver={x;PWD=y};UID=a", "Database=pwd=1"] {
            assert!(!is_in(text), "{text}");
        }
    }
}
