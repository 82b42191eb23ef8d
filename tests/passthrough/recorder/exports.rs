//! The kernel functions that the driver imports, each as far as a pass-through filter can tell.

use std::{
    ffi::c_void,
    io::{self, Write as _},
    mem::MaybeUninit,
    ptr::NonNull,
    rc::Rc,
};

use super::{
    kernel::{
        Answer, Arrival, Call, DO_DEVICE_HAS_NAME, DO_EXCLUSIVE, NtStatus, RemoveLock, STATUS_DELETE_PENDING,
        STATUS_NO_SUCH_DEVICE, STATUS_PENDING, STATUS_SUCCESS, stack_location_offset, with,
    },
    layout::{device_object, driver_object, irp, stack_location},
    memory::Address,
};

/// A dispatch routine, as the I/O manager calls it.
pub(crate) type DispatchRoutine = unsafe extern "win64" fn(Address, Address) -> NtStatus;

/// What the lower driver leaves in `IoStatus.Information`.
pub(crate) const LOWER_INFORMATION: usize = 0x5150;

/// The address of the function that the driver imports as `name`.
pub(crate) fn resolve(_dll: &str, name: &str) -> Option<NonNull<c_void>> {
    let function = match name {
        "IoAcquireRemoveLockEx" => io_acquire_remove_lock_ex as *mut c_void,
        "IoAttachDeviceToDeviceStackSafe" => io_attach_device_to_device_stack_safe as *mut c_void,
        "IoCreateDevice" => io_create_device as *mut c_void,
        "IoDeleteDevice" => io_delete_device as *mut c_void,
        "IoDetachDevice" => io_detach_device as *mut c_void,
        "IoGetAttachedDeviceReference" => io_get_attached_device_reference as *mut c_void,
        "IoInitializeRemoveLockEx" => io_initialize_remove_lock_ex as *mut c_void,
        "IoReleaseRemoveLockAndWaitEx" => io_release_remove_lock_and_wait_ex as *mut c_void,
        "IoReleaseRemoveLockEx" => io_release_remove_lock_ex as *mut c_void,
        "IofCallDriver" => iof_call_driver as *mut c_void,
        "IofCompleteRequest" => iof_complete_request as *mut c_void,
        "KeBugCheckEx" => ke_bug_check_ex as *mut c_void,
        "ObfDereferenceObject" => obf_dereference_object as *mut c_void,
        "memcpy" => memcpy as *mut c_void,
        "memset" => memset as *mut c_void,
        _ => return None,
    };
    NonNull::new(function)
}

extern "win64" fn io_create_device(
    driver: Address,
    extension_bytes: u32,
    name: Address,
    device_type: u32,
    characteristics: u32,
    exclusive: u8,
    device: &mut MaybeUninit<Address>,
) -> NtStatus {
    with(|kernel| {
        kernel.record(Call::IoCreateDevice {
            driver,
            extension_bytes,
            name,
            device_type,
            characteristics,
            exclusive: exclusive != 0,
        });
        if kernel.script.create_device != STATUS_SUCCESS {
            return kernel.script.create_device;
        }
        let Some(owner) = kernel.driver(driver) else {
            kernel.violation(format!("IoCreateDevice: {driver:?} is no driver object"));
            return STATUS_NO_SUCH_DEVICE;
        };
        let mut flags = 0;
        if name != Address::default() {
            flags |= DO_DEVICE_HAS_NAME;
        }
        if exclusive != 0 {
            flags |= DO_EXCLUSIVE;
        }
        let created = kernel.create_device(&owner, extension_bytes, device_type, characteristics, flags);
        kernel.newest = Some(created);
        device.write(created);
        STATUS_SUCCESS
    })
}

extern "win64" fn io_delete_device(device: Address) {
    with(|kernel| {
        kernel.record(Call::IoDeleteDevice { device });
        let Some(deleted) = kernel.device(device, "IoDeleteDevice") else {
            return;
        };
        let attached = deleted.below.is_some();
        deleted.deleted = true;
        let object = Rc::clone(&deleted.object);
        let next = object.pointer(device_object::NEXT_DEVICE);
        if let Some(driver) = kernel.driver(object.pointer(device_object::DRIVER_OBJECT)) {
            // The list of a driver's devices, of which it is one.
            let first = driver.pointer(driver_object::DEVICE_OBJECT);
            if first == device {
                driver.set_pointer(driver_object::DEVICE_OBJECT, next);
            }
            for other in kernel.devices.iter_mut().filter(|other| !other.deleted) {
                if other.object.pointer(device_object::NEXT_DEVICE) == device {
                    other.write(device_object::NEXT_DEVICE, &next.0.to_le_bytes());
                }
            }
        }
        object.kill();
        if attached {
            kernel.violation(format!("IoDeleteDevice: {device:?} is still attached"));
        }
    });
}

