//! A well-formed driver image in a few hundred bytes, and what a test needs to spoil it.
//!
//! Every offset is written out, so that the image does not depend on the code under test, nor on
//! the crate that parses for it.

use std::ffi::c_void;
use std::ptr::NonNull;

/// The address the specimen is linked for.
pub(crate) const PREFERRED_BASE: u64 = 0x1_4000_0000;
/// The size of the specimen in memory.
pub(crate) const IMAGE_BYTES: u32 = 0x6000;

/// File offsets of header fields.
pub(crate) mod field {
    pub(crate) const E_MAGIC: usize = 0x0;
    pub(crate) const E_LFANEW: usize = 0x3C;
    pub(crate) const SIGNATURE: usize = 0x80;
    pub(crate) const MACHINE: usize = 0x84;
    pub(crate) const NUMBER_OF_SECTIONS: usize = 0x86;
    pub(crate) const TIME_DATE_STAMP: usize = 0x88;
    pub(crate) const POINTER_TO_SYMBOL_TABLE: usize = 0x8C;
    pub(crate) const NUMBER_OF_SYMBOLS: usize = 0x90;
    pub(crate) const SIZE_OF_OPTIONAL_HEADER: usize = 0x94;
    pub(crate) const CHARACTERISTICS: usize = 0x96;
    pub(crate) const OPTIONAL_MAGIC: usize = 0x98;
    pub(crate) const ENTRY_POINT: usize = 0x98 + 16;
    pub(crate) const IMAGE_BASE: usize = 0x98 + 24;
    pub(crate) const SECTION_ALIGNMENT: usize = 0x98 + 32;
    pub(crate) const FILE_ALIGNMENT: usize = 0x98 + 36;
    pub(crate) const SIZE_OF_IMAGE: usize = 0x98 + 56;
    pub(crate) const SIZE_OF_HEADERS: usize = 0x98 + 60;
    pub(crate) const SUBSYSTEM: usize = 0x98 + 68;
    pub(crate) const NUMBER_OF_DIRECTORIES: usize = 0x98 + 108;
    pub(crate) const EXPORT_DIRECTORY: usize = 0x98 + 112;
    pub(crate) const IMPORT_DIRECTORY: usize = EXPORT_DIRECTORY + 8;
    pub(crate) const RELOCATION_DIRECTORY: usize = EXPORT_DIRECTORY + 5 * 8;
    pub(crate) const EXCEPTION_DIRECTORY: usize = EXPORT_DIRECTORY + 3 * 8;
    pub(crate) const DEBUG_DIRECTORY: usize = EXPORT_DIRECTORY + 6 * 8;
    pub(crate) const LOAD_CONFIG_DIRECTORY: usize = EXPORT_DIRECTORY + 10 * 8;
    pub(crate) const SECTION_TABLE: usize = 0x98 + 240;
    /// Where the headers end that a loader reads.
    pub(crate) const HEADERS_END: usize = SECTION_TABLE + 4 * 40;
}

/// Fields of section headers.
pub(crate) mod section {
    /// The file offset of a field of the section of that index.
    pub(crate) fn field(index: usize, offset: usize) -> usize {
        super::field::SECTION_TABLE + 40 * index + offset
    }

    pub(crate) const NAME: usize = 0;
    pub(crate) const VIRTUAL_SIZE: usize = 8;
    pub(crate) const VIRTUAL_ADDRESS: usize = 12;
    pub(crate) const RAW_SIZE: usize = 16;
    pub(crate) const RAW_OFFSET: usize = 20;
    pub(crate) const CHARACTERISTICS: usize = 36;
}

