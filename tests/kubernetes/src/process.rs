//! Servers that end with this process, however it ends.
//!
//! A process that is killed with SIGKILL runs no destructor. So every server is the child of a small shell that holds
//! the other end of a pipe of ours: when we are gone, the pipe closes, and the shell kills its server. A further
//! shell holds a pipe whose writing ends are ours and those of the server shells, and removes the folder once all of
//! them are closed, that is when the last server is gone and can write no more. An orderly end takes the same way.

use std::fs;
use std::io::{BufRead, BufReader, PipeWriter};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Error, last_lines};

/// How many lines of a server's log an error shows.
const SHOWN_LINES: usize = 20;

/// Arguments: the log file, the server's program, its arguments. Writes the server's process id, ends as the server. The log
/// is there before the id is told, also if the server is killed before it runs.
const RUN_SERVER: &str = r#"
exec 3<&0 </dev/null
log=$1
shift
: >>"$log"
"$@" >>"$log" 2>&1 3<&- &
server=$!
(read -r _ <&3; kill -KILL "$server") >/dev/null &
guard=$!
echo "$server"
exec >/dev/null 3<&-
wait "$server"
status=$?
kill -KILL "$guard"
exit "$status"
"#;

/// Argument: the folder.
const REMOVE_FOLDER: &str = r#"
while read -r _; do :; done
rm -rf -- "$1"
"#;

/// The folder with everything that the servers of one set write.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The shell that removes the folder, and our end of its pipe. Absent where the folder is to stay.
    remover: Option<(Child, PipeWriter)>,
}

impl Folder {
    /// Makes a new folder below the system's folder for temporary files, for this user's eyes only.
    pub(crate) fn new(keep: bool) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("kubefed-planes-").tempdir();
        let folder = folder.map_err(Error::io("make a folder in", std::env::temp_dir()))?;
        if keep {
            return Ok(Self { path: folder.keep(), remover: None });
        }
        let (reader, writer) = std::io::pipe().map_err(Error::io("make a pipe for", folder.path()))?;
        let remover = shell(REMOVE_FOLDER)
            .arg(folder.path())
            .stdin(Stdio::from(reader))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("run", "sh"))?;
        Ok(Self { path: folder.keep(), remover: Some((remover, writer)) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A writing end of the remover's pipe, for a shell that must be gone before the folder is removed.
    fn hold(&self) -> Result<Stdio, Error> {
        let Some((_, writer)) = &self.remover else {
            return Ok(Stdio::null());
        };
        let writer = writer.try_clone().map_err(Error::io("copy the pipe of", &self.path))?;
        Ok(Stdio::from(writer))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some((mut shell, writer)) = self.remover.take() {
            drop(writer);
            // It removes what it can; there is nobody to tell about the rest.
            let _ = shell.wait();
        }
    }
}

/// A server that can be started, paused, stopped and started again.
#[derive(Debug)]
pub(crate) struct Server {
    /// For messages: the program's and the plane's name.
    title: String,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    /// The shell above the server. Its standard input is the pipe that keeps the server alive.
    shell: Child,
    server: Pid,
}

impl Server {
    /// Describes a server; it does not run yet.
    pub(crate) fn new(title: String, program: PathBuf, arguments: Vec<String>, log: PathBuf) -> Self {
        Self { title, program, arguments, log, running: Mutex::new(None) }
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of the log.
    pub(crate) fn log_tail(&self) -> String {
        last_lines(&String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()), SHOWN_LINES)
    }

    /// Starts the server, unless it runs.
    pub(crate) fn start(&self, folder: &Folder) -> Result<(), Error> {
        let mut running = self.running.lock();
        if let Some(current) = running.as_mut()
            && current.shell.try_wait().map_err(Error::io("wait for", &self.program))?.is_none()
        {
            return Ok(());
        }
        let mut child = shell(RUN_SERVER)
            .arg(&self.log)
            .arg(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(folder.hold()?)
            .spawn()
            .map_err(Error::io("run", "sh"))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(Error::io("start", &self.program))?;
        }
        let Some(server) = line.trim().parse().ok().and_then(Pid::from_raw) else {
            return Err(Error::NotRunning { server: self.title.clone() });
        };
        *running = Some(Running { shell: child, server });
        Ok(())
    }

    /// How the server ended, if it was started and ended by itself.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.running.lock().as_mut().and_then(|running| running.shell.try_wait().ok().flatten())
    }

    /// The server's process id, while it runs.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.live_process().and_then(|server| u32::try_from(server.as_raw_nonzero().get()).ok())
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        let server = self.live_process().ok_or_else(|| Error::NotRunning { server: self.title.clone() })?;
        kill_process(server, signal).map_err(|errno| Error::io("signal", &self.program)(errno.into()))
    }

    /// Kills the server and waits until it is gone. Nothing happens if it does not run.
    pub(crate) fn stop(&self) {
        if let Some(mut running) = self.running.lock().take() {
            drop(running.shell.stdin.take());
            // It ends as soon as its server is gone; how does not matter.
            let _ = running.shell.wait();
        }
    }

    fn live_process(&self) -> Option<Pid> {
        let mut running = self.running.lock();
        let running = running.as_mut()?;
        matches!(running.shell.try_wait(), Ok(None)).then_some(running.server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A shell in a process group of its own: Ctrl-C in a terminal must not end it before it did its work.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).process_group(0);
    command
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process;

    use super::*;

    fn sleeping(folder: &Folder) -> Server {
        let server = Server::new(
            "sleep".to_owned(),
            "sleep".into(),
            vec!["1000".to_owned()],
            folder.path().join("log"),
        );
        server.start(folder).expect("a start");
        server
    }

    #[test]
    fn a_dropped_server_is_gone_and_then_its_folder() {
        let folder = Folder::new(false).expect("a folder");
        let path = folder.path().to_owned();
        let server = sleeping(&folder);
        let process = server.live_process().expect("a process");
        assert!(test_kill_process(process).is_ok());
        assert!(path.is_dir());
        drop(server);
        assert!(test_kill_process(process).is_err(), "the server outlived its handle");
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_paused_server_can_be_stopped_and_started_again() {
        let folder = Folder::new(false).expect("a folder");
        let server = sleeping(&folder);
        let first = server.process_id().expect("a process");
        server.signal(Signal::STOP).expect("a pause");
        server.stop();
        assert_eq!(server.process_id(), None);
        assert!(matches!(server.signal(Signal::CONT), Err(Error::NotRunning { .. })));
        server.start(&folder).expect("a second start");
        assert_ne!(server.process_id().expect("a process"), first);
    }

    #[test]
    fn a_server_that_ends_is_seen_with_its_status_and_its_last_words() {
        let folder = Folder::new(false).expect("a folder");
        let script = vec!["-c".to_owned(), "echo no such flag; exit 7".to_owned()];
        let server = Server::new("script".to_owned(), "sh".into(), script, folder.path().join("log"));
        server.start(&folder).expect("a start");
        let status = loop {
            if let Some(status) = server.ended() {
                break status;
            }
            std::thread::yield_now();
        };
        assert_eq!(status.code(), Some(7));
        assert_eq!(server.log_tail(), "no such flag");
        assert_eq!(server.process_id(), None);
    }

    #[test]
    fn a_kept_folder_stays() {
        let folder = Folder::new(true).expect("a folder");
        let path = folder.path().to_owned();
        drop(sleeping(&folder));
        drop(folder);
        assert!(path.join("log").is_file());
        fs::remove_dir_all(path).expect("a removal");
    }
}
