/*! What people type before it is parsed: months and codes in the ways they are written, and a word in Chinese before clap's own. */

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Flags that take a month, where what follows looks like one.
const MONTHS: [&str; 4] = ["--period", "--from", "--to", "--until"];
/// The flag that takes a form code.
const FORM: &str = "--form";

/// The command line with months and codes as this program writes them: `2025年1月`, `202501` and `2025-1` are `2025-01`, `b203：301` is
/// `B203:301`. Anything else stays as it was typed.
pub fn normal(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut normal: Vec<OsString> = Vec::new();
    for argument in args {
        let before = normal.last().and_then(|before| before.to_str()).unwrap_or_default();
        let changed = argument.to_str().and_then(|text| match text.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => Some(format!("{flag}={}", of(flag, value)?)),
            _ if before.starts_with("--") => of(before, text),
            _ => figure(text),
        });
        normal.push(changed.map_or(argument, OsString::from));
    }
    normal
}

/// The value of a flag, where it is written otherwise than this program does.
fn of(flag: &str, value: &str) -> Option<String> {
    match flag {
        FORM => Some(narrow(value).to_ascii_uppercase()),
        flag if MONTHS.contains(&flag) => month(value),
        _ => None,
    }
}

/// Full-width letters, digits and marks as their ASCII ones.
pub fn narrow(text: &str) -> String {
    let one = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    text.trim().chars().map(one).collect()
}

/// A month in one of the ways people write it, as `YYYY-MM`; an adjustment period keeps its mark.
fn month(text: &str) -> Option<String> {
    let text = narrow(text);
    let (text, mark) = text.strip_suffix("+adj").map_or((text.as_str(), ""), |text| (text, "+adj"));
    let digits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let (year, month) = match text.split_once(['年', '-', '/', '.']) {
        Some((year, month)) => (year, month.trim_end_matches('月')),
        None => (text.get(..4)?, text.get(4..).filter(|month| month.len() == 2)?),
    };
    (year.len() == 4 && digits(year, 4) && digits(month, 2)).then(|| format!("{year}-{month:0>2}{mark}"))
}

/// `FORM:CODE`, where a text is one.
fn figure(text: &str) -> Option<String> {
    let (form, code) = text.split_once([':', '：'])?;
    let form = narrow(form).to_ascii_uppercase();
    let digits = form.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    let fits = form.len() - digits.len() <= 2 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    (fits && !code.is_empty()).then(|| format!("{form}:{}", narrow(code)))
}

/// Whether the messages of a command line that did not parse are to be in Chinese.
pub fn chinese(args: &[OsString]) -> bool {
    let texts: Vec<&str> = args.iter().filter_map(|argument| argument.to_str()).collect();
    !texts.contains(&"--lang=en") && !texts.windows(2).any(|pair| pair == ["--lang", "en"])
}

/// What is wrong with a command line, in Chinese; `None` for help and version.
pub fn wrong(error: &clap::Error) -> Option<String> {
    let context = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("、"),
        _ => String::new(),
    };
    let (argument, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
    let more = |lead: &str, kind: ContextKind| match context(kind) {
        text if text.is_empty() => String::new(),
        text => format!("，{lead}{text}"),
    };
    let sentence = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::UnknownArgument => format!("没有参数 {argument}{}", more("是否要写 ", ContextKind::SuggestedArg)),
        ErrorKind::InvalidSubcommand => {
            let command = context(ContextKind::InvalidSubcommand);
            format!("没有命令 {command}{}", more("是否要写 ", ContextKind::SuggestedSubcommand))
        }
        ErrorKind::MissingSubcommand => "缺少子命令".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("缺少参数：{argument}"),
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("参数 {argument} 缺少值{}", more("可用：", ContextKind::ValidValue))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let flag = argument.split(' ').next().unwrap_or_default();
            let month = MONTHS.contains(&flag) && error.kind() == ErrorKind::ValueValidation;
            let hint = if month { "：月份写成 YYYY-MM，如 2025-12" } else { "" };
            format!("参数 {argument} 的值“{value}”不可用{hint}{}", more("可用：", ContextKind::ValidValue))
        }
        ErrorKind::ArgumentConflict => format!("参数 {argument} 不能与 {} 同用", context(ContextKind::PriorArg)),
        ErrorKind::WrongNumberOfValues | ErrorKind::TooManyValues | ErrorKind::TooFewValues => {
            format!("参数 {argument} 的值个数不对")
        }
        ErrorKind::InvalidUtf8 => "参数不是 UTF-8 文本".to_owned(),
        _ => "命令行有误".to_owned(),
    };
    Some(format!("错误：{sentence}。用法见 --help。"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_codes_are_read_as_people_write_them() {
        let line = |text: &str| {
            let words = normal(text.split(' ').map(OsString::from));
            words.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        for text in ["2025年1月", "202501", "2025-1", "2025/01", "２０２５－１", "2025.1"] {
            assert_eq!(line(&format!("taizhang build --period {text}")), "taizhang build --period 2025-01");
            assert_eq!(line(&format!("taizhang build --period={text}")), "taizhang build --period=2025-01");
        }
        assert_eq!(line("taizhang balances --period 202512+adj"), "taizhang balances --period 2025-12+adj");
        assert_eq!(line("taizhang explain b203：301 --form ｂ203"), "taizhang explain B203:301 --form B203");
        for text in
            ["draft export --to xlsx", "build --period 2025-13x", "pull --from 20251", "x --reason b203：301", "-c c:x init"]
        {
            assert_eq!(line(text), text);
        }
    }
}
