//! A running server: what it does when its log, its store or its life comes to an end.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

fn smtp() -> Command {
    Command::new(env!("CARGO_BIN_EXE_smtp"))
}

fn shelled(words: &[&str]) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// A server that is killed when the test is over, and its address.
struct Server(Child, String);

impl Server {
    fn start(args: &[&str], store: &Path, stderr: impl Into<Stdio>) -> Self {
        let mut command = smtp();
        command.args(["serve", "--listen", "127.0.0.1:0", "--raw"]).arg(store).args(args);
        Self::run(command.stderr(stderr))
    }

    /// One that the shell prepares something for: `prepare`, with `$0` the store.
    fn behind(prepare: &str, shell: &[&str], args: &[&str], store: &Path) -> Self {
        let mut command = shelled(shell);
        command.arg(format!("{prepare}; exec \"$@\"")).arg(store);
        command.arg(env!("CARGO_BIN_EXE_smtp")).args(["serve", "--listen", "127.0.0.1:0"]);
        Self::run(command.args(["--log", "off"]).args(args).arg(store))
    }

    fn run(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Server(child, address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn send(server: &str, args: &[&str], content: &[u8]) -> Output {
    let mut child = smtp()
        .args(["send", "--server", server, "--from", "alice@example.org"])
        .args(["--to", "bob@example.net"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended by then, over what its command line says.
    let _ = child.stdin.take().unwrap().write_all(content);
    child.wait_with_output().unwrap()
}

/// A client that speaks by hand.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(server: &str) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut client = Client(BufReader::new(stream));
        client.wants("220");
        client
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next line, which begins with that.
    fn wants(&mut self, start: &str) {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.starts_with(start), "{line:?} is not {start}");
    }

    /// Lines up to one that begins with that.
    fn until(&mut self, start: &str) {
        let mut line = String::new();
        while !line.starts_with(start) {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "no {start}");
        }
    }
}

fn signal(server: &Server, name: &str) {
    let line = format!("kill -s {name} {}", server.0.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
}

fn names(dir: &Path, ending: &str) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).collect()
}

#[test]
fn a_log_that_cannot_be_written_loses_nothing() {
    for runtime in RUNTIMES {
        for log in ["text", "json"] {
            let room = tempfile::tempdir().unwrap();
            let full = File::options().write(true).open("/dev/full").unwrap();
            let server = Server::start(&["--runtime", runtime, "--log", log], room.path(), full);
            for n in 1..=2 {
                let output = send(&server.1, &[], b"Subject: x\r\n\r\ny\r\n");
                assert_eq!(output.status.code(), Some(0), "{runtime}: {output:?}");
                assert_eq!(names(room.path(), ".eml").len(), n);
            }
        }
    }
}

#[test]
fn lmtp_answers_each_recipient_and_stores_once() {
    for runtime in RUNTIMES {
        let room = tempfile::tempdir().unwrap();
        let args = ["--runtime", runtime, "--lmtp", "--exit-after", "2"];
        let mut server = Server::start(&args, room.path(), Stdio::piped());
        let args = ["--lmtp", "--runtime", runtime, "--to", "carol@example.com", "--json"];
        let output = send(&server.1, &args, b"Subject: x\r\n\r\ny\r\n");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let texts: Vec<_> = (0..2).map(|n| &outcome["recipients"][n]["reply"]["text"]).collect();
        assert_eq!(texts[0], texts[1]);
        let [json] = &names(room.path(), ".json")[..] else { panic!("not stored once") };
        let record: serde_json::Value =
            serde_json::from_slice(&fs::read(room.path().join(json)).unwrap()).unwrap();
        assert_eq!(record["protocol"], "LMTP");
        assert_eq!(record["recipients"].as_array().unwrap().len(), 2);

        // One message with two recipients is one message for --exit-after and the log.
        assert!(server.0.try_wait().unwrap().is_none());
        assert_eq!(send(&server.1, &["--lmtp"], b"z\r\n").status.code(), Some(0));
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
        let mut log = String::new();
        server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(log.matches(" message ").count(), 2, "{log}");
    }
}

/// draft-hall-prdr-00.
#[test]
fn prdr_answers_each_recipient_and_stores_once() {
    for runtime in RUNTIMES {
        let room = tempfile::tempdir().unwrap();
        let args = ["--runtime", runtime, "--prdr", "--exit-after", "1"];
        let mut server = Server::start(&args, room.path(), Stdio::null());
        let args = ["--prdr", "--runtime", runtime, "--to", "carol@example.com", "--trace"];
        let output = send(&server.1, &args, b"Subject: x\r\n\r\ny\r\n");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let trace = String::from_utf8(output.stderr).unwrap();
        assert!(trace.contains(" PRDR\n") && trace.contains(" < 353 "), "{trace}");
        assert_eq!(trace.matches(" < 250 2.0.0 taken as ").count(), 2, "{trace}");
        assert!(trace.contains(" < 250 2.0.0 message taken\n"), "{trace}");
        assert_eq!(names(room.path(), ".eml").len(), 1);
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn binary_content_arrives_octet_for_octet() {
    let room = tempfile::tempdir().unwrap();
    let server = Server::start(&["--log", "off"], room.path(), Stdio::null());
    let content = b".\r\n\n.\n\r.\r\0\xff\r\n.\r\nend";
    let output = send(&server.1, &["--body", "binarymime"], content);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stored = room.path().join(&names(room.path(), ".eml")[0]);
    assert_eq!(fs::read(&stored).unwrap(), content);
    let record = fs::read(stored.with_extension("json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let declared = content.len().to_string();
    let size = record["parameters"].as_array().unwrap().iter().find(|it| it["keyword"] == "SIZE");
    assert_eq!(size.unwrap()["value"], declared.as_str());
    for more in ["--normalise", "--no-chunking"] {
        let output = send(&server.1, &["--body", "binarymime", more], content);
        assert_eq!(output.status.code(), Some(64));
    }
}

/// Waits until no session starts any more.
fn await_refusal(server: &Server, runtime: &str) {
    let by = Instant::now() + Duration::from_secs(1);
    while let Ok(stream) = TcpStream::connect(&server.1) {
        let mut line = String::new();
        let _ = BufReader::new(stream).read_line(&mut line);
        if line.starts_with("421") {
            break;
        }
        assert!(Instant::now() < by, "{runtime} still accepts: {line}");
    }
}

fn on_each_runtime(work: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        RUNTIMES.iter().for_each(|runtime| drop(scope.spawn(|| work(runtime))));
    });
}

#[test]
fn signals_end_the_server_between_two_messages() {
    on_each_runtime(|runtime| {
        for name in ["INT", "TERM"] {
            let room = tempfile::tempdir().unwrap();
            let args = ["--runtime", runtime, "--log", "off"];
            let mut server = Server::start(&args, room.path(), Stdio::null());
            let mut idle = Client::connect(&server.1);
            let mut busy = Client::connect(&server.1);
            busy.say("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
            ["250", "250", "250", "354"].into_iter().for_each(|code| busy.wants(code));
            busy.say("half a message\r\n");

            signal(&server, name);
            if runtime != "std" {
                idle.wants("421");
            }
            await_refusal(&server, runtime);
            busy.say("the other half\r\n.\r\n");
            busy.wants("250");
            busy.wants("421");
            drop((idle, busy));
            assert_eq!(server.0.wait().unwrap().code(), Some(0), "{runtime} {name}");
            assert_eq!(names(room.path(), ".eml").len(), 1);
        }
    });
}

#[test]
fn sessions_run_on_as_many_threads_as_are_asked_for() {
    for runtime in ["tokio", "smol"] {
        let threads = |number: &str| {
            let store = tempfile::tempdir().unwrap();
            let args = ["--runtime", runtime, "--threads", number, "--log", "off"];
            let server = Server::start(&args, store.path(), Stdio::null());
            assert!(send(&server.1, &[], b"a\r\n").status.success());
            assert_eq!(names(store.path(), ".eml").len(), 1);
            fs::read_dir(format!("/proc/{}/task", server.0.id())).unwrap().count()
        };
        // Those that are there for what blocks come and go.
        assert!(threads("1") + 6 <= threads("9"), "{runtime}");
    }
}

#[test]
fn sessions_that_do_not_end_are_left_after_the_grace_period() {
    on_each_runtime(|runtime| {
        let room = tempfile::tempdir().unwrap();
        let args = ["--runtime", runtime, "--log", "off"];
        let mut server = Server::start(&args, room.path(), Stdio::null());
        let mut stuck = Client::connect(&server.1);
        stuck.say("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nhalf");
        ["250", "250", "250", "354"].into_iter().for_each(|code| stuck.wants(code));
        signal(&server, "TERM");
        let start = Instant::now();
        assert_eq!(server.0.wait().unwrap().code(), Some(0), "{runtime}");
        assert!(start.elapsed() < Duration::from_secs(8));
        assert!(names(room.path(), ".eml").is_empty());
    });
}

fn fails_to_serve(args: &[&str]) -> String {
    let output = smtp().arg("serve").args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_store_that_cannot_be_written_is_told_at_the_start() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("file");
    fs::write(&file, "").unwrap();
    for option in ["--maildir", "--raw"] {
        let file = file.to_str().unwrap();
        let sentence = fails_to_serve(&["--listen", "127.0.0.1:0", option, file]);
        assert_eq!(sentence, format!("smtp serve: {file} is not a directory\n"));
        assert_eq!(fs::metadata(file).unwrap().len(), 0);
    }
    let sentence = fails_to_serve(&["--listen", "127.0.0.1:0", "--raw", "/proc"]);
    assert!(sentence.starts_with("smtp serve: cannot write in /proc: "), "{sentence}");
    let maildir = room.path().join("mail");
    fs::create_dir(&maildir).unwrap();
    std::os::unix::fs::symlink("/proc", maildir.join("tmp")).unwrap();
    let maildir = maildir.to_str().unwrap();
    let sentence = fails_to_serve(&["--listen", "127.0.0.1:0", "--maildir", maildir]);
    assert!(sentence.contains(&format!("cannot write in {maildir}/tmp: ")), "{sentence}");
}

#[test]
fn a_port_in_use_leaves_nothing_behind() {
    let room = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in ["--maildir", "--raw"] {
        let dir = room.path().join("mail");
        let sentence = fails_to_serve(&["--listen", &address, option, dir.to_str().unwrap()]);
        assert!(sentence.contains("cannot listen on"), "{sentence}");
        assert!(!dir.exists());
    }
}

/// What the server said to the only recipient.
fn reply(output: &Output) -> String {
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let reply = outcome.pointer("/recipients/0/reply").unwrap();
    format!("{} {}", reply.get("code").unwrap(), reply.get("enhanced").unwrap())
}

/// All files of a store, wherever they are in it.
fn files(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// Sends what fits, what does not, and what fits again.
fn send_large_and_small(server: &Server, large: usize, store: &Path, per_message: usize) {
    let sent = |length: usize, content: &str| {
        let line = format!("{content}\r\n");
        send(&server.1, &["--json", "--no-chunking"], line.repeat(length / line.len()).as_bytes())
    };
    let line = "a line of text as they come, and then its end";
    let before = files(store);
    let refused = sent(large, line);
    assert_eq!(refused.status.code(), Some(75), "{refused:?}");
    assert_eq!(reply(&refused), r#"452 "4.3.1""#);
    assert_eq!(files(store), before, "something of it was left behind");
    let taken = sent(10_000, line);
    assert_eq!(taken.status.code(), Some(0), "{taken:?}");
    assert_eq!(files(store), before + per_message);
}

#[test]
fn a_message_that_does_not_fit_the_store_leaves_nothing_and_the_next_one_is_taken() {
    on_each_runtime(|runtime| {
        for (option, per_message) in [("--maildir", 1), ("--raw", 2)] {
            let room = tempfile::tempdir().unwrap();
            let args = ["--runtime", runtime, option];
            // In blocks of 512 or 1024 octets, whichever the shell likes.
            let limit = "trap '' XFSZ; ulimit -f 100";
            let server = Server::behind(limit, &["sh", "-c"], &args, room.path());
            send_large_and_small(&server, 300_000, room.path(), per_message);
        }
    });
}

#[test]
fn a_full_disk_leaves_nothing_and_the_next_message_is_taken() {
    let mount = "mount -t tmpfs -o size=1m none \"$0\"";
    let namespace = ["unshare", "-rm", "sh", "-ec"];
    let room = tempfile::tempdir().unwrap();
    let trial = shelled(&namespace).arg(mount).arg(room.path()).output();
    if !trial.is_ok_and(|output| output.status.success()) {
        println!("skipped: no file system may be mounted here, not even in a namespace");
        return;
    }
    on_each_runtime(|runtime| {
        for (option, per_message) in [("--maildir", 1), ("--raw", 2)] {
            let room = tempfile::tempdir().unwrap();
            let args = ["--runtime", runtime, option];
            let server = Server::behind(mount, &namespace, &args, room.path());
            // As the server sees it.
            let seen = format!("/proc/{}/root{}", server.0.id(), room.path().display());
            send_large_and_small(&server, 2_000_000, Path::new(&seen), per_message);
        }
    });
}

#[test]
fn a_maildir_that_comes_back_is_written_to_again() {
    on_each_runtime(|runtime| {
        let room = tempfile::tempdir().unwrap();
        let args = ["--runtime", runtime, "--maildir"];
        let server = Server::behind("true", &["sh", "-c"], &args, room.path());
        let (tmp, away) = (room.path().join("tmp"), room.path().join("away"));
        let sent = || send(&server.1, &["--json", "--no-chunking"], b"Subject: x\r\n\r\ny\r\n");
        assert_eq!(sent().status.code(), Some(0));
        fs::rename(&tmp, &away).unwrap();
        let refused = sent();
        assert_eq!(reply(&refused), r#"451 "4.3.0""#, "{refused:?}");
        fs::rename(&away, &tmp).unwrap();
        assert_eq!(sent().status.code(), Some(0));
        assert_eq!(files(room.path()), 2);
    });
}

#[test]
fn a_failing_store_is_named_in_the_log() {
    let room = tempfile::tempdir().unwrap();
    let store = room.path().join("mail");
    let mut server = Server::start(&["--log", "json"], &store, Stdio::piped());
    fs::remove_dir(&store).unwrap();
    let output = send(&server.1, &["--no-chunking"], b"x\r\n");
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    server.0.kill().unwrap();
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let line = log.lines().find(|line| line.contains("WARN")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["store"], store.to_str().unwrap());
}

#[test]
fn leniency_is_logged() {
    let room = tempfile::tempdir().unwrap();
    let args = ["--lenient", "--exit-after", "1", "--log", "json"];
    let mut server = Server::start(&args, room.path(), Stdio::piped());
    let mut client = Client::connect(&server.1);
    client.say("EHLO a_b\r\nMAIL FROM: a@example.org\r\nRCPT TO:<b..c@example.net>\r\nDATA\r\n");
    client.until("354 ");
    client.say("x\r\n.\r\nQUIT\r\n");
    client.until("221 ");
    server.0.wait().unwrap();
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |message: &str| {
        let line = lines.iter().find(|line| line["message"] == message).unwrap();
        line["deviations"].as_str().map(str::to_owned)
    };
    assert_eq!(told("message").unwrap(), "space-after-colon, no-brackets, dots");
    assert_eq!(told("session: QUIT").unwrap(), "space-after-colon, no-brackets, dots, underscore");
}

#[test]
fn what_is_offered_is_taken_and_stored() {
    let room = tempfile::tempdir().unwrap();
    let offers = ["FUTURERELEASE=60,2030-01-01T00:00:00Z", "DELIVERBY=60", "MT-PRIORITY=MIXER"];
    let mut args = vec!["--log", "off"];
    args.extend(offers.iter().flat_map(|offer| ["--offer", offer]));
    let server = Server::start(&args, room.path(), Stdio::null());
    let mut client = Client::connect(&server.1);
    client.say("EHLO a.example\r\n");
    for line in ["FUTURERELEASE 60 2030-01-01T00:00:00Z", "DELIVERBY 60", "MT-PRIORITY MIXER"] {
        client.until(&format!("250-{line}\r\n").replacen("250-MT", "250 MT", 1));
    }
    client.say("MAIL FROM:<a@example.org> HOLDFOR=61\r\nMAIL FROM:<a@example.org> BY=59;R\r\n");
    client.wants("501 5.5.4 ");
    client.wants("555 5.5.4 ");
    client.say("MAIL FROM:<a@example.org> HOLDFOR=60 BY=59;N MT-PRIORITY=-9\r\n");
    client.wants("250 ");
    client.say("RCPT TO:<b@example.net>\r\nDATA\r\n");
    client.until("354 ");
    client.say("x\r\n.\r\n");
    client.wants("250 ");
    let [json] = &names(room.path(), ".json")[..] else { panic!("not stored once") };
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(room.path().join(json)).unwrap()).unwrap();
    let keywords: Vec<_> =
        (0..3).map(|n| record["parameters"][n]["keyword"].as_str().unwrap()).collect();
    assert_eq!(keywords, ["HOLDFOR", "BY", "MT-PRIORITY"]);
}

#[test]
fn who_does_not_wait_is_sent_away() {
    for runtime in RUNTIMES {
        let room = tempfile::tempdir().unwrap();
        let args = ["--runtime", runtime, "--greet-pause", "20", "--log", "off"];
        let server = Server::start(&args, room.path(), Stdio::null());
        let mut early = TcpStream::connect(&server.1).unwrap();
        early.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        early.write_all(b"EHLO a.example\r\n").unwrap();
        let mut heard = String::new();
        early.read_to_string(&mut heard).unwrap();
        assert!(heard.starts_with("554 ") && heard.lines().count() == 1, "{runtime}: {heard}");
    }
    let room = tempfile::tempdir().unwrap();
    let server = Server::start(&["--no-early-content", "--log", "off"], room.path(), Stdio::null());
    let mut client = Client::connect(&server.1);
    client.say("EHLO a\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nx\r\n.\r\n");
    client.until("554 5.5.0 ");
    assert!(names(room.path(), ".eml").is_empty());
}

#[test]
fn standard_input_is_read_whole() {
    on_each_runtime(|runtime| {
        let room = tempfile::tempdir().unwrap();
        let mut child = smtp()
            .args(["serve", "--stdio", "--log", "off", "--runtime", runtime, "--raw"])
            .arg(room.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut wants = |code: &str| {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert!(line.starts_with(code), "{runtime}: {line:?} is not {code}");
        };
        wants("220");
        // A line that is too long is read in other pieces than what was asked for before.
        input.write_all(&[b"NOOP ", &[b'x'; 70_000][..], b"\r\n"].concat()).unwrap();
        wants("500");
        input.write_all(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n").unwrap();
        ["250", "250", "250", "354"].into_iter().for_each(&mut wants);
        let content: String = (0..40_000).map(|n| format!("line {n}\r\n")).collect();
        input.write_all(content.as_bytes()).unwrap();
        input.write_all(b".\r\nQUIT\r\n").unwrap();
        ["250", "221"].into_iter().for_each(&mut wants);
        assert!(child.wait().unwrap().success());
        let stored = room.path().join(&names(room.path(), ".eml")[0]);
        assert!(fs::read(&stored).unwrap() == content.as_bytes(), "{runtime}: other content");
    });
}

/// What `script` shows of a server on a terminal, to which a message is sent before it is stopped.
fn on_a_terminal(args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().join("shown");
    let args = args.join(" ");
    let smtp = env!("CARGO_BIN_EXE_smtp");
    let serve = format!("exec {smtp} serve --listen 127.0.0.1:0 --discard --exit-after 1 {args}");
    let mut terminal = Command::new("script")
        .args(["--quiet", "--flush", "--command", &serve])
        .arg(&shown)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.trim().strip_prefix("listening on ").unwrap();
    assert_eq!(send(address, &[], b"x\r\n").status.code(), Some(0));
    assert!(lines.all(|line| line.is_ok()));
    assert!(terminal.wait().unwrap().success());
    fs::read_to_string(&shown).unwrap()
}

/// On a terminal there is a view below the log, and nothing of it where a log or quiet was asked for.
#[test]
fn a_view_is_for_terminals() {
    if Command::new("script").arg("--version").output().is_err() {
        return;
    }
    let sum = "Took 1 message, 3 B, in 1 session; refused 0.";
    for runtime in RUNTIMES {
        let shown = on_a_terminal(&["--runtime", runtime]);
        assert!(shown.contains("sessions ") && shown.contains(sum), "{runtime}: {shown:?}");
        assert!(shown.contains("octets") && shown.contains("Mail goes nowhere"), "{shown:?}");
    }
    for (args, logged) in [("--quiet", true), ("--log text", true), ("--log off", false)] {
        let shown = on_a_terminal(&[args]);
        assert!(!shown.contains("sessions ") && !shown.contains("Took"), "{args}: {shown:?}");
        assert_eq!(shown.contains("octets"), logged, "{args}: {shown:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(&["--exit-after", "1"], dir.path(), Stdio::piped());
    assert_eq!(send(&server.1, &[], b"x\r\n").status.code(), Some(0));
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(
        log.contains("octets=3") && !log.contains("Took") && !log.contains('\u{1b}'),
        "{log:?}"
    );
}

/// Who may say XCLIENT is decided by the client's address, not by that of the load balancer; a client
/// that it does not name may not.
#[test]
fn a_load_balancer_does_not_lend_its_trust() {
    let dir = tempfile::tempdir().unwrap();
    for runtime in RUNTIMES {
        let args = ["--proxy-protocol", "--xclient-from", "127.0.0.0/8", "--runtime", runtime];
        let server = Server::start(&args, dir.path(), Stdio::null());
        for (header, trusted) in [
            ("PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\n", false),
            ("PROXY TCP4 127.0.0.9 127.0.0.1 4000 25\r\n", true),
            ("PROXY UNKNOWN\r\n", false),
        ] {
            let mut stream = TcpStream::connect(&server.1).unwrap();
            stream.write_all(header.as_bytes()).unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            assert!(lines.next().unwrap().unwrap().starts_with("220 "));
            stream.write_all(b"EHLO x\r\nQUIT\r\n").unwrap();
            let told: Vec<String> = lines.map(Result::unwrap).collect();
            let offered = told.iter().any(|line| line.contains("XCLIENT"));
            assert_eq!(offered, trusted, "{runtime} {header:?}: {told:?}");
        }
    }
}

/// Whoever is given the certificate can verify the server, and whoever is not cannot.
#[test]
fn a_certificate_made_on_the_spot_can_be_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let pem = dir.path().join("own.pem");
    let ca = pem.to_str().unwrap();
    let args = ["--tls-self-signed", "--tls-cert-out", ca, "--exit-after", "1"];
    let mut server = Server::start(&args, dir.path(), Stdio::piped());
    let strange = send(&server.1, &["--tls", "required"], b"x\r\n");
    assert_eq!(strange.status.code(), Some(77), "{strange:?}");
    let trusting = ["--tls", "required", "--tls-ca", ca, "--json"];
    let sent = send(&server.1, &trusting, b"x\r\n");
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    assert!(String::from_utf8_lossy(&sent.stdout).contains("\"verified\":true"), "{sent:?}");
    let mut hints = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut hints).unwrap();
    assert!(hints.contains(&format!(" --tls required --tls-ca {ca} --from")), "{hints}");
    assert!(hints.contains(&format!(" --ssl-reqd --cacert {ca} --mail-from")), "{hints}");

    let output = smtp()
        .args(["serve", "--listen", "127.0.0.1:0", "--discard", "--tls-self-signed"])
        .args(["--tls-cert-out", "/nowhere/own.pem"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    assert!(output.stderr.starts_with(b"smtp serve: --tls-cert-out /nowhere/own.pem: "));
}
