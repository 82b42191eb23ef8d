//! The general registers, as far as they are known in a frame.
//!
//! Arithmetic wraps: the values come from a stack that may be damaged, and a wrong address ends the
//! walk when it is read.

/// The number that the processor has for a general register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Register(u8);

impl Register {
    pub(super) const RSP: Self = Self(4);
    const RBP: Self = Self(5);

    /// The register of a number's low four bits.
    pub(super) fn new(number: u8) -> Self {
        Self(number & 0xF)
    }

    /// What an instruction has of the number besides the bit in its prefix.
    pub(super) fn low_bits(self) -> u8 {
        self.0 & 7
    }

    /// Whether an instruction's prefix has the number's fourth bit.
    pub(super) fn is_extended(self) -> bool {
        self.0 >= 8
    }
}

/// A stack slot, and so what a push moves RSP by.
pub(super) const SLOT_BYTES: u64 = 8;

/// What is known of the registers. RSP always is.
pub(super) struct Known {
    rsp: u64,
    others: [Option<u64>; 16],
}

impl Known {
    pub(super) fn new(rsp: u64, rbp: u64) -> Self {
        let mut known = Self {
            rsp,
            others: [None; 16],
        };
        known.set(Register::RBP, Some(rbp));
        known
    }

    /// The register's value; of one that is not known, zero, where nothing can be read.
    pub(super) fn get(&self, register: Register) -> u64 {
        if register == Register::RSP {
            self.rsp
        } else {
            self.others[usize::from(register.0)].unwrap_or(0)
        }
    }

    pub(super) fn set(&mut self, register: Register, value: Option<u64>) {
        if register == Register::RSP {
            self.rsp = value.unwrap_or(0);
        } else {
            self.others[usize::from(register.0)] = value;
        }
    }

    /// Moves RSP up by `bytes`.
    pub(super) fn release(&mut self, bytes: u64) {
        self.rsp = self.rsp.wrapping_add(bytes);
    }

    /// Takes the uppermost slot from the stack.
    pub(super) fn pop(&mut self, read: &dyn Fn(u64) -> Option<u64>) -> Option<u64> {
        let value = read(self.rsp)?;
        self.release(SLOT_BYTES);
        Some(value)
    }
}
