/*! What the pages ask of the agent (`web::Desk`): the same acts as on the command line, by the same code. */

mod accounts;
mod basis;
mod deeds;
mod drafts;
mod exam;
mod figure;
mod filed;
mod history;
mod home;
mod lines;
mod mapping;
mod rules;
mod sending;
mod series;
mod sheets;
mod shelf;
mod signoff;
mod telling;
mod why;

use std::{path::PathBuf, sync::Arc};

use model::{Month, Period};
use store::Store;
use ui::Lang;
use web::{Account, Answer, Kind, Place, Refusal, Step};

use crate::{
    config::{Agent, Book, Deed},
    delivery::messages,
    report::Failure,
};

pub use accounts::{ACCOUNT, account, put_account};
pub use home::local;
pub use shelf::Shelf;
pub use signoff::name;

/// The desk of an agent: configuration and state are opened for each question, so that a change of either is seen at once.
pub struct Pages {
    config: PathBuf,
    shelf: Arc<Shelf>,
    charts: mapping::Charts,
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
        Pages { config, shelf: Arc::default(), charts: mapping::Charts::default() }
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
            office: person.may(Deed::Look),
        };
        Ok(agent.people.iter().filter(|known| agent.lets_in(known)).map(person).collect())
    }

    fn account(&self, person: &str) -> Answer<Option<Account>> {
        let (_, store) = self.open()?;
        Ok(account(&store, person)?)
    }

    fn put_account(&self, who: &str, person: &str, account: &Account) -> Answer<()> {
        let (_, mut store) = self.open()?;
        Ok(put_account(&mut store, who, person, account)?)
    }

    fn waiting(&self) -> Answer<usize> {
        let (_, store) = self.open()?;
        Ok(messages::waiting(&store)?)
    }

    fn home(&self, who: &str, day: Option<&str>, all: bool) -> Answer<web::Home> {
        let (agent, store) = self.open()?;
        Ok(home::home(&agent, &store, agent.person(who)?, day, all)?)
    }

    fn draft(&self, place: &Place) -> Answer<web::DraftView> {
        let (agent, store) = self.open()?;
        drafts::view(&agent, &store, place)
    }

    fn figure(&self, place: &web::FigurePlace) -> Answer<web::Figure> {
        let (agent, mut store) = self.open()?;
        let mut figure = figure::figure(&self.shelf, &agent, &mut store, place)?;
        figure.sheets = sheets::of_figure(&agent, &figure)?;
        Ok(figure)
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
        rules::verdicts(&self.shelf, &agent, &mut store, place, Lang::Zh)
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

    fn export(&self, place: &Place, kind: &str, lang: Lang) -> Answer<web::File> {
        let (agent, store) = self.open()?;
        drafts::export(&agent, &store, place, kind, lang)
    }
}

impl web::SignDesk for Pages {
    fn offers(&self, who: &str, place: &Place) -> Answer<web::Offers> {
        let (agent, store) = self.open()?;
        signoff::offers(&store, place, agent.person(who)?)
    }

    fn signing(&self, who: &str, place: &Place) -> Answer<web::Signing> {
        let (agent, mut store) = self.open()?;
        signoff::signing(&agent, &mut store, place, agent.person(who)?)
    }

    fn sign(&self, who: &str, place: &Place, sign: &web::Sign) -> Answer<Vec<model::Finding>> {
        let (agent, mut store) = self.open()?;
        signoff::sign(&agent, &mut store, place, agent.person(who)?, sign)
    }

    fn signables(&self, who: &str) -> Answer<web::Signables> {
        let (agent, mut store) = self.open()?;
        signoff::signables(&agent, &mut store, agent.person(who)?)
    }

    fn print(&self, place: &Place, pdf: bool) -> Answer<web::File> {
        let (agent, mut store) = self.open()?;
        signoff::paper(&agent, &mut store, place, pdf)
    }

    fn note_filing(&self, who: &str, place: &Place, said: [&str; 3], papers: &[web::Paper]) -> Answer<()> {
        let (agent, mut store) = self.open()?;
        signoff::file(&agent, &mut store, place, agent.person(who)?, said, papers)
    }

