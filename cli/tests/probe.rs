//! What `smtp probe` finds, and what it leaves alone.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use serde_json::{Value, json};

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

fn probe(server: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp"));
    command.args(["probe", server]).args(args).stdin(Stdio::null()).output().unwrap()
}

fn found(server: &str, args: &[&str], code: i32) -> Value {
    let output = probe(server, &[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?} {output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["error"].is_null(), output.stderr.is_empty(), "{args:?} {output:?}");
    json
}

fn keys(json: &Value) -> Vec<&str> {
    json["advice"].as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap()).collect()
}

/// `smtp serve`, which takes nothing.
struct Server(Child, Vec<String>);

impl Server {
    fn start(args: &[&str]) -> Self {
        let ports = args.iter().filter(|it| it.starts_with("--listen")).count();
        let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
            .args(["serve", "--discard", "--hostname", "mx.example.org", "--log", "json"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = |line: String| line.strip_prefix("listening on ").unwrap().to_owned();
        let addresses = lines.take(ports).map(|line| address(line.unwrap())).collect();
        Server(child, addresses)
    }

    /// The lines that it logged, once it has stopped in order.
    fn log(mut self) -> Vec<String> {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        let lines = BufReader::new(self.0.stderr.take().unwrap()).lines();
        lines.map(Result::unwrap).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn users(dir: &tempfile::TempDir) -> String {
    let path = dir.path().join("users");
    std::fs::write(&path, "alice:tiger\n").unwrap();
    path.display().to_string()
}

/// Plays a server that says these lines, one for each command, and the first unasked; what it was
/// told.
fn scripted(lines: &[&str]) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let play = move || {
        let mut stream = listener.accept().unwrap().0;
        let mut heard = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut told = Vec::new();
        for line in &lines {
            stream.write_all(line.as_bytes()).unwrap();
            match heard.next() {
                Some(Ok(line)) => told.push(line),
                _ => return told,
            }
        }
        told
    };
    (address, thread::spawn(play))
}

#[test]
fn a_handshake_that_the_link_ends_is_for_later() {
    for runtime in RUNTIMES {
        let server = scripted(&["220 mx", "250-mx\r\n250 STARTTLS", "220 go"]).0;
        let json = found(&server, &["--timeout", "0.5", "--runtime", runtime], 75);
        let error = json["error"].as_str().unwrap();
        // The peer reads a line, which the octets of the handshake may or may not hold.
        assert!(
            error.starts_with("the server ") && error.ends_with(" in the TLS handshake"),
            "{json}"
        );
        assert!(keys(&json).contains(&"tls-failed"), "{json}");
    }
}

#[test]
fn what_starttls_is_refused_with_is_told_where_it_is_required() {
    for (reply, exit) in [("454 4.7.0 no TLS now", 75), ("554 5.7.0 no TLS", 77)] {
        let server = scripted(&["220 mx", "250-mx\r\n250 STARTTLS", reply, "221 bye"]).0;
        let json = found(&server, &["--tls", "required"], exit);
        assert_eq!(json["error"], format!("the server refused STARTTLS: {reply}"));
    }
}

#[test]
fn a_server_with_everything_on_every_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let users = users(&dir);
    for runtime in RUNTIMES {
        let args = ["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0", "--tls-self-signed"];
        let server = Server::start(&[&args[..], &["--users", &users]].concat());
        let json = found(&server.1[0], &["--runtime", runtime], 0);
        assert_eq!(json["address"], server.1[0].as_str());
        assert_eq!((&json["protocol"], &json["name"]), (&json!("ESMTP"), &json!("mx.example.org")));
        assert_eq!(json["greeting"]["code"], 220);
        assert_eq!(json["starttls"]["code"], 220);
        assert_eq!(json["capabilities"]["lost"], json!(["STARTTLS"]));
        assert_eq!(json["capabilities"]["changed"], json!(["AUTH"]), "{json}");
        let tls = &json["tls"];
        assert_eq!((&tls["how"], &tls["version"]), (&json!("starttls"), &json!("TLSv1.3")));
        assert_eq!((&tls["verified"], tls["fault"].is_string()), (&json!(false), true));
        let certificate = &tls["certificate"];
        assert_eq!(certificate["names"][0], "mx.example.org");
        assert_eq!(certificate["is_for_name"], true, "{certificate}");
        assert!(certificate["days_left"].as_i64() > Some(0) && certificate["sent"] == 1);
        let has =
            |of: &str, name: &str| json["auth"][of].as_array().unwrap().contains(&json!(name));
        assert!(!has("clear", "PLAIN") && has("tls", "PLAIN") && has("clear", "SCRAM-SHA-256"));
        assert_eq!(json["limits"]["size"], 50 << 20);
        assert_eq!(json["limits"]["rcpt_max"], 1000);
        assert_eq!(keys(&json), ["certificate-self-signed"], "{json}");
        let times = json["timings_ms"].as_object().unwrap();
        assert!(times.values().all(Value::is_number), "{json}");

        let inside = found(&server.1[1], &["--runtime", runtime, "--tls", "implicit"], 0);
        assert_eq!(inside["tls"]["how"], "implicit");
        assert!(inside["capabilities"]["clear"].is_null() && inside["starttls"].is_null());
        assert_eq!(inside["capabilities"]["tls"], json["capabilities"]["tls"]);

        // No mail, no login, and a QUIT each time.
        let log = server.log();
        let sessions = log.iter().filter(|line| line.contains("session: QUIT")).count();
        assert_eq!((sessions, log.len()), (2, 2), "{runtime}: {log:?}");
    }
}

#[test]
fn nothing_but_ehlo_starttls_and_quit_is_said() {
    let offers = "250-mx.example.org\r\n250-SIZE 1000\r\n250-LIMITS RCPTMAX=50 MAILMAX=2\r\n250-AUTH PLAIN X-OWN\r\n250 STARTTLS";
    let lines = ["220 mx.example.org ESMTP", offers, "454 not now", "221 bye"];
    let (address, server) = scripted(&lines);
    let json = found(&address, &["--hello", "client.example.net"], 0);
    assert_eq!(server.join().unwrap(), ["EHLO client.example.net", "STARTTLS", "QUIT"]);
    assert_eq!(json["starttls"]["code"], 454);
    assert_eq!(json["auth"]["plaintext_in_the_clear"], json!(["PLAIN"]));
    let auth = &json["capabilities"]["clear"][2];
    let limits = &json["limits"];
    assert_eq!((&limits["rcpt_max"], &limits["mail_max"]), (&json!(50), &json!(2)), "{limits}");
    assert!(keys(&json).contains(&"recipients-too-few"));
    assert_eq!(*auth, json!({"keyword": "AUTH", "arguments": ["PLAIN", "X-OWN"]}));
    let errors = ["starttls-refused", "auth-plaintext-in-the-clear", "size-too-small"];
    assert_eq!(keys(&json)[..3], errors, "{json}");
    let first = &json["advice"][0];
    assert_eq!(
        (&first["severity"], &first["source"]),
        (&json!("error"), &json!("RFC 3207 section 4"))
    );
}

#[test]
fn helo_alone_is_told() {
    let lines = ["220 ***** ESMTP", "502 what", "250 mx", "221 bye"];
    let (address, server) = scripted(&lines);
    let json = found(&address, &["--tls", "never"], 0);
    let verbs: Vec<_> =
        server.join().unwrap().iter().map(|it| it.get(..4).unwrap().to_owned()).collect();
    assert_eq!(verbs, ["EHLO", "HELO", "QUIT"]);
    assert_eq!((&json["protocol"], &json["name"]), (&json!("SMTP"), &json!("mx")));
    assert_eq!(keys(&json), ["esmtp-unknown", "greeting-without-name", "name-unqualified"]);
    assert_eq!(json["capabilities"]["clear"], json!([]));
}

#[test]
fn lmtp_is_greeted_in_its_own_way() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--lmtp"]);
    let json = found(&server.1[0], &["--lmtp"], 0);
    assert_eq!((&json["protocol"], keys(&json)), (&json!("LMTP"), vec!["starttls-missing"]));
}

#[test]
fn how_it_ends_where_there_is_no_server_to_look_at() {
    let (address, server) = scripted(&["554 5.7.1 not you", "221 bye"]);
    let json = found(&address, &[], 69);
    assert_eq!(server.join().unwrap(), ["QUIT"]);
    assert_eq!(json["refusal"]["code"], 554);
    assert!(json["protocol"].is_null() && json["timings_ms"]["greeting"].is_number());

    let (address, server) = scripted(&["421 later"]);
    assert_eq!(found(&address, &[], 75)["refusal"]["code"], 421);
    server.join().unwrap();

    let (address, server) = scripted(&["HTTP/1.1 400 Bad Request"]);
    found(&address, &[], 76);
    server.join().unwrap();

    let (address, server) = scripted(&["220 mx.example.org", "250 mx.example.org", "221 bye"]);
    let json = found(&address, &["--tls", "required"], 77);
    server.join().unwrap();
    assert!(json["error"].as_str().unwrap().contains("required"), "{json}");
    assert_eq!(json["name"], "mx.example.org", "what was seen is told all the same");

    let (address, server) = scripted(&["220 mx.example.org"]);
    let json = found(&address, &["--tls", "implicit"], 77);
    server.join().unwrap();
    assert!(json["error"].as_str().unwrap().ends_with("--tls opportunistic begins without"));
    assert_eq!(keys(&json), ["tls-failed"]);
}

#[test]
fn nobody_there() {
    // Bound and not listening: connections are refused, and nobody else gets the port.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    let json = found(&address, &[], 75);
    assert_eq!(
        (&json["address"], &json["unreachable"][0]["address"]),
        (&Value::Null, &json!(address))
    );
    assert!(json["error"].as_str().unwrap().starts_with(&format!("cannot connect to {address}: ")));
    assert_eq!(keys(&json), [""; 0]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let json = found(&silent.local_addr().unwrap().to_string(), &["--timeout", "0.2"], 75);
    assert!(json["error"].as_str().unwrap().ends_with("use --tls implicit"), "{json}");
}

#[test]
fn people_read_a_page_without_colours_in_a_pipe() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--tls-self-signed"]);
    let output = probe(&server.1[0], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "  protocol        ESMTP\n",
        "  calls itself    mx.example.org\n",
        "\nCapabilities (- gone inside TLS, + only there)\n",
        "\n- STARTTLS\n",
        "\n  SIZE 52428800\n",
        "\nTLS\n",
        "  begins          by STARTTLS\n",
        "\nAuthentication\n  without TLS     none\n",
        "\nLimits\n  message         52428800 octets\n",
        "\nTimings\n",
        "\nAdvice\n  warning: the certificate is signed by itself",
        "\n    certificate-self-signed, RFC 5280 section 6\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn what_a_server_says_cannot_look_like_something_else() {
    let reply = "250-mx.example.org\r\n250-X\u{202e}Y\r\n250 SIZE \u{9b}2J";
    let (address, server) = scripted(&["220 mx.example.org \u{202e}", reply, "221 bye"]);
    let output = probe(&address, &["--tls", "never"]);
    server.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(['\u{202e}', '\u{9b}']) && text.contains("\\u{202e}"), "{text}");
}

#[test]
fn the_dialogue_can_be_shown() {
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let output = probe(&server.1[0], &["--trace", "--json"]);
    let trace = String::from_utf8(output.stderr).unwrap();
    assert!(trace.contains("220 ") && trace.contains("EHLO ") && trace.contains("QUIT"), "{trace}");
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// What is advised about a server that shows a certificate by `issuer`, and `behind` it; and what is
/// told of the certificate.
fn certified(
    root: &Issuer,
    issuer: &Issuer,
    behind: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> (Vec<String>, Value) {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let chain = params.signed_by(&key, issuer).unwrap().pem() + behind;
    let (chain, key) = (file("chain.pem", &chain), file("key.pem", &key.serialize_pem()));
    let ca = file("ca.pem", &root.pem());
    let args = ["--listen", "127.0.0.1:0", "--tls-cert", &chain, "--tls-key", &key];
    let server = Server::start(&args);
    let json = found(&server.1[0], &["--tls", "required", "--tls-ca", &ca], 0);
    (keys(&json).into_iter().map(str::to_owned).collect(), json["tls"].clone())
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let key = || KeyPair::generate().unwrap();
    let root = Issuer::self_signed(authority("the root"), key()).unwrap();
    let between = Issuer::signed_by(authority("between"), key(), &root).unwrap();
    let soon = jiff::Zoned::now().date().checked_add(jiff::Span::new().days(10)).unwrap();
    let soon = date_time_ymd(
        soon.year().into(),
        u8::try_from(soon.month()).unwrap(),
        u8::try_from(soon.day()).unwrap(),
    );
    let old = date_time_ymd(2020, 1, 1);
    let future = date_time_ymd(2999, 1, 1);

    let (keys, tls) = certified(&root, &root, "", |_| {});
    assert_eq!(
        (keys.len(), &tls["verified"], &tls["fault"]),
        (0, &json!(true), &Value::Null),
        "{tls}"
    );
    assert_eq!(tls["certificate"]["issuer"], "CN=the root");
    let (keys, tls) = certified(&root, &root, "", |it| it.not_after = old);
    assert_eq!((keys, &tls["verified"]), (vec!["certificate-expired".to_owned()], &json!(false)));
    assert!(tls["certificate"]["days_left"].as_i64() < Some(-2000), "{tls}");
    assert_eq!(tls["certificate"]["not_after"], "2020-01-01T00:00:00Z");
    let (keys, tls) = certified(&root, &root, "", |it| it.not_after = soon);
    assert_eq!(
        (keys, &tls["verified"]),
        (vec!["certificate-expires-soon".to_owned()], &json!(true))
    );
    let (keys, _) = certified(&root, &root, "", |it| it.not_before = future);
    assert_eq!(keys, ["certificate-not-yet-valid"]);
    let other = |it: &mut CertificateParams| {
        *it = CertificateParams::new(vec!["mx.example.org".to_owned()]).unwrap();
    };
    let (keys, tls) = certified(&root, &root, "", other);
    assert_eq!(
        (keys, &tls["certificate"]["is_for_name"]),
        (vec!["certificate-wrong-name".to_owned()], &json!(false))
    );
    let (keys, tls) = certified(&root, &between, &between.pem(), |_| {});
    assert_eq!((keys.len(), &tls["certificate"]["sent"]), (0, &json!(2)), "{tls}");
    let (keys, tls) = certified(&root, &between, "", |_| {});
    assert_eq!(
        (keys, &tls["certificate"]["sent"]),
        (vec!["certificate-chain-incomplete".to_owned()], &json!(1))
    );
    let stranger = Issuer::self_signed(authority("a stranger"), key()).unwrap();
    let (keys, _) = certified(&root, &stranger, &stranger.pem(), |_| {});
    assert_eq!(keys, ["certificate-untrusted"]);
}
