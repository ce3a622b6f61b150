//! Reads bincode 1 values off the front of some bytes; `None` as soon as they cannot be what is asked for.

use std::time::Duration;

use crate::stats::Counts;

/// The bytes that are still to be read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take::<8>()?))
    }

    /// The number of elements that follow, none of which is shorter than a byte.
    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|length| *length <= self.rest.len())
    }

    /// A truth value, or whether an optional value follows.
    pub(super) fn is_present(&mut self) -> Option<bool> {
        match self.take::<1>()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    pub(super) fn duration(&mut self) -> Option<Duration> {
        let (seconds, nanoseconds) = (self.number()?, u32::from_le_bytes(*self.take::<4>()?));
        (nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
    }

    pub(super) fn counts(&mut self) -> Option<Counts> {
        let mut counts = Counts::new();
        for _ in 0..self.length()? {
            counts.insert(self.text()?, self.number()?);
        }
        Some(counts)
    }

    fn take<const LENGTH: usize>(&mut self) -> Option<&'a [u8; LENGTH]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(taken)
    }
}
