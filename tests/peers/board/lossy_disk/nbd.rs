//! The protocol of network block devices, as far as an emulator needs it: fixed newstyle negotiation and simple
//! replies (<https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>).

use std::io::{self, Read, Write};

use super::medium::SECTOR_BYTES;

const GREETING: u64 = 0x4e42_444d_4147_4943;
const OPTION: u64 = 0x4948_4156_454f_5054;
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;

/// Handshake flags: fixed newstyle, and no zeroes after the answer to `NBD_OPT_EXPORT_NAME`.
const HANDSHAKE_FLAGS: u16 = 0b11;
const NO_ZEROES: u32 = 0b10;
/// Transmission flags: there are flags, flushes (bit 2), and writes that are kept before the answer (bit 3).
const TRANSMISSION_FLAGS: u16 = 0b1101;
/// Flag of a request that is kept before it is answered.
const FORCED_UNIT_ACCESS: u16 = 1;

/// Bytes of the data of one option; a name has 4096 at most.
const OPTION_BYTES_MAX: u32 = 8_192;
/// Bytes of one read or write, as the protocol advises.
pub(super) const PAYLOAD_BYTES_MAX: u32 = 32 << 20;
/// Options that a client may ask for before it begins.
const OPTIONS_MAX: usize = 32;

mod option {
    pub(super) const EXPORT_NAME: u32 = 1;
    pub(super) const ABORT: u32 = 2;
    pub(super) const INFO: u32 = 6;
    pub(super) const GO: u32 = 7;
}

mod option_reply {
    pub(super) const ACK: u32 = 1;
    pub(super) const INFO: u32 = 3;
    pub(super) const UNSUPPORTED: u32 = 1 << 31 | 1;
}

mod info {
    pub(super) const EXPORT: u16 = 0;
    pub(super) const BLOCK_SIZE: u16 = 3;
}

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Read { at: u64, length: usize },
    Write { at: u64, bytes: Vec<u8>, through: bool },
    Flush,
    Disconnect,
    Unknown(u16),
}

/// A command and the name that its answer carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) cookie: u64,
}

/// Why a command fails, in the protocol's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Io = 5,
    Invalid = 22,
}

/// Agrees with a client on a disk of `bytes`. `false` when it only looked.
pub(super) fn negotiate(client: &mut (impl Read + Write), bytes: u64) -> io::Result<bool> {
    client.write_all(
        &[&GREETING.to_be_bytes()[..], &OPTION.to_be_bytes(), &HANDSHAKE_FLAGS.to_be_bytes()].concat(),
    )?;
    let client_flags = u32::from_be_bytes(take(client)?);
    for _ in 0..OPTIONS_MAX {
        let (option, _) = read_option(client)?;
        match option {
            option::EXPORT_NAME => {
                let zeroes = if client_flags & NO_ZEROES == 0 { 124 } else { 0 };
                let export = [&bytes.to_be_bytes()[..], &TRANSMISSION_FLAGS.to_be_bytes(), &vec![0; zeroes]];
                client.write_all(&export.concat())?;
                return Ok(true);
            }
            option::INFO | option::GO => {
                describe(client, option, bytes)?;
                if option == option::GO {
                    return Ok(true);
                }
            }
            option::ABORT => {
                answer_option(client, option, option_reply::ACK, &[])?;
                return Ok(false);
            }
            _ => answer_option(client, option, option_reply::UNSUPPORTED, &[])?,
        }
    }
    Err(io::Error::other("a client that only asks for options"))
}

fn read_option(client: &mut impl Read) -> io::Result<(u32, Vec<u8>)> {
    if u64::from_be_bytes(take(client)?) != OPTION {
        return Err(io::Error::other("this is no option"));
    }
    let option = u32::from_be_bytes(take(client)?);
    let length = u32::from_be_bytes(take(client)?);
    if length > OPTION_BYTES_MAX {
        return Err(io::Error::other("an option that is too long"));
    }
    Ok((option, take_many(client, length)?))
}

fn describe(client: &mut impl Write, option: u32, bytes: u64) -> io::Result<()> {
    let export = [&info::EXPORT.to_be_bytes()[..], &bytes.to_be_bytes(), &TRANSMISSION_FLAGS.to_be_bytes()];
    answer_option(client, option, option_reply::INFO, &export.concat())?;
    let sector = u32::try_from(SECTOR_BYTES).unwrap().to_be_bytes();
    let (preferred, max) = (4_096_u32.to_be_bytes(), PAYLOAD_BYTES_MAX.to_be_bytes());
    let sizes = [&info::BLOCK_SIZE.to_be_bytes()[..], &sector, &preferred, &max];
    answer_option(client, option, option_reply::INFO, &sizes.concat())?;
    answer_option(client, option, option_reply::ACK, &[])
}

