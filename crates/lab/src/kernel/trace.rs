//! What happened, in order: the event log of a run, and the history of each IRP.
//!
//! An event holds serial numbers and never an address, so the log of a seed is the same on every machine.

use std::{fmt, hash::Hasher};

use super::status;

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) time_ns: u64,
    pub(crate) processor: u8,
    pub(crate) irql: u8,
    /// The serial number of the IRP that it is about, or 0.
    pub(crate) irp: u64,
    pub(crate) what: What,
}

/// What kind of event it is. Devices, contexts and blocks are told by their serial numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Allocated {
        stack_locations: u8,
    },
    Called {
        device: u32,
        major: u8,
        minor: u8,
        location: u8,
    },
    Returned {
        device: u32,
        status: i32,
    },
    Registered {
        device: u32,
        location: u8,
    },
    RegistrationRefused {
        device: u32,
    },
    MarkedPending {
        device: u32,
    },
    Completed {
        device: u32,
        status: i32,
        information: u64,
    },
    RoutineCalled {
        device: u32,
        status: i32,
    },
    RoutineReturned {
        device: u32,
        status: i32,
    },
    Done {
        status: i32,
        information: u64,
    },
    Cancelled,
    Freed,
    Pended {
        device: u32,
        until_ns: u64,
    },
    Injected {
        call: &'static str,
    },
    Call {
        function: &'static str,
        context: u16,
    },
    Switched {
        context: u16,
    },
    Phase {
        name: &'static str,
    },
    Preempted {
        context: u16,
        /// Relative to the driver's image, and 0 where it is outside.
        at: u32,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.time_ns / 1000;
        write!(
            f,
            "{us:>9}.{:03} us  cpu {} irql {}  ",
            self.time_ns % 1000,
            self.processor,
            self.irql
        )?;
        if self.irp != 0 {
            write!(f, "irp {}: ", self.irp)?;
        }
        match self.what {
            What::Allocated { stack_locations } => write!(f, "allocated, {stack_locations} stack locations"),
            What::Called {
                device,
                major,
                minor,
                location,
            } => {
                write!(
                    f,
                    "sent to device {device}, major {major:#04x} minor {minor:#04x}, location {location}"
                )
            }
            What::Returned { device, status } => {
                write!(f, "dispatch of device {device} returned {}", status::name(status))
            }
            What::Registered { device, location } => {
                write!(
                    f,
                    "completion routine of device {device} registered with Ex in location {location}"
                )
            }
            What::RegistrationRefused { device } => {
                write!(
                    f,
                    "IoSetCompletionRoutineEx of device {device} refused, STATUS_INSUFFICIENT_RESOURCES"
                )
            }
            What::MarkedPending { device } => write!(f, "marked pending by device {device}"),
            What::Completed {
                device,
                status,
                information,
            } => write!(
                f,
                "completed by device {device} with {}, information {information:#x}",
                status::name(status)
            ),
            What::RoutineCalled { device, status } => {
                write!(
                    f,
                    "completion routine of device {device} called, {}",
                    status::name(status)
                )
            }
            What::RoutineReturned { device, status } => {
                write!(
                    f,
                    "completion routine of device {device} returned {}",
                    status::name(status)
                )
            }
            What::Done { status, information } => {
                write!(
                    f,
                    "back at its sender with {}, information {information:#x}",
                    status::name(status)
                )
            }
            What::Cancelled => write!(f, "cancelled by its sender"),
            What::Freed => write!(f, "freed"),
            What::Pended { device, until_ns } => {
                write!(f, "pending at device {device} until {} us", until_ns / 1000)
            }
            What::Injected { call } => write!(f, "{call} made to fail"),
            What::Call { function, context } => write!(f, "{function}, context {context}"),
            What::Switched { context } => write!(f, "context {context} runs"),
            What::Phase { name } => write!(f, "== {name}"),
            What::Preempted { context, at } => write!(f, "context {context} preempted at +{at:#x}"),
        }
    }
}

/// The log of a run: a running hash of every event, and their text where it was asked for.
pub(crate) struct Trace {
    hash: Fnv,
    events: u64,
    text: Option<String>,
}

/// FNV-1a: the same on every machine and for every version of Rust, which the standard hasher does not promise.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}

impl Fnv {
    fn word(&mut self, word: u64) {
        // A whole word at a time: what is asked of the hash is that it tells two logs apart, quickly.
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
    }
}

impl Trace {
    pub(crate) fn new(with_text: bool) -> Self {
        Self {
            hash: Fnv(0xCBF2_9CE4_8422_2325),
            events: 0,
            text: with_text.then(String::new),
        }
    }

    pub(crate) fn add(&mut self, event: &Event) {
        use fmt::Write as _;
        self.events += 1;
        self.hash.word(event.time_ns);
        self.hash
            .word(u64::from(event.processor) << 32 | u64::from(event.irql) << 8 | event.what.number());
        self.hash.word(event.irp);
        self.hash.word(event.what.payload(&mut Fnv(0)));
        if let Some(text) = &mut self.text {
            let _ = writeln!(text, "{event}");
        }
    }

    /// The hash over all events so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many events there were.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// The text of the log, where it was asked for.
    pub(crate) fn take_text(&mut self) -> Option<String> {
        self.text.take()
    }
}

impl What {
    fn number(&self) -> u64 {
        match self {
            Self::Allocated { .. } => 1,
            Self::Called { .. } => 2,
            Self::Returned { .. } => 3,
            Self::Registered { .. } => 4,
            Self::RegistrationRefused { .. } => 5,
            Self::MarkedPending { .. } => 6,
            Self::Completed { .. } => 7,
            Self::RoutineCalled { .. } => 8,
            Self::RoutineReturned { .. } => 9,
            Self::Done { .. } => 10,
            Self::Cancelled => 11,
            Self::Freed => 12,
            Self::Pended { .. } => 13,
            Self::Injected { .. } => 14,
            Self::Call { .. } => 15,
            Self::Switched { .. } => 16,
            Self::Phase { .. } => 17,
            Self::Preempted { .. } => 18,
        }
    }

    fn payload(&self, hash: &mut Fnv) -> u64 {
        match *self {
            Self::Allocated { stack_locations } => u64::from(stack_locations),
            Self::Called {
                device,
                major,
                minor,
                location,
            } => u64::from(device) << 32 | u64::from(major) << 16 | u64::from(minor) << 8 | u64::from(location),
            Self::Registered { device, location } => u64::from(device) << 32 | u64::from(location),
            Self::RegistrationRefused { device } | Self::MarkedPending { device } => u64::from(device),
            Self::Returned { device, status }
            | Self::RoutineCalled { device, status }
            | Self::RoutineReturned { device, status } => u64::from(device) << 32 | u64::from(status as u32),
            Self::Completed {
                device,
                status,
                information,
            } => information ^ (u64::from(device) << 48) ^ (u64::from(status as u32) << 16),
            Self::Done { status, information } => information ^ (u64::from(status as u32) << 32),
            Self::Cancelled | Self::Freed => 0,
            Self::Pended { device, until_ns } => until_ns ^ (u64::from(device) << 48),
            Self::Injected { call } => {
                hash.write(call.as_bytes());
                hash.finish()
            }
            Self::Call { function, context } => {
                hash.write(function.as_bytes());
                hash.finish() ^ u64::from(context)
            }
            Self::Switched { context } => u64::from(context),
            Self::Preempted { context, at } => u64::from(context) << 32 | u64::from(at),
            Self::Phase { name } => {
                hash.write(name.as_bytes());
                hash.finish()
            }
        }
    }
}
