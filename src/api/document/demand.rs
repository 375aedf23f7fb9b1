//! The documents of demand management.

use super::{IN_DATA, Json, Written};
use crate::api::wire::answer::{DataCount, HistoricalHead, Page};
use crate::api::wire::demand::{DemandReading, DemandSeries, DmDynamic, DmMonth, DmStatic, month_maximum};
use crate::api::wire::site::SimpleCems;
use crate::api::wire::{Empty, Shown, names};
use crate::ops::query::{DemandHistory, DemandNow, DemandStatic};

pub(super) fn write_static(json: &mut Json<'_>, answer: &DemandStatic) -> Written {
    let site = answer.site();
    json.object(names::DATA, &Empty {})?;
    json.member(names::CEMS, &SimpleCems::from(&site.cems))?;
    let of_site = DmStatic::new(site, answer.contract_kw(), answer.point_id());
    Ok(json.member(names::DM_STATIC, &of_site)?)
}

pub(super) fn write_dynamic(json: &mut Json<'_>, now: &DemandNow) -> Written {
    let site = now.site();
    let offset = site.cems.offset;
    json.object(names::DATA, &Empty {})?;
    json.member(names::CEMS, &SimpleCems::from(&site.cems))?;
    json.member(names::DM_STATIC, &DmStatic::new(site, now.contract_kw(), now.point_id()))?;
    json.object(names::DM_DYNAMIC, &DmDynamic::new(now))?;
    json.list(names::READING)?;
    let in_list = json.depth();
    let of_window = DemandReading::new(now.end, &now.demand, offset);
    json.begin(&DemandSeries::of_windows(now.settings()))?;
    json.list(names::READING)?;
    json.item(&of_window)?;
    json.end_to(in_list)?;
    if let Some(maximum) = month_maximum(now, offset) {
        json.begin(&DemandSeries::of_months(now.settings()))?;
        json.list(names::READING)?;
        json.item(&maximum)?;
    }
    Ok(json.end_to(IN_DATA)?)
}

pub(super) fn write_historical(json: &mut Json<'_>, answer: &DemandHistory) -> Written {
    let cems = &answer.site().cems;
    let range = &answer.query().range;
    json.object(
        names::DATA,
        &HistoricalHead {
            start: Shown(range.start.iso(cems.offset)),
            end: Shown(range.end.iso(cems.offset)),
            interval: Some(Shown(answer.settings().stride())),
        },
    )?;
    json.member(names::CEMS, &SimpleCems::from(cems))?;
    json.member(names::PAGE, &Page::new(answer.page(), &answer.site().api.compat))?;
    json.object(names::DM_HISTORICAL, &Empty {})?;
    let in_object = json.depth();
    json.list(names::READING)?;
    json.begin(&DemandSeries::of_windows(answer.settings()))?;
    json.list(names::READING)?;
    let mut count = DataCount::default();
    for (end, demand) in answer.demands() {
        count.readings += 1;
        json.item(&DemandReading::new(*end, demand, cems.offset))?;
    }
    json.end_to(in_object)?;
    json.list(names::MONTH)?;
    for month in answer.months() {
        json.item(&DmMonth::new(month, answer.settings(), cems.offset))?;
    }
    json.end_to(IN_DATA)?;
    Ok(json.member(names::DATA_COUNT, &count)?)
}
