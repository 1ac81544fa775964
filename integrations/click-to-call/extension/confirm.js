// Asks whether a number is to be called, in a window that no page can reach.

"use strict";

// A page that lures somebody into clicking twice opens this under the second click.
const SETTLE_MS = 600;
const id = new URLSearchParams(location.search).get("id");
const field = (name) => document.getElementById(name);
const opened = performance.now();

void show();

async function show() {
  const asked = await chrome.runtime.sendMessage({ type: "asked", id });
  if (!asked) {
    window.close();
    return;
  }
  field("number").textContent = asked.number;
  field("site").textContent = asked.site === "null" ? "a page without an address" : asked.site;
  field("exten").textContent = asked.exten && ` ${asked.exten}`;
  field("always-label").hidden = asked.site === "null";
  field("yes").focus();
}

field("yes").addEventListener("click", () => decide(true));
field("no").addEventListener("click", () => decide(false));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") void decide(false);
});

async function decide(yes) {
  if (yes && performance.now() - opened < SETTLE_MS) return;
  field("yes").disabled = true;
  await chrome.runtime.sendMessage({ type: "decide", id, yes, always: field("always").checked });
  window.close();
}
