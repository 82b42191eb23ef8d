//! Call stacks by the unwind tables of an image, on stacks that are written out here.
//!
//! No code runs: each test says where the processor is and what is in memory.

use std::collections::BTreeMap;

use lab::{
    image::{Image, LoadOptions},
    unwind::{Frame, Point, call_stack},
};

use crate::{
    mutations::Random,
    specimen::{at, field, knows_nothing, offset_of, put, put32, specimen, use_spare_room},
};

/// A function with a frame of 0x20 bytes and two saved registers, at 0x1100..0x1120.
const PLAIN: u32 = 0x1100;
#[rustfmt::skip]
const PLAIN_CODE: [u8; 0x20] = [
    0x53,                                     // 00 push rbx
    0x41, 0x54,                               // 01 push r12
    0x48, 0x83, 0xEC, 0x20,                   // 03 sub rsp, 0x20
    0xE8, 0, 0, 0, 0,                         // 07 call
    0x48, 0x83, 0xC4, 0x20,                   // 0C add rsp, 0x20
    0x41, 0x5C,                               // 10 pop r12
    0x5B,                                     // 12 pop rbx
    0xC3,                                     // 13 ret
    0xE8, 0, 0, 0, 0,                         // 14 call
    0xEB, 0xF1,                               // 19 jmp 0x0C, in the function
    0xE9, 0, 0, 0, 0,                         // 1B jmp, out of it
];
/// ALLOC_SMALL 0x20, PUSH_NONVOL R12, PUSH_NONVOL RBX
const PLAIN_INFO: [u8; 12] = [1, 7, 3, 0, 7, 0x32, 3, 0xC0, 1, 0x30, 0, 0];

/// A function with RBP for its frame register and a stack of which nobody knows the size.
const FRAMED: u32 = 0x1120;
#[rustfmt::skip]
const FRAMED_CODE: [u8; 0x20] = [
    0x55,                                     // 00 push rbp
    0x48, 0x81, 0xEC, 0x00, 0x01, 0, 0,       // 01 sub rsp, 0x100
    0x48, 0x8D, 0x6C, 0x24, 0x20,             // 08 lea rbp, [rsp + 0x20]
    0x48, 0x29, 0xC4,                         // 0D sub rsp, rax
    0xE8, 0, 0, 0, 0,                         // 10 call
    0x48, 0x8D, 0xA5, 0xE0, 0, 0, 0,          // 15 lea rsp, [rbp + 0xE0]
    0x5D,                                     // 1C pop rbp
    0xC3,                                     // 1D ret
    0xCC, 0xCC,
];
/// SET_FPREG RBP + 0x20, ALLOC_LARGE 0x100, PUSH_NONVOL RBP
const FRAMED_INFO: [u8; 12] = [1, 13, 4, 0x25, 13, 3, 8, 1, 0x20, 0, 1, 0x50];

/// A part of `PLAIN` that stands elsewhere and has saved RBP in the space of its frame.
const COLD: u32 = 0x1140;
#[rustfmt::skip]
const COLD_CODE: [u8; 0x10] = [
    0x48, 0x89, 0x6C, 0x24, 0x10,             // 00 mov [rsp + 0x10], rbp
    0xE8, 0, 0, 0, 0,                         // 05 call
    0xE9, 0xBD, 0xFF, 0xFF, 0xFF,             // 0A jmp 0x110C, in PLAIN
    0xCC,
];
/// SAVE_NONVOL RBP at 0x10; continues PLAIN's
const COLD_INFO: [u8; 8] = [0x21, 5, 2, 0, 5, 0x54, 2, 0];

/// A trap handler: the processor has pushed an error code and a machine frame.
const TRAP: u32 = 0x1150;
/// PUSH_MACHFRAME with an error code
const TRAP_INFO: [u8; 8] = [1, 0, 1, 0, 0, 0x1A, 0, 0];

