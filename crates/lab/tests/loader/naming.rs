//! Names for addresses, from whatever stands beside a driver file or in it.

use std::{env, fs, path::PathBuf};

use lab::{
    symbols::{Location, Symbols},
    unwind::Frame,
};

use crate::{
    mutations::Random,
    specimen::{DATA, PREFERRED_BASE, at, field, offset_of, put, put16, put32, specimen, use_spare_room},
};

/// A folder of one test's own, deleted on drop.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("lab-naming-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Self(path)
    }

    pub(crate) fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).expect("the folder can be written");
        path
    }

    /// What a driver file of these contents, with what else is in the folder, gives for `rva`.
    fn names(&self, driver: &[u8]) -> Symbols {
        Symbols::beside(self.put("specimen.sys", driver))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder for temporary files may keep it, if it must.
        let _ = fs::remove_dir_all(&self.0);
    }
}

const MAP: &str = "\
 specimen

 Timestamp is 00000000 (Repro mode)

 Preferred load address is 0000000140000000

  Address         Publics by Value              Rva+Base               Lib:Object

 0001:00000000       DriverEntry                0000000140001000     a.obj
 0001:00000100       _ZN4wdm06driver4call17h7bec4bdcbf913ce4E 0000000140001100     a.obj
 0002:00000000       table                      0000000140002000     a.obj
";

#[test]
fn a_map_beside_the_driver_names_functions_with_offsets() {
    let folder = Folder::new("map");
    folder.put("specimen.map", MAP);
    let names = folder.names(&specimen());
    assert_eq!(names.locate(0x1000).to_string(), "specimen!DriverEntry+0x0");
    assert_eq!(names.locate(0x10FF).to_string(), "specimen!DriverEntry+0xff");
    assert_eq!(names.note(), None);
}

#[test]
fn a_name_does_not_reach_beyond_its_section() {
    let folder = Folder::new("section");
    folder.put("specimen.map", MAP);
    let names = folder.names(&specimen());
    assert_eq!(names.locate(0x2010).to_string(), "specimen!table+0x10");
    // Past the end of .text, in .data, in the headers, outside the image.
    for rva in [0x1200, 0x3000, 0x10, 0xFFFF_FFFF] {
        assert_eq!(names.locate(rva).to_string(), format!("specimen+{rva:#x}"));
    }
}

#[test]
fn a_name_does_not_reach_into_a_function_that_has_none() {
    let folder = Folder::new("pieces");
    // 0x1100 and 0x1140 are one function in two pieces, 0x1120 and 0x1150 are others.
    folder.put(
        "specimen.map",
        MAP.replace("_ZN4wdm06driver4call17h7bec4bdcbf913ce4E", "plain"),
    );
    let names = folder.names(&crate::unwinding::unwindable());
    let function = |rva| names.locate(rva).function;
    assert_eq!(function(0x111F).as_deref(), Some("plain"));
    assert_eq!(function(0x1120), None);
    assert_eq!(names.locate(0x1148).to_string(), "specimen!plain+0x48");
    assert_eq!(function(0x1150), None);
    assert_eq!(function(0x1160), None, "after a function's end");
    assert_eq!(function(0x10FF).as_deref(), Some("DriverEntry"), "a leaf function");
}

#[test]
fn a_map_of_another_build_is_not_used_and_a_note_says_so() {
    let folder = Folder::new("stale");
    folder.put(
        "specimen.map",
        MAP.replace("is 00000000 (Repro mode)", "is 65f1a2b3 (Wed Mar 13)"),
    );
    let mut driver = specimen();
    put32(&mut driver, field::TIME_DATE_STAMP, 0x65F1_A2B4);
    let names = folder.names(&driver);
    assert_eq!(names.note(), None, "nothing was read yet");
    assert_eq!(
        names.locate(at::WEIGH).to_string(),
        "specimen!Weigh+0x0",
        "from the exports"
    );
    assert_eq!(
        names.note(),
        Some(
            "specimen.map is not used: it is of another build of the driver: \
             it was linked at 65f1a2b3, the driver at 65f1a2b4"
        )
    );
}

