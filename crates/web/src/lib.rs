/*!
The review pages of the agent: server-rendered, without anything from outside, readable without script.

Knows drafts as documents and asks everything else of the agent through [`Desk`]. Keeps who is signed in, in memory; keeps no file. Denies by
default: every page but sign-in needs a session, every act a token from a page, every request a host name that is this server's own.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod accounts;
mod desk;
mod limits;
mod pages;
mod routes;
mod second;
mod server;
mod sessions;
mod signed;
mod told;

pub use accounts::{INVITED, kept, token};
pub use desk::*;
pub use server::{Settings, Tls, router, serve};
