//! Build script of the driver, and of each driver in `tests/drivers`: the linker's options, and the version resource.
//!
//! It does its work only where there is a driver to build, which is when the target is Windows.

fn main() {
    // Every package that has this build script has a manifest; the script itself cargo watches by itself.
    println!("cargo::rerun-if-changed=Cargo.toml");
    #[cfg(any(windows, feature = "cross"))]
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "windows")
        && let Err(error) = driver::configure()
    {
        println!("cargo::error={error}");
    }
}

#[cfg(any(windows, feature = "cross"))]
mod driver {
    use std::{env, error::Error, fs, path::Path};

    /// What wdk-build leaves out of the linker's options for a WDM driver.
    const LINK_ARGUMENTS: [&str; 3] = [
        // The kernel checks the checksum of what it loads at boot, and this option computes it.
        "/RELEASE",
        // Instead of the time of the build, the image carries a hash of itself.
        "/Brepro",
        "/HIGHENTROPYVA",
    ];

    /// What wdk-build takes from the environment without telling cargo: another kit is another folder of libraries.
    const KIT_VARIABLES: [&str; 2] = ["WDKContentRoot", "Version_Number"];

    pub(crate) fn configure() -> Result<(), Box<dyn Error>> {
        for variable in KIT_VARIABLES {
            println!("cargo::rerun-if-env-changed={variable}");
        }
        for argument in LINK_ARGUMENTS {
            println!("cargo::rustc-cdylib-link-arg={argument}");
        }
        let name = env::var("CARGO_PKG_NAME")?;
        // The image names its debugging information without this machine's folders.
        println!("cargo::rustc-cdylib-link-arg=/PDBALTPATH:{name}.pdb");
        let script = Path::new(&env::var("OUT_DIR")?).join(format!("{name}.rc"));
        let mut text = version_resource(&name)?;
        // Only the driver that ships writes events.
        if name == "irpscope" {
            println!("cargo::rerun-if-changed=src/messages.in.rs");
            let table = script.with_extension("mc.bin");
            fs::write(&table, message_table())?;
            // RT_MESSAGETABLE is 11. The name alone: the resource compiler looks beside the script.
            text.push_str(&format!("1 11 \"{name}.mc.bin\"\n"));
        }
        // Written only when it changes: its time is an input of the build.
        if !fs::read_to_string(&script).is_ok_and(|old| old == text) {
            fs::write(&script, text)?;
        }
        compile_resource(&script)?;
        wdk_build::configure_wdk_binary_build()?;
        Ok(())
    }

    /// Compiles a resource script with the SDK's compiler and links the result into the image.
    #[cfg(windows)]
    fn compile_resource(script: &Path) -> Result<(), Box<dyn Error>> {
        Ok(embed_resource::compile_for_cdylib(script, embed_resource::NONE).manifest_required()?)
    }

    /// Compiles a resource script with LLVM's compiler and links the result into the image.
    ///
    /// embed-resource would do so as well, but not without a C compiler, to preprocess what needs no preprocessing.
    #[cfg(not(windows))]
    fn compile_resource(script: &Path) -> Result<(), Box<dyn Error>> {
        println!("cargo::rerun-if-env-changed=IRPSCOPE_LLVM_RC");
        let compiler = env::var_os("IRPSCOPE_LLVM_RC").ok_or("the driver is built by `cargo xtask build`")?;
        let resource = script.with_extension("res");
        let status = std::process::Command::new(compiler)
            .args(["/no-preprocess", "/FO"])
            .args([resource.as_path(), "--".as_ref(), script])
            .status()?;
        if !status.success() {
            return Err(format!("llvm-rc cannot compile {}", script.display()).into());
        }
        println!("cargo::rustc-link-arg-cdylib={}", resource.display());
        Ok(())
    }