const PDATA: u32 = at::RDATA_SPARE;
const INFO_PLAIN: u32 = 0x2300;
const INFO_FRAMED: u32 = 0x2310;
const INFO_COLD: u32 = 0x2320;
const INFO_TRAP: u32 = 0x2340;
const FUNCTIONS: [(u32, u32, u32); 4] = [
    (PLAIN, PLAIN + 0x20, INFO_PLAIN),
    (FRAMED, FRAMED + 0x20, INFO_FRAMED),
    (COLD, COLD + 0x10, INFO_COLD),
    (TRAP, TRAP + 0x10, INFO_TRAP),
];

/// The specimen with the functions above. Its own have no unwind information, as leaf functions.
pub(crate) fn unwindable() -> Vec<u8> {
    let mut file = specimen();
    use_spare_room(&mut file);
    let mut put_at = |address: u32, bytes: &[u8]| put(&mut file, offset_of(address), bytes);
    put_at(PLAIN, &PLAIN_CODE);
    put_at(FRAMED, &FRAMED_CODE);
    put_at(COLD, &COLD_CODE);
    put_at(INFO_PLAIN, &PLAIN_INFO);
    put_at(INFO_FRAMED, &FRAMED_INFO);
    put_at(INFO_COLD, &COLD_INFO);
    put_at(INFO_TRAP, &TRAP_INFO);
    for (field, value) in [PLAIN, PLAIN + 0x20, INFO_PLAIN].into_iter().enumerate() {
        put_at(INFO_COLD + 8 + 4 * field as u32, &value.to_le_bytes());
    }
    for (entry, (begin, end, info)) in (PDATA..).step_by(12).zip(FUNCTIONS) {
        for (field, value) in [begin, end, info].into_iter().enumerate() {
            put_at(entry + 4 * field as u32, &value.to_le_bytes());
        }
    }
    put32(&mut file, field::EXCEPTION_DIRECTORY, PDATA);
    put32(&mut file, field::EXCEPTION_DIRECTORY + 4, 12 * FUNCTIONS.len() as u32);
    file
}

/// Where the stacks of these tests are. Nothing is mapped there.
const STACK: usize = 0x5_0000;

/// A loaded image and what is on the stack, by the offset from `STACK`.
struct Machine {
    image: Image,
    slots: BTreeMap<usize, u64>,
}

impl Machine {
    fn new(file: &[u8]) -> Self {
        let options = LoadOptions::default();
        let image = Image::load_with("specimen.sys", file, &mut knows_nothing, &options).expect("well-formed");
        Self {
            image,
            slots: BTreeMap::new(),
        }
    }

    fn at(&self, rva: u32) -> usize {
        self.image.base().addr().get() + rva as usize
    }

    fn value(mut self, offset: usize, value: u64) -> Self {
        self.slots.insert(STACK + offset, value);
        self
    }

    /// Has the return address `rva` on the stack.
    fn returns(self, offset: usize, rva: u32) -> Self {
        let address = self.at(rva) as u64;
        self.value(offset, address)
    }

    fn stack(&self, point: Point) -> Vec<Frame> {
        call_stack(&self.image, point, |address| self.slots.get(&address).copied())
    }

    /// The call stack of a fault at `rva` with the given offsets of RSP and RBP.
    fn fault(&self, rva: u32, rsp: usize, rbp: usize) -> Vec<u32> {
        let frames = self.stack(Point::at_instruction(self.at(rva), STACK + rsp, STACK + rbp));
        assert!(frames.iter().skip(1).all(|frame| frame.after_call));
        frames.iter().map(|frame| frame.rva).collect()
    }
}

/// PLAIN's frame with RSP at offset 0: 0x20 bytes, R12, RBX, the return address at 0x30.
fn in_plain() -> Machine {
    Machine::new(&unwindable())
        .value(0x20, 0x12)
        .value(0x28, 0xB)
        .returns(0x30, at::PEEK + 3)
        .value(0x38, 1)
}

/// `PEEK` is a leaf function: what is above is its return address, 1 here, outside the image.
const LEAF: u32 = at::PEEK + 3;

