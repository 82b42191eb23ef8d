//! Memory that is paged out: what a driver may not touch at DISPATCH_LEVEL, because nobody can bring it back there.
//!
//! It is what Driver Verifier calls forced IRQL checking: whenever the driver's code goes on at DISPATCH_LEVEL or above,
//! all pageable memory is out. That is the paged pool, where each block has pages of its own, and each section of the
//! image whose name begins with PAGE. Below DISPATCH_LEVEL what is touched comes back, one block or section at a time,
//! so only what was touched has to go again. Sections that begin with INIT and are discardable are gone for good when
//! DriverEntry has returned.
//!
//! Not here: which rule an access to such memory breaks, which `fault` knows.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
};

use super::{Machine, scheduler::DISPATCH_LEVEL};
use crate::{
    image::Section,
    memory::{self, PAGE_BYTES, Protection},
};

/// A stretch of memory that is paged as one.
struct Region {
    range: Range<usize>,
    protection: Protection,
    /// The name of the section; `None` is a block of pool.
    section: Option<String>,
    /// Whether it may be paged out when nobody has locked it.
    is_pageable: bool,
    locks: u32,
    is_out: bool,
    is_discarded: bool,
}

/// What is pageable, and what of it is out.
#[derive(Default)]
pub(crate) struct Paging {
    regions: RefCell<Vec<Region>>,
    /// Something could be paged out.
    any_in: Cell<bool>,
}

/// The pages of memory.
fn pages(address: usize, bytes: usize) -> Range<usize> {
    let end = address.saturating_add(bytes.max(1)) & !(PAGE_BYTES - 1);
    let end = if end == address.saturating_add(bytes.max(1)) {
        end
    } else {
        end.saturating_add(PAGE_BYTES)
    };
    address & !(PAGE_BYTES - 1)..end
}

impl Region {
    fn is_in(&self) -> bool {
        self.is_pageable && self.locks == 0 && !self.is_out && !self.is_discarded
    }

    /// Makes it accessible. False where the system does not let it.
    fn bring_in(&mut self) -> bool {
        self.is_out = false;
        memory::protect(&self.range, self.protection)
    }
}

impl Paging {
    /// A block of paged pool, which has its pages for itself.
    pub(super) fn add_block(&self, address: usize, bytes: usize) {
        self.add(Region {
            range: pages(address, bytes),
            protection: Protection::READ_WRITE,
            section: None,
            is_pageable: true,
            locks: 0,
            is_out: false,
            is_discarded: false,
        });
    }

    /// A section of the driver's image, from `start` on.
    pub(super) fn add_section(&self, start: usize, section: &Section) {
        self.add(Region {
            range: pages(start, section.addresses().len()),
            protection: section.protection(),
            section: Some(section.name().to_owned()),
            is_pageable: section.is_pageable(),
            locks: 0,
            is_out: false,
            is_discarded: false,
        });
    }

    fn add(&self, region: Region) {
        self.any_in.set(self.any_in.get() || region.is_pageable);
        self.regions.borrow_mut().push(region);
    }

    /// The block of pool at `address`, if it is paged, is about to be freed: it is accessible, and no longer paged.
    pub(super) fn remove_block(&self, address: usize) {
        let mut regions = self.regions.borrow_mut();
        let found = regions
            .iter()
            .position(|region| region.section.is_none() && region.range.contains(&address));
        if let Some(index) = found {
            regions.swap_remove(index).bring_in();
        }
    }

    /// Takes everything out that may be.
    fn take_out(&self) {
        if !self.any_in.replace(false) {
            return;
        }
        for region in self.regions.borrow_mut().iter_mut().filter(|region| region.is_in()) {
            region.is_out = memory::protect(&region.range, NO_ACCESS);
        }
    }

