//! No line is lost when lines are joined to records, and no record makes the reader of traces
//! panic.
#![no_main]

use squall_grouping::{Exception, multiline::Assembler};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut assembler = Assembler::new();
    let mut lines = 0;
    let mut joined = 0;
    for line in text.split('\n') {
        lines += 1;
        if let Some(record) = assembler.push(line) {
            joined += record.split('\n').count();
            let _ = Exception::parse(&record);
        }
    }
    joined += assembler.flush().map_or(0, |record| record.split('\n').count());
    assert_eq!(lines, joined);
});
