//! `kubefed-gen generate`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use kubefed_gen::{config::Config, output};

use super::Outcome;

#[derive(Args, Debug)]
pub(super) struct Generate {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "kubefed-gen.yaml")]
    config: PathBuf,
    /// Write nothing; print a diff of what would change, and exit with 1 if anything would.
    #[arg(long)]
    check: bool,
}

impl Generate {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let config = Config::load(&self.config)?;
        let files = kubefed_gen::generate(&config)?;
        let folder = config.output();
        let name = config.output_name().display();
        if self.check {
            let differences = output::check(&folder, &files)?;
            if differences.is_empty() {
                writeln!(out, "{name}: {} files are up to date", files.len())?;
                return Ok(Outcome::Done);
            }
            for difference in &differences {
                write!(out, "{}", difference.diff)?;
            }
            out.flush()?;
            writeln!(
                std::io::stderr(),
                "error: {name}: {} of {} files are not up to date; run: {}",
                differences.len(),
                files.len(),
                config.command()
            )?;
            return Ok(Outcome::Differs);
        }
        let written = output::write(&folder, &files)?;
        for (what, paths) in
            [("created", &written.created), ("changed", &written.changed), ("removed", &written.removed)]
        {
            for path in paths {
                writeln!(out, "{what} {path}")?;
            }
        }
        writeln!(
            out,
            "{name}: {} created, {} changed, {} removed, {} unchanged",
            written.created.len(),
            written.changed.len(),
            written.removed.len(),
            written.unchanged
        )?;
        Ok(Outcome::Done)
    }
}
