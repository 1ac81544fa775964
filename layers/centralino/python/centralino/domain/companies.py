"""Companies: which words of a name are generic, and how the name grows shorter."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from centralino.domain.legal_forms import normal, without_legal_form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_RUNGS = 8
LONG_WORD = 8

# What many companies of a trade or a country are called, without accents: Italian, English, German,
# French, Spanish, Portuguese, Dutch, Russian.
GENERIC = frozenset(
    """
accessori acconciature agenzia agraria agricola agricole agriturismo alberghiero albergo alimentare
alimentari allestimenti allevamento ambulatorio amici amministrazione amministrazioni antica
antichita antincendio arredamenti arredo articoli artigiana artigiano asilo assicurazione
assicurazioni assistenza associati associazione atelier auto autocarrozzeria autofficina
autolavaggio autonoleggio autoricambi autoscuola autoservizi autotrasporti azienda banca bar
birreria bottega cantiere cantina cantine carpenteria carrozzeria cartoleria cartotecnica casa
caseifici caseificio cassa catering centrale centro ceramica ceramiche clinica clinico club coiffeur
colorificio commerciale commercialista commercialisti commercio compagnia comprensivo comunale
comune condominio confezioni consorzio consulenti consulenza consulenze cooperativa cooperativo
costruzione costruzioni credito cucine culturale demolizioni dentale dentistico dipartimento
distribuzione ditta edil edile edili edilizia edilizie editore editrice elettrica elettrici
elettrico elettronica elettronici enoteca ente erboristeria estetica estetico europea europeo
fabbrica falegnameria farmaceutica farmaceutici farmacia ferramenta fiduciaria figli finanziaria
fioreria fondazione fonderia forniture fotografico fratelli gastronomia gelateria generale generali
gestione gestioni giardinaggio giardini gioielleria grafica grafiche gruppo idraulica idraulici
immobiliare immobiliari impianti impiantistica impresa imprese industria industriale industriali
industrie infissi informatica informatici ingegneria ingrosso innovazione installazioni
internazionale investimenti istituto italia italiana italiane italiani italiano laboratori
laboratorio lattoneria lavanderia lavorazione lavorazioni legale legali libera libreria locanda
logistica macelleria magazzini magazzino manutenzione manutenzioni marmi materiali meccanica
meccaniche meccanici meccanico mediazioni medica medici medico metalli metallurgica ministero mobili
mobilificio moda monitoraggio nazionale noleggi noleggio notaio notarile nuova nuovo officina
officine onoranze operativa oreficeria organizzazione ospedale osteria ottica palestra panetteria
panificio parrocchia parrucchiere partners pasticceria pavimenti pensione pescheria pittura pizzeria
plastica plastiche poliambulatorio polisportiva popolare porte premiata prodotti produzione
produzioni professionale professionisti profumeria progettazione progettazioni progetti progetto
provincia provinciale pubblicita pulizie regionale regione residence restauri revisione ricambi
ricerca riparazioni risparmio ristorante ristorazione salone salumeria salumificio sanitari
sanitaria sartoria scavi scuola segheria serramenti servizi servizio sicurezza sistemi sociale
societa soluzioni spedizioni sportiva sportivo stabilimento statale stazione studi studio
supermercati supermercato sviluppo tabaccheria tabacchi tappezzeria tecnica tecniche tecnici tecnico
tecnologia tecnologie telecomunicazioni termica termoidraulica tessile tessili tessuti tipografia
torneria traduzioni traslochi trasporti trasporto trattoria turismo ufficio unione universita
utensili vendita vendite verniciatura veterinaria veterinario vetreria viaggi vivai vivaio

