//! `kubefed-gen capture`.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use clap::Args;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kubefed_gen::{
    capture::{Served, Versions, fetch, pin, read_folder},
    output,
};

use super::Outcome;

#[derive(Args, Debug)]
pub(super) struct Capture {
    /// The kubeconfig; by default what `KUBECONFIG` names, or `~/.kube/config`.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in it; by default the current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Pin what is in this folder, as served by an API server, instead of asking one: a file per document of
    /// `/openapi/v3` with `__` for `/` (`apis__apps__v1.json`), and the answer of `/version` in `version.json`.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["kubeconfig", "context"])]
    from: Option<PathBuf>,
    /// The folder for the pinned documents.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Pin also alpha and beta versions.
    #[arg(long)]
    all_versions: bool,
}

impl Capture {
    pub(super) fn run(&self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let versions = if self.all_versions { Versions::All } else { Versions::Stable };
        let served = match &self.from {
            Some(folder) => read_folder(folder)?,
            None => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("starting the client")?
                .block_on(self.ask(versions))?,
        };
        let files = pin(&served, versions);
        let written = output::write_pinned(&self.out, &files)?;
        writeln!(
            out,
            "{}: {} documents of Kubernetes {}: {} created, {} changed, {} removed, {} unchanged",
            self.out.display(),
            files.len() - 1,
            served.server.git_version,
            written.created.len(),
            written.changed.len(),
            written.removed.len(),
            written.unchanged
        )?;
        Ok(Outcome::Done)
    }

    async fn ask(&self, versions: Versions) -> anyhow::Result<Served> {
        let kubeconfig = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        }
        .context("reading the kubeconfig")?;
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &options).await.context("reading the kubeconfig")?;
        let client = Client::try_from(config).context("building the client")?;
        let progress = |number: usize, count: usize, path: &str| {
            // Progress is for people; a closed standard error must not stop the capture.
            let _ = writeln!(std::io::stderr(), "[{number}/{count}] {path}");
        };
        Ok(fetch(&client, versions, progress).await?)
    }
}
