/*! Files beside the database: packages and what people attached are what the records say. Receipts look at themselves. */

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use model::Finding;
use serde_json::Value;
use store::Store;

use crate::{
    acts,
    package::{Kept, PACKAGE},
    report::Failure,
};

/// Looks at every file that a record names. Gives how many there are, and what is wrong.
pub fn verify(store: &Store) -> Result<(usize, Vec<Finding>), Failure> {
    let mut named: BTreeMap<PathBuf, String> = BTreeMap::new();
    for record in store.every_record()? {
        let body: Value = acts::body(&record)?;
        if record.kind == PACKAGE {
            let kept: Kept = acts::body(&record)?;
            named.insert(store.folder().join("packages").join(format!("{}.asice", kept.container)), kept.container);
        }
        attached(&body, &mut |digest| {
            named.insert(store.folder().join("evidence").join(digest), digest.to_owned());
        });
    }
    let findings = named.iter().filter_map(|(path, known)| whole(path, known).err()).collect();
    Ok((named.len(), findings))
}

/// What [`crate::evidence::keep`] says of a file, wherever it stands in a body.
fn attached(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let (Some(digest), true, true) =
                (fields.get("sha256").and_then(Value::as_str), fields.contains_key("name"), fields.contains_key("size"))
            {
                found(digest);
            }
            fields.values().for_each(|inner| attached(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| attached(inner, found)),
        _ => {}
    }
}

fn whole(path: &Path, known: &str) -> Result<(), Finding> {
    let digest = journal::file_digest(path).map_err(|error| {
        Failure::from(error).findings.pop().unwrap_or_else(|| Finding::error("file-damaged").at(path.display().to_string()))
    })?;
    if digest.to_string() == known {
        return Ok(());
    }
    Err(Finding::error("file-damaged").at(path.display().to_string()).with("reason", format!("SHA-256 is {digest}")))
}
