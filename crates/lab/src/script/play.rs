//! Running a script: the process that it is made in, and what becomes of it.

use serde::{Serialize, de::DeserializeOwned};

use super::World;
use crate::{
    lab::{Lab, LabError},
    report::{RunReport, Violation, Warning},
    status,
    supervise::{self, Ended, Outlet},
};

/// Why a script has no result.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The driver file cannot be used.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The driver broke a rule.
    #[error("the driver broke a rule:{0}")]
    Violation(Box<Violation>),
    /// The driver did what Windows would warn of.
    #[error("the driver was warned: {}", told(.0))]
    Warned(Vec<Warning>),
    /// The script panicked, as where something that it asserts does not hold.
    #[error("{0}")]
    Failed(String),
    /// It happened at one of the points that a script was played at.
    #[error("at point {number}, {name}: {reason}")]
    AtPoint {
        /// The number of the point.
        number: usize,
        /// The driver's call that it is at.
        name: String,
        /// What happened.
        reason: Box<ScriptError>,
    },
    /// The script could not be played, or not to its end.
    #[error("{0}")]
    Error(String),
}

fn told(warnings: &[Warning]) -> String {
    let lines = warnings
        .iter()
        .map(|warning| format!("{}, {}", warning.rule, warning.message));
    lines.collect::<Vec<_>>().join("; ")
}

impl Lab<'_> {
    /// Plays a script with the driver, whose DriverEntry has been called: see [`script`](crate::script).
    ///
    /// # Errors
    ///
    /// The driver broke a rule, or cannot be loaded; the script panicked, or asked for what cannot be done.
    pub fn play<T>(&self, script: impl FnOnce(&World) -> T) -> Result<T, ScriptError>
    where
        T: Serialize + DeserializeOwned,
    {
        self.play_from_load(|world| {
            let entered = world.driver_entry();
            assert!(
                status::nt_success(entered),
                "the driver did not load: its DriverEntry returned {}",
                status::name(entered)
            );
            script(world)
        })
    }

    /// As [`Self::play`], where the script calls DriverEntry itself.
    ///
    /// # Errors
    ///
    /// As for [`Self::play`].
    pub fn play_from_load<T>(&self, script: impl FnOnce(&World) -> T) -> Result<T, ScriptError>
    where
        T: Serialize + DeserializeOwned,
    {
        let ended = supervise::run(&self.limits(), |outlet: &Outlet<RunReport>| {
            let (machine, _watchdog) = self.machine(self.script_seed(), true, *outlet);
            machine.play_to_end(|machine| {
                machine.phase("script");
                let world = World::new(machine);
                let result = script(world);
                world.end();
                match serde_json::to_value(result) {
                    Ok(value) => Some(value),
                    Err(error) => machine.cannot(&format!("the script's result cannot be written as JSON: {error}")),
                }
            })
        });
        if let Ended::Panicked { message, .. } = ended {
            // It came as one line, and what an assertion says has several.
            return Err(ScriptError::Failed(message.replace("\\n", "\n")));
        }
        let report = self.judge(ended, self.script_seed());
        if let Some(violation) = report.violation {
            return Err(ScriptError::Violation(Box::new(violation)));
        }
        if let Some(error) = report.error {
            return Err(ScriptError::Error(error));
        }
        if !report.warnings.is_empty() {
            return Err(ScriptError::Warned(report.warnings));
        }
        serde_json::from_value(report.collected.unwrap_or_default())
            .map_err(|error| ScriptError::Error(format!("the script's result is not what was expected: {error}")))
    }
}
