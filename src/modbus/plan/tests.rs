//! The planner against cases worked out by hand and against a search of all plans.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const HOLDING: Table = Table::HoldingRegister;

fn span(start: u16, count: u16) -> Span {
    Span { start, count }
}

fn holding(spans: &[(u16, u16)]) -> Vec<(Table, Span)> {
    spans.iter().map(|(start, count)| (HOLDING, span(*start, *count))).collect()
}

fn planned(items: &[(Table, Span)], limits: &ReadLimits, cost: &CostModel) -> Vec<(u16, u16)> {
    plan(items, limits, cost).into_iter().map(|read| (read.span.start, read.span.count)).collect()
}

/// 9600 baud, eleven bits a character, and meters as fast as they may be.
fn fast_meter_at_9600() -> CostModel {
    CostModel::rtu(9_600, 11, Duration::ZERO)
}

/// The floats of an Eastron SDM630, run by run: first register, number of floats.
fn sdm630() -> Vec<(Table, Span)> {
    let runs: [(u16, u16); 14] = [
        (0x00, 22),
        (0x2E, 2),
        (0x34, 1),
        (0x38, 1),
        (0x3C, 2),
        (0x42, 1),
        (0x46, 9),
        (0x64, 4),
        (0xC8, 4),
        (0xE0, 1),
        (0xEA, 6),
        (0xF8, 2),
        (0x102, 6),
        (0x14E, 24),
    ];
    let floats = |(start, floats): (u16, u16)| (0..floats).map(move |index| span(start + index * 2, 2));
    runs.into_iter().flat_map(floats).map(|span| (Table::InputRegister, span)).collect()
}

#[test]
fn registers_that_touch_or_overlap_are_one_read() {
    let cost = fast_meter_at_9600();
    let limits = ReadLimits::default();
    assert_eq!(planned(&holding(&[(2, 2), (0, 2), (4, 1)]), &limits, &cost), [(0, 5)]);
    assert_eq!(planned(&holding(&[(0, 4), (1, 2), (3, 3), (0, 4)]), &limits, &cost), [(0, 6)]);
    assert_eq!(planned(&[], &limits, &cost), []);
}

#[test]
fn a_hole_is_read_over_exactly_when_that_is_faster() {
    // g* = 6.5 + (turnaround + gap) / (2 * character): 10.0 at 9600 baud with the shortest
    // turnaround, 17.0 at 20 ms, and 24.8 at 115200 baud.
    for (cost, widest_hole) in [
        (fast_meter_at_9600(), 9),
        (CostModel::rtu(9_600, 11, Duration::from_millis(20)), 16),
        (CostModel::rtu(115_200, 11, Duration::ZERO), 24),
    ] {
        let limits = ReadLimits::default();
        let with_hole = |hole: u16| planned(&holding(&[(0, 2), (2 + hole, 2)]), &limits, &cost);
        assert_eq!(with_hole(widest_hole), [(0, widest_hole + 4)], "{cost:?}");
        assert_eq!(with_hole(widest_hole + 1), [(0, 2), (widest_hole + 3, 2)], "{cost:?}");
    }
}

#[test]
fn over_tcp_only_the_limit_splits_reads() {
    let items = holding(&[(0, 2), (100, 2), (123, 2), (124, 2)]);
    let reads = planned(&items, &ReadLimits::default(), &CostModel::tcp());
    assert_eq!(reads.len(), 2);
    assert!(reads.iter().all(|(_, count)| *count <= 125));
}

#[test]
fn a_whole_sdm630_takes_four_reads() {
    let cost = CostModel::rtu(9_600, 11, Duration::from_millis(20));
    let limits = ReadLimits { registers_max: 80, ..ReadLimits::default() };
    assert_eq!(planned(&sdm630(), &limits, &cost), [(0, 68), (70, 38), (200, 70), (334, 48)]);
    let time_of_32 = cost.totals(&plan(&sdm630(), &limits, &cost)).time * 32;
    assert!((21.3..21.5).contains(&time_of_32.as_secs_f64()), "{time_of_32:?}");
}

#[test]
fn no_read_is_larger_than_the_meter_allows_and_no_value_is_split() {
    let limits = ReadLimits { registers_max: 5, ..ReadLimits::default() };
    let items = holding(&[(0, 2), (2, 2), (4, 2), (6, 2)]);
    assert_eq!(planned(&items, &limits, &fast_meter_at_9600()), [(0, 4), (4, 4)]);
}

#[test]
fn a_value_that_breaks_the_limits_by_itself_is_still_read_alone() {
    let forbidden = vec![(HOLDING, span(21, 1))];
    let limits = ReadLimits { registers_max: 3, forbidden, ..ReadLimits::default() };
    let items = holding(&[(0, 4), (4, 1), (20, 2), (22, 1)]);
    assert_eq!(planned(&items, &limits, &fast_meter_at_9600()), [(0, 4), (4, 1), (20, 2), (22, 1)]);
}

