// The content script: marks the numbers of a page, and shows at each what became of its call.
//
// Pages own their text. Nothing of it is wrapped or moved: a button is put after the text that a
// number ends in. Where the number ends before the text does, the text node is split behind it, the
// node that the page knows stays the first part, and is made whole as soon as the page touches it;
// so what frameworks do with their nodes works as if nothing had happened.

"use strict";

(() => {
  const HOST = "centralino-call";
  const INLINE = new Set(
    "A ABBR ACRONYM B BDI BDO BIG CITE DATA DEL DFN EM FONT I INS LABEL MARK NOBR Q S SMALL SPAN STRIKE STRONG TT U WBR".split(
      " ",
    ),
  );
  const SKIPPED = [
    "script,style,noscript,template,head,textarea,input,select,option,datalist,code,kbd,samp,var,sup,sub",
    "svg,math,canvas,object,embed,iframe,audio,video,time,output",
    "[contenteditable]:not([contenteditable='false' i]),[role='textbox'],[role='searchbox']",
    // Our own page has a button, and says of the call what there is to say.
    "[data-centralino='own']",
    "[role='combobox']",
    HOST,
  ].join(",");
  const LINK = "a[href^='tel:' i],a[href^='callto:' i],area[href^='tel:' i]";
  // A button does not belong in one of these: it goes behind.
  const CONTROL = "a,button,summary,label,[role='button'],[role='link'],[role='option']";
  // How long the page's own scripts wait for us at a time, and for how long we let it change.
  const SLICE_MS = 12;
  const CALM_MS = 50;
  const FINAL = new Set(["refused", "failed", "ended", "unknown", "cancelled"]);
  // A call is asked about sooner at first, then every second, so many times.
  const POLL_MS = 1000;
  const FIRST_POLL_MS = 250;
  const POLLS = 120;
  // A block with more is a listing, and left alone.
  const TEXT_LIMIT = 100_000;

  // number -> its live call: { id, state, ... }; by number, as pages draw themselves anew.
  const calls = new Map();
  // text node of the page -> { left, parts: [{ host, tail }] }
  const split = new Map();
  const ownerOf = new WeakMap();
  // Our elements -> { number, button, status }
  const marks = new Map();
  const queue = new Set();
  // What was found and is not written yet: all is read first, as reading after each change would
  // have the browser work out the page's styles anew each time.
  let writes = [];
  let country = "";
  let busy = false;
  let sheet = null;

  const observer = new MutationObserver((records) => {
    for (const record of records) touched(record);
    soon();
  });

  void start();

  async function start() {
    const settings = await chrome.runtime.sendMessage({ type: "settings" });
    if (!settings?.on || document.designMode === "on") return;
    country = settings.country;
    document.addEventListener("click", onLink, { capture: true });
    observe(document.documentElement);
    queue.add(document.body ?? document.documentElement);
    soon();
  }

  function observe(root) {
    observer.observe(root, { childList: true, characterData: true, subtree: true });
  }

  // --- what changes -------------------------------------------------------------------------------

  function touched({ type, target, removedNodes }) {
    const changed = type === "characterData" ? [target] : removedNodes;
    for (const node of changed) {
      const owner = split.has(node) ? node : ownerOf.get(node);
      if (owner) rejoin(owner);
    }
    const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
    if (element) queue.add(blockOf(element));
  }

  // Give a text back to the page: our parts go, and what they held is in one node again.
  function rejoin(node) {
    const pieces = split.get(node);
    if (!pieces) return;
    split.delete(node);
    const whole = node.data === pieces.left;
    for (const { host, tail } of pieces.parts) {
      if (tail) {
        if (whole) node.data += tail.data;
        tail.remove();
      }
      unmark(host);
    }
    observer.takeRecords();
  }

  function unmark(host) {
    marks.delete(host);
    host.remove();
  }

  function soon() {
    if (busy) return;
    busy = true;
    setTimeout(work, CALM_MS);
  }

  function work() {
    const until = performance.now() + SLICE_MS;
    for (const host of marks.keys()) {
      if (!host.isConnected) marks.delete(host);
    }
    for (const element of queue) {
      if (performance.now() > until) break;
      queue.delete(element);
      if (element.isConnected && !element.closest?.(SKIPPED) && !isEdited(element)) scan(element);
    }
    for (const write of writes) write();
    writes = [];
    observer.takeRecords();
    busy = queue.size > 0;
    if (busy) setTimeout(work);
  }

  function isEdited(element) {
    return element.isContentEditable || Boolean(element.getRootNode().host?.isContentEditable);
  }

  // --- what is read in one go ---------------------------------------------------------------------

  function isInline(element) {
    if (!INLINE.has(element.tagName)) return false;
    const { display } = getComputedStyle(element);
    return display === "inline" || display === "contents";
  }

  function blockOf(element) {
    let found = element;
    while (found.parentElement && isInline(found)) found = found.parentElement;
    return found;
  }

  // Read a block's own text, and queue the blocks in it.
  function scan(block) {
    const run = { text: "", nodes: [] };
    gather(block, block, run);
    flush(block, run);
  }

  function gather(parent, block, run) {
    if (parent.shadowRoot && parent.localName !== HOST) {
      observe(parent.shadowRoot);
      for (const child of parent.shadowRoot.children) queue.add(child);
    }
    for (const child of [...parent.childNodes]) {
      if (child.nodeType === Node.TEXT_NODE) {
        run.nodes.push({ node: child, from: run.text.length });
        run.text += child.data;
      } else if (child.nodeType === Node.ELEMENT_NODE) {
        inside(child, block, run);
      }
    }
  }

  function inside(child, block, run) {
    if (child.localName === HOST) return;
    if (child.matches(LINK)) {
      writes.push(() => markLink(child));
      flush(block, run);
    } else if (child.matches(SKIPPED)) {
      flush(block, run);
    } else if (child.tagName === "BR") {
      run.text += "\n";
    } else if (isInline(child)) {
      gather(child, block, run);
    } else {
      flush(block, run);
      queue.add(child);
    }
  }

  function flush(block, run) {
    const { text, nodes } = run;
    run.text = "";
    run.nodes = [];
    if (text.length > TEXT_LIMIT) return;
    if ((text.match(/\p{Nd}/gu)?.length ?? 0) < 6) return;
    const found = globalThis.CentralinoNumbers.find(text, { country, label: labelOf(block) });
    // From the end, so that a split leaves what is before it in its place.
    for (const { start, end, number } of found.reverse()) {
      const { node, from } = nodes.findLast((part) => part.from < end);
      const written = text.slice(start, end);
      writes.push(() => place(node, end - from, number, written));
    }
  }

  // What names a field: its column's or row's head, its term, the element before it.
  function labelOf(block) {
    const cell = block.closest("td,th");
    if (cell?.parentElement?.cells) return cellLabel(cell);
    if (block.tagName === "DD") return previous(block, "DT");
    if (!["DIV", "SPAN"].includes(block.tagName)) return "";
    const before = block.previousElementSibling ?? block.parentElement?.previousElementSibling;
    return before && before.localName !== HOST ? brief(before) : "";
  }

  function cellLabel(cell) {
    const row = cell.parentElement;
    const first = row.cells[0];
    if (first !== cell && first.tagName === "TH") return brief(first);
    const head = row.closest("table")?.rows[0]?.cells[cell.cellIndex];
    if (head && head !== cell && head.tagName === "TH") return brief(head);
    return cell.previousElementSibling ? brief(cell.previousElementSibling) : "";
  }

  function previous(element, tag) {
    let before = element.previousElementSibling;
    while (before && before.tagName !== tag) before = before.previousElementSibling;
    return before ? brief(before) : "";
  }

  function brief(element) {
    const text = element.textContent.trim().replace(/\s+/g, " ");
    return text.length <= 60 ? text : "";
  }

  // --- marks --------------------------------------------------------------------------------------

  function place(node, offset, number, written) {
    const control = node.parentElement?.closest(CONTROL);
    if (control) {
      if (!isMark(control.nextSibling, number)) control.after(newMark(number, written, true));
      return;
    }
    if (offset === node.length && isMark(node.nextSibling, number)) return;
    const owner = ownerOf.get(node) ?? node;
    const pieces = split.get(owner) ?? { left: "", parts: [] };
    const tail = offset < node.length ? node.splitText(offset) : null;
    const host = newMark(number, written, true);
    node.after(host);
    if (tail) ownerOf.set(tail, owner);
    ownerOf.set(host, owner);
    const later = pieces.parts.findIndex((part) => follows(node, part.host));
    pieces.parts.splice(later < 0 ? pieces.parts.length : later, 0, { host, tail });
    pieces.left = owner.data;
    split.set(owner, pieces);
  }

  function follows(node, other) {
    return Boolean(node.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING) &&
      node.nextSibling !== other
      ? true
      : false;
  }

  function isMark(node, number) {
    return marks.get(node)?.number === number;
  }

  function markLink(link) {
    const number = linked(link);
    if (number && !isMark(link.nextSibling, number)) {
      if (marks.has(link.nextSibling)) unmark(link.nextSibling);
      link.after(newMark(number, number, false));
    }
  }

  function linked(link) {
    let text = link.getAttribute("href").replace(/^[a-z]+:(?:\/\/)?/i, "");
    try {
      text = decodeURIComponent(text);
    } catch {
      // It is read as it is.
    }
    text = text.split(/[;?]/)[0];
    const digits = (/^\s*\+/.test(text) ? "+" : "") + text.replace(/\D/g, "");
    return globalThis.CentralinoNumbers.read(text, country) || (/\d/.test(digits) ? digits : "");
  }

  function newMark(number, written, withButton) {
    const host = document.createElement(HOST);
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [(sheet ??= newSheet())];
    const icon = document.createElement(withButton ? "button" : "span");
    icon.className = "icon";
    icon.textContent = "\u260E\uFE0E";
    icon.dataset.number = number;
    if (withButton) {
      icon.type = "button";
      icon.title = `Call ${number}`;
      icon.setAttribute("aria-label", `Call ${written.trim()}`);
      icon.addEventListener("click", (event) => onButton(event, number));
    } else {
      icon.setAttribute("aria-hidden", "true");
    }
    const status = document.createElement("span");
    status.className = "state";
    status.setAttribute("role", "status");
    root.append(icon, status);
    marks.set(host, { number, icon, status });
    if (calls.has(number)) show(number);
    return host;
  }

  function newSheet() {
    const made = new CSSStyleSheet();
    made.replaceSync(`
      :host { all: initial !important; white-space: nowrap !important; user-select: none !important; }
      .icon { all: unset; cursor: pointer; margin: 0 .15em 0 .2em; padding: 0 .2em; border-radius: .3em;
        font: 600 .95em/1.2 system-ui, sans-serif; color: #0b6b3a; background: #0b6b3a1a; }
      span.icon { cursor: default; }
      button.icon:hover { background: #0b6b3a40; }
      button.icon:focus-visible { outline: 2px solid #0b6b3a; outline-offset: 1px; }
      .icon[aria-disabled="true"] { opacity: .5; cursor: default; }
      .state { font: 500 12px/1.4 system-ui, sans-serif; color: #333; background: #fffbe0;
        border-radius: .3em; padding: 0 .4em; white-space: normal; unicode-bidi: isolate; }
      .state:empty { display: none; }
      .state[data-state="refused"], .state[data-state="failed"], .state[data-state="unknown"] {
        color: #8a1010; background: #fdecec; }
      .state[data-state="ringing"], .state[data-state="answered"] { color: #0b4d2a; background: #e2f5e9; }
      @media print { .icon, .state { display: none; } }
    `);
    return made;
  }

  // --- calls --------------------------------------------------------------------------------------

  // A page can send events, but none that a person made.
  function onButton(event, number) {
    event.stopPropagation();
    event.preventDefault();
    if (event.isTrusted) void call(number);
  }

  function onLink(event) {
    const link = event.composedPath().find((node) => node.nodeType === 1 && node.matches(LINK));
    if (!link || !event.isTrusted || event.button !== 0 || isEdited(link)) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const number = linked(link);
    if (!number) return;
    event.preventDefault();
    markLink(link);
    void call(number);
  }

  async function call(number) {
    const live = calls.get(number);
    if (live && !FINAL.has(live.state)) return;
    const id = crypto.randomUUID();
    update(number, { id, state: "dialling" });
    let answer = await tell({ type: "call", id, number });
    // The worker was stopped before it answered: it is the same call when it is asked again.
    answer ??= await tell({ type: "call", id, number });
    update(number, { id, ...(answer ?? { state: "unknown", reason: "no_answer" }) });
    await watch(number, id);
  }

  async function watch(number, id) {
    for (let round = 0; round < POLLS; round += 1) {
      if (calls.get(number)?.id !== id || FINAL.has(calls.get(number).state)) return;
      const pause = Math.min(POLL_MS, FIRST_POLL_MS * 2 ** round);
      await new Promise((done) => setTimeout(done, pause));
      const answer = await tell({ type: "state", id });
      if (answer) update(number, { id, ...answer });
    }
    // Nobody says how it ends: the number can be called again.
    if (calls.get(number)?.id === id) update(number, { id, state: "ended", quietly: true });
  }

  async function tell(message) {
    try {
      return await chrome.runtime.sendMessage(message);
    } catch {
      return null;
    }
  }

  function update(number, state) {
    calls.set(number, state);
    show(number);
  }

  function show(number) {
    const live = calls.get(number);
    for (const mark of marks.values()) {
      if (mark.number !== number) continue;
      mark.status.dataset.state = live.state;
      const text = sentence(live);
      // A screen reader says what changes, so what stays the same is left alone.
      if (mark.status.textContent !== text) mark.status.textContent = text;
      mark.icon.setAttribute("aria-disabled", String(!FINAL.has(live.state)));
    }
  }

  function sentence({ state, reason, detail, hint, quietly }) {
    const why = [detail, hint].filter(Boolean).join(" ") || REASONS[reason] || reason || "";
    switch (state) {
      case "asking":
        return "confirm it in the other window";
      case "dialling":
      case "requested":
      case "placed":
        return "dialling: your phone rings first";
      case "ringing":
        return "ringing";
      case "answered":
        return "answered";
      case "ended":
        return quietly ? "" : "ended";
      case "cancelled":
        return "";
      case "refused":
        return `refused: ${REASONS[reason] ?? why}`;
      case "unknown":
        return "not sure: look at your phone before you try again";
      default:
        return `failed: ${REASONS[reason] ?? (why || "no reason given")}`;
    }
  }

  const REASONS = {
    key: "the service doesn't know your key any more (see the extension's options)",
    busy: "your phone is busy",
    unknown_exten: "the PBX has no such extension",
    credentials: "the PBX refuses the service",
    unreachable: "the PBX can't be reached; nothing rang",
  };
})();