extern "win64" fn io_attach_device_to_device_stack_safe(
    source: Address,
    target: Address,
    attached_to: &mut MaybeUninit<Address>,
) -> NtStatus {
    with(|kernel| {
        kernel.record(Call::IoAttachDeviceToDeviceStackSafe { source, target });
        if kernel.script.attach_device != STATUS_SUCCESS {
            return kernel.script.attach_device;
        }
        match kernel.attach(source, target) {
            Some(below) => {
                attached_to.write(below);
                STATUS_SUCCESS
            }
            None => {
                kernel.violation(format!("attached {source:?} to {target:?}: not both are devices"));
                STATUS_NO_SUCH_DEVICE
            }
        }
    })
}

extern "win64" fn io_detach_device(target: Address) {
    with(|kernel| {
        kernel.record(Call::IoDetachDevice { target });
        let Some(below) = kernel.device(target, "IoDetachDevice") else {
            return;
        };
        let above = below.object.pointer(device_object::ATTACHED_DEVICE);
        below.write(device_object::ATTACHED_DEVICE, &[0; 8]);
        match kernel.device(above, "IoDetachDevice, of what is attached") {
            Some(above) if above.below == Some(target) => above.below = None,
            _ => kernel.violation(format!("IoDetachDevice: nothing is attached to {target:?}")),
        }
    });
}

extern "win64" fn io_get_attached_device_reference(device: Address) -> Address {
    with(|kernel| {
        kernel.record(Call::IoGetAttachedDeviceReference { device });
        let top = kernel.top_of_stack(device);
        if let Some(top) = kernel.device(top, "IoGetAttachedDeviceReference") {
            top.references += 1;
        }
        top
    })
}

extern "win64" fn obf_dereference_object(object: Address) -> isize {
    with(|kernel| {
        kernel.record(Call::ObfDereferenceObject { object });
        match kernel.device(object, "ObfDereferenceObject") {
            Some(device) => {
                device.references -= 1;
                device.references as isize
            }
            None => 0,
        }
    })
}

extern "win64" fn io_initialize_remove_lock_ex(
    lock: Address,
    _allocate_tag: u32,
    _locked_minutes_max: u32,
    _high_watermark: u32,
    size: u32,
) {
    with(|kernel| {
        kernel.record(Call::IoInitializeRemoveLockEx { lock, size });
        let live = kernel.devices.iter_mut().filter(|device| !device.deleted);
        let owner = live.into_iter().find(|device| device.extension_covers(lock, size));
        let wrong = match owner {
            None => Some("is not within a device extension"),
            Some(device) if device.lock.is_some() => Some("is the device's second remove lock"),
            Some(device) => {
                device.lock = Some(RemoveLock {
                    address: lock,
                    tags: Vec::new(),
                    removed: false,
                });
                None
            }
        };
        if let Some(wrong) = wrong {
            kernel.violation(format!("IoInitializeRemoveLockEx: {lock:?} {wrong}"));
        }
    });
}

extern "win64" fn io_acquire_remove_lock_ex(
    lock: Address,
    tag: Address,
    _file: Address,
    _line: u32,
    size: u32,
) -> NtStatus {
    with(|kernel| {
        kernel.record(Call::IoAcquireRemoveLockEx { lock, tag, size });
        let scripted = kernel.script.acquire_remove_lock;
        match kernel.remove_lock(lock, size, "IoAcquireRemoveLockEx") {
            Some(_) if scripted != STATUS_SUCCESS => scripted,
            Some(lock) if !lock.removed => {
                lock.tags.push(tag);
                STATUS_SUCCESS
            }
            _ => STATUS_DELETE_PENDING,
        }
    })
}

extern "win64" fn io_release_remove_lock_ex(lock: Address, tag: Address, size: u32) {
    with(|kernel| {
        kernel.record(Call::IoReleaseRemoveLockEx { lock, tag, size });
        release(kernel, lock, tag, size, "IoReleaseRemoveLockEx");
    });
}

extern "win64" fn io_release_remove_lock_and_wait_ex(lock: Address, tag: Address, size: u32) {
    with(|kernel| {
        kernel.record(Call::IoReleaseRemoveLockAndWaitEx { lock, tag, size });
        release(kernel, lock, tag, size, "IoReleaseRemoveLockAndWaitEx");
        let Some(held) = kernel.remove_lock(lock, size, "IoReleaseRemoveLockAndWaitEx") else {
            return;
        };
        held.removed = true;
        if !held.tags.is_empty() {
            kernel.violation(format!("would wait for ever for remove lock {lock:?}"));
        }
    });
}

fn release(kernel: &mut super::kernel::Kernel, lock: Address, tag: Address, size: u32, who: &str) {
    let Some(held) = kernel.remove_lock(lock, size, who) else {
        return;
    };
    match held.tags.iter().position(|&held| held == tag) {
        Some(index) => {
            held.tags.remove(index);
        }
        None => kernel.violation(format!("{who}: {lock:?} is not held for {tag:?}")),
    }
}

extern "win64" fn iof_call_driver(device: Address, irp: Address) -> NtStatus {
    with(|kernel| kernel.record(Call::IofCallDriver { device, irp }));
    match next_driver(device, irp) {
        // SAFETY: the routine is from the driver object of a live device, so it is one of the
        // lower driver's below or one that the driver under test has put there, and it gets what
        // the I/O manager would give it.
        Some(routine) => unsafe { routine(device, irp) },
        None => STATUS_NO_SUCH_DEVICE,
    }
}

