//! The latest messages, which every stream reads at its own speed.
//!
//! This is the only buffer: it is bounded once for the process and not for each stream. A position
//! in it is the id of a message.

use super::message::StreamMessage;
use squall_base::random;
use std::{collections::VecDeque, fmt, sync::Arc};

/// Ten seconds of messages at the highest rate, hours on a quiet day; about half a megabyte.
const CAPACITY: usize = 1024;

/// A position in the history of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Random for each history, so that ids of another process or an earlier history are not
    /// mistaken for its own.
    epoch: u32,
    /// The number of the last message that was read.
    last: u64,
}

impl Position {
    /// Read the id of a message.
    pub fn parse(id: &str) -> Option<Self> {
        let (epoch, last) = id.split_once('-')?;
        Some(Self { epoch: u32::from_str_radix(epoch, 16).ok()?, last: last.parse().ok()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.last)
    }
}

#[derive(Debug)]
pub struct History {
    epoch: u32,
    /// The number of the last message, counted from 1.
    last: u64,
    messages: VecDeque<Arc<StreamMessage>>,
}

impl History {
    pub fn new() -> Self {
        Self { epoch: u32::from_be_bytes(random::bytes()), last: 0, messages: VecDeque::new() }
    }

    /// Forget everything, so that all earlier positions become invalid.
    pub fn restart(&mut self) {
        *self = Self::new();
    }

    pub fn push(&mut self, message: StreamMessage) {
        if self.messages.len() == CAPACITY {
            self.messages.pop_front();
        }
        self.last += 1;
        self.messages.push_back(Arc::new(message));
    }

    /// The position after the last message.
    pub fn end(&self) -> Position {
        Position { epoch: self.epoch, last: self.last }
    }

    /// The next messages after a position, at most `limit`; `None` if the position is not in the
    /// history.
    pub fn after(&self, position: Position, limit: usize) -> Option<Vec<(Position, Arc<StreamMessage>)>> {
        let unread = self.last.checked_sub(position.last).filter(|_| position.epoch == self.epoch)?;
        let unread = usize::try_from(unread).ok().filter(|unread| *unread <= self.messages.len())?;
        let next = self.messages.iter().skip(self.messages.len() - unread).take(limit);
        let numbered = (position.last + 1..).zip(next);
        Some(numbered.map(|(last, message)| (Position { last, ..position }, Arc::clone(message))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::message::ResyncReason, *};

    fn filled(count: usize) -> History {
        let mut history = History::new();
        (0..count).for_each(|_| history.push(StreamMessage::resync(ResyncReason::Overflow)));
        history
    }

    #[test]
    fn a_reader_continues_where_it_left_off() {
        let mut history = filled(3);
        let position = Position::parse(&history.end().to_string()).unwrap();
        assert_eq!(history.after(position, 10).unwrap().len(), 0);
        history.push(StreamMessage::resync(ResyncReason::Overflow));
        history.push(StreamMessage::resync(ResyncReason::Overflow));
        let next = history.after(position, 1).unwrap();
        assert_eq!(next.len(), 1);
        assert_eq!(history.after(next[0].0, 10).unwrap().last().unwrap().0, history.end());
    }

    #[test]
    fn a_position_that_is_too_old_or_from_elsewhere_is_not_found() {
        let mut history = filled(0);
        let position = history.end();
        (0..=CAPACITY).for_each(|_| history.push(StreamMessage::resync(ResyncReason::Overflow)));
        assert!(history.after(position, 10).is_none());
        assert!(filled(5).after(history.end(), 10).is_none());
        assert!(history.after(Position { last: history.last + 1, ..history.end() }, 10).is_none());
        let before = history.end();
        history.restart();
        assert!(history.after(before, 10).is_none());
        for id in ["", "7", "x-1", "00000000-", "00000000--1"] {
            assert!(Position::parse(id).is_none(), "{id}");
        }
    }
}
