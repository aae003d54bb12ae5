"""S3, and what speaks its protocol, through botocore.

botocore rather than pyarrow.fs or s3fs, because a run folder needs conditional puts (If-None-Match
and If-Match, for locks and receipts) and its own patience: botocore's retries are off, `Retry` is
in charge. Credentials, region and endpoint come from the environment (`AWS_*`,
`AWS_ENDPOINT_URL`) and are never stored; without credentials requests go unsigned. An answer that
is shorter than announced is Transient, never data.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, ClassVar

import botocore.exceptions
import botocore.parsers
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config

from pipeline.storage.credentials import without_credentials
from pipeline.storage.object_stores.retry import BrokenOff, SlowDown, Transient, retry_after
from pipeline.storage.object_stores.store import ConditionFailed, ObjectInfo, Page
from stages.errors import ConfigError, StorageError

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
CONNECTIONS = 16
_PIECE_BYTES = 1 << 20

_SLOW_DOWN = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"})
_TRANSIENT_CODES = frozenset(
    {
        *_SLOW_DOWN,
        "RequestTimeout",
        "ConditionalRequestConflict",
        "OperationAborted",
        "BadDigest",
        "IncompleteBody",
    }
)
_TRANSIENT_STATUS = frozenset({408, 429})
_NO_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
)
_NO_ANSWER = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ChecksumError,
    botocore.parsers.ResponseParserError,
)


@dataclass(frozen=True)
class S3Store:
    """One bucket."""

    bucket: str
    read_seconds: float = READ_SECONDS
    user_agent: str = ""
    """What requests say of us besides the client's own name."""
    conditional: ClassVar[bool] = True

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}"

    @property
    def _client(self) -> Any:
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        return _connect(os.getpid(), endpoint, self.read_seconds, self.user_agent)

    def head(self, key: str) -> ObjectInfo:
        with self._translated(key):
            answer = self._client.head_object(Bucket=self.bucket, Key=key)
            return _info(key, answer, answer["ContentLength"])
        raise AssertionError

    def get(self, key: str, start: int, end: int, etag: str | None = None) -> bytes:
        with self._translated(key):
            condition = {} if etag is None else {"IfMatch": etag}
            answer = self._client.get_object(
                Bucket=self.bucket, Key=key, Range=f"bytes={start}-{end - 1}", **condition
            )
            return _body(answer, end - start)
        raise AssertionError

    def beginning(self, key: str, size: int) -> tuple[bytes, ObjectInfo]:
        """The first bytes (up to `size`, fewer if the answer broke off), and what the store says
        of the object, in one request."""
        with self._translated(key):
            try:
                answer = self._client.get_object(
                    Bucket=self.bucket, Key=key, Range=f"bytes=0-{size - 1}"
                )
            except botocore.exceptions.ClientError as error:
                if error.response["Error"].get("Code") != "InvalidRange":
                    raise
                return b"", self._empty(key)
            whole = int(answer["ContentRange"].rpartition("/")[2])
            try:
                data = _body(answer, min(size, whole))
            except BrokenOff as error:
                data = error.data
            return data, _info(key, answer, whole)
        raise AssertionError

    def get_all(self, key: str) -> tuple[bytes, ObjectInfo]:
        with self._translated(key):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key, Range="bytes=0-")
            except botocore.exceptions.ClientError as error:
                if error.response["Error"].get("Code") != "InvalidRange":
                    raise
                return b"", self._empty(key)
            with closing(answer["Body"]) as body:
                data: bytes = body.read()
        # An empty object's range may be answered with 200 and no Content-Range.
        size = int(answer.get("ContentRange", f"/{answer['ContentLength']}").rpartition("/")[2])
        if len(data) != size:
            raise Transient(f"{len(data)} of {size} bytes came")
        return data, _info(key, answer, size)

    def _empty(self, key: str) -> ObjectInfo:
        info = self.head(key)
        if info.size:
            raise Transient(f"the store answered as if {key} were empty")
        return info

    def put(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> str:
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match is not None:
            condition = {"IfMatch": if_match}
        with self._translated(key):
            answer = self._client.put_object(Bucket=self.bucket, Key=key, Body=data, **condition)
        return str(answer["ETag"])

    def start_upload(self, key: str) -> str:
        with self._translated(key):
            answer = self._client.create_multipart_upload(Bucket=self.bucket, Key=key)
        return str(answer["UploadId"])

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        with self._translated(key):
            answer = self._client.upload_part(
                Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=number, Body=data
            )
        return str(answer["ETag"])

    def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        with self._translated(key):
            self._client.complete_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
            )

    def abort_upload(self, key: str, upload: str) -> None:
        with self._translated(key):
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)

    def list_page(self, prefix: str, token: str | None, *, recursive: bool) -> Page:
        options: dict[str, str] = {} if recursive else {"Delimiter": "/"}
        if token is not None:
            options["ContinuationToken"] = token
        with self._translated(prefix):
            answer = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **options)
        objects = tuple(
            ObjectInfo(one["Key"], one["Size"], one["ETag"]) for one in answer.get("Contents", [])
        )
        return Page(objects, answer.get("NextContinuationToken"))

    def delete(self, keys: Sequence[str]) -> None:
        with self._translated(keys[0]):
            if len(keys) == 1:
                self._client.delete_object(Bucket=self.bucket, Key=keys[0])
                return
            answer = self._client.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
        errors = answer.get("Errors", [])
        if errors:
            raise Transient(f"{errors[0].get('Key')}: {errors[0].get('Code')}")

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        """botocore's errors as those of `ObjectStore`."""
        where = f"{self.url}/{key}"
        try:
            yield
        except botocore.exceptions.ClientError as error:
            raise _translate(error, where) from error
        except _NO_CREDENTIALS as error:
            raise StorageError(
                f"{where}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        except _NO_ANSWER as error:
            what = without_credentials(f"{type(error).__name__}: {error}")
            raise Transient(what) from error
        except botocore.exceptions.BotoCoreError as error:
            raise StorageError(f"{where}: {without_credentials(str(error))}") from error


def _translate(error: botocore.exceptions.ClientError, where: str) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = f"{where}: {code} ({status})"
    if status >= 500 or status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return _transient(code, status, headers.get("retry-after"))
    if status == 412:
        return ConditionFailed(message)
    if code == "NoSuchBucket":
        return StorageError(f"{message}: there is no such bucket")
    if status == 404:
        return FileNotFoundError(message)
    if status in (401, 403):
        return PermissionError(message)
    return StorageError(f"{message}: {error.response.get('Error', {}).get('Message', '')}")


def _transient(code: str, status: int, wait: str | None) -> Transient:
    if status in (429, 503) or code in _SLOW_DOWN:
        return SlowDown(f"{code} ({status})", retry_after(wait))
    return Transient(f"{code} ({status})")


def _body(answer: Any, size: int) -> bytes:
    """The answer's bytes, which should be `size`; `BrokenOff` with those that came."""
    data = bytearray()
    try:
        with closing(answer["Body"]) as body:
            while piece := body.read(_PIECE_BYTES):
                data += piece
    except _NO_ANSWER as error:
        what = without_credentials(f"{type(error).__name__}: {error}")
        raise BrokenOff(what, bytes(data)) from error
    if len(data) != size:
        raise BrokenOff(f"{len(data)} bytes came, {size} were asked for", bytes(data[:size]))
    return bytes(data)


def _info(key: str, answer: dict[str, Any], size: int) -> ObjectInfo:
    written = answer.get("LastModified")
    now = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    age = None
    if isinstance(written, datetime) and now:
        age = (parsedate_to_datetime(now) - written).total_seconds()
    return ObjectInfo(key, size, str(answer["ETag"]), age)


@lru_cache(maxsize=4)
def _connect(process: int, endpoint: str | None, read_seconds: float, user_agent: str) -> Any:
    """A client is thread-safe, but belongs to one process; botocore reads the endpoint itself."""
    if endpoint and without_credentials(endpoint) != endpoint:
        raise ConfigError(
            f"AWS_ENDPOINT_URL = {without_credentials(endpoint)!r}: expected a host, and perhaps a "
            "port and a path; credentials are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    session = botocore.session.get_session()
    credentials = session.get_credentials()
    settings: dict[str, Any] = {} if credentials else {"signature_version": UNSIGNED}
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra=user_agent or None,
        **settings,
    )
    region = session.get_config_variable("region") or "us-east-1"
    try:
        return session.create_client("s3", region_name=region, config=config)
    except ValueError as error:
        raise ConfigError(f"AWS_ENDPOINT_URL, AWS_REGION: {error}") from error