fn answer_option(client: &mut impl Write, option: u32, reply: u32, data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len()).unwrap();
    let head =
        [&OPTION_REPLY.to_be_bytes()[..], &option.to_be_bytes(), &reply.to_be_bytes(), &length.to_be_bytes()];
    client.write_all(&[&head.concat(), data].concat())
}

/// The next request; an error when the client is gone or speaks something else.
pub(super) fn read_request(client: &mut impl Read) -> io::Result<Request> {
    if u32::from_be_bytes(take(client)?) != REQUEST {
        return Err(io::Error::other("this is no request"));
    }
    let flags = u16::from_be_bytes(take(client)?);
    let kind = u16::from_be_bytes(take(client)?);
    let cookie = u64::from_be_bytes(take(client)?);
    let at = u64::from_be_bytes(take(client)?);
    let length = u32::from_be_bytes(take(client)?);
    if length > PAYLOAD_BYTES_MAX {
        return Err(io::Error::other("a request that is too long"));
    }
    let command = match kind {
        0 => Command::Read { at, length: usize::try_from(length).unwrap() },
        1 => {
            let through = flags & FORCED_UNIT_ACCESS != 0;
            Command::Write { at, bytes: take_many(client, length)?, through }
        }
        2 => Command::Disconnect,
        3 => Command::Flush,
        kind => Command::Unknown(kind),
    };
    Ok(Request { command, cookie })
}

/// Answers a request, with the bytes that it wanted to read or with why it fails.
pub(super) fn reply(client: &mut impl Write, cookie: u64, outcome: Result<&[u8], Fault>) -> io::Result<()> {
    let (error, data) = match outcome {
        Ok(data) => (0, data),
        Err(fault) => (fault as u32, &[][..]),
    };
    let head = [&REPLY.to_be_bytes()[..], &error.to_be_bytes(), &cookie.to_be_bytes()].concat();
    client.write_all(&[&head, data].concat())
}

fn take<const N: usize>(client: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_many(client: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A client that has said everything already, and what was answered.
    struct Client(Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Client {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0.read(bytes)
        }
    }

    impl Write for Client {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn client(said: &[&[u8]]) -> Client {
        Client(Cursor::new(said.concat()), Vec::new())
    }

    fn option(number: u32) -> Vec<u8> {
        [&OPTION.to_be_bytes()[..], &number.to_be_bytes(), &0_u32.to_be_bytes()].concat()
    }

    #[test]
    fn an_old_client_gets_the_size_the_flags_and_its_zeroes() {
        let mut client = client(&[&1_u32.to_be_bytes(), &option(option::EXPORT_NAME)]);
        assert!(negotiate(&mut client, 1_024).unwrap());
        let answer = &client.1[18..];
        assert_eq!(answer[..10], [0, 0, 0, 0, 0, 0, 4, 0, 0, 0b1101]);
        assert_eq!(answer[10..], [0; 124]);
    }

    #[test]
    fn what_is_not_spoken_here_is_refused_and_the_client_may_ask_on() {
        let structured_reply = 8;
        let said = [&3_u32.to_be_bytes()[..], &option(structured_reply), &option(option::GO)];
        let mut client = client(&said);
        assert!(negotiate(&mut client, 1_024).unwrap());
        let refusal = [&OPTION_REPLY.to_be_bytes()[..], &[0, 0, 0, 8, 0x80, 0, 0, 1, 0, 0, 0, 0]].concat();
        assert_eq!(client.1[18..38], refusal);
    }

    #[test]
    fn what_no_client_says_ends_the_talk() {
        let long = [&OPTION.to_be_bytes()[..], &7_u32.to_be_bytes(), &u32::MAX.to_be_bytes()].concat();
        for said in [&[0; 40][..], &long] {
            assert!(negotiate(&mut client(&[&3_u32.to_be_bytes(), said]), 1_024).is_err());
        }
        let many = option(8).repeat(OPTIONS_MAX + 1);
        assert!(negotiate(&mut client(&[&3_u32.to_be_bytes(), &many]), 1_024).is_err());
        assert!(read_request(&mut client(&[&[7; 28]])).is_err());
    }
}
