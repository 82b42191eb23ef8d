//! The kernel functions that a driver image may import, and the proof that each one is real.
//!
//! The rows are those of `crates/wdm/src/imports.in.rs`; nothing is added here. This module does
//! not look at an image: the image gate does, with [`allowed`].

pub mod check;
pub mod metadata;
mod types;

/// One function that a driver image may import, with the sizes in bytes of what it takes and returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedImport {
    /// The exporting image, as an import descriptor names it, and as Microsoft's metadata does.
    pub dll: &'static str,
    /// Another image that exports it too.
    pub also: Option<&'static str>,
    /// The exported name.
    pub name: &'static str,
    /// The size of each parameter.
    pub parameters: &'static [usize],
    /// The size of the return value, 0 where there is none.
    pub returns: usize,
    /// Why the function is allowed although Microsoft's metadata lacks it.
    pub unlisted: Option<&'static str>,
}

impl AllowedImport {
    /// The images that a driver may import it from.
    pub fn dlls(&self) -> impl Iterator<Item = &'static str> {
        [Some(self.dll), self.also].into_iter().flatten()
    }
}

/// The other image of a row, where it has one.
macro_rules! also {
    () => {
        None
    };
    ($dll:literal) => {
        Some($dll)
    };
}

macro_rules! kernel_imports {
    (
        $($dll:literal {
            $($name:ident($($size:literal),*) $(-> $returns:literal)? $(, also $also:literal)?;)*
        })*
        $(unlisted $other_dll:literal {
            $($other:ident($($other_size:literal),*) $(-> $other_returns:literal)?, $reason:literal;)*
        })*
    ) => {
        const ALLOWED: &[AllowedImport] = &[
            $($(AllowedImport {
                dll: $dll,
                also: also!($($also)?),
                name: stringify!($name),
                parameters: &[$($size),*],
                returns: 0 $(+ $returns)?,
                unlisted: None,
            },)*)*
            $($(AllowedImport {
                dll: $other_dll,
                also: None,
                name: stringify!($other),
                parameters: &[$($other_size),*],
                returns: 0 $(+ $other_returns)?,
                unlisted: Some($reason),
            },)*)*
        ];
    };
}

include!("../../../crates/wdm/src/imports.in.rs");

/// Every import that a driver image may have.
#[must_use]
pub fn allowed() -> &'static [AllowedImport] {
    ALLOWED
}