    fn leaving(&self, who: &str, place: &Place) -> Answer<web::Leaving> {
        let (agent, store) = self.open()?;
        sending::leaving(&agent, &store, place, agent.person(who)?)
    }

    fn submit(&self, who: &str, place: &Place, digest: &str, anyway: &str) -> Answer<()> {
        let (agent, mut store) = self.open()?;
        sending::submit(&agent, &mut store, place, agent.person(who)?, digest, anyway)
    }

    fn carry(&self, who: &str, place: &Place, digest: &str, anyway: &str) -> Answer<web::File> {
        let (agent, mut store) = self.open()?;
        sending::carry(&agent, &mut store, place, agent.person(who)?, digest, anyway)
    }

    fn content(&self, place: &Place, digest: &str) -> Answer<web::File> {
        let (_, store) = self.open()?;
        sending::content(&store, place, digest)
    }

    fn carried(&self, place: &Place, digest: &str, checkpoint: bool) -> Answer<web::File> {
        let (agent, store) = self.open()?;
        sending::carried(&agent, &store, place, digest, checkpoint)
    }

    fn import_receipt(&self, who: &str, paper: &web::Paper) -> Answer<String> {
        let (agent, mut store) = self.open()?;
        sending::import(&agent, &mut store, agent.person(who)?, paper)
    }

    fn call_back(&self, who: &str, place: &Place, digest: &str, reason: &str) -> Answer<Vec<model::Finding>> {
        let (agent, mut store) = self.open()?;
        sending::withdraw(&agent, &mut store, place, agent.person(who)?, digest, reason)
    }

    fn delivery(&self, who: &str, place: &Place) -> Answer<web::Delivery> {
        let (agent, store) = self.open()?;
        sending::delivery(&agent, &store, place, agent.person(who)?)
    }

    fn receipt(&self, name: &str) -> Answer<web::ReceiptView> {
        let (agent, store) = self.open()?;
        sending::receipt(&agent, &store, name)
    }

    fn receipt_file(&self, name: &str) -> Answer<web::File> {
        let (agent, store) = self.open()?;
        sending::receipt_file(&agent, &store, name)
    }

    fn letters(&self, who: &str) -> Answer<web::Letters> {
        let (agent, store) = self.open()?;
        sending::letters(&agent, &store, agent.person(who)?)
    }

    fn fetch(&self) -> Answer<Vec<model::Finding>> {
        let (agent, mut store) = self.open()?;
        Ok(messages::fetch(&agent, &mut store)?)
    }

    fn answer(&self, who: &str, number: u64, text: &str) -> Answer<Vec<model::Finding>> {
        let (agent, mut store) = self.open()?;
        let (_, findings) = messages::answer(&agent, &mut store, agent.person(who)?, number, text)?;
        Ok(findings)
    }
}

impl web::HistoryDesk for Pages {
    fn history(&self, wanted: &web::Wanted, most: usize) -> Answer<web::History> {
        let (agent, store) = self.open()?;
        Ok(history::history(&agent, &store, wanted, most)?)
    }

    fn versions(&self, place: &Place, two: [Option<i64>; 2]) -> Answer<web::Versions> {
        let (agent, store) = self.open()?;
        history::versions(&agent, &store, place, two)
    }

    fn resealed(&self, book: &str) -> Answer<Vec<web::Resealed>> {
        let (agent, store) = self.open()?;
        history::resealed(&agent, &store, book)
    }

    fn changes(&self, book: &str, period: &str, roots: Option<[String; 2]>) -> Answer<web::Changes> {
        let (agent, store) = self.open()?;
        history::changes(&agent, &store, book, period, roots)
    }
}

impl web::MappingDesk for Pages {
    fn chart_view(&self, asked: &web::MappingAsked) -> Answer<web::ChartView> {
        let (agent, mut store) = self.open()?;
        mapping::chart((&self.shelf, &self.charts), &agent, &mut store, asked)
    }

    fn edit_view(&self, who: &str, place: &web::EditPlace, said: Option<&str>) -> Answer<web::EditView> {
        let (agent, mut store) = self.open()?;
        mapping::edit((&self.shelf, &self.charts), &agent, &mut store, agent.person(who)?, place, said)
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
