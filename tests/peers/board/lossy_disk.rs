//! A lossy disk: a block device that keeps what was flushed, and after a power cut nothing else for sure.
//!
//! An emulator that is killed leaves all that it wrote with the host, in whatever order; a card that loses its power does
//! not. So the machines of these tests have their disk here, behind a Unix socket, where a cut takes what a real one may take.

mod medium;
mod nbd;

use std::fs::{self, File};
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use medium::Medium;
pub(crate) use medium::{Counts, Flushes, Loss};
use nbd::{Command, Fault, Request};

/// The medium and whoever uses it now.
struct Shared {
    medium: Medium,
    /// One client at a time; none while the power is off.
    client: Option<UnixStream>,
    /// Counts the cuts and the clients, so that a late word of one that is gone changes nothing.
    life: u64,
    /// Writes until the disk falls silent, where a test wants that.
    fuse: Option<u64>,
    ends: bool,
}

/// A disk that serves one emulator at a time, until it is dropped.
pub(crate) struct LossyDisk {
    socket: PathBuf,
    shared: Arc<Mutex<Shared>>,
    server: Option<JoinHandle<()>>,
}

impl LossyDisk {
    /// Serves `file` at a socket beside it. The file holds what the disk keeps without power.
    pub(crate) fn serve(file: &Path, flushes: Flushes) -> Self {
        let socket = file.with_extension("nbd");
        let kept = File::options().read(true).write(true).open(file).unwrap();
        let medium = Medium::new(kept, flushes).unwrap();
        let shared = Arc::new(Mutex::new(Shared { medium, client: None, life: 0, fuse: None, ends: false }));
        let listener = UnixListener::bind(&socket).unwrap();
        let server = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || serve_clients(&listener, &shared))
        };
        Self { socket, shared, server: Some(server) }
    }

    /// Where an emulator finds it.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// After so many writes more, the last of which is not answered, the disk says nothing any more: a moment between two
    /// writes, which time alone seldom meets.
    pub(crate) fn fall_silent_after(&self, writes: u64) {
        lock(&self.shared).fuse = Some(writes);
    }

    pub(crate) fn is_silent(&self) -> bool {
        lock(&self.shared).is_silent()
    }

    /// The power goes; whoever uses the disk is cut off first.
    pub(crate) fn cut(&self, loss: Loss) {
        let mut shared = lock(&self.shared);
        shared.leave();
        shared.fuse = None;
        shared.medium.cut(loss).unwrap();
    }

    pub(crate) fn counts(&self) -> Counts {
        lock(&self.shared).medium.counts()
    }
}

impl Drop for LossyDisk {
    fn drop(&mut self) {
        {
            let mut shared = lock(&self.shared);
            shared.ends = true;
            shared.leave();
        }
        // Wakes the server, which then sees that it ends. Both fail only where it has ended already.
        let _ = UnixStream::connect(&self.socket);
        let _ = self.server.take().map(JoinHandle::join);
        let _ = fs::remove_file(&self.socket);
    }
}

impl Shared {
    fn is_silent(&self) -> bool {
        self.fuse == Some(0)
    }

    fn obey(&mut self, command: Command) -> Result<Vec<u8>, Fault> {
        if let (Some(left), Command::Write { .. }) = (&mut self.fuse, &command) {
            *left = left.saturating_sub(1);
        }
        obey(&mut self.medium, command)
    }

