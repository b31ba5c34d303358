//! Builds again when a migration is added: the programs carry them.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
