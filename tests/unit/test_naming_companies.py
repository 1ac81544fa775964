"""Companies' names: legal forms gone, generic words short, the distinctive one kept."""

from __future__ import annotations

import pytest
from cleanco.termdata import terms_by_country, terms_by_type

from centralino.domain.companies import MAX_RUNGS, shorten
from centralino.domain.legal_forms import NOT_FORMS
from centralino.domain.naming import name_contact

TERMS = sorted(
    {
        term.strip()
        for terms in (*terms_by_type.values(), *terms_by_country.values())
        for term in terms
        if term.isprintable()
    }
)


def rungs(company: str) -> list[str]:
    found: list[str] = name_contact("", "", company).parts["c"]
    return found


def base(company: str) -> str:
    return rungs(company)[0]


@pytest.mark.parametrize("spell", [str, str.upper, str.title])
def test_every_legal_form_that_the_library_knows_is_dropped(spell: type[str]) -> None:
    kept = {term for term in TERMS if base(f"Zephyr {spell(term)}") != "Zephyr"}
    assert kept == {term for term in TERMS if term.strip(".") in NOT_FORMS}


def test_every_legal_form_alone_is_a_name() -> None:
    for term in TERMS:
        assert base(term).split()
        assert name_contact("", "", term).company_key


@pytest.mark.parametrize(
    "company",
    [
        # Italy
        "Zephyr S.r.l.", "Zephyr s.r.l", "Zephyr SRL", "Zephyr S. r. l.", "Zephyr S R L",
        "Zephyr S.r.l.s.", "Zephyr S.p.A.", "Zephyr SpA", "Zephyr s.n.c.", "Zephyr & C. S.a.s.",
        "Zephyr S.a.p.A.", "Zephyr S.s.", "Zephyr Soc. Coop.", "Zephyr Soc. Coop. a r.l.",
        "Zephyr Società Cooperativa Sociale Onlus", "Zephyr Società a responsabilità limitata",
        "Zephyr Società per Azioni", "Zephyr S.r.l. in liquidazione", "Zephyr S.r.l. unipersonale",
        "Zephyr Srl a socio unico", "Zephyr, S.r.l.", "Zephyr (S.r.l.)", "S.r.l. Zephyr",
        "Zephyr S.c.a r.l.", "Zephyr ScpA", "A.S.D. Zephyr", "Zephyr S.r.l. Società Benefit",
        # German
        "Zephyr GmbH", "Zephyr G.m.b.H.", "Zephyr gGmbH", "Zephyr AG", "Zephyr KG", "Zephyr OHG",
        "Zephyr GmbH & Co. KG", "Zephyr GmbH & Co. KGaA", "Zephyr UG (haftungsbeschränkt)",
        "Zephyr e.K.", "Zephyr e.V.", "Zephyr eG", "Zephyr GbR", "Zephyr PartG mbB", "Zephyr SE",
        "Zephyr Aktiengesellschaft", "Zephyr Gesellschaft mit beschränkter Haftung",
        # French, Belgian, Swiss, Luxembourgish
        "Zephyr SARL", "Zephyr S.à r.l.", "Zephyr S.A.R.L.", "Zephyr SAS", "Zephyr SASU",
        "Zephyr S.A.", "Zephyr EURL", "Zephyr SCI", "Zephyr SNC", "Zephyr SPRL", "Zephyr BVBA",
        "Zephyr ASBL", "Zephyr VZW", "Zephyr Sagl", "Zephyr & Cie", "Zephyr Société Anonyme",
        # Spanish, Portuguese, Latin American
        "Zephyr S.L.", "Zephyr S.L.U.", "Zephyr S.A.U.", "Zephyr S.L.L.",
        "Zephyr Sociedad Limitada",
        "Zephyr S.A. de C.V.", "Zephyr S. de R.L. de C.V.", "Zephyr S.A.S.", "Zephyr S.A.C.",
        "Zephyr Cía. Ltda.", "Zephyr E.I.R.L.", "Zephyr Lda.", "Zephyr Unipessoal Lda",
        "Zephyr Ltda",
        "Zephyr EIRELI", "Zephyr Ltda. ME", "Zephyr C.A.",
        # Dutch
        "Zephyr B.V.", "Zephyr BV", "Zephyr N.V.", "Zephyr V.O.F.", "Zephyr C.V.",
        # English
        "Zephyr Ltd", "Zephyr Ltd.", "Zephyr Limited", "Zephyr PLC", "Zephyr LLP", "Zephyr Inc.",
        "Zephyr, Inc", "Zephyr LLC", "Zephyr L.L.C.", "Zephyr Corp.", "Zephyr Corporation",
        "Zephyr Company", "Zephyr & Co.", "Zephyr Co., Ltd.", "Zephyr Pty Ltd", "Zephyr (Pty) Ltd",
        "Zephyr Pty. Ltd.", "Zephyr CIC", "Zephyr Pvt. Ltd.", "Zephyr Private Limited",
        "Zephyr Pte Ltd", "Zephyr Sdn Bhd", "Zephyr FZE", "Zephyr W.L.L.", "Zephyr DAC",
        # Nordic and Baltic
        "Zephyr AB", "Zephyr AB (publ)", "Zephyr Aktiebolag", "Zephyr A/S", "Zephyr ApS",
        "Zephyr AS",
        "Zephyr ASA", "Zephyr Oy", "Zephyr Oyj", "Zephyr Oy Ab", "Zephyr ehf.", "Zephyr hf.",
        "Zephyr OÜ", "OÜ Zephyr", "SIA Zephyr", "UAB Zephyr", "UAB „Zephyr“",
        # Central and eastern Europe
        "Zephyr Sp. z o.o.", "Zephyr sp. z o. o.", "Zephyr Spółka z o.o.",
        "Zephyr Sp. z o.o. Sp. k.", "Zephyr Sp.j.", "Zephyr s.r.o.", "Zephyr spol. s r.o.",
        "Zephyr s. r. o.", "Zephyr a.s.", "Zephyr v.o.s.", "Zephyr Kft.", "Zephyr Zrt.",
        "Zephyr Nyrt.", "Zephyr Bt.", "Zephyr d.o.o.", "Zephyr d. o. o.", "Zephyr d.d.",
        "Zephyr a.d.", "Zephyr EOOD", "S.C. Zephyr S.R.L.", "Zephyr sh.p.k.", "Zephyr DOOEL",
        # Cyrillic, Greek, Turkish, Caucasian
        "ООО Zephyr", "ООО «Zephyr»", "Zephyr ООО", "ЗАО Zephyr", "ПАО Zephyr", "АО Zephyr",
        "ИП Zephyr", "ТОВ Zephyr", "ПрАТ Zephyr", "Zephyr ЕООД", "Zephyr АД", "Zephyr д.о.о.",
        "Общество с ограниченной ответственностью «Zephyr»", "Zephyr Α.Ε.", "Zephyr ΕΠΕ",
        "Zephyr Ι.Κ.Ε.", "Zephyr A.Ş.", "Zephyr Ltd. Şti.", "Zephyr San. ve Tic. Ltd. Şti.",
        "Zephyr Anonim Şirketi", "შპს Zephyr", "Zephyr ՍՊԸ",
        # Middle East and Asia
        'Zephyr בע"מ', "Zephyr בע״מ", "شركة Zephyr ذ.م.م", "Zephyr ش.م.م", "Zephyr S.A.L.",
        "株式会社Zephyr", "Zephyr株式会社", "株式会社 Zephyr", "㈱Zephyr",
        "Zephyr（株）", "有限会社Zephyr",
        "合同会社Zephyr", "Zephyr K.K.",
        "Zephyr有限公司", "Zephyr股份有限公司", "Zephyr有限责任公司",
        "주식회사 Zephyr", "(주)Zephyr", "㈜Zephyr", "PT Zephyr", "PT. Zephyr Tbk", "Zephyr JSC",
        "Công ty TNHH Zephyr", "Công ty Cổ phần Zephyr", "บริษัท Zephyr จำกัด",
        "บริษัท Zephyr จำกัด (มหาชน)", "Zephyr प्राइवेट लिमिटेड",
    ],
)  # fmt: skip
def test_a_legal_form_of_any_country_is_dropped(company: str) -> None:
    assert base(company) == "Zephyr"
    assert name_contact("", "", company).company_key == "zephyr"


