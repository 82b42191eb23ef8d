//! Every check, on images that have one fault each: that check refuses the image, and no other.
//!
//! The faults are in `headers`, `contents` and `code`. The undoctored twin of all of them is
//! [`Fixture::good`].

mod code;
mod contents;
mod fixture;
mod headers;
mod rdata;
mod resource;
mod robustness;

use super::{Check, Expected, Finding, Import, inspect};
use crate::target::{Profile, Target};
use fixture::{Built, Code, ENTER, EXPECTED, Fixture, LEAVE, Op, optional_header, put_directory, put_u32, seal};
use object::pe;

/// An image with a fault, and the one check that is to find it.
struct Case {
    fault: &'static str,
    check: Check,
    built: Built,
}

/// A case that is a changed fixture.
fn fixture(fault: &'static str, check: Check, change: impl FnOnce(&mut Fixture)) -> Case {
    let built = Fixture::with(change).build();
    Case { fault, check, built }
}

/// A case that is the good image with changed bytes, sealed again.
fn bytes(fault: &'static str, check: Check, change: impl FnOnce(&mut Vec<u8>)) -> Case {
    let mut built = Fixture::good().build();
    change(&mut built.image);
    seal(&mut built.image);
    Case { fault, check, built }
}

/// What the gate finds.
fn findings(built: &Built, expected: &Expected<'_>) -> Vec<Finding> {
    inspect(&built.image, &built.map, expected)
        .expect("the image is readable")
        .findings
}

