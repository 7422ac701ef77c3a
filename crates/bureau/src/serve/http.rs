//! From requests to the receiver's trait and back. There is no route beside [`OPERATIONS`].

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Response, StatusCode, header, request::Parts},
};
use axum_server::tls::TlsInfo;
use exchange::{
    AGENT_CHECKPOINT, By, Caller, Code, MESSAGES_MAX, Method, NewMessage, OFFSET, OPERATIONS, Operation, PACKAGE_MAX, PIECE_MAX,
    Place, Problem, REQUEST_MAX, Receipted, Receiver, UploadOrder, is_digest, media,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{est, events::Event, office::Office, problem};

/// How long a body that nobody will use is listened to.
const LISTENED: std::time::Duration = std::time::Duration::from_secs(60);

/// What handlers share.
#[derive(Clone)]
pub struct Serving {
    /// The receiver.
    pub office: Arc<Office>,
}

/// Answers a request.
pub async fn answer(State(serving): State<Serving>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match handle(&serving.office, &parts, body).await {
        Ok(response) => response,
        Err(found) => {
            if matches!(found.status, 401 | 403 | 413 | 503) {
                let unit = caller(&parts).map(|who| who.unit).unwrap_or_default();
                serving.office.tell(|| Event::declined(&unit, &found));
            }
            refusal(found, parts.method == HttpMethod::HEAD)
        }
    }
}

/// A problem as an answer.
fn refusal(found: Problem, head: bool) -> Response<Body> {
    let found = problem::worded(found);
    let status = StatusCode::from_u16(found.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let text = if head { Vec::new() } else { serde_json::to_vec(&found).unwrap_or_default() };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    if !head {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media::PROBLEM));
    }
    match found.code.as_str() {
        "method-unknown" => {
            let allowed = found.arguments.get("allowed").and_then(|allowed| HeaderValue::from_str(allowed).ok());
            allowed.and_then(|allowed| response.headers_mut().insert(header::ALLOW, allowed));
        }
        "enrolment-code-refused" => {
            let realm = HeaderValue::from_static("Basic realm=\"taizhang\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        // RFC 9110 asks for a challenge with each 401; what is asked for is a certificate, which has none.
        "client-certificate-missing" => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Certificate"));
        }
        _ if status == StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    response
}

/// Values of the path where it is the operation's.
fn matched<'p>(operation: &Operation, path: &'p str) -> Option<HashMap<&'static str, &'p str>> {
    let (mut wanted, mut given) = (operation.path.split('/'), path.split('/'));
    let mut values = HashMap::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(values),
            (Some(wanted), Some(given)) => match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => drop(values.insert(name, given)),
                None if wanted == given => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::GET,
        Method::Head => HttpMethod::HEAD,
        Method::Post => HttpMethod::POST,
        Method::Patch => HttpMethod::PATCH,
    }
}

/// The operation of a request with the values of its path.
fn routed<'p>(method: &HttpMethod, path: &'p str) -> Result<(&'static Operation, HashMap<&'static str, &'p str>), Problem> {
    let mut allowed = Vec::new();
    for operation in OPERATIONS {
        let Some(values) = matched(operation, path) else { continue };
        if http_method(operation.method) == *method {
            return Ok((operation, values));
        }
        allowed.push(operation.method.name().to_uppercase());
    }
    if allowed.is_empty() {
        return Err(Problem::new(404, "route-unknown"));
    }
    Err(Problem::new(405, "method-unknown").with("allowed", allowed.join(", ")))
}

/// Everything that a request says besides its body, checked.
struct Asked<'p> {
    path: HashMap<&'static str, &'p str>,
    query: HashMap<String, String>,
    headers: &'p HeaderMap,
}

fn malformed(name: &str) -> Problem {
    Problem::new(400, "request-malformed").with("part", name)
}

