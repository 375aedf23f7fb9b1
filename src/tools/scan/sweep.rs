//! What a scan asks, in what order: the likeliest settings of a serial line first, at each of them every unit.

use std::fmt;

use crate::limits::SCAN_SETTINGS_MAX;
use crate::model::meter::{Link, Parity, SerialSettings};
use crate::model::register::UnitId;

/// Bauds that meters are delivered with, the likeliest first.
const BAUDS: [u32; 6] = [9_600, 19_200, 4_800, 2_400, 38_400, 115_200];
/// Odd parity is tried when all else has failed: hardly any meter is delivered with it.
const PARITIES: [Parity; 3] = [Parity::None, Parity::Even, Parity::Odd];

/// What both ends of a serial line must have alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Bits a second.
    pub(super) baud: u32,
    /// Parity bit.
    pub(super) parity: Parity,
    /// 7 or 8.
    pub(super) data_bits: u8,
    /// 1 or 2.
    pub(super) stop_bits: u8,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}{}", self.baud, self.data_bits, letter(self.parity), self.stop_bits)
    }
}

const fn letter(parity: Parity) -> char {
    match parity {
        Parity::None => 'N',
        Parity::Even => 'E',
        Parity::Odd => 'O',
    }
}

/// All that is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sweep {
    /// How the line is reached; of a serial one the port counts, and its settings are replaced.
    link: Link,
    /// In the order in which they are tried; none on a network, which has none to try.
    settings: Vec<Setting>,
    /// Asked at each setting.
    units: Vec<UnitId>,
}

impl Sweep {
    /// The sweep over `link`. What is not given is what meters usually have; settings that are written
    /// with the line are the only ones unless others are given.
    pub(super) fn new(
        link: Link,
        settings_written: bool,
        bauds: &[u32],
        parities: &[Parity],
        units: Vec<UnitId>,
    ) -> Result<Self, String> {
        let settings = match &link {
            Link::Serial(written) => settings(written, settings_written, bauds, parities),
            _ if !bauds.is_empty() || !parities.is_empty() => {
                return Err(
                    "a network has no baud rate and no parity; leave out --baud and --parity".to_owned()
                );
            }
            _ => Vec::new(),
        };
        if settings.len() > SCAN_SETTINGS_MAX {
            let count = settings.len();
            return Err(format!("{count} settings are more than {SCAN_SETTINGS_MAX}; give fewer bauds"));
        }
        // Units 0 and 248 to 255 are nobody on a serial line, and some servers on a network.
        if !matches!(link, Link::Tcp { .. })
            && let Some(unit) = units.iter().find(|unit| !(1..=247).contains(&unit.0))
        {
            return Err(format!("unit {unit}: on a serial line units have the IDs 1 to 247"));
        }
        Ok(Self { link, settings, units })
    }

    /// The settings, in the order in which they are tried.
    pub(super) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The settings in one text, by which two sweeps are told apart.
    pub(super) fn settings_text(&self) -> String {
        match &self.link {
            Link::Tcp { .. } => "tcp".to_owned(),
            Link::RtuOverTcp { .. } | Link::DialIn { .. } => "rtu-over-tcp".to_owned(),
            Link::Serial(_) => self.settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }

    /// The units, in the order in which they are asked.
    pub(super) fn units(&self) -> &[UnitId] {
        &self.units
    }

    /// The unit that is asked just before this one.
    pub(super) fn unit_before(&self, unit: UnitId) -> Option<UnitId> {
        let place = self.units.binary_search(&unit).ok()?;
        self.units.get(place.checked_sub(1)?).copied()
    }

    /// Times that the units are gone through.
    pub(super) fn rounds(&self) -> usize {
        self.settings.len().max(1)
    }

    /// All that will be asked.
    pub(super) fn total(&self) -> usize {
        self.rounds() * self.units.len()
    }

    /// How the line is reached in a round.
    pub(super) fn link(&self, round: usize) -> Link {
        match (&self.link, self.settings.get(round)) {
            (Link::Serial(written), Some(setting)) => Link::Serial(SerialSettings {
                baud: setting.baud,
                parity: setting.parity,
                data_bits: setting.data_bits,
                stop_bits: setting.stop_bits,
                ..written.clone()
            }),
            (link, _) => link.clone(),
        }
    }
}

/// Bauds times parities, those with odd parity last.
fn settings(
    written: &SerialSettings,
    settings_written: bool,
    bauds: &[u32],
    parities: &[Parity],
) -> Vec<Setting> {
    let bauds = match bauds {
        [] if settings_written => &[written.baud],
        [] => &BAUDS[..],
        given => given,
    };
    let parities = match parities {
        [] if settings_written => &[written.parity],
        [] => &PARITIES[..],
        given => given,
    };
    let (data_bits, stop_bits) = (written.data_bits, written.stop_bits);
    let with = |baud: u32| {
        parities.iter().map(move |parity| Setting { baud, parity: *parity, data_bits, stop_bits })
    };
    let mut settings: Vec<Setting> = bauds.iter().copied().flat_map(with).collect();
    settings.sort_by_key(|setting| setting.parity == Parity::Odd);
    let mut seen = Vec::new();
    settings.retain(|setting| {
        !seen.contains(setting) && {
            seen.push(*setting);
            true
        }
    });
    settings
}

/// `N`, `E` or `O`, as `8N1` has it.
pub(super) fn parity_of(text: &str) -> Result<Parity, String> {
    match text {
        "N" | "n" => Ok(Parity::None),
        "E" | "e" => Ok(Parity::Even),
        "O" | "o" => Ok(Parity::Odd),
        _ => Err("give N, E or O".to_owned()),
    }
}

/// Units such as `1-247` or `1,5,10-20`, in ascending order.
pub(super) fn units_of(text: &str) -> Result<Vec<UnitId>, String> {
    let mut units = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let id = |text: &str| text.trim().parse::<u8>().ok();
        let (Some(first), Some(last)) = (id(first), id(last)) else {
            return Err(format!("'{part}' is no unit; write units like 1-247 or 1,5,10-20"));
        };
        if first > last {
            return Err(format!("'{part}' runs backwards; write {last}-{first}"));
        }
        units.extend((first..=last).map(UnitId));
    }
    units.sort_unstable();
    units.dedup();
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(data_bits: u8) -> Link {
        Link::Serial(SerialSettings {
            port: "/dev/ttyUSB0".to_owned(),
            baud: 2_400,
            parity: Parity::Even,
            data_bits,
            stop_bits: 1,
            local_echo: false,
            rs485: None,
        })
    }

