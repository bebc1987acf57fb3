//! The list of what was told last, which every stream reads at its own speed.
//!
//! It is the only buffer: bounded once for the process and not for each stream. A place in it is the id of an event.

use super::told::Told;
use squall_base::random;
use std::{collections::VecDeque, fmt, sync::Arc};

/// Events kept. At the most that is told, ten seconds of it; on a quiet day, hours. About half a megabyte.
const KEPT: usize = 1024;

/// A place in the list of one process, at one time of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    life: u32,
    /// The number of the last event that was read.
    last: u64,
}

impl Position {
    /// Reads the id of an event.
    pub fn parse(id: &str) -> Option<Self> {
        let (life, last) = id.split_once('-')?;
        Some(Self { life: u32::from_str_radix(life, 16).ok()?, last: last.parse().ok()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.life, self.last)
    }
}

/// The list.
#[derive(Debug)]
pub(super) struct Ring {
    life: u32,
    /// Events ever told in this life: the number of the last one.
    last: u64,
    told: VecDeque<Arc<Told>>,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self { life: u32::from_be_bytes(random::bytes()), last: 0, told: VecDeque::new() }
    }

    /// Forgets everything, so that no place of before is known any more.
    pub(super) fn begin_anew(&mut self) {
        *self = Self::new();
    }

    pub(super) fn push(&mut self, told: Told) {
        if self.told.len() == KEPT {
            self.told.pop_front();
        }
        self.last += 1;
        self.told.push_back(Arc::new(told));
    }

    /// The place behind everything that was told.
    pub(super) fn end(&self) -> Position {
        Position { life: self.life, last: self.last }
    }

    /// The next events behind a place, at most `limit`; `None` when the place is not known any more.
    pub(super) fn behind(&self, place: Position, limit: usize) -> Option<Vec<(Position, Arc<Told>)>> {
        let missing = self.last.checked_sub(place.last).filter(|_| place.life == self.life)?;
        let missing = usize::try_from(missing).ok().filter(|missing| *missing <= self.told.len())?;
        let next = self.told.iter().skip(self.told.len() - missing).take(limit);
        let numbered = (place.last + 1..).zip(next);
        Some(numbered.map(|(last, told)| (Position { last, ..place }, Arc::clone(told))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::told::Missed, *};

    fn filled(count: usize) -> Ring {
        let mut ring = Ring::new();
        (0..count).for_each(|_| ring.push(Told::resync(Missed::Overflow)));
        ring
    }

    #[test]
    fn who_comes_back_goes_on_where_they_left_off() {
        let mut ring = filled(3);
        let place = Position::parse(&ring.end().to_string()).unwrap();
        assert_eq!(ring.behind(place, 10).unwrap().len(), 0);
        ring.push(Told::resync(Missed::Overflow));
        ring.push(Told::resync(Missed::Overflow));
        let next = ring.behind(place, 1).unwrap();
        assert_eq!(next.len(), 1);
        assert_eq!(ring.behind(next[0].0, 10).unwrap().last().unwrap().0, ring.end());
    }

    #[test]
    fn who_was_away_too_long_or_came_from_elsewhere_is_told_so() {
        let mut ring = filled(0);
        let place = ring.end();
        (0..=KEPT).for_each(|_| ring.push(Told::resync(Missed::Overflow)));
        assert!(ring.behind(place, 10).is_none());
        assert!(filled(5).behind(ring.end(), 10).is_none());
        assert!(ring.behind(Position { last: ring.last + 1, ..ring.end() }, 10).is_none());
        let before = ring.end();
        ring.begin_anew();
        assert!(ring.behind(before, 10).is_none());
        for id in ["", "7", "x-1", "00000000-", "00000000--1"] {
            assert!(Position::parse(id).is_none(), "{id}");
        }
    }
}
