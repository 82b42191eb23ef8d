//! What is found in memory through one MDL and through another.

use wdm::{
    NtError,
    mdl::{MdlRef, PartialMdl, PoolBuffer},
    pool::Tag,
};

/// How many bytes are compared at a time.
const BYTES: usize = 16;

/// What is put into memory of the driver's own: no two bytes are the same.
const LENGTH: u32 = 200;

/// Whether the second half of a request's memory is the same through a partial MDL: its first bytes and its last.
pub(crate) fn is_the_same_in_part(mdl: MdlRef<'_>, partial: &mut PartialMdl) -> bool {
    let offset = mdl.length() / 2;
    let length = mdl.length().wrapping_sub(offset);
    let Some(part) = partial.describe(mdl, offset, length) else {
        // Too long for it, or empty.
        return true;
    };
    // The part first, which is mapped by itself then.
    let (Ok(of_part), Ok(whole)) = (part.mdl().map(), mdl.map()) else {
        return false;
    };
    let last = of_part.length().saturating_sub(BYTES);
    of_part.length() == length as usize
        && [0, last].into_iter().all(|place| {
            let (mut one, mut other) = ([1; BYTES], [2; BYTES]);
            let in_whole = place.saturating_add(offset as usize);
            of_part.length() < BYTES
                || (of_part.copy_to(place, &mut one) && whole.copy_to(in_whole, &mut other) && one == other)
        })
}

/// Describes memory of the driver's own, and parts of it, and finds in it what is there.
///
/// # Errors
///
/// STATUS_INSUFFICIENT_RESOURCES, STATUS_CANCELLED where something else was found.
pub(crate) fn own_is_described_as_it_is(tag: Tag) -> Result<(), NtError> {
    let mut buffer = PoolBuffer::new(LENGTH, tag)?;
    for (byte, value) in buffer.iter_mut().zip(0..) {
        *byte = value;
    }
    let mut partial = PartialMdl::new(LENGTH)?;
    let is_empty = |partial: &mut PartialMdl, offset, length| partial.describe(buffer.mdl(), offset, length).is_none();
    // What is no part of it.
    let mut right = is_empty(&mut partial, 0, 0)
        && is_empty(&mut partial, 0, LENGTH.wrapping_add(1))
        && is_empty(&mut partial, 1, LENGTH)
        && is_empty(&mut partial, u32::MAX, 2);
    // One part after the other, through the same MDL.
    for (offset, length) in [(0, LENGTH), (37, 100), (199, 1)] {
        let part = partial.describe(buffer.mdl(), offset, length);
        let mapped = part.as_ref().map(|part| part.mdl().map()).transpose()?;
        right &= mapped.is_some_and(|mapped| {
            let mut byte = [0xFF];
            let first = mapped.copy_to(0, &mut byte) && u32::from(byte[0]) == offset;
            first && mapped.length() == length as usize && !mapped.copy_to(length as usize, &mut byte)
        });
    }
    if right { Ok(()) } else { Err(NtError::CANCELLED) }
}
