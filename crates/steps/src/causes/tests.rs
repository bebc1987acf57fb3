//! The logs in tests/logs are real, with `/repo` as the root; in that of the lint of words, the words
//! are replaced, which the lint would find there.

use super::*;
use std::{fs, path::PathBuf};

/// A file or folder in `tests`.
fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Compares a text with a file in `tests`; with `UPDATE=1` it writes the file first.
pub(crate) fn check(path: &str, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(tests(path), text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(tests(path)).unwrap_or_default(), "{path}");
}

fn real(name: &str) -> String {
    fs::read_to_string(tests(&format!("logs/{name}.log"))).unwrap()
}

fn in_repo(log: &str) -> Vec<Cause> {
    of(log, Path::new("/repo"))
}

fn messages(log: &str) -> Vec<String> {
    in_repo(log).into_iter().map(|cause| cause.message).collect()
}

/// `file:line: message`, and below it the command that repeats it.
fn show(causes: &[Cause]) -> String {
    let mut text = String::new();
    for Cause { file, line, message, repeat } in causes {
        text += &file.as_ref().map_or(String::new(), |file| match line {
            Some(line) => format!("{file}:{line}: "),
            None => format!("{file}: "),
        });
        text += &format!("{message}\n");
        text += &repeat.as_ref().map_or(String::new(), |command| format!("    {command}\n"));
    }
    text
}

