"""Salesforce's contacts: Data Loader or data export (API names), reports (labels), REST JSON.

https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.application.map_row import NumberColumn, RowMap, TimeColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "Salesforce"
MARKS = (
    {"id", "firstname", "lastname", "mobilephone"},
    {"id", "firstname", "lastname", "phone"},
    {"id", "firstname", "lastname", "accountid"},
    {"id", "lastname", "account.name"},
    {"id", "lastname", "systemmodstamp"},
    {"id", "lastname", "attributes.type"},
    {"contact id", "first name", "last name", "account name"},
    {"contact id", "last name", "phone"},
    {"contact id", "last name", "mobile"},
    {"id referente", "nome", "cognome"},
    {"id contatto", "nome", "cognome", "nome account"},
)
# An id is 15 characters in which case counts (reports), or those and 3 that spell their case (the
# API): https://help.salesforce.com/s/articleView?id=000385008
_SHORT_ID = re.compile(r"[A-Za-z0-9]{15}", re.ASCII)
_CASES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def _prepare(row: Mapping[str, str]) -> Mapping[str, str]:
    """Bring ids to 18 characters, so that a report and the API mean the same contact."""
    prepared = dict(row)
    for column in COLUMNS.record_id:
        record = row.get(column, "").strip()
        if _SHORT_ID.fullmatch(record):
            prepared[column] = record + "".join(
                _CASES[sum(record[start + bit].isupper() << bit for bit in range(5))]
                for start in (0, 5, 10)
            )
    return prepared


COLUMNS = RowMap(
    source="salesforce",
    record_id=("id", "contact id", "id referente", "id contatto"),
    first_name=("firstname", "first name", "nome"),
    last_name=("lastname", "last name", "cognome"),
    full_name=("name", "full name", "nome completo"),
    company=("account.name", "account name", "nome account", "company", "company / account"),
    numbers=(
        NumberColumn("phone", "work", primary=True),
        NumberColumn("telefono", "work", primary=True),
        NumberColumn("business phone", "work", primary=True),
        NumberColumn("mobilephone", "mobile"),
        NumberColumn("mobile", "mobile"),
        NumberColumn("mobile phone", "mobile"),
        NumberColumn("cellulare", "mobile"),
        NumberColumn("homephone", "home"),
        NumberColumn("home phone", "home"),
        NumberColumn("telefono abitazione", "home"),
        NumberColumn("otherphone", "other"),
        NumberColumn("other phone", "other"),
        NumberColumn("altro telefono", "other"),
        NumberColumn("assistantphone", "other"),
        NumberColumn("asst. phone", "other"),
        NumberColumn("fax", "fax"),
        NumberColumn("business fax", "fax"),
    ),
    modified=(
        TimeColumn("systemmodstamp"),
        TimeColumn("lastmodifieddate"),
        TimeColumn("last modified date"),
        TimeColumn("data ultima modifica", day_first=True),
    ),
    customer_code=("account.accountnumber", "account number", "accountnumber", "numero account"),
    owner=("owner.name", "contact owner", "owner name", "titolare referente", "ownerid"),
    prepare=_prepare,
)
