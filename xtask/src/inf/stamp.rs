//! Makes the INF of `driver.inx`: what stampinf does, and the choice of the disks besides.
//!
//! The clock has no say in it: the same source and the same arguments make the same bytes. Comments
//! stay behind in the source, because what they say of its disk need not hold for the one chosen.

use anyhow::{Context as _, Result, bail, ensure};
use jiff::civil::Date;

use super::driver_ver::driver_ver;
use super::hardware_id::HardwareId;
use super::package::Package;
use super::parse::{Entry, Inf};
use crate::target::Target;

/// What the variant for all disks carries in the names that Windows shows of it.
pub(super) const ALL_DISKS_MARK: &str = "TEST-SIGNED MACHINES ONLY";

/// The `ExtensionId` of the variant for all disks.
///
/// Of the packages with one `ExtensionId` Windows applies one to a device, the highest `DriverVer`.
/// With one of its own the variant can neither displace the package for one disk nor be displaced
/// by an update of it: what is on the machine is what was installed.
pub(super) const ALL_DISKS_EXTENSION_ID: &str = "{d55975c9-a0c2-4a76-8405-2d10bf15d95a}";

/// What a Models section names to match every disk: the compatible ID of all of them.
const ALL_DISKS: &str = "GenDisk";

/// The disks that a package matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The kind of disk that `driver.inx` names.
    AsWritten,
    /// Another kind of disk.
    HardwareId(HardwareId),
    /// Every disk: the variant for test-signed machines.
    AllDisks,
}

impl Match {
    /// The name of the INF, different for the variant so that the two are not mistaken.
    #[must_use]
    pub fn file_name(&self) -> &'static str {
        match self {
            Self::AsWritten | Self::HardwareId(_) => "irpscope.inf",
            Self::AllDisks => "irpscope-all-disks.inf",
        }
    }
}

/// What is stamped into `driver.inx`.
#[derive(Debug, Clone)]
pub struct Stamp<'a> {
    /// In place of `$ARCH$`.
    pub target: Target,
    /// The version in `DriverVer`.
    pub version: [u16; 4],
    /// The date in `DriverVer`; see [`release_date`](super::release_date).
    pub date: Date,
    /// The file name in `CatalogFile`.
    pub catalog: &'a str,
    /// Which disks the package matches.
    pub disks: Match,
}

/// Makes the INF, with CRLF line ends.
///
/// # Errors
/// Where `inx` cannot be parsed or lacks an entry that is stamped, or `stamp.catalog` is no file
/// name that an INF can carry.
pub fn stamp(inx: &str, stamp: &Stamp<'_>) -> Result<String> {
    let catalog = stamp.catalog;
    ensure!(
        catalog.ends_with(".cat") && catalog.chars().all(is_plain_file_character),
        "the catalog is named {catalog:?}: give a plain file name that ends in .cat"
    );
    let text = inx.replace("$ARCH$", stamp.target.inf_name());
    ensure!(
        text != inx,
        "driver.inx: $ARCH$ is missing: decorate the Models section with it"
    );
    let inf = Inf::parse(&text).context("driver.inx")?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();

    let driver_ver = driver_ver(stamp.date, stamp.version);
    set(&mut lines, entry_of(&inf, "Version", "DriverVer")?, &driver_ver)?;
    set(&mut lines, entry_of(&inf, "Version", "CatalogFile")?, catalog)?;
    match &stamp.disks {
        Match::AsWritten => {}
        Match::HardwareId(id) => set_hardware_id(&mut lines, &inf, id.as_str())?,
        Match::AllDisks => {
            set_hardware_id(&mut lines, &inf, ALL_DISKS)?;
            set(
                &mut lines,
                entry_of(&inf, "Version", "ExtensionId")?,
                ALL_DISKS_EXTENSION_ID,
            )?;
            for name in ["Provider", "DeviceDescription"] {
                let entry = entry_of(&inf, "Strings", name)?;
                set(&mut lines, entry, &format!("\"{} ({ALL_DISKS_MARK})\"", entry.value(0)))?;
            }
        }
    }

    let mut stamped = header(&stamp.disks);
    stamped.extend(without_comments(&inf, lines));
    Ok(stamped.join("\r\n") + "\r\n")
}

fn is_plain_file_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.".contains(character)
}

