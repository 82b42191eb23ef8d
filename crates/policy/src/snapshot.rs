//! What a reader gets of a device's statistics: plain numbers, of one device or of several merged.
//!
//! It is not what the control interface sends; that has a layout of its own.

use crate::counters::Counters;
use crate::errors::ErrorCounts;

/// The statistics of one device, of several, or of none.
///
/// It has 12 KB, half of a kernel stack: a driver keeps it in zeroed pool, where all-zero memory is the snapshot of
/// no device, and adds to it with [`Statistics::add_to`](crate::Statistics::add_to).
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C)]
pub struct Snapshot {
    /// How many devices this is the sum of.
    pub devices: u64,
    /// When counting began, in ticks of the performance counter; with several devices, the earliest. 0 with none.
    pub started_at_ticks: u64,
    /// The rate of that counter; 0 with no device. One machine has one.
    pub frequency_hz: u64,
    /// Requests in flight when this was read.
    pub in_flight: u64,
    /// The most requests that were in flight at once on one device. How many all devices had at once is not known.
    pub in_flight_peak: u64,
    /// Errors by NTSTATUS.
    pub errors: ErrorCounts,
    /// What all processors counted.
    pub counters: Counters<u64>,
}

impl Snapshot {
    /// The snapshot of no device.
    pub const EMPTY: Self = Self {
        devices: 0,
        started_at_ticks: 0,
        frequency_hz: 0,
        in_flight: 0,
        in_flight_peak: 0,
        errors: ErrorCounts::EMPTY,
        counters: Counters::EMPTY,
    };

    /// Adds what `other` counted. Sums stop at `u64::MAX`.
    pub fn merge(&mut self, other: &Self) {
        if other.devices == 0 {
            return;
        }
        self.add_device(&Device {
            count: other.devices,
            started_at_ticks: other.started_at_ticks,
            frequency_hz: other.frequency_hz,
            in_flight: other.in_flight,
            in_flight_peak: other.in_flight_peak,
        });
        self.errors.merge(&other.errors);
        self.counters.merge(&other.counters);
    }

    /// Adds all of a device that is not a table.
    pub(crate) fn add_device(&mut self, device: &Device) {
        if self.devices == 0 {
            self.started_at_ticks = device.started_at_ticks;
            self.frequency_hz = device.frequency_hz;
        }
        self.devices = self.devices.saturating_add(device.count);
        self.started_at_ticks = self.started_at_ticks.min(device.started_at_ticks);
        self.in_flight = self.in_flight.saturating_add(device.in_flight);
        self.in_flight_peak = self.in_flight_peak.max(device.in_flight_peak);
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// What [`Snapshot`] has of one device, or of `count` merged ones, but for the tables.
pub(crate) struct Device {
    count: u64,
    started_at_ticks: u64,
    frequency_hz: u64,
    in_flight: u64,
    in_flight_peak: u64,
}

impl Device {
    /// One device, with its gauge as it was read: the peak may lag behind where a request was just being counted.
    pub(crate) fn one(started_at_ticks: u64, frequency_hz: u64, in_flight: u64, in_flight_peak: u64) -> Self {
        Self {
            count: 1,
            started_at_ticks,
            frequency_hz,
            in_flight,
            in_flight_peak: in_flight_peak.max(in_flight),
        }
    }
}
