//! What every scenario needs: the driver file that is tested.
//!
//! The scenarios themselves are this package's test targets.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The variable that names another irpscope.sys than the one `cargo xtask build` makes.
pub const DRIVER_VARIABLE: &str = "IRPSCOPE_SYS";
/// The variable that names another holder.sys than the one `cargo xtask build --test-drivers` makes.
pub const HOLDER_VARIABLE: &str = "HOLDER_SYS";
/// The variable that names another delay.sys than the one `cargo xtask build --test-drivers` makes.
pub const EXAMPLE_VARIABLE: &str = "DELAY_SYS";
/// The variable that names another offender.sys than the one `cargo xtask build --test-drivers` makes.
pub const OFFENDER_VARIABLE: &str = "OFFENDER_SYS";
/// The variable that names another worker.sys than the one `cargo xtask build --test-drivers` makes.
pub const WORKER_VARIABLE: &str = "WORKER_SYS";
/// The variable that names another conformance.sys than the one `cargo xtask build --test-drivers` makes.
pub const CONFORMANCE_VARIABLE: &str = "CONFORMANCE_SYS";

/// Where irpscope.sys is: where [`DRIVER_VARIABLE`] says, else in the package that was built.
///
/// # Panics
///
/// With one line that says what to do, where there is no such file.
#[must_use]
pub fn driver_path() -> PathBuf {
    built(DRIVER_VARIABLE, "target/package/irpscope.sys", "cargo xtask build")
}

/// Where holder.sys is: where [`HOLDER_VARIABLE`] says, else where it was built.
///
/// # Panics
///
/// With one line that says what to do, where there is no such file.
#[must_use]
pub fn holder_path() -> PathBuf {
    built(
        HOLDER_VARIABLE,
        "target/drivers/holder.sys",
        "cargo xtask build --test-drivers",
    )
}

/// Where delay.sys, the example, is: where [`EXAMPLE_VARIABLE`] says, else where it was built.
///
/// # Panics
///
/// With one line that says what to do, where there is no such file.
#[must_use]
pub fn example_path() -> PathBuf {
    built(
        EXAMPLE_VARIABLE,
        "target/drivers/delay.sys",
        "cargo xtask build --test-drivers",
    )
}

/// Where offender.sys is: where [`OFFENDER_VARIABLE`] says, else where it was built.
///
/// # Panics
///
/// With one line that says what to do, where there is no such file.
#[must_use]
pub fn offender_path() -> PathBuf {
    built(
        OFFENDER_VARIABLE,
        "target/drivers/offender.sys",
        "cargo xtask build --test-drivers",
    )
}

/// Where worker.sys is: where [`WORKER_VARIABLE`] says, else where it was built.
///
/// # Panics
///
/// With one line that says what to do, where there is no such file.
#[must_use]
pub fn worker_path() -> PathBuf {
    built(
        WORKER_VARIABLE,
        "target/drivers/worker.sys",
        "cargo xtask build --test-drivers",
    )
}

/// Where conformance.sys is: where [`CONFORMANCE_VARIABLE`] says, else where it was built.
///
/// # Panics
///
/// With one line that says what to do, where there is no such file.
#[must_use]
pub fn conformance_path() -> PathBuf {
    built(
        CONFORMANCE_VARIABLE,
        "target/drivers/conformance.sys",
        "cargo xtask build --test-drivers",
    )
}

fn built(variable: &str, usual: &str, command: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.parent().unwrap_or(package);
    let path = env::var_os(variable).map_or_else(|| workspace.join(usual), PathBuf::from);
    assert!(path.is_file(), "there is no {}: run {command} first", path.display());
    path
}
