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

/// How debuggers that expect C++ are told of what C++ has not, and what stands in Rust before and after what is in the
/// brackets. None of the first contains another, so their order is none.
const FOR_DEBUGGERS: [(&str, &str, &str); 8] = [
    ("enum2$<", "", ""),
    ("ref$<", "&", ""),
    ("ref_mut$<", "&mut ", ""),
    ("ptr_const$<", "*const ", ""),
    ("ptr_mut$<", "*mut ", ""),
    ("slice2$<", "[", "]"),
    // With the length after a comma, as in `[u8,4]`.
    ("array$<", "[", "]"),
    ("tuple$<", "(", ")"),
];

/// `name` as Rust writes it, where it is written for debuggers: what [`FOR_DEBUGGERS`] lists has brackets around it, and
/// two closing ones have a space between them.
fn without_debugger_notation(name: &str) -> String {
    let mut name = name.replace("> >", ">>");
    // Once more for the spaces that shared a bracket.
    name = name.replace("> >", ">>");
    for (notation, before, after) in FOR_DEBUGGERS {
        while let Some(start) = name.find(notation) {
            let inside = start + notation.len();
            let Some(end) = closing_bracket(&name[inside..]) else {
                break;
            };
            name.replace_range(inside + end..=inside + end, after);
            name.replace_range(start..inside, before);
        }
    }
    name
}

/// Where the bracket is closed that was opened before `rest`.
fn closing_bracket(rest: &str) -> Option<usize> {
    let mut open: usize = 1;
    rest.find(|c| {
        match c {
            '<' => open += 1,
            '>' => open -= 1,
            _ => {}
        }
        open == 0
    })
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
        assert_eq!(
            readable("Option<ref$<policy::errors::Entry> >::map_or"),
            "Option<&policy::errors::Entry>::map_or"
        );
        assert_eq!(
            readable("a<ref_mut$<slice2$<u8> >,ptr_mut$<b>,ptr_const$<ref$<c> >,array$<u8,4> >"),
            "a<&mut [u8],*mut b,*const &c,[u8,4]>"
        );
        assert_eq!(
            readable("call_once<f,tuple$<ref$<b>,tuple$<> > >"),
            "call_once<f,(&b,())>"
        );
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
