//! The watch over an idle device: every short course of events, against an account kept the plain way; and long ones at
//! random.
#![cfg(not(loom))]

use std::{collections::BTreeSet, num::NonZeroU32};

use policy::probe::{Action, Event, Suspension, Watch};
use proptest::prelude::*;

const PERIOD_MS: u64 = 3;
const HUNG_MS: u64 = 2;

/// What can come next: an event, a request of somebody else's, the work that a probe was asked of, the end of a probe, or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Event(Event),
    Traffic,
    Begin,
    End,
    Wait(u64),
}

fn steps() -> Vec<Step> {
    let events = Event::ALL.into_iter().map(Step::Event);
    let others = [
        Step::Traffic,
        Step::Begin,
        Step::End,
        Step::Wait(1),
        Step::Wait(PERIOD_MS),
    ];
    events.chain(others).collect()
}

/// The reasons not to probe as a set of names.
fn reasons(mut reasons: BTreeSet<&'static str>, event: Event) -> BTreeSet<&'static str> {
    match event {
        Event::Started => reasons.retain(|reason| *reason == "gone"),
        Event::StopAsked => _ = reasons.insert("stop asked"),
        Event::StopCancelled => _ = reasons.remove("stop asked"),
        Event::Stopped => {
            reasons.remove("stop asked");
            reasons.insert("not started");
        }
        Event::RemovalAsked => _ = reasons.insert("removal asked"),
        Event::RemovalCancelled => _ = reasons.remove("removal asked"),
        Event::Removed => _ = reasons.insert("gone"),
        Event::PoweredDown => _ = reasons.insert("asleep"),
        Event::PoweredUp => _ = reasons.remove("asleep"),
    }
    reasons
}

/// A device, its watch, and a timer that wakes it when it asked for that and at no other time.
struct Device {
    watch: Watch,
    now_ms: u64,
    timer_ms: Option<u64>,
    traffic: u64,
    // The account.
    reasons: BTreeSet<&'static str>,
    /// Since when nothing was sent that is not a probe, and nothing stood in the way.
    quiet_since_ms: u64,
    asked: bool,
    below_since_ms: Option<u64>,
    hung: bool,
    sent: u32,
}

impl Device {
    fn new(period_ms: u64, hung_ms: u64) -> Self {
        let period_ms = u32::try_from(period_ms).ok().and_then(NonZeroU32::new);
        Self {
            watch: Watch::new(period_ms.expect("it is one"), hung_ms as u32),
            now_ms: 7,
            timer_ms: None,
            traffic: 0,
            reasons: BTreeSet::from(["not started"]),
            quiet_since_ms: 0,
            asked: false,
            below_since_ms: None,
            hung: false,
            sent: 0,
        }
    }

    fn take(&mut self, step: Step, period_ms: u64, hung_ms: u64) {
        match step {
            Step::Event(event) => self.happen(event),
            Step::Traffic => {
                self.traffic += 1;
                self.quiet_since_ms = self.now_ms;
            }
            Step::Begin => {
                let expected = self.asked && self.reasons.is_empty();
                let begun = self.watch.begin(self.now_ms);
                assert_eq!(begun, expected.then(|| self.now_ms + hung_ms));
                if let Some(hung_at_ms) = begun {
                    self.below_since_ms = Some(self.now_ms);
                    self.hung = false;
                    self.sent += 1;
                    self.timer_ms = self.timer_ms.map(|timer_ms| timer_ms.min(hung_at_ms));
                }
                self.asked = false;
            }
            Step::End if self.below_since_ms.is_some() => {
                self.watch.ended();
                self.below_since_ms = None;
            }
            Step::End => {}
            Step::Wait(span_ms) => {
                for _ in 0..span_ms {
                    self.now_ms += 1;
                    while self.timer_ms.is_some_and(|timer_ms| timer_ms <= self.now_ms) {
                        self.wake(period_ms, hung_ms);
                    }
                    self.expect_told(hung_ms);
                }
            }
        }
        assert_eq!(self.watch.suspension().is_over(), self.reasons.is_empty());
    }

    fn happen(&mut self, event: Event) {
        let was_suspended = !self.reasons.is_empty();
        self.reasons = reasons(std::mem::take(&mut self.reasons), event);
        let is_suspended = !self.reasons.is_empty();
        let effect = self.watch.happened(event, self.now_ms, self.traffic);
        assert_eq!(effect.withdraw, is_suspended && self.below_since_ms.is_some());
        assert_eq!(effect.wake_ms.is_some(), was_suspended && !is_suspended);
        if let Some(wake_ms) = effect.wake_ms {
            self.quiet_since_ms = self.now_ms;
            self.below_since_ms = self.below_since_ms.map(|_| self.now_ms);
            self.timer_ms = Some(wake_ms);
        }
    }

    fn wake(&mut self, period_ms: u64, hung_ms: u64) {
        let woken = self.watch.wake(self.now_ms, self.traffic);
        assert_eq!(
            woken.next_ms.is_some(),
            self.reasons.is_empty(),
            "it wakes as long as it probes"
        );
        assert!(
            woken.next_ms.is_none_or(|next_ms| next_ms > self.now_ms),
            "it lets time pass"
        );
        self.timer_ms = woken.next_ms;
        match woken.action {
            Action::Nothing => {}
            Action::Send => {
                assert!(self.reasons.is_empty() && !self.asked && self.below_since_ms.is_none());
                assert!(self.now_ms - self.quiet_since_ms >= period_ms, "it was in use just now");
                self.asked = true;
            }
            Action::Hung => {
                let since_ms = self.below_since_ms.expect("only a probe that is below can be late");
                assert!(self.reasons.is_empty() && !self.hung && self.now_ms - since_ms >= hung_ms);
                self.hung = true;
            }
        }
    }

    /// What must have been said by now.
    fn expect_told(&self, hung_ms: u64) {
        if self.reasons.is_empty()
            && let Some(since_ms) = self.below_since_ms
            && self.now_ms - since_ms >= hung_ms
        {
            assert!(self.hung, "the device hangs, and nobody says so");
        }
    }
}

/// How long the courses are that are gone through.
const STEPS: u32 = 5;

#[test]
fn in_every_short_course_a_probe_is_sent_where_it_may_and_a_device_that_hangs_is_told_once() {
    let steps = steps();
    let count = steps.len() as u32;
    let mut sent = 0;
    for course in 0..count.pow(STEPS) {
        for started in [false, true] {
            let mut device = Device::new(PERIOD_MS, HUNG_MS);
            if started {
                device.take(Step::Event(Event::Started), PERIOD_MS, HUNG_MS);
                device.take(Step::Wait(PERIOD_MS), PERIOD_MS, HUNG_MS);
            }
            let mut rest = course;
            for _ in 0..STEPS {
                device.take(steps[(rest % count) as usize], PERIOD_MS, HUNG_MS);
                rest /= count;
            }
            sent += u64::from(device.sent);
        }
    }
    assert!(sent > 0);
}

#[test]
fn an_idle_device_is_probed_once_a_period_and_one_in_use_is_not() {
    let mut device = Device::new(100, 50);
    device.take(Step::Event(Event::Started), 100, 50);
    for count in 1..=10 {
        device.take(Step::Wait(100), 100, 50);
        device.take(Step::Begin, 100, 50);
        device.take(Step::End, 100, 50);
        assert_eq!(device.sent, count);
    }
    for _ in 0..10 {
        device.take(Step::Wait(99), 100, 50);
        device.take(Step::Traffic, 100, 50);
        device.take(Step::Wait(1), 100, 50);
        device.take(Step::Begin, 100, 50);
    }
    assert_eq!(device.sent, 10);
    // The period in which it was used last, and one that was quiet from its begin.
    device.take(Step::Wait(100), 100, 50);
    device.take(Step::Begin, 100, 50);
    assert_eq!(device.sent, 11);
}

#[test]
fn a_probe_that_was_taken_back_says_so_when_it_ends() {
    for event in [
        Event::StopAsked,
        Event::RemovalAsked,
        Event::Stopped,
        Event::Removed,
        Event::PoweredDown,
    ] {
        let mut watch = Watch::new(NonZeroU32::MIN, 100);
        watch.happened(Event::Started, 0, 0);
        for (now_ms, withdrawn) in [(10, false), (20, true), (30, false)] {
            // Whatever it was suspended for, but for the end.
            for resuming in [
                Event::Started,
                Event::PoweredUp,
                Event::RemovalCancelled,
                Event::StopCancelled,
            ] {
                watch.happened(resuming, now_ms, 0);
            }
            if watch.wake(now_ms + 1, 0).action != Action::Send {
                assert_eq!(event, Event::Removed);
                break;
            }
            assert!(watch.begin(now_ms + 1).is_some());
            if withdrawn {
                assert!(watch.happened(event, now_ms + 2, 0).withdraw);
            }
            assert_eq!(watch.ended(), withdrawn, "{event:?}");
        }
    }
}

#[test]
fn a_device_that_is_gone_never_comes_back() {
    let gone = Suspension::ADDED.after(Event::Removed);
    for first in Event::ALL {
        for second in Event::ALL {
            assert!(!gone.after(first).after(second).is_over());
        }
    }
}

proptest! {
    #[test]
    fn long_courses_are_as_the_plain_account_says(
        period_ms in 1_u64..50,
        hung_ms in 1_u64..50,
        course in prop::collection::vec((0_usize..18, 1_u64..120), 1..200),
    ) {
        let steps = steps();
        let mut device = Device::new(period_ms, hung_ms);
        device.take(Step::Event(Event::Started), period_ms, hung_ms);
        for (step, span_ms) in course {
            let step = steps.get(step).copied().unwrap_or(Step::Wait(span_ms));
            device.take(step, period_ms, hung_ms);
        }
    }
}
