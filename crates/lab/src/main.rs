//! `lab`: the lab as a command.

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> ExitCode {
    lab::cli::main(std::env::args_os())
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() -> ExitCode {
    eprintln!("error: the lab runs x86-64 drivers in its own process, so it needs x86-64 Linux");
    ExitCode::from(2)
}
