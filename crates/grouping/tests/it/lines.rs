//! Lines as real programs write them.

use squall_grouping::{
    Change, Exception, Frame, Grouper, Level, MAX_TEMPLATES, StoredTemplate, Subject, format::parse_line,
    multiline::Assembler,
};

fn templates(messages: &[&str]) -> (Grouper, Vec<String>) {
    let mut grouper = Grouper::new();
    let templates =
        messages.iter().map(|message| match grouper.assign(&Subject { message, exception: None }).change {
            Change::Known => "known".to_owned(),
            Change::New { template } => template,
            Change::Generalised { template } => format!("general: {template}"),
        });
    let templates = templates.collect();
    (grouper, templates)
}

#[test]
fn what_varies_is_masked() {
    for (message, expected) in [
        ("took 12 ms", "took <*>"),
        ("host www.example.com is down", "host <*> is down"),
        ("from 10.0.0.1:80 to [fe80::1]:443", "from <*> to:<*>"),
        ("read /var/log/syslog in C:\\Temp\\a.txt", "read <*> in <*>"),
        ("10.0.0.1 \"GET /users/7 HTTP/1.1\" status: 200", "<*> \"GET <*>\" status: <*>"),
        ("lock=7, tag=\"View Lock\", ok=true", "lock=<*>, tag=<*>, ok=<*>"),
        ("machine check enable......1", "machine check enable <*>"),
        ("started (1.2 KB)", "started"),
        ("", ""),
    ] {
        assert_eq!(templates(&[message]).1, [expected], "{message}");
    }
}

#[test]
fn the_second_variant_makes_a_template_general() {
    let (grouper, seen) =
        templates(&["session closed for alice", "session closed for bob", "session closed for carol"]);
    assert_eq!(seen, ["session closed for alice", "general: session closed for <*>", "known"]);
    assert_eq!(grouper.len(), 1);
}

#[test]
fn states_and_methods_stay_apart() {
    assert_eq!(templates(&["job moved from NEW to DONE", "job moved from NEW to KILLED"]).0.len(), 2);
    assert_eq!(templates(&["1.2.3.4 \"GET /x HTTP/1.1\"", "1.2.3.4 \"POST /x HTTP/1.1\""]).0.len(), 2);
    assert_eq!(templates(&["connection opened", "connection closed"]).0.len(), 2);
}

#[test]
fn a_mark_that_only_becomes_a_wildcard_by_masking_is_read_back_as_it_was() {
    let (_, seen) = templates(&["a <()*> b for x"]);
    let template =
        StoredTemplate { fingerprint: squall_grouping::Fingerprint([0; 16]), template: seen[0].clone() };
    let mut restored = Grouper::restore([template]);
    assert_eq!(
        restored.assign(&Subject { message: "a <()*> b for x", exception: None }).change,
        Change::Known
    );
}

#[test]
fn templates_are_bounded() {
    let mut grouper = Grouper::new();
    let letters = |mut number: usize| {
        let mut word = String::new();
        while number > 0 {
            word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
            number /= 26;
        }
        word
    };
    for number in 1..MAX_TEMPLATES + 500 {
        grouper.assign(&Subject { message: &letters(number), exception: None });
    }
    assert_eq!(grouper.len(), MAX_TEMPLATES + 1);
}

#[test]
fn a_leaf_with_more_templates_than_are_compared_knows_them_all_again() {
    let messages: Vec<String> = (0..1_500_u32)
        .map(|number| format!("state {number:011b}").replace('0', "A").replace('1', "B"))
        .collect();
    let subject = |message| Subject { message, exception: None };
    let (mut live, mut stored) = (Grouper::new(), Vec::new());
    for message in &messages {
        let assignment = live.assign(&subject(message));
        let Change::New { template } = assignment.change else { panic!("{message} is not new") };
        stored.push(StoredTemplate { fingerprint: assignment.fingerprint, template });
    }
    let mut restored = Grouper::restore(stored.clone());
    for (message, stored) in messages.iter().zip(stored) {
        let assignment = restored.assign(&subject(message));
        assert_eq!((assignment.fingerprint, assignment.change), (stored.fingerprint, Change::Known));
    }
}