fn header(disks: &Match) -> Vec<String> {
    let mut lines = vec![format!(
        "; {}, made of driver.inx, which says why each line is as it is.",
        disks.file_name()
    )];
    if *disks == Match::AllDisks {
        lines.push(format!(
            "; {ALL_DISKS_MARK}: this package puts the filter on EVERY disk, the"
        ));
        lines.push("; boot disk among them. If the filter fails, the machine does not start.".into());
    }
    lines
}

/// The one entry of a section with this key.
pub(super) fn entry_of<'a>(inf: &'a Inf, section: &str, key: &str) -> Result<&'a Entry> {
    let mut entries = inf
        .section(section)
        .into_iter()
        .flat_map(|section| section.with_key(key));
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => bail!("driver.inx: [{section}] has no {key}: restore the line"),
        (Some(_), Some(again)) => {
            bail!("driver.inx: line {}: {key} stands a second time: keep one", again.line)
        }
    }
}

/// Names another disk in every Models section: the install section stays, the identifiers go.
fn set_hardware_id(lines: &mut [String], inf: &Inf, id: &str) -> Result<()> {
    let package = Package::of(inf);
    let mut entries = package.devices().map(|device| device.entry).peekable();
    ensure!(
        entries.peek().is_some(),
        "driver.inx: no Models section names a disk: restore the line"
    );
    entries.try_for_each(|entry| set(lines, entry, &format!("{},{id}", entry.value(0))))
}

/// Writes `value` after the `=` of an entry, and keeps what stands before it.
fn set(lines: &mut [String], entry: &Entry, value: &str) -> Result<()> {
    let line = &mut lines[entry.line - 1];
    let after_equals = line.find('=').filter(|_| entry.lines == 1).map(|at| at + 1);
    let Some(after_equals) = after_equals else {
        bail!(
            "driver.inx: line {}: write this entry as key = value on one line",
            entry.line
        );
    };
    let blanks = line[after_equals..].len() - line[after_equals..].trim_start().len();
    line.truncate(after_equals + blanks);
    line.push_str(value);
    Ok(())
}

