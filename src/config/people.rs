//! People of the enterprise and what they may do.

use model::Finding;
use serde::Deserialize;

/// A person of the enterprise who fills, reviews or signs.
#[derive(Clone, Deserialize)]
pub struct Person {
    /// Name used on the command line and in the operation log.
    pub id: String,
    /// Name on forms.
    pub name: String,
    /// What the person may do.
    #[serde(default)]
    pub roles: Vec<Role>,
}

/// Nobody of the configuration has this id; where it has nobody at all, that is what a person must mend.
pub fn unknown(people: &[Person], id: &str) -> Finding {
    if people.is_empty() {
        return Finding::error("people-missing").with("person", id);
    }
    let known: Vec<&str> = people.iter().map(|person| person.id.as_str()).collect();
    let near = settings::nearest(id, known.iter().copied()).unwrap_or("—");
    Finding::error("person-unknown").with("person", id).with("near", near).with("known", known.join(", "))
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 填表人
    Preparer,
    /// 统计负责人
    Statistician,
    /// 财务负责人
    Finance,
    /// 单位负责人
    Head,
    /// Fills short sheets of a department: personnel, warehouse, equipment.
    Contributor,
}

impl Role {
    /// As the configuration, packages and commands write it.
    pub const fn id(self) -> &'static str {
        match self {
            Role::Preparer => "preparer",
            Role::Statistician => "statistician",
            Role::Finance => "finance",
            Role::Head => "head",
            Role::Contributor => "contributor",
        }
    }
}
