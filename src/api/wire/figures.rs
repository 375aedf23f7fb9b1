//! `/metrics`: how the gateway goes, in the `OpenMetrics` text that monitoring systems gather.
//!
//! Names end in their unit or in `total`, as that format wants it; times are in seconds.

mod condition;

use std::fmt;
use std::io;
use std::sync::Arc;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::health::checkup::Condition;
use crate::model::alarm::Alarm;
use crate::ops::lines::{LineFigures, MeterFigures};
use crate::store::StoreStatus;

/// What the media type of the text is called.
#[must_use]
pub const fn content_type() -> &'static str {
    "application/openmetrics-text; version=1.0.0; charset=utf-8"
}

/// Figures at one moment.
#[derive(Debug)]
pub struct Figures {
    /// Every line with its meters.
    pub lines: Vec<LineFigures>,
    /// What is kept.
    pub store: StoreStatus,
    /// What somebody should look after.
    pub alarms: Vec<Alarm>,
    /// The front of the interface.
    pub gate: GateFigures,
    /// The machine, and how runs ended; `None` where nobody looks.
    pub condition: Option<Condition>,
}

/// How the front of the interface goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateFigures {
    /// What happened at it, and how often.
    pub turns: Vec<(&'static str, u64)>,
    /// Connections that there are.
    pub connections: usize,
    /// Bytes of answers that their clients have not taken, beyond what each may leave in any case.
    pub spooled_bytes: usize,
}

/// Labels of a meter, and one more.
type Labels<'l, const MORE: usize> = [(&'static str, &'l str); MORE];

