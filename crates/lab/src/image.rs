//! The image loader: maps a driver file as a kernel would.
//!
//! [`Image::load`] places each section under its own protection, never writable and executable at
//! once, relocates the image to where it stands, and binds its imports to what a [`Resolver`]
//! gives. It runs nothing of it. Whatever a file contains, it is either loaded or refused with a
//! [`LoadError`] that names the problem.
//!
//! Left to the caller: calling functions of the image (see [`crate::stack`]), and everything that
//! they call.

mod error;
mod headers;
mod tables;
mod traps;

use std::{collections::BTreeMap, ffi::c_void, ops::Range, ptr::NonNull};

pub use error::LoadError;
pub use headers::Section;
pub use traps::EXIT_UNKNOWN_IMPORT;

use self::{headers::Headers, traps::Traps};
pub use crate::memory::Protection;
use crate::memory::{Mapping, Staging};

/// Who provides the functions and data that an image imports.
pub trait Resolver {
    /// The address of `name` of the module `dll`, both spelled as in the image.
    ///
    /// Where there is none the import is bound to a trap: a call to it ends the process with
    /// [`EXIT_UNKNOWN_IMPORT`] and one line that names the function.
    fn resolve(&mut self, dll: &str, name: &str) -> Option<NonNull<c_void>>;
}

impl<F> Resolver for F
where
    F: FnMut(&str, &str) -> Option<NonNull<c_void>>,
{
    fn resolve(&mut self, dll: &str, name: &str) -> Option<NonNull<c_void>> {
        self(dll, name)
    }
}

/// A function or datum that an image imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The module it is imported from, as spelled in the image.
    pub dll: String,
    /// Its name.
    pub name: String,
    /// Whether the resolver knew it; if not it is bound to a trap.
    pub resolved: bool,
}

/// A driver image in this process's memory, unmapped on drop.
///
/// Who runs the image's code or keeps an address in it must be done before it is dropped; the
/// functions that run it are unsafe for that reason, among others.
pub struct Image {
    headers: Headers,
    imports: Vec<Import>,
    exports: BTreeMap<String, u32>,
    pages: Mapping,
    /// What the image's import slots may point to.
    _traps: Traps,
}

impl Image {
    /// Maps the driver in `file`, relocates it and binds its imports to what `resolver` gives.
    ///
    /// `name` is what messages call the image.
    pub fn load(name: &str, file: &[u8], resolver: &mut dyn Resolver) -> Result<Self, LoadError> {
        let headers = Headers::parse(file)?;
        let mut staging = Staging::new(headers.image_bytes as usize)?;
        let base = staging.base().addr().get();
        let image = staging.bytes_mut();
        headers.copy(file, image);

        let exports = tables::exports(image, &headers)?;
        let entries = tables::imports(image, &headers)?;
        tables::relocate(image, &headers, base as u64)?;

        let addresses: Vec<_> = entries
            .iter()
            .map(|entry| resolver.resolve(&entry.dll, &entry.name))
            .collect();
        let unknown = entries
            .iter()
            .zip(&addresses)
            .filter(|(_, address)| address.is_none())
            .map(|(entry, _)| format!("{}!{}", entry.dll, entry.name))
            .collect();
        let traps = Traps::new(name, base, unknown)?;
        let mut trap_addresses = traps.addresses();
        let mut imports = Vec::with_capacity(entries.len());
        for (entry, address) in entries.into_iter().zip(addresses) {
            let bound = address
                .map(|address| address.as_ptr().expose_provenance())
                .or_else(|| trap_addresses.next())
                .expect("there is a trap for each address that is missing");
            tables::write_address(image, entry.slot, bound as u64);
            imports.push(Import {
                dll: entry.dll,
                name: entry.name,
                resolved: address.is_some(),
            });
        }
        drop(trap_addresses);

        let pages = staging.seal(headers.regions())?;
        Ok(Self {
            headers,
            imports,
            exports,
            pages,
            _traps: traps,
        })
    }

    /// The address of the image's first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.pages.base()
    }

    /// How many bytes the image covers from its base, by its headers.
    pub fn size(&self) -> usize {
        self.headers.image_bytes as usize
    }

    /// The address of the entry point.
    pub fn entry_point(&self) -> NonNull<c_void> {
        self.at(self.headers.entry_point)
    }

    /// The sections, in ascending order of address.
    pub fn sections(&self) -> &[Section] {
        &self.headers.sections
    }

    /// The section that covers `address`, which is relative to the base.
    pub fn section_at(&self, address: u32) -> Option<&Section> {
        self.headers.section_at(address)
    }

    /// `address` relative to the base, if it is within the image.
    pub fn relative(&self, address: usize) -> Option<u32> {
        let base = self.base().addr().get();
        let range: Range<usize> = base..base + self.size();
        let offset = range.contains(&address).then(|| address - base)?;
        u32::try_from(offset).ok()
    }

    /// What the image imports, in the order of its import table.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The address of the exported function or datum `name`.
    pub fn export(&self, name: &str) -> Option<NonNull<c_void>> {
        self.exports.get(name).map(|&address| self.at(address))
    }

    fn at(&self, address: u32) -> NonNull<c_void> {
        let offset = address as usize;
        assert!(offset < self.pages.len(), "checked when the image was loaded");
        // SAFETY: the offset was just seen to be within the mapping.
        let pointer = unsafe { self.base().add(offset) };
        pointer.cast()
    }
}
