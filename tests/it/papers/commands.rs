//! Commands and flags: all of them are in the README, and what is shown there is understood.

use std::collections::BTreeSet;

use aifinops::cli::Cli;
use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _};

use super::{README, names, section, words};

/// A command that people are shown, with the words that lead to it.
struct Shown {
    path: Vec<String>,
    command: Command,
}

fn shown() -> Vec<Shown> {
    fn walk(path: &[String], command: &Command, found: &mut Vec<Shown>) {
        for command in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            let path = [path, &[command.get_name().to_owned()]].concat();
            walk(&path, command, found);
            found.push(Shown { path, command: command.clone() });
        }
    }
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    walk(&[], &root, &mut found);
    found.push(Shown { path: Vec::new(), command: root });
    assert!(found.len() > 50);
    found
}

fn flags(command: &Command) -> impl Iterator<Item = String> {
    command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
}

/// The command lines in the README's blocks of code.
fn lines() -> Vec<String> {
    let blocks = README.split("```").skip(1).step_by(2).flat_map(str::lines);
    let found: Vec<String> = blocks.filter(|line| line.starts_with("aifinops ")).map(str::to_owned).collect();
    assert!(found.len() > 100);
    found
}

/// The words of a command line as a shell takes it apart, up to whatever is no part of it.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut before) = (Vec::new(), None::<String>, None, ' ');
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            // Two spaces: what follows is an explanation.
            (None, ' ' | '|' | '>' | '<' | ';' | '#' | '&') if before == ' ' => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
        before = c;
    }
    words.extend(word);
    words
}

fn is_understood(line: &str) -> Result<(), clap::Error> {
    match Cli::try_parse_from(split(line)) {
        Err(error) if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => Err(error),
        _ => Ok(()),
    }
}

#[test]
fn lines_are_split_as_a_shell_does() {
    assert_eq!(split("aifinops cap set '5M tokens' --project \"a b\"  # why"), ["aifinops", "cap", "set", "5M tokens", "--project", "a b"]);
    assert_eq!(split("aifinops tag 3f2a91c0 feature= | jq ."), ["aifinops", "tag", "3f2a91c0", "feature="]);
    assert_eq!(split("aifinops top --once                   one moment of it"), ["aifinops", "top", "--once"]);
    assert!(is_understood("aifinops fly").is_err() && is_understood("aifinops top --fly").is_err());
}

#[test]
fn every_command_line_of_the_readme_is_understood() {
    for line in lines() {
        if let Err(error) = is_understood(&line) {
            panic!("{line}\n{error}");
        }
    }
}

#[test]
fn every_example_of_the_help_is_understood() {
    let mut examples = 0;
    for Shown { path, command } in shown() {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("aifinops ")) {
            examples += 1;
            if let Err(error) = is_understood(line) {
                panic!("{path:?}: {line}\n{error}");
            }
        }
    }
    assert!(examples > 50);
}

#[test]
fn every_command_is_in_the_readme() {
    let lines = lines();
    let inline = words(&README);
    for Shown { path, .. } in shown() {
        let said = path.join(" ");
        let is_so = |text: &str| text.strip_prefix(&said).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        let called = |text: &str| is_so(text.strip_prefix("aifinops ").unwrap_or(text));
        assert!(said.is_empty() || lines.iter().any(|line| called(line)) || inline.iter().any(|text| called(text)), "{said}");
    }
}

#[test]
fn every_flag_is_in_the_readme_and_every_flag_there_is_one() {
    let known: BTreeSet<String> = shown().iter().flat_map(|shown| flags(&shown.command).collect::<Vec<_>>()).collect();
    let said = |text| names(text).into_iter().filter(|name| name.starts_with("--") && name.len() > 3);
    let readme: BTreeSet<&str> = said(&README).collect();
    let missing: Vec<&String> = known.iter().filter(|flag| !readme.contains(flag.as_str()) && *flag != "--help").collect();
    assert!(missing.is_empty(), "the README does not name {missing:?}");
    // Those of cargo, systemctl, llama.cpp's server and Claude Code.
    let foreign = ["--release", "--path", "--locked", "--now", "--metrics", "--settings"];
    let both = readme.into_iter().chain(said(include_str!("../../../CHANGELOG.md")));
    let unknown: Vec<&str> = both.filter(|flag| !known.contains(*flag) && !foreign.contains(flag)).collect();
    assert!(unknown.is_empty(), "the README or the CHANGELOG names {unknown:?}, which no command has");
}

#[test]
fn every_flag_that_all_commands_have_is_among_the_settings() {
    let root = shown().pop().unwrap().command;
    let chapter = names(section("## Settings"));
    // These are about what is printed, and no settings.
    let others = ["--help", "--version", "--json", "--quiet", "--no-color"];
    for flag in flags(&root).filter(|flag| !others.contains(&flag.as_str())) {
        assert!(chapter.contains(flag.as_str()), "{flag}");
    }
}