    fn names(sweep: &Sweep) -> Vec<String> {
        sweep.settings().iter().map(ToString::to_string).collect()
    }

    fn units(text: &str) -> Vec<u8> {
        units_of(text).unwrap().into_iter().map(|unit| unit.0).collect()
    }

    #[test]
    fn the_likeliest_settings_are_tried_first_and_odd_parity_last() {
        let sweep = Sweep::new(serial(8), false, &[], &[], vec![UnitId(1)]).unwrap();
        let names = names(&sweep);
        assert_eq!(names[..4], ["9600 8N1", "9600 8E1", "19200 8N1", "19200 8E1"]);
        assert_eq!((names.len(), names[12].as_str()), (18, "9600 8O1"));
        assert_eq!(sweep.total(), 18);
    }

    #[test]
    fn settings_written_with_the_line_are_the_only_ones_unless_others_are_given() {
        let sweep = |bauds: &[u32], parities: &[Parity]| {
            names(&Sweep::new(serial(7), true, bauds, parities, vec![]).unwrap())
        };
        assert_eq!(sweep(&[], &[]), ["2400 7E1"]);
        assert_eq!(sweep(&[300, 300], &[]), ["300 7E1"]);
        assert_eq!(sweep(&[300], &[Parity::Odd, Parity::None]), ["300 7N1", "300 7O1"]);
    }

    #[test]
    fn a_network_has_one_round_and_no_settings() {
        let link = Link::Tcp { host: "meter".to_owned(), port: 502 };
        let sweep = Sweep::new(link.clone(), false, &[], &[], units_of("0,255").unwrap()).unwrap();
        assert_eq!((sweep.rounds(), sweep.total(), sweep.link(0)), (1, 2, link.clone()));
        assert!(Sweep::new(link, false, &[9_600], &[], vec![]).unwrap_err().contains("--baud"));
        assert!(Sweep::new(serial(8), false, &[], &[], vec![UnitId(248)]).unwrap_err().contains("1 to 247"));
    }

    #[test]
    fn each_round_opens_the_port_with_its_own_settings() {
        let sweep = Sweep::new(serial(8), false, &[19_200], &[Parity::None], vec![]).unwrap();
        let Link::Serial(settings) = sweep.link(0) else { panic!("not serial") };
        assert_eq!((settings.baud, settings.parity), (19_200, Parity::None));
    }

    #[test]
    fn units_are_written_as_ranges_and_lists() {
        assert_eq!(units("5,1-3,3"), [1, 2, 3, 5]);
        assert_eq!(units("0-255").len(), 256);
        for (text, reason) in [("", "no unit"), ("1-", "no unit"), ("256", "no unit"), ("9-1", "write 1-9")] {
            assert!(units_of(text).unwrap_err().contains(reason), "{text}");
        }
    }
}
