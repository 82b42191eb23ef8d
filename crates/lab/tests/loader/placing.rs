//! Where an image stands, and what is made of its /GS cookie there.

use lab::image::{Image, LoadOptions};

use crate::{
    loading::{load, peek, permissions},
    specimen::{
        IMAGE_BYTES, PREFERRED_BASE, at, field, knows_nothing, offset_of, put16, put32, put64, specimen, use_spare_room,
    },
};

/// An address of this test's own, so that tests which run at once do not take it from each other.
fn load_at(address: usize) -> Image {
    let options = LoadOptions {
        address,
        ..LoadOptions::default()
    };
    Image::load_with("specimen.sys", &specimen(), &mut knows_nothing, &options).expect("well-formed")
}

#[test]
fn an_image_stands_where_it_is_asked_to_time_after_time() {
    const ADDRESS: usize = 0x7_2000_0000;
    for _ in 0..3 {
        let image = load_at(ADDRESS);
        assert_eq!(image.base().addr().get(), ADDRESS);
        assert!(image.is_where_asked());
        // What is bound for it has a fixed address too: after one page to be caught on.
        assert_eq!(
            peek(&image, at::SLOT_KNOWN) as usize,
            ADDRESS + IMAGE_BYTES as usize + 0x2000
        );
        assert_eq!(permissions(ADDRESS + IMAGE_BYTES as usize), "unmapped");
    }
}

#[test]
fn the_default_address_is_free_in_a_fresh_process() {
    const TEST: &str = "placing::the_default_address_is_free_in_a_fresh_process";
    let output = crate::child::in_child(TEST, || {
        assert!(load(&specimen()).is_where_asked());
        std::process::exit(7);
    });
    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

#[test]
fn an_address_that_is_taken_is_not_taken_away() {
    const ADDRESS: usize = 0x7_3000_0000;
    let first = load_at(ADDRESS);
    // It overlaps the first one's last page.
    let second = load_at(ADDRESS + IMAGE_BYTES as usize - 0x1000);
    assert!(!second.is_where_asked());
    assert!(first.is_where_asked());
    assert_eq!(peek(&first, at::TARGET), peek(&second, at::TARGET));
    assert_eq!(
        peek(&second, at::POINTER) as usize,
        second.base().addr().get() + at::TARGET as usize
    );
}

#[test]
fn an_address_that_cannot_be_is_as_good_as_none() {
    for address in [0, 1, 0x7_4000_0001, usize::MAX, usize::MAX & !0xFFF] {
        let image = load_at(address);
        assert!(!image.is_where_asked(), "{address:#x}");
        assert_eq!(peek(&image, at::TARGET), crate::specimen::TARGET_VALUE);
    }
}

/// What linkers put there, which start-up code of the driver takes for a cookie that nobody set.
const DEFAULT_COOKIE: u64 = 0x2B99_2DDF_A232;
const COOKIE: u32 = 0x3100;

/// The specimen with a load configuration of `size` bytes whose cookie is at `cookie`.
fn with_cookie(size: u32, cookie: u64) -> Vec<u8> {
    const CONFIGURATION: u32 = at::RDATA_SPARE;
    let mut file = specimen();
    use_spare_room(&mut file);
    put32(&mut file, field::LOAD_CONFIG_DIRECTORY, CONFIGURATION);
    put32(&mut file, field::LOAD_CONFIG_DIRECTORY + 4, size);
    put32(&mut file, offset_of(CONFIGURATION), size);
    put64(&mut file, offset_of(CONFIGURATION + 88), cookie);
    put64(&mut file, offset_of(COOKIE), DEFAULT_COOKIE);
    // The address is relocated, in place of POINTER.
    put32(&mut file, offset_of(at::RELOCATIONS), 0x2000);
    put16(&mut file, offset_of(at::RELOCATIONS + 8), 10 << 12 | 0x298);
    file
}

fn refusal(file: &[u8]) -> String {
    match Image::load("specimen.sys", file, &mut knows_nothing) {
        Ok(_) => "loaded".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_security_cookie_is_set_to_one_that_the_checks_accept() {
    let file = with_cookie(0x70, PREFERRED_BASE + u64::from(COOKIE));
    let cookie = peek(&load(&file), COOKIE);
    assert_ne!(cookie, DEFAULT_COOKIE);
    assert_ne!(cookie, 0);
    assert_eq!(cookie >> 48, 0, "a check takes the top bits for damage");
    assert_eq!(peek(&load(&file), COOKIE), cookie, "it is the same in every run");
}

#[test]
fn a_load_configuration_without_a_cookie_sets_none() {
    let too_short = with_cookie(0x5F, PREFERRED_BASE + u64::from(COOKIE));
    assert_eq!(peek(&load(&too_short), COOKIE), DEFAULT_COOKIE);
    let mut zero = with_cookie(0x70, 0);
    put16(&mut zero, offset_of(at::RELOCATIONS + 8), 0);
    assert_eq!(peek(&load(&zero), COOKIE), DEFAULT_COOKIE);
}

#[test]
fn a_cookie_outside_the_sections_is_refused() {
    let mut file = with_cookie(0x70, 0x1234);
    put16(&mut file, offset_of(at::RELOCATIONS + 8), 0);
    assert_eq!(
        refusal(&file),
        "load configuration table: its security cookie at 0x1234 is outside every section"
    );
}

#[test]
fn a_load_configuration_outside_the_image_is_refused() {
    let mut file = specimen();
    put32(&mut file, field::LOAD_CONFIG_DIRECTORY, 0x5FFE);
    put32(&mut file, field::LOAD_CONFIG_DIRECTORY + 4, 0x70);
    assert_eq!(
        refusal(&file),
        "load configuration table at 0x5ffe, 0x70 bytes, is outside the image"
    );
}
