//! Every seed keeps the laws, without a fuzzer.

use std::fs;
use std::path::Path;

fn each(target: &str, law: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut count = 0;
    for entry in fs::read_dir(seeds).expect("seeds") {
        let path = entry.expect("a seed").path();
        println!("{}", path.display());
        law(&fs::read(path).expect("a seed"));
        count += 1;
    }
    assert!(count > 0, "no seeds for {target}");
}

#[test]
fn command() {
    each("command", smtp_fuzz::command);
}

#[test]
fn reply() {
    each("reply", smtp_fuzz::reply);
}

#[test]
fn server_session() {
    each("server_session", smtp_fuzz::server_session);
}

#[test]
fn client_session() {
    each("client_session", smtp_fuzz::client_session);
}

#[test]
fn data() {
    each("data", smtp_fuzz::data);
}
