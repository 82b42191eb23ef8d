//! Compares the table of allowed imports with itself and with Microsoft's metadata.
//!
//! That wdk-sys's bindings have the same sizes is not seen here: `crates/wdm` asserts it when it is
//! compiled for Windows.

use std::collections::HashSet;

use anyhow::Result;

use super::AllowedImport;
use super::metadata::{Metadata, Shape};

/// What is wrong with the table itself, one line each.
#[must_use]
pub fn table_faults(rows: &[AllowedImport]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for row in rows {
        if !seen.insert(row.name) {
            faults.push(format!("{}: stands twice in the table; delete one", row.name));
        }
        if row.unlisted.is_some_and(|reason| reason.trim().is_empty()) {
            faults.push(format!(
                "{}: unlisted without a reason; say why it is allowed",
                row.name
            ));
        }
    }
    for pair in rows.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        let same_block = first.dll == second.dll && first.unlisted.is_some() == second.unlisted.is_some();
        if same_block && first.name > second.name {
            faults.push(format!("{}: sort it before {}", second.name, first.name));
        }
    }
    faults
}

/// Where the table and the metadata differ, one line for each such row.
pub fn metadata_faults(rows: &[AllowedImport], metadata: &mut Metadata) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for row in rows {
        faults.extend(row_fault(row, metadata)?);
    }
    Ok(faults)
}

fn row_fault(row: &AllowedImport, metadata: &mut Metadata) -> Result<Option<String>> {
    let AllowedImport { dll, name, .. } = row;
    let found = metadata.find(name)?;
    let in_dll = found.iter().find(|function| function.dll.eq_ignore_ascii_case(dll));
    if row.unlisted.is_some() {
        return Ok(in_dll.map(|function| {
            format!(
                "{name}: the metadata has it in {} as {}; move the row out of `unlisted`",
                function.dll, function.shape
            )
        }));
    }
    let Some(function) = in_dll else {
        return Ok(Some(match found.first() {
            Some(other) => {
                format!(
                    "{name}: the table says {dll}, the metadata {}; correct the row",
                    other.dll
                )
            }
            None => format!(
                "{name}: the metadata has no such function; correct the name, or move the row to \
                 `unlisted` and say why it is allowed"
            ),
        }));
    };
    let shape = Shape {
        parameters: row.parameters.to_vec(),
        returns: row.returns,
    };
    Ok((shape != function.shape).then(|| {
        format!(
            "{name}: the table says {shape}, the metadata {}; correct the row and see whether its \
             callers pass the right types",
            function.shape
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::allowed;
    use std::path::Path;

    fn metadata() -> Metadata {
        Metadata::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap()
    }

    const ROW: AllowedImport = AllowedImport {
        dll: "ntoskrnl.exe",
        also: None,
        name: "IoCreateDevice",
        parameters: &[8, 4, 8, 4, 4, 1, 8],
        returns: 4,
        unlisted: None,
    };

    /// The one fault that each of these rows has.
    fn faults<const N: usize>(rows: [AllowedImport; N]) -> [String; N] {
        let mut metadata = metadata();
        rows.map(|row| row_fault(&row, &mut metadata).unwrap().expect("no fault was seen"))
    }

    #[test]
    fn every_allowed_import_is_in_microsofts_metadata_with_these_sizes() {
        assert_eq!(table_faults(allowed()), [""; 0]);
        assert_eq!(metadata_faults(allowed(), &mut metadata()).unwrap(), [""; 0]);
    }

    #[test]
    fn a_row_that_differs_from_the_metadata_is_told_in_one_line() {
        let [dll, count, size, returns, name] = faults([
            AllowedImport { dll: "HAL.dll", ..ROW },
            AllowedImport {
                parameters: &[8, 4, 8, 4, 4, 1],
                ..ROW
            },
            AllowedImport {
                parameters: &[8, 4, 8, 4, 4, 4, 8],
                ..ROW
            },
            AllowedImport { returns: 0, ..ROW },
            AllowedImport {
                name: "IoCreateDevise",
                ..ROW
            },
        ]);
        assert!(dll.starts_with("IoCreateDevice: the table says HAL.dll, the metadata ntoskrnl.exe"));
        let theirs = "the metadata (8, 4, 8, 4, 4, 1, 8) -> 4";
        assert!(count.contains(&format!("the table says (8, 4, 8, 4, 4, 1) -> 4, {theirs}")));
        assert!(size.contains(&format!("the table says (8, 4, 8, 4, 4, 4, 8) -> 4, {theirs}")));
        assert!(returns.contains(&format!("the table says (8, 4, 8, 4, 4, 1, 8), {theirs}")));
        assert!(name.starts_with("IoCreateDevise: the metadata has no such function"));
        for line in [dll, count, size, returns, name] {
            assert!(!line.contains('\n'), "{line:?}");
        }
    }

    #[test]
    fn an_unlisted_row_that_the_metadata_has_must_move() {
        let [fault] = faults([AllowedImport {
            unlisted: Some("a builtin"),
            ..ROW
        }]);
        assert!(fault.contains("move the row out of `unlisted`"), "{fault}");
    }

    #[test]
    fn a_table_with_unsorted_double_or_unreasoned_rows_is_refused() {
        let earlier = AllowedImport {
            name: "IoAllocateIrp",
            ..ROW
        };
        assert_eq!(table_faults(&[earlier, ROW]), [""; 0]);
        assert_eq!(
            table_faults(&[ROW, earlier]),
            ["IoAllocateIrp: sort it before IoCreateDevice"]
        );
        assert_eq!(
            table_faults(&[ROW, ROW]),
            ["IoCreateDevice: stands twice in the table; delete one"]
        );
        assert_eq!(
            table_faults(&[AllowedImport {
                unlisted: Some(" "),
                ..ROW
            }]),
            ["IoCreateDevice: unlisted without a reason; say why it is allowed"]
        );
    }
}
