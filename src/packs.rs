/*! Packs and standards by name: built in, or files of one's own. */

use std::fs;

use connector::{BookInfo, Pack, Values};
use model::Finding;
use reader::Value;
use survey::Standard;

use crate::{
    config::{Agent, Book},
    forms,
    report::{self, Failure},
};

/// The pack of a book, with the book's own extracts in it.
pub fn load(agent: &Agent, book: &Book) -> Result<Pack, Failure> {
    let built_in = connector::BUILT_IN.iter().find(|(name, _)| *name == book.connector);
    let (file, text) = match built_in {
        Some((name, text)) => (format!("connectors/{name}/connector.toml"), (*text).to_owned()),
        None if book.connector.contains(['/', '\\', '.']) => {
            let path = agent.folder().join(&book.connector).join("connector.toml");
            let text = fs::read_to_string(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
            (path.display().to_string(), text)
        }
        None => {
            let names = || connector::BUILT_IN.iter().map(|(name, _)| *name);
            let near = settings::nearest(&book.connector, names()).unwrap_or("—");
            let finding =
                Finding::error("connector-unknown").at(agent.book_place(book, "connector")).with("connector", &book.connector);
            return Err(Failure::config(finding.with("near", near).with("known", names().collect::<Vec<_>>().join(", "))));
        }
    };
    let (pack, findings) = Pack::parse(&file, &text);
    let pack = pack.ok_or(Failure { exit: 2, findings })?;
    pack.overridden(&agent.book_place(book, "extract"), &book.extract).map_err(Failure::config)
}

/// The unit's accounting standard: the enterprise's own text of it where there is one, or the one that comes with the program.
pub fn standard(agent: &Agent) -> Result<Standard, Failure> {
    let name = agent.unit.accounting_standard.as_str();
    let file = format!("mappings/charts/{name}.toml");
    let built_in = survey::STANDARDS.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    let own = if built_in.is_some() { forms::own_file(agent, &file).map_err(Failure::config)? } else { None };
    let Some(text) = own.or(built_in) else {
        return Err(Failure::config(
            Finding::error("standard-unknown").with("standard", name).with("near", "cas, small-business"),
        ));
    };
    let (standard, findings) = Standard::parse(&file, &text);
    standard.ok_or(Failure { exit: 2, findings })
}

/// The standard as a book sees it: with what the layers of its forms decide about its accounts.
pub fn standard_of(agent: &Agent, book: &Book) -> Result<Standard, Failure> {
    let forms = agent.forms.iter().filter(|form| form.book.as_ref().is_none_or(|id| *id == book.id));
    let (texts, mut findings) = forms::texts(agent, forms);
    let (decided, wrong) = survey::decisions(&texts);
    findings.extend(wrong);
    if report::blocked(&findings) {
        return Err(Failure { exit: 2, findings });
    }
    Ok(standard(agent)?.decided(decided))
}

/// An accounting standard as it comes with the program.
pub fn built_in_standard(name: &str) -> Result<Standard, Failure> {
    let text = survey::STANDARDS.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
    let (standard, findings) = Standard::parse(&format!("mappings/charts/{name}.toml"), text);
    standard.ok_or(Failure { exit: 2, findings })
}

/// Values of a pack's variables as a configuration writes them.
pub fn shown(values: &Values) -> String {
    let one = |(name, value): (&String, &Value)| match value {
        Value::Integer(value) => format!("{name} = {value}"),
        Value::Text(text) => format!("{name} = {}", crate::detect::quoted(text)),
    };
    let values: Vec<String> = values.iter().map(one).collect();
    if values.is_empty() { "—".to_owned() } else { values.join(", ") }
}

/// Whether a discovered book is the one with these values.
pub fn is_book(values: &Values, info: &BookInfo) -> bool {
    values.iter().all(|(name, value)| {
        let text = match value {
            Value::Integer(value) => value.to_string(),
            Value::Text(text) => text.clone(),
        };
        info.variables.get(name).is_none_or(|given| *given == text)
    })
}

/// Who the operation log says did it: the account that runs the program. The environment is the last to be asked: a service has none, and
/// anybody can set it.
pub fn who() -> String {
    let named = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    format!("system:{}", account().or_else(named).unwrap_or_else(|| "unknown".to_owned()))
}

/// Name of the account of this process, or its number where the machine's own list has no name for it.
#[cfg(target_os = "linux")]
fn account() -> Option<String> {
    let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").ok()?).to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut named = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = named.find(|fields| fields.get(2) == Some(&uid.as_str()));
    Some(own.and_then(|fields| fields.first().map(|name| (*name).to_owned())).unwrap_or(uid))
}

#[cfg(not(target_os = "linux"))]
fn account() -> Option<String> {
    None
}
