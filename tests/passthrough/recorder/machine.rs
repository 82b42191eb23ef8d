//! A machine with the driver under test in it: what a test does to the driver.

use std::{ffi::c_void, ptr::NonNull, rc::Rc};

use lab::{image::Image, stack::Stack};

use super::{
    exports::{self, DispatchRoutine},
    kernel::{
        Arrival, Call, DO_DEVICE_INITIALIZING, Event, Irp, Kernel, NtStatus, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
        Script, stack_location_offset, with,
    },
    layout::{device_object, driver_extension, driver_object, irp, stack_location, unicode_string},
    memory::{Address, Block},
};

/// The driver under test, loaded afresh, and a lower driver that answers as the test says.
pub(crate) struct Machine {
    image: Image,
    stack: Stack,
    driver: Rc<Block>,
    extension: Block,
    registry_path: Block,
    lower_driver: Rc<Block>,
}

/// A request to send, as the drivers above the filter would.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) major: u8,
    pub(crate) minor: u8,
    /// `IoStatus.Status` as it is sent.
    pub(crate) status: NtStatus,
}

impl Request {
    pub(crate) fn new(major: u8, minor: u8) -> Self {
        Self {
            major,
            minor,
            status: STATUS_NOT_SUPPORTED,
        }
    }
}

/// An IRP that has been sent through the filter.
pub(crate) struct Sent {
    pub(crate) irp: Address,
    /// What the filter's dispatch routine returned.
    pub(crate) returned: NtStatus,
    /// The IRP, all of it, as the filter received it.
    pub(crate) contents: Vec<u8>,
}

impl Sent {
    /// The offset of the filter's stack location in [`Self::contents`].
    pub(crate) fn location(&self) -> usize {
        let pointer = self.contents[irp::CURRENT_STACK_LOCATION..][..8].try_into();
        usize::from_le_bytes(pointer.expect("eight bytes")) - self.irp.0
    }

    /// The same IRP in the hands of `device`, with nothing changed by who passed it on.
    ///
    /// IofCallDriver itself writes the device into the stack location.
    pub(crate) fn passed_to(&self, device: Address) -> Vec<u8> {
        let mut contents = self.contents.clone();
        let field = self.location() + stack_location::DEVICE_OBJECT;
        contents[field..field + 8].copy_from_slice(&device.0.to_le_bytes());
        contents
    }
}

impl Machine {
    /// Loads the driver and runs nothing of it.
    pub(crate) fn with_driver_loaded() -> Self {
        with(|kernel| *kernel = Kernel::default());
        let file = irpscope_tests::driver_file();
        let image = Image::load("irpscope.sys", &file, &mut exports::resolve)
            .unwrap_or_else(|error| panic!("irpscope.sys: {error}"));

        let driver = Rc::new(Block::new(driver_object::BYTES));
        let extension = Block::new(driver_extension::BYTES);
        driver.write(driver_object::TYPE, &driver_object::IO_TYPE_DRIVER.to_le_bytes());
        driver.write(driver_object::SIZE, &(driver_object::BYTES as u16).to_le_bytes());
        driver.set_pointer(driver_object::DRIVER_EXTENSION, extension.address());
        let entry_point = Address(image.entry_point().addr().get());
        driver.set_pointer(driver_object::DRIVER_INIT, entry_point);
        extension.set_pointer(driver_extension::DRIVER_OBJECT, driver.address());

        let lower_driver = Rc::new(Block::new(driver_object::BYTES));
        let lower: DispatchRoutine = exports::lower_dispatch;
        for major in 0..driver_object::MAJOR_FUNCTIONS {
            let slot = driver_object::MAJOR_FUNCTION + 8 * major;
            lower_driver.set_pointer(slot, Address((lower as *const c_void).expose_provenance()));
        }
        with(|kernel| kernel.drivers = vec![Rc::clone(&driver), Rc::clone(&lower_driver)]);
        Self {
            image,
            stack: Stack::new().expect("there is memory for a stack"),
            driver,
            extension,
            registry_path: registry_path(),
            lower_driver,
        }
    }

    /// Loads the driver and runs its DriverEntry.
    pub(crate) fn new() -> Self {
        let mut machine = Self::with_driver_loaded();
        assert_eq!(machine.driver_entry(), STATUS_SUCCESS);
        machine
    }

    /// A machine with one device below and the filter's on it: their addresses, lower one first.
    pub(crate) fn with_one_filter() -> (Self, Address, Address) {
        let mut machine = Self::new();
        let (lower, filter) = machine.add_filter();
        (machine, lower, filter)
    }

    /// A new device with the filter on it: their addresses, the lower one first.
    pub(crate) fn add_filter(&mut self) -> (Address, Address) {
        let lower = self.new_lower_device(LowerDevice::default());
        assert_eq!(self.add_device(lower), STATUS_SUCCESS);
        let filter = self.top_of_stack(lower);
        assert_ne!(filter, lower, "AddDevice did not attach");
        self.take_events();
        (lower, filter)
    }

