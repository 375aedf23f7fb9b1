"""Compares an answer with what the simulated factory really did: `annex_c.py C.4 < answer.json`.

Every expected number is computed here from the factory's closed formula, by other code than the gateway's.
"""

import json
import pathlib
import sys
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "it" / "data" / "sim"))

import factory  # noqa: E402

LOCAL = timezone(timedelta(hours=8))
SITE = "CEMS-310000-0001"
CONTRACT_KW = 3200


def same(what, found, expected):
    assert found == expected, f"{what}: {found!r}, by the formula {expected!r}"


def rounded(number, decimals=6):
    """As answers are: the decimals that a double holds of it."""
    return float(Decimal(number).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def flowed(point, parameter, start, end):
    """What flowed from one local time to another, exactly."""
    seconds = [int(time.timestamp()) for time in (start, end)]
    shown = [round(factory.formula(point, parameter, second) * 1000) for second in seconds]
    return Decimal(shown[1] - shown[0]) / 1000


def local(text):
    return datetime.fromisoformat(text).astimezone(LOCAL)


def points(data):
    return {point["pointID"]: point for category in data["category"] for point in category["point"]}


def user_profile(data):
    cems = data["cems"]
    same("cemsID", cems["cemsID"], SITE)
    for member, value in [("contractDemand", CONTRACT_KW), ("transformerCapacity", 4000), ("buildingArea", 42000),
                          ("supplyVoltage", [10]), ("industryCode", "C3811"), ("regionCode", "310114"),
                          ("basicChargeMode", "contractDemand"), ("timeZone", "+08:00"),
                          ("derInstalled", {"pv": 800, "storage": 500, "charging": 240})]:
        same(member, cems[member], value)
    found = points(cems)
    metered = {point for point, _ in factory.REGISTERS}
    assert metered <= set(found), f"points are missing: {metered - set(found)}"
    chiller = found["PT-CH1"]
    same("chiller", (chiller["categoryID"], chiller["ratedPower"], chiller["subItemCode"]), ("CAT-HVAC", 320, "01B1A"))
    types = {parameter["parameterID"]: parameter["readingTypeID"] for parameter in chiller["parameter"]}
    same("reading types", types, {"EPI": "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0",
                                  "P": "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"})
    counted = sum(len(point["parameter"]) for point in found.values())
    same("dataCount", (data["dataCount"]["pointCount"], data["dataCount"]["parameterCount"]), (len(found), counted))


def state_of_resources(data):
    found = points(data)
    same("points", sorted(found), ["PT-ESS1", "PT-EV1", "PT-PV1"])
    for name, point in found.items():
        same(f"{name} status", point["status"], "online")
        for series in point["reading"]:
            (reading,) = series["reading"]
            second = int(datetime.fromisoformat(reading["timeStamp"]).timestamp())
            what = f"{name} {series['parameterID']} at {reading['timeStamp']}"
            # The meter is asked in the second that is told, or at the end of the one before.
            expected = [factory.value(name, series["parameterID"], at) for at in (second, second - 1)]
            assert reading["value"] in expected, f"{what}: {reading['value']!r}, by the formula {expected!r}"
            same(f"{what}, quality", reading["quality"], 0)


def energy_per_output(data):
    start, end = local("2024-04-01T00:00:00+08:00"), local("2024-05-01T00:00:00+08:00")
    energy = flowed("PT-GRID", "EPI", start, end)
    gas = flowed("PT-GAS", "VOL", start, end)
    output = flowed("PT-PROD-A", "OUTPUT", start, end)
    coal = energy * Decimal("0.1229") + gas * Decimal("1.33")
    rows = {row["indicatorCode"]: row for row in data["statistic"]}
    same("rows", (sorted(rows), len(data["statistic"])), (["ENERGY_PER_OUTPUT", "TCE_PER_OUTPUT"], 2))
    for code, numerator, unit, of in [("ENERGY_PER_OUTPUT", energy, "kWh", "kWh/t"),
                                      ("TCE_PER_OUTPUT", coal, "kgce", "kgce/t")]:
        row = rows[code]
        same(f"{code} object", (row["objectType"], row["objectID"], row["productID"]), ("cems", SITE, "A"))
        same(f"{code} numerator", row["numerator"], {"value": rounded(numerator), "unit": unit})
        same(f"{code} denominator", row["denominator"], {"value": rounded(output), "unit": "t"})
        same(f"{code} value", (row["value"], row["unit"]), (rounded(numerator / output, 3), of))
        same(f"{code} completeness", row["completeness"], 1)


PEAK_HOURS = [8, 9, 10, 13, 14, 18, 19, 20]


def peak_energy(data):
    rows = data["statistic"]
    months = [(4, local("2024-04-01T00:00:00+08:00"), 30), (5, local("2024-05-01T00:00:00+08:00"), 31)]
    expected = []
    for category, members in [("CAT-HVAC", ["PT-CH1", "PT-CH2"]), ("CAT-VENT", ["PT-VENT1"])]:
        for _, first, days in months:
            hours = [first + timedelta(days=day, hours=hour) for day in range(days) for hour in PEAK_HOURS]
            energy = sum(flowed(point, "EPI", at, at + timedelta(hours=1)) for at in hours for point in members)
            expected.append((category, first.isoformat(), 2, rounded(energy), "kWh", 1))
    found = [(row["objectID"], row["periodStart"], row["tou"], row["value"], row["unit"], row["completeness"])
             for row in rows]
    same("peak energy", found, expected)
    same("kind of objects", {row["objectType"] for row in rows}, {"category"})


SAMPLES = ["2024-07-30", "2024-07-31", "2024-08-01", "2024-08-02", "2024-08-05"]


def loads(day):
    """Mean kW at the grid in each quarter of an hour of the event, from 13:00 to 15:00."""
    start = local(f"{day}T13:00:00+08:00")
    quarters = [start + timedelta(minutes=15 * number) for number in range(8)]
    return [4 * flowed("PT-GRID", "EPI", at, at + timedelta(minutes=15)) for at in quarters]


def response(data):
    attended, declined = data["drEvent"]
    same("events", (attended["eventID"], declined["eventID"]), ("DR20240806-01", "DR20240820-02"))
    same("page", (data["page"]["total"], data["dataCount"]["eventCount"]), (2, 2))
    same("declined", (declined["invitation"]["isParticipate"], "result" in declined), (0, False))
    baseline = [sum(loads) / len(SAMPLES) for loads in zip(*map(loads, SAMPLES))]
    actual = loads("2024-08-06")
    same("method", attended["baseline"]["method"], "AVG_LAST_5_WORKDAYS")
    same("samples", attended["baseline"]["sampleDate"], SAMPLES)
    same("baseline", attended["baseline"]["value"], [rounded(load) for load in baseline])
    same("actual", attended["actual"]["value"], [rounded(load) for load in actual])
    shed = [before - after for before, after in zip(baseline, actual)]
    promised = Decimal(450)
    mean = sum(shed) / len(shed)
    energy = sum(shed) / 4
    expected = {
        "replyCap": float(promised),
        "maxLoadBaseline": rounded(max(baseline)), "avgLoadBaseline": rounded(sum(baseline) / 8),
        "minLoadBaseline": rounded(min(baseline)),
        "maxLoadActual": rounded(max(actual)), "avgLoadActual": rounded(sum(actual) / 8),
        "minLoadActual": rounded(min(actual)),
        "actualCap": rounded(mean), "actualEnergy": rounded(energy), "responseRate": rounded(mean / promised, 4),
        "effectiveTime": 15 * sum(load >= promised * Decimal("0.8") for load in shed), "isEffective": "Y",
        "incentiveAmount": rounded(energy * 2), "completeness": 1, "isFinal": "Y",
    }
    same("result", attended["result"], expected)


def whole_watts(point, parameter, second):
    return round(factory.formula(point, parameter, second) * 1000)


def demand_kw(end):
    """Mean power over the quarter of an hour that ends at a second, by the register of whole Wh."""
    return Decimal(whole_watts("PT-GRID", "EPI", end) - whole_watts("PT-GRID", "EPI", end - 900)) * 4 / 1000


def demand(data):
    set_up, now = data["dmStatic"], data["dmDynamic"]
    for member, value in [("contractDemand", CONTRACT_KW), ("demandWindow", "PT15M"), ("slidingStep", "PT1M"),
                          ("demandMethod", "sliding"), ("billingDay", 1), ("alarmRatio", 0.9)]:
        same(member, set_up[member], value)
    same("timeStamp", now["timeStamp"], "2024-07-24T14:40:00+08:00")
    at = factory.at(now["timeStamp"])
    month = factory.at("2024-07-01T00:00:00+08:00")
    block = at // 900 * 900
    power = Decimal(whole_watts("PT-GRID", "P", at)) / 1000
    so_far = Decimal(whole_watts("PT-GRID", "EPI", at) - whole_watts("PT-GRID", "EPI", block)) / 1000
    predicted = (so_far + power * (block + 900 - at) / 3600) * 4
    highest = max((demand_kw(end), -end) for end in range(month + 900, at + 1, 60))
    same("currentPower", now["currentPower"], rounded(power, 3))
    same("currentDemand", now["currentDemand"], rounded(demand_kw(at), 3))
    same("predictedDemand", now["predictedDemand"], rounded(predicted, 3))
    same("windowRemain", now["windowRemain"], block + 900 - at)
    same("monthMaxDemand", now["monthMaxDemand"], rounded(highest[0], 3))
    same("monthMaxTime", factory.at(now["monthMaxTime"]), -highest[1])
    same("demandUsageRate", now["demandUsageRate"], rounded(demand_kw(at) / CONTRACT_KW, 4))
    same("margin", now["margin"], rounded(CONTRACT_KW - demand_kw(at), 3))
    same("alarmLevel", now["alarmLevel"], 0)
    told = {series["readingTypeID"]: series["reading"][0]["value"] for series in now["reading"]}
    same("readings", told, {"0.0.73.0.1.1.8.0.0.0.0.0.0.0.0.3.38.0": now["currentDemand"],
                            "13.8.73.6.1.1.8.0.0.0.0.0.0.0.0.3.38.0": now["monthMaxDemand"]})


QUESTIONS = {
    "C.2": user_profile,
    "C.3": state_of_resources,
    "C.4": energy_per_output,
    "C.5": peak_energy,
    "C.6": response,
    "C.7": demand,
}

if __name__ == "__main__":
    answer = json.load(sys.stdin)
    same("code", answer["code"], 200)
    QUESTIONS[sys.argv[1]](answer["data"])
    print(f"{sys.argv[1]} is answered by the formula")
