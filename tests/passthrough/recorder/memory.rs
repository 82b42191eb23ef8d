//! Memory that the recorder shares with the driver: kernel objects, byte for byte.

use std::{cell::Cell, fmt};

/// What surrounds every block; a driver that writes past an object's end changes it.
const GUARD: u8 = 0xA5;
/// What a block is filled with once the driver has nothing to do with it any more.
const DEAD: u8 = 0xDD;
const GRANULE_BYTES: usize = 16;
const GUARD_GRANULES: usize = 8;

/// An address that crosses the boundary between the driver and the recorder.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub(crate) struct Address(pub(crate) usize);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A 16-byte aligned object between two guard zones.
///
/// It is made of cells: whoever has its address may change it at any call into the driver, and
/// reading it here needs no trust in what the driver did.
pub(crate) struct Block {
    granules: Box<[Granule]>,
    bytes: usize,
}

#[repr(C, align(16))]
struct Granule(Cell<[u8; GRANULE_BYTES]>);

impl Block {
    /// A block of `bytes` zeros.
    pub(crate) fn new(bytes: usize) -> Self {
        let granules = 2 * GUARD_GRANULES + bytes.div_ceil(GRANULE_BYTES);
        let block = Self {
            granules: (0..granules)
                .map(|_| Granule(Cell::new([GUARD; GRANULE_BYTES])))
                .collect(),
            bytes,
        };
        block.write(0, &vec![0; bytes]);
        block
    }

    pub(crate) fn address(&self) -> Address {
        Address(self.granules.as_ptr().expose_provenance() + GUARD_GRANULES * GRANULE_BYTES)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    pub(crate) fn read<const N: usize>(&self, offset: usize) -> [u8; N] {
        std::array::from_fn(|index| self.byte(offset + index))
    }

    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        for (index, &byte) in (offset..).zip(bytes) {
            assert!(index < self.bytes, "offset {index:#x} is outside the object");
            let cell = &self.granules[GUARD_GRANULES + index / GRANULE_BYTES].0;
            let mut granule = cell.get();
            granule[index % GRANULE_BYTES] = byte;
            cell.set(granule);
        }
    }

    pub(crate) fn u8(&self, offset: usize) -> u8 {
        self.byte(offset)
    }

    pub(crate) fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.read(offset))
    }

    pub(crate) fn i32(&self, offset: usize) -> i32 {
        i32::from_le_bytes(self.read(offset))
    }

    pub(crate) fn pointer(&self, offset: usize) -> Address {
        Address(usize::from_le_bytes(self.read(offset)))
    }

    pub(crate) fn set_pointer(&self, offset: usize, value: Address) {
        self.write(offset, &value.0.to_le_bytes());
    }

    /// Everything in it, to compare with later.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        (0..self.bytes).map(|offset| self.byte(offset)).collect()
    }

    /// Marks it as freed: a driver that still uses it finds no sense in it, and
    /// [`Self::still_dead`] tells whether it wrote to it.
    pub(crate) fn kill(&self) {
        self.write(0, &vec![DEAD; self.bytes]);
    }

    pub(crate) fn still_dead(&self) -> bool {
        (0..self.bytes).all(|offset| self.byte(offset) == DEAD)
    }

    /// Whether nothing was written just before or after it.
    pub(crate) fn guards_intact(&self) -> bool {
        let body = GUARD_GRANULES * GRANULE_BYTES..GUARD_GRANULES * GRANULE_BYTES + self.bytes;
        let all = self.granules.iter().flat_map(|granule| granule.0.get());
        all.enumerate()
            .all(|(index, byte)| body.contains(&index) || byte == GUARD)
    }

    fn byte(&self, offset: usize) -> u8 {
        assert!(offset < self.bytes, "offset {offset:#x} is outside the object");
        self.granules[GUARD_GRANULES + offset / GRANULE_BYTES].0.get()[offset % GRANULE_BYTES]
    }
}
