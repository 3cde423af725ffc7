// The panel of the last API calls.

import { $, ask, element, state } from "./state.js";

// ---- calls

const time = (ms) => {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 3600)).padStart(2, "0")}:${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
};
function verdict(call) {
  if (call.held) return ["held", "warn"];
  if (call.status === null) return [call.applied ? "lost, applied" : "no answer", "bad"];
  return [String(call.status), call.status < 300 ? "" : call.status === 429 ? "warn" : "bad"];
}
function summary(call) {
  const kinds = new Map();
  for (const kind of call.requests) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const parts = [...kinds].map(([kind, count]) => (count > 1 ? `${kind} ×${count}` : kind));
  if (call.fault) parts.push(`fault: ${call.fault}`);
  if (call.error) parts.push(call.error);
  return parts.join(", ");
}
function drawCalls() {
  $("no-calls").hidden = state.calls.length > 0;
  $("call-list").replaceChildren(...state.calls.slice(-40).reverse().map((call) => {
    const line = element("li", ""), [answer, colour] = verdict(call);
    line.append(element("time", "", time(call.at_ms)), element("span", "what", call.name.replace(/^spreadsheets\./, "")), element("span", `answer ${colour}`, answer));
    const more = summary(call);
    if (more) line.append(element("span", "more", more));
    return line;
  }));
  const last = state.calls.at(-1);
  $("last").textContent = last ? `last call ${time(last.at_ms)} ${last.kind} ${verdict(last)[0]}` : "";
}
/** Fetches the newest calls and shows them. */
export async function pollCalls() {
  try {
    const [log, quota] = await Promise.all([ask("/emulator/log?limit=40"), ask("/emulator/quota")]);
    state.calls = log.calls;
    $("quota").textContent = `${quota.used.reads} reads, ${quota.used.writes} writes`;
    drawCalls();
  } catch { /* the live mark says it */ }
}
