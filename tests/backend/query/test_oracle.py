"""Both stores, the index and the matcher find what SecantusDB finds and `reference.py` says."""

import os
from functools import partial

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.query.documents import batches, filters
from tests.backend.query.oracle import Oracle, is_doubtful
from tests.backend.query.reference import matches
from tests.backend.query.typed import typed_document, typed_filter
from tests.contract.stores import new_database
from xray_backend.ids import new_object_id
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.matcher import compile_matcher
from xray_backend.query.tree import And
from xray_backend.store.mongodb.store import MongoStore
from xray_backend.store.sqlite.index.indexer import Indexer
from xray_backend.store.sqlite.store import SqliteStore

FILTERS = 15
"""How many filters are asked of one set of documents, in one round trip."""

CASES = int(os.environ.get("XRAY_ORACLE_CASES", "3000"))


@pytest.fixture(scope="module")
def oracle():
    with Oracle() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def store(folder):
    store = SqliteStore(folder / "store.db")
    yield store
    store.close()


@pytest.fixture(scope="module")
def indexer(store, folder):
    indexer = Indexer(folder / "store.db", least_rows=1)
    yield indexer
    indexer.close()


@pytest.fixture(scope="module")
def mongo(oracle):
    """The store in MongoDB, on the very server that is asked what a filter finds."""
    with new_database(oracle.url) as url:
        store = MongoStore(url)
        yield store
        store.close()


@pytest.mark.timeout(0)
@settings(max_examples=CASES // FILTERS, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_filter_finds_what_it_finds_in_mongodb(oracle, store, indexer, mongo, data):
    collection = data.draw(st.sampled_from(["steps", "steps", "traces"]))
    project_id = new_object_id()
    batch = data.draw(batches(collection, project_id))
    store.write(batch)
    mongo.write(batch)
    if data.draw(st.booleans()):
        indexer.run_once()
    documents = everything(store, collection, project_id)
    in_mongo = everything(mongo, collection, project_id)
    assert [without_id(document) for document in in_mongo] == [without_id(document) for document in documents]
    grown_from = data.draw(st.sampled_from([documents, in_mongo]))
    wanted = [data.draw(filters(grown_from[number % len(grown_from)])) for number in range(FILTERS)]
    for filter, found_by_oracle in zip(wanted, oracle.find(documents, wanted), strict=True):
        node = parse_filter(filter, collection, QueryLimits())
        stored = found(store, collection, project_id, node)
        matched = ids_where(compile_matcher(node), documents)
        expected = ids_where(
            lambda document, filter=filter: matches(typed_document(document), typed_filter(filter)), documents
        )
        doubtful = ids_where(partial(is_doubtful, filter), documents)
        assert (stored, matched, expected - doubtful) == (expected, expected, found_by_oracle - doubtful), filter
        sure_in_mongo = [document for document in in_mongo if not is_doubtful(filter, document)]
        found_in_mongo = found(mongo, collection, project_id, node) & ids_where(lambda _: True, sure_in_mongo)
        assert found_in_mongo == ids_where(compile_matcher(node), sure_in_mongo), filter


def everything(store, collection, project_id):
    """All answer documents, in an order that no chance decides."""
    page = store.query(collection, project_id, And(()), limit=100, after=None)
    documents = [msgspec.json.decode(document) for document in page.documents]
    return sorted(documents, key=lambda document: document.get("stepId", document["traceId"]))


def without_id(document):
    return {name: value for name, value in document.items() if name != "_id"}


def found(store, collection, project_id, node):
    page = store.query(collection, project_id, node, limit=100, after=None)
    return {msgspec.json.decode(document)["_id"] for document in page.documents}


def ids_where(holds, documents):
    return {document["_id"] for document in documents if holds(document)}
