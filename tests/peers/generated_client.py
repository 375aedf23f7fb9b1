"""Reads the demo through a client that openapi-python-client made of the interface's description.

Also judges each answer by the description itself, with a validator of JSON Schema that others wrote.
"""

import json
import sys
import urllib.request

import jsonschema_rs
from generated import AuthenticatedClient
from generated.api.default import (
    get_about,
    get_cems_historical_data,
    health,
    post_cems_dynamic_data,
    post_cems_static_data,
    post_cems_statistical_data,
    post_point_historical_data,
)
from generated.models import (
    CemsDynamicDataQuestion,
    CemsStaticDataQuestion,
    CemsStatisticalDataQuestion,
    FillWord,
    FunctionWord,
    PeriodWord,
    PointHistoricalDataQuestion,
    Refusal400,
)

url = sys.argv[1]
document = json.load(urllib.request.urlopen(f"{url}/openapi.json"))
client = AuthenticatedClient(base_url=url, token="demo", raise_on_unexpected_status=True)


def judged(response, schema):
    """The answer of `response`, whose JSON keeps to the component `schema`."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(json.loads(response.content))
    assert response.status_code == 200, response
    return response.parsed


static = judged(post_cems_static_data.sync_detailed(client=client, body=CemsStaticDataQuestion()), "StaticAnswer")
points = [point for category in static.data.cems.category for point in category.point or []]
assert static.data.cems.cems_id == "CEMS-310000-0001"
assert static.data.page.total == len(points) == static.data.data_count.point_count > 5
assert all(point.parameter for point in points)

dynamic = judged(post_cems_dynamic_data.sync_detailed(client=client, body=CemsDynamicDataQuestion()), "DynamicAnswer")
newest = {
    (point.point_id, series.parameter_id): series.reading[0]
    for category in dynamic.data.category
    for point in category.point
    for series in point.reading
}
assert {point for point, _ in newest} <= {point.point_id for point in points}
assert len(newest) == dynamic.data.data_count.reading_count >= 20
assert isinstance(newest["PT-CH1", "P"].value, float)

start, end = "2024-06-11T08:00:00+08:00", "2024-06-11T10:00:00+08:00"
asked = PointHistoricalDataQuestion(start_time=start, end_time=end, point_id=["PT-CH1"], interval="PT30M")
posted = judged(post_point_historical_data.sync_detailed(client=client, body=asked), "HistoricalAnswer")
got = judged(
    get_cems_historical_data.sync_detailed(
        client=client, start_time=start, end_time=end, point_id=["PT-CH1"], interval="PT30M"
    ),
    "HistoricalAnswer",
)
assert got.data.to_dict() == posted.data.to_dict()
series = posted.data.category[0].point[0].reading
assert {one.parameter_id for one in series} == {"EPI", "P"}
assert all(len(one.reading) == 4 for one in series), [len(one.reading) for one in series]

asked.interval, asked.fill = "PT7M", FillWord.LINEAR
filled = judged(post_point_historical_data.sync_detailed(client=client, body=asked), "HistoricalAnswer")
rows = filled.data.category[0].point[0].reading[0].reading
assert len(rows) == 18 and all(row.quality in (0, 9) and row.value is not None for row in rows), rows

asked = CemsStatisticalDataQuestion(
    start_time="2024-06-10",
    end_time="2024-06-12",
    period=PeriodWord.P1D,
    function=[FunctionWord.SUM],
    parameter_id="EPI",
)
statistical = judged(post_cems_statistical_data.sync_detailed(client=client, body=asked), "StatisticalAnswer")
rows = statistical.data.statistic
assert rows and all(row.value > 0 and row.completeness > 0.99 for row in rows if row.unit == "kWh"), rows

about = judged(get_about.sync_detailed(client=client), "AboutAnswer")
marks = {row.name: row.mark for row in about.data.names}
assert marks["GetCemsStaticData"] == "K"
assert judged(health.sync_detailed(client=client), "Health").status == "ok"

wrong = CemsStatisticalDataQuestion(start_time="2024-06-12", end_time="2024-06-10", period=PeriodWord.P1D)
refused = post_cems_statistical_data.sync_detailed(client=client, body=wrong)
assert isinstance(refused.parsed, Refusal400) and refused.parsed.code == 40003, refused
