// Finds telephone numbers in text, and tells them from prices, dates, order numbers and the like.
//
// A number is what can be dialled (the table in dialling.js, libphonenumber's) and is neither shaped
// like something else nor called something else by the words before it. `find` is the whole of it;
// nothing here knows of a page. It takes a time in proportion to the text's length, whatever the text:
// patterns that could look back or ahead at will are given a window.

"use strict";

globalThis.CentralinoNumbers = (() => {
  const { assigned, plans } = globalThis.CentralinoDialling;

  // What stands before a telephone number. Words are compared in lower case, without dots and accents.
  const PHONE = words(`
    tel tele telef telefono telefoni telefonico telefonica telefonare telefona telefon telefonnummer
    telephone telefone telefoon phone phones ph fon fono numeri rufnummer durchwahl
    cell cellulare cellulari cel celular mobile mobil mobilfunk mob movil handy handynummer portable
    portatile gsm whatsapp wa sms natel gsmnr
    chiama chiamare chiamate chiamami chiamaci chiamando richiamare richiama richiamate contatta
    contattare contattaci contattateci call calling callback ring dial anrufen anruf ruf rufen
    appeler appelez appel llame llamar llamenos ligue bel bellen
    verde tollfree freephone freecall hotline helpline centralino switchboard centrale zentrale
    reperibilita assistenza support servizio callto t m p c
  `);
  const EMOJI = /[☎✆☏\u{1F4DE}\u{1F4F1}\u{1F4F2}\u{1F57F}\u{1F57D}]/u;

  // What stands before a number that is none to be called.
  const OTHER = words(`
    order orders ordernr orderno ordine ordini ord ordre commande pedido bestelling
    fattura fatture fatt ft invoice invoices inv facture factura rechnung rechnungsnr
    iban bic swift abi cab cin vat vatno vatid iva piva partitaiva ustid ustidnr ustnr uid nif cif
    siret siren hrb hrbnr rea cf codfisc fiscale steuernummer steuernr codice codici cod code codigo
    id idnr ean gtin upc isbn issn sku art articolo article artikel artikelnr item part pn barre
    barcode ref rif riferimento reference referenz aktenzeichen az ticket tickets case caso pratica
    protocollo prot tracking spedizione shipment sendung sendungsnummer collo ddt bolla serial seriale
    sn seriennummer matricola imei imsi iccid mac mandato conto conti konto kontonr account acct acc cc
    polizza policy contratto contract vertrag vertragsnr transaction transazione transaktion cro trn
    lotto lot batch charge chargennr targa pin puk otp password token versione version ver build rev
    revision port porta coordinate coord coordinates lat lon lng gps ore orario orari hours uhr
    offnungszeiten horaires total totale total totali importo imponibile amount prezzo price betrag
    summe prix precio costo qty quantita menge peso plz zip isin pnr booking prenotazione reservation
    buchung preventivo quote offerta offer angebot angebotsnr po rma ssn ein tin fax telefax faxnummer
    telecopie ip sha md5 hash uuid capitale abitanti popolazione data datum date scadenza periodo
    bestellnr bestellnummer kundennr kundennummer auftrag auftragsnr auftragsnummer rechnungsnummer
    artikelnummer vertragsnummer kontonummer kunden registro licenza license licence v f
  `);
  // These have other meanings too ("Maria, commessa, 347…"): they count right before the number only.
  const OTHER_BEFORE = words(`
    commessa commesse job jobs serie serien seriennr cig cup pod pdr inail inps scontrino scontrini
    ricevuta ricevute receipt receipts timestamp epoch unix pag pagg pagina pagine page pages seite
    seiten modello model modell mod disegno distinta delibera determina repertorio sinistro verbale
    impianto contatore tessera badge intervento chiamata posizione pos
  `);
  const FAX = words("fax telefax faxnummer telecopie f");
  // Before bare digits these say that it is a number, not which kind.
  const COUNTED = /(?:\b(?:n|nr|no|num|numero|number|nummer|numer)|[n№][°ºo]?|#)[.:°º]?\s*$/i;

  const LISTED =
    /^(?:[\s\d.,:;#°º№/&()-]|(?<!\p{L})(?:n|nr|no|num|numero|number|nummer|e|ed|and|und|o|di)(?!\p{L}))*$/iu;

  // What stands after a quantity.
  const UNIT = new RegExp(
    "^\\s?(?:[€$£¥₹%‰°′″'\"²³]|(?:eur|euro|usd|gbp|chf|dollar[is]?|k[gmw]|[mcd]m|mq|m2|ml|cl|lt|" +
      "gb|mb|kb|tb|bytes?|pz|pezzi|pcs|pieces|st[uü]ck|items|unit[aàs]?|units|abitanti|inhabitants|" +
      "einwohner|habitants|habitantes|visitors|views|kwh|kcal|watt|volt|ms|px|dpi|ppm)(?![\\p{L}\\d]))",
    "iu",
  );

  // What no number is in: addresses of the web and of mail, files, identifiers. `wallOf` reads a word.
  const ADDRESS = /\b(?:(?:https?|ftps?|file|mailto|sip|sips|ws|wss):|www\.)[^]/iu;
  const PATH = /[\p{L}\d-]\.\p{L}{2,}\//u;
  const FILE =
    /\.(?:pdf|jpe?g|png|gif|svg|webp|heic|xlsx?|csv|docx?|odt|ods|pptx?|txt|zip|gz|eml|msg|xml|p7m|json|html?|mp[34]|wav|log)\b/giu;
  const UUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/giu;
  // Data shown as text: nobody writes that much without a blank.
  const BLOB = /[!-~]{301,}/g;
  const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/gu;
  const WALL = "\u0001";

  const RUN = /(?:(?:[([]\s?)?\+{1,2}\s?[([]?|[([])?\d(?:[ ./·()[\]-]{0,4}\d)+/g;
  const SPLIT = / [/-] ?|[/-] | ?· ?| (?=[([])/g;
  // The longest number there is: digits with all prefixes, and letters with all separators.
  const DIGITS = 25;
  const LETTERS = 60;
  // How much of what is around a number is looked at.
  const BEFORE = 160;
  const AFTER = 40;
  const EXTENSION =
    /^\s?[,;]?\s?(?:(?:ext|extension|int|interno|interni|dw|durchwahl|poste|anexo)\b\.?:?\s?|x|#)\d{1,6}(?!\d)/iu;
  const DATE =
    /^(?:(?:0?[1-9]|[12]\d|3[01])([ ./-])(?:0?[1-9]|1[0-2])\1(?:(?:19|20)\d\d|\d\d)|(?:0?[1-9]|1[0-2])([/-])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d|(?:19|20)\d\d([ ./-])(?:0?[1-9]|1[0-2])\3(?:0?[1-9]|[12]\d|3[01]))(?!\d)(?!\3\d|[./]\d)/;
  const YEARS = /^(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d$/;
  const HOUR = "(?:[01]?\\d|2[0-4])";
  const HOURS = new RegExp(
    `^${HOUR}\\.[0-5]\\d ?[-/ ] ?${HOUR}\\.[0-5]\\d(?: ?[-/ ] ?${HOUR}\\.[0-5]\\d)*$|` +
      "^(?:[01]\\d|2[0-4])[0-5]\\d ?- ?(?:[01]\\d|2[0-4])[0-5]\\d$",
  );

  function words(text) {
    return new Set(text.trim().split(/\s+/));
  }

  // One character for each of the text's, or none for what can't be seen.
  function plain(text) {
    const found = { text: "", at: [] };
    for (let at = 0; at < text.length; at += 1) {
      const one = plainOf(text[at]);
      if (one) {
        found.text += one;
        found.at.push(at);
      }
    }
    found.at.push(text.length);
    return found;
  }

  function plainOf(one) {
    if (one < "\u0080") return one === "\t" ? " " : one;
    if (/\p{Nd}/u.test(one)) return digitOf(one);
    if (/[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/.test(one)) return "";
    if (/\p{Zs}/u.test(one)) return " ";
    if (/[\u2219\u22c5\u2027]/.test(one)) return "·";
    if (/[\u2010-\u2015\u2212\ufe63\uff0d]/.test(one)) return "-";
    if (one >= "\uff01" && one <= "\uff5e") return String.fromCharCode(one.charCodeAt(0) - 0xfee0);
    return one;
  }

  // Unicode's digits come ten in a row, from zero.
  function digitOf(one) {
    let code = one.charCodeAt(0);
    let value = 0;
    while (value < 9 && /\p{Nd}/u.test(String.fromCharCode(code - 1)) && (code - 1) % 16 !== 15) {
      code -= 1;
      value += 1;
    }
    return String(value);
  }

  function walled(text) {
    const wall = (match) => WALL.repeat(match.length);
    return text
      .replace(BLOB, wall)
      .replace(/\S+/g, (word) => {
        const [start, end] = wallOf(word);
        return word.slice(0, start) + WALL.repeat(end - start) + word.slice(end);
      })
      .replace(UUID, wall)
      .replace(IBAN, (match) => {
        const length = ibanLength(match);
        return WALL.repeat(length) + match.slice(length);
      });
  }

  // Where in a word a wall is: [start, end].
  function wallOf(word) {
    const none = [0, 0];
    if (!/[@.:]/.test(word)) return none;
    const at = word.indexOf("@", 1);
    if (at > 0 && at < word.length - 1) return [0, word.length];
    const address = word.search(ADDRESS);
    if (address >= 0) return [address, word.length];
    const path = word.search(PATH);
    if (path >= 0) {
      let start = path;
      while (start > 0 && /[\p{L}\d.-]/u.test(word[start - 1])) start -= 1;
      return [start, word.length];
    }
    let end = 0;
    for (const match of word.matchAll(FILE)) end = match.index + match[0].length;
    return [0, end];
  }

  // The longest beginning that is an IBAN: its first four characters count last in the check.
  function ibanLength(text) {
    const tail = text.slice(0, 4);
    let length = 0;
    let packed = 4;
    let rest = 0;
    for (let at = 4; at < text.length; at += 1) {
      if (text[at] === " ") continue;
      rest = mod97(rest, text[at]);
      packed += 1;
      if (packed >= 15 && [...tail].reduce(mod97, rest) === 1) length = at + 1;
    }
    return length;
  }

  function mod97(rest, one) {
    const value = parseInt(one, 36);
    return (rest * (value > 9 ? 100 : 10) + value) % 97;
  }

  // GTINs weigh 3 and 1 from the right; Italian VAT numbers and cards are Luhn's.
  function isGtin(digits) {
    let sum = 0;
    [...digits].reverse().forEach((one, index) => (sum += Number(one) * (index % 2 ? 3 : 1)));
    return sum % 10 === 0;
  }

  function isLuhn(digits) {
    let sum = 0;
    [...digits].reverse().forEach((one, index) => {
      const twice = Number(one) * (index % 2 ? 2 : 1);
      sum += twice > 9 ? twice - 9 : twice;
    });
    return sum % 10 === 0;
  }

  const compiled = new Map();

  function whole(pattern) {
    if (!compiled.has(pattern)) compiled.set(pattern, new RegExp(`^(?:${pattern})$`));
    return compiled.get(pattern);
  }

  function leading(pattern) {
    const key = `^${pattern}`;
    if (!compiled.has(key)) compiled.set(key, new RegExp(`^(?:${pattern})`));
    return compiled.get(key);
  }

  function isAssigned(code, national) {
    return whole(assigned[code]).test(national);
  }

  function mainPlan(code) {
    return Object.values(plans).find((plan) => plan[0] === code) ?? [code, "", ""];
  }

  // The E.164 form of what follows a `+`, or nothing.
  function international(digits, optionalZero) {
    for (let length = 1; length <= 3; length += 1) {
      const code = digits.slice(0, length);
      if (!(code in assigned)) continue;
      let national = digits.slice(length);
      const trunk = mainPlan(code)[2];
      if (optionalZero && trunk === "0") national = national.replace(/^0/, "");
      if (isAssigned(code, national)) return `+${code}${national}`;
      // Some write the trunk prefix all the same.
      if (trunk && national.startsWith(trunk) && isAssigned(code, national.slice(trunk.length))) {
        return `+${code}${national.slice(trunk.length)}`;
      }
      return "";
    }
    return "";
  }

  // The E.164 form of a number as it is dialled in the country, or nothing.
  function dialled(digits, country, optionalZero) {
    const plan = plans[country];
    if (!plan) return "";
    const [code, away, trunk, parsing, transform, bare] = plan;
    const prefix = away && digits.match(leading(away));
    if (prefix) {
      const found = international(digits.slice(prefix[0].length), optionalZero);
      if (found) return found;
    }
    const parsed = parsing && digits.match(leading(parsing));
    if (parsed?.[0]) {
      const kept = transform && parsed.length > 1 && parsed.at(-1) !== undefined;
      const national = kept
        ? transform.replace(/\\(\d)/g, (_, group) => parsed[group] ?? "") + digits.slice(parsed[0].length)
        : digits.slice(parsed[0].length);
      if (isAssigned(code, national)) return `+${code}${national}`;
    }
    // Where there is a trunk prefix, what lacks it rings nowhere, but for some countries' numbers.
    const complete = !trunk || (bare && whole(bare).test(digits));
    return complete && isAssigned(code, digits) ? `+${code}${digits}` : "";
  }

  // Read one number as it is written, whatever is around it.
  function read(written, country) {
    return readPlain(plain(written).text, country);
  }

  function readPlain(text, country) {
    if (text.length > LETTERS) return "";
    const digits = text.replace(/\D/g, "");
    if (digits.length > DIGITS) return "";
    const optionalZero = /[([]0[)\]]/.test(text);
    if (/^\s*[([]?\s?\+/.test(text)) return international(digits, optionalZero);
    const found = dialled(digits, country, optionalZero);
    if (found) return found;
    const code = plans[country]?.[0];
    // `39 02 44556677`: the country's own code without the plus, set apart from the rest.
    return code && text.replace(/^\D+/, "").match(/^\d+/)?.[0] === code
      ? international(digits, optionalZero)
      : "";
  }

  // The parts of a run of digits and separators that are numbers of their own: [{ text, start }].
  //
  // From the end to the beginning, each beginning once: where a number is first followed by what is
  // numbers too, they are apart. What no split helps is one number, or none.
  function parts(run, country) {
    const splits = [...run.text.matchAll(SPLIT)].map((match) => ({
      at: match.index,
      rest: match.index + match[0].length,
      bracket: match[0] === " ",
    }));
    // Beginning -> how the text from there on is split: its first number, and where the rest begins.
    const found = new Map();
    for (let index = splits.length; index >= 0; index -= 1) {
      const start = index ? splits[index - 1].rest : 0;
      found.set(start, firstOf(run.text, start, splits, index, found, country));
    }
    const told = [];
    for (let start = 0; start !== undefined; start = found.get(start)?.rest) {
      const text = found.get(start)?.first ?? run.text.slice(start);
      told.push({ text, start: run.start + start });
    }
    return told;
  }

  function firstOf(text, start, splits, index, found, country) {
    const isNumber = (from) => lineOf(text.slice(from, from + LETTERS + 1), country);
    for (; index < splits.length && splits[index].at - start <= LETTERS; index += 1) {
      const { at, rest, bracket } = splits[index];
      const first = lineOf(text.slice(start, at), country);
      if (!first) continue;
      if (found.get(rest) || isNumber(rest)) return { first, rest };
      if (bracket) return { first };
    }
    const first = text.length - start <= LETTERS ? lineOf(text.slice(start), country) : "";
    return first && first.length < text.length - start ? { first } : null;
  }

  // What of a text is a number: all of it, or all but the other line's last digits
  // (`02 44556677/78`).
  function lineOf(text, country) {
    if (readPlain(text, country)) return text;
    const other = text.length > LETTERS ? null : text.match(/^(.*[\d)]) ?\/ ?\d{1,3}$/);
    return other && readPlain(other[1], country) ? other[1] : "";
  }

  // The last words before a number that say what it is: "phone", "other" or nothing.
  function meaning(before, bare) {
    let verdict = "";
    let faxed = false;
    let since = "";
    const clause = before.split(/[\n;|•·!?]/).pop().slice(-80);
    for (const match of clause.matchAll(/\p{L}[\p{L}.'’-]*|\d[\d ./()-]*|[^\p{L}\d]+/gu)) {
      const [token] = match;
      if (/^\d/.test(token)) {
        if (token.replace(/\D/g, "").length < 5) continue;
        since = token;
        continue;
      }
      if (!/\p{L}/u.test(token)) {
        if (EMOJI.test(token)) [verdict, since, faxed] = ["phone", "", false];
        // In a list the word before the first one holds for all.
        else if (since && !/^[\s,/&]*$/.test(token)) verdict = "";
        continue;
      }
      // One letter is an initial, if anything follows.
      const left = clause.slice(match.index + token.length);
      const last = /^[\s.:]*$/.test(left);
      const kind = /^\p{L}\.?$/u.test(token) && !last ? "" : kindOf(token, LISTED.test(left));
      if (!kind) {
        if (since && !/^(?:e|ed|o|oppure|and|or|und|oder|et|ou|y)$/i.test(token)) verdict = "";
        continue;
      }
      const fax = [...namesOf(token)].some((name) => FAX.has(name));
      // "Tel. ordini", "Tel./Fax": the first of two in a row is what it is.
      const held = verdict === "phone" && !since && kind === "other" && (fax || !bare);
      if (!held) {
        verdict = kind;
        faxed = fax && kind === "other";
      }
      since = "";
    }
    if (since && !bare) verdict = "";
    return { verdict, faxed };
  }

  function* namesOf(token) {
    const folded = token.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    yield folded.replace(/[.'’-]/g, "");
    yield* folded.split(/[.'’-]+/).filter((part) => part.length > 1);
  }

  function kindOf(token, isBefore = true) {
    for (const name of namesOf(token)) {
      if (OTHER.has(name) || (isBefore && OTHER_BEFORE.has(name))) return "other";
      if (PHONE.has(name)) return "phone";
    }
    return "";
  }

  function isOtherwiseShaped(text, digits, country) {
    const groups = text.split(/\D+/).filter(Boolean);
    const code = plans[country]?.[0];
    if (/^(\d)\1*$/.test(digits) || digits.length / groups.length < 2) return true;
    if (DATE.test(text) || YEARS.test(text)) return true;
    if (/^0-\d/.test(text) || (/^\d[.]/.test(text) && !(code === "1" && /^1/.test(text)))) return true;
    if (groups.length === 4 && /^[\d.]+$/.test(text)) {
      if (groups.every((group) => Number(group) < 256 && !/^0\d/.test(group))) return true;
    }
    if (/^[1-9]\d{0,2}(?:[.·]\d{3})+$/.test(text)) return true;
    // Rounded: nobody's number is an area and zeros.
    if (/^[([]?\d{1,4}(?:\D+0+)+$/.test(text)) return true;
    // Degrees, of which there are 180 each way.
    const degrees = code !== "1" && text.match(/^([1-9]\d{0,2})\.\d{5,}$/);
    return Boolean(degrees) && Number(degrees[1]) <= 180;
  }

  function isOtherwiseUsual(text, digits, country) {
    if (HOURS.test(text)) return true;
    if (/\D/.test(text.replace(/^\D+|\D+$/g, ""))) return false;
    // Bare digits: a VAT number, a barcode, or what no country writes like that.
    if (country === "IT" && digits.length === 11 && isLuhn(digits)) return true;
    if (digits.length >= 12 && digits.length <= 14 && isGtin(digits)) {
      return !digits.startsWith(`00${plans[country]?.[0]}`);
    }
    const [, away, trunk] = plans[country];
    if (leading(away).test(digits)) return false;
    if (country === "IT") return !/^(?:0|3|80)/.test(digits);
    return !(trunk && trunk !== "1" && digits.startsWith(trunk));
  }

  // Find the numbers in a text.
  //
  // text: what is read in one go: a paragraph, a cell.
  // country: of the tenant, ISO 3166; how numbers without a country code are understood.
  // label: what names the text where nothing before the number does: a column's head, a field's name.
  //
  // Returns [{ start, end, number }]: where it is in the text, and its E.164 form.
  function find(text, { country, label = "" }) {
    const seen = plain(text);
    const guarded = walled(seen.text);
    const found = [];
    for (const match of guarded.matchAll(RUN)) {
      for (const part of parts({ text: match[0], start: match.index }, country)) {
        const number = judge(guarded, part, country, label);
        if (number) {
          const end = part.start + part.text.length;
          found.push({ start: seen.at[part.start], end: seen.at[end - 1] + 1, number });
        }
      }
    }
    return found;
  }

  function judge(text, part, country, label) {
    const number = readPlain(part.text, country);
    if (!number) return "";
    const end = part.start + part.text.length;
    const before = text.slice(Math.max(0, part.start - BEFORE), part.start);
    const after = text.slice(end, end + AFTER);
    if (!endsWell(after) || !beginsWell(before)) return "";
    const written = part.text;
    const digits = written.replace(/\D/g, "");
    const plus = written.includes("+");
    const bare = /^\d+$/.test(written);
    if (/[€$£¥₹]\s?$|\b(?:EUR|USD|GBP|CHF)\s?$/.test(before) || UNIT.test(after)) return "";
    if (!plus && isOtherwiseShaped(written, digits, country)) return "";
    let { verdict, faxed } = meaning(before, bare);
    if (!verdict && label) ({ verdict, faxed } = meaning(label, bare));
    if (faxed) return "";
    if (plus) return number;
    if (verdict) return verdict === "phone" ? number : "";
    if (bare && (COUNTED.test(before) || /(?:^|\s)-$/.test(before))) return "";
    return isOtherwiseUsual(written, digits, country) ? "" : number;
  }

  function beginsWell(before) {
    const last = before.at(-1);
    if (last === undefined || /\s/.test(last)) return true;
    if (/[\p{L}\p{M}]/u.test(last) || /[.:/-]/.test(last)) {
      const word = before.match(/(\p{L}[\p{L}.]*)[.:/-]?$/u)?.[1];
      if (word) return last === ":" || kindOf(word) === "phone";
      return !/[\p{L}\d_]$/u.test(before.slice(0, -1)) || last === ":" ? !/\d:$/.test(before) : false;
    }
    if (/['’]/.test(last)) return /\p{L}['’]$/u.test(before);
    if (last === ",") return !/(?<!\d)\d{1,5},$/.test(before);
    return !/[\d_#@=&%\\°\u0001*~^<>+]/.test(last);
  }

  function endsWell(after) {
    if (EXTENSION.test(after)) return true;
    if (/^[\p{L}\p{M}_@=%°\u0001*]/u.test(after)) return false;
    if (/^[-/.:&\\][\p{L}\d_]/u.test(after)) return /^\/\d{1,3}(?!\d)/.test(after);
    if (/^['’]\d/.test(after)) return false;
    return !/^,\d{1,5}(?!\d)/.test(after);
  }

  return Object.freeze({ find, read });
})();
