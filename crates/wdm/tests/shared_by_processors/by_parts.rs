//! The model of an IRP that is carried out by parts: a few parts, the processors that they come back on, and one that cancels
//! it; in every interleaving that the memory model allows.

use loom::{
    cell::UnsafeCell,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use super::progress::{Progress, References, Step};

/// The block of the IRP.
struct Block {
    references: References,
    shared: Mutex<Shared>,
    /// What whoever has a reference may look at, and the one who gives up the last one frees.
    contents: UnsafeCell<bool>,
}

struct Shared {
    progress: Progress,
    window: u32,
    /// How many parts are still to be begun.
    left: u32,
    begun: u32,
    done: u32,
    ends: u32,
}

/// The processors that parts come back on.
#[derive(Default)]
struct Processors(Vec<JoinHandle<Self>>);

impl Processors {
    fn join(self) {
        for processor in self.0 {
            processor.join().expect("it does not panic").join();
        }
    }
}

impl Block {
    fn start(window: u32, parts: u32) -> Arc<Self> {
        Arc::new(Self {
            references: References::new(),
            shared: Mutex::new(Shared {
                progress: Progress::new(),
                window,
                left: parts,
                begun: 0,
                done: 0,
                ends: 0,
            }),
            contents: UnsafeCell::new(true),
        })
    }

    /// As the cancel routine, which has a reference.
    fn cancel(&self) {
        self.shared.lock().expect("it is not poisoned").left = 0;
        // SAFETY: loom's cell has checked that nobody writes.
        assert!(self.contents.with(|there| unsafe { *there }));
        self.give_up();
    }

    fn give_up(&self) {
        if self.references.give_up() {
            // Loom fails where somebody's look may not be over, and the assertion where two gave up the last one.
            // SAFETY: loom's cell has checked that nobody else is at it.
            self.contents
                .with_mut(|there| assert!(core::mem::replace(unsafe { &mut *there }, false)));
        }
    }
}

/// As `Block::pump`: the drivers below complete each part on a processor of its own.
fn pump(block: &Arc<Block>, processors: &mut Processors) {
    loop {
        // SAFETY: loom's cell has checked that nobody writes.
        assert!(
            block.contents.with(|there| unsafe { *there }),
            "it is there as long as anybody has a reference"
        );
        let step = {
            let mut shared = block.shared.lock().expect("it is not poisoned");
            let shared = &mut *shared;
            let (left, begun) = (&mut shared.left, &mut shared.begun);
            shared.progress.step(shared.window, || {
                *left = left.checked_sub(1)?;
                *begun += 1;
                Some(())
            })
        };
        match step {
            Step::Send(()) => {
                block.references.take();
                let block = Arc::clone(block);
                processors.0.push(thread::spawn(move || come_back(&block)));
            }
            Step::Wait => return,
            Step::End => {
                block.shared.lock().expect("it is not poisoned").ends += 1;
                return;
            }
        }
    }
}

/// As a part's completion routine.
fn come_back(block: &Arc<Block>) -> Processors {
    let mut processors = Processors::default();
    let is_to_pump = {
        let mut shared = block.shared.lock().expect("it is not poisoned");
        shared.done += 1;
        shared.progress.back()
    };
    if is_to_pump {
        pump(block, &mut processors);
    }
    block.give_up();
    processors
}

/// What must hold when every processor is done.
fn check(block: &Block) -> u32 {
    let shared = block.shared.lock().expect("it is not poisoned");
    assert_eq!((shared.left, shared.ends), (0, 1), "it is carried out, and ends once");
    assert_eq!(shared.begun, shared.done);
    // SAFETY: every other processor is done.
    assert!(!block.contents.with(|there| unsafe { *there }), "nothing is left");
    shared.begun
}

#[test]
fn every_part_is_sent_and_the_last_to_be_done_with_it_has_it_alone() {
    for (window, parts) in [(1, 2), (2, 2)] {
        loom::model(move || {
            let block = Block::start(window, parts);
            let mut processors = Processors::default();
            pump(&block, &mut processors);
            block.give_up();
            processors.join();
            assert_eq!(check(&block), parts);
        });
    }
}

#[test]
fn a_cancellation_leaves_it_to_end_once() {
    // The one part is begun before the cancellation, or not at all.
    loom::model(|| {
        let block = Block::start(1, 1);
        block.references.take();
        let canceller = thread::spawn({
            let block = Arc::clone(&block);
            move || block.cancel()
        });
        let mut processors = Processors::default();
        pump(&block, &mut processors);
        block.give_up();
        canceller.join().expect("it does not panic");
        processors.join();
        assert!(check(&block) <= 1);
    });
}
