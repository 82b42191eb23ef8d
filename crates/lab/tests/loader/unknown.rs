//! What a driver imports and nobody has: functions that tell the caller, data that faults.

use std::{ffi::c_void, os::unix::process::ExitStatusExt, ptr::NonNull};

use lab::{
    image::{Image, LoadOptions, Resolver, UnknownCall},
    unwind,
};

use crate::{
    child::in_child,
    loading::{call, load, peek, permissions},
    specimen::{at, knows_nothing, offset_of, put, specimen},
};

/// The specimen, importing data of that name, which is as long as its `UnknownFunction`.
fn importing(name: &[u8; 15]) -> Vec<u8> {
    let mut file = specimen();
    put(&mut file, offset_of(at::HINT_UNKNOWN + 2), name);
    file
}

#[test]
fn kernel_data_that_nobody_has_is_an_inaccessible_page_that_names_it() {
    let image = load(&importing(b"PsProcessType\0\0"));
    let page = peek(&image, at::SLOT_UNKNOWN) as usize;
    assert_eq!(permissions(page), "---p");
    let name = |address| image.inaccessible_import_at(address).map(|import| import.name.as_str());
    assert_eq!(name(page), Some("PsProcessType"));
    assert_eq!(name(page + 0xFFF), Some("PsProcessType"));
    assert_eq!(name(page + 0x1000), None);
    assert_eq!(name(page - 1), None);
    assert_eq!(name(0), None);
    // The function that is unknown too keeps its trap.
    let trap = peek(&image, at::SLOT_UNKNOWN_HAL) as usize;
    assert_eq!(permissions(trap), "r-xp");
    assert_eq!(name(trap), None);
}

#[test]
fn a_driver_that_uses_data_which_nobody_has_faults_there() {
    const TEST: &str = "unknown::a_driver_that_uses_data_which_nobody_has_faults_there";
    let output = in_child(TEST, || {
        let image = load(&importing(b"PsProcessType\0\0"));
        call(&image, at::PEEK, [peek(&image, at::SLOT_UNKNOWN) as usize]);
    });
    assert_eq!(output.status.signal(), Some(11), "{output:?}");
}

#[test]
fn a_resolver_says_what_is_data_and_each_datum_has_a_page_of_its_own() {
    struct AllData;
    impl Resolver for AllData {
        fn resolve(&mut self, _dll: &str, _name: &str) -> Option<NonNull<c_void>> {
            None
        }
        fn is_data(&self, _dll: &str, name: &str) -> bool {
            name != "UnknownFunction"
        }
    }
    let image = Image::load("specimen.sys", &specimen(), &mut AllData).expect("well-formed");
    let named = |slot| {
        let import = image.inaccessible_import_at(peek(&image, slot) as usize);
        import.map(|import| (import.dll.as_str(), import.name.as_str(), import.resolved))
    };
    assert_eq!(named(at::SLOT_KNOWN), Some(("ntoskrnl.exe", "KnownFunction", false)));
    assert_eq!(named(at::SLOT_UNKNOWN), None);
    assert_eq!(
        named(at::SLOT_UNKNOWN_HAL),
        Some(("HAL.dll", "UnknownHalFunction", false))
    );
}

#[test]
fn data_that_somebody_has_is_bound_to_it() {
    let here = NonNull::<c_void>::dangling();
    let mut resolver = |_: &str, name: &str| (name == "PsProcessType").then_some(here);
    let image = Image::load("specimen.sys", &importing(b"PsProcessType\0\0"), &mut resolver).expect("well-formed");
    assert_eq!(peek(&image, at::SLOT_UNKNOWN) as usize, here.addr().get());
    assert!(image.imports()[1].resolved);
}

#[test]
fn the_caller_is_told_of_an_unknown_call_and_where_it_came_from() {
    const TEST: &str = "unknown::the_caller_is_told_of_an_unknown_call_and_where_it_came_from";
    static IMAGE: std::sync::OnceLock<Image> = std::sync::OnceLock::new();
    fn told(unknown: UnknownCall<'_>) -> ! {
        let image = IMAGE.get().expect("it is loaded before it is called");
        // RBP is what the lab's call left there: an address of its own stack.
        assert!(!format!("{:?}", unknown.point).contains("rbp: 0,"), "{unknown:?}");
        let frames = unwind::call_stack(image, unknown.point, |_| None);
        eprintln!(
            "{} {} {:#x} {:#x?}",
            unknown.image, unknown.import, unknown.return_address, frames
        );
        std::process::exit(9)
    }
    let output = in_child(TEST, || {
        let options = LoadOptions {
            on_unknown_call: told,
            ..LoadOptions::default()
        };
        let image = Image::load_with("specimen.sys", &specimen(), &mut knows_nothing, &options).expect("well-formed");
        let image = IMAGE.get_or_init(|| image);
        call(image, at::CALL_UNKNOWN, []);
    });
    assert_eq!(output.status.code(), Some(9), "{output:?}");
    let told: String = String::from_utf8_lossy(&output.stderr)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(
        told,
        "specimen.sys ntoskrnl.exe!UnknownFunction 0x102a [ Frame { rva: 0x102a, after_call: true, }, ]"
    );
}
