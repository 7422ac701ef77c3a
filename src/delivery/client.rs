/*! What the agent says to the receiver: HTTP over TLS 1.3, where only the bureau's own certificates are trusted. */

use std::{fs, time::Duration};

use base64ct::{Base64, Encoding};
use exchange::{
    AGENT_CHECKPOINT, Consistency, Health, Message, Messages, NewMessage, OFFSET, PACKAGE_MAX, PIECE_MAX, Pack, Packs, Problem,
    UploadOrder, UploadState, media,
};
use model::Finding;
use reqwest::{
    Certificate, Identity, Proxy,
    blocking::{Client as Http, RequestBuilder, Response},
    header::CONTENT_TYPE,
    redirect, tls,
};
use seal::Digest;
use serde::de::DeserializeOwned;

use super::machine::Machine;
use crate::{
    config::{Agent, Bureau},
    report::Failure,
};

/// Seconds in which a connection must stand.
const CONNECT: u64 = 15;
/// Seconds for a question that nothing waits for.
const BRIEF: u64 = 3;

/// A connection to the receiver.
pub struct Client {
    http: Http,
    url: String,
}

/// The receiver that the configuration names.
pub fn bureau(agent: &Agent) -> Result<&Bureau, Failure> {
    let missing = || Failure::config(Finding::error("bureau-missing").at(agent.path.display().to_string()));
    agent.bureau.as_ref().ok_or_else(missing)
}

/// All that an error says, down to its first cause: that is where TLS tells why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        words.push(cause.to_string());
        next = cause.source();
    }
    words.join(": ")
}

impl Client {
    /// With the machine's certificate, or without one to enrol.
    pub fn new(agent: &Agent, machine: Option<&Machine>) -> Result<Client, Failure> {
        Client::within(agent, machine, CONNECT, bureau(agent)?.timeout)
    }

    /// For a question whose answer is good to have and nothing waits for.
    pub fn brief(agent: &Agent, machine: Option<&Machine>) -> Result<Client, Failure> {
        Client::within(agent, machine, BRIEF, BRIEF)
    }

