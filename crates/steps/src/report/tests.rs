use super::ending::ENDING_LINES;
use super::*;
use crate::causes::{CAUSES_LIMIT, tests::check};

fn step(id: &str, status: Status, seconds: f64) -> StepReport {
    StepReport {
        id: id.into(),
        title: format!("title of {id}"),
        command: format!("cargo xtask {id}"),
        status,
        seconds,
        age: (status == Status::Cached).then_some(240),
        before_seconds: None,
        key: None,
        log: format!("/logs/{id}.log").into(),
        causes: Vec::new(),
        skipped: Vec::new(),
        plan: format!("cargo {id}"),
    }
}

fn cause(file: &str, line: u32, message: &str, repeat: Option<&str>) -> Cause {
    let (file, repeat) = (Some(file.to_owned()).filter(|file| !file.is_empty()), repeat.map(str::to_owned));
    Cause { line: file.is_some().then_some(line), file, message: message.to_owned(), repeat }
}

fn report(steps: Vec<StepReport>) -> Report {
    let (tools, environment) = (BTreeMap::new(), BTreeMap::new());
    Report { commit: "0a1b2c3+".into(), started: 1_700_000_000, seconds: 95.25, steps, tools, environment }
}

/// A run with a step of each status and two failures.
fn sample() -> Report {
    let web = "cargo xtask test web -- src/a.test.tsx";
    let clippy = StepReport {
        causes: vec![cause("api/src/a.rs", 3, "E0308: mismatched types: expected `u32`, found `&str`", None)],
        before_seconds: Some(10.04),
        ..step("clippy", Status::Failed, 12.0)
    };
    let vitest = StepReport {
        causes: vec![
            cause("web/src/a.test.tsx", 7, "a <list> | shows \"1\": no", Some(web)),
            cause("web/src/a.test.tsx", 9, "b: 100 % wrong", Some(web)),
            cause("", 0, "no file", None),
        ],
        ..step("test-web", Status::Failed, 4.0)
    };
    let partial = StepReport {
        skipped: vec!["41 tests of squall-edge: nginx is missing".into()],
        ..step("test-rust-squall-edge", Status::Passed, 130.0)
    };
    let skipped = StepReport {
        skipped: vec!["no docker client (install it)".into()],
        ..step("docker-build", Status::Skipped, 0.1)
    };
    report(vec![
        step("fmt", Status::Cached, 8.0),
        step("words", Status::Cached, 0.5),
        clippy,
        vitest,
        partial,
        skipped,
        step("docker-probe", Status::NotRun, 0.0),
        step("openapi", Status::NotRun, 0.0),
    ])
}

/// Each form of the sample is in tests/reports.
#[test]
fn a_run_looks_like_this() {
    let sample = sample();
    check("reports/table.txt", &sample.table());
    check("reports/ending.txt", &sample.ending());
    check("reports/annotations.txt", &sample.annotations());
    check("reports/summary.md", &sample.summary());
    check("reports/junit.xml", &sample.junit());
    check("reports/report.json", &sample.json().unwrap());
}

#[test]
fn a_saved_report_is_read_again() {
    assert_eq!(serde_json::from_str::<Report>(&sample().json().unwrap()).unwrap(), sample());
}

#[test]
fn the_last_line_counts_cached_steps_as_passed_and_names_them() {
    let passed = |count| vec![step("a", Status::Passed, 1.0); count];
    assert_eq!(report(passed(3)).ending(), "3 passed, 0 failed\n");
    let cached = vec![step("b", Status::Cached, 1.0); 20];
    assert_eq!(report([passed(3), cached].concat()).ending(), "23 passed (20 cached), 0 failed\n");
    assert_eq!(report(Vec::new()).ending(), "0 passed, 0 failed\n");
}

#[test]
fn the_ending_is_short_and_has_a_cause_of_each_failed_step() {
    let repeat = |index: u32| format!("cargo xtask test rust -- {index}");
    for (steps, causes) in
        [(1, 10), (2, 10), (3, 1), (4, 10), (7, 10), (13, 1), (14, 10), (15, 10), (40, 10), (14, 0)]
    {
        let failed = |index: u32| StepReport {
            causes: (0..causes)
                .map(|line| cause("a.rs", line + 1, "no", Some(&repeat(index * 100 + line))))
                .collect(),
            ..step(&format!("s{index}"), Status::Failed, 1.0)
        };
        let text = report((0..steps).map(failed).collect()).ending();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() <= ENDING_LINES, "{steps} steps with {causes} causes:\n{text}");
        assert_eq!(lines.last(), Some(&format!("0 passed, {steps} failed").as_str()));
        // Above the counts, fourteen lines hold seven headings with a cause each.
        let with_cause = lines.iter().filter(|line| line.starts_with("a.rs:1:")).count();
        assert!(causes == 0 || steps > 7 || with_cause == steps as usize, "{text}");
        assert_eq!(text.contains("more failed: "), steps > 14, "{text}");
        // One line at most is left of one step's room: a cause and its command need two.
        assert!(steps > 1 || lines.len() + 1 >= ENDING_LINES, "{text}");
    }
    assert_eq!(CAUSES_LIMIT, 10);
}

