//! Where the settings come from: the service's `Parameters` key when the driver is loaded, and the hardware key of each
//! device when it is added.
//!
//! Nothing that is found there can keep the driver or a device from working: it is taken, or it is ignored and told. Which
//! settings there are and what they may be is in `policy::configuration`.

use policy::configuration::{Configuration, Found, Ignored, Key, Setting, Shared};
use wdm::{
    AddDevice, DriverEntry, NtError, NtStatus,
    registry::{self, OpenError, ValueError},
};

use crate::{
    events::{self, Log},
    filter::Filter,
};

/// What the service's key says, from DriverEntry on.
static SERVICE: Shared = Shared::new();

/// What came of reading a key.
struct Read {
    /// What was ignored, in the order of the table.
    ignored: [Option<Ignored>; Setting::ALL.len()],
    /// Why the key could not be read, where it is there.
    unreadable: Option<NtStatus>,
}

impl Read {
    const NOTHING: Self = Self {
        ignored: [None; Setting::ALL.len()],
        unreadable: None,
    };

    fn unreadable(status: impl Into<NtStatus>) -> Self {
        Self {
            unreadable: Some(status.into()),
            ..Self::NOTHING
        }
    }

    /// Takes every setting from an open key into `configuration`.
    fn from_key(configuration: &mut Configuration, which: Key, mut key: registry::Key<'_>) -> Self {
        let mut read = Self::NOTHING;
        for (&setting, ignored) in Setting::ALL.iter().zip(&mut read.ignored) {
            if !setting.may_stand_in(which) {
                continue;
            }
            let found = match key.dword(setting.definition().name) {
                Ok(value) => Found::Dword(value),
                Err(ValueError::Missing) => Found::Nothing,
                Err(ValueError::WrongType(kind)) => Found::WrongType(kind),
                Err(ValueError::WrongSize(bytes)) => Found::WrongSize(bytes),
                Err(ValueError::AccessDenied) => unreadable(NtError::ACCESS_DENIED),
                Err(ValueError::Failed(error)) => unreadable(error),
            };
            *ignored = configuration.take(setting, which, found).err();
        }
        read
    }

    /// Whatever became of the key.
    fn from_opened(
        configuration: &mut Configuration,
        which: Key,
        opened: Result<registry::Key<'_>, OpenError>,
    ) -> Self {
        match opened {
            Ok(key) => Self::from_key(configuration, which, key),
            // Most machines say nothing, and most disks nothing of their own.
            Err(OpenError::Missing) => Self::NOTHING,
            Err(OpenError::AccessDenied) => Self::unreadable(NtError::ACCESS_DENIED),
            Err(OpenError::Failed(error)) => Self::unreadable(error),
        }
    }

    /// Tells what was no good.
    fn tell(&self, to: &mut impl Log, key: Key) {
        if let Some(status) = self.unreadable {
            events::key_unreadable(to, key, status);
        }
        for (&setting, ignored) in Setting::ALL.iter().zip(&self.ignored) {
            if let Some(ignored) = ignored {
                events::setting_ignored(to, setting, key, *ignored);
            }
        }
    }
}

fn unreadable(error: NtError) -> Found {
    Found::Unreadable(NtStatus::from(error).to_raw())
}

/// Reads the service's settings, for every device that will be added.
pub(crate) fn initialise(entry: &mut DriverEntry<'_>) {
    let mut configuration = Configuration::DEFAULT;
    let read = match entry.service_key() {
        Ok(mut service) => Read::from_opened(&mut configuration, Key::Service, service.open("Parameters")),
        Err(error) => Read::from_opened(&mut configuration, Key::Service, Err(error)),
    };
    SERVICE.store(&configuration);
    if configuration.log_events() {
        read.tell(entry, Key::Service);
    }
}

/// Reads the settings of a device: what its hardware key says, else what the service's key says.
pub(crate) fn of_device(add: &mut AddDevice<'_, Filter>) -> Configuration {
    let mut configuration = SERVICE.load();
    let read = Read::from_opened(&mut configuration, Key::Device, add.hardware_key());
    if configuration.log_events() {
        read.tell(add, Key::Device);
    }
    configuration
}
