//! What Microsoft's own metadata says of a kernel function: its DLL and the sizes in its signature.
//!
//! The source is the text of the crate windows-sys, which Microsoft generates from the Windows
//! Driver Kit's metadata. Each function stands there as
//! `windows_link::link!("ntoskrnl.exe" "system" fn IoDeleteDevice(...))`. It is read as text, so
//! that the name of the DLL is seen and nothing of it has to be compiled.
//!
//! It is no reference for layouts: windows-sys drops the kernel headers' alignment attributes, so
//! the offsets of some of its structures are wrong. Parameters are scalars and pointers, which that
//! leaves alone.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use syn::parse::{Parse, ParseStream};
use syn::{FnArg, Item, LitStr, ReturnType};

use super::types::{Types, is_for_x64};

/// A function of the metadata, with the sizes in bytes of what it takes and returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The exporting image.
    pub dll: String,
    /// The size of each parameter, and of the return value.
    pub shape: Shape,
}

/// The sizes in a signature, shown as the table writes them: `(8, 4) -> 4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The size of each parameter.
    pub parameters: Vec<usize>,
    /// The size of the return value, 0 where there is none.
    pub returns: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<_> = self.parameters.iter().map(ToString::to_string).collect();
        write!(f, "({})", sizes.join(", "))?;
        if self.returns > 0 {
            write!(f, " -> {}", self.returns)?;
        }
        Ok(())
    }
}

/// The functions of the Windows Driver Kit's metadata, by name.
pub struct Metadata {
    types: Types,
    /// A name can stand for more than one DLL.
    functions: HashMap<String, Vec<Declaration>>,
}

struct Declaration {
    dll: String,
    signature: syn::Signature,
    /// Where the paths in the signature start from.
    module: Vec<String>,
}

impl Metadata {
    /// Reads the metadata that the workspace with this `Cargo.toml` has locked.
    pub fn load(manifest: &Path) -> Result<Self> {
        Self::read(&source_folder(manifest)?)
    }

    /// Reads the metadata in the folder `src` of windows-sys.
    pub fn read(source: &Path) -> Result<Self> {
        let mut metadata = Self {
            types: Types::new(source.to_owned()),
            functions: HashMap::new(),
        };
        metadata.read_module(&source.join("Windows/Wdk"), &mut vec!["Wdk".to_owned()])?;
        if metadata.functions.is_empty() {
            bail!(
                "{}: no link! line in it; has windows-sys changed its form? adapt imports/metadata.rs",
                source.display()
            );
        }
        Ok(metadata)
    }

    /// The names of all functions of one DLL, in no order.
    pub fn names<'a>(&'a self, dll: &'a str) -> impl Iterator<Item = &'a str> {
        self.functions
            .iter()
            .filter(move |(_, all)| all.iter().any(|one| one.dll.eq_ignore_ascii_case(dll)))
            .map(|(name, _)| name.as_str())
    }

    /// Every function of that name, one for each DLL that exports it.
    pub fn find(&mut self, name: &str) -> Result<Vec<Function>> {
        let Some(declarations) = self.functions.get(name) else {
            return Ok(Vec::new());
        };
        let types = &mut self.types;
        declarations
            .iter()
            .map(|declaration| declaration.sizes(types))
            .collect::<Result<_>>()
            .with_context(|| format!("{name}: its size is not to be had from the metadata"))
    }

