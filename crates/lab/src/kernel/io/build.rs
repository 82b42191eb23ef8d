//! IRPs that the I/O manager builds for a driver: IoBuildAsynchronousFsdRequest and its like.
//!
//! Those of IoBuildSynchronousFsdRequest and IoBuildDeviceIoControlRequest are *threaded*: when they have been completed
//! the I/O manager copies the data, writes the status block, sets the event and frees them. The driver frees the other
//! ones. All of it is in the driver's account, so what is never completed or freed shows as a leak.

use std::rc::Rc;

use super::{
    call::{
        IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_READ,
        IRP_MJ_SYSTEM_CONTROL, IRP_MJ_WRITE,
    },
    device::{DO_BUFFERED_IO, DO_DIRECT_IO},
    irp::{INITIAL_STATUS, IrpRecord, Origin},
};
use crate::{
    guest,
    kernel::{
        Machine,
        layout::{device_object, io_stack_location, irp},
        status::NtStatus,
    },
    pool::{Contents, Owner},
    rules::{self, Rule},
};

const TAG: u32 = u32::from_le_bytes(*b"Io  ");

const IRP_BUFFERED_IO: u32 = 0x10;
const IRP_DEALLOCATE_BUFFER: u32 = 0x20;
const IRP_INPUT_OPERATION: u32 = 0x40;

const METHOD_BUFFERED: u32 = 0;
const METHOD_NEITHER: u32 = 3;

/// What IoBuildDeviceIoControlRequest is asked for.
pub(crate) struct IoControl {
    pub(crate) code: u32,
    pub(crate) device: usize,
    pub(crate) input: usize,
    pub(crate) input_bytes: u32,
    pub(crate) output: usize,
    pub(crate) output_bytes: u32,
    pub(crate) internal: bool,
}

/// What IoBuildAsynchronousFsdRequest is asked for.
pub(crate) struct Transfer {
    pub(crate) major: u8,
    pub(crate) device: usize,
    pub(crate) buffer: usize,
    pub(crate) bytes: u32,
    /// The address of a LARGE_INTEGER, or 0.
    pub(crate) offset: usize,
}

impl Machine {
    fn buffer_of_request(&self, bytes: u32) -> Option<usize> {
        let site = self.current_site();
        self.pool
            .borrow_mut()
            .allocate(bytes as usize, TAG, Owner::Driver, site, Contents::Zeroed)
            .ok()
    }

    fn attach_mdl(&self, address: usize, buffer: usize, bytes: u32, origin: Origin) -> Option<()> {
        let list = self.allocate_mdl_for(Owner::Driver, self.current_site(), buffer, bytes)?;
        if origin == Origin::Built {
            self.lock_mdl_for_driver(list);
        } else {
            self.lock_mdl(list);
            self.keep_mdl_from_driver(list);
        }
        irp::MDL_ADDRESS.set(address, list);
        Some(())
    }

    fn build(&self, device: usize, origin: Origin) -> Option<Rc<IrpRecord>> {
        let record = self.allocate_irp(device_object::STACK_SIZE.get(device), origin)?;
        irp::STATUS.set(record.address, INITIAL_STATUS);
        irp::THREAD.set(record.address, self.processor_data.thread(self.current()));
        Some(record)
    }

    /// IoBuildAsynchronousFsdRequest and IoBuildSynchronousFsdRequest. `None` where there is no memory.
    pub(crate) fn build_transfer(&self, request: &Transfer, origin: Origin) -> Option<Rc<IrpRecord>> {
        let record = self.build(request.device, origin)?;
        let address = record.address;
        let location = record.stack_location(record.stack_count);
        io_stack_location::MAJOR_FUNCTION.set(location, request.major);
        if !matches!(request.major, IRP_MJ_READ | IRP_MJ_WRITE) {
            if !matches!(request.major, IRP_MJ_PNP | IRP_MJ_POWER | IRP_MJ_SYSTEM_CONTROL) {
                irp::STATUS.set(address, 0);
            }
            return Some(record);
        }
        self.check_buffer(
            &rules::BAD_BUFFER_OF_TRANSFER,
            "IoBuildAsynchronousFsdRequest or IoBuildSynchronousFsdRequest",
            request.buffer,
            request.bytes,
        );
        irp::STATUS.set(address, 0);
        io_stack_location::ARGUMENT1.set(location, request.bytes as usize);
        if request.offset != 0 {
            io_stack_location::ARGUMENT3.set(location, guest::read::<usize>(request.offset));
        }
        let built = match device_object::FLAGS.get(request.device) & (DO_BUFFERED_IO | DO_DIRECT_IO) {
            flags if flags & DO_BUFFERED_IO != 0 => self.buffer_transfer(address, request),
            flags if flags & DO_DIRECT_IO != 0 && request.bytes != 0 => {
                self.attach_mdl(address, request.buffer, request.bytes, origin)
            }
            _ => {
                irp::USER_BUFFER.set(address, request.buffer);
                Some(())
            }
        };
        self.keep_built(record, built)
    }

    fn buffer_transfer(&self, address: usize, request: &Transfer) -> Option<()> {
        let buffer = self.buffer_of_request(request.bytes)?;
        irp::SYSTEM_BUFFER.set(address, buffer);
        let mut flags = IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
        if request.major == IRP_MJ_READ {
            flags |= IRP_INPUT_OPERATION;
            irp::USER_BUFFER.set(address, request.buffer);
        } else {
            copy(request.buffer, buffer, request.bytes as usize);
        }
        irp::FLAGS.set(address, flags);
        Some(())
    }