impl Asked<'_> {
    fn of<'p>(operation: &Operation, path: HashMap<&'static str, &'p str>, parts: &'p Parts) -> Result<Asked<'p>, Problem> {
        let mut query = HashMap::new();
        for pair in parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            // Names and values here are plain: nothing needs to be decoded.
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let wanted = |place: Place| matches!(place, Place::Query | Place::QueryMust);
            let known = operation.parameters.iter().any(|known| known.name == name && wanted(known.place));
            if !known || query.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(malformed(name));
            }
        }
        let asked = Asked { path, query, headers: &parts.headers };
        for parameter in operation.parameters {
            let value = match parameter.place {
                Place::Path => asked.path.get(parameter.name).map(|text| (*text).to_owned()),
                Place::Query | Place::QueryMust => asked.query.get(parameter.name).cloned(),
                Place::Header | Place::HeaderMust => asked.header(parameter.name)?.map(str::to_owned),
            };
            let must = matches!(parameter.place, Place::Path | Place::QueryMust | Place::HeaderMust);
            let good = match (&value, parameter.schema) {
                (None, _) => !must,
                (Some(text), "Digest") => is_digest(text),
                (Some(text), "Number") => plain(text).is_some(),
                (Some(_), _) => true,
            };
            if !good {
                return Err(malformed(parameter.name));
            }
        }
        Ok(asked)
    }

    fn header(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().map_err(|_| malformed(name))).transpose()?;
        if values.next().is_some() { Err(malformed(name)) } else { Ok(first) }
    }

    fn digest(&self, name: &str) -> &str {
        self.path.get(name).copied().unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.query.get(name).and_then(|text| plain(text))
    }

    /// The agent's checkpoint.
    fn agent(&self) -> Result<Option<String>, Problem> {
        let Some(text) = self.header(AGENT_CHECKPOINT)? else { return Ok(None) };
        let decoded = est::decode(text.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.map(Some).ok_or_else(|| malformed(AGENT_CHECKPOINT))
    }
}

/// A number as JSON writes it.
fn plain(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text && i64::try_from(number).is_ok()).then_some(number)
}

/// The body, of the media type that is wanted and no longer than it may be.
async fn body_of(operation: &Operation, parts: &Parts, body: Body) -> Result<Vec<u8>, Problem> {
    let Some(wanted) = operation.request else { return Ok(Vec::new()) };
    let given = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    if !given.eq_ignore_ascii_case(wanted.media) {
        return Err(Problem::new(415, "media-type-unfit").with("wanted", wanted.media));
    }
    let limit = match wanted.media {
        media::CONTAINER => PACKAGE_MAX,
        media::PIECE => PIECE_MAX,
        _ => REQUEST_MAX,
    };
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = next(&mut body).await {
        // Broken off on the way.
        let piece = frame.map_err(|_| malformed("body"))?;
        if bytes.len() + piece.len() > limit {
            // An answer in the middle of a body breaks the stream of many clients, and they never read it: the rest is listened to for a while.
            let rest = async { while next(&mut body).await.is_some_and(|frame| frame.is_ok()) {} };
            let _ = tokio::time::timeout(LISTENED, rest).await;
            return Err(Problem::new(413, "request-too-large").with("limit", limit));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The next piece of a body; trailers are none.
async fn next(body: &mut std::pin::Pin<&mut Body>) -> Option<Result<Bytes, axum::Error>> {
    let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| malformed("body").with("reason", error))
}

fn response(status: u16, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json(status: u16, value: &impl Serialize) -> Result<Response<Body>, Problem> {
    let text = serde_json::to_vec(value).map_err(|_| Problem::new(503, "receiver-unwritable"))?;
    Ok(response(status, media::JSON, text))
}

fn base64(kind: &'static str, der: &[u8]) -> Response<Body> {
    let mut response = response(200, kind, est::encode(der));
    let name = HeaderName::from_static("content-transfer-encoding");
    response.headers_mut().insert(name, HeaderValue::from_static("base64"));
    response
}

fn receipt(given: Receipted) -> Response<Body> {
    let status = match (given.accepted, given.new) {
        (true, true) => 201,
        (true, false) => 200,
        (false, _) => 422,
    };
    response(status, media::CONTAINER, given.receipt)
}

fn at(status: u16, offset: u64) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT);
    response.headers_mut().insert(HeaderName::from_static(OFFSET), HeaderValue::from(offset));
    response
}

fn created(new: bool) -> u16 {
    if new { 201 } else { 200 }
}

/// Who asks, by the certificate of the connection.
fn caller(parts: &Parts) -> Result<Caller, Problem> {
    let missing = || Problem::new(401, "client-certificate-missing");
    let tls = parts.extensions.get::<Arc<TlsInfo>>().ok_or_else(missing)?;
    let certificate = tls.peer_certificates.first().ok_or_else(missing)?;
    let read = seal::Certificate::from_der(certificate).map_err(|_| missing())?;
    Ok(Caller { unit: read.subject().unit.clone(), certificate: certificate.clone() })
}

fn code(parts: &Parts) -> Result<Code, Problem> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (unit, code) = header.and_then(est::basic).ok_or_else(|| Problem::new(401, "enrolment-code-refused"))?;
    Ok(Code { unit, code })
}