academy accountants accounting advertising advisors advisory agency air american analytics
architects architecture art asia asset associates association auto automation automotive bakery bank
beauty brothers builders building business cabinets capital car care center central centre cleaning
clinic clothing cloud college commerce commercial communication communications community computer
computers computing construction consultancy consultants consulting contracting contractors council
creative data dental department design designs development developments digital direct distribution
education electric electrical electronics energy engineering engineers enterprise enterprises
environmental equipment estate estates europe european events express farm farms fashion finance
financial fitness food foods foundation freight furniture garage garden general global graphics
group health healthcare holding holdings home homes hospital hotel hotels industrial industries
information inn innovation innovations institute insurance integrated interactive interior interiors
international investment investments items kitchen laboratories laboratory labs law lawyers leasing
logistics machinery maintenance management manufacturing marine market marketing markets materials
mechanical media medical mining motor motors national network networks office online organization
packaging painting parts pharma pharmaceuticals pharmacy photography plumbing power practice press
printing product production productions products professional programs projects properties property
publishing recruitment rental rentals repair repairs research resources restaurant retail roofing
sales salon school science sciences security service services shipping shop software solar
solicitors solution solutions sons staffing steel store stores studios supplies supply support
surgery system systems tech technical technologies technology telecom textiles theatre tools tours
toys trade trading training transport transportation travel trucking trust union university ventures
veterinary warehouse water web wholesale works workshop world worldwide

allgemeine anlagenbau apotheke architekten architekturburo ausbau autohaus backerei bau
baugesellschaft bautrager bauunternehmen bauunternehmung beratung beteiligungen betrieb betriebe
brauerei buro dachdecker deutsche deutscher deutsches dienste dienstleistung dienstleistungen
druckerei elektro elektrotechnik europaische fabrik fahrschule gartenbau gasthaus gasthof gaststatte
gebaudereinigung gebruder geschaft gesellschaft grosshandel gruppe handel handels
handelsgesellschaft handwerk haus hausverwaltung heizung holzbau immobilien industrie ingenieurburo
ingenieure installation institut kanzlei kfz klinik konditorei krankenhaus landwirtschaft
lebensmittel maler malerbetrieb maschinen maschinenbau maschinenfabrik mechanik metallbau metzgerei
mobel nachfolger neue partner personal planung praxis produktion produktions rechtsanwalt
rechtsanwalte reiseburo reisen restaurierung sanitar schlosserei schreinerei schweizer software
spedition stahlbau steuerberater systeme technik technische technologie tiefbau tischlerei
transporte unternehmen unternehmensberatung verein verlag versicherung versicherungen vertrieb
vertriebs verwaltung verwaltungs werbung werk werke werkstatt werkzeugbau wirtschaftsprufer zahnarzt
zahnarztpraxis zentrum zimmerei

agence alimentation ameublement architecte architectes assurance assurances atelier ateliers avocat
avocats bijouterie boucherie boulangerie bureau cabinet carrosserie centre chauffage coiffure
commerciale compagnie comptable comptables comptoir conseil conseils construction constructions
couverture creation creations cuisine cuisines depannage developpement distribution domaine ecole
edition editions electricite electronique energie entreprise entreprises equipement equipements
etablissement etablissements ets expertise filature fils financiere formation fournitures francais
francaise france freres garage generale gestion groupe groupement immobilier immobiliere imprimerie
industrie industriel industrielle informatique ingenierie installations institut internationale
investissement laboratoire laboratoires librairie location logistique maconnerie magasin maintenance
maison manufacture materiaux mecanique menuiserie metallerie nationale nettoyage nouvelle optique
patisserie peinture pharmacie plomberie production produits promotion publicite quincaillerie
regionale renovation reseau securite service services societe solutions systemes technique
techniques technologies terrassement toiture transports travaux usine vente vignoble vins voyages

