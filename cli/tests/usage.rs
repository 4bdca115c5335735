//! What scripts rely on when the command line is wrong: one sentence and exit code 64.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output, Stdio};

fn smtp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smtp")).args(args).output().unwrap()
}

#[test]
fn a_wrong_command_line_is_one_sentence_and_64() {
    for (args, sentence) in [
        (&[][..], "smtp: give a command; `smtp --help` lists them\n"),
        (&["prase"], "smtp: there is no command prase; see `smtp --help`\n"),
        (&["parse"], "smtp: KIND must be given; see `smtp parse --help`\n"),
        (&["parse", "x"], "smtp: KIND takes command, path, address, reply or ehlo, not x\n"),
        (
            &["parse", "path", "--lenent"],
            "smtp: there is no option --lenent; did you mean --lenient?\n",
        ),
        (
            &["parse", "path", "--strict"],
            "smtp: there is no option --strict; see `smtp parse --help`\n",
        ),
        (&["parse", "path", "--multiline"], "smtp: --multiline is for reply and ehlo\n"),
        (
            &["parse", "reply", "--multiline", "--base64"],
            "smtp: --multiline and --base64 cannot be used together\n",
        ),
        (&["parse", "path", "x"], "smtp: x is not understood here; see `smtp parse --help`\n"),
    ] {
        let output = smtp(args);
        assert_eq!(String::from_utf8_lossy(&output.stderr), sentence);
        assert_eq!(output.status.code(), Some(64));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_explains_itself_with_an_example() {
    for args in [&["--help"][..], &["parse", "--help"]] {
        let output = smtp(args);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("Example") && help.contains("| smtp parse command"), "{help}");
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty());
    }
    let help = String::from_utf8(smtp(&["bench", "--help"]).stdout).unwrap();
    for words in ["smtp bench --server", "Latency", "  latency_us\n", "\n  77  "] {
        assert!(help.contains(words), "{words}: {help}");
    }
}

#[test]
fn the_help_of_send_lists_the_exit_codes() {
    let help = String::from_utf8(smtp(&["send", "--help"]).stdout).unwrap();
    for code in ["\n   0  ", "\n  64  ", "\n  65  ", "\n  69  ", "\n  74  ", "\n  75  ", "\n  76  "]
    {
        assert!(help.contains(code), "{code}: {help}");
    }
    assert!(help.contains("--normalise message.eml"));
}

#[test]
fn an_address_that_cannot_be_sent_is_one_sentence_and_65() {
    for (from, sentence) in [
        ("", "smtp: --from: the address is empty\n"),
        ("bob", "smtp: --from bob: there is no @\n"),
        ("Bob <b@x>", "smtp: --from Bob <b@x>: write only the address, without a name\n"),
    ] {
        let output = smtp(&["send", "--server", "x", "--from", from, "--to", "b@x"]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), sentence);
        assert_eq!(output.status.code(), Some(65));
    }
}

#[test]
fn a_file_of_users_that_says_nothing_or_too_much_is_one_sentence_and_64() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users");
    let name = path.to_str().unwrap();
    for (users, sentence) in [
        ("", "nobody is in it"),
        ("alice:tiger\n:lion\n", "line 2 is not a name, a colon and a password"),
        ("alice:tiger\nbob:x\nalice:lion\n", "lines 1 and 3 are both for alice"),
    ] {
        std::fs::write(&path, users).unwrap();
        let output = smtp(&["serve", "--listen", "127.0.0.1:0", "--discard", "--users", name]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, format!("smtp serve: --users {name}: {sentence}\n"));
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(64), true));
    }
    let output = smtp(&["serve", "--discard", "--users", "/nowhere/users"]);
    assert_eq!(output.status.code(), Some(74));
}

#[test]
fn output_that_cannot_be_written_is_complained_of() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let send =
        ["send", "--server", "127.0.0.1:1", "--from", "a@example.org", "--to", "b@example.org"];
    // What became of the message decides, as far as it went anywhere.
    for (args, who, code) in [
        (&["--help"][..], "smtp", 74),
        (&["probe", "127.0.0.1:1"], "smtp probe", 74),
        (&send, "smtp send", 75),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smtp"));
        let output = command.args(args).stdin(Stdio::null()).stdout(full()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        let sentence = format!("{who}: cannot write to standard output: ");
        assert!(told.contains(&sentence), "{told}");
        assert_eq!(output.status.code(), Some(code), "{told}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let output =
        smtp(&["serve", "--listen", "127.0.0.1:0", "--tls-cert", "no.pem", "--tls-key", "k"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.starts_with("smtp serve: --tls-cert no.pem --tls-key k: cannot read no.pem: "),
        "{told}"
    );
    assert_eq!(output.status.code(), Some(74));
}
