//! The registry's functions: keys by handle, and values by relative path.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        Machine,
        handles::Target,
        layout::{object_attributes, query_table},
        registry::{DEVICE_KEY, DRIVER_KEY, REG_DWORD, REG_SZ, Registry, Value, sz},
        status::{
            NtStatus, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
            STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_OBJECT_NAME_NOT_FOUND,
            STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, nt_success,
        },
    },
    pool::{Contents, Owner},
};

const TAG: u32 = u32::from_le_bytes(*b"RegS");

const REG_EXPAND_SZ: u32 = 2;
const REG_MULTI_SZ: u32 = 7;

const RELATIVE_SERVICES: u32 = 1;
const RELATIVE_HANDLE: u32 = 0x4000_0000;
const RELATIVE_OPTIONAL: u32 = 0x8000_0000;

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

/// PLUGPLAY_REGKEY_DRIVER.
const DRIVER_REGKEY: u32 = 2;

pub(super) const EXPORTS: &[Export] = &[
    export("ZwOpenKey", |call| {
        let machine = call.machine;
        machine.registry_call("ZwOpenKey");
        let path = match machine.named_key(call.pointer(2)) {
            Ok(path) => path,
            Err(error) => return status(error),
        };
        if machine.fails("ZwOpenKey") {
            return status(STATUS_INSUFFICIENT_RESOURCES);
        }
        if !machine.registry.has(&path) {
            return status(STATUS_OBJECT_NAME_NOT_FOUND);
        }
        machine.give_key(call.pointer(0), path)
    }),
    export("ZwCreateKey", |call| {
        let machine = call.machine;
        machine.registry_call("ZwCreateKey");
        let path = match machine.named_key(call.pointer(2)) {
            Ok(path) => path,
            Err(error) => return status(error),
        };
        if machine.fails("ZwCreateKey") {
            return status(STATUS_INSUFFICIENT_RESOURCES);
        }
        let made = machine.registry.create(&path);
        if call.pointer(6) != 0 {
            // REG_CREATED_NEW_KEY or REG_OPENED_EXISTING_KEY.
            guest::write(call.pointer(6), if made { 1_u32 } else { 2 });
        }
        machine.give_key(call.pointer(0), path)
    }),
    export("ZwQueryValueKey", |call| {
        with_key(call, "ZwQueryValueKey", |path| {
            let name = guest::unicode_string(call.pointer(1));
            match call.machine.registry.value(path, &name) {
                Some(value) => describe_value(&value, call.u32(2), call.pointer(3), call.u32(4), call.pointer(5)),
                None => STATUS_OBJECT_NAME_NOT_FOUND,
            }
        })
    }),
    export("ZwEnumerateValueKey", |call| {
        with_key(call, "ZwEnumerateValueKey", |path| {
            match call.machine.registry.values(path).get(call.u32(1) as usize) {
                Some(value) => describe_value(value, call.u32(2), call.pointer(3), call.u32(4), call.pointer(5)),
                None => STATUS_NO_MORE_ENTRIES,
            }
        })
    }),
    export("ZwEnumerateKey", |call| {
        with_key(call, "ZwEnumerateKey", |path| {
            // KEY_BASIC_INFORMATION: the time of the last write, the title's index, the name.
            if call.u32(2) != 0 {
                return STATUS_INVALID_PARAMETER;
            }
            let keys = call.machine.registry.keys_in(path);
            let Some(name) = keys.get(call.u32(1) as usize) else {
                return STATUS_NO_MORE_ENTRIES;
            };
            let name = units(name);
            let mut answer = vec![0; 12];
            answer.extend(length(&name).to_le_bytes());
            answer.extend(name);
            put(&answer, 16, call.pointer(3), call.u32(4), call.pointer(5))
        })
    }),
    export("ZwSetValueKey", |call| {
        with_key(call, "ZwSetValueKey", |path| {
            let machine = call.machine;
            if machine.fails("ZwSetValueKey") {
                return STATUS_INSUFFICIENT_RESOURCES;
            }
            let name = guest::unicode_string(call.pointer(1));
            machine
                .registry
                .set(path, &name, call.u32(3), bytes(call.pointer(4), call.u32(5)));
            STATUS_SUCCESS
        })
    }),
    export("ZwDeleteValueKey", |call| {
        with_key(call, "ZwDeleteValueKey", |path| {
            let name = guest::unicode_string(call.pointer(1));
            if call.machine.registry.unset(path, &name) {
                STATUS_SUCCESS
            } else {
                STATUS_OBJECT_NAME_NOT_FOUND
            }
        })
    }),
    export("ZwDeleteKey", |call| {
        with_key(call, "ZwDeleteKey", |path| {
            if call.machine.registry.delete(path) {
                STATUS_SUCCESS
            } else {
                STATUS_INVALID_PARAMETER
            }
        })
    }),
    export("ZwFlushKey", |call| with_key(call, "ZwFlushKey", |_| STATUS_SUCCESS)),
    export("IoOpenDeviceRegistryKey", |call| {
        let machine = call.machine;
        machine.registry_call("IoOpenDeviceRegistryKey");
        if machine.fails("IoOpenDeviceRegistryKey") {
            return status(STATUS_INSUFFICIENT_RESOURCES);
        }
        let path = if call.u32(1) == DRIVER_REGKEY {
            DRIVER_KEY
        } else {
            DEVICE_KEY
        };
        machine.give_key(call.pointer(3), path.to_owned())
    }),
    export("RtlCheckRegistryKey", |call| {
        with_path(call, "RtlCheckRegistryKey", |path| {
            if call.machine.registry.has(path) {
                STATUS_SUCCESS
            } else {
                STATUS_OBJECT_NAME_NOT_FOUND
            }
        })
    }),
    export("RtlCreateRegistryKey", |call| {
        with_path(call, "RtlCreateRegistryKey", |path| {
            call.machine.registry.create(path);
            STATUS_SUCCESS
        })
    }),
    export("RtlWriteRegistryValue", |call| {
        with_path(call, "RtlWriteRegistryValue", |path| {
            let name = super::format::wide_string(call.pointer(2), usize::from(u16::MAX));
            let data = bytes(call.pointer(4), call.u32(5));
            if call.machine.registry.set(path, &name, call.u32(3), data) {
                STATUS_SUCCESS
            } else {
                STATUS_OBJECT_NAME_NOT_FOUND
            }
        })
    }),
    export("RtlDeleteRegistryValue", |call| {
        with_path(call, "RtlDeleteRegistryValue", |path| {
            let name = super::format::wide_string(call.pointer(2), usize::from(u16::MAX));
            if call.machine.registry.unset(path, &name) {
                STATUS_SUCCESS
            } else {
                STATUS_OBJECT_NAME_NOT_FOUND
            }
        })
    }),
    export("RtlQueryRegistryValues", |call| {
        with_path(call, "RtlQueryRegistryValues", |path| query_values(call, path))
    }),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn bytes(address: usize, count: u32) -> Vec<u8> {
    let mut bytes = vec![0; count as usize];
    guest::read_bytes(address, &mut bytes);
    bytes
}

/// Works on the key of the handle that is the first argument.
fn with_key(call: &Call, name: &'static str, work: impl FnOnce(&str) -> NtStatus) -> usize {
    call.machine.registry_call(name);
    status(match call.machine.target_of(call.pointer(0)) {
        Some(Target::Key(path)) => work(&path),
        Some(_) => STATUS_OBJECT_TYPE_MISMATCH,
        None => STATUS_INVALID_HANDLE,
    })
}

/// Works on the key that the first two arguments of an Rtl function name.
fn with_path(call: &Call, name: &'static str, work: impl FnOnce(&str) -> NtStatus) -> usize {
    call.machine.registry_call(name);
    let relative_to = call.u32(0);
    if relative_to & RELATIVE_HANDLE != 0 {
        return status(match call.machine.target_of(call.pointer(1)) {
            Some(Target::Key(path)) => work(&path),
            Some(_) => STATUS_OBJECT_TYPE_MISMATCH,
            None => STATUS_INVALID_HANDLE,
        });
    }
    let given = super::format::wide_string(call.pointer(1), usize::from(u16::MAX));
    let path = match relative_to & !RELATIVE_OPTIONAL {
        0 => given,
        RELATIVE_SERVICES => Registry::service_path(&given),
        2 => format!("\\Registry\\Machine\\System\\CurrentControlSet\\Control\\{given}"),
        3 => format!("\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion\\{given}"),
        4 => format!("\\Registry\\Machine\\Hardware\\DeviceMap\\{given}"),
        _ => return status(STATUS_INVALID_PARAMETER),
    };
    status(work(&path))
}

/// Writes as much of an answer as there is room for, and how long all of it is.
fn put(answer: &[u8], fixed: usize, target: usize, room: u32, length_at: usize) -> NtStatus {
    guest::write(length_at, length(answer));
    let room = room as usize;
    if room < fixed {
        return STATUS_BUFFER_TOO_SMALL;
    }
    guest::write_bytes(target, &answer[..answer.len().min(room)]);
    if answer.len() > room {
        STATUS_BUFFER_OVERFLOW
    } else {
        STATUS_SUCCESS
    }
}

/// The structures of KEY_VALUE_INFORMATION_CLASS.
fn describe_value(value: &Value, class: u32, target: usize, room: u32, length_at: usize) -> NtStatus {
    let name = units(&value.name);
    let mut answer = Vec::new();
    if class != 4 {
        answer.extend(0_u32.to_le_bytes());
    }
    answer.extend(value.kind.to_le_bytes());
    let fixed = match class {
        0 => {
            answer.extend(length(&name).to_le_bytes());
            answer.extend(name);
            12
        }
        1 | 3 => {
            let data_at = (20 + name.len()).next_multiple_of(8);
            answer.extend(u32::try_from(data_at).unwrap_or(u32::MAX).to_le_bytes());
            answer.extend(length(&value.data).to_le_bytes());
            answer.extend(length(&name).to_le_bytes());
            answer.extend(name);
            answer.resize(data_at, 0);
            answer.extend(&value.data);
            20
        }
        2 | 4 => {
            answer.extend(length(&value.data).to_le_bytes());
            let fixed = answer.len();
            answer.extend(&value.data);
            fixed
        }
        _ => return STATUS_INVALID_PARAMETER,
    };
    put(&answer, fixed, target, room, length_at)
}

/// RtlQueryRegistryValues: goes through the entries of the driver's table.
fn query_values(call: &Call, path: &str) -> NtStatus {
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
        let (routine, flags) = (query_table::ROUTINE.get(entry), query_table::FLAGS.get(entry));
        let name_at = query_table::NAME.get(entry);
        if routine == 0 && flags & (entry_flags::SUBKEY | entry_flags::DIRECT) == 0 {
            return STATUS_SUCCESS;
        }
        if flags & (entry_flags::TOPKEY | entry_flags::SUBKEY) != 0 {
            path.clone_into(&mut key);
        }
        let name = (name_at != 0).then(|| super::format::wide_string(name_at, usize::from(u16::MAX)));
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
        entry += query_table::BYTES;
    }
}

