//! What the reader sees: a table that fills on a terminal, plain lines in a pipe, or one JSON document.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write, stdout},
    path::Path,
    time::Instant,
};

use anyhow::Result;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::planes::MEMBERS;

/// How the story is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs: one document at the end.
    Json,
}

/// Tells the steps as they happen.
pub(crate) struct Report {
    output: Output,
    live: bool,
    started: Instant,
    step_started: Instant,
    steps: Vec<Value>,
    /// Object title → cluster → what is there.
    cells: Vec<(&'static str, BTreeMap<&'static str, String>)>,
    lines_drawn: usize,
}

impl Report {
    pub(crate) fn new(output: Output) -> Self {
        let now = Instant::now();
        Self {
            output,
            live: output == Output::Text && stdout().is_terminal(),
            started: now,
            step_started: now,
            steps: Vec::new(),
            cells: Vec::new(),
            lines_drawn: 0,
        }
    }

    /// A step begins.
    pub(crate) fn begins(&mut self, title: &str) -> Result<()> {
        self.step_started = Instant::now();
        self.lines_drawn = 0;
        self.steps.push(json!({ "title": title }));
        if self.output == Output::Text {
            writeln!(stdout(), "\n▸ {title}")?;
        }
        Ok(())
    }

    /// The step has ended well.
    pub(crate) fn ends(&mut self) -> Result<()> {
        let millis = millis(self.step_started);
        if let Some(step) = self.steps.last_mut() {
            step["milliseconds"] = json!(millis);
        }
        if self.output == Output::Text {
            writeln!(stdout(), "  done in {millis} ms")?;
        }
        Ok(())
    }

    /// A line of explanation.
    pub(crate) fn says(&self, line: &str) -> Result<()> {
        if self.output == Output::Text {
            writeln!(stdout(), "  {line}")?;
        }
        Ok(())
    }

    /// A member holds an object as it shall be.
    pub(crate) fn fills(&mut self, title: &'static str, cluster: &'static str, what: &str) -> Result<()> {
        let millis = millis(self.step_started);
        let cell = format!("{what} ({millis} ms)");
        match self.cells.iter_mut().find(|(known, _)| *known == title) {
            Some((_, clusters)) => {
                clusters.insert(cluster, cell.clone());
            }
            None => self.cells.push((title, BTreeMap::from([(cluster, cell.clone())]))),
        }
        if let Some(step) = self.steps.last_mut() {
            step["objects"][title][cluster] = json!({ "state": what, "milliseconds": millis });
        }
        if self.live {
            self.draw()
        } else if self.output == Output::Text {
            writeln!(stdout(), "  {title} on {cluster}: {cell}").map_err(Into::into)
        } else {
            Ok(())
        }
    }

    fn draw(&mut self) -> Result<()> {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["object"].into_iter().chain(MEMBERS));
        for (title, clusters) in &self.cells {
            let cell = |cluster: &&str| clusters.get(cluster).map_or("…", String::as_str).to_owned();
            table.add_row(std::iter::once((*title).to_owned()).chain(MEMBERS.iter().map(cell)));
        }
        let text = table.to_string();
        let mut out = stdout().lock();
        if self.lines_drawn > 0 {
            // Up to where the table began, and clear what is below.
            write!(out, "\x1b[{}A\x1b[J", self.lines_drawn)?;
        }
        writeln!(out, "{text}")?;
        self.lines_drawn = text.lines().count();
        Ok(())
    }

    /// The end of the story. `kubeconfig`: where to look at what keeps running.
    pub(crate) fn closes(
        &self,
        requests: &Value,
        kubeconfig: Option<&Path>,
        outcome: Result<(), &str>,
    ) -> Result<()> {
        let millis = millis(self.started);
        let mut out = stdout().lock();
        match self.output {
            Output::Json => {
                let document = json!({
                    "steps": self.steps,
                    "requests": requests,
                    "milliseconds": millis,
                    "kubeconfig": kubeconfig,
                    "ok": outcome.is_ok(),
                    "problem": outcome.err(),
                });
                writeln!(out, "{document:#}")?;
            }
            Output::Text if outcome.is_ok() => {
                writeln!(
                    out,
                    "\nEverything is as it shall be, after {millis} ms. Requests that changed something:"
                )?;
                for (plane, count) in requests.as_object().into_iter().flatten() {
                    writeln!(out, "  {plane}: {}", count["writes"])?;
                }
                if let Some(kubeconfig) = kubeconfig {
                    writeln!(out, "\nEverything keeps running until Ctrl-C. Have a look:\n")?;
                    writeln!(out, "  export KUBECONFIG={}", kubeconfig.display())?;
                    writeln!(out, "  kubectl --context host get federateddeployments -n demo")?;
                    writeln!(out, "  kubectl --context host describe federatedwebsite front -n demo")?;
                    writeln!(out, "  kubectl --context member2 get deployments,configmaps -n demo")?;
                }
            }
            Output::Text => {}
        }
        Ok(())
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
