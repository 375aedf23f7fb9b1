//! `read` and `write`: one exchange with one unit, through the same line code as the service.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::spoken::Spoken;
use super::wire_text::line_of;
use crate::failure::{Failure, tell};
use crate::gateway::runtime;
use crate::language::Language;
use crate::modbus::decode;
use crate::modbus::line::{LineHandle, RegisterBlock, Write};
use crate::model::meter::Link;
use crate::model::quality::Cause;
use crate::model::register::{DataType, RawValue, Register, Span, Table, UnitId, WordOrder};
use crate::time::SystemClock;

/// Where to read and what.
#[derive(Args)]
pub struct ReadOptions {
    #[command(flatten)]
    target: Target,
    /// How many registers or bits
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=2000))]
    count: u16,
    /// Show values of this type, such as f32, u32, i16, bcd32, text10
    #[arg(long = "type")]
    data_type: Option<String>,
    /// The word order of the values: ABCD, CDAB, BADC, DCBA
    #[arg(long, default_value = "ABCD")]
    order: String,
}

/// Where to write and what.
#[derive(Args)]
pub struct WriteOptions {
    #[command(flatten)]
    target: Target,
    /// The words (0 to 65535) or bits (0 or 1) to write from that address on
    #[arg(required = true, num_args = 1..=123)]
    values: Vec<u16>,
}

#[derive(Args)]
pub(super) struct Target {
    /// The line: a path like /dev/ttyUSB0:9600:8N1, or HOST:PORT for Modbus TCP
    line: String,
    /// The unit ID
    unit: u8,
    /// The table: coil, discrete-input, input or holding
    table: String,
    /// The protocol address, counted from 0; manuals that count from 1 want one less here
    address: u16,
    /// Speak RTU frames through the TCP socket, as serial device servers want
    #[arg(long)]
    rtu_over_tcp: bool,
    /// How long to wait for the answer to start
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    response_timeout_ms: u32,
    #[command(flatten)]
    spoken: Spoken,
}

impl Target {
    pub(super) fn language(&self) -> Language {
        self.spoken.language()
    }

    pub(super) fn unit(&self) -> UnitId {
        UnitId(self.unit)
    }

    pub(super) fn table(&self) -> Result<Table, Failure> {
        let names = || Table::ALL.map(Table::name).join(", ");
        Table::from_name(&self.table)
            .ok_or_else(|| Failure::new(format!("'{}' is no table; give one of {}", self.table, names())))
    }

    pub(super) fn span(&self, count: u16) -> Result<Span, Failure> {
        let span = Span { start: self.address, count };
        if span.end() > 65_536 {
            return Err(Failure::new(format!("{count} from {} go past address 65535", self.address)));
        }
        Ok(span)
    }

    pub(super) fn open(&self) -> Result<LineHandle, Failure> {
        let line = line_of(&self.line, self.rtu_over_tcp, self.response_timeout_ms).map_err(Failure::new)?;
        if !matches!(line.link, Link::Tcp { .. }) && !(1..=247).contains(&self.unit) {
            let reason = "on a serial line units have the IDs 1 to 247; 0 is a broadcast that nobody answers";
            return Err(Failure::new(format!("unit {}: {reason}", self.unit)));
        }
        Ok(LineHandle::spawn(&line, Arc::new(SystemClock)))
    }

    pub(super) fn refusal(&self, cause: Cause) -> Failure {
        refusal(UnitId(self.unit), &self.line, told(cause, self.language()), self.language())
    }
}

/// What is wrong with a unit of a line.
pub(super) fn refusal(unit: UnitId, line: &str, fault: impl Display, language: Language) -> Failure {
    Failure::new(match language {
        Language::English => format!("unit {unit} on {line}: {fault}"),
        Language::Chinese => format!("{line} 上的地址 {unit}：{fault}"),
    })
}

/// What a cause means to the person at the meter.
pub(super) fn told(cause: Cause, language: Language) -> String {
    let (english, chinese) = match cause {
        Cause::Timeout => (
            "no answer in time; check wiring, unit ID, baud rate and parity",
            "未按时应答；请检查接线、地址、波特率和校验位",
        ),
        Cause::Garbled => (
            "what came back is no valid frame; check baud rate, parity and termination",
            "收到的不是有效报文；请检查波特率、校验位和终端电阻",
        ),
        Cause::LineDown => (CANNOT_OPEN.0, CANNOT_OPEN.1),
        Cause::Exception(1) => (
            "exception 01, illegal function: the meter does not have this table",
            "异常码 01，非法功能：电表没有此寄存器表",
        ),
        Cause::Exception(2) => (
            "exception 02, illegal data address: the meter has no such register",
            "异常码 02，非法地址：电表没有此寄存器",
        ),
        Cause::Exception(3) => (
            "exception 03, illegal data value: ask for fewer registers or another value",
            "异常码 03，非法数值：请减少寄存器数量或更换数值",
        ),
        Cause::Exception(code) => {
            return format!("{} {code:02}", language.pick("exception", "异常码"));
        }
        other => return other.to_string(),
    };
    language.pick(english, chinese).to_owned()
}

