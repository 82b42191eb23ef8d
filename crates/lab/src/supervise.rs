//! Runs dangerous work in a forked child process, with a verdict in every case.
//!
//! Not what the work is. [`run`] forks, the child works and sends its result, the parent listens,
//! keeps the limits and tells how it ended: whatever the child does, there is an [`Ended`].
//!
//! # From a process with threads
//!
//! `run` may be called in any process, from several threads at once, as a test harness does. The
//! child has only the thread that forked, so a lock that another thread held at that moment stays
//! held in it for ever. This module takes none in the child: it makes system calls, and allocates,
//! which glibc keeps possible after a fork by locking its allocator around it. The work must keep
//! to that. Above all it must not print with `println!` or `eprintln!` but write with
//! `libc::write`, and it should share nothing locked with other threads. Work that does wait for
//! such a lock ends as [`Ended::TimedOut`].
//!
//! One lock is the standard library's: that of the panic hook. It would be missed only if another
//! thread was setting the hook at the moment of the fork.
//!
//! # What the child has
//!
//! It dies with the thread that called `run`, leaves no core dump, has a process group of its own,
//! which is killed with it, default actions for all signals, an empty standard input, the parent's
//! standard output and error, and no other file: files that the work has captured are closed.
//! Whoever leaves the process group, as a daemon does, escapes.
//!
//! A panic anywhere in the child ends it at once and is reported, before anything unwinds, so that
//! it may happen with foreign frames on the stack. Therefore `catch_unwind` catches no panic there.

mod child;
mod frame;
mod note;
mod parent;
mod watchdog;

use std::{
    fmt::{self, Display, Formatter},
    io, str,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

pub use self::{
    child::Outlet,
    note::{Note, PHASE_BYTES, Step},
    watchdog::{OnStuck, Watchdog},
};
use self::{
    frame::Kind,
    note::SharedBoard,
    parent::{Child, Remains, Stopped},
};

/// What a child may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long it may live.
    pub wall: Duration,
    /// How long it may compute between two pets, where the work has a [watch](Outlet::watch) kept.
    pub cpu_step: Duration,
    /// How large its address space may be. What the parent has mapped counts, and so does address
    /// space that is only reserved, such as a pool's arena.
    pub address_space_bytes: Option<u64>,
    /// How large its result may be as JSON.
    pub value_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            cpu_step: Duration::from_secs(1),
            address_space_bytes: None,
            value_bytes_max: 64 << 20,
        }
    }
}

/// How work in a child ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// With its result.
    Value(T),
    /// By a signal, its own fault or sent by somebody else.
    Signal {
        /// The signal's number.
        number: i32,
        /// The signal's name, or "a signal" for those that are hardly ever the end.
        name: &'static str,
        /// What it was doing.
        note: Note,
    },
    /// By exiting without a result.
    Exit {
        /// The exit code.
        code: i32,
        /// What it was doing.
        note: Note,
    },
    /// By a panic.
    Panicked {
        /// Where and with what message.
        message: String,
        /// What it was doing.
        note: Note,
    },
    /// It was killed because it had had its time.
    TimedOut {
        /// What it was doing.
        note: Note,
    },
    /// What it sent is no result.
    Garbled {
        /// What is wrong with it.
        reason: String,
        /// What it was doing.
        note: Note,
    },
    /// It could not be started or watched; the work may or may not have run.
    Unsupervised(io::Error),
}

impl<T> Display for Ended<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("ended with a result"),
            Self::Signal { number, name, note } => write!(f, "ended by {name} ({number}) {note}"),
            Self::Exit { code, note } => write!(f, "exited with code {code} and without a result {note}"),
            Self::Panicked { message, note } => write!(f, "panicked {note}: {message}"),
            Self::TimedOut { note } => write!(f, "was killed because its time was up, {note}"),
            Self::Garbled { reason, note } => write!(f, "sent no proper result {note}: {reason}"),
            Self::Unsupervised(error) => write!(f, "could not be run in a process of its own: {error}"),
        }
    }
}

/// Runs `work` in a child process and tells how it ended, within `limits`.
pub fn run<T, F>(limits: &Limits, work: F) -> Ended<T>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(&Outlet<T>) -> T,
{
    match attend(limits, work) {
        Ok((remains, note)) => judge(remains, note),
        Err(error) => Ended::Unsupervised(error),
    }
}

fn attend<T, F>(limits: &Limits, work: F) -> io::Result<(Remains, Note)>
where
    T: Serialize,
    F: FnOnce(&Outlet<T>) -> T,
{
    child::prepare_panic_hook();
    let shared = SharedBoard::new()?;
    let (reader, writer) = io::pipe()?;
    // SAFETY: it only returns a number.
    let this = unsafe { libc::getpid() };
    // SAFETY: the child goes on in `live` alone, which keeps to what a child of a process with
    // threads may do, and which tells the work to.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => child::live(this, writer.into(), shared, limits, work),
        process => {
            let child = Child::new(process);
            drop(writer);
            let payload_max = limits.value_bytes_max.max(child::MESSAGE_BYTES);
            let bytes_max = payload_max.saturating_add(frame::HEADER_BYTES);
            let remains = child.attend(reader.into(), bytes_max, limits.wall)?;
            Ok((remains, shared.board().read()))
        }
    }
}

/// The verdict. How the process ended counts for more than what it sent.
fn judge<T: DeserializeOwned>(remains: Remains, note: Note) -> Ended<T> {
    let Remains { stopped, status, sent } = remains;
    let garbled = |reason: String, note| Ended::Garbled { reason, note };
    if stopped == Stopped::Flooded {
        return garbled("it is larger than it may be".to_owned(), note);
    }
    if libc::WIFSIGNALED(status) {
        let number = libc::WTERMSIG(status);
        // A child that ended by itself just before it would have been killed has ended by itself.
        if stopped == Stopped::OutOfTime && number == libc::SIGKILL {
            return Ended::TimedOut { note };
        }
        return Ended::Signal {
            number,
            name: signal_name(number),
            note,
        };
    }
    let code = libc::WEXITSTATUS(status);
    match (code, frame::parse(&sent)) {
        (0, Ok((Kind::Value, json))) => match serde_json::from_slice(json) {
            Ok(value) => Ended::Value(value),
            Err(error) => garbled(format!("it is not what was expected: {error}"), note),
        },
        (child::EXIT_NO_VALUE, Ok((Kind::Panicked, message))) => Ended::Panicked {
            message: note::printable(message),
            note,
        },
        (child::EXIT_NO_VALUE, Ok((Kind::Unsendable, reason))) => garbled(note::printable(reason), note),
        (child::EXIT_NO_VALUE, Ok((Kind::NotBegun, reason))) => {
            Ended::Unsupervised(io::Error::other(note::printable(reason)))
        }
        (child::EXIT_UNSENT, Err(_)) => garbled("the pipe for it was closed or broken".to_owned(), note),
        (0, Err(reason)) if !sent.is_empty() => garbled(reason.to_owned(), note),
        _ => Ended::Exit { code, note },
    }
}

fn signal_name(number: i32) -> &'static str {
    match number {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPROF => "SIGPROF",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGXCPU => "SIGXCPU",
        _ => "a signal",
    }
}

/// What a system call that returns no more than success or failure said.
fn check(status: libc::c_int) -> io::Result<()> {
    if status < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
