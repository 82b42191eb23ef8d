//! What drivers want the PnP manager to ask again: IoInvalidateDeviceState and IoInvalidateDeviceRelations.
//!
//! Who plays the PnP manager asks; nothing is asked from here.

use std::cell::RefCell;

/// What drivers have asked the PnP manager to ask again, by their physical devices.
#[derive(Default)]
pub(crate) struct Invalidated {
    states: RefCell<Vec<usize>>,
    relations: RefCell<Vec<(usize, usize)>>,
}

impl Invalidated {
    /// IoInvalidateDeviceState.
    pub(crate) fn state(&self, device: usize) {
        let mut states = self.states.borrow_mut();
        if !states.contains(&device) {
            states.push(device);
        }
    }

    /// IoInvalidateDeviceRelations.
    pub(crate) fn relations(&self, device: usize, kind: usize) {
        let mut relations = self.relations.borrow_mut();
        if !relations.contains(&(device, kind)) {
            relations.push((device, kind));
        }
    }

    /// Whether the state of this device is to be asked for; it is forgotten.
    pub(crate) fn take_state(&self, device: usize) -> bool {
        let mut states = self.states.borrow_mut();
        let found = states.iter().position(|&state| state == device);
        found.map(|index| states.remove(index)).is_some()
    }

    /// Which relations of this device are to be asked for, if any are; it is forgotten.
    pub(crate) fn take_relations(&self, device: usize) -> Option<usize> {
        let mut relations = self.relations.borrow_mut();
        let found = relations.iter().position(|&(asked, _)| asked == device)?;
        Some(relations.remove(found).1)
    }
}