abogados agencia agricola alimentos alquiler aluminios arquitectos asesores asesoria asociacion
asociados automocion autos banco bodega bodegas calzados carniceria carpinteria centro clinica
comercial comercio compania construccion construcciones constructora consultores consultoria
cristaleria decoracion desarrollo desarrollos despacho distribuciones distribuidora ediciones
editorial electricidad electronica empresa empresas ensenanza equipos escuela espana espanol
espanola estudio estudios excavaciones explotaciones exportaciones fabrica farmacia ferreteria
financiera floristeria fontaneria formacion fundacion general gestion gestoria grupo hermanos hijos
hospital hosteleria importaciones imprenta impresiones industria industrial industriales industrias
ingenieria inmobiliaria inmuebles instalaciones instituto internacional inversiones joyeria
laboratorio laboratorios libreria limpiezas logistica maquinaria materiales mecanica mecanicas
muebles nacional obras oficina optica panaderia papeleria peluqueria perfumeria pinturas productos
promociones proyectos publicidad quimica reformas reparaciones restaurante ropa seguridad seguros
servicio servicios sistema sistemas sociedad soluciones suministros taller talleres tecnica tecnicas
tecnologia tecnologias tienda transporte transportes turismo union universidad ventas viajes

advocacia advogados agropecuaria alimentos associacao associados brasil brasileira comercio
confeccoes construcao construcoes construtora consultoria contabilidade corretora distribuidora
editora eletrica eletronica empreendimentos engenharia escola estudos filhos fundacao grafica
importacao industria informatica instituto investimentos irmaos laboratorio limpeza logistica
madeireira maquinas metalurgica moveis nacional oficina padaria papelaria participacoes portuguesa
produtos publicidade representacoes restaurante seguros servicos sociedade solucoes supermercado
tecnologia transportadora transportes viagens

aannemersbedrijf accountantskantoor administratiekantoor adviesbureau autobedrijf bakkerij beheer
bouw bouwbedrijf broers dienstverlening drukkerij eerste garagebedrijf gebroeders groep handel
handelsonderneming hoveniersbedrijf installatiebedrijf kantoor makelaardij nederland nederlandse
onderhoud onderneming praktijk schildersbedrijf schoonmaakbedrijf slagerij stichting techniek
timmerbedrijf transportbedrijf uitgeverij vastgoed vereniging verhuur winkel zonen

