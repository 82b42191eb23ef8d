//! `cargo xtask test`: everything that must pass, on a fresh machine.
//!
//! The steps run in an order in which the cheap ones fail first, and the first that fails ends the run.

use std::{fs, time::Instant};

use anyhow::{Context as _, Result, ensure};

use crate::{
    build::{Artifacts, Builder, install_c_compiler, test_drivers},
    compile_fail, docs,
    gate::Check,
    in_lab,
    inf::Match,
    lints, package, process,
    reproduce::{self, Copy},
    target::{Profile, Target},
    workspace::Workspace,
};

/// A fault put into a copy of the driver, which has to be found in what is built of it.
struct Planted {
    name: &'static str,
    /// The file that it is put into.
    file: &'static str,
    /// What stands there once, and which the fault takes the place of.
    place: &'static str,
    code: &'static str,
}

/// What a person would write who did not know that the driver must not panic. Clippy would refuse both; the gate must
/// not depend on it.
const PLANTED_PANICS: [Planted; 2] = [
    Planted {
        name: "an unwrap",
        file: "src/filter.rs",
        place: "Request::Other(irp) => irp.skip_and_call(),",
        code: "Request::Other(irp) => {\n\
               if core::num::NonZeroU8::new(irp.minor_function()).unwrap().get() == 9 {\n\
               return Err(irp.reject(NtError::INSUFFICIENT_RESOURCES));\n}\n\
               irp.skip_and_call()\n},",
    },
    Planted {
        name: "an index that is checked when it runs",
        file: "src/filter.rs",
        place: "Request::Other(irp) => irp.skip_and_call(),",
        code: "Request::Other(irp) => {\n\
               if [1_u8, 2, 3][usize::from(irp.minor_function())] == 2 {\n\
               return Err(irp.reject(NtError::INSUFFICIENT_RESOURCES));\n}\n\
               irp.skip_and_call()\n},",
    },
];

/// What no rule of Windows is against: the filter takes each request that comes back for one that succeeded.
const PLANTED_MISCOUNT: Planted = Planted {
    name: "a filter that counts wrong",
    file: "src/following.rs",
    place: "status.to_raw(), information, latency",
    code: "status.to_raw() & 0, information, latency",
};

/// What `crates/wdm` keeps a driver from, put into `crates/wdm` itself: each with the scenario in which it shows, and the rule
/// that the lab has to name. The two rules of docs/irp-ownership.md are among them.
const PLANTED_VIOLATIONS: [(Planted, &str, &str); 12] = [
    (
        Planted {
            name: "a registration whose refusal is ignored",
            file: "crates/wdm/src/observe.rs",
            place: "Err(self.irp.reject(error))",
            code: "let _ = error; Ok(self.irp.skip_and_call())",
        },
        "mixed",
        "0xC4/0x4100F",
    ),
    (
        Planted {
            name: "a registration whose routine is never called",
            file: "crates/wdm/src/observe.rs",
            place: "Dispatched::new(unsafe { raw_irp::call(raw, lower) })",
            code: "unsafe { raw_irp::skip(raw) };\n Dispatched::new(unsafe { raw_irp::call(raw, lower) })",
        },
        "mixed",
        "SDV/IoSetCompletionRoutineExCheck",
    ),
    (
        Planted {
            name: "a completion routine that forgets PendingReturned",
            file: "crates/wdm/src/observe.rs",
            place: "unsafe { raw_irp::propagate_pending(irp) };",
            code: "let _ = irp;",
        },
        "mixed",
        "0xC9/0x228",
    ),
    (
        Planted {
            name: "a remove lock that is not released",
            file: "crates/wdm/src/observe.rs",
            place: "context.done(device.device(), view);",
            code: "context.done(device.device(), view); core::mem::forget(device);",
        },
        "mixed",
        "SDV/RemoveLock",
    ),
    (
        Planted {
            name: "a removal that waits for nobody",
            file: "crates/wdm/src/remove_device.rs",
            place: "let device = unsafe { device.release_and_wait(&irql) };",
            code: "let kept = device.device().again(); drop(device); let device = kept;",
        },
        "mixed",
        "SDV/RemoveLockMnRemove",
    ),
    (
        Planted {
            name: "a device that is deleted and was not detached",
            file: "crates/wdm/src/device.rs",
            place: "unsafe { IoDetachDevice(lower.as_ptr()) };",
            code: "let _ = lower;",
        },
        "mixed",
        "0xC9/0x201",
    ),
    (
        Planted {
            name: "a removal that frees nothing of what the device had",
            file: "crates/wdm/src/device.rs",
            place: "unsafe { ptr::drop_in_place(Extension::state(self.extension())) };",
            code: "",
        },
        "mixed",
        "0xC4/0x62",
    ),
    (
        Planted {
            name: "a device that never says that it is initialised",
            file: "crates/wdm/src/add_device.rs",
            place: "flags.fetch_and(!DO_DEVICE_INITIALIZING, Ordering::Release);",
            code: "let _ = flags;",
        },
        "mixed",
        "0xC9/0x243",
    ),
    (
        Planted {
            name: "a request that is sent again although its routine was refused",
            file: "crates/wdm/src/hold.rs",
            place: "Some(held::<D, C, R>)) }.is_err() {",
            code: "Some(held::<D, C, R>)) }.is_err() && false {",
        },
        "retry",
        "0xC4/0x4100F",
    ),
    (
        Planted {
            name: "a request that is completed with the MDL of a part of it",
            file: "crates/wdm/src/split/serial.rs",
            place: "Whole::Direct(mdl) => unsafe { layout::irp::mdl_address(irp.as_ptr()).write(mdl.as_ptr()) },",
            code: "Whole::Direct(_) => {}",
        },
        "split",
        "LAB/MdlNotRestored",
    ),
    (
        Planted {
            name: "an IRP of the driver's own that is not freed",
            file: "crates/wdm/src/own_irp.rs",
            place: "unsafe { IoFreeIrp(self.raw.as_ptr()) };",
            code: "",
        },
        "probe",
        "0xC4/0x62",
    ),
    (
        Planted {
            name: "a probe whose pages stay locked",
            file: "crates/wdm/src/own_irp.rs",
            place: "unsafe { MmUnlockPages(mdl) };",
            code: "",
        },
        "probe",
        "0xCB",
    ),
];

