// The options page. What it saves is tried first, by the service worker.

"use strict";

const field = (id) => document.getElementById(id);

void show();

async function show() {
  const kept = await chrome.runtime.sendMessage({ type: "options" });
  field("url").value = kept.url;
  field("exten").value = kept.exten;
  field("key").value = "";
  field("key").placeholder = kept.has_key ? "kept; leave empty" : "tenant.XXXXXXXXXXXXXXXXXXXXXX";
  field("sites").value = kept.sites.join("\n");
  field("quiet").value = kept.quiet.join("\n");
  field("fields").disabled = false;
}

field("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  say("…");
  let sites;
  let quiet;
  try {
    sites = origins(field("sites").value);
    quiet = origins(field("quiet").value);
  } catch {
    say("A site is written like https://crm.example.", true);
    return;
  }
  const answer = await chrome.runtime.sendMessage({
    type: "save",
    url: field("url").value.trim(),
    key: field("key").value.trim(),
    exten: field("exten").value.trim(),
    sites,
    quiet,
  });
  if (answer.state === "saved") {
    await show();
    say(`Saved: ${answer.tenant}, ${answer.country}. Load open pages anew.`);
  } else {
    say(answer.detail, true);
  }
});

field("forget").addEventListener("click", async () => {
  await chrome.runtime.sendMessage({ type: "forget" });
  await show();
  say("Forgotten.");
});

function origins(text) {
  return text
    .split(/\s+/)
    .filter(Boolean)
    .map((line) => new URL(line).origin)
    .filter((origin) => origin !== "null");
}

function say(text, wrong = false) {
  field("state").textContent = text;
  field("state").className = wrong ? "wrong" : "";
}
