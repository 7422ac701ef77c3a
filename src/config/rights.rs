//! Who may do what: one table of deeds and roles, which every verb and page asks before it writes.

use model::Finding;

use super::{Agent, Person, Role};
use crate::report::Failure;

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// 提交审核
    Review,
    /// 批准
    Approve,
    /// 退回
    Return,
    /// 核实说明
    Explain,
    /// 调整数，填文字栏
    Adjust,
    /// 锁定月份
    Lock,
    /// 解锁月份
    Unlock,
    /// 大事记
    Event,
    /// 交接
    Handover,
    /// 平台值，平台已报的记录
    Platform,
    /// 改映射：公式，科目认定
    Map,
    /// 年度归档
    Archive,
    /// 把签好的包送出去
    Submit,
    /// 答复统计局的查询
    Answer,
    /// 代纸质签名作证
    Attest,
    /// 录入任何计量；部门人员只录自己的短表
    Enter,
    /// 看审核页面：每张表，直到每张凭证
    Look,
}

/// Those who answer for the forms: everybody with a role but the people of departments.
const OFFICE: &[Role] = &[Role::Preparer, Role::Statistician, Role::Finance, Role::Head];

/// The table. People of departments (`contributor`) fill their own short sheets and stand in no line of it.
const RIGHTS: [(Deed, &[Role]); 17] = [
    (Deed::Review, &[Role::Preparer]),
    (Deed::Approve, &[Role::Statistician, Role::Finance, Role::Head]),
    (Deed::Return, OFFICE),
    (Deed::Explain, OFFICE),
    (Deed::Adjust, OFFICE),
    (Deed::Lock, OFFICE),
    (Deed::Unlock, OFFICE),
    (Deed::Event, OFFICE),
    (Deed::Handover, OFFICE),
    (Deed::Platform, OFFICE),
    (Deed::Map, OFFICE),
    (Deed::Archive, OFFICE),
    (Deed::Submit, OFFICE),
    (Deed::Answer, OFFICE),
    (Deed::Attest, OFFICE),
    (Deed::Enter, OFFICE),
    (Deed::Look, OFFICE),
];

impl Deed {
    /// The roles that may.
    fn roles(self) -> &'static [Role] {
        RIGHTS.iter().find(|(deed, _)| *deed == self).map_or(&[], |(_, roles)| roles)
    }
}

impl Person {
    /// Whether one of the person's roles may.
    pub fn may(&self, deed: Deed) -> bool {
        self.roles.iter().any(|role| deed.roles().contains(role))
    }

    /// What is wrong where none of the person's roles may.
    pub fn unfit(&self, deed: Deed) -> Option<Finding> {
        let wanted = || deed.roles().iter().map(|role| role.id()).collect::<Vec<_>>().join(", ");
        (!self.may(deed)).then(|| Finding::error("role-unfit").with("person", &self.name).with("wanted", wanted()))
    }

    /// Refuses where none of the person's roles may.
    pub fn must(&self, deed: Deed, place: impl std::fmt::Display) -> Result<(), Failure> {
        match self.unfit(deed) {
            None => Ok(()),
            Some(finding) => Err(Failure::findings(vec![finding.at(place.to_string())])),
        }
    }
}

impl Agent {
    /// Whether somebody may sign in to the pages: whoever answers for the forms, and people of departments who have a short sheet to fill,
    /// for that alone.
    pub fn lets_in(&self, person: &Person) -> bool {
        person.may(Deed::Look) || self.sheets.iter().any(|sheet| sheet.person == person.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_has_its_line_and_departments_have_none() {
        for (deed, roles) in RIGHTS {
            assert_eq!(RIGHTS.iter().filter(|(other, _)| *other == deed).count(), 1, "{deed:?}");
            assert!(!roles.is_empty() && !roles.contains(&Role::Contributor), "{deed:?}");
        }
        let person = |roles: &[Role]| Person { id: "x".to_owned(), name: "某".to_owned(), roles: roles.to_vec() };
        assert!(!person(&[]).may(Deed::Adjust) && !person(&[Role::Contributor]).may(Deed::Enter));
        assert!(person(&[Role::Contributor, Role::Preparer]).may(Deed::Lock));
        // Whoever prepares hands in, and somebody else approves.
        assert!(person(&[Role::Preparer]).may(Deed::Review) && !person(&[Role::Preparer]).may(Deed::Approve));
        assert!(person(&[Role::Finance]).may(Deed::Approve) && !person(&[Role::Finance]).may(Deed::Review));
    }
}
