//! This program as the linker that rustc calls.
//!
//! The image carries a hash of its debugging information, and that holds the linker's working folder, its command line
//! and the path of every object. rustc gives it absolute paths, some of them of temporary folders with random names. So
//! the linker proper is run in a folder of its own where every input has its bare name, and sees nothing that differs
//! from one build to the next.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};

use crate::target::Target;

use super::symlink;

/// The name under which this program is a linker.
pub(super) const NAME: &str = "windows-linker";

/// The linker proper.
const LINKER: &str = "IRPSCOPE_LINKER";

/// The name by which the linker proper is called. rust-lld links for Windows when it is called by this one.
const PROPER: &str = "lld-link";

/// What the debugging information has as the working folder.
const WORKING_FOLDER: &str = "/irpscope/target";

/// Makes cargo link for `target` with this program, and this program with `linker`.
pub(super) fn apply(cargo: &mut Command, tools: &Path, target: Target, linker: &Path) {
    let variable = format!(
        "CARGO_TARGET_{}_LINKER",
        target.triple().to_uppercase().replace('-', "_")
    );
    cargo.env(variable, tools.join(NAME)).env(LINKER, linker);
}

/// Links with the arguments that rustc gave.
pub(super) fn link(arguments: Vec<OsString>) -> Result<ExitCode> {
    let linker = PathBuf::from(env::var_os(LINKER).with_context(|| format!("{NAME} is called by cargo xtask only"))?);
    let plan = Plan::new(arguments)?;
    let folder = plan.output_folder.join(&plan.link_folder);
    // What an interrupted run has left is no input of this one.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (original, name) in &plan.inputs {
        let copy = folder.join(name);
        fs::hard_link(original, &copy)
            .or_else(|_| fs::copy(original, &copy).map(drop))
            .with_context(|| format!("cannot put {} into {}", original.display(), folder.display()))?;
    }
    let program = folder.join(PROPER);
    symlink(&linker, &program).with_context(|| format!("cannot make the link {}", program.display()))?;

    let status = proper(&program, &folder)
        .args(&plan.arguments)
        .status()
        .with_context(|| format!("cannot run the linker {}", linker.display()))?;
    if !status.success() {
        return Ok(ExitCode::FAILURE);
    }
    for name in &plan.outputs {
        let output = folder.join(name);
        if output.is_file() {
            let place = plan.output_folder.join(name);
            fs::rename(&output, &place).with_context(|| format!("cannot write {}", place.display()))?;
        }
    }
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The linker proper, called by a relative name: the debugging information has the name by which it was called.
fn proper(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::arg0(&mut command, PROPER);
    command.current_dir(folder);
    command
}

/// A call of the linker in which every file has its bare name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    arguments: Vec<OsString>,
    inputs: Vec<(PathBuf, OsString)>,
    outputs: Vec<OsString>,
    output_folder: PathBuf,
    /// Where the linker proper runs, below the output's folder: one for each image, since two may be linked at once.
    link_folder: OsString,
}

impl Plan {
    fn new(arguments: Vec<OsString>) -> Result<Self> {
        let mut plan = Self::default();
        for argument in arguments {
            let text = argument
                .to_str()
                .context("the linker is given a path that is no text; build in another folder")?;
            if let Some(path) = text.strip_prefix("/OUT:") {
                let path = Path::new(path);
                plan.output_folder = path
                    .parent()
                    .context("the linker is given no folder to write to")?
                    .to_owned();
                let name = bare_name(path)?;
                plan.link_folder = format!("link-{name}").into();
                // The linker names the map and the debugging information after the image.
                plan.outputs.extend([
                    name.into(),
                    file_name(&path.with_extension("pdb")),
                    file_name(&path.with_extension("map")),
                ]);
                plan.arguments.push(format!("/OUT:{name}").into());
            } else if let Some(path) = text.strip_prefix("/IMPLIB:") {
                let name = bare_name(Path::new(path))?;
                plan.outputs.push(name.into());
                plan.arguments.push(format!("/IMPLIB:{name}").into());
            } else if let Some(path) = text.strip_prefix("/DEF:") {
                let name = plan.input(path)?;
                plan.arguments.push(format!("/DEF:{name}").into());
            } else if text.starts_with("/LIBPATH:") {
                // Every library is given with its path, so there is nothing to search for.
            } else if Path::new(text).is_file() {
                let name = plan.input(text)?;
                plan.arguments.push(name.into());
            } else if text.starts_with('@') {
                bail!(
                    "the linker is given its arguments in a file, which it is only where they are too long for a call"
                );
            } else {
                plan.arguments.push(argument);
            }
        }
        if plan.output_folder.as_os_str().is_empty() {
            bail!("{NAME} is called by rustc, with the arguments of a linker for Windows");
        }
        plan.arguments.push(format!("/PDBSOURCEPATH:{WORKING_FOLDER}").into());
        Ok(plan)
    }