/// A port or connection that is not there, in either language.
pub(super) const CANNOT_OPEN: (&str, &str) = (
    "the port or connection cannot be opened; check its name, rights and cable",
    "无法打开串口或连接；请检查名称、权限和线缆",
);

/// `read`: prints the words, and the values where a type is given.
///
/// # Errors
/// When the options contradict each other, or the unit does not answer as asked.
pub fn read(options: &ReadOptions) -> Result<ExitCode, Failure> {
    let target = &options.target;
    let (table, span) = (target.table()?, target.span(options.count)?);
    if span.count > table.read_max() {
        return Err(Failure::new(format!("one read of this table takes at most {}", table.read_max())));
    }
    let pattern = options.data_type.as_deref().map(|name| pattern(options, name, table)).transpose()?;
    let block = runtime()?.block_on(async {
        target.open()?.read(target.unit(), table, span).await.map_err(|cause| target.refusal(cause))
    })?;
    match pattern {
        Some(pattern) => tell(values_text(&pattern, &block, target.language()))?,
        None => tell(words_text(&block))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn pattern(options: &ReadOptions, name: &str, table: Table) -> Result<Register, Failure> {
    let data_type = DataType::from_name(name).ok_or_else(|| {
        Failure::new(format!("'{name}' is no type; give one like u16, i32, f32, bcd32, bits16:4:2, text10"))
    })?;
    let word_order = WordOrder::from_name(&options.order).ok_or_else(|| {
        Failure::new(format!("'{}' is no word order; give ABCD, CDAB, BADC or DCBA", options.order))
    })?;
    let address = options.target.address;
    Ok(Register { name: name.to_owned(), table, address, data_type, word_order, not_available: Vec::new() })
}

fn words_text(block: &RegisterBlock) -> String {
    let row = |(address, word): (u32, &u16)| {
        if block.table.is_bits() {
            format!("{address:>5}  {word}\n")
        } else {
            format!("{address:>5}  0x{word:04X}  {word:>5}  {:>6}\n", word.cast_signed())
        }
    };
    (u32::from(block.span.start)..).zip(block.words.iter()).map(row).collect::<Vec<_>>().concat()
}

fn values_text(pattern: &Register, block: &RegisterBlock, language: Language) -> String {
    let step = usize::from(pattern.data_type.count());
    let row = |(address, words): (u32, &[u16])| match decode::decode(pattern, words) {
        Ok(RawValue::Integer(number)) => format!("{address:>5}  {number}\n"),
        Ok(RawValue::Float(number)) => format!("{address:>5}  {number}\n"),
        Ok(RawValue::Text(read)) => format!("{address:>5}  {read:?}\n"),
        Err(cause) => format!("{address:>5}  {cause}\n"),
    };
    let addresses = (u32::from(block.span.start)..).step_by(step);
    let mut rows: Vec<String> = addresses.zip(block.words.chunks_exact(step)).map(row).collect();
    let left = block.words.len() % step;
    if left > 0 {
        let data_type = pattern.data_type;
        rows.push(match language {
            Language::English => format!("       {left} words left over: {data_type} takes {step}\n"),
            Language::Chinese => format!("       余下 {left} 个字：{data_type} 需要 {step} 个\n"),
        });
    }
    rows.concat()
}

/// `write`: function code 5 or 6 for one value, 15 or 16 for several.
///
/// # Errors
/// When the table cannot be written, or the unit does not confirm.
pub fn write(options: &WriteOptions) -> Result<ExitCode, Failure> {
    let target = &options.target;
    let count = u16::try_from(options.values.len()).unwrap_or(u16::MAX);
    target.span(count)?;
    let order = write_order(target.table()?, target.address, &options.values)?;
    runtime()?.block_on(async {
        target.open()?.write(target.unit(), order).await.map_err(|cause| target.refusal(cause))
    })?;
    let address = target.address;
    tell(match target.language() {
        Language::English => format!("written: {count} from {address}\n"),
        Language::Chinese => format!("已写入：从 {address} 起 {count} 个\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write_order(table: Table, address: u16, values: &[u16]) -> Result<Write, Failure> {
    match (table, values) {
        (Table::HoldingRegister, [value]) => Ok(Write::Register(address, *value)),
        (Table::HoldingRegister, values) => Ok(Write::Registers(address, values.to_vec())),
        (Table::Coil, values) if values.iter().any(|value| *value > 1) => {
            Err(Failure::new("a coil is 0 or 1"))
        }
        (Table::Coil, [value]) => Ok(Write::Coil(address, *value == 1)),
        (Table::Coil, values) => Ok(Write::Coils(address, values.iter().map(|value| *value == 1).collect())),
        (read_only, _) => Err(Failure::new(format!("the table '{}' can only be read", read_only.name()))),
    }
}
