//! Base relocations: the absolute addresses in the image, and the table that lets Windows move it.
//!
//! An image without any absolute address rightly has no table, and the linker then writes none.
//! To tell that apart from a table that was lost, the gate looks for what an absolute address
//! looks like: eight bytes, aligned as data, whose value lies in a section of this image at its
//! preferred base; and in code, an immediate of eight bytes with such a value. With a base above
//! 4 GiB, as linkers choose for 64-bit images, no other data looks like that but by a rare
//! accident; below it small numbers do, and an image without a table cannot be judged.

use super::check::{Check, Findings};
use super::image::{Image, PAGE_SIZE, Section};
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::RelocationBlockIterator;
use std::collections::BTreeSet;

/// The size of an absolute address.
const ADDRESS_SIZE: u32 = 8;

/// Where the image holds absolute addresses, by its relocation table.
#[derive(Default)]
pub(super) struct Relocations {
    pub(super) sites: BTreeSet<u32>,
}

impl Relocations {
    /// Reads the table, and adds a finding for everything malformed in it.
    pub(super) fn read(image: &Image<'_>, findings: &mut Findings) -> Self {
        let mut relocations = Self::default();
        let Some((address, size)) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC) else {
            return relocations;
        };
        let Some(table) = image.slice_at(address, size) else {
            findings.add(
                Check::Relocations,
                "the relocation directory points outside of the file: link again",
            );
            return relocations;
        };
        let mut blocks = RelocationBlockIterator::new(table);
        loop {
            let block = match blocks.next() {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(error) => {
                    findings.add(
                        Check::Relocations,
                        format!("the relocation table cannot be read ({error}): link again"),
                    );
                    break;
                }
            };
            if !block.virtual_address().is_multiple_of(PAGE_SIZE) {
                findings.add(
                    Check::Relocations,
                    format!(
                        "the relocation block of {:#x} is not of a page",
                        block.virtual_address()
                    ),
                );
            }
            for relocation in block {
                relocations.add(image, relocation.typ, relocation.virtual_address, findings);
            }
        }
        relocations
    }

    fn add(&mut self, image: &Image<'_>, kind: pe::BaseRelocationType, rva: u32, findings: &mut Findings) {
        match kind {
            // Padding to an even number of entries.
            pe::IMAGE_REL_BASED_ABSOLUTE => return,
            pe::IMAGE_REL_BASED_DIR64 => {}
            other => {
                findings.add(
                    Check::Relocations,
                    format!("the relocation at {rva:#x} has type {} and not DIR64", other.0),
                );
                return;
            }
        }
        let Some(value) = image.u64_at(rva) else {
            findings.add(
                Check::Relocations,
                format!("the relocation at {rva:#x} is not inside a section"),
            );
            return;
        };
        if image.rva_of_address(value).is_none() {
            findings.add(
                Check::Relocations,
                format!("the relocation at {rva:#x} is of {value:#x}, no address in this image"),
            );
        }
        if self
            .sites
            .range(rva.saturating_sub(ADDRESS_SIZE - 1)..rva.saturating_add(ADDRESS_SIZE))
            .next()
            .is_some()
        {
            findings.add(
                Check::Relocations,
                format!("the relocation at {rva:#x} overlaps another"),
            );
        }
        self.sites.insert(rva);
    }
}

/// Tells whether absolute addresses of this image can be told from numbers.
pub(super) fn are_addresses_distinct(image: &Image<'_>) -> bool {
    image.image_base() > u64::from(u32::MAX)
}

/// Checks that relocation is possible, and that every absolute address takes part in it.
///
/// `code_addresses` are the places of absolute addresses among the instructions.
pub(super) fn check(image: &Image<'_>, relocations: &Relocations, code_addresses: &[u32], findings: &mut Findings) {
    let characteristics = image.file_header().characteristics.get(LE);
    if characteristics.contains(pe::IMAGE_FILE_RELOCS_STRIPPED) {
        findings.add(Check::Relocations, "RELOCS_STRIPPED is set: link without /FIXED");
    }
    if !are_addresses_distinct(image) {
        if image.directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC).is_none() {
            findings.add(
                Check::Relocations,
                "no relocation table, and with an image base below 4 GiB it cannot be told whether \
                 one is needed: link with /BASE:0x140000000",
            );
        }
        return;
    }
    let in_data = image
        .sections
        .iter()
        .filter(|section| !section.is_executable())
        .flat_map(|section| absolute_addresses(image, section));
    for rva in in_data.chain(code_addresses.iter().copied()) {
        if !relocations.sites.contains(&rva) {
            findings.add(
                Check::Relocations,
                format!("the absolute address at {rva:#x} has no relocation: link without /FIXED"),
            );
        }
    }
}

/// Finds what looks like absolute addresses in a data section.
fn absolute_addresses(image: &Image<'_>, section: &Section<'_>) -> impl Iterator<Item = u32> {
    // A section starts on a page, so that alignment in it is alignment in memory.
    let (words, _) = section.data.as_chunks::<{ ADDRESS_SIZE as usize }>();
    words.iter().enumerate().filter_map(|(index, word)| {
        image.rva_of_address(u64::from_le_bytes(*word))?;
        let offset = u32::try_from(index).ok()?.checked_mul(ADDRESS_SIZE)?;
        section.virtual_address.checked_add(offset)
    })
}
