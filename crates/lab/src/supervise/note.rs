//! What the child was doing last, in a page that it shares with its parent.
//!
//! Not a log: a note overwrites the one before, at the cost of a few stores, so there can be one at
//! each step. The parent reads it when the child is dead, and trusts nothing in it.

use std::{
    fmt::{self, Display, Formatter},
    io,
    ptr::NonNull,
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// The longest phase that a note keeps.
pub const PHASE_BYTES: usize = 224;

/// A number of the caller's, and two more that say what it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What was done; never 0.
    pub code: u32,
    /// What the code gives it to mean.
    pub first: u64,
    /// What the code gives it to mean.
    pub second: u64,
}

/// What a child was doing last.
///
/// A child that is killed may be just changing it: then the phase is empty, or the numbers are of
/// two steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// The phase it was in; empty before the first. Anything but printable text is escaped.
    pub phase: String,
    /// The last step within the phase.
    pub step: Option<Step>,
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.phase.as_str() {
            "" => f.write_str("in no phase")?,
            phase => write!(f, "while {phase}")?,
        }
        self.step.map_or(Ok(()), |Step { code, first, second }| {
            write!(f, ", at step {code} ({first:#x}, {second:#x})")
        })
    }
}

/// The note as it is in memory. All zeros is the empty note.
#[repr(C)]
pub(super) struct Board {
    code: AtomicU32,
    phase_bytes: AtomicU32,
    first: AtomicU64,
    second: AtomicU64,
    phase: [AtomicU8; PHASE_BYTES],
}

impl Board {
    pub(super) fn set_phase(&self, phase: &str) {
        self.phase_bytes.store(0, Relaxed);
        self.code.store(0, Relaxed);
        let bytes = phase.len().min(PHASE_BYTES);
        for (place, &byte) in self.phase.iter().zip(phase.as_bytes()) {
            place.store(byte, Relaxed);
        }
        // Not truncated: at most PHASE_BYTES.
        self.phase_bytes.store(bytes as u32, Relaxed);
    }

    pub(super) fn set_step(&self, step: Step) {
        self.first.store(step.first, Relaxed);
        self.second.store(step.second, Relaxed);
        self.code.store(step.code, Relaxed);
    }

    pub(super) fn read(&self) -> Note {
        let bytes = (self.phase_bytes.load(Relaxed) as usize).min(PHASE_BYTES);
        let phase: Vec<u8> = self.phase[..bytes].iter().map(|byte| byte.load(Relaxed)).collect();
        let code = self.code.load(Relaxed);
        Note {
            phase: printable(&phase),
            step: (code != 0).then(|| Step {
                code,
                first: self.first.load(Relaxed),
                second: self.second.load(Relaxed),
            }),
        }
    }
}

/// Text of the child's as it can be shown to a person: one line, and nothing a terminal obeys.
pub(super) fn printable(text: &[u8]) -> String {
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    String::from_utf8_lossy(text).chars().map(escape).collect()
}

/// A board that a fork shares, unmapped on drop.
pub(super) struct SharedBoard(NonNull<Board>);

impl SharedBoard {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: a new anonymous mapping at an address of the system's choice changes no memory
        // that exists.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<Board>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let board = NonNull::new(page.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self(board))
    }

    pub(super) fn board(&self) -> &Board {
        // SAFETY: the mapping is page aligned, as large as a board, zeroed by the system, which is
        // a board, and it lives as long as `self`. Every field is atomic, so that the other
        // process may change it.
        unsafe { self.0.as_ref() }
    }

    /// The board, for a process that ends without ever dropping anything.
    pub(super) fn leak(self) -> &'static Board {
        let board = self.0;
        std::mem::forget(self);
        // SAFETY: as in `board`, and what is forgotten is never unmapped.
        unsafe { board.as_ref() }
    }
}

impl Drop for SharedBoard {
    fn drop(&mut self) {
        // SAFETY: `self` owns exactly this mapping, and no borrow of it outlives `self`.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<Board>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_to_its_place_and_never_commands_the_terminal() {
        let shared = SharedBoard::new().unwrap();
        shared.board().set_phase(&"\u{1b}[2J\n".repeat(100));
        let note = shared.board().read();
        assert!(!note.phase.contains(char::is_control), "{note:?}");
        assert!(note.phase.starts_with("\\u{1b}[2J\\n"), "{note:?}");
    }

    #[test]
    fn a_damaged_length_is_not_believed() {
        let shared = SharedBoard::new().unwrap();
        shared.board().phase_bytes.store(u32::MAX, Relaxed);
        assert_eq!(shared.board().read().phase, "\\u{0}".repeat(PHASE_BYTES));
    }

    #[test]
    fn a_new_phase_forgets_the_step_of_the_old_one() {
        let shared = SharedBoard::new().unwrap();
        shared.board().set_phase("reading");
        shared.board().set_step(Step {
            code: 3,
            first: 0x10,
            second: 2,
        });
        assert_eq!(
            shared.board().read().to_string(),
            "while reading, at step 3 (0x10, 0x2)"
        );
        shared.board().set_phase("writing");
        assert_eq!(shared.board().read().to_string(), "while writing");
    }
}
