"""`/v1/reports/data-quality`: what of the tenant's data somebody should look at."""

# The annotations of routes are read at run time, so they are not postponed.
from datetime import UTC, datetime
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query

from centralino.application.report_data_quality import KINDS, Finding, report_data_quality
from centralino.entry.admin.models import FindingOut, QualityReport
from centralino.entry.admin.session import new_router, session_of

router = new_router()


@router.get("/v1/reports/data-quality", summary="Report on data quality", tags=["reports"])
def data_quality(
    kind: Annotated[
        Literal["", "unindexable", "crowded", "duplicate", "unknown_caller"],
        Query(description="Findings of this kind alone; all kinds without"),
    ] = "",
    cursor: Annotated[str, Query(max_length=1024, description="Of the part before")] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Contacts to look at")] = 100,
) -> QualityReport:
    """A part of the report; a part may be empty and still have a cursor to go on with.

    `unindexable` is a number that no call can match, `crowded` one that more than 20 contacts have,
    `duplicate` one that contacts of several sources have, `unknown_caller` somebody who called more
    than once in 30 days and whom no CRM knew.
    """
    session = session_of(router)
    page = report_data_quality(
        session.contacts,
        session.quality,
        kinds=(kind,) if kind else KINDS,
        cursor=cursor,
        limit=limit,
    )
    findings = [_finding_out(finding) for finding in page.findings]
    return QualityReport.model_construct(
        findings=findings, examined=page.examined, cursor=page.cursor
    )


def _finding_out(finding: Finding) -> FindingOut:
    last_at = datetime.fromtimestamp(finding.last_at, UTC) if finding.last_at else None
    fields = finding._asdict()
    return FindingOut.model_construct(
        **{**fields, "contacts": list(finding.contacts), "last_at": last_at}
    )
