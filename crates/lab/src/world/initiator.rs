//! Those who send requests: what the I/O manager, file systems and the memory manager would.
//!
//! An initiator is a thread with a number of requests under way, each with a part of the medium of its own, so that it
//! knows what a READ has to bring.

mod cancel;
mod transfer;
mod verify;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

pub(crate) use self::transfer::Sizes;
use super::{
    disk::{Disk, MEDIUM_BYTES},
    mirror::Mirror,
    stack::DeviceStack,
};
use crate::{
    kernel::{
        Machine,
        io::{
            call::{
                IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
            },
            irp::{IrpRecord, Origin, Owner, SL_INVOKE_ALWAYS},
        },
        layout::{device_object, io_stack_location, irp},
        random::Random,
        scheduler::{APC_LEVEL, DISPATCH_LEVEL},
        status::{self, NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_VERIFY_REQUIRED, nt_success},
    },
    rules,
};

/// IRP_NOCACHE, IRP_PAGING_IO and IRP_SYNCHRONOUS_PAGING_IO.
const IRP_NOCACHE: u32 = 0x1;
const IRP_PAGING_IO: u32 = 0x2;
const IRP_SYNCHRONOUS_PAGING_IO: u32 = 0x40;

const IRP_MJ_CREATE: u8 = 0x00;
const IRP_MJ_CLOSE: u8 = 0x02;
const IRP_MJ_CLEANUP: u8 = 0x12;

/// Which requests an initiator sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    /// How many requests all initiators send together.
    pub(crate) requests: u64,
    /// How many initiators there are.
    pub(crate) initiators: usize,
    /// How many requests each has under way at most.
    pub(crate) depth: usize,
    /// READ only.
    pub(crate) reads_only: bool,
    /// Whether it is the disk's data that READ brings, so that it can be checked.
    pub(crate) of_disk: bool,
    /// In how many of 1000 requests it is paging I/O, sent at DISPATCH_LEVEL, or cancelled.
    pub(crate) paging_per_mille: u32,
    pub(crate) at_dispatch_per_mille: u32,
    pub(crate) cancel_per_mille: u32,
    /// In how many it is sent at APC_LEVEL, as paging I/O of the memory manager is.
    pub(crate) at_apc_per_mille: u32,
    /// In how many it has been cancelled before it is sent.
    pub(crate) cancel_before_per_mille: u32,
    /// In how many a DPC cancels it, at some moment until this long after it was sent.
    pub(crate) cancel_by_dpc_per_mille: u32,
    pub(crate) cancel_by_dpc_ns: u64,
    /// Whether the initiators verify the volume when they are told to, as file systems do.
    pub(crate) verifies: bool,
    /// How long the transfers are.
    pub(crate) sizes: Sizes,
}

impl Default for Workload {
    /// READs to the disk and nothing special about them.
    fn default() -> Self {
        Self {
            requests: 100,
            initiators: 2,
            depth: 8,
            reads_only: false,
            of_disk: true,
            paging_per_mille: 0,
            at_dispatch_per_mille: 0,
            cancel_per_mille: 0,
            at_apc_per_mille: 0,
            cancel_before_per_mille: 0,
            cancel_by_dpc_per_mille: 0,
            cancel_by_dpc_ns: 0,
            verifies: false,
            sizes: Sizes::Short,
        }
    }
}

/// A workload that is under way.
pub(crate) struct Traffic {
    tally: Rc<Tally>,
    device: usize,
}

impl Traffic {
    /// Has the initiators begin nothing more.
    pub(crate) fn stop(&self) {
        self.tally.left.set(0);
    }

    /// Whether a request has been sent and has not ended.
    pub(crate) fn is_under_way(&self) -> bool {
        self.tally.under_way.get() > 0
    }
}

/// What the requests of the [`COUNTED`] major functions that failed ended with is counted under this and the status's name.
const ENDED_WITH: &str = "READ, WRITE, FLUSH_BUFFERS or DEVICE_CONTROL ended with ";

/// A request's place, with its buffer and its part of the medium.
struct Place {
    buffer: usize,
    mdl: usize,
    sizes: Sizes,
    medium: usize,
    /// What its part of the medium holds.
    mirror: Mirror,
    request: RefCell<Option<Request>>,
}

/// What an initiator sends its requests to.
struct Target<'disk> {
    device: usize,
    lower: Option<&'disk Disk>,
    /// Whether nothing has been written to the medium.
    is_empty: bool,
}

impl Target<'_> {
    fn media_changes(&self) -> u64 {
        self.lower.map_or(0, Disk::media_changes)
    }
}

