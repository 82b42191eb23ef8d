//! The tables of `docs/irp-ownership.md` and `docs/architecture.md` that are written from code: what the filter does with each
//! request, and which package may depend on which.
//!
//! Not here: that the driver does what the first of them says, which `tests/filter/policy.rs` sees to with the same rows.

use crate::{in_lab::DocumentPart, lints};

/// A way that a request can go: what it is called, and its steps.
type Way = (&'static str, &'static str, &'static str);

/// A row: which requests, the way that they go, what becomes of them where the device is being removed, and why.
type Row = (&'static str, &'static str, &'static str, &'static str);

macro_rules! policy {
    (
        ways { $($way:ident = $name:literal, $steps:literal;)* }
        rows { $($requests:literal: $case:pat => $goes:ident, $refusal:ident, $why:literal;)* }
    ) => {
        const WAYS: &[Way] = &[$((stringify!($way), $name, $steps)),*];
        const ROWS: &[Row] = &[$(($requests, stringify!($goes), stringify!($refusal), $why)),*];
    };
}

include!("../../tests/filter/policy.in.rs");

/// Every table.
pub(crate) fn document_parts() -> [DocumentPart; 3] {
    let part = |document, name, contents| DocumentPart {
        document,
        name,
        contents,
    };
    [
        part("docs/irp-ownership.md", "ways", ways()),
        part("docs/irp-ownership.md", "policy", policy()),
        part("docs/architecture.md", "layers", lints::layers_markdown()),
    ]
}

fn ways() -> String {
    let mut table = String::from("| way | steps |\n|---|---|\n");
    for (_, name, steps) in WAYS {
        table.push_str(&format!("| **{name}** | {steps} |\n"));
    }
    table
}

fn policy() -> String {
    let mut table = String::from("| request | way | where the remove lock refuses | why |\n|---|---|---|---|\n");
    for (requests, goes, refusal, why) in ROWS {
        let name = WAYS
            .iter()
            .find(|(way, ..)| way == goes)
            .map_or("", |(_, name, _)| name);
        let refused = match *refusal {
            "Succeeds" => "succeeds",
            _ => "fails",
        };
        table.push_str(&format!("| {requests} | {name} | {refused} | {why} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_one_that_some_request_goes_and_has_its_name_in_the_table() {
        for (way, name, _) in WAYS {
            assert!(ROWS.iter().any(|(_, goes, ..)| goes == way), "{way}");
            assert!(policy().contains(&format!("| {name} |")), "{name}");
        }
    }
}
