//! A call of the driver into the kernel, with the arguments that tests ask for.
//!
//! What is not an argument that matters is left out; functions that no test has asked about yet are only named.

use super::Address;
use crate::{
    guest,
    kernel::{entry::Frame, layout::irp},
    status::NtStatus,
};

/// A call of the driver into the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named and documented by the WDK")]
pub enum Call {
    IoCreateDevice {
        driver: Address,
        extension_bytes: u32,
        name: Address,
        device_type: u32,
        characteristics: u32,
        exclusive: bool,
    },
    IoDeleteDevice {
        device: Address,
    },
    IoAttachDeviceToDeviceStackSafe {
        source: Address,
        target: Address,
    },
    IoDetachDevice {
        target: Address,
    },
    IoGetAttachedDeviceReference {
        device: Address,
    },
    ObfDereferenceObject {
        object: Address,
    },
    ObfReferenceObject {
        object: Address,
    },
    IoInitializeRemoveLockEx {
        lock: Address,
        size: u32,
    },
    IoAcquireRemoveLockEx {
        lock: Address,
        tag: Address,
        size: u32,
    },
    IoReleaseRemoveLockEx {
        lock: Address,
        tag: Address,
        size: u32,
    },
    IoReleaseRemoveLockAndWaitEx {
        lock: Address,
        tag: Address,
        size: u32,
    },
    IofCallDriver {
        device: Address,
        irp: Address,
    },
    IofCompleteRequest {
        irp: Address,
        /// What the IRP has in its IoStatus.
        status: NtStatus,
        information: usize,
        priority_boost: i8,
    },
    IoSetCompletionRoutineEx {
        device: Address,
        irp: Address,
        routine: Address,
        context: Address,
        on_success: bool,
        on_error: bool,
        on_cancel: bool,
    },
    IoForwardIrpSynchronously {
        device: Address,
        irp: Address,
    },
    IoInvalidateDeviceState {
        device: Address,
    },
    IoCancelIrp {
        irp: Address,
    },
    IoFreeIrp {
        irp: Address,
    },
    ExAllocatePool2 {
        flags: u64,
        bytes: usize,
        tag: [u8; 4],
    },
    /// Any other.
    Other {
        function: &'static str,
    },
}

impl Call {
    /// Reads the arguments of a call.
    pub(super) fn read(function: &'static str, frame: Frame) -> Self {
        let arguments = Arguments(frame);
        match function {
            "IoCreateDevice" => Self::IoCreateDevice {
                driver: arguments.address(0),
                extension_bytes: arguments.u32(1),
                name: arguments.address(2),
                device_type: arguments.u32(3),
                characteristics: arguments.u32(4),
                exclusive: arguments.boolean(5),
            },
            "IoDeleteDevice" => Self::IoDeleteDevice {
                device: arguments.address(0),
            },
            "IoAttachDeviceToDeviceStackSafe" => Self::IoAttachDeviceToDeviceStackSafe {
                source: arguments.address(0),
                target: arguments.address(1),
            },
            "IoDetachDevice" => Self::IoDetachDevice {
                target: arguments.address(0),
            },
            "IoGetAttachedDeviceReference" => Self::IoGetAttachedDeviceReference {
                device: arguments.address(0),
            },
            "ObfDereferenceObject" => Self::ObfDereferenceObject {
                object: arguments.address(0),
            },
            "ObfReferenceObject" => Self::ObfReferenceObject {
                object: arguments.address(0),
            },
            "IoInitializeRemoveLockEx" => Self::IoInitializeRemoveLockEx {
                lock: arguments.address(0),
                size: arguments.u32(4),
            },
            "IoAcquireRemoveLockEx" => Self::IoAcquireRemoveLockEx {
                lock: arguments.address(0),
                tag: arguments.address(1),
                size: arguments.u32(4),
            },
            "IoReleaseRemoveLockEx" => Self::IoReleaseRemoveLockEx {
                lock: arguments.address(0),
                tag: arguments.address(1),
                size: arguments.u32(2),
            },
            "IoReleaseRemoveLockAndWaitEx" => Self::IoReleaseRemoveLockAndWaitEx {
                lock: arguments.address(0),
                tag: arguments.address(1),
                size: arguments.u32(2),
            },
            "IofCallDriver" => Self::IofCallDriver {
                device: arguments.address(0),
                irp: arguments.address(1),
            },
            "IofCompleteRequest" => arguments.completion(),
            "IoSetCompletionRoutineEx" => Self::IoSetCompletionRoutineEx {
                device: arguments.address(0),
                irp: arguments.address(1),
                routine: arguments.address(2),
                context: arguments.address(3),
                on_success: arguments.boolean(4),
                on_error: arguments.boolean(5),
                on_cancel: arguments.boolean(6),
            },
            "IoForwardIrpSynchronously" => Self::IoForwardIrpSynchronously {
                device: arguments.address(0),
                irp: arguments.address(1),
            },
            "IoInvalidateDeviceState" => Self::IoInvalidateDeviceState {
                device: arguments.address(0),
            },
            "IoCancelIrp" => Self::IoCancelIrp {
                irp: arguments.address(0),
            },
            "IoFreeIrp" => Self::IoFreeIrp {
                irp: arguments.address(0),
            },
            "ExAllocatePool2" => Self::ExAllocatePool2 {
                flags: arguments.0.argument(0) as u64,
                bytes: arguments.0.argument(1),
                tag: arguments.u32(2).to_le_bytes(),
            },
            function => Self::Other { function },
        }
    }
}

struct Arguments(Frame);

impl Arguments {
    fn address(&self, index: usize) -> Address {
        Address(self.0.argument(index))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the rest of the register is not defined")]
    fn u32(&self, index: usize) -> u32 {
        self.0.argument(index) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the rest of the register is not defined")]
    fn u8(&self, index: usize) -> u8 {
        self.0.argument(index) as u8
    }

    fn boolean(&self, index: usize) -> bool {
        self.u8(index) != 0
    }

    fn completion(&self) -> Call {
        let address = self.0.argument(0);
        // What is no IRP is the I/O manager's to complain about, which sees it next.
        let is_there = guest::contains(address, irp::BYTES);
        Call::IofCompleteRequest {
            irp: Address(address),
            status: if is_there { irp::STATUS.get(address) } else { 0 },
            information: if is_there { irp::INFORMATION.get(address) } else { 0 },
            priority_boost: self.u8(1).cast_signed(),
        }
    }
}