    /// Brings in what covers `address`. False where it is not out, or gone.
    pub(super) fn bring_in(&self, address: usize) -> bool {
        let Ok(mut regions) = self.regions.try_borrow_mut() else {
            return false;
        };
        let region = regions
            .iter_mut()
            .find(|region| region.range.contains(&address) && region.is_out && !region.is_discarded);
        let done = region.is_some_and(Region::bring_in);
        self.any_in.set(self.any_in.get() || done);
        done
    }

    /// Does something with each region that covers a byte of `range`.
    fn for_each(&self, range: &Range<usize>, mut work: impl FnMut(&mut Region)) -> bool {
        let mut regions = self.regions.borrow_mut();
        let met = regions
            .iter_mut()
            .filter(|region| region.range.start < range.end && range.start < region.range.end);
        met.map(&mut work).count() > 0
    }

    /// Brings memory in and keeps it there, until it is unlocked as often. False where none of it is known.
    pub(super) fn lock(&self, address: usize, bytes: usize) -> bool {
        self.for_each(&pages(address, bytes), |region| {
            region.locks = region.locks.saturating_add(1);
            if !region.is_discarded {
                region.bring_in();
            }
        })
    }

    /// Lets memory be paged out again.
    pub(super) fn unlock(&self, address: usize, bytes: usize) {
        self.for_each(&pages(address, bytes), |region| {
            region.locks = region.locks.saturating_sub(1);
        });
        self.any_in.set(true);
    }

    /// Brings memory in that the kernel itself uses on behalf of a thread, which it does where it can wait.
    pub(super) fn use_by_kernel(&self, address: usize, bytes: usize) {
        self.for_each(&pages(address, bytes), |region| {
            if !region.is_discarded {
                region.bring_in();
            }
        });
        self.any_in.set(true);
    }

    /// MmPageEntireDriver: all sections are pageable, whatever was said of them before.
    pub(super) fn page_all_sections(&self) {
        for region in self.regions.borrow_mut().iter_mut() {
            if region.section.is_some() {
                region.is_pageable = true;
                region.locks = 0;
            }
        }
        self.any_in.set(true);
    }

    /// MmResetDriverPaging: as it was at first.
    pub(super) fn reset_sections(&self, is_pageable: impl Fn(&str) -> bool) {
        for region in self.regions.borrow_mut().iter_mut() {
            if let Some(name) = &region.section {
                region.is_pageable = is_pageable(name);
                region.locks = 0;
                if region.is_out && !region.is_pageable {
                    region.bring_in();
                }
            }
        }
        self.any_in.set(true);
    }

    /// Takes memory away for good.
    fn discard(&self, range: &Range<usize>) {
        self.for_each(range, |region| {
            region.is_discarded = memory::protect(&region.range, NO_ACCESS);
        });
    }

    /// What `address` is, where it is out or gone.
    pub(super) fn absent(&self, address: usize) -> Option<Absent> {
        let regions = self.regions.try_borrow().ok()?;
        let covers = |region: &&Region| region.range.contains(&address) && (region.is_out || region.is_discarded);
        let region = regions.iter().find(covers)?;
        Some(match &region.section {
            Some(name) if region.is_discarded => Absent::Discarded(name.clone()),
            Some(name) => Absent::Section(name.clone()),
            None => Absent::Pool,
        })
    }

    /// The name of the section that covers `address`, where it is pageable by itself and not locked.
    pub(super) fn pageable_section(&self, address: usize) -> Option<String> {
        let regions = self.regions.borrow();
        let region = regions.iter().find(|region| region.range.contains(&address))?;
        let name = region.section.as_ref()?;
        (region.is_pageable && region.locks == 0).then(|| name.clone())
    }

    /// Makes everything accessible, for a report.
    pub(super) fn reveal(&self) {
        if let Ok(mut regions) = self.regions.try_borrow_mut() {
            for region in regions.iter_mut().filter(|region| region.is_out || region.is_discarded) {
                region.bring_in();
            }
        }
    }
}

/// What is paged out.
const NO_ACCESS: Protection = Protection {
    read: false,
    write: false,
    execute: false,
};

