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
    /// Whether the document of [`Output::Json`] is out.
    closed: bool,
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
            closed: false,
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
    pub(crate) fn says(&mut self, line: &str) -> Result<()> {
        // A table that is drawn after it begins anew below it.
        self.lines_drawn = 0;
        if self.output == Output::Text {
            writeln!(stdout(), "  {line}")?;
        }
        Ok(())
    }

    /// A cluster holds an object as it shall be. The table is of members only; what is elsewhere is a line.
    pub(crate) fn fills(&mut self, title: &'static str, cluster: &'static str, what: &str) -> Result<()> {
        let millis = millis(self.step_started);
        let cell = format!("{what} ({millis} ms)");
        if let Some(step) = self.steps.last_mut() {
            step["objects"][title][cluster] = json!({ "state": what, "milliseconds": millis });
        }
        if !self.live || !MEMBERS.contains(&cluster) {
            return self.says(&format!("{title} on {cluster}: {cell}"));
        }
        match self.cells.iter_mut().find(|(known, _)| *known == title) {
            Some((_, clusters)) => {
                clusters.insert(cluster, cell);
            }
            None => self.cells.push((title, BTreeMap::from([(cluster, cell)]))),
        }
        self.draw()
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

    /// The story ended well. `kubeconfig`: where to look at what keeps running.
    pub(crate) fn succeeds(&mut self, requests: &Value, kubeconfig: Option<&Path>) -> Result<()> {
        if self.output == Output::Json {
            return self.document(requests, kubeconfig, None);
        }
        let millis = millis(self.started);
        let mut out = stdout().lock();
        writeln!(out, "\nEverything is as it shall be, after {millis} ms. Requests that changed something:")?;
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
        Ok(())
    }

    /// Something went wrong. People read it on standard error; programs get a document, unless they have one.
    pub(crate) fn fails(&mut self, problem: &str) -> Result<()> {
        if self.output == Output::Text || self.closed {
            return Ok(());
        }
        self.document(&Value::Null, None, Some(problem))
    }

    fn document(&mut self, requests: &Value, kubeconfig: Option<&Path>, problem: Option<&str>) -> Result<()> {
        self.closed = true;
        let document = json!({
            "steps": self.steps,
            "requests": requests,
            "milliseconds": millis(self.started),
            "kubeconfig": kubeconfig,
            "ok": problem.is_none(),
            "problem": problem,
        });
        writeln!(stdout(), "{document:#}")?;
        Ok(())
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