/// Addresses, relative to the image, of the specimen's code and data.
pub(crate) mod at {
    /// `return POINTER`
    pub(crate) const ENTRY: u32 = 0x1000;
    /// `return KnownFunction(rcx)`
    pub(crate) const CALL_KNOWN: u32 = 0x1010;
    /// `return UnknownFunction()`
    pub(crate) const CALL_UNKNOWN: u32 = 0x1020;
    /// `return UnknownHalFunction()`
    pub(crate) const CALL_UNKNOWN_HAL: u32 = 0x1030;
    /// `return rcx + 2 * rdx + 4 * r8 + 8 * r9`
    pub(crate) const WEIGH: u32 = 0x1040;
    /// `return rsp`
    pub(crate) const STACK_POINTER: u32 = 0x1050;
    /// calls itself for ever
    pub(crate) const RECURSE: u32 = 0x1060;
    /// `return *rcx`
    pub(crate) const PEEK: u32 = 0x1070;
    pub(crate) const IMPORT_DESCRIPTORS: u32 = 0x2000;
    pub(crate) const LOOKUP_NTOSKRNL: u32 = 0x2040;
    pub(crate) const LOOKUP_HAL: u32 = 0x2058;
    pub(crate) const SLOT_KNOWN: u32 = 0x2070;
    pub(crate) const SLOT_UNKNOWN: u32 = 0x2078;
    pub(crate) const SLOT_UNKNOWN_HAL: u32 = 0x2088;
    pub(crate) const NAME_NTOSKRNL: u32 = 0x20A0;
    pub(crate) const NAME_HAL: u32 = 0x20B0;
    pub(crate) const HINT_KNOWN: u32 = 0x20C0;
    pub(crate) const HINT_UNKNOWN: u32 = 0x20E0;
    pub(crate) const HINT_UNKNOWN_HAL: u32 = 0x2100;
    pub(crate) const EXPORTS: u32 = 0x2140;
    pub(crate) const EXPORT_ADDRESSES: u32 = 0x2170;
    pub(crate) const EXPORT_NAMES: u32 = 0x2190;
    pub(crate) const EXPORT_ORDINALS: u32 = 0x21B0;
    pub(crate) const EXPORT_STRINGS: u32 = 0x21C0;
    pub(crate) const EXPORTS_END: u32 = 0x2240;
    /// from here on the file has room in `.rdata`, which its section does not cover yet
    pub(crate) const RDATA_SPARE: u32 = EXPORTS_END;
    /// holds the address of `TARGET`, relocated
    pub(crate) const POINTER: u32 = 0x3000;
    pub(crate) const TARGET: u32 = 0x3010;
    /// the part of `.data` that is not in the file
    pub(crate) const ZEROED: u32 = 0x3200;
    pub(crate) const RELOCATIONS: u32 = 0x5000;
}

/// What `TARGET` holds.
pub(crate) const TARGET_VALUE: u64 = 0x1122_3344_5566_7788;

struct Part {
    name: &'static [u8],
    address: u32,
    virtual_bytes: u32,
    offset: u32,
    raw_bytes: u32,
    characteristics: u32,
}

#[rustfmt::skip]
const PARTS: [Part; 4] = [
    Part { name: b".text", address: 0x1000, virtual_bytes: 0x100, offset: 0x400, raw_bytes: 0x200, characteristics: 0x6000_0020 },
    Part { name: b".rdata", address: 0x2000, virtual_bytes: 0x240, offset: 0x600, raw_bytes: 0x400, characteristics: 0x4000_0040 },
    Part { name: b".data", address: 0x3000, virtual_bytes: 0x1800, offset: 0xA00, raw_bytes: 0x200, characteristics: 0xC000_0040 },
    Part { name: b".reloc", address: 0x5000, virtual_bytes: 0xC, offset: 0xC00, raw_bytes: 0x200, characteristics: 0x4200_0040 },
];

/// Indices into the section table.
pub(crate) const TEXT: usize = 0;
pub(crate) const RDATA: usize = 1;
pub(crate) const DATA: usize = 2;

/// The specimen, as a linker would have written it.
pub(crate) fn specimen() -> Vec<u8> {
    let mut file = vec![0; 0xE00];
    headers(&mut file);
    code(&mut file);
    imports(&mut file);
    exports(&mut file);
    put64(
        &mut file,
        offset_of(at::POINTER),
        PREFERRED_BASE + u64::from(at::TARGET),
    );
    put64(&mut file, offset_of(at::TARGET), TARGET_VALUE);
    relocations(&mut file);
    file
}

