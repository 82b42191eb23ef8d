//! What no rule is about and the lab has to survive: a driver that fails, hangs, runs wild or is not understood.
//!
//! There are no twins: the clean driver is the twin of each.

mod unprepared;

use core::{arch::asm, hint, mem, ptr};

use crate::{
    add_device::Plan,
    kernel::{
        FALSE, FsRtlIsNameInExpression, KeBugCheckEx, KeLowerIrql, KeRaiseIrqlToDpcLevel, NtStatus, STATUS_SUCCESS,
        STATUS_UNSUCCESSFUL, UnicodeString,
    },
    request::Request,
    switch::{
        Case, Conduct,
        Place::{AddDevice, Entry, Read, Start},
    },
};

/// Makes the cases.
macro_rules! misbehaviours {
    ($($name:literal $place:ident($routine:path);)*) => {
        pub(crate) const MISBEHAVIOURS: &[Case] = &[$(Case { name: $name, place: $place($routine) }),*];
    };
}

misbehaviours! {
    "fail-entry" Entry(fail_entry);
    "loop-entry" Entry(loop_entry);
    "jump-wild-entry" Entry(jump_wild);
    "overrun-stack-entry" Entry(overrun_stack);
    "write-lab-entry" Entry(write_over_the_lab);
    "overwrite-lab-entry" Entry(overwrite_the_lab);
    "null-entry" Entry(read_null);
    "fail-add-device" AddDevice(fail_add_device);
    "loop-read" Read(loop_read);
    "call-for-ever-read" Read(call_for_ever);
    "bug-check-read" Read(bug_check);
    "privileged-read" Read(privileged);
    "unknown-import-read" Read(unknown_import);
    "breakpoint-read" Read(breakpoint);
    "leak-when-short-entry" Entry(unprepared::leak_in_entry);
    "leak-when-short-start" Start(unprepared::leak_in_start);
    "leak-in-fallback-start" Start(unprepared::leak_in_fallback);
}

fn fail_entry() -> NtStatus {
    STATUS_UNSUCCESSFUL
}

fn loop_entry() -> NtStatus {
    loop {
        hint::spin_loop();
    }
}

/// Calls an address where there is nothing.
fn jump_wild() -> NtStatus {
    const NOWHERE: *const () = ptr::without_provenance(0x12_3456_7800);
    // SAFETY: there is none: that is the misbehaviour.
    let nowhere: extern "system" fn() -> NtStatus = unsafe { mem::transmute(NOWHERE) };
    nowhere()
}

/// Calls itself until there is no stack left, in frames smaller than a guard page.
fn overrun_stack() -> NtStatus {
    if deeper(1) == 0 {
        STATUS_UNSUCCESSFUL
    } else {
        STATUS_SUCCESS
    }
}

#[expect(unconditional_recursion, reason = "that is the misbehaviour")]
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let frame = hint::black_box([depth; 64]);
    let depth = deeper(depth.wrapping_add(1));
    // Used after the call, so that it is no jump.
    depth.wrapping_add(
        hint::black_box(frame)
            .iter()
            .fold(0, |sum, word| sum.wrapping_add(*word)),
    )
}

/// Writes over what is not the driver's: the code behind an import, then whatever lies above its own frame, its
/// return address included.
fn write_over_the_lab() -> NtStatus {
    // SAFETY: the linker's name for the import table entry of IofCompleteRequest, which holds a function's address.
    unsafe extern "C" {
        #[link_name = "__imp_IofCompleteRequest"]
        static ENTRY: *mut u8;
    }
    // SAFETY: the loader has filled in the import table.
    let code = unsafe { ENTRY };
    fill(code, 64);
    let mut frame = 0_u8;
    // Hidden from the compiler, which may drop what it sees going past the end of a variable.
    fill(hint::black_box(&raw mut frame), 256);
    STATUS_SUCCESS
}

/// Writes over memory of the process that it runs in, where there is one: on Linux, FS has the address of what the C
/// library keeps for the thread. On Windows this would be a kernel's FS, and as bad.
fn overwrite_the_lab() -> NtStatus {
    let thread: *mut u8;
    // SAFETY: reads a word.
    unsafe { asm!("mov {}, fs:[0]", out(reg) thread, options(readonly, nostack)) };
    fill(thread.wrapping_sub(2048), 4096);
    STATUS_SUCCESS
}

/// Writes one byte after the other, with the code of a breakpoint.
fn fill(start: *mut u8, bytes: usize) {
    for offset in 0..bytes {
        // SAFETY: there is none: that is the misbehaviour.
        unsafe { start.wrapping_add(offset).write_volatile(0xCC) };
    }
}

/// Reads a field of a structure that is not there.
fn read_null() -> NtStatus {
    const FIELD: *const NtStatus = ptr::without_provenance(8);
    // SAFETY: there is none: that is the misbehaviour.
    unsafe { FIELD.read_volatile() }
}

fn fail_add_device(plan: &mut Plan) {
    plan.status = STATUS_UNSUCCESSFUL;
}

fn loop_read(_request: Request, _conduct: Conduct) -> NtStatus {
    loop_entry()
}

/// Never returns, though it calls the kernel all the time.
fn call_for_ever(_request: Request, _conduct: Conduct) -> NtStatus {
    loop {
        let old = KeRaiseIrqlToDpcLevel();
        KeLowerIrql(old);
    }
}

/// Stops the machine with MANUALLY_INITIATED_CRASH.
fn bug_check(_request: Request, _conduct: Conduct) -> NtStatus {
    KeBugCheckEx(0xE2, 1, 2, 3, 4)
}

/// Executes what only a kernel may.
fn privileged(request: Request, _conduct: Conduct) -> NtStatus {
    // SAFETY: no memory is touched; where it is allowed, interrupts are off for a while.
    unsafe { asm!("cli") };
    // SAFETY: as above.
    unsafe { asm!("hlt") };
    request.skip_and_call()
}

/// Calls a function of the kernel that has nothing to do with devices.
fn unknown_import(request: Request, _conduct: Conduct) -> NtStatus {
    let empty = UnicodeString {
        length_bytes: 0,
        maximum_length_bytes: 0,
        buffer: ptr::null(),
    };
    FsRtlIsNameInExpression(&raw const empty, &raw const empty, FALSE, ptr::null());
    request.skip_and_call()
}

fn breakpoint(request: Request, _conduct: Conduct) -> NtStatus {
    // SAFETY: nothing of the program's state is touched.
    unsafe { asm!("int3") };
    request.skip_and_call()
}
