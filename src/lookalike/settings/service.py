"""What can be set of the service, as it is handed to its parts. It is read in `service_reading`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Everything that can be set of the service. The repr hides secrets.

    Attributes:
        host, port: to listen on; port 0 lets the system choose.
        collections: folders of collections by name.
        home: folder in which further collections are made and the service's own files lie (jobs, ledger, staged
            uploads, the secret that signs upload URLs).
        open_collections: that one process keeps open; the one that was not used for the longest is let go of.
        database: `postgresql://...` where catalogs, uploads and jobs are kept; '' for files in `home`. It may hold a
            password.
        objects: `s3://bucket/prefix` where bytes of pictures are kept; '' for folders in `home`.
        objects_endpoint: URL of the server that has that bucket, as this service reaches it; '' for Amazon's.
        objects_public_endpoint: the same, as browsers reach it; '' where that is the same.
        objects_region: of the bucket.
        broker: `amqp://...` that wakes workers; '' for the database or the clock. It may hold a password.
        vectors: `postgresql://...` with pgvector, which is asked for the nearest; '' for an index in each process. It
            may hold a password.
        flow: how the page uploads: `direct` has browsers embed, and put bytes straight into storage; `classic` sends
            them through the service, and workers do the rest.
        workers: processes that answer.
        keys_file: API keys, hashed; None for none.
        jwt_algorithm: `HS256`, `RS256` or `EdDSA`; None where tokens are not accepted.
        jwt_secret: for HS256, at least 32 bytes.
        jwt_jwks: file or https URL of the public keys, for the others.
        jwt_audience, jwt_issuer: that a token must name; None for any.
        cors_origins: of pages elsewhere that may call; none by default.
        tls_certificate, tls_key: PEM files; both or neither.
        trusted_proxies: addresses whose `X-Forwarded-*` are believed.
        rate_per_minute: requests of one caller; 0 for no limit.
        rate_storage: `memory://`, per process, or `redis://...`, for all; it may hold a password.
        max_body_bytes: of a request; pictures have limits of their own.
        max_json_bytes: of a JSON body.
        max_spooled_bytes: of forms and pictures that one process takes in at a time, three quarters of one caller; at
            least twice `max_body_bytes`.
        body_timeout_s: that a request's body may take on top of a second per 64 kB, and a reply that is not read on top
            of a second per 8 kB.
        max_connections: open at once in one process, WebSockets among them.
        request_timeout_ms: deadline of a request that names none.
        embed_threads: that decode and embed in one process.
        embed_waiting: pictures that may wait to be embedded in one process before others are turned away.
        batch_size, batch_window_ms: pictures embedded together, and how long one waits for others.
        upload_max_bytes, upload_expires_s: of a direct upload.
        upload_quota, upload_quota_bytes: uploads of one caller that wait or are quarantined, and their bytes.
        keep_below, quarantine_above: cosine distances: a client's vector nearer than the one is kept, further than the
            other takes the picture out, between them ours takes its place.
        reranker: the further model by which the page's tiered mode looks again; '' for none.
        run_worker: whether the service does its jobs itself.
        page: folder of the built page; None for none.
        allow_private_fetch: whether `image_url` may name private addresses. For tests.
        log_format: `text` or `json`.
        drain_notice_s: how long the service still takes requests in after SIGTERM, so that a balancer that asks
            `/readyz` sees that it is not ready any more before connections are refused.
        drain_s: how long requests under way may take then.
        max_message_bytes: of a message of a WebSocket.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    collections: Mapping[str, Path] = field(default_factory=dict)
    home: Path
    open_collections: int = 32
    database: str = field(default="", repr=False)
    objects: str = ""
    objects_endpoint: str = ""
    objects_public_endpoint: str = ""
    objects_region: str = "us-east-1"
    broker: str = field(default="", repr=False)
    vectors: str = field(default="", repr=False)
    flow: str = "direct"
    workers: int = 1
    keys_file: Path | None = None
    jwt_algorithm: str | None = None
    jwt_secret: bytes | None = field(default=None, repr=False)
    jwt_jwks: str | None = None
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    cors_origins: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    rate_per_minute: int = 0
    rate_storage: str = field(default="memory://", repr=False)
    max_body_bytes: int = 256_000_000
    max_json_bytes: int = 4_000_000
    max_spooled_bytes: int = 1_000_000_000
    body_timeout_s: float = 20.0
    max_connections: int = 1_000
    request_timeout_ms: int = 30_000
    embed_threads: int = 2
    embed_waiting: int = 64
    batch_size: int = 4
    batch_window_ms: float = 2.0
    upload_max_bytes: int = 64_000_000
    upload_expires_s: float = 900.0
    upload_quota: int = 10_000
    upload_quota_bytes: int = 4_000_000_000
    keep_below: float = 0.005
    quarantine_above: float = 0.15
    reranker: str = ""
    run_worker: bool = True
    page: Path | None = None
    allow_private_fetch: bool = False
    log_format: str = "text"
    drain_notice_s: float = 0.0
    drain_s: float = 20.0
    max_message_bytes: int = 8_000_000
