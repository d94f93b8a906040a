//! Real name servers as secondaries: BIND, NSD, Knot DNS; and Unbound, a resolver that holds zones.

use super::{SECRET, free};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A secondary that runs; ended when it goes out of scope.
pub struct Peer {
    pub name: &'static str,
    pub address: SocketAddr,
    folder: PathBuf,
    child: Child,
}

/// Name and program of the resolver.
pub const RESOLVER: (&str, &str) = ("unbound", "unbound");
/// Name and program of each kind of secondary.
pub const KINDS: [(&str, &str); 3] = [("named", "named"), ("nsd", "nsd"), ("knot", "knotd")];

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]).map(PathBuf::from);
    folders.map(|f| f.join(name)).find(|f| f.is_file())
}

/// Where each installed kind will listen. With ALTHING_REQUIRE_PEERS a missing one fails the test.
pub fn installed() -> Vec<(&'static str, SocketAddr)> {
    installed_of(&KINDS)
}

/// Where each installed one of some kinds will listen.
pub fn installed_of(kinds: &[(&'static str, &'static str)]) -> Vec<(&'static str, SocketAddr)> {
    let mut out = Vec::new();
    for (name, binary) in kinds.iter().copied() {
        match program(binary) {
            Some(_) => out.push((name, free())),
            None if std::env::var_os("ALTHING_REQUIRE_PEERS").is_some() => panic!("{binary} is not installed"),
            None => eprintln!("{binary} is not installed: left out"),
        }
    }
    out
}

/// Starts a secondary of a primary for the zone ".".
pub fn start(name: &'static str, address: SocketAddr, primary: SocketAddr, folder: &Path) -> Peer {
    start_of(name, address, primary, folder, &["."])
}

/// Starts a secondary of a primary for some zones.
pub fn start_of(name: &'static str, address: SocketAddr, primary: SocketAddr, folder: &Path, zones: &[&str]) -> Peer {
    let each = |form: &dyn Fn(usize, &str) -> String| -> String {
        zones.iter().enumerate().map(|(index, zone)| form(index, zone)).collect()
    };
    let folder = folder.join(name);
    fs::create_dir_all(&folder).unwrap();
    let dir = folder.display();
    let (port, primary_port) = (address.port(), primary.port());
    let (binary, arguments, text) = match name {
        "named" => (
            "named",
            vec!["-g", "-c"],
            format!(
                "options {{ directory \"{dir}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
                 recursion no; pid-file \"{dir}/pid\"; session-keyfile \"{dir}/session.key\"; allow-new-zones no; \
                 dnssec-validation no; notify no; allow-transfer {{ any; }}; serial-query-rate 100; \
                 min-refresh-time 1; min-retry-time 1; max-retry-time 2; }};\n\
                 key \"xfr.lab.\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
                 server 127.0.0.1 {{ keys {{ \"xfr.lab.\"; }}; }};\ncontrols {{ }};\n{}",
                each(&|index, zone| format!(
                    "zone \"{zone}\" {{ type secondary; primaries {{ 127.0.0.1 port {primary_port} key \"xfr.lab.\"; \
                     }}; file \"{index}.db\"; masterfile-format text; }};\n"
                ))
            ),
        ),
        "nsd" => (
            "nsd",
            vec!["-d", "-c"],
            format!(
                "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{dir}\"\n  \
                 xfrdir: \"{dir}\"\n  zonelistfile: \"{dir}/zone.list\"\n  xfrdfile: \"{dir}/xfrd.state\"\n  \
                 pidfile: \"{dir}/pid\"\n  verbosity: 2\n  database: \"\"\n  xfrd-reload-timeout: 0\nremote-control:\n  control-enable: no\n\
                 key:\n  name: \"xfr.lab.\"\n  algorithm: hmac-sha256\n  secret: \"{SECRET}\"\n\
                 {}",
                each(&|index, zone| format!(
                    "zone:\n  name: \"{zone}\"\n  zonefile: \"{index}.zone\"\n  allow-notify: 127.0.0.1 xfr.lab.\n  \
                     request-xfr: 127.0.0.1@{primary_port} xfr.lab.\n  provide-xfr: 127.0.0.1 NOKEY\n"
                ))
            ),
        ),
        "unbound" => (
            "unbound",
            vec!["-d", "-c"],
            format!(
                "server:\n  interface: 127.0.0.1@{port}\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n  \
                 directory: \"{dir}\"\n  pidfile: \"{dir}/pid\"\n  use-syslog: no\n  logfile: \"\"\n  verbosity: 2\n  \
                 do-ip6: no\n  access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n  \
                 module-config: \"iterator\"\nremote-control:\n  control-enable: no\n{}",
                each(&|index, zone| format!(
                    "auth-zone:\n  name: \"{zone}\"\n  primary: \"127.0.0.1@{primary_port}\"\n  \
                     allow-notify: 127.0.0.1\n  for-downstream: yes\n  for-upstream: yes\n  fallback-enabled: no\n  \
                     zonefile: \"{index}.zone\"\n"
                ))
            ),
        ),
        _ => (
            "knotd",
            vec!["-c"],
            format!(
                "server:\n    rundir: \"{dir}/run\"\n    listen: 127.0.0.1@{port}\n    user: root:root\n\
                 log:\n  - target: stderr\n    any: info\ndatabase:\n    storage: \"{dir}/db\"\n    \
                 journal-db-max-size: 64M\n\
                 key:\n  - id: xfr.lab.\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
                 remote:\n  - id: ledger\n    address: 127.0.0.1@{primary_port}\n    key: xfr.lab.\n\
                 acl:\n  - id: notify\n    address: 127.0.0.1\n    key: xfr.lab.\n    action: notify\n  \
                 - id: copy\n    address: 127.0.0.1\n    action: transfer\n\
                 zone:\n{}",
                each(&|index, zone| format!(
                    "  - domain: {zone}\n    storage: \"{dir}\"\n    file: {index}.zone\n    master: ledger\n    \
                     acl: [notify, copy]\n    zonemd-verify: on\n"
                ))
            ),
        ),
    };
    for inner in ["run", "db"] {
        fs::create_dir_all(folder.join(inner)).unwrap();
    }
    let config = folder.join("config");
    fs::write(&config, text).unwrap();
    let log = File::create(folder.join("log")).unwrap();
    let child = Command::new(program(binary).unwrap())
        .args(arguments)
        .arg(&config)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    Peer { name, address, folder, child }
}

impl Peer {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
    /// The last lines of its log.
    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
    /// Lines of its log with some text.
    pub fn logged(&self, text: &str) -> usize {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default().lines().filter(|l| l.contains(text)).count()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
