//! Device queues, and the I/O manager's serialisation of a device's requests on one: StartIo.

use crate::{
    kernel::{
        Machine,
        activation::Routine,
        layout::{device_object, driver_object, irp, kdevice_queue, kdevice_queue_entry},
        scheduler::DISPATCH_LEVEL,
    },
    rules,
};

const DEVICE_QUEUE_OBJECT: u16 = 0x14;

/// What reports call it.
const ROUTINE: &str = "StartIo routine";

/// How the StartIo routine of a device is called, and whether it is being called.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StartIo {
    /// DeferredStartIo: it is not called again before it has returned.
    defers: bool,
    /// NonCancelable: a request that it gets has no cancel routine any more.
    is_not_cancelable: bool,
    /// How many calls of it have not returned. Those of a device whose routine is not deferred may overlap.
    inside: u32,
    /// It is to be called again when it has returned.
    is_due: bool,
}

impl Machine {
    /// KeInitializeDeviceQueue.
    pub(crate) fn initialise_device_queue(&self, queue: usize) {
        crate::guest::zero(queue, kdevice_queue::BYTES);
        kdevice_queue::TYPE.set(queue, DEVICE_QUEUE_OBJECT);
        let size = u16::try_from(kdevice_queue::BYTES).unwrap_or(u16::MAX);
        kdevice_queue::SIZE.set(queue, size);
        let head = kdevice_queue::LIST_HEAD.address(queue);
        crate::guest::write(head, head);
        crate::guest::write(head.wrapping_add(8), head);
    }

    /// KeInsertDeviceQueue and, with a key, KeInsertByKeyDeviceQueue. False where the queue was not busy, and is now.
    pub(crate) fn insert_device_queue(&self, queue: usize, entry: usize, key: Option<u32>) -> bool {
        if kdevice_queue::BUSY.get(queue) == 0 {
            kdevice_queue::BUSY.set(queue, 1);
            kdevice_queue_entry::INSERTED.set(entry, 0);
            return false;
        }
        let head = kdevice_queue::LIST_HEAD.address(queue);
        let mut after = head;
        if let Some(key) = key {
            kdevice_queue_entry::SORT_KEY.set(entry, key);
            // Behind those with the same key.
            let is_behind = |&at: &usize| at == head || kdevice_queue_entry::SORT_KEY.get(at) > key;
            after = crate::guest::follow(crate::guest::read(head), crate::guest::read)
                .find(is_behind)
                .unwrap_or(head);
        }
        let before = crate::guest::read::<usize>(after.wrapping_add(8));
        crate::guest::write(entry, after);
        crate::guest::write(entry.wrapping_add(8), before);
        crate::guest::write(before, entry);
        crate::guest::write(after.wrapping_add(8), entry);
        kdevice_queue_entry::INSERTED.set(entry, 1);
        true
    }

    /// KeRemoveDeviceQueue: the first entry, or 0 where there is none and the queue is not busy any more.
    pub(crate) fn remove_device_queue(&self, queue: usize) -> usize {
        let head = kdevice_queue::LIST_HEAD.address(queue);
        let entry = crate::guest::read::<usize>(head);
        if entry == head {
            kdevice_queue::BUSY.set(queue, 0);
            return 0;
        }
        self.remove_queue_entry(entry);
        entry
    }

    /// KeRemoveEntryDeviceQueue. False where the entry is in no queue.
    pub(crate) fn remove_queue_entry(&self, entry: usize) -> bool {
        if kdevice_queue_entry::INSERTED.get(entry) == 0 {
            return false;
        }
        let links = kdevice_queue_entry::LINKS.address(entry);
        let (next, before) = (
            crate::guest::read::<usize>(links),
            crate::guest::read::<usize>(links.wrapping_add(8)),
        );
        crate::guest::write(before, next);
        crate::guest::write(next.wrapping_add(8), before);
        kdevice_queue_entry::INSERTED.set(entry, 0);
        true
    }

    /// IoStartPacket: calls StartIo now where the device is idle, else later.
    pub(crate) fn start_packet(&self, device: usize, address: usize, key: Option<u32>, cancel_routine: usize) {
        self.irp_of_call(address);
        let irql = self.irql();
        self.current().irql.set(irql.max(DISPATCH_LEVEL));
        if cancel_routine != 0 {
            irp::CANCEL_ROUTINE.set(address, cancel_routine);
        }
        let queue = device_object::DEVICE_QUEUE.address(device);
        if !self.insert_device_queue(queue, irp::DRIVER_CONTEXT.address(address), key) {
            self.call_start_io(device, address);
        }
        self.current().irql.set(irql);
    }

    /// IoStartNextPacket: the device is done with its request.
    pub(crate) fn start_next_packet(&self, device: usize) {
        let state = self.devices.start_io(device);
        if state.defers && state.inside > 0 {
            self.devices.set_start_io(device, StartIo { is_due: true, ..state });
            return;
        }
        if self.is_in_start_io() {
            self.warning(
                None,
                &rules::START_IO_RECURSION,
                "a StartIo routine calls IoStartNextPacket, which calls it in turn: IoSetStartIoAttributes has not asked \
                 for DeferredStartIo",
            );
        }
        if let Some(address) = self.dequeue_packet(device) {
            self.call_start_io(device, address);
        }
    }

    /// IoSetStartIoAttributes.
    pub(crate) fn set_start_io_attributes(&self, device: usize, defers: bool, is_not_cancelable: bool) {
        let state = self.devices.start_io(device);
        self.devices.set_start_io(
            device,
            StartIo {
                defers,
                is_not_cancelable,
                ..state
            },
        );
    }

    /// The next request of a device, which is idle where there is none.
    fn dequeue_packet(&self, device: usize) -> Option<usize> {
        device_object::CURRENT_IRP.set(device, 0);
        let entry = self.remove_device_queue(device_object::DEVICE_QUEUE.address(device));
        let address = entry.checked_sub(irp::DRIVER_CONTEXT.address(0))?;
        if self.devices.start_io(device).is_not_cancelable {
            irp::CANCEL_ROUTINE.set(address, 0);
        }
        Some(address)
    }

    fn call_start_io(&self, device: usize, address: usize) {
        let routine = driver_object::DRIVER_START_IO.get(device_object::DRIVER_OBJECT.get(device));
        let mut next = Some(address);
        while let Some(address) = next {
            device_object::CURRENT_IRP.set(device, address);
            let state = self.devices.start_io(device);
            let inside = state.inside + 1;
            self.devices.set_start_io(device, StartIo { inside, ..state });
            self.call_callback(ROUTINE, routine, &[device, address]);
            let state = self.devices.start_io(device);
            self.devices.set_start_io(
                device,
                StartIo {
                    inside: state.inside - 1,
                    is_due: false,
                    ..state
                },
            );
            next = state.is_due.then(|| self.dequeue_packet(device)).flatten();
        }
    }

    /// Whether the routine that calls the kernel now is a StartIo routine itself.
    fn is_in_start_io(&self) -> bool {
        let activations = self.current().activations.borrow();
        let innermost = activations.last().map(|activation| &activation.routine);
        matches!(innermost, Some(Routine::Callback(ROUTINE)))
    }
}
