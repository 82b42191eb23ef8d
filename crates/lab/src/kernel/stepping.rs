//! Where the driver's code is executed instruction by instruction, and before which instruction it is preempted.
//!
//! While the processor's trap flag is set it traps after each instruction. It is set for windows of some hundred
//! instructions, which begin where the kernel hands the processor to the driver: at the entry of a routine, and where a
//! call of the kernel returns. In a window the driver may be interrupted before any instruction, and is so most often
//! around those that are locked, which is where code shares something with other processors.
//!
//! Here is decided, by the seed, what is to happen. It is done in `interrupted`; the choice of who runs meanwhile is
//! the scheduler's. Everything is counted in instructions and nothing in time, so a seed repeats it.

use std::cell::Cell;

use super::{entry, random::Random};

/// In how many of 1000 places where a window can begin one does, until there have been [`STEPS_IN_FULL`].
const WINDOWS_PER_MILLE: u32 = 200;

/// The same for the first places of a part of the run, of which some, as AddDevice, have but few.
const FIRST_WINDOWS_PER_MILLE: u32 = 600;
const FIRST_PLACES: u64 = 10;

/// How many instructions of a part of the run are stepped through before windows become rarer: a step costs as much as
/// some hundred calls of the kernel, and a long run is not to take for ever.
const STEPS_IN_FULL: u64 = 700;

/// The longest window.
const WINDOW_STEPS_MAX: u64 = 250;

/// In how many of 1000 windows the first preemption comes soon, which is where routines look at what they share.
const EARLY_PER_MILLE: u32 = 500;
/// How soon.
const EARLY_STEPS: u64 = 24;

/// In how many of 1000 cases the driver is preempted before a locked instruction, and in how many right after it.
const LOCKED_PER_MILLE: u32 = 150;

/// How often other contexts are asked to run before the one that was preempted goes on.
const ROUNDS: [u32; 6] = [1, 2, 4, 8, 16, 32];
/// How much time each of these rounds takes, so that what the driver waits for may come meanwhile.
const ROUND_NS: [u64; 4] = [0, 100, 2_000, 20_000];

/// What matters of an instruction to who steps over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It stores the flags, the trap flag among them.
    PushFlags,
    /// It loads the flags.
    PopFlags,
    /// It reads and writes memory as one.
    Locked,
    /// Any other.
    Other,
}

impl Kind {
    /// That of the instruction which begins with these bytes.
    pub(super) fn of(code: &[u8]) -> Self {
        let is_prefix = |byte: &u8| matches!(byte, 0x66 | 0xF2 | 0xF3 | 0x40..=0x4F);
        let start = code.iter().position(|byte| !is_prefix(byte)).unwrap_or(code.len());
        match code[start..] {
            [0x9C, ..] => Self::PushFlags,
            // POPF, and IRET, which is no less strange in a driver.
            [0x9D | 0xCF, ..] => Self::PopFlags,
            [0xF0, ..] => Self::Locked,
            // XCHG with memory, which is locked by itself.
            [0x86 | 0x87, operands, ..] if operands < 0xC0 => Self::Locked,
            _ => Self::Other,
        }
    }
}

/// A stretch of code in the course of being stepped through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// How many instructions it still has.
    left: u64,
    /// How many of them are executed before the driver is preempted next.
    until: u64,
    /// What was executed last.
    pub(super) last: Kind,
}

/// How many of the registers of a signal handler's context are those of the processor: R8 to RSP, RIP, and the flags.
const REGISTERS: usize = 18;

/// What is to happen before the next instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is executed.
    GoOn,
    /// The driver is preempted.
    Preempt,
    /// The window is over.
    End,
}

/// The seeded choices of where to step.
pub(crate) struct Stepping {
    is_on: bool,
    random: Random,
    window: Cell<Option<Window>>,
    steps: Cell<u64>,
    /// How many there were when the part of the run began that is played.
    steps_before: Cell<u64>,
    /// How many places there have been in it where a window could begin.
    places: Cell<u64>,
    preemptions: Cell<u64>,
    /// What was in the registers at the last trap.
    seen: Cell<[i64; REGISTERS]>,
}

impl Stepping {
    pub(super) fn new(seed: u64, is_on: bool) -> Self {
        Self {
            is_on,
            random: Random::new(seed, "stepping"),
            window: Cell::new(None),
            steps: Cell::new(0),
            steps_before: Cell::new(0),
            places: Cell::new(0),
            preemptions: Cell::new(0),
            seen: Cell::new([0; REGISTERS]),
        }
    }

    /// Whether the driver is preempted between its instructions in this run.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// How many instructions were stepped over.
    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// How often the driver was preempted between two instructions.
    pub(super) fn preemptions(&self) -> u64 {
        self.preemptions.get()
    }

    /// Whether the trap with these registers is the one before once more: no instruction has been executed between. On a
    /// virtual processor that happens, seldom and not by any seed, so it must not be counted.
    pub(super) fn is_repeated(&self, registers: &[i64]) -> bool {
        let now = registers.first_chunk().copied().unwrap_or_default();
        self.seen.replace(now) == now
    }

    /// Another part of the run begins, which is stepped through as often as if it were the first.
    pub(super) fn begin_part(&self) {
        self.steps_before.set(self.steps.get());
        self.places.set(0);
    }

    /// The processor is about to be handed to the driver. What comes next is that it is.
    pub(super) fn hand_over(&self) {
        if !self.is_on {
            return;
        }
        let rarer = ((self.steps.get() - self.steps_before.get()) / STEPS_IN_FULL).max(1);
        let place = self.places.replace(self.places.get() + 1);
        let per_mille = if place < FIRST_PLACES {
            FIRST_WINDOWS_PER_MILLE
        } else {
            WINDOWS_PER_MILLE
        };
        let begins = self.random.below(1000 * rarer) < u64::from(per_mille);
        self.set_window(begins.then(|| self.new_window()));
        entry::set_trapping(begins);
    }

