//! Faults in code and names, and their twins that are no faults.

use super::fixture::{Code, ENTER, EXPECTED, Fixture, LEAVE, Op, UNNAMED, put_u32, section_data};
use super::{Case, bytes, findings, fixture};
use crate::gate::{Check, Expected};
use crate::target::{Profile, Target};
use object::pe;

/// The one function of the fixture that may stop the system.
const FATAL: &str = "_ZN7fixture5fatal9bug_check17h0123456789abcdefE";
const INT3: Op = Op::Bytes(&[0xcc]);

/// Adds a function that does one thing.
fn does(op: Op) -> impl FnOnce(&mut Fixture) {
    move |fixture| fixture.add_function("fixture_start", vec![ENTER, op, LEAVE])
}

/// Adds a function that does nothing, under a name.
fn named(name: &'static str) -> impl FnOnce(&mut Fixture) {
    move |fixture| fixture.add_function(name, vec![ENTER, LEAVE])
}

/// Makes the fixture import KeBugCheckEx.
fn import_bug_check(fixture: &mut Fixture) {
    fixture.imports[0].1.push("KeBugCheckEx");
}

/// Adds the import thunk that a linker makes for a call that is not through `__imp_`.
fn add_thunk(fixture: &mut Fixture) {
    fixture.functions.push(Code {
        name: "KeBugCheckEx",
        ops: vec![Op::JumpImport("KeBugCheckEx")],
        has_pdata: false,
    });
}

fn trap_cases() -> Vec<Case> {
    vec![
        fixture("ud2", Check::Trap, does(Op::Bytes(&[0x0f, 0x0b]))),
        fixture("__fastfail", Check::Trap, does(Op::Bytes(&[0xcd, 0x29]))),
        fixture("a breakpoint", Check::Trap, does(INT3)),
        fixture("a halt", Check::Trap, does(Op::Bytes(&[0xf4]))),
        fixture("a panic handler that loops", Check::Trap, |fixture| {
            // jmp $
            fixture.add_function("fixture_halt", vec![Op::Bytes(&[0xeb, 0xfe])]);
        }),
        fixture("a function that is a breakpoint", Check::Trap, |fixture| {
            fixture.add_function("fixture_break", vec![INT3]);
        }),
        fixture("a breakpoint behind a call", Check::Trap, |fixture| {
            let ops = vec![ENTER, Op::CallImport("DbgPrint"), INT3, LEAVE];
            fixture.add_function("fixture_start", ops);
        }),
        fixture("a trap in a leaf function", Check::Trap, |fixture| {
            fixture.functions[1].ops = vec![Op::Bytes(&[0x0f, 0x0b])];
        }),
        fixture("a trap that no name covers", Check::Trap, |fixture| {
            // The entry of .pdata ends before the code does.
            fixture.functions[0].ops.push(Op::Bytes(&[0xc3]));
            fixture.functions.push(Code {
                name: "fixture_tail",
                ops: vec![Op::Bytes(&[0xc3, 0xcc, 0x0f, 0x0b])],
                has_pdata: false,
            });
        }),
        bytes("an exception table of no code", Check::Code, |image| {
            let end = section_data(image, ".pdata") + 4;
            put_u32(image, end, 0x10);
        }),
        fixture("data among code", Check::Code, does(Op::Bytes(&[0x06]))),
        fixture(
            "an instruction that runs into the next function",
            Check::Code,
            |fixture| {
                // A call without its target.
                fixture.add_function("fixture_start", vec![Op::Bytes(&[0x90, 0xe8])]);
            },
        ),
    ]
}

fn bug_check_cases() -> Vec<Case> {
    vec![
        fixture("KeBugCheckEx called anywhere", Check::BugCheck, |fixture| {
            import_bug_check(fixture);
            does(Op::CallImport("KeBugCheckEx"))(fixture);
        }),
        fixture("KeBugCheckEx called through a thunk", Check::BugCheck, |fixture| {
            import_bug_check(fixture);
            add_thunk(fixture);
            does(Op::Call("KeBugCheckEx"))(fixture);
        }),
        fixture(
            "KeBugCheckEx called besides the fatal function",
            Check::BugCheck,
            |fixture| {
                import_bug_check(fixture);
                fixture.add_function(FATAL, vec![ENTER, Op::CallImport("KeBugCheckEx"), INT3]);
                does(Op::CallImport("KeBugCheckEx"))(fixture);
            },
        ),
        fixture("the address of KeBugCheckEx in a table", Check::BugCheck, |fixture| {
            import_bug_check(fixture);
            fixture.add_function(FATAL, vec![ENTER, Op::CallImport("KeBugCheckEx"), INT3]);
            add_thunk(fixture);
            fixture.routines.push("KeBugCheckEx");
        }),
        fixture(
            "KeBugCheckEx called in code without a name behind the fatal function",
            Check::BugCheck,
            |fixture| {
                import_bug_check(fixture);
                fixture.add_function(FATAL, vec![ENTER, Op::CallImport("KeBugCheckEx"), INT3]);
                fixture.add_function(UNNAMED, vec![ENTER, Op::CallImport("KeBugCheckEx"), INT3]);
            },
        ),
        fixture(
            "KeBugCheckEx imported and not seen called",
            Check::BugCheck,
            import_bug_check,
        ),
    ]
}

