"""Imports as the worker does them: a message, a piece of a file.

Metrics, in namespace `Centralino/<stack>` and without dimensions: `ImportRows`, `ImportRejected`.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino import bootstrap
from centralino.adapters.exports import known_exports
from centralino.adapters.store.bulk import StoreWriter
from centralino.application.apply_hints import OUT_OF_TIME
from centralino.application.import_chunk import (
    BATCH_S,
    Chunk,
    import_chunk,
    is_done,
    place_of,
    read_manifest,
)
from centralino.domain.errors import NotFoundError, PayloadError, RejectedError, UnavailableError
from centralino.entry.metrics import metrics_line
from centralino.entry.observability import emit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.application.import_chunk import Manifest, Prepare
    from centralino.ports.objects import Objects
    from centralino.ports.store import ContactStore, TenantStore

_IMPORT = re.compile(r"[0-9a-f]{32}", re.ASCII)
# A container does many pieces of one file.
_manifests: dict[str, Manifest] = {}
MAX_MANIFESTS = 20


class ChunkTools(NamedTuple):
    """What an import works with.

    Attributes:
        objects: the bucket.
        contacts: returns a tenant's contacts.
        tenants: returns a tenant's settings.
        pause: waits some seconds.
        now: the time, seconds since 1970.
    """

    objects: Objects
    contacts: Callable[[str], ContactStore]
    tenants: Callable[[str], TenantStore]
    pause: Callable[[float], None]
    now: Callable[[], float]


def apply_chunk(
    message: Mapping[str, Any],
    tools: ChunkTools | None = None,
    has_time: Callable[[float], bool] = lambda _: True,
) -> None:
    """Import one piece of a file.

    Args:
        message: `import_chunk`'s `chunk_message`.
        tools: what it works with; the container's own if left out.
        has_time: whether the function has so many seconds left.

    Raises:
        PayloadError: that is no such message, or no such file.
        NotFoundError: the file is gone, or the tenant while it was read.
        UnavailableError: something doesn't answer: the message is to come again.
    """
    tools = tools or _tools()
    tenant, import_id = str(message.get("tenant")), str(message.get("import"))
    if not _IMPORT.fullmatch(import_id):
        raise PayloadError("import", "the id of an import")
    chunk = _chunk(message)
    started = tools.now()
    settings = tools.tenants(tenant).settings()
    if settings is None:
        return

    def pause(seconds: float) -> None:
        if not has_time(BATCH_S):
            raise UnavailableError(OUT_OF_TIME, retry_after_s=0.0)
        tools.pause(seconds)

    writer = StoreWriter(tools.contacts(tenant), settings.line, pause)
    try:
        manifest = _manifest(tools.objects, tenant, import_id)
        counts = import_chunk(tools.objects, manifest, writer, tenant, import_id, chunk, has_time)
    except (NotFoundError, RejectedError):
        if is_done(tools.objects, tenant, import_id, chunk):
            return
        raise
    rows = sum(count for name, count in counts.items() if name != "unindexed_numbers")
    emit(
        metrics_line(
            tools.now(),
            {"ImportRows": rows, "ImportRejected": counts.get("rejected", 0)},
            message="import",
            tenant=tenant,
            row=chunk.row,
            **{name: count for name, count in counts.items() if name != "rejected"},
            ms=round(1000 * (tools.now() - started), 1),
        )
    )


def _chunk(message: Mapping[str, Any]) -> Chunk:
    values = [message.get(name) for name in Chunk._fields]
    if not all(isinstance(value, int) and value >= 0 for value in values):
        raise PayloadError("start, end, row", "whole numbers")
    chunk = Chunk(*values)  # type: ignore[arg-type] # just looked at
    if chunk.start >= chunk.end:
        raise PayloadError("end", "more than start")
    return chunk


def _manifest(objects: Objects, tenant: str, import_id: str) -> Manifest:
    key = place_of(tenant, import_id, "manifest.json")
    if key not in _manifests:
        if len(_manifests) >= MAX_MANIFESTS:
            _manifests.clear()
        _manifests[key] = read_manifest(objects.read(key), _prepare)
    return _manifests[key]


def _prepare(export: str) -> Prepare | None:
    known = known_exports().get(export)
    if known is None:
        # A newer command line than this function.
        raise PayloadError("export", f"one of {', '.join(known_exports())}")
    return known.columns.prepare


def _tools() -> ChunkTools:
    return ChunkTools(
        bootstrap.objects(),
        bootstrap.contact_store,
        bootstrap.tenant_store,
        time.sleep,
        time.time,
    )
