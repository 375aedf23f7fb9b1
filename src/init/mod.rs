//! Init: the first process of the box, and no part of the service.
//!
//! It runs twice. In the initramfs it arms the watchdog, finds the root of the slot that the boot loader has chosen, reads all of it
//! against its hashes and steps into it. There it keeps the box going: data partition, network, time, and the one service, whose
//! signs of life it passes on to the watchdog. It speaks through the kernel's log, which is bounded and shown by the console.

mod board_files;
mod clock;
mod data;
mod ext4;
mod factory_site;
mod growth;
mod ioctl;
mod kernel_log;
mod leave;
mod modules;
mod network;
mod partition_table;
mod service;
mod supervision;
mod verity;
mod watchdog;
mod way_in;
mod workplace;

use std::process::ExitCode;

use kernel_log::complain;

/// Where something of the box is missing or broken, in words for the console.
type Trouble = String;

/// Runs as the arguments say: without any, as the kernel starts it in the initramfs. Comes back only where it is
/// called as one of its helpers.
pub fn main(arguments: &[String]) -> ExitCode {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let trouble = match arguments.as_slice() {
        [word] if word == &way_in::IN_ROOT => workplace::keep(),
        [word, program @ ..] if word == &service::AS_SERVICE => service::become_service(program),
        // The kernel hands on words of its command line that it does not know.
        _ => way_in::go(),
    };
    complain(&trouble);
    ExitCode::FAILURE
}
