use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::envelope::tests::sample;
use super::*;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn deliver(store: &Store, pieces: &[&[u8]]) -> Stored {
    let mut delivery = store.begin(sample).unwrap();
    for piece in pieces {
        delivery.write(piece);
    }
    delivery.commit().unwrap()
}

/// Each shape of content: nothing, no line end, dots, NUL and 8-bit, larger than any buffer.
fn contents() -> Vec<Vec<u8>> {
    let large = (0..300_000u32).map(|n| n.to_le_bytes()[0]).collect();
    vec![vec![], b"no line end".to_vec(), b".\r\n..\r\n".to_vec(), b"a\0\xff\r\n".to_vec(), large]
}

#[test]
fn raw_keeps_content_and_envelope() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("a/b");
    let store = Store::raw(&dir).unwrap();
    for content in contents() {
        let (head, tail) = content.split_at(content.len() / 3);
        let stored = deliver(&store, &[head, tail]);
        assert_eq!(stored.path, Some(dir.join(format!("{}.eml", stored.id))));
        assert_eq!(fs::read(stored.path.unwrap()).unwrap(), content);
        assert_eq!(stored.size, content.len() as u64);
        let json = fs::read_to_string(dir.join(format!("{}.json", stored.id))).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["size"], content.len());
        assert_eq!(json["recipients"][0]["path"], "bob@example.org");
    }
    assert_eq!(names(&dir).len(), 2 * contents().len());
}

#[test]
fn maildir_puts_the_trace_fields_on_top_and_changes_nothing_else() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("a/b");
    let store = Store::maildir(&dir, "mx.example.org").unwrap();
    for content in contents() {
        let (head, tail) = content.split_at(content.len() / 3);
        let stored = deliver(&store, &[head, tail]);
        let path = stored.path.unwrap();
        assert_eq!(path.parent(), Some(dir.join("new").as_path()));
        let file = fs::read(path).unwrap();
        let top = file.strip_suffix(content.as_slice()).expect("the content is at the end");
        let top = std::str::from_utf8(top).unwrap();
        assert!(top.starts_with("Return-Path: <alice@example.org>\r\nReceived: from client."));
        assert!(top.contains(&format!(" id {}\r\n", stored.id)) && top.ends_with("\r\n"));
    }
    assert_eq!(names(&dir), ["cur", "new", "tmp"]);
    assert_eq!(names(&dir.join("new")).len(), contents().len());
    assert!(names(&dir.join("tmp")).is_empty());
}

#[test]
fn a_dropped_delivery_leaves_nothing() {
    let room = tempfile::tempdir().unwrap();
    let (raw, maildir) = (room.path().join("raw"), room.path().join("maildir"));
    for store in [Store::raw(&raw).unwrap(), Store::maildir(&maildir, "mx").unwrap()] {
        let mut delivery = store.begin(sample).unwrap();
        delivery.write(&vec![b'x'; 100_000]);
        drop(delivery);
    }
    assert!(names(&raw).is_empty());
    assert!(names(&maildir.join("new")).is_empty() && names(&maildir.join("tmp")).is_empty());
}

#[test]
fn nothing_is_visible_before_commit() {
    let room = tempfile::tempdir().unwrap();
    let (raw, maildir) = (room.path().join("raw"), room.path().join("maildir"));
    let mut deliveries = vec![
        Store::raw(&raw).unwrap().begin(sample).unwrap(),
        Store::maildir(&maildir, "mx").unwrap().begin(sample).unwrap(),
    ];
    for delivery in &mut deliveries {
        delivery.write(&vec![b'x'; 100_000]);
    }
    assert!(names(&raw).iter().all(|name| name.starts_with('.')));
    assert_eq!(names(&raw).len(), 1);
    assert!(names(&maildir.join("new")).is_empty());
}

#[test]
fn discarding_counts() {
    let stored = deliver(&Store::discard(), &[b"abc", b"de"]);
    assert_eq!((stored.path, stored.size), (None, 5));
}