    fn within(agent: &Agent, machine: Option<&Machine>, connect: u64, timeout: u64) -> Result<Client, Failure> {
        let own = bureau(agent)?;
        let place = agent.place("bureau");
        let unfit = |reason: &dyn std::error::Error| {
            Failure::config(Finding::error("bureau-unfit").at(&place).with("reason", chain(reason)))
        };
        if !own.url.starts_with("https://") {
            let finding = Finding::error("bureau-url-unfit").at(agent.place("bureau.url")).with("url", &own.url);
            return Err(Failure::config(finding));
        }
        // Somebody else may have installed it already, and then it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let path = agent.folder().join(&own.ca);
        let text = fs::read(&path).map_err(|error| Failure::config(Finding::io(&path, &error)))?;
        let roots = Certificate::from_pem_bundle(&text).map_err(|error| unfit(&error))?;
        if roots.is_empty() {
            return Err(Failure::config(Finding::error("roots-missing").at(path.display().to_string())));
        }
        let mut builder = Http::builder()
            .tls_certs_only(roots)
            .tls_version_min(tls::Version::TLS_1_3)
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(connect))
            .timeout(Duration::from_secs(timeout));
        if let Some(proxy) = &own.proxy {
            builder = builder.proxy(Proxy::all(proxy).map_err(|error| unfit(&error))?);
        }
        if let Some(machine) = machine {
            builder = builder.identity(Identity::from_pem(machine.pem.as_bytes()).map_err(|error| unfit(&error))?);
        }
        let http = builder.build().map_err(|error| unfit(&error))?;
        Ok(Client { http, url: own.url.trim_end_matches('/').to_owned() })
    }

    /// The receiver's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn lost(&self, error: &reqwest::Error) -> Failure {
        Failure::source(Finding::error("bureau-unreachable").at(&self.url).with("reason", chain(error)))
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().map_err(|error| self.lost(&error))
    }

    fn bytes(&self, answer: Response) -> Result<Vec<u8>, Failure> {
        Ok(answer.bytes().map_err(|error| self.lost(&error))?.to_vec())
    }

    /// Why a request was not done. What the receiver cannot do now is tried again; what it does not want is for a person.
    fn problem(&self, answer: Response) -> Failure {
        let status = answer.status().as_u16();
        let said = self.bytes(answer).unwrap_or_default();
        let (code, reason) = match serde_json::from_slice::<Problem>(&said) {
            Ok(problem) => (problem.code, problem.title),
            Err(_) => (String::new(), String::from_utf8_lossy(&said).chars().take(200).collect()),
        };
        let finding = Finding::error("bureau-declined").at(&self.url).with("status", status).with("code", code);
        let finding = finding.with("reason", reason);
        if status >= 500 || status == 429 { Failure::source(finding) } else { Failure::findings(vec![finding]) }
    }

    fn good(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = self.send(request)?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.problem(answer)) }
    }

    fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let said = self.bytes(self.good(request)?)?;
        serde_json::from_slice(&said)
            .map_err(|error| Failure::source(Finding::error("bureau-unreachable").at(&self.url).with("reason", error)))
    }

    /// Whether the receiver is there, and what time it is for it.
    pub fn health(&self) -> Result<Health, Failure> {
        self.json(self.http.get(self.path("/v1/health")))
    }

    /// A receipt; a refusal is one, too.
    fn receipt(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        let answer = self.send(request)?;
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with(media::CONTAINER)) { self.bytes(answer) } else { Err(self.problem(answer)) }
    }

    /// Sends a package, in pieces where it is larger than one; gives the receipt.
    pub fn submit(&self, package: Vec<u8>, checkpoint: &str) -> Result<Vec<u8>, Failure> {
        if package.len() > PACKAGE_MAX {
            let finding = Finding::error("request-too-large").at(&self.url).with("limit", PACKAGE_MAX);
            return Err(Failure::findings(vec![finding]));
        }
        let checkpoint = Base64::encode_string(checkpoint.as_bytes());
        if package.len() <= PIECE_MAX {
            let request = self.http.post(self.path("/v1/packages")).header(CONTENT_TYPE, media::CONTAINER);
            return self.receipt(request.header(AGENT_CHECKPOINT, checkpoint).body(package));
        }
        let order = UploadOrder { sha256: Digest::of(&package).to_string(), length: package.len() as u64 };
        let body = serde_json::to_vec(&order)
            .map_err(|error| Failure::source(Finding::error("bureau-unreachable").at(&self.url).with("reason", error)))?;
        let begin = self.http.post(self.path("/v1/uploads")).header(CONTENT_TYPE, media::JSON).body(body);
        let begun: UploadState = self.json(begin)?;
        let path = self.path(&format!("/v1/uploads/{}", order.sha256));
        let mut offset = usize::try_from(begun.offset).unwrap_or(usize::MAX).min(package.len());
        // What arrived before a connection broke is not sent again.
        while let Some(piece) = package.get(offset..).filter(|rest| !rest.is_empty()) {
            let piece = piece[..piece.len().min(PIECE_MAX)].to_vec();
            let end = offset + piece.len();
            let request = self.http.patch(&path).header(CONTENT_TYPE, media::PIECE).header(OFFSET, offset).body(piece);
            self.good(request)?;
            offset = end;
        }
        self.receipt(self.http.post(format!("{path}/complete")).header(AGENT_CHECKPOINT, checkpoint))
    }

    /// The receipt that the receiver has for a payload of this unit; nothing where none came.
    pub fn receipt_of(&self, payload: &str) -> Result<Option<Vec<u8>>, Failure> {
        let answer = self.send(self.http.get(self.path(&format!("/v1/receipts/{payload}"))))?;
        match answer.status().as_u16() {
            404 => Ok(None),
            200 => self.bytes(answer).map(Some),
            _ => Err(self.problem(answer)),
        }
    }

    /// Hashes that show that the log of `from` entries is the beginning of that of `to`; nothing where the receiver's log has not so many.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Option<Vec<Digest>>, Failure> {
        let path = self.path(&format!("/v1/log/consistency?from={from}&to={to}"));
        let answer = self.send(self.http.get(path))?;
        if answer.status().as_u16() == 404 {
            return Ok(None);
        }
        if !answer.status().is_success() {
            return Err(self.problem(answer));
        }
        let said: Consistency = serde_json::from_slice(&self.bytes(answer)?)
            .map_err(|error| Failure::source(Finding::error("bureau-unreachable").at(&self.url).with("reason", error)))?;
        Ok(said.proof.iter().map(|hash| Digest::parse(hash)).collect())
    }

    /// The newest checkpoint of the receiver's log.
    pub fn checkpoint(&self) -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&self.bytes(self.good(self.http.get(self.path("/v1/log/checkpoint")))?)?).into_owned())
    }

    /// Messages after a number.
    pub fn messages(&self, after: u64) -> Result<Messages, Failure> {
        self.json(self.http.get(self.path(&format!("/v1/messages?after={after}"))))
    }

    /// Sends a message; the same key again is the same message.
    pub fn post(&self, message: &NewMessage) -> Result<Message, Failure> {
        let body = serde_json::to_vec(message)
            .map_err(|error| Failure::source(Finding::error("bureau-unreachable").at(&self.url).with("reason", error)))?;
        self.json(self.http.post(self.path("/v1/messages")).header(CONTENT_TYPE, media::JSON).body(body))
    }

    /// Survey packs and calendars that the bureau published, the newest of each.
    pub fn packs(&self) -> Result<Vec<Pack>, Failure> {
        Ok(self.json::<Packs>(self.http.get(self.path("/v1/packs")))?.packs)
    }

    /// The signed container of a pack.
    pub fn pack(&self, sha256: &Digest) -> Result<Vec<u8>, Failure> {
        self.bytes(self.good(self.http.get(self.path(&format!("/v1/packs/{sha256}"))))?)
    }

    /// A certificate for a one-time code (RFC 7030).
    pub fn enrol(&self, unit: &str, code: &str, request: &str) -> Result<String, Failure> {
        let sent = self.http.post(self.path("/.well-known/est/simpleenroll")).basic_auth(unit, Some(code));
        self.certificates(sent, request)
    }

    /// A certificate in the place of the connection's own.
    pub fn reenrol(&self, request: &str) -> Result<String, Failure> {
        self.certificates(self.http.post(self.path("/.well-known/est/simplereenroll")), request)
    }

    fn certificates(&self, sent: RequestBuilder, request: &str) -> Result<String, Failure> {
        let answer = self.good(sent.header(CONTENT_TYPE, media::PKCS10).body(request.to_owned()))?;
        Ok(String::from_utf8_lossy(&self.bytes(answer)?).into_owned())
    }
}
