"""What may be shown of a URL: never a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.configuration import load
from pipeline.configuration.toml_tables import known_names
from pipeline.storage.credentials import (
    is_secret,
    public_url,
    without_credentials,
)
from stages.errors import ConfigError

VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
SECRETS = st.text(VISIBLE, min_size=1, max_size=20).map(lambda text: f"Sé{text}crèt")
"""Any ASCII that may stand in a URL, in a frame that occurs nowhere else."""
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
SCHEMES = st.sampled_from(["http", "https", "ftp", "sftp", "s3", "hdfs"])


def pieces(secret: str) -> list[str]:
    """The frame's halves: not even a part of the secret may be seen."""
    return [part for part in (secret, "Sé", "crèt") if part in secret]


@given(SCHEMES, LETTERS, SECRETS, LETTERS, LETTERS)
def test_no_password_is_seen_in_a_url(
    scheme: str, user: str, password: str, host: str, path: str
) -> None:
    """Whatever is in it, `@`, `/`, `?`, `#` and `:` included."""
    for user_and_password in (f"{user}:{password}", f":{password}"):
        url = f"{scheme}://{user_and_password}@{host}.example/{path}"
        for text in (url, f"cannot open {url}: 403", f"url='{url}')"):
            shown = without_credentials(text)
            assert not [part for part in pieces(password) if part in shown], shown
            assert f"@{host}.example/{path}" in shown


@given(SCHEMES, st.sampled_from("?#"), LETTERS, LETTERS, SECRETS)
def test_no_value_of_a_query_or_fragment_is_seen(
    scheme: str, mark: str, name: str, other: str, secret: str
) -> None:
    """Whatever its name: presigned URLs name their secrets as they like."""
    for query in (f"{name}={secret}", f"{other}=1&{name}={secret}", secret, f"{other}#{secret}"):
        shown = without_credentials(f"https://host/x.warc.gz{mark}{query} failed")
        assert shown.startswith(f"https://host/x.warc.gz{mark}***")
        assert not [part for part in pieces(secret) if part in shown], shown
        assert shown.endswith(" failed")


@given(LETTERS, SECRETS, SECRETS)
def test_the_public_url_is_the_place_alone(path: str, one: str, other: str) -> None:
    """Whoever reads it, with whatever signature."""
    place = f"https://host/{path}.warc.gz"
    assert public_url(f"{place}?X-Amz-Signature={one}") == place
    assert public_url(f"{place}#{other}") == place
    assert public_url(f"https://me:pw@host/{path}.warc.gz?sig={one}") == place
    assert public_url(place) == place


@pytest.mark.parametrize(
    "plain",
    [
        "s3://bucket/key?with#marks.gz",
        "abfs://container@account.dfs.core.windows.net/x",
        "/a/path?with#marks",
        "installed:rich",
        "hf://datasets/owner/name@main/x.parquet",
        "https://registry.example/@scope/pkg@1.0.tgz",
        "https://[::1]:8080/x@y",
    ],
)
def test_what_holds_no_secret_is_its_own_public_url(plain: str) -> None:
    """A store's keys may hold any character, paths may hold `@`."""
    assert public_url(plain) == plain


@pytest.mark.parametrize(
    "name",
    [
        *("password", "db_password", "dbPassword", "passwd", "pwd", "passphrase", "pass"),
        *("api_key", "apikey", "apiKey", "x-api-key", "access_key", "AWSAccessKeyId"),
        *("AWS_SECRET_ACCESS_KEY", "awsaccesskeyid", "AccountKey", "private-key", "license_key"),
        *("auth", "x-auth", "Authorization", "jwt", "id_jwt", "sig", "Signature", "sas"),
        *("token", "auth_token", "X-Amz-Security-Token", "accessToken", "refresh.token"),
        *("X-Amz-Credential", "credentials", "client_secret", "session_cookie", "p%61ssword"),
    ],
)
def test_names_that_tell_a_secret(name: str) -> None:
    """As a field, and as an assignment in a text."""
    assert is_secret(name)
    assert without_credentials({name: "abc", "n": [{name: "abc"}]}) == {
        name: "***",
        "n": [{name: "***"}],
    }
    assert without_credentials(f"{name}=abc n=1") == f"{name}=*** n=1"
    assert without_credentials(f'{name}="a b" n=1') == f"{name}=*** n=1"


def test_no_setting_is_taken_for_a_secret() -> None:
    """`redact.key`, `tokenizer`, `max_sample_tokens` and all the others are shown."""
    settings = [part for name in known_names() for part in name.split(".")]
    assert [name for name in settings if is_secret(name)] == []
    assert [name for name in ("author", "tokens", "keyword", "compass") if is_secret(name)] == []


def test_a_wrong_setting_is_told_without_its_secret() -> None:
    """Unknown names and wrong values alike."""
    for override in ("web.pasword_token='abc'", "web.inputs=[['https://me:abc@host/x']]"):
        with pytest.raises(ConfigError) as caught:
            load(None, [override])
        assert "abc" not in str(caught.value)
