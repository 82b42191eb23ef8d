//! The files of the repository, as the checks see them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use proc_macro2::TokenStream;

use super::Finding;
use crate::sources;

/// A repository's text files.
pub(super) struct Tree {
    /// Where the repository lies.
    pub(super) root: PathBuf,
    /// Its text files, sorted by path.
    pub(super) files: Vec<SourceFile>,
}

/// One text file.
pub(super) struct SourceFile {
    /// From the root on, with `/` on every host.
    pub(super) path: String,
    /// The whole of it.
    pub(super) text: String,
}

impl Tree {
    /// Reads the repository at `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for path in sources::files(root)? {
            let bytes = fs::read(root.join(&path)).with_context(|| format!("{path}: cannot be read"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(SourceFile { path, text });
            }
        }
        Ok(Self {
            root: root.to_owned(),
            files,
        })
    }

    /// The Rust files below one of these folders.
    pub(super) fn rust<'a>(&'a self, folders: &'a [&str]) -> impl Iterator<Item = &'a SourceFile> + 'a {
        self.files
            .iter()
            .filter(|file| file.is_rust() && folders.iter().any(|folder| file.path.starts_with(folder)))
    }
}

impl SourceFile {
    pub(super) fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    /// The file as Rust tokens, where comments are no more.
    pub(super) fn tokens(&self) -> Result<TokenStream> {
        self.text.parse().map_err(|error: proc_macro2::LexError| {
            anyhow!("{}:{}: not Rust: {error}", self.path, error.span().start().line)
        })
    }

    /// The file as Rust syntax.
    pub(super) fn syntax(&self) -> Result<syn::File> {
        syn::parse_file(&self.text)
            .map_err(|error| anyhow!("{}:{}: not Rust: {error}", self.path, error.span().start().line))
    }

    pub(super) fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            file: PathBuf::from(&self.path),
            line,
            message: message.into(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::process::Command;

    use super::*;
    use tempfile::TempDir;

    /// A repository of these files, read.
    pub(in crate::lints) fn tree(files: &[(&str, &str)]) -> (TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = Tree::read(folder.path()).unwrap();
        (folder, tree)
    }

    /// Where a check found something in these files, as `file:line`.
    pub(in crate::lints) fn places(check: fn(&Tree) -> Result<Vec<Finding>>, files: &[(&str, &str)]) -> Vec<String> {
        let (_folder, tree) = tree(files);
        let place = |finding: &Finding| format!("{}:{}", finding.file.display(), finding.line);
        check(&tree).unwrap().iter().map(place).collect()
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn without_git_every_text_file_outside_target_is_read() {
        let (folder, _) = tree(&[("a/b.rs", ""), ("target/x.rs", ""), (".cargo/config.toml", "")]);
        fs::write(folder.path().join("image.sys"), [0x4d, 0x5a, 0xff]).unwrap();
        let tree = Tree::read(folder.path()).unwrap();
        assert_eq!(paths(&tree), [".cargo/config.toml", "a/b.rs"]);
    }

    #[test]
    fn in_git_ignored_and_deleted_files_are_left_out_and_new_ones_are_in() {
        let (folder, _) = tree(&[(".gitignore", "/out/\n"), ("out/x.rs", ""), ("gone.rs", "")]);
        let git = |arguments: &[&str]| {
            let done = Command::new("git").current_dir(folder.path()).args(arguments).output();
            assert!(done.unwrap().status.success(), "git {arguments:?}");
        };
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        fs::remove_file(folder.path().join("gone.rs")).unwrap();
        fs::write(folder.path().join("new.rs"), "").unwrap();
        assert_eq!(paths(&Tree::read(folder.path()).unwrap()), [".gitignore", "new.rs"]);
    }

    #[test]
    fn what_is_not_rust_is_told_with_its_place() {
        let (_folder, tree) = tree(&[("a.rs", "fn a() {}\nfn (")]);
        let told = tree.files[0].tokens().unwrap_err().to_string();
        assert!(told.starts_with("a.rs:2: not Rust"), "{told}");
    }
}
