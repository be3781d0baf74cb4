//! The broker under test as a process: where it listens, what it costs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Linux counts a process's time in hundredths of a second, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// A broker; one that was started here is ended and its data removed when this is dropped.
pub(crate) struct Broker {
    bootstrap: String,
    pid: u32,
    admin: AdminClient<DefaultClientContext>,
    own: Option<Own>,
}

/// What a broker that was started here is made of.
struct Own {
    child: Child,
    folder: TempDir,
    /// Starts it again on the same folder and address.
    command: Command,
}

/// How a broker ends.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    /// By SIGTERM.
    Orderly,
    /// By SIGKILL.
    Killed,
}

impl Broker {
    /// A broker that runs already.
    pub(crate) fn running(bootstrap: &str, pid: u32) -> Self {
        Self { bootstrap: String::from(bootstrap), pid, admin: admin(bootstrap), own: None }
    }

    /// Starts `ottla serve` on an empty folder, with settings, on some cores only if these are named.
    pub(crate) fn start(settings: &[String], cores: Option<&str>) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let bootstrap = port.local_addr().expect("an address").to_string();
        drop(port);
        let binary = env!("CARGO_BIN_EXE_ottla");
        let mut command = match cores {
            // taskset becomes the program it starts, so the process id is the broker's.
            Some(cores) => {
                let mut taskset = Command::new("taskset");
                taskset.args(["--cpu-list", cores, binary]);
                taskset
            }
            None => Command::new(binary),
        };
        command.args(["serve", "--set", &format!("listeners=PLAINTEXT://{bootstrap}"), "--set"]);
        command.arg(format!("log.dirs={}", folder.path().display()));
        for setting in settings {
            command.args(["--set", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("the broker starts");
        let admin = admin(&bootstrap);
        Self { bootstrap, pid: child.id(), admin, own: Some(Own { child, folder, command }) }
    }

    /// The address clients connect to.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Its process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// The folder of its data, if it was started here.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.folder.path())
    }

    /// Ends it, and starts it again on the same folder and address; how long the end took.
    pub(crate) fn restart(&mut self, ending: Ending) -> Duration {
        let own = self.own.as_mut().expect("a broker that was started here");
        let began = Instant::now();
        match ending {
            Ending::Orderly => {
                let pid = Pid::from_child(&own.child);
                kill_process(pid, Signal::TERM).expect("the broker can be told to stop");
            }
            Ending::Killed => own.child.kill().expect("the broker can be ended"),
        }
        own.child.wait().expect("the broker ends");
        let took = began.elapsed();
        own.child = own.command.spawn().expect("the broker starts");
        self.pid = own.child.id();
        took
    }

    /// Makes a topic with a name of its own and returns that; waits for a broker that is starting.
    pub(crate) fn create_topic(&self, partitions: i32) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        let name = format!("perf-{}", now.as_nanos());
        self.create_topics(std::slice::from_ref(&name), partitions);
        name
    }

    /// Makes topics of so many partitions each.
    pub(crate) fn create_topics(&self, names: &[String], partitions: i32) {
        let topic = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topics: Vec<NewTopic<'_>> = names.iter().map(|name| topic(name)).collect();
        let made = wait(self.admin.create_topics(&topics, &patience()));
        for topic in made.expect("an answer") {
            topic.expect("a topic");
        }
    }

    /// Deletes topics.
    pub(crate) fn delete_topics(&self, names: &[String]) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for topic in wait(self.admin.delete_topics(&names, &patience())).expect("an answer") {
            topic.expect("a deleted topic");
        }
    }

    /// Seconds of processor time used since it started, of all threads, user and system.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("a process");
        // The name, in parentheses, may hold blanks; after it, fields 14 and 15 are utime and stime.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let ticks = rest.split_whitespace().skip(11).take(2);
        ticks.map(|field| field.parse::<f64>().expect("a number")).sum::<f64>() / TICKS_PER_SECOND
    }

    /// Its resident memory, now and at its highest, in MiB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        (self.status("VmRSS:") / 1024.0, self.status("VmHWM:") / 1024.0)
    }

    /// A number of what the system says of the process; memory is in KiB.
    pub(crate) fn status(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let first = line.and_then(|line| line.split_whitespace().next());
        first.and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
    }
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("reconnect.backoff.max.ms", "100");
    config.create().expect("an admin client")
}

/// A cluster may take its time over thousands of topics.
fn patience() -> AdminOptions {
    let minutes = Some(Duration::from_mins(5));
    AdminOptions::new().request_timeout(minutes).operation_timeout(minutes)
}

pub(crate) fn wait<T>(answer: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(answer)
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(Own { child, .. }) = &mut self.own {
            child.kill().expect("the broker can be ended");
            child.wait().expect("the broker ends");
        }
    }
}
