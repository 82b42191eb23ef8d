//! The list of checks: what each is called and what it holds an image to, in one place.
//!
//! Help texts and documentation are printed from [`Check::ALL`]; the checks themselves stand in
//! the files beside this one.

use std::fmt;

macro_rules! checks {
    ($($variant:ident $id:literal $meaning:literal)*) => {
        /// One thing that the gate holds an image to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Check {
            $(#[doc = $meaning] $variant,)*
        }

        impl Check {
            /// Every check, in the order in which the gate makes them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The short name that findings and help print.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),* }
            }

            /// What a good image has, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }
        }
    };
}

checks! {
    Format "format"
        "The file is a PE32+ executable image for the expected machine, with the NATIVE subsystem."
    Layout "layout"
        "Headers and sections lie inside the file, in order, adjacent and without overlap, and nothing but a certificate follows them."
    WritableCode "writable-code"
        "No section is both writable and executable (Driver Verifier 0x2003)."
    SectionAlignment "section-alignment"
        "Every section starts on a page (Driver Verifier 0x2004)."
    ExecutableIat "executable-iat"
        "The import address table is not in an executable section (Driver Verifier 0x2005)."
    NxCompat "nx-compat"
        "NX_COMPAT is set in DllCharacteristics."
    DynamicBase "dynamic-base"
        "DYNAMIC_BASE is set in DllCharacteristics."
    HighEntropyVa "high-entropy-va"
        "HIGH_ENTROPY_VA is set in DllCharacteristics."
    ForceIntegrity "force-integrity"
        "FORCE_INTEGRITY is set in DllCharacteristics."
    Entry "entry"
        "The entry point is the symbol DriverEntry, in an executable section."
    Exports "exports"
        "Nothing is exported but DriverEntry and what is on the list."
    Imports "imports"
        "Every import is by name, from ntoskrnl.exe or HAL.dll, and on the list of what the driver may call."
    ImportBinding "import-binding"
        "No import is bound or delayed."
    Relocations "relocations"
        "Every absolute address in the image has a well-formed base relocation."
    Checksum "checksum"
        "The checksum in the header is that of the file."
    Version "version"
        "The version resource names the product, its version, its licence and the file, and calls it an NT driver."
    Map "map"
        "The linker's map is the map of this image."
    PanicSymbol "panic-symbol"
        "Release: no symbol of Rust's panic or allocation-failure machinery is linked in."
    PanicText "panic-text"
        "Release: no panic message and no path of a Rust source file is in the image."
    BugCheck "bug-check"
        "Release: only the named fatal functions refer to KeBugCheck or KeBugCheckEx."
    Trap "trap"
        "Release: only the named fatal functions hold an instruction that stops the system or the processor."
    Code "code"
        "Every executable byte decodes and the exception table is of code, so that bug-check and trap miss nothing."
    PdbName "pdb-name"
        "The debug directory names the PDB by its bare file name."
    BuildPath "build-path"
        "No path of the machine that built it is in the image."
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

/// One reason not to ship the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check that failed.
    pub check: Check,
    /// What is wrong, where, and what to do about it, in one line.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.check, self.message)
    }
}

/// Where the checks put what they find.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

/// How many findings of one check are kept; a damaged table would otherwise bury the rest.
const FINDINGS_PER_CHECK_MAX: usize = 32;

impl Findings {
    /// Adds a finding, unless it would be one too many of its check.
    pub(super) fn add(&mut self, check: Check, message: impl Into<String>) {
        let count = self.0.iter().filter(|found| found.check == check).count();
        let message = match count {
            0..FINDINGS_PER_CHECK_MAX => one_line(&message.into()),
            FINDINGS_PER_CHECK_MAX => "and more of the same, not listed".to_owned(),
            _ => return,
        };
        self.0.push(Finding { check, message });
    }

    /// Hands over what was found, sorted by check.
    pub(super) fn into_vec(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.check);
        self.0
    }
}

/// Makes one printable line of text that may hold names read from the image.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            character if character.is_control() => '\u{fffd}',
            character => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_own_id_and_a_one_sentence_meaning() {
        let mut ids: Vec<_> = Check::ALL.iter().map(|check| check.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Check::ALL.len());
        for check in Check::ALL {
            assert!(check.meaning().ends_with('.'), "{check}");
            assert!(!check.meaning().contains('\n'), "{check}");
        }
    }

    #[test]
    fn a_flood_of_one_check_does_not_bury_the_others() {
        let mut findings = Findings::default();
        for number in 0..1000 {
            findings.add(Check::Relocations, format!("block {number}"));
        }
        findings.add(Check::Checksum, "wrong");
        let findings = findings.into_vec();
        assert_eq!(findings.len(), FINDINGS_PER_CHECK_MAX + 2);
        assert_eq!(findings.last().map(|last| last.check), Some(Check::Checksum));
    }

    #[test]
    fn a_name_read_from_the_image_cannot_break_the_line() {
        let mut findings = Findings::default();
        findings.add(Check::Imports, "imports a\nb\x1b[0m");
        assert!(!findings.into_vec()[0].message.contains(['\n', '\x1b']));
    }
}