    /// The number and the text of each event.
    fn messages() -> Vec<(u32, &'static str)> {
        macro_rules! messages {
            ($($name:ident = $code:literal, $text:literal;)*) => {
                vec![$(($code, $text)),*]
            };
        }
        include!("src/messages.in.rs")
    }

    /// The message table of the image, as Microsoft's message compiler would make it: MESSAGE_RESOURCE_DATA with a block for
    /// each run of numbers, and an entry for each message in UTF-16 with its zero, padded to four bytes.
    fn message_table() -> Vec<u8> {
        const UNICODE: u16 = 1;
        let mut messages = messages();
        messages.sort_unstable();
        let mut blocks: Vec<(u32, u32, Vec<u8>)> = Vec::new();
        for (code, text) in messages {
            let mut units: Vec<u16> = format!("{text}\r\n\0").encode_utf16().collect();
            if units.len() % 2 == 1 {
                units.push(0);
            }
            let length = u16::try_from(4 + 2 * units.len()).expect("a message is short");
            let entry = [length, UNICODE].into_iter().chain(units).flat_map(u16::to_le_bytes);
            match blocks.last_mut() {
                Some((_, last, entries)) if *last + 1 == code => {
                    *last = code;
                    entries.extend(entry);
                }
                _ => blocks.push((code, code, entry.collect())),
            }
        }
        let mut offset = 4 + 12 * blocks.len();
        let mut table = u32::try_from(blocks.len()).expect("few blocks").to_le_bytes().to_vec();
        for (first, last, entries) in &blocks {
            for word in [*first, *last, u32::try_from(offset).expect("a small table")] {
                table.extend(word.to_le_bytes());
            }
            offset += entries.len();
        }
        for (_, _, entries) in blocks {
            table.extend(entries);
        }
        table
    }

    /// The version resource, which says what the package's manifest says.
    ///
    /// Values of names that a resource compiler would take from headers are written as numbers, so that it needs none.
    fn version_resource(name: &str) -> Result<String, Box<dyn Error>> {
        let package = |name: &str| env::var(format!("CARGO_PKG_{name}"));
        let (major, minor, patch) = (
            package("VERSION_MAJOR")?,
            package("VERSION_MINOR")?,
            package("VERSION_PATCH")?,
        );
        let license = package("LICENSE")?;
        let strings = [
            ("CompanyName", "The irpscope developers".to_owned()),
            ("FileDescription", package("DESCRIPTION")?),
            ("FileVersion", package("VERSION")?),
            ("InternalName", name.to_owned()),
            ("LegalCopyright", format!("The irpscope developers. License: {license}")),
            ("OriginalFilename", format!("{name}.sys")),
            ("ProductName", "irpscope".to_owned()),
            ("ProductVersion", package("VERSION")?),
        ];
        let strings: String = strings
            .iter()
            .map(|(name, value)| format!("      VALUE \"{name}\", \"{value}\\0\"\n"))
            .collect();
        Ok(format!(
            "// VS_VERSION_INFO of a driver (VFT_DRV 3, VFT2_DRV_SYSTEM 7) for Windows NT (VOS_NT_WINDOWS32).\n\
             1 VERSIONINFO\n\
             FILEVERSION {major},{minor},{patch},0\n\
             PRODUCTVERSION {major},{minor},{patch},0\n\
             FILEFLAGSMASK 0x3F\n\
             FILEFLAGS 0\n\
             FILEOS 0x40004\n\
             FILETYPE 3\n\
             FILESUBTYPE 7\n\
             BEGIN\n\
             \x20 BLOCK \"StringFileInfo\"\n\
             \x20 BEGIN\n\
             \x20   BLOCK \"040904B0\"\n\
             \x20   BEGIN\n\
             {strings}\
             \x20   END\n\
             \x20 END\n\
             \x20 BLOCK \"VarFileInfo\"\n\
             \x20 BEGIN\n\
             \x20   VALUE \"Translation\", 0x0409, 1200\n\
             \x20 END\n\
             END\n"
        ))
    }
}
