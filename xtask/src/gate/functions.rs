//! The executable sections, cut into functions.
//!
//! A function starts where the exception table (`.pdata`), the map, the entry point or an export
//! says so. A leaf function has no entry in the exception table and ends where the next function
//! starts; what lies between the end that the exception table states and the next start is a gap,
//! and should be padding.

use super::check::{Check, Findings};
use super::image::{Image, Section};
use super::map::Map;
use object::LittleEndian as LE;
use object::pe;
use std::collections::BTreeMap;

/// A run of code that is decoded from its start.
pub(super) struct Function<'data> {
    pub(super) start: u32,
    pub(super) code: &'data [u8],
    /// Whether something says that a function starts here; otherwise it is a gap.
    pub(super) is_known: bool,
}

/// One RUNTIME_FUNCTION of the x64 exception table: begin, end, unwind information.
const RUNTIME_FUNCTION_SIZE: usize = 12;

/// Cuts every executable section, in the order of the sections.
pub(super) fn functions<'data>(
    image: &Image<'data>,
    map: &Map,
    exports: &[(String, Option<u32>)],
    findings: &mut Findings,
) -> Vec<Function<'data>> {
    let mut starts = BTreeMap::new();
    for (begin, end) in exception_table(image, findings) {
        starts.insert(begin, true);
        starts.entry(end).or_insert(false);
    }
    let entry = image.optional_header().address_of_entry_point.get(LE);
    let named = map.symbols.iter().filter_map(|symbol| symbol.rva);
    let exported = exports.iter().filter_map(|(_, address)| *address);
    for start in named.chain(exported).chain([entry]) {
        starts.insert(start, true);
    }
    image
        .sections
        .iter()
        .filter(|section| section.is_executable())
        .flat_map(|section| cut(section, &starts))
        .collect()
}

/// Cuts one section at the starts that lie in it.
fn cut<'data>(section: &Section<'data>, starts: &BTreeMap<u32, bool>) -> Vec<Function<'data>> {
    let mut functions = Vec::new();
    let size = u32::try_from(section.data.len()).unwrap_or(u32::MAX);
    let mut end = section.virtual_address.saturating_add(size);
    let first = section.virtual_address;
    if end == first {
        return functions;
    }
    let inner = starts.range(first..end).rev().map(|(&start, &known)| (start, known));
    let unnamed_first = (!starts.contains_key(&first)).then_some((first, false));
    for (start, is_known) in inner.chain(unnamed_first) {
        let code = &section.data[(start - first) as usize..(end - first) as usize];
        functions.push(Function { start, code, is_known });
        end = start;
    }
    functions.reverse();
    functions
}

/// Reads the begin and end addresses of the exception table.
fn exception_table(image: &Image<'_>, findings: &mut Findings) -> Vec<(u32, u32)> {
    let Some((address, size)) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION) else {
        return Vec::new();
    };
    let Some(table) = image.slice_at(address, size) else {
        findings.add(
            Check::Code,
            "the exception directory points outside of the file: link again",
        );
        return Vec::new();
    };
    let mut functions = Vec::new();
    let (entries, _) = table.as_chunks::<RUNTIME_FUNCTION_SIZE>();
    for [b0, b1, b2, b3, e0, e1, e2, e3, ..] in entries {
        let begin = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
        let end = u32::from_le_bytes([*e0, *e1, *e2, *e3]);
        let is_code = image
            .section_at(begin)
            .is_some_and(|section| section.is_executable() && begin < end && u64::from(end) <= section.range().end);
        if is_code {
            functions.push((begin, end));
        } else {
            findings.add(
                Check::Code,
                format!("the exception table has {begin:#x} to {end:#x}, which is no code: link again"),
            );
        }
    }
    functions
}
