//! The broker as a process: started on a port and a folder of its own, stopped, killed, started again.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Subprocess, scratch};

/// How long a broker may take to start or to stop before the test fails; it takes a fraction.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What tests want and users do not: one partition and few internal ones, short sessions.
const SETTINGS: &[&str] = &[
    "num.partitions=1",
    "offsets.topic.num.partitions=5",
    "group.initial.rebalance.delay.ms=0",
    "group.min.session.timeout.ms=1000",
];

/// One broker with its folder; dropping it kills the process and removes the folder.
pub(crate) struct Broker {
    process: Option<Subprocess>,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    variables: Vec<(String, String)>,
    /// The size of a disk of its own, which is gone with the process.
    disk_mebibytes: Option<u32>,
}

impl Broker {
    /// Starts a broker on an empty folder, with `settings` (`name=value`) beside the usual ones; in
    /// a value `<port>` stands for its port.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::start_with(settings, &[])
    }

    /// The same, with variables in its environment.
    pub(crate) fn start_with(settings: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
        let (process, port) = (None, free_port());
        let own = |line: &&str| line.replace("<port>", &port.to_string());
        let settings = SETTINGS.iter().chain(settings).map(own).collect();
        let owned = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        let variables = variables.iter().map(owned).collect();
        let mut broker = Self { process, folder, port, settings, variables, disk_mebibytes: None };
        broker.start_again();
        broker
    }

    /// Starts a broker whose data folder is a disk of its own, so small; `None` where this process
    /// may not make one.
    pub(crate) fn start_on_disk(mebibytes: u32) -> Option<Self> {
        let may_mount = Command::new("unshare").args(["--mount", "true"]).output();
        if !may_mount.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let mut broker = Self::start(&[]);
        broker.kill();
        fs::remove_dir_all(broker.data()).expect("the data folder goes");
        broker.disk_mebibytes = Some(mebibytes);
        broker.start_again();
        Some(broker)
    }

    /// A file of its data folder, on its own disk if it has one.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let process = self.process.as_ref().expect("a running broker").id();
        let root = PathBuf::from(format!("/proc/{process}/root"));
        root.join(self.data().strip_prefix("/").expect("a path from the root")).join(name)
    }

    /// Starts it on the folder and port it had, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "the broker runs already");
        let mut command = self.command();
        self.process = Some(Subprocess::start(&mut command));
        self.await_answer();
    }

    /// `ottla serve` as this broker runs it, its output appended to the log.
    fn command(&self) -> Command {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file());
        let log = log.expect("a log file");
        let mut command = serve(self.port, &self.data(), &self.settings);
        if let Some(mebibytes) = self.disk_mebibytes {
            command = on_a_disk(mebibytes, &self.data(), &command);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::from(log.try_clone().expect("a second handle"))).stderr(log);
        command
    }

    /// Connects until a request is answered, or fails with the broker's log.
    fn await_answer(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !answers(self.address()) {
            let process = self.process.as_mut().expect("a running broker");
            // Waiting for its end paces the attempts.
            if let Some(status) = process.wait(Duration::from_millis(5)) {
                panic!("the broker ended with {status}:\n{}", self.log());
            }
            if Instant::now() > deadline {
                panic!("the broker does not answer:\n{}", self.log());
            }
        }
    }

    /// Sends SIGTERM and returns how the broker ended; fails if it does not.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.await_end()
    }

    /// Sends a signal to the running broker.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.process.as_mut().expect("a running broker").signal(signal);
    }

    /// Waits until its log holds `words`.
    pub(crate) fn await_log(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            let process = self.process.as_mut().expect("a running broker");
            let ended = process.wait(Duration::from_millis(5)).is_some();
            assert!(!ended && Instant::now() < deadline, "{words:?} is not said:\n{}", self.log());
        }
    }

    /// Waits for the end that was asked for.
    pub(crate) fn await_end(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("a running broker");
        match process.wait(PATIENCE) {
            Some(status) => status,
            None => panic!("the broker does not stop:\n{}", self.log()),
        }
    }

    /// Ends the process without any warning, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("a running broker").kill();
    }

    /// Fails if the process has ended by itself.
    pub(crate) fn assert_alive(&mut self) {
        let process = self.process.as_mut().expect("a running broker");
        if let Some(status) = process.wait(Duration::ZERO) {
            panic!("the broker ended by itself with {status}:\n{}", self.log());
        }
    }

    /// Resident memory of the running process, in MiB.
    pub(crate) fn resident_mebibytes(&self) -> u64 {
        self.mebibytes("VmRSS:")
    }

    /// The most that its resident memory has been, in MiB.
    #[allow(dead_code, reason = "not every test that stands on this asks for it")]
    pub(crate) fn peak_mebibytes(&self) -> u64 {
        self.mebibytes("VmHWM:")
    }

    fn mebibytes(&self, row: &str) -> u64 {
        let process = self.process.as_ref().expect("a running broker");
        let status = fs::read_to_string(format!("/proc/{}/status", process.id()));
        let status = status.expect("the state of a running process");
        let line = status.lines().find_map(|line| line.strip_prefix(row));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()).expect("its memory");
        kibibytes.parse::<u64>().expect("a number") / 1024
    }

    /// The address clients use.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where its output goes.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Everything it has said since it was first started.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}

