//! What the driver is told to do: read once, in DriverEntry, from the name of its service.

use core::{
    ptr, slice,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

use crate::{
    add_device::Plan,
    kernel::{Dispatch, NtStatus, UnicodeString},
    misbehaviours::MISBEHAVIOURS,
    objects::Driver,
    offences::OFFENCES,
    races::RACES,
    request::Request,
};

/// The service of the driver that does nothing wrong.
const SERVICE: &str = "offender";

/// What an offence's twin has at the end of its name.
const CLEAN: &str = "-clean";

/// Something that the driver can be told to do, by name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
}

/// Where in the driver's life a case has its place.
pub(crate) enum Place {
    /// In DriverEntry, once the driver object is filled in.
    Entry(fn() -> NtStatus),
    /// In DriverEntry, once the driver object is filled in. The routine stands for a major function that a driver does not
    /// have.
    DriverObject(fn(Driver, Dispatch, Conduct) -> NtStatus),
    /// In AddDevice: it changes what is to be done there.
    AddDevice(fn(&mut Plan)),
    /// In the place of what is done with IRP_MJ_READ.
    Read(Routine),
    /// In the place of what is done with IRP_MJ_WRITE.
    Write(Routine),
    /// In the place of what is done with IRP_MJ_FLUSH_BUFFERS.
    Flush(Routine),
    /// In the place of what is done with IRP_MN_START_DEVICE.
    Start(Routine),
    /// In the place of what is done with IRP_MN_START_DEVICE, and with IRP_MJ_DEVICE_CONTROL.
    StartAndControl(Routine),
    /// In the place of what is done with IRP_MN_REMOVE_DEVICE.
    Remove(Routine),
    /// In the place of what is done with a minor function of IRP_MJ_PNP that is none.
    ReservedPnp(Routine),
    /// In the place of what is done with IRP_MN_SURPRISE_REMOVAL.
    Surprise(Routine),
    /// In the place of what is done with IRP_MN_CANCEL_REMOVE_DEVICE.
    CancelRemove(Routine),
    /// In the place of what is done with IRP_MN_DEVICE_USAGE_NOTIFICATION.
    Usage(Routine),
    /// In the place of what is done with IRP_MN_SET_POWER.
    SetPower(Routine),
    /// In the place of what is done with IRP_MJ_SYSTEM_CONTROL.
    SystemControl(Routine),
    /// In the place of what is done with this major function.
    Major(u8, Routine),
    /// In the place of what is done with this minor function of IRP_MJ_PNP.
    Pnp(u8, Routine),
    /// In the place of what is done with this minor function of IRP_MJ_POWER.
    Power(u8, Routine),
    /// In the place of what is done with this major and minor function. Not every request comes from above, so the driver
    /// sends itself one when it is started.
    Own(u8, u8, Routine),
    /// Where the remove lock is refused to this major and minor function. The driver sends itself one when it is removed.
    Refused(u8, u8, Routine),
    /// In DriverUnload, before what is done there.
    Unload(fn(Conduct)),
}

/// Deals with a request, and gives back what dispatch returns.
pub(crate) type Routine = fn(Request, Conduct) -> NtStatus;

/// Whether a case is the offence or its clean twin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    Offending,
    Clean,
}

impl Conduct {
    pub(crate) fn offends(self) -> bool {
        self == Self::Offending
    }

    /// What the offence uses in the place of what its twin does.
    pub(crate) fn choose<T>(self, offending: T, clean: T) -> T {
        if self.offends() { offending } else { clean }
    }
}

static CASE: AtomicPtr<Case> = AtomicPtr::new(ptr::null_mut());
static IS_CLEAN: AtomicBool = AtomicBool::new(false);

/// Reads what the driver is told to do. `false` where its name says nothing that it knows.
pub(crate) fn set(registry_path: &UnicodeString) -> bool {
    let units = usize::from(registry_path.length_bytes / 2);
    // SAFETY: the I/O manager passes a string whose buffer holds its length, and which is there during DriverEntry.
    let path = unsafe { slice::from_raw_parts(registry_path.buffer, units) };
    let service = path.rsplit(|unit| *unit == u16::from(b'\\')).next().unwrap_or(path);
    if is(service, &[SERVICE]) {
        return true;
    }
    let named = |case: &&'static Case| is(service, &[SERVICE, "-", case.name]);
    let clean = |case: &&'static Case| is(service, &[SERVICE, "-", case.name, CLEAN]);
    if let Some(case) = OFFENCES.iter().chain(RACES).chain(MISBEHAVIOURS).find(named) {
        store(case, Conduct::Offending);
    } else if let Some(case) = OFFENCES.iter().chain(RACES).find(clean) {
        store(case, Conduct::Clean);
    } else {
        return false;
    }
    true
}

/// What the driver was told, if anything.
pub(crate) fn told() -> Option<(&'static Place, Conduct)> {
    // SAFETY: null, or one of the cases in the tables, which are constants.
    let case = unsafe { CASE.load(Ordering::Acquire).as_ref::<'static>() }?;
    let conduct = if IS_CLEAN.load(Ordering::Relaxed) {
        Conduct::Clean
    } else {
        Conduct::Offending
    };
    Some((&case.place, conduct))
}

fn store(case: &'static Case, conduct: Conduct) {
    IS_CLEAN.store(conduct == Conduct::Clean, Ordering::Relaxed);
    CASE.store(ptr::from_ref(case).cast_mut(), Ordering::Release);
}

/// Whether UTF-16 text is these parts in a row.
fn is(text: &[u16], parts: &[&str]) -> bool {
    text.iter()
        .copied()
        .eq(parts.iter().flat_map(|part| part.encode_utf16()))
}
