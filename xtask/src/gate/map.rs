//! A reader of the linker's map: what `/MAP` of lld-link and of MSVC's link.exe print.
//!
//! Both print the preferred load address, a table of symbols (public, then static), each with its
//! section and offset, its name, its absolute address and its object file, and between the two the
//! entry point. Nothing else of the map is read. A name may hold blanks (where it is printed
//! demangled), and link.exe adds one-letter flags after the address, so a line is taken apart from
//! the address, the one word of 16 hexadecimal digits.

use rustc_demangle::demangle;

/// A symbol that the linker kept.
pub(super) struct Symbol {
    /// The name without Rust's hash, as a person would write it.
    pub(super) name: String,
    /// The name as the linker knows it.
    pub(super) mangled: String,
    /// `None` for an absolute symbol, which is a value and no place in the image.
    pub(super) rva: Option<u32>,
}

/// What the map says of the image.
#[derive(Default)]
pub(super) struct Map {
    pub(super) image_base: Option<u64>,
    /// Section number, from 1, and offset in it.
    pub(super) entry: Option<(u16, u32)>,
    /// Sorted by address, absolute symbols first.
    pub(super) symbols: Vec<Symbol>,
}

impl Map {
    /// Reads every line that has one of the known forms and passes over the others.
    pub(super) fn parse(text: &str) -> Self {
        let mut map = Self::default();
        let mut addresses = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(base) = line.strip_prefix("Preferred load address is ") {
                map.image_base = u64::from_str_radix(base.trim(), 16).ok();
            } else if let Some(place) = line.strip_prefix("entry point at ") {
                map.entry = section_and_offset(place.trim());
            } else if let Some(symbol) = symbol(line) {
                addresses.push(symbol);
            }
        }
        let base = map.image_base.unwrap_or_default();
        map.symbols = addresses
            .into_iter()
            .map(|(section, mangled, address)| Symbol {
                name: format!("{:#}", demangle(mangled)),
                mangled: mangled.to_owned(),
                rva: (section != 0)
                    .then(|| u32::try_from(address.checked_sub(base)?).ok())
                    .flatten(),
            })
            .collect();
        map.symbols.sort_by_key(|symbol| symbol.rva);
        map
    }

    /// The symbols with this exact linker name; a map may list one twice.
    pub(super) fn find(&self, mangled: &str) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(move |symbol| symbol.mangled == mangled)
    }

    /// The symbols that stand at the last named address not above `rva`: several where the linker
    /// folded identical functions.
    pub(super) fn names_at(&self, rva: u32) -> &[Symbol] {
        let end = self.symbols.partition_point(|symbol| symbol.rva <= Some(rva));
        let Some(nearest) = end.checked_sub(1).and_then(|last| self.symbols[last].rva) else {
            return &[];
        };
        let start = self.symbols.partition_point(|symbol| symbol.rva < Some(nearest));
        &self.symbols[start..end]
    }
}

/// Takes ` 0001:00000030       name      0000000180001030     object` apart.
fn symbol(line: &str) -> Option<(u16, &str, u64)> {
    let (place, rest) = line.split_once(char::is_whitespace)?;
    let (section, _) = section_and_offset(place)?;
    let mut name_end = 0;
    for word in rest.split(char::is_whitespace) {
        if word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let name = rest[..name_end].trim();
            let address = u64::from_str_radix(word, 16).ok()?;
            return (!name.is_empty()).then_some((section, name, address));
        }
        let word_start = word.as_ptr().addr() - rest.as_ptr().addr();
        name_end = word_start + word.len();
    }
    None
}

/// Reads `0001:00000030`.
fn section_and_offset(place: &str) -> Option<(u16, u32)> {
    let (section, offset) = place.split_once(':')?;
    let is_hexadecimal = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hexadecimal(section, 4) || !is_hexadecimal(offset, 8) {
        return None;
    }
    Some((
        u16::from_str_radix(section, 16).ok()?,
        u32::from_str_radix(offset, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLD: &str = " a

 Timestamp is 00000000 (Repro mode)

 Preferred load address is 0000000180000000

 Start         Length     Name                   Class
 0001:00000000 00000d30H .text                   CODE

  Address         Publics by Value              Rva+Base               Lib:Object

 0001:00000000       DriverEntry                0000000180001000     a.rcgu.o
 0001:00000d30       _RNvNtCs8icZUrvfcq9_4core9panicking18panic_bounds_check 0000000180001d30     libcore-7c4a:core.o

 entry point at         0001:00000000

 Static symbols

 0001:00000040       _ZN1a3die17h48e7f49b96b138c1E 0000000180001040     a.rcgu.o
 0001:00000040       <u32 as a::Die>::die       0000000180001040     a.rcgu.o
";

    const LINK_EXE: &str = " irpscope

 Timestamp is 65a1b2c3 (Fri Jan 12 10:00:00 2024)

 Preferred load address is 0000000140000000

  Address         Publics by Value              Rva+Base               Lib:Object

 0000:00000000       __guard_flags              0000000140000100     <absolute>
 0001:00000010       DriverEntry                0000000140001010 f   irpscope.o
 0001:00000020       memcpy                     0000000140001020 f i ntoskrnl:ntoskrnl.exe

 entry point at        0001:00000010
";

    #[test]
    fn the_two_linkers_maps_are_read() {
        let lld = Map::parse(LLD);
        assert_eq!(lld.image_base, Some(0x1_8000_0000));
        assert_eq!(lld.entry, Some((1, 0)));
        let entry = lld.find("DriverEntry").next().and_then(|found| found.rva);
        assert_eq!(entry, Some(0x1000));
        assert_eq!(lld.symbols.len(), 4);

        let link_exe = Map::parse(LINK_EXE);
        assert_eq!(link_exe.entry, Some((1, 0x10)));
        let copy = link_exe.find("memcpy").next().and_then(|found| found.rva);
        assert_eq!(copy, Some(0x1020));
    }

    #[test]
    fn rust_names_of_both_manglings_lose_their_hashes() {
        let map = Map::parse(LLD);
        assert_eq!(map.names_at(0x1d30)[0].name, "core::panicking::panic_bounds_check");
        let folded: Vec<_> = map.names_at(0x1048).iter().map(|symbol| symbol.name.as_str()).collect();
        assert_eq!(folded, ["a::die", "<u32 as a::Die>::die"]);
    }

    #[test]
    fn an_absolute_symbol_is_no_place_in_the_image() {
        let map = Map::parse(LINK_EXE);
        assert!(map.find("__guard_flags").all(|symbol| symbol.rva.is_none()));
        assert!(map.names_at(0x100).is_empty());
    }

    #[test]
    fn text_that_is_no_map_gives_no_symbols() {
        for text in [
            "",
            "0001:",
            "0001:00000000",
            "0001:00000000 0000000180001000",
            "\u{2028}:x y",
        ] {
            assert!(Map::parse(text).symbols.is_empty(), "{text:?}");
        }
    }
}