#[test]
fn a_frame_is_left_from_every_instruction_of_its_function() {
    // The prologue, where RSP is still higher; the body; the epilogue, where it is again.
    for (offset, rsp) in [
        (0x00, 0x30),
        (0x01, 0x28),
        (0x03, 0x20),
        (0x07, 0),
        (0x0C, 0),
        (0x10, 0x20),
        (0x12, 0x28),
        (0x13, 0x30),
        (0x14, 0),
        (0x19, 0),
        (0x1B, 0x30),
    ] {
        assert_eq!(
            in_plain().fault(PLAIN + offset, rsp, 0),
            [PLAIN + offset, LEAF],
            "at {offset:#x}"
        );
    }
}

#[test]
fn a_frame_register_stands_for_a_stack_pointer_that_moved() {
    // RBP is 0x20 above the fixed allocation's end; RSP is somewhere below.
    let machine = Machine::new(&unwindable())
        .value(0x200, 0xB)
        .returns(0x208, LEAF)
        .value(0x210, 1);
    let rbp = 0x200 - 0xE0;
    for (offset, rsp) in [
        (0x00, 0x208),
        (0x01, 0x200),
        (0x08, 0x100),
        (0x0D, 0x100),
        (0x10, 0x40),
        (0x15, 0x40),
        (0x1C, 0x200),
        (0x1D, 0x208),
    ] {
        assert_eq!(
            machine.fault(FRAMED + offset, rsp, rbp),
            [FRAMED + offset, LEAF],
            "at {offset:#x}"
        );
    }
}

#[test]
fn a_saved_frame_pointer_is_that_of_the_caller() {
    // PLAIN called by COLD called by FRAMED, whose RBP only COLD's frame has.
    let machine = Machine::new(&unwindable())
        .value(0x20, 0)
        .value(0x28, 0)
        .returns(0x30, COLD + 0x0A)
        .value(0x38 + 0x10, (STACK + 0x120) as u64)
        .value(0x38 + 0x20, 0)
        .value(0x38 + 0x28, 0)
        .returns(0x38 + 0x30, FRAMED + 0x15)
        .value(0x200, 0)
        .returns(0x208, LEAF)
        .value(0x210, 1);
    assert_eq!(
        machine.fault(PLAIN + 7, 0, 0xDEAD),
        [PLAIN + 7, COLD + 0x0A, FRAMED + 0x15, LEAF]
    );
}

#[test]
fn a_jump_between_the_pieces_of_a_function_does_not_end_it() {
    let machine = in_plain().value(0x10, 0);
    assert_eq!(machine.fault(COLD + 0x0A, 0, 0), [COLD + 0x0A, LEAF]);
}

#[test]
fn a_piece_begins_with_all_that_the_pieces_before_it_have_done() {
    assert_eq!(in_plain().fault(COLD, 0, 0), [COLD, LEAF]);
}

#[test]
fn what_stands_between_functions_is_a_leaf_function() {
    let machine = Machine::new(&unwindable()).returns(0, LEAF).value(8, 1);
    assert_eq!(machine.fault(TRAP + 0x10, 0, 0), [TRAP + 0x10, LEAF]);
}

#[test]
fn a_call_that_ends_its_function_is_not_taken_for_the_next_one() {
    // The call before 0x1120 never returns, and what comes next is FRAMED.
    let machine = in_plain();
    let frames = machine.stack(Point::after_call(machine.at(FRAMED), STACK, STACK));
    let frames: Vec<_> = frames.iter().map(|frame| (frame.rva, frame.after_call)).collect();
    assert_eq!(frames, [(FRAMED, true), (LEAF, true)]);
}

#[test]
fn a_trap_frame_leads_to_what_was_interrupted() {
    let machine = in_plain()
        .value(0x1000, 0xE)
        .returns(0x1008, PLAIN + 7)
        .value(0x1020, STACK as u64);
    // The stack goes down there, which no call does: the interrupted function is the last frame.
    assert_eq!(machine.fault(TRAP, 0x1000, 0), [TRAP]);
    let machine = Machine::new(&unwindable())
        .value(0, 0xE)
        .returns(8, PLAIN + 7)
        .value(0x20, (STACK + 0x100) as u64)
        .value(0x120, 0)
        .value(0x128, 0)
        .returns(0x130, LEAF)
        .value(0x138, 1);
    assert_eq!(machine.fault(TRAP, 0, 0), [TRAP, PLAIN + 7, LEAF]);
}