#[test]
fn headers_are_taken_off() {
    use Level::{Debug, Error, Fatal, Info, Warning};
    let reference = "2026-11-21T05:00:00Z".parse().unwrap();
    for (line, level, logger, timestamp, message) in [
        (
            "2026-11-21 04:15:59,123 INFO [main] org.app.Main: Started",
            Some(Info),
            Some("org.app.Main"),
            Some("2026-11-21T04:15:59.123Z"),
            "Started",
        ),
        (
            "2026-11-21T04:15:59.5+01:00 WARN app::db - slow",
            Some(Warning),
            Some("app::db"),
            Some("2026-11-21T03:15:59.5Z"),
            "slow",
        ),
        (
            "[Sun Dec 04 04:47:44 2005] [error] child 6 died",
            Some(Error),
            None,
            Some("2005-12-04T04:47:44Z"),
            "child 6 died",
        ),
        (
            "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass",
            None,
            Some("sshd"),
            Some("2026-06-14T15:16:01Z"),
            "check pass",
        ),
        ("Dec  1 00:00:00 host cron[1]: ran", None, Some("cron"), Some("2025-12-01T00:00:00Z"), "ran"),
        (
            "081109 203615 148 INFO dfs.DataNode$X: terminating",
            Some(Info),
            Some("dfs.DataNode$X"),
            Some("2008-11-09T20:36:15Z"),
            "terminating",
        ),
        (
            "03-17 16:13:38.811  1702  2395 D WindowManager: hidden",
            Some(Debug),
            Some("WindowManager"),
            Some("2026-03-17T16:13:38.811Z"),
            "hidden",
        ),
        (
            "20171223-22:15:29:606|Step_LSC|30002312|onStep 35",
            None,
            Some("Step_LSC"),
            Some("2017-12-23T22:15:29.606Z"),
            "onStep 35",
        ),
        (
            "I0102 15:04:05.678901   12345 file.cc:12] hello",
            Some(Info),
            Some("file.cc"),
            Some("2026-01-02T15:04:05.678901Z"),
            "hello",
        ),
        (
            "<34>1 2003-10-11T22:14:15.003Z my.host su 7 ID47 [a b=\"c\"] failed",
            Some(Fatal),
            Some("su"),
            Some("2003-10-11T22:14:15.003Z"),
            "failed",
        ),
        ("ERROR:app.db:connection lost", Some(Error), Some("app.db"), None, "connection lost"),
        (
            "2026-11-21 04:15:59 ERROR TimeoutException: late",
            Some(Error),
            None,
            Some("2026-11-21T04:15:59Z"),
            "TimeoutException: late",
        ),
        (
            "{\"level\":50,\"time\":1700000000000,\"msg\":\"boom\",\"name\":\"api\"}",
            Some(Error),
            Some("api"),
            Some("2023-11-14T22:13:20Z"),
            "boom",
        ),
        (
            "time=\"2026-11-21T04:15:59Z\" level=error msg=\"it \\\"broke\\\"\"",
            Some(Error),
            None,
            Some("2026-11-21T04:15:59Z"),
            "it \"broke\"",
        ),
        (
            "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET /a?b HTTP/1.0\" 500 2",
            Some(Error),
            None,
            Some("2000-10-10T20:55:36Z"),
            "GET /a failed with a server error",
        ),
        (
            "2026-11-21T04:15:59Z stdout F {\"level\":\"warn\",\"msg\":\"careful\"}",
            Some(Warning),
            None,
            Some("2026-11-21T04:15:59Z"),
            "careful",
        ),
        ("error in the engine room", None, None, None, "error in the engine room"),
        ("Error: cannot find it", None, None, None, "Error: cannot find it"),
        ("", None, None, None, ""),
    ] {
        let parsed = parse_line(line, reference);
        assert_eq!(parsed.message, message, "{line}");
        assert_eq!((parsed.level, parsed.logger.as_deref()), (level, logger), "{line}");
        assert_eq!(parsed.timestamp.map(|time| time.to_string()).as_deref(), timestamp, "{line}");
    }
}

/// Records are split exactly where a `=` is in the margin.
fn check_records(text: &str) {
    let (mut assembler, mut records, mut expected) = (Assembler::new(), Vec::new(), Vec::<String>::new());
    for line in text.lines() {
        let (margin, line) = line.split_at(1);
        match expected.last_mut().filter(|_| margin != "=") {
            Some(record) => *record = format!("{record}\n{line}"),
            None => expected.push(line.to_owned()),
        }
        records.extend(assembler.push(line));
    }
    records.extend(assembler.flush());
    assert_eq!(records, expected);
}

