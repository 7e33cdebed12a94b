//! `make docs`: builds the documents as a site, in `target/book`.

use store_testbed::cache::Cache;
use store_testbed::checkout::root;
use xtask::book;

fn main() -> anyhow::Result<()> {
    let to = root().join("target/book");
    let pages = book::build(&root(), &Cache::open()?, &to)?;
    println!("{pages} pages; begin at {}", to.join("index.html").display());
    Ok(())
}
