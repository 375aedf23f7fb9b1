//! Example: questions to try on the simulated factory, as paths with their query strings.

use super::names;
use super::operation::{Operation, Scope, Subject};
use super::request::{
    CATEGORY_CODE, END_TIME, FUNCTION, INTERVAL, PARAMETER_ID, PERIOD, POINT_ID, START_TIME,
};

/// The path below which all operations lie.
#[must_use]
pub fn base() -> String {
    format!("/{}/{}", names::PATH_CEMS, names::PATH_VERSION)
}

/// The load of storage, photovoltaics and chargers now.
#[must_use]
pub fn load_of_resources() -> String {
    path(Subject::Dynamic, &[(CATEGORY_CODE, "DER-PV,DER-ESS,DER-EVSE")])
}

/// The grid meter's energy register from day to day, every hour.
#[must_use]
pub fn register_every_hour(from: &str, to: &str) -> String {
    let members = [
        (POINT_ID, "PT-GRID"),
        (PARAMETER_ID, "EPI"),
        (START_TIME, from),
        (END_TIME, to),
        (INTERVAL, "PT1H"),
    ];
    path(Subject::Historical, &members)
}

/// Energy of air conditioning and ventilation from day to day, month by month.
#[must_use]
pub fn energy_month_by_month(from: &str, to: &str) -> String {
    let members = [
        (CATEGORY_CODE, "01B00,01C30"),
        (PARAMETER_ID, "EPI"),
        (FUNCTION, "sum"),
        (PERIOD, "P1M"),
        (START_TIME, from),
        (END_TIME, to),
    ];
    path(Subject::Statistical, &members)
}

fn path(subject: Subject, members: &[(&str, &str)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}/{}?{}", base(), Operation::of(subject, Scope::Cems).name(), members.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_to_try_is_a_path_with_its_query_string() {
        assert_eq!(load_of_resources(), "/cems/v1/GetCemsDynamicData?categoryCode=DER-PV,DER-ESS,DER-EVSE");
        assert_eq!(
            register_every_hour("2024-06-11", "2024-06-12"),
            "/cems/v1/GetCemsHistoricalData?pointID=PT-GRID&parameterID=EPI&startTime=2024-06-11\
             &endTime=2024-06-12&interval=PT1H"
        );
    }
}