/// The lines but those that are comments alone, and no two empty ones in a row.
fn without_comments(inf: &Inf, lines: Vec<String>) -> Vec<String> {
    let entries = inf.sections().iter().flat_map(|section| &section.entries);
    let continued: Vec<_> = entries.map(|entry| entry.line..entry.line + entry.lines).collect();
    let mut kept: Vec<String> = vec![String::new()];
    for (at, line) in lines.into_iter().enumerate() {
        let within_an_entry = continued.iter().any(|entry| entry.contains(&(at + 1)));
        let comment = line.trim_start().starts_with(';') && !within_an_entry;
        let second_blank = line.trim().is_empty() && kept.last().is_some_and(String::is_empty);
        if !comment && !second_blank {
            kept.push(line.trim_end().to_owned());
        }
    }
    kept
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::inf) const INX: &str = include_str!("../../../driver.inx");

    pub(in crate::inf) fn stamped(target: Target, disks: Match) -> String {
        let date = Date::new(2026, 2, 3).unwrap();
        let stamp_with = Stamp {
            target,
            version: [1, 20, 3, 65535],
            date,
            catalog: "irpscope.cat",
            disks,
        };
        stamp(INX, &stamp_with).unwrap()
    }

    fn disk(id: &str) -> Match {
        Match::HardwareId(id.parse().unwrap())
    }

    #[test]
    fn stamping_writes_the_architecture_driver_ver_and_catalog() {
        let inf = stamped(Target::Arm64, Match::AsWritten);
        assert!(!inf.contains("$ARCH$"));
        assert!(inf.contains("[irpscope_Models.NTarm64.10.0...19041]\r\n"), "{inf}");
        assert!(inf.contains("\r\nDriverVer   = 02/03/2026,1.20.3.65535\r\n"), "{inf}");
        assert!(inf.contains("\r\nCatalogFile = irpscope.cat\r\n"), "{inf}");
    }

    #[test]
    fn every_line_of_the_inf_ends_in_crlf_even_where_the_source_has_lf() {
        let inf = stamped(Target::X64, Match::AsWritten);
        assert!(inf.ends_with("\r\n"));
        assert_eq!(inf.matches('\n').count(), inf.matches("\r\n").count());
        assert_eq!(inf, {
            let source = INX.replace('\n', "\r\n");
            let date = Date::new(2026, 2, 3).unwrap();
            let (version, disks) = ([1, 20, 3, 65535], Match::AsWritten);
            let catalog = "irpscope.cat";
            stamp(
                &source,
                &Stamp {
                    target: Target::X64,
                    version,
                    date,
                    catalog,
                    disks,
                },
            )
            .unwrap()
        });
    }

    #[test]
    fn another_disk_changes_the_models_line_and_nothing_else() {
        let written = stamped(Target::X64, Match::AsWritten);
        let chosen = stamped(Target::X64, disk(r"SCSI\DiskVBOX____HARDDISK________"));
        let changed: Vec<_> = written
            .lines()
            .zip(chosen.lines())
            .filter(|(old, new)| old != new)
            .collect();
        assert_eq!(written.lines().count(), chosen.lines().count());
        assert_eq!(
            changed,
            [(
                r"%DeviceDescription% = irpscope_Install,SCSI\DiskMsft____Virtual_Disk____",
                r"%DeviceDescription% = irpscope_Install,SCSI\DiskVBOX____HARDDISK________",
            )]
        );
    }

    #[test]
    fn the_variant_for_all_disks_is_marked_wherever_windows_or_a_reader_looks() {
        let text = stamped(Target::X64, Match::AllDisks);
        let inf = Inf::parse(&text).unwrap();
        let version = inf.section("Version").unwrap();
        assert_eq!(version.value_of("ExtensionId"), Some(ALL_DISKS_EXTENSION_ID));
        assert!(!INX.contains(ALL_DISKS_EXTENSION_ID));
        assert!(version.value_of("Provider").unwrap().contains(ALL_DISKS_MARK));
        assert!(text.lines().nth(1).unwrap().contains(ALL_DISKS_MARK), "{text}");
        let package = Package::of(&inf);
        let device = package.devices().next().unwrap();
        assert!(device.entry.key.as_ref().unwrap().contains(ALL_DISKS_MARK));
        assert_eq!(device.ids().collect::<Vec<_>>(), ["GenDisk"]);
        assert_ne!(Match::AllDisks.file_name(), Match::AsWritten.file_name());
        assert!(!stamped(Target::X64, Match::AsWritten).contains(ALL_DISKS_MARK));
    }

    #[test]
    fn the_sources_comments_stay_behind_because_they_speak_of_its_own_disk() {
        let inf = stamped(Target::X64, Match::AllDisks);
        assert_eq!(inf.lines().filter(|line| line.trim_start().starts_with(';')).count(), 3);
        assert!(!inf.contains("\r\n\r\n\r\n"));
    }

    #[test]
    fn a_source_that_lacks_what_is_stamped_is_refused_with_the_missing_line() {
        for (from, to, message) in [
            ("CatalogFile = ", "Catalog = ", "[Version] has no CatalogFile"),
            (
                "DriverVer   = ",
                "DriverVer   = x,\\\n",
                "write this entry as key = value on one line",
            ),
            ("PnpLockdown = 1", "DriverVer = 1", "DriverVer stands a second time"),
            ("$ARCH$", "amd64", "$ARCH$ is missing"),
            (
                "[irpscope_Models.NT$ARCH$.10.0...19041]",
                "[Other]",
                "no Models section names a disk",
            ),
        ] {
            let source = INX.replace(from, to);
            assert_ne!(source, INX);
            let stamp_with = Stamp {
                target: Target::X64,
                version: [0; 4],
                date: Date::new(2026, 2, 3).unwrap(),
                catalog: "irpscope.cat",
                disks: disk(r"SCSI\DiskX"),
            };
            let error = format!("{:#}", stamp(&source, &stamp_with).unwrap_err());
            assert!(error.contains("driver.inx") && error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_catalog_name_cannot_bring_other_entries_in() {
        for catalog in ["", "irpscope", "a b.cat", "x\r\nPnpLockdown = 0\r\n.cat", "a,b.cat"] {
            let stamp_with = Stamp {
                target: Target::X64,
                version: [0; 4],
                date: Date::new(2026, 2, 3).unwrap(),
                catalog,
                disks: Match::AsWritten,
            };
            assert!(stamp(INX, &stamp_with).is_err(), "{catalog:?}");
        }
    }
}
