//! Probes: when an idle device is asked whether it still answers, when it is not, and when it is said to hang.
//!
//! A device that nobody sends anything to tells nothing, and the first request after a quiet night is a bad moment to learn
//! that it is gone. So after a period without a request it is sent a READ of its own, one at a time. Not where it is about to
//! be stopped or removed, has gone, is not started or sleeps: a probe would be in the way there, or wake what sleeps.
//!
//! Here are the decisions, by the caller's clock in milliseconds. What it is not: a timer, a request or a lock; the driver has
//! those, and calls this with the lock held.

use core::num::NonZeroU32;

/// What happens to a device that lets it be probed, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// IRP_MN_START_DEVICE, carried out: the device works, and is powered.
    Started,
    /// IRP_MN_QUERY_STOP_DEVICE, agreed to.
    StopAsked,
    /// IRP_MN_CANCEL_STOP_DEVICE.
    StopCancelled,
    /// IRP_MN_STOP_DEVICE.
    Stopped,
    /// IRP_MN_QUERY_REMOVE_DEVICE, agreed to.
    RemovalAsked,
    /// IRP_MN_CANCEL_REMOVE_DEVICE.
    RemovalCancelled,
    /// IRP_MN_SURPRISE_REMOVAL or IRP_MN_REMOVE_DEVICE.
    Removed,
    /// IRP_MN_SET_POWER of the device, to another state than D0.
    PoweredDown,
    /// IRP_MN_SET_POWER of the device to D0.
    PoweredUp,
}

impl Event {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Started,
        Self::StopAsked,
        Self::StopCancelled,
        Self::Stopped,
        Self::RemovalAsked,
        Self::RemovalCancelled,
        Self::Removed,
        Self::PoweredDown,
        Self::PoweredUp,
    ];
}

/// Why a device is not probed: a bit for each reason, since one may end while another does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suspension(u8);

impl Suspension {
    const NOT_STARTED: u8 = 1;
    const STOP_ASKED: u8 = 2;
    const REMOVAL_ASKED: u8 = 4;
    const GONE: u8 = 8;
    const ASLEEP: u8 = 16;

    /// Of a device that has been added and no more.
    pub const ADDED: Self = Self(Self::NOT_STARTED);

    /// After something has happened.
    #[must_use]
    pub const fn after(self, event: Event) -> Self {
        let Self(now) = self;
        Self(match event {
            // Whatever was asked before is settled, and a device that starts is powered without being told to. One that is
            // gone is not started any more.
            Event::Started => now & Self::GONE,
            Event::StopAsked => now | Self::STOP_ASKED,
            Event::StopCancelled => now & !Self::STOP_ASKED,
            Event::Stopped => (now | Self::NOT_STARTED) & !Self::STOP_ASKED,
            Event::RemovalAsked => now | Self::REMOVAL_ASKED,
            Event::RemovalCancelled => now & !Self::REMOVAL_ASKED,
            Event::Removed => now | Self::GONE,
            Event::PoweredDown => now | Self::ASLEEP,
            Event::PoweredUp => now & !Self::ASLEEP,
        })
    }

    /// Whether there is no reason.
    #[must_use]
    pub const fn is_over(self) -> bool {
        self.0 == 0
    }
}

/// Where the one probe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Idle,
    /// It is to be sent.
    Asked,
    /// The drivers below have it.
    Below {
        since_ms: u64,
        /// It has been said that the device hangs.
        told: bool,
        /// It was taken back: its end tells nothing.
        withdrawn: bool,
    },
}

/// What is to be done when the time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// A probe is due.
    Send,
    /// The device hangs: the probe has been below for too long. Said once for each probe.
    Hung,
}

/// What came of waking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woken {
    /// What is to be done.
    pub action: Action,
    /// When to wake next; `None` where there is nothing to wait for until something happens.
    pub next_ms: Option<u64>,
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// A probe that is below is to be cancelled.
    pub withdraw: bool,
    /// When to wake, where the device is probed from now on.
    pub wake_ms: Option<u64>,
}