@pytest.mark.parametrize(
    "company",
    [
        "S.r.l.",
        "GmbH",
        "S.p.A. S.r.l.",
        "株式会社",
        "SPA",
        "Co",
        "Limited Company",
        "(주)",
        "& Co.",
    ],
)
def test_a_company_that_is_only_a_legal_form_keeps_its_name(company: str) -> None:
    naming = name_contact("", "", company)
    assert naming.parts["c"][0]
    assert naming.name


@pytest.mark.parametrize(
    ("company", "kept"),
    [
        ("Terme & Spa", "Terme & Spa"),
        ("Hotel Spa", "Hotel Spa"),
        ("Supermercati Coop", "Supermercati Coop"),
        ("Spa Resort Garda", "Spa Resort Garda"),
        ("AS Roma", "AS Roma"),
        ("Vodafone UK", "Vodafone UK"),
        ("3M", "3M"),
        ("A. B. Rossi", "A.B. Rossi"),
        ("Trattoria da Mario", "Trattoria da Mario"),
        ("Rossi S.r.l. Filiale di Milano", "Rossi Filiale di Milano"),
    ],
)
def test_what_only_looks_like_a_legal_form_stays(company: str, kept: str) -> None:
    assert base(company) == kept


@pytest.mark.parametrize(
    ("company", "expected"),
    [
        (
            "Officine Meccaniche Rossi S.r.l.",
            [
                "Officine Meccaniche Rossi",
                "Off Meccaniche Rossi",
                "Off Mecc Rossi",
                "Mecc Rossi",
                "Rossi",
            ],
        ),
        (
            "OFFICINE MECCANICHE ROSSI SRL",
            [
                "OFFICINE MECCANICHE ROSSI",
                "OFF MECCANICHE ROSSI",
                "OFF MECC ROSSI",
                "MECC ROSSI",
                "ROSSI",
            ],
        ),
        (
            "Studio Legale Bianchi e Associati",
            [
                "Studio Legale Bianchi e Associati",
                "Stud Legale Bianchi e Associati",
                "Stud Leg Bianchi e Associati",
                "Stud Leg Bianchi e Assoc",
                "Leg Bianchi e Assoc",
                "Bianchi e Assoc",
                "Bianchi",
            ],
        ),
        (
            "Rossi Engineering Services Ltd",
            [
                "Rossi Engineering Services",
                "Rossi Eng Services",
                "Rossi Eng Svcs",
                "Rossi Eng",
                "Rossi",
            ],
        ),
        ("The Coffee Shop Company Ltd", ["The Coffee Shop", "Coffee Shop", "Coffee"]),
        ("Impresa Edile S.r.l.", ["Impresa Edile", "Impr Edile", "Edile"]),
        (
            "Carrelli Elevatori Bianchi",
            ["Carrelli Elevatori Bianchi", "Carr Elevatori Bianchi", "Carr El Bianchi"],
        ),
        ("Müller Maschinenbau GmbH", ["Müller Maschinenbau", "Müller Masch", "Müller"]),
        (
            "Строительная компания Ромашка",
            [
                "Строительная компания Ромашка",
                "Строит компания Ромашка",
                "Строит комп Ромашка",
                "комп Ромашка",
                "Ромашка",
            ],
        ),
        (
            "Goldman Sachs Group, Inc.",
            ["Goldman Sachs Group", "Goldman Sachs Grp", "Goldman Sachs"],
        ),
        ("トヨタ自動車株式会社", ["トヨタ自動車"]),
    ],
)
def test_generic_words_grow_shorter_from_the_left(company: str, expected: list[str]) -> None:
    assert rungs(company) == expected


