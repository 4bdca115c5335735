//! The `smtp` command.

#[cfg_attr(not(test), expect(dead_code, reason = "used as soon as serve and send are there"))]
mod exit;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "used as soon as serve is there"))]
mod store;

fn main() {}
