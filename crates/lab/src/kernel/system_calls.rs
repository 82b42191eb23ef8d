//! Keeps the driver's code from the calls of the system that the lab runs on.
//!
//! A kernel driver has no use for SYSCALL, SYSENTER or INT 80H, but what runs wild, or means harm, can come to one, and
//! then it would be the lab's process that exits, or its files that are written. So the system is told to turn such a
//! call away by where it comes from, and the lab reports it like a fault.
//!
//! Not a sandbox: a driver that looks for it finds the C library in the same process, whose calls are the lab's.

use std::{io, ops::Range};

use libc::{c_int, c_uint, c_ulong, sock_filter};

/// How the system calls this processor's 64-bit mode in what it tells a filter.
const ARCHITECTURE: u32 = 0xC000_003E;

/// Where in what the system tells a filter it finds the architecture and the two halves of the instruction pointer.
const ARCHITECTURE_AT: u32 = 4;
const POINTER_LOW_AT: u32 = 8;
const POINTER_HIGH_AT: u32 = 12;

/// The upper half of the first address that no process can have memory at.
const HIGH_END: u32 = 0x8000;

/// What one word of 32 bits can count.
const BLOCK_BYTES: usize = 1 << 32;

const LOAD: c_uint = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const JUMP_IF_EQUAL: c_uint = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const JUMP_IF_NOT_LESS: c_uint = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const JUMP_IF_GREATER: c_uint = libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K;
const RETURN: c_uint = libc::BPF_RET | libc::BPF_K;

/// Turns away each call that code in `image` makes, for the rest of the process: it is a SIGSYS instead.
///
/// Calls by the ways of 32-bit code and by addresses above user space are turned away wherever they come from.
pub(super) fn forbid(image: &Range<usize>) -> io::Result<()> {
    let mut filter = filter(image);
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: filter.as_mut_ptr(),
    };
    let nothing: c_ulong = 0;
    // SAFETY: it takes numbers, and only keeps this process from gaining privileges by running a program.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1 as c_ulong, nothing, nothing, nothing) })?;
    // SAFETY: the program points to a live array of as many instructions as it says; the system copies it.
    check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) })
}

fn check(status: c_int) -> io::Result<()> {
    match status {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The filter. The instruction pointer that it sees is that behind the call's instruction.
fn filter(image: &Range<usize>) -> Vec<sock_filter> {
    let turn_away = statement(RETURN, libc::SECCOMP_RET_TRAP);
    let mut filter = vec![
        statement(LOAD, ARCHITECTURE_AT),
        jump(JUMP_IF_EQUAL, ARCHITECTURE, 1, 0),
        turn_away,
        statement(LOAD, POINTER_HIGH_AT),
        jump(JUMP_IF_NOT_LESS, HIGH_END, 0, 1),
        turn_away,
    ];
    let mut start = image.start;
    while start <= image.end {
        let last = image.end.min(start | (BLOCK_BYTES - 1));
        filter.extend([
            statement(LOAD, POINTER_HIGH_AT),
            jump(JUMP_IF_EQUAL, (start >> 32) as u32, 0, 4),
            statement(LOAD, POINTER_LOW_AT),
            jump(JUMP_IF_NOT_LESS, start as u32, 0, 2),
            jump(JUMP_IF_GREATER, last as u32, 1, 0),
            turn_away,
        ]);
        start = last + 1;
    }
    filter.push(statement(RETURN, libc::SECCOMP_RET_ALLOW));
    filter
}

// The codes have 16 bits.
fn statement(code: c_uint, value: u32) -> sock_filter {
    jump(code, value, 0, 0)
}

fn jump(code: c_uint, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: if_true,
        jf: if_false,
        k: value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter says to a call, by the meaning of its instructions.
    fn is_turned_away(image: &Range<usize>, architecture: u32, pointer: usize) -> bool {
        let program = filter(image);
        let (mut at, mut word) = (0, 0);
        loop {
            let instruction = program[at];
            at += 1;
            let holds = match c_uint::from(instruction.code) {
                LOAD => {
                    word = match instruction.k {
                        ARCHITECTURE_AT => architecture,
                        POINTER_LOW_AT => pointer as u32,
                        POINTER_HIGH_AT => (pointer >> 32) as u32,
                        other => panic!("nothing is at {other}"),
                    };
                    continue;
                }
                RETURN => return instruction.k == libc::SECCOMP_RET_TRAP,
                JUMP_IF_EQUAL => word == instruction.k,
                JUMP_IF_NOT_LESS => word >= instruction.k,
                JUMP_IF_GREATER => word > instruction.k,
                other => panic!("{other:#x} is no instruction of the filter's"),
            };
            at += usize::from(if holds { instruction.jt } else { instruction.jf });
        }
    }

    #[test]
    fn a_call_is_turned_away_where_it_comes_from_the_image_and_nowhere_else() {
        for image in [
            0x20_0000_0000..0x20_0000_6000,
            0x1F_FFFF_F000..0x20_0000_2000,
            0x7FFF_0000..0x1_8000_0000,
        ] {
            let asked = |pointer| is_turned_away(&image, ARCHITECTURE, pointer);
            for inside in [image.start + 2, image.start.midpoint(image.end), image.end] {
                assert!(asked(inside), "{inside:#x} of {image:#x?}");
            }
            for outside in [
                image.start - 1,
                image.end + 1,
                image.start + 2 * BLOCK_BYTES,
                0x7FFF_F7D0_0000,
            ] {
                assert!(!asked(outside), "{outside:#x} of {image:#x?}");
            }
        }
    }

    #[test]
    fn a_call_by_the_ways_of_old_is_turned_away_from_anywhere() {
        let image = 0x20_0000_0000..0x20_0000_6000;
        assert!(is_turned_away(&image, 0x4000_0003, 0x7FFF_F7D0_0000));
        assert!(is_turned_away(&image, ARCHITECTURE, 0xFFFF_FFFF_FF60_0009));
    }
}