/// A request that is under way.
struct Request {
    irp: Rc<IrpRecord>,
    major: u8,
    /// Where in its place the data begins, and how much it is.
    at: usize,
    bytes: usize,
    stamp: u64,
    is_paging: bool,
    /// The MDLs that were made for it alone, the first one first.
    lists: Vec<usize>,
}

/// What initiators count together.
#[derive(Default)]
pub(crate) struct Tally {
    left: Cell<u64>,
    under_way: Cell<u64>,
    under_way_max: Cell<u64>,
    succeeded: Cell<u64>,
    failed: Cell<u64>,
    running: Cell<usize>,
    counted: [Counted; COUNTED.len()],
    internal_device_control: Cell<u64>,
    must_verify: Cell<bool>,
}

/// The major functions that are counted apart, each with the name that it is counted under.
const COUNTED: [(u8, &str); 4] = [
    (IRP_MJ_READ, "READ"),
    (IRP_MJ_WRITE, "WRITE"),
    (IRP_MJ_FLUSH_BUFFERS, "FLUSH_BUFFERS"),
    (IRP_MJ_DEVICE_CONTROL, "DEVICE_CONTROL"),
];

/// What initiators count of a major function: what a driver that counts must have seen.
///
/// Bytes are counted of READ and WRITE alone: what is in `IoStatus.Information` of others are no bytes of the medium.
#[derive(Default)]
struct Counted {
    sent: Cell<u64>,
    bytes_requested: Cell<u64>,
    succeeded: Cell<u64>,
    bytes_transferred: Cell<u64>,
    failed: Cell<u64>,
}

impl Tally {
    fn counted(&self, major: u8) -> Option<&Counted> {
        let index = COUNTED.iter().position(|(counted, _)| *counted == major)?;
        self.counted.get(index)
    }

    /// A request is under way.
    fn begin(&self) {
        add(&self.under_way, 1);
        self.under_way_max
            .set(self.under_way_max.get().max(self.under_way.get()));
    }

    /// It is not any more.
    fn end(&self) {
        self.under_way.set(self.under_way.get() - 1);
    }
}

fn add(counter: &Cell<u64>, by: u64) {
    counter.set(counter.get() + by);
}

impl Machine {
    /// Runs a workload to its end.
    pub(crate) fn run_workload(&'static self, stack: &DeviceStack, workload: Workload) {
        let traffic = self.start_workload(stack, workload);
        self.finish_workload(&traffic);
    }

    /// Has the initiators of a workload begin, while the running thread goes on.
    pub(crate) fn start_workload(&'static self, stack: &DeviceStack, workload: Workload) -> Traffic {
        let tally = Rc::new(Tally::default());
        tally.left.set(workload.requests);
        tally.running.set(workload.initiators);
        let device = stack.top;
        let main = self.current();
        let is_empty = stack.lower.as_ref().is_some_and(|disk| disk.is_empty());
        for number in 0..workload.initiators {
            let (tally, lower) = (Rc::clone(&tally), stack.lower.clone());
            self.spawn(&format!("initiator {}", number + 1), move |machine| {
                let target = Target {
                    device,
                    lower: lower.as_deref(),
                    is_empty,
                };
                machine.initiate(&target, number, workload, &tally);
                tally.running.set(tally.running.get() - 1);
                machine.wake(main);
            });
        }
        Traffic { tally, device }
    }

    /// Waits until the initiators have ended, and counts what they did.
    pub(crate) fn finish_workload(&'static self, traffic: &Traffic) {
        let Traffic { tally, device } = traffic;
        let (device, main) = (*device, self.current());
        let mut handle_closed = false;
        while tally.running.get() > 0 {
            // What a driver keeps for ever has to be let go of when its sender closes the handle, and not before.
            self.set_last_resort((!handle_closed).then_some(main));
            self.block();
            let stalled = !handle_closed && tally.running.get() > 0;
            if stalled && self.is_last_resort_taken() {
                handle_closed = true;
                self.close_device(device);
            }
        }
        self.set_last_resort(None);
        self.reporter.count("requests succeeded", tally.succeeded.get());
        self.reporter.count("requests failed", tally.failed.get());
        self.reporter
            .count_max("requests under way, at most", tally.under_way_max.get());
        for ((_, name), counted) in COUNTED.iter().zip(&tally.counted) {
            for (what, counter) in [
                ("sent", &counted.sent),
                ("bytes requested", &counted.bytes_requested),
                ("succeeded", &counted.succeeded),
                ("bytes transferred", &counted.bytes_transferred),
                ("failed", &counted.failed),
            ] {
                self.reporter.count(&format!("{name} {what}"), counter.get());
            }
        }
        self.reporter
            .count("INTERNAL_DEVICE_CONTROL sent", tally.internal_device_control.get());
    }

