//! Test support: composes `.rdata`, which holds everything of the fixture that only the loader,
//! the debugger and the code read.

use super::fixture::{Fixture, RDATA, RDATA_OFFSET, put_u32};
use object::pe;
use std::collections::HashMap;

/// The contents of `.rdata` and where its parts are.
pub(super) struct Rdata {
    pub(super) bytes: Vec<u8>,
    pub(super) slots: HashMap<&'static str, u32>,
    pub(super) texts: u32,
    pub(super) directories: Vec<(usize, u32, u32)>,
}

impl Rdata {
    /// Composes addresses of routines, imports, exports, the debug directory and texts.
    pub(super) fn compose(fixture: &Fixture, addresses: &HashMap<&str, u32>) -> Self {
        let mut rdata = Self {
            bytes: Vec::new(),
            slots: HashMap::new(),
            texts: 0,
            directories: Vec::new(),
        };
        for routine in &fixture.routines {
            let address = fixture.headers.image_base + u64::from(addresses[routine]);
            rdata.bytes.extend(address.to_le_bytes());
        }
        rdata.imports(fixture);
        rdata.exports(fixture, addresses);
        rdata.debug(fixture);
        rdata.texts = rdata.put(fixture.texts);
        rdata
    }

    /// Appends bytes, aligned, and returns their address.
    fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let rva = RDATA + self.bytes.len() as u32;
        self.bytes.extend(bytes);
        rva
    }

    fn put_words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(&bytes)
    }

    fn put_text(&mut self, text: &str) -> u32 {
        self.put(format!("{text}\0").as_bytes())
    }

    fn imports(&mut self, fixture: &Fixture) {
        let mut descriptors = Vec::new();
        let iat = self.put(&[]);
        let mut address_tables = Vec::new();
        for (_, names) in &fixture.imports {
            let table = self.put(&vec![0; 8 * (names.len() + 1)]);
            let slots = names.iter().copied().zip((table..).step_by(8));
            self.slots.extend(slots);
            address_tables.push(table);
        }
        let iat_size = self.put(&[]) - iat;
        for ((dll, names), table) in fixture.imports.iter().zip(address_tables) {
            let mut thunks: Vec<u64> = Vec::new();
            for name in names {
                thunks.push(match name.strip_prefix('#') {
                    Some(ordinal) => 1 << 63 | ordinal.parse::<u64>().expect("an ordinal"),
                    None => self.put_text(&format!("\0\0{name}")).into(),
                });
            }
            thunks.push(0);
            let thunks: Vec<u8> = thunks.into_iter().flat_map(u64::to_le_bytes).collect();
            // On disk both tables are the same.
            let start = (table - RDATA) as usize;
            self.bytes[start..start + thunks.len()].copy_from_slice(&thunks);
            let names = self.put(&thunks);
            let dll = self.put_text(dll);
            descriptors.extend([names, 0, 0, dll, table]);
        }
        descriptors.extend([0; 5]);
        let directory = self.put_words(&descriptors);
        let size = 4 * descriptors.len() as u32;
        self.directories
            .push((pe::IMAGE_DIRECTORY_ENTRY_IMPORT, directory, size));
        self.directories.push((pe::IMAGE_DIRECTORY_ENTRY_IAT, iat, iat_size));
    }

    fn exports(&mut self, fixture: &Fixture, addresses: &HashMap<&str, u32>) {
        if fixture.exports.is_empty() {
            return;
        }
        const DIRECTORY_SIZE: u32 = 40;
        let count = fixture.exports.len() as u32;
        // The directory's size covers everything that it points to.
        let directory = self.put(&[0; DIRECTORY_SIZE as usize]);
        let functions: Vec<u32> = fixture.exports.iter().map(|(_, of)| addresses[of]).collect();
        let names: Vec<u32> = fixture.exports.iter().map(|(name, _)| self.put_text(name)).collect();
        let ordinals: Vec<u8> = (0..count as u16).flat_map(u16::to_le_bytes).collect();
        let [functions, names] = [functions, names].map(|words| self.put_words(&words));
        let ordinals = self.put(&ordinals);
        let dll = self.put_text("fixture.sys");
        let size = self.put(&[]) - directory;
        let words = [0, 0, 0, dll, 1, count, count, functions, names, ordinals];
        let start = (directory - RDATA) as usize;
        for (offset, word) in (start..).step_by(4).zip(words) {
            put_u32(&mut self.bytes, offset, word);
        }
        self.directories
            .push((pe::IMAGE_DIRECTORY_ENTRY_EXPORT, directory, size));
    }

    fn debug(&mut self, fixture: &Fixture) {
        let mut record = b"RSDS".to_vec();
        record.extend([7; 20]);
        record.extend(fixture.pdb.bytes().chain([0]));
        let size = record.len() as u32;
        let rva = self.put(&record);
        let offset = rva - RDATA + RDATA_OFFSET;
        let entry = [0, 0, 0, pe::IMAGE_DEBUG_TYPE_CODEVIEW.0, size, rva, offset];
        let directory = self.put_words(&entry);
        self.directories.push((pe::IMAGE_DIRECTORY_ENTRY_DEBUG, directory, 28));
    }
}
