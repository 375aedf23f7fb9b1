//! `sunspec`: what a device that describes itself tells, point by point.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::by_hand;
use super::spoken::Spoken;
use super::wire_text::line_of;
use crate::failure::{Failure, tell};
use crate::gateway::runtime;
use crate::language::Language;
use crate::modbus::line::LineHandle;
use crate::model::meter::{Line, Link};
use crate::model::quality::Cause;
use crate::model::register::{Span, Table, UnitId};
use crate::sunspec::chain::{BASES, Chain, NoMark, Walk};
use crate::sunspec::show::DeviceText;
use crate::sunspec::survey::Survey;
use crate::sunspec::table::{self, ModelTable};
use crate::sunspec::{in_chinese, json, map};
use crate::time::SystemClock;

/// Which device to ask, and in which form to tell what it says.
#[derive(Args)]
pub struct SunspecOptions {
    /// The line: a path like /dev/ttyUSB0:9600:8N1, or HOST:PORT for Modbus TCP
    line: String,
    /// The unit ID
    unit: u8,
    /// Print a register map for the folder of maps, with the scale factors as they are now
    #[arg(long, conflicts_with = "json")]
    map: bool,
    /// Print one JSON object a line, for each model and for each point
    #[arg(long)]
    json: bool,
    /// The address of the mark 'SunS', where it is none of 40000, 0 and 50000
    #[arg(long)]
    base: Option<u16>,
    /// Registers of one read, for a device that refuses longer ones
    #[arg(long, default_value_t = 125, value_parser = clap::value_parser!(u16).range(16..=125))]
    registers_max: u16,
    /// Speak RTU frames through the TCP socket, as serial device servers want
    #[arg(long)]
    rtu_over_tcp: bool,
    /// How long to wait for the answer to start
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    response_timeout_ms: u32,
    #[command(flatten)]
    spoken: Spoken,
}

/// `sunspec`: walks the models of a device and prints every point with its value and unit, or why it has
/// none; or a register map of the points that have a value.
///
/// # Errors
/// When the device does not answer, has no mark, refuses some registers, or its chain of models breaks off;
/// what was read of it is printed all the same.
pub fn sunspec(options: &SunspecOptions) -> Result<ExitCode, Failure> {
    let device = Device::reached_by(options)?;
    let runtime = runtime()?;
    let line = runtime.block_on(async { device.open() });
    let bases = options.base.map_or_else(|| BASES.to_vec(), |base| vec![base]);
    let chain = runtime.block_on(walk(&line, device.unit, &bases));
    let language = options.spoken.language();
    let chain = chain.map_err(|no_mark| device.refusal(remedy(&no_mark, language)))?;
    let tables = tables_of(&chain)?;
    let mut survey = Survey::of(&chain, &tables, options.registers_max);
    runtime.block_on(read_all(&line, device.unit, &mut survey));
    tell(told(options, &chain, &survey)?)?;
    match (chain.fault, survey.unread()) {
        (Some(fault), _) => Err(device.refusal(match language {
            Language::English => fault.to_string(),
            Language::Chinese => in_chinese::chain_fault(&fault),
        })),
        (None, Some(cause)) => {
            let not_all = language.pick("not every point was read: ", "部分点未读到：");
            Err(device.refusal(format!("{not_all}{}", by_hand::told(cause, language))))
        }
        (None, None) => Ok(ExitCode::SUCCESS),
    }
}

fn told(options: &SunspecOptions, chain: &Chain, survey: &Survey<'_>) -> Result<String, Failure> {
    let language = options.spoken.language();
    if options.map {
        let none = language.pick(
            "no point of the device has a value, so there is nothing to map",
            "设备的各点均无值，没有可写成型号文件的内容",
        );
        let none = || Failure::new(none);
        return map::text(chain, survey, options.registers_max).ok_or_else(none);
    }
    Ok(if options.json {
        json::lines(chain, survey)
    } else {
        DeviceText { chain, survey, language }.to_string()
    })
}

/// What a missing mark means to the person at the device.
fn remedy(no_mark: &NoMark, language: Language) -> String {
    match no_mark.tried.as_slice() {
        // A device that refuses answers all the same; one that does not answer has nothing to do with marks.
        [(_, Err(cause)), others @ ..]
            if !matches!(cause, Cause::Exception(_))
                && others.iter().all(|(_, found)| *found == Err(*cause)) =>
        {
            by_hand::told(*cause, language)
        }
        _ => match language {
            Language::English => {
                format!(
                    "{no_mark}; check the unit ID, or give --base where the manual has the mark elsewhere"
                )
            }
            Language::Chinese => {
                let no_mark = in_chinese::no_mark(no_mark);
                format!("{no_mark}；请检查地址，若手册中标记在别处，请用 --base 给出")
            }
        },
    }
}

fn tables_of(chain: &Chain) -> Result<Vec<Option<ModelTable>>, Failure> {
    chain.models.iter().map(|model| table::of_model(model.id).map_err(Failure::new)).collect()
}

async fn walk(line: &LineHandle, unit: UnitId, bases: &[u16]) -> Result<Chain, NoMark> {
    let mut walk = Walk::from(bases);
    while let Some(span) = walk.wants() {
        walk.take(read(line, unit, span).await.as_deref().map_err(|cause| *cause));
    }
    walk.chain()
}

async fn read_all(line: &LineHandle, unit: UnitId, survey: &mut Survey<'_>) {
    while let Some(span) = survey.wants() {
        survey.take(read(line, unit, span).await.as_deref().map_err(|cause| *cause));
    }
}

async fn read(line: &LineHandle, unit: UnitId, span: Span) -> Result<Vec<u16>, Cause> {
    line.read(unit, Table::HoldingRegister, span).await.map(|block| block.words.to_vec())
}

/// The device that the options name.
struct Device {
    line: Line,
    unit: UnitId,
    language: Language,
}

impl Device {
    fn reached_by(options: &SunspecOptions) -> Result<Self, Failure> {
        let line = line_of(&options.line, options.rtu_over_tcp, options.response_timeout_ms);
        let line = line.map_err(Failure::new)?;
        if !matches!(line.link, Link::Tcp { .. }) && !(1..=247).contains(&options.unit) {
            let reason = "on a serial line units have the IDs 1 to 247; 0 is a broadcast that nobody answers";
            return Err(Failure::new(format!("unit {}: {reason}", options.unit)));
        }
        Ok(Self { line, unit: UnitId(options.unit), language: options.spoken.language() })
    }

    fn open(&self) -> LineHandle {
        LineHandle::spawn(&self.line, Arc::new(SystemClock))
    }

    fn refusal(&self, fault: impl Display) -> Failure {
        by_hand::refusal(self.unit, &self.line.id, fault, self.language)
    }
}
