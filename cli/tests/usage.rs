//! What scripts rely on when the command line is wrong: one sentence and exit code 64.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

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
    assert!(!String::from_utf8(smtp(&["--help"]).stdout).unwrap().contains("bench"));
}
