//! Requests as a script sends them, and what becomes of them.

use std::{cell::Cell, fmt, rc::Rc};

use super::{Address, Device, IoStatus, Mdl, disk};
use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            call::{IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_READ, IRP_MJ_WRITE},
            irp::{INITIAL_STATUS, IrpRecord, Origin, Owner},
        },
        layout::{io_stack_location, irp},
        scheduler::{DISPATCH_LEVEL, PASSIVE_LEVEL},
        status::NtStatus,
    },
};

const IRP_MJ_DEVICE_CONTROL: u8 = 0x0E;
const IRP_MN_REMOVE_DEVICE: u8 = 0x02;
const IRP_MN_DEVICE_USAGE_NOTIFICATION: u8 = 0x16;
const IRP_MN_SURPRISE_REMOVAL: u8 = 0x17;

/// IRP_NOCACHE and IRP_PAGING_IO.
const PAGING: u32 = 0x3;

/// A request that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// IRP_MJ_*.
    pub major: u8,
    /// IRP_MN_*.
    pub minor: u8,
    /// `IoStatus.Status` as it is sent.
    pub status: NtStatus,
    /// The four words of `Parameters`.
    pub parameters: [usize; 4],
    /// `Flags` of the IRP.
    pub flags: u32,
    /// `AssociatedIrp.SystemBuffer`, where it is not null: see [`World::new_buffer`](super::World::new_buffer).
    pub system_buffer: Address,
    /// `MdlAddress`, where it is not null: see [`World::new_mdl`](super::World::new_mdl).
    pub mdl: Address,
    /// The IRQL that it is sent at.
    pub irql: u8,
    /// Whether every byte of the IRP that neither the I/O manager nor the lab uses is filled with a pattern, and there
    /// is one more stack location than the stack needs, of a driver above.
    pub patterned: bool,
    /// Whether the IRP has a stack location for the device that it is sent to and none for those below, as one has whose
    /// maker counted the devices of the stack before that one joined it.
    pub last_location: bool,
}

impl Request {
    /// A request with no parameters, at PASSIVE_LEVEL. PnP and power requests begin with STATUS_NOT_SUPPORTED.
    pub fn new(major: u8, minor: u8) -> Self {
        let is_unsupported = matches!(major, IRP_MJ_PNP | IRP_MJ_POWER);
        Self {
            major,
            minor,
            status: if is_unsupported { INITIAL_STATUS } else { 0 },
            parameters: [0; 4],
            flags: 0,
            system_buffer: Address::default(),
            mdl: Address::default(),
            irql: PASSIVE_LEVEL,
            patterned: false,
            last_location: false,
        }
    }

    /// A READ of so many bytes from an offset on.
    pub fn read(offset: usize, bytes: u32) -> Self {
        Self::transfer(IRP_MJ_READ, offset, bytes)
    }

    /// A WRITE of so many bytes from an offset on.
    pub fn write(offset: usize, bytes: u32) -> Self {
        Self::transfer(IRP_MJ_WRITE, offset, bytes)
    }

    fn transfer(major: u8, offset: usize, bytes: u32) -> Self {
        Self {
            parameters: [bytes as usize, 0, offset, 0],
            ..Self::new(major, 0)
        }
    }

    /// A DEVICE_CONTROL with METHOD_BUFFERED: so many bytes of the buffer are input, and there is room for so many of
    /// output.
    pub fn device_control(code: u32, buffer: Address, input_bytes: u32, output_bytes: u32) -> Self {
        Self {
            parameters: [output_bytes as usize, input_bytes as usize, code as usize, 0],
            system_buffer: buffer,
            ..Self::new(IRP_MJ_DEVICE_CONTROL, 0)
        }
    }

    /// IRP_MN_REMOVE_DEVICE.
    pub fn remove_device() -> Self {
        Self::new(IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE)
    }

