"""Judges refusals of questions that keep to the schema, more strictly than a list of statuses can.

Such a question may be refused for what it asks, never for how it is written: the member that the
message names, and the reason, must be one of those below.
"""

import atexit
import collections
import itertools
import random
import re

import requests
import schemathesis
from schemathesis.core import NOT_SET

REFUSED_FOR_WHAT_IT_ASKS = [
    (40001, r"(parameterID|energyCode|indicatorCode): .*(there is no|no point has|nothing here|not computed)"),
    (40002, r"categoryID is missing; GetCategory\w+ asks by it"),
    (40002, r"interval is missing; .* what is filled has one value an interval"),
    (40003, r"endTime: the range"),
    (40003, r"endTime: \d+ readings would have to be gone through"),
    (40003, r"(startTime|endTime): no such date or time between the years 1 and 9999"),
    (40003, r"(startTime|endTime): an offset"),
    (40003, r"interval: "),
    (40001, r"eventID: there is no event"),
    (40001, r"productID: no point counts the product"),
    (40001, r"groupBy: an indicator that is asked for is not told of such objects"),
    (40001, r"pointID: "),
    (40002, r"(startTime|endTime) is missing; "),
    (40003, r"(startTime|endTime|deadlineTime): (the event|an event|the deadline) "),
    (40003, r"(invitationTime|deadlineTime): (no such date or time between the years 1 and 9999|an offset)"),
    (40005, r"readingTypeID: no parameter has the reading type"),
]


@schemathesis.check
def refused_for_what_it_asks(ctx, response, case):
    meta = getattr(case, "meta", None)
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 400:
        return
    answer = response.json()
    code, message = answer["code"], answer["message"]
    known = any(code == of and re.match(reason, message) for of, reason in REFUSED_FOR_WHAT_IT_ASKS)
    assert known, f"a question that keeps to the schema is refused for how it is written: {code} {message}"


# What the demo site has. Made-up names are nearly always unknown, and then no answer with anything in it
# is ever judged; so half of the questions that keep to the schema ask for what is there.
THERE = {
    "cemsID": ["CEMS-310000-0001"],
    "categoryID": ["CAT-HVAC", "CAT-PV", "CAT-ESS", "CAT-GRID"],
    "categoryCode": ["01B00", "DER-PV", "DER-ESS", "GRID"],
    "energyCode": ["01", "13"],
    "pointID": ["PT-CH1", "PT-PV1", "PT-ESS1", "PT-GRID"],
    "parameterID": ["P", "EPI", "EPE"],
    "readingTypeID": ["0.0.0.12.*.1.37.0.0.0.0.0.0.0.0.3.38.0", "0.0.0.1.*.1.12.0.0.0.0.0.0.0.0.3.72.0"],
    "indicatorCode": ["ENERGY", "P", "ENERGY_PER_OUTPUT", "COST", "LOAD_FACTOR"],
    "productID": ["A"],
    "interval": ["PT15M", "PT1H", "PT7M"],
    "pageNumber": [1, 2],
}
TIMES = [("2024-06-11", "2024-06-12T00:00:00Z"), ("2024163T0000+08", "2024-W24-3"), ("2023-01-01", "2023-01-02")]
LISTS = {name for name in THERE if name not in ("cemsID", "interval", "pageNumber")}


def ask_for_what_is_there(asked, choice):
    for name in [name for name in THERE if asked.get(name) is not None]:
        # A category and a point at random have little in common.
        if name != "pageNumber" and choice.random() < 0.4 and name not in ("pointID", "categoryID"):
            del asked[name]
        else:
            known = choice.choice(THERE[name])
            asked[name] = [known] if name in LISTS else known
    if "startTime" in asked and "endTime" in asked:
        asked["startTime"], asked["endTime"] = choice.choice(TIMES)
    if asked.get("fill") not in (None, "none") and asked.get("interval") is None:
        asked["interval"] = "PT1H"


# Whoever shows wrong credentials again and again is told to wait, and that is not what is judged here; so
# every question comes from an address of its own.
ADDRESSES = itertools.count(1)


class FromAnAddressOfItsOwn(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs):
        third, fourth = divmod(next(ADDRESSES), 250)
        address = f"127.{100 + third // 250}.{third % 250}.{fourth + 1}"
        super().init_poolmanager(*args, source_address=(address, 0), **kwargs)


requests.Session.get_adapter = lambda session, url: FromAnAddressOfItsOwn()


@schemathesis.hook
def before_call(context, case, kwargs):
    # A body of these means nothing (RFC 9110, section 9.3): with one they are refused before their path is looked at.
    if case.method in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE"):
        case.body = NOT_SET
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    for asked in (case.body, case.query):
        if isinstance(asked, dict):
            choice = random.Random(repr(sorted(asked.items(), key=repr)))
            if choice.random() < 0.5:
                ask_for_what_is_there(asked, choice)


statuses = collections.Counter()


@schemathesis.check
def count_answers(ctx, response, case):
    statuses[response.status_code] += 1


@atexit.register
def tell():
    print("answers by status:", dict(sorted(statuses.items())))
