//! What the image tells of the machine that built it: nothing.

use super::Expected;
use super::check::{Check, Findings};
use super::image::Image;
use memchr::memmem;
use object::LittleEndian as LE;
use object::pe;
use object::pod;

/// What only the paths of a build machine hold.
const BUILD_PATHS: [&str; 9] = [
    "/home/",
    "/root/", // lint-allow(speaks_only_of_itself): what is looked for
    "/Users/",
    ":\\Users\\",
    ":/Users/",
    ".cargo/registry",
    ".cargo\\registry",
    ".rustup/toolchains",
    ".rustup\\toolchains",
];

/// The PDB's name by the CodeView record of the debug directory, if there is one.
pub(super) fn pdb_name(image: &Image<'_>, findings: &mut Findings) -> Option<String> {
    const ENTRY_SIZE: usize = size_of::<pe::ImageDebugDirectory>();
    let (address, size) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_DEBUG)?;
    let Some(directory) = image.slice_at(address, size) else {
        findings.add(
            Check::PdbName,
            "the debug directory points outside of the file: link again",
        );
        return None;
    };
    let record = directory.chunks_exact(ENTRY_SIZE).find_map(|bytes| {
        let (entry, _) = pod::from_bytes::<pe::ImageDebugDirectory>(bytes).ok()?;
        (entry.typ.get(LE) == pe::IMAGE_DEBUG_TYPE_CODEVIEW).then_some(entry)
    })?;
    let name = codeview_name(image, record);
    if name.is_none() {
        findings.add(
            Check::PdbName,
            "the debug directory's CodeView record is no RSDS record inside the file: link again",
        );
    }
    name
}

/// Reads an RSDS record: signature, GUID, age, and the name up to its zero byte.
fn codeview_name(image: &Image<'_>, record: &pe::ImageDebugDirectory) -> Option<String> {
    const GUID_AND_AGE: usize = 20;
    let start = record.pointer_to_raw_data.get(LE) as usize;
    let size = record.size_of_data.get(LE) as usize;
    let bytes = image.bytes.get(start..start.checked_add(size)?)?;
    let name = bytes.strip_prefix(b"RSDS")?.get(GUID_AND_AGE..)?;
    let end = memchr::memchr(0, name)?;
    Some(String::from_utf8_lossy(&name[..end]).into_owned())
}

/// Checks the name of the PDB and searches the whole file for paths of the build machine.
pub(super) fn check(image: &Image<'_>, pdb: Option<&str>, expected: &Expected<'_>, findings: &mut Findings) {
    if let Some(name) = pdb
        && (name.contains(['/', '\\', ':']) || !name.to_ascii_lowercase().ends_with(".pdb"))
    {
        findings.add(
            Check::PdbName,
            format!("the PDB is named {name:?}, not a bare file name: link with /PDBALTPATH:%_PDB%"),
        );
    }
    let workspace = expected.workspace.trim_end_matches(['/', '\\']);
    let below = [workspace.replace('\\', "/") + "/", workspace.replace('/', "\\") + "\\"];
    let mut paths: Vec<&str> = BUILD_PATHS.to_vec();
    // The root of a drive or of the file system would stand in every path.
    if workspace.trim_end_matches(':').len() > 1 {
        paths.extend(below.iter().map(String::as_str));
    }
    for path in paths {
        let wide: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = find(image.bytes, path.as_bytes(), 1).or_else(|| find(image.bytes, &wide, 2));
        if let Some(offset) = found {
            findings.add(
                Check::BuildPath,
                format!("{path:?} stands at file offset {offset:#x}: build with --remap-path-prefix"),
            );
        }
    }
}

/// Where `path` begins a path, in characters of `character_bytes` bytes. After the end of a name it is the middle of one:
/// a checkout in `/src` is not named by `crates/wdm/src/`.
fn find(bytes: &[u8], path: &[u8], character_bytes: usize) -> Option<usize> {
    let begins_path = |offset: &usize| {
        let before = offset.checked_sub(character_bytes).and_then(|before| bytes.get(before));
        !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    memmem::find_iter(bytes, path).find(begins_path)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_folder_is_found_where_a_path_begins_with_it_and_not_in_the_middle_of_one() {
        for (text, found) in [
            ("/src/lib.rs", Some(0)),
            ("at /src/lib.rs", Some(3)),
            ("\0/src/lib.rs", Some(1)),
            ("crates/wdm/src/lib.rs", None),
            ("wdm-1.0/src/lib.rs, /src/lib.rs", Some(20)),
        ] {
            assert_eq!(find(text.as_bytes(), b"/src/", 1), found, "{text}");
            let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
            let found = found.map(|offset| 2 * offset);
            assert_eq!(find(&wide(text), &wide("/src/"), 2), found, "{text}");
        }
    }
}
