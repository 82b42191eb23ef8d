//! Names as a programmer would write them, out of what linkers know them by.

/// The longest name that is looked into, as long as a decorated C++ name can be.
const NAME_BYTES_MAX: usize = 4096;

/// `name` without the decoration of Rust or Microsoft C++, and always fit for one line of text.
///
/// What has neither decoration stays as it is.
pub(super) fn readable(name: &str) -> String {
    let readable = if name.len() > NAME_BYTES_MAX {
        name.chars().take(NAME_BYTES_MAX).collect()
    } else if let Ok(rust) = rustc_demangle::try_demangle(name) {
        // Without the hash, which says nothing to a person.
        format!("{rust:#}")
    } else if name.starts_with('?') {
        msvc_demangler::demangle(name, msvc_demangler::DemangleFlags::NAME_ONLY).unwrap_or_else(|_| name.to_owned())
    } else {
        without_debugger_notation(name)
    };
    if readable.contains(char::is_control) {
        readable.replace(char::is_control, "\u{FFFD}")
    } else {
        readable
    }
}

/// `name` as Rust writes it, where it is written for debuggers that expect C++: an enumeration has
/// `enum2$<` and `>` around it, and two closing brackets have a space between them.
fn without_debugger_notation(name: &str) -> String {
    const ENUMERATION: &str = "enum2$<";
    let mut name = name.replace("> >", ">>");
    // Once more for the spaces that shared a bracket.
    name = name.replace("> >", ">>");
    while let Some(start) = name.find(ENUMERATION) {
        let mut open: usize = 1;
        let end = name[start + ENUMERATION.len()..].find(|c| {
            match c {
                '<' => open += 1,
                '>' => open -= 1,
                _ => {}
            }
            open == 0
        });
        let Some(end) = end.map(|end| start + ENUMERATION.len() + end) else {
            break;
        };
        name.replace_range(end..=end, "");
        name.replace_range(start..start + ENUMERATION.len(), "");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn rust_names_of_both_kinds_lose_decoration_and_hash() {
        assert_eq!(
            readable("_ZN3wdm6driver10add_device17h7bec4bdcbf913ce4E"),
            "wdm::driver::add_device"
        );
        assert_eq!(
            readable("_RNvNtCs1234_3wdm6driver10add_device"),
            "wdm::driver::add_device"
        );
    }

    #[test]
    fn cpp_names_lose_decoration_and_arguments() {
        assert_eq!(readable("?Start@Device@@QEAAJPEAU_IRP@@@Z"), "Device::Start");
    }

    #[test]
    fn rust_names_lose_what_is_for_debuggers() {
        assert_eq!(
            readable("wdm::add_device::AddDevice<enum2$<irpscope::filter::Filter> >::attach"),
            "wdm::add_device::AddDevice<irpscope::filter::Filter>::attach"
        );
        assert_eq!(readable("a<enum2$<b<enum2$<c<d> > > > >"), "a<b<c<d>>>");
        assert_eq!(readable("enum2$<never closed<"), "enum2$<never closed<");
    }

    #[test]
    fn c_names_and_names_that_only_look_decorated_stay() {
        for name in ["DriverEntry", "?", "?no", "_ZN", "_R"] {
            assert_eq!(readable(name), name);
        }
    }

    #[test]
    fn no_name_breaks_the_line_it_is_in() {
        assert_eq!(readable("a\nb\u{1b}[0m"), "a\u{FFFD}b\u{FFFD}[0m");
    }
}