/// `ottla serve` on `port` of 127.0.0.1 with its data in `data`.
pub(crate) fn serve(port: u16, data: &Path, settings: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.arg("serve").stdin(Stdio::null());
    command.arg("--set").arg(format!("listeners=PLAINTEXT://127.0.0.1:{port}"));
    command.arg("--set").arg(format!("log.dirs={}", data.display()));
    for setting in settings {
        command.arg("--set").arg(setting);
    }
    // What the person at the keyboard has set must not decide a test.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_prefixed = text.starts_with("KAFKA_") || text.starts_with("OTTLA_");
        if is_prefixed || text == "CLUSTER_ID" || text == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// The command, with a small disk mounted at `folder` that nobody else sees.
fn on_a_disk(mebibytes: u32, folder: &Path, command: &Command) -> Command {
    const MOUNT: &str =
        r#"mkdir -p "$1" && mount -t tmpfs -o "size=$2m" tmpfs "$1" && shift 2 && exec "$@""#;
    let mut mounted = Command::new("unshare");
    mounted.args(["--mount", "sh", "-c", MOUNT, "sh"]).arg(folder).arg(mebibytes.to_string());
    mounted.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => mounted.env(name, value),
            None => mounted.env_remove(name),
        };
    }
    mounted
}

/// Runs a command that is expected to end by itself; returns its status and what it said.
pub(crate) fn run_to_end(command: &mut Command) -> (ExitStatus, String) {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let output = folder.path().join("output");
    let file = File::create(&output).expect("an output file");
    command.stdout(file.try_clone().expect("a second handle")).stderr(file);

    let mut process = Subprocess::start(command);
    let status = process.wait(PATIENCE);
    drop(process);

    let said = fs::read_to_string(&output).unwrap_or_default();
    match status {
        Some(status) => (status, said),
        None => panic!("{command:?} does not end:\n{said}"),
    }
}

/// True when ApiVersions version 0 is answered with the id it was asked under.
pub(crate) fn answers(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        // Size 10, key 18, version 0, correlation id 7, no client id.
        socket.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff])?;
        let mut head = [0; 8];
        socket.read_exact(&mut head)?;
        Ok(head.ends_with(&[0, 0, 0, 7]))
    };
    asked().unwrap_or(false)
}

/// A port that nobody listens on, below the range from which the system takes ports for outgoing
/// connections, so that no client's own socket can take it while a broker is restarted.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at the same time start at different places.
    let first = 12_000 + (std::process::id() % 180) as u16 * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
