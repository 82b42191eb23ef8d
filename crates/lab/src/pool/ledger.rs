//! What the pool knows of each block, kept outside the memory that the driver can write.
//!
//! Not where blocks are put: see the two layouts. A record is reused only when its layout reuses
//! the block's address, so what is known of a freed block outlives it.

use super::{BlockInfo, Counters, Owner, Tag};

/// The number of a record, in no order that means anything.
pub(super) type RecordIndex = u32;

const NO_RECORD: RecordIndex = RecordIndex::MAX;

/// What has become of a record's block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There has been no block yet.
    Vacant,
    /// Allocated.
    Live,
    /// Freed, and its address not reused.
    Freed,
}

/// What a block is born with.
#[derive(Clone, Copy)]
pub(super) struct Birth {
    pub(super) address: usize,
    pub(super) bytes: usize,
    pub(super) tag: Tag,
    pub(super) owner: Owner,
    pub(super) site: u32,
}

struct Record {
    birth: Birth,
    serial: u64,
    freed_site: u32,
    state: State,
    /// The neighbours among the live blocks of the same owner, in order of allocation.
    older: RecordIndex,
    newer: RecordIndex,
}

struct Account {
    oldest: RecordIndex,
    newest: RecordIndex,
    counters: Counters,
}

/// All records, the live ones in order of allocation, and the sums of them.
pub(super) struct Ledger {
    records: Vec<Record>,
    accounts: [Account; Owner::COUNT],
    last_serial: u64,
}

impl Ledger {
    pub(super) fn new() -> Self {
        let account = || Account {
            oldest: NO_RECORD,
            newest: NO_RECORD,
            counters: Counters::default(),
        };
        Self {
            records: Vec::new(),
            accounts: [account(), account()],
            last_serial: 0,
        }
    }

    /// A record for a block that may be allocated at `address`; none if there are too many.
    pub(super) fn add(&mut self, address: usize) -> Option<RecordIndex> {
        let index = RecordIndex::try_from(self.records.len()).ok()?;
        if index == NO_RECORD {
            return None;
        }
        self.records.push(Record {
            birth: Birth {
                address,
                bytes: 0,
                tag: Tag(0),
                owner: Owner::Kernel,
                site: 0,
            },
            serial: 0,
            freed_site: 0,
            state: State::Vacant,
            older: NO_RECORD,
            newer: NO_RECORD,
        });
        Some(index)
    }

    pub(super) fn state(&self, index: RecordIndex) -> State {
        self.record(index).state
    }

    pub(super) fn address(&self, index: RecordIndex) -> usize {
        self.record(index).birth.address
    }

    pub(super) fn bytes(&self, index: RecordIndex) -> usize {
        self.record(index).birth.bytes
    }

    pub(super) fn info(&self, index: RecordIndex) -> BlockInfo {
        let record = self.record(index);
        BlockInfo {
            serial: record.serial,
            address: record.birth.address,
            bytes: record.birth.bytes,
            tag: record.birth.tag,
            owner: record.birth.owner,
            allocated_at: record.birth.site,
            freed_at: (record.state == State::Freed).then_some(record.freed_site),
        }
    }

    pub(super) fn counters(&self, owner: Owner) -> &Counters {
        &self.accounts[owner as usize].counters
    }

    /// The record, which is not live, becomes that of a new block.
    pub(super) fn allocated(&mut self, index: RecordIndex, birth: Birth) {
        self.last_serial += 1;
        let account = &mut self.accounts[birth.owner as usize];
        let older = std::mem::replace(&mut account.newest, index);
        if older == NO_RECORD {
            account.oldest = index;
        }
        account.counters.add(birth.bytes);
        if older != NO_RECORD {
            self.record_mut(older).newer = index;
        }
        *self.record_mut(index) = Record {
            birth,
            serial: self.last_serial,
            freed_site: 0,
            state: State::Live,
            older,
            newer: NO_RECORD,
        };
    }

    /// The record's block, which is live, was freed at `site`.
    pub(super) fn freed(&mut self, index: RecordIndex, site: u32) {
        let record = self.record_mut(index);
        record.state = State::Freed;
        record.freed_site = site;
        let (owner, bytes) = (record.birth.owner, record.birth.bytes);
        let (older, newer) = (record.older, record.newer);
        if older != NO_RECORD {
            self.record_mut(older).newer = newer;
        }
        if newer != NO_RECORD {
            self.record_mut(newer).older = older;
        }
        let account = &mut self.accounts[owner as usize];
        if older == NO_RECORD {
            account.oldest = newer;
        }
        if newer == NO_RECORD {
            account.newest = older;
        }
        account.counters.remove(bytes);
    }

    /// The live blocks of `owner`, oldest first.
    pub(super) fn live(&self, owner: Owner) -> impl Iterator<Item = BlockInfo> {
        let mut next = self.accounts[owner as usize].oldest;
        std::iter::from_fn(move || {
            let index = next;
            (index != NO_RECORD).then(|| {
                next = self.record(index).newer;
                self.info(index)
            })
        })
    }

    fn record(&self, index: RecordIndex) -> &Record {
        &self.records[index as usize]
    }

    fn record_mut(&mut self, index: RecordIndex) -> &mut Record {
        &mut self.records[index as usize]
    }
}
