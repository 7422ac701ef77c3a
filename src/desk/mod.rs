/*! What the pages ask of the agent (`web::Desk`): the same acts as on the command line, by the same code. */

mod drafts;
mod exam;
mod figure;
mod home;
mod lines;
mod mapping;
mod rules;
mod shelf;

use std::{path::PathBuf, sync::Arc};

use model::{Month, Period};
use serde::{Deserialize, Serialize};
use store::{Record, Store, Wanted};
use ui::Lang;
use web::{Account, Answer, Kind, Place, Refusal, Step};

use crate::{
    acts,
    config::{Agent, Book, Deed},
    report::Failure,
};

/// Kind of the records of accounts: what people sign in to the pages with.
pub const ACCOUNT: &str = "account";

pub use shelf::Shelf;

/// The desk of an agent: configuration and state are opened for each question, so that a change of either is seen at once.
pub struct Pages {
    config: PathBuf,
    shelf: Arc<Shelf>,
}

/// An account as it is kept. The password is an Argon2id hash, the invitation the digest of a token.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    password: Option<String>,
    invitation: Option<String>,
    until: i64,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        let kind = if failure.exit == 3 { Kind::Broken } else { Kind::Refused };
        Refusal { kind, findings: failure.findings }
    }
}

impl Pages {
    /// The desk of a configuration file.
    pub fn new(config: PathBuf) -> Pages {
        Pages { config, shelf: Arc::default() }
    }

    /// Books that stay in memory while people look at them.
    pub fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    fn open(&self) -> Result<(Agent, Store), Failure> {
        let agent = Agent::load(&self.config)?;
        let store = Store::open(&agent.state)?;
        Ok((agent, store))
    }
}

/// The book of a place; a book that is not configured is none.
fn book<'a>(agent: &'a Agent, place: &Place) -> Answer<&'a Book> {
    agent.books.iter().find(|book| book.id == place.book).ok_or_else(Refusal::missing)
}

fn month(place: &Place) -> Answer<Month> {
    place.period.parse().map_err(|_| Refusal::missing())
}

/// The account of a person.
pub fn account(store: &Store, person: &str) -> Result<Option<Account>, Failure> {
    let wanted = Wanted { book: Some(""), form: Some(""), period: Some(""), key: Some(person) };
    let Some(record) = store.records(ACCOUNT, wanted)?.pop() else { return Ok(None) };
    let kept: Kept = acts::body(&record)?;
    Ok(Some(Account { password: kept.password, invitation: kept.invitation, until: kept.until }))
}

/// Keeps an account, as an act of `who`.
pub fn put_account(store: &mut Store, who: &str, person: &str, account: &Account) -> Result<(), Failure> {
    let kept = Kept { password: account.password.clone(), invitation: account.invitation.clone(), until: account.until };
    let body = serde_json::json!(kept).to_string();
    let record = Record { kind: ACCOUNT.to_owned(), key: person.to_owned(), body, ..Record::default() };
    // The log says that there is an account and never what opens it.
    let detail = serde_json::json!({ "person": person, "invited": account.invitation.is_some() });
    acts::write(store, who, "account", &detail, &record)
}

impl web::Desk for Pages {
    fn unit(&self) -> Answer<String> {
        Ok(Agent::load(&self.config)?.unit.name)
    }

    fn people(&self) -> Answer<Vec<web::Person>> {
        let agent = Agent::load(&self.config)?;
        let person = |person: &crate::config::Person| web::Person {
            id: person.id.clone(),
            name: person.name.clone(),
            roles: person.roles.iter().map(|role| role.id().to_owned()).collect(),
        };
        // People of departments have no page here: pages show every form, down to the vouchers.
        Ok(agent.people.iter().filter(|person| person.may(Deed::Look)).map(person).collect())
    }

    fn account(&self, person: &str) -> Answer<Option<Account>> {
        let (_, store) = self.open()?;
        Ok(account(&store, person)?)
    }

    fn put_account(&self, who: &str, person: &str, account: &Account) -> Answer<()> {
        let (_, mut store) = self.open()?;
        Ok(put_account(&mut store, who, person, account)?)
    }

