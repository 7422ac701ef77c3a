//! Tokens with their places. Full-width punctuation is read as its ASCII form.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A run that begins with a digit: a number or an account code.
    Digits,
    /// A run that begins with another letter.
    Word,
    /// A quoted text, without its quotes.
    Text(String),
    /// Operators and punctuation, in ASCII.
    Mark(&'static str),
    /// A character that means nothing here.
    Strange,
    End,
}

const MARKS: [&str; 29] = [
    "<=", ">=", "<>", "!=", "==", "&&", "||", "+", "-", "*", "/", "(", ")", "[", "]", "{", "}", ",", ":", ".", "@", "=", "<",
    ">", "!", "#", "~", "?", "%",
];

/// What sheets and chat programs leave in copied text, and nobody sees.
const INVISIBLE: [char; 3] = ['\u{200b}', '\u{2060}', '\u{feff}'];

fn ascii(c: char) -> char {
    match c {
        '，' | '、' => ',',
        '（' => '(',
        '）' => ')',
        '【' | '［' => '[',
        '】' | '］' => ']',
        '：' => ':',
        '“' | '”' | '＂' => '"',
        '‘' | '’' => '\'',
        '−' => '-',
        '×' => '*',
        '÷' => '/',
        '≤' | '≥' | '≠' => c,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }
}

pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// Where the next token begins, after spaces.
    pub at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0 }
    }

    fn peek(&self, at: usize) -> Option<char> {
        self.text[at..].chars().next().map(ascii)
    }

    fn spaces(&mut self) {
        while let Some(c) = self.text[self.at..].chars().next().filter(|c| c.is_whitespace() || INVISIBLE.contains(c)) {
            self.at += c.len_utf8();
        }
    }

    /// The run of characters that `keep` wants, from the next token on; full-width characters are given as they are.
    fn run(&mut self, from: usize, keep: impl Fn(char) -> bool) -> Range<usize> {
        let mut end = from;
        while let Some(c) = self.text[end..].chars().next().filter(|c| keep(ascii(*c))) {
            end += c.len_utf8();
        }
        self.at = end;
        from..end
    }

    /// The next token and its bytes.
    pub(crate) fn next(&mut self) -> (Token, Range<usize>) {
        self.spaces();
        let from = self.at;
        let Some(c) = self.peek(from) else { return (Token::End, from..from) };
        if c.is_ascii_digit() {
            return (Token::Digits, self.run(from, |c| c.is_ascii_digit() || c == '.'));
        }
        if c.is_alphanumeric() || c == '_' {
            return (Token::Word, self.run(from, |c| c.is_alphanumeric() || c == '_'));
        }
        if c == '"' || c == '\'' {
            return self.quoted(from, c);
        }
        for (sign, mark) in [('≤', "<="), ('≥', ">="), ('≠', "<>")] {
            if c == sign {
                self.at += sign.len_utf8();
                return (Token::Mark(mark), from..self.at);
            }
        }
        for mark in MARKS {
            let mut end = from;
            let same = mark.chars().all(|wanted| {
                let next = self.text[end..].chars().next();
                end += next.map_or(0, char::len_utf8);
                next.map(ascii) == Some(wanted)
            });
            if same {
                self.at = end;
                return (Token::Mark(mark), from..end);
            }
        }
        self.at += self.text[from..].chars().next().map_or(1, char::len_utf8);
        (Token::Strange, from..self.at)
    }

    /// A quote doubled inside a text is one quote of it.
    fn quoted(&mut self, from: usize, quote: char) -> (Token, Range<usize>) {
        let mut text = String::new();
        let mut chars = self.text[from..].char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if ascii(c) != quote {
                text.push(c);
            } else if chars.peek().is_some_and(|(_, next)| ascii(*next) == quote) {
                text.push(c);
                chars.next();
            } else {
                self.at = from + at + c.len_utf8();
                return (Token::Text(text), from..self.at);
            }
        }
        self.at = self.text.len();
        (Token::Strange, from..self.at)
    }

    /// A bare account code, from where the lexer stands: digits, letters and what chart codes are divided by.
    pub(crate) fn code(&mut self) -> Range<usize> {
        self.spaces();
        let from = self.at;
        self.run(from, |c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '?' | '/'))
    }

    /// A text with its full-width characters made ASCII.
    pub(crate) fn plain(text: &str) -> String {
        text.chars().map(ascii).collect()
    }

    /// The text of a span with its full-width characters made ASCII.
    pub(crate) fn text(&self, span: &Range<usize>) -> String {
        Lexer::plain(&self.text[span.clone()])
    }
}