fn headers(file: &mut [u8]) {
    put(file, field::E_MAGIC, b"MZ");
    put32(file, field::E_LFANEW, 0x80);
    put(file, field::SIGNATURE, b"PE\0\0");
    put16(file, field::MACHINE, 0x8664);
    put16(file, field::NUMBER_OF_SECTIONS, PARTS.len() as u16);
    put16(file, field::SIZE_OF_OPTIONAL_HEADER, 240);
    put16(file, field::CHARACTERISTICS, 0x0022); // executable, large address aware
    put16(file, field::OPTIONAL_MAGIC, 0x20B);
    put32(file, field::ENTRY_POINT, at::ENTRY);
    put64(file, field::IMAGE_BASE, PREFERRED_BASE);
    put32(file, field::SECTION_ALIGNMENT, 0x1000);
    put32(file, field::FILE_ALIGNMENT, 0x200);
    put32(file, field::SIZE_OF_IMAGE, IMAGE_BYTES);
    put32(file, field::SIZE_OF_HEADERS, 0x400);
    put16(file, field::SUBSYSTEM, 1);
    put32(file, field::NUMBER_OF_DIRECTORIES, 16);
    put32(file, field::EXPORT_DIRECTORY, at::EXPORTS);
    put32(file, field::EXPORT_DIRECTORY + 4, at::EXPORTS_END - at::EXPORTS);
    put32(file, field::IMPORT_DIRECTORY, at::IMPORT_DESCRIPTORS);
    put32(file, field::IMPORT_DIRECTORY + 4, 3 * 20);
    put32(file, field::RELOCATION_DIRECTORY, at::RELOCATIONS);
    put32(file, field::RELOCATION_DIRECTORY + 4, 12);
    for (index, part) in PARTS.iter().enumerate() {
        let field = |offset| section::field(index, offset);
        put(file, field(section::NAME), part.name);
        put32(file, field(section::VIRTUAL_SIZE), part.virtual_bytes);
        put32(file, field(section::VIRTUAL_ADDRESS), part.address);
        put32(file, field(section::RAW_SIZE), part.raw_bytes);
        put32(file, field(section::RAW_OFFSET), part.offset);
        put32(file, field(section::CHARACTERISTICS), part.characteristics);
    }
}

#[rustfmt::skip]
fn code(file: &mut [u8]) {
    let put_at = |file: &mut [u8], address: u32, bytes: &[u8]| put(file, offset_of(address), bytes);
    // mov rax, [rip + POINTER]; ret
    put_at(file, at::ENTRY, &[0x48, 0x8B, 0x05, 0, 0, 0, 0, 0xC3]);
    put32(file, offset_of(at::ENTRY + 3), at::POINTER - (at::ENTRY + 7));
    for (function, slot) in [
        (at::CALL_KNOWN, at::SLOT_KNOWN),
        (at::CALL_UNKNOWN, at::SLOT_UNKNOWN),
        (at::CALL_UNKNOWN_HAL, at::SLOT_UNKNOWN_HAL),
    ] {
        // sub rsp, 40; call [rip + slot]; add rsp, 40; ret
        put_at(file, function, &[0x48, 0x83, 0xEC, 0x28, 0xFF, 0x15, 0, 0, 0, 0, 0x48, 0x83, 0xC4, 0x28, 0xC3]);
        put32(file, offset_of(function + 6), slot - (function + 10));
    }
    // lea rax, [rcx + rdx*2]; lea rax, [rax + r8*4]; lea rax, [rax + r9*8]; ret
    put_at(file, at::WEIGH, &[0x48, 0x8D, 0x04, 0x51, 0x4A, 0x8D, 0x04, 0x80, 0x4A, 0x8D, 0x04, 0xC8, 0xC3]);
    // mov rax, rsp; ret
    put_at(file, at::STACK_POINTER, &[0x48, 0x89, 0xE0, 0xC3]);
    // call RECURSE
    put_at(file, at::RECURSE, &[0xE8, 0xFB, 0xFF, 0xFF, 0xFF]);
    // mov rax, [rcx]; ret
    put_at(file, at::PEEK, &[0x48, 0x8B, 0x01, 0xC3]);
}

