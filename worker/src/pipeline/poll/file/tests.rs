//! Whatever happens to the files, every line is read exactly once, in the order it was written.

use super::*;
use proptest::prelude::*;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
};

/// What a program, logrotate and a worker do to a file.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// Writes so many lines, and so many bytes of one more.
    Write {
        lines: usize,
        torn: usize,
    },
    /// `app.log` becomes `app.log.N`, and the next write makes a new one.
    Rotate,
    /// `app.log` is emptied after everything in it was read.
    Truncate,
    Poll {
        budget: u64,
    },
    /// A poll whose commit fails.
    FailedPoll {
        budget: u64,
    },
    /// The worker is killed and starts again from the saved cursor.
    Restart,
    /// A second passes, and nothing happens.
    Rest,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        4 => (0usize..30, 0usize..40).prop_map(|(lines, torn)| Deed::Write { lines, torn }),
        1 => Just(Deed::Rotate),
        1 => Just(Deed::Truncate),
        4 => (1u64..400).prop_map(|budget| Deed::Poll { budget }),
        1 => (1u64..400).prop_map(|budget| Deed::FailedPoll { budget }),
        1 => Just(Deed::Restart),
        1 => Just(Deed::Rest),
    ];
    prop::collection::vec(deed, 1..60)
}

#[derive(Default)]
struct Records(Vec<String>);

impl Taker for Records {
    fn turn_to(&mut self, _: &Path) {}

    fn take(&mut self, text: &str, _: u64) {
        self.0.push(text.to_owned());
    }
}

struct World {
    folder: tempfile::TempDir,
    settings: Value,
    source: FileSource,
    saved: Value,
    now: DateTime<Utc>,
    /// The rest of the line that is being written.
    unwritten: String,
    written: usize,
    rotations: usize,
    read: Vec<usize>,
}

