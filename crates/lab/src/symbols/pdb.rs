//! Program databases (PDB), which have functions, inlined functions, files and lines.
//!
//! A PDB counts only for the very image it was linked with: the linker marks both with one GUID.

use std::{
    fmt,
    io::Cursor,
    sync::{Mutex, PoisonError},
};

use pdb_addr2line::{Context, ContextPdbData, TypeFormatterFlags, pdb::PDB};
use self_cell::self_cell;

use super::{Location, Names, demangle::readable, file_name};

/// What tells a build of an image from every other one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// As its bytes stand in the image.
    pub(super) guid: [u8; 16],
    pub(super) age: u32,
}

impl fmt::Display for Identity {
    /// As symbol servers name it: the GUID's digits, then the age.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = self.guid;
        for byte in [a3, a2, a1, a0, b1, b0, c1, c0].into_iter().chain(rest) {
            write!(f, "{byte:02X}")?;
        }
        write!(f, "-{:X}", self.age)
    }
}

/// Why a PDB gives no names.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it is of another build of the driver: it has the identity {pdb}, the driver {image}")]
    OtherBuild { pdb: String, image: String },
    #[error("{0}")]
    Malformed(#[from] pdb_addr2line::Error),
}

impl From<pdb_addr2line::pdb::Error> for Unusable {
    fn from(error: pdb_addr2line::pdb::Error) -> Self {
        Self::Malformed(error.into())
    }
}

type Database = ContextPdbData<'static, 'static, Cursor<Vec<u8>>>;
type Lookup<'database> = Context<'database, 'static>;

self_cell!(
    struct Opened {
        owner: Database,
        #[not_covariant]
        dependent: Lookup,
    }
);

/// The names of the PDB in `file`, which must be that of the image of `identity`.
pub(super) fn names(file: Vec<u8>, identity: Identity) -> Result<Box<dyn Names>, Unusable> {
    let mut pdb = PDB::open(Cursor::new(file))?;
    let information = pdb.pdb_information()?;
    // Tools that work on a PDB later count the age of the one in the header up.
    let age = pdb.debug_information()?.age().unwrap_or(information.age);
    let found = Identity {
        guid: information.guid.to_bytes_le(),
        age,
    };
    if found != identity {
        return Err(Unusable::OtherBuild {
            pdb: found.to_string(),
            image: identity.to_string(),
        });
    }
    let flags = TypeFormatterFlags::default() | TypeFormatterFlags::NO_ARGUMENTS;
    let opened = Opened::try_new(Database::try_from_pdb(pdb)?, |database| {
        database.make_context_with_formatter_flags(flags)
    })?;
    Ok(Box::new(ProgramDatabase(Mutex::new(opened))))
}

struct ProgramDatabase(Mutex<Opened>);

impl Names for ProgramDatabase {
    fn locate(&self, rva: u32) -> Option<Location> {
        let opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.with_dependent(|_, lookup| {
            // A part that cannot be read has no names.
            let found = lookup.find_frames(rva).ok()??;
            let outermost = found.frames.last()?;
            let innermost = found.frames.first()?;
            let function = outermost.function.as_deref().map(readable);
            let offset = match function {
                Some(_) => rva.checked_sub(found.start_rva)?,
                None => rva,
            };
            let inlined = (found.frames.len() > 1)
                .then_some(innermost.function.as_deref())
                .flatten();
            Some(Location {
                module: String::new(),
                function,
                offset,
                inlined: inlined.map(readable),
                file: innermost.file.as_deref().map(|path| readable(file_name(path))),
                line: innermost.line,
            })
        })
    }
}
