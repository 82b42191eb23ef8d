//! What the child sends: one frame with a length and a checksum, and nothing else.
//!
//! Not the meaning of the payload. The reader takes the bytes for hostile: code that has run wild
//! in the child may have sent anything, before, after or instead of the frame.

use std::os::fd::RawFd;

const MAGIC: [u8; 4] = *b"LAB\x01";
pub(super) const HEADER_BYTES: usize = 24;

/// What a frame's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The result, as JSON.
    Value = 1,
    /// A panic's message and place.
    Panicked = 2,
    /// Why there is a result that could not be sent.
    Unsendable = 3,
    /// Why the work was not begun.
    NotBegun = 4,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Value, Self::Panicked, Self::Unsendable, Self::NotBegun];
}

/// Sends a frame; false if the other end or the pipe itself is gone.
///
/// Writes with the system call alone: any lock may be held by a thread that this process does not
/// have.
pub(super) fn send(fd: RawFd, kind: Kind, payload: &[u8]) -> bool {
    let mut header = [0; HEADER_BYTES];
    header[0..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&(kind as u32).to_le_bytes());
    header[8..16].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[16..24].copy_from_slice(&checksum(kind, payload).to_le_bytes());
    write_all(fd, &header) && write_all(fd, payload)
}

fn write_all(fd: RawFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of a slice.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(0) => return false,
            Ok(written) => bytes = &bytes[written..],
            Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// The frame that `bytes` are, or what is wrong with them.
pub(super) fn parse(bytes: &[u8]) -> Result<(Kind, &[u8]), &'static str> {
    let (header, payload) = bytes.split_at_checked(HEADER_BYTES).ok_or("it is cut short")?;
    let field = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| header[at + byte]));
    let number = field(4) & u64::from(u32::MAX);
    let kind = Kind::ALL.into_iter().find(|&kind| kind as u64 == number);
    let kind = kind
        .filter(|_| header.starts_with(&MAGIC))
        .ok_or("it does not start as it should")?;
    match (payload.len() as u64).cmp(&field(8)) {
        std::cmp::Ordering::Less => Err("it is cut short"),
        std::cmp::Ordering::Greater => Err("something follows it"),
        std::cmp::Ordering::Equal if field(16) != checksum(kind, payload) => Err("its checksum is wrong"),
        std::cmp::Ordering::Equal => Ok((kind, payload)),
    }
}

/// FNV-1a: enough against damage, and no more than that is claimed.
fn checksum(kind: Kind, payload: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    payload.iter().fold(step(0xCBF2_9CE4_8422_2325, &(kind as u8)), step)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Read},
        os::fd::AsRawFd,
    };

    use super::*;

    fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
        let (mut reader, writer) = io::pipe().unwrap();
        assert!(send(writer.as_raw_fd(), kind, payload));
        drop(writer);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_frame_arrives_as_it_was_sent() {
        for kind in Kind::ALL {
            for payload in [&b""[..], b"{}", &[0xFF; 1000]] {
                assert_eq!(parse(&frame(kind, payload)), Ok((kind, payload)));
            }
        }
    }

    #[test]
    fn no_changed_byte_and_no_changed_length_passes_for_the_frame() {
        let sent = frame(Kind::Value, b"[1, 2, 3]");
        for at in 0..sent.len() {
            for bit in 0..8 {
                let mut bytes = sent.clone();
                bytes[at] ^= 1 << bit;
                assert!(parse(&bytes).is_err(), "byte {at}, bit {bit}");
            }
            assert!(parse(&sent[..at]).is_err(), "cut at {at}");
        }
        let twice = [&sent[..], &sent].concat();
        assert_eq!(parse(&twice), Err("something follows it"));
    }
}