fn name_cases() -> Vec<Case> {
    const NAMES: [&str; 10] = [
        "_RNvNtCs8icZUrvfcq9_4core9panicking18panic_bounds_check",
        "_RNvCsfLfy6EI15iL_7___rustc17rust_begin_unwind",
        "_ZN4core9panicking9panic_fmt17h0123456789abcdefE",
        "_ZN4core6option13unwrap_failed17h0123456789abcdefE",
        "_ZN4core6result13unwrap_failed17h0123456789abcdefE",
        "_ZN4core5slice5index16slice_index_fail17h0123456789abcdefE",
        "_ZN4core4cell22panic_already_borrowed17h0123456789abcdefE",
        "_ZN5alloc5alloc18handle_alloc_error17h0123456789abcdefE",
        "__rust_alloc_error_handler",
        "rust_eh_personality",
    ];
    NAMES
        .into_iter()
        .map(|name| fixture(name, Check::PanicSymbol, named(name)))
        .collect()
}

fn text_cases() -> Vec<Case> {
    let text = |fault, text: &'static [u8]| fixture(fault, Check::PanicText, move |fixture| fixture.texts = text);
    vec![
        text("a panic location", b"src/filter.rsnext text"),
        text("a panic location of Windows", b"\0src\\filter.rs"),
        text(
            "a panic location of the core library",
            b"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library\\core\\src\\option.rs",
        ),
        text("a panic location without a folder", b"filter.rs"),
        text("a panic message", b"index out of bounds: the len is "),
        text("an overflow message", b"attempt to add with overflow"),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    [trap_cases(), bug_check_cases(), name_cases(), text_cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn a_dev_image_may_panic() {
    let dev = Expected {
        profile: Profile::Dev,
        ..EXPECTED
    };
    let may_be = cases().into_iter().filter(|case| case.check != Check::Code);
    for case in may_be {
        assert_eq!(findings(&case.built, &dev), [], "{}", case.fault);
    }
}

#[test]
fn the_fatal_function_may_stop_the_system() {
    let built = Fixture::with(|fixture| {
        import_bug_check(fixture);
        fixture.add_function(FATAL, vec![ENTER, Op::CallImport("KeBugCheckEx"), INT3]);
        fixture.add_function("fixture_start", vec![ENTER, Op::Call(FATAL), INT3]);
    });
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn the_fatal_function_may_hold_a_trap() {
    let built = Fixture::with(|fixture| {
        import_bug_check(fixture);
        let ud2 = Op::Bytes(&[0x0f, 0x0b]);
        fixture.add_function(FATAL, vec![ENTER, Op::CallImport("KeBugCheckEx"), ud2]);
    });
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn arm64_may_import_a_bug_check_only_for_a_fatal_function() {
    let built = Fixture::with(|fixture| {
        fixture.headers.machine = pe::IMAGE_FILE_MACHINE_ARM64;
        import_bug_check(fixture);
    });
    let built = built.build();
    let with_fatal = Expected {
        target: Target::Arm64,
        ..EXPECTED
    };
    assert_eq!(findings(&built, &with_fatal), []);
    let without = Expected {
        fatal: &[],
        ..with_fatal
    };
    assert_eq!(findings(&built, &without)[0].check, Check::BugCheck);
}

#[test]
fn the_fatal_function_may_call_through_a_thunk() {
    let built = Fixture::with(|fixture| {
        import_bug_check(fixture);
        add_thunk(fixture);
        fixture.add_function(FATAL, vec![ENTER, Op::Call("KeBugCheckEx"), INT3]);
    });
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn a_fatal_function_that_is_a_bare_jump_is_no_thunk() {
    let built = Fixture::with(|fixture| {
        import_bug_check(fixture);
        fixture.add_function(FATAL, vec![Op::JumpImport("KeBugCheckEx")]);
        fixture.add_function("fixture_start", vec![ENTER, Op::Call(FATAL), INT3]);
    });
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn filling_bytes_inside_an_instruction_are_no_breakpoint() {
    // mov eax, 0xcccccccc
    let built = Fixture::with(does(Op::Bytes(&[0xb8, 0xcc, 0xcc, 0xcc, 0xcc])));
    assert_eq!(findings(&built.build(), &EXPECTED), []);
}

#[test]
fn names_and_texts_that_only_resemble_panics_pass() {
    let names = [
        "_ZN7fixture6filter9on_failed17h0123456789abcdefE",
        "_ZN4core3ptr13drop_in_place17h0123456789abcdefE",
        "wait_for_panic_button",
    ];
    for name in names {
        assert_eq!(findings(&Fixture::with(named(name)).build(), &EXPECTED), [], "{name}");
    }
    let texts: [&'static [u8]; 4] = [b".rsrc", b"/x/.rs", b"mod,rs", b"a/b.r s"];
    for text in texts {
        let built = Fixture::with(|fixture| fixture.texts = text);
        assert_eq!(findings(&built.build(), &EXPECTED), [], "{text:?}");
    }
}
