//! Binary `althing`: the command line. Everything is in the library, so that tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    althing_cli::run().into()
}
