//! What panic machinery leaves behind in names and texts; its code is the business of `code`.

use super::check::{Check, Findings};
use super::image::Image;
use super::map::{Map, Symbol};
use memchr::memmem;
use std::collections::BTreeSet;

/// Names that only panic and allocation-failure machinery have, as parts of a demangled name.
const MACHINERY: [&str; 17] = [
    "core::panic::",
    "core::panicking",
    "std::panicking",
    "rust_begin_unwind",
    "rust_panic",
    "rust_eh_personality",
    "rust_oom",
    "wdk_panic::",
    "handle_alloc_error",
    "alloc_error_handler",
    "__rg_oom",
    "__rdl_oom",
    "__rust_start_panic",
    "__rust_drop_panic",
    "__rust_foreign_exception",
    "raw_vec::handle_error",
    "capacity_overflow",
];

/// How the functions of the core libraries that do nothing but panic are named, at their end.
const CORE_SUFFIXES: [&str; 5] = ["_fail", "_failed", "_fail_rt", "_fail_ct", "_overflow"];

/// Messages of the core libraries' own panics.
const MESSAGES: [&str; 11] = [
    "panicked at",
    "called `Option::",
    "called `Result::",
    "index out of bounds",
    " with overflow",
    "attempt to divide by zero",
    "with a divisor of zero",
    "assertion failed",
    "assertion `",
    "internal error: entered unreachable code",
    "memory allocation of ",
];

/// Tells whether a symbol is part of the machinery.
fn is_machinery(symbol: &Symbol) -> bool {
    let name = symbol.name.as_str();
    let is_core = ["core::", "alloc::", "std::"]
        .iter()
        .any(|library| name.trim_start_matches(['<', '&', '[']).starts_with(library));
    MACHINERY.iter().any(|part| name.contains(part))
        || is_core && (name.contains("panic") || CORE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)))
}

/// Checks names and texts.
pub(super) fn check(image: &Image<'_>, map: &Map, findings: &mut Findings) {
    let mut reported = BTreeSet::new();
    for symbol in map.symbols.iter().filter(|symbol| is_machinery(symbol)) {
        if reported.insert(&symbol.name) {
            findings.add(
                Check::PanicSymbol,
                format!("{} is linked in: find the code that can panic", symbol.name),
            );
        }
    }
    for section in image.sections.iter().filter(|section| !section.is_executable()) {
        let mut reported = BTreeSet::new();
        for path in source_paths(section.data) {
            if reported.insert(path) {
                findings.add(
                    Check::PanicText,
                    format!("the path {path:?} is in section {}: code at it can panic", section.name),
                );
            }
        }
        for message in MESSAGES {
            if memmem::find(section.data, message.as_bytes()).is_some() {
                findings.add(
                    Check::PanicText,
                    format!("the panic message {message:?} is in section {}", section.name),
                );
            }
        }
    }
}

/// Finds paths of Rust source files: `.rs` behind a file name, with the folders before it.
///
/// Texts in Rust have no end mark, so whatever follows `.rs` belongs to the next text.
fn source_paths(data: &[u8]) -> impl Iterator<Item = &str> {
    const EXTENSION: &str = ".rs";
    const PATH_SIZE_MAX: usize = 260;
    memmem::find_iter(data, EXTENSION).filter_map(|extension| {
        let first = extension.saturating_sub(PATH_SIZE_MAX);
        let before = &data[first..extension];
        let size = before.iter().rev().take_while(|byte| is_path_byte(**byte)).count();
        let has_name = size != 0 && !before.ends_with(b"/") && !before.ends_with(b"\\");
        let path = &data[extension - size..extension + EXTENSION.len()];
        has_name.then(|| str::from_utf8(path).ok()).flatten()
    })
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'\\' | b'.' | b'-' | b'_' | b':' | b'+')
}