impl Figures {
    /// Writes the whole text, a piece at a time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(self: &Arc<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        let mut out = Adapter { out, failed: None };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(self)));
        let written = encode_registry(&mut out, &registry).and_then(|()| encode_eof(&mut out));
        match (written, out.failed) {
            (_, Some(error)) => Err(error),
            (Ok(()), None) => Ok(()),
            (Err(fmt::Error), None) => Err(io::Error::other("the figures cannot be written as text")),
        }
    }

    fn meters(&self) -> impl Iterator<Item = (&LineFigures, &MeterFigures)> {
        self.lines.iter().flat_map(|line| line.meters.iter().map(move |meter| (line, meter)))
    }

    /// One number a line.
    fn of_lines(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        figure: impl Fn(&LineFigures) -> f64,
    ) -> fmt::Result {
        let mut family = gauge(encoder, name, help)?;
        self.lines.iter().try_for_each(|line| {
            let labels: Labels<'_, 1> = [("line", &line.id)];
            ConstGauge::new(figure(line)).encode(family.encode_family(&labels)?)
        })
    }

    /// One count a meter.
    fn of_meters(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        figure: impl Fn(&MeterFigures) -> u64,
    ) -> fmt::Result {
        let mut family = counter(encoder, name, help)?;
        self.meters().try_for_each(|(line, meter)| {
            let labels: Labels<'_, 2> = [("line", &line.id), ("meter", &meter.id)];
            ConstCounter::new(figure(meter)).encode(family.encode_family(&labels)?)
        })
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = counter(encoder, "cems_requests", "Requests to a meter by what came of them")?;
        for (line, meter) in self.meters() {
            let Some(counters) = &meter.counters else { continue };
            for (result, count) in [
                ("ok", counters.ok),
                ("timeout", counters.timeouts),
                ("garbled", counters.garbled),
                ("mismatch", counters.mismatches),
                ("exception", counters.exceptions.total()),
            ] {
                let labels: Labels<'_, 3> = [("line", &line.id), ("meter", &meter.id), ("result", result)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn exceptions(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests that a meter refused by exception code";
        let mut family = counter(encoder, "cems_exceptions", help)?;
        for (line, meter) in self.meters() {
            for (code, count) in meter.counters.iter().flat_map(|of| of.exceptions.by_code()) {
                let code = code.to_string();
                let labels: Labels<'_, 3> = [("line", &line.id), ("meter", &meter.id), ("code", &code)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn turnaround(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "From the end of a request to the start of its reply";
        let mut family = gauge(encoder, "cems_turnaround_seconds", help)?;
        for (line, meter) in self.meters() {
            let Some(turnarounds) = meter.counters.map(|counters| counters.turnarounds) else { continue };
            for (quantile, time) in [("0.5", turnarounds.p50()), ("0.99", turnarounds.p99())] {
                let Some(time) = time else { continue };
                let labels: Labels<'_, 3> =
                    [("line", &line.id), ("meter", &meter.id), ("quantile", quantile)];
                ConstGauge::new(time.as_secs_f64()).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn backed_off(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "1 where a meter is asked less often, because it does not answer";
        let mut family = gauge(encoder, "cems_meter_backed_off", help)?;
        self.meters().try_for_each(|(line, meter)| {
            let labels: Labels<'_, 2> = [("line", &line.id), ("meter", &meter.id)];
            ConstGauge::new(i64::from(meter.is_backed_off)).encode(family.encode_family(&labels)?)
        })
    }

    fn store(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let store = &self.store;
        let durable = counter(encoder, "cems_durable_scans", "Scans that survive a power cut")?;
        ConstCounter::new(store.durable.sequence).encode(durable)?;
        let dropped = counter(encoder, "cems_dropped_scans", "Scans lost because the medium took no writes")?;
        ConstCounter::new(store.dropped_scans).encode(dropped)?;
        let waiting = gauge(encoder, "cems_open_readings", "Readings that are not sealed yet")?;
        ConstGauge::new(i64::try_from(store.open_readings).unwrap_or(i64::MAX)).encode(waiting)?;
        let bytes = gauge(encoder, "cems_disk_bytes", "Bytes of the store on its medium")?;
        ConstGauge::new(i64::try_from(store.disk_bytes).unwrap_or(i64::MAX)).encode(bytes)
    }

    fn gate(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = counter(encoder, "cems_gate_turns", "What happened at the front of the interface")?;
        for (turn, count) in &self.gate.turns {
            let labels: Labels<'_, 1> = [("turn", *turn)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        let connections = gauge(encoder, "cems_gate_connections", "Connections to the interface")?;
        ConstGauge::new(i64::try_from(self.gate.connections).unwrap_or(i64::MAX)).encode(connections)?;
        let help = "Bytes of answers that wait for their clients";
        let spooled = gauge(encoder, "cems_gate_spooled_bytes", help)?;
        ConstGauge::new(i64::try_from(self.gate.spooled_bytes).unwrap_or(i64::MAX)).encode(spooled)
    }

    fn alarms(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = gauge(encoder, "cems_alarm", "1 for each kind of alarm that lasts")?;
        let mut words: Vec<&str> = self.alarms.iter().map(Alarm::word).collect();
        words.sort_unstable();
        words.dedup();
        words.into_iter().try_for_each(|word| {
            let labels: Labels<'_, 1> = [("kind", word)];
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)
        })
    }
}

impl prometheus_client::collector::Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let open = ("cems_line_open", "1 where the port or connection of a line is open");
        self.of_lines(encoder, open, |line| f64::from(u8::from(line.is_open)))?;
        let busy = ("cems_line_busy_ratio", "The share of its time in which a line is taken");
        self.of_lines(encoder, busy, |line| line.busy_share)?;
        self.requests(encoder)?;
        self.exceptions(encoder)?;
        let late = ("cems_late_replies", "Replies that came after they were given up");
        self.of_meters(encoder, late, |meter| meter.counters.map_or(0, |counters| counters.late))?;
        self.turnaround(encoder)?;
        self.of_meters(encoder, ("cems_scans", "Scans of a meter"), |meter| meter.scans)?;
        let silent = ("cems_silent_scans", "Scans in which a meter did not answer at all");
        self.of_meters(encoder, silent, |meter| meter.silent_scans)?;
        let overruns = ("cems_overruns", "Ticks of a meter missed because its line was busy");
        self.of_meters(encoder, overruns, |meter| meter.overruns)?;
        let past = ("cems_ticks_past_share", "Ticks at which a meter was past its share of its line");
        self.of_meters(encoder, past, |meter| meter.past_share)?;
        self.backed_off(encoder)?;
        self.store(encoder)?;
        self.gate(encoder)?;
        if let Some(condition) = &self.condition {
            condition::encode(condition, encoder)?;
        }
        self.alarms(encoder)
    }
}

fn gauge<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &'e str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, ConstGauge::<i64>::new(0).metric_type())
}

fn counter<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &'e str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, ConstCounter::<u64>::new(0).metric_type())
}

/// Text into bytes, with the error that the text's own does not carry.
struct Adapter<'w> {
    out: &'w mut dyn io::Write,
    failed: Option<io::Error>,
}

impl fmt::Write for Adapter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_all(text.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::last_run::{Ending, Reset};
    use crate::health::machine::{Disk, FlashLife, Machine, Spare, Temperature};
    use crate::health::watch::Standstill;
    use crate::modbus::counters::UnitCounters;
    use crate::model::part::Part;
    use crate::model::register::UnitId;

    #[test]
    fn figures_are_told_of_every_line_meter_and_alarm() {
        let mut counters = UnitCounters::new(UnitId(7));
        (counters.ok, counters.timeouts) = (12, 3);
        counters.exceptions.add(2);
        let meter = MeterFigures {
            id: "m-1".to_owned(),
            counters: Some(counters),
            scans: 5,
            silent_scans: 1,
            overruns: 2,
            past_share: 7,
            is_backed_off: true,
        };
        let silent = MeterFigures { id: "m-2".to_owned(), counters: None, ..meter.clone() };
        let line = LineFigures {
            id: "rs485-1".to_owned(),
            is_open: true,
            busy_share: 0.25,
            meters: vec![meter, silent],
        };
        let alarms = vec![Alarm::ClockUnset, Alarm::ReadingsLost { scans: 1 }, Alarm::ClockUnset];
        let gate = GateFigures { turns: vec![("address-full", 7)], connections: 3, spooled_bytes: 0 };
        let (store, condition) = (StoreStatus::default(), Some(condition()));
        let figures = Arc::new(Figures { lines: vec![line], store, alarms, gate, condition });
        let mut text = Vec::new();
        figures.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        for line in [
            "# TYPE cems_requests counter",
            "cems_line_open{line=\"rs485-1\"} 1.0",
            "cems_line_busy_ratio{line=\"rs485-1\"} 0.25",
            "cems_requests_total{line=\"rs485-1\",meter=\"m-1\",result=\"ok\"} 12",
            "cems_requests_total{line=\"rs485-1\",meter=\"m-1\",result=\"timeout\"} 3",
            "cems_exceptions_total{line=\"rs485-1\",meter=\"m-1\",code=\"2\"} 1",
            "cems_scans_total{line=\"rs485-1\",meter=\"m-2\"} 5",
            "cems_overruns_total{line=\"rs485-1\",meter=\"m-1\"} 2",
            "cems_ticks_past_share_total{line=\"rs485-1\",meter=\"m-1\"} 7",
            "cems_meter_backed_off{line=\"rs485-1\",meter=\"m-1\"} 1",
            "cems_dropped_scans_total 0",
            "cems_alarm{kind=\"clock-unset\"} 1",
            "cems_gate_turns_total{turn=\"address-full\"} 7",
            "cems_gate_connections 3",
            "cems_temperature_celsius{number=\"0\",zone=\"cpu-thermal\"} 48.312",
            "cems_resident_memory_bytes 1024",
            "cems_filesystem_free_bytes 7",
            "cems_flash_life_used_ratio{device=\"mmcblk2\"} 0.3",
            "cems_flash_spare_used_ratio{device=\"mmcblk2\"} 0.8",
            "cems_last_ending{ending=\"power\"} 1",
            "cems_bad_endings 2",
            "cems_standstill_seconds{part=\"store\"} 26",
            "# EOF",
        ] {
            assert_eq!(text.lines().filter(|told| *told == line).count(), 1, "{line}\n{text}");
        }
        assert!(!text.contains("cems_requests_total{line=\"rs485-1\",meter=\"m-2\""), "{text}");
        for unknown in ["cems_memory_available_bytes", "cems_machine_uptime_seconds", "cems_last_panic"] {
            assert!(!text.contains(unknown), "{unknown}\n{text}");
        }
    }

    /// A machine that tells some of what one may know.
    fn condition() -> Condition {
        let temperature = Temperature { zone: "cpu-thermal".to_owned(), millicelsius: 48_312 };
        let flash = FlashLife { device: "mmcblk2".to_owned(), used_percent_max: 30, spare: Spare::Warning };
        let machine = Machine {
            temperatures: vec![temperature],
            resident_bytes: Some(1_024),
            disk: Some(Disk { used_bytes: 5, free_bytes: 7 }),
            flash: Some(flash),
            ..Machine::default()
        };
        let last_ending = Ending::Machine(Reset::Power);
        let still = vec![Standstill { part: Part::Store, since: std::time::Duration::from_secs(26) }];
        Condition { machine, last_ending, bad_ends: 2, last_panic: None, still }
    }

    #[test]
    fn a_client_that_is_gone_is_an_error_and_no_panic() {
        struct Gone;
        impl io::Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let figures = Arc::new(Figures {
            lines: Vec::new(),
            store: StoreStatus::default(),
            alarms: Vec::new(),
            gate: GateFigures::default(),
            condition: None,
        });
        assert_eq!(figures.write(&mut Gone).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
