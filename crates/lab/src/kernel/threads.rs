//! Threads that drivers make, and the system's worker threads, which run work items.
//!
//! A work item goes to whichever of a few workers is free first, so two of them may run at once and in either order.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use super::{Machine, data::THREADS_MAX, scheduler::Context, sync::dispatcher::kind};

/// How many work items run at once at most.
const WORKERS_MAX: usize = 3;

/// Some contexts are left for the machine's own use.
const CONTEXTS_KEPT: usize = 32;

type Work = Box<dyn FnOnce(&'static Machine)>;

/// The queue of the worker threads, and those that wait for work.
#[derive(Default)]
pub(crate) struct Threads {
    queue: RefCell<VecDeque<Work>>,
    workers: RefCell<Vec<&'static Context>>,
    idle: RefCell<Vec<&'static Context>>,
    /// How many work items of devices have not returned, which keep the driver loaded.
    of_devices: Cell<usize>,
    /// How many other work items of the driver have not begun, and have not returned.
    queued: Cell<usize>,
    running: Cell<usize>,
    /// How many threads of the driver's are not over.
    of_driver: Cell<usize>,
}

fn change(count: &Cell<usize>, by: isize) {
    count.set(count.get().saturating_add_signed(by));
}

impl Threads {
    /// Whether there is work that no worker has begun.
    pub(crate) fn has_work(&self) -> bool {
        !self.queue.borrow().is_empty()
    }

    /// Whether a work item of a device has not returned.
    pub(crate) fn has_work_of_devices(&self) -> bool {
        self.of_devices.get() > 0
    }

    /// How many work items that keep nobody loaded have not begun.
    pub(crate) fn work_queued(&self) -> usize {
        self.queued.get()
    }

    /// How many of those have begun and not returned.
    pub(crate) fn work_running(&self) -> usize {
        self.running.get()
    }

    /// How many threads of the driver's are not over.
    pub(crate) fn of_driver(&self) -> usize {
        self.of_driver.get()
    }

    /// Whether this is a worker that has nothing to do.
    pub(crate) fn is_idle(&self, context: &Context) -> bool {
        self.idle.borrow().iter().any(|idle| idle.id == context.id)
    }
}

impl Machine {
    /// Has a worker thread do `work`.
    pub(crate) fn queue_work(&'static self, work: impl FnOnce(&'static Self) + 'static) {
        self.threads.queue.borrow_mut().push_back(Box::new(work));
        let idle = self.threads.idle.borrow_mut().pop();
        if let Some(worker) = idle {
            self.wake(worker);
            return;
        }
        let workers = self.threads.workers.borrow().len();
        if workers < WORKERS_MAX {
            let worker = self.spawn(&format!("system worker {}", workers + 1), Self::serve_work);
            self.threads.workers.borrow_mut().push(worker);
        }
    }

    /// IoQueueWorkItem: `work` is done for a device, whose driver stays loaded until it is over.
    pub(crate) fn queue_work_of_device(&'static self, work: impl FnOnce(&'static Self) + 'static) {
        change(&self.threads.of_devices, 1);
        self.queue_work(|machine| {
            work(machine);
            change(&machine.threads.of_devices, -1);
        });
    }

    /// ExQueueWorkItem: `work` is done whether or not the driver is still loaded.
    pub(crate) fn queue_work_of_driver(&'static self, work: impl FnOnce(&'static Self) + 'static) {
        change(&self.threads.queued, 1);
        self.queue_work(|machine| {
            change(&machine.threads.queued, -1);
            change(&machine.threads.running, 1);
            work(machine);
            change(&machine.threads.running, -1);
        });
    }

    /// The body of a worker thread.
    fn serve_work(&'static self) {
        loop {
            let work = self.threads.queue.borrow_mut().pop_front();
            match work {
                Some(work) => work(self),
                None => {
                    self.threads.idle.borrow_mut().push(self.current());
                    self.block();
                }
            }
        }
    }

    /// PsCreateSystemThread: returns the address of the thread object. `None` where there is room for no more.
    pub(crate) fn create_system_thread(&'static self, routine: usize, argument: usize) -> Option<usize> {
        if self.contexts() + CONTEXTS_KEPT >= THREADS_MAX {
            return None;
        }
        let thread = self.spawn("system thread of the driver", move |machine| {
            machine.call_thread_routine(routine, argument);
            change(&machine.threads.of_driver, -1);
            machine.signal(machine.processor_data.thread(machine.current()), 1);
        });
        change(&self.threads.of_driver, 1);
        let object = self.processor_data.thread(thread);
        self.initialise_object(object, kind::THREAD, 0);
        Some(object)
    }

    /// PsTerminateSystemThread.
    pub(crate) fn terminate_thread(&'static self) -> ! {
        self.check_thread_end();
        change(&self.threads.of_driver, -1);
        self.signal(self.processor_data.thread(self.current()), 1);
        self.end_thread()
    }
}
