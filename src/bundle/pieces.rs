//! How large the pieces are in which layers travel.

/// The sizes of transfers. Every job has the [`Default`]; only tests choose others, to have many pieces of few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Up to this length a layer is sent in one piece, in bytes.
    pub single_bytes: u64,
    /// The length of a block of a longer one, in bytes.
    pub block_bytes: u64,
    /// How much the first request of a download asks for, in bytes.
    pub first_bytes: u64,
    /// How much a later request of a download asks for at most, unless one object is longer, in bytes.
    pub part_bytes: u64,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { single_bytes: 64 << 20, block_bytes: 16 << 20, first_bytes: 32 << 20, part_bytes: 16 << 20 }
    }
}