#[test]
fn stack_traces_are_joined_to_the_line_before() {
    check_records(
        "=2026-11-21 04:15:59 ERROR c.App - failed\n java.io.IOException: disk\n \tat a.B.c(B.java:3)\n \t... 12 more\n Caused by: java.lang.Error: x\n \tat a.B.d(B.java:4)\n=2026-11-21 04:16:00 INFO c.App - on",
    );
    check_records(
        "=ERROR: request\n Traceback (most recent call last):\n   File \"a.py\", line 3, in f\n     g()\n KeyError: 'x'\n \n During handling of the above exception, another exception occurred:\n \n Traceback (most recent call last):\n   File \"a.py\", line 5, in h\n ValueError: y\n=next",
    );
    check_records("=Error: boom\n     at run (/app/main.js:3:1)\n     at /app/main.js:9:1\n=listening");
    check_records(
        "=panic: oops\n \n goroutine 1 [running]:\n main.run(0xc0)\n \t/app/main.go:3 +0x1d\n exit status 2\n=2026/11/21 04:15:59 on",
    );
    check_records(
        "=thread 'main' panicked at src/main.rs:3:5:\n no such thing\n note: run with `RUST_BACKTRACE=1`\n=started",
    );
    check_records(
        "=Unhandled exception. System.Exception: no\n    at App.Main.Run() in /a/Main.cs:line 3\n    --- End of inner exception stack trace ---\n=done",
    );
    check_records("={\"msg\":\"a\"}\n={\"msg\":\"b\"}\n=plain one\n=plain two\n=  two spaces");
}

#[test]
fn a_record_is_bounded() {
    let mut assembler = Assembler::new();
    assembler.push("java.lang.StackOverflowError");
    let cut = (0..600).find_map(|_| assembler.push("\tat a.B.c(B.java:3)"));
    assert_eq!(cut.map(|record| record.lines().count()), Some(500));
}

#[test]
fn an_exception_is_grouped_by_type_and_frames_not_by_message() {
    let frame = |function: &str, line| Frame {
        function: function.into(),
        module: None,
        file: None,
        line: Some(line),
        in_app: true,
    };
    let exception = |kind: &str, message: &str, function, line| Exception {
        kind: kind.into(),
        message: message.into(),
        frames: vec![frame(function, line)],
    };
    let mut grouper = Grouper::new();
    let mut group =
        |exception| grouper.assign(&Subject { message: "failed", exception: Some(&exception) }).fingerprint;
    let first = group(exception("KeyError", "a", "load", 1));
    assert_eq!(first, group(exception("KeyError", "b", "load", 2)));
    assert_ne!(first, group(exception("KeyError", "a", "save", 1)));
    assert_ne!(first, group(exception("ValueError", "a", "load", 1)));
}

#[test]
fn stack_traces_are_read() {
    for (text, kind, message, innermost, line) in [
        (
            "late\njava.io.IOException: disk full\n\tat com.app.Disk.write(Disk.java:12)\n\tat com.app.Main.run(Main.java:3)",
            "java.io.IOException",
            "disk full",
            "write",
            Some(12),
        ),
        (
            "x\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\n  File \"b.py\", line 4, in g\nKeyError: 'x'",
            "KeyError",
            "'x'",
            "g",
            Some(4),
        ),
        (
            "TypeError: no\n    at run (/app/main.js:3:1)\n    at /app/main.js:9:1",
            "TypeError",
            "no",
            "run",
            Some(3),
        ),
        (
            "panic: oops\n\ngoroutine 1 [running]:\nmain.run(0xc0)\n\t/app/main.go:3 +0x1d\nmain.main()\n\t/app/main.go:9 +0x1",
            "panic",
            "oops",
            "main.run",
            Some(3),
        ),
        ("thread 'main' panicked at src/main.rs:3:5:\nno such thing", "panic", "no such thing", "", Some(3)),
        (
            "System.Exception: no\n   at App.Main.Run(String a) in /a/Main.cs:line 12",
            "System.Exception",
            "no",
            "Run",
            Some(12),
        ),
    ] {
        let exception = Exception::parse(text).unwrap_or_else(|| panic!("{text}"));
        let last = exception.frames.last().unwrap();
        assert_eq!((exception.kind.as_str(), exception.message.as_str()), (kind, message), "{text}");
        assert_eq!((last.function.as_str(), last.line), (innermost, line), "{text}");
    }
    assert_eq!(Exception::parse("nothing\nto see"), None);
}
