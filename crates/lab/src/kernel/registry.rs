//! The registry: the driver's service key with its Parameters, the device's keys, and what the driver adds.
//!
//! Paths and names are compared without regard to case. Security, links, notifications and hives are not here.

use std::{cell::RefCell, collections::BTreeMap};

/// The key of all services.
const SERVICES: &str = "\\Registry\\Machine\\System\\CurrentControlSet\\Services";
/// The hardware key of the lab's disk.
pub(crate) const DEVICE_KEY: &str =
    "\\Registry\\Machine\\System\\CurrentControlSet\\Enum\\LAB\\Disk\\0\\Device Parameters";
/// The software key of its driver.
pub(crate) const DRIVER_KEY: &str =
    "\\Registry\\Machine\\System\\CurrentControlSet\\Control\\Class\\{4d36e967-e325-11ce-bfc1-08002be10318}\\0000";

/// REG_SZ.
pub(crate) const REG_SZ: u32 = 1;
/// REG_DWORD.
pub(crate) const REG_DWORD: u32 = 4;

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
    /// How many bytes it claims to have beyond its data, as in a registry that is damaged.
    pub(crate) missing: u32,
}

impl Value {
    /// How long it says that it is.
    pub(crate) fn length(&self) -> u32 {
        u32::try_from(self.data.len())
            .unwrap_or(u32::MAX)
            .saturating_add(self.missing)
    }
}

#[derive(Debug, Default)]
struct Key {
    name: String,
    /// By their names in lower case.
    values: BTreeMap<String, Value>,
}

/// All keys, by their paths in lower case.
pub(crate) struct Registry(RefCell<BTreeMap<String, Key>>);

impl Registry {
    /// What a machine has on which the driver was just installed as `service`.
    pub(crate) fn new(service: &str) -> Self {
        let registry = Self(RefCell::default());
        let service_key = format!("{SERVICES}\\{service}");
        registry.create(&format!("{service_key}\\Parameters"));
        registry.create(DEVICE_KEY);
        registry.create(DRIVER_KEY);
        for (name, value) in [("Type", 1), ("Start", 3), ("ErrorControl", 1)] {
            registry.set(&service_key, name, REG_DWORD, u32::to_le_bytes(value).to_vec());
        }
        let image = format!("\\SystemRoot\\System32\\drivers\\{service}.sys");
        registry.set(&service_key, "ImagePath", REG_SZ, sz(&image));
        registry
    }

    /// The path of a key below the services.
    pub(crate) fn service_path(name: &str) -> String {
        format!("{SERVICES}\\{name}")
    }

    /// The path of the key in which a driver keeps its settings.
    pub(crate) fn parameters_path(service: &str) -> String {
        format!("{SERVICES}\\{service}\\Parameters")
    }

    /// Takes a key away with all that is in it.
    pub(crate) fn delete_all(&self, path: &str) {
        let folded = fold(path);
        let inside = format!("{folded}\\");
        self.0
            .borrow_mut()
            .retain(|key, _| *key != folded && !key.starts_with(&inside));
    }

    /// Whether there is this key.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.borrow().contains_key(&fold(path))
    }

    /// Makes a key and those that it is in. False where it was there.
    pub(crate) fn create(&self, path: &str) -> bool {
        let mut keys = self.0.borrow_mut();
        let trimmed = path.trim_end_matches('\\');
        let mut made = false;
        for end in trimmed.match_indices('\\').map(|(at, _)| at).chain([trimmed.len()]) {
            let Some((_, name)) = trimmed[..end].rsplit_once('\\') else {
                continue;
            };
            made = false;
            keys.entry(fold(&trimmed[..end])).or_insert_with(|| {
                made = true;
                Key {
                    name: name.to_owned(),
                    ..Key::default()
                }
            });
        }
        made
    }

    /// Takes a key away. False where it has keys in it.
    pub(crate) fn delete(&self, path: &str) -> bool {
        let mut keys = self.0.borrow_mut();
        let folded = fold(path);
        let inside = format!("{folded}\\");
        if keys.keys().any(|key| key.starts_with(&inside)) {
            return false;
        }
        keys.remove(&folded);
        true
    }

    /// A value of a key.
    pub(crate) fn value(&self, path: &str, name: &str) -> Option<Value> {
        self.0.borrow().get(&fold(path))?.values.get(&fold(name)).cloned()
    }

    /// All values of a key, by their names.
    pub(crate) fn values(&self, path: &str) -> Vec<Value> {
        let keys = self.0.borrow();
        keys.get(&fold(path))
            .map(|key| key.values.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The names of the keys in a key.
    pub(crate) fn keys_in(&self, path: &str) -> Vec<String> {
        let inside = format!("{}\\", fold(path));
        let keys = self.0.borrow();
        keys.iter()
            .filter(|(path, _)| path.strip_prefix(&inside).is_some_and(|rest| !rest.contains('\\')))
            .map(|(_, key)| key.name.clone())
            .collect()
    }

    /// Sets a value of a key. False where there is no such key.
    pub(crate) fn set(&self, path: &str, name: &str, kind: u32, data: Vec<u8>) -> bool {
        self.put(
            path,
            Value {
                name: name.to_owned(),
                kind,
                data,
                missing: 0,
            },
        )
    }

    /// As [`Self::set`], with all there is to a value.
    pub(crate) fn put(&self, path: &str, value: Value) -> bool {
        let mut keys = self.0.borrow_mut();
        let Some(key) = keys.get_mut(&fold(path)) else {
            return false;
        };
        key.values.insert(fold(&value.name), value);
        true
    }

    /// Takes a value away. False where there is none.
    pub(crate) fn unset(&self, path: &str, name: &str) -> bool {
        let mut keys = self.0.borrow_mut();
        keys.get_mut(&fold(path))
            .is_some_and(|key| key.values.remove(&fold(name)).is_some())
    }
}

fn fold(text: &str) -> String {
    text.trim_end_matches('\\').to_lowercase()
}

/// The bytes of a REG_SZ.
pub(crate) fn sz(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_regard_to_case() {
        let registry = Registry::new("Thing");
        let path = Registry::service_path("tHING");
        assert!(registry.has(&path));
        assert_eq!(
            registry.value(&path, "START").map(|value| value.data),
            Some(vec![3, 0, 0, 0])
        );
    }

    #[test]
    fn a_key_is_made_with_those_that_it_is_in_and_told_to_be_new_once() {
        let registry = Registry::new("thing");
        let path = format!("{}\\A\\B", Registry::service_path("thing"));
        assert!(registry.create(&path));
        assert!(!registry.create(&path));
        assert_eq!(registry.keys_in(&Registry::service_path("thing")), ["A", "Parameters"]);
    }

    #[test]
    fn a_key_with_a_key_in_it_stays() {
        let registry = Registry::new("thing");
        assert!(!registry.delete(&Registry::service_path("thing")));
        assert!(registry.delete(&format!("{}\\Parameters", Registry::service_path("thing"))));
        assert!(registry.delete(&Registry::service_path("thing")));
        assert!(!registry.has(&Registry::service_path("thing")));
    }
}