/// The specimen with a COFF symbol table, as mingw's linker leaves one.
fn with_symbol_table() -> Vec<u8> {
    let mut file = specimen();
    let table = file.len();
    let mut symbol = |name: &[u8], value: u32, section: u16, kind: u16, class: u8| {
        let mut record = [0; 18];
        put(&mut record, 0, name);
        put32(&mut record, 8, value);
        put16(&mut record, 12, section);
        put16(&mut record, 14, kind);
        record[16] = class;
        file.extend_from_slice(&record);
    };
    symbol(b".text", 0, 1, 0, 3);
    symbol(b"weigh", at::WEIGH - 0x1000, 1, 0x20, 3);
    // Its name is in the string table, at offset 4.
    symbol(&[0, 0, 0, 0, 4, 0, 0, 0], at::PEEK - 0x1000, 1, 0x20, 2);
    symbol(b"target", at::TARGET - 0x3000, DATA as u16 + 1, 0, 2);
    symbol(b"undefd", 0x40, 0, 0x20, 2);
    let name = b"a_name_that_is_longer\0";
    file.extend_from_slice(&(4 + name.len() as u32).to_le_bytes());
    file.extend_from_slice(name);
    put32(&mut file, field::POINTER_TO_SYMBOL_TABLE, table as u32);
    put32(&mut file, field::NUMBER_OF_SYMBOLS, 5);
    file
}

#[test]
fn the_images_own_symbol_table_names_what_no_file_does() {
    let folder = Folder::new("coff");
    let names = folder.names(&with_symbol_table());
    assert_eq!(names.locate(at::WEIGH + 4).to_string(), "specimen!weigh+0x4");
    assert_eq!(names.locate(at::PEEK).to_string(), "specimen!a_name_that_is_longer+0x0");
    assert_eq!(names.locate(at::TARGET + 8).to_string(), "specimen!target+0x8");
    assert_eq!(
        names.locate(at::ENTRY).function,
        None,
        "a section's name is no function's"
    );
}

#[test]
fn a_map_comes_before_the_symbol_table_and_that_before_the_exports() {
    let folder = Folder::new("order");
    let weigh = |names: &Symbols| names.locate(at::WEIGH).function.expect("it has a name");
    assert_eq!(weigh(&folder.names(&specimen())), "Weigh");
    assert_eq!(weigh(&folder.names(&with_symbol_table())), "weigh");
    folder.put("specimen.map", MAP);
    assert_eq!(weigh(&folder.names(&with_symbol_table())), "DriverEntry");
}

#[test]
fn a_call_is_named_by_what_comes_before_the_address_it_returns_to() {
    let folder = Folder::new("call");
    folder.put("specimen.map", MAP);
    let names = folder.names(&specimen());
    let frame = |rva, after_call| Frame { rva, after_call }.display(&names).to_string();
    assert_eq!(frame(0x1100, true), "specimen!DriverEntry+0x100");
    assert_eq!(frame(0x1100, false), "specimen+0x1100", "past the end of .text");
    assert_eq!(names.locate_call(0).to_string(), "specimen+0x0");
}

#[test]
fn a_driver_file_that_is_missing_or_no_image_gives_addresses_and_a_note() {
    let folder = Folder::new("missing");
    let names = Symbols::beside(folder.0.join("missing.sys"));
    assert_eq!(names.locate(0x1234).to_string(), "missing+0x1234");
    let note = names.note().expect("it says why");
    assert!(note.starts_with("no names: missing.sys: No such file"), "{note}");

    let names = folder.names(b"MZ");
    assert_eq!(names.locate(0x1234).to_string(), "specimen+0x1234");
    let note = names.note().expect("it says why");
    assert!(note.starts_with("no names: specimen.sys is not a PE image: "), "{note}");
}

/// The specimen with a debug record that names `pdb`.
fn with_debug_record(pdb: &str) -> Vec<u8> {
    const DIRECTORY: u32 = at::RDATA_SPARE;
    const RECORD: u32 = at::RDATA_SPARE + 0x20;
    let mut file = specimen();
    use_spare_room(&mut file);
    let bytes = 24 + pdb.len() as u32 + 1;
    put32(&mut file, field::DEBUG_DIRECTORY, DIRECTORY);
    put32(&mut file, field::DEBUG_DIRECTORY + 4, 28);
    put32(&mut file, offset_of(DIRECTORY + 12), 2); // CodeView
    put32(&mut file, offset_of(DIRECTORY + 16), bytes);
    put32(&mut file, offset_of(DIRECTORY + 20), RECORD);
    put32(&mut file, offset_of(DIRECTORY + 24), offset_of(RECORD) as u32);
    put(&mut file, offset_of(RECORD), b"RSDS");
    put32(&mut file, offset_of(RECORD + 20), 1);
    put(&mut file, offset_of(RECORD + 24), pdb.as_bytes());
    file
}

