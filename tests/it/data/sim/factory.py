"""The simulated factory in Python: what its meters show at any instant.

    >>> value("PT-PV1", "P", at("2024-06-12T10:30:00+08:00"))
    486.2

`formula` is exact, as in `src/sim/factory.rs`; `value` is what the meter's register can hold of it, and
what a gateway should serve. Both take whole seconds.

Tables: (base by month, swing by month, shape of a working day, shape of a day of rest); a shape has one
digit in base 36 for each slot of fifteen minutes.

Run the file to check the worked examples; `factory.py golden > factory.csv` renews the golden file.
"""

import math
import struct
import sys
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache

EPOCH = 1_577_808_000  # 2020-01-01T00:00:00+08:00
SUN_PEAK = [450, 560, 700, 820, 900, 935, 960, 940, 800, 680, 520, 430]
SKY = [4, 5, 5, 2, 4, 5, 3]
STORAGE = [25_625] * 6 + [0] * 3 + [-30_000] * 2 + [20_000] * 2 + [-25_000] * 2 + [0] * 3 + [-32_500] * 3 + [0, 6_875, 6_875]
LINE = (
    [82000, 70000, 80000, 76848, 150000, 260000, 451530, 451530, 300000, 140000, 90000, 86000],
    [27000, 24000, 28000, 29232, 31000, 34000, 38550, 38550, 34000, 30000, 28000, 27000],
    "222222222222222222222222333355557777888888888888666688888788777766665555444433333333222222222222",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
)
CHILLER_1 = (
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [1500, 1500, 1700, 2084, 3432, 4600, 6100, 6200, 4700, 2800, 1700, 1500],
    "111111111111111111111111222244456665777788878888888888889999999999998888666655554444333322221111",
    "111111111111111111111111111122222322333333333333333344444444444444443333333322222222111111111111",
)
CHILLER_2 = (
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [1300, 1300, 1500, 2217, 3736, 4900, 6400, 6500, 5000, 3000, 1500, 1300],
    "000000000000000000000000000011113633555566666666666677787777777777776666443423220000000000000000",
    "000000000000000000000000000000000000000011111111111122222222222222221111111100000000000000000000",
)
VENTILATION = (
    [1900, 1900, 1900, 1947, 2160, 1900, 1900, 1900, 1900, 1900, 1900, 1900],
    [870, 870, 870, 860, 858, 870, 870, 870, 870, 870, 870, 870],
    "111111111111111111111111333355556777989899999999777798999999999999997777555533333333111111111111",
    "111111111111111111111111111111111111222222222222222222222222222222222222111111111111111111111111",
)
CHARGERS = (
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [4370, 4370, 4370, 4370, 4370, 4370, 4370, 4370, 4370, 4370, 4370, 4370],
    "222211111111000000000000000011113333444456555555444433332222222222223333555566667777555544443333",
    "222211111111000000000000000000001111222233333333444444443333333333333333444455555555444433332222",
)
GAS = (
    [1900, 1800, 1000, 618, 600, 600, 600, 600, 600, 650, 1000, 1700],
    [1300, 1250, 1100, 960, 900, 850, 800, 800, 850, 950, 1100, 1250],
    "222222222222222222222222444455558888888888887888777788888888888877765555443433333333333322222222",
    "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
)
OUTPUT = (
    [310, 250, 305, 315, 430, 640, 900, 900, 700, 420, 320, 310],
    [32, 26, 33, 33, 38, 44, 52, 52, 45, 38, 33, 32],
    "222222222222222222222222333354557777888888888888666688888888777766664555444432333333222222222222",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
)
# What the line takes less than its table says, Wh a slot from 13:00 to 15:00 (slots 52 to 59).
CURTAILED = {
    date(2024, 8, 1): [245116, 237416, 238950, 233133, 235766, 194516, 277600, 296433],
    date(2024, 8, 2): [245116, 237416, 238950, 233133, 235766, 194516, 277600, 296433],
    date(2024, 8, 5): [245118, 237418, 238950, 233134, 235768, 194518, 277600, 296434],
    date(2024, 8, 6): [214070, 218200, 227520, 242470, 240300, 207700, 249700, 256900],
}
SUN = "000000000000000000000001368acefhiklmopqrrsqttuuuuuutttsrrqpomlkihfeca863100000000000000000000000"

LOADS = {"PT-LINE1": LINE, "PT-CH1": CHILLER_1, "PT-CH2": CHILLER_2, "PT-VENT1": VENTILATION,
         "PT-EV1": CHARGERS, "PT-GAS": GAS, "PT-PROD-A": OUTPUT}
ELECTRIC = ["PT-LINE1", "PT-CH1", "PT-CH2", "PT-VENT1", "PT-EV1"]


