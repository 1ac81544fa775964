"""Odoo's export of res.partner, CSV by field names or labels, and `search_read` answers as JSON.

https://www.odoo.com/documentation/18.0/applications/essentials/export_import_data.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.application.map_row import NumberColumn, RowMap, TimeColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "Odoo"
MARKS = (
    {"id", "name", "phone", "write_date"},
    {"id", "name", "mobile", "is_company"},
    {"id", "name", "phone", "is_company"},
    {"id", "name", "phone", "parent_id"},
    {"id", "name", "phone", "parent_id.1"},
    {"id", "name", "phone", "mobile"},
    {"id", "name", "phone", "email"},
    {"id", "display_name", "phone"},
    {"id", "complete_name", "phone"},
    {"external id", "name", "phone"},
    {"external id", "display name", "phone"},
    {"external id", "complete name", "phone"},
    {"id", "display name", "phone"},
    {"id esterno", "nome", "telefono"},
    {"id esterno", "nome visualizzato", "telefono"},
    {"id esterno", "nome completo", "telefono"},
)
# What Odoo calls a record that has no external id of its own when it exports it: its database id
# and a word made up at that time.
_MADE_UP = re.compile(r"__export__\.res_partner_(\d+)(?:_[0-9a-f]+)?", re.ASCII)
_YES = {"1", "true", "vero"}
_COMPANIES = {"company", "azienda"}
_EMPTY = {"False", "false"}
_NAMES = ("name", "nome", "display name", "display_name", "nome visualizzato")
_COMPLETE_NAMES = ("complete name", "complete_name", "nome completo")


def _prepare(row: Mapping[str, str]) -> Mapping[str, str]:
    """Tell companies from people, which Odoo keeps alike, and bring ids to one spelling."""
    # Whatever is empty is `false` to Odoo.
    prepared = {name: "" if text in _EMPTY else text for name, text in row.items()}
    for column in COLUMNS.record_id:
        if match := _MADE_UP.fullmatch(prepared.get(column, "")):
            prepared[column] = match[1]
    kind = (
        prepared.get("is_company") or prepared.get("is a company") or prepared.get("è un'azienda")
    )
    company_type = prepared.get("company_type") or prepared.get("company type") or ""
    if (kind or "").lower() in _YES or company_type.lower() in _COMPANIES:
        columns = (*_NAMES, *_COMPLETE_NAMES)
        name = next((prepared[column] for column in columns if prepared.get(column)), "")
        prepared.update(dict.fromkeys(columns, ""), company_name=name)
    elif not any(prepared.get(column) for column in _NAMES):
        # `Officine Rossi S.r.l., Mario Rossi`: the company's name before the person's.
        whole = next((prepared[column] for column in _COMPLETE_NAMES if prepared.get(column)), "")
        company, comma, person = whole.rpartition(", ")
        prepared["name"] = person
        if comma and not any(prepared.get(column) for column in COLUMNS.company):
            prepared["company_name"] = company
    return prepared


COLUMNS = RowMap(
    source="odoo",
    record_id=(".id", "id", "external id", "id esterno"),
    full_name=_NAMES,
    company=(
        "company_name",
        "company name",
        "commercial_company_name",
        "company name entity",
        "parent_id.1",
        "parent_id/name",
        "parent_id/.name",
        "parent_id",
        "related company",
        "related company/name",
        "nome azienda",
        "azienda collegata",
    ),
    numbers=(
        NumberColumn("phone", "work", primary=True),
        NumberColumn("telefono", "work", primary=True),
        NumberColumn("mobile", "mobile"),
        NumberColumn("cellulare", "mobile"),
    ),
    modified=(
        TimeColumn("write_date"),
        TimeColumn("last updated on"),
        TimeColumn("ultimo aggiornamento il", day_first=True),
        TimeColumn("__last_update"),
        TimeColumn("last modified on"),
    ),
    customer_code=("ref", "reference", "riferimento", "vat", "tax id", "partita iva"),
    owner=("user_id.1", "user_id/name", "user_id", "salesperson", "addetto vendite"),
    tags=("category_id/name", "category_id", "tags", "etichette"),
    prepare=_prepare,
)
