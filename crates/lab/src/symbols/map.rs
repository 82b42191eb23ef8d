//! Map files, as link.exe and lld-link write them.

/// Why a map file gives no names.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Unusable {
    #[error("it is not a map of link.exe or lld-link")]
    NotMap,
    #[error("it is of another build of the driver: it was linked at {map:08x}, the driver at {image:08x}")]
    OtherBuild { map: u32, image: u32 },
    #[error("it is of another build of the driver: its base is {map:#x}, the driver's {image:#x}")]
    OtherBase { map: u64, image: u64 },
}

/// The symbols of the map in `file` with their addresses relative to the image.
///
/// The image is linked for `base` and has the time stamp `stamp`.
pub(super) fn symbols(file: &[u8], base: u64, stamp: u32) -> Result<Vec<(u32, String)>, Unusable> {
    // Names are ASCII in practice; whatever else is in the file only has to do no harm.
    let text = String::from_utf8_lossy(file);
    let mut lines = text.lines();
    let mut linked_at = None;
    let mut linked_for = None;
    for line in lines.by_ref() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Timestamp is ") {
            // The stamp of a reproducible build is made of the image and not known to its map.
            linked_at = first_hex(rest).filter(|_| !rest.contains("Repro mode"));
        } else if let Some(rest) = line.strip_prefix("Preferred load address is ") {
            linked_for = first_hex(rest);
        } else if line.starts_with("Address ") && line.contains("Rva+Base") {
            break;
        }
    }
    let map_base = linked_for.ok_or(Unusable::NotMap)?;
    if map_base != base {
        return Err(Unusable::OtherBase {
            map: map_base,
            image: base,
        });
    }
    match linked_at.map(u32::try_from) {
        None => {}
        Some(Ok(map)) if map == stamp => {}
        Some(map) => {
            return Err(Unusable::OtherBuild {
                map: map.map_err(|_| Unusable::NotMap)?,
                image: stamp,
            });
        }
    }
    Ok(lines.filter_map(|line| symbol(line, base)).collect())
}

/// A line such as ` 0001:000000f0  name  00000001800010f0 f  file.obj`.
fn symbol(line: &str, base: u64) -> Option<(u32, String)> {
    let mut words = line.split_ascii_whitespace();
    let (section, _offset) = words.next()?.split_once(':')?;
    if u32::from_str_radix(section, 16).ok()? == 0 {
        // An absolute value, not an address.
        return None;
    }
    let name = words.next()?;
    let address = words.next().filter(|word| word.len() == 16)?;
    let rva = u64::from_str_radix(address, 16).ok()?.checked_sub(base)?;
    Some((u32::try_from(rva).ok()?, name.to_owned()))
}

fn first_hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.split_ascii_whitespace().next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Unusable, symbols};

    const BASE: u64 = 0x1_4000_0000;
    const MAP: &str = "\
 driver

 Timestamp is 65f1a2b3 (Wed Mar 13 12:58:27 2024)

 Preferred load address is 0000000140000000

 Start         Length     Name                   Class
 0001:00000000 00000100H .text                   CODE

  Address         Publics by Value              Rva+Base               Lib:Object

 0000:00000000       __guard_flags              0000000140000100     <absolute>
 0001:00000000       DriverEntry                0000000140001000 f   driver.obj
 0001:00000010       ?Start@@YAXXZ              0000000140001010 f i driver.obj
 0001:00000020       below                      0000000000001020     driver.obj

 entry point at        0001:00000000

 Static symbols

 0001:00000030       helper                     0000000140001030 f   driver.obj

 Exports

  ordinal    name
        1    DriverEntry
";

    fn names(map: &str) -> Result<Vec<(u32, String)>, Unusable> {
        symbols(map.as_bytes(), BASE, 0x65F1_A2B3)
    }

    #[test]
    fn public_and_static_symbols_are_found_and_nothing_else() {
        let found = names(MAP).expect("it is a map");
        let expected = [(0x1000, "DriverEntry"), (0x1010, "?Start@@YAXXZ"), (0x1030, "helper")];
        assert_eq!(found, expected.map(|(rva, name)| (rva, name.to_owned())));
    }

    #[test]
    fn lines_may_end_as_on_windows() {
        assert_eq!(names(&MAP.replace('\n', "\r\n")), names(MAP));
    }

    #[test]
    fn a_map_of_another_build_is_refused() {
        let error = names(&MAP.replace("65f1a2b3", "65f1a2b4")).expect_err("another time");
        assert_eq!(
            error.to_string(),
            "it is of another build of the driver: it was linked at 65f1a2b4, the driver at 65f1a2b3"
        );
        let error = names(&MAP.replace("is 0000000140000000", "is 0000000180000000")).expect_err("another base");
        assert_eq!(
            error.to_string(),
            "it is of another build of the driver: its base is 0x180000000, the driver's 0x140000000"
        );
    }

    #[test]
    fn a_reproducible_map_has_no_time_to_compare() {
        let map = MAP.replace("65f1a2b3 (Wed", "00000000 (Repro mode) (");
        assert_eq!(names(&map), names(MAP));
    }

    #[test]
    fn what_is_no_map_is_refused_and_a_part_of_one_gives_what_it_has() {
        assert_eq!(names(""), Err(Unusable::NotMap));
        assert_eq!(names("\0\u{FFFD}\n\n"), Err(Unusable::NotMap));
        for end in 0..MAP.len() {
            if let Ok(found) = names(&MAP[..end]) {
                assert!(found.len() <= 3, "of {end} bytes");
            }
        }
    }
}
