//! The dump reader over this process's own memory, as the kernel shows it: the bytes that really are there, without
//! `unsafe`; and over copies of them that were damaged.
//!
//! Linux has a file for that. The offsets themselves are asserted at compile time, everywhere.
#![cfg(all(not(loom), target_os = "linux"))]

use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;

use policy::clock::Clock;
use policy::dump::{self, DumpError, SHARDS_MAX};
use policy::errors::ErrorTable;
use policy::in_flight::InFlight;
use policy::{DeviceStatistics, Harden, Operation, Shard, Snapshot, Statistics};

const STATUS_IO_DEVICE_ERROR: i32 = 0xC000_0185_u32.cast_signed();
const SHARD_COUNT_AT: usize = 16;
const STRIDE_AT: usize = 24;
const SHARDS_ADDRESS_AT: usize = 32;
const FIRST_ERROR_KEY_AT: usize = 72;

fn live_memory() -> impl FnMut(u64, &mut [u8]) -> bool {
    let memory = File::open("/proc/self/mem").expect("a process can read its own memory");
    move |address, buffer| memory.read_exact_at(buffer, address).is_ok()
}

fn address_of<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).addr() as u64
}

fn bytes_at(address: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    assert!(live_memory()(address, &mut bytes), "own memory is readable");
    bytes
}

fn bytes_of<T>(value: &T) -> Vec<u8> {
    bytes_at(address_of(value), size_of::<T>())
}

/// A device on which everything that is counted has been, each thing another number of times.
struct Counted {
    head: Box<DeviceStatistics>,
    shards: Vec<Shard>,
}

impl Counted {
    fn new() -> Self {
        let shards: Vec<Shard> = (0..3).map(|_| Shard::new()).collect();
        let clock = Clock::new(NonZeroU64::new(10_000_000).expect("not 0"));
        let head = Box::new(DeviceStatistics::new(clock, 123_456, &shards));
        let counted = Self { head, shards };
        let statistics = counted.statistics();
        for number in 0..40 {
            let operation = Operation::ALL[usize::from(number % 3 == 0)];
            let shard = number as usize % 3;
            statistics.sent(shard, operation, 4096 + number);
            match number {
                0..30 => statistics.done(shard, operation, 0, 4096, 1 << number),
                30..35 => statistics.done(shard, operation, STATUS_IO_DEVICE_ERROR, 0, u64::MAX),
                35 => statistics.refused(shard),
                _ => {}
            }
        }
        (0..2).for_each(|shard| statistics.untracked(shard));
        (0..3).for_each(|shard| statistics.reserve_empty(shard));
        (0..4).for_each(|shard| statistics.held_dropped(shard));
        (0..5).for_each(|shard| statistics.internal_device_control(shard));
        for (times, what) in Harden::ALL.into_iter().enumerate() {
            (0..10 + times).for_each(|shard| statistics.harden(shard, what));
        }
        (0..6).for_each(|shard| statistics.probe_done(shard, 0, 7));
        for (operation, times) in [(Operation::FlushBuffers, 6), (Operation::DeviceControl, 7)] {
            for _ in 0..times {
                statistics.sent(1, operation, 0);
                statistics.done(1, operation, 0, 0, 3);
            }
        }
        // More statuses than the table has entries.
        for status in 1..20 {
            statistics.sent(0, Operation::Read, 0);
            statistics.done(0, Operation::Read, i32::MIN + status, 0, 0);
        }
        counted
    }

    fn statistics(&self) -> Statistics<'_> {
        self.head.over(&self.shards).expect("its shards")
    }

    fn head_address(&self) -> u64 {
        address_of(&*self.head)
    }

    /// A copy of all its memory, to be damaged.
    fn copy(&self) -> Copied {
        let shards_address = self.shards.as_ptr().addr() as u64;
        let shards_bytes = size_of_val(&self.shards[..]);
        Copied {
            head_address: self.head_address(),
            shards_address,
            pieces: BTreeMap::from([
                (self.head_address(), bytes_of(&*self.head)),
                (shards_address, bytes_at(shards_address, shards_bytes)),
            ]),
        }
    }
}

struct Copied {
    head_address: u64,
    shards_address: u64,
    pieces: BTreeMap<u64, Vec<u8>>,
}

impl Copied {
    fn head(&mut self) -> &mut Vec<u8> {
        self.pieces.get_mut(&self.head_address).expect("it was copied")
    }

