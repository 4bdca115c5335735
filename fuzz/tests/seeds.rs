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

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                each(stringify!($name), smtp_fuzz::$name);
            }
        )*

        #[test]
        fn no_target_is_forgotten() {
            let known = [$(stringify!($name)),*];
            for folder in ["targets", "seeds"] {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
                for entry in fs::read_dir(folder).expect("a folder") {
                    let path = entry.expect("an entry").path();
                    let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
                    assert!(known.contains(&name), "{name}");
                }
            }
        }
    };
}

targets!(
    bdat,
    client_operations,
    client_session,
    command,
    data_decoder,
    data_encoder,
    differential,
    ehlo,
    pair,
    parameters,
    path,
    proxy,
    reply,
    sasl,
    server_operations,
    server_session,
    text
);
