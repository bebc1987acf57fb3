//! Where PostgreSQL's own programs are: in the folder `SQUALL_PG_BIN`, or on the `PATH`.

use std::path::{Path, PathBuf};

/// The folder of `SQUALL_PG_BIN`; an empty variable counts as unset.
pub fn programs_folder() -> Option<PathBuf> {
    std::env::var_os("SQUALL_PG_BIN").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The path by which a program is started, such as `pg_dump`.
pub fn program(folder: Option<&Path>, name: &str) -> PathBuf {
    folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
}
