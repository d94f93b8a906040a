//! Processes of a local network: started in sessions of their own, found again, ended.
//!
//! A process number alone says nothing after a restart of the machine. `process.json` therefore also has the time at
//! which the kernel started the process; only a process with both is ever signalled.

use crate::{
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, write_file},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Time between two looks at a process that should end.
const POLL: Duration = Duration::from_millis(10);
/// Name of the hidden command that leaves the terminal's session and becomes the node.
pub const DETACHED: &str = "run-detached";

/// A process that this network started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process number.
    pub pid: u32,
    /// When the kernel started it, in clock ticks after boot.
    pub started: u64,
    /// The boot in which that was.
    pub boot: String,
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// State letter.
    pub state: char,
    /// Start time in clock ticks after boot.
    pub started: u64,
    /// CPU time of the process so far, user and system, in clock ticks of 10 ms.
    pub cpu_ticks: u64,
    /// Resident memory in bytes.
    pub resident: u64,
    /// Threads that have not ended, the first one included.
    pub threads: u64,
}

impl Usage {
    /// Tells whether nothing of it runs any more. After SIGKILL the first thread can be gone while others still hold the
    /// sockets: only when they are gone too, its ports are free.
    fn ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }
}

impl Process {
    /// Starts the program of a folder: `PROGRAM --config FOLDER/config.toml`, output to `FOLDER/log`.
    ///
    /// # Errors
    /// When the program is missing or cannot be started.
    pub fn start(program: &Program, folder: &Path) -> Result<Self> {
        let program = program.find()?;
        let log_path = folder.join("log");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(|e| CliError::file("open", &log_path, &e))?;
        let log_too = log.try_clone().map_err(|e| CliError::file("open", &log_path, &e))?;
        let own = std::env::current_exe()
            .map_err(|e| CliError::internal("no_program", format!("own program file not found: {e}")))?;
        let arguments = [OsString::from("--config"), folder.join("config.toml").into_os_string()];
        let child = Command::new(own)
            .arg(DETACHED)
            .arg(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_too)
            .spawn()
            .map_err(|e| CliError::internal("not_started", format!("{} cannot be started: {e}", program.display())))?;
        let pid = child.id();
        reap(child);
        let started = usage(pid).map_or(0, |u| u.started);
        let process = Self { pid, started, boot: boot() };
        let text = serde_json::to_string(&process).map_err(|e| CliError::internal("json", e.to_string()))?;
        write_file(&folder.join("process.json"), text.as_bytes(), Access::Public)?;
        Ok(process)
    }

    /// The process last started in a folder.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("process.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Whether it still runs, and is the one that was started.
    pub fn lives(&self) -> bool {
        self.boot == boot() && usage(self.pid).is_some_and(|u| u.started == self.started && !u.ended())
    }

    /// What the kernel says of it, while it lives.
    pub fn usage(&self) -> Option<Usage> {
        usage(self.pid).filter(|u| u.started == self.started)
    }

    /// Bytes that it caused to be written to storage so far, as the kernel counts them.
    pub fn written_bytes(&self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/io", self.pid)).ok()?;
        text.lines().find_map(|l| l.strip_prefix("write_bytes: ")?.trim().parse().ok())
    }

    /// Asks it to end (SIGTERM).
    pub fn ask_to_end(&self) {
        if self.lives() {
            let _ = kill(self.number(), Signal::SIGTERM);
        }
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// When it does not go in time.
    pub fn kill(&self, timeout: Duration) -> Result<()> {
        if self.lives() {
            let _ = kill(self.number(), Signal::SIGKILL);
        }
        if self.wait_end(timeout) {
            return Ok(());
        }
        Err(CliError::new(Exit::Internal, "not_killed", format!("process {} does not die", self.pid))
            .field("pid")
            .value(self.pid.to_string())
            .rule("a process that ends after SIGKILL"))
    }

    /// Waits until it is gone; tells whether it is.
    pub fn wait_end(&self, timeout: Duration) -> bool {
        let started = Instant::now();
        while self.lives() {
            if started.elapsed() > timeout {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }

    fn number(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.pid).unwrap_or(i32::MAX))
    }
}

/// Waits for the child in a thread of its own, so that no zombie stays while this program goes on.
fn reap(mut child: std::process::Child) {
    std::thread::spawn(move || {
        let _ = child.wait();
    });
}

/// Leaves the terminal's session and becomes `program`; returns only when that fails.
pub fn run_detached(program: &Path, arguments: &[OsString]) -> CliError {
    // Fails only for a process that leads a group already; then it is out of the terminal's reach as well.
    let _ = nix::unistd::setsid();
    let error = Command::new(program).args(arguments).exec();
    CliError::internal("not_started", format!("{} cannot be started: {error}", program.display()))
}

/// What the kernel says of this very process.
pub fn own_usage() -> Option<Usage> {
    usage(std::process::id())
}

/// Reads `/proc/PID/stat`.
fn usage(pid: u32) -> Option<Usage> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&text)
}

