// The service worker: the only part that knows the key, and the only one that asks the service.
//
// Pages send it numbers and get states back. It may be stopped at any moment, so what it has to
// remember is in the browser's storage: the settings in `local`, the calls in `session`.

"use strict";

const LIMIT_MS = 25_000;
const FINAL = new Set(["refused", "failed", "ended", "unknown", "cancelled"]);
// What the service says of a call that a PBX did not place; every other reason is a refusal.
const FAILURES = new Set([
  "busy",
  "unknown_exten",
  "credentials",
  "unreachable",
  "refused",
  "unknown",
]);
const LOOPBACK = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

// Content scripts run inside pages: they are not to read the key.
for (const area of [chrome.storage.local, chrome.storage.session]) {
  void area.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" });
}

chrome.action.onClicked.addListener(() => chrome.runtime.openOptionsPage());
chrome.runtime.onInstalled.addListener(async ({ reason }) => {
  if (reason === "install") await chrome.runtime.openOptionsPage();
});

// Who closes the question says no.
chrome.windows.onRemoved.addListener(async (closed) => {
  const records = await chrome.storage.session.get();
  for (const [id, record] of Object.entries(records)) {
    if (record.window === closed && record.state === "asking") {
      await put(id, { ...record, state: "cancelled" });
    }
  }
});

chrome.runtime.onMessage.addListener((message, sender, answer) => {
  const ours = sender.url?.startsWith(chrome.runtime.getURL(""));
  const handlers = ours ? OF_OURS : OF_PAGES;
  const handler = Object.hasOwn(handlers, message?.type) ? handlers[message.type] : null;
  if (sender.id !== chrome.runtime.id || !handler) return false;
  handler(message, sender).then(answer, (error) => {
    answer({ state: "failed", reason: "error", detail: String(error?.message ?? error) });
  });
  return true;
});

// What a page's content script may ask. Nothing of it answers with the key or the URL.
const OF_PAGES = {
  async settings(message, sender) {
    const settings = await load();
    const on = Boolean(settings.key) && !settings.quiet.includes(siteOf(sender));
    return { on, country: settings.country };
  },

  async call({ id, number }, sender) {
    if (!/^[0-9a-f-]{36}$/.test(id) || !/^\+?[0-9]{1,20}$/.test(number)) {
      return { state: "failed", reason: "error", detail: "that is no number" };
    }
    const settings = await load();
    const site = siteOf(sender);
    const known = await get(id);
    // The page asks again if it was left without an answer.
    if (known) return known.state === "dialling" ? shown(await originate(id, known)) : shown(known);
    const record = { number, site, state: "dialling", call_id: "", at: Date.now() };
    if (!settings.sites.includes(site)) return shown(await ask(id, record));
    return shown(await originate(id, record));
  },

  async state({ id }, sender) {
    const record = await get(id);
    if (!record || record.site !== siteOf(sender)) return { state: "unknown" };
    if (!record.call_id || FINAL.has(record.state)) return shown(record);
    return shown(await refresh(id, record));
  },
};

// What our own pages may ask: the options and the question.
const OF_OURS = {
  async asked({ id }) {
    const record = await get(id);
    const { exten } = await load();
    return record?.state === "asking" ? { number: record.number, site: record.site, exten } : null;
  },

  async decide({ id, yes, always }) {
    const record = await get(id);
    if (record?.state !== "asking") return null;
    if (!yes) return shown(await put(id, { ...record, state: "cancelled" }));
    if (always && record.site !== "null") {
      const { sites } = await load();
      await chrome.storage.local.set({ sites: [...new Set([...sites, record.site])] });
    }
    return shown(await originate(id, { ...record, state: "dialling" }));
  },

  async save({ url, key, exten, sites, quiet }) {
    const base = cleanBase(url);
    const kept = await load();
    const secret = key || kept.key;
    if (!secret) throw new Error("The key is missing.");
    if (!key && base !== kept.url) throw new Error("With another address, give the key again.");
    if (!/^[0-9]{0,20}$/.test(exten)) throw new Error("The extension is digits.");
    const who = await whoami(base, secret);
    const country = who.country;
    await chrome.storage.local.set({ url: base, key: secret, exten, country, sites, quiet });
    return { state: "saved", tenant: who.tenant, country };
  },

  async options() {
    const { url, key, exten, sites, quiet } = await load();
    return { url, exten, sites, quiet, has_key: Boolean(key) };
  },

  async forget() {
    await chrome.storage.local.clear();
    return { state: "forgotten" };
  },
};

