"""The compiled SQL and the reference of the tests find the same documents."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.query.documents import filters, steps
from tests.backend.query.reference import matches


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_sql_finds_what_the_rules_of_mongodb_find(table, data):
    documents = data.draw(st.lists(steps(), min_size=1, max_size=4), label="documents")
    filter = data.draw(filters(documents[0]), label="filter")
    table.fill(documents)
    expected = [index for index, document in enumerate(documents) if matches(document, filter)]
    assert table.find(filter) == expected
