//! A page that a process and its child both see, so that what one noted outlives it.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// How many connections have a place on the board; those beyond are served without one.
pub const PLACES: usize = 4000;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is over, or nobody has the place.
    Over,
    /// Nothing of it was read.
    Fresh,
    /// Something of its request was read, and nothing was answered.
    Asked,
    /// An answer has begun.
    Answered,
}

#[repr(C)]
struct Page {
    is_serving: AtomicU8,
    uncounted: AtomicU32,
    marks: [AtomicU8; PLACES],
}

/// The board.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    page: &'static Page,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Page")
    }
}

impl Board {
    /// An empty one, which children made by `fork` share with us.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> std::io::Result<Self> {
        let page = system::shared(size_of::<Page>())?;
        // SAFETY: the memory is zeroed, aligned to a page, as long as the type, and never given back; every
        // byte pattern of it is a value of the type, which consists of atomics.
        Ok(Self { page: unsafe { &*page.cast::<Page>() } })
    }

    /// How far the connection at this place has come.
    #[must_use]
    pub fn mark(&self, place: usize) -> Mark {
        match self.page.marks.get(place).map_or(0, |mark| mark.load(Ordering::Acquire)) {
            1 => Mark::Fresh,
            2 => Mark::Asked,
            3 => Mark::Answered,
            _ => Mark::Over,
        }
    }

    /// Notes how far it has come.
    pub fn note(&self, place: usize, mark: Mark) {
        let number = match mark {
            Mark::Over => 0,
            Mark::Fresh => 1,
            Mark::Asked => 2,
            Mark::Answered => 3,
        };
        if let Some(at) = self.page.marks.get(place) {
            at.store(number, Ordering::Release);
        }
    }

    /// Whether the first server was ready and its starter was told.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.page.is_serving.load(Ordering::Acquire) == 1
    }

    /// Notes that it is.
    pub fn serving(&self) {
        self.page.is_serving.store(1, Ordering::Release);
    }

    /// Requests that are in no counter that is written down, as last noted.
    #[must_use]
    pub fn uncounted(&self) -> u32 {
        self.page.uncounted.load(Ordering::Acquire)
    }

    /// Notes how many there are.
    pub fn note_uncounted(&self, requests: u64) {
        self.page.uncounted.store(u32::try_from(requests).unwrap_or(u32::MAX), Ordering::Release);
    }
}

#[cfg(unix)]
mod system {
    /// Zeroed memory that is shared with children.
    pub(super) fn shared(bytes: usize) -> std::io::Result<*mut libc::c_void> {
        let (protection, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANON);
        // SAFETY: a new mapping at a place of the system's choice touches nothing that exists.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, kind, -1, 0) };
        if at == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(at) }
    }
}

#[cfg(windows)]
mod system {
    /// Nobody shares anything here.
    pub(super) fn shared(bytes: usize) -> std::io::Result<*mut std::ffi::c_void> {
        let words = vec![0_u64; bytes.div_ceil(8)];
        Ok(Box::leak(words.into_boxed_slice()).as_mut_ptr().cast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_by_place_and_beyond_the_board_there_is_nothing() {
        let board = Board::new().unwrap();
        for mark in [Mark::Fresh, Mark::Asked, Mark::Answered, Mark::Over] {
            board.note(7, mark);
            assert_eq!((board.mark(7), board.mark(8)), (mark, Mark::Over));
        }
        board.note(PLACES, Mark::Fresh);
        assert_eq!(board.mark(PLACES), Mark::Over);
        assert!(!board.is_serving());
        board.serving();
        board.note_uncounted(u64::MAX);
        assert_eq!((board.is_serving(), board.uncounted()), (true, u32::MAX));
    }
}