    /// IRP_MN_SURPRISE_REMOVAL.
    pub fn surprise_removal() -> Self {
        Self::new(IRP_MJ_PNP, IRP_MN_SURPRISE_REMOVAL)
    }

    /// With this `IoStatus.Status` as it is sent.
    #[must_use]
    pub fn status(self, status: NtStatus) -> Self {
        Self { status, ..self }
    }

    /// As paging I/O.
    #[must_use]
    pub fn paging(self) -> Self {
        Self { flags: PAGING, ..self }
    }

    /// For the memory that an MDL describes.
    #[must_use]
    pub fn of(self, mdl: Mdl) -> Self {
        Self {
            mdl: mdl.address,
            ..self
        }
    }

    /// For a buffer of the I/O manager's, as a device with DO_BUFFERED_IO takes it.
    #[must_use]
    pub fn in_buffer(self, system_buffer: Address) -> Self {
        Self { system_buffer, ..self }
    }

    /// Sent at DISPATCH_LEVEL.
    #[must_use]
    pub fn at_dispatch(self) -> Self {
        Self {
            irql: DISPATCH_LEVEL,
            ..self
        }
    }

    /// See [`Request::patterned`](field@Request::patterned).
    #[must_use]
    pub fn patterned(self) -> Self {
        Self {
            patterned: true,
            ..self
        }
    }

    /// See [`Request::last_location`](field@Request::last_location).
    #[must_use]
    pub fn in_last_location(self) -> Self {
        Self {
            last_location: true,
            ..self
        }
    }

    /// IRP_MN_DEVICE_USAGE_NOTIFICATION of a DEVICE_USAGE_NOTIFICATION_TYPE.
    pub fn usage_notification(usage: usize, in_path: bool) -> Self {
        Self {
            parameters: [usize::from(in_path), usage, 0, 0],
            ..Self::new(IRP_MJ_PNP, IRP_MN_DEVICE_USAGE_NOTIFICATION)
        }
    }

    /// Makes the IRP.
    pub(super) fn build(&self, machine: &'static Machine, device: Device) -> Rc<IrpRecord> {
        let stack_size = if self.last_location { 1 } else { device.stack_size() };
        let stack_count = stack_size.saturating_add(u8::from(self.patterned));
        let record = machine
            .allocate_irp(stack_count, Origin::Initiator)
            .unwrap_or_else(|| machine.cannot("there is no memory for an IRP"));
        let address = record.address;
        if self.patterned {
            fill(&record);
            // The driver above has the topmost location, so the next one is the device's.
            irp::CURRENT_LOCATION.set(address, stack_count);
            irp::CURRENT_STACK_LOCATION.set(address, record.stack_location(stack_count));
        }
        irp::STATUS.set(address, self.status);
        irp::FLAGS.set(address, self.flags);
        if self.system_buffer != Address::default() {
            irp::SYSTEM_BUFFER.set(address, self.system_buffer.0);
        }
        if self.mdl != Address::default() {
            irp::MDL_ADDRESS.set(address, self.mdl.0);
        }
        irp::THREAD.set(address, machine.processor_data.thread(machine.current()));
        let location = record.stack_location(stack_size);
        io_stack_location::MAJOR_FUNCTION.set(location, self.major);
        io_stack_location::MINOR_FUNCTION.set(location, self.minor);
        if !self.patterned || self.parameters != [0; 4] {
            let first = io_stack_location::ARGUMENT1.address(location);
            for (index, word) in self.parameters.into_iter().enumerate() {
                guest::write(first + 8 * index, word);
            }
        }
        record
    }
}

