//! What the image imports, and whether the driver may.

use super::check::{Check, Findings};
use super::image::Image;
use super::{Expected, Import};
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ImageThunkData, ImportTable};

/// The DLLs that a WDM driver may import from.
const DLLS: [&str; 2] = ["ntoskrnl.exe", "HAL.dll"];

/// How many functions are read of one image; a damaged table could name one a million times.
const IMPORTS_MAX: usize = 4096;

/// One imported function and the slot of the import address table that receives its address.
pub(super) struct Slot {
    pub(super) dll: String,
    /// `None` for an import by ordinal.
    pub(super) name: Option<String>,
    pub(super) rva: u32,
}

/// The import address table.
#[derive(Default)]
pub(super) struct Imports {
    pub(super) slots: Vec<Slot>,
}

impl Imports {
    /// Reads the import directory, and adds a finding where it cannot be read to its end.
    pub(super) fn read(image: &Image<'_>, findings: &mut Findings) -> Self {
        let mut imports = Self::default();
        if let Err(error) = imports.read_directory(image, findings) {
            findings.add(
                Check::Imports,
                format!("the import directory cannot be read ({error}): link again"),
            );
        }
        imports
    }

    fn read_directory(&mut self, image: &Image<'_>, findings: &mut Findings) -> object::read::Result<()> {
        let Some((address, _)) = image.directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT) else {
            return Ok(());
        };
        let table = ImportTable::from_sections(image.bytes, &image.section_table(), address)?;
        let mut descriptors = table.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            let dll = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).into_owned();
            if descriptor.time_date_stamp.get(LE) != 0 {
                findings.add(
                    Check::ImportBinding,
                    format!("the imports from {dll} are bound: link without binding"),
                );
            }
            let addresses = descriptor.first_thunk.get(LE);
            let names = match descriptor.original_first_thunk.get(LE) {
                0 => addresses,
                names => names,
            };
            let mut thunks = table.thunks(names)?;
            let mut rva = addresses;
            while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>()? {
                let name = if thunk.is_ordinal() {
                    None
                } else {
                    let (_hint, name) = table.hint_name(thunk.address())?;
                    Some(String::from_utf8_lossy(name).into_owned())
                };
                if self.slots.len() == IMPORTS_MAX {
                    findings.add(
                        Check::Imports,
                        format!("there are more than {IMPORTS_MAX} imports; the rest was not read"),
                    );
                    return Ok(());
                }
                self.slots.push(Slot {
                    dll: dll.clone(),
                    name,
                    rva,
                });
                rva = rva.wrapping_add(size_of::<pe::ImageThunkData64>() as u32);
            }
        }
        Ok(())
    }

    /// The slots of the functions of one of these names.
    pub(super) fn slots_of(&self, names: &[&str]) -> impl Iterator<Item = &Slot> {
        self.slots
            .iter()
            .filter(move |slot| slot.name.as_deref().is_some_and(|name| names.contains(&name)))
    }
}

/// Checks each import against what is allowed.
pub(super) fn check(image: &Image<'_>, imports: &Imports, expected: &Expected<'_>, findings: &mut Findings) {
    for (index, binding) in [
        (pe::IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT, "bound"),
        (pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, "delayed"),
    ] {
        if image.directory(index).is_some() {
            findings.add(
                Check::ImportBinding,
                format!("the image has {binding} imports: link without them"),
            );
        }
    }
    for Slot { dll, name, .. } in &imports.slots {
        if !DLLS.iter().any(|allowed| allowed.eq_ignore_ascii_case(dll)) {
            findings.add(
                Check::Imports,
                format!(
                    "imports from {dll}: a WDM driver imports from {} only",
                    DLLS.join(" and ")
                ),
            );
            continue;
        }
        let Some(name) = name else {
            findings.add(
                Check::Imports,
                format!("imports a function of {dll} by ordinal: import it by name"),
            );
            continue;
        };
        let is_allowed = |import: &Import<'_>| import.dll.eq_ignore_ascii_case(dll) && import.name == name;
        if !expected.imports.iter().any(is_allowed) {
            findings.add(
                Check::Imports,
                format!("imports {name} from {dll}, which is not on the list: drop the call or add it to the list"),
            );
        }
    }
}
