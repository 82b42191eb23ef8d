//! The repository names no path of one machine and no host that packages come from.
//!
//! Either would be true on one machine alone. What must name one all the same says why on the same
//! line, after [`MARK`].

use anyhow::Result;

use super::{Finding, Tree};

/// Excuses its line, when a reason follows.
const MARK: &str = "lint-allow(speaks_only_of_itself): ";

/// First parts of absolute paths that mean one machine. Without the slash, so that no path stands here.
const FOLDERS: [&str; 3] = ["work", "tmp", "root"];

/// Folders below which people have theirs.
const HOMES: [&str; 2] = ["home", "Users"];

/// Hosts of packages, in two parts, so that they do not stand here.
const HOSTS: [&str; 10] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("static.", "rust-lang.org"),
    concat!("deb.", "debian.org"),
    concat!("security.", "debian.org"),
    concat!("snapshot.", "debian.org"),
    concat!("archive.", "ubuntu.com"),
    concat!("raw.", "githubusercontent.com"),
    concat!("codeload.", "github.com"),
    concat!("objects.", "githubusercontent.com"),
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (line, text) in (1..).zip(file.text.lines()) {
            let excuse = text.split_once(MARK).map_or("", |(_, reason)| reason);
            if !excuse.trim().is_empty() {
                continue;
            }
            if let Some(path) = machine_path(text) {
                let message = format!("{path} is a path of one machine; make it relative or asked for");
                findings.push(file.finding(line, message));
            }
            if let Some(host) = HOSTS.into_iter().find(|host| text.contains(host)) {
                let message = format!("{host} is a host of packages; leave it to the package manager");
                findings.push(file.finding(line, message));
            }
        }
    }
    Ok(findings)
}

/// The first absolute path in the line that means one machine, without what is below it.
fn machine_path(line: &str) -> Option<&str> {
    line.match_indices(['/', '\\']).find_map(|(slash, sign)| {
        // After a name or a closing bracket, the slash goes on with a path that starts elsewhere.
        let before = line[..slash].chars().next_back();
        let goes_on = before.is_some_and(|c| is_of_name(c) || ")]}>/".contains(c));
        let rest = &line[slash + 1..];
        let part = &rest[..rest.find(|c| !is_of_name(c)).unwrap_or(rest.len())];
        let below = &rest[part.len()..];
        // In a string a backslash stands twice.
        let user = below.trim_start_matches(sign);
        let has_user = user.len() < below.len() && user.starts_with(is_of_name);
        let is_home = HOMES.contains(&part) && has_user;
        let is_folder = sign == "/" && FOLDERS.contains(&part);
        (!goes_on && (is_home || is_folder)).then(|| &line[slash..slash + 1 + part.len()])
    })
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || "_-.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    fn found(line: &str) -> bool {
        match places(check, &[("a.md", &format!("A.\n{line}\n"))]).as_slice() {
            [] => false,
            [place] => {
                assert_eq!(place, "a.md:2");
                true
            }
            more => panic!("{line}: {more:?}"),
        }
    }

    // Each {} stands for a slash and each [] for a backslash, so that no such path is in this file.
    fn with_slashes(line: &str) -> String {
        line.replace("{}", "/").replace("[]", "\\")
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for line in [
            "{}tmp{}a",
            "cd {}work",
            "`{}root`",
            "A={}usr:{}root{}bin",
            "(\"{}home{}ann{}a\")",
            "{}Users{}ann",
            "C:[]Users[]ann",
            "\"C:[][]Users[][]ann\"",
        ] {
            assert!(found(&with_slashes(line)), "{line}");
        }
    }

    #[test]
    fn other_paths_are_let_be() {
        for line in [
            "{}usr{}bin",
            "target{}tmp{}a",
            "{root}{}work{}a",
            "https:{}{}example.org{}root{}a",
            "{}home{}<user>",
            "{}rootfs",
            "{}work-a",
            "a{}work item",
            "[]root",
        ] {
            assert!(!found(&with_slashes(line)), "{line}");
        }
    }

    #[test]
    fn a_host_of_packages_is_found() {
        for host in HOSTS {
            assert!(found(&format!("https://{host}/a")), "{host}");
        }
        assert!(!found(
            "https://github.com/rust-lang/crates.io-index and https://docs.rs"
        ));
    }

    #[test]
    fn only_a_reason_excuses_a_line() {
        let path = with_slashes("{}tmp{}a");
        assert!(!found(&format!("{path} // {MARK}the test is of that path")));
        assert!(found(&format!("{path} // {MARK}")));
    }
}