/// Runs every step. `help` is the text of the command line, which the documentation repeats.
///
/// # Errors
///
/// A step fails; it has said why.
pub fn run(workspace: &Workspace, help: &str) -> Result<()> {
    step("formatting", || {
        process::run(workspace.cargo().args(["fmt", "--all", "--", "--check"]))?;
        compile_fail::formatted(workspace)
    })?;
    step("the repository's own rules", || own_rules(workspace))?;
    step("generated documentation", || {
        docs::refresh(workspace.root(), help, true)
    })?;
    step("clippy, host", || clippy(workspace))?;
    let builder = step("what the driver's build needs", || {
        Builder::prepare(workspace, Target::X64)
    })?;
    step("driver, release", || {
        package(workspace, &builder, Target::X64, Profile::Release)
    })?;
    step("drivers of the tests", || {
        builder.build_test_drivers(workspace, Profile::Release).map(drop)
    })?;
    step("clippy, drivers", || builder.clippy(workspace))?;
    step("what must not compile", || compile_fail::check(workspace, &builder))?;
    step("mingw-w64's compiler", install_c_compiler)?;
    // The driver's own tests are ignored by a plain `cargo test`, since that has no driver to run.
    step("tests", || {
        process::run(
            workspace
                .cargo()
                .args(["test", "--locked", "--workspace", "--", "--include-ignored"]),
        )
    })?;
    step("what processors share, in every interleaving", || {
        interleavings(workspace)
    })?;
    step("driver, dev profile", || dev_profile(workspace, &builder))?;
    step("driver, ARM64", || {
        let builder = Builder::prepare(workspace, Target::Arm64)?;
        package(workspace, &builder, Target::Arm64, Profile::Release)
    })?;
    let copies = step("reproducible build", || {
        reproduce::verify(workspace, &builder, Profile::Release)
    })?;
    step("a second build has nothing to do", || {
        nothing_to_do(&builder, &copies[0])
    })?;
    for planted in &PLANTED_PANICS {
        step(&format!("the image gate finds {}", planted.name), || {
            gate_finds(&builder, &copies[1], planted)
        })?;
    }
    step(&format!("`cargo xtask run` finds {}", PLANTED_MISCOUNT.name), || {
        run_finds_miscount(&builder, &copies[1])
    })?;
    for (planted, scenario, rule) in &PLANTED_VIOLATIONS {
        step(&format!("the lab finds {}", planted.name), || {
            lab_finds(&builder, &copies[1], planted, (scenario, rule))
        })?;
    }
    println!("\nall checks passed");
    Ok(())
}

fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("\n== {name}");
    let start = Instant::now();
    let result = work().with_context(|| format!("{name}: failed"))?;
    eprintln!("== {name}: passed in {} s", start.elapsed().as_secs());
    Ok(result)
}

/// Clippy over the crates of the host. Off Windows the drivers and wdm are among them, as empty crates.
fn clippy(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--locked", "--workspace", "--all-targets"]);
    if cfg!(windows) {
        cargo.args(["--exclude", "irpscope", "--exclude", "wdm"]);
        for name in test_drivers::names(workspace)? {
            cargo.args(["--exclude", &name]);
        }
    }
    process::run(cargo.args(["--", "--deny", "warnings"]))
}

fn own_rules(workspace: &Workspace) -> Result<()> {
    let findings = lints::run(workspace.root())?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    ensure!(
        findings.is_empty(),
        "the {} places above break the repository's rules",
        findings.len()
    );
    Ok(())
}