    pub(crate) fn driver_entry(&mut self) -> NtStatus {
        let entry_point = Address(self.image.entry_point().addr().get());
        let arguments = [self.driver.address(), self.registry_path.address()];
        // SAFETY: the entry point of a driver, with what the I/O manager gives it.
        unsafe { self.call(entry_point, arguments) }
    }

    pub(crate) fn add_device(&mut self, physical_device: Address) -> NtStatus {
        let add_device = self.extension.pointer(driver_extension::ADD_DEVICE);
        // SAFETY: the driver's AddDevice, with its driver object and a device object.
        unsafe { self.call(add_device, [self.driver.address(), physical_device]) }
    }

    pub(crate) fn unload(&mut self) {
        let unload = self.driver.pointer(driver_object::DRIVER_UNLOAD);
        // SAFETY: the driver's DriverUnload, with its driver object. It returns nothing.
        unsafe { self.call(unload, [self.driver.address()]) };
    }

    /// A device of the lower driver that is ready to be attached to.
    pub(crate) fn new_lower_device(&self, properties: LowerDevice) -> Address {
        with(|kernel| {
            let LowerDevice {
                device_type,
                flags,
                characteristics,
            } = properties;
            let device = kernel.create_device(&self.lower_driver, 0, device_type, characteristics, 0);
            let object = &kernel.live_device(device).expect("just created").object;
            object.write(device_object::FLAGS, &(flags & !DO_DEVICE_INITIALIZING).to_le_bytes());
            object.write(device_object::ALIGNMENT_REQUIREMENT, &0x1FF_u32.to_le_bytes());
            object.write(device_object::SECTOR_SIZE, &0x1000_u16.to_le_bytes());
            device
        })
    }

    /// Puts `upper` on top of the stack of `lower`, as another driver's AddDevice would.
    pub(crate) fn attach(&self, upper: Address, lower: Address) {
        with(|kernel| kernel.attach(upper, lower)).expect("both are devices");
    }

    /// Sends an IRP to `device` and returns once its dispatch routine has.
    ///
    /// Whatever the I/O manager and the sender do not determine is filled with a pattern.
    pub(crate) fn send(&mut self, device: Address, request: Request) -> Sent {
        let stack_size = self.device(device).u8(device_object::STACK_SIZE);
        // One location for a driver above, which must never be touched.
        let block = Rc::new(new_irp(stack_size + 1));
        let irp = block.address();
        block.write(irp::IO_STATUS_STATUS, &request.status.to_le_bytes());
        let location = stack_location_offset(stack_size);
        block.write(location + stack_location::MAJOR_FUNCTION, &[request.major]);
        block.write(location + stack_location::MINOR_FUNCTION, &[request.minor]);
        with(|kernel| {
            // Those that ended before have been checked when the driver returned.
            kernel.irps.retain(|irp| irp.completed.is_none());
            kernel.irps.push(Irp {
                block: Rc::clone(&block),
                completed: None,
            });
        });
        let routine = exports::next_driver(device, irp).expect("the filter has a routine for it");
        let contents = block.snapshot();
        let routine = Address((routine as *const c_void).expose_provenance());
        // SAFETY: the device's dispatch routine, with the device and an IRP that is for it.
        let returned = unsafe { self.call(routine, [device, irp]) };
        Sent {
            irp,
            returned,
            contents,
        }
    }

    /// Completes an IRP that the lower driver kept.
    pub(crate) fn complete_pended(&self, irp: Address, status: NtStatus) {
        with(|kernel| {
            let pended = kernel.irp(irp, "the lower driver").expect("it is under way");
            pended.block.write(irp::IO_STATUS_STATUS, &status.to_le_bytes());
            kernel.complete(irp, "the lower driver");
        });
    }

    /// All of an IRP: as it is, or as it was when it was completed.
    pub(crate) fn irp(&self, irp: Address) -> Vec<u8> {
        with(|kernel| {
            let mut irps = kernel.irps.iter().rev();
            let irp = irps.find(|known| known.block.address() == irp).expect("it was sent");
            irp.completed.clone().unwrap_or_else(|| irp.block.snapshot())
        })
    }

    pub(crate) fn is_completed(&self, irp: Address) -> bool {
        with(|kernel| {
            let mut irps = kernel.irps.iter().rev();
            irps.find(|known| known.block.address() == irp)
                .is_some_and(|irp| irp.completed.is_some())
        })
    }

    /// Decides what later calls return.
    pub(crate) fn script(&self, decide: impl FnOnce(&mut Script)) {
        with(|kernel| decide(&mut kernel.script));
    }

