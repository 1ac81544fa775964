"""Outlook's contacts: CSV of Outlook and Outlook on the web (English, Italian), Graph JSON.

https://support.microsoft.com/office/export-contacts-from-outlook-10f09abd-643c-4495-bb80-543714eca73f
https://learn.microsoft.com/graph/api/resources/contact
"""

from __future__ import annotations

from centralino.application.map_row import NumberColumn, RowMap, TimeColumn

NAME = "Outlook"
MARKS = (
    {"first name", "last name", "business phone", "mobile phone", "company"},
    {"first name", "last name", "primary phone", "company main phone"},
    {"nome", "cognome", "telefono (uff.)"},
    {"nome", "cognome", "società", "cellulare"},
    {"nome", "cognome", "società", "numero di cellulare"},
    {"nome", "cognome", "società", "telefono cellulare"},
    {"nome", "cognome", "società", "ufficio"},
    {"id", "givenname", "surname"},
)

COLUMNS = RowMap(
    source="outlook",
    record_id=("id",),
    first_name=("first name", "nome", "givenname"),
    last_name=("last name", "cognome", "surname"),
    full_name=("file as", "archivia come", "displayname", "display name", "nome completo"),
    company=("company", "società", "companyname"),
    numbers=(
        NumberColumn("primary phone", "work", primary=True),
        NumberColumn("telefono principale", "work", primary=True),
        NumberColumn("business phone", "work", primary=True),
        NumberColumn("ufficio", "work", primary=True),
        NumberColumn("telefono (uff.)", "work", primary=True),
        NumberColumn("businessphones", "work", primary=True),
        NumberColumn("business phone 2", "work"),
        NumberColumn("ufficio 2", "work"),
        NumberColumn("telefono (uff.) 2", "work"),
        NumberColumn("mobile phone", "mobile"),
        NumberColumn("cellulare", "mobile"),
        NumberColumn("numero di cellulare", "mobile"),
        NumberColumn("telefono cellulare", "mobile"),
        NumberColumn("mobilephone", "mobile"),
        NumberColumn("car phone", "mobile"),
        NumberColumn("telefono auto", "mobile"),
        NumberColumn("telefono automobile", "mobile"),
        NumberColumn("home phone", "home"),
        NumberColumn("abitazione", "home"),
        NumberColumn("telefono (ab.)", "home"),
        NumberColumn("home phone 2", "home"),
        NumberColumn("abitazione 2", "home"),
        NumberColumn("telefono (ab.) 2", "home"),
        NumberColumn("homephones", "home"),
        NumberColumn("company main phone", "switchboard"),
        NumberColumn("telefono principale società", "switchboard"),
        NumberColumn("n. tel. principale della società", "switchboard"),
        NumberColumn("other phone", "other"),
        NumberColumn("altro telefono", "other"),
        NumberColumn("assistant's phone", "other"),
        NumberColumn("telefono assistente", "other"),
        NumberColumn("car phone 2", "other"),
        NumberColumn("radio phone", "other"),
        NumberColumn("radiotelefono", "other"),
        NumberColumn("pager", "other"),
        NumberColumn("cercapersone", "other"),
        NumberColumn("callback", "other"),
        NumberColumn("isdn", "other"),
        NumberColumn("tty/tdd phone", "other"),
        NumberColumn("business fax", "fax"),
        NumberColumn("fax (uff.)", "fax"),
        NumberColumn("home fax", "fax"),
        NumberColumn("fax (ab.)", "fax"),
        NumberColumn("fax abitazione", "fax"),
        NumberColumn("other fax", "fax"),
        NumberColumn("altro fax", "fax"),
    ),
    modified=(TimeColumn("lastmodifieddatetime"),),
    customer_code=("account", "customer id", "id cliente"),
    tags=("categories", "categorie"),
    separator=";",
)
