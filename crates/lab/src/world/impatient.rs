//! Somebody who opens a device as soon as it is there, while AddDevice is still at work.
//!
//! A device belongs to the stack from its attachment on, and to its users from when DO_DEVICE_INITIALIZING is clear:
//! the I/O manager keeps them away until then, and no longer. Where the driver is only preempted in its calls of the
//! kernel nobody can come between the two, so this is played where it is preempted between any two instructions.

use std::{cell::Cell, rc::Rc};

use crate::{
    kernel::{
        Machine,
        io::device::{DO_BUFFERED_IO, DO_DEVICE_INITIALIZING, DO_DIRECT_IO},
        layout::device_object,
        status::nt_success,
    },
    rules,
};

const IRP_MJ_CREATE: u8 = 0x00;
const IRP_MJ_CLOSE: u8 = 0x02;
const IRP_MJ_CLEANUP: u8 = 0x12;

/// How often it looks.
const LOOK_NS: u64 = 300;

impl Machine {
    /// Does `add`, which may attach a device to the stack over `bottom`, under the eyes of who waits for one.
    pub(crate) fn add_impatiently<T>(&'static self, bottom: usize, add: impl FnOnce() -> T) -> T {
        if !self.stepping.is_on() {
            return add();
        }
        let below = self.top_of_stack(bottom);
        let main = self.current();
        let [added, gone] = [(); 2].map(|()| Rc::new(Cell::new(false)));
        let (is_added, is_gone) = (Rc::clone(&added), Rc::clone(&gone));
        self.spawn("impatient initiator", move |machine| {
            machine.open_when_ready(bottom, below, &is_added);
            is_gone.set(true);
            // Before, it may be the driver that waits, and for something else.
            if is_added.get() {
                machine.wake(main);
            }
        });
        let result = add();
        added.set(true);
        while !gone.get() {
            self.block();
        }
        result
    }

    fn open_when_ready(&'static self, bottom: usize, below: usize, is_added: &Cell<bool>) {
        while !is_added.get() {
            let top = self.top_of_stack(bottom);
            let flags = device_object::FLAGS.get(top);
            if top != below && flags & DO_DEVICE_INITIALIZING == 0 {
                self.check_is_usable(flags, device_object::FLAGS.get(below));
                let opened = self.send_and_wait(top, IRP_MJ_CREATE, 0);
                if nt_success(opened) {
                    self.send_and_wait(top, IRP_MJ_CLEANUP, 0);
                    self.send_and_wait(top, IRP_MJ_CLOSE, 0);
                }
                return;
            }
            self.sleep_until(self.clock.now_ns() + LOOK_NS);
        }
    }

    /// Requests are made for the flags of the uppermost device, and the driver below finds what these say.
    fn check_is_usable(&self, flags: u32, below: u32) {
        let buffering = DO_BUFFERED_IO | DO_DIRECT_IO;
        if flags & buffering != below & buffering {
            self.violation(
                &rules::IO_FLAGS_NOT_INHERITED,
                &format!(
                    "DO_DEVICE_INITIALIZING is clear in a device with flags {:#x} of DO_BUFFERED_IO and DO_DIRECT_IO, \
                     and the device below has {:#x}: a request that comes now is made for the wrong ones",
                    flags & buffering,
                    below & buffering
                ),
            );
        }
    }
}
