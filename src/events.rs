//! What the driver writes to the System log: little, and each kind of it once while the driver is loaded; that a device
//! hangs, once for each device.
//!
//! A disk that is restarted again and again, or a thousand disks with the same wrong value, must not fill a log that
//! belongs to the whole machine.

use policy::{
    configuration::{Definition, Ignored, Key, Setting},
    once::Once,
};
use wdm::{
    AddDevice, Device, Dispatch, DriverEntry, NtError, NtStatus,
    error_log::{Event, NUMBERS_MAX},
};

use crate::filter::Filter;

/// Makes a constant of each message.
macro_rules! messages {
    ($($name:ident = $code:literal, $text:literal;)*) => {$(
        const $name: u32 = $code;
    )*};
}

include!("messages.in.rs");

/// The settings that an event was written about, a bit for each in each key.
static SETTINGS: Once = Once::new();
/// The other events that were written.
static OTHERS: Once = Once::new();

/// How many settings there can be for the bits to suffice.
const SETTINGS_MAX: usize = 16;
const _: () = assert!(Setting::ALL.len() <= SETTINGS_MAX);

const SERVICE_KEY_UNREADABLE: u32 = 0;
const DEVICE_KEY_UNREADABLE: u32 = 1;
const NO_MEMORY: u32 = 2;
const DEVICE_HUNG: u32 = 3;

const OBJECT_TYPE_MISMATCH: NtStatus = NtStatus::from_raw(0xC000_0024_u32.cast_signed());

const IO_TIMEOUT: NtStatus = NtStatus::from_raw(0xC000_00B5_u32.cast_signed());

/// Where an event can be written from.
pub(crate) trait Log {
    /// Writes it.
    fn log(&mut self, event: &Event<'_>);
}

impl Log for DriverEntry<'_> {
    fn log(&mut self, event: &Event<'_>) {
        DriverEntry::log(self, event);
    }
}

impl Log for AddDevice<'_, Filter> {
    fn log(&mut self, event: &Event<'_>) {
        AddDevice::log(self, event);
    }
}

/// What stands in `key` for a setting is no good.
pub(crate) fn setting_ignored(to: &mut impl Log, setting: Setting, key: Key, ignored: Ignored) {
    let first = match key {
        Key::Service => 0,
        Key::Device => SETTINGS_MAX,
    };
    let Ok(kind) = u32::try_from(setting.index().saturating_add(first)) else {
        return;
    };
    if !SETTINGS.first(kind) {
        return;
    }
    let Definition {
        name, minimum, maximum, ..
    } = *setting.definition();
    let (status, found) = match ignored {
        Ignored::WrongType(kind) => (OBJECT_TYPE_MISMATCH, kind),
        Ignored::WrongSize(bytes) => (NtError::INFO_LENGTH_MISMATCH.into(), bytes),
        Ignored::OutOfRange(value) => (NtError::INVALID_PARAMETER.into(), value),
        Ignored::Unreadable(status) => (NtStatus::from_raw(status), 0),
    };
    let which = match key {
        Key::Service => 0,
        Key::Device => 1,
    };
    to.log(&Event {
        code: SETTING_IGNORED,
        source: kind,
        status,
        numbers: [found, minimum, maximum, which],
        text: name,
    });
}

/// A key with settings is there and cannot be read.
pub(crate) fn key_unreadable(to: &mut impl Log, key: Key, error: NtStatus) {
    let (kind, text) = match key {
        Key::Service => (SERVICE_KEY_UNREADABLE, "Parameters"),
        Key::Device => (DEVICE_KEY_UNREADABLE, "device's hardware"),
    };
    if OTHERS.first(kind) {
        to.log(&Event {
            code: KEY_UNREADABLE,
            source: kind,
            status: error,
            numbers: [0; NUMBERS_MAX],
            text,
        });
    }
}

/// There is no memory for what following takes: the requests of the device pass uncounted.
pub(crate) fn not_followed(to: &mut impl Log) {
    if OTHERS.first(NO_MEMORY) {
        to.log(&Event {
            code: NOT_FOLLOWED,
            source: NO_MEMORY,
            status: NtError::INSUFFICIENT_RESOURCES.into(),
            numbers: [0; NUMBERS_MAX],
            text: "",
        });
    }
}

/// A device has not answered a probe for so long. The caller keeps account of which device this was written about.
pub(crate) fn hung(device: &Device<Filter>, limit_ms: u32, irql: &mut Dispatch) {
    device.log(
        &Event {
            code: HUNG,
            source: DEVICE_HUNG,
            status: IO_TIMEOUT,
            numbers: [limit_ms, 0, 0, 0],
            text: "",
        },
        irql,
    );
}
