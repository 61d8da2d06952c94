"""Public addresses and proxies, as operators write them."""

import pytest

from index.base.errors import ConfigError
from index.base.settings import load_settings


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://nas", "https://nas/"),
        ("HTTPS://Nas:443/Faces", "https://nas/Faces/"),
        ("http://[::1]:8080/a/b/", "http://[::1]:8080/a/b/"),
    ],
)
def test_a_public_address_has_one_spelling(given: str, kept: str) -> None:
    assert load_settings(public_url=given).public_url == kept


@pytest.mark.parametrize(
    "given",
    ["", "nas", "ftp://nas", "https://", "https://nas/../a", "https://nas?x", "https://u@nas/",
     "https://nas:99999", "https://nas/a//b", "https://nas/ ", "https://*", "https://nas/#x"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(ConfigError, match=r"setting public_url: is no address such as https://"):
        load_settings(public_url=given)


@pytest.mark.parametrize("given", ["nas", "10.0.0.1/8", "", "*"])
def test_a_proxy_is_an_address_or_a_network(given: str) -> None:
    with pytest.raises(ConfigError, match="is no address such as"):
        load_settings(proxies=(given,))