    fn new_window(&self) -> Window {
        Window {
            left: 1 + self.random.below(WINDOW_STEPS_MAX),
            until: self.distance(),
            last: Kind::Other,
        }
    }

    fn distance(&self) -> u64 {
        let limit = if self.random.chance(EARLY_PER_MILLE) {
            EARLY_STEPS
        } else {
            WINDOW_STEPS_MAX
        };
        1 + self.random.below(limit)
    }

    /// The window that the driver's code is in, if it is in one.
    pub(super) fn window(&self) -> Option<Window> {
        self.window.get()
    }

    /// Puts the window of a context that goes on in place, or takes away that of one that does not.
    pub(super) fn set_window(&self, window: Option<Window>) {
        self.window.set(window);
        self.seen.set([0; REGISTERS]);
    }

    /// An instruction of the driver's has been executed in a window, and `next` would be the next one.
    pub(super) fn step(&self, mut window: Window, next: Kind) -> Step {
        self.steps.set(self.steps.get() + 1);
        let near_locked = next == Kind::Locked || window.last == Kind::Locked;
        window.last = next;
        window.left = window.left.saturating_sub(1);
        window.until = window.until.saturating_sub(1);
        if window.left == 0 {
            self.window.set(None);
            return Step::End;
        }
        let preempts = window.until == 0 || near_locked && self.random.chance(LOCKED_PER_MILLE);
        if preempts {
            window.until = self.distance();
            self.preemptions.set(self.preemptions.get() + 1);
        }
        self.window.set(Some(window));
        if preempts { Step::Preempt } else { Step::GoOn }
    }

    /// How often others run while a context is preempted, and how much time passes each time.
    pub(super) fn rounds(&self) -> (u32, u64) {
        let rounds = ROUNDS[self.random.index(ROUNDS.len())];
        (rounds, ROUND_NS[self.random.index(ROUND_NS.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which steps of many windows are preemptions, with a locked instruction now and then.
    fn preemptions(seed: u64) -> Vec<usize> {
        let stepping = Stepping::new(seed, true);
        let mut found = Vec::new();
        let mut number = 0;
        for _ in 0..40 {
            stepping.set_window(Some(stepping.new_window()));
            while let Some(window) = stepping.window() {
                let next = if number % 50 == 49 { Kind::Locked } else { Kind::Other };
                if stepping.step(window, next) == Step::Preempt {
                    found.push(number);
                }
                number += 1;
            }
        }
        found
    }

    #[test]
    fn the_same_seed_preempts_at_the_same_instructions_and_another_at_others() {
        let first = preemptions(7);
        assert!(first.len() > 20, "{first:?}");
        assert_eq!(first, preemptions(7));
        assert_ne!(first, preemptions(8));
    }

    #[test]
    fn a_trap_that_comes_twice_is_counted_once_and_a_loop_each_time() {
        let stepping = Stepping::new(1, true);
        let mut registers = [5; 23];
        assert!(!stepping.is_repeated(&registers));
        assert!(stepping.is_repeated(&registers));
        // As REP does it: the instruction is the same, and its counter is not.
        registers[libc::REG_RCX as usize] -= 1;
        assert!(!stepping.is_repeated(&registers));
        stepping.set_window(None);
        assert!(!stepping.is_repeated(&registers), "another window");
    }

    #[test]
    fn each_instruction_of_a_window_is_preempted_before_with_some_seed() {
        let mut seen = [false; 100];
        for seed in 0..20_000 {
            let stepping = Stepping::new(seed, true);
            stepping.set_window(Some(stepping.new_window()));
            for place in &mut seen {
                let Some(window) = stepping.window() else { break };
                *place |= stepping.step(window, Kind::Other) == Step::Preempt;
            }
        }
        // The window may be over before the last one.
        assert_eq!(seen.iter().position(|seen| !seen), None);
    }

    #[test]
    fn windows_become_rarer_in_a_long_part_of_a_run_and_do_not_end() {
        let stepping = Stepping::new(1, true);
        let windows = |stepping: &Stepping| {
            let begun = (0..2000).filter(|_| {
                stepping.hand_over();
                stepping.window().is_some()
            });
            begun.count()
        };
        let at_first = windows(&stepping);
        stepping.steps.set(10 * STEPS_IN_FULL);
        let later = windows(&stepping);
        stepping.begin_part();
        let in_the_next_part = windows(&stepping);
        entry::set_trapping(false);
        assert!(in_the_next_part > 300, "{in_the_next_part}");
        assert!(at_first > 300 && (10..100).contains(&later), "{at_first} and {later}");
    }

    #[test]
    fn instructions_that_show_or_change_the_trap_flag_and_locked_ones_are_known() {
        for (code, kind) in [
            (&[0x9C, 0x58][..], Kind::PushFlags),
            (&[0x66, 0x9C], Kind::PushFlags),
            (&[0x9D], Kind::PopFlags),
            (&[0x48, 0xCF], Kind::PopFlags),
            (&[0xF0, 0x0F, 0xC1, 0x01], Kind::Locked),
            (&[0x66, 0xF0, 0x0F, 0xB1], Kind::Locked),
            (&[0x48, 0x87, 0x01, 0x90], Kind::Locked),
            (&[0x48, 0x87, 0xC1, 0x90], Kind::Other),
            (&[0x89, 0x9D, 0x00, 0x00], Kind::Other),
            (&[], Kind::Other),
        ] {
            assert_eq!(Kind::of(code), kind, "{code:02x?}");
        }
    }
}
