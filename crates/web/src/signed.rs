/*! Who asks: the session of a page, and the form of an act with its token. */

use std::{collections::HashMap, sync::Arc, time::Instant};

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Multipart, Request, multipart::MultipartError},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};

use crate::{pages, routes, server::App, sessions::Session};

/// Name of the cookie.
pub const COOKIE: &str = "taizhang";

/// A page of somebody who is signed in.
pub struct Signed(pub Session);

/// An act of somebody who is signed in, from one of the person's own pages.
pub struct Act {
    /// Who.
    pub session: Session,
    /// Fields of the form.
    pub fields: HashMap<String, String>,
    /// Files that came with it.
    pub files: Vec<Paper>,
}

/// A file that came with an act. Its name is a word about it and never a path.
pub struct Paper {
    /// Name, as the browser says it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Act {
    /// A field; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// The value of the cookie.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The session of a request. Whoever the configuration no longer lets in is signed out at once.
async fn session(headers: &HeaderMap, app: &App) -> Option<Session> {
    let session = app.sessions.find(cookie(headers)?, Instant::now())?;
    match app.ask(|desk| desk.people()).await {
        Ok(people) if people.iter().all(|person| person.id != session.person) => {
            app.sessions.end_all(&session.person);
            None
        }
        // Where nobody can be asked, no page can be shown either, and it says so.
        _ => Some(session),
    }
}

impl FromRequestParts<Arc<App>> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Signed, Response> {
        let there = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        match session(&parts.headers, app).await {
            Some(session) => Ok(Signed(session)),
            None => Err(Redirect::to(&format!("/login?next={}", routes::part(&there))).into_response()),
        }
    }
}

impl FromRequest<Arc<App>> for Act {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Act, Response> {
        let Some(session) = session(request.headers(), app).await else {
            return Err(Redirect::to("/login").into_response());
        };
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (fields, files) = if kind.starts_with("multipart/form-data") {
            match Multipart::from_request(request, app).await {
                Ok(multipart) => parts(multipart).await.map_err(IntoResponse::into_response)?,
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
            return Ok(Act { session, fields, files });
        }
        Err(pages::stale(app, &session))
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
