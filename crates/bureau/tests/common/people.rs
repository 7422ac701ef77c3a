//! The bureau's people at its pages, with `curl` as the browser.

use std::process::Command;

use super::Bureau;

/// A password of nobody real.
pub const PASSWORD: &str = "一匹正确的马 电池 订书钉";

/// Somebody who is signed in.
pub struct Visitor {
    url: String,
    cookie: String,
}

/// What came back.
pub struct Seen {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Seen {
    /// Where it leads.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(':').filter(|(known, _)| known.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value.trim())
    }

    /// The token that forms of the page carry.
    pub fn token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no token: {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Asks without a session.
pub fn ask(url: &str, path: &str, args: &[&str]) -> Seen {
    let out = Command::new("curl")
        .args(["--silent", "--show-error", "--include"])
        .args(args)
        .arg(format!("{url}{path}"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{path}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Seen { status, head: head.to_owned(), body: body.to_owned() }
}

impl Bureau {
    /// Lets the bureau's people in, from when it serves.
    pub fn with_pages(self) -> Bureau {
        let path = self.path("bureau.toml");
        let text = std::fs::read_to_string(&path).unwrap() + "\n[pages]\nlisten = \"127.0.0.1:0\"\n";
        std::fs::write(path, text).unwrap();
        self
    }

    /// Somebody who works here: id, roles and area.
    pub fn works(&self, id: &str, roles: &[&str], area: &str) {
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        let args = ["staff", "add", id, "--name", "某人", "--area", area].into_iter().chain(roles);
        self.run(&args.collect::<Vec<_>>());
    }

    /// Signs somebody in by an invitation.
    pub fn signs_in(&self, id: &str) -> Visitor {
        let link = self.json(&["staff", "invite", id])[0]["link"].as_str().unwrap().to_owned();
        let (_, token) = link.split_once("invitation=").unwrap();
        let fields =
            [format!("person={id}"), format!("invitation={token}"), format!("password={PASSWORD}"), format!("again={PASSWORD}")];
        let sent: Vec<&str> = fields.iter().flat_map(|field| ["--data-urlencode", field]).collect();
        let seen = ask(self.pages(), "/welcome", &sent);
        assert_eq!(seen.status, 303, "{}", seen.body);
        let cookie = seen.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Visitor { url: self.pages().to_owned(), cookie }
    }
}

impl Visitor {
    pub fn get(&self, path: &str) -> Seen {
        ask(&self.url, path, &["--cookie", &self.cookie])
    }

    /// An act with the session's token.
    pub fn post(&self, path: &str, token: &str, fields: &[(&str, &str)]) -> Seen {
        let own = fields.iter().chain(&[("token", token)]).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let mut sent = vec!["--cookie", self.cookie.as_str()];
        own.iter().for_each(|field| sent.extend(["--data-urlencode", field]));
        ask(&self.url, path, &sent)
    }

    /// Any request with what `curl` is told besides.
    pub fn with(&self, path: &str, args: &[&str]) -> Seen {
        ask(&self.url, path, &[&["--cookie", self.cookie.as_str()], args].concat())
    }

    /// Sets up a second factor, with an authenticator that is not ours.
    pub fn second(&self) {
        let token = self.token();
        assert_eq!(self.post("/account/second", &token, &[("password", PASSWORD)]).status, 303);
        let page = self.get("/account").body;
        let (_, rest) = page.split_once("id=\"secret\">").unwrap();
        let secret = rest.split('<').next().unwrap();
        let out = Command::new("oathtool").args(["--totp", "--base32", secret]).output().unwrap();
        let code = String::from_utf8(out.stdout).unwrap();
        assert_eq!(self.post("/account/second/code", &token, &[("code", code.trim())]).status, 303);
    }

    /// The token of the session.
    pub fn token(&self) -> String {
        self.get("/").token()
    }
}
