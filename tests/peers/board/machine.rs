//! A machine: an emulated board with its disk, serial ports and network, whose power a test may take at any moment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::console::Console;
use super::lossy_disk::{Loss, LossyDisk};
use crate::harness::process::Process;
use crate::harness::site::free_port;
use crate::harness::wait::BETWEEN;

/// The boards that are emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Board {
    /// No hardware; the fast one.
    Virt,
    /// Allwinner H3 with 1 GiB, from the first stage of its boot loader on.
    OrangePi,
    /// i.MX6UL, from the kernel on.
    Imx6Ul,
}

impl Board {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Virt => &["-M", "virt,highmem=off", "-cpu", "cortex-a7", "-m", "128"],
            Self::OrangePi => &["-M", "orangepi-pc"],
            Self::Imx6Ul => &["-M", "mcimx6ul-evk", "-m", "256"],
        }
    }

    /// Serial ports that the emulator has for it.
    fn serial_ports(self) -> usize {
        match self {
            Self::Virt => 1,
            Self::OrangePi => 4,
            Self::Imx6Ul => 8,
        }
    }

    /// How its disk hangs on it. Only `virt` lets a disk know of the flushes that its system asks for.
    fn disk(self, disk: &Disk) -> Vec<String> {
        let file = match disk {
            Disk::File(file) => file.display().to_string(),
            Disk::Lossy(disk) => format!("nbd:unix:{}", disk.socket().display()),
        };
        let drive = format!("format=raw,cache=writeback,detect-zeroes=off,file={file}");
        match self {
            Self::Virt => words(&[
                "-drive",
                &format!("if=none,id=disk,{drive}"),
                "-device",
                "virtio-blk-device,drive=disk",
            ]),
            // A cut would take everything from a lossy disk: these never ask for a flush.
            Self::OrangePi | Self::Imx6Ul => words(&["-drive", &format!("if=sd,index=0,{drive}")]),
        }
    }

    /// How its network hangs on it, with these ports of the guest to be had at those of the host.
    fn network(self, forwards: &[(u16, u16)]) -> Vec<String> {
        let forward = |(guest, host): &(u16, u16)| format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}");
        let user = format!("user,{}{}", "id=net", forwards.iter().map(forward).collect::<String>());
        match self {
            Self::Virt => words(&["-netdev", &user, "-device", "virtio-net-device,netdev=net"]),
            Self::OrangePi => words(&["-nic", &user]),
            // The emulator has nothing where the tree of the board has its other port.
            Self::Imx6Ul => words(&["-nic", &user, "-nic", "user"]),
        }
    }
}

/// Who starts the system.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// The emulator itself, with a kernel and what belongs to it.
    Kernel { kernel: PathBuf, initramfs: PathBuf, device_tree: Option<PathBuf>, command_line: String },
    /// The boot loader in this flash, which lies beside the disk.
    Flash(PathBuf),
    /// What lies on the disk.
    Disk,
}

impl Start {
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Kernel { kernel, initramfs, device_tree, command_line } => {
                let (kernel, initramfs) = (kernel.display(), initramfs.display());
                let mut all = words(&["-kernel", &kernel.to_string(), "-initrd", &initramfs.to_string()]);
                all.extend(words(&["-append", command_line]));
                all.extend(device_tree.iter().flat_map(|tree| words(&["-dtb", &tree.display().to_string()])));
                all
            }
            Self::Flash(flash) => words(&[
                "-drive",
                &format!("if=pflash,format=raw,index=0,readonly=on,file={}", flash.display()),
            ]),
            Self::Disk => Vec::new(),
        }
    }
}

/// How time passes for a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As it does here.
    Real,
    /// By what its processor does, an instruction in a nanosecond, and as it does here while that idles: a host that has
    /// other things to do as well does not make the machine slower in its own time.
    ByInstructions,
    /// By what its processor does; while that idles, the next moment that it waits for is there at once. Whoever it asks over the
    /// network seems slow to it.
    WithoutIdling,
}

impl Pace {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Real => &[],
            Self::ByInstructions => &["-icount", "shift=0"],
            Self::WithoutIdling => &["-icount", "shift=0,sleep=off"],
        }
    }
}

/// What a machine has its data on.
pub(crate) enum Disk {
    File(PathBuf),
    Lossy(LossyDisk),
}

/// A machine that is on, or off after a cut.
pub(crate) struct Machine {
    dir: PathBuf,
    arguments: Vec<String>,
    disk: Disk,
    consoles: Vec<Console>,
    forwards: Vec<(u16, u16)>,
    pace: Pace,
    emulator: Option<Process>,
}