    /// The driver's calls since this was last asked.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        self.take_events().into_iter().map(|event| event.call).collect()
    }

    /// As [`Self::take_calls`], each with what was observed at its time.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        with(|kernel| std::mem::take(&mut kernel.events))
    }

    /// What the lower driver received since this was last asked.
    pub(crate) fn take_arrivals(&self) -> Vec<Arrival> {
        with(|kernel| std::mem::take(&mut kernel.arrivals))
    }

    /// The live device object at `address`.
    pub(crate) fn device(&self, address: Address) -> Rc<Block> {
        with(|kernel| Rc::clone(&kernel.live_device(address).expect("it is a device").object))
    }

    /// What the device object at `address` would be if only the kernel had written to it.
    pub(crate) fn as_kernel_wrote(&self, address: Address) -> Vec<u8> {
        with(|kernel| {
            let device = kernel.live_device(address).expect("it is a device");
            device.as_kernel_wrote.clone()
        })
    }

    pub(crate) fn is_device(&self, address: Address) -> bool {
        with(|kernel| kernel.live_device(address).is_some())
    }

    pub(crate) fn top_of_stack(&self, device: Address) -> Address {
        with(|kernel| kernel.top_of_stack(device))
    }

    /// The remove lock in the extension of `device`.
    pub(crate) fn remove_lock(&self, device: Address) -> Address {
        with(|kernel| {
            let device = kernel.live_device(device).expect("it is a device");
            device.lock.as_ref().expect("it has a remove lock").address
        })
    }

    pub(crate) fn driver(&self) -> &Block {
        &self.driver
    }

    pub(crate) fn driver_extension(&self) -> &Block {
        &self.extension
    }

    pub(crate) fn registry_path(&self) -> &Block {
        &self.registry_path
    }

    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// Ends the test where the driver did what no driver may.
    fn fail_on_violations(&self) {
        let violations = with(|kernel| std::mem::take(&mut kernel.violations));
        assert!(violations.is_empty(), "the driver broke rules: {violations:#?}");
    }

    /// Calls a function of the driver on its own stack, and checks what must hold after any.
    ///
    /// # Safety
    ///
    /// `function` is the address of a function of the driver that may be called so.
    unsafe fn call<const N: usize>(&mut self, function: Address, arguments: [Address; N]) -> NtStatus {
        let function =
            NonNull::new(std::ptr::with_exposed_provenance_mut(function.0)).expect("the driver has this routine");
        // SAFETY: vouched for by the caller.
        let result = unsafe { self.stack.call(function, arguments.map(|argument| argument.0)) };
        with(Kernel::check);
        self.fail_on_violations();
        // An NTSTATUS is in the low half of the result.
        result as u32 as NtStatus
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.fail_on_violations();
        }
    }
}

/// What a lower device is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LowerDevice {
    pub(crate) device_type: u32,
    pub(crate) flags: u32,
    pub(crate) characteristics: u32,
}

impl Default for LowerDevice {
    fn default() -> Self {
        Self {
            device_type: 0x7, // FILE_DEVICE_DISK
            flags: 0x10,      // DO_DIRECT_IO
            characteristics: 0,
        }
    }
}

/// An IRP for a stack of `stack_count` devices, not yet sent to any.
fn new_irp(stack_count: u8) -> Block {
    let bytes = stack_location_offset(stack_count + 1);
    let block = Block::new(bytes);
    let pattern: Vec<u8> = (0..bytes).map(|offset| (offset * 37 + 11) as u8).collect();
    block.write(0, &pattern);
    block.write(irp::TYPE, &irp::IO_TYPE_IRP.to_le_bytes());
    block.write(irp::SIZE, &(bytes as u16).to_le_bytes());
    block.write(irp::PENDING_RETURNED, &[0]);
    block.write(irp::STACK_COUNT, &[stack_count]);
    block.write(irp::CANCEL, &[0]);
    // Sent by a driver that has the topmost location, so the next one is the filter's.
    block.write(irp::CURRENT_LOCATION, &[stack_count]);
    let current = Address(block.address().0 + stack_location_offset(stack_count));
    block.set_pointer(irp::CURRENT_STACK_LOCATION, current);
    for location in 1..=stack_count {
        let control = stack_location_offset(location) + stack_location::CONTROL;
        block.write(control, &[stack_location::SL_INVOKE_ALL]);
    }
    block
}

/// The UNICODE_STRING that DriverEntry gets, with its text after it.
fn registry_path() -> Block {
    let text: Vec<u8> = r"\Registry\Machine\System\CurrentControlSet\Services\irpscope"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let block = Block::new(unicode_string::BYTES + text.len());
    block.write(unicode_string::LENGTH, &(text.len() as u16).to_le_bytes());
    block.write(unicode_string::MAXIMUM_LENGTH, &(text.len() as u16).to_le_bytes());
    let buffer = Address(block.address().0 + unicode_string::BYTES);
    block.set_pointer(unicode_string::BUFFER, buffer);
    block.write(unicode_string::BYTES, &text);
    block
}
