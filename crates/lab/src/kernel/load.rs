//! A driver on the machine: its image, its driver object, and the calls of its routines.

use std::{ffi::c_void, ptr::NonNull};

use super::{
    Machine,
    activation::Routine,
    exports, fault,
    layout::{IO_TYPE_DRIVER, driver_extension, driver_object},
    status::{self, NtStatus, STATUS_INVALID_DEVICE_REQUEST},
    system_calls,
};
use crate::{
    guest,
    image::{Image, LoadError, LoadOptions},
    pool::{Contents, Owner},
    symbols::Symbols,
};

const TAG: u32 = u32::from_le_bytes(*b"Driv");

/// The major functions that a driver object has room for.
pub(crate) const MAJOR_FUNCTIONS: usize = 28;

/// A driver that has been loaded.
pub(crate) struct Driver {
    pub(crate) image: Image,
    pub(crate) symbols: Symbols,
    /// The address of its driver object.
    pub(crate) object: usize,
}

impl Machine {
    /// Maps the driver in `file`, which is called `name`, and makes its driver object.
    pub(crate) fn load(&self, name: &str, file: &[u8], symbols: Symbols) -> Result<(), LoadError> {
        let mut resolve = |_dll: &str, name: &str| -> Option<NonNull<c_void>> { exports::address(self, name) };
        let options = LoadOptions {
            on_unknown_call: fault::on_unknown_call,
            ..LoadOptions::default()
        };
        let image = Image::load_with(name, file, &mut resolve, &options)?;
        let start = image.base().addr().get();
        // SAFETY: the image is kept in the machine, which is never dropped, and nobody makes references to its bytes.
        unsafe { guest::register(start..start + image.size()) };
        // A system that has no such filters is one to run drivers on all the same.
        if system_calls::forbid(&(start..start + image.size())).is_err() {
            self.reporter
                .count("system calls of the driver that nobody would turn away", 1);
        }
        for section in image.sections() {
            self.paging
                .add_section(start + section.addresses().start as usize, section);
        }
        let object = self.make_driver_object(&format!("\\Driver\\{}", self.config.service));
        driver_object::DRIVER_START.set(object, start);
        driver_object::DRIVER_SIZE.set(object, u32::try_from(image.size()).unwrap_or(u32::MAX));
        driver_object::DRIVER_INIT.set(object, image.entry_point().addr().get());
        *self.driver.borrow_mut() = Some(std::rc::Rc::new(Driver { image, symbols, object }));
        Ok(())
    }

    /// Makes a driver object, every major function of which is refused.
    pub(crate) fn make_driver_object(&self, name: &str) -> usize {
        let object = self.kernel_block(driver_object::BYTES);
        let extension = self.kernel_block(driver_extension::BYTES);
        driver_object::TYPE.set(object, IO_TYPE_DRIVER);
        driver_object::SIZE.set(object, u16::try_from(driver_object::BYTES).unwrap_or(u16::MAX));
        driver_object::DRIVER_EXTENSION.set(object, extension);
        driver_extension::DRIVER_OBJECT.set(extension, object);
        self.write_unicode_string(driver_object::DRIVER_NAME.address(object), name);
        for major in 0..MAJOR_FUNCTIONS {
            let slot = driver_object::MAJOR_FUNCTION.address(object) + 8 * major;
            guest::write(slot, self.invalid_request_routine());
        }
        object
    }

    /// Memory of the kernel's, zeroed, that stays.
    pub(crate) fn kernel_block(&self, bytes: usize) -> usize {
        self.allocate(bytes, TAG, Owner::Kernel, 0, Contents::Zeroed)
            .unwrap_or_else(|| self.cannot("the pool has no room left"))
    }

    /// Gives memory of the kernel's back.
    pub(crate) fn free_kernel_block(&self, address: usize) {
        self.free_pool(address, 0);
    }