    fn shards(&mut self) -> &mut Vec<u8> {
        self.pieces.get_mut(&self.shards_address).expect("it was copied")
    }

    fn set_head_word(&mut self, at: usize, word: u64) {
        self.head()[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    fn read(&self) -> Result<Snapshot, DumpError> {
        let memory = |address: u64, buffer: &mut [u8]| {
            let piece = self.pieces.range(..=address).next_back();
            let bytes = piece.and_then(|(start, bytes)| bytes.get((address - start) as usize..)?.get(..buffer.len()));
            bytes.inspect(|bytes| buffer.copy_from_slice(bytes)).is_some()
        };
        dump::read(memory, self.head_address)
    }
}

#[test]
fn a_live_device_reads_from_raw_memory_as_it_reads_from_within() {
    let counted = Counted::new();
    let read = dump::read(live_memory(), counted.head_address());
    assert_eq!(read, Ok(counted.statistics().snapshot()));
    assert_eq!(counted.copy().read(), read);
}

#[test]
fn every_number_reaches_its_own_place_in_the_snapshot() {
    let counted = Counted::new();
    let snapshot = dump::read(live_memory(), counted.head_address()).expect("it is whole");
    let counters = &snapshot.counters;
    assert_eq!(
        (snapshot.devices, snapshot.started_at_ticks, snapshot.frequency_hz),
        (1, 123_456, 10_000_000)
    );
    assert_eq!((snapshot.in_flight, snapshot.in_flight_peak), (4, 5));
    assert_eq!((counters.read.sent, counters.write.sent), (26 + 19, 14));
    assert_eq!(counters.read.completed_success + counters.write.completed_success, 30);
    assert_eq!(counters.read.completed_error + counters.write.completed_error, 5 + 19);
    assert_eq!(counters.read.bytes_transferred, 20 * 4096);
    assert_eq!(
        counters.read.latency_ns.overflowed() + counters.write.latency_ns.overflowed(),
        5
    );
    assert_eq!((counters.untracked, counters.refused), (2, 1));
    assert_eq!((counters.reserve_empty, counters.held_dropped), (3, 4));
    assert_eq!(counters.internal_device_control, 5);
    for (times, what) in Harden::ALL.into_iter().enumerate() {
        assert_eq!(*counters.harden(what), 10 + times as u64, "{what:?}");
    }
    assert_eq!(counters.probe_latency_ns.count(), 6);
    for (operation, times) in [(Operation::FlushBuffers, 6), (Operation::DeviceControl, 7)] {
        let counted = counters.operation(operation);
        assert_eq!(
            (counted.sent, counted.completed_success, counted.latency_ns.count()),
            (times, times, times)
        );
    }
    let first = snapshot.errors.iter().next().map(|entry| (entry.status, entry.count));
    assert_eq!(first, Some((STATUS_IO_DEVICE_ERROR, 5)));
    assert_eq!((snapshot.errors.total(), snapshot.errors.others()), (24, 4));
}

#[test]
fn a_head_begins_with_the_characters_that_one_searches_a_dump_for() {
    let counted = Counted::new();
    assert_eq!(&bytes_of(&*counted.head)[..8], b"irpscope");
}

#[test]
fn a_head_for_no_shards_is_none_that_one_could_find() {
    let clock = Clock::new(NonZeroU64::new(10_000_000).expect("not 0"));
    let head = Box::new(DeviceStatistics::new(clock, 123_456, &[]));
    assert!(head.over(&[]).is_none());
    let address = address_of(&*head);
    let error = dump::read(live_memory(), address).expect_err("there is nothing to read");
    assert_eq!(error, DumpError::NotStatistics { address });
}

#[test]
fn a_fresh_value_of_whatever_processors_share_is_all_zero_bytes() {
    let zero = |bytes: Vec<u8>| bytes.iter().all(|&byte| byte == 0);
    assert!(zero(bytes_of(&*Box::new(Shard::new()))));
    assert!(zero(bytes_of(&ErrorTable::new())));
    assert!(zero(bytes_of(&InFlight::new())));
    assert!(zero(bytes_of(&Snapshot::EMPTY)));
}

#[test]
fn what_is_not_a_head_of_this_version_is_named_as_what_it_is() {
    let counted = Counted::new();
    let mut copy = counted.copy();
    for found in [2, 4] {
        copy.set_head_word(8, found);
        assert_eq!(copy.read(), Err(DumpError::Version { found }));
    }
    copy.head()[0] = b'I';
    let address = copy.head_address;
    assert_eq!(copy.read(), Err(DumpError::NotStatistics { address }));
    copy.pieces.clear();
    assert_eq!(copy.read(), Err(DumpError::Unreadable { address, bytes: 16 }));
}

#[test]
fn a_head_that_describes_impossible_shards_is_not_followed() {
    let counted = Counted::new();
    let stride_bytes = size_of::<Shard>() as u64;
    for (at, word) in [
        (SHARD_COUNT_AT, u64::MAX),
        (SHARD_COUNT_AT, SHARDS_MAX + 1),
        (STRIDE_AT, 0),
        (STRIDE_AT, u64::MAX),
        (STRIDE_AT, stride_bytes - 8),
    ] {
        let mut copy = counted.copy();
        copy.set_head_word(at, word);
        assert!(matches!(copy.read(), Err(DumpError::Shards { .. })), "{word} at {at}");
    }
    for address in [0, 1, u64::MAX, u64::MAX - 511] {
        let mut copy = counted.copy();
        copy.set_head_word(SHARDS_ADDRESS_AT, address);
        assert_eq!(copy.read(), Err(DumpError::Unreadable { address, bytes: 512 }));
    }
}

#[test]
fn shards_that_would_reach_beyond_the_last_address_are_not_read_from_the_first() {
    let mut copy = Counted::new().copy();
    copy.set_head_word(SHARDS_ADDRESS_AT, u64::MAX - 1000);
    let head_bytes = copy.head().clone();
    let head_address = copy.head_address;
    // Memory that has everything, and zeros wherever there is no head.
    let memory = |address: u64, buffer: &mut [u8]| {
        let at = address.wrapping_sub(head_address) as usize;
        match head_bytes.get(at..).and_then(|bytes| bytes.get(..buffer.len())) {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None => buffer.fill(0),
        }
        true
    };
    let address = u64::MAX - 1000 + 512;
    assert_eq!(
        dump::read(memory, head_address),
        Err(DumpError::Unreadable { address, bytes: 512 })
    );
}

#[test]
fn a_key_that_no_status_makes_is_named() {
    let mut copy = Counted::new().copy();
    for key in [1, 2 << 32, u64::MAX] {
        copy.set_head_word(FIRST_ERROR_KEY_AT, key);
        assert_eq!(copy.read(), Err(DumpError::ErrorTable { key }));
    }
}

#[test]
fn a_dump_that_ends_anywhere_is_an_error_and_never_a_number() {
    let counted = Counted::new();
    let whole = counted.copy();
    let read_bytes = 352;
    for bytes in 0..read_bytes {
        let mut copy = counted.copy();
        copy.head().truncate(bytes);
        assert!(
            matches!(copy.read(), Err(DumpError::Unreadable { .. })),
            "{bytes} bytes of the head"
        );
    }
    let mut copy = counted.copy();
    copy.head().truncate(read_bytes);
    assert_eq!(copy.read(), whole.read(), "more of the head was read than it has");
    let shards_bytes = copy.shards().len();
    for bytes in (0..shards_bytes).step_by(61).chain([shards_bytes - 1]) {
        copy.shards().truncate(0);
        let all = &whole.pieces[&whole.shards_address];
        copy.shards().extend_from_slice(&all[..bytes]);
        assert!(
            matches!(copy.read(), Err(DumpError::Unreadable { .. })),
            "{bytes} bytes of the shards"
        );
    }
}

#[test]
fn a_machine_that_stopped_before_the_peak_was_raised_has_a_peak_all_the_same() {
    let counted = Counted::new();
    let mut copy = counted.copy();
    copy.set_head_word(336, 9);
    let snapshot = copy.read().expect("it is whole");
    assert_eq!((snapshot.in_flight, snapshot.in_flight_peak), (9, 9));
}

#[test]
fn each_error_is_one_line_that_says_where_or_what() {
    let errors = [
        (
            DumpError::Unreadable {
                address: 0xF00,
                bytes: 512,
            },
            "0xf00",
        ),
        (DumpError::NotStatistics { address: 0xF00 }, "0xf00"),
        (DumpError::Version { found: 7 }, "layout 7"),
        (
            DumpError::Shards {
                count: 9,
                stride_bytes: 8,
            },
            "9 shards of 8 bytes",
        ),
        (DumpError::ErrorTable { key: 0xABC }, "0xabc"),
    ];
    for (error, expected) in errors {
        let line = error.to_string();
        assert!(line.contains(expected) && !line.contains('\n'), "{line}");
    }
}
