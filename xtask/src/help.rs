//! The first page of the help: commands by purpose, in the order a person meets them.

use clap::Command;

/// Every command is in exactly one group, which a test checks.
pub const GROUPS: [(&str, &[&str]); 5] = [
    ("Run Squall", &["up", "down", "ps", "logs", "restart"]),
    ("Protect the data", &["backup"]),
    ("Check a change", &["ci", "fmt", "lint", "typecheck", "build", "test", "fuzz", "docker", "bench"]),
    ("Change the schema, renew generated files", &["migrate", "generated"]),
    ("Set up this machine", &["doctor", "hooks", "completions"]),
];

pub const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    failure; the message names what was tried, what went wrong and what to do next
  2    wrong usage
  3    a tool is missing; `cargo xtask doctor` shows how to get it, and `ci` skips the step
  4    not run: no Docker engine answers; `ci` skips the step
  130  interrupted";

/// The page, built from the doc comments of each command.
pub fn contents(command: &Command) -> String {
    let mut text = "Build, check, run and operate Squall.\n\nUsage: cargo xtask COMMAND\n".to_owned();
    for (title, names) in GROUPS {
        text += &format!("\n{title}:\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            text += &format!("  {name:<12} {}\n", about.unwrap_or_default());
        }
    }
    text + &format!(
        "\nStart here:\n  cargo xtask up --demo    see it run\n  cargo xtask ci           verify a change\n\n{EXIT_CODES}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;
    use std::{env, fs, path::Path};

    fn check(name: &str, page: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../tests/help");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, page));
    }

    #[test]
    fn the_first_page_names_every_command_once() {
        let command = Cli::command();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut known: Vec<_> =
            command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name).collect();
        known.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, known);
        check("contents", &contents(&command));
    }

    /// Each command below this one, with its path.
    fn walk(command: &mut Command, path: &str, visit: &mut dyn FnMut(&mut Command, &str)) {
        let visible = |sub: &&mut Command| !sub.is_hide_set() && sub.get_name() != "help";
        for sub in command.get_subcommands_mut().filter(visible) {
            let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
            visit(sub, &path);
            walk(sub, &path, visit);
        }
    }

    fn built() -> Command {
        let mut command = Cli::command();
        command.build();
        command
    }

    #[test]
    fn every_command_has_an_example_and_its_help_is_as_reviewed() {
        walk(&mut built(), "", &mut |command, path| {
            let is_long = command.is_disable_help_flag_set();
            let help = if is_long { command.render_long_help() } else { command.render_help() }.to_string();
            assert!(command.has_subcommands() || help.contains("Example"), "{path} has no example");
            check(&path.replace(' ', "-"), &help);
        });
    }

    /// A row of the docs for a command without subcommands.
    fn row(command: &Command, path: &str) -> String {
        let arguments = command.get_arguments().filter(|argument| argument.get_id() != "help");
        let arguments = arguments.map(|argument| {
            let values = argument.get_possible_values();
            let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
            let is_listed = names.len() > 2 && !argument.is_hide_possible_values_set();
            let names = if is_listed { format!(" ({})", names.join(", ")) } else { String::new() };
            format!("`{argument}`{names}")
        });
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("| `{path}` | {about} | {} |\n", arguments.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_commands_of_the_docs_are_these() {
        const MARK: &str = "<!-- generated: the commands of xtask -->\n";
        let (mut root, mut tables) = (built(), String::new());
        for (title, names) in GROUPS {
            tables +=
                &format!("\n### {title}\n| command | what it does | arguments |\n| --- | --- | --- |\n");
            for name in names {
                walk(&mut root, "", &mut |command, path| {
                    if path.split(' ').next() == Some(name) && !command.has_subcommands() {
                        tables += &row(command, path);
                    }
                });
            }
        }
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/commands.md");
        let text = fs::read_to_string(&page).unwrap();
        let (head, _) = text.split_once(MARK).unwrap();
        let expected = format!("{head}{MARK}{tables}");
        if env::var_os("UPDATE").is_some() {
            fs::write(&page, &expected).unwrap();
        }
        assert_eq!(fs::read_to_string(&page).unwrap(), expected, "run `cargo xtask generated`");
    }
}