/// Fills what is nobody's business with a pattern.
fn fill(record: &IrpRecord) {
    let pattern = |start: usize, bytes: usize| {
        let offset = start - record.address;
        let bytes: Vec<u8> = (offset..offset + bytes).map(|at| (at * 37 + 11) as u8).collect();
        guest::write_bytes(start, &bytes);
    };
    // From UserIosb up to the cancel routine, from UserBuffer to Thread, and what is behind that, but for the current
    // stack location.
    let after = |field: usize| field + size_of::<usize>();
    let cancel_routine = irp::CANCEL_ROUTINE.address(record.address);
    let user_iosb = after(irp::PENDING_RETURNED.address(record.address) & !7);
    pattern(user_iosb, cancel_routine - user_iosb);
    let current = irp::CURRENT_STACK_LOCATION.address(record.address);
    pattern(after(cancel_routine), current - after(cancel_routine));
    pattern(after(current), record.address + irp::BYTES - after(current));
    for number in 1..=record.stack_count {
        let location = record.stack_location(number);
        let control = io_stack_location::CONTROL.address(location);
        let routine = io_stack_location::COMPLETION_ROUTINE.address(location);
        pattern(location, control - location);
        pattern(control + 1, routine - control - 1);
    }
}

/// A request that has been sent.
#[derive(Clone)]
pub struct Sent {
    pub(super) record: Rc<IrpRecord>,
    pub(super) returned: Rc<Cell<Option<NtStatus>>>,
    /// The IRP as the device got it.
    contents: Rc<[u8]>,
}

impl Sent {
    /// Takes down what is about to be sent to `device`.
    pub(super) fn new(record: &Rc<IrpRecord>, device: Device) -> Self {
        let mut contents = disk::contents(record);
        // What IofCallDriver writes.
        let number = irp::CURRENT_LOCATION.get(record.address) - 1;
        let location = record.stack_location(number);
        put(&mut contents, irp::CURRENT_LOCATION.address(0), &[number]);
        put(
            &mut contents,
            irp::CURRENT_STACK_LOCATION.address(0),
            &location.to_le_bytes(),
        );
        let field = io_stack_location::DEVICE_OBJECT.address(location) - record.address;
        put(&mut contents, field, &device.address().0.to_le_bytes());
        Self {
            record: Rc::clone(record),
            returned: Rc::default(),
            contents: contents.into(),
        }
    }

    /// Where the IRP is, or was.
    pub fn irp(&self) -> Address {
        Address(self.record.address)
    }

    /// What the dispatch routine returned, once it has.
    pub fn returned(&self) -> Option<NtStatus> {
        self.returned.get()
    }

    /// What the request ended with, once it has been completed for good.
    pub fn ended(&self) -> Option<IoStatus> {
        let is_done = self.record.owner.get() == Owner::Done;
        is_done.then(|| IoStatus::new(self.record.final_status.get(), self.record.final_information.get()))
    }

    /// `PendingReturned`, as its sender saw it in the end.
    pub fn pending_returned(&self) -> bool {
        self.record.final_pending.get()
    }

    /// The IRP as the device that it was sent to got it.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// The offset of that device's stack location in the IRP.
    pub fn location(&self) -> usize {
        let field = irp::CURRENT_STACK_LOCATION.address(0);
        let bytes = self.contents[field..field + 8].try_into();
        usize::from_le_bytes(bytes.expect("eight bytes")) - self.record.address
    }

    /// The same IRP in the hands of `device`, with nothing changed by who passed it on.
    pub fn passed_to(&self, device: Device) -> Vec<u8> {
        let mut contents = self.contents.to_vec();
        // IofCallDriver itself writes the device into the stack location.
        let field = io_stack_location::DEVICE_OBJECT.address(self.location());
        put(&mut contents, field, &device.address().0.to_le_bytes());
        contents
    }

    /// The IRP as it is now.
    ///
    /// # Panics
    ///
    /// It has been completed.
    pub fn contents_now(&self) -> Vec<u8> {
        assert!(!self.record.freed.get(), "{self:?} has been completed");
        disk::contents(&self.record)
    }

    /// What happened to it, one line an event.
    pub fn history(&self) -> Vec<String> {
        self.record.history()
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "irp {} at {:#x}", self.record.serial, self.record.address)
    }
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}
