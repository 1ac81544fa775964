"""Legal forms: what says of a company's name what kind of company it is, and nothing more.

The list is cleanco's, which has the abbreviations of most countries in Latin letters, together with
what it lacks: forms that are spelled out, further abbreviations, other scripts, and the notes that
registers put behind a form (`in liquidazione`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from cleanco.clean import normalized, prepare_default_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

# In cleanco's list, but read as something else far more often: countries and plain words.
NOT_FORMS = frozenset({"uk", "nl", "ok", "private", "etat"})

# What cleanco lacks, one form between bars.
_FURTHER_FORMS = """
| srls | srl semplificata | srl sb | srl stp | srl sta | sca rl | stp | sta | scarl
| sc arl | s c a r l
| societa a responsabilita limitata | societa a responsabilita limitata semplificata | arl | a rl
| societa per azioni | societa in nome collettivo | societa in accomandita semplice
| societa in accomandita per azioni | societa semplice | societa cooperativa | societa consortile
| societa cooperativa sociale | societa cooperativa agricola | societa benefit | soc coop
| soc cons | soc coop sociale | soc coop soc | soc coop agr | soc agr | coop soc | onlus | asd
| ssd | odv | ets | unipersonale | uninominale | a socio unico | con socio unico | con unico socio
| socio unico | in liquidazione | in liq | in fallimento | in concordato preventivo
| ditta individuale | in amministrazione straordinaria | s p a | s r l | s n c | s a s | e c | & c
| & cie | et cie | e co | und co | y cia | e cia | & cia | cie | ug | ug haftungsbeschrankt
| haftungsbeschrankt | ek | ekfm | ekfr | egbr | ggmbh | gug | mbh | gmbh & co | gmbh & co kgaa
| gmbh & co ohg | ag & co kg | ag & co | se & co kg | & co kg | se | kgaa | partg mbb | partgmbb
| mbb | vvag | gesellschaft mit beschrankter haftung | aktiengesellschaft | kommanditgesellschaft
| offene handelsgesellschaft | genmbh | regmbh | selarl | selas | selasu | selurl | scp | sci
| scm | scea | earl | gaec | sarlu | sa rl | s a r l | societe anonyme
| societe a responsabilite limitee | societe par actions simplifiee | asbl | aisbl | ivzw
| comm va | cvba so | ua | gcv | besloten vennootschap | naamloze vennootschap | slu | sau | slp
| slpu | cb | aie | sociedad limitada | sociedad anonima | sa unipersonal
| sociedad de responsabilidad limitada | sociedad cooperativa | sl unipersonal | scoop and | s a
| s l | sapi de cv | sab de cv | s de rl de cv | s de rl mi | sc de rl de cv | spr de rl
| cia ltda | cia | sac | saic | sacif | sh | sociedad por acciones simplificada
| sociedad colectiva | bic | sas bic | unipessoal lda | unipessoal | eireli | epp | limitada
| sociedade anonima | sociedade limitada | ltda epp | ltda me | slu ltda | clg | dac | uc
| teoranta | company limited by guarantee | public limited company | lc | psc | company limited
| co ltd | co limited | coltd | corp ltd | pty | pty limited | pvt | pvt limited | private limited
| opc | opc pvt ltd | opc private limited | pte limited | berhad | sdn berhad | sendirian berhad
| limited partnership | limited liability company | limited liability partnership
| public company limited | pcl | fze | fzco | fzc | fzllc | fz llc | dmcc | wll | bsc | spc | kscc
| co inc | co llc | jsc | cjsc | ojsc | pjsc | tbk | persero | lllp | rlllp | proprietary limited
| publ | ab publ | aktiebolag | kommanditbolag | handelsbolag | aktieselskab | anpartsselskab
| ivs | enk | aksjeselskap | allmennaksjeselskap | osakeyhtio | oy ab | oyj abp | abp | ry | rf
| slf | hses | osauhing | aktsiaselts | tu | vsi | tub | kub | sp z o o | psa | spolka akcyjna
| sp kom | spolka z ograniczona odpowiedzialnoscia | spolka komandytowa | spolka jawna
| spolka cywilna | sp z oo sp k | sp z oo sk | s r o | a s | zs | ops | druzstvo
| spolecnost s rucenim omezenym | akciova spolecnost | korlatolt felelossegu tarsasag
| zartkoruen mukodo reszvenytarsasag | pfa | srld | jdoo | d o o | eood | ltd sti
| limited sirketi | anonim sirketi | sti | san tic | san ve tic | sanayi ve ticaret
| san ve tic ltd sti | sanayi ve ticaret as | sanayi ve ticaret limited sirketi
| sanayi ve ticaret ltd sti | mmc | qsc | asc | kabushiki kaisha | godo kaisha | yugen kaisha
| kabushiki gaisha | gmbh i g | ооо | оао | зао | пао | ао | нао | ип | тов | тзов | пп | фоп
| прат | пат | ат | дп | еоод | оод | ад | еад | ет | дзд | доо | чп | гуп | муп | фгуп | тоо
| жшс | ххк | хк | одо | уп | чуп | сп | общество с ограниченной ответственностью
| акционерное общество | публичное акционерное общество | индивидуальный предприниматель
| товариство з обмеженою відповідальністю | приватне підприємство | акціонерне товариство
| приватне акціонерне товариство | αε | επε | ικε | οε | εε | μεπε | μον ικε | μικε | αβεε | αβε
| αεβε | ανώνυμη εταιρεία | ike | mike | abee | aebe | ομόρρυθμη εταιρεία | ετερόρρυθμη εταιρεία
| ՍՊԸ | ՓԲԸ | ԲԲԸ | შპს | სს | בעמ | בע״מ | ע״ר | شركة | شرکت | ش م م | ذ م م | ش م ع | ش ش و
| ش ذ م م | ش م ل | ش م ك | شمم | ذمم | شذمم | شمع | شمل | شمك | سهامی خاص | سهامی عام
| प्राइवेट लिमिटेड | लिमिटेड | प्रा लि | công ty tnhh | công ty tnhh mtv
| công ty tnhh một thành viên | công ty cổ phần | công ty | ctcp
"""

# Forms that stand before the name; a form with dots does so too (`S.r.l. Rossi`).
_BEFORE = """
| ooo | oao | zao | pao | uab | sia | oü | pt | gmbh | srl | srls | sarl | ltd | ditta individuale
| ооо | оао | зао | пао | ао | нао | ип | тов | тзов | пп | фоп | прат | пат | ат | дп | еоод
| оод | еад | ет | чп | гуп | муп | фгуп | тоо | жшс | одо | уп | чуп | доо
| общество с ограниченной ответственностью | акционерное общество | публичное акционерное общество
| индивидуальный предприниматель | товариство з обмеженою відповідальністю | приватне підприємство
| акціонерне товариство | приватне акціонерне товариство | шпс | შპს | სს | شركة | شرکت
| công ty tnhh | công ty tnhh mtv | công ty tnhh một thành viên | công ty cổ phần | công ty
| societa cooperativa | soc coop | società agricola | asd | ssd
| societa a responsabilita limitata | societa per azioni
"""

# Forms of scripts that put no blank between the words, the longest first.
_ATTACHED = tuple(
    sorted(
        "株式会社 有限会社 合同会社 合名会社 合資会社 一般社団法人 公益社団法人 一般財団法人 "
        "公益財団法人 特定非営利活動法人 (株) (有) (同) "
        "集团股份有限公司 集團股份有限公司 股份有限公司 集团有限公司 集團有限公司 有限责任公司 "
        "有限責任公司 有限公司 公司 "
        "주식회사 유한회사 유한책임회사 합자회사 합명회사 (주) (유) (사) (재) "
        "บริษัท จำกัด(มหาชน) (มหาชน) จำกัด ห้างหุ้นส่วนจำกัด บจก. บมจ. หจก.".split(),
        key=len,
        reverse=True,
    )
)

_ATTACHED_SCRIPTS = re.compile("[\u0e00-\u0e7f\u3040-\ua4cf\uac00-\ud7af\uf900-\ufaff]")

# Forms that are words or names of their own: they stay where only generic words would be left.
_ALSO_WORDS = frozenset(
    "spa coop company co corp sem sep gie ent cia sta sti tu me sac bic corporation limited".split()
)
_CONJUNCTIONS = frozenset({"&", "+", "e", "ed", "and", "und", "et", "y", "en", "og", "och", "i"})
# Unmistakable ones, which go from the middle of a name as well (`Rossi S.r.l. Filiale di Roma`).
_ANYWHERE = frozenset({"srl", "srls", "gmbh", "sarl", "ltd", "llc", "sagl", "sprl", "bvba", "plc"})
_MIN_DOTS = 2
_MIN_LETTERS = 3

_SPACED_LETTERS = re.compile(r"(?<![\w.])(?:\w\. )+\w\.(?!\w)")
_PUNCTUATION = str.maketrans("", "", ".,-()[]'\"\u05f4\u05f3،、|")


@lru_cache(4096)
def normal(word: str) -> str:
    """Write a word as the list of forms has it: lower case, no accents, no dots."""
    if word.isascii():
        return word.lower().translate(_PUNCTUATION)
    return str(normalized(word)).translate(_PUNCTUATION)


def _forms(text: str) -> set[tuple[str, ...]]:
    return {
        tuple(normal(word) for word in form.split()) for form in text.split("|") if form.strip()
    }


_FORMS = frozenset(
    {
        tuple(words)
        for _, words in prepare_default_terms()
        if words and words[0] not in NOT_FORMS and words[0].isprintable()
    }
    | _forms(_FURTHER_FORMS)
)
_FORMS_BEFORE = frozenset(_forms(_BEFORE))
_LONGEST = max(map(len, _FORMS))


def without_legal_form(name: str, generic: frozenset[str]) -> list[str]:
    """Split a company's name into words and drop its legal forms.

    Args:
        name: a clean name.
        generic: words, as `normal` writes them, that can't stand for a company alone.

    Returns:
        The words that are left; all of them where nothing else would be left.
    """
    if ". " in name:
        name = _SPACED_LETTERS.sub(lambda letters: letters[0].replace(" ", ""), name)
    if _ATTACHED_SCRIPTS.search(name):
        name = _without_attached(name)
    words = name.split()
    plain = [normal(word) for word in words]
    end = _end(plain, generic)
    start = _start(words, plain, end)
    if start == end:
        return words
    kept = [
        at
        for at in range(start, end)
        if not (start < at < end - 1 and plain[at] in _ANYWHERE and len(plain[at]) > 1)
    ]
    return [words[at] for at in kept]


def ends_in_legal_form(name: str) -> bool:
    """Tell a company's name from a person's by the unmistakable form at its end."""
    words = name.replace(",", " ").split()
    if len(words) < 2:  # noqa: PLR2004 - a form alone is a name
        return False
    last = words[-1]
    plain = normal(last)
    if plain in _ANYWHERE or last in {"SpA", "AG", "SNC", "SAS"}:
        return True
    return last.count(".") >= _MIN_DOTS and len(plain) > 1 and (plain,) in _FORMS


def _without_attached(name: str) -> str:
    before = None
    while before != name:
        before = name
        for form in _ATTACHED:
            # One letter that is left is an abbreviation, not a name.
            if len(name) > len(form) + 1:
                name = name.removeprefix(form).removesuffix(form).strip()
    return name


def _end(plain: Sequence[str], generic: frozenset[str]) -> int:
    """Find where the name ends and the forms behind it begin."""
    end = len(plain)
    while end > 1:
        size = next(
            (
                size
                for size in range(min(_LONGEST, end - 1), 0, -1)
                if tuple(plain[end - size : end]) in _FORMS
            ),
            0,
        )
        if not size and plain[end - 1] and plain[end - 1] not in _CONJUNCTIONS:
            break
        if size == 1 and plain[end - 2] in _CONJUNCTIONS and plain[end - 1] in _ALSO_WORDS:
            # `Terme & Spa` is no joint-stock company.
            break
        if (
            size == 1
            and plain[end - 1] in _ALSO_WORDS
            and all(word in generic for word in plain[: end - 1])
        ):
            break
        end -= size or 1
    return end


def _is_dotted_form(word: str, plain: str, *, last: bool) -> bool:
    """Tell a form with dots from a person's initials: two letters are, but for Romania's S.C."""
    return (
        word.count(".") >= _MIN_DOTS
        and (plain,) in _FORMS
        and (len(plain) >= _MIN_LETTERS or (plain == "sc" and not last))
    )


def _start(words: Sequence[str], plain: Sequence[str], end: int) -> int:
    """Find where the forms before the name end."""
    start = 0
    while start < end - 1:
        size = next(
            (
                size
                for size in range(min(_LONGEST, end - start - 1), 0, -1)
                if tuple(plain[start : start + size]) in _FORMS_BEFORE
            ),
            0,
        )
        if not size and _is_dotted_form(words[start], plain[start], last=end == len(plain)):
            size = 1
        if not size:
            break
        start += size
    return start
