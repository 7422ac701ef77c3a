//! `staff`: the bureau's own people.

use clap::{Args, Subcommand};
use model::Finding;

use super::{Ctx, output};
use crate::{
    failure::Failure,
    pages,
    staff::{self, By, Change},
    store::{Staff, account},
};

/// What to do with the bureau's people.
#[derive(Subcommand)]
pub enum What {
    /// 列出本局人员 The bureau's people
    List,
    /// 登记一个人 Somebody begins
    Add(Somebody),
    /// 改姓名、角色、地区或行业；没写的不变 Something about somebody is another; what is not written stays
    Change(Changed),
    /// 停用：马上登不进去 Lets somebody in no more, at once
    Close {
        /// 人员编号 Id
        id: String,
    },
    /// 邀请：给一个 48 小时内有效的链接，本人在页面上自己设密码 A link, valid for 48 hours, with which the person sets a password
    Invite {
        /// 人员编号 Id
        id: String,
    },
}

/// Somebody new.
#[derive(Args)]
pub struct Somebody {
    /// 人员编号，登录用：小写字母和数字 Id to sign in with
    id: String,
    /// 姓名 Name
    #[arg(long)]
    name: String,
    /// 角色，可多次 Roles: admin, reviewer, reader, town, officer
    #[arg(long = "role", required = true)]
    roles: Vec<String>,
    /// 行政区划代码的前几位：省 2、市 4、县 6、乡镇 9 至 12 First digits of the regions
    #[arg(long)]
    area: String,
    /// 行业代码的前几位；不写则全部 First digits of the industries; all where absent
    #[arg(long, default_value = "")]
    trade: String,
}

/// What becomes another.
#[derive(Args)]
pub struct Changed {
    /// 人员编号 Id
    id: String,
    /// 姓名 Name
    #[arg(long)]
    name: Option<String>,
    /// 角色，可多次，代替以前的 Roles, in the place of those before
    #[arg(long = "role")]
    roles: Vec<String>,
    /// 行政区划代码的前几位 First digits of the regions
    #[arg(long)]
    area: Option<String>,
    /// 行业代码的前几位；空的则全部 First digits of the industries
    #[arg(long)]
    trade: Option<String>,
}

pub fn run(ctx: &Ctx, what: &What) -> Result<Vec<Finding>, Failure> {
    match what {
        What::List => list(ctx),
        What::Add(new) => {
            let (person, name, roles) = (new.id.clone(), new.name.clone(), new.roles.clone());
            let staff = Staff { person, name, roles, area: new.area.clone(), trade: new.trade.clone(), open: true };
            write(ctx, &Change::Add, &staff)
        }
        What::Change(changed) => {
            let mut staff = known(ctx, &changed.id)?;
            staff.name = changed.name.clone().unwrap_or(staff.name);
            if !changed.roles.is_empty() {
                staff.roles.clone_from(&changed.roles);
            }
            staff.area = changed.area.clone().unwrap_or(staff.area);
            staff.trade = changed.trade.clone().unwrap_or(staff.trade);
            write(ctx, &Change::Change, &staff)
        }
        What::Close { id } => write(ctx, &Change::Close, &known(ctx, id)?),
        What::Invite { id } => {
            let office = ctx.office()?;
            let Some(pages) = &office.config().pages else {
                return Err(Failure::config(Finding::error("pages-missing").at(ctx.config.display().to_string())));
            };
            let base = pages::url(pages, pages.listen);
            let (staff, page) = staff::invite(&office, By::Machine(&ctx.who()), id)?;
            let row = vec![staff.person.clone(), staff.name.clone(), base + &page];
            output::rows(ctx.format, ctx.lang, &["id", "name", "link"], &[row])?;
            Ok(vec![Finding::note("staff-invited").at(&staff.person).with("person", &staff.name)])
        }
    }
}

fn known(ctx: &Ctx, id: &str) -> Result<Staff, Failure> {
    let (_, store) = ctx.open()?;
    let found = store.read(|connection| Staff::find(connection, id))?;
    found.ok_or_else(|| Failure::config(Finding::error("staff-unknown").with("id", id)))
}

fn write(ctx: &Ctx, change: &Change, staff: &Staff) -> Result<Vec<Finding>, Failure> {
    let office = ctx.office()?;
    staff::write(&office, By::Machine(&ctx.who()), change, staff)?;
    Ok(vec![Finding::note("staff-written").at(&staff.person).with("person", &staff.name)])
}

fn list(ctx: &Ctx) -> Result<Vec<Finding>, Failure> {
    let (_, store) = ctx.open()?;
    let rows = store.read(|connection| {
        let mut rows = Vec::new();
        for staff in Staff::all(connection)? {
            let state = account(connection, &staff.person)?.unwrap_or_default().state();
            let state = if staff.open { state } else { "closed" };
            let roles = staff.roles.iter().map(|role| ctx.word("staff", role)).collect::<Vec<_>>().join(" ");
            rows.push(vec![staff.person, staff.name, roles, staff.area, staff.trade, ctx.word("account", state)]);
        }
        Ok(rows)
    })?;
    output::rows(ctx.format, ctx.lang, &["id", "name", "roles", "area", "trade", "sign_in"], &rows)?;
    Ok(Vec::new())
}
