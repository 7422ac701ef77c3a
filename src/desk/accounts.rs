//! What people sign in to the pages with. Records say that there is something and how it is recognised, never what opens it: the secret of a second
//! factor is in a file of its own beside the database, which only the owner may read, and a file can be taken away for good.

use std::{fs, io::ErrorKind, path::PathBuf};

use journal::Digest;
use model::Finding;
use serde::{Deserialize, Serialize};
use store::{Record, Store, Wanted};
use web::Account;

use crate::{acts, delivery::est::private, report::Failure};

/// Kind of the records of accounts.
pub const ACCOUNT: &str = "account";

/// An account as it is kept. The password is an Argon2id hash, the invitation and the second factor are digests.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    password: Option<String>,
    invitation: Option<String>,
    until: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    second: Option<String>,
}

/// Where the secret of a person is. The name says nothing that a path could mean.
fn secret(store: &Store, person: &str) -> PathBuf {
    store.folder().join("second").join(Digest::of(person.as_bytes()).to_string())
}

/// The account of a person. Where the record says that there is a second factor and its file is not what it was, it is one that nothing opens:
/// whoever takes a file away gets in no easier.
pub fn account(store: &Store, person: &str) -> Result<Option<Account>, Failure> {
    let wanted = Wanted { book: Some(""), form: Some(""), period: Some(""), key: Some(person) };
    let Some(record) = store.records(ACCOUNT, wanted)?.pop() else { return Ok(None) };
    let kept: Kept = acts::body(&record)?;
    let second = match kept.second {
        None => None,
        Some(digest) => {
            let text = fs::read_to_string(secret(store, person)).unwrap_or_default();
            Some(if Digest::of(text.as_bytes()).to_string() == digest { text } else { String::new() })
        }
    };
    Ok(Some(Account { password: kept.password, invitation: kept.invitation, until: kept.until, second }))
}

/// Keeps an account, as an act of `who`.
pub fn put_account(store: &mut Store, who: &str, person: &str, account: &Account) -> Result<(), Failure> {
    let path = secret(store, person);
    let refused = |error: std::io::Error| Failure::source(Finding::io(&path, &error));
    // A secret that was lost stays lost: what opens nothing is not written over what may be mended.
    let before = self::account(store, person)?.and_then(|account| account.second);
    let second = match &account.second {
        Some(text) if !text.is_empty() => {
            private(&path, text.as_bytes()).map_err(refused)?;
            Some(Digest::of(text.as_bytes()).to_string())
        }
        Some(_) => lost(store, person)?,
        None => None,
    };
    let gone = second.is_none() && before.is_some();
    let (password, invitation, until) = (account.password.clone(), account.invitation.clone(), account.until);
    let has = second.is_some();
    let body = serde_json::json!(Kept { password, invitation, until, second }).to_string();
    let record = Record { kind: ACCOUNT.to_owned(), key: person.to_owned(), body, ..Record::default() };
    // The log says that there is an account and never what opens it.
    let detail = serde_json::json!({ "person": person, "invited": account.invitation.is_some(), "second": has });
    acts::write(store, who, "account", &detail, &record)?;
    if gone {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
    }
    Ok(())
}

/// What the record says of a secret whose file is lost.
fn lost(store: &Store, person: &str) -> Result<Option<String>, Failure> {
    let wanted = Wanted { book: Some(""), form: Some(""), period: Some(""), key: Some(person) };
    let Some(record) = store.records(ACCOUNT, wanted)?.pop() else { return Ok(None) };
    Ok(acts::body::<Kept>(&record)?.second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_no_record_and_one_that_is_lost_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let with = Account { password: Some("hash".to_owned()), second: Some(text.to_owned()), ..Account::default() };
        put_account(&mut store, "wu", "wu", &with).unwrap();
        assert_eq!(account(&store, "wu").unwrap().unwrap(), with);
        let path = secret(&store, "wu");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let everything = || {
            let records = store.every_record().unwrap().into_iter().map(|record| record.body);
            let log = store.operations().unwrap().into_iter().map(|operation| operation.detail);
            records.chain(log).collect::<String>()
        };
        assert!(!everything().contains(text));
        fs::remove_file(&path).unwrap();
        assert_eq!(account(&store, "wu").unwrap().unwrap().second, Some(String::new()));
        // An invitation meanwhile does not open what is lost, nor does it forget it.
        let lost = account(&store, "wu").unwrap().unwrap();
        put_account(&mut store, "it", "wu", &Account { invitation: Some("digest".to_owned()), ..lost }).unwrap();
        assert_eq!(account(&store, "wu").unwrap().unwrap().second, Some(String::new()));
        put_account(&mut store, "wu", "wu", &with).unwrap();
        put_account(&mut store, "wu", "wu", &Account { second: None, ..with }).unwrap();
        assert!(!path.exists() && account(&store, "wu").unwrap().unwrap().second.is_none());
    }
}