def at(text):
    """Whole seconds since 1970 of an ISO 8601 time with offset."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def amount(point, month, weekday, slot):
    """Wh, litres or kilograms of one slot; month 0 is January, weekday 0 is Monday."""
    if point == "PT-PV1":
        return SUN_PEAK[month] * SKY[weekday] * int(SUN[slot], 36)
    if point == "PT-ESS1":
        return STORAGE[slot // 4]
    if point == "PT-GRID":
        taken = sum(amount(load, month, weekday, slot) for load in ELECTRIC)
        return taken - amount("PT-PV1", month, weekday, slot) + STORAGE[slot // 4]
    base, swing, work, rest = LOADS[point]
    return base[month] + swing[month] * int((rest if weekday >= 5 else work)[slot], 36)


def less(point, parameter, day, slot):
    """What is to be taken off on a calendar day, in Wh."""
    if point not in ("PT-GRID", "PT-LINE1") or parameter == "EPE" or not 52 <= slot < 60:
        return 0
    return CURTAILED[day][slot - 52] if day in CURTAILED else 0


def one_way(point, parameter, month, weekday, slot):
    """The part of the amount that the register counts."""
    sign = -1 if parameter == "EPE" and point != "PT-PV1" else 1
    return max(0, sign * amount(point, month, weekday, slot))


@cache
def day_total(point, parameter, month, weekday):
    return sum(one_way(point, parameter, month, weekday, slot) for slot in range(96))


@cache
def total_before(point, parameter, days):
    """What the register shows at the start of the day that is `days` days after the epoch."""
    dates = (date(2020, 1, 1) + timedelta(n) for n in range(days))
    whole = sum(day_total(point, parameter, d.month - 1, d.weekday()) for d in dates)
    today = date(2020, 1, 1) + timedelta(days)
    return whole - sum(less(point, parameter, d, s) for d in CURTAILED if d < today for s in range(96))


# Points that are computed from others.
COMPUTED = {"PT-HVAC": ["PT-CH1", "PT-CH2"]}


def formula(point, parameter, second):
    """The value at a whole second since 1970, in kW, kWh, m3, t, %, V or Hz."""
    if point in COMPUTED:
        return round(sum(formula(part, parameter, second) for part in COMPUTED[point]), 6)
    days, of_day = divmod(max(second, EPOCH) - EPOCH, 86_400)
    slot, rest = divmod(of_day, 900)
    today = date(2020, 1, 1) + timedelta(days)
    kind = today.month - 1, today.weekday()
    if parameter in ("UA", "UB", "UC"):
        return (2_300 + 2 * ((slot + 4 * "ABC".index(parameter[1])) % 11 - 5)) / 10
    if parameter == "F":
        return (5_000 + slot % 7 - 3) / 100
    if parameter == "PF":
        return (930 + 10 * (slot % 5)) / 1_000
    if parameter == "STATE":
        return 1 if STORAGE[slot // 4] > 0 else 2 if STORAGE[slot // 4] < 0 else 3
    if parameter == "SOC":
        stored = sum(STORAGE[s // 4] for s in range(slot)) + STORAGE[slot // 4] * rest // 900
        return (200 + stored // 1_000) / 10
    if parameter == "P":
        return 4 * (amount(point, *kind, slot) - less(point, parameter, today, slot)) / 1_000

    def flows(s):
        return one_way(point, parameter, *kind, s) - less(point, parameter, today, s)

    counted = sum(flows(s) for s in range(slot))
    running = flows(slot) * rest // 900
    return (total_before(point, parameter, days) + counted + running) / 1_000


# How the meter of each parameter holds it: type of the register, scale, transformer ratio, and the
# decimals that the gateway keeps.
WH = ("int", 0.001, 1, 3)
REGISTERS = {
    ("PT-GRID", "EPI"): WH, ("PT-GRID", "EPE"): WH, ("PT-GRID", "P"): ("f32", 0.001, 1000, 3),
    ("PT-GRID", "UA"): ("f32", 1, 1, 1), ("PT-GRID", "UB"): ("f32", 1, 1, 1),
    ("PT-GRID", "UC"): ("f32", 1, 1, 1), ("PT-GRID", "PF"): ("f32", 1, 1, 3),
    ("PT-GRID", "F"): ("f32", 1, 1, 2),
    ("PT-LINE1", "EPI"): ("f32", 1, 1000, 2), ("PT-LINE1", "P"): ("f32", 0.001, 1000, 3),
    ("PT-CH1", "EPI"): WH, ("PT-CH1", "P"): ("f32", 0.001, 360, 3),
    ("PT-CH2", "EPI"): WH, ("PT-CH2", "P"): ("f32", 0.001, 360, 3),
    ("PT-VENT1", "EPI"): WH, ("PT-VENT1", "P"): ("f32", 0.0001, 1, 3),
    ("PT-PV1", "EPE"): ("f64", 1, 1, 3), ("PT-PV1", "P"): WH,
    ("PT-ESS1", "EPI"): ("int", 0.1, 1, 1), ("PT-ESS1", "EPE"): ("int", 0.1, 1, 1),
    ("PT-ESS1", "P"): ("int", 0.1, 1, 1), ("PT-ESS1", "SOC"): ("int", 0.1, 1, 1),
    ("PT-ESS1", "STATE"): ("int", 1, 1, 0),
    ("PT-EV1", "EPI"): ("int", 0.01, 40, 2), ("PT-EV1", "P"): ("int", 0.001, 40, 3),
    ("PT-GAS", "VOL"): WH, ("PT-PROD-A", "OUTPUT"): WH,
}


def single(number):
    """The shortest decimal that names the single-precision number nearest to `number`."""
    nearest = struct.unpack("f", struct.pack("f", number))[0]
    texts = (str(Context(digits, ROUND_HALF_UP).create_decimal_from_float(nearest)) for digits in range(1, 10))
    return next(text for text in texts if struct.unpack("f", struct.pack("f", float(text)))[0] == nearest)


def value(point, parameter, second):
    """The value as the meter's register holds it and the gateway should serve it."""
    if point in COMPUTED:
        return round(sum(value(part, parameter, second) for part in COMPUTED[point]), 3)
    kind, scale, ratio, decimals = REGISTERS[point, parameter]
    raw = formula(point, parameter, second) / ratio / scale
    if kind == "int":
        raw = math.copysign(math.floor(abs(raw) + 0.5), raw)
    text = single(raw) if kind == "f32" else repr(raw)
    exact = Decimal(text) * Decimal(str(scale)) * ratio
    return float(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)) + 0.0


