/*! A house to test in: a root, an authority below it, and people with certificates. */
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "tests take what they need, and fail where a case cannot be set up"
)]

use std::collections::BTreeSet;

use seal::{
    Algorithm, Authority, Certificate, Identity, Moment, Payload, Profile, Request, Role, SecretKey, Signer as _, Subject, Time,
    Trust,
};

pub const UNIT: &str = "91330100MA27XKLT8Q";
pub const BUREAU: &str = "11330102002489000X";

pub fn time(text: &str) -> Time {
    text.parse().unwrap()
}

pub fn subject(unit: &str, name: &str, roles: &[Role]) -> Subject {
    let roles = roles.iter().copied().collect::<BTreeSet<_>>();
    Subject { unit: unit.to_owned(), organization: "示例制造有限公司".to_owned(), name: name.to_owned(), roles }
}

pub struct Person {
    pub key: SecretKey,
    pub chain: Vec<Certificate>,
}

impl Person {
    pub fn identity(&self) -> Identity<'_> {
        Identity::new(&self.key, self.chain.clone()).unwrap()
    }
}

pub struct House {
    pub algorithm: Algorithm,
    pub root: Person,
    pub authority: Person,
}

impl House {
    pub fn new(algorithm: Algorithm) -> House {
        let (from, until) = (time("2026-01-01T00:00:00Z"), time("2036-01-01T00:00:00Z"));
        let key = SecretKey::generate(algorithm).unwrap();
        let root = Authority::root(&key, &subject("", "示例根证书", &[]), from, until).unwrap();
        let root = Person { key, chain: vec![root] };
        let key = SecretKey::generate(algorithm).unwrap();
        let issuer = Authority::new(root.identity()).unwrap();
        let below = subject(BUREAU, "示例区统计局签发", &[]);
        let own = issuer.issue(key.public_key(), &below, Profile::Authority(0), from, until).unwrap();
        let chain = vec![own, root.chain[0].clone()];
        House { algorithm, root, authority: Person { key, chain } }
    }

    pub fn person(&self, unit: &str, name: &str, roles: &[Role]) -> Person {
        self.person_of(Profile::Person, &subject(unit, name, roles), "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")
    }

    pub fn person_of(&self, profile: Profile, subject: &Subject, from: &str, until: &str) -> Person {
        let key = SecretKey::generate(self.algorithm).unwrap();
        let request = Request::from_pem(&Request::new(&key, subject).unwrap().to_pem().unwrap()).unwrap();
        let authority = Authority::new(self.authority.identity()).unwrap();
        let own = authority.issue(request.public_key(), subject, profile, time(from), time(until)).unwrap();
        Person { key, chain: [&[own], &self.authority.chain[..]].concat() }
    }

    pub fn trust(&self, moment: Moment) -> Trust {
        Trust { roots: vec![self.root.chain[0].clone()], revoked: Vec::new(), moment }
    }
}

pub fn payload() -> Payload {
    let mut payload = Payload::new();
    payload.insert("report/B203.json", "{\"cells\":[]}").unwrap();
    payload.insert("page.html", "<!doctype html><title>报表</title>").unwrap();
    payload
}