async fn handle(office: &Office, parts: &Parts, body: Body) -> Result<Response<Body>, Problem> {
    let (operation, path) = routed(&parts.method, parts.uri.path())?;
    let who = match operation.by {
        By::Unit => caller(parts)?,
        By::Anybody | By::Code => Caller { unit: String::new(), certificate: Vec::new() },
    };
    // A package of a revoked certificate gets a receipt that says so; anything else is turned away here.
    if operation.by == By::Unit && !matches!(operation.id, "submit" | "complete") {
        office.admit(&who).await?;
    }
    let code = if operation.by == By::Code { Some(code(parts)?) } else { None };
    let asked = Asked::of(operation, path, parts)?;
    let body = body_of(operation, parts, body).await?;
    let sha256 = asked.digest("sha256");
    Ok(match operation.id {
        "health" => json(200, &office.health().await?)?,
        "submit" => receipt(office.submit(&who, body, asked.agent()?.as_deref()).await?),
        "begin_upload" => {
            let order: UploadOrder = read(&body)?;
            if !is_digest(&order.sha256) || order.length == 0 || i64::try_from(order.length).is_err() {
                return Err(malformed("body"));
            }
            let (new, state) = office.begin_upload(&who, &order).await?;
            json(created(new), &state)?
        }
        "upload_state" => at(200, office.upload_state(&who, sha256).await?.offset),
        "append" => {
            let offset = asked.header(OFFSET)?.and_then(plain).ok_or_else(|| malformed(OFFSET))?;
            at(204, office.append(&who, sha256, offset, body).await?.offset)
        }
        "complete" => receipt(office.complete(&who, sha256, asked.agent()?.as_deref()).await?),
        "receipt" => {
            let found = office.receipt(&who, asked.digest("payload")).await?;
            response(200, media::CONTAINER, found.receipt)
        }
        "checkpoint" => response(200, media::TEXT, office.checkpoint(&who).await?),
        "inclusion" => json(200, &office.inclusion(&who, asked.digest("leaf"), asked.number("size")).await?)?,
        "consistency" => {
            let (from, to) = (asked.number("from").unwrap_or(0), asked.number("to").unwrap_or(0));
            if from > to {
                return Err(malformed("from"));
            }
            json(200, &office.consistency(&who, from, to).await?)?
        }
        "messages" => {
            let limit = asked.number("limit").map_or(MESSAGES_MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
            if limit == 0 || limit > MESSAGES_MAX {
                return Err(malformed("limit"));
            }
            json(200, &office.messages(&who, asked.number("after").unwrap_or(0), limit).await?)?
        }
        "post" => {
            let message: NewMessage = read(&body)?;
            let (new, message) = office.post(&who, &message).await?;
            json(created(new), &message)?
        }
        "packs" => json(200, &office.packs(&who).await?)?,
        "pack" => response(200, media::CONTAINER, office.pack(&who, sha256).await?),
        "ca_certificates" => base64(media::PKCS7, &office.ca_certificates().await?),
        "request_attributes" => base64(media::ATTRIBUTES, &office.request_attributes().await?),
        "enrol" => {
            let request = est::decode(&body).ok_or_else(|| malformed("body"))?;
            let code = code.ok_or_else(|| Problem::new(401, "enrolment-code-refused"))?;
            base64(media::PKCS7, &office.enrol(&code, &request).await?)
        }
        "reenrol" => {
            let request = est::decode(&body).ok_or_else(|| malformed("body"))?;
            base64(media::PKCS7, &office.reenrol(&who, &request).await?)
        }
        // A test asks every operation of the table.
        _ => return Err(Problem::new(404, "route-unknown")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_table() {
        let digest = "a".repeat(64);
        let path = format!("/v1/uploads/{digest}/complete");
        let (operation, values) = routed(&HttpMethod::POST, &path).unwrap();
        assert_eq!((operation.id, values["sha256"]), ("complete", digest.as_str()));
        assert_eq!(routed(&HttpMethod::POST, "/v1/package").unwrap_err().status, 404);
        assert_eq!(routed(&HttpMethod::GET, "/v1/packages/").unwrap_err().status, 404);
        let refused = routed(&HttpMethod::PUT, "/v1/messages").unwrap_err();
        assert_eq!((refused.status, refused.arguments["allowed"].as_str()), (405, "GET, POST"));
        for operation in OPERATIONS {
            assert_eq!(routed(&http_method(operation.method), operation.path).unwrap().0.id, operation.id);
        }
        for (text, number) in
            [("0", Some(0)), ("17", Some(17)), ("007", None), ("+1", None), ("-1", None), ("1e3", None), ("", None)]
        {
            assert_eq!(plain(text), number, "{text}");
        }
        assert_eq!(plain("9223372036854775808"), None);
    }
}
