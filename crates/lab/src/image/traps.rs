//! Imports that nobody provides: each is bound to code of its own that tells which function the
//! driver meant when the driver calls it.
//!
//! So any driver loads, and a run fails only where it needs what is not there. An import that is
//! not known to be data is taken for a function; where it is data after all, the driver reads this
//! code's bytes.

use std::{ffi::c_void, io, io::Write, ptr::NonNull};

use crate::{
    memory::{Mapping, Protection, Staging},
    unwind::Point,
};

/// The exit status of a process that ended because the driver called what nobody provides.
pub const EXIT_UNKNOWN_IMPORT: i32 = 2;

/// One trap's code, padded with INT3.
const THUNK_BYTES: usize = 32;

/// A call of the driver to a function that nobody provides.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct UnknownCall<'a> {
    /// What messages call the image.
    pub image: &'a str,
    /// What it called, as `module!function`.
    pub import: &'a str,
    /// The address the call would have returned to, relative to the image.
    pub return_address: usize,
    /// Where the driver is, for its call stack.
    pub point: Point,
}

/// What is done about an [`UnknownCall`].
///
/// It runs on the driver's stack, so it has some kilobytes at most, and must end the process
/// without unwinding.
pub type OnUnknownCall = fn(UnknownCall<'_>) -> !;

/// What a trap's code hands to [`trapped`].
struct Trap {
    image: String,
    import: String,
    base: usize,
    on_call: OnUnknownCall,
}

/// The traps of one image, in the order they were asked for.
pub(super) struct Traps {
    /// The code refers to these by address, so they are never moved.
    traps: Box<[Trap]>,
    code: Option<Mapping>,
}

impl Traps {
    /// Makes a trap for each of `imports` ("module!function") of the image at `base`, from
    /// `address` on where that is free.
    pub(super) fn new(
        address: usize,
        image: &str,
        base: usize,
        imports: Vec<String>,
        on_call: OnUnknownCall,
    ) -> io::Result<Self> {
        let traps: Box<[Trap]> = imports
            .into_iter()
            .map(|import| Trap {
                image: image.to_owned(),
                import,
                base,
                on_call,
            })
            .collect();
        if traps.is_empty() {
            return Ok(Self { traps, code: None });
        }
        let code_bytes = traps.len() * THUNK_BYTES;
        let mut staging = Staging::preferably_at(address, code_bytes)?;
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

/// Code that jumps to [`trapped`] with `trap` and the registers that a call stack begins from.
fn thunk(trap: &Trap) -> [u8; THUNK_BYTES] {
    let handler: extern "win64" fn(NonNull<Trap>, NonNull<usize>, usize) -> ! = trapped;
    let mut code = [0xCC; THUNK_BYTES];
    let mut rest = &mut code[..];
    let mut put = |bytes: &[u8]| {
        let (now, later) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        now.copy_from_slice(bytes);
        rest = later;
    };
    put(&[0x48, 0xB9]); // mov rcx, trap
    put(&std::ptr::from_ref(trap).expose_provenance().to_le_bytes());
    put(&[0x48, 0x89, 0xE2]); // mov rdx, rsp
    put(&[0x49, 0x89, 0xE8]); // mov r8, rbp
    put(&[0x48, 0xB8]); // mov rax, handler
    put(&(handler as *const c_void).expose_provenance().to_le_bytes());
    put(&[0xFF, 0xE0]); // jmp rax
    code
}

/// Tells who was called.
///
/// It runs on the driver's stack, in place of the function that the driver meant to call.
extern "win64" fn trapped(trap: NonNull<Trap>, stack: NonNull<usize>, rbp: usize) -> ! {
    // SAFETY: only a thunk calls this, with the address of its `Trap`; the `Traps` that owns both
    // lives as long as the image, whose code is what called the thunk.
    let trap = unsafe { trap.as_ref() };
    // SAFETY: the thunk passes RSP as the driver's call left it: at the return address.
    let return_address = unsafe { stack.read() };
    (trap.on_call)(UnknownCall {
        image: &trap.image,
        import: &trap.import,
        return_address: return_address.wrapping_sub(trap.base),
        point: Point::after_call(return_address, stack.addr().get().wrapping_add(size_of::<usize>()), rbp),
    })
}

/// Ends the process with one line on standard error.
pub(super) fn exit(call: UnknownCall<'_>) -> ! {
    let line = format!(
        "{}: called {}, which nobody provides (from image address {:#x})\n",
        call.image, call.import, call.return_address,
    );
    // Nothing better can be done where standard error does not take it.
    let _ = io::stderr().write_all(line.as_bytes());
    // SAFETY: ends the process at once. Not `std::process::exit`, which would run destructors and
    // exit handlers on the driver's stack.
    unsafe { libc::_exit(EXIT_UNKNOWN_IMPORT) }
}