/// The watch over one device.
///
/// # Invariants
///
/// There is one probe at most: [`Action::Send`] is said in stage *Idle* alone, and leaves it.
#[derive(Debug, Clone)]
pub struct Watch {
    period_ms: u64,
    hung_ms: u64,
    suspension: Suspension,
    stage: Stage,
    /// How many requests the device had been sent when this was looked at last.
    traffic: u64,
    /// When the period ends that is running.
    due_ms: u64,
}

impl Watch {
    /// Over a device that has been added and not started.
    #[must_use]
    pub const fn new(period_ms: NonZeroU32, hung_ms: u32) -> Self {
        Self {
            period_ms: period_ms.get() as u64,
            hung_ms: hung_ms as u64,
            suspension: Suspension::ADDED,
            stage: Stage::Idle,
            traffic: 0,
            due_ms: 0,
        }
    }

    /// Something has happened to the device, which has been sent `traffic` requests so far.
    pub const fn happened(&mut self, event: Event, now_ms: u64, traffic: u64) -> Effect {
        let before = self.suspension;
        self.suspension = before.after(event);
        let resumed = !before.is_over() && self.suspension.is_over();
        let mut withdraw = false;
        if resumed {
            // As if it had been in use up to now: what has just started, or wakes, is not asked at once.
            self.begin_period(now_ms, traffic);
        }
        if let Stage::Below {
            since_ms, withdrawn, ..
        } = &mut self.stage
        {
            if resumed {
                // It may have been kept for as long as the device could not be used.
                *since_ms = now_ms;
            } else if !self.suspension.is_over() {
                *withdrawn = true;
                withdraw = true;
            }
        }
        Effect {
            withdraw,
            wake_ms: if resumed { self.next() } else { None },
        }
    }

    /// The time has come that was asked for, or another. The device has been sent `traffic` requests so far.
    pub const fn wake(&mut self, now_ms: u64, traffic: u64) -> Woken {
        let mut action = Action::Nothing;
        if !self.suspension.is_over() {
            return Woken { action, next_ms: None };
        }
        if now_ms >= self.due_ms {
            let quiet = traffic == self.traffic;
            self.begin_period(now_ms, traffic);
            if quiet && matches!(self.stage, Stage::Idle) {
                self.stage = Stage::Asked;
                action = Action::Send;
            }
        }
        if let Stage::Below { since_ms, told, .. } = &mut self.stage
            && !*told
            && now_ms.saturating_sub(*since_ms) >= self.hung_ms
        {
            *told = true;
            action = Action::Hung;
        }
        Woken {
            action,
            next_ms: self.next(),
        }
    }

    /// The probe that was asked for is about to be sent. Returns when it is said to hang; `None` where it is not to be sent after
    /// all.
    #[must_use = "the probe may be sent only where this says so"]
    pub const fn begin(&mut self, now_ms: u64) -> Option<u64> {
        if !matches!(self.stage, Stage::Asked) {
            return None;
        }
        if !self.suspension.is_over() {
            self.stage = Stage::Idle;
            return None;
        }
        self.stage = Stage::Below {
            since_ms: now_ms,
            told: false,
            withdrawn: false,
        };
        Some(now_ms.saturating_add(self.hung_ms))
    }

    /// The probe is not below any more: it is back, or was not sent. Returns whether it had been taken back.
    pub const fn ended(&mut self) -> bool {
        let withdrawn = matches!(self.stage, Stage::Below { withdrawn: true, .. });
        self.stage = Stage::Idle;
        withdrawn
    }

    /// Why the device is not probed, if there is a reason.
    #[must_use]
    pub const fn suspension(&self) -> Suspension {
        self.suspension
    }

    const fn begin_period(&mut self, now_ms: u64, traffic: u64) {
        self.traffic = traffic;
        self.due_ms = now_ms.saturating_add(self.period_ms);
    }

    /// When to wake next, where the device is probed.
    const fn next(&self) -> Option<u64> {
        let hung_ms = match self.stage {
            Stage::Below {
                since_ms, told: false, ..
            } => since_ms.saturating_add(self.hung_ms),
            _ => u64::MAX,
        };
        Some(if hung_ms < self.due_ms { hung_ms } else { self.due_ms })
    }
}
