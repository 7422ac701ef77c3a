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
    let place = format!("{}, book {}", agent.path.display(), book.id);
    let built_in = connector::BUILT_IN.iter().find(|(name, _)| *name == book.connector);
    let (file, text) = match built_in {
        Some((name, text)) => (format!("connectors/{name}/connector.toml"), (*text).to_owned()),
        None if book.connector.contains(['/', '\\', '.']) => {
            let path = agent.folder().join(&book.connector).join("connector.toml");
            let text = fs::read_to_string(&path).map_err(|error| Failure::config(report::io(&path, &error)))?;
            (path.display().to_string(), text)
        }
        None => {
            let names = || connector::BUILT_IN.iter().map(|(name, _)| *name);
            let near = settings::nearest(&book.connector, names()).unwrap_or("—");
            let finding = Finding::error("connector-unknown").at(place).with("connector", &book.connector);
            return Err(Failure::config(finding.with("near", near).with("known", names().collect::<Vec<_>>().join(", "))));
        }
    };
    let (pack, findings) = Pack::parse(&file, &text);
    let pack = pack.ok_or(Failure { exit: 2, findings })?;
    pack.overridden(&place, &book.extract).map_err(Failure::config)
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

/// An accounting standard as it comes with the program.
pub fn built_in_standard(name: &str) -> Result<Standard, Failure> {
    let text = survey::STANDARDS.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
    let (standard, findings) = Standard::parse(&format!("mappings/charts/{name}.toml"), text);
    standard.ok_or(Failure { exit: 2, findings })
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

/// Who the operation log says did it: the account that runs the program.
pub fn who() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    format!("system:{}", user.as_deref().unwrap_or("unknown"))
}
