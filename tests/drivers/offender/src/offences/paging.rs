//! Offences with memory that may be paged out: pool, a section of the image, and a section that is gone after
//! DriverEntry. What is allocated is freed, and the request is passed on.

use core::{arch::global_asm, ffi::c_void};

use crate::{
    kernel::{
        CompletionRoutine, Event, FALSE, KeInitializeEvent, KeLowerIrql, KeRaiseIrqlToDpcLevel, KeSetEvent,
        MmLockPagableDataSection, MmPageEntireDriver, MmResetDriverPaging, MmUnlockPagableImageSection, NO_INCREMENT,
        NOTIFICATION_EVENT, NtStatus,
    },
    objects::{Device, Irp},
    pool,
    request::{Request, complete_followed},
    switch::Conduct,
};

/// The value of what is in the sections.
const VALUE: u32 = 7;

/// Signals an event in paged pool at DISPATCH_LEVEL; the twin's is in nonpaged pool.
pub(super) fn signal_event(request: Request, conduct: Conduct) -> NtStatus {
    with_pool(conduct, size_of::<Event>(), |block| {
        let event = block.cast::<Event>();
        // SAFETY: the block is large enough, zeroed, and nobody else's.
        KeInitializeEvent(unsafe { &mut *event }, NOTIFICATION_EVENT, FALSE);
        at_dispatch(|| {
            KeSetEvent(event, i32::from(NO_INCREMENT), FALSE);
        });
    });
    request.skip_and_call()
}

/// Reads paged pool at DISPATCH_LEVEL; the twin nonpaged pool.
pub(super) fn read_pool(request: Request, conduct: Conduct) -> NtStatus {
    with_pool(conduct, 64, |block| {
        at_dispatch(|| {
            // SAFETY: the first byte of the block.
            unsafe { block.cast::<u8>().read_volatile() };
        });
        // At PASSIVE_LEVEL it comes back.
        // SAFETY: as above.
        unsafe { block.cast::<u8>().write_volatile(1) };
    });
    request.skip_and_call()
}

/// Calls a function in a pageable section at DISPATCH_LEVEL; the twin has locked the section.
pub(super) fn call_paged(request: Request, conduct: Conduct) -> NtStatus {
    let handle = if conduct.offends() {
        in_page_section();
        core::ptr::null_mut()
    } else {
        MmLockPagableDataSection(in_page_section as extern "system" fn() -> u32 as *mut c_void)
    };
    at_dispatch(|| {
        in_page_section();
    });
    if !handle.is_null() {
        MmUnlockPagableImageSection(handle);
    }
    request.skip_and_call()
}

/// Has the whole driver be pageable and goes on at DISPATCH_LEVEL; the twin has undone it.
pub(super) fn page_all(request: Request, conduct: Conduct) -> NtStatus {
    let here = page_all as fn(Request, Conduct) -> NtStatus as *mut c_void;
    MmPageEntireDriver(here);
    if !conduct.offends() {
        MmResetDriverPaging(here);
    }
    at_dispatch(|| ());
    MmResetDriverPaging(here);
    request.skip_and_call()
}

/// Calls a function of the INIT section; the twin one that stays.
pub(super) fn call_init(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        // SAFETY: it takes nothing and returns a number; that it is gone is the offence.
        unsafe { offender_in_init_section() };
    } else {
        in_page_section();
    }
    request.skip_and_call()
}

/// Has a completion routine in a pageable section; the twin one that is not.
pub(super) fn follow_in_page_section(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(complete_in_page_section, complete_followed))
}

// SAFETY: a section of code like any other but for its name.
#[unsafe(link_section = "PAGE")]
extern "system" fn complete_in_page_section(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    complete_followed(device, irp, context)
}

// SAFETY: as above.
#[unsafe(link_section = "PAGE")]
#[inline(never)]
extern "system" fn in_page_section() -> u32 {
    core::hint::black_box(VALUE)
}

// Rust has no way to say that a section is discardable.
global_asm!(
    ".section INIT,\"xrD\"",
    ".globl offender_in_init_section",
    "offender_in_init_section:",
    "mov eax, {value}",
    "ret",
    ".text",
    value = const VALUE,
);

unsafe extern "system" {
    fn offender_in_init_section() -> u32;
}

/// Does something with a new block, of paged pool where that is the offence.
fn with_pool(conduct: Conduct, bytes: usize, work: impl FnOnce(*mut c_void)) {
    let block = if conduct.offends() {
        pool::allocate_paged(bytes)
    } else {
        pool::allocate(bytes)
    };
    if !block.is_null() {
        work(block);
        pool::free(block);
    }
}

fn at_dispatch(work: impl FnOnce()) {
    let old = KeRaiseIrqlToDpcLevel();
    work();
    KeLowerIrql(old);
}
