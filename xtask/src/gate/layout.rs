//! Checks of where things lie: headers and sections in the file and in memory, and what
//! hypervisor-protected code integrity (HVCI) asks of that.

use super::check::{Check, Findings};
use super::image::{Image, PAGE_SIZE, Section};
use super::imports::Imports;
use object::LittleEndian as LE;
use object::pe;

/// Checks the sections, against the file and each other.
pub(super) fn check(image: &Image<'_>, imports: &Imports, findings: &mut Findings) {
    if image.sections.is_empty() {
        findings.add(Check::Layout, "the image has no sections");
    }
    check_memory(image, findings);
    check_file(image, findings);
    check_directories(image, findings);
    for section in &image.sections {
        if section.is_writable() && section.is_executable() {
            findings.add(
                Check::WritableCode,
                format!(
                    "section {} is both writable and executable: keep code and data in sections \
                     of their own",
                    section.name
                ),
            );
        }
    }
    check_iat(image, imports, findings);
}

/// Checks the addresses: on pages, in order, adjacent, and SizeOfImage their end.
fn check_memory(image: &Image<'_>, findings: &mut Findings) {
    let header = image.optional_header();
    let alignment = header.section_alignment.get(LE);
    if !alignment.is_power_of_two() || alignment < PAGE_SIZE {
        findings.add(
            Check::SectionAlignment,
            format!(
                "SectionAlignment is {alignment:#x}, not a multiple of the page: link \
                 without /ALIGN"
            ),
        );
    }
    let page = u64::from(PAGE_SIZE);
    let mut end = u64::from(header.size_of_headers.get(LE)).next_multiple_of(page);
    for section in &image.sections {
        let range = section.range();
        if !range.start.is_multiple_of(page) {
            findings.add(
                Check::SectionAlignment,
                format!("section {} starts at {:#x}, not on a page", section.name, range.start),
            );
        } else if range.start != end {
            findings.add(
                Check::Layout,
                format!(
                    "section {} starts at {:#x} where what is before it ends at {end:#x}: Windows \
                     loads only adjacent sections",
                    section.name, range.start
                ),
            );
        }
        end = range.end.next_multiple_of(page);
    }
    let stated = header.size_of_image.get(LE);
    if u64::from(stated) != end {
        findings.add(
            Check::Layout,
            format!("SizeOfImage is {stated:#x} and the last section ends at {end:#x}"),
        );
    }
}

/// Checks the file offsets: aligned, inside, in order, and nothing after them but a certificate.
fn check_file(image: &Image<'_>, findings: &mut Findings) {
    let header = image.optional_header();
    let file_size = image.bytes.len() as u64;
    let alignment = header.file_alignment.get(LE);
    if !alignment.is_power_of_two() || !(0x200..=0x1_0000).contains(&alignment) {
        findings.add(
            Check::Layout,
            format!("FileAlignment is {alignment:#x}, not a power of two from 0x200 to 0x10000"),
        );
    }
    let headers_end = u64::from(header.size_of_headers.get(LE));
    if headers_end > file_size || headers_end < section_table_end(image) {
        findings.add(
            Check::Layout,
            format!("SizeOfHeaders is {headers_end:#x}, not the size of the headers in this file"),
        );
    }
    let mut end = headers_end;
    for section in image.sections.iter().filter(|section| section.raw_size != 0) {
        let Section {
            name,
            raw_offset,
            raw_size,
            ..
        } = section;
        let start = u64::from(*raw_offset);
        if start < end {
            findings.add(
                Check::Layout,
                format!("section {name} starts in the file at {start:#x}, inside what is before it"),
            );
        }
        if alignment != 0 && (!raw_offset.is_multiple_of(alignment) || !raw_size.is_multiple_of(alignment)) {
            findings.add(
                Check::Layout,
                format!("section {name} is not aligned to FileAlignment in the file"),
            );
        }
        end = end.max(start + u64::from(*raw_size));
        if end > file_size {
            findings.add(
                Check::Layout,
                format!(
                    "section {name} reaches to {end:#x} and the file ends at {file_size:#x}: the \
                     file is cut off"
                ),
            );
        }
    }
    if end < file_size && !is_certificate(image, end) {
        findings.add(
            Check::Layout,
            format!("{} bytes after the last section belong to nothing", file_size - end),
        );
    }
}

/// Tells whether the certificate table takes exactly what follows the sections.
fn is_certificate(image: &Image<'_>, sections_end: u64) -> bool {
    // The one directory whose address is a file offset.
    const ALIGNMENT: u64 = 8;
    image
        .directory(pe::IMAGE_DIRECTORY_ENTRY_SECURITY)
        .is_some_and(|(offset, size)| {
            u64::from(offset) == sections_end.next_multiple_of(ALIGNMENT)
                && u64::from(offset) + u64::from(size) == image.bytes.len() as u64
        })
}

/// The file offset at which the section headers end.
fn section_table_end(image: &Image<'_>) -> u64 {
    let optional_header = u64::from(image.file.dos_header().nt_headers_offset())
        + (size_of::<u32>() + size_of::<pe::ImageFileHeader>()) as u64;
    optional_header
        + u64::from(image.file_header().size_of_optional_header.get(LE))
        + (image.sections.len() * size_of::<pe::ImageSectionHeader>()) as u64
}

/// Checks that each directory lies inside one section.
fn check_directories(image: &Image<'_>, findings: &mut Findings) {
    for index in 0..image.file.data_directories().len() {
        // A file offset, checked against the file's end above.
        if index == pe::IMAGE_DIRECTORY_ENTRY_SECURITY {
            continue;
        }
        let Some((address, size)) = image.directory(index) else {
            continue;
        };
        let end = u64::from(address) + u64::from(size);
        let inside = image
            .section_at(address)
            .is_some_and(|section| end <= section.range().end);
        if !inside {
            findings.add(
                Check::Layout,
                format!("data directory {index} ({address:#x}, {size:#x} bytes) is not inside a section"),
            );
        }
    }
}

/// Checks that no address which the loader fills in lies among code.
fn check_iat(image: &Image<'_>, imports: &Imports, findings: &mut Findings) {
    for slot in &imports.slots {
        if image.section_at(slot.rva).is_none() {
            findings.add(
                Check::Layout,
                format!("an import address slot, at {:#x}, is not inside a section", slot.rva),
            );
        }
    }
    let directory = image
        .directory(pe::IMAGE_DIRECTORY_ENTRY_IAT)
        .map(|(address, _)| address);
    let slots = imports.slots.iter().map(|slot| slot.rva);
    let mut executable: Vec<_> = directory
        .into_iter()
        .chain(slots)
        .filter_map(|rva| image.section_at(rva))
        .filter(|section| section.is_executable())
        .map(|section| section.name.as_str())
        .collect();
    executable.dedup();
    for name in executable {
        findings.add(
            Check::ExecutableIat,
            format!("the import address table is in the executable section {name}: link without /MERGE of .rdata or .idata into it"),
        );
    }
}
