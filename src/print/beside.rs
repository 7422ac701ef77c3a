//! What stands beside a draft when it is printed: the names of people and causes, when it was filed, who has signed.

use std::collections::BTreeMap;

use serde_json::Value;
use store::{Store, Wanted};
use survey::{audit::Causes, document::Draft};
use ui::Lang;

use crate::{acts, audit, config::Agent, delivery, output::label, report::Failure, signature::SIGNATURE};

/// Names and facts that a draft itself does not hold. Without any, codes stand for themselves.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Names of people by id.
    people: BTreeMap<String, String>,
    /// Names of causes by code: Chinese, English.
    causes: BTreeMap<String, [String; 2]>,
    /// Code of the unit's region.
    pub region: String,
    /// The day on which it was filed.
    pub sent_on: String,
    /// Who has signed: role, name.
    signed: Vec<[String; 2]>,
}

impl Beside {
    /// The names that come with the program: what a package shows is the same wherever it is made.
    pub fn built_in() -> Beside {
        let (causes, _) = Causes::parse("mappings/causes.toml", survey::audit::CAUSES);
        Beside { causes: causes.map(named).unwrap_or_default(), ..Beside::default() }
    }

    /// Those of an enterprise, and when the draft was filed.
    pub fn of(agent: &Agent, store: &Store, draft: &Draft) -> Result<Beside, Failure> {
        let filed = delivery::filing(store, &draft.book, &draft.form, &draft.period)?;
        Ok(Beside {
            people: agent.people.iter().map(|person| (person.id.clone(), person.name.clone())).collect(),
            causes: named(audit::causes(agent)?),
            region: agent.unit.region.clone(),
            sent_on: filed.map(|filed| filed.at).unwrap_or_default(),
            signed: Vec::new(),
        })
    }

    /// With those who have signed a package, by its digest, in these roles.
    pub fn signed_by<'a>(mut self, store: &Store, digest: &str, roles: impl Iterator<Item = &'a str>) -> Result<Beside, Failure> {
        for role in roles {
            let key = format!("{digest}/{role}");
            let Some(record) = store.records(SIGNATURE, Wanted { key: Some(&key), ..Wanted::default() })?.pop() else { continue };
            let body: Value = acts::body(&record)?;
            self.signed.push([role.to_owned(), body["name"].as_str().unwrap_or_default().to_owned()]);
        }
        Ok(self)
    }

    /// Name of a person.
    pub fn person(&self, id: &str) -> String {
        self.people.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Name of a cause.
    pub fn cause(&self, lang: Lang, code: &str) -> String {
        self.causes.get(code).map_or_else(|| code.to_owned(), |names| names[usize::from(lang == Lang::En)].clone())
    }

    /// Who is named for a role, and who has signed in it: both, where they are two.
    pub fn signed(&self, lang: Lang, role: &str, named: &str) -> String {
        let by: Vec<&str> = self.signed.iter().filter(|[own, _]| own == role).map(|[_, name]| name.as_str()).collect();
        match by[..] {
            [] => named.to_owned(),
            [name] if name == named => format!("{named}{}", label(lang, "print-signed")),
            _ => format!("{named}{}", ui::text(lang, "label-print-signed-by", &[("names", by.join("、"))])).trim().to_owned(),
        }
    }
}

fn named(causes: Causes) -> BTreeMap<String, [String; 2]> {
    causes.causes.into_iter().map(|(code, cause)| (code, [cause.zh, cause.en])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_named_and_who_signed_are_both_shown_where_they_are_two() {
        let signed = vec![["head".to_owned(), "周敏".to_owned()]];
        let beside = Beside { signed, ..Beside::default() };
        let said = |named| beside.signed(Lang::Zh, "head", named);
        assert_eq!([said("陈立"), said("周敏"), said("")], ["陈立（签名：周敏）", "周敏（已签名）", "（签名：周敏）"]);
        assert_eq!(beside.signed(Lang::En, "head", "陈立"), "陈立 (signed by 周敏)");
        assert_eq!(beside.signed(Lang::Zh, "preparer", "吴静"), "吴静");
    }

    #[test]
    fn causes_have_names_wherever_the_program_runs() {
        assert_eq!(Beside::built_in().cause(Lang::Zh, "policy"), "税费、补贴等政策");
        assert_eq!(Beside::built_in().cause(Lang::Zh, "a cause of one's own"), "a cause of one's own");
    }
}
