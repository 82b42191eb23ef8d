//! What a script finds and leaves in the registry, and what the driver has written to the System log.

use super::World;
use crate::kernel::{
    error_log::LogEntry,
    registry::{DEVICE_KEY, REG_DWORD, Registry, Value},
};

/// A key in which a driver keeps settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryKey {
    /// The driver's service key, which is the registry path that DriverEntry gets.
    Service,
    /// The key `Parameters` in it.
    Parameters,
    /// The hardware key, which IoOpenDeviceRegistryKey opens with PLUGPLAY_REGKEY_DEVICE. All devices of a script share
    /// one.
    Hardware,
}

impl World {
    fn path(&self, key: RegistryKey) -> String {
        let service = &self.machine.config.service;
        match key {
            RegistryKey::Service => Registry::service_path(service),
            RegistryKey::Parameters => Registry::parameters_path(service),
            RegistryKey::Hardware => DEVICE_KEY.to_owned(),
        }
    }

    /// Sets a REG_DWORD.
    pub fn set_dword(&self, key: RegistryKey, name: &str, value: u32) {
        self.set_value(key, name, REG_DWORD, &value.to_le_bytes());
    }

    /// Sets a value of any type.
    pub fn set_value(&self, key: RegistryKey, name: &str, kind: u32, data: &[u8]) {
        self.set_damaged_value(key, name, kind, data, 0);
    }

    /// Sets a value that claims to be longer by `missing` bytes than its data, as in a registry that is damaged.
    ///
    /// # Panics
    ///
    /// The script has deleted the key.
    pub fn set_damaged_value(&self, key: RegistryKey, name: &str, kind: u32, data: &[u8], missing: u32) {
        let value = Value {
            name: name.to_owned(),
            kind,
            data: data.to_vec(),
            missing,
        };
        let set = self.machine.registry.put(&self.path(key), value);
        assert!(set, "there is no key {key:?} any more");
    }

    /// Takes a value away. False where there was none.
    pub fn delete_value(&self, key: RegistryKey, name: &str) -> bool {
        self.machine.registry.unset(&self.path(key), name)
    }

    /// Takes a key away, with all that is in it.
    pub fn delete_key(&self, key: RegistryKey) {
        self.machine.registry.delete_all(&self.path(key));
    }

    /// What the driver has written with IoWriteErrorLogEntry since this was last asked.
    pub fn take_log_entries(&self) -> Vec<LogEntry> {
        self.machine.error_log.take()
    }
}
