//! What a loaded image is: every test here could fail with a loader that accepts the file.

use std::{collections::BTreeMap, ffi::c_void, fs, ptr::NonNull};

use lab::{
    image::{EXIT_UNKNOWN_IMPORT, Image, Protection, Section},
    stack::Stack,
};

use crate::{
    child::in_child,
    specimen::{
        DATA, IMAGE_BYTES, PREFERRED_BASE, TARGET_VALUE, at, field, knows_nothing, offset_of, put32, put64, section,
        specimen,
    },
};

pub(crate) fn load(file: &[u8]) -> Image {
    Image::load("specimen.sys", file, &mut knows_nothing).expect("the specimen is well-formed")
}

/// Calls the function at `address` of `image`, which must be one of the specimen's.
pub(crate) fn call<const N: usize>(image: &Image, address: u32, arguments: [usize; N]) -> usize {
    let mut stack = Stack::new().expect("there is memory for a stack");
    let function = image.base().addr().get() + address as usize;
    let function = NonNull::new(std::ptr::with_exposed_provenance_mut(function)).expect("not null");
    // SAFETY: the specimen's functions follow the convention, take up to four integers, and touch
    // no memory but what their arguments point to.
    unsafe { stack.call(function, arguments) }
}

pub(crate) fn peek(image: &Image, address: u32) -> u64 {
    let address = image.base().addr().get() + address as usize;
    call(image, at::PEEK, [address]) as u64
}

/// The permissions of this process's memory at `address`, as the system tells them: "r-xp".
pub(crate) fn permissions(address: usize) -> String {
    let maps = fs::read_to_string("/proc/self/maps").expect("the system has /proc");
    maps.lines()
        .find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let start = usize::from_str_radix(start, 16).ok()?;
            let end = usize::from_str_radix(end, 16).ok()?;
            (start..end).contains(&address).then(|| rest[..4].to_owned())
        })
        .unwrap_or_else(|| "unmapped".to_owned())
}

#[test]
fn each_section_has_its_own_protection_to_its_last_page() {
    let image = load(&specimen());
    let base = image.base().addr().get();
    let found: Vec<_> = (0..IMAGE_BYTES as usize)
        .step_by(0x1000)
        .map(|page| permissions(base + page))
        .collect();
    // Headers, .text, .rdata, .data (two pages), .reloc.
    assert_eq!(found, ["r--p", "r-xp", "r--p", "rw-p", "rw-p", "r--p"]);
}

#[test]
fn pages_between_sections_are_inaccessible() {
    let mut file = specimen();
    // .data shrinks to its first page; the page at 0x4000 is nobody's.
    put32(&mut file, section::field(DATA, section::VIRTUAL_SIZE), 0x200);
    let image = load(&file);
    assert_eq!(permissions(image.base().addr().get() + 0x4000), "---p");
}

#[test]
fn pointers_are_relocated_to_where_the_image_stands() {
    let image = load(&specimen());
    let target = image.base().addr().get() + at::TARGET as usize;
    assert_eq!(call(&image, at::ENTRY, []), target);
    assert_eq!(
        peek(&image, at::TARGET),
        TARGET_VALUE,
        "not relocated: nothing says it is a pointer"
    );
}

#[test]
fn an_absolute_relocation_changes_nothing() {
    let mut file = specimen();
    let entry = offset_of(at::RELOCATIONS + 8);
    // ABSOLUTE with an offset of its own, in place of the DIR64.
    file[entry..entry + 2].copy_from_slice(&0x0008_u16.to_le_bytes());
    let image = load(&file);
    assert_eq!(peek(&image, at::POINTER), PREFERRED_BASE + u64::from(at::TARGET));
    assert_eq!(peek(&image, at::POINTER + 8), 0);
}

#[test]
fn an_image_without_relocations_loads_as_it_is() {
    let mut file = specimen();
    put64(&mut file, field::RELOCATION_DIRECTORY, 0);
    let image = load(&file);
    assert_eq!(peek(&image, at::POINTER), PREFERRED_BASE + u64::from(at::TARGET));
}

#[test]
fn what_a_section_lacks_in_the_file_is_zero() {
    let image = load(&specimen());
    for address in (at::ZEROED..0x4800).step_by(8) {
        assert_eq!(peek(&image, address), 0, "at {address:#x}");
    }
}

#[test]
fn a_section_of_virtual_size_zero_is_as_long_as_its_contents() {
    let mut file = specimen();
    put32(&mut file, section::field(DATA, section::VIRTUAL_SIZE), 0);
    let image = load(&file);
    assert_eq!(image.sections()[DATA].addresses(), 0x3000..0x3200);
    assert_eq!(peek(&image, at::TARGET), TARGET_VALUE);
}

#[test]
fn padding_after_a_section_in_the_file_is_not_mapped_into_it() {
    let mut file = specimen();
    put32(&mut file, section::field(DATA, section::VIRTUAL_SIZE), 0x100);
    let padding = offset_of(0x3100);
    file[padding..padding + 0x100].fill(0xEE);
    let image = load(&file);
    assert_eq!(peek(&image, 0x3100), 0);
}

