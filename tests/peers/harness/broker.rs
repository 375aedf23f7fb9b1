//! A real mosquitto that can be killed, and a subscriber that keeps its session over that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::process::Process;
use super::site::free_port;

/// A broker that writes its state down at every change, and never makes a subscriber wait for room: what
/// it has acknowledged is then either in its file or on the way to the subscriber.
/// (`user root`: it would otherwise drop root for a user who cannot write into a test's folder.)
pub(crate) struct Broker {
    port: u16,
    dir: PathBuf,
    process: Process,
}

impl Broker {
    pub(crate) fn start(dir: &Path) -> Self {
        let port = free_port();
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             autosave_on_changes true\nautosave_interval 1\nmax_inflight_messages 0\nmax_queued_messages 0\nuser root\n",
            dir.display()
        );
        fs::write(dir.join("mosquitto.conf"), settings).unwrap();
        Self { port, process: start(dir), dir: dir.to_owned() }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Stops answering without closing a connection: what is sent from now on stays unacknowledged.
    pub(crate) fn freeze(&mut self) {
        rustix::process::kill_process(self.process.pid(), Signal::STOP).unwrap();
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    pub(crate) fn start_again(&mut self) {
        self.process = start(&self.dir);
    }

    /// Everything published below `topics`, from now on.
    pub(crate) fn subscribe(&self, topics: &str) -> Subscriber {
        // Line by line, where it would keep its output back until a block is full.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-t", topics]);
        // QoS 1 in a session that outlives the connection.
        command.args(["-q", "1", "-c", "-i", "the-tests", "-d", "-F", "MESSAGE %p"]);
        let mut process = Process::start("subscriber", &mut command, &self.dir);
        process.wait_for_print("received SUBACK");
        Subscriber { process }
    }
}

fn start(dir: &Path) -> Process {
    let mut command = Command::new("mosquitto");
    // Debian keeps daemons where only root's PATH looks.
    command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap()));
    command.arg("-c").arg(dir.join("mosquitto.conf"));
    let mut process = Process::start("mosquitto", &mut command, dir);
    process.wait_for_print("running");
    process
}

/// What a subscriber has received.
pub(crate) struct Subscriber {
    process: Process,
}

impl Subscriber {
    /// The payloads so far, in order of arrival.
    pub(crate) fn payloads(&self) -> Vec<String> {
        let printed = self.process.printed();
        // The last line may not be whole yet.
        let whole = printed.rfind('\n').map_or("", |end| &printed[..end]);
        whole.lines().filter_map(|line| line.strip_prefix("MESSAGE ")).map(str::to_owned).collect()
    }
}
