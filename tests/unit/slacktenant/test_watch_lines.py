"""Lines of a watch as the API server writes them (https://kubernetes.io/docs/reference/using-api/api-concepts/)."""

import pytest

from slacktenant_operator.cluster import Expired, Metadata, _watched


def test_a_change_names_its_object():
    line = b'{"type":"ADDED","object":{"kind":"PartialObjectMetadata","metadata":{"name":"acme","namespace":"tenants","uid":"4f","resourceVersion":"7"}}}'  # noqa: E501
    assert _watched(line) == ("ADDED", Metadata(name="acme", namespace="tenants", uid="4f", resource_version="7"))


def test_a_bookmark_moves_the_version_and_names_nothing():
    """The operator died of the first one, a minute after its start."""
    line = b'{"type":"BOOKMARK","object":{"kind":"PartialObjectMetadata","metadata":{"resourceVersion":"292","creationTimestamp":null}}}'  # noqa: E501
    kind, metadata = _watched(line)
    assert (kind, metadata.name, metadata.resource_version) == ("BOOKMARK", "", "292")


def test_an_error_asks_for_a_new_list():
    line = b'{"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410,"message":"too old"}}'
    with pytest.raises(Expired, match="410"):
        _watched(line)
