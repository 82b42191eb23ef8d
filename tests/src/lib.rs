//! What every scenario needs: the driver file that is tested.
//!
//! The scenarios themselves are this package's test targets.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The variable that names another driver file than the one `cargo xtask build` makes.
pub const DRIVER_VARIABLE: &str = "IRPSCOPE_SYS";

/// Where the driver file is: where [`DRIVER_VARIABLE`] says, else in the package that was built.
#[must_use]
pub fn driver_path() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.parent().unwrap_or(package);
    env::var_os(DRIVER_VARIABLE).map_or_else(|| workspace.join("target/package/irpscope.sys"), PathBuf::from)
}

/// The driver file's contents.
///
/// # Panics
///
/// With one line that says what to do, where there is no such file.
#[must_use]
pub fn driver_file() -> Vec<u8> {
    let path = driver_path();
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run cargo xtask build first", path.display()))
}
