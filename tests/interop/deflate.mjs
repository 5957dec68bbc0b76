// What both ends of ws share where permessage-deflate is agreed on.

import { readFileSync } from "node:fs";
import { binary, cases, text } from "./common.mjs";

const table = JSON.parse(readFileSync(new URL("deflate.json", import.meta.url), "utf8"));

/** Bytes in which nothing is repeated, the same for each size. */
function noise(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0, state = size; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const payloads = {
  text,
  binary,
  noise,
  twice: (size) => Buffer.concat([noise(size), noise(size)]),
  hex: (size) => noise(size / 2).toString("hex"),
  ping: binary,
  fragments: () => cases.fragments.text,
};

/** The steps of each exercise: `[kind, payload]`, text as a string, anything else as a Buffer. */
export const exercises = Object.fromEntries(
  Object.entries(table.exercises).map(([name, steps]) => [
    name,
    steps.map(([kind, size]) => [kind, payloads[kind](size)]),
  ]),
);

/** "name; name=value" as options of ws. What isn't there is left to ws. */
export function options(parameters) {
  const names = {
    server_no_context_takeover: "serverNoContextTakeover",
    client_no_context_takeover: "clientNoContextTakeover",
    server_max_window_bits: "serverMaxWindowBits",
    client_max_window_bits: "clientMaxWindowBits",
  };
  // Without context ws would leave messages under 1 KiB as they are.
  const options = { threshold: 0 };
  for (const parameter of parameters.split("; ").filter(Boolean)) {
    const [name, value] = parameter.split("=");
    options[names[name]] = value ? Number(value) : true;
  }
  return options;
}