fn cases() -> Vec<Case> {
    [headers::cases(), contents::cases(), code::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn a_good_image_passes() {
    let built = Fixture::good().build();
    assert_eq!(findings(&built, &EXPECTED), []);
    let dev = Expected {
        profile: Profile::Dev,
        ..EXPECTED
    };
    assert_eq!(findings(&built, &dev), []);
}

#[test]
fn each_fault_is_found_by_its_check_and_by_no_other() {
    let mut wrong = Vec::new();
    for Case { fault, check, built } in cases() {
        let findings = findings(&built, &EXPECTED);
        if findings.is_empty() || findings.iter().any(|finding| finding.check != check) {
            wrong.push(format!("{fault}: not {check} alone, but {findings:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_has_a_fault_that_it_finds() {
    let cases = cases();
    for check in Check::ALL {
        assert!(cases.iter().any(|case| case.check == *check), "{check}");
    }
}

#[test]
fn every_finding_is_one_line_that_says_something() {
    for case in cases() {
        for finding in findings(&case.built, &EXPECTED) {
            assert!(!finding.message.contains('\n'), "{finding}");
            assert!(finding.message.len() > 20, "{finding}");
        }
    }
}

#[test]
fn all_faults_of_one_image_are_reported_at_once() {
    let built = Fixture::with(|fixture| {
        fixture.headers.subsystem = pe::IMAGE_SUBSYSTEM_WINDOWS_CUI;
        fixture.pdb = "/x.pdb";
        fixture.version.file_type = 0;
    });
    let checks: Vec<_> = findings(&built.build(), &EXPECTED)
        .iter()
        .map(|finding| finding.check)
        .collect();
    assert_eq!(checks, [Check::Format, Check::Version, Check::PdbName]);
}

#[test]
fn an_image_without_absolute_addresses_needs_no_relocation_table() {
    let built = Fixture::with(|fixture| fixture.routines.clear()).build();
    assert_eq!(findings(&built, &EXPECTED), []);
}

#[test]
fn a_low_base_with_a_relocation_table_is_good() {
    let built = Fixture::with(|fixture| {
        fixture.headers.image_base = 0x1_0000;
        // A number that could be an address: 0x11000.
        fixture.texts = &[0x00, 0x10, 0x01, 0, 0, 0, 0, 0];
    });
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn a_dll_other_than_the_kernel_is_refused_even_where_it_is_listed() {
    let listed = Expected {
        imports: &[Import {
            dll: "KERNEL32.dll",
            name: "HeapAlloc",
        }],
        ..EXPECTED
    };
    let built = Fixture::with(|fixture| {
        fixture.functions[0].ops = vec![ENTER, LEAVE];
        fixture.imports = vec![("KERNEL32.dll", vec!["HeapAlloc"])];
    });
    let findings = findings(&built.build(), &listed);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.contains("KERNEL32.dll"), "{}", findings[0]);
}

#[test]
fn messages_tell_faults_of_one_check_apart() {
    let ordinal = Fixture::with(|fixture| fixture.imports[1].1[0] = "#7").build();
    let message = &findings(&ordinal, &EXPECTED)[0].message;
    assert!(message.contains("by ordinal"), "{message}");

    let mut no_checksum = Fixture::good().build();
    let field = optional_header(&no_checksum.image) + 64;
    put_u32(&mut no_checksum.image, field, 0);
    let message = &findings(&no_checksum, &EXPECTED)[0].message;
    assert!(message.contains("/RELEASE"), "{message}");
}

#[test]
fn a_path_that_only_starts_like_the_workspace_passes() {
    let built = Fixture::with(|fixture| fixture.texts = b"/build/fixtures\0");
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn dll_names_are_compared_without_case_and_listed_exports_pass() {
    let built = Fixture::with(|fixture| {
        fixture.imports[0].0 = "NTOSKRNL.EXE";
        fixture.imports[1].0 = "hal.dll";
        fixture.exports.push(("_fltused", "DriverEntry"));
    });
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn a_function_that_two_images_of_windows_export_may_come_from_either_and_another_may_not() {
    // What the driver is held to, and what the fixture calls.
    let allowed = crate::imports::allowed().iter().flat_map(Import::of);
    let allowed: Vec<_> = allowed.chain([EXPECTED.imports[0]]).collect();
    let expected = Expected {
        imports: &allowed,
        ..EXPECTED
    };
    let found = |dll, name| {
        let built = Fixture::with(|fixture| fixture.imports[1] = (dll, vec![name])).build();
        let findings = findings(&built, &expected);
        findings.iter().map(|finding| finding.check).collect::<Vec<_>>()
    };
    assert_eq!(found("HAL.dll", "KeQueryPerformanceCounter"), []);
    assert_eq!(found("ntoskrnl.exe", "KeQueryPerformanceCounter"), []);
    assert_eq!(found("HAL.dll", "IofCallDriver"), [Check::Imports]);
}

#[test]
fn a_signed_image_passes() {
    let mut built = Fixture::good().build();
    let offset = built.image.len() as u32;
    built.image.extend([0x5a; 64]);
    put_directory(&mut built.image, pe::IMAGE_DIRECTORY_ENTRY_SECURITY, offset, 64);
    seal(&mut built.image);
    assert_eq!(findings(&built, &EXPECTED), []);
}

#[test]
fn arm64_code_is_not_decoded_and_the_report_says_so() {
    let expected = Expected {
        target: Target::Arm64,
        ..EXPECTED
    };
    let built = Fixture::with(|fixture| {
        fixture.headers.machine = pe::IMAGE_FILE_MACHINE_ARM64;
        fixture.functions.push(Code {
            name: "fixture::abort",
            ops: vec![Op::Bytes(&[0x0f, 0x0b])],
            has_pdata: true,
        });
    });
    let built = built.build();
    let report = inspect(&built.image, &built.map, &expected).expect("the image is readable");
    assert_eq!(report.findings, []);
    assert!(report.skipped[0].contains("only x64 code is decoded"));
}

#[test]
fn the_facts_are_those_of_the_image() {
    let built = Fixture::good().build();
    let report = inspect(&built.image, &built.map, &EXPECTED).expect("the image is readable");
    let facts = report.facts;
    assert_eq!(facts.size_bytes, built.image.len());
    assert_eq!(
        facts.imports,
        ["ntoskrnl.exe!DbgPrint", "HAL.dll!KeQueryPerformanceCounter"]
    );
    assert_eq!(facts.exports, ["DriverEntry"]);
    assert_eq!(facts.pdb.as_deref(), Some("fixture.pdb"));
    assert_eq!((facts.functions, facts.instructions, facts.relocations), (2, 8, 1));
    let sections: Vec<_> = facts
        .sections
        .iter()
        .map(|section| (section.name.as_str(), section.access.as_str()))
        .collect();
    assert_eq!(
        sections,
        [
            (".text", "r-x"),
            (".rdata", "r--"),
            (".data", "rw-"),
            (".pdata", "r--"),
            (".rsrc", "r--"),
            (".reloc", "r--")
        ]
    );
}

#[test]
fn a_32_bit_image_is_refused_and_nothing_else_of_it_judged() {
    let mut built = Fixture::good().build();
    let magic = optional_header(&built.image);
    built.image[magic] = 0x0b;
    built.image[magic + 1] = 0x01;
    let findings = findings(&built, &EXPECTED);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].check, Check::Format);
}
