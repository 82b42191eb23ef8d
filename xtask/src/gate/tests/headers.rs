//! Faults in headers, sections, checksum and relocations.

use super::fixture::{
    ENTER, Fixture, LEAVE, Op, RAW_OFFSET, RDATA, TEXT, optional_header, put_directory, put_u32, section_data,
    section_header,
};
use super::{Case, bytes, fixture};
use crate::gate::Check;
use object::pe;

/// Offsets in the optional header.
const SECTION_ALIGNMENT: usize = 32;
const SIZE_OF_IMAGE: usize = 56;
/// Offsets in a section header.
const VIRTUAL_SIZE: usize = 8;
const VIRTUAL_ADDRESS: usize = 12;
const RAW_SIZE: usize = 16;
const CHARACTERISTICS: usize = 36;

fn put_section(image: &mut [u8], name: &str, field: usize, value: u32) {
    let header = section_header(image, name);
    put_u32(image, header + field, value);
}

fn header_cases() -> Vec<Case> {
    let clear = |flag: pe::DllFlags| move |fixture: &mut Fixture| fixture.headers.dll_characteristics.0 &= !flag.0;
    vec![
        fixture("another machine", Check::Format, |fixture| {
            fixture.headers.machine = pe::IMAGE_FILE_MACHINE_ARM64;
        }),
        fixture("a program, not a driver", Check::Format, |fixture| {
            fixture.headers.subsystem = pe::IMAGE_SUBSYSTEM_WINDOWS_CUI;
        }),
        fixture("not executable", Check::Format, |fixture| {
            fixture.headers.characteristics.0 &= !pe::IMAGE_FILE_EXECUTABLE_IMAGE.0;
        }),
        fixture(
            "no NX_COMPAT",
            Check::NxCompat,
            clear(pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT),
        ),
        fixture(
            "no DYNAMIC_BASE",
            Check::DynamicBase,
            clear(pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE),
        ),
        fixture(
            "no HIGH_ENTROPY_VA",
            Check::HighEntropyVa,
            clear(pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA),
        ),
        fixture(
            "no FORCE_INTEGRITY",
            Check::ForceIntegrity,
            clear(pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY),
        ),
    ]
}

fn layout_cases() -> Vec<Case> {
    vec![
        bytes("writable code", Check::WritableCode, |image| {
            put_section(image, ".text", CHARACTERISTICS, 0xe000_0020);
        }),
        bytes("writable code in data", Check::WritableCode, |image| {
            put_section(image, ".data", CHARACTERISTICS, 0xe000_0040);
        }),
        bytes("a small SectionAlignment", Check::SectionAlignment, |image| {
            let field = optional_header(image) + SECTION_ALIGNMENT;
            put_u32(image, field, 0x200);
        }),
        bytes("a section off its page", Check::SectionAlignment, |image| {
            put_section(image, ".data", VIRTUAL_ADDRESS, 0x3010);
        }),
        bytes("import addresses among code", Check::ExecutableIat, |image| {
            put_directory(image, pe::IMAGE_DIRECTORY_ENTRY_IAT, TEXT, 16);
        }),
        bytes("overlapping sections", Check::Layout, |image| {
            put_section(image, ".data", VIRTUAL_ADDRESS, RDATA);
        }),
        bytes("sections that overlap in the file", Check::Layout, |image| {
            let text = section_data(image, ".text");
            put_section(image, ".data", RAW_OFFSET, text as u32);
        }),
        bytes("a hole between sections", Check::Layout, |image| {
            put_section(image, ".reloc", VIRTUAL_ADDRESS, 0x7000);
            put_directory(image, pe::IMAGE_DIRECTORY_ENTRY_BASERELOC, 0x7000, 12);
            let size_of_image = optional_header(image) + SIZE_OF_IMAGE;
            put_u32(image, size_of_image, 0x8000);
        }),
        bytes("a section that the file does not hold", Check::Layout, |image| {
            put_section(image, ".reloc", RAW_SIZE, 0x400);
        }),
        bytes("a section without a size", Check::Layout, |image| {
            put_section(image, ".data", VIRTUAL_SIZE, 0);
        }),
        bytes("a wrong SizeOfImage", Check::Layout, |image| {
            let field = optional_header(image) + SIZE_OF_IMAGE;
            put_u32(image, field, 0x9000);
        }),
        bytes("bytes behind the last section", Check::Layout, |image| {
            image.extend([1; 8]);
        }),
        bytes("a directory outside of the sections", Check::Layout, |image| {
            put_directory(image, pe::IMAGE_DIRECTORY_ENTRY_TLS, 0x9000, 40);
        }),
        Case {
            fault: "changed after linking",
            check: Check::Checksum,
            built: {
                let mut built = Fixture::good().build();
                let data = section_data(&built.image, ".data");
                built.image[data] ^= 1;
                built
            },
        },
        Case {
            fault: "no checksum",
            check: Check::Checksum,
            built: {
                let mut built = Fixture::good().build();
                let field = optional_header(&built.image) + 64;
                put_u32(&mut built.image, field, 0);
                built
            },
        },
    ]
}

fn relocation_cases() -> Vec<Case> {
    vec![
        fixture("relocations stripped", Check::Relocations, |fixture| {
            fixture.headers.characteristics |= pe::IMAGE_FILE_RELOCS_STRIPPED;
        }),
        fixture(
            "an address in data without a relocation",
            Check::Relocations,
            |fixture| {
                fixture.is_relocated = false;
            },
        ),
        fixture(
            "an address in code without a relocation",
            Check::Relocations,
            |fixture| {
                let target = fixture.routines[0];
                fixture.add_function("fixture::start", vec![ENTER, Op::LoadAddress(target), LEAVE]);
            },
        ),
        fixture("a low base that hides addresses", Check::Relocations, |fixture| {
            fixture.headers.image_base = 0x1_0000;
            fixture.is_relocated = false;
        }),
        bytes("a relocation elsewhere", Check::Relocations, |image| {
            let first_entry = section_data(image, ".reloc") + 8;
            image[first_entry] = 8;
        }),
        bytes("one relocation more, of no address", Check::Relocations, |image| {
            let padding = section_data(image, ".reloc") + 10;
            image[padding..padding + 2].copy_from_slice(&[0x08, 0xa0]);
        }),
        bytes("the same relocation twice", Check::Relocations, |image| {
            let padding = section_data(image, ".reloc") + 10;
            image[padding..padding + 2].copy_from_slice(&[0x00, 0xa0]);
        }),
        bytes("a relocation block off its page", Check::Relocations, |image| {
            let page = section_data(image, ".reloc");
            put_u32(image, page, RDATA - 0x10);
            image[page + 8] = 0x10;
        }),
        bytes("a relocation of a 32-bit address", Check::Relocations, |image| {
            let first_entry = section_data(image, ".reloc") + 8;
            image[first_entry + 1] = 3 << 4;
        }),
        bytes("a relocation block with a false size", Check::Relocations, |image| {
            let size = section_data(image, ".reloc") + 4;
            put_u32(image, size, 0x40);
        }),
        bytes("a relocation outside of the image", Check::Relocations, |image| {
            let page = section_data(image, ".reloc");
            put_u32(image, page, 0x9000);
        }),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    [header_cases(), layout_cases(), relocation_cases()]
        .into_iter()
        .flatten()
        .collect()
}
