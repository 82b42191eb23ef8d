//! Functions that touch nothing but the driver's memory: they run as they are, on the driver's stack.
//!
//! They are written in assembler so that nothing of Rust's is on the driver's stack, and so that a fault in one of
//! them, which is the driver's fault, is known by its address.

use std::{arch::naked_asm, ffi::c_void, ptr::NonNull};

/// Declares the functions, and finds them by name and by address.
macro_rules! leaves {
    ($($(#[$meta:meta])* $function:ident: $($name:literal),+;)*) => {
        /// The names that drivers import them by.
        pub(super) const NAMES: &[&str] = &[$($($name,)+)*];

        /// The address of the leaf function `name`.
        pub(super) fn address(name: &str) -> Option<NonNull<c_void>> {
            let address: *const c_void = match name {
                $($($name)|+ => $function as unsafe extern "win64" fn() as *const c_void,)*
                _ => return None,
            };
            NonNull::new(address.cast_mut())
        }

        /// Whether `address` is in one of them.
        pub(crate) fn is_leaf(address: usize) -> bool {
            /// No function here is longer.
            const BYTES_MAX: usize = 64;
            [$($function as unsafe extern "win64" fn() as *const c_void),*]
                .iter()
                .any(|start| (start.addr()..start.addr() + BYTES_MAX).contains(&address))
        }
    };
}

leaves! {
    copy: "memcpy", "RtlCopyMemory";
    move_: "memmove", "RtlMoveMemory";
    fill: "memset";
    compare: "memcmp";
    zero: "RtlZeroMemory";
    fill_memory: "RtlFillMemory";
    compare_memory: "RtlCompareMemory";
    length: "strlen";
    check_stack: "__chkstk", "___chkstk_ms";
}

/// RCX destination, RDX source, R8 bytes; returns the destination.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn copy() {
    naked_asm!(
        "mov rax, rcx",
        "mov r9, rdi",
        "mov r10, rsi",
        "mov rdi, rcx",
        "mov rsi, rdx",
        "mov rcx, r8",
        "rep movsb",
        "mov rdi, r9",
        "mov rsi, r10",
        "ret",
    )
}

/// As [`copy`], where source and destination may overlap.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn move_() {
    naked_asm!(
        "mov rax, rcx",
        "mov r9, rdi",
        "mov r10, rsi",
        "mov rdi, rcx",
        "mov rsi, rdx",
        "mov rcx, r8",
        "cmp rdi, rsi",
        "jbe 2f",
        "lea rdi, [rdi + rcx - 1]",
        "lea rsi, [rsi + rcx - 1]",
        "std",
        "rep movsb",
        "cld",
        "jmp 3f",
        "2:",
        "rep movsb",
        "3:",
        "mov rdi, r9",
        "mov rsi, r10",
        "ret",
    )
}

/// RCX destination, DL byte, R8 bytes; returns the destination.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn fill() {
    naked_asm!(
        "mov r10, rcx",
        "mov r9, rdi",
        "mov rdi, rcx",
        "mov al, dl",
        "mov rcx, r8",
        "rep stosb",
        "mov rdi, r9",
        "mov rax, r10",
        "ret",
    )
}

/// RCX destination, RDX bytes, R8B byte.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn fill_memory() {
    naked_asm!(
        "mov r9, rdi",
        "mov rdi, rcx",
        "mov al, r8b",
        "mov rcx, rdx",
        "rep stosb",
        "mov rdi, r9",
        "ret",
    )
}

/// RCX destination, RDX bytes.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn zero() {
    naked_asm!(
        "mov r9, rdi",
        "mov rdi, rcx",
        "xor eax, eax",
        "mov rcx, rdx",
        "rep stosb",
        "mov rdi, r9",
        "ret",
    )
}

/// RCX and RDX memory, R8 bytes; returns less than, equal to or greater than 0.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn compare() {
    naked_asm!(
        "xor eax, eax",
        "xor r9d, r9d",
        "2:",
        "cmp r9, r8",
        "je 3f",
        "movzx eax, byte ptr [rcx + r9]",
        "movzx r10d, byte ptr [rdx + r9]",
        "inc r9",
        "sub eax, r10d",
        "je 2b",
        "3:",
        "ret",
    )
}

/// RCX and RDX memory, R8 bytes; returns how many are equal before the first that is not.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn compare_memory() {
    naked_asm!(
        "xor eax, eax",
        "2:",
        "cmp rax, r8",
        "je 3f",
        "mov r10b, byte ptr [rcx + rax]",
        "cmp r10b, byte ptr [rdx + rax]",
        "jne 3f",
        "inc rax",
        "jmp 2b",
        "3:",
        "ret",
    )
}

/// RCX string; returns its length.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn length() {
    naked_asm!(
        "xor eax, eax",
        "2:",
        "cmp byte ptr [rcx + rax], 0",
        "je 3f",
        "inc rax",
        "jmp 2b",
        "3:",
        "ret"
    )
}

/// RAX bytes that a frame is about to take: touches each of its pages, so that an overrun faults here. Changes no
/// register but R10 and R11.
///
/// # Safety
///
/// Called by a driver only.
#[unsafe(naked)]
unsafe extern "win64" fn check_stack() {
    naked_asm!(
        "lea r10, [rsp + 8]",
        "mov r11, r10",
        "sub r11, rax",
        "2:",
        "sub r10, 4096",
        "cmp r10, r11",
        "jb 3f",
        "test byte ptr [r10], 0",
        "jmp 2b",
        "3:",
        "test byte ptr [r11], 0",
        "ret",
    )
}
