/*! Whose pages they are, and what a gate asks of it. */

use model::Finding;

use crate::accounts::Account;

/// Why there is no answer.
#[derive(Debug)]
pub struct Refusal {
    /// Of what sort.
    pub kind: Kind,
    /// Why, all at once; empty where there is no such thing.
    pub findings: Vec<Finding>,
}

/// Sorts of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no such thing.
    Missing,
    /// It may not be done as things are.
    Refused,
    /// It may be done, and not by this person.
    Forbidden,
    /// Something that is needed cannot be reached.
    Broken,
}

impl Refusal {
    /// There is no such thing.
    pub const fn missing() -> Refusal {
        Refusal { kind: Kind::Missing, findings: Vec::new() }
    }

    /// The work broke off.
    pub fn broken() -> Refusal {
        Refusal { kind: Kind::Broken, findings: vec![Finding::error("page-broken")] }
    }
}

/// What pages get.
pub type Answer<T> = Result<T, Refusal>;

/// Somebody whom the house knows now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person<S> {
    /// Id, with which the person signs in.
    pub id: String,
    /// Name.
    pub name: String,
    /// What the house says of the person's rights.
    pub standing: S,
}

/// Whose pages they are. Asked anew with every request, so that whoever is no longer known is out at once.
pub trait House: Send + Sync + 'static {
    /// What it says of somebody's rights.
    type Standing: Clone + Send + Sync + 'static;

    /// Name of the cookie; two programs on one machine have two, since cookies know no port.
    const COOKIE: &'static str;

    /// The command that makes an invitation, as people type it.
    const INVITE: &'static str;

    /// Its name.
    fn owner(&self) -> Answer<String>;

    /// Who has this id, if anybody may sign in with it.
    fn person(&self, id: &str) -> Answer<Option<Person<Self::Standing>>>;

    /// What somebody signs in with.
    fn account(&self, person: &str) -> Answer<Option<Account>>;

    /// Keeps what somebody signs in with, as an act of `who`.
    fn put_account(&self, who: &str, person: &str, account: &Account) -> Answer<()>;

    /// What waits on a page that is reached from everywhere: its address, and how much.
    fn waits(&self, _standing: &Self::Standing) -> Option<(&'static str, usize)> {
        None
    }

    /// Pages that somebody reaches from everywhere: address and name of its label.
    fn nav(&self, standing: &Self::Standing) -> &'static [(&'static str, &'static str)];
}

/// Work where waiting for files holds nobody else up.
pub async fn apart<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Refusal::broken()))
}
