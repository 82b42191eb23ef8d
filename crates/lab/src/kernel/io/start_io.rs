//! Device queues, and the I/O manager's serialisation of a device's requests on one: StartIo.

use crate::kernel::{
    Machine,
    layout::{device_object, driver_object, irp, kdevice_queue, kdevice_queue_entry},
    scheduler::DISPATCH_LEVEL,
};

const DEVICE_QUEUE_OBJECT: u16 = 0x14;

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
        device_object::CURRENT_IRP.set(device, 0);
        let entry = self.remove_device_queue(device_object::DEVICE_QUEUE.address(device));
        if entry != 0 {
            self.call_start_io(device, entry - irp::DRIVER_CONTEXT.address(0));
        }
    }

    fn call_start_io(&self, device: usize, address: usize) {
        device_object::CURRENT_IRP.set(device, address);
        let routine = driver_object::DRIVER_START_IO.get(device_object::DRIVER_OBJECT.get(device));
        self.call_callback("StartIo routine", routine, &[device, address]);
    }
}