    fn home(&self) -> Answer<web::Home> {
        let (agent, store) = self.open()?;
        Ok(home::home(&agent, &store)?)
    }

    fn draft(&self, place: &Place) -> Answer<web::DraftView> {
        let (agent, store) = self.open()?;
        drafts::view(&agent, &store, place)
    }

    fn figure(&self, place: &web::FigurePlace) -> Answer<web::Figure> {
        let (agent, mut store) = self.open()?;
        figure::figure(&self.shelf, &agent, &mut store, place)
    }

    fn lines(&self, place: &web::LinesPlace) -> Answer<web::Lines> {
        let (agent, mut store) = self.open()?;
        lines::lines(&self.shelf, &agent, &mut store, place)
    }

    fn voucher(&self, book: &str, period: Period, key: &str) -> Answer<web::Voucher> {
        let (agent, store) = self.open()?;
        lines::voucher(&agent, &store, book, period, key)
    }

    fn verdicts(&self, place: &Place) -> Answer<web::Verdicts> {
        let (agent, mut store) = self.open()?;
        rules::verdicts(&agent, &mut store, place, Lang::Zh)
    }

    fn explain(&self, who: &str, place: &Place, digest: &str, rule: &str, cause: &str, text: &str) -> Answer<()> {
        let (agent, mut store) = self.open()?;
        let person = agent.person(who)?;
        rules::explain(&agent, &mut store, place, person, digest, &[rule, cause, text])
    }

    fn step(&self, who: &str, place: &Place, step: Step, digest: &str, reason: &str) -> Answer<Vec<model::Finding>> {
        let (agent, mut store) = self.open()?;
        let person = agent.person(who)?;
        drafts::step(&agent, &mut store, place, person, step, digest, reason)
    }

    fn export(&self, place: &Place, kind: &str) -> Answer<web::File> {
        let (_, store) = self.open()?;
        drafts::export(&store, place, kind)
    }

    fn log(&self, before: Option<i64>, most: usize) -> Answer<Vec<web::Operation>> {
        let (_, store) = self.open()?;
        Ok(home::log(&store, before, most)?)
    }
}

impl web::MappingDesk for Pages {
    fn chart_view(&self, asked: &web::MappingAsked) -> Answer<web::ChartView> {
        let (agent, mut store) = self.open()?;
        mapping::chart(&self.shelf, &agent, &mut store, asked)
    }

    fn edit_view(&self, who: &str, place: &web::EditPlace, said: Option<&str>) -> Answer<web::EditView> {
        let (agent, mut store) = self.open()?;
        mapping::edit(&self.shelf, &agent, &mut store, agent.person(who)?, place, said)
    }

    fn edit_save(&self, who: &str, place: &web::EditPlace, said: &str, why: &str, digest: &str) -> Answer<Vec<model::Finding>> {
        let (agent, mut store) = self.open()?;
        mapping::save(&self.shelf, &agent, &mut store, agent.person(who)?, place, (said, why, digest))
    }

    fn paste_view(&self, who: &str, pasted: &web::Pasted, chosen: Option<&[usize]>) -> Answer<web::PastedView> {
        let (agent, mut store) = self.open()?;
        mapping::paste(&self.shelf, &agent, &mut store, agent.person(who)?, pasted, chosen)
    }

    fn paste_take(
        &self,
        who: &str,
        pasted: &web::Pasted,
        chosen: &[usize],
        why: &str,
        digest: &str,
    ) -> Answer<Vec<model::Finding>> {
        let (agent, mut store) = self.open()?;
        mapping::take(&self.shelf, &agent, &mut store, agent.person(who)?, pasted, (chosen, why, digest))
    }
}

impl web::ExamDesk for Pages {
    fn exam_choices(&self) -> Answer<web::ExamChoices> {
        let (agent, store) = self.open()?;
        exam::choices(&agent, &store)
    }

    fn exam(&self, asked: &web::ExamAsked) -> Answer<web::ExamView> {
        let (agent, mut store) = self.open()?;
        exam::examine(&self.shelf, &agent, &mut store, asked)
    }
}
