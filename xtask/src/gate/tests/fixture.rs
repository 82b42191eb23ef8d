//! Test support: composes a small, complete driver image and the map of it.
//!
//! The headers, the section table and `.reloc` are written by `object`, everything in the other
//! sections here, in `rdata` and in `resource`. A test changes the [`Fixture`] before it is built, or the bytes after that and
//! seals them again.

use super::rdata::Rdata;
use super::resource::VersionResource;
use crate::gate::{Expected, Import, checksum};
use crate::target::{Profile, Target};
use object::pe;
use object::write::pe::{NtHeaders, Writer};
use std::collections::HashMap;
use std::fmt::Write as _;

pub(super) const TEXT: u32 = 0x1000;
pub(super) const RDATA: u32 = 0x2000;
const DATA: u32 = 0x3000;
const PDATA: u32 = 0x4000;
pub(super) const RSRC: u32 = 0x5000;
/// The file offset of `.rdata`: the headers take two units of FileAlignment, `.text` one.
pub(super) const RDATA_OFFSET: u32 = 0x600;
const FUNCTION_ALIGNMENT: u32 = 16;

/// What an image of the fixture is held to.
pub(super) const EXPECTED: Expected<'static> = Expected {
    target: Target::X64,
    profile: Profile::Release,
    imports: &[
        Import {
            dll: "ntoskrnl.exe",
            name: "DbgPrint",
        },
        Import {
            dll: "ntoskrnl.exe",
            name: "KeBugCheckEx",
        },
        Import {
            dll: "HAL.dll",
            name: "KeQueryPerformanceCounter",
        },
    ],
    exports: &["_fltused"],
    fatal: &["fixture::fatal::bug_check"],
    product: "fixture",
    version: "1.2.3",
    license: "MIT OR Apache-2.0",
    workspace: "/build/fixture",
};

/// The name of a function that the map does not have.
pub(super) const UNNAMED: &str = "";