/// Memory that is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// A block of paged pool.
    Pool,
    /// A section that is paged out.
    Section(String),
    /// A section that was only there while DriverEntry ran.
    Discarded(String),
}

impl Machine {
    /// The processor is about to be handed to the driver, at whatever IRQL that is.
    pub(super) fn hand_over(&self) {
        self.page_out_at(self.irql());
        self.stepping.hand_over();
    }

    /// A context goes on at this IRQL.
    pub(super) fn page_out_at(&self, irql: u8) {
        if irql >= DISPATCH_LEVEL {
            self.paging.take_out();
        }
    }

    /// Brings in what was touched, where that can be. False where it is no such memory, or the IRQL does not allow it.
    pub(super) fn page_in(&self, address: usize) -> bool {
        self.irql() < DISPATCH_LEVEL && self.paging.bring_in(address)
    }

    /// DriverEntry has returned.
    pub(super) fn discard_initialisation(&self) {
        let driver = self.loaded();
        let base = driver.image.base().addr().get();
        for section in driver
            .image
            .sections()
            .iter()
            .filter(|section| section.is_initialisation())
        {
            let start = base + section.addresses().start as usize;
            self.paging.discard(&pages(start, section.addresses().len()));
        }
    }

    /// MmLockPagableDataSection: the handle of the section that covers `address`, which stays in memory.
    pub(super) fn lock_section(&self, address: usize) -> usize {
        self.paging.lock(address, 1);
        address
    }

    /// MmPageEntireDriver.
    pub(super) fn page_entire_driver(&self) {
        self.paging.page_all_sections();
    }

    /// MmResetDriverPaging.
    pub(super) fn reset_driver_paging(&self) {
        let driver = self.loaded();
        let sections = driver.image.sections();
        self.paging.reset_sections(|name| {
            let section = sections.iter().find(|section| section.name() == name);
            section.is_some_and(Section::is_pageable)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Staging;

    /// A few pages with a block in each, all pageable.
    fn blocks(count: usize) -> (memory::Mapping, Paging, Vec<usize>) {
        let staging = Staging::new(count * PAGE_BYTES).unwrap();
        let pages = staging.seal([(0..count * PAGE_BYTES, Protection::READ_WRITE)]).unwrap();
        let base = pages.base().addr().get();
        let paging = Paging::default();
        let blocks: Vec<usize> = (0..count).map(|index| base + index * PAGE_BYTES + 64).collect();
        for &block in &blocks {
            paging.add_block(block, 100);
        }
        (pages, paging, blocks)
    }

    #[test]
    fn what_was_brought_in_goes_out_again_and_what_is_locked_stays() {
        let (_pages, paging, blocks) = blocks(3);
        let out =
            |paging: &Paging| -> Vec<bool> { blocks.iter().map(|&block| paging.absent(block).is_some()).collect() };
        assert_eq!(out(&paging), [false; 3]);
        paging.take_out();
        assert_eq!(out(&paging), [true; 3]);
        assert!(paging.bring_in(blocks[1]));
        assert!(!paging.bring_in(blocks[1]), "it is not out any more");
        assert!(paging.lock(blocks[2], 100));
        assert_eq!(out(&paging), [true, false, false]);
        paging.take_out();
        assert_eq!(out(&paging), [true, true, false]);
        paging.unlock(blocks[2], 100);
        paging.take_out();
        assert_eq!(out(&paging), [true; 3]);
        paging.remove_block(blocks[0]);
        assert_eq!(out(&paging), [false, true, true]);
    }

    #[test]
    fn the_pages_of_memory_are_whole_and_cover_it() {
        assert_eq!(pages(0x1000, 0x1000), 0x1000..0x2000);
        assert_eq!(pages(0x1FFF, 2), 0x1000..0x3000);
        assert_eq!(pages(0x1000, 0), 0x1000..0x2000);
    }
}
