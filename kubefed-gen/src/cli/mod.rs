//! Arguments and commands, one file per command. All are thin over the library.

#[cfg(feature = "capture")]
mod capture;
mod generate;
mod list;
mod schema;

use std::{
    io::{self, ErrorKind, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use kubefed_gen::{config::Config, input, model::KindModel};

/// Generates federated APIs, manifests and a tailored controller from Kubernetes type metadata.
#[derive(Parser, Debug)]
#[command(name = "kubefed-gen", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Generate the crate and the manifests that the configuration describes.
    Generate(generate::Generate),
    /// List the kinds that the inputs describe.
    List(list::List),
    /// Print the structural schema of a kind's template.
    Schema(schema::Schema),
    /// Pin the OpenAPI v3 documents of an API server as files.
    #[cfg(feature = "capture")]
    Capture(capture::Capture),
}

/// What a command ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All is well.
    Done,
    /// What is generated is not what would be.
    Differs,
}

impl Arguments {
    /// Runs the command. Errors go to standard error, one line each, and end with exit code 1.
    pub(crate) fn run(self) -> ExitCode {
        let mut out = io::stdout().lock();
        let outcome = match self.command {
            Command::Generate(command) => command.run(&mut out),
            Command::List(command) => command.run(&mut out),
            Command::Schema(command) => command.run(&mut out),
            #[cfg(feature = "capture")]
            Command::Capture(command) => command.run(&mut out),
        };
        match outcome {
            Ok(Outcome::Done) => ExitCode::SUCCESS,
            Ok(Outcome::Differs) => ExitCode::FAILURE,
            // Whoever read our output has seen enough.
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => {
                for line in format!("{error:#}").lines() {
                    let _ = writeln!(io::stderr(), "error: {line}");
                }
                ExitCode::FAILURE
            }
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Where kinds are read from.
#[derive(Args, Debug)]
struct Source {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "kubefed-gen.yaml")]
    config: PathBuf,
    /// Read these files and folders of OpenAPI v3 documents instead of what the configuration names.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    input: Vec<PathBuf>,
}

impl Source {
    /// The kinds, and the configuration where it was read.
    fn read(&self) -> anyhow::Result<(Vec<KindModel>, Option<Config>)> {
        if self.input.is_empty() {
            let config = Config::load(&self.config)?;
            Ok((input::read(&config.inputs(), config.folder())?, Some(config)))
        } else {
            Ok((input::read(&self.input, ".".as_ref())?, None))
        }
    }
}
