//! Faults in what the image holds: imports, exports, entry point, version resource, paths; and maps
//! of other images.

use super::fixture::{
    Built, Fixture, RDATA, RSRC, directory_data, optional_header, put_directory, put_u32, seal, section_data,
};
use super::{Case, bytes, fixture};
use crate::gate::Check;
use object::pe;

fn import_cases() -> Vec<Case> {
    vec![
        fixture("a user-mode DLL", Check::Imports, |fixture| {
            fixture.imports.push(("KERNEL32.dll", vec!["HeapAlloc"]));
        }),
        fixture("a function not on the list", Check::Imports, |fixture| {
            fixture.imports[0].1.push("ZwCreateFile");
        }),
        fixture("a listed function of the other DLL", Check::Imports, |fixture| {
            fixture.imports = vec![("HAL.dll", vec!["DbgPrint"])];
        }),
        fixture("a name that differs in case", Check::Imports, |fixture| {
            fixture.imports[1].1[0] = "KeQueryPerformancecounter";
        }),
        fixture("an import by ordinal", Check::Imports, |fixture| {
            fixture.imports[1].1[0] = "#7";
        }),
        bytes("bound imports", Check::ImportBinding, |image| {
            put_directory(image, pe::IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT, RDATA, 8);
        }),
        bytes("delayed imports", Check::ImportBinding, |image| {
            put_directory(image, pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, RDATA, 32);
        }),
        bytes("imports from a bound DLL", Check::ImportBinding, |image| {
            let time_stamp = directory_data(image, pe::IMAGE_DIRECTORY_ENTRY_IMPORT) + 4;
            put_u32(image, time_stamp, u32::MAX);
        }),
        bytes("an export without a name", Check::Exports, |image| {
            let names = directory_data(image, pe::IMAGE_DIRECTORY_ENTRY_EXPORT) + 24;
            put_u32(image, names, 0);
        }),
        fixture("another export", Check::Exports, |fixture| {
            fixture.exports.push(("other", "DriverEntry"));
        }),
        Case {
            fault: "an entry point in data",
            check: Check::Entry,
            built: {
                let mut built = Fixture::with(|fixture| fixture.exports.clear()).build();
                let field = optional_header(&built.image) + 16;
                put_u32(&mut built.image, field, RDATA);
                seal(&mut built.image);
                let in_text = "0000000140001000";
                built.map = built.map.replace(in_text, "0000000140002000");
                built.map = built.map.replace("at         0001:", "at         0002:");
                built
            },
        },
        fixture("an entry point that is not DriverEntry", Check::Entry, |fixture| {
            fixture.entry = "_ZN7fixture6filter8complete17h0123456789abcdefE";
        }),
        fixture("no DriverEntry", Check::Entry, |fixture| {
            fixture.exports.clear();
            fixture.functions[0].name = "FxDriverEntry";
            fixture.entry = "FxDriverEntry";
        }),
        Case {
            fault: "the map of a link without the import",
            check: Check::Map,
            built: {
                let mut built = Fixture::good().build();
                built.map = built.map.replace("00000001400020", "00000001400021");
                built
            },
        },
        Case {
            fault: "a map with another entry point",
            check: Check::Map,
            built: {
                let mut built = Fixture::good().build();
                built.map = built
                    .map
                    .replace("at         0001:00000000", "at         0001:00000010");
                built
            },
        },
        Case {
            fault: "a map with a place outside of the image",
            check: Check::Map,
            built: {
                let mut built = Fixture::good().build();
                built.map += " 0002:0000f000       far        0000000140011000     far.o\n";
                built
            },
        },
        Case {
            fault: "an empty map",
            check: Check::Map,
            built: Built {
                map: String::new(),
                ..Fixture::good().build()
            },
        },
        Case {
            fault: "the map of an image with another base",
            check: Check::Map,
            built: Built {
                map: Fixture::with(|fixture| fixture.headers.image_base = 0x1_8000_0000)
                    .build()
                    .map,
                ..Fixture::good().build()
            },
        },
    ]
}

fn version_cases() -> Vec<Case> {
    let text = |fault, name: &'static str, text: Option<&'static str>| {
        fixture(fault, Check::Version, move |fixture| {
            fixture.version.set(name, text);
        })
    };
    vec![
        bytes("no version resource", Check::Version, |image| {
            put_directory(image, pe::IMAGE_DIRECTORY_ENTRY_RESOURCE, 0, 0);
        }),
        bytes("a resource of another type", Check::Version, |image| {
            let kind = section_data(image, ".rsrc") + 16;
            put_u32(image, kind, 24);
        }),
        bytes("a resource outside of the file", Check::Version, |image| {
            let address = section_data(image, ".rsrc") + 72;
            put_u32(image, address, RSRC + 0x10_0000);
        }),
        bytes("a resource that is no VS_VERSIONINFO", Check::Version, |image| {
            let key = section_data(image, ".rsrc") + 88 + 6;
            image[key] = b'W';
        }),
        bytes("a false VS_FIXEDFILEINFO", Check::Version, |image| {
            let signature = section_data(image, ".rsrc") + 88 + 40;
            image[signature] ^= 1;
        }),
        fixture("a file type of a program", Check::Version, |fixture| {
            fixture.version.file_type = 1;
        }),
        fixture("another system", Check::Version, |fixture| {
            fixture.version.file_os = 4;
        }),
        fixture("another number", Check::Version, |fixture| {
            fixture.version.numbers[2] = 4;
        }),
        fixture("a translation without strings", Check::Version, |fixture| {
            fixture.version.translation[0] = 0x0407;
        }),
        text("another product", "ProductName", Some("another")),
        text("no product", "ProductName", None),
        text("another product version", "ProductVersion", Some("1.2.4")),
        text("another file version", "FileVersion", Some("1.2.3.4")),
        text("no licence", "LegalCopyright", Some("All rights reserved")),
        text("no description", "FileDescription", Some(" ")),
        text("a path as file name", "OriginalFilename", Some("x\\fixture.sys")),
        text("no driver's file name", "OriginalFilename", Some("fixture.dll")),
    ]
}

fn path_cases() -> Vec<Case> {
    vec![
        fixture("a PDB with a path", Check::PdbName, |fixture| {
            fixture.pdb = "out\\fixture.pdb";
        }),
        fixture("a PDB that is none", Check::PdbName, |fixture| {
            fixture.pdb = "fixture";
        }),
        fixture("a home folder", Check::BuildPath, |fixture| {
            fixture.texts = b"at /home/someone/driver/table.txt\0"; // lint-allow(speaks_only_of_itself): what is found
        }),
        fixture("a home folder of Windows, in UTF-16", Check::BuildPath, |fixture| {
            fixture.texts = b"C\0:\0\\\0U\0s\0e\0r\0s\0\\\0s\0o\0\0\0";
        }),
        fixture("the workspace", Check::BuildPath, |fixture| {
            fixture.texts = b"/build/fixture/table.txt\0";
        }),
        fixture("the workspace with the other separator", Check::BuildPath, |fixture| {
            fixture.texts = b"Z:\\build\\fixture\\table.txt\0";
        }),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    [import_cases(), version_cases(), path_cases()]
        .into_iter()
        .flatten()
        .collect()
}