    /// Cancels what is under way and sends IRP_MJ_CLEANUP, as the I/O manager does when a handle is closed.
    fn close_device(&'static self, device: usize) {
        self.reporter.count("handles closed with requests under way", 1);
        let outstanding: Vec<_> = self.outstanding.borrow().values().cloned().collect();
        for irp in outstanding {
            self.cancel_irp(&irp);
        }
        self.send_and_wait(device, IRP_MJ_CLEANUP, 0);
    }

    fn initiate(&'static self, target: &Target<'_>, number: usize, workload: Workload, tally: &Rc<Tally>) {
        let device = target.device;
        let random = Random::new(self.config.seed, &format!("initiator {number}"));
        let places: Vec<Place> = (0..workload.depth)
            .map(|index| self.request_place(target, number * workload.depth + index, workload.sizes))
            .collect();
        loop {
            for place in &places {
                self.collect(target, place, workload, tally);
            }
            if workload.verifies && tally.must_verify.replace(false) {
                self.verify_volume(device, tally);
            }
            let mut sent = false;
            for place in &places {
                if place.request.borrow().is_some() || tally.left.get() == 0 {
                    continue;
                }
                tally.left.set(tally.left.get() - 1);
                self.start_request(device, place, workload, &random, tally);
                sent = true;
            }
            let under_way = places.iter().any(|place| place.request.borrow().is_some());
            if !under_way && tally.left.get() == 0 {
                break;
            }
            if !sent {
                self.maybe_cancel(&places, workload, &random);
                let done = places.iter().any(|place| {
                    let request = place.request.borrow();
                    request
                        .as_ref()
                        .is_some_and(|request| request.irp.owner.get() == Owner::Done)
                });
                if !done {
                    self.block();
                }
            }
        }
        for place in places {
            self.free_kernel_block(place.mdl);
            self.free_kernel_block(place.buffer);
        }
    }

    fn request_place(&self, target: &Target<'_>, index: usize, sizes: Sizes) -> Place {
        let bytes = sizes.place_bytes();
        let buffer = self.kernel_block(bytes);
        let mdl = self.lock_buffer(buffer, bytes);
        let medium_bytes = target.lower.map_or(MEDIUM_BYTES, Disk::medium_bytes);
        Place {
            buffer,
            mdl,
            sizes,
            medium: (index * bytes) % medium_bytes,
            mirror: Mirror::new(bytes, target.is_empty, target.media_changes()),
            request: RefCell::default(),
        }
    }

    fn start_request(
        &'static self,
        device: usize,
        place: &Place,
        workload: Workload,
        random: &Random,
        tally: &Rc<Tally>,
    ) {
        let major = if workload.reads_only {
            IRP_MJ_READ
        } else {
            match random.below(100) {
                0..45 => IRP_MJ_READ,
                45..80 => IRP_MJ_WRITE,
                80..88 => IRP_MJ_FLUSH_BUFFERS,
                88..92 => IRP_MJ_DEVICE_CONTROL,
                92..94 => IRP_MJ_INTERNAL_DEVICE_CONTROL,
                94..96 => IRP_MJ_CREATE,
                96..98 => IRP_MJ_CLEANUP,
                _ => IRP_MJ_CLOSE,
            }
        };
        let transfers = matches!(major, IRP_MJ_READ | IRP_MJ_WRITE);
        let irp = self.allocate_irp(device_object::STACK_SIZE.get(device), Origin::Initiator);
        let irp = irp.unwrap_or_else(|| self.cannot("there is no memory for an IRP"));
        let location = irp.stack_location(irp.stack_count);
        io_stack_location::MAJOR_FUNCTION.set(location, major);
        io_stack_location::COMPLETION_ROUTINE.set(location, self.upper_routine());
        io_stack_location::CONTEXT.set(location, irp.address);
        io_stack_location::CONTROL.set(location, SL_INVOKE_ALWAYS);
        irp::THREAD.set(irp.address, self.processor_data.thread(self.current()));
        let (mut at, mut bytes, mut lists) = (0, 0, Vec::new());
        let stamp = irp.serial;
        if transfers {
            (at, bytes) = workload.sizes.choose(random);
            lists = self.describe_transfer(device, place, &irp, (at, bytes), major, workload.sizes.chains(random));
            if random.chance(workload.paging_per_mille) {
                let synchronous = if random.chance(500) {
                    IRP_SYNCHRONOUS_PAGING_IO
                } else {
                    0
                };
                irp::FLAGS.set(irp.address, IRP_PAGING_IO | IRP_NOCACHE | synchronous);
            }
        }
        if let Some(counted) = tally.counted(major) {
            add(&counted.sent, 1);
            add(&counted.bytes_requested, bytes as u64);
        }
        if major == IRP_MJ_INTERNAL_DEVICE_CONTROL {
            add(&tally.internal_device_control, 1);
        }
        *place.request.borrow_mut() = Some(Request {
            irp: Rc::clone(&irp),
            major,
            at,
            bytes,
            stamp,
            lists,
            is_paging: irp::FLAGS.get(irp.address) & IRP_PAGING_IO != 0,
        });
        tally.begin();
        let context = self.current();
        *irp.done.borrow_mut() = Some(Box::new(move |machine, _| machine.wake(context)));
        self.cancel_sometime(&irp, workload, random);
        if transfers && random.chance(workload.at_dispatch_per_mille) {
            context.irql.set(DISPATCH_LEVEL);
        } else if transfers && random.chance(workload.at_apc_per_mille) {
            context.irql.set(APC_LEVEL);
        }
        self.send_from_initiator(&irp, device);
        context.irql.set(0);
    }