/// Each log has its causes beside it, in a file of the same name.
#[test]
fn real_logs_have_these_causes() {
    let names = fs::read_dir(tests("logs")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> =
        names.filter_map(|name| Some(name.to_str()?.strip_suffix(".log")?.to_owned())).collect();
    assert_eq!(names.len(), 30);
    for name in names {
        let causes = in_repo(&real(&name));
        assert!(!causes.is_empty(), "{name}");
        check(&format!("logs/{name}.causes"), &show(&causes));
    }
}

#[test]
fn windows_line_ends_change_nothing() {
    for name in ["rustc", "nextest", "tsc", "biome-lint", "vitest", "playwright", "words", "migrations"] {
        assert_eq!(in_repo(&real(name).replace('\n', "\r\n")), in_repo(&real(name)), "{name}");
    }
}

#[test]
fn a_step_of_several_tools_has_the_causes_of_all_in_order() {
    let log = real("rustdoc") + &real("vitest-unhandled") + &real("tsc");
    let files: Vec<_> = in_repo(&log).into_iter().filter_map(|cause| cause.file).collect();
    assert_eq!(files, ["crates/steps/src/planted.rs", "web/src/planted.test.tsx", "web/src/planted.ts"]);
}

#[test]
fn some_logs_have_no_cause() {
    for log in [
        "",
        "\n\n",
        "    Finished `dev` profile in 0.1s\n",
        "warning: unused import\n --> api/src/a.rs:3:5\n",
        "squall-api listens on 127.0.0.1:8642: ready\n12:30:45: started\nhttp://127.0.0.1:80: up\n",
        "error: could not compile `a` (lib) due to 1 previous error\n",
        "an error: x\nerrors: 0\nFAIL\nTried: nothing\n",
        "::error file=a.rs,line=1::reported before\n",
        "a sentence at the end of docs/a.md:3: no\n",
    ] {
        assert_eq!(in_repo(log), [], "{log}");
    }
}

#[test]
fn output_of_a_passing_test_is_not_a_cause() {
    let printed = "error: x\nerror[E0308]: mismatched types\n --> src/lib.rs:1:1\nsrc/a.ts(1,1): error TS1: x\n\
                   api/src/a.rs:3: no\nFAIL nothing\n";
    for (begin, end) in [
        ("\n RUN  v4.1.12 /repo/web\n\nstdout | src/a.test.ts > prints\n", "\n   Duration  1.10s\n"),
        ("Running 4 tests using 1 worker\n\n", "  1 passed (5.2s)\n"),
        ("    Starting 9 tests across 2 binaries\n", "     Summary [   2.121s] 9 tests run: 9 passed\n"),
    ] {
        assert_eq!(in_repo(&format!("{begin}{printed}{end}")), [], "{begin}");
        // A tool that runs after the tests counts again.
        assert_eq!(messages(&format!("{begin}{printed}{end}error: y\n")), ["y"], "{begin}");
    }
}

#[test]
fn our_own_failure_counts_if_no_tool_is_more_exact() {
    let failure =
        "Tried:  starting api\nFailed: it ended with status 1:\n        no database\nNext:   start it\n";
    assert_eq!(messages(failure), ["starting api: it ended with status 1: no database"]);
    let wrapped =
        "Tried:  npm run typecheck\nFailed: it exited with exit status: 2; its output is above\nNext: x\n";
    assert_eq!(messages(wrapped), ["npm run typecheck: it exited with exit status: 2"]);
    assert_eq!(messages(&format!("{failure}{wrapped}")), messages(failure));
    assert_eq!(messages(&format!("error: no space left\n{wrapped}")), ["no space left"]);
    assert_eq!(messages(&format!("a.rs:1: exact\n{failure}{wrapped}")), ["exact"]);
    assert_eq!(messages("squall-schema failed: reading /repo/a.sql: gone\n"), ["reading a.sql: gone"]);
    assert_eq!(messages(&format!("ERROR: failed to solve: x\n{wrapped}")), ["failed to solve: x"]);
}

#[test]
fn a_panic_of_a_program_has_its_place() {
    let log = "thread 'main' (7) panicked at src/ci.rs:3:5:\nno steps\nnote: run with `RUST_BACKTRACE=1`\n";
    assert_eq!(show(&in_repo(log)), "xtask/src/ci.rs:3: panicked: no steps\n");
}

#[test]
fn a_panic_may_contain_anything() {
    let log = "        FAIL [   0.1s] squall-api::it a::b\n  stderr ───\n\n    thread 'a::b' (1) panicked at \
               /repo/api/tests/it/a.rs:12:5:\n    error: x\n    error[E1]: y\n     --> z.rs:1:1\n\n    more\n";
    let [cause] = &in_repo(log)[..] else { panic!("one cause") };
    assert_eq!((cause.file.as_deref(), cause.line), (Some("api/tests/it/a.rs"), Some(12)));
    assert_eq!(cause.message, "a::b: error: x error[E1]: y --> z.rs:1:1");
    assert_eq!(cause.repeat.as_deref(), Some("cargo xtask test rust -- -p squall-api a::b"));
}

#[test]
fn tests_of_xtask_have_their_own_command_and_folder() {
    let log = "        FAIL [   0.1s] xtask::bin/xtask ci::a\n  stderr ───\n    thread 'ci::a' panicked at src/ci.rs:3:5:\n    no\n";
    assert_eq!(show(&in_repo(log)), "xtask/src/ci.rs:3: ci::a: no\n    cargo xtask test xtask -- ci::a\n");
}

#[test]
fn warnings_count_only_if_nothing_else_failed() {
    let log = "src/a.ts:1:22 lint/suspicious/noExplicitAny ━━━━━\n\n  ! Unexpected any.\n\n";
    assert_eq!(show(&in_repo(log)), "web/src/a.ts:1: lint/suspicious/noExplicitAny: Unexpected any.\n");
    assert_eq!(messages(&format!("{log}a.rs:1: exact")), ["exact"]);
}

#[test]
fn causes_are_unique_few_and_short() {
    let repeated = "api/a.rs:1: no\n".repeat(3) + &"x".repeat(50);
    assert_eq!(in_repo(&repeated).len(), 1);
    let many: String = (1..100).map(|line| format!("api/a.rs:{line}: no\n")).collect();
    assert_eq!(in_repo(&many).len(), CAUSES_LIMIT);
    for text in ["é".repeat(10_000), "word ".repeat(10_000), format!("{} b", "a".repeat(MESSAGE_LIMIT))] {
        let message = messages(&format!("a.rs:1: {text}")).remove(0);
        assert!(message.chars().count() <= MESSAGE_LIMIT && message.ends_with('…'), "{message}");
    }
    let whole = "a".repeat(MESSAGE_LIMIT);
    assert_eq!(messages(&format!("a.rs:1: {whole}")), [whole]);
}

#[test]
fn a_file_that_is_formatted_wrongly_is_one_cause() {
    let log =
        "Diff in /repo/a.rs:4:\n a\n-b\nDiff in /repo/a.rs:40:\n-c\nDiff in /repo/b.rs at line 3:\n+d\n";
    assert_eq!(in_repo(log).iter().map(|cause| cause.line).collect::<Vec<_>>(), [Some(5), Some(3)]);
}

#[test]
fn the_first_and_the_last_lines_of_a_huge_log_are_read() {
    let noise = "error: \u{1b}[1mnothing\u{1b}[0m -->\n".repeat(200_000);
    let log = format!("a.rs:1: first\n{noise}b.rs:2: last\n");
    assert_eq!(messages(&log), ["first", "last"]);
}

#[test]
fn invalid_text_is_replaced() {
    let log = String::from_utf8_lossy(b"api/a\xff.rs:1: \xc3\x28 \x07 \x00 no\n");
    assert_eq!(show(&in_repo(&log)), "api/a\u{fffd}.rs:1: \u{fffd}( no\n");
}
