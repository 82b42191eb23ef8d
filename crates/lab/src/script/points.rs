//! The same script at every point: once for each of the driver's calls into the kernel, with something that happens right
//! there.
//!
//! A first run counts the calls, without anything happening. Then there is a run for each of them, in which the script's
//! interruption happens before anything is done for the call, and one in which it happens as the call is about to return.

use std::{cell::Cell, cell::RefCell, rc::Rc};

use serde::{Serialize, de::DeserializeOwned};

use super::{Moment, ScriptError, World};
use crate::lab::Lab;

/// Where the interruption happens in this run.
pub struct Point {
    /// The number of the moment; `None` in the run that counts them.
    at: Option<usize>,
    seen: Rc<Cell<usize>>,
    names: Rc<RefCell<Vec<String>>>,
}

impl Point {
    fn new(at: Option<usize>) -> Self {
        Self {
            at,
            seen: Rc::default(),
            names: Rc::default(),
        }
    }

    /// From now on the driver's calls count, and `interruption` happens at the one of this run.
    pub fn interrupt(&self, world: &World, interruption: impl FnOnce(&World) + 'static) {
        let (at, seen, names) = (self.at, Rc::clone(&self.seen), Rc::clone(&self.names));
        let mut interruption = Some(interruption);
        world.on_call(move |world, moment, call| {
            let number = seen.replace(seen.get() + 1);
            if at.is_none() {
                let call = format!("{call:?}");
                let name = call.split(' ').next().unwrap_or_default();
                let when = if moment == Moment::Called { "before" } else { "after" };
                names.borrow_mut().push(format!("{when} {name}"));
            }
            if at == Some(number)
                && let Some(interruption) = interruption.take()
            {
                interruption(world);
            }
        });
    }

    /// The driver's calls count no more.
    pub fn end(&self, world: &World) {
        world.on_call(|_, _, _| {});
    }
}

impl Lab<'_> {
    /// Plays a script once for each point, after a run that counts the points; returns what each run gave, that one first.
    ///
    /// # Errors
    ///
    /// As for [`Self::play`], with the point at which it happened.
    pub fn play_at_every_point<T>(&self, script: impl Fn(&World, &Point) -> T) -> Result<Vec<T>, ScriptError>
    where
        T: Serialize + DeserializeOwned,
    {
        let (first, names) = self.play(|world| {
            let point = Point::new(None);
            let result = script(world, &point);
            (result, point.names.take())
        })?;
        let mut results = vec![first];
        for (number, name) in names.iter().enumerate() {
            let result = self.play(|world| script(world, &Point::new(Some(number))));
            results.push(result.map_err(|reason| ScriptError::AtPoint {
                number,
                name: name.clone(),
                reason: Box::new(reason),
            })?);
        }
        Ok(results)
    }
}