    /// Takes an input file and gives back the name that it has in the linker's folder.
    fn input(&mut self, path: &str) -> Result<String> {
        let path = Path::new(path);
        let name = bare_name(path)?.to_owned();
        match self.inputs.iter().find(|(_, known)| *known == *name) {
            None => self.inputs.push((path.to_owned(), name.clone().into())),
            // A library that two crates ask for is given twice.
            Some((known, _)) if known == path => {}
            Some(_) => bail!("two of the linker's inputs have the name {name}; run `cargo clean` and build again"),
        }
        Ok(name)
    }
}

fn bare_name(path: &Path) -> Result<&str> {
    path.file_name()
        .and_then(OsStr::to_str)
        .with_context(|| format!("{} names no file", path.display()))
}

fn file_name(path: &Path) -> OsString {
    path.file_name().unwrap_or(path.as_os_str()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[String]) -> Result<Plan> {
        Plan::new(arguments.iter().map(OsString::from).collect())
    }

    #[test]
    fn nothing_in_the_linkers_call_names_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["a.o", "lib.def"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let plan = plan(&[
            format!("/DEF:{}", place("lib.def")),
            "/NOLOGO".to_owned(),
            place("a.o"),
            format!("/LIBPATH:{}", place("lib")),
            format!("/OUT:{}", place("d.dll")),
            format!("/IMPLIB:{}", place("d.dll.lib")),
        ])
        .unwrap();
        let pdb_folder = format!("/PDBSOURCEPATH:{WORKING_FOLDER}");
        assert_eq!(
            plan.arguments,
            [
                "/DEF:lib.def",
                "/NOLOGO",
                "a.o",
                "/OUT:d.dll",
                "/IMPLIB:d.dll.lib",
                &pdb_folder
            ]
        );
        assert_eq!(plan.outputs, ["d.dll", "d.pdb", "d.map", "d.dll.lib"]);
        assert_eq!(plan.output_folder, folder.path());
        assert_eq!(plan.inputs.len(), 2);
    }

    #[test]
    fn two_images_that_are_linked_at_once_do_not_share_a_folder() {
        let [first, second] = ["a", "b"].map(|name| plan(&[format!("/OUT:/deps/{name}.dll")]).unwrap());
        assert_eq!(first.output_folder, second.output_folder);
        assert_ne!(first.link_folder, second.link_folder);
    }

    #[test]
    fn two_inputs_of_one_name_are_not_mixed_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = vec!["/OUT:d.dll".to_owned()];
        for below in ["1", "2"] {
            fs::create_dir(folder.path().join(below)).unwrap();
            let object = folder.path().join(below).join("a.o");
            fs::write(&object, "").unwrap();
            arguments.push(object.to_str().unwrap().to_owned());
        }
        assert!(plan(&arguments).unwrap_err().to_string().contains("a.o"));
    }

    #[test]
    fn one_input_that_is_given_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("kernel.lib");
        fs::write(&library, "").unwrap();
        let library = library.to_str().unwrap().to_owned();
        let plan = plan(&[library.clone(), library, "/OUT:/deps/d.dll".to_owned()]).unwrap();
        assert_eq!(plan.inputs.len(), 1);
        assert_eq!(plan.arguments[..2], ["kernel.lib", "kernel.lib"]);
    }

    #[test]
    fn a_call_that_writes_nothing_is_an_error() {
        assert!(plan(&["/NOLOGO".to_owned()]).is_err());
    }
}
