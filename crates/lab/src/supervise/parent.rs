//! The parent's side: listening to the child until it has ended or must.
//!
//! Not what its words mean. It waits for the process and not for the end of the pipe, which
//! anything that the child has forked can keep open.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    time::{Duration, Instant},
};

use super::check;

/// How many bytes are read at once, and so between two looks at the clock.
const READ_BYTES: usize = 64 << 10;

/// Why a child was no longer listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It ended by itself.
    Ended,
    /// It had had its time.
    OutOfTime,
    /// It sent more than it may.
    Flooded,
}

/// What there is to say of a child that is no more.
pub(super) struct Remains {
    pub(super) stopped: Stopped,
    /// As waitpid has it.
    pub(super) status: libc::c_int,
    pub(super) sent: Vec<u8>,
}

/// A child process that is dead and buried when this is dropped.
pub(super) struct Child {
    process: libc::pid_t,
    is_reaped: bool,
}

impl Child {
    /// Takes over the child `process`, which nobody else waits for.
    pub(super) fn new(process: libc::pid_t) -> Self {
        // The child does the same; whoever comes first does it for both. It fails if the child is
        // dead already, and then there is no group to make.
        // SAFETY: it changes nothing but the process group of our child.
        unsafe { libc::setpgid(process, process) };
        Self {
            process,
            is_reaped: false,
        }
    }

    /// Listens to `pipe` until the child has ended, sent more than `bytes_max` or had its `wall`
    /// time; then it is dead, and so is every process in its group.
    pub(super) fn attend(mut self, pipe: OwnedFd, bytes_max: usize, wall: Duration) -> io::Result<Remains> {
        let deadline = Instant::now().checked_add(wall);
        let mut inbox = Inbox::new(pipe, bytes_max)?;
        let exit_event = self.exit_event()?;
        let stopped = loop {
            let [has_mail, has_ended] = wait_for([inbox.fd(), Some(exit_event.as_raw_fd())], deadline)?;
            if has_mail {
                inbox.take(READ_BYTES)?;
            }
            if inbox.is_full() {
                break Stopped::Flooded;
            }
            if has_ended {
                break Stopped::Ended;
            }
            // Asked each time, and not only when nothing has happened: a child that never stops
            // sending is out of time too.
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break Stopped::OutOfTime;
            }
        };
        let status = self.kill_and_reap()?;
        while inbox.fd().is_some() && !inbox.is_full() && inbox.take(READ_BYTES)? {}
        let stopped = if inbox.is_full() { Stopped::Flooded } else { stopped };
        Ok(Remains {
            stopped,
            status,
            sent: inbox.bytes,
        })
    }

    /// A descriptor that becomes readable when the child has ended.
    fn exit_event(&self) -> io::Result<OwnedFd> {
        // SAFETY: it takes two numbers and makes a new descriptor, closed on exec.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, self.process, 0) };
        match RawFd::try_from(fd) {
            Ok(fd) if fd >= 0 => {
                // SAFETY: the descriptor is new and nobody else's.
                Ok(unsafe { OwnedFd::from_raw_fd(fd) })
            }
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn kill_and_reap(&mut self) -> io::Result<libc::c_int> {
        // The group first, and before the child is reaped: until then its number is not reused.
        for target in [-self.process, self.process] {
            // SAFETY: both name our unreaped child or the group that it leads.
            unsafe { libc::kill(target, libc::SIGKILL) };
        }
        self.is_reaped = true;
        let mut status = 0;
        loop {
            // SAFETY: the pointer is to a live variable, and the child is ours to reap.
            let reaped = unsafe { libc::waitpid(self.process, &raw mut status, 0) };
            let error = io::Error::last_os_error();
            if reaped == self.process {
                return Ok(status);
            } else if error.raw_os_error() != Some(libc::EINTR) {
                return Err(error);
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_reaped {
            // An error is under way already, and it says more than this one would.
            let _ = self.kill_and_reap();
        }
    }
}

/// What has come out of a pipe so far.
struct Inbox {
    /// None once it has ended.
    pipe: Option<File>,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Inbox {
    fn new(pipe: OwnedFd, bytes_max: usize) -> io::Result<Self> {
        // SAFETY: it changes the mode of our own end of the pipe.
        let status = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        check(status)?;
        Ok(Self {
            pipe: Some(pipe.into()),
            bytes: Vec::new(),
            bytes_max,
        })
    }

    fn fd(&self) -> Option<RawFd> {
        self.pipe.as_ref().map(AsRawFd::as_raw_fd)
    }

    fn is_full(&self) -> bool {
        self.bytes.len() > self.bytes_max
    }

    /// Takes up to `bytes`, and never more than one above the maximum; false if there are none now.
    fn take(&mut self, bytes: usize) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(false);
        };
        let room = self.bytes_max.saturating_add(1) - self.bytes.len();
        let before = self.bytes.len();
        let mut limited = pipe.take(bytes.min(room) as u64);
        match limited.read_to_end(&mut self.bytes) {
            Ok(0) => {
                self.pipe = None;
                Ok(false)
            }
            Ok(_) => Ok(true),
            // What was read before the pipe ran dry is in the buffer all the same.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(self.bytes.len() > before),
            Err(error) => Err(error),
        }
    }
}

/// Waits until one of `fds` has something to say or `deadline` has come; says which have.
fn wait_for(fds: [Option<RawFd>; 2], deadline: Option<Instant>) -> io::Result<[bool; 2]> {
    let mut polls = fds.map(|fd| libc::pollfd {
        // A negative one is passed over.
        fd: fd.unwrap_or(-1),
        events: libc::POLLIN,
        revents: 0,
    });
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    // Rounded up, so that the wait is not repeated in haste just before the end; without a deadline
    // or with one beyond counting it is simply repeated.
    let timeout = left.map_or(libc::c_int::MAX, |left| {
        libc::c_int::try_from(left.as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX)
    });
    // SAFETY: the pointer and the count are those of an array.
    let count = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, timeout) };
    let error = io::Error::last_os_error();
    if count < 0 && error.raw_os_error() != Some(libc::EINTR) {
        return Err(error);
    }
    Ok(polls.map(|poll| count > 0 && poll.revents != 0))
}
