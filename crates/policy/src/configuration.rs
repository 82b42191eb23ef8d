//! Every setting: its name, what it may be, what it is where nobody has said anything, and what it means.
//!
//! The table is the one source. What a driver reads is held to it here; the table of docs/configuration.md and the values
//! that driver.inx writes are made from it, or compared with it.
//!
//! What it is not: the registry. Where a value comes from and how it is read is the driver's business, which says what it
//! [`Found`].

use core::{
    num::NonZeroU32,
    // The processor's own in every build: nothing is ordered by it, and it stands in a static.
    sync::atomic::{AtomicU32, Ordering},
};

/// Where a setting may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// In the service's `Parameters` key, for every device; and in the hardware key of a device, which outweighs it.
    ServiceAndDevice,
    /// In the service's `Parameters` key alone.
    Service,
}

/// Which of the keys a value was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The service's `Parameters` key.
    Service,
    /// The hardware key of a device.
    Device,
}

/// What is known of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The value's name in the registry.
    pub name: &'static str,
    /// Where it may stand.
    pub keys: Keys,
    /// What it counts; empty where it is a choice.
    pub unit: &'static str,
    /// The least that it may be.
    pub minimum: u32,
    /// The most that it may be.
    pub maximum: u32,
    /// What it is where nobody has said anything, or what was said is no good.
    pub default: u32,
    /// What it does, in one or two sentences.
    pub meaning: &'static str,
}

/// Makes the enumeration, the definitions, and the values that a device goes by.
macro_rules! settings {
    ($(
        $(#[doc = $meaning:literal])+
        $setting:ident = $field:ident {
            keys: $keys:ident, unit: $unit:literal, range: $minimum:literal..=$maximum:literal, default: $default:literal
        }
    )*) => {
        /// A setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Setting {
            $($(#[doc = $meaning])+ $setting,)*
        }

        impl Setting {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$setting),*];

            /// What is known of it.
            #[must_use]
            pub const fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$setting => const {
                        assert!($minimum <= $default && $default <= $maximum, "the default is outside of the limits");
                        &Definition {
                            name: stringify!($setting),
                            keys: Keys::$keys,
                            unit: $unit,
                            minimum: $minimum,
                            maximum: $maximum,
                            default: $default,
                            meaning: concat!($($meaning),+).trim_ascii(),
                        }
                    },)*
                }
            }
        }

        /// What a device goes by: a value for each setting, within its limits.
        ///
        /// # Invariants
        ///
        /// Each value is within the limits of its setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Configuration {
            $($field: u32,)*
        }

        impl Configuration {
            /// The defaults.
            pub const DEFAULT: Self = Self {
                $($field: Setting::$setting.definition().default,)*
            };

            /// The value of a setting.
            #[must_use]
            pub const fn get(&self, setting: Setting) -> u32 {
                match setting {
                    $(Setting::$setting => self.$field,)*
                }
            }

            const fn set(&mut self, setting: Setting, value: u32) {
                match setting {
                    $(Setting::$setting => self.$field = value,)*
                }
            }
        }

        /// A configuration that can stand in a static: what the service's key says, for the devices that come later.
        ///
        /// It is stored once, before anybody loads it; its words are not one value while it is being stored.
        #[derive(Debug)]
        pub struct Shared {
            $($field: AtomicU32,)*
        }

        impl Shared {
            /// The defaults.
            #[must_use]
            pub const fn new() -> Self {
                Self {
                    $($field: AtomicU32::new(Configuration::DEFAULT.$field),)*
                }
            }

            /// Keeps it for [`load`](Self::load).
            pub fn store(&self, configuration: &Configuration) {
                $(self.$field.store(configuration.$field, Ordering::Relaxed);)*
            }

            /// What was stored.
            #[must_use]
            pub fn load(&self) -> Configuration {
                Configuration {
                    $($field: self.$field.load(Ordering::Relaxed),)*
                }
            }
        }

        impl Default for Shared {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

settings! {
    /// Whether the filter joins the device: 0 leaves it alone, as if the driver were not installed on it.
    Attach = attach { keys: ServiceAndDevice, unit: "", range: 0..=1, default: 1 }
    /// How many requests below a device are followed at once, at least; what comes beyond them passes uncounted.
    /// Rounded up to a multiple of 128, and never less than 128 for each processor.
    Slots = slots { keys: ServiceAndDevice, unit: "requests", range: 128..=65_536, default: 1_024 }
    /// The same for paging I/O, which has slots of its own, at least 32 for each processor.
    ReserveSlots = reserve_slots { keys: ServiceAndDevice, unit: "requests", range: 128..=65_536, default: 512 }
    /// Whether FLUSH_BUFFERS is followed; 0 lets it pass uncounted.
    FollowFlush = follow_flush { keys: ServiceAndDevice, unit: "", range: 0..=1, default: 1 }
    /// Whether DEVICE_CONTROL is followed; 0 lets it pass uncounted.
    FollowDeviceControl = follow_device_control { keys: ServiceAndDevice, unit: "", range: 0..=1, default: 1 }
    /// Whether BypassIO may be enabled above the device: 0 allows it, and reads then go past the filter uncounted;
    /// 1 vetoes it.
    BypassIo = bypass_io { keys: ServiceAndDevice, unit: "", range: 0..=1, default: 0 }
    /// Whether the driver writes to the System log what it could not do: 0 keeps it silent.
    LogEvents = log_events { keys: Service, unit: "", range: 0..=1, default: 1 }
}

/// What was found in a key where a setting may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A REG_DWORD.
    Dword(u32),
    /// A value of another type, which is given: REG_SZ is 1.
    WrongType(u32),
    /// A REG_DWORD of so many bytes, which are not four.
    WrongSize(u32),
    /// Something that cannot be read, with the NTSTATUS that says why.
    Unreadable(i32),
}