impl World {
    fn new(glob: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = serde_json::json!({ "glob": folder.path().join(glob) });
        let saved = serde_json::json!({});
        let source = FileSource::new(&settings, &saved).unwrap();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        Self {
            folder,
            settings,
            source,
            saved,
            now,
            unwritten: String::new(),
            written: 0,
            rotations: 0,
            read: Vec::new(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("app.log")
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn finish_line(&mut self) {
        if !self.unwritten.is_empty() {
            let rest = std::mem::take(&mut self.unwritten);
            self.append(&rest);
        }
    }

    fn next_line(&mut self) -> String {
        self.written += 1;
        format!("2026-03-04 05:06:07 INFO shop request number {} was served\n", self.written)
    }

    fn poll(&mut self, budget: u64) -> bool {
        let mut records = Records::default();
        let read = self.source.read(self.now, budget, &mut records);
        assert_eq!(read.trouble.filter(|trouble| trouble.failed), None);
        for record in records.0 {
            let number = record.split("number ").nth(1).and_then(|rest| rest.split(' ').next());
            self.read.push(number.unwrap_or_else(|| panic!("torn: {record:?}")).parse().unwrap());
        }
        if let Some(cursor) = read.cursor {
            self.saved = cursor;
        }
        read.more
    }

    fn drain(&mut self) {
        self.finish_line();
        for _ in 0..3 {
            while self.poll(10_000) {}
            self.now += TimeDelta::seconds(2);
        }
    }

    fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Write { lines, torn } => {
                self.finish_line();
                let text: String = (0..lines).map(|_| self.next_line()).collect();
                self.append(&text);
                if torn > 0 {
                    let line = self.next_line();
                    self.append(&line[..torn]);
                    line[torn..].clone_into(&mut self.unwritten);
                }
            }
            Deed::Rotate if self.log().exists() => {
                // A file that comes and goes between two looks cannot be seen.
                self.finish_line();
                self.poll(1);
                self.rotations += 1;
                fs::rename(self.log(), self.folder.path().join(format!("app.log.{}", self.rotations)))
                    .unwrap();
            }
            Deed::Truncate if self.log().exists() => {
                self.drain();
                OpenOptions::new().write(true).truncate(true).open(self.log()).unwrap();
            }
            Deed::Rotate | Deed::Truncate => {}
            Deed::Poll { budget } => drop(self.poll(budget)),
            Deed::FailedPoll { budget } => {
                self.source.read(self.now, budget, &mut Records::default());
                self.source.go_back_to(&self.saved).unwrap();
            }
            Deed::Restart => self.source = FileSource::new(&self.settings, &self.saved).unwrap(),
            Deed::Rest if self.unwritten.is_empty() => self.now += TimeDelta::seconds(1),
            Deed::Rest => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_line_is_read_once_and_in_order_when_rotated_names_do_not_match(deeds in deeds()) {
        let mut world = World::new("app.log");
        deeds.into_iter().for_each(|deed| world.act(deed));
        world.drain();
        prop_assert_eq!(world.read, (1..=world.written).collect::<Vec<_>>());
    }

    #[test]
    fn every_line_is_read_once_when_rotated_names_match(deeds in deeds()) {
        let mut world = World::new("app.log*");
        deeds.into_iter().for_each(|deed| world.act(deed));
        world.drain();
        world.read.sort_unstable();
        prop_assert_eq!(world.read, (1..=world.written).collect::<Vec<_>>());
    }
}

#[test]
fn more_files_than_may_be_open_are_all_read() {
    let mut world = World::new("*.log");
    for turn in 1..=3 {
        for number in 0..MAX_OPEN * 2 {
            let line = world.next_line();
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(world.folder.path().join(format!("{number}.log")))
                .unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        world.drain();
        assert!(world.source.count_open() <= MAX_OPEN);
        world.read.sort_unstable();
        assert_eq!(world.read, (1..=MAX_OPEN * 2 * turn).collect::<Vec<_>>());
        world.act(Deed::Restart);
    }
}

#[test]
fn files_that_are_gone_for_days_are_forgotten() {
    let mut world = World::new("*.log");
    for number in 0..20 {
        // Long enough to be known again as a copy.
        let text: String = (0..50).map(|_| world.next_line()).collect();
        fs::write(world.folder.path().join(format!("{number}.log")), text).unwrap();
    }
    world.drain();
    let gone = |world: &World| Cursor::deserialize(&world.saved).unwrap().gone.len();
    for number in 0..20 {
        fs::remove_file(world.folder.path().join(format!("{number}.log"))).unwrap();
    }
    world.drain();
    assert_eq!((gone(&world), world.source.files.len()), (20, 0));
    world.now += TimeDelta::days(4);
    let line = world.next_line();
    world.append(&line);
    world.drain();
    assert_eq!(gone(&world), 0);
}

#[test]
fn a_file_is_read_on_when_its_device_has_another_number() {
    let mut world = World::new("app.log");
    world.act(Deed::Write { lines: 5, torn: 0 });
    world.drain();
    world.saved["files"][0]["device"] = 7.into();
    world.act(Deed::Restart);
    world.act(Deed::Write { lines: 5, torn: 0 });
    world.drain();
    assert_eq!(world.read, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_writer_that_keeps_to_the_old_file_does_not_hold_up_the_new_one_for_ever() {
    let mut world = World::new("app.log");
    world.act(Deed::Write { lines: 2, torn: 0 });
    world.poll(10_000);
    let mut old = OpenOptions::new().append(true).open(world.log()).unwrap();
    fs::rename(world.log(), world.folder.path().join("app.log.1")).unwrap();
    for _ in 0..30 {
        let (line, next) = (world.next_line(), world.next_line());
        old.write_all(line.as_bytes()).unwrap();
        world.append(&next);
        world.now += TimeDelta::milliseconds(500);
        while world.poll(10_000) {}
    }
    assert!(world.read.len() > 50, "{:?}", world.read);
    world.drain();
    world.read.sort_unstable();
    assert_eq!(world.read, (1..=world.written).collect::<Vec<_>>());
}
