//! The meter library as text: what `meters list`, `meters show` and `meters test` print.
//!
//! Titles hold Chinese, whose width a terminal decides, so they stand in the last column.

use std::fmt::Write as _;

use super::golden::{Check, ExchangeReport, Report};
use super::read::RATIOS;
use crate::model::map_library::MapLibrary;
use crate::model::meter::{MapRegister, RatioKind, ReadLimits, RegisterMap};
use crate::model::reading::{Sample, Value};
use crate::model::register::Table;

/// Every model in one line.
#[must_use]
pub fn list(library: &MapLibrary) -> String {
    let row = |map: &RegisterMap| {
        [map.model.clone(), map.registers.len().to_string(), format!("{} {}", map.manufacturer, map.title)]
    };
    table(["model", "registers", "meter / 电能表"], library.maps().map(row))
}

/// Everything that one map says, in the order of its file.
#[must_use]
pub fn map(map: &RegisterMap) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "model         {}", map.model);
    let _ = writeln!(text, "meter / 电能表 {} {}", map.manufacturer, map.title);
    let _ = writeln!(text, "manual / 手册  {}", map.manual);
    let _ = writeln!(text, "one read      {}", read_limits(&map.read_limits));
    text.push('\n');
    let head = [
        "name",
        "table",
        "address",
        "type",
        "order",
        "scale",
        "unit",
        "ratio",
        "valid",
        "where",
        "title / 名称",
    ];
    text.push_str(&table(head, map.registers.iter().map(register)));
    text
}

fn read_limits(limits: &ReadLimits) -> String {
    let mut text = format!("at most {} registers", limits.registers_max);
    if limits.even_start {
        text.push_str(", from an even address");
    }
    for (table, span) in &limits.forbidden {
        let _ = write!(text, ", never {} {} to {}", table.name(), span.start, span.end().saturating_sub(1));
    }
    text
}

fn register(entry: &MapRegister) -> [String; 11] {
    let register = &entry.register;
    let offset = if entry.offset == 0.0 { String::new() } else { format!("{:+}", entry.offset) };
    [
        register.name.clone(),
        register.table.name().to_owned(),
        address(register.table, register.address),
        register.data_type.to_string(),
        register.word_order.to_string(),
        format!("{}{offset}", entry.scale),
        entry.unit.clone(),
        ratio(entry.ratio).to_owned(),
        entry.valid.map_or_else(|| "-".to_owned(), |valid| format!("{}..{}", valid.min, valid.max)),
        entry.page.clone(),
        entry.title.clone(),
    ]
}

/// As on the wire; words in hexadecimal, as nearly all manuals have them.
fn address(table: Table, address: u16) -> String {
    if table.is_bits() { address.to_string() } else { format!("0x{address:04X}") }
}

fn ratio(kind: RatioKind) -> &'static str {
    RATIOS.iter().find(|(_, ratio)| *ratio == kind).map_or("none", |(name, _)| name)
}

/// What the golden frames showed: one line a model, and below it whatever does not hold.
#[must_use]
pub fn reports(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        let verdict = if report.holds() { "holds / 通过" } else { "does not hold / 未通过" };
        let _ = writeln!(text, "{}: {verdict}, {}", report.model, extent(report));
        for exchange in report.exchanges.iter().filter(|exchange| !exchange.holds()) {
            text.push_str(&broken(exchange));
        }
        if !report.unproven.is_empty() {
            let _ = writeln!(text, "  no golden frame for {}", report.unproven.join(", "));
        }
    }
    text
}

fn extent(report: &Report) -> String {
    let checks: usize = report.exchanges.iter().map(|exchange| exchange.checks.len()).sum();
    match report.exchanges.len() {
        0 => "there are no golden frames".to_owned(),
        exchanges => format!("{checks} values in {exchanges} exchanges"),
    }
}

fn broken(exchange: &ExchangeReport) -> String {
    let mut text = format!("  {}\n", exchange.title);
    if let Some(fault) = &exchange.fault {
        let _ = writeln!(text, "    {fault}");
    }
    for check in exchange.checks.iter().filter(|check| !check.holds()) {
        let _ = writeln!(text, "    {}: expected {}, read {}", check.register, check.expected, read(check));
    }
    text
}

fn read(check: &Check) -> String {
    match &check.read {
        None => "nothing: the reply does not hold this register".to_owned(),
        Some(Sample { value: None, quality }) => quality.to_string(),
        Some(Sample { value: Some(Value::Number(number)), quality }) => format!("{number} ({quality})"),
        Some(Sample { value: Some(Value::Text(text)), quality }) => format!("'{text}' ({quality})"),
    }
}

/// Rows below a head, every column but the last as wide as its widest entry.
fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let rows: Vec<[String; COLUMNS]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    if let Some(last) = widths.last_mut() {
        *last = 0;
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Golden, built_in, builtin, golden, golden_frames, goldens, library};
    use super::*;

    #[test]
    fn the_list_has_one_line_for_each_model() {
        let text = list(&library(None).unwrap());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + builtin().len());
        let line = lines.iter().find(|line| line.starts_with("eastron-sdm120 ")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some("19"), "{text}");
        assert!(line.ends_with("单相电能表 / single-phase energy meter"), "{text}");
    }

    #[test]
    fn a_map_is_shown_so_that_it_can_be_held_against_the_manual() {
        let text = map(library(None).unwrap().get("eastron-sdm630").unwrap());
        assert!(
            text.contains("V1.8") && text.contains("at most 80 registers, from an even address"),
            "{text}"
        );
        let row = text.lines().find(|line| line.starts_with("power ")).unwrap();
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells,
            [
                "power",
                "input",
                "0x0034",
                "f32",
                "ABCD",
                "0.001",
                "kW",
                "power",
                "-10000..10000",
                "input register table, register 30053",
                "总有功功率 / total active power"
            ]
        );
    }

    #[test]
    fn golden_frames_that_hold_take_one_line() {
        let goldens = goldens(None).unwrap();
        let text =
            reports(&golden::run_all(&library(None).unwrap(), &goldens, Some("acrel-adw300")).unwrap());
        assert_eq!(text, "acrel-adw300: holds / 通过, 34 values in 3 exchanges\n");
    }

    #[test]
    fn what_does_not_hold_is_told_with_what_was_expected_and_what_was_read() {
        let sdm120 = built_in("eastron-sdm120");
        let map = sdm120.read().unwrap();
        let text =
            golden_frames(sdm120.model).replace("1335.69", "1335.7").replace("00 00 0E 1F", "00 00 0E 10");
        let golden = Golden { model: map.model.clone(), file: String::new(), text };
        let text = reports(&[golden::run(&map, &golden).unwrap()]);
        assert_eq!(
            text,
            "eastron-sdm120: does not hold / 未通过, 19 values in 4 exchanges\n  \
               voltage, as a manual prints it\n    \
                 the reply does not answer the request: wrong unit, function, length or CRC\n  \
               frequency, energies and demands, from 30071\n    \
                 energy_export: expected 1335.7, read 1335.69 (good)\n"
        );
    }
}
