//! The four characters that name a pool block's purpose.
//!
//! Not the rules on which tags a driver may use.

use std::fmt::{self, Display, Formatter, Write};

/// A pool tag, as a driver passes it.
///
/// Shown in the order in which its bytes lie in memory, as Windows' tools show it: a C driver that
/// writes `'sprI'` has the tag `Irps`. What is no printable ASCII is shown as a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u32);

impl Tag {
    /// The tag that is shown as `text`.
    pub const fn new(text: &[u8; 4]) -> Self {
        Self(u32::from_le_bytes(*text))
    }
}

impl From<u32> for Tag {
    fn from(tag: u32) -> Self {
        Self(tag)
    }
}

impl Display for Tag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for byte in self.0.to_le_bytes() {
            let is_printable = matches!(byte, b' '..=b'~');
            f.write_char(if is_printable { char::from(byte) } else { '.' })?;
        }
        Ok(())
    }
}