#[test]
fn a_forbidden_address_is_never_read_over_but_only_in_its_own_table() {
    let items = holding(&[(0, 2), (3, 2)]);
    let forbid = |table| ReadLimits { forbidden: vec![(table, span(2, 1))], ..ReadLimits::default() };
    let cost = fast_meter_at_9600();
    assert_eq!(planned(&items, &forbid(HOLDING), &cost), [(0, 2), (3, 2)]);
    assert_eq!(planned(&items, &forbid(Table::InputRegister), &cost), [(0, 5)]);
}

#[test]
fn reads_of_words_start_at_even_addresses_where_the_meter_wants_that() {
    let limits = ReadLimits { even_start: true, ..ReadLimits::default() };
    let cost = fast_meter_at_9600();
    assert_eq!(planned(&holding(&[(1, 2), (101, 1)]), &limits, &cost), [(0, 3), (100, 2)]);
    assert_eq!(planned(&[(Table::Coil, span(1, 1))], &limits, &cost), [(1, 1)]);
    let forbidden = ReadLimits { forbidden: vec![(HOLDING, span(0, 1))], ..limits };
    assert_eq!(planned(&holding(&[(1, 2)]), &forbidden, &cost), [(1, 2)]);
}

#[test]
fn tables_are_read_apart_and_bits_by_the_eight() {
    let items = [(Table::Coil, span(0, 1)), (Table::Coil, span(150, 1)), (HOLDING, span(1, 1))];
    let reads = plan(&items, &ReadLimits::default(), &fast_meter_at_9600());
    assert_eq!(
        reads,
        [
            PlannedRead { table: Table::Coil, span: span(0, 151) },
            PlannedRead { table: HOLDING, span: span(1, 1) }
        ]
    );
}

#[test]
fn the_last_address_can_be_read() {
    let items = holding(&[(65_530, 2), (65_534, 2)]);
    assert_eq!(planned(&items, &ReadLimits::default(), &fast_meter_at_9600()), [(65_530, 6)]);
}

#[test]
fn a_refused_read_splits_into_its_own_items() {
    let items = holding(&[(0, 2), (4, 2), (4, 2), (200, 2)]);
    let read = PlannedRead { table: HOLDING, span: span(0, 6) };
    let alone = split(&read, &items);
    assert_eq!(alone.iter().map(|read| read.span).collect::<Vec<_>>(), [span(0, 2), span(4, 2)]);
}

#[test]
fn totals_add_up_requests_bytes_and_time() {
    let cost = fast_meter_at_9600();
    let read = PlannedRead { table: HOLDING, span: span(0, 80) };
    let totals = cost.totals(&[read, read]);
    assert_eq!((totals.requests, totals.bytes), (2, 346));
    assert!((0.412..0.413).contains(&totals.time.as_secs_f64()), "{:?}", totals.time);
}

/// The cheapest cost, by trying every way to cut the sorted spans into reads.
fn cheapest_by_trying_all(spans: &[Span], limits: &ReadLimits, cost: &CostModel) -> Option<u64> {
    let cuts_max = 1_u32 << spans.len().saturating_sub(1);
    let cost_of = |cuts: u32| {
        let mut total_ns = 0;
        let mut from = 0;
        for to in 1..=spans.len() {
            if to == spans.len() || cuts >> (to - 1) & 1 == 1 {
                let part = &spans[from..to];
                let last = part.iter().map(|span| span.end()).max()?;
                let mut start = part[0].start;
                if limits.even_start {
                    start -= start % 2;
                }
                let mut count = u16::try_from(last - u32::from(start)).ok()?;
                let touches = |address: u32| {
                    limits
                        .forbidden
                        .iter()
                        .any(|(_, bad)| (u32::from(bad.start)..bad.end()).contains(&address))
                };
                if count > limits.registers_max || (u32::from(start)..last).any(touches) {
                    if part.len() > 1 {
                        return None;
                    }
                    count = part[0].count;
                }
                total_ns += cost.read_ns(HOLDING, count);
                from = to;
            }
        }
        Some(total_ns)
    };
    (0..cuts_max).filter_map(cost_of).min()
}

proptest! {
    #[test]
    fn no_other_way_to_cut_the_registers_is_faster(
        items in prop::collection::vec((0..120_u16, 1..=4_u16), 1..9),
        registers_max in 1..60_u16, even_start in any::<bool>(),
        forbidden in prop::collection::vec((0..120_u16, 1..3_u16), 0..3),
        turnaround_ms in 0..40_u64,
    ) {
        let forbidden = forbidden.iter().map(|(start, count)| (HOLDING, span(*start, *count))).collect();
        let limits = ReadLimits { registers_max, forbidden, even_start, ..ReadLimits::default() };
        let cost = CostModel::rtu(9_600, 11, Duration::from_millis(turnaround_ms));
        let items = holding(&items);
        let reads = plan(&items, &limits, &cost);
        let spans = outermost_spans(HOLDING, &items);
        let total: u64 = reads.iter().map(|read| cost.read_ns(HOLDING, read.span.count)).sum();
        prop_assert_eq!(Some(total), cheapest_by_trying_all(&spans, &limits, &cost));
        for (_, item) in &items {
            prop_assert!(reads.iter().any(|read| read.span.contains(*item)), "{:?} is read", item);
        }
    }
}