агентство бюро группа дом завод институт комбинат компания магазин мастерская объединение
предприятие производственная производственное строительная строительное торговая торговый фабрика
фирма фонд холдинг центр
""".split()
)

# Where the rule below would give something odd, or nothing shorter.
_SHORT = {
    "assicurazione": "Assic", "assicurazioni": "Assic", "assistenza": "Assist",
    "associates": "Assoc", "associati": "Assoc", "association": "Assoc", "associazione": "Assoc",
    "associados": "Assoc", "asociados": "Asoc", "assurance": "Assur", "assurances": "Assur",
    "analytics": "Analyt", "center": "Ctr", "centre": "Ctr", "centro": "Ctr", "clinic": "Clin",
    "cooperativa": "Coop", "fratelli": "F.lli", "gebruder": "Gebr", "gebroeders": "Gebr",
    "brothers": "Bros", "hermanos": "Hnos", "freres": "Frs", "hotel": "Htl", "hotels": "Htl",
    "group": "Grp", "groupe": "Grp", "gruppo": "Gr", "gruppe": "Gr", "grupo": "Gr",
    "management": "Mgmt", "manufacturing": "Mfg", "marketing": "Mktg", "international": "Intl",
    "department": "Dept", "university": "Univ", "universita": "Univ", "universidad": "Univ",
    "autofficina": "Autoff", "autotrasporti": "Autotr", "autocarrozzeria": "Autocarr",
    "termoidraulica": "Termoidr", "poliambulatorio": "Poliamb", "etablissements": "Ets",
    "rechtsanwalte": "RAe", "rechtsanwalt": "RA", "buro": "Buro", "services": "Svcs",
    "telecomunicazioni": "Telecom", "telecommunications": "Telecom",
}  # fmt: skip

_ARTICLES = frozenset("the il lo la i gli le l' der die das el los las les os as de het".split())
_CONNECTIVES = _ARTICLES | frozenset(
    "& + - e ed and und et y en og di del dello della dei degli delle da dal dalla per su of for "
    "at by in von vom zur zum fur mit du des d' do dos para con van voor и".split()
)
# Without these a key would tell `Rossi & Figli` from `Rossi e Figli`.
_AND = frozenset({"&", "+", "-", "e", "ed", "and", "und", "et", "y", "en", "og", "och"})
_VOWELS = frozenset("aeiouаеиоуыэюяієαεηιουω")


def company_words(name: str) -> list[str]:
    """Split a clean name into its words, without its legal forms."""
    return without_legal_form(name, GENERIC)


def company_key(words: Sequence[str]) -> str:
    """Write words so that two spellings of one company are equal.

    Args:
        words: the words of `company_words`, in lower case and without accents.
    """
    bare = [word.replace(".", "").replace("'", "") for word in words]
    return " ".join([word for word in bare if word not in _AND and word] or bare)


def company_rungs(words: Sequence[str], measure: Callable[[str], int] = len) -> list[str]:
    """Write a company's name shorter and shorter.

    The generic words are shortened from the left; then those before the distinctive words go from
    the left, and those behind them from the right; then the long ones among the others are
    shortened, all but the last.

    Args:
        words: the words of `company_words`.
        measure: counts the columns of a text.

    Returns:
        At most `MAX_RUNGS` rungs, each narrower than the one before.
    """
    if not words:
        return []
    left = list(words)
    generic = _generic(left)
    rungs = [" ".join(left)]
    narrowest = measure(rungs[0])

    def add() -> None:
        nonlocal narrowest
        rung = " ".join(word for word in left if word)
        width = measure(rung)
        if rung and width < narrowest:
            rungs.append(rung)
            narrowest = width

    for at in generic:
        left[at] = shorten(left[at])
        add()
    if len(left) > 1 and normal(left[0]) in _ARTICLES:
        left[0] = ""
        add()
    for at in _dropping_order(left, generic):
        left[at] = ""
        _tidy(left)
        add()
    # Words of no list that are long enough to be one of a trade's: the last one is the name.
    others = [at for at, word in enumerate(left) if normal(word) not in _CONNECTIVES and word]
    for at in others[:-1]:
        if len(left[at]) >= LONG_WORD:
            left[at] = shorten(left[at])
            add()
    return rungs if len(rungs) <= MAX_RUNGS else [rungs[0], *rungs[1 - MAX_RUNGS :]]


def shorten(word: str) -> str:
    """Cut a generic word behind the consonants that follow its first vowel: Officine -> Off."""
    plain = normal(word)
    short = _SHORT.get(plain)
    if short:
        return short.upper() if word.isupper() and len(word) > 1 else short
    bases = [unicodedata.normalize("NFD", ch)[0].lower() for ch in word]
    at = 0
    while at < len(word) and bases[at] not in _VOWELS:
        at += 1
    while at < len(word) and bases[at] in _VOWELS:
        at += 1
    while at < len(word) and bases[at] not in _VOWELS and bases[at].isalpha():
        at += 1
    # One letter less is no gain, and hard to read.
    return word[:at] if 1 < at < len(word) - 1 else word


def _generic(words: Sequence[str]) -> list[int]:
    """List the places of the generic words; the last word is distinctive if no other is."""
    plain = [normal(word) for word in words]
    generic = [at for at, word in enumerate(plain) if word in GENERIC]
    if all(word in GENERIC or word in _CONNECTIVES for word in plain) and generic:
        generic.pop()
    return generic


def _dropping_order(words: Sequence[str], generic: Sequence[int]) -> list[int]:
    """Order generic words: those before the distinctive ones, behind them, and between them."""
    distinctive = [
        at
        for at, word in enumerate(words)
        if word and at not in generic and normal(word) not in _CONNECTIVES
    ] or [len(words)]
    before = [at for at in generic if at < distinctive[0]]
    behind = [at for at in reversed(generic) if at > distinctive[-1]]
    return before + behind + [at for at in generic if distinctive[0] < at < distinctive[-1]]


def _tidy(words: list[str]) -> None:
    """Drop connectives that nothing precedes or follows any more."""
    for places in (range(len(words)), reversed(range(len(words)))):
        for at in places:
            if not words[at]:
                continue
            if normal(words[at]) not in _CONNECTIVES and words[at] not in _CONNECTIVES:
                break
            words[at] = ""
