//! The flashed image on emulated boards, and what the tests of it stand on: machines that lose their power at any moment, and
//! disks that then lose what a real one may lose.
//!
//! [`lossy_disk`] keeps what was flushed and nothing else for sure; a [`machine`] has it, serial ports ([`console`]) and a
//! network, and its power can be taken; [`bring_up`] shows that the two can tell a system that syncs from one that does not.
//! On them stand the stories: a board [`starts`], reads the meters of its [`serial_lines`], takes all of its card ([`growth`]), and lives
//! through [`power_cuts`], through [`updates`] that are cut off, and through [`damage`] of a slot or of its [`data`].
//!
//! They need what `deploy/image` makes of `virt`, `orange-pi-zero` and `kontron-bl-imx6ul`. By hand, and longer:
//!
//! ```text
//! CUTS=100 UPDATES=8 cargo test --all-features --test peers -- board:: --nocapture
//! ```

mod boot_state;
mod bring_up;
mod budget;
mod clock;
mod console;
mod crash_loop;
mod damage;
mod data;
mod factory_reset;
mod file_system;
mod growth;
mod image;
mod lossy_disk;
mod machine;
mod power_cuts;
mod serial_lines;
mod starts;
mod technician;
mod tool;
mod updates;
mod watchdog;