    /// Makes a UNICODE_STRING at `address`, with a buffer of its own.
    pub(crate) fn write_unicode_string(&self, address: usize, text: &str) {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bytes = u16::try_from(units.len()).unwrap_or_default();
        let buffer = self.kernel_block(units.len() + 2);
        guest::write_bytes(buffer, &units);
        guest::write(address, bytes);
        guest::write(address + 2, bytes + 2);
        guest::write(address + 8, buffer);
    }

    /// What stands in a driver object for a major function that the driver does not have.
    pub(crate) fn invalid_request_routine(&self) -> usize {
        self.internal_routine(exports::INVALID_DEVICE_REQUEST)
    }

    /// What IoSetCompletionRoutineEx writes into a stack location.
    pub(crate) fn wrapper_routine(&self) -> usize {
        self.internal_routine(exports::UNLOAD_SAFE_COMPLETION)
    }

    /// What IoForwardIrpSynchronously writes into a stack location.
    pub(crate) fn forward_routine(&self) -> usize {
        self.internal_routine(exports::FORWARD_COMPLETION)
    }

    /// What an initiator has in its stack location as its completion routine.
    pub(crate) fn upper_routine(&self) -> usize {
        self.internal_routine(exports::UPPER_COMPLETION)
    }

    /// What a cancel-safe queue sets as the cancel routine of its IRPs.
    pub(crate) fn csq_cancel_routine(&self) -> usize {
        self.internal_routine(exports::CSQ_CANCEL)
    }

    /// The address that drivers know an exported function by.
    pub(crate) fn exported(&self, name: &str) -> usize {
        self.internal_routine(name)
    }

    fn internal_routine(&self, name: &str) -> usize {
        exports::address(self, name).map_or(0, |address| address.addr().get())
    }

    /// The dispatch of a major function that the driver does not have.
    pub(crate) fn invalid_device_request(&'static self, record: &std::rc::Rc<super::io::irp::IrpRecord>) -> NtStatus {
        use super::layout::irp;
        irp::STATUS.set(record.address, STATUS_INVALID_DEVICE_REQUEST);
        irp::INFORMATION.set(record.address, 0);
        let visit = record.visits.borrow().len().checked_sub(1);
        self.complete(record, visit);
        STATUS_INVALID_DEVICE_REQUEST
    }

    /// The driver that is loaded.
    pub(crate) fn loaded(&self) -> std::rc::Rc<Driver> {
        self.driver
            .borrow()
            .clone()
            .expect("its routines are called after it has been loaded")
    }

    /// Makes the registry path of the driver's service.
    pub(crate) fn make_registry_path(&self) -> usize {
        let path = self.kernel_block(16);
        let name = format!(
            "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\{}",
            self.config.service
        );
        self.write_unicode_string(path, &name);
        path
    }

    /// Calls DriverEntry.
    pub(crate) fn driver_entry(&self, path: usize) -> NtStatus {
        let driver = self.loaded();
        let entry = driver.image.entry_point().addr().get();
        let status = self.call_routine(Routine::DriverEntry, entry, [driver.object, path, 0, 0]);
        self.discard_initialisation();
        status as u32 as NtStatus
    }

    /// Ends the run: DriverEntry failed, and nobody made it.
    pub(crate) fn did_not_load(&self, status: NtStatus) -> ! {
        self.cannot(&format!(
            "the driver did not load: its DriverEntry returned {} ({:#010x})",
            status::name(status),
            status as u32
        ))
    }

    /// The driver's AddDevice routine, if it has one.
    pub(crate) fn add_device_routine(&self) -> Option<usize> {
        let extension = driver_object::DRIVER_EXTENSION.get(self.loaded().object);
        let routine = driver_extension::ADD_DEVICE.get(extension);
        (routine != 0).then_some(routine)
    }

    /// The driver's unload routine, if it has one.
    pub(crate) fn unload_routine(&self) -> Option<usize> {
        let routine = driver_object::DRIVER_UNLOAD.get(self.loaded().object);
        (routine != 0).then_some(routine)
    }
}
