/*!
Survey packs and calendars that the bureau published: what is new, whether it is what the bureau signed, what it would change, and installing it.

The receiver's list is a hint for finding things: it is signed by nobody. What is installed is what stands in a container that the bureau's
receiver signed, and only where it is newer than what is here.
*/

use std::{fs, path::PathBuf};

use exchange::PACK_FILE;
use model::Finding;
use seal::{Demands, Digest, Limits, Moment, Package, Role, Time, Trust};
use serde_json::json;
use store::Store;
use survey::pack::{Difference, Kind, differences};

use super::client::{self, Client};
use crate::{
    config::Agent,
    knowledge::{self, Incoming, Installed, Which},
    report::Failure,
    signing,
};

/// How a published pack stands beside what is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of that form or year is here.
    New,
    /// It is newer than what is here.
    Newer,
    /// What is here has the same revision.
    Present,
    /// What is here is newer.
    Older,
    /// It would be news, and is not what the bureau signed.
    Refused,
}

impl Standing {
    /// In machine formats.
    pub const fn name(self) -> &'static str {
        match self {
            Standing::New => "new",
            Standing::Newer => "newer",
            Standing::Present => "present",
            Standing::Older => "older",
            Standing::Refused => "refused",
        }
    }

    /// Whether there is something to install, or to be warned of.
    pub const fn is_news(self) -> bool {
        matches!(self, Standing::New | Standing::Newer | Standing::Refused)
    }
}

/// A pack that the bureau published.
pub struct Offer {
    /// Which one, by the receiver's list.
    pub which: Which,
    /// SHA-256 of its container.
    pub sha256: String,
    /// How it stands beside what is here.
    pub standing: Standing,
    /// Revision of what is here.
    pub present: Option<u32>,
    /// Its text, where it was fetched and holds.
    pub text: Option<String>,
    /// Who signed it and when.
    pub signed: Option<(String, Time)>,
    /// What it says otherwise than what is here.
    pub differences: Vec<Difference>,
    /// Why it is refused.
    pub findings: Vec<Finding>,
}

impl Offer {
    /// Whether people mean it by this word: a form's code, or `calendar`.
    pub fn is(&self, word: &str) -> bool {
        self.which.title().eq_ignore_ascii_case(word)
    }

    /// What it is called where something is said about it.
    fn place(&self) -> String {
        format!("pack {} {} r{}", self.which.title(), self.which.edition, self.which.revision)
    }

