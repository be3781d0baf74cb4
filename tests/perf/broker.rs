//! The broker under test as a process: where it listens, what it costs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tempfile::TempDir;

/// Linux counts a process's time in hundredths of a second, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// A broker; one that was started here is ended and its data removed when this is dropped.
pub(crate) struct Broker {
    bootstrap: String,
    pid: u32,
    admin: AdminClient<DefaultClientContext>,
    own: Option<(Child, TempDir)>,
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
        Self { bootstrap, pid: child.id(), admin, own: Some((child, folder)) }
    }

    /// The address clients connect to.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
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
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("a process");
        let field = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes =
                line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kibibytes.unwrap_or(f64::NAN) / 1024.0
        };
        (field("VmRSS:"), field("VmHWM:"))
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

fn wait<T>(answer: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(answer)
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.own {
            child.kill().expect("the broker can be ended");
            child.wait().expect("the broker ends");
        }
    }
}