    /// Takes a request back that has been completed, and checks what it brought.
    fn collect(&self, target: &Target<'_>, place: &Place, workload: Workload, tally: &Tally) {
        let done =
            place.request.borrow().as_ref().is_some_and(|request| {
                request.irp.owner.get() == Owner::Done && request.irp.sent_returned.get().is_some()
            });
        if !done {
            return;
        }
        let Some(request) = place.request.borrow_mut().take() else {
            return;
        };
        tally.end();
        let status = request.irp.final_status.get();
        let other_medium = place.mirror.follow_media(target.media_changes());
        if nt_success(status) {
            tally.succeeded.set(tally.succeeded.get() + 1);
            if let Some(counted) = tally.counted(request.major) {
                add(&counted.succeeded, 1);
                if matches!(request.major, IRP_MJ_READ | IRP_MJ_WRITE) {
                    add(&counted.bytes_transferred, request.irp.final_information.get() as u64);
                }
            }
            if workload.of_disk && !other_medium {
                self.check_data(place, &request);
            }
        } else {
            tally.failed.set(tally.failed.get() + 1);
            self.reporter.count(&format!("ended with {}", status::name(status)), 1);
            if let Some(counted) = tally.counted(request.major) {
                self.count_failed(counted, status);
            }
            self.check_failed(place, &request, other_medium);
            if status == STATUS_VERIFY_REQUIRED {
                tally.must_verify.set(true);
            }
            if request.is_paging && status == STATUS_INSUFFICIENT_RESOURCES {
                self.reporter.count("paging I/O failed for want of memory", 1);
            }
        }
        for list in request.lists {
            self.free_mdl_of_irp(list);
        }
    }

    /// Counts a request that somebody else counts too, and that failed.
    fn count_failed(&self, counted: &Counted, status: NtStatus) {
        add(&counted.failed, 1);
        self.reporter.count(&format!("{ENDED_WITH}{}", status::name(status)), 1);
    }

    /// Sends an IRP as its initiator, and checks that what comes back fits what has happened to it.
    pub(crate) fn send_from_initiator(&'static self, irp: &Rc<IrpRecord>, device: usize) -> NtStatus {
        self.outstanding.borrow_mut().insert(irp.serial, Rc::clone(irp));
        let returned = self.send(irp, None, device);
        irp.sent_returned.set(Some(returned));
        if irp.owner.get() == Owner::Done {
            self.check_pending_agrees(irp, returned);
        } else if returned != STATUS_PENDING {
            self.violation_about(
                Some(irp),
                &rules::IRP_DROPPED,
                &format!(
                    "the dispatch routine returned {} and the IRP has not been completed",
                    status::name(returned)
                ),
            );
        }
        returned
    }

    /// The sender learns from PendingReturned whether it was told STATUS_PENDING: the two must agree.
    pub(crate) fn check_pending_agrees(&self, irp: &Rc<IrpRecord>, returned: NtStatus) {
        let pending = irp.final_pending.get();
        if pending && returned != STATUS_PENDING {
            self.violation_about(
                Some(irp),
                &rules::MARKED_NOT_PENDING,
                &format!(
                    "the IRP was marked pending, and its dispatch routine returned {}",
                    status::name(returned)
                ),
            );
        }
        if !pending && returned == STATUS_PENDING {
            self.violation_about(
                Some(irp),
                &rules::PENDING_NOT_MARKED,
                "the dispatch routine returned STATUS_PENDING, and the IRP was never marked",
            );
        }
    }

    /// Waits until an IRP is back.
    pub(crate) fn wait_for_irp(&'static self, irp: &Rc<IrpRecord>) {
        let context = self.current();
        while irp.owner.get() != Owner::Done {
            *irp.done.borrow_mut() = Some(Box::new(move |machine, _| machine.wake(context)));
            self.block();
        }
    }
}
