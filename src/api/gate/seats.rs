//! Seats: how many connections there are at a time, from everywhere and from one neighbourhood.
//!
//! Nobody can take all seats: one address has few of them, and when all are taken by many addresses,
//! whoever has sat longest without showing a valid credential gets up for the next.

use std::net::IpAddr;

use crate::limits;

/// Where a client comes from: an address, or for IPv6 the network of 64 bits that one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::api) struct Neighbourhood(IpAddr);

impl Neighbourhood {
    /// The neighbourhood of an address.
    pub(in crate::api) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                Self(IpAddr::V6(network.into()))
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    number: u64,
    from: Neighbourhood,
    /// It has shown a valid credential.
    is_known: bool,
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seating {
    /// It has this seat.
    Taken(u64),
    /// It has the first seat; whoever had the second must go.
    InPlaceOf(u64, u64),
    /// Its neighbourhood has all the seats that one may have.
    NeighbourhoodFull,
    /// Every seat is taken by somebody known.
    Full,
}

/// The seats that are taken, in the order in which they were.
#[derive(Debug, Default)]
pub(super) struct Seats {
    taken: Vec<Seat>,
    last: u64,
}

impl Seats {
    /// Seats a connection from `from`, if there is room or can be made.
    pub(super) fn take(&mut self, from: Neighbourhood) -> Seating {
        let neighbours = self.taken.iter().filter(|seat| seat.from == from).count();
        if neighbours >= limits::GATE_CONNECTIONS_PER_ADDRESS_MAX {
            return Seating::NeighbourhoodFull;
        }
        let full = self.taken.len() >= limits::GATE_CONNECTIONS_MAX;
        let gone = full.then(|| self.taken.iter().position(|seat| !seat.is_known));
        let gone = match gone {
            Some(None) => return Seating::Full,
            Some(Some(at)) => Some(self.taken.remove(at).number),
            None => None,
        };
        self.last += 1;
        self.taken.push(Seat { number: self.last, from, is_known: false });
        gone.map_or(Seating::Taken(self.last), |gone| Seating::InPlaceOf(self.last, gone))
    }

    /// Whoever has seat `number` has shown a valid credential.
    pub(super) fn know(&mut self, number: u64) {
        if let Some(seat) = self.taken.iter_mut().find(|seat| seat.number == number) {
            seat.is_known = true;
        }
    }

    /// Seat `number` is free again.
    pub(super) fn leave(&mut self, number: u64) {
        self.taken.retain(|seat| seat.number != number);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.taken.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Neighbourhood {
        Neighbourhood::of(text.parse().unwrap())
    }

    /// Takes all seats, as many from each address as one may have.
    fn full() -> Seats {
        let mut seats = Seats::default();
        for number in 0..limits::GATE_CONNECTIONS_MAX {
            let address = number / limits::GATE_CONNECTIONS_PER_ADDRESS_MAX;
            assert!(matches!(seats.take(from(&format!("10.0.0.{address}"))), Seating::Taken(_)));
        }
        seats
    }

    #[test]
    fn one_address_has_few_seats_and_leaves_the_others_to_the_rest() {
        let mut seats = Seats::default();
        for _ in 0..limits::GATE_CONNECTIONS_PER_ADDRESS_MAX {
            assert!(matches!(seats.take(from("10.0.0.1")), Seating::Taken(_)));
        }
        assert_eq!(seats.take(from("10.0.0.1")), Seating::NeighbourhoodFull);
        assert_eq!(seats.take(from("::ffff:10.0.0.1")), Seating::NeighbourhoodFull);
        assert!(matches!(seats.take(from("10.0.0.2")), Seating::Taken(_)));
        seats.leave(1);
        assert!(matches!(seats.take(from("10.0.0.1")), Seating::Taken(_)));
    }

    #[test]
    fn a_customer_of_ipv6_is_one_neighbourhood() {
        assert_eq!(from("2001:db8::1"), from("2001:db8::ffff:1"));
        assert_ne!(from("2001:db8::1"), from("2001:db8:0:1::1"));
    }

    #[test]
    fn when_all_are_taken_the_longest_stranger_gets_up_and_nobody_who_is_known() {
        let mut seats = full();
        seats.know(1);
        assert_eq!(seats.take(from("10.1.0.1")), Seating::InPlaceOf(65, 2));
        for number in 3..=65 {
            seats.know(number);
        }
        assert_eq!(seats.take(from("10.1.0.2")), Seating::Full);
        assert_eq!(seats.count(), limits::GATE_CONNECTIONS_MAX);
    }
}
