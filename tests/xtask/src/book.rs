//! The documents as a site, by mdBook: `make docs` builds it for people, `make check` builds it and follows its
//! links. The pages are those of `docs/SUMMARY.md`; a file of the project that a page links to is copied into the
//! site, so that the site is whole without a forge and without a network. IO: git, mdbook, the file system.

pub mod links;
pub mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pages::{Copy, LISTING, SUMMARY};
use store_suites::steps::Check;
use store_suites::tools::{self, ToolsError};
use store_testbed::cache::Cache;
use store_testbed::command::{CommandError, SHORT, run};

/// The site could not be built.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant without a word is the error of the module it is named after")]
pub enum BookError {
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The documents are not fit for it.
    #[error("{page}: {reason}")]
    Page {
        /// Which.
        page: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Builds the site of the checkout at `root` in the directory `to`, whose old content goes; how many pages it has.
///
/// # Errors
/// [`BookError::Page`] for the first document that is not fit for it; others when a program or the file system fails.
pub fn build(root: &Path, cache: &Cache, to: &Path) -> Result<usize, BookError> {
    let staged = tempfile::tempdir().map_err(io("making a directory in", &std::env::temp_dir()))?;
    let pages = stage(root, staged.path())?;
    let (mdbook, mermaid) = (tools::mdbook(cache)?, tools::mdbook_mermaid(cache)?);
    // It adds its scripts; book.toml names them already, and so stays as it is.
    run(Command::new(&mermaid).arg("install").arg(staged.path()), SHORT)?;
    let mut build = Command::new(&mdbook);
    build.env("MDBOOK_PREPROCESSOR__MERMAID__COMMAND", &mermaid).env("RUST_LOG", "warn");
    run(build.arg("build").arg("--dest-dir").arg(to).arg(staged.path()), SHORT)?;
    Ok(pages)
}

/// Puts what mdbook builds the site from into the directory `into`; how many pages that are.
fn stage(root: &Path, into: &Path) -> Result<usize, BookError> {
    let files = files(root)?;
    let text = |path: &Path| fs::read_to_string(root.join(path)).map_err(io("reading", path));
    let summary = text(Path::new(SUMMARY))?;
    let wrong = |page: &Path| {
        let page = page.display().to_string();
        move |reason| BookError::Page { page, reason }
    };
    let listed = pages::pages(&summary);
    pages::complete(&listed, &files).map_err(wrong(Path::new(SUMMARY)))?;
    let source = into.join("src");
    let mut copies = BTreeSet::new();
    for page in &listed {
        let (linked, more) = pages::linked(page, &text(page)?, &listed, &files).map_err(wrong(page))?;
        write(&source.join(page), &linked)?;
        copies.extend(more);
    }
    for copy in copies {
        match copy {
            Copy::AsItIs(file) => copied(&root.join(&file), &source.join(&file))?,
            Copy::AsText(file) => copied(&root.join(&file), &source.join(format!("{}.txt", file.display())))?,
            Copy::Listing(directory) => {
                let names = files.iter().filter(|file| file.starts_with(&directory));
                let list: String = names.map(|file| format!("{}\n", file.display())).collect();
                write(&source.join(directory).join(LISTING), &list)?;
            }
        }
    }
    write(&source.join("SUMMARY.md"), &pages::from_root(&summary))?;
    copied(&root.join("docs/book.toml"), &into.join("book.toml"))?;
    Ok(listed.len())
}

/// The files of the checkout that git has or would take.
fn files(root: &Path) -> Result<BTreeSet<PathBuf>, BookError> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    Ok(run(&mut git, SHORT)?.lines().map(PathBuf::from).filter(|file| root.join(file).exists()).collect())
}

/// Builds the site and follows the links of each of its pages.
pub fn checks(root: &Path, cache: &Cache) -> Vec<Check> {
    let built = tempfile::tempdir().map_err(|error| error.to_string()).and_then(|to| {
        build(root, cache, to.path()).map_err(|error| error.to_string())?;
        followed(to.path()).map_err(|error| error.to_string())
    });
    built.unwrap_or_else(|error| vec![("the site of the documents is built".to_owned(), Err(error))])
}

/// A check for each page of a site: its links.
fn followed(site: &Path) -> Result<Vec<Check>, BookError> {
    let mut files = BTreeSet::new();
    let mut pages = BTreeMap::new();
    let mut directories = vec![site.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).map_err(io("listing", &directory))? {
            let path = entry.map_err(io("listing", &directory))?.path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let place = path.strip_prefix(site).unwrap_or(&path).to_owned();
            if path.extension().is_some_and(|end| end == "html") {
                let html = fs::read_to_string(&path).map_err(io("reading", &path))?;
                pages.insert(place.clone(), links::read(&html));
            }
            files.insert(place);
        }
    }
    let check = |page: &PathBuf| (format!("page {}", page.display()), links::check(page, &pages, &files));
    Ok(pages.keys().map(check).collect())
}

fn write(path: &Path, text: &str) -> Result<(), BookError> {
    parent(path)?;
    fs::write(path, text).map_err(io("writing", path))
}

fn copied(from: &Path, to: &Path) -> Result<(), BookError> {
    parent(to)?;
    fs::copy(from, to).map(drop).map_err(io("copying", from))
}

fn parent(path: &Path) -> Result<(), BookError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(io("making", directory))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BookError {
    let path = path.to_owned();
    move |source| BookError::Io { action, path, source }
}