/// Fields of `/proc/PID/stat` (proc(5)); the program's name may hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<Usage> {
    const PAGE: u64 = 4096;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |field: usize| -> Option<u64> { fields.get(field.checked_sub(3)?)?.parse().ok() };
    Some(Usage {
        state: fields.first()?.chars().next()?,
        cpu_ticks: number(14)?.saturating_add(number(15)?),
        started: number(22)?,
        resident: number(24)?.saturating_mul(PAGE),
        threads: number(20)?,
    })
}

/// Names the present boot: process numbers and start times repeat after the next one.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// A program that a local network starts.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    /// Environment variable that names its file.
    variable: &'static str,
    /// Code of the error when it is missing.
    missing: &'static str,
}

impl Program {
    /// The node.
    pub const NODE: Self = Self { name: "althingd", variable: "ALTHINGD", missing: "no_althingd" };
    /// The zone server.
    pub const ZONE: Self = Self { name: "althing-zone", variable: "ALTHING_ZONE", missing: "no_althing_zone" };
    /// The access node for registration data.
    pub const ACCESS: Self =
        Self { name: "althing-rdap", variable: "ALTHING_RDAP_PROGRAM", missing: "no_althing_rdap" };

    /// Finds its file: the one that the variable names, else beside this program, else in PATH.
    ///
    /// # Errors
    /// Codes `no_althingd`, `no_althing_zone`, `no_althing_rdap`, with the places where it was looked for.
    pub fn find(&self) -> Result<PathBuf> {
        let missing = |looked: &str| {
            CliError::not_found(self.missing, format!("the program {} is missing", self.name))
                .field(self.name)
                .value(looked)
                .rule(format!("named by {}, beside althing, or in PATH", self.variable))
                .hint("make build")
        };
        if let Some(given) = std::env::var_os(self.variable).filter(|v| !v.is_empty()) {
            let path = PathBuf::from(given);
            return if is_program(&path) { Ok(path) } else { Err(missing(&path.display().to_string())) };
        }
        let beside = std::env::current_exe().ok().and_then(|p| Some(p.parent()?.join(self.name)));
        let in_path = std::env::var_os("PATH").unwrap_or_default();
        let candidates = beside.into_iter().chain(std::env::split_paths(&in_path).map(|p| p.join(self.name)));
        let mut looked = Vec::new();
        for path in candidates {
            if is_program(&path) {
                return Ok(path);
            }
            looked.push(path.display().to_string());
        }
        Err(missing(&looked.join(" ")))
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_does_not_confuse() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 9 0 123456 1000000 256 1844";
        let usage = parse_stat(stat).unwrap();
        assert_eq!(usage, Usage { state: 'S', started: 123_456, cpu_ticks: 12, resident: 256 * 4096, threads: 9 });
    }

    #[test]
    fn a_process_whose_first_thread_is_gone_lives_until_the_others_are() {
        let with = |threads: u64| Usage { state: 'Z', threads, ..Usage::default() };
        assert!(!with(2).ended());
        assert!(with(1).ended() && with(0).ended());
        assert!(!Usage { state: 'D', threads: 1, ..Usage::default() }.ended());
    }

    #[test]
    fn a_process_of_another_boot_or_start_is_never_signalled() {
        let own = std::process::id();
        let started = usage(own).unwrap().started;
        assert!(Process { pid: own, started, boot: boot() }.lives());
        assert!(!Process { pid: own, started: started + 1, boot: boot() }.lives());
        assert!(!Process { pid: own, started, boot: "other".into() }.lives());
    }
}
