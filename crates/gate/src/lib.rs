/*!
Who may come in to pages, and what every answer carries: passwords, invitations, the brake on guessing, sessions, the second factor, limits, the
guard of hosts, origins and headers, tokens of acts, and TLS.

Knows no form, no figure and no role: whose pages they are says who somebody is and keeps the accounts ([`House`]). Keeps who is signed in, in
memory; keeps no file. Denies by default: a page is shown to nobody whom the house does not know now, an act is done for nobody without the token
of a page, and a request under another host's name gets no answer.
*/
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot set up its case must fail"))]

mod accounts;
mod guard;
mod house;
mod limits;
mod pages;
mod second;
mod sessions;
mod signed;
mod tls;

pub use accounts::{Account, Brake, INVITED, fit, hash, invitation, kept, token, verify};
pub use guard::{FILES_BYTES, FORM_BYTES, Gate, Settings};
pub use house::{Answer, House, Kind, Person, Refusal, apart};
pub use pages::{Leaf, download, findings, listed, part, reasons, routes};
pub use sessions::Session;
pub use signed::{Fields, Paper, Posted};
pub use tls::{Tls, Unfit, hosts, serve, url};
