//! The registry, as far as a driver reads its settings there: keys by handle, and numbers in them.
//!
//! Everything happens at PASSIVE_LEVEL: the registry is paged, and a key that is open keeps the token, so it is closed
//! there too. What a value says is read into a buffer of a few bytes on the stack, however long it claims to be.
//!
//! What it is not: writing, enumerating, strings.

use core::{mem::MaybeUninit, ptr};

use wdk_sys::{
    _KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation,
    HANDLE, KEY_VALUE_PARTIAL_INFORMATION, OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, REG_DWORD,
    REG_QWORD,
    ntddk::{ZwClose, ZwOpenKey, ZwQueryValueKey},
};

use crate::{
    irql::Passive,
    layout::{key_value_partial_information, object_attributes},
    status::{NtError, NtStatus},
    unicode_string::{Name, UnicodeStr},
};

/// All that is asked for: values are read, and keys below are opened.
pub(crate) const ACCESS: u32 = wdk_sys::KEY_QUERY_VALUE;

/// Why a key cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// There is no such key.
    Missing,
    /// The key's security does not let this driver read it.
    AccessDenied,
    /// Something else, as where there is no memory.
    Failed(NtError),
}

/// Why a value cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// There is no such value.
    Missing,
    /// It is of another type, which is given: REG_SZ is 1.
    WrongType(u32),
    /// It is of the right type and has so many bytes, which are not what the type has.
    WrongSize(u32),
    /// The key's security does not let this driver read it.
    AccessDenied,
    /// Something else, as where there is no memory.
    Failed(NtError),
}

/// A key that is open. Dropping it closes it.
///
/// # Invariants
///
/// The handle is a kernel handle of a key, and is closed by this value alone.
#[must_use = "a key that is dropped is closed"]
pub struct Key<'irql> {
    handle: HANDLE,
    /// Kept for as long as the key is open: it is read and closed at PASSIVE_LEVEL.
    irql: &'irql mut Passive,
}

impl<'irql> Key<'irql> {
    /// Takes over the handle that a kernel function opened, if it did.
    ///
    /// # Errors
    ///
    /// It did not.
    ///
    /// # Safety
    ///
    /// Where `status` is a success, the handle is a kernel handle of a key that nobody else closes.
    pub(crate) unsafe fn from_opened(
        status: NtStatus,
        handle: HANDLE,
        irql: &'irql mut Passive,
    ) -> Result<Self, OpenError> {
        match status.ok() {
            Ok(_) => Ok(Self { handle, irql }),
            Err(NtError::OBJECT_NAME_NOT_FOUND | NtError::OBJECT_PATH_NOT_FOUND) => Err(OpenError::Missing),
            Err(NtError::ACCESS_DENIED) => Err(OpenError::AccessDenied),
            Err(error) => Err(OpenError::Failed(error)),
        }
    }

    /// Opens the key of this path.
    pub(crate) fn at(path: UnicodeStr<'_>, irql: &'irql mut Passive) -> Result<Self, OpenError> {
        Self::open_from(ptr::null_mut(), path, irql)
    }

