//! Each rule broken by one edit of the real stamped INF, which must report that rule and no other.

use super::check::check;
use super::parse::Inf;
use super::rules::RULES;
use super::stamp::tests::{INX, stamped};
use super::stamp::{ALL_DISKS_EXTENSION_ID, Match};
use crate::target::Target;

/// A rule's id, and the text that is replaced to break it, wherever it stands.
#[rustfmt::skip]
const BREAKS: &[(&str, &str, &str)] = &[
    ("1001", "$WINDOWS NT$", "$CHICAGO$"),
    ("1003", "irpscope project", "irpscop\u{e9} project"),
    ("1199", "10.0...19041", "10.0...17763"),
    ("1203", "CopyFiles = irpscope_Files", "CopyFiles = irpscope_Files,irpscope_More"),
    ("1204", "\"irpscope project\"", "\"Microsoft\""),
    ("1222", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKX,Parameters,Level,0x00010001,1\r\n"),
    ("1230", "[irpscope_Files]\r\n", "[irpscope_Files]\r\nother.sys\r\n"),
    ("1233", "CatalogFile = irpscope.cat\r\n", ""),
    ("1235", "%ServiceDescription%", "%ServiceDescripton%"),
    ("1285", "[Strings]", "[ClassInstall32]\r\nClass = x\r\n\r\n[Strings]"),
    ("1297", r"irpscope_Install,SCSI\DiskMsft____Virtual_Disk____", "irpscope_Install"),
    ("1305", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKR,Parameters,List,0x00010008,x\r\n"),
    ("1320", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKLM,SOFTWARE\\irpscope\r\n"),
    ("1321", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKLM,SOFTWARE\\irpscope,Level,0x00010001,1\r\n"),
    ("1322", "DefaultDestDir = 13", "DefaultDestDir = 12"),
    ("1323", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKR,Settings,Level,0x00010001,1\r\n"),
    ("1324", "PnpLockdown = 1", "PnpLockdown = 0"),
    ("1329", "[irpscope_Files]\r\n", "AddProperty = irpscope_Properties\r\n\r\n[irpscope_Properties]\r\n{a45c254e-df1c-4efd-8020-67d146a850e0},19,0x00002012,,irpscope\r\n\r\n[irpscope_Files]\r\n"),
    ("1384", "[irpscope_Parameters]\r\n", "[irpscope_Install.NT.HW]\r\nAddReg = irpscope_Hw\r\n\r\n[irpscope_Hw]\r\nHKR,,UpperFilters,0x00010000,irpscope\r\n\r\n[irpscope_Parameters]\r\n"),
    ("2083", "[Strings]", "[irpscope_Left]\r\nx = 1\r\n\r\n[Strings]"),
    ("2084", r"ServiceBinary  = %13%", r"ServiceBinary  = %12%"),
    ("2223", "[Manufacturer]\r\n", "[irpscope_Plain]\r\nx = irpscope_Install,SCSI\\DiskX\r\n\r\n[Manufacturer]\r\nx = irpscope_Plain\r\n"),
    ("all-disks", r"SCSI\DiskMsft____Virtual_Disk____", "GenDisk"),
    ("assoc-service", "AddService = irpscope,,", "AddService = irpscope,0x00000002,"),
    ("boot-start", "StartType      = 0", "StartType      = 3"),
    ("driver-ver", "02/03/2026", "2026-02-03"),
    ("event-source", r#""%13%\irpscope.sys""#, r#""%13%\other.sys""#),
    ("extension-class", "Class       = Extension", "Class       = DiskDrive"),
    ("extension-id", "{68bfd9af-", "{68bfd9a-"),
    ("file-copied", "[SourceDisksFiles]\r\n", "[SourceDisksFiles]\r\nreadme.txt = 1\r\n"),
    ("filter-position", "FilterPosition = Upper", "FilterPosition = Upper\r\nFilterLevel = x"),
    ("filter-service", "AddFilter = irpscope,", "AddFilter = irpscop,"),
    ("hardware-id", r"SCSI\DiskMsft____", r"SCSI\DiskMsft "),
    ("image-build", "10.0...19041", "10.0...18362"),
    ("settings", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKR,Parameters,Slots,0x00010003,1\r\n"),
    ("storage-features", "0x00010001,0x1", "0x00010001,0x0"),
];

/// Second ways to break a rule that has more than one.
#[rustfmt::skip]
const MORE_BREAKS: &[(&str, &str, &str)] = &[
    ("1199", ".10.0...19041", ""),
    ("1204", "Provider    = %Provider%\r\n", ""),
    ("1285", "[Strings]", "[ClassInstall32.NTamd64]\r\n\r\n[Strings]"),
    ("1305", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKR,Parameters,List,0x00018002,x\r\n"),
    ("1322", "DefaultDestDir = 13\r\n", ""),
    ("1324", "PnpLockdown = 1\r\n", ""),
    ("1384", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKR,Parameters,LowerFilters,0x00010000,irpscope\r\n"),
    ("2084", r"ServiceBinary  = %13%\irpscope.sys", r"ServiceBinary  = %13%\other.sys"),
    ("2223", "NTamd64.10.0...19041", "NTx86.10.0...19041"),
    ("all-disks", "{68bfd9af-b229-42d4-b087-dd65f8f6e57d}", ALL_DISKS_EXTENSION_ID),
    ("boot-start", "LoadOrderGroup = \"PnP Filter\"\r\n", ""),
    ("boot-start", "ErrorControl   = 1", "ErrorControl   = 3"),
    ("driver-ver", "1.20.3.65535", "1.20.3.65536"),
    ("driver-ver", "1.20.3.65535", "1.20.3"),
    ("event-source", "EventMessageFile,0x00020000", "EventMessageFile,0x00000000"),
    ("event-source", "HKR,,TypesSupported,0x00010001,0x7\r\n", ""),
    ("extension-class", "{e2f84ce7-", "{e2f84ce8-"),
    ("extension-id", "ExtensionId = {68bfd9af-b229-42d4-b087-dd65f8f6e57d}\r\n", ""),
    ("filter-position", "FilterPosition = Upper\r\n", ""),
    ("settings", "[irpscope_Parameters]\r\n", "[irpscope_Parameters]\r\nHKR,Parameters,Slots,0x00010001,1024\r\n"),
    ("storage-features", "HKR,Parameters,StorageSupportedFeatures,0x00010001,0x1\r\n", ""),
    ("storage-features", "0x00010001,0x1", "0x00000000,1"),
];

fn rules_found(text: &str) -> Vec<&'static str> {
    let findings = check(&Inf::parse(text).unwrap());
    findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn the_real_inf_breaks_no_rule_in_either_variant_on_either_architecture() {
    for target in [Target::X64, Target::Arm64] {
        let disk = Match::HardwareId(r"SCSI\DiskVBOX____HARDDISK________".parse().unwrap());
        for disks in [Match::AsWritten, disk, Match::AllDisks] {
            let text = stamped(target, disks.clone());
            let findings = check(&Inf::parse(&text).unwrap());
            assert!(findings.is_empty(), "{target:?} {disks:?}: {findings:?}");
        }
    }
}

#[test]
fn every_rule_has_an_edit_that_breaks_it() {
    let rules: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    let broken: Vec<_> = BREAKS.iter().map(|(id, ..)| *id).collect();
    assert_eq!(rules, broken);
}

#[test]
fn one_edit_that_breaks_a_rule_is_reported_as_that_rule_and_no_other() {
    let text = stamped(Target::X64, Match::AsWritten);
    for (id, from, to) in BREAKS.iter().chain(MORE_BREAKS) {
        let broken = text.replace(from, to);
        assert_ne!(broken, text, "{id}: the edit {from:?} changes nothing");
        let mut found = rules_found(&broken);
        found.dedup();
        assert_eq!(found, [*id], "{from:?} -> {to:?}");
    }
}

#[test]
fn the_source_before_stamping_is_not_taken_for_a_package() {
    assert!(rules_found(INX).contains(&"2223"));
}

#[test]
fn the_variant_without_a_mark_or_for_one_disk_is_reported() {
    let text = stamped(Target::X64, Match::AllDisks);
    for (from, to) in [
        ("irpscope project (TEST-SIGNED MACHINES ONLY)", "irpscope project"),
        ("disk filter (TEST-SIGNED MACHINES ONLY)", "disk filter"),
        (ALL_DISKS_EXTENSION_ID, "{68bfd9af-b229-42d4-b087-dd65f8f6e57d}"),
        ("irpscope_Install,GenDisk", r"irpscope_Install,SCSI\DiskX"),
    ] {
        let broken = text.replace(from, to);
        assert_ne!(broken, text);
        assert_eq!(rules_found(&broken), ["all-disks"], "{from} -> {to}");
    }
}

#[test]
fn a_finding_is_one_line_with_the_place_the_rule_and_the_repair() {
    let text = stamped(Target::X64, Match::AsWritten).replace("PnpLockdown = 1", "PnpLockdown = 0");
    let finding = &check(&Inf::parse(&text).unwrap())[0];
    let line = text.lines().position(|line| line.starts_with("PnpLockdown")).unwrap() + 1;
    assert_eq!(
        finding.to_string(),
        format!("line {line}: 1324: PnpLockdown is \"0\": write 1")
    );
}
