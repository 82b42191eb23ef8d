//! What is true of a thread's IRQL is true of no other thread: its token is not handed over.
//!
//! Enforced by: `Passive`
#![no_std]

use wdm::Passive;

fn hand_over<T: Send>(_value: T) {}

/// Hands the token's name to another thread.
pub fn name(irql: Passive) {
    #[cfg(misuse)]
    hand_over(irql); //~ ERROR E0277: `*mut ()` cannot be sent between threads safely
    #[cfg(not(misuse))]
    hand_over(core::any::type_name_of_val(&irql));
}
