/*!
The bureau's people: what roles there are, and what is written down about somebody. The page and the command line do the same through here.

Rows are only added: a change, a closed account and a new invitation are one more row each, and an entry of the log like every act.
*/

use model::Finding;

use crate::{
    clock,
    failure::Failure,
    office::Office,
    store::{Staff, Unit, account, put_account},
};

/// What somebody does at the bureau.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// 管理员: people and settings, no values.
    Admin,
    /// 审核: values of the own area, queries, returns, acceptance.
    Reviewer,
    /// 查阅: values of the own area, no acts.
    Reader,
    /// 乡镇: who reported when, never values.
    Town,
    /// 统计负责人: who looked at what, and the register of interventions.
    Officer,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] = [Role::Admin, Role::Reviewer, Role::Reader, Role::Town, Role::Officer];

    /// As rows and commands name it.
    pub const fn id(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Reviewer => "reviewer",
            Role::Reader => "reader",
            Role::Town => "town",
            Role::Officer => "officer",
        }
    }

    /// The role of an id.
    pub fn from_id(id: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.id() == id)
    }

    /// Whether it sees values of units.
    const fn sees_values(self) -> bool {
        matches!(self, Role::Reviewer | Role::Reader)
    }
}

impl Staff {
    /// Whether the person has one of these roles.
    pub fn is_any(&self, roles: &[Role]) -> bool {
        self.open && roles.iter().any(|role| self.roles.iter().any(|id| id == role.id()))
    }

    /// Whether a unit is in the person's area and trade. A unit of which the register knows less than the area says is in nobody's.
    pub fn covers(&self, unit: &Unit) -> bool {
        unit.region.starts_with(&self.area) && unit.industry.starts_with(&self.trade)
    }

    /// Name and id, as units and logs have it.
    pub fn signed(&self) -> String {
        format!("{} ({})", self.name, self.person)
    }
}

/// Digits of an area: province, city, county, town, village.
const AREAS: [usize; 5] = [2, 4, 6, 9, 12];

/// What is wrong with what is to be written about somebody.
fn unfit(staff: &Staff) -> Option<Finding> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_' || c == '.';
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let place = &staff.person;
    if staff.person.is_empty() || staff.person.len() > 40 || !staff.person.chars().all(plain) {
        return Some(Finding::error("staff-id-unfit").with("id", place));
    }
    if staff.name.trim().is_empty() || staff.name.chars().count() > 60 || staff.name.chars().any(char::is_control) {
        return Some(Finding::error("staff-name-unfit").at(place));
    }
    let known: Vec<&str> = Role::ALL.iter().map(|role| role.id()).collect();
    if let Some(role) = staff.roles.iter().find(|role| Role::from_id(role).is_none()) {
        return Some(Finding::error("role-unknown").at(place).with("role", role).with("known", known.join(", ")));
    }
    let roles: Vec<Role> = staff.roles.iter().filter_map(|role| Role::from_id(role)).collect();
    // Whoever gives rights to people gives none over values to the own account.
    if roles.is_empty() || roles.contains(&Role::Admin) && roles.iter().any(|role| role.sees_values()) {
        return Some(Finding::error("staff-roles-unfit").at(place).with("known", known.join(", ")));
    }
    if !digits(&staff.area) || !AREAS.contains(&staff.area.len()) {
        return Some(Finding::error("staff-area-unfit").at(place).with("area", &staff.area));
    }
    if roles.contains(&Role::Town) && staff.area.len() < 9 {
        return Some(Finding::error("staff-town-area").at(place).with("area", &staff.area));
    }
    if !digits(&staff.trade) || staff.trade.len() > 4 {
        return Some(Finding::error("staff-trade-unfit").at(place).with("trade", &staff.trade));
    }
    None
}

/// Who writes about people: somebody at the machine, or an administrator, who gives no more than the own area.
#[derive(Clone, Copy)]
pub enum By<'a> {
    /// Whoever may run the program at the machine.
    Machine(&'a str),
    /// An administrator on a page.
    Admin(&'a Staff),
}

impl By<'_> {
    fn who(&self) -> String {
        match self {
            By::Machine(who) => (*who).to_owned(),
            By::Admin(staff) => staff.person.clone(),
        }
    }

    /// That an administrator writes about people of the own area, and not about himself.
    fn reaches(&self, staff: &Staff) -> Result<(), Finding> {
        match self {
            By::Admin(admin) if admin.person == staff.person => Err(Finding::error("staff-oneself").at(&staff.person)),
            By::Admin(admin) if !staff.area.starts_with(&admin.area) || !staff.trade.starts_with(&admin.trade) => {
                Err(Finding::error("staff-area-beyond").at(&staff.person).with("area", &staff.area).with("own", &admin.area))
            }
            _ => Ok(()),
        }
    }
}

/// What is to become of somebody.
pub enum Change {
    /// The person begins.
    Add,
    /// Something about the person is another.
    Change,
    /// The person is let in no more.
    Close,
}

/// Writes somebody down; what was known before stays as it was.
pub fn write(office: &Office, by: By<'_>, change: &Change, staff: &Staff) -> Result<(), Failure> {
    let refused = |finding: Finding| Failure::findings(vec![finding]);
    if let Some(finding) = unfit(staff) {
        return Err(Failure::config(finding));
    }
    by.reaches(staff).map_err(refused)?;
    let at = clock::text(clock::now());
    let written = office.write(|connection| {
        let before = Staff::find(connection, &staff.person)?;
        let finding = match (change, &before) {
            (Change::Add, Some(before)) if before.open => Some(Finding::error("staff-exists").at(&staff.person)),
            (Change::Change | Change::Close, None) => Some(Finding::error("staff-unknown").with("id", &staff.person)),
            _ => None,
        };
        // Who is outside an administrator's area is not drawn into it.
        let finding = finding.or_else(|| before.as_ref().and_then(|before| by.reaches(before).err()));
        if let Some(finding) = finding {
            return Ok(Err(finding));
        }
        let open = !matches!(change, Change::Close);
        let staff = Staff { open, ..staff.clone() };
        if before.as_ref() != Some(&staff) {
            staff.add(connection, &at, &by.who())?;
        }
        if !open || before.is_some_and(|before| !before.open) {
            // Whoever was let in before comes back by a new invitation only.
            put_account(connection, &at, &by.who(), &staff.person, &gate::Account::default())?;
        }
        Ok(Ok(()))
    })?;
    written.map_err(refused)
}

/// Invites somebody who is open: gives the page on which a password is chosen, after the address of the pages. What the person signs in with today
/// holds until then.
pub fn invite(office: &Office, by: By<'_>, person: &str) -> Result<(Staff, String), Failure> {
    let refused = |finding: Finding| Failure::findings(vec![finding]);
    let found = office.store().read(|connection| Ok((Staff::find(connection, person)?, account(connection, person)?)))?;
    let (Some(staff), known) = (found.0.filter(|staff| staff.open), found.1.unwrap_or_default()) else {
        return Err(Failure::config(Finding::error("staff-unknown").with("id", person)));
    };
    by.reaches(&staff).map_err(refused)?;
    let now = clock::now();
    let seconds = i64::try_from(now.unix()).unwrap_or(i64::MAX);
    let invited = known.invited(seconds).ok_or_else(|| Failure::source(Finding::error("randomness-missing")))?;
    let (account, token) = invited;
    office.write(|connection| put_account(connection, &clock::text(now), &by.who(), person, &account))?;
    let page = gate::invitation(person, &token);
    Ok((staff, page))
}
