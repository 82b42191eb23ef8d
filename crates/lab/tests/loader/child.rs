//! Runs a test that ends its process in a process of its own.

use std::process::{Command, Output};

const MARK: &str = "LAB_TEST_CHILD";

/// Runs `fatal` in a new process of this test binary and returns how that process ended.
///
/// `test` is the calling test's full name: the new process runs that test alone, comes to this
/// call again and there runs `fatal`.
pub(crate) fn in_child(test: &str, fatal: impl FnOnce()) -> Output {
    if std::env::var_os(MARK).is_some_and(|name| name == test) {
        fatal();
        std::process::exit(0);
    }
    let this = std::env::current_exe().expect("the test binary knows its path");
    Command::new(this)
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(MARK, test)
        .output()
        .expect("the test binary can be run again")
}
