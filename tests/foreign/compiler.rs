//! mingw-w64's C compiler, as driver developers call it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// How most make files link a driver.
pub(crate) const USUAL_FLAGS: &[&str] = &["-shared", "-Wl,--dynamicbase"];

pub(crate) struct Compiler {
    /// Where the headers for drivers are: no other header finds them by itself.
    headers: PathBuf,
    output: PathBuf,
}

impl Compiler {
    /// The compiler of this machine.
    pub(crate) fn find() -> Self {
        let asked = Command::new(COMPILER)
            .args(["-E", "-v", "-x", "c", "-"])
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{COMPILER}: {error}: install gcc-mingw-w64-x86-64"));
        let told = String::from_utf8_lossy(&asked.stderr).into_owned();
        let headers = told
            .lines()
            .map(|line| Path::new(line.trim()).join("ddk"))
            .find(|folder| folder.join("ntddk.h").exists())
            .unwrap_or_else(|| panic!("{COMPILER} has no ddk/ntddk.h in its folders"));
        let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
        fs::create_dir_all(&output).unwrap_or_else(|error| panic!("{}: {error}", output.display()));
        Self { headers, output }
    }

    /// Builds one driver.
    pub(crate) fn build(&self, source: &Path, name: &str, flags: &[&str]) -> PathBuf {
        let image = self.output.join(format!("{name}.sys"));
        let output = Command::new(COMPILER)
            .args([
                "-std=gnu11",
                "-O1",
                "-Wall",
                "-Werror",
                "-Wno-multichar",
                "-Wno-unknown-pragmas",
            ])
            .args([
                "-nostdlib",
                "-nostartfiles",
                "-Wl,--subsystem,native",
                "-Wl,--entry,DriverEntry",
            ])
            .args(flags)
            .arg("-isystem")
            .arg(&self.headers)
            .arg("-o")
            .arg(&image)
            .arg(source)
            .args(["-lntoskrnl", "-lhal"])
            .output()
            .unwrap_or_else(|error| panic!("{COMPILER}: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        image
    }

    /// Builds several, as many at once as there are processors.
    pub(crate) fn build_all<'a>(&self, drivers: impl Iterator<Item = (&'a Path, &'a str)>) -> Vec<PathBuf> {
        let drivers: Vec<_> = drivers.collect();
        let at_once = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut images = Vec::new();
        for group in drivers.chunks(at_once) {
            thread::scope(|scope| {
                let builds: Vec<_> = group
                    .iter()
                    .map(|&(source, name)| scope.spawn(move || self.build(source, name, USUAL_FLAGS)))
                    .collect();
                images.extend(builds.into_iter().map(|build| {
                    let built = build.join();
                    built.unwrap_or_else(|reason| std::panic::resume_unwind(reason))
                }));
            });
        }
        images
    }
}