#[test]
fn a_jump_through_a_bad_pointer_leaves_the_function_that_jumped() {
    let machine = Machine::new(&unwindable())
        .returns(0, PLAIN + 0x0C)
        .value(0x28, 0)
        .value(0x30, 0)
        .returns(0x38, LEAF);
    for rip in [0, 1, usize::MAX, machine.at(0xFFFF_FFFF)] {
        let frames = machine.stack(Point::at_instruction(rip, STACK, STACK));
        let frames: Vec<_> = frames.iter().map(|frame| frame.rva).collect();
        assert_eq!(frames, [PLAIN + 0x0C, LEAF], "{rip:#x}");
    }
    assert_eq!(
        machine.stack(Point::after_call(1, STACK, STACK)),
        [],
        "nobody's return address"
    );
}

#[test]
fn a_stack_ends_where_it_cannot_be_read_and_after_64_frames() {
    let mut machine = Machine::new(&unwindable());
    assert_eq!(machine.fault(PLAIN + 7, 0, 0), [PLAIN + 7]);
    assert_eq!(machine.fault(PLAIN + 7, usize::MAX - STACK, 0), [PLAIN + 7]);
    for frame in 0..100 {
        machine = machine.returns(8 * frame, LEAF);
    }
    assert_eq!(machine.fault(LEAF, 0, 0), [LEAF; 64]);
}

#[test]
fn an_image_without_unwind_tables_has_leaf_functions_only() {
    for directory in [0, 0x1000_0000, u32::MAX] {
        let mut file = unwindable();
        put32(&mut file, field::EXCEPTION_DIRECTORY, directory);
        let machine = Machine::new(&file).returns(0, LEAF);
        assert_eq!(machine.fault(PLAIN + 7, 0, 0), [PLAIN + 7, LEAF], "{directory:#x}");
    }
}

#[test]
fn damaged_tables_never_crash_or_hang() {
    let mut random = Random(0);
    let good = unwindable();
    let mut ends = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        let mut file = good.clone();
        for _ in 0..1 + random.below(4) {
            let target = if random.below(2) == 0 { PDATA } else { INFO_PLAIN };
            file[offset_of(target) + random.below(0x50)] = random.below(256) as u8;
        }
        let machine = Machine::new(&file);
        let (first, _, _) = FUNCTIONS[random.below(FUNCTIONS.len())];
        let rip = machine.at(first + random.below(0x20) as u32);
        let point = Point::at_instruction(rip, STACK + 8 * random.below(8), STACK + 8 * random.below(8));
        let back = machine.at(COLD + 0x0A) as u64;
        // Some of what can be read are return addresses, the rest is the stack's own.
        let frames = call_stack(&machine.image, point, |address| {
            let slot = address.checked_sub(STACK).filter(|&offset| offset < 0x400)? / 8;
            Some(if slot.wrapping_mul(0x9E37_79B1) % 64 < 40 {
                back
            } else {
                address as u64
            })
        });
        assert!((1..=64).contains(&frames.len()));
        ends.insert(frames.len());
    }
    assert!(ends.len() > 5, "the cases are all alike: {ends:?}");
}

#[test]
fn a_piece_that_continues_itself_ends_the_stack() {
    let mut file = unwindable();
    for (field, value) in [COLD, COLD + 0x10, INFO_COLD].into_iter().enumerate() {
        put32(&mut file, offset_of(INFO_COLD + 8 + 4 * field as u32), value);
    }
    let machine = Machine::new(&file).value(0x10, 0);
    assert_eq!(machine.fault(COLD + 5, 0, 0), [COLD + 5]);
}
