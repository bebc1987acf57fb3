//! No sequence of messages makes the grouper panic, and a message met again is known.
#![no_main]

use squall_grouping::{Change, Grouper, Subject};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut grouper = Grouper::new();
    for message in text.lines() {
        grouper.assign(&Subject { message, exception: None });
        let again = grouper.assign(&Subject { message, exception: None });
        assert_eq!(again.change, Change::Known);
    }
});
