//! Completions and manual pages know every command and every option.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn smtp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smtp")).args(args).output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = smtp(args);
    assert_eq!(output.status.code(), Some(0), "{args:?} {output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The first wanted words on lines of a help text that are indented no deeper than commands and
/// options are.
fn first_words(help: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let shallow =
        help.lines().filter(|line| line.starts_with("  ") && !line.starts_with("        "));
    let words = shallow.filter_map(|line| line.split_whitespace().find(|word| wanted(word)));
    words.map(str::to_owned).collect()
}

/// By what `--help` shows.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut all = first_words(list, |_| true);
    all.retain(|name| name != "help");
    assert!(all.len() >= 8, "{all:?}");
    all
}

fn options(command: &str) -> Vec<String> {
    let help = printed(&[command, "--help"]);
    let list = help.split_once("Options:\n").unwrap().1;
    let mut all = first_words(list, |word| word.starts_with("--"));
    all.sort_unstable();
    all.dedup();
    assert!(all.contains(&"--help".to_owned()), "{all:?}");
    all
}

#[test]
fn every_shell_completes_every_command_and_option() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
            for option in options(&command) {
                let name = if shell == "fish" { option.trim_start_matches('-') } else { &option };
                assert!(script.contains(name), "{shell}: {command} {option}");
            }
        }
    }
}

#[test]
fn bash_takes_the_script_and_completes() {
    let Ok(bash) = Command::new("bash").arg("--version").output() else { return };
    assert!(bash.status.success());
    let script = printed(&["completions", "bash"]);
    for (words, wanted) in [
        ("smtp pro", "probe"),
        ("smtp send --chunk --no-ch", "--no-chunking"),
        ("smtp serve --runtime as", "async-std"),
    ] {
        let count = words.split(' ').count() - 1;
        let asked = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={count}; \
             _smtp smtp \"${{COMP_WORDS[{count}]}}\" \"${{COMP_WORDS[{count}-1]}}\"; \
             echo \"${{COMPREPLY[*]}}\""
        );
        let output = Command::new("bash").args(["--norc", "-c", &asked]).output().unwrap();
        let completed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(completed.trim(), wanted, "{words}");
    }
}

/// As roff writes them: a hyphen is not a minus.
fn in_roff(text: &str) -> String {
    text.replace('-', "\\-")
}

#[test]
fn the_manual_has_a_page_for_all_and_for_each() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new").join("man1");
    printed(&["man", "--dir", path.to_str().unwrap()]);
    let all = std::fs::read_to_string(path.join("smtp.1")).unwrap();
    assert_eq!(all, printed(&["man"]));
    let commands = commands();
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), commands.len() + 1);
    for command in commands {
        assert!(all.contains(&in_roff(&format!("smtp-{command}"))), "{command}");
        let page = std::fs::read_to_string(path.join(format!("smtp-{command}.1"))).unwrap();
        assert_eq!(page, printed(&["man", &command]));
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "NOTES", "\"SEE ALSO\""] {
            assert!(page.contains(&format!(".SH {section}\n")), "{command}: {section}");
        }
        for option in options(&command) {
            assert!(page.contains(&in_roff(&option)), "{command} {option}");
        }
        assert!(page.contains("\n.nf\nExample"), "{command} has an example whose lines are kept");
    }
}

#[test]
fn what_cannot_be_told_is_said() {
    for (args, code, words) in [
        (
            &["completions", "tcsh"][..],
            64,
            "smtp: SHELL takes bash, elvish, fish, powershell or zsh",
        ),
        (&["completions"], 64, "smtp: SHELL must be given"),
        (&["man", "what"], 64, "smtp: COMMAND takes serve, "),
        (&["man", "send", "--dir", "x"], 64, "smtp: COMMAND and --dir cannot be used together"),
        (&["man", "--dir", "/dev/null/x"], 74, "smtp man: /dev/null/x: "),
    ] {
        let output = smtp(args);
        assert_eq!(output.status.code(), Some(code), "{args:?} {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(words) && output.stdout.is_empty(), "{said}");
    }
}
