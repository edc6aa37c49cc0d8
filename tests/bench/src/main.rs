//! Benchmarks of KubeFed for Rust. What the figures mean is told in `README.md` beside this crate.

mod bare_loop;
mod controller;
mod controller_process;
mod latency;
mod objects;
mod observer;
mod planes;
mod process;
mod propagate;
mod report;
mod requests;
mod restart;
mod setup;
mod writes;

use std::{
    io::{Write, stderr},
    process::ExitCode,
};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "Benchmarks of KubeFed for Rust", long_about = None)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Brings new objects from the host to the members, and sets it against the bare requests that this takes.
    Propagate(propagate::Options),
    /// The controller that is measured. The benchmark starts it by itself.
    #[command(hide = true)]
    Controller(controller::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Controller(options) => controller::run(&options).await,
        Command::Propagate(options) => {
            tokio::select! {
                outcome = propagate::run(&options) => outcome,
                signal = stop_signal() => signal,
            }
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(stderr(), "error: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ends with an error when the user or the system wants us to stop, so that everything is taken down in order.
async fn stop_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

/// One line about what is going on. Standard output is for the result.
fn tell(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
