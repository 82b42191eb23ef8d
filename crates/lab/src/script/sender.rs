//! The threads that send a script's requests. One that has returned is used again.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use crate::kernel::{Machine, scheduler::Context};

type Work = Box<dyn FnOnce(&'static Machine)>;

struct Sender {
    context: Cell<Option<&'static Context>>,
    work: RefCell<Option<Work>>,
    busy: Cell<bool>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Senders {
    senders: RefCell<Vec<Rc<Sender>>>,
    /// Who waits for one of them to return.
    waiter: Rc<Cell<Option<&'static Context>>>,
}

impl Senders {
    /// Has a thread do `work`, once the running one waits.
    pub(super) fn start(&self, machine: &'static Machine, work: impl FnOnce(&'static Machine) + 'static) {
        let idle = self.senders.borrow().iter().find(|sender| !sender.busy.get()).cloned();
        let sender = idle.unwrap_or_else(|| self.spawn(machine));
        *sender.work.borrow_mut() = Some(Box::new(work));
        sender.busy.set(true);
        if let Some(context) = sender.context.get() {
            machine.wake(context);
        }
    }

    fn spawn(&self, machine: &'static Machine) -> Rc<Sender> {
        let sender = Rc::new(Sender {
            context: Cell::new(None),
            work: RefCell::default(),
            busy: Cell::new(false),
        });
        let number = self.senders.borrow().len() + 1;
        let (own, waiter) = (Rc::clone(&sender), Rc::clone(&self.waiter));
        let context = machine.spawn(&format!("sender {number}"), move |machine| {
            loop {
                let work = own.work.borrow_mut().take();
                let Some(work) = work else {
                    machine.block();
                    continue;
                };
                work(machine);
                own.busy.set(false);
                if let Some(waiter) = waiter.take() {
                    machine.wake(waiter);
                }
            }
        });
        sender.context.set(Some(context));
        self.senders.borrow_mut().push(Rc::clone(&sender));
        sender
    }

    /// Whether all have returned.
    pub(super) fn are_idle(&self) -> bool {
        self.senders.borrow().iter().all(|sender| !sender.busy.get())
    }

    /// Lets time go on until one of them has returned.
    pub(super) fn wait_for_one(&self, machine: &Machine) {
        self.waiter.set(Some(machine.current()));
        machine.block();
    }
}