def quarters(day):
    """kW at the grid in the quarters of an hour from 13:00 to 15:00, by its register."""
    start = at(day + "T13:00:00+08:00")
    energy = [value("PT-GRID", "EPI", start + 900 * q) for q in range(9)]
    return [round(4 * (energy[q + 1] - energy[q]), 6) for q in range(8)]
def demand(end):
    """The mean power over the 15 minutes that end then, in kW, as the register of the grid tells it."""
    return round((value("PT-GRID", "EPI", end) - value("PT-GRID", "EPI", end - 900)) * 4, 3)


def check():
    """The figures of the worked examples."""
    now = at("2024-06-12T10:30:00+08:00")
    for quantity, expected in [(("PT-PV1", "P"), 486.2), (("PT-ESS1", "P"), -120.0), (("PT-ESS1", "SOC"), 63.5),
                               (("PT-ESS1", "STATE"), 2), (("PT-EV1", "P"), 87.4)]:
        assert formula(*quantity, now) == value(*quantity, now) == expected, quantity
    april, may = at("2024-04-01T00:00:00+08:00"), at("2024-05-01T00:00:00+08:00")
    for quantity, expected in [(("PT-GRID", "EPI"), 486_300), (("PT-PROD-A", "OUTPUT"), 1_215.75),
                               (("PT-GAS", "VOL"), 12_000)]:
        assert round(value(*quantity, may) - value(*quantity, april), 3) == expected, quantity
    baseline = [2380, 2395, 2410, 2465, 2440, 2400, 2370, 2340]
    samples = ["2024-07-30", "2024-07-31", "2024-08-01", "2024-08-02", "2024-08-05"]
    means = [round(sum(quarters(day)[q] for day in samples) / 5, 6) for q in range(8)]
    assert means == baseline, means
    assert quarters("2024-08-06") == [2010, 1990, 1975, 1960, 1950, 1945, 1950, 1940]
    now, july = at("2024-07-24T14:40:00+08:00"), at("2024-07-01T00:00:00+08:00")
    block = now // 900 * 900
    flowed = value("PT-GRID", "EPI", now) - value("PT-GRID", "EPI", block)
    assert value("PT-GRID", "P", now) == 2_932.4 and demand(now) == 2_874.6
    assert round((flowed + 2_932.4 * (block + 900 - now) / 3_600) * 4, 3) == 2_932.399
    highest = max((demand(end), -end) for end in range(july + 900, now + 1, 60))
    assert highest == (3_372.12, -at("2024-07-04T11:15:00+08:00"))
    print("the factory stands as the worked examples have it")


def golden():
    """Lines of `time,point,parameter,formula,value` that the program's own tests compare with."""
    for text in ["2020-01-01T00:00:00+08:00", "2020-02-29T23:59:59+08:00", "2021-12-31T18:00:01+08:00",
                 "2022-07-16T12:07:30+08:00", "2023-11-19T03:14:59+08:00", "2024-02-29T09:15:00+08:00",
                 "2024-04-01T00:00:00+08:00", "2024-05-05T13:44:59+08:00", "2024-06-12T10:30:00+08:00",
                 "2024-07-24T14:40:00+08:00", "2024-08-06T14:07:30+08:00", "2026-10-03T20:01:01+08:00", "2031-01-31T06:59:00+08:00"]:
        for quantity in REGISTERS:
            print(text, *quantity, float(formula(*quantity, at(text))), value(*quantity, at(text)), sep=",")


if __name__ == "__main__":
    golden() if sys.argv[1:] == ["golden"] else check()
