/*! The receiver. */
fn main() {}
