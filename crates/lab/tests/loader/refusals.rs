//! What is refused, each with the one line that a person gets to read.

use lab::image::Image;

use crate::specimen::{DATA, RDATA, TEXT, at, field, knows_nothing, offset_of, put, put16, put32, section, specimen};

/// The message with which the specimen is refused once it has been spoilt.
fn refusal(spoil: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut file = specimen();
    spoil(&mut file);
    match Image::load("specimen.sys", &file, &mut knows_nothing) {
        Ok(_) => "loaded".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_specimen_itself_is_not_refused() {
    assert_eq!(refusal(|_| {}), "loaded");
}

#[test]
fn an_empty_file() {
    assert_eq!(
        refusal(Vec::clear),
        "not a PE image: Invalid DOS header size or alignment"
    );
}

#[test]
fn a_file_of_another_format() {
    let message = refusal(|file| put(file, field::E_MAGIC, b"\x7FE"));
    assert_eq!(message, "not a PE image: Invalid DOS magic");
}

#[test]
fn a_dos_program() {
    let message = refusal(|file| put(file, field::SIGNATURE, b"NE\0\0"));
    assert_eq!(message, "not a PE image: no PE signature where the DOS header points");
}

#[test]
fn a_pe_header_past_the_end() {
    let message = refusal(|file| put32(file, field::E_LFANEW, u32::MAX));
    assert_eq!(message, "not a PE image: the file ends before its PE header");
}

#[test]
fn a_32_bit_driver() {
    let message = refusal(|file| {
        put16(file, field::MACHINE, 0x14C);
        put16(file, field::OPTIONAL_MAGIC, 0x10B);
    });
    assert_eq!(message, "built for 32-bit x86, not for x86-64 (machine 0x8664)");
}

#[test]
fn an_arm64_driver() {
    let message = refusal(|file| put16(file, field::MACHINE, 0xAA64));
    assert_eq!(message, "built for ARM64, not for x86-64 (machine 0x8664)");
}

#[test]
fn a_driver_for_an_unknown_machine() {
    let message = refusal(|file| put16(file, field::MACHINE, 0x1234));
    assert_eq!(message, "built for machine 0x1234, not for x86-64 (machine 0x8664)");
}

#[test]
fn a_pe32_header_on_a_64_bit_machine() {
    let message = refusal(|file| put16(file, field::OPTIONAL_MAGIC, 0x10B));
    assert_eq!(
        message,
        "optional header magic is 0x10b, expected 0x20b (PE32+, 64-bit)"
    );
}

#[test]
fn an_optional_header_that_is_too_small() {
    let message = refusal(|file| put16(file, field::SIZE_OF_OPTIONAL_HEADER, 0x20));
    assert_eq!(message, "not a PE image: PE optional header size is too small");
}

#[test]
fn more_directories_than_the_header_has_room_for() {
    let message = refusal(|file| put32(file, field::NUMBER_OF_DIRECTORIES, u32::MAX));
    assert_eq!(message, "not a PE image: Invalid PE number of RVA and sizes");
}

#[test]
fn more_sections_than_the_file_has_room_for() {
    let message = refusal(|file| put16(file, field::NUMBER_OF_SECTIONS, u16::MAX));
    assert_eq!(message, "not a PE image: Invalid COFF/PE section headers");
}

#[test]
fn a_file_that_was_not_linked() {
    let message = refusal(|file| put16(file, field::CHARACTERISTICS, 0x20));
    assert_eq!(
        message,
        "not an executable image: IMAGE_FILE_EXECUTABLE_IMAGE is not set"
    );
}

#[test]
fn a_user_mode_program() {
    let message = refusal(|file| put16(file, field::SUBSYSTEM, 3));
    assert_eq!(message, "subsystem is 3, expected 1 (native): not a driver");
}

#[test]
fn an_image_for_one_address_only() {
    let message = refusal(|file| put16(file, field::CHARACTERISTICS, 0x23));
    assert_eq!(
        message,
        "base relocations were stripped (IMAGE_FILE_RELOCS_STRIPPED): link with /DYNAMICBASE"
    );
}

#[test]
fn sections_that_could_share_a_page() {
    for alignment in [0, 0x20, 0x800, 0x1800] {
        let message = refusal(|file| put32(file, field::SECTION_ALIGNMENT, alignment));
        assert_eq!(
            message,
            format!("section alignment is {alignment:#x}, expected a power of two from 0x1000 on")
        );
    }
}

#[test]
fn an_empty_or_enormous_image() {
    for size in [0, 0x1000_0001, u32::MAX] {
        let message = refusal(|file| put32(file, field::SIZE_OF_IMAGE, size));
        assert_eq!(
            message,
            format!("image size is {size:#x}, expected 1 to 0x10000000 bytes")
        );
    }
}

#[test]
fn headers_longer_than_the_file() {
    let message = refusal(|file| put32(file, field::SIZE_OF_HEADERS, 0xE01));
    assert_eq!(
        message,
        "headers of 0xe01 bytes do not fit into a file of 0xe00 and an image of 0x6000 bytes"
    );
}

#[test]
fn headers_longer_than_the_image() {
    let message = refusal(|file| put32(file, field::SIZE_OF_IMAGE, 0x300));
    assert_eq!(
        message,
        "headers of 0x400 bytes do not fit into a file of 0xe00 and an image of 0x300 bytes"
    );
}

#[test]
fn a_file_cut_short_anywhere() {
    let whole = specimen();
    for length in 0..whole.len() {
        let message = refusal(|file| file.truncate(length));
        assert_ne!(message, "loaded", "with {length} bytes");
        assert_eq!(message.lines().count(), 1, "with {length} bytes: {message}");
    }
    assert_eq!(
        refusal(|file| file.truncate(whole.len() - 1)),
        "section .reloc: its contents at 0xc00, 0x200 bytes, end past the end of the file: truncated?"
    );
}

#[test]
fn a_section_between_pages() {
    let message = refusal(|file| put32(file, section::field(DATA, section::VIRTUAL_ADDRESS), 0x3010));
    assert_eq!(
        message,
        "section .data: address 0x3010 is not a multiple of the section alignment 0x1000"
    );
}

#[test]
fn a_section_over_another() {
    let message = refusal(|file| put32(file, section::field(RDATA, section::VIRTUAL_SIZE), 0x1001));
    assert_eq!(
        message,
        "section .data: address 0x3000 overlaps section .rdata, which ends at 0x3001"
    );
}

#[test]
fn sections_out_of_order() {
    let message = refusal(|file| put32(file, section::field(TEXT, section::VIRTUAL_ADDRESS), 0x4000));
    assert_eq!(
        message,
        "section .rdata: address 0x2000 overlaps section .text, which ends at 0x4100"
    );
}

#[test]
fn a_section_over_the_headers() {
    let message = refusal(|file| put32(file, section::field(TEXT, section::VIRTUAL_ADDRESS), 0));
    assert_eq!(
        message,
        "section .text: address 0x0 overlaps the headers, which ends at 0x400"
    );
}

#[test]
fn a_section_outside_the_image() {
    let message = refusal(|file| put32(file, field::SIZE_OF_IMAGE, 0x5000));
    assert_eq!(
        message,
        "section .reloc: address 0x5000, 0xc bytes, ends past the end of the image"
    );
    let message = refusal(|file| put32(file, section::field(DATA, section::VIRTUAL_SIZE), u32::MAX));
    assert_eq!(
        message,
        "section .data: address 0x3000, 0xffffffff bytes, ends past the end of the image"
    );
}

#[test]
fn a_section_that_is_writable_and_executable() {
    let message = refusal(|file| {
        put32(file, section::field(TEXT, section::CHARACTERISTICS), 0xE000_0020);
    });
    assert_eq!(message, "section .text is both writable and executable");
}

#[test]
fn an_entry_point_that_is_no_code() {
    for address in [0, at::POINTER, 0x1100, u32::MAX] {
        let message = refusal(|file| put32(file, field::ENTRY_POINT, address));
        assert_eq!(
            message,
            format!("entry point {address:#x} is not in an executable section")
        );
    }
}

#[test]
fn a_relocation_of_a_foreign_type() {
    let message = refusal(|file| put16(file, offset_of(at::RELOCATIONS + 8), 3 << 12));
    assert_eq!(
        message,
        "relocation at 0x3000 is of type 3, expected 10 (DIR64) or 0 (ABSOLUTE)"
    );
}

#[test]
fn a_relocation_outside_every_section() {
    // Past the image, in the headers, between sections, and over the end of a section.
    for (page, offset) in [(0xFFFF_F000, 0), (0, 0), (0x1000, 0x100), (0x4000, 0x7F9)] {
        let message = refusal(|file| {
            put32(file, offset_of(at::RELOCATIONS), page);
            put16(file, offset_of(at::RELOCATIONS + 8), 10 << 12 | offset);
        });
        let address = page + u32::from(offset);
        assert_eq!(message, format!("relocation at {address:#x} is outside every section"));
    }
}

#[test]
fn a_relocation_block_longer_than_the_table() {
    let message = refusal(|file| put32(file, offset_of(at::RELOCATIONS + 4), 0x1000));
    assert_eq!(message, "relocation table is malformed: Invalid PE reloc block size");
}

#[test]
fn a_relocation_table_outside_the_image() {
    let message = refusal(|file| put32(file, field::RELOCATION_DIRECTORY, 0x6000));
    assert_eq!(message, "relocation table at 0x6000, 0xc bytes, is outside the image");
    let message = refusal(|file| put32(file, field::RELOCATION_DIRECTORY + 4, u32::MAX));
    assert_eq!(
        message,
        "relocation table at 0x5000, 0xffffffff bytes, is outside the image"
    );
}

#[test]
fn an_import_by_ordinal() {
    let message = refusal(|file| {
        let lookup = offset_of(at::LOOKUP_HAL);
        put(file, lookup, &0x8000_0000_0000_0007_u64.to_le_bytes());
    });
    assert_eq!(
        message,
        "HAL.dll ordinal 7 is imported by ordinal, expected imports by name only"
    );
}

#[test]
fn an_import_table_outside_the_image() {
    let message = refusal(|file| put32(file, field::IMPORT_DIRECTORY, 0x6001));
    assert_eq!(
        message,
        "import table is malformed: Invalid PE import descriptor address"
    );
}

#[test]
fn an_import_table_without_an_end() {
    let message = refusal(|file| put32(file, field::IMPORT_DIRECTORY, 0x5FFC));
    assert_eq!(message, "import table is malformed: Missing PE null import descriptor");
}

#[test]
fn a_module_name_outside_the_image() {
    let message = refusal(|file| put32(file, offset_of(at::IMPORT_DESCRIPTORS + 12), 0x7000));
    assert_eq!(message, "import table is malformed: Invalid PE import descriptor name");
}

#[test]
fn a_function_name_that_would_garble_the_message() {
    let message = refusal(|file| put(file, offset_of(at::HINT_UNKNOWN + 2), b"two\nlines"));
    assert_eq!(
        message,
        "import table has a bad name at 0x20e0: expected 1 to 4096 printable ASCII bytes"
    );
}

#[test]
fn an_import_slot_outside_every_section() {
    let message = refusal(|file| put32(file, offset_of(at::IMPORT_DESCRIPTORS + 16), 0x10));
    assert_eq!(
        message,
        "import ntoskrnl.exe!KnownFunction: its address slot at 0x10 is outside every section"
    );
}

#[test]
fn imports_from_more_modules_than_there_are() {
    let message = refusal(|file| {
        // .data moves to the end of the file and becomes one long import table.
        let descriptor = file[offset_of(at::IMPORT_DESCRIPTORS)..][..20].to_vec();
        let table = descriptor.repeat(65);
        let end = file.len() as u32;
        put32(file, section::field(DATA, section::RAW_OFFSET), end);
        put32(file, section::field(DATA, section::RAW_SIZE), table.len() as u32);
        put32(file, field::IMPORT_DIRECTORY, at::POINTER);
        file.extend(table);
    });
    assert_eq!(message, "import table has more than 64 modules");
}

#[test]
fn an_export_outside_every_section() {
    let message = refusal(|file| put32(file, offset_of(at::EXPORT_ADDRESSES + 8), 0x1100));
    assert_eq!(message, "export Weigh: address 0x1100 is outside every section");
}

#[test]
fn an_export_table_outside_the_image() {
    let message = refusal(|file| put32(file, field::EXPORT_DIRECTORY, 0x6000));
    assert_eq!(message, "export table at 0x6000, 0x100 bytes, is outside the image");
}

#[test]
fn an_export_table_that_contradicts_itself() {
    let message = refusal(|file| put16(file, offset_of(at::EXPORT_ORDINALS), 3));
    assert_eq!(message, "export table is malformed: Invalid PE export address index");
}
