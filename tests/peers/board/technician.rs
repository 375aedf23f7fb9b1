//! A technician at the first serial port of a box, who shares it with what the kernel and the boot loader print.

use std::thread;
use std::time::Duration;

use super::machine::Machine;

/// What the site file says of that port on `virt`.
pub(crate) const CONSOLE: &str = "[console]\nport = \"/dev/ttyAMA0\"\nbaud = 115200\n";

/// How long a console that is there takes to answer.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);

/// Types until a console of the gateway of this ID greets.
pub(crate) fn wait_for_console(machine: &mut Machine, id: &str, patience: Duration) {
    machine.wait(&format!("the console of {id}"), patience, |machine| {
        machine.console(0).tell("");
        thread::sleep(ANSWER_PATIENCE);
        machine.console(0).find(&format!("  {id}  "))
    });
}

/// The first person at the box chooses the password.
pub(crate) fn choose_password(machine: &mut Machine, patience: Duration) {
    machine.ask("", "(login) > ", patience);
    machine.ask("login", "new password: ", patience);
    machine.ask("correct horse", "once more: ", patience);
    machine.ask("correct horse", "logged in", patience);
}
