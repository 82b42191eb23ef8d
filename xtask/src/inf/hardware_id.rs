//! A hardware ID that an INF can name: one kind of disk, never all of them.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};

/// The identifiers that every disk, or every disk of a bus, has: the generic identifiers of
/// "Identifiers for SCSI Devices" and the names that the storage and USB buses give all disks.
const GENERIC: [&str; 6] = [
    "GenDisk",
    "DiskPeripheral",
    r"SCSI\Disk",
    r"SCSI\RAW",
    r"USBSTOR\Disk",
    r"USBSTOR\RAW",
];

/// The length of an identifier that the PnP manager takes (`MAX_DEVICE_ID_LEN`).
const LENGTH_MAX: usize = 200;

/// Where a person finds the hardware ID of a disk.
const WHERE: &str = "`pnputil /enum-devices /class DiskDrive /ids` lists those of your disks";

/// The hardware ID of one kind of disk, fit to stand in a Models section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardwareId(String);

impl HardwareId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HardwareId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for HardwareId {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        check_form(text)?;
        if is_generic(text) {
            bail!("the hardware ID {text} is that of all disks: say --all-disks if you mean it");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether this identifier is that of all disks, or of all disks of a bus.
pub(super) fn is_generic(id: &str) -> bool {
    GENERIC.iter().any(|generic| generic.eq_ignore_ascii_case(id))
}

/// Holds an identifier to the PnP manager's characters and length, and to what INF can carry.
///
/// The PnP manager takes no blank, no comma, no control character and nothing outside ASCII. In an
/// INF a quote, a percent sign, a semicolon and a backslash at the end are syntax besides.
///
/// # Errors
/// One line that says what is wrong with it.
pub(super) fn check_form(id: &str) -> Result<()> {
    ensure!(!id.is_empty(), "the hardware ID is empty: {WHERE}");
    let length = id.chars().count();
    ensure!(
        length <= LENGTH_MAX,
        "the hardware ID has {length} characters, and {LENGTH_MAX} are the most: {WHERE}"
    );
    let wrong = |character: char| !character.is_ascii_graphic() || r#",";%"#.contains(character);
    if let Some(character) = id.chars().find(|&character| wrong(character)) {
        bail!("the hardware ID {id:?} contains {character:?}, which none can: {WHERE}");
    }
    ensure!(
        !id.ends_with('\\'),
        "the hardware ID {id} ends with a backslash: {WHERE}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifiers_of_real_disks_are_taken_as_they_are() {
        for id in [
            r"SCSI\DiskMsft____Virtual_Disk____",
            r"SCSI\DiskVBOX____HARDDISK________",
            r"SCSI\DiskNVMe____Samsung_SSD_970_",
            r"IDE\DiskQEMU_HARDDISK___________________________2.5+____",
            r"USBSTOR\DiskKingstonDataTraveler_3.0PMAP",
        ] {
            assert_eq!(id.parse::<HardwareId>().unwrap().as_str(), id);
        }
    }

    #[test]
    fn what_the_pnp_manager_or_an_inf_cannot_carry_is_refused_with_the_reason() {
        for (id, reason) in [
            ("", "is empty"),
            (r"SCSI\Disk Msft", "contains ' '"),
            (r"SCSI\Disk,Msft", "contains ','"),
            ("SCSI\\Disk\tMsft", r"contains '\t'"),
            ("SCSI\\Disk\r\n[x]", r"contains '\r'"),
            (r#"SCSI\"Disk"#, "contains '\"'"),
            (r"SCSI\%Disk%", "contains '%'"),
            (r"SCSI\Disk;x", "contains ';'"),
            (r"SCSI\Diské", "contains 'é'"),
            ("SCSI\\Disk\u{7f}", "contains"),
            (r"SCSI\", "ends with a backslash"),
        ] {
            let error = id.parse::<HardwareId>().unwrap_err().to_string();
            assert!(error.contains(reason), "{id:?}: {error}");
            assert!(error.contains("pnputil") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn two_hundred_characters_are_taken_and_one_more_is_not() {
        assert!("x".repeat(200).parse::<HardwareId>().is_ok());
        let error = "x".repeat(201).parse::<HardwareId>().unwrap_err().to_string();
        assert!(error.contains("201 characters"), "{error}");
    }

    #[test]
    fn the_name_of_all_disks_is_refused_as_a_hardware_id() {
        for id in ["GenDisk", "gendisk", r"SCSI\Disk", r"usbstor\raw"] {
            let error = id.parse::<HardwareId>().unwrap_err().to_string();
            assert!(error.contains("--all-disks"), "{error}");
        }
    }
}