#[test]
fn an_existing_message_is_never_overwritten() {
    let room = tempfile::tempdir().unwrap();
    let store = Store::raw(room.path()).unwrap();
    let delivery = store.begin(sample).unwrap();
    let name = format!("{}.eml", delivery.id.as_str());
    fs::write(room.path().join(&name), "first").unwrap();
    assert!(delivery.commit().is_err());
    assert_eq!(names(room.path()), [name.as_str()]);
    assert_eq!(fs::read(room.path().join(name)).unwrap(), b"first");
}

#[test]
fn a_message_with_a_failed_write_cannot_be_committed() {
    let mut delivery = Store::discard().begin(sample).unwrap();
    delivery.failure = Some(io::ErrorKind::StorageFull.into());
    delivery.write(b"later");
    assert_eq!(delivery.commit().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn control_characters_in_the_envelope_never_reach_a_maildir() {
    let room = tempfile::tempdir().unwrap();
    let store = Store::maildir(room.path(), "mx").unwrap();
    let error =
        store.begin(|| EnvelopeRecord { hello: "a\r\nBcc: b".into(), ..sample() }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(names(&room.path().join("tmp")).is_empty());
}

#[cfg(unix)]
#[test]
fn mail_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = tempfile::tempdir().unwrap();
    let (raw, maildir) = (room.path().join("raw"), room.path().join("maildir"));
    for (store, dir) in
        [(Store::raw(&raw).unwrap(), raw), (Store::maildir(&maildir, "mx").unwrap(), maildir)]
    {
        let path = deliver(&store, &[b"x"]).path.unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0);
        assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn a_store_is_shared_by_threads() {
    let room = tempfile::tempdir().unwrap();
    for store in [Store::raw(room.path()).unwrap(), Store::maildir(room.path(), "mx").unwrap()] {
        let workers: Vec<_> = (0..8u8)
            .map(|n| {
                let store = store.clone();
                std::thread::spawn(move || {
                    (0..20).map(|_| (n, deliver(&store, &[&[n; 100]]).path.unwrap())).collect()
                })
            })
            .collect();
        let stored: Vec<(u8, PathBuf)> =
            workers.into_iter().flat_map(|w| -> Vec<_> { w.join().unwrap() }).collect();
        assert_eq!(stored.iter().map(|(_, path)| path).collect::<HashSet<_>>().len(), 160);
        assert!(stored.iter().all(|(n, path)| fs::read(path).unwrap().ends_with(&[*n; 100])));
    }
}

const CRASH: &str = "SMTP_STORE_CRASH_TEST";

/// Runs only in the child of the test below: stores until it is killed.
#[test]
fn crash_child() {
    let Some(dir) = std::env::var_os(CRASH).map(PathBuf::from) else { return };
    let stores = [
        Store::raw(&dir.join("raw")).unwrap(),
        Store::maildir(&dir.join("maildir"), "mx").unwrap(),
    ];
    let workers: Vec<_> = stores
        .into_iter()
        .cycle()
        .take(8)
        .map(|store| {
            std::thread::spawn(move || {
                loop {
                    let stored = deliver(&store, &[&[b'x'; 50_000], b"y", b"end\r\n"]);
                    println!("stored {}", stored.path.unwrap().display());
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn a_killed_process_leaves_whole_messages_only() {
    let room = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "store::tests::crash_child"])
        .env(CRASH, room.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = Vec::new();
    for line in lines {
        acknowledged.extend(line.split_once("stored ").map(|(_, path)| PathBuf::from(path)));
        if acknowledged.len() == 100 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();

    assert!(acknowledged.len() >= 100);
    let (raw, new) = (room.path().join("raw"), room.path().join("maildir/new"));
    let visible = [&raw, &new].map(|dir| {
        let shown = names(dir).into_iter().filter(|n| !n.starts_with('.') && !n.ends_with(".json"));
        shown.map(|name| dir.join(name)).collect::<Vec<_>>()
    });
    let visible: HashSet<_> = visible.into_iter().flatten().collect();
    assert!(acknowledged.iter().all(|path| visible.contains(path)));
    for path in &visible {
        assert!(fs::read(path).unwrap().ends_with(b"xyend\r\n"), "{}", path.display());
        if path.starts_with(&raw) {
            let json = fs::read(path.with_extension("json")).unwrap();
            serde_json::from_slice::<serde_json::Value>(&json).unwrap();
        }
    }
    deliver(&Store::raw(&raw).unwrap(), &[b"after the crash"]);
}
