//! What the driver is built for, and how: the names of both, in each place that has a name of its own for them.

use std::fmt;

use clap::ValueEnum;

/// What the driver is built for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// x64 Windows.
    #[default]
    #[value(name = "x86_64", alias = "x86_64-pc-windows-msvc")]
    X64,
    /// ARM64 Windows. It builds, but no structure layout has been checked there.
    #[value(name = "aarch64", alias = "aarch64-pc-windows-msvc")]
    Arm64,
}

impl Target {
    /// The target as rustc calls it.
    #[must_use]
    pub const fn triple(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-pc-windows-msvc",
            Self::Arm64 => "aarch64-pc-windows-msvc",
        }
    }

    /// The architecture as an INF has it, and stampinf.
    #[must_use]
    pub const fn inf_name(self) -> &'static str {
        match self {
            Self::X64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture as the PE format has it, in the names of its machine types.
    #[must_use]
    pub const fn machine_name(self) -> &'static str {
        match self {
            Self::X64 => "AMD64",
            Self::Arm64 => "ARM64",
        }
    }

    /// The architecture as it stands in paths of the kit and of the WDK.
    pub(crate) const fn kit_name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "ARM64",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

/// How the driver is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Fast to build, with assertions, and with panics that stop the machine with a bug check.
    Dev,
    /// What ships.
    #[default]
    Release,
}

impl Profile {
    /// The profile's name in Cargo.toml, which is also its folder's name.
    pub(crate) const fn cargo_name(self) -> &'static str {
        match self {
            Self::Dev => "driver-dev",
            Self::Release => "driver-release",
        }
    }
}
