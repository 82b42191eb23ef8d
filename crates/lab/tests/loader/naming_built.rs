//! Names and call stacks of the real driver, with the files that its build leaves beside it.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use lab::{
    image::{Image, LoadOptions, UnknownCall},
    symbols::{Location, Symbols},
    unwind::call_stack,
};

use crate::{child::in_child, loading::call, naming::Folder, specimen::knows_nothing};

fn driver() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/package/irpscope.sys")
}

fn copied(test: &str, extensions: &[&str]) -> (Folder, PathBuf) {
    let folder = Folder::new(test);
    for extension in extensions {
        let from = driver().with_extension(extension);
        let contents =
            fs::read(&from).unwrap_or_else(|error| panic!("{}: {error}: run cargo xtask build first", from.display()));
        folder.put(&format!("irpscope.{extension}"), contents);
    }
    let driver = folder.0.join("irpscope.sys");
    (folder, driver)
}

fn entry_point(driver: &Path) -> u32 {
    let file = fs::read(driver).expect("it was just written");
    let image = Image::load("irpscope.sys", &file, &mut knows_nothing).expect("it loads");
    image
        .relative(image.entry_point().addr().get())
        .expect("it is in the image")
}

/// Every place of the driver's code.
fn everything(names: &Symbols) -> Vec<Location> {
    (0x1000..0x1_0000)
        .map(|rva| names.locate(rva))
        .filter(|location| location.function.is_some())
        .collect()
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn its_pdb_has_functions_inlined_ones_files_and_lines() {
    let (_folder, driver) = copied("pdb", &["sys", "pdb"]);
    let names = Symbols::beside(&driver);
    let all = everything(&names);
    assert_eq!(names.note(), None);
    assert!(
        all.iter().any(|location| location.inlined.is_some()),
        "nothing was inlined?"
    );
    // What Rust compiled, unlike what the linker made, has lines.
    let rust = all
        .iter()
        .filter(|location| location.function.as_deref().is_some_and(|name| name.contains("::")));
    let lines: Vec<_> = rust
        .map(|location| location.line.is_some_and(|line| line > 0))
        .collect();
    let with_line = lines.iter().filter(|&&has| has).count();
    assert!(
        with_line > 0 && with_line * 10 > lines.len() * 9,
        "{with_line} of {} have a line",
        lines.len()
    );
    for location in &all {
        let text = location.to_string();
        // An impl block and a closure have a number for a name, and so has what a closure takes along.
        let numbered = ["impl$", "closure$", "closure_env$"];
        let named = numbered.iter().fold(text.clone(), |text, word| text.replace(word, ""));
        assert!(!named.contains(['/', '\\', '$']), "{text}");
        assert!(!text.contains("> >"), "{text}");
        // The public name of what has a procedure does not reach into the padding after it.
        assert_ne!(location.function.as_deref(), Some("DriverEntry"), "{text}");
    }
    let entry = names.locate(entry_point(&driver));
    assert!(
        entry
            .function
            .as_deref()
            .is_some_and(|name| name.starts_with("irpscope::")),
        "{entry}"
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn its_map_is_used_without_the_pdb_or_with_one_of_another_build() {
    let (folder, driver) = copied("map-only", &["sys", "map"]);
    let names = Symbols::beside(&driver);
    let entry = entry_point(&driver);
    assert_eq!(names.locate(entry).to_string(), "irpscope!DriverEntry+0x0");
    assert_eq!(names.note(), None);

    let (built, _) = copied("other-pdb", &["pdb"]);
    let mut pdb = fs::read(built.0.join("irpscope.pdb")).expect("it was just written");
    let record = fs::read(&driver).expect("it was just written");
    let record = record
        .windows(4)
        .position(|bytes| bytes == b"RSDS")
        .map(|at| record[at + 4..at + 20].to_vec());
    let guid = record.expect("the image has a debug record");
    let at = pdb
        .windows(16)
        .position(|bytes| bytes == guid)
        .expect("the PDB has the image's GUID");
    pdb[at] ^= 1;
    folder.put("irpscope.pdb", pdb);
    let names = Symbols::beside(&driver);
    assert_eq!(names.locate(entry).to_string(), "irpscope!DriverEntry+0x0");
    let note = names.note().expect("it says why");
    assert!(
        note.starts_with("irpscope.pdb is not used: it is of another build of the driver: "),
        "{note}"
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn its_names_are_the_same_each_time() {
    let (_folder, driver) = copied("twice", &["sys", "pdb"]);
    assert_eq!(
        everything(&Symbols::beside(&driver)),
        everything(&Symbols::beside(&driver))
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn its_pdb_cut_off_anywhere_or_damaged_fails_nothing() {
    let (folder, driver) = copied("damaged-pdb", &["sys", "pdb"]);
    let pdb = fs::read(driver.with_extension("pdb")).expect("it was just written");
    let entry = entry_point(&driver);
    let mut without_names = 0;
    for case in 0..64 {
        let mut damaged = pdb.clone();
        if case % 2 == 0 {
            damaged.truncate(pdb.len() * case / 64);
        } else {
            // Every 997th byte from somewhere on.
            damaged
                .iter_mut()
                .skip(case * 31)
                .step_by(997 * case)
                .for_each(|byte| *byte = !*byte);
        }
        folder.put("irpscope.pdb", damaged);
        let names = Symbols::beside(&driver);
        let text = names.locate(entry).to_string();
        assert!(text.starts_with("irpscope"), "{text}");
        without_names += usize::from(names.note().is_some());
        assert_eq!(names.note().unwrap_or("one line").lines().count(), 1);
    }
    assert!(without_names > 16, "only {without_names} were refused");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn its_call_stack_is_named_where_it_calls_the_kernel() {
    const TEST: &str = "naming_built::its_call_stack_is_named_where_it_calls_the_kernel";
    static IMAGE: OnceLock<Image> = OnceLock::new();
    fn told(unknown: UnknownCall<'_>) -> ! {
        // Names need more stack than the driver has.
        let report = std::thread::spawn(move || {
            let image = IMAGE.get().expect("it is loaded before it is called");
            let last = Cell::new(0);
            let frames = call_stack(image, unknown.point, |address| {
                last.set(address);
                // SAFETY: the driver's thread waits and its stack is mapped; the walk ends at
                // the lab's call, which is on it.
                Some(unsafe { std::ptr::with_exposed_provenance::<u64>(address).read_volatile() })
            });
            let names = Symbols::beside(driver());
            let lines: Vec<_> = frames.iter().map(|frame| frame.display(&names).to_string()).collect();
            eprintln!("last read at {:#x}: {}", last.get() % 0x1000, lines.join("; "));
        });
        report.join().expect("it does not panic");
        std::process::exit(3)
    }
    let output = in_child(TEST, || {
        let names = Symbols::beside(driver());
        let is_add_device = |rva: &u32| {
            let location = names.locate(*rva);
            location.offset == 0 && location.function.is_some_and(|name| name.contains("add_device"))
        };
        let add_device = (0x1000..0x1_0000).find(is_add_device).expect("it has one");
        let options = LoadOptions {
            on_unknown_call: told,
            ..LoadOptions::default()
        };
        let file = fs::read(driver()).expect("it is built");
        let image = Image::load_with("irpscope.sys", &file, &mut knows_nothing, &options).expect("it loads");
        call(IMAGE.get_or_init(|| image), add_device, []);
    });
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    // The lab's own call is at the top of the stack, below the arguments' home.
    assert!(told.starts_with("last read at 0xfd8: irpscope!"), "{told}");
    assert!(told.contains("add_device") && told.contains(".rs:"), "{told}");
}
