//! The first page of the help: the commands by purpose, in the order a person meets them.

use clap::Command;

/// Every command stands in exactly one group; a test sees to it.
pub const GROUPS: [(&str, &[&str]); 5] = [
    ("Run Squall", &["up", "down", "ps", "logs", "restart"]),
    ("Keep the data safe", &["backup"]),
    ("Check a change", &["ci", "fmt", "lint", "typecheck", "build", "test", "docker", "bench"]),
    ("Keep generated files true", &["migrate", "queries", "openapi", "workflows"]),
    ("This machine", &["doctor", "completions"]),
];

pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    something failed; the message says what was tried, what went wrong and what to do next
  2    wrong usage
  3    a tool is missing and could not be fetched; `cargo xtask doctor` says how to get it
  4    not run: this machine has no Docker engine; `ci` shows such a step as skipped
  130  interrupted";

/// The page, from the same doc comments as each command's own help.
pub fn contents(command: &Command) -> String {
    let mut text = "Every operation of the repository.\n\nUsage: cargo xtask COMMAND\n".to_owned();
    for (title, names) in GROUPS {
        text += &format!("\n{title}:\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            text += &format!("  {name:<12} {}\n", about.unwrap_or_default());
        }
    }
    text + &format!(
        "\nThe two that matter most:\n  cargo xtask up --demo    see it run\n  cargo xtask ci           prove a change\n\n{EXIT_CODES}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;
    use std::{fs, path::Path};

    /// Compares with tests/help/NAME.txt; UPDATE=1 writes it instead.
    fn check(name: &str, shown: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, shown).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(shown, expected, "run `UPDATE=1 cargo xtask test xtask` if the new help is right");
    }

    #[test]
    fn the_first_page_names_every_command_once() {
        let command = Cli::command();
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut known: Vec<_> =
            command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name).collect();
        known.sort_unstable();
        let mut sorted = grouped.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, known);
        check("contents", &contents(&command));
    }

    #[test]
    fn every_command_has_an_example_and_its_help_is_as_reviewed() {
        fn walk(command: &mut Command, path: &str) {
            if command.has_subcommands() {
                let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
                for name in names.iter().filter(|name| *name != "help") {
                    let sub = command.find_subcommand_mut(name).unwrap();
                    if !sub.is_hide_set() {
                        walk(sub, &format!("{path}-{name}"));
                    }
                }
            }
            if path.is_empty() {
                return;
            }
            let help = command.render_help().to_string();
            assert!(command.has_subcommands() || help.contains("Example"), "{path} has no example");
            check(path.trim_start_matches('-'), &help);
        }
        let mut command = Cli::command();
        command.build();
        walk(&mut command, "");
    }

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }
}
