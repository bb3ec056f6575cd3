// The pages' types hold: TypeScript reads their JSDoc, strictly.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MODULES } from "./browser.mjs";

test("types hold", () => {
  const config = fileURLToPath(new URL("../../src/console/web/jsconfig.json", import.meta.url));
  const run = spawnSync(process.execPath, [join(MODULES, "typescript/bin/tsc"), "-p", config, "--noEmit"], { encoding: "utf8" });
  assert.equal(run.stdout + run.stderr, "");
  assert.equal(run.status, 0);
});