    fn read_module(&mut self, folder: &Path, module: &mut Vec<String>) -> Result<()> {
        for item in super::types::parse(&folder.join("mod.rs"))?.items {
            match item {
                Item::Mod(inner) => {
                    let name = inner.ident.to_string();
                    module.push(name.clone());
                    self.read_module(&folder.join(name), module)?;
                    module.pop();
                }
                Item::Macro(item) if is_link(&item.mac.path) && is_for_x64(&item.attrs) => {
                    let Link { dll, signature } = item
                        .mac
                        .parse_body()
                        .with_context(|| format!("{}: a link! line in an unknown form", folder.display()))?;
                    let module = module.clone();
                    self.functions
                        .entry(signature.ident.to_string())
                        .or_default()
                        .push(Declaration { dll, signature, module });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Declaration {
    fn sizes(&self, types: &mut Types) -> Result<Function> {
        if self.signature.variadic.is_some() {
            bail!("it is variadic, so its parameters have no fixed sizes");
        }
        let mut parameters = Vec::new();
        for input in &self.signature.inputs {
            match input {
                FnArg::Typed(parameter) => {
                    parameters.push(types.size(&parameter.ty, &self.module)?);
                }
                FnArg::Receiver(_) => bail!("it is a method"),
            }
        }
        let returns = match &self.signature.output {
            ReturnType::Default => 0,
            ReturnType::Type(_, ty) => types.size(ty, &self.module)?,
        };
        Ok(Function {
            dll: self.dll.clone(),
            shape: Shape { parameters, returns },
        })
    }
}

/// The arguments of `link!`: the DLL, the calling convention, sometimes an exported name that
/// differs from the function's, and the function.
struct Link {
    dll: String,
    signature: syn::Signature,
}

impl Parse for Link {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let dll = input.parse::<LitStr>()?.value();
        input.parse::<LitStr>()?;
        let exported: Option<LitStr> = if input.peek(LitStr) { Some(input.parse()?) } else { None };
        let mut signature: syn::Signature = input.parse()?;
        if let Some(exported) = exported {
            signature.ident = syn::Ident::new(&exported.value(), exported.span());
        }
        Ok(Self { dll, signature })
    }
}

fn is_link(path: &syn::Path) -> bool {
    path.segments.last().is_some_and(|last| last.ident == "link")
}

/// Where cargo has unpacked windows-sys; that it is there is why xtask depends on it.
fn source_folder(manifest: &Path) -> Result<PathBuf> {
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cargo metadata failed; run `cargo fetch` once with a network")?;
    let dependency = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .filter(|node| metadata[&node.id].name == "xtask")
        .flat_map(|node| &node.deps)
        .find(|dependency| dependency.name == "windows_sys")
        .context("xtask does not depend on windows-sys; it is the metadata of imports.in.rs")?;
    let folder = metadata[&dependency.pkg]
        .manifest_path
        .with_file_name("src")
        .into_std_path_buf();
    fs::metadata(&folder).with_context(|| format!("{}: cannot be read; run `cargo fetch`", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata of one module `Wdk::Foundation` beside the module `core`.
    fn fixture(foundation: &str) -> Result<Metadata> {
        let folder = tempfile::tempdir()?;
        for (file, text) in [
            ("core/mod.rs", "pub type PCSTR = *const u8;"),
            ("Windows/Wdk/mod.rs", "pub mod Foundation;"),
            ("Windows/Wdk/Foundation/mod.rs", foundation),
        ] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap())?;
            fs::write(file, text)?;
        }
        // Read to the end here, since the definitions are read late and the folder goes.
        let mut metadata = Metadata::read(folder.path())?;
        let names: Vec<_> = metadata.names("a.sys").map(str::to_owned).collect();
        for name in names {
            metadata.find(&name)?;
        }
        Ok(metadata)
    }

    fn shape(types: &str, function: &str) -> String {
        let link = format!(r#"{types} windows_link::link!("a.sys" "system" {function});"#);
        fixture(&link).unwrap().find("F").unwrap()[0].shape.to_string()
    }

    #[test]
    fn every_function_of_the_kernel_has_known_sizes() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut metadata = Metadata::load(&manifest).unwrap();
        for (dll, at_least) in [("NTOSKRNL.EXE", 1_000), ("hal.dll", 20)] {
            let names: Vec<_> = metadata.names(dll).map(str::to_owned).collect();
            assert!(names.len() > at_least, "{dll}: only {} functions", names.len());
            for name in names {
                metadata.find(&name).unwrap();
            }
        }
        let by_value = &metadata.find("FsRtlDissectName").unwrap()[0];
        assert_eq!(by_value.shape.to_string(), "(16, 8, 8)", "a UNICODE_STRING by value");
    }

    #[test]
    fn a_type_is_followed_to_its_size() {
        assert_eq!(
            shape("", "fn F(a: bool, b: u16, c: i32, d: usize) -> !"),
            "(1, 2, 4, 8)"
        );
        assert_eq!(shape("", "fn F(a: windows_sys::core::PCSTR) -> i64"), "(8) -> 8");
        let routine = r#"pub type R = Option<unsafe extern "system" fn(a: u8)>;"#;
        assert_eq!(shape(routine, "fn F(a: super::Foundation::R)"), "(8)");
        let nested = "pub type N = u16;
            #[repr(C)] pub struct S { a: u8, b: U, c: [N; 3] }
            #[repr(C)] pub union U { a: u32, b: u8 }";
        assert_eq!(shape(nested, "fn F(a: S, b: U)"), "(16, 4)");
        let packed = "#[repr(C, packed(2))] pub struct P { a: u8, b: u64, c: u8 }";
        assert_eq!(shape(packed, "fn F(a: P)"), "(12)");
    }

    #[test]
    fn the_form_for_x64_is_taken() {
        let two = r#"#[cfg(target_arch = "x86")] pub type T = u32;
            #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))] pub type T = u64;
            #[cfg(target_arch = "x86")] pub type T = u16;"#;
        assert_eq!(shape(two, "fn F(a: T)"), "(8)");
    }

    #[test]
    fn a_name_is_the_exported_one_and_can_be_of_two_dlls() {
        let mut metadata = fixture(
            r#"windows_link::link!("a.sys" "system" "Exported" fn Rust(a: u8));
               windows_link::link!("b.sys" "system" fn Exported(a: u32));"#,
        )
        .unwrap();
        assert!(metadata.find("Rust").unwrap().is_empty());
        let found = metadata.find("Exported").unwrap();
        let found: Vec<_> = found.iter().map(|one| format!("{}{}", one.dll, one.shape)).collect();
        assert_eq!(found, ["a.sys(1)", "b.sys(4)"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_never_a_guess() {
        for (function, error) in [
            ("fn F(a: u8, ...)", "variadic"),
            ("fn F(a: Missing)", "no type Wdk::Foundation::Missing"),
            (
                "fn F(a: Option<u8>)",
                "an Option of something other than a function pointer",
            ),
            ("fn F(a: &u8)", "a type of an unknown form"),
            ("fn F(a: [u8; N])", "an array whose length is not a number"),
            ("fn F(a: super::super::super::T)", "a path that leaves the crate"),
        ] {
            let link = format!(r#"windows_link::link!("a.sys" "system" {function});"#);
            let told = format!("{:#}", fixture(&link).err().unwrap());
            assert!(told.contains(error), "{function}: {told}");
        }
        let aligned = r#"#[repr(C, align(16))] pub struct A { a: u8 }
            windows_link::link!("a.sys" "system" fn F(a: A));"#;
        let told = format!("{:#}", fixture(aligned).err().unwrap());
        assert!(told.contains("a representation other than C and packed"), "{told}");
        let empty = format!("{:#}", fixture("").err().unwrap());
        assert!(empty.contains("no link! line"), "{empty}");
    }
}
