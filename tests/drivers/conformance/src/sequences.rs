//! Every sequence: its name, and the routine that plays it. What each is about is in `sequences.in.rs`.

use core::ffi::CStr;

use crate::{check::Check, layers::Stack};

mod associated;
mod building;
mod cancelling;
mod completing;
mod control;
mod deferred;
mod devices;
mod forwarding;
mod invoking;
mod irps;
mod irql;
mod lists;
mod locations;
mod mdls;
mod mutexes;
mod pending;
mod queries;
mod queues;
mod registering;
mod registry;
mod remove_locks;
mod strings;
mod waiting;
mod work;

/// A sequence.
pub(crate) struct Sequence {
    pub(crate) name: &'static CStr,
    pub(crate) run: fn(&mut Check, Stack),
}

/// The name of a sequence as C has it, without a copy that could fail.
const fn name(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_until_nul(text.as_bytes()) {
        Ok(name) => name,
        Err(_) => c"",
    }
}

macro_rules! sequences {
    ($($file:ident {$($name:ident $page:literal $fact:literal;)*})*) => {
        /// Every sequence, in the order in which they are run.
        pub(crate) const SEQUENCES: &[Sequence] = &[$($(Sequence {
            name: name(concat!(stringify!($name), "\0")),
            run: $file::$name,
        },)*)*];
    };
}

include!("sequences.in.rs");
