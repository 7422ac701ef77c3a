/*!
The review pages of the agent: server-rendered, without anything from outside, readable without script.

Knows drafts as documents and asks everything else of the agent through [`Desk`]. Who may come in is the gate's (`taizhang-gate`); every page but
sign-in asks it who looks, and every act who acts.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod desk;
mod pages;
mod routes;
mod server;
mod signed;
mod told;

pub use desk::*;
pub use server::router;