/// Why a value is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Its type, which is given, is not REG_DWORD.
    WrongType(u32),
    /// It has so many bytes, and not four.
    WrongSize(u32),
    /// It is below the least or above the most that the setting may be.
    OutOfRange(u32),
    /// It cannot be read.
    Unreadable(i32),
}

impl Configuration {
    /// Takes over what was found of a setting in `key`. Nothing changes where nothing was found, or what may not stand
    /// there.
    ///
    /// # Errors
    ///
    /// It is no good, and is ignored.
    pub const fn take(&mut self, setting: Setting, key: Key, found: Found) -> Result<(), Ignored> {
        if !setting.may_stand_in(key) {
            return Ok(());
        }
        match found {
            Found::Nothing => Ok(()),
            Found::Dword(value) => {
                let Definition { minimum, maximum, .. } = setting.definition();
                if value < *minimum || value > *maximum {
                    return Err(Ignored::OutOfRange(value));
                }
                self.set(setting, value);
                Ok(())
            }
            Found::WrongType(kind) => Err(Ignored::WrongType(kind)),
            Found::WrongSize(bytes) => Err(Ignored::WrongSize(bytes)),
            Found::Unreadable(status) => Err(Ignored::Unreadable(status)),
        }
    }

    /// Whether the filter joins the device.
    #[must_use]
    pub const fn attach(&self) -> bool {
        self.attach != 0
    }

    /// Whether FLUSH_BUFFERS is followed.
    #[must_use]
    pub const fn follow_flush(&self) -> bool {
        self.follow_flush != 0
    }

    /// Whether DEVICE_CONTROL is followed.
    #[must_use]
    pub const fn follow_device_control(&self) -> bool {
        self.follow_device_control != 0
    }

    /// Whether the driver writes to the System log.
    #[must_use]
    pub const fn log_events(&self) -> bool {
        self.log_events != 0
    }

    /// How many shards of `slots_per_shard` slots the slab of a device has, on a machine with so many processors.
    ///
    /// One for each processor, so that none has to take from another's; and as many more as the setting asks for.
    #[must_use]
    pub fn slab_shards(&self, processors: usize, slots_per_shard: NonZeroU32) -> usize {
        shards(self.slots, slots_per_shard).max(processors)
    }

    /// The same for the slots of paging I/O: a shard for every four processors at least.
    #[must_use]
    pub fn reserve_shards(&self, processors: usize, slots_per_shard: NonZeroU32) -> usize {
        const PROCESSORS_PER_SHARD: usize = 4;
        shards(self.reserve_slots, slots_per_shard).max(processors / PROCESSORS_PER_SHARD)
    }
}

/// How many shards it takes for so many slots.
const fn shards(slots: u32, slots_per_shard: NonZeroU32) -> usize {
    const { assert!(usize::BITS >= u32::BITS) };
    slots.div_ceil(slots_per_shard.get()) as usize
}

impl Setting {
    /// Whether a value in this key counts.
    #[must_use]
    pub const fn may_stand_in(self, key: Key) -> bool {
        match key {
            Key::Service => true,
            Key::Device => matches!(self.definition().keys, Keys::ServiceAndDevice),
        }
    }

    /// Its place in the table, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