/// A piece of code.
#[derive(Clone)]
pub(super) enum Op {
    Bytes(&'static [u8]),
    /// `call` through the import address table.
    CallImport(&'static str),
    /// `jmp` through the import address table.
    JumpImport(&'static str),
    /// `call` of another function of the image.
    Call(&'static str),
    /// `lea rcx` of the image's texts.
    LoadText,
    /// `mov rax` of the absolute address of a function, without a relocation.
    LoadAddress(&'static str),
}

impl Op {
    fn size(&self) -> u32 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u32,
            Self::CallImport(_) | Self::JumpImport(_) => 6,
            Self::Call(_) => 5,
            Self::LoadText => 7,
            Self::LoadAddress(_) => 10,
        }
    }
}

/// A function: its name in the map, its code, and whether `.pdata` has an entry for it.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) ops: Vec<Op>,
    pub(super) has_pdata: bool,
}

/// `sub rsp, 28h`: what makes a function no leaf.
pub(super) const ENTER: Op = Op::Bytes(&[0x48, 0x83, 0xec, 0x28]);
/// `xor eax, eax`, `add rsp, 28h`, `ret`.
pub(super) const LEAVE: Op = Op::Bytes(&[0x31, 0xc0, 0x48, 0x83, 0xc4, 0x28, 0xc3]);

/// An image to be built.
#[derive(Clone)]
pub(super) struct Fixture {
    pub(super) headers: NtHeaders,
    pub(super) functions: Vec<Code>,
    /// Each DLL with its functions; `#1` imports by ordinal.
    pub(super) imports: Vec<(&'static str, Vec<&'static str>)>,
    /// Each name with the function that it exports.
    pub(super) exports: Vec<(&'static str, &'static str)>,
    pub(super) entry: &'static str,
    pub(super) texts: &'static [u8],
    /// Functions whose absolute addresses stand in `.rdata`, as in a table of routines.
    pub(super) routines: Vec<&'static str>,
    /// Whether those have relocations.
    pub(super) is_relocated: bool,
    pub(super) pdb: &'static str,
    pub(super) version: VersionResource,
}

/// A built image and the map of its link.
#[derive(Clone)]
pub(super) struct Built {
    pub(super) image: Vec<u8>,
    pub(super) map: String,
}

impl Fixture {
    /// A driver without a fault.
    pub(super) fn good() -> Self {
        Self {
            headers: headers(),
            functions: vec![
                Code {
                    name: "DriverEntry",
                    ops: vec![ENTER, Op::LoadText, Op::CallImport("DbgPrint"), LEAVE],
                    has_pdata: true,
                },
                Code {
                    name: "_ZN7fixture6filter8complete17h0123456789abcdefE",
                    // mov eax, STATUS_MORE_PROCESSING_REQUIRED; ret
                    ops: vec![Op::Bytes(&[0xb8, 0x16, 0x00, 0x00, 0xc0, 0xc3])],
                    has_pdata: false,
                },
            ],
            imports: vec![
                ("ntoskrnl.exe", vec!["DbgPrint"]),
                ("HAL.dll", vec!["KeQueryPerformanceCounter"]),
            ],
            exports: vec![("DriverEntry", "DriverEntry")],
            entry: "DriverEntry",
            texts: b"the fixture is loaded\0",
            routines: vec!["_ZN7fixture6filter8complete17h0123456789abcdefE"],
            is_relocated: true,
            pdb: "fixture.pdb",
            version: VersionResource::good(),
        }
    }

    /// A good driver, changed.
    pub(super) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut fixture = Self::good();
        change(&mut fixture);
        fixture
    }

    /// Adds a function that is no leaf.
    pub(super) fn add_function(&mut self, name: &'static str, ops: Vec<Op>) {
        self.functions.push(Code {
            name,
            ops,
            has_pdata: true,
        });
    }

    /// Composes image and map.
    pub(super) fn build(&self) -> Built {
        let addresses = self.addresses();
        let rdata = Rdata::compose(self, &addresses);
        let pdata = self.pdata(&addresses);
        let rsrc = self.version.section(RSRC);
        let mut image = Vec::new();
        let mut writer = Writer::new(true, 0x1000, 0x200, &mut image);
        writer.reserve_dos_header_and_stub();
        writer.reserve_nt_headers(16);
        for (index, address, size) in &rdata.directories {
            writer.set_data_directory(*index, *address, *size);
        }
        writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION, PDATA, pdata.len() as u32);
        writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_RESOURCE, RSRC, rsrc.len() as u32);
        let is_relocated = self.is_relocated && !self.routines.is_empty();
        writer.reserve_section_headers(if is_relocated { 6 } else { 5 });
        let read = pe::IMAGE_SCN_MEM_READ;
        let data = pe::IMAGE_SCN_CNT_INITIALIZED_DATA | read;
        let code = pe::IMAGE_SCN_CNT_CODE | read | pe::IMAGE_SCN_MEM_EXECUTE;
        let sections = [
            (b".text\0\0\0", code, self.text(&addresses, &rdata)),
            (b".rdata\0\0", data, rdata.bytes),
            (b".data\0\0\0", data | pe::IMAGE_SCN_MEM_WRITE, vec![0; 16]),
            (b".pdata\0\0", data, pdata),
            (b".rsrc\0\0\0", data, rsrc),
        ];
        let ranges = sections.each_ref().map(|(name, flags, bytes)| {
            let size = bytes.len() as u32;
            writer.reserve_section(**name, *flags, size, size)
        });
        assert_eq!(
            ranges.map(|range| range.virtual_address),
            [TEXT, RDATA, DATA, PDATA, RSRC]
        );
        assert_eq!(ranges[1].file_offset, RDATA_OFFSET);
        if is_relocated {
            for index in 0..self.routines.len() as u32 {
                writer.add_reloc(RDATA + 8 * index, pe::IMAGE_REL_BASED_DIR64);
            }
            writer.reserve_reloc_section();
        }
        writer.write_dos_header_and_stub().expect("the DOS header is reserved");
        writer.write_nt_headers(NtHeaders {
            address_of_entry_point: addresses[self.entry],
            ..self.headers.clone()
        });
        writer.write_section_headers();
        for (range, (_, _, bytes)) in ranges.iter().zip(&sections) {
            writer.write_section(range.file_offset, bytes);
        }
        if is_relocated {
            writer.write_reloc_section();
        }
        seal(&mut image);
        let map = self.map(&addresses, &rdata.slots);
        Built { image, map }
    }

    fn addresses(&self) -> HashMap<&'static str, u32> {
        let mut next = TEXT;
        let place = |function: &Code| {
            let start = next;
            let size: u32 = function.ops.iter().map(Op::size).sum();
            next = (start + size).next_multiple_of(FUNCTION_ALIGNMENT);
            (function.name, start)
        };
        self.functions.iter().map(place).collect()
    }

    fn text(&self, addresses: &HashMap<&str, u32>, rdata: &Rdata) -> Vec<u8> {
        let mut text: Vec<u8> = Vec::new();
        for function in &self.functions {
            text.resize(text.len().next_multiple_of(FUNCTION_ALIGNMENT as usize), 0xcc);
            for op in &function.ops {
                let (opcode, target): (&[u8], u32) = match op {
                    Op::Bytes(bytes) => {
                        text.extend(*bytes);
                        continue;
                    }
                    Op::LoadAddress(name) => {
                        text.extend([0x48, 0xb8]);
                        let address = self.headers.image_base + u64::from(addresses[name]);
                        text.extend(address.to_le_bytes());
                        continue;
                    }
                    Op::CallImport(name) => (&[0xff, 0x15], rdata.slots[name]),
                    Op::JumpImport(name) => (&[0xff, 0x25], rdata.slots[name]),
                    Op::Call(name) => (&[0xe8], addresses[name]),
                    Op::LoadText => (&[0x48, 0x8d, 0x0d], rdata.texts),
                };
                text.extend(opcode);
                let next = TEXT + text.len() as u32 + 4;
                text.extend(target.wrapping_sub(next).to_le_bytes());
            }
        }
        text
    }

    fn pdata(&self, addresses: &HashMap<&str, u32>) -> Vec<u8> {
        let framed = self.functions.iter().filter(|function| function.has_pdata);
        let entry = |function: &Code| {
            let begin = addresses[function.name];
            let size: u32 = function.ops.iter().map(Op::size).sum();
            // Nothing reads the unwind information.
            [begin, begin + size, RDATA]
        };
        framed.flat_map(entry).flat_map(u32::to_le_bytes).collect()
    }

    /// The map as lld-link prints it.
    fn map(&self, addresses: &HashMap<&str, u32>, slots: &HashMap<&str, u32>) -> String {
        let base = self.headers.image_base;
        let mut map = format!(
            " fixture\n\n Timestamp is 00000000 (Repro mode)\n\n Preferred load address is \
             {base:016x}\n\n  Address         Publics by Value              Rva+Base\n\n"
        );
        let mut symbol = |section: u32, start: u32, name: &str, rva: u32| {
            let (offset, address) = (rva - start, base + u64::from(rva));
            writeln!(
                map,
                " {section:04x}:{offset:08x}       {name:26} {address:016x}     fixture.o"
            )
            .expect("a string takes any text");
        };
        for (name, rva) in addresses.iter().filter(|(name, _)| **name != UNNAMED) {
            symbol(1, TEXT, name, *rva);
        }
        for (name, rva) in slots {
            symbol(2, RDATA, &format!("__imp_{name}"), *rva);
        }
        let entry = addresses[self.entry] - TEXT;
        map + &format!("\n entry point at         0001:{entry:08x}\n")
    }
}

