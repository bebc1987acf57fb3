//! What a grouper promises: the same groups for the same lines, after a restart too.

use squall_grouping::{Change, Exception, Fingerprint, Grouper, Subject};

fn assign(grouper: &mut Grouper, message: &str) -> (Fingerprint, Change) {
    let assignment = grouper.assign(&Subject { message, exception: None });
    (assignment.fingerprint, assignment.change)
}

fn group(messages: &[&str]) -> Vec<Fingerprint> {
    let mut grouper = Grouper::new();
    messages.iter().map(|message| assign(&mut grouper, message).0).collect()
}

#[test]
fn values_do_not_part_messages_and_words_do() {
    let same = [
        ["order 17 lost after 3 ms", "order 99821 lost after 12 ms"],
        ["connection to 10.0.0.1:5432 refused", "connection to db.shop.example:5432 refused"],
        ["user ada signed in", "user grace signed in"],
        ["cannot open /var/lib/a.db", "cannot open /srv/data/b/c.db"],
        ["state=RUNNING id=7", "state=STOPPED id=8"],
        ["closed for user news", "closed for user root"],
        ["sent 5 bytes", "sent 9 bytes (1.2 KB)"],
        ["at Wed Jun 22 13:16:30 2026 it began", "at Thu Jul 7 08:06:15 2026 it began"],
        ["peer fe80:0:0:7:ba gone", "peer 2001:db8::ff00:42 gone"],
        ["got \"a\" from x", "got \"c\" from x"],
    ];
    for [one, other] in same {
        let fingerprints = group(&[one, other]);
        assert_eq!(fingerprints[0], fingerprints[1], "{one} / {other}");
    }
    let different = [
        ["connection opened", "connection closed"],
        ["cache is full", "disk is full"],
        ["login failed", "login failed twice already"],
        ["Failed password for root from 10.0.0.1", "Failed none for root from 10.0.0.1"],
    ];
    for [one, other] in different {
        let fingerprints = group(&[one, other]);
        assert_ne!(fingerprints[0], fingerprints[1], "{one} / {other}");
    }
}

#[test]
fn a_group_keeps_its_name_when_its_template_becomes_more_general() {
    let mut grouper = Grouper::new();
    let (first, change) = assign(&mut grouper, "accepted connection for alice on the main port");
    assert_eq!(change, Change::New { template: "accepted connection for alice on the main port".into() });
    let (second, change) = assign(&mut grouper, "accepted connection for bob on the main port");
    assert_eq!(second, first);
    assert_eq!(
        change,
        Change::Generalised { template: "accepted connection for <*> on the main port".into() }
    );
    assert_eq!(
        assign(&mut grouper, "accepted connection for alice on the main port"),
        (first, Change::Known)
    );
}

#[test]
fn a_fingerprint_never_changes_between_releases_of_one_version() {
    let fingerprints = group(&["order 17 lost", "", "<*>"]);
    let known = [
        "001819d3312023cc1e2abcf38a703754",
        "008bb390d68b5822836dbc78c740b94e",
        "00e6137de73c64bf6dc6a06be1d08f3e",
    ];
    let hex: Vec<String> = fingerprints.iter().map(ToString::to_string).collect();
    assert_eq!(hex, known);
}

#[test]
fn an_exception_is_grouped_by_its_type_and_the_frames_of_the_application() {
    let trace = |line: u32, message: &str, library: &str| {
        Exception::parse(&format!(
            "ERROR it broke\njava.io.IOException: {message}\n\tat java.io.File.{library}(File.java:9)\n\tat shop.Cart.save(Cart.java:{line})"
        ))
        .unwrap()
    };
    let mut grouper = Grouper::new();
    let mut of = |exception: &Exception| {
        grouper.assign(&Subject { message: "", exception: Some(exception) }).fingerprint
    };
    let first = of(&trace(10, "disk 7 full", "open"));
    assert_eq!(of(&trace(99, "another disk", "read")), first);
    let other =
        Exception::parse("x\njava.io.IOException: disk\n\tat shop.Order.save(Order.java:10)").unwrap();
    assert_ne!(of(&other), first);
}

#[test]
fn random_words_cost_bounded_memory() {
    let mut grouper = Grouper::new();
    let word = |mut n: usize| {
        let mut word = String::new();
        loop {
            word.push(char::from(b'a' + u8::try_from(n % 26).unwrap()));
            n /= 26;
            if n == 0 {
                return word;
            }
        }
    };
    for n in 0..squall_grouping::MAX_TEMPLATES + 500 {
        assign(&mut grouper, &format!("{} {}", word(n), word(n * 7)));
    }
    assert!(grouper.len() <= squall_grouping::MAX_TEMPLATES + 1, "{}", grouper.len());
}

#[test]
fn a_message_of_any_size_and_shape_is_grouped() {
    let mut grouper = Grouper::new();
    let long = "word ".repeat(300_000);
    let brackets = "[".repeat(1_000_000);
    for message in [
        long.as_str(),
        brackets.as_str(),
        "",
        "\0\0",
        "\n\n",
        "<*> <*>",
        "'",
        "\"",
        "é\u{301}",
        "://",
        "a=",
        "=",
        "[(<>)]",
    ] {
        let first = assign(&mut grouper, message).0;
        assert_eq!(assign(&mut grouper, message), (first, Change::Known), "{message:.20}");
    }
}
