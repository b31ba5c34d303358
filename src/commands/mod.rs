//! What operators do on the command line beside running the service.

pub mod audit;
pub mod keys;
pub mod retry;
pub mod tenants;
mod times;

use std::io;
use std::process::ExitCode;

/// How a command ends that has printed lines. A reader that has enough of them, such as `head`, is no failure.
fn ended(printed: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    let error = printed.as_ref().err().and_then(|error| error.downcast_ref::<io::Error>());
    if error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return Ok(ExitCode::SUCCESS);
    }
    printed.map(|()| ExitCode::SUCCESS)
}