impl Machine {
    /// Puts one together and switches it on. `ports` of the guest can be had at [`Self::port`] of the host.
    pub(crate) fn start(board: Board, start: &Start, disk: Disk, ports: &[u16], dir: &Path) -> Self {
        let mut machine = Self::put_together(board, start, disk, ports, dir);
        machine.switch_on();
        machine
    }

    /// The same without switching it on.
    pub(crate) fn put_together(board: Board, start: &Start, disk: Disk, ports: &[u16], dir: &Path) -> Self {
        let forwards: Vec<(u16, u16)> = ports.iter().map(|guest| (*guest, free_port())).collect();
        let consoles: Vec<Console> =
            (0..board.serial_ports()).map(|number| Console::new(number, dir)).collect();
        let mut arguments = words(board.arguments());
        // After a reset the same machine goes on; nothing but what is asked for hangs on it.
        arguments.extend(words(&["-display", "none", "-monitor", "none", "-nodefaults"]));
        arguments.extend(start.arguments());
        arguments.extend(board.disk(&disk));
        arguments.extend(board.network(&forwards));
        arguments.extend(consoles.iter().flat_map(Console::arguments));
        let (dir, pace) = (dir.to_owned(), Pace::Real);
        Self { dir, arguments, disk, consoles, forwards, pace, emulator: None }
    }

    /// Lets time pass in this way when it is switched on again.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Switches it on again after a cut.
    pub(crate) fn switch_on(&mut self) {
        assert!(self.emulator.is_none(), "the machine is on");
        let mut command = Command::new("qemu-system-arm");
        self.emulator = Some(Process::start(
            "emulator",
            command.args(&self.arguments).args(self.pace.arguments()),
            &self.dir,
        ));
    }

    /// Takes the power, first from the processor and then from the disk, which loses what it may lose.
    pub(crate) fn cut(&mut self, loss: Loss) {
        let mut emulator = self.emulator.take().unwrap_or_else(|| panic!("the machine is off"));
        emulator.assert_alive();
        emulator.kill();
        if let Disk::Lossy(disk) = &self.disk {
            disk.cut(loss);
        }
        self.consoles.iter_mut().for_each(Console::power_off);
    }

    /// Takes the power after `writes` more writes to its lossy disk, or when the patience ends without them.
    pub(crate) fn cut_after(&mut self, writes: u64, patience: Duration, loss: Loss) {
        let end = Instant::now() + patience;
        if let Disk::Lossy(disk) = &self.disk {
            disk.fall_silent_after(writes);
            while !disk.is_silent() && Instant::now() < end {
                thread::sleep(BETWEEN);
            }
        }
        self.cut(loss);
    }

    /// The disk that loses; none where the disk is a file.
    pub(crate) fn lossy_disk(&self) -> Option<&LossyDisk> {
        match &self.disk {
            Disk::Lossy(disk) => Some(disk),
            Disk::File(_) => None,
        }
    }

    /// The port of the host at which `guest`, a port of the machine, is found.
    pub(crate) fn port(&self, guest: u16) -> u16 {
        let forward = self.forwards.iter().find(|forward| forward.0 == guest);
        forward.unwrap_or_else(|| panic!("port {guest} is not forwarded")).1
    }

    /// A serial port by its number.
    pub(crate) fn console(&mut self, number: usize) -> &mut Console {
        &mut self.consoles[number]
    }

    /// Waits until `text` comes out of its first serial port; gives what came up to it.
    pub(crate) fn expect(&mut self, text: &str, patience: Duration) -> String {
        self.expect_at(0, text, patience)
    }

    /// Types a line at its first serial port and waits for `answer`; gives what came up to it.
    pub(crate) fn ask(&mut self, line: &str, answer: &str, patience: Duration) -> String {
        self.consoles[0].tell(line);
        self.expect(answer, patience)
    }

    /// The same of another port.
    pub(crate) fn expect_at(&mut self, number: usize, text: &str, patience: Duration) -> String {
        let what = format!("{text:?} from serial port {number}");
        self.wait(&what, patience, |machine| machine.consoles[number].find(text))
    }

    /// Asks again and again until there is an answer.
    ///
    /// # Panics
    /// When the patience or the machine ends before that.
    pub(crate) fn wait<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut ask: impl FnMut(&mut Self) -> Option<T>,
    ) -> T {
        let end = Instant::now() + patience;
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(Instant::now() < end, "waited {} s in vain for {what}", patience.as_secs());
            self.emulator.as_mut().unwrap_or_else(|| panic!("the machine is off")).assert_alive();
            thread::sleep(BETWEEN);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking() {
            self.consoles.iter().for_each(Console::show);
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
