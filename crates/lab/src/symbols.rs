//! Names for addresses of a driver image: functions, and files and lines where they are known.
//!
//! [`Symbols::beside`] looks next to the driver file for what its linker may have left there, and
//! uses the best of it: the program database (PDB) if it is that of this very build, else the map
//! file, else the symbol table in the image, else its exports. Files are read when the first name is
//! asked for, since most runs never need one. Whatever is in them, no name is the worst they give.
//!
//! Not here: call stacks (see [`crate::unwind`]), and types or variables.

mod demangle;
mod map;
mod pdb;
mod source;
mod table;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use self::source::Found;

/// The names of one driver image's addresses.
pub struct Symbols {
    driver: PathBuf,
    module: String,
    found: OnceLock<Found>,
}

impl Symbols {
    /// The names for the driver file at `driver`, from what is found beside it or in it.
    pub fn beside(driver: impl Into<PathBuf>) -> Self {
        let driver = driver.into();
        let module = file_stem(&driver);
        Self {
            driver,
            module,
            found: OnceLock::new(),
        }
    }

    /// What is at `rva`, an address relative to the image.
    pub fn locate(&self, rva: u32) -> Location {
        let names = self.found().names.as_ref();
        let mut location = names.and_then(|names| names.locate(rva)).unwrap_or(Location {
            offset: rva,
            ..Location::default()
        });
        location.module.clone_from(&self.module);
        location
    }

    /// The call that returns to `rva`.
    ///
    /// It is just before: `rva` itself may belong to another line, or to another function where the
    /// call was the last thing in its own. The offset is that of `rva`, as debuggers give it.
    pub fn locate_call(&self, rva: u32) -> Location {
        let Some(before) = rva.checked_sub(1) else {
            return self.locate(rva);
        };
        let mut location = self.locate(before);
        location.offset = location.offset.saturating_add(1);
        location
    }

    /// What there is to say about names that could be better, in one line.
    ///
    /// Nothing before the first name was asked for.
    pub fn note(&self) -> Option<&str> {
        self.found.get()?.note.as_deref()
    }

    fn found(&self) -> &Found {
        self.found.get_or_init(|| Found::beside(&self.driver))
    }
}

/// What is known of an address of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// The driver's name, without `.sys`.
    pub module: String,
    /// The function whose machine code is there, as its programmer would write it.
    pub function: Option<String>,
    /// How far into the function the address is; into the image, where no function is known.
    pub offset: u32,
    /// The function that the source line is of, where the compiler inlined it.
    pub inlined: Option<String>,
    /// The source file's name, without its path, which differs between machines.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
}

impl fmt::Display for Location {
    /// As in `irpscope!wdm::driver::dispatch+0x2c (irp.rs:120 in wdm::irp::Irp::observe)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.module)?;
        if let Some(function) = &self.function {
            write!(f, "!{function}")?;
        }
        write!(f, "+{:#x}", self.offset)?;
        let Some(file) = &self.file else {
            return Ok(());
        };
        write!(f, " ({file}")?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(inlined) = &self.inlined {
            write!(f, " in {inlined}")?;
        }
        f.write_str(")")
    }
}

/// Who knows names of addresses.
trait Names: Send + Sync {
    /// What is at `rva`, except for the module.
    fn locate(&self, rva: u32) -> Option<Location>;
}

fn file_stem(path: &Path) -> String {
    path.file_stem()
        .map_or_else(|| "driver".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// The last part of a path as Windows or any other system writes it.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
