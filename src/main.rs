//! The `sheetwire` binary: everything happens in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sheetwire::cli::main()
}