def test_a_very_long_name_has_few_rungs() -> None:
    company = "Consorzio Nazionale Servizi Trasporti Logistica Impianti Costruzioni Edili Rossi"
    found = rungs(company)
    assert len(found) <= MAX_RUNGS
    assert found[-1] == "Rossi"


@pytest.mark.parametrize(
    ("word", "short"),
    [
        ("Officine", "Off"),
        ("Meccaniche", "Mecc"),
        ("Costruzioni", "Costr"),
        ("Autotrasporti", "Autotr"),
        ("Associati", "Assoc"),
        ("ASSOCIATI", "ASSOC"),
        ("Ärzte", "Ärzte"),
        ("Bar", "Bar"),
        ("строительная", "строит"),
        ("新聞", "新聞"),
    ],
)
def test_a_word_is_cut_behind_its_first_consonants(word: str, short: str) -> None:
    assert shorten(word) == short


def test_one_company_has_one_key_however_it_is_written() -> None:
    keys = {
        name_contact("", "", company).company_key
        for company in (
            "Rossi & Figli S.r.l.",
            "ROSSI E FIGLI SRL",
            "Rossi e Figli",
            "S.r.l. Rossi e Figli",
        )
    }
    assert keys == {"rossi figli"}
    assert name_contact("", "", "Bianchi & Figli S.r.l.").company_key not in keys


def test_colleagues_share_their_companys_key() -> None:
    mario = name_contact("Mario", "Rossi", "Acme S.p.A.")
    anna = name_contact("Anna", "Bianchi", "ACME SPA")
    assert mario.company_key == anna.company_key == "acme"
    assert mario.person != anna.person


@pytest.mark.parametrize("names", [("", "Officine Rossi Srl"), ("Officine Rossi S.r.l.", "")])
def test_a_company_in_a_persons_field_is_a_company(names: tuple[str, str]) -> None:
    naming = name_contact(*names, "")
    assert naming.parts["c"] == ["Officine Rossi", "Off Rossi", "Rossi"]
    assert (naming.person, naming.company_key) == ("", "officine rossi")


@pytest.mark.parametrize("name", ["Maria Sa", "Li Co", "Marco Spa", "De Sio", "Srl"])
def test_a_person_whose_name_looks_like_a_form_is_a_person(name: str) -> None:
    assert name_contact("", name, "").person