#[test]
fn a_pdb_that_cannot_be_read_gives_way_to_the_map() {
    let folder = Folder::new("bad-pdb");
    folder.put("specimen.map", MAP);
    folder.put("specimen.pdb", "Microsoft C/C++ MSF 7.00\r\n");
    let names = folder.names(&specimen());
    assert_eq!(names.locate(0x1000).to_string(), "specimen!DriverEntry+0x0");
    assert_eq!(
        names.note(),
        Some("specimen.pdb is not used: the image has no debug record to match it with")
    );
    let names = folder.names(&with_debug_record("specimen.pdb"));
    assert_eq!(names.locate(0x1000).to_string(), "specimen!DriverEntry+0x0");
    let note = names.note().expect("it says why");
    assert_eq!(note.matches("specimen.pdb").count(), 1, "{note}");
    assert!(
        note.starts_with("specimen.pdb is not used: ") && !note.contains("no debug record"),
        "{note}"
    );
}

#[test]
fn a_pdb_is_looked_for_by_its_recorded_name_but_never_at_its_recorded_place() {
    let folder = Folder::new("recorded");
    folder.put("other.pdb", "not one");
    for recorded in ["other.pdb", r"C:\build\other.pdb", "/nowhere/other.pdb", "../other.pdb"] {
        let names = folder.names(&with_debug_record(recorded));
        names.locate(0);
        let note = names.note().expect("it was found");
        assert!(note.starts_with("other.pdb is not used: "), "{recorded}: {note}");
    }
    for recorded in ["", "..", "specimen.sys", "absent.pdb"] {
        let names = folder.names(&with_debug_record(recorded));
        names.locate(0);
        assert_eq!(names.note(), None, "{recorded}");
    }
}

#[test]
fn damaged_images_and_maps_never_crash() {
    let folder = Folder::new("damaged");
    let mut driver = with_symbol_table();
    put32(&mut driver, field::IMAGE_BASE, PREFERRED_BASE as u32);
    let mut random = Random(0);
    let mut named = 0;
    for case in 0..1000 {
        let (mut driver, mut map) = (driver.clone(), MAP.as_bytes().to_vec());
        for file in [&mut driver, &mut map] {
            let offset = random.below(file.len());
            file[offset] = random.below(256) as u8;
        }
        let parts = [
            0..field::HEADERS_END,
            offset_of(at::EXPORTS)..offset_of(at::EXPORTS_END - 1),
        ];
        let part = parts[case % 2].clone();
        driver[part.start + random.below(part.len())] = random.below(256) as u8;
        if case % 3 == 0 {
            map.truncate(random.below(map.len()));
            driver.truncate(random.below(driver.len()));
        }
        folder.put("specimen.map", &map);
        let names = folder.names(&driver);
        for rva in (0..0x6000).step_by(0x111) {
            let text = names.locate(rva).to_string();
            assert!(!text.contains(char::is_control), "case {case}: {text:?}");
            named += usize::from(text.contains('!'));
        }
        assert_eq!(names.note().unwrap_or("one line").lines().count(), 1, "case {case}");
    }
    assert!(named > 100, "only {named} names");
}

#[test]
fn a_location_is_written_with_what_is_known_of_it() {
    let mut location = Location {
        module: "irpscope".to_owned(),
        offset: 0x2C,
        ..Location::default()
    };
    assert_eq!(location.to_string(), "irpscope+0x2c");
    location.function = Some("wdm::driver::dispatch".to_owned());
    assert_eq!(location.to_string(), "irpscope!wdm::driver::dispatch+0x2c");
    location.file = Some("irp.rs".to_owned());
    assert_eq!(location.to_string(), "irpscope!wdm::driver::dispatch+0x2c (irp.rs)");
    location.line = Some(120);
    assert_eq!(location.to_string(), "irpscope!wdm::driver::dispatch+0x2c (irp.rs:120)");
    location.inlined = Some("wdm::irp::Irp::observe".to_owned());
    assert_eq!(
        location.to_string(),
        "irpscope!wdm::driver::dispatch+0x2c (irp.rs:120 in wdm::irp::Irp::observe)"
    );
}