    /// Opens a key in this one. The name is ASCII, of at most 64 characters.
    ///
    /// # Errors
    ///
    /// It is not there or cannot be opened.
    pub fn open(&mut self, name: &str) -> Result<Key<'_>, OpenError> {
        Key::open_from(self.handle, Name::new(name).as_unicode_str(), self.irql)
    }

    fn open_from(root: HANDLE, name: UnicodeStr<'_>, irql: &'irql mut Passive) -> Result<Self, OpenError> {
        #[expect(clippy::cast_possible_truncation, reason = "0x30")]
        const SIZE: u32 = size_of::<OBJECT_ATTRIBUTES>() as u32;
        // A handle of the process that this thread happens to be in could be used and closed by that process.
        const ATTRIBUTES: u32 = OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE;
        let mut attributes = MaybeUninit::<OBJECT_ATTRIBUTES>::zeroed();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: a field of our own structure.
        unsafe { object_attributes::length(attributes).write(SIZE) };
        // SAFETY: as above.
        unsafe { object_attributes::root_directory(attributes).write(root) };
        // SAFETY: as above.
        unsafe { object_attributes::object_name(attributes).write(name.as_raw()) };
        // SAFETY: as above. What is left zero: no security is given to a key that is not made.
        unsafe { object_attributes::attributes(attributes).write(ATTRIBUTES) };
        let mut handle = ptr::null_mut();
        // SAFETY: the token is proof of the IRQL. The attributes are complete, the name is there while they are used,
        // and the handle goes to a local.
        let status = unsafe { ZwOpenKey(&raw mut handle, ACCESS, attributes) };
        // SAFETY: the handle is what this call opened, and was asked to be a kernel handle.
        unsafe { Self::from_opened(NtStatus::from_raw(status), handle, irql) }
    }

    /// Reads a REG_DWORD. The name is ASCII, of at most 64 characters.
    ///
    /// # Errors
    ///
    /// It is not there, is something else, or cannot be read.
    pub fn dword(&mut self, name: &str) -> Result<u32, ValueError> {
        self.number(name, REG_DWORD).map(u32::from_le_bytes)
    }

    /// Reads a REG_QWORD. The name is ASCII, of at most 64 characters.
    ///
    /// # Errors
    ///
    /// It is not there, is something else, or cannot be read.
    pub fn qword(&mut self, name: &str) -> Result<u64, ValueError> {
        self.number(name, REG_QWORD).map(u64::from_le_bytes)
    }

    /// Reads a value of a type that has `N` bytes.
    fn number<const N: usize>(&mut self, name: &str, kind: u32) -> Result<[u8; N], ValueError> {
        let mut buffer = MaybeUninit::<Buffer>::zeroed();
        let information = buffer.as_mut_ptr().cast::<KEY_VALUE_PARTIAL_INFORMATION>();
        let mut length = 0;
        // SAFETY: the token of `self` is proof of the IRQL, and the handle is open (invariant). The name is there during
        // the call, and what is read goes to locals, of which the sizes are given.
        let status = unsafe {
            ZwQueryValueKey(
                self.handle,
                Name::new(name).as_unicode_str().as_raw(),
                KeyValuePartialInformation,
                information.cast(),
                Buffer::SIZE,
                &raw mut length,
            )
        };
        match NtStatus::from_raw(status).ok() {
            // With the warning, the head is complete and says how long the value is; the data is cut off.
            Ok(_) | Err(NtError::BUFFER_OVERFLOW) => {}
            Err(NtError::OBJECT_NAME_NOT_FOUND) => return Err(ValueError::Missing),
            Err(NtError::ACCESS_DENIED) => return Err(ValueError::AccessDenied),
            Err(error) => return Err(ValueError::Failed(error)),
        }
        // SAFETY: a field of the local, all of which was zeroed.
        let found = unsafe { key_value_partial_information::kind(information).read() };
        // SAFETY: as above.
        let data_length = unsafe { key_value_partial_information::data_length(information).read() };
        if found != kind {
            return Err(ValueError::WrongType(found));
        }
        if usize::try_from(data_length) != Ok(N) {
            return Err(ValueError::WrongSize(data_length));
        }
        const { assert!(N <= Buffer::DATA) };
        // SAFETY: a place in the local that has room for N bytes, all of which were zeroed or written.
        Ok(unsafe {
            key_value_partial_information::data(information)
                .cast::<[u8; N]>()
                .read()
        })
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is open and closed once (invariant), and the token that is kept is proof of the IRQL.
        // There is nothing to be done where it fails.
        let _ = unsafe { ZwClose(self.handle) };
    }
}

/// What a value is read into: the head of KEY_VALUE_PARTIAL_INFORMATION, and the data of the longest number.
#[repr(C, align(8))]
struct Buffer([u8; 12], [u8; Self::DATA]);

impl Buffer {
    const DATA: usize = size_of::<u64>();
    #[expect(clippy::cast_possible_truncation, reason = "20")]
    const SIZE: u32 = 12 + Self::DATA as u32;
}

const _: () = assert!(size_of::<Buffer>() >= Buffer::SIZE as usize);
