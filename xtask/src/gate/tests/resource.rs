//! Test support: composes a version resource, with the resource directories around it.

/// What the resource says; tests change it before it is composed.
#[derive(Clone)]
pub(super) struct VersionResource {
    pub(super) file_type: u32,
    pub(super) file_os: u32,
    pub(super) numbers: [u16; 4],
    pub(super) table_key: &'static str,
    pub(super) translation: [u16; 2],
    pub(super) strings: Vec<(&'static str, &'static str)>,
}

impl VersionResource {
    /// The resource of a good driver.
    pub(super) fn good() -> Self {
        Self {
            file_type: 3,
            file_os: 0x0004_0004,
            numbers: [1, 2, 3, 0],
            table_key: "040904b0",
            translation: [0x0409, 0x04b0],
            strings: vec![
                ("FileDescription", "A filter driver for tests"),
                ("FileVersion", "1.2.3.0"),
                ("LegalCopyright", "Licensed as MIT OR Apache-2.0"),
                ("OriginalFilename", "fixture.sys"),
                ("ProductName", "fixture"),
                ("ProductVersion", "1.2.3"),
            ],
        }
    }

    /// Replaces one string, or drops it.
    pub(super) fn set(&mut self, name: &str, text: Option<&'static str>) {
        let index = self.strings.iter().position(|(key, _)| *key == name);
        let index = index.expect("the good resource has the string");
        match text {
            Some(text) => self.strings[index].1 = text,
            None => {
                self.strings.remove(index);
            }
        }
    }

    /// The contents of `.rsrc` at an address.
    pub(super) fn section(&self, rva: u32) -> Vec<u8> {
        const RT_VERSION: u32 = 16;
        const ENGLISH: u32 = 0x409;
        const TABLE_SIZE: u32 = 24;
        let mut section = Vec::new();
        let mut put = |values: &[u32]| {
            section.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        };
        // Type, name and language: each a table with one entry by number, the last one a leaf.
        let one_entry = [0, 0, 0, 1 << 16];
        put(&one_entry);
        put(&[RT_VERSION, TABLE_SIZE | 1 << 31]);
        put(&one_entry);
        put(&[1, (2 * TABLE_SIZE) | 1 << 31]);
        put(&one_entry);
        put(&[ENGLISH, 3 * TABLE_SIZE]);
        let data = self.version_info();
        let data_rva = rva + 3 * TABLE_SIZE + 16;
        put(&[data_rva, data.len() as u32, 0, 0]);
        section.extend(data);
        section
    }

    fn version_info(&self) -> Vec<u8> {
        let [major, minor, build, revision] = self.numbers.map(u32::from);
        let version = [major << 16 | minor, build << 16 | revision];
        let mut fixed = vec![0xfeef_04bd, 0x0001_0000];
        fixed.extend(version);
        fixed.extend(version);
        fixed.extend([0x3f, 0, self.file_os, self.file_type, 7, 0, 0]);
        let fixed: Vec<u8> = fixed.into_iter().flat_map(u32::to_le_bytes).collect();
        let strings = self.strings.iter().map(|(key, text)| {
            let value = utf16(text);
            block(key, 1, value.len() / 2, &value, &[])
        });
        let table = block(self.table_key, 1, 0, &[], &strings.collect::<Vec<_>>());
        let translation: Vec<u8> = self.translation.into_iter().flat_map(u16::to_le_bytes).collect();
        let translation = block("Translation", 0, translation.len(), &translation, &[]);
        let children = [
            block("StringFileInfo", 1, 0, &[], &[table]),
            block("VarFileInfo", 1, 0, &[], &[translation]),
        ];
        block("VS_VERSION_INFO", 0, fixed.len(), &fixed, &children)
    }
}

/// UTF-16 with a zero at the end.
fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]);
    units.flat_map(u16::to_le_bytes).collect()
}

fn block(key: &str, kind: u16, value_length: usize, value: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
    let mut block = vec![0, 0];
    block.extend((value_length as u16).to_le_bytes());
    block.extend(kind.to_le_bytes());
    block.extend(utf16(key));
    for part in [value].into_iter().chain(children.iter().map(Vec::as_slice)) {
        block.resize(block.len().next_multiple_of(4), 0);
        block.extend(part);
    }
    let length = block.len() as u16;
    block[..2].copy_from_slice(&length.to_le_bytes());
    block
}
