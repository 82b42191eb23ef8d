//! The image loader: maps a driver file as a kernel would.
//!
//! [`Image::load`] places each section under its own protection, never writable and executable at
//! once, relocates the image to where it stands, and binds its imports to what a [`Resolver`]
//! gives. It runs nothing of it. Whatever a file contains, it is either loaded or refused with a
//! [`LoadError`] that names the problem.
//!
//! Left to the caller: calling functions of the image (see [`crate::stack`]), and everything that
//! they call.

mod data_exports;
mod error;
mod headers;
mod missing_data;
mod tables;
mod traps;

use std::{collections::BTreeMap, ffi::c_void, ops::Range, ptr::NonNull};

pub use error::LoadError;
pub use headers::Section;
pub use traps::{EXIT_UNKNOWN_IMPORT, OnUnknownCall, UnknownCall};

use self::{headers::Headers, missing_data::MissingData, traps::Traps};
pub use crate::memory::Protection;
use crate::memory::{Mapping, PAGE_BYTES, Staging};

/// Who provides the functions and data that an image imports.
pub trait Resolver {
    /// The address of `name` of the module `dll`, both spelled as in the image.
    ///
    /// Where there is none the import is bound to a trap, which a call to it springs (see
    /// [`LoadOptions::on_unknown_call`]); or to an inaccessible page if [`Self::is_data`] says so.
    fn resolve(&mut self, dll: &str, name: &str) -> Option<NonNull<c_void>>;

    /// Whether `name` of the module `dll`, which [`Self::resolve`] did not know, is data.
    ///
    /// An import table does not tell. What is not overridden knows the names of the kernel's own
    /// data.
    fn is_data(&self, dll: &str, name: &str) -> bool {
        data_exports::has(dll, name)
    }
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
    /// Whether the resolver knew it; if not it is bound to a trap or an inaccessible page.
    pub resolved: bool,
}

/// Where an image is put and what its traps do.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    /// The address the image gets if that is free, a multiple of the page size.
    ///
    /// With it, a run has the same addresses each time and on each machine. What the loader adds
    /// to the image stands right after it.
    pub address: usize,
    /// What happens when the driver calls a function that nobody provides.
    pub on_unknown_call: OnUnknownCall,
}

impl LoadOptions {
    /// An address that Linux gives nothing of its own to: well above a program that is linked to a
    /// fixed address and its heap, far below everything else.
    pub const ADDRESS: usize = 0x7_1000_0000;
}

impl Default for LoadOptions {
    /// Puts the image at [`Self::ADDRESS`]; an unknown call ends the process with
    /// [`EXIT_UNKNOWN_IMPORT`] and one line that names the function.
    fn default() -> Self {
        Self {
            address: Self::ADDRESS,
            on_unknown_call: traps::exit,
        }
    }
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
    asked_address: usize,
    missing_data: MissingData,
    /// What the pages of `missing_data` stand for, as indices into `imports`.
    missing: Vec<usize>,
    /// What the image's import slots may point to.
    _traps: Traps,
}

impl Image {
    /// Maps the driver in `file` as [`Self::load_with`] does with the default options.
    pub fn load(name: &str, file: &[u8], resolver: &mut dyn Resolver) -> Result<Self, LoadError> {
        Self::load_with(name, file, resolver, &LoadOptions::default())
    }

    /// Maps the driver in `file`, relocates it, binds its imports to what `resolver` gives, and
    /// sets its /GS cookie.
    ///
    /// `name` is what messages call the image.
    pub fn load_with(
        name: &str,
        file: &[u8],
        resolver: &mut dyn Resolver,
        options: &LoadOptions,
    ) -> Result<Self, LoadError> {
        let headers = Headers::parse(file)?;
        let mut staging = Staging::preferably_at(options.address, headers.image_bytes as usize)?;
        let base = staging.base().addr().get();
        let image = staging.bytes_mut();
        headers.copy(file, image);

        let exports = tables::exports(image, &headers)?;
        let entries = tables::imports(image, &headers)?;
        tables::relocate(image, &headers, base as u64)?;
        tables::set_security_cookie(image, &headers, base as u64)?;

        let mut unknown_functions = Vec::new();
        let mut missing = Vec::new();
        let mut addresses = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let address = resolver.resolve(&entry.dll, &entry.name);
            if address.is_none() && resolver.is_data(&entry.dll, &entry.name) {
                missing.push(index);
            } else if address.is_none() {
                unknown_functions.push(format!("{}!{}", entry.dll, entry.name));
            }
            addresses.push(address);
        }
        // An inaccessible page on each side keeps what the driver overruns from being a neighbour.
        let end = (base + headers.image_bytes as usize).next_multiple_of(PAGE_BYTES);
        let missing_data = MissingData::new(end + PAGE_BYTES, missing.len())?;
        let traps_at = end + (missing.len() + 2) * PAGE_BYTES;
        let traps = Traps::new(traps_at, name, base, unknown_functions, options.on_unknown_call)?;

        let mut data_addresses = missing.iter().copied().zip(missing_data.addresses()).peekable();
        let mut trap_addresses = traps.addresses();
        let mut imports = Vec::with_capacity(entries.len());
        for (index, (entry, address)) in entries.into_iter().zip(addresses).enumerate() {
            let bound = address
                .map(|address| address.as_ptr().expose_provenance())
                .or_else(|| {
                    data_addresses
                        .next_if(|&(missing, _)| missing == index)
                        .map(|(_, page)| page)
                })
                .or_else(|| trap_addresses.next())
                .expect("there is a page or a trap for each address that is missing");
            tables::write_address(image, entry.slot, bound as u64);
            imports.push(Import {
                dll: entry.dll,
                name: entry.name,
                resolved: address.is_some(),
            });
        }
        drop((data_addresses, trap_addresses));

        let pages = staging.seal(headers.regions())?;
        Ok(Self {
            headers,
            imports,
            exports,
            pages,
            asked_address: options.address,
            missing_data,
            missing,
            _traps: traps,
        })
    }

    /// Whether the image stands at the address that was asked for, which may have been taken.
    pub fn is_where_asked(&self) -> bool {
        self.base().addr().get() == self.asked_address
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

    /// The data import that nobody provides and that `address` is in the page of.
    ///
    /// A driver that uses such data faults at such an address.
    pub fn inaccessible_import_at(&self, address: usize) -> Option<&Import> {
        let page = self.missing_data.index_of(address)?;
        self.imports.get(*self.missing.get(page)?)
    }

    /// The table of functions that can be unwound (`.pdata`), empty where there is none.
    pub(crate) fn function_table(&self) -> &[u8] {
        let Some(directory) = self.headers.exceptions else {
            return &[];
        };
        let bytes = self.constant(directory.address).unwrap_or_default();
        bytes.get(..directory.size as usize).unwrap_or_default()
    }

    /// The image's bytes from `address`, relative to the base, to the end of its section, if the
    /// driver can read but not write them.
    pub(crate) fn constant(&self, address: u32) -> Option<&[u8]> {
        let section = self.section_at(address)?;
        let protection = section.protection();
        if !protection.read || protection.write {
            return None;
        }
        let bytes = section.addresses().end.checked_sub(address)? as usize;
        let first = self.at(address).cast::<u8>();
        // SAFETY: the range is within one section, so within the mapping, which `self` keeps. It
        // was initialised before it was sealed, and is readable and never writable since.
        Some(unsafe { std::slice::from_raw_parts(first.as_ptr(), bytes) })
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