/// Moves an IRP to its next stack location, for `device`, and finds the routine to call.
pub(crate) fn next_driver(device: Address, irp: Address) -> Option<DispatchRoutine> {
    with(|kernel| {
        let driver = kernel
            .device(device, "IofCallDriver")?
            .object
            .pointer(device_object::DRIVER_OBJECT);
        let driver = kernel.driver(driver)?;
        let block = Rc::clone(&kernel.irp(irp, "IofCallDriver")?.block);
        let current = block.u8(irp::CURRENT_LOCATION);
        let pointer = block.pointer(irp::CURRENT_STACK_LOCATION).0;
        if current <= 1 || pointer != irp.0 + stack_location_offset(current) {
            kernel.violation(format!(
                "IofCallDriver: IRP {irp:?} is at stack location {current} and {pointer:#x}"
            ));
            return None;
        }
        let location = stack_location_offset(current - 1);
        block.write(irp::CURRENT_LOCATION, &[current - 1]);
        block.set_pointer(irp::CURRENT_STACK_LOCATION, Address(irp.0 + location));
        block.set_pointer(location + stack_location::DEVICE_OBJECT, device);
        let major = block.u8(location + stack_location::MAJOR_FUNCTION);
        let slot = driver_object::MAJOR_FUNCTION + 8 * usize::from(major);
        routine(driver.pointer(slot))
    })
}

/// The routine at `address`, if there is one.
pub(crate) fn routine(address: Address) -> Option<DispatchRoutine> {
    let pointer = NonNull::new(std::ptr::with_exposed_provenance_mut::<c_void>(address.0))?;
    // SAFETY: both are addresses, not null, and have no other invalid value. Whether the address
    // is that of a routine is for the caller to know, who calls it.
    Some(unsafe { std::mem::transmute::<NonNull<c_void>, DispatchRoutine>(pointer) })
}

extern "win64" fn iof_complete_request(irp: Address, priority_boost: i8) {
    with(|kernel| {
        let Some(block) = kernel.irp(irp, "IofCompleteRequest").map(|irp| Rc::clone(&irp.block)) else {
            return;
        };
        kernel.record(Call::IofCompleteRequest {
            irp,
            status: block.i32(irp::IO_STATUS_STATUS),
            information: block.pointer(irp::IO_STATUS_INFORMATION).0,
            priority_boost,
        });
        kernel.complete(irp, "IofCompleteRequest");
    });
}

/// The lower driver's dispatch routine, for every major function.
pub(crate) extern "win64" fn lower_dispatch(device: Address, irp: Address) -> NtStatus {
    with(|kernel| {
        let held = kernel.held_locks();
        let Some(block) = kernel.irp(irp, "the lower driver").map(|irp| Rc::clone(&irp.block)) else {
            return STATUS_NO_SUCH_DEVICE;
        };
        kernel.arrivals.push(Arrival {
            device,
            irp,
            contents: block.snapshot(),
            held,
        });
        let answer = kernel.script.lower;
        if matches!(answer, Answer::Pend | Answer::PendAndComplete(_)) {
            let control = stack_location_offset(block.u8(irp::CURRENT_LOCATION)) + stack_location::CONTROL;
            block.write(control, &[block.u8(control) | stack_location::SL_PENDING_RETURNED]);
        }
        if let Answer::Complete(status) | Answer::PendAndComplete(status) = answer {
            block.write(irp::IO_STATUS_STATUS, &status.to_le_bytes());
            block.set_pointer(irp::IO_STATUS_INFORMATION, Address(LOWER_INFORMATION));
            kernel.complete(irp, "the lower driver");
        }
        match answer {
            Answer::Complete(status) => status,
            Answer::Pend | Answer::PendAndComplete(_) => STATUS_PENDING,
        }
    })
}

/// Of the kernel's functions, one that only a development build of the driver calls.
extern "win64" fn ke_bug_check_ex(code: u32, first: usize, second: usize, third: usize, fourth: usize) -> ! {
    // Not eprintln!, which the test harness keeps until the test ends, as this one never does.
    let arguments = format!("{code:#x}, {first:#x}, {second:#x}, {third:#x}, {fourth:#x}");
    let _ = writeln!(io::stderr(), "the driver called KeBugCheckEx({arguments})");
    // Nothing can be said of the driver from here on, and nothing may unwind through it.
    std::process::abort();
}

/// As [`ke_bug_check_ex`]: optimised code copies in place.
unsafe extern "win64" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // SAFETY: what a caller of memcpy promises. The ranges may even overlap, as in the kernel's.
    unsafe { to.copy_from(from, bytes) };
    to
}

/// As [`memcpy`]: optimised code fills in place.
unsafe extern "win64" fn memset(to: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    // SAFETY: what a caller of memset promises. It fills with the low byte of `value`.
    unsafe { to.write_bytes(value as u8, bytes) };
    to
}
