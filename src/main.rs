//! The `ottla` process: runs a tool, or reads its settings, opens its log and runs the broker.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use ottla::cli::{Cli, Command};
use ottla::{logging, service, settings, tools};

fn main() -> ExitCode {
    if let Some(call) = tools::called(std::env::args_os()) {
        return call.run();
    }
    let cli = Cli::parse();
    let settings = match settings::load(&cli.sources(settings::variables())) {
        Ok(settings) => settings,
        Err(error) => return complain(&error.to_string()),
    };
    match cli.command() {
        Command::Config => {
            match io::stdout().write_all(settings::effective(&settings).as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                // Whoever reads may stop reading: `ottla config | head`.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
                Err(error) => complain(&error.to_string()),
            }
        }
        Command::Serve => {
            logging::open();
            for warning in &settings.warnings {
                log::warn!("{warning}");
            }
            for (name, value, origin) in settings::chosen(&settings) {
                log::info!(origin = origin; "setting {name}={value}");
            }
            match service::run(settings) {
                Ok(code) => code,
                Err(error) => complain(&error.to_string()),
            }
        }
    }
}

fn complain(text: &str) -> ExitCode {
    // Standard error is all there is to say it on; if that is closed, the exit code says it.
    writeln!(io::stderr(), "ottla: {text}").unwrap_or_default();
    ExitCode::FAILURE
}
