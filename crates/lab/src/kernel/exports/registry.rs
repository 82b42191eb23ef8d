//! The registry's functions: keys by handle, and values by relative path. RtlQueryRegistryValues is in `query_table`.

use super::{Call, Export, export, query_table};
use crate::{
    guest,
    kernel::{
        Machine,
        handles::Target,
        layout::object_attributes,
        registry::{DEVICE_KEY, DRIVER_KEY, Registry, Value},
        status::{
            NtStatus, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
            STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_OBJECT_NAME_NOT_FOUND,
            STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
        },
    },
};

const RELATIVE_SERVICES: u32 = 1;
const RELATIVE_HANDLE: u32 = 0x4000_0000;
pub(super) const RELATIVE_OPTIONAL: u32 = 0x8000_0000;

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
        if let Some(error) = machine.failure("ZwOpenKey", STATUS_INSUFFICIENT_RESOURCES) {
            return status(error);
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
            put(&answer, 0, 16, call.pointer(3), call.u32(4), call.pointer(5))
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
        if let Some(error) = machine.failure("IoOpenDeviceRegistryKey", STATUS_INSUFFICIENT_RESOURCES) {
            return status(error);
        }
        let path = if call.u32(1) == DRIVER_REGKEY {
            DRIVER_KEY
        } else {
            DEVICE_KEY
        };
        if !machine.registry.has(path) {
            return status(STATUS_OBJECT_NAME_NOT_FOUND);
        }
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
        with_path(call, "RtlQueryRegistryValues", |path| {
            query_table::query_values(call, path)
        })
    }),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

pub(super) fn bytes(address: usize, count: u32) -> Vec<u8> {
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

/// Writes as much of an answer as there is room for, and how long all of it is with what cannot be had.
fn put(answer: &[u8], unwritten: u32, fixed: usize, target: usize, room: u32, length_at: usize) -> NtStatus {
    guest::write(length_at, length(answer).saturating_add(unwritten));
    let room = room as usize;
    if room < fixed {
        return STATUS_BUFFER_TOO_SMALL;
    }
    guest::write_bytes(target, &answer[..answer.len().min(room)]);
    if answer.len() > room || unwritten > 0 {
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
            answer.extend(value.length().to_le_bytes());
            answer.extend(length(&name).to_le_bytes());
            answer.extend(name);
            answer.resize(data_at, 0);
            answer.extend(&value.data);
            20
        }
        2 | 4 => {
            answer.extend(value.length().to_le_bytes());
            let fixed = answer.len();
            answer.extend(&value.data);
            fixed
        }
        _ => return STATUS_INVALID_PARAMETER,
    };
    let unwritten = value.length() - length(&value.data);
    put(&answer, unwritten, fixed, target, room, length_at)
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
