/*! Who asks, as the pages of the agent know people: somebody who answers for the forms, or somebody of a department. */

use std::{ops::Deref, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
    response::{IntoResponse, Redirect, Response},
};
use gate::{Fields, Posted};

use crate::{desk::Paper, pages, server::App};

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    own: gate::Session,
    /// Whether the person answers for the forms.
    pub office: bool,
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
        Ok(Anyone(Session { own, office }))
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
        let Posted { session, standing, fields, files } = app.posted(request).await?;
        Ok(OwnAct(Act { session: Session { own: session, office: standing }, fields, files }))
    }
}

impl FromRequest<Arc<App>> for Act {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Act, Response> {
        let OwnAct(act) = OwnAct::from_request(request, app).await?;
        if act.session.office { Ok(act) } else { Err(pages::forbidden(app, &act.session).await) }
    }
}
