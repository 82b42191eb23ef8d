//! Calls on a stack of their own.

use std::os::unix::process::ExitStatusExt;

use lab::{
    image::Image,
    stack::{STACK_BYTES, Stack},
};

use crate::{
    child::in_child,
    loading::call,
    specimen::{at, knows_nothing, specimen},
};

fn load() -> Image {
    Image::load("specimen.sys", &specimen(), &mut knows_nothing).expect("well-formed")
}

#[test]
fn up_to_four_arguments_arrive_each_in_its_place() {
    let image = load();
    assert_eq!(call(&image, at::WEIGH, [1, 10, 100, 1000]), 1 + 20 + 400 + 8000);
    assert_eq!(call(&image, at::WEIGH, [7]), 7, "arguments that are not given are zero");
    assert_eq!(call(&image, at::WEIGH, []), 0);
}

#[test]
fn results_are_64_bits_wide() {
    let image = load();
    assert_eq!(call(&image, at::WEIGH, [usize::MAX]), usize::MAX);
}

#[test]
fn a_call_begins_at_the_top_of_an_aligned_stack() {
    let image = load();
    let on_thread = std::ptr::from_ref(&image).addr();
    let rsp = call(&image, at::STACK_POINTER, []);
    assert!(on_thread.abs_diff(rsp) > STACK_BYTES, "it ran on the caller's stack");
    assert_eq!(rsp % 16, 8, "aligned before the call pushed the return address");
    // 32 bytes of home space and the return address are below the page-aligned top.
    assert_eq!(rsp % 4096, 4096 - 40);
}

#[test]
fn a_driver_that_overruns_its_stack_dies_there() {
    const TEST: &str = "calling::a_driver_that_overruns_its_stack_dies_there";
    let output = in_child(TEST, || {
        let image = load();
        call(&image, at::RECURSE, []);
    });
    assert_eq!(output.status.signal(), Some(11), "{output:?}");
}

#[test]
fn both_ends_of_the_stack_are_guarded() {
    let image = load();
    let mut stack = Stack::new().expect("memory");
    let function = image.base().addr().get() + at::STACK_POINTER as usize;
    let function = std::ptr::NonNull::new(std::ptr::with_exposed_provenance_mut(function)).expect("not null");
    // SAFETY: the function takes nothing, touches no memory, and returns.
    let rsp = unsafe { stack.call(function, []) };
    let top = rsp + 40;
    let bottom = top - STACK_BYTES;
    assert_eq!(crate::loading::permissions(bottom), "rw-p");
    assert_eq!(crate::loading::permissions(bottom - 1), "---p");
    assert_eq!(crate::loading::permissions(top - 1), "rw-p");
    assert_eq!(crate::loading::permissions(top), "---p");
}