fn query_one(call: &Call, key: &str, entry: usize, name: &str) -> NtStatus {
    let flags = query_table::FLAGS.get(entry);
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
    let kind = query_table::DEFAULT_TYPE.get(entry) & 0x00FF_FFFF;
    if kind == 0 {
        return STATUS_SUCCESS;
    }
    let data_at = query_table::DEFAULT_DATA.get(entry);
    let data = match query_table::DEFAULT_LENGTH.get(entry) {
        0 if matches!(kind, REG_SZ | REG_EXPAND_SZ) => sz(&super::format::wide_string(data_at, usize::from(u16::MAX))),
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
        },
    )
}

/// Gives a value to the driver: by its routine, or directly.
fn hand_over(call: &Call, entry: usize, value: &Value) -> NtStatus {
    let flags = query_table::FLAGS.get(entry);
    if flags & entry_flags::DIRECT == 0 {
        return call_entry(call, entry, &value.name, value.kind, &value.data);
    }
    let expected = query_table::DEFAULT_TYPE.get(entry) >> 24;
    if flags & entry_flags::TYPE_CHECK != 0 && expected != value.kind {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    let target = query_table::ENTRY_CONTEXT.get(entry);
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
        query_table::ENTRY_CONTEXT.get(entry),
    ];
    let result = machine.call_callback("QueryRoutine callback", query_table::ROUTINE.get(entry), &arguments);
    machine.free_kernel_block(data_at);
    machine.free_kernel_block(name_at);
    result as u32 as NtStatus
}

impl Machine {
    /// The registry is paged: its functions wait for it.
    fn registry_call(&self, name: &str) {
        self.wait_allowed(name, true);
    }

    /// The path that OBJECT_ATTRIBUTES name.
    fn named_key(&self, attributes: usize) -> Result<String, NtStatus> {
        let name = guest::unicode_string(object_attributes::OBJECT_NAME.get(attributes));
        match object_attributes::ROOT_DIRECTORY.get(attributes) {
            0 => Ok(name),
            root => match self.target_of(root) {
                Some(Target::Key(path)) if name.is_empty() => Ok(path),
                Some(Target::Key(path)) => Ok(format!("{path}\\{name}")),
                Some(_) => Err(STATUS_OBJECT_TYPE_MISMATCH),
                None => Err(STATUS_INVALID_HANDLE),
            },
        }
    }

    fn give_key(&self, handle_at: usize, path: String) -> usize {
        let handle = self.open_handle(Target::Key(path));
        guest::write(handle_at, handle);
        status(STATUS_SUCCESS)
    }
}