fn package(workspace: &Workspace, builder: &Builder, target: Target, profile: Profile) -> Result<()> {
    let artifacts = builder.build(workspace, profile)?;
    let options = package::Options {
        target,
        profile,
        disks: Match::AsWritten,
    };
    println!("{}", package::make(workspace, &artifacts, &options)?);
    Ok(())
}

/// Runs the tests in which loom's atomics take the place of the processor's. They are built in a folder of their own, since
/// every crate is compiled otherwise for them.
fn interleavings(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.env("RUSTFLAGS", "--cfg loom");
    cargo.args(["test", "--locked", "--release", "--package", "policy", "--test", "loom"]);
    // On Windows wdm is no empty crate, and loom is for its tests alone.
    if !cfg!(windows) {
        cargo.args(["--package", "wdm", "--test", "shared_by_processors"]);
    }
    process::run(cargo.arg("--target-dir").arg(workspace.target().join("loom")))
}

/// Runs the driver's tests over an image with assertions and overflow checks, which is no package.
fn dev_profile(workspace: &Workspace, builder: &Builder) -> Result<()> {
    let artifacts = builder.build(workspace, Profile::Dev)?;
    let report = package::inspect(workspace, &artifacts, Target::X64, Profile::Dev)?;
    package::require_passed(&report, &artifacts)?;
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--locked",
        "--package",
        "irpscope-tests",
        "--test",
        "filter",
        "--",
        "--include-ignored",
    ]);
    process::run(cargo.env("IRPSCOPE_SYS", &artifacts.image))
}

/// Builds again what was just built from nothing, and expects that no file of it is made anew.
fn nothing_to_do(builder: &Builder, copy: &Copy) -> Result<()> {
    let modified = |artifacts: &Artifacts| fs::metadata(&artifacts.image).and_then(|image| image.modified());
    let before = modified(&copy.artifacts)?;
    let again = builder.build(&copy.workspace, Profile::Release)?;
    ensure!(
        modified(&again)? == before,
        "the driver was built again although nothing had changed: an input of the build is newer than its result"
    );
    Ok(())
}

/// Builds a copy of the checkout with a fault in it.
fn build_planted(builder: &Builder, copy: &Copy, planted: &Planted) -> Result<Artifacts> {
    let Planted { file: name, place, .. } = planted;
    let file = copy.workspace.root().join(name);
    let clean = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(
        clean.matches(place).count() == 1,
        "{name} does not have `{place}` just once, where the fault is to go: adapt xtask/src/test.rs"
    );
    fs::write(&file, clean.replace(place, planted.code))?;
    let built = builder.build(&copy.workspace, Profile::Release);
    fs::write(&file, clean)?;
    built
}

/// Expects the gate to refuse an image for the fault in it.
fn gate_finds(builder: &Builder, copy: &Copy, planted: &Planted) -> Result<()> {
    let built = build_planted(builder, copy, planted)?;
    let report = package::inspect(&copy.workspace, &built, Target::X64, Profile::Release)?;
    ensure!(
        report
            .findings
            .iter()
            .any(|finding| matches!(finding.check, Check::PanicSymbol | Check::BugCheck)),
        "the image gate lets a driver pass that has {}",
        planted.name
    );
    Ok(())
}

/// Expects the lab to find the fault in this scenario, in every run in which it finds anything under the id of the rule.
fn lab_finds(builder: &Builder, copy: &Copy, planted: &Planted, (scenario, rule): (&str, &str)) -> Result<()> {
    let built = build_planted(builder, copy, planted)?;
    let Some(found) = in_lab::broken_rules(&built.image, scenario)? else {
        eprintln!("there is no lab on this host");
        return Ok(());
    };
    ensure!(
        found.iter().eq([rule]),
        "the lab finds {found:?} and not {rule} in a driver that has {}",
        planted.name
    );
    Ok(())
}

/// Expects the comparison of what the filter counts with what was sent to it to show the fault.
fn run_finds_miscount(builder: &Builder, copy: &Copy) -> Result<()> {
    let built = build_planted(builder, copy, &PLANTED_MISCOUNT)?;
    let Some(found) = in_lab::miscounts(&built.image)? else {
        eprintln!("there is no lab on this host");
        return Ok(());
    };
    ensure!(
        found.iter().any(|line| line.contains("succeeded: the filter counted")),
        "nobody notices {}: {found:?}",
        PLANTED_MISCOUNT.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found out here, and not when everything before a planted fault has been run.
    #[test]
    fn each_planted_fault_has_its_one_place() {
        let workspace = Workspace::here();
        let violations = PLANTED_VIOLATIONS.iter().map(|(planted, ..)| planted);
        for planted in PLANTED_PANICS.iter().chain([&PLANTED_MISCOUNT]).chain(violations) {
            let file = fs::read_to_string(workspace.root().join(planted.file)).expect(planted.file);
            assert_eq!(
                file.matches(planted.place).count(),
                1,
                "{}: {}",
                planted.file,
                planted.place
            );
        }
    }
}
