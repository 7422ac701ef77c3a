/*! Who asks: the session of a page, and the form of an act with its token and the files that came with it. */

use std::{
    collections::HashMap,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    time::Instant,
};

use axum::{
    Form,
    extract::{ConnectInfo, FromRequest, Multipart, Request, multipart::MultipartError},
    http::{HeaderMap, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    guard::Gate,
    house::{Answer, House},
    limits, pages,
    sessions::Session,
};

/// A file that came with an act. Its name is a word about it and never a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// Name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Fields of a form.
#[derive(Clone, Debug, Default)]
pub struct Fields(pub HashMap<String, String>);

impl Fields {
    /// A field; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field as a person typed it; none where nothing was.
    pub fn typed(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

/// An act of somebody who is signed in, from one of the person's own pages.
pub struct Posted<S> {
    /// Who.
    pub session: Session,
    /// What the house says of the person's rights.
    pub standing: S,
    /// Fields of the form.
    pub fields: Fields,
    /// Files that came with it.
    pub files: Vec<Paper>,
}

impl Deref for Fields {
    type Target = HashMap<String, String>;

    fn deref(&self) -> &HashMap<String, String> {
        &self.0
    }
}

impl DerefMut for Fields {
    fn deref_mut(&mut self) -> &mut HashMap<String, String> {
        &mut self.0
    }
}

impl<S> Deref for Posted<S> {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
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

impl Visitor {
    /// Of a request.
    pub fn of(parts: &Parts) -> Visitor {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| limits::name(address.ip()));
        let browser = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Visitor { address: address.unwrap_or_default(), browser: browser.chars().take(BROWSER_LONGEST).collect() }
    }
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

impl<H: House> Gate<H> {
    /// The session of a request, and the person's rights as they are now. Whoever the house no longer knows is signed out at once.
    async fn known(&self, headers: &HeaderMap) -> Answer<Option<(Session, H::Standing)>> {
        let found = cookie(headers, H::COOKIE).and_then(|cookie| self.sessions.find(cookie, Instant::now()));
        let Some(session) = found else { return Ok(None) };
        let id = session.person.clone();
        match self.ask(move |house| house.person(&id)).await? {
            Some(person) => Ok(Some((session, person.standing))),
            None => {
                self.sessions.end_all(&session.person);
                Ok(None)
            }
        }
    }

    /// Who asks for a page. Whoever is not signed in is led to where one signs in, and back.
    pub async fn signed(&self, headers: &HeaderMap, uri: &Uri) -> Result<(Session, H::Standing), Response> {
        match self.known(headers).await {
            Ok(Some(known)) => Ok(known),
            Ok(None) => {
                let there = uri.path_and_query().map_or("/", |path| path.as_str());
                // Whoever was signed in is told why not any more.
                let over = if cookie(headers, H::COOKIE).is_some() { "&over=1" } else { "" };
                Err(Redirect::to(&format!("/login?next={}{over}", pages::part(there))).into_response())
            }
            Err(refusal) => Err(pages::unreachable(self, &refusal).await),
        }
    }

    /// Who acts, with the form. A form that comes from no page of this session is turned away.
    pub async fn posted(&self, request: Request) -> Result<Posted<H::Standing>, Response> {
        let (session, standing) = match self.known(request.headers()).await {
            Ok(Some(known)) => known,
            Ok(None) => return Err(Redirect::to("/login").into_response()),
            Err(refusal) => return Err(pages::unreachable(self, &refusal).await),
        };
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (fields, files) = if kind.starts_with("multipart/form-data") {
            match Multipart::from_request(request, &()).await {
                Ok(multipart) => match parts(multipart).await {
                    Ok(read) => read,
                    Err(error) => return Err(pages::too_much(self, &session, &standing, error.status()).await),
                },
                Err(refused) => return Err(refused.into_response()),
            }
        } else {
            match Form::<HashMap<String, String>>::from_request(request, &()).await {
                Ok(Form(fields)) => (fields, Vec::new()),
                Err(refused) => return Err(refused.into_response()),
            }
        };
        // The token is as long as the one kept and compared whole: it cannot be guessed piece by piece over a network that is not measured.
        if fields.get("token").is_some_and(|token| *token == session.token) {
            return Ok(Posted { session, standing, fields: Fields(fields), files });
        }
        Err(pages::stale(self, &session, &standing).await)
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
