//! A process that holds a listener and all its connections open for its child, and has another child when that
//! one dies: nobody who connects finds the address gone or a connection cut without an answer.
//!
//! The child gets each connection over a channel (`SCM_RIGHTS`) and notes on the [`Board`] how far it has come.
//! When it dies, connections of which nothing was read go to the next child, those without an answer get
//! [`Terms::farewell`], and the others are closed. On Windows there is one process, which does everything itself.

use std::time::Instant;

use super::Entrance;
#[cfg(windows)]
use super::Listener;
use super::board::Board;
use crate::state::ProcessIdentity;

/// What the holder does in its child's place.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The answer for those whose request the child took with it.
    pub farewell: &'static [u8],
    /// The line on standard input that lets the child live on without whoever started us.
    pub release: &'static str,
}

/// What a child begins with.
#[derive(Debug)]
pub struct Inheritance {
    /// Where connections come from.
    pub entrance: Entrance,
    /// The holder.
    pub holder: Option<ProcessIdentity>,
    /// Where to note how far they have come.
    pub board: Board,
    /// When the holder began.
    pub began: Instant,
    /// Whether our starter has let go of us already.
    pub is_released: bool,
    /// The child before, if there was one.
    pub before: Option<Predecessor>,
}

/// A child that died.
#[derive(Clone, Copy, Debug)]
pub struct Predecessor {
    /// Its process id.
    pub pid: u32,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// When the holder noticed.
    pub at: Instant,
    /// Connections whose answer had begun.
    pub answered: u64,
    /// Connections whose request had been read and not been answered.
    pub asked: u64,
    /// Requests that were in no counter that was written down.
    pub uncounted: u64,
}

#[cfg(unix)]
pub use super::hold_unix::hold;

/// There is no `fork`: we are the child.
///
/// # Errors
/// When there is no memory.
#[cfg(windows)]
pub fn hold(listener: Listener, _terms: Terms) -> std::io::Result<Option<Inheritance>> {
    let (board, began) = (Board::new()?, Instant::now());
    let (entrance, holder, before, is_released) = (Entrance::own(listener), None, None, false);
    Ok(Some(Inheritance { entrance, holder, board, began, is_released, before }))
}
