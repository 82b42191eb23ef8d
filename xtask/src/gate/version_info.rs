//! A reader of version resources: VS_VERSIONINFO and the blocks in it.
//!
//! Every block is a length, a value length, a type, a key in UTF-16, a value and children, each
//! part aligned to four bytes from the start of the resource. It reads; `version` judges.

use super::image::Image;
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::ResourceDirectoryTable;

/// The predefined resource type RT_VERSION.
const RT_VERSION: u16 = 16;

/// VS_FIXEDFILEINFO.dwSignature.
const FIXED_SIGNATURE: u32 = 0xfeef_04bd;

/// How many blocks are read at one level; a real resource has a dozen.
const BLOCKS_MAX: usize = 256;

/// The parts of VS_FIXEDFILEINFO that mean something for a driver.
pub(super) struct FixedFileInfo {
    pub(super) file_version: [u16; 4],
    pub(super) product_version: [u16; 4],
    pub(super) file_os: u32,
    pub(super) file_type: u32,
}

/// One table of strings, for one language and code page.
pub(super) struct StringTable {
    /// Language and code page as eight hexadecimal digits.
    pub(super) key: String,
    pub(super) strings: Vec<(String, String)>,
}

/// What the version resource says.
pub(super) struct VersionInfo {
    pub(super) fixed: Option<FixedFileInfo>,
    pub(super) tables: Vec<StringTable>,
    /// The first language and code page of the Translation value, written like a table's key.
    pub(super) translation: Option<String>,
}

/// Reads the first version resource of the image; the error says what is missing or malformed.
pub(super) fn read(image: &Image<'_>) -> Result<VersionInfo, &'static str> {
    const NONE: &str = "the image has no version resource: compile one into it";
    const MALFORMED: &str = "the version resource is malformed: compile it again";
    let entry = find(image).map_err(|_| MALFORMED)?.ok_or(NONE)?;
    let data = image
        .slice_at(entry.offset_to_data.get(LE), entry.size.get(LE))
        .ok_or(MALFORMED)?;
    parse(data).ok_or(MALFORMED)
}

/// Walks the resource directory: type, name, language.
fn find<'data>(image: &Image<'data>) -> object::read::Result<Option<&'data pe::ImageResourceDataEntry>> {
    let directories = image.file.data_directories();
    let Some(directory) = directories.resource_directory(image.bytes, &image.section_table())? else {
        return Ok(None);
    };
    let root = directory.root()?;
    let Some(version) = root
        .entries
        .iter()
        .find(|entry| entry.name_or_id().id() == Some(RT_VERSION))
    else {
        return Ok(None);
    };
    let first = |table: Option<ResourceDirectoryTable<'data>>| table.and_then(|table| table.entries.first());
    let Some(name) = first(version.data(directory)?.table()) else {
        return Ok(None);
    };
    let Some(language) = first(name.data(directory)?.table()) else {
        return Ok(None);
    };
    Ok(language.data(directory)?.data())
}

/// Reads the whole resource; `None` where it is malformed.
pub(super) fn parse(data: &[u8]) -> Option<VersionInfo> {
    let root = Block::read(data, 0)?;
    if root.key != "VS_VERSION_INFO" {
        return None;
    }
    let mut info = VersionInfo {
        fixed: fixed(root.value(data)),
        tables: Vec::new(),
        translation: None,
    };
    for block in root.children(data) {
        match block.key.as_str() {
            "StringFileInfo" => {
                info.tables.extend(block.children(data).map(|table| {
                    StringTable {
                        strings: table
                            .children(data)
                            .map(|string| (string.key.clone(), string.text(data)))
                            .collect(),
                        key: table.key,
                    }
                }));
            }
            "VarFileInfo" => {
                info.translation = block
                    .children(data)
                    .find(|variable| variable.key == "Translation")
                    .and_then(|variable| variable.value(data).first_chunk().copied())
                    .map(|[l0, l1, c0, c1]| {
                        let language = u16::from_le_bytes([l0, l1]);
                        let code_page = u16::from_le_bytes([c0, c1]);
                        format!("{language:04X}{code_page:04X}")
                    });
            }
            _ => {}
        }
    }
    Some(info)
}

/// Reads VS_FIXEDFILEINFO, 13 double words.
fn fixed(value: &[u8]) -> Option<FixedFileInfo> {
    let (words, _) = value.as_chunks();
    let word = |index: usize| words.get(index).copied().map(u32::from_le_bytes);
    let version = |index| {
        let [high, low] = [word(index)?, word(index + 1)?];
        Some([(high >> 16) as u16, high as u16, (low >> 16) as u16, low as u16])
    };
    if word(0)? != FIXED_SIGNATURE {
        return None;
    }
    Some(FixedFileInfo {
        file_version: version(2)?,
        product_version: version(4)?,
        file_os: word(8)?,
        file_type: word(9)?,
    })
}

/// One block, by offsets from the start of the resource.
struct Block {
    key: String,
    value_start: usize,
    value_end: usize,
    end: usize,
}

impl Block {
    fn read(data: &[u8], start: usize) -> Option<Self> {
        const HEADER_SIZE: usize = 6;
        const TEXT: u16 = 1;
        let word = |offset: usize| {
            let bytes = data.get(offset..)?.first_chunk()?;
            Some(u16::from_le_bytes(*bytes))
        };
        let end = start.checked_add(usize::from(word(start)?))?;
        if end < start + HEADER_SIZE || end > data.len() {
            return None;
        }
        let value_length = usize::from(word(start + 2)?);
        let value_size = match word(start + 4)? {
            TEXT => 2 * value_length,
            _ => value_length,
        };
        let (key, key_size) = text(&data[start + HEADER_SIZE..end]);
        let value_start = (start + HEADER_SIZE + key_size).next_multiple_of(4).min(end);
        Some(Self {
            key,
            value_start,
            value_end: (value_start + value_size).min(end),
            end,
        })
    }

    fn value<'data>(&self, data: &'data [u8]) -> &'data [u8] {
        &data[self.value_start..self.value_end]
    }

    /// The value as text. Resource compilers differ in how they count its length; its zero does not.
    fn text(&self, data: &[u8]) -> String {
        text(&data[self.value_start..self.end]).0
    }

    fn children<'data>(&self, data: &'data [u8]) -> impl Iterator<Item = Block> + use<'data> {
        let mut next = self.value_end.next_multiple_of(4);
        let end = self.end;
        std::iter::from_fn(move || {
            let block = (next < end).then(|| Block::read(&data[..end], next))??;
            next = block.end.next_multiple_of(4);
            Some(block)
        })
        .take(BLOCKS_MAX)
    }
}

/// Reads UTF-16 up to its zero or the end, and says how many bytes that and the zero take.
fn text(data: &[u8]) -> (String, usize) {
    let (units, _) = data.as_chunks();
    let units: Vec<u16> = units
        .iter()
        .map(|unit| u16::from_le_bytes(*unit))
        .take_while(|unit| *unit != 0)
        .collect();
    (String::from_utf16_lossy(&units), 2 * (units.len() + 1))
}
