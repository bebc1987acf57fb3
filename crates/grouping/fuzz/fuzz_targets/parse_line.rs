//! No line makes the reader of formats panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|line: &str| {
    let parsed = squall_grouping::format::parse_line(line, jiff::Timestamp::UNIX_EPOCH);
    let _ = squall_grouping::infer_level(&parsed.message);
});
