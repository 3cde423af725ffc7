//! The simulator's command line.

mod cli;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A world is thousands of small allocations that die together: a quarter of the time of a life went into the C library's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
