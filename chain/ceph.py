"""Ceph on one machine: a monitor, one store and the gateway that speaks S3, as three ordinary processes.

The gateway has no cache: others would have to be told of changes, and one that was killed is waited for half a minute.

Nothing is installed: the programs are unpacked from Debian's packages (`chain.debian_programs`), some 60 MB the first
time. A start takes half a minute when its folder is new.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from chain.debian_programs import cache_folder, environment_of, unpack_programs
from chain.guard import guarded
from chain.s3_server import S3Keys, answers_http, note_ports, ports_of
from chain.server import HOST, ServerFailed, end_group, wait_until

_PACKAGES = ("ceph-mon", "ceph-osd", "radosgw")
_STARTS_WITHIN_S = 180.0
_COMMAND = Path(__file__).with_name("ceph_command.py")
_RELEASE = "pacific"
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v1:{host}:{monitor_port}]
mon_initial_members = a
mon_data = {folder}/mon
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
mon_data_avail_warn = 1
public_addr = {host}
cluster_addr = {host}
ms_bind_msgr2 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_data = {folder}/osd
osd_objectstore = {store}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 2
osd_pool_default_pgp_num = 2
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_crush_update_on_start = false
osd_class_update_on_start = false
osd_memory_target = 939524096
memstore_device_bytes = 1073741824
bluestore_block_size = 8589934592
bluestore_block_create = true
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
plugin_dir = {libraries}/ceph
erasure_code_dir = {libraries}/ceph/erasure-code
osd_class_dir = {libraries}/rados-classes
run_dir = {folder}
pid_file =
admin_socket =
log_file = {folder}/$name.log
debug_ms = 0
debug_osd = 0
debug_rocksdb = 0
debug_bluestore = 0
debug_bluefs = 0
debug_bdev = 0
debug_mon = 0
debug_paxos = 0
debug_memdb = 0
debug_rgw = 1
[client.rgw]
rgw_data = {folder}/gateway
rgw_frontends = beast endpoint={host}:{port} tcp_nodelay=1
rgw_thread_pool_size = 64
rgw_enable_apis = s3
rgw_dynamic_resharding = false
rgw_cache_enabled = false
rgw_override_bucket_index_max_shards = 1
"""


class CephServer:
    """See `chain.server.Server` and `chain.s3_server.S3Server`.

    Args:
        folder: of its own; what it keeps lies there.
        port: of the gateway; 0 for any that is free. What is in the folder already keeps its own.
        store: `bluestore` keeps what it has through any end; `memstore` forgets it, and is for those who want speed.
        programs: where its programs are unpacked; None for the user's cache.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        store: Literal["bluestore", "memstore"] = "bluestore",
        programs: Path | None = None,
    ) -> None:
        self.keys = S3Keys("OWNEROFTHEBUCKETS000", "secret-of-the-owner-of-the-buckets-00000")
        self.stranger = S3Keys("SOMEBODYELSE00000000", "secret-of-somebody-else-0000000000000000")
        self.folder = folder
        self._ports = ports_of(folder, ("gateway", "monitor"), first=port)
        self._store = store
        self._programs = programs or cache_folder() / "ceph"
        self._environment: dict[str, str] = {}
        self._monitor: subprocess.Popen[bytes] | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._gateway: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://{HOST}:{self._ports['gateway']}"

    def start(self) -> None:
        """Start all three; see `Server`."""
        root = unpack_programs(_PACKAGES, self._programs)
        self._environment = {**environment_of(root), "CEPH_CONF": str(self.folder / "ceph.conf")}
        is_new = self._store == "memstore" or not (self.folder / "made").exists()
        try:
            if is_new:
                self._make(root)
            self._monitor = self._begin("ceph-mon", "-f", "-i", "a")
            if is_new:
                self._found_store()
            self._keeper = self._begin("ceph-osd", "-f", "-i", "0")
            if is_new:
                self._add_users()
                (self.folder / "made").touch()
            self.start_front()
        except ServerFailed:
            self.kill()
            raise

    def kill(self) -> None:
        """End all its processes by SIGKILL. Idempotent."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the gateway, the store and the monitor, in that order. Idempotent."""
        self._end(signal.SIGTERM)

    def kill_front(self) -> None:
        """End the gateway by SIGKILL; see `S3Server`."""
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            end_group(gateway, by=signal.SIGKILL)

    def start_front(self) -> None:
        """Start the gateway; see `S3Server`."""
        self._gateway = self._begin("radosgw", "-f", "-n", "client.rgw")
        wait_until(
            lambda: answers_http(self.url),
            process=self._gateway,
            what=f"Ceph's gateway in {self.folder}",
            within_s=_STARTS_WITHIN_S,
        )

    def _make(self, root: Path) -> None:
        """The folder, as it is before anything has run; what an earlier try left is thrown away."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("mon", "osd", "gateway"):
            (self.folder / name).mkdir(parents=True)
        note_ports(self.folder, self._ports)
        fsid = uuid.uuid4()
        libraries = next(path.parent for path in (root / "usr/lib").glob("*/rados-classes"))
        (self.folder / "ceph.conf").write_text(
            _CONFIGURATION.format(
                fsid=fsid,
                host=HOST,
                port=self._ports["gateway"],
                monitor_port=self._ports["monitor"],
                folder=self.folder,
                store=self._store,
                libraries=libraries,
            )
        )
        address = f"[v1:{HOST}:{self._ports['monitor']}]"
        self._run("monmaptool", "--create", "--clobber", "--fsid", str(fsid), "--addv", "a", address, "monmap")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")

    def _found_store(self) -> None:
        """Make the cluster know its one store, and make that."""
        store_id = str(uuid.uuid4())
        self._tell({"prefix": "osd new", "uuid": store_id})
        self._tell(
            {"prefix": "osd crush add", "id": 0, "weight": 1.0, "args": ["root=default", "host=here"]},
            {"prefix": "osd require-osd-release", "release": _RELEASE, "yes_i_really_mean_it": True},
        )
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store_id)

    def _add_users(self) -> None:
        for name, keys in (("owner", self.keys), ("stranger", self.stranger)):
            self._run(
                "radosgw-admin", "user", "create", "--uid", name, "--display-name", name,
                "--access-key", keys.access_key, "--secret-key", keys.secret_key,
            )  # fmt: skip

    def _tell(self, *commands: dict[str, object]) -> None:
        self._run(sys.executable, str(_COMMAND), str(self.folder / "ceph.conf"), *[json.dumps(one) for one in commands])

    def _begin(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as output:
            return guarded(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    executable=shutil.which(command[0], path=self._environment["PATH"]),
                )
            )

    def _run(self, *command: str) -> None:
        program = shutil.which(command[0], path=self._environment["PATH"])
        try:
            done = subprocess.run(
                command,
                executable=program,
                cwd=self.folder,
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=_STARTS_WITHIN_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServerFailed(f"{command[0]} was to be run, but: {error}; look at {self.folder}") from error
        if done.returncode:
            said = (done.stderr or done.stdout)[-500:]
            raise ServerFailed(f"{command[0]} was to do its work, but ended with {done.returncode}: {said}")

    def _end(self, by: signal.Signals) -> None:
        ended: Sequence[subprocess.Popen[bytes] | None] = (self._gateway, self._keeper, self._monitor)
        self._gateway = self._keeper = self._monitor = None
        for process in ended:
            if process is not None:
                end_group(process, by=by)
