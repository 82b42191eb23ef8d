//! Systematic low resources: the places of the driver that call what can fail, and which of them fail in this run.
//!
//! A place is the driver's call stack at the call, in addresses relative to the image, and the routine of the driver that
//! the stack begins in: the same in every run with the same image, so that a run that only looks finds what later runs
//! let fail.
//!
//! Not here: which runs are made, see [`crate::lab`]; and failures at random, which are the machine's own.

use std::{cell::RefCell, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Machine;
use crate::report::Site;

/// A place that is made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailSite {
    id: u64,
    first_only: bool,
}

impl FailSite {
    /// Fails each time that it is reached.
    pub(crate) fn always(id: u64) -> Self {
        Self { id, first_only: false }
    }

    /// Fails the first time only.
    pub(crate) fn once(id: u64) -> Self {
        Self { id, first_only: true }
    }
}

/// What a place that fails the first time only has behind its id.
const FIRST: &str = ":first";

impl fmt::Display for FailSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.id, if self.first_only { FIRST } else { "" })
    }
}

impl FromStr for FailSite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, first_only) = match text.strip_suffix(FIRST) {
            Some(id) => (id, true),
            None => (text, false),
        };
        match u64::from_str_radix(id, 16) {
            Ok(id) => Ok(Self { id, first_only }),
            Err(_) => Err(format!(
                "{text:?} is no site: write the 16 hexadecimal digits that a report has, with {FIRST} behind them \
                 where it fails the first time only"
            )),
        }
    }
}

/// The places of this run.
pub(crate) struct Sites {
    /// Those that fail; `None` where nobody asks for places.
    failing: Option<Vec<FailSite>>,
    /// Those that were reached, in the order in which they first were.
    reached: RefCell<Vec<(u64, Site)>>,
}

impl Sites {
    pub(super) fn new(failing: Option<Vec<FailSite>>) -> Self {
        Self {
            failing,
            reached: RefCell::default(),
        }
    }

    /// Whether anything was made to fail so far.
    pub(crate) fn any_failed(&self) -> bool {
        self.reached.borrow().iter().any(|(_, site)| site.failed > 0)
    }

    /// Every place that was reached.
    pub(super) fn report(&self) -> Vec<Site> {
        self.reached.borrow().iter().map(|(_, site)| site.clone()).collect()
    }
}

impl Machine {
    /// The driver is at a call that can fail, which rules call `call`. Whether the place is one that fails now.
    pub(super) fn site_fails(&self, call: &'static str) -> bool {
        let Some(failing) = &self.sites.failing else {
            return false;
        };
        let Some(context) = self.scheduler.running() else {
            return false;
        };
        let routine = context
            .activations
            .borrow()
            .last()
            .map(|activation| activation.routine.kind());
        // What no routine of the driver calls is the lab's own.
        let (Some(routine), Some(frame)) = (routine, context.frame.get()) else {
            return false;
        };
        let frames = self.frames_of_call(context, frame);
        let words = frames.iter().map(|frame| u64::from(frame.rva));
        let id = hash(words, &[call, &routine]);
        let mut reached = self.sites.reached.borrow_mut();
        let index = reached.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            let driver = self.loaded();
            let lines = frames.iter().map(|frame| frame.display(&driver.symbols).to_string());
            let site = Site {
                id: format!("{id:016x}"),
                call: call.to_owned(),
                stack: lines.chain([format!("-- {routine}")]).collect(),
                failed: 0,
            };
            reached.push((id, site));
            reached.len() - 1
        });
        let site = &mut reached[index].1;
        let fails = failing
            .iter()
            .any(|failing| failing.id == id && !(failing.first_only && site.failed > 0));
        site.failed += u64::from(fails);
        fails
    }
}

/// FNV-1a over words and texts: the same on every machine.
fn hash(words: impl Iterator<Item = u64>, texts: &[&str]) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    let hash = words.flat_map(u64::to_le_bytes).fold(0xCBF2_9CE4_8422_2325, step);
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(hash, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_read_back_as_it_is_written() {
        for site in [FailSite::always(7), FailSite::once(u64::MAX)] {
            assert_eq!(site.to_string().parse(), Ok(site));
        }
        for wrong in ["", ":first", "seven", "1:last", "123456789abcdef01"] {
            let error = wrong.parse::<FailSite>().unwrap_err();
            assert!(error.contains("16 hexadecimal digits"), "{wrong}: {error}");
        }
    }

    #[test]
    fn places_that_differ_in_one_frame_the_call_or_the_routine_are_different() {
        let hashes = [
            hash([1, 2].into_iter(), &["IoAllocateIrp", "AddDevice"]),
            hash([1, 3].into_iter(), &["IoAllocateIrp", "AddDevice"]),
            hash([2, 1].into_iter(), &["IoAllocateIrp", "AddDevice"]),
            hash([1, 2].into_iter(), &["IoAllocateMdl", "AddDevice"]),
            hash([1, 2].into_iter(), &["IoAllocateIrp", "DriverEntry"]),
            hash([1, 2].into_iter(), &["IoAllocateIrpA", "ddDevice"]),
        ];
        let mut different = hashes.to_vec();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), hashes.len());
    }
}