    /// IoBuildDeviceIoControlRequest. `None` where there is no memory.
    pub(crate) fn build_io_control(&self, request: &IoControl) -> Option<Rc<IrpRecord>> {
        let record = self.build(request.device, Origin::Threaded)?;
        let address = record.address;
        irp::STATUS.set(address, 0);
        let location = record.stack_location(record.stack_count);
        let major = if request.internal {
            IRP_MJ_INTERNAL_DEVICE_CONTROL
        } else {
            IRP_MJ_DEVICE_CONTROL
        };
        io_stack_location::MAJOR_FUNCTION.set(location, major);
        io_stack_location::ARGUMENT1.set(location, request.output_bytes as usize);
        io_stack_location::ARGUMENT2.set(location, request.input_bytes as usize);
        io_stack_location::ARGUMENT3.set(location, request.code as usize);
        let built = self.describe_io_control(address, location, request);
        self.keep_built(record, built)
    }

    fn describe_io_control(&self, address: usize, location: usize, request: &IoControl) -> Option<()> {
        let method = request.code & 3;
        if method == METHOD_NEITHER {
            io_stack_location::ARGUMENT4.set(location, request.input);
            irp::USER_BUFFER.set(address, request.output);
            return Some(());
        }
        for (buffer, bytes) in [
            (request.input, request.input_bytes),
            (request.output, request.output_bytes),
        ] {
            // None is none, whatever its length.
            if buffer != 0 {
                self.check_buffer(
                    &rules::BAD_BUFFER_OF_CONTROL,
                    "IoBuildDeviceIoControlRequest",
                    buffer,
                    bytes,
                );
            }
        }
        let buffered = if method == METHOD_BUFFERED {
            request.input_bytes.max(request.output_bytes)
        } else {
            request.input_bytes
        };
        if buffered != 0 {
            let buffer = self.buffer_of_request(buffered)?;
            irp::SYSTEM_BUFFER.set(address, buffer);
            irp::FLAGS.set(address, IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER);
            if request.input != 0 {
                copy(request.input, buffer, request.input_bytes as usize);
            }
        }
        if method == METHOD_BUFFERED {
            if request.output != 0 {
                irp::USER_BUFFER.set(address, request.output);
                irp::FLAGS.set(address, irp::FLAGS.get(address) | IRP_INPUT_OPERATION);
            }
        } else if request.output != 0 && request.output_bytes != 0 {
            self.attach_mdl(address, request.output, request.output_bytes, Origin::Threaded)?;
        }
        Some(())
    }

    fn check_buffer(&self, rule: &'static Rule, call: &str, buffer: usize, bytes: u32) {
        if bytes != 0 && !guest::contains(buffer, bytes as usize) {
            self.violation(
                rule,
                &format!("{call} with a buffer of {bytes} bytes at {buffer:#x}, where no memory is"),
            );
        }
    }

    /// A request of which a part could not be allocated goes back whole.
    fn keep_built(&self, record: Rc<IrpRecord>, built: Option<()>) -> Option<Rc<IrpRecord>> {
        if built.is_none() {
            self.free_buffers(record.address);
            self.free_irp(&record);
            return None;
        }
        Some(record)
    }

    /// What the I/O manager does when a threaded IRP has been completed.
    pub(super) fn finish_threaded(&self, record: &Rc<IrpRecord>) {
        let address = record.address;
        let status = irp::STATUS.get(address);
        let information = irp::INFORMATION.get(address);
        let flags = irp::FLAGS.get(address);
        let (system, user) = (irp::SYSTEM_BUFFER.get(address), irp::USER_BUFFER.get(address));
        if flags & IRP_INPUT_OPERATION != 0 && !is_error(status) && system != 0 && user != 0 {
            self.paging.use_by_kernel(user, information);
            copy(system, user, information);
        }
        let (block, event) = (irp::USER_IOSB.get(address), irp::USER_EVENT.get(address));
        // A failure that was not pending is told by IoCallDriver's result alone.
        let tells = !is_error(status) || irp::PENDING_RETURNED.get(address) != 0;
        if tells {
            self.check_still_there(record, block, event);
            record.back_at.set(0);
        } else {
            record.back_at.set(self.steps.get());
        }
        self.free_buffers(address);
        self.free_irp(record);
        if tells {
            if block != 0 {
                self.paging.use_by_kernel(block, 16);
                guest::write(block, status);
                guest::write(block + 8, information);
            }
            if event != 0 {
                self.signal(event, 1);
            }
        }
    }

    /// Frees the MDLs of an IRP that the I/O manager frees.
    pub(super) fn free_mdls_of(&self, address: usize) {
        let mut list = irp::MDL_ADDRESS.get(address);
        irp::MDL_ADDRESS.set(address, 0);
        while list != 0 {
            let next = guest::read::<usize>(list);
            self.free_mdl_of_irp(list);
            list = next;
        }
    }

    fn free_buffers(&self, address: usize) {
        self.free_mdls_of(address);
        let buffer = irp::SYSTEM_BUFFER.get(address);
        if irp::FLAGS.get(address) & IRP_DEALLOCATE_BUFFER != 0 && buffer != 0 {
            self.free_kernel_block(buffer);
        }
    }
}

/// NT_ERROR.
fn is_error(status: NtStatus) -> bool {
    status.cast_unsigned() >> 30 == 3
}

fn copy(from: usize, to: usize, bytes: usize) {
    let mut data = vec![0; bytes];
    guest::read_bytes(from, &mut data);
    guest::write_bytes(to, &data);
}
