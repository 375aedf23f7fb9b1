//! What may be wrong with a device, in Chinese; the English stands with each fault.

use super::chain::{ChainFault, NoMark};
use super::layout::LayoutDoubt;
use super::value::Absence;
use crate::limits::{SUNSPEC_MODELS_MAX, SUNSPEC_REGISTERS_MAX};
use crate::model::quality::Cause;

/// Why a point has no value.
pub(super) fn absence(absence: &Absence) -> String {
    match absence {
        Absence::NotImplemented => "未实现".to_owned(),
        Absence::NotAccumulated => "无计数，或未实现".to_owned(),
        Absence::NoScaleFactor(name) => format!("无值：比例因子 {name} 未实现"),
        Absence::ScaleFactor(name, power) => format!("无值：比例因子 {name} 为 {power}，不在 -10 至 10 之间"),
        Absence::NotANumber => "不是数值".to_owned(),
        Absence::Unread(cause) => format!("未读到：{cause}"),
    }
}

/// Where a table and a device part.
pub(super) fn doubt(doubt: &LayoutDoubt) -> String {
    match doubt {
        LayoutDoubt::Shorter { has, table } => {
            format!("设备有 {has} 个寄存器，表中为 {table} 个；其后的点不存在")
        }
        LayoutDoubt::NoCount { group, point } => format!("“{group}”的数量未知：{point} 无值；未读取"),
        LayoutDoubt::TooLong { group, counted, has } => {
            format!("“{group}”放不下：{counted} 组会超出模型的 {has} 个寄存器")
        }
        LayoutDoubt::LeftOver { registers } => format!("最后 {registers} 个寄存器不在表中"),
    }
}

/// Why a walk ended early.
#[must_use]
pub fn chain_fault(fault: &ChainFault) -> String {
    match fault {
        ChainFault::Unread { address, cause } => format!("模型链在 {address} 处继续，但无法读取：{cause}"),
        ChainFault::NoModel { address } => format!("模型链中断：{address} 处为 0，既不是模型也不是结尾"),
        ChainFault::PastTheEnd(header) => {
            let (id, address, length) = (header.id, header.address, header.length);
            format!("{address} 处的模型 {id} 自称有 {length} 个寄存器，超出最后一个地址")
        }
        ChainFault::TooManyModels { address } => {
            format!("模型多于 {SUNSPEC_MODELS_MAX} 个；从 {address} 处起不再查看")
        }
        ChainFault::TooManyRegisters(header) => {
            format!("到 {} 处的模型为止，寄存器多于 {SUNSPEC_REGISTERS_MAX} 个；该模型未读取", header.address)
        }
    }
}

/// The mark is nowhere.
#[must_use]
pub fn no_mark(no_mark: &NoMark) -> String {
    let text = |(base, found): &(u16, Result<[u16; 2], Cause>)| match found {
        Ok([first, second]) => format!("{base} 处为 0x{first:04X} 0x{second:04X}"),
        Err(cause) => format!("{base} 处：{cause}"),
    };
    let tried: Vec<String> = no_mark.tried.iter().map(text).collect();
    format!("没有 SunSpec 设备的标记“SunS”：{}", tried.join("；"))
}