#[test]
fn imports_are_bound_by_module_and_name() {
    extern "win64" fn known(argument: usize) -> usize {
        argument + 1
    }
    let mut asked = Vec::new();
    let mut resolver = |dll: &str, name: &str| {
        asked.push(format!("{dll}!{name}"));
        (name == "KnownFunction").then(|| {
            let function: extern "win64" fn(usize) -> usize = known;
            NonNull::new(function as *mut c_void).expect("a function has an address")
        })
    };
    let image = Image::load("specimen.sys", &specimen(), &mut resolver).expect("well-formed");
    assert_eq!(call(&image, at::CALL_KNOWN, [41]), 42);
    let expected = [
        ("ntoskrnl.exe!KnownFunction", true),
        ("ntoskrnl.exe!UnknownFunction", false),
        ("HAL.dll!UnknownHalFunction", false),
    ];
    assert_eq!(asked, expected.map(|(name, _)| name));
    let bound: Vec<_> = image
        .imports()
        .iter()
        .map(|import| (format!("{}!{}", import.dll, import.name), import.resolved))
        .collect();
    assert_eq!(bound, expected.map(|(name, resolved)| (name.to_owned(), resolved)));
}

#[test]
fn imports_without_a_lookup_table_are_named_by_the_address_table() {
    let mut file = specimen();
    put32(&mut file, offset_of(at::IMPORT_DESCRIPTORS), 0);
    let image = load(&file);
    let names: Vec<_> = image.imports().iter().map(|import| import.name.as_str()).collect();
    assert_eq!(names, ["KnownFunction", "UnknownFunction", "UnknownHalFunction"]);
}

#[test]
fn a_call_to_an_unknown_import_ends_the_process_with_its_name() {
    const TEST: &str = "loading::a_call_to_an_unknown_import_ends_the_process_with_its_name";
    let output = in_child(TEST, || {
        let image = load(&specimen());
        call(&image, at::CALL_UNKNOWN, []);
    });
    assert_eq!(output.status.code(), Some(EXIT_UNKNOWN_IMPORT));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "specimen.sys: called ntoskrnl.exe!UnknownFunction, which nobody provides (from image address 0x102a)\n"
    );
}

#[test]
fn each_unknown_import_has_a_trap_of_its_own() {
    const TEST: &str = "loading::each_unknown_import_has_a_trap_of_its_own";
    let output = in_child(TEST, || {
        let image = load(&specimen());
        call(&image, at::CALL_UNKNOWN_HAL, []);
    });
    assert_eq!(output.status.code(), Some(EXIT_UNKNOWN_IMPORT));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "specimen.sys: called HAL.dll!UnknownHalFunction, which nobody provides (from image address 0x103a)\n"
    );
}

#[test]
fn traps_are_executable_and_not_writable() {
    let image = load(&specimen());
    let trap = peek(&image, at::SLOT_UNKNOWN) as usize;
    assert_eq!(permissions(trap), "r-xp");
}

#[test]
fn exports_are_found_by_name() {
    let image = load(&specimen());
    let base = image.base().addr().get();
    let found = |name| image.export(name).map(|address| address.addr().get() - base);
    assert_eq!(found("Weigh"), Some(at::WEIGH as usize));
    assert_eq!(found("Target"), Some(at::TARGET as usize));
    assert_eq!(found("Forwarded"), None, "it is another module's");
    assert_eq!(found("weigh"), None, "names are case-sensitive");
}

#[test]
fn addresses_are_told_by_section() {
    let image = load(&specimen());
    let base = image.base().addr().get();
    assert_eq!(image.size(), IMAGE_BYTES as usize);
    assert_eq!(image.entry_point().addr().get(), base + at::ENTRY as usize);
    let name = |address| image.section_at(address).map(Section::name);
    assert_eq!(name(0xFFF), None, "the headers are no section");
    assert_eq!(name(0x1000), Some(".text"));
    assert_eq!(name(0x10FF), Some(".text"));
    assert_eq!(name(0x1100), None, "past the section, on its last page");
    assert_eq!(name(0x47FF), Some(".data"));
    assert_eq!(name(u32::MAX), None);
    assert_eq!(image.relative(base + 0x1234), Some(0x1234));
    assert_eq!(image.relative(base - 1), None);
    assert_eq!(image.relative(base + IMAGE_BYTES as usize), None);
    let protections: BTreeMap<_, _> = image
        .sections()
        .iter()
        .map(|section| (section.name(), section.protection()))
        .collect();
    assert_eq!(protections[".text"], Protection::READ_EXECUTE);
    assert_eq!(protections[".rdata"], Protection::READ);
    assert_eq!(protections[".data"], Protection::READ_WRITE);
}

#[test]
fn two_loads_of_one_file_share_nothing() {
    let file = specimen();
    let (first, second) = (load(&file), load(&file));
    assert_ne!(first.base(), second.base());
    assert_eq!(
        call(&second, at::ENTRY, []),
        second.base().addr().get() + at::TARGET as usize
    );
}

#[test]
fn a_dropped_image_leaves_no_mapping() {
    let count = || fs::read_to_string("/proc/self/maps").expect("/proc").lines().count();
    let file = specimen();
    let before = count();
    for _ in 0..1000 {
        drop(load(&file));
    }
    // A leak would be six ranges for each image; other tests of this process map a few meanwhile.
    assert!(count() < before + 1000, "{before} ranges before, {} after", count());
}