fn headers() -> NtHeaders {
    NtHeaders {
        machine: pe::IMAGE_FILE_MACHINE_AMD64,
        time_date_stamp: 0,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_LARGE_ADDRESS_AWARE,
        major_linker_version: 14,
        minor_linker_version: 0,
        address_of_entry_point: 0,
        image_base: 0x1_4000_0000,
        major_operating_system_version: 10,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 10,
        minor_subsystem_version: 0,
        subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
        dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT
            | pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
            | pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
            | pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY,
        size_of_stack_reserve: 0x10_0000,
        size_of_stack_commit: 0x1000,
        size_of_heap_reserve: 0x10_0000,
        size_of_heap_commit: 0x1000,
    }
}

/// Where the data directories start in the optional header.
const DIRECTORIES_OFFSET: usize = 112;
/// Where a section header has the file offset of the data.
pub(super) const RAW_OFFSET: usize = 20;

/// The file offset of the optional header.
pub(super) fn optional_header(image: &[u8]) -> usize {
    let nt_headers = image[0x3c..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    nt_headers.expect("the image has a DOS header") as usize + 24
}

/// The file offset of the header of a section.
pub(super) fn section_header(image: &[u8], name: &str) -> usize {
    const OPTIONAL_HEADER_SIZE: usize = 240;
    const HEADER_SIZE: usize = 40;
    let first = optional_header(image) + OPTIONAL_HEADER_SIZE;
    (first..)
        .step_by(HEADER_SIZE)
        .take(8)
        .find(|&offset| image[offset..].starts_with(name.as_bytes()))
        .expect("the image has the section")
}

/// Overwrites four bytes.
pub(super) fn put_u32(image: &mut [u8], offset: usize, value: u32) {
    image[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

/// Writes the right checksum.
pub(super) fn seal(image: &mut [u8]) {
    let field = optional_header(image) + 64;
    let sum = checksum::compute(image, field);
    put_u32(image, field, sum);
}

/// Writes an entry of the data directory.
pub(super) fn put_directory(image: &mut [u8], index: usize, address: u32, size: u32) {
    let directory = optional_header(image) + DIRECTORIES_OFFSET + 8 * index;
    put_u32(image, directory, address);
    put_u32(image, directory + 4, size);
}

/// The file offset of the data of a section.
pub(super) fn section_data(image: &[u8], name: &str) -> usize {
    let field = section_header(image, name) + RAW_OFFSET;
    let offset = image[field..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    offset.expect("the section has a header") as usize
}

/// The file offset of what an entry of the data directory points to in `.rdata`.
pub(super) fn directory_data(image: &[u8], index: usize) -> usize {
    let field = optional_header(image) + DIRECTORIES_OFFSET + 8 * index;
    let rva = image[field..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    (rva.expect("the image has a data directory") - RDATA + RDATA_OFFSET) as usize
}
