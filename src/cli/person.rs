/*! `taizhang person`: who works with the pages. */

use clap::Subcommand;
use model::Finding;

use super::Ctx;
use crate::{
    config::Deed,
    desk,
    output::{Table, label},
    packs, pages,
    report::Failure,
};

/// What to do with people.
#[derive(Subcommand)]
pub enum What {
    /// 人员和他们能不能登录页面 People of the configuration, and who can sign in to the pages
    List,
    /// 邀请：给一个 48 小时内有效的链接，本人在页面上自己设密码 A link, valid for 48 hours, with which the person sets a password
    Invite {
        /// [[person]] 的 id Id of a [[person]]
        person: String,
    },
}

/// Runs the verb.
pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    let (agent, mut store) = ctx.open()?;
    match what {
        What::List => {
            let mut rows = Vec::new();
            for person in &agent.people {
                let account = desk::account(&store, &person.id)?.unwrap_or_default();
                let state = account.state();
                let state = if ctx.people() { label(ctx.lang, &format!("account-{state}")) } else { state.to_owned() };
                let roles = person.roles.iter().map(|role| role.id()).collect::<Vec<_>>().join(" ");
                rows.push(vec![person.id.clone(), person.name.clone(), roles, state]);
            }
            Table { columns: &["id", "name", "roles", "sign_in"], numbers: &[], rows }.write(ctx.format, ctx.lang)?;
            Ok(Vec::new())
        }
        What::Invite { person } => {
            let person = agent.person(person)?;
            if !agent.lets_in(person) {
                person.must(Deed::Look, &person.id)?;
            }
            let Some(web) = &agent.web else {
                return Err(Failure::config(Finding::error("web-missing").at(agent.path.display().to_string())));
            };
            let served = pages::served(&store);
            // A port that the system chooses is known only while somebody listens: an address that opens nothing is not given to anybody.
            let chosen = web.address().filter(|address| address.port() != 0).map(|address| pages::url(web, address));
            let Some(base) = served.clone().or(chosen) else {
                let finding = Finding::error("web-not-running").at(&person.id).with("listen", &web.listen);
                return Err(Failure::findings(vec![finding]));
            };
            // What the person signs in with today holds until the invitation is used.
            let known = desk::account(&store, &person.id)?.unwrap_or_default();
            let (account, token) = known
                .invited(jiff::Timestamp::now().as_second())
                .ok_or_else(|| Failure::source(Finding::error("state-refused").with("reason", "no random numbers")))?;
            desk::put_account(&mut store, &packs::who(), &person.id, &account)?;
            let link = base + &gate::invitation(&person.id, &token);
            Table {
                columns: &["id", "name", "link"],
                numbers: &[],
                rows: vec![vec![person.id.clone(), person.name.clone(), link]],
            }
            .write(ctx.format, ctx.lang)?;
            let mut findings = vec![Finding::note("person-invited").at(&person.id).with("person", &person.name)];
            if served.is_none() {
                findings.push(Finding::warning("web-not-running").at(&person.id).with("listen", &web.listen));
            }
            Ok(findings)
        }
    }
}
