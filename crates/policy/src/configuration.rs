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
    /// It is a multiple of this.
    pub step: u32,
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
            keys: $keys:ident, unit: $unit:literal, range: $minimum:literal..=$maximum:literal, step: $step:literal,
            default: $default:literal
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
                        assert!(
                            u32::is_multiple_of($minimum, $step)
                                && u32::is_multiple_of($maximum, $step)
                                && u32::is_multiple_of($default, $step),
                            "a limit or the default is no multiple of the step"
                        );
                        &Definition {
                            name: stringify!($setting),
                            keys: Keys::$keys,
                            unit: $unit,
                            minimum: $minimum,
                            maximum: $maximum,
                            step: $step,
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
    Attach = attach { keys: ServiceAndDevice, unit: "", range: 0..=1, step: 1, default: 1 }
    /// How many requests below a device are followed at once, at least; what comes beyond them passes uncounted.
    /// Rounded up to a multiple of 128, and never less than 128 for each processor.
    Slots = slots { keys: ServiceAndDevice, unit: "requests", range: 128..=65_536, step: 1, default: 1_024 }
    /// The same for paging I/O, which has slots of its own, at least 32 for each processor.
    ReserveSlots = reserve_slots { keys: ServiceAndDevice, unit: "requests", range: 128..=65_536, step: 1, default: 512 }
    /// Whether FLUSH_BUFFERS is followed; 0 lets it pass uncounted.
    FollowFlush = follow_flush { keys: ServiceAndDevice, unit: "", range: 0..=1, step: 1, default: 1 }
    /// Whether DEVICE_CONTROL is followed; 0 lets it pass uncounted.
    FollowDeviceControl = follow_device_control { keys: ServiceAndDevice, unit: "", range: 0..=1, step: 1, default: 1 }
    /// Whether BypassIO may be enabled above the device: 0 allows it, and reads then go past the filter uncounted;
    /// 1 vetoes it.
    BypassIo = bypass_io { keys: ServiceAndDevice, unit: "", range: 0..=1, step: 1, default: 0 }
    /// How often a READ, WRITE or FLUSH_BUFFERS that failed with one of the statuses of `RetryStatuses` is sent again, at
    /// most; 0 sends none again.
    RetryAttempts = retry_attempts { keys: ServiceAndDevice, unit: "", range: 0..=8, step: 1, default: 0 }
    /// How long after it was sent first a request may still be sent again.
    RetryDeadlineMs = retry_deadline_ms { keys: ServiceAndDevice, unit: "ms", range: 1..=600_000, step: 1, default: 30_000 }
    /// How long is waited before a request is sent again for the first time; twice as long before each further time.
    RetryBackoffMs = retry_backoff_ms { keys: ServiceAndDevice, unit: "ms", range: 0..=10_000, step: 1, default: 10 }
    /// For which statuses a request is sent again: the sum of the bits of the table below.
    RetryStatuses = retry_statuses { keys: ServiceAndDevice, unit: "", range: 0..=4_095, step: 1, default: 15 }
    /// The longest READ or WRITE that the device is sent; a longer one is carried out in parts. 0 divides none.
    MaxTransferBytes = max_transfer_bytes { keys: ServiceAndDevice, unit: "bytes", range: 0..=16_777_216, step: 4_096, default: 0 }
    /// How many parts of one request are below the filter at once, at most. With 1 the request itself is sent for each
    /// part, and no IRP is allocated.
    SplitWindow = split_window { keys: ServiceAndDevice, unit: "parts", range: 1..=32, step: 1, default: 8 }
    /// How long a device is left without a request before it is probed with a READ of 4096 bytes; 0 never probes.
    ProbePeriodMs = probe_period_ms { keys: ServiceAndDevice, unit: "ms", range: 0..=3_600_000, step: 100, default: 0 }
    /// How long a probe may take before the device is said to hang.
    ProbeHungMs = probe_hung_ms { keys: ServiceAndDevice, unit: "ms", range: 100..=600_000, step: 1, default: 10_000 }
    /// Whether the driver writes to the System log what it could not do: 0 keeps it silent.
    LogEvents = log_events { keys: Service, unit: "", range: 0..=1, step: 1, default: 1 }
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
    /// It is below the least or above the most that the setting may be, or no multiple of its step.
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
                let Definition {
                    minimum, maximum, step, ..
                } = setting.definition();
                if value < *minimum || value > *maximum || !value.is_multiple_of(*step) {
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

    /// How often a request is sent again at most; 0 where retry is off.
    #[must_use]
    pub const fn retry_attempts(&self) -> u32 {
        self.retry_attempts
    }

    /// How long after it was sent first a request may still be sent again.
    #[must_use]
    pub const fn retry_deadline_ms(&self) -> u32 {
        self.retry_deadline_ms
    }

    /// How long is waited before a request is sent again for the first time.
    #[must_use]
    pub const fn retry_backoff_ms(&self) -> u32 {
        self.retry_backoff_ms
    }

    /// For which statuses a request is sent again, as bits.
    #[must_use]
    pub const fn retry_statuses(&self) -> u32 {
        self.retry_statuses
    }

    /// The longest transfer that the device is sent; `None` where nothing is divided.
    #[must_use]
    pub const fn max_transfer_bytes(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.max_transfer_bytes)
    }

    /// How many parts of a request are below at once, at most.
    #[must_use]
    pub const fn split_window(&self) -> u32 {
        self.split_window
    }

    /// How long a device is left without a request before it is probed; `None` where it never is.
    #[must_use]
    pub const fn probe_period_ms(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.probe_period_ms)
    }

    /// How long a probe may take.
    #[must_use]
    pub const fn probe_hung_ms(&self) -> u32 {
        self.probe_hung_ms
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
