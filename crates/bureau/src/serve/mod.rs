/*! The receiver on the network: TLS 1.3, and a router that has the operations of `exchange` and no other. */

mod http;
mod tls;

pub use http::{Serving, answer};
pub use tls::{Running, start};