#[test]
fn a_failed_step_without_a_cause_names_its_log() {
    let failed = report(vec![step("build", Status::Failed, 1.0)]);
    let expected = "── build failed, no cause recognized; again: cargo xtask build; log: /logs/build.log\n\
                    0 passed, 1 failed\n";
    assert_eq!(failed.ending(), expected);
    assert_eq!(failed.annotations(), "::error title=build::build failed; run `cargo xtask build`\n");
    assert!(failed.summary().contains("- No cause recognized in its log.\n"));
}

#[test]
fn annotations_and_xml_cannot_be_broken_by_what_they_quote() {
    let message = "50 %\r\n::error::x ]]> & \"<'\0\u{1b}[1m";
    let failed = StepReport {
        causes: vec![cause("a,b:c%.rs", 1, message, None)],
        ..step("s,t:u", Status::Failed, 1.0)
    };
    let failed = report(vec![failed]);
    assert_eq!(
        failed.annotations(),
        "::error file=a%2Cb%3Ac%25.rs,line=1,title=s%2Ct%3Au::50 %25%0D%0A::error::x ]]> & \"<'\0\u{1b}[1m\n"
    );
    let xml =
        "message=\"a,b:c%.rs:1: 50 %&#13;&#10;::error::x ]]&gt; &amp; &quot;&lt;&apos;\u{fffd}\u{fffd}[1m\"";
    assert!(failed.junit().contains(xml), "{}", failed.junit());
    let markdown = "- `a,b:c%.rs:1`: 50 %  ::error::x \\]\\]&gt; &amp; \"&lt;'  \\[1m\n";
    assert!(failed.summary().contains(markdown), "{}", failed.summary());
}

#[test]
fn times_are_short() {
    for (seconds, expected) in [
        (0.04, "0.0 s"),
        (99.94, "99.9 s"),
        (99.96, "1 min 40 s"),
        (119.6, "2 min 0 s"),
        (3599.6, "1 h 0 min"),
        (7_380.0, "2 h 3 min"),
    ] {
        assert_eq!(text::duration(seconds), expected);
    }
}

#[test]
fn a_report_of_ci_differs_from_this_machine_in_this() {
    let tools = |list: &[(&str, Option<&str>)]| -> BTreeMap<String, Option<String>> {
        list.iter().map(|(name, version)| (name.to_string(), version.map(str::to_owned))).collect()
    };
    let variables = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
        list.iter().map(|(name, hash)| (name.to_string(), hash.to_string())).collect()
    };
    let there = Report {
        tools: tools(&[
            ("cargo", Some("cargo 1.95.0 (aaa 2026-03-21)")),
            ("nginx", Some("nginx version: nginx/1.26.3")),
            ("node", Some("v22.11.0")),
            ("npm", Some("10.9.0")),
            ("python3", None),
            ("redis-server", Some("7.0")),
        ]),
        environment: variables(&[("A", "secret1"), ("DATABASE_URL", "secret2"), ("SAME", "secret3")]),
        steps: vec![
            StepReport { plan: "cargo fmt\nnpm run x".into(), ..step("fmt", Status::Passed, 1.0) },
            step("gone", Status::Passed, 1.0),
        ],
        ..report(Vec::new())
    };
    let here = Report {
        commit: "ffff".into(),
        tools: tools(&[
            ("cargo", Some("cargo 1.95.0 (bbb 2026-03-22)")),
            ("nginx", None),
            ("node", Some("v20.20.2")),
            ("npm", Some("10.9.0")),
            ("python3", Some("Python 3.13.5")),
        ]),
        environment: variables(&[("A", "secret4"), ("B", "secret5"), ("SAME", "secret3")]),
        steps: vec![
            StepReport { plan: "cargo fmt\nnpm run y\nnpm run z".into(), ..step("fmt", Status::Passed, 1.0) },
            step("new", Status::Passed, 1.0),
            step("other", Status::Passed, 1.0),
        ],
        ..report(Vec::new())
    };
    assert_eq!(
        there.differences(&here),
        [
            "CI ran commit 0a1b2c3+, here is ffff",
            "CI has cargo 1.95.0 (aaa 2026-03-21), here 1.95.0 (bbb 2026-03-22)",
            "CI has nginx 1.26.3, here it is missing",
            "CI has node 22.11.0, here 20.20.2",
            "CI has no python3, here 3.13.5",
            "A has another value in CI",
            "DATABASE_URL is set in CI and not here",
            "B is set here and not in CI",
            "step fmt: CI runs `npm run x`, here `npm run y`",
            "CI ran step gone, which is not part of the run here",
            "not part of CI's run: new other",
        ]
    );
    assert_eq!(there.differences(&there), Vec::<String>::new());
}

#[test]
fn plans_that_differ_at_their_end_or_in_line_ends_differ() {
    let of = |plan: &str| report(vec![StepReport { plan: plan.into(), ..step("a", Status::Passed, 1.0) }]);
    assert_eq!(of("x\ny").differences(&of("x")), ["step a: CI runs `y`, here nothing more"]);
    let expected = "step a: CI runs the same lines, here with other line ends";
    assert_eq!(of("x\n").differences(&of("x\r\n")), [expected]);
}
