//! The shipped binary under siege: a thousand hostile clients of each kind at a time, and a client that
//! behaves in the middle of it.
//!
//! What is asserted are counts, which no busy machine changes: every answer of the probe, what each hostile
//! client was told, what the gate counted, threads, memory, file handles. How long the probe waited is
//! printed, and `benches/gate/run hostile` holds it against its limit.

mod attacks;
pub(crate) mod hostile;
pub(crate) mod probe;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use self::attacks::{Attack, attacks, attacks_on_tls};
use self::hostile::{Conduct, Ends, Target, carry_out};
use self::probe::{Probe, Seen, percentile};
use crate::harness::footprint::{self, Footprint};
use crate::harness::gateway::{Gateway, shipped};
use crate::harness::site::free_port;
use crate::harness::wait;

/// Connections that there may be.
const SEATS: usize = 64;
/// Of these, connections of one address.
const SEATS_OF_ADDRESS: usize = 16;
/// Threads that a siege may add.
const THREADS_MORE_MAX: u64 = 4;
/// Memory that may stay after it.
const RESIDENT_MORE_KIB_MAX: u64 = 1_024;
/// How long the probe is watched before anybody attacks.
const QUIET: Duration = Duration::from_secs(10);
/// How often the service asks itself.
const ASKS_ITSELF_EVERY: Duration = Duration::from_secs(10);
/// Between two looks at what the gate has counted.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// File handles of a service where nobody sets more.
const HANDLES_MAX: u64 = 1_024;
/// File handles that the gate leaves to the rest of the gateway.
const HANDLES_KEPT: u64 = 32;

#[test]
fn whatever_hostile_clients_do_the_others_are_answered() {
    let dir = TempDir::new().unwrap();
    let mut gateway = Gateway::demo(shipped(), dir.path(), &["--history-days", "3"]);
    let address = gateway.api().address().parse().unwrap();
    let attacks = attacks(gateway.api().token());
    besiege(&mut gateway, &Target { address, tls: None }, &attacks);
}

#[test]
fn whatever_hostile_clients_do_in_tls_the_others_are_answered() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let mut gateway = Gateway::run_with_https(shipped(), dir.path(), port);
    let target = Target {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        tls: Some(trusting(&dir.path().join("data/gate/certificate.pem"))),
    };
    let attacks = [attacks_on_tls(), attacks(gateway.api().token())].concat();
    besiege(&mut gateway, &target, &attacks);
}