    /// What it would change, in one line: `row +310 -309 ~301; deadline`. No more than so many names of a kind, where a number is given.
    pub fn changes(&self, most: Option<usize>) -> String {
        let names = |sign: &str, names: &[String]| {
            let most = most.unwrap_or(names.len());
            let shown = names.iter().take(most).map(|name| format!(" {sign}{name}"));
            let rest = names.len().saturating_sub(most);
            shown.collect::<String>() + &if rest > 0 { format!(" {sign}…({rest})") } else { String::new() }
        };
        let one = |difference: &Difference| {
            let Difference { key, added, gone, changed } = difference;
            format!("{key}{}{}{}", names("+", added), names("-", gone), names("~", changed))
        };
        self.differences.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

/// Kind of a pack as the receiver names it.
fn kind(name: &str) -> Option<Kind> {
    [Kind::Calendar, Kind::Form].into_iter().find(|kind| kind.name() == name)
}

/// What the bureau published, in a fixed order. The containers of what is news here, and of what is asked for by name, are fetched and looked at.
pub fn offers(agent: &Agent, client: &Client, wanted: &[String]) -> Result<Vec<Offer>, Failure> {
    let roots = agent.folder().join(&client::bureau(agent)?.ca);
    let trust = signing::trust(&roots, Moment::Signed(signing::now()?))?;
    let mut offers = Vec::new();
    for listed in client.packs()? {
        // Kinds that later receivers may have are not for this program.
        let Some(kind) = kind(&listed.kind) else { continue };
        let which = Which { kind, edition: listed.edition, form: listed.form, revision: listed.revision };
        let present = knowledge::present(agent, kind, &which.edition, &which.form);
        let standing = match present.as_ref().map(|(_, revision, _)| *revision) {
            None => Standing::New,
            Some(revision) if which.revision > revision => Standing::Newer,
            Some(revision) if which.revision == revision => Standing::Present,
            Some(_) => Standing::Older,
        };
        let mut offer = Offer {
            which,
            sha256: listed.sha256,
            standing,
            present: present.as_ref().map(|(_, revision, _)| *revision),
            text: None,
            signed: None,
            differences: Vec::new(),
            findings: Vec::new(),
        };
        if standing.is_news() || wanted.iter().any(|word| offer.is(word)) {
            fetch(client, &trust, &mut offer)?;
        }
        if let (Some(text), Some((_, _, before))) = (&offer.text, &present) {
            offer.differences = differences(before, text);
        }
        offers.push(offer);
    }
    offers.sort_by(|one, other| {
        let key = |offer: &Offer| (offer.which.kind, offer.which.edition.clone(), offer.which.form.clone());
        key(one).cmp(&key(other))
    });
    Ok(offers)
}

/// Fetches a container; what is wrong with it is kept with the offer, and holds up no other.
fn fetch(client: &Client, trust: &Trust, offer: &mut Offer) -> Result<(), Failure> {
    let place = offer.place();
    let wrong = |finding: Finding| finding.at(&place);
    let Some(sha256) = Digest::parse(&offer.sha256) else {
        offer.findings.push(wrong(Finding::error("pack-differs").with("what", "sha256")));
        offer.standing = Standing::Refused;
        return Ok(());
    };
    let bytes = client.pack(&sha256)?;
    let found = if Digest::of(&bytes) == sha256 {
        opened(&bytes, trust)
    } else {
        Err(vec![Finding::error("pack-differs").with("what", "sha256")])
    };
    match found {
        Ok((text, by, at)) => {
            if says_otherwise(&offer.which, &text) {
                offer.findings.push(wrong(Finding::error("pack-differs").with("what", "revision")));
                offer.standing = Standing::Refused;
            } else {
                offer.text = Some(text);
            }
            offer.signed = Some((by, at));
        }
        Err(findings) => {
            offer.findings.extend(findings.into_iter().map(wrong));
            offer.standing = Standing::Refused;
        }
    }
    Ok(())
}

/// Whether the signed text is another pack than the list says it is: an old one under the name of a new one.
fn says_otherwise(which: &Which, text: &str) -> bool {
    let kind = Kind::of(text);
    let said = match kind {
        Kind::Calendar => {
            survey::Calendar::parse("", text).0.map(|calendar| (calendar.year.to_string(), String::new(), calendar.revision))
        }
        Kind::Form => survey::Form::parse("", text).0.map(|form| (form.edition, form.form, form.revision)),
    };
    // What cannot be read is told by whoever installs it, with its places.
    said.is_some_and(|said| (kind, said) != (which.kind, (which.edition.clone(), which.form.clone(), which.revision)))
}

/// The text in a container that the bureau's receiver signed, who that was, and when.
fn opened(bytes: &[u8], trust: &Trust) -> Result<(String, String, Time), Vec<Finding>> {
    let one = |finding: Finding| vec![finding];
    let package = Package::read(bytes, Limits::default()).map_err(one)?;
    let demands = Demands { unit: None, roles: vec![Role::Receiver] };
    let verification = package.verify(trust, &demands);
    if !verification.is_valid() {
        return Err(verification.findings);
    }
    let unexpected = |file: &str| one(Finding::error("package-file-unexpected").with("file", file));
    // Somebody else's signature has no place here, however good it is.
    if let Some(role) = package.roles().find(|role| *role != Role::Receiver) {
        return Err(unexpected(role.id()));
    }
    // The same key signs receipts: one of them is no pack.
    if let Some((file, _)) = package.payload().files().find(|(name, _)| *name != PACK_FILE) {
        return Err(unexpected(file));
    }
    let text = package.payload().get(PACK_FILE).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let signed = verification.signed(Role::Receiver);
    match (text, signed) {
        (Some(text), Some(signed)) => Ok((text.to_owned(), signed.by.to_string(), signed.at)),
        _ => Err(one(Finding::error("payload-unreadable").with("reason", PACK_FILE))),
    }
}

/// What is told of a pack that was to be installed.
pub fn told(place: &str, which: &Which, installed: Installed) -> Finding {
    let finding = match installed {
        Installed::New => Finding::note("pack-installed"),
        Installed::Unchanged => Finding::note("pack-present"),
    };
    which.told(finding.at(place)).with("revision", which.revision)
}

/// Installs offers, each as an operation of its own that names its signer; what is wrong with one holds up no other. Those that are no news
/// are tried too where a person named them, and refused by name. Gives the gravest exit code.
pub fn install(agent: &Agent, store: &mut Store, who: &str, offers: &[&Offer], named: bool) -> (u8, Vec<Finding>) {
    let mut incoming = Vec::new();
    for offer in offers.iter().filter(|offer| named || offer.standing.is_news()) {
        if let (Some(text), Some((by, at))) = (&offer.text, &offer.signed) {
            let from = json!({ "signed_by": by, "signed_at": at.to_string(), "container": offer.sha256 });
            incoming.push(Incoming { name: offer.place(), text: text.clone(), from });
        }
    }
    let (mut exit, mut findings) = (0, Vec::new());
    for one in &incoming {
        match knowledge::install(agent, store, who, one, &incoming) {
            Ok((which, installed, found)) => {
                findings.extend(found);
                findings.push(told(&one.name, &which, installed));
            }
            Err(failure) => {
                exit = exit.max(failure.exit);
                findings.extend(failure.findings);
            }
        }
    }
    (exit, findings)
}

/// Offers that are still to be installed, as findings that tell of them.
pub fn remaining(agent: &Agent, offers: &[Offer]) -> Vec<Which> {
    let news = |offer: &&Offer| offer.text.is_some() && offer.standing.is_news();
    offers.iter().filter(news).map(|offer| offer.which.clone()).filter(|which| is_news(agent, which)).collect()
}

/// Whether what is here is older.
fn is_news(agent: &Agent, which: &Which) -> bool {
    let present = knowledge::present(agent, which.kind, &which.edition, &which.form);
    present.is_none_or(|(_, revision, _)| revision < which.revision)
}

fn file(store: &Store) -> PathBuf {
    store.folder().join("packs.json")
}

/// Keeps what `status` tells until somebody installs it. It is a file beside the database and no operation: nothing follows from it.
pub fn note(store: &Store, offered: &[Which]) {
    let rows = offered.iter().map(|which| json!([which.kind.name(), which.edition, which.form, which.revision]));
    let text = json!(rows.collect::<Vec<_>>()).to_string();
    let (path, part) = (file(store), file(store).with_extension("part"));
    // Where it cannot be written, the log has told it all the same.
    let _ = fs::write(&part, text).and_then(|()| fs::rename(&part, &path));
}

/// What was offered when the receiver was last asked, and is not here yet.
pub fn waiting(agent: &Agent, store: &Store) -> Vec<Finding> {
    type Row = (String, String, String, u32);
    let rows: Vec<Row> = fs::read(file(store)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let which = |(name, edition, form, revision): Row| Some(Which { kind: kind(&name)?, edition, form, revision });
    let still = rows.into_iter().filter_map(which).filter(|which| is_news(agent, which));
    still.map(|which| offered(&which)).collect()
}

fn offered(which: &Which) -> Finding {
    which.told(Finding::note("pack-offered")).with("revision", which.revision)
}

/// What a daemon does about packs when it looks: installs them where the configuration says so, and tells of them elsewhere. `known` are the
/// containers that were told before.
pub fn look(
    agent: &Agent,
    store: &mut Store,
    client: &Client,
    known: &mut Vec<String>,
    who: &str,
) -> Result<Vec<Finding>, Failure> {
    let offers = offers(agent, client, &[])?;
    let fresh: Vec<&Offer> = offers.iter().filter(|offer| offer.standing.is_news() && !known.contains(&offer.sha256)).collect();
    let mut findings: Vec<Finding> = fresh.iter().flat_map(|offer| offer.findings.clone()).collect();
    let installs = client::bureau(agent)?.packs.installs();
    // What could not be installed now is tried again.
    known.extend(fresh.iter().filter(|offer| !installs || offer.text.is_none()).map(|offer| offer.sha256.clone()));
    if installs {
        findings.extend(install(agent, store, who, &fresh, false).1);
    } else {
        findings.extend(fresh.iter().filter(|offer| offer.text.is_some()).map(|offer| offered(&offer.which)));
    }
    note(store, &remaining(agent, &offers));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_is_one_line() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let row = Difference {
            key: "row".to_owned(),
            added: names(&["310"]),
            gone: names(&["309"]),
            changed: names(&["301", "302", "303"]),
        };
        let deadline = Difference { key: "deadline".to_owned(), ..Difference::default() };
        let which = Which { kind: Kind::Form, edition: "2025".to_owned(), form: "B203".to_owned(), revision: 2 };
        let offer = Offer {
            which,
            sha256: String::new(),
            standing: Standing::Newer,
            present: Some(1),
            text: None,
            signed: None,
            differences: vec![deadline, row],
            findings: Vec::new(),
        };
        assert_eq!(offer.changes(None), "deadline; row +310 -309 ~301 ~302 ~303");
        assert_eq!(offer.changes(Some(2)), "deadline; row +310 -309 ~301 ~302 ~…(1)");
    }
}
