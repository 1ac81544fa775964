"""The demo tenant's contacts. All are made up; each is there for what its comment says."""

from __future__ import annotations

from centralino.domain.contact import Contact, ContactNumber

OFFICINE = "Officine Meccaniche Rossi S.r.l."


def demo_contacts() -> tuple[Contact, ...]:
    """Return the contacts, with their numbers as a CRM's user would have typed them."""
    return (
        # A person with a direct line inside a company's block, and a mobile.
        _contact(
            "mario-rossi",
            [("02 4455 6677", "direct"), ("347 1234567", "mobile")],
            person=("Mario", "Rossi"),
            company=OFFICINE,
            code="IT12345670017",
            status="important",
        ),
        # The company owns the whole block: whoever calls from there and isn't known by name.
        _contact(
            "officine", [("+39024455*", "switchboard")], company=OFFICINE, code="IT12345670017"
        ),
        # Two at their company's switchboard: the company.
        _contact(
            "villa",
            [("02 5501000", "switchboard")],
            ("Sara", "Villa"),
            "Edilnord S.p.A.",
            "IT12312310159",
        ),
        _contact(
            "greco",
            [("02 5501000", "switchboard")],
            ("Luca", "Greco"),
            "Edilnord S.p.A.",
            "IT12312310159",
        ),
        # Two at one number and of no company: the first, and how many more.
        _contact("anna-ferrari", [("02 7712345", "home")], ("Anna", "Ferrari")),
        _contact("paolo-ferrari", [("02 7712345", "home")], ("Paolo", "Ferrari")),
        # Flags by status.
        _contact(
            "de-luca", [("335 6001234", "mobile")], ("Francesca", "De Luca"), status="important"
        ),
        _contact(
            "trattoria",
            [("06 4412345", "work")],
            company="Trattoria da Beppe S.n.c.",
            code="IT09876540015",
            status="overdue",
        ),
        # Accents, and a name too long for any phone.
        _contact("lefevre", [("+33 1 99 00 12 34", "work")], ("François", "Lefèvre")),
        _contact("mueller", [("+49 30 23125042", "work")], ("Jürgen", "Müller-Lüdenscheidt")),
        _contact(
            "montefeltro",
            [("055 2345678", "home")],
            ("Massimiliano Alessandro", "della Rovere-Montefeltro"),
        ),
        # Other scripts.
        _contact("papadopoulos", [("+30 210 1234567", "work")], ("Αλέξανδρος", "Παπαδόπουλος")),
        _contact("petrov", [("+7 495 123-45-67", "work")], ("Иван", "Петров")),
        _contact("yamada", [("+81 3-3123-4567", "work")], ("太郎", "山田")),
        _contact("minghua", [("+86 21 6123 4567", "work")], company="上海明华有限公司"),
        _contact("al-ali", [("+971 4 234 5678", "work")], ("محمد", "العلي")),
        _contact("pizza", [("02 3344556", "work")], company="Pizza 🍕 Express S.a.s."),
        # Countries that keep numbers for fiction.
        _contact("smith", [("+44 20 7946 0123", "work")], ("Jane", "Smith"), "Smith & Sons Ltd"),
        _contact("acme", [("+1 212-555-0123", "work")], company="Acme Corporation, Inc."),
        # San Marino: +378 from anywhere, 0549 from Italy.
        _contact("titano", [("0549 882345", "work")], company="Tipografia Titano S.p.A."),
        _contact(
            "energia",
            [("800 123456", "other")],
            company="Energia Chiara S.p.A.",
            code="IT45645640587",
        ),
        # The second number can't be found by: it is kept, and listed as a problem.
        _contact(
            "piero-gallo",
            [("328 7654321", "mobile"), ("interno 12, chiedere di Piero", "work")],
            ("Piero", "Gallo"),
        ),
    )


def _contact(  # noqa: PLR0913, PLR0917 - the columns of a table
    name: str,
    numbers: list[tuple[str, str]],
    person: tuple[str, str] = ("", ""),
    company: str = "",
    code: str = "",
    status: str = "",
) -> Contact:
    return Contact(
        id=f"demo:{name}",
        version=1,
        first_name=person[0],
        last_name=person[1],
        company=company,
        numbers=tuple(
            ContactNumber(number, kind, primary=position == 0)
            for position, (number, kind) in enumerate(numbers)
        ),
        customer_code=code,
        status=status,
        url=f"https://crm.example/contacts/{name}",
    )
