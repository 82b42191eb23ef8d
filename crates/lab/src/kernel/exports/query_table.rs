//! RtlQueryRegistryValues: the driver's table of what it wants of a key, entry by entry.

use super::{
    Call,
    format::wide_string,
    registry::{RELATIVE_OPTIONAL, bytes, length},
};
use crate::{
    guest,
    kernel::{
        layout::query_table as table,
        registry::{REG_DWORD, REG_SZ, Value, sz},
        status::{
            NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_NOT_FOUND,
            STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, nt_success,
        },
    },
    pool::{Contents, Owner},
};

const TAG: u32 = u32::from_le_bytes(*b"RegS");

const REG_EXPAND_SZ: u32 = 2;
const REG_MULTI_SZ: u32 = 7;

/// The flags of an entry of RtlQueryRegistryValues.
mod entry_flags {
    pub(super) const SUBKEY: u32 = 0x1;
    pub(super) const TOPKEY: u32 = 0x2;
    pub(super) const REQUIRED: u32 = 0x4;
    pub(super) const NO_VALUE: u32 = 0x8;
    pub(super) const DIRECT: u32 = 0x20;
    pub(super) const DELETE: u32 = 0x40;
    pub(super) const TYPE_CHECK: u32 = 0x100;
}

/// Goes through the entries of the driver's table.
pub(super) fn query_values(call: &Call, path: &str) -> NtStatus {
    let machine = call.machine;
    if !machine.registry.has(path) {
        return if call.u32(0) & RELATIVE_OPTIONAL == 0 {
            STATUS_OBJECT_NAME_NOT_FOUND
        } else {
            STATUS_SUCCESS
        };
    }
    let mut key = path.to_owned();
    let mut entry = call.pointer(2);
    loop {
        let (routine, flags) = (table::ROUTINE.get(entry), table::FLAGS.get(entry));
        let name_at = table::NAME.get(entry);
        if routine == 0 && flags & (entry_flags::SUBKEY | entry_flags::DIRECT) == 0 {
            return STATUS_SUCCESS;
        }
        if flags & (entry_flags::TOPKEY | entry_flags::SUBKEY) != 0 {
            path.clone_into(&mut key);
        }
        let name = (name_at != 0).then(|| wide_string(name_at, usize::from(u16::MAX)));
        let result = if flags & entry_flags::SUBKEY != 0 {
            key = format!("{path}\\{}", name.unwrap_or_default());
            if machine.registry.has(&key) {
                STATUS_SUCCESS
            } else if flags & entry_flags::REQUIRED == 0 {
                // What is asked of a key that is not there is not there either.
                STATUS_SUCCESS
            } else {
                STATUS_OBJECT_NAME_NOT_FOUND
            }
        } else if flags & entry_flags::NO_VALUE != 0 {
            call_entry(call, entry, "", 0, &[])
        } else if let Some(name) = name {
            query_one(call, &key, entry, &name)
        } else {
            let values = machine.registry.values(&key);
            values
                .iter()
                .map(|value| hand_over(call, entry, value))
                .find(|&result| !nt_success(result))
                .unwrap_or(STATUS_SUCCESS)
        };
        if !nt_success(result) {
            return result;
        }
        entry += table::BYTES;
    }
}

fn query_one(call: &Call, key: &str, entry: usize, name: &str) -> NtStatus {
    let flags = table::FLAGS.get(entry);
    if let Some(value) = call.machine.registry.value(key, name) {
        let result = hand_over(call, entry, &value);
        if nt_success(result) && flags & entry_flags::DELETE != 0 {
            call.machine.registry.unset(key, name);
        }
        return result;
    }
    if flags & entry_flags::REQUIRED != 0 {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    // The upper byte of the type is the one that TYPE_CHECK expects.
    let kind = table::DEFAULT_TYPE.get(entry) & 0x00FF_FFFF;
    if kind == 0 {
        return STATUS_SUCCESS;
    }
    let data_at = table::DEFAULT_DATA.get(entry);
    let data = match table::DEFAULT_LENGTH.get(entry) {
        0 if matches!(kind, REG_SZ | REG_EXPAND_SZ) => sz(&wide_string(data_at, usize::from(u16::MAX))),
        0 if kind == REG_DWORD => bytes(data_at, 4),
        length => bytes(data_at, length),
    };
    hand_over(
        call,
        entry,
        &Value {
            name: name.to_owned(),
            kind,
            data,
            missing: 0,
        },
    )
}

/// Gives a value to the driver: by its routine, or directly.
fn hand_over(call: &Call, entry: usize, value: &Value) -> NtStatus {
    let flags = table::FLAGS.get(entry);
    if flags & entry_flags::DIRECT == 0 {
        return call_entry(call, entry, &value.name, value.kind, &value.data);
    }
    let expected = table::DEFAULT_TYPE.get(entry) >> 24;
    if flags & entry_flags::TYPE_CHECK != 0 && expected != value.kind {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    let target = table::ENTRY_CONTEXT.get(entry);
    match value.kind {
        REG_SZ | REG_EXPAND_SZ | REG_MULTI_SZ => store_string(call, target, &value.data),
        // What is no string and short is stored as it is; what is longer goes behind a length, where that is negative.
        _ if value.data.len() <= 4 => {
            guest::write_bytes(target, &value.data);
            STATUS_SUCCESS
        }
        _ => {
            let room = guest::read::<i32>(target);
            if room < 0 {
                if room.unsigned_abs() as usize >= value.data.len() {
                    guest::write_bytes(target, &value.data);
                }
            } else if room as usize >= 8 + value.data.len() {
                guest::write(target, length(&value.data));
                guest::write(target + 4, value.kind);
                guest::write_bytes(target + 8, &value.data);
            }
            STATUS_SUCCESS
        }
    }
}

/// A UNICODE_STRING without a buffer gets one, which the driver frees.
fn store_string(call: &Call, target: usize, data: &[u8]) -> NtStatus {
    let Ok(total) = u16::try_from(data.len()) else {
        return STATUS_BUFFER_TOO_SMALL;
    };
    if guest::read::<usize>(target + 8) == 0 {
        let block =
            call.machine
                .pool
                .borrow_mut()
                .allocate(data.len(), TAG, Owner::Driver, call.site(), Contents::Zeroed);
        let Ok(block) = block else {
            return STATUS_INSUFFICIENT_RESOURCES;
        };
        guest::write(target + 2, total);
        guest::write(target + 8, block);
    } else if guest::read::<u16>(target + 2) < total {
        return STATUS_BUFFER_TOO_SMALL;
    }
    guest::write_bytes(guest::read::<usize>(target + 8), data);
    guest::write(target, total.saturating_sub(2));
    STATUS_SUCCESS
}

fn call_entry(call: &Call, entry: usize, name: &str, kind: u32, data: &[u8]) -> NtStatus {
    let machine = call.machine;
    let name = sz(name);
    let name_at = machine.kernel_block(name.len());
    guest::write_bytes(name_at, &name);
    let data_at = machine.kernel_block(data.len());
    guest::write_bytes(data_at, data);
    let arguments = [
        name_at,
        kind as usize,
        data_at,
        data.len(),
        call.pointer(3),
        table::ENTRY_CONTEXT.get(entry),
    ];
    let result = machine.call_callback("QueryRoutine callback", table::ROUTINE.get(entry), &arguments);
    machine.free_kernel_block(data_at);
    machine.free_kernel_block(name_at);
    result as u32 as NtStatus
}
