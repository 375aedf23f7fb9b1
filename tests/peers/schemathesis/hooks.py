"""Judges refusals of questions that keep to the schema, more strictly than a list of statuses can.

Such a question may be refused for what it asks, never for how it is written: the member that the
message names, and the reason, must be one of those below.
"""

import re

import schemathesis

REFUSED_FOR_WHAT_IT_ASKS = [
    (40001, r"(parameterID|energyCode|indicatorCode): .*(there is no|no point has|nothing here|not computed)"),
    (40002, r"categoryID is missing; GetCategory\w+ asks by it"),
    (40002, r"interval is missing; .* what is filled has one value an interval"),
    (40003, r"endTime: the range"),
    (40003, r"endTime: \d+ readings would have to be gone through"),
    (40003, r"(startTime|endTime): no such date or time between the years 1 and 9999"),
    (40003, r"(startTime|endTime): an offset"),
    (40003, r"interval: "),
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