async function load() {
  const kept = await chrome.storage.local.get();
  return { url: "", key: "", exten: "", country: "", sites: [], quiet: [], ...kept };
}

async function get(id) {
  return (await chrome.storage.session.get(id))[id];
}

async function put(id, record) {
  await chrome.storage.session.set({ [id]: record });
  return record;
}

// The page that the browser says it is; one without an origin of its own is asked for every time.
function siteOf(sender) {
  return sender.origin || "null";
}

function shown({ state, reason, detail, hint, dialled }) {
  return { state, reason, detail, hint, dialled };
}

function cleanBase(text) {
  const { origin, pathname, protocol } = new URL(text);
  if (protocol !== "https:" && !LOOPBACK.test(origin)) {
    throw new Error("The address has to begin with https://.");
  }
  return `${origin}${pathname}`.replace(/\/+$/, "");
}

async function whoami(base, key) {
  let answer;
  try {
    answer = await send(`${base}/v1/whoami`, key, {});
  } catch {
    throw new Error("Nobody answers at that address.");
  }
  if (answer.status === 401) throw new Error("The service doesn't know that key.");
  const who = await bodyOf(answer);
  if (!answer.ok || !who.tenant) throw new Error("That address is no Centralino.");
  // A key that can do more than place the calls of one phone has no business in a browser.
  if (who.role !== "agent") throw new Error(`That key is of role ${who.role}; use an agent's.`);
  return who;
}

// A window of ours asks, so that no page can make somebody call by what it shows or hides.
async function ask(id, record) {
  await put(id, { ...record, state: "asking" });
  const page = `confirm.html?id=${id}`;
  const opened = await chrome.windows.create({ url: page, type: "popup", width: 420, height: 320 });
  const now = await get(id);
  return put(id, { ...now, window: opened?.id ?? 0 });
}

async function originate(id, record) {
  const { url, key, exten } = await load();
  await put(id, record);
  const request = {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": id },
    // Without an extension the service takes the key's own.
    body: JSON.stringify({ number: record.number, exten: exten || undefined }),
  };
  const until = Date.now() + LIMIT_MS;
  let answer;
  let body;
  try {
    for (;;) {
      answer = await send(`${url}/v1/originate`, key, request).catch(() =>
        // Asked again with the same idempotency key, it is the same call.
        send(`${url}/v1/originate`, key, request),
      );
      body = await bodyOf(answer);
      // What was asked before is still being placed: how it ends is said to who asks once more.
      if (answer.status !== 409 || body.reason || Date.now() > until) break;
      await pauseOf(answer);
    }
  } catch {
    return put(id, { ...record, state: "unknown", reason: "no_answer" });
  }
  return put(id, { ...record, ...stateOf(answer.status, body) });
}

function pauseOf(answer) {
  const said = Number(answer.headers.get("retry-after") ?? 1);
  return new Promise((done) => setTimeout(done, Math.min(5, Math.max(0.2, said || 0)) * 1000));
}

async function refresh(id, record) {
  const { url, key } = await load();
  try {
    const answer = await send(`${url}/v1/originate/${record.call_id}`, key, {});
    if (!answer.ok) return record;
    return await put(id, { ...record, ...stateOf(202, await bodyOf(answer)) });
  } catch {
    return record;
  }
}

function send(url, key, request) {
  return fetch(url, {
    ...request,
    headers: { ...request.headers, "x-api-key": key },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(LIMIT_MS),
  });
}

async function bodyOf(answer) {
  try {
    return Object(await answer.json());
  } catch {
    return {};
  }
}

function stateOf(status, body) {
  const text = (name) => (typeof body[name] === "string" ? body[name].slice(0, 300) : "");
  const said = { reason: text("reason"), detail: text("detail"), hint: text("hint") };
  if (status === 202) {
    const id = /^[0-9A-Za-z]{22}$/.test(body.call_id) ? { call_id: body.call_id } : {};
    return { ...id, ...said, state: text("status") || "unknown", dialled: text("number") };
  }
  if (status === 401) return { ...said, state: "refused", reason: "key" };
  // The phone may ring: a gateway gave up waiting, or the call is being placed still.
  if (!said.reason && (status >= 500 || status === 409)) {
    return { ...said, state: "unknown", reason: "no_answer" };
  }
  const refused = status < 500 && said.reason && !FAILURES.has(said.reason);
  return { ...said, state: refused ? "refused" : "failed" };
}