#[test]
fn as_many_clients_as_there_are_seats_are_answered_one_like_the_other() {
    let dir = TempDir::new().unwrap();
    let gateway = Gateway::demo(shipped(), dir.path(), &["--history-days", "1"]);
    let target = Target { address: gateway.api().address().parse().unwrap(), tls: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rounds = runtime.block_on(hostile::keep_alive(&target, SEATS, SEATS_OF_ADDRESS, 3));
    assert_eq!(rounds, vec![3; SEATS], "answers that each had");
}

#[test]
fn a_gateway_that_ran_out_of_file_handles_answers_again() {
    let dir = TempDir::new().unwrap();
    let mut gateway = Gateway::demo(shipped(), dir.path(), &["--history-days", "1"]);
    let target = Target { address: gateway.api().address().parse().unwrap(), tls: None };
    let pid = gateway.process().pid();
    take_all_handles();
    let open = u64::try_from(footprint::of(pid).handles).unwrap();
    // A few are left for connections, fewer than one address may have.
    limit_handles(pid, open + HANDLES_KEPT + 6);
    let half_heads = attacks(gateway.api().token()).into_iter().find(|attack| attack.name == "half a head");
    let half_heads = Attack { clients: 64, at_a_time: 64, ..half_heads.unwrap() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let from = |last| IpAddr::V4(Ipv4Addr::new(127, 0, 3, last));
    let questions = Attack { clients: 64, at_a_time: 8, ..polite("/healthz") };
    runtime.block_on(async {
        // Whoever asks meanwhile may be told no, or wait.
        tokio::join!(carry_out(&half_heads, &target, from(1)), carry_out(&questions, &target, from(2)))
    });
    wait::until("the gateway to answer again", || gateway.api().health());
    let questions = Attack { at_a_time: 1, ..questions };
    let ends = runtime.block_on(carry_out(&questions, &target, from(3)));
    assert_eq!(ends.told(&[200]), 64, "{ends:?}");
    assert!(gateway.api().turns()["accept-failed"] > 0, "it never ran out");
    assert!(!gateway.process().printed().contains("takes no more connections"), "a worker's socket ran out");
    gateway.process().assert_alive();
}

/// Trusts the certificate that the gateway has made for itself.
fn trusting(certificate: &std::path::Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Carries out one attack after the other, and tells all that was not as it must be.
fn besiege(gateway: &mut Gateway, target: &Target, attacks: &[Attack]) {
    let pid = gateway.process().pid();
    take_all_handles();
    limit_handles(pid, HANDLES_MAX);
    // What is made once for everybody is not what a siege leaves behind.
    warm_up(target);
    let probe = Probe::start(target, gateway.api().token(), pid);
    std::thread::sleep(QUIET);
    let idle = probe.end();
    assert!(idle.wrong.is_empty(), "without any attack: {:?}", idle.wrong);
    let before = footprint::of(pid);
    print_line("nobody", &idle, &before);
    let mut wrong = Vec::new();
    let mut latencies = Vec::new();
    for (number, attack) in (1..).zip(attacks) {
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 2, number));
        let seen = one_attack(gateway, target, (attack, from), &mut wrong);
        print_line(attack.name, &seen, &footprint::of(pid));
        latencies.extend(seen.latencies);
        let threads_max = idle.threads_max + THREADS_MORE_MAX;
        if seen.threads_max > threads_max {
            wrong.push(format!("{}: {} threads, not {threads_max}", attack.name, seen.threads_max));
        }
    }
    let (calm, stormy) = (percentile(&idle.latencies, 99), percentile(&latencies, 99));
    println!("probe p99_us idle {} besieged {}", calm.as_micros(), stormy.as_micros());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    has_come_to_rest(pid, before);
    let printed = gateway.process().printed();
    assert!(!printed.contains("panicked"), "{printed}");
}

/// One attack with the probe in the middle of it.
fn one_attack(
    gateway: &mut Gateway,
    target: &Target,
    (attack, from): (&Attack, IpAddr),
    wrong: &mut Vec<String>,
) -> Seen {
    let (before, begun) = (gateway.api().turns(), Instant::now());
    let pid = gateway.process().pid();
    let probe = Probe::start(target, gateway.api().token(), pid);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ends = runtime.block_on(carry_out(attack, target, from));
    drop(runtime);
    let seen = probe.end();
    gateway.process().assert_alive();
    let mut complain = |what: String| wrong.push(format!("{}: {what}", attack.name));
    for wrong in &seen.wrong {
        complain(format!("the probe, {wrong}"));
    }
    for wrong in judge(attack, &ends) {
        complain(wrong);
    }
    // A connection that is gone is counted when the gate comes to it.
    let mut looks = 0;
    let counted = wait::until_ok(&format!("the gate to have counted {}", attack.name), || {
        // A platform that looks without a pause is told after a while that it asks too much.
        std::thread::sleep(BETWEEN_LOOKS);
        looks += 1;
        let now = gateway.api().turns();
        let counted = Counted::between(&before, &now);
        let connections = counted.of(&["seated", "address-full", "full"]);
        // Each look is a connection too.
        let expected = attack.clients + seen.asked() + looks;
        // The service asks itself too, as often as its watch wants an answer of the interface.
        let own_max = usize::try_from(begun.elapsed().as_secs() / ASKS_ITSELF_EVERY.as_secs()).unwrap() + 1;
        // The kernel forgets some that were reset before anybody came to take them.
        let forgotten = if matches!(attack.conduct, Conduct::Resets) { attack.clients / 10 } else { 0 };
        if (expected - forgotten..=expected + own_max).contains(&connections) {
            Ok(counted)
        } else {
            Err(format!("{connections} of {expected}: {counted:?}"))
        }
    });
    if attack.is_counted {
        for wrong in counted.against(&ends) {
            complain(wrong);
        }
    }
    seen
}

/// What clients were told that they must not be.
fn judge(attack: &Attack, ends: &Ends) -> Vec<String> {
    let mut wrong = Vec::new();
    if ends.clients() != attack.clients {
        wrong.push(format!(
            "{} of {} clients were never ended",
            attack.clients - ends.clients(),
            attack.clients
        ));
    }
    let told: usize = ends.told.values().sum();
    let as_expected = if attack.told.is_empty() { ends.silent + ends.cut } else { ends.told(attack.told) };
    let others = if attack.told.is_empty() { told } else { told - as_expected + ends.cut };
    if as_expected < SEATS_OF_ADDRESS || others > 0 {
        wrong.push(format!("not all were told {:?}: {ends:?}", attack.told));
    }
    wrong
}

/// What the gate counted in a while.
#[derive(Debug)]
struct Counted(BTreeMap<String, usize>);

impl Counted {
    fn between(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> Self {
        Self(after.iter().map(|(turn, count)| (turn.clone(), count - before[turn])).collect())
    }

    fn of(&self, turns: &[&str]) -> usize {
        turns.iter().map(|turn| self.0[*turn]).sum()
    }

    /// Where this is not what the clients saw.
    fn against(&self, ends: &Ends) -> Vec<String> {
        let both = [
            (
                "turned away or cut off",
                ends.silent + ends.cut,
                &["address-full", "handshake-failed", "stalled"][..],
            ),
            ("malformed", ends.told(&[400, 413, 414, 431]), &["malformed"]),
            ("late", ends.told(&[408]), &["late"]),
            ("unauthorized", ends.told(&[401]), &["unauthorized"]),
            ("too many", ends.told(&[429]), &["too-many"]),
            ("busy", ends.told(&[503]), &["busy"]),
            ("broken off", ends.told(&[500]), &["broken-off"]),
            ("unseated", 0, &["unseated", "full", "accept-failed"]),
        ];
        let differs = both.into_iter().filter(|(_, seen, turns)| *seen != self.of(turns));
        differs
            .map(|(what, seen, turns)| {
                format!("{what}: {seen} clients saw it, the gate counted {} ({self:?})", self.of(turns))
            })
            .collect()
    }
}

/// What the program makes once and keeps, and what its allocator keeps for the next time, is not what a siege
/// leaves behind: that would be more after each attack.
fn warm_up(target: &Target) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let from = |last| IpAddr::V4(Ipv4Addr::new(127, 0, 5, last));
    for last in 1..=4 {
        let readers = Attack { clients: 200, at_a_time: SEATS_OF_ADDRESS / 2, ..polite("/openapi.json") };
        let ends = runtime.block_on(carry_out(&readers, target, from(last)));
        assert!(ends.told(&[200]) > 100, "{ends:?}");
    }
    let late = Conduct::NeverReads(Duration::from_secs(2));
    for last in 5..=8 {
        let late = Attack { clients: 16, at_a_time: 16, conduct: late, ..polite("/openapi.json") };
        assert_eq!(runtime.block_on(carry_out(&late, target, from(last))).clients(), 16);
    }
}

/// Clients that want nothing but an answer.
fn polite(path: &str) -> Attack {
    Attack {
        name: "polite clients",
        clients: 1,
        at_a_time: 1,
        opening: format!("GET {path} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n").into(),
        conduct: Conduct::Speaks,
        is_raw: false,
        told: &[200],
        is_counted: true,
    }
}

/// The allocator gives memory back some time after it is free, so this is asked until it has.
fn has_come_to_rest(pid: Pid, before: Footprint) {
    wait::until_ok("the gateway to hold what it held before", || {
        let now = footprint::of(pid);
        let is_at_rest = now.resident_kib <= before.resident_kib + RESIDENT_MORE_KIB_MAX
            && now.threads <= before.threads + THREADS_MORE_MAX
            && now.handles <= before.handles + 2;
        if is_at_rest { Ok(()) } else { Err(format!("{now:?} after {before:?}")) }
    });
}

/// The besieger itself may have as many file handles as it can.
fn take_all_handles() {
    let mine = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: mine.maximum, ..mine }).unwrap();
}

/// Lets `pid` have `count` file handles.
fn limit_handles(pid: Pid, count: u64) {
    prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(count), maximum: Some(count) }).unwrap();
}

fn print_line(name: &str, seen: &Seen, footprint: &Footprint) {
    let us = |percent| percentile(&seen.latencies, percent).as_micros();
    println!(
        "{name}: {} answers of the probe, p50 {} us, p99 {} us; {} threads, {} KiB, {} handles",
        seen.latencies.len(),
        us(50),
        us(99),
        seen.threads_max,
        footprint.resident_kib,
        footprint.handles
    );
}
