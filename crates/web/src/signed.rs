/*! Who asks, as the pages of the agent know people: somebody who answers for the forms, or somebody of a department. */

use std::{ops::Deref, sync::Arc, time::Instant};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use gate::{Fields, Posted};

use crate::{desk::Paper, pages, server::App, told::Told};

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    own: gate::Session,
    /// Whether the person answers for the forms.
    pub office: bool,
    /// What came of an act that led to the page that is asked for.
    pub told: Option<Arc<Told>>,
}

impl Deref for Session {
    type Target = gate::Session;

    fn deref(&self) -> &gate::Session {
        &self.own
    }
}

/// A page of somebody who answers for the forms. People of departments are led to their own sheets, and shown nothing else.
pub struct Signed(pub Session);

/// A page of somebody who is signed in, of whatever role: it shows nothing but what is the person's own.
pub struct Anyone(pub Session);

/// An act of somebody who answers for the forms, from one of the person's own pages.
pub struct Act {
    /// Who.
    pub session: Session,
    /// Fields of the form.
    pub fields: Fields,
    /// Files that came with it.
    pub files: Vec<Paper>,
    /// Where it was sent.
    pub to: String,
    /// The page that it came from, where the browser says so.
    pub from: Option<String>,
}

impl Act {
    /// The files that came with it, and their names: where it is refused they are to be chosen again.
    pub fn papers(&mut self) -> (Vec<Paper>, Vec<String>) {
        let names = self.files.iter().map(|paper| paper.name.clone()).collect();
        (std::mem::take(&mut self.files), names)
    }
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

/// An act of somebody who is signed in, of whatever role, on what is the person's own.
pub struct OwnAct(pub Act);

impl Deref for Act {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
    }
}

impl FromRequestParts<Arc<App>> for Anyone {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Anyone, Response> {
        let (own, office) = app.signed(&parts.headers, &parts.uri).await?;
        let number = parts.uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix(TOLD)));
        let number = number.and_then(|number| number.parse().ok());
        let told = number.and_then(|number| app.told.find(&own.id, number, Instant::now()));
        Ok(Anyone(Session { own, office, told }))
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
        let (to, from) = (request.uri().path().to_owned(), came_from(request.headers()));
        let Posted { session, standing, fields, files } = app.posted(request).await?;
        Ok(OwnAct(Act { session: Session { own: session, office: standing, told: None }, fields, files, to, from }))
    }
}

impl FromRequest<Arc<App>> for Act {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Act, Response> {
        let OwnAct(act) = OwnAct::from_request(request, app).await?;
        if act.session.office { Ok(act) } else { Err(pages::forbidden(app, &act.session).await) }
    }
}
