"""HubSpot's contact export, CSV or XLSX saved as CSV, and the answers of its CRM API as JSON.

https://knowledge.hubspot.com/import-and-export/export-records
https://developers.hubspot.com/docs/api/crm/contacts
"""

from __future__ import annotations

from centralino.application.map_row import NumberColumn, RowMap, TimeColumn

NAME = "HubSpot"
MARKS = (
    {"record id", "first name", "last name"},
    {"contact id", "first name", "last name", "phone number"},  # before 2022
    {"contact id", "first name", "last name", "lifecycle stage"},
    {"id record", "nome", "cognome"},
    {"id contatto", "nome", "cognome"},
    {"hs_object_id", "firstname", "lastname"},
    {"id", "properties.firstname"},
    {"id", "properties.lastname"},
    {"id", "properties.hs_object_id"},
)

COLUMNS = RowMap(
    source="hubspot",
    record_id=("record id", "contact id", "id record", "id contatto", "hs_object_id", "id"),
    first_name=("first name", "nome", "firstname", "properties.firstname"),
    last_name=("last name", "cognome", "lastname", "properties.lastname"),
    company=(
        "company name",
        "primary associated company",
        "associated company",
        "nome azienda",
        "azienda associata",
        "company",
        "properties.company",
    ),
    numbers=(
        NumberColumn("phone number", "work", primary=True),
        NumberColumn("numero di telefono", "work", primary=True),
        NumberColumn("phone", "work", primary=True),
        NumberColumn("properties.phone", "work", primary=True),
        NumberColumn("mobile phone number", "mobile"),
        NumberColumn("numero di cellulare", "mobile"),
        NumberColumn("numero di telefono cellulare", "mobile"),
        NumberColumn("mobilephone", "mobile"),
        NumberColumn("properties.mobilephone", "mobile"),
        NumberColumn("whatsapp phone number", "mobile"),
        NumberColumn("numero di telefono whatsapp", "mobile"),
        NumberColumn("properties.hs_whatsapp_phone_number", "mobile"),
        NumberColumn("fax number", "fax"),
        NumberColumn("numero di fax", "fax"),
        NumberColumn("fax", "fax"),
        NumberColumn("properties.fax", "fax"),
    ),
    modified=(
        TimeColumn("last modified date"),
        TimeColumn("data ultima modifica", day_first=True),
        TimeColumn("data dell'ultima modifica", day_first=True),
        TimeColumn("lastmodifieddate"),
        TimeColumn("properties.lastmodifieddate"),
        TimeColumn("updatedat"),
        TimeColumn("hs_lastmodifieddate"),
    ),
    owner=("contact owner", "proprietario contatto", "properties.hubspot_owner_id"),
    status=("lead status", "stato del lead", "hs_lead_status", "properties.hs_lead_status"),
    separator=";",
)
