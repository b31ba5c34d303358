//! Builds again when a migration is added or the page was built: the programs carry both.

use std::fs;

fn main() -> std::io::Result<()> {
    // Without the page the program is built too, and says that it has none.
    fs::create_dir_all("frontend/out")?;
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=frontend/out");
    Ok(())
}
