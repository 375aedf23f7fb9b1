//! The flashed image on emulated boards, and what the tests of it stand on: machines that lose their power at any moment, and
//! disks that then lose what a real one may lose.

mod boot_state;
mod bring_up;
mod console;
mod image;
mod lossy_disk;
mod machine;
mod power_cuts;
mod serial_lines;
mod starts;
mod tool;
mod updates;