    fn leave(&mut self) {
        self.life += 1;
        if let Some(client) = self.client.take() {
            // Fails where it is gone already.
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

/// A test that has failed elsewhere still wants its disk to end.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn serve_clients(listener: &UnixListener, shared: &Mutex<Shared>) {
    for client in listener.incoming() {
        let mut client = client.unwrap();
        let (life, bytes) = {
            let mut shared = lock(shared);
            if shared.ends {
                return;
            }
            shared.leave();
            shared.client = Some(client.try_clone().unwrap());
            (shared.life, shared.medium.bytes())
        };
        // A client that goes away in the middle of a word is what these tests are about.
        if nbd::negotiate(&mut client, bytes).is_ok_and(|begins| begins) {
            let _ = serve(&mut client, shared, life);
        }
    }
}

/// Serves one client until it leaves or its life ends.
fn serve(client: &mut UnixStream, shared: &Mutex<Shared>, life: u64) -> io::Result<()> {
    loop {
        let Request { command, cookie } = nbd::read_request(client)?;
        if command == Command::Disconnect {
            return Ok(());
        }
        let outcome = {
            let mut shared = lock(shared);
            if shared.life != life {
                return Ok(());
            }
            let outcome = shared.obey(command);
            if shared.is_silent() {
                // The other end of the talk stays open, and waits.
                return Ok(());
            }
            outcome
        };
        nbd::reply(client, cookie, outcome.as_deref().map_err(|fault| *fault))?;
    }
}

fn obey(medium: &mut Medium, command: Command) -> Result<Vec<u8>, Fault> {
    let nothing = |done: io::Result<()>| done.map(|()| Vec::new()).map_err(|_| Fault::Io);
    match command {
        Command::Read { at, length } if medium.holds(at, length) => {
            let mut bytes = vec![0; length];
            medium.read(at, &mut bytes).map_err(|_| Fault::Io)?;
            Ok(bytes)
        }
        Command::Write { at, bytes, through } if medium.holds(at, bytes.len()) => {
            nothing(if through { medium.write_through(at, bytes) } else { medium.write(at, bytes) })
        }
        Command::Flush => nothing(medium.flush()),
        Command::Read { .. } | Command::Write { .. } | Command::Disconnect | Command::Unknown(_) => {
            Err(Fault::Invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Output;

    use tempfile::TempDir;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn disk(dir: &TempDir, flushes: Flushes) -> LossyDisk {
        let file = dir.path().join("disk.img");
        File::create(&file).unwrap().set_len(MIB).unwrap();
        LossyDisk::serve(&file, flushes)
    }

    /// Lets QEMU's own client do `commands`.
    fn qemu_io(disk: &LossyDisk, commands: &[&str]) -> Output {
        let mut qemu_io = std::process::Command::new("qemu-io");
        qemu_io.args(["-f", "raw", "-t", "writeback"]);
        for command in commands {
            qemu_io.args(["-c", command]);
        }
        qemu_io.arg(format!("nbd+unix:///?socket={}", disk.socket().display())).output().unwrap()
    }

    /// A session from its beginning to its end, at which the client flushes.
    fn session(disk: &LossyDisk, commands: &[&str]) {
        let output = qemu_io(disk, commands);
        assert!(output.status.success(), "{output:?}");
    }

    /// A session of a client that is killed at its end.
    fn broken_session(disk: &LossyDisk, commands: &[&str]) {
        let output = qemu_io(disk, &[commands, &["sigraise 9"]].concat());
        assert_eq!(output.status.signal(), Some(9), "{output:?}");
    }

    #[test]
    fn what_was_flushed_survives_a_cut_and_what_was_not_is_gone() {
        let dir = TempDir::new().unwrap();
        let disk = disk(&dir, Flushes::Kept);
        session(&disk, &["write -P 0x11 0 64k", "write -P 0x22 128k 4k", "flush"]);
        broken_session(&disk, &["write -P 0x33 64k 64k", "write -P 0x44 0 512"]);
        broken_session(&disk, &["read -P 0x33 64k 64k", "read -P 0x44 0 512", "read -P 0x11 512 1k"]);

        disk.cut(Loss::All);

        session(&disk, &["read -P 0x11 0 64k", "read -P 0x22 128k 4k", "read -P 0 64k 64k"]);
        assert_eq!(disk.counts().bytes_lost, 64 * 1_024 + 512);
        assert_eq!(disk.counts().writes, 4);
    }

    #[test]
    fn a_write_that_is_forced_through_survives_alone() {
        let dir = TempDir::new().unwrap();
        let disk = disk(&dir, Flushes::Kept);
        broken_session(&disk, &["write -P 0x55 0 8k", "write -f -P 0x66 4k 8k"]);

        disk.cut(Loss::All);

        session(&disk, &["read -P 0 0 4k", "read -P 0x66 4k 8k"]);
    }

    #[test]
    fn a_disk_that_ignores_flushes_loses_what_it_has_acknowledged() {
        let dir = TempDir::new().unwrap();
        let disk = disk(&dir, Flushes::Ignored);
        session(&disk, &["write -P 0x11 0 64k", "flush"]);

        disk.cut(Loss::All);

        session(&disk, &["read -P 0 0 64k"]);
        assert!(disk.counts().flushes > 0);
    }

    #[test]
    fn a_disk_that_falls_silent_has_the_last_write_and_answers_none_after_it() {
        let dir = TempDir::new().unwrap();
        let disk = disk(&dir, Flushes::Kept);
        disk.fall_silent_after(2);
        let mut client = UnixStream::connect(disk.socket()).unwrap();
        session_begins(&mut client);
        for sector in 0..3 {
            io::Write::write_all(&mut client, &write_request(sector * 512, &[0x77; 512])).unwrap();
        }
        let mut answer = [0; 16];
        io::Read::read_exact(&mut client, &mut answer).unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        assert!(io::Read::read_exact(&mut client, &mut answer).is_err());
        assert!(disk.is_silent());
        assert_eq!(disk.counts().writes, 2);

        disk.cut(Loss::All);

        session(&disk, &["read -P 0 0 4k"]);
    }

    #[test]
    fn a_client_that_is_cut_off_writes_nothing_more() {
        let dir = TempDir::new().unwrap();
        let disk = disk(&dir, Flushes::Kept);
        let mut client = UnixStream::connect(disk.socket()).unwrap();
        session_begins(&mut client);

        disk.cut(Loss::All);

        // It may still think that it writes.
        let _ = io::Write::write_all(&mut client, &write_request(0, &[0x77; 512]));
        session(&disk, &["read -P 0 0 4k"]);
        assert_eq!(disk.counts().writes, 0);
    }

    /// As an old client begins: it takes the export without a name.
    fn session_begins(client: &mut UnixStream) {
        let mut greeting = [0; 18];
        io::Read::read_exact(client, &mut greeting).unwrap();
        let take_export = [&3_u32.to_be_bytes()[..], b"IHAVEOPT", &1_u32.to_be_bytes(), &0_u32.to_be_bytes()];
        io::Write::write_all(client, &take_export.concat()).unwrap();
        let mut export = [0; 10];
        io::Read::read_exact(client, &mut export).unwrap();
        assert_eq!(u64::from_be_bytes(export[..8].try_into().unwrap()), MIB);
    }

    fn write_request(at: u64, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let head =
            [&[0x25, 0x60, 0x95, 0x13, 0, 0, 0, 1][..], &9_u64.to_be_bytes(), &at.to_be_bytes(), &length];
        [&head.concat(), bytes].concat()
    }
}
