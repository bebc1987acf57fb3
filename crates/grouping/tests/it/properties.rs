//! What holds for any input.

use proptest::prelude::*;
use squall_grouping::{
    Assignment, Change, Exception, Fingerprint, Grouper, StoredTemplate, Subject, format::parse_line,
    infer_level, multiline::Assembler,
};

/// What a caller writes down of the changes.
#[derive(Default)]
struct Stored(Vec<StoredTemplate>);

impl Stored {
    fn record(&mut self, Assignment { fingerprint, change }: Assignment) -> Fingerprint {
        match change {
            Change::Known => {}
            Change::New { template } => self.0.push(StoredTemplate { fingerprint, template }),
            Change::Generalised { template } => {
                let stored = self.0.iter_mut().find(|stored| stored.fingerprint == fingerprint);
                stored.expect("only a stored template becomes more general").template = template;
            }
        }
        fingerprint
    }
}

fn reference() -> jiff::Timestamp {
    "2026-11-21T05:00:00Z".parse().unwrap()
}

/// Words and marks that meet each other often.
fn message() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "for", "user", "from", "alice", "bob", "my-host", "AppMain", "MAIN", "12", "0x1f", "=", ":", " ",
        " ", " ", "<*>", "<", "<", "*", ">", "()*>", "(", ")", "[", "]", "\"", "'", "a.b.c", "/x/y", "..",
        "\u{0}", "\n", "é", "Jan", "KB", "#", "`", "{", "}", ",", "|",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_restored_grouper_behaves_as_the_one_that_went_on(messages in prop::collection::vec(message(), 1..40)) {
        let (mut live, mut stored) = (Grouper::new(), Stored::default());
        for message in &messages {
            let mut restored = Grouper::restore(stored.0.clone());
            let subject = Subject { message, exception: None };
            let assignment = live.assign(&subject);
            prop_assert_eq!(&assignment, &restored.assign(&subject));
            stored.record(assignment);
            prop_assert_eq!(live.len(), restored.len());
            prop_assert_eq!(live.len(), stored.0.len());
        }
        let mut names: Vec<_> = stored.0.iter().map(|stored| stored.fingerprint).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), stored.0.len(), "two groups have one name");
    }

    #[test]
    fn a_message_stays_in_the_group_it_was_given(messages in prop::collection::vec(message(), 1..40)) {
        let mut grouper = Grouper::new();
        for message in &messages {
            let subject = Subject { message, exception: None };
            let first = grouper.assign(&subject);
            let again = grouper.assign(&subject);
            prop_assert_eq!(again, Assignment { fingerprint: first.fingerprint, change: Change::Known });
        }
    }

    #[test]
    fn no_text_is_an_error(text in "(?s).{0,200}") {
        read_everything(&text);
    }

    #[test]
    fn no_text_that_looks_like_a_log_is_an_error(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "2026-11-21 04:15:59", "04:15:59", "Nov 21", "Feb 29 10:00:00", "99", "1131566461", "I0102 ", "<34>", "1 ", "[", "]", "] ", ": ", " - ", "|",
            "INFO", "E ", "error", "\n", "\tat a.b(C.java:1)", "Caused by: ", "a.BException", "Traceback (most recent call last):", "File \"", "\", line 3, in f",
            "goroutine 1 [running]:", "panicked at ", "{\"msg\":\"x\"}", "msg=\"a\\", "\"", "=", "é", " ", "  ", "T", "Z", "+01:00", "stdout F ", "at ", "(", ")", "\r",
        ]), 0..16),
    ) {
        read_everything(&pieces.concat());
    }
}

fn read_everything(text: &str) {
    let parsed = parse_line(text, reference());
    let _ = infer_level(&parsed.message);
    let exception = Exception::parse(text);
    let mut grouper = Grouper::new();
    grouper.assign(&Subject { message: &parsed.message, exception: exception.as_ref() });
    let mut assembler = Assembler::new();
    let mut records: Vec<String> = text.lines().filter_map(|line| assembler.push(line)).collect();
    records.extend(assembler.flush());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&records.join("\n")), words(text), "the assembler neither loses nor adds");
}
