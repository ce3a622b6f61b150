//! The server's message of readiness, sent once to the address in `SCCACHE_STARTUP_NOTIFY`.
//!
//! Surface: one frame of a 4-byte big-endian length and a bincode 1 value (little-endian, fixed width): a
//! `u32` variant, then its fields; a string is a `u64` length and its bytes. The address of a server that is
//! ready was a `u16` port up to sccache 0.8 and is a string since 0.9.0; the rest is the same in both.
//! Not every failure is announced, so the server's exit must be watched too.

use std::io::Read;

use anyhow::{Context as _, bail, ensure};

/// The longest frame accepted, in bytes: an address or one error text.
const FRAME_LIMIT_BYTES: u32 = 1 << 20;

/// What the server says about its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It listens: `127.0.0.1:PORT`, a socket's path, or only the port for sccache 0.8.
    Listening(String),
    /// Somebody else listens at its address.
    AddressInUse,
    /// It gave up waiting; no known server sends this of its own accord.
    TimedOut,
    /// It cannot start, in its own words.
    Failed(String),
}

/// Parses one whole frame.
///
/// # Errors
/// When the frame is cut, too long, followed by anything, or of an unknown form.
pub fn parse(bytes: &[u8]) -> anyhow::Result<Ready> {
    let mut rest = bytes;
    let ready = read(&mut rest)?;
    ensure!(rest.is_empty(), "the frame is followed by {} bytes", rest.len());
    Ok(ready)
}

/// Reads one frame from the server's connection. At most 1 MiB is kept.
///
/// # Errors
/// When the connection ends early, cannot be read, or carries something else.
pub fn read(mut stream: impl Read) -> anyhow::Result<Ready> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).context("the server closed its connection without a message")?;
    let length = u32::from_be_bytes(length);
    ensure!(length <= FRAME_LIMIT_BYTES, "the server announces a message of {length} bytes");
    let mut body = Vec::new();
    stream.take(length.into()).read_to_end(&mut body).context("the server's message cannot be read")?;
    ensure!(
        body.len() == length as usize,
        "the server's message ends after {} of {length} bytes",
        body.len()
    );
    decode(&body)
}

fn decode(body: &[u8]) -> anyhow::Result<Ready> {
    let (variant, fields) = body.split_first_chunk::<4>().context("the server's message has no variant")?;
    match u32::from_le_bytes(*variant) {
        0 => Ok(Ready::Listening(address(fields)?)),
        1 => Ok(Ready::AddressInUse),
        2 => Ok(Ready::TimedOut),
        3 => Ok(Ready::Failed(text(fields)?)),
        other => bail!("the server's message has the unknown variant {other}"),
    }
}

fn address(fields: &[u8]) -> anyhow::Result<String> {
    match *fields {
        [low, high] => Ok(u16::from_le_bytes([low, high]).to_string()),
        _ => text(fields),
    }
}

fn text(fields: &[u8]) -> anyhow::Result<String> {
    let (length, bytes) = fields.split_first_chunk::<8>().context("the server's message has a cut text")?;
    let length = u64::from_le_bytes(*length);
    ensure!(bytes.len() as u64 == length, "a text of {length} bytes has {}", bytes.len());
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(variant: u32, fields: &[u8]) -> Vec<u8> {
        let length = u32::try_from(4 + fields.len()).unwrap();
        [&length.to_be_bytes()[..], &variant.to_le_bytes(), fields].concat()
    }

    fn string(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    #[test]
    fn the_port_of_sccache_0_8_is_read() {
        let recorded = [0, 0, 0, 6, 0, 0, 0, 0, 0x92, 0x37];
        assert_eq!(parse(&recorded).unwrap(), Ready::Listening("14226".into()));
    }

    #[test]
    fn the_address_of_sccache_0_9_and_later_is_read() {
        let address = "/tmp/tmp.q8mVhfeXu5/sccache.sk";
        let recorded = [&[0, 0, 0, 0x2a, 0, 0, 0, 0, 0x1e, 0, 0, 0, 0, 0, 0, 0], address.as_bytes()].concat();
        assert_eq!(parse(&recorded).unwrap(), Ready::Listening(address.into()));
        let tcp = frame(0, &string("127.0.0.1:14226"));
        assert_eq!(parse(&tcp).unwrap(), Ready::Listening("127.0.0.1:14226".into()));
    }

    #[test]
    fn failures_are_read() {
        assert_eq!(parse(&[0, 0, 0, 4, 1, 0, 0, 0]).unwrap(), Ready::AddressInUse);
        assert_eq!(parse(&frame(2, &[])).unwrap(), Ready::TimedOut);
        let failed = frame(3, &string("storage write error: ü"));
        assert_eq!(parse(&failed).unwrap(), Ready::Failed("storage write error: ü".into()));
    }

    #[test]
    fn a_malformed_frame_is_refused() {
        let too_long = [&u32::MAX.to_be_bytes()[..], &[0; 8]].concat();
        let cut = &frame(0, &string("127.0.0.1:1"))[..12];
        let lying = frame(3, &[&u64::MAX.to_le_bytes()[..], b"x"].concat());
        let followed = [frame(1, &[]), vec![0]].concat();
        for bytes in [&[][..], &[0, 0], &[0; 4], cut, &too_long, &lying, &followed, &frame(9, &[])] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_fields_make_it_panic(variant in 0_u32..5, fields in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&frame(variant, &fields));
        }

        #[test]
        fn every_text_comes_back(reason in any::<String>()) {
            prop_assert_eq!(parse(&frame(3, &string(&reason))).unwrap(), Ready::Failed(reason));
        }
    }
}
