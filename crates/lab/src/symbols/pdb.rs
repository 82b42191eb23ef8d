//! Program databases (PDB): which one is an image's, and its names.
//!
//! A PDB counts only for the very image it was linked with: the linker marks both with one GUID.
//! What it has is read at once, into plain tables; how, is the module [`modules`]' work.

mod modules;

use std::{
    fmt,
    io::Cursor,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use pdb2::{FallibleIterator as _, PDB, SymbolData};

use super::{Location, Names, demangle::readable, table::Table};

/// What tells a build of an image from every other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    OtherBuild { pdb: Identity, image: Identity },
    #[error("{0}")]
    Malformed(#[from] pdb2::Error),
    #[error("it is damaged")]
    Damaged,
}

/// The names of the PDB in `file`, which must be that of the image of `identity`.
///
/// `table` makes a table of the public symbols, for code that the compiler described nowhere else.
pub(super) fn names(
    file: Vec<u8>,
    identity: Identity,
    table: impl FnOnce(Vec<(u32, String)>) -> Option<Table>,
) -> Result<ProgramDatabase, Unusable> {
    // The crate that reads PDBs takes lengths in them at their word, and panics where they are
    // wrong. Everything that a panic could leave half done is dropped here.
    catch_unwind(AssertUnwindSafe(|| read(file, identity, table))).unwrap_or(Err(Unusable::Damaged))
}

fn read(
    file: Vec<u8>,
    identity: Identity,
    table: impl FnOnce(Vec<(u32, String)>) -> Option<Table>,
) -> Result<ProgramDatabase, Unusable> {
    let mut pdb = PDB::open(Cursor::new(file))?;
    let information = pdb.pdb_information()?;
    // Tools that work on a PDB later count up the age of its information, not that of its modules.
    let age = pdb.debug_information()?.age().unwrap_or(information.age);
    let found = Identity {
        guid: information.guid.to_bytes_le(),
        age,
    };
    if found != identity {
        return Err(Unusable::OtherBuild {
            pdb: found,
            image: identity,
        });
    }
    let addresses = pdb.address_map()?;
    let globals = pdb.global_symbols()?;
    let mut publics = Vec::new();
    let mut symbols = globals.iter();
    while let Some(symbol) = symbols.next()? {
        if let Ok(SymbolData::Public(public)) = symbol.parse()
            && let Some(rva) = public.offset.to_rva(&addresses)
        {
            publics.push((rva.0, public.name.to_string().into_owned()));
        }
    }
    Ok(ProgramDatabase {
        procedures: modules::procedures(&mut pdb, &addresses)?,
        publics: table(publics),
    })
}

/// The names of one PDB.
pub(super) struct ProgramDatabase {
    /// In ascending order of address.
    procedures: Vec<Procedure>,
    publics: Option<Table>,
}

/// A function, as the compiler described it.
struct Procedure {
    code: Range<u32>,
    name: String,
    lines: Vec<Line>,
    /// What was inlined into it; what was inlined into that comes later.
    inlined: Vec<Inlined>,
}

/// A function that was inlined.
struct Inlined {
    name: Option<String>,
    lines: Vec<Line>,
}

/// A range of code and the line it comes from.
struct Line {
    code: Range<u32>,
    file: Option<String>,
    line: u32,
}

impl ProgramDatabase {
    fn procedure_at(&self, rva: u32) -> Option<&Procedure> {
        let after = self.procedures.partition_point(|procedure| procedure.code.start <= rva);
        let procedure = self.procedures.get(after.checked_sub(1)?)?;
        procedure.code.contains(&rva).then_some(procedure)
    }

    /// The name of code that is in no procedure, of assembly language or made by the linker.
    fn locate_public(&self, rva: u32) -> Option<Location> {
        let location = self.publics.as_ref()?.locate(rva)?;
        // What follows a procedure is not a part of it.
        let start = rva.checked_sub(location.offset)?;
        self.procedure_at(start).is_none().then_some(location)
    }
}

impl Procedure {
    /// The line that `rva` comes from and the name of the function it is of, where that is inlined.
    ///
    /// Where a Rust library's function was inlined, it is the line that calls it: a line of
    /// `core::ptr::read` tells nobody what the driver does.
    fn line_at(&self, rva: u32) -> Option<(&Line, Option<&str>)> {
        let line_in = |lines: &'_ [Line]| lines.iter().rposition(|line| line.code.contains(&rva));
        let inlined = self.inlined.iter().filter_map(|inlined| {
            let line = inlined.lines.get(line_in(&inlined.lines)?)?;
            Some((line, inlined.name.as_deref()))
        });
        let own = line_in(&self.lines).and_then(|index| Some((self.lines.get(index)?, None)));
        let from_outside_in: Vec<_> = own.into_iter().chain(inlined).collect();
        let innermost = from_outside_in.iter().rev();
        innermost
            .clone()
            .find(|(_, name)| !name.is_some_and(is_of_rust_library))
            .or_else(|| innermost.clone().next())
            .copied()
    }
}

fn is_of_rust_library(name: &str) -> bool {
    ["core::", "alloc::", "std::"]
        .iter()
        .any(|library| name.starts_with(library))
}

impl Names for ProgramDatabase {
    fn locate(&self, rva: u32) -> Option<Location> {
        let Some(procedure) = self.procedure_at(rva) else {
            return self.locate_public(rva);
        };
        let (line, inlined) = procedure.line_at(rva).unzip();
        Some(Location {
            module: String::new(),
            function: Some(readable(&procedure.name)),
            offset: rva.checked_sub(procedure.code.start)?,
            inlined: inlined.flatten().map(readable),
            file: line.and_then(|line| line.file.as_deref()).map(readable),
            line: line.map(|line| line.line),
        })
    }
}
