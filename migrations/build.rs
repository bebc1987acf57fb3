//! Recompiles when a migration is added: the migrations are embedded by a macro that cargo cannot see into.

fn main() {
    println!("cargo:rerun-if-changed=sql");
}
