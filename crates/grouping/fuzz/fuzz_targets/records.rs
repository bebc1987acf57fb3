//! No line with content is lost when lines are joined to records, and no record makes the reader of
//! traces panic.
#![no_main]

use squall_grouping::{Exception, multiline::Assembler};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut assembler = Assembler::new();
    let mut joined = 0;
    for line in text.split('\n') {
        if let Some(record) = assembler.push(line) {
            joined += with_content(&record);
            let _ = Exception::parse(&record);
        }
    }
    joined += assembler.flush().map_or(0, |record| with_content(&record));
    assert_eq!(with_content(text), joined);
});

// Blank lines between records, and at the end of one, are dropped on purpose.
fn with_content(text: &str) -> usize {
    text.split('\n').filter(|line| !line.trim().is_empty()).count()
}