fn imports(file: &mut [u8]) {
    let modules = [
        (at::LOOKUP_NTOSKRNL, at::NAME_NTOSKRNL, at::SLOT_KNOWN),
        (at::LOOKUP_HAL, at::NAME_HAL, at::SLOT_UNKNOWN_HAL),
    ];
    for (descriptor, (lookup, name, slots)) in (at::IMPORT_DESCRIPTORS..).step_by(20).zip(modules) {
        put32(file, offset_of(descriptor), lookup);
        put32(file, offset_of(descriptor + 12), name);
        put32(file, offset_of(descriptor + 16), slots);
    }
    for (lookup, slot, hint) in [
        (at::LOOKUP_NTOSKRNL, at::SLOT_KNOWN, at::HINT_KNOWN),
        (at::LOOKUP_NTOSKRNL + 8, at::SLOT_UNKNOWN, at::HINT_UNKNOWN),
        (at::LOOKUP_HAL, at::SLOT_UNKNOWN_HAL, at::HINT_UNKNOWN_HAL),
    ] {
        put64(file, offset_of(lookup), u64::from(hint));
        put64(file, offset_of(slot), u64::from(hint));
    }
    put(file, offset_of(at::NAME_NTOSKRNL), b"ntoskrnl.exe");
    put(file, offset_of(at::NAME_HAL), b"HAL.dll");
    put(file, offset_of(at::HINT_KNOWN + 2), b"KnownFunction");
    put(file, offset_of(at::HINT_UNKNOWN + 2), b"UnknownFunction");
    put(file, offset_of(at::HINT_UNKNOWN_HAL + 2), b"UnknownHalFunction");
}

fn exports(file: &mut [u8]) {
    let forwarder = at::EXPORT_STRINGS + 0x60;
    put(file, offset_of(forwarder), b"other.Function");
    let entries: [(&[u8], u32); 3] = [
        (b"Forwarded", forwarder),
        (b"Target", at::TARGET),
        (b"Weigh", at::WEIGH),
    ];
    put32(file, offset_of(at::EXPORTS + 16), 1); // ordinal base
    put32(file, offset_of(at::EXPORTS + 20), entries.len() as u32);
    put32(file, offset_of(at::EXPORTS + 24), entries.len() as u32);
    put32(file, offset_of(at::EXPORTS + 28), at::EXPORT_ADDRESSES);
    put32(file, offset_of(at::EXPORTS + 32), at::EXPORT_NAMES);
    put32(file, offset_of(at::EXPORTS + 36), at::EXPORT_ORDINALS);
    for (index, (name, address)) in (0..).zip(entries) {
        let string = at::EXPORT_STRINGS + 0x20 * index;
        put(file, offset_of(string), name);
        put32(file, offset_of(at::EXPORT_ADDRESSES + 4 * index), address);
        put32(file, offset_of(at::EXPORT_NAMES + 4 * index), string);
        put16(file, offset_of(at::EXPORT_ORDINALS + 2 * index), index as u16);
    }
}

fn relocations(file: &mut [u8]) {
    put32(file, offset_of(at::RELOCATIONS), at::POINTER);
    put32(file, offset_of(at::RELOCATIONS + 4), 12);
    put16(file, offset_of(at::RELOCATIONS + 8), 10 << 12); // DIR64 at POINTER
    put16(file, offset_of(at::RELOCATIONS + 10), 0); // ABSOLUTE, which pads the block
}

/// Has `.text` and `.rdata` cover all that the file has of them, for a test to add something.
pub(crate) fn use_spare_room(file: &mut [u8]) {
    for index in [TEXT, RDATA] {
        put32(
            file,
            section::field(index, section::VIRTUAL_SIZE),
            PARTS[index].raw_bytes,
        );
    }
}

/// The file offset of what will be at `address`, relative to the image.
pub(crate) fn offset_of(address: u32) -> usize {
    let part = PARTS
        .iter()
        .find(|part| (part.address..part.address + part.raw_bytes).contains(&address))
        .expect("the address is in the file");
    (address - part.address + part.offset) as usize
}

pub(crate) fn put(file: &mut [u8], offset: usize, bytes: &[u8]) {
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

pub(crate) fn put16(file: &mut [u8], offset: usize, value: u16) {
    put(file, offset, &value.to_le_bytes());
}

pub(crate) fn put32(file: &mut [u8], offset: usize, value: u32) {
    put(file, offset, &value.to_le_bytes());
}

pub(crate) fn put64(file: &mut [u8], offset: usize, value: u64) {
    put(file, offset, &value.to_le_bytes());
}

/// A resolver that knows nothing.
pub(crate) fn knows_nothing(_dll: &str, _name: &str) -> Option<NonNull<c_void>> {
    None
}
