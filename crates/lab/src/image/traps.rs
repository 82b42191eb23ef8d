//! Imports that nobody provides: each is bound to code of its own that ends the process with the
//! function's name when the driver calls it.
//!
//! So any driver loads, and a run fails only where it needs what is not there. An import that is
//! data cannot be told from a function; a driver that reads it gets this code's bytes, so a
//! resolver must know the data it is asked for.

use std::{ffi::c_void, io, io::Write, ptr::NonNull};

use crate::memory::{Mapping, Protection, Staging};

/// The exit status of a process that ended because the driver called what nobody provides.
pub const EXIT_UNKNOWN_IMPORT: i32 = 2;

/// One trap's code, padded with INT3.
const THUNK_BYTES: usize = 32;

/// What a trap's code hands to [`trapped`].
struct Trap {
    image: String,
    import: String,
    base: usize,
}

/// The traps of one image, in the order they were asked for.
pub(super) struct Traps {
    /// The code refers to these by address, so they are never moved.
    traps: Box<[Trap]>,
    code: Option<Mapping>,
}

impl Traps {
    /// Makes a trap for each of `imports` ("module!function") of the image at `base`.
    pub(super) fn new(image: &str, base: usize, imports: Vec<String>) -> io::Result<Self> {
        let traps: Box<[Trap]> = imports
            .into_iter()
            .map(|import| Trap {
                image: image.to_owned(),
                import,
                base,
            })
            .collect();
        if traps.is_empty() {
            return Ok(Self { traps, code: None });
        }
        let code_bytes = traps.len() * THUNK_BYTES;
        let mut staging = Staging::new(code_bytes)?;
        for (trap, code) in traps.iter().zip(staging.bytes_mut().chunks_exact_mut(THUNK_BYTES)) {
            code.copy_from_slice(&thunk(trap));
        }
        let code = staging.seal([(0..code_bytes, Protection::READ_EXECUTE)])?;
        Ok(Self {
            traps,
            code: Some(code),
        })
    }

    /// The addresses to bind, one for each trap.
    pub(super) fn addresses(&self) -> impl Iterator<Item = usize> {
        let first = self.code.as_ref().map_or(0, |code| code.base().addr().get());
        (0..self.traps.len()).map(move |index| first + index * THUNK_BYTES)
    }
}

/// Code that jumps to [`trapped`] with `trap` and the address that it was called from.
fn thunk(trap: &Trap) -> [u8; THUNK_BYTES] {
    let handler: extern "win64" fn(NonNull<Trap>, usize) -> ! = trapped;
    let mut code = [0xCC; THUNK_BYTES];
    let mut rest = &mut code[..];
    let mut put = |bytes: &[u8]| {
        let (now, later) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        now.copy_from_slice(bytes);
        rest = later;
    };
    put(&[0x48, 0xB9]); // mov rcx, trap
    put(&std::ptr::from_ref(trap).expose_provenance().to_le_bytes());
    put(&[0x48, 0x8B, 0x14, 0x24]); // mov rdx, [rsp]
    put(&[0x48, 0xB8]); // mov rax, handler
    put(&(handler as *const c_void).expose_provenance().to_le_bytes());
    put(&[0xFF, 0xE0]); // jmp rax
    code
}

/// Ends the process with one line on standard error.
///
/// It runs on the driver's stack, in place of the function that the driver meant to call.
extern "win64" fn trapped(trap: NonNull<Trap>, return_address: usize) -> ! {
    // SAFETY: only a thunk calls this, with the address of its `Trap`; the `Traps` that owns both
    // lives as long as the image, whose code is what called the thunk.
    let trap = unsafe { trap.as_ref() };
    let line = format!(
        "{}: called {}, which nobody provides (from image address {:#x})\n",
        trap.image,
        trap.import,
        return_address.wrapping_sub(trap.base),
    );
    // Nothing better can be done where standard error does not take it.
    let _ = io::stderr().write_all(line.as_bytes());
    // SAFETY: ends the process at once. Not `std::process::exit`, which would run destructors and
    // exit handlers on the driver's stack.
    unsafe { libc::_exit(EXIT_UNKNOWN_IMPORT) }
}
