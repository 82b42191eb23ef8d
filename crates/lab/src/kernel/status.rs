//! The NTSTATUS values that the lab returns, sends or knows by name.

/// NTSTATUS.
pub type NtStatus = i32;

macro_rules! statuses {
    ($($(#[$meta:meta])* $name:ident = $value:literal;)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "`.")]
            pub const $name: NtStatus = $value as u32 as NtStatus;
        )*

        /// The name of a status, or its number.
        pub fn name(status: NtStatus) -> String {
            match status {
                $($name => stringify!($name).to_owned(),)*
                other => format!("{:#010x}", other as u32),
            }
        }
    };
}

statuses! {
    STATUS_SUCCESS = 0x0;
    STATUS_TIMEOUT = 0x102;
    STATUS_PENDING = 0x103;
    STATUS_REPARSE = 0x104;
    STATUS_BUFFER_OVERFLOW = 0x8000_0005;
    STATUS_DEVICE_BUSY = 0x8000_0011;
    STATUS_VERIFY_REQUIRED = 0x8000_0016;
    STATUS_UNSUCCESSFUL = 0xC000_0001;
    STATUS_NOT_IMPLEMENTED = 0xC000_0002;
    STATUS_NO_MORE_ENTRIES = 0x8000_001A;
    STATUS_INFO_LENGTH_MISMATCH = 0xC000_0004;
    STATUS_INVALID_HANDLE = 0xC000_0008;
    STATUS_BUFFER_TOO_SMALL = 0xC000_0023;
    STATUS_OBJECT_TYPE_MISMATCH = 0xC000_0024;
    STATUS_MUTANT_NOT_OWNED = 0xC000_0046;
    STATUS_INVALID_PARAMETER = 0xC000_000D;
    STATUS_NO_SUCH_DEVICE = 0xC000_000E;
    STATUS_ACCESS_DENIED = 0xC000_0022;
    STATUS_NO_MEDIA_IN_DEVICE = 0xC000_0013;
    STATUS_DEVICE_DOES_NOT_EXIST = 0xC000_00C0;
    STATUS_INVALID_PARAMETER_2 = 0xC000_00F0;
    STATUS_INVALID_DEVICE_REQUEST = 0xC000_0010;
    STATUS_END_OF_FILE = 0xC000_0011;
    STATUS_MORE_PROCESSING_REQUIRED = 0xC000_0016;
    STATUS_OBJECT_NAME_NOT_FOUND = 0xC000_0034;
    STATUS_OBJECT_NAME_COLLISION = 0xC000_0035;
    STATUS_DELETE_PENDING = 0xC000_0056;
    STATUS_INSUFFICIENT_RESOURCES = 0xC000_009A;
    STATUS_DEVICE_DATA_ERROR = 0xC000_009C;
    STATUS_DEVICE_NOT_CONNECTED = 0xC000_009D;
    STATUS_DEVICE_NOT_READY = 0xC000_00A3;
    STATUS_REQUEST_NOT_ACCEPTED = 0xC000_00D0;
    STATUS_IO_TIMEOUT = 0xC000_00B5;
    STATUS_NOT_SUPPORTED = 0xC000_00BB;
    STATUS_CANCELLED = 0xC000_0120;
    STATUS_IO_DEVICE_ERROR = 0xC000_0185;
}

/// `NT_SUCCESS`: success or information.
pub fn nt_success(status: NtStatus) -> bool {
    status >= 0
}
