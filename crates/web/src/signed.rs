/*! Who asks: the session of a page, and the form of an act with its token and the files that came with it. */

use std::{collections::HashMap, convert::Infallible, net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Form,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Multipart, Request, multipart::MultipartError},
    http::{HeaderMap, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};

use crate::{desk::Paper, limits, pages, routes, server::App, sessions::Session};

/// Name of the cookie.
pub const COOKIE: &str = "taizhang";

/// A page of somebody who answers for the forms. People of departments are led to their own sheets, and shown nothing else.
pub struct Signed(pub Session);

/// A page of somebody who is signed in, of whatever role: it shows nothing but what is the person's own.
pub struct Anyone(pub Session);

/// An act of somebody who answers for the forms, from one of the person's own pages.
pub struct Act {
    /// Who.
    pub session: Session,
    /// Fields of the form.
    pub fields: HashMap<String, String>,
    /// Files that came with it.
    pub files: Vec<Paper>,
    /// Where it was sent.
    pub to: String,
    /// The page that it came from, where the browser says so.
    pub from: Option<String>,
}

/// An act of somebody who is signed in, of whatever role, on what is the person's own.
pub struct OwnAct(pub Act);

impl Act {
    /// A field; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The files that came with it, and their names: where it is refused they are to be chosen again.
    pub fn papers(&mut self) -> (Vec<Paper>, Vec<String>) {
        let names = self.files.iter().map(|paper| paper.name.clone()).collect();
        (std::mem::take(&mut self.files), names)
    }

    /// A field as a person typed it; none where nothing was.
    pub fn typed(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

/// Where a request comes from, as far as it can be seen.
pub struct Visitor {
    /// Address.
    pub address: String,
    /// Browser, as it says of itself.
    pub browser: String,
}

/// Longest word of a browser about itself.
const BROWSER_LONGEST: usize = 200;

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Visitor, Infallible> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| limits::name(address.ip()));
        let browser = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Visitor { address: address.unwrap_or_default(), browser: browser.chars().take(BROWSER_LONGEST).collect() })
    }
}

/// The value of the cookie.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Field of an address that says what is told on its page.
pub const TOLD: &str = "told=";

/// The page of ours that an act came from, without what was told on it.
fn came_from(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (from, host): (Uri, &str) = (text(header::REFERER)?.parse().ok()?, text(header::HOST)?);
    if from.authority().map(|authority| authority.as_str()) != Some(host) {
        return None;
    }
    let query: Vec<&str> =
        from.query().into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.starts_with(TOLD)).collect();
    Some(if query.is_empty() { from.path().to_owned() } else { format!("{}?{}", from.path(), query.join("&")) })
}

/// The session of a request. Whoever the configuration no longer lets in is signed out at once, and what the person may see is asked anew.
async fn session(headers: &HeaderMap, app: &App) -> Option<Session> {
    let mut session = app.sessions.find(cookie(headers)?, Instant::now())?;
    // Where nobody can be asked, no page can be shown either, and it says so.
    let Ok(people) = app.ask(|desk| desk.people()).await else { return Some(session) };
    match people.iter().find(|person| person.id == session.person) {
        Some(person) => {
            session.office = person.office;
            Some(session)
        }
        None => {
            app.sessions.end_all(&session.person);
            None
        }
    }
}

impl FromRequestParts<Arc<App>> for Anyone {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Anyone, Response> {
        let there = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        if let Some(mut session) = session(&parts.headers, app).await {
            let number = parts.uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix(TOLD)));
            let number = number.and_then(|number| number.parse().ok());
            session.told = number.and_then(|number| app.told.find(&session.id, number, Instant::now()));
            return Ok(Anyone(session));
        }
        // Whoever was signed in is told why not any more.
        let over = if cookie(&parts.headers).is_some() { "&over=1" } else { "" };
        Err(Redirect::to(&format!("/login?next={}{over}", routes::part(&there))).into_response())
    }
}

impl FromRequestParts<Arc<App>> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Signed, Response> {
        let Anyone(session) = Anyone::from_request_parts(parts, app).await?;
        match session.office {
            true => Ok(Signed(session)),
            false if parts.uri.path() == "/" => Err(Redirect::to(pages::sheets::OWN).into_response()),
            false => Err(pages::forbidden(app, &session).await),
        }
    }
}

impl FromRequest<Arc<App>> for OwnAct {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<OwnAct, Response> {
        let Some(session) = session(request.headers(), app).await else {
            return Err(Redirect::to("/login").into_response());
        };
        let (to, from) = (request.uri().path().to_owned(), came_from(request.headers()));
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (fields, files) = if kind.starts_with("multipart/form-data") {
            match Multipart::from_request(request, app).await {
                Ok(multipart) => match parts(multipart).await {
                    Ok(read) => read,
                    Err(error) => return Err(pages::too_much(app, &session, error.status()).await),
                },
                Err(refused) => return Err(refused.into_response()),
            }
        } else {
            match Form::<HashMap<String, String>>::from_request(request, app).await {
                Ok(Form(fields)) => (fields, Vec::new()),
                Err(refused) => return Err(refused.into_response()),
            }
        };
        // The token is as long as the one kept and compared whole: it cannot be guessed piece by piece over a network that is not measured.
        if fields.get("token").is_some_and(|token| *token == session.token) {
            return Ok(OwnAct(Act { session, fields, files, to, from }));
        }
        Err(pages::stale(app, &session))
    }
}

impl FromRequest<Arc<App>> for Act {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Act, Response> {
        let OwnAct(act) = OwnAct::from_request(request, app).await?;
        if act.session.office { Ok(act) } else { Err(pages::forbidden(app, &act.session).await) }
    }
}

/// Fields and files of a form with files. A field for a file in which nobody chose one is passed over.
async fn parts(mut multipart: Multipart) -> Result<(HashMap<String, String>, Vec<Paper>), MultipartError> {
    let (mut fields, mut files) = (HashMap::new(), Vec::new());
    while let Some(field) = multipart.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        match field.file_name().map(str::to_owned) {
            Some(file) => {
                let bytes = field.bytes().await?.to_vec();
                if !file.is_empty() {
                    files.push(Paper { name: file, bytes });
                }
            }
            None => {
                fields.insert(name, field.text().await?);
            }
        }
    }
    Ok((fields, files))
}
