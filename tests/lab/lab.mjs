// A `jupyter lab` with the kernel under test, a headless Chromium before it, and what a user does there.
// Everything waits for what the page shows, never for time.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { after, before, test } from "node:test";

const { chromium } = await import(process.env.PLAYWRIGHT);

const scratch = process.env.LAB_SCRATCH;
const pictures = process.env.THREADBOOK_PICTURES;
/// Where the server's notebooks are.
export const root = path.join(scratch, "notebooks");
/// How long a page may take for what a person would not call slow; and a cell, for what has to be compiled first.
const SOON = 20_000;
export const COMPILED = 60_000;

let server, browser, address, token;

before(
  async () => {
    fs.mkdirSync(root, { recursive: true });
    writeSettings();
    await startServer();
    browser = await chromium.launchPersistentContext(path.join(scratch, "browser"), {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      headless: true,
      viewport: { width: 1280, height: 900 },
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    browser.setDefaultTimeout(SOON);
  },
  { timeout: COMPILED },
);

after(async () => {
  await browser?.close();
  if (server && server.exitCode === null) {
    server.kill("SIGTERM");
    await once(server, "exit");
  }
});

/// Settings of a user who wants no news of JupyterLab.
function writeSettings() {
  const write = (plugin, value) => {
    const file = path.join(scratch, "settings", `${plugin}.jupyterlab-settings`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, JSON.stringify(value));
  };
  write("@jupyterlab/apputils-extension/notification", { fetchNews: "false", checkForUpdates: false });
}

async function startServer() {
  token = randomBytes(16).toString("hex");
  server = spawn(
    process.env.JUPYTER,
    ["lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", `--notebook-dir=${root}`, `--IdentityProvider.token=${token}`],
    {
      env: {
        ...process.env,
        JUPYTER_CONFIG_DIR: path.join(scratch, "config"),
        JUPYTER_DATA_DIR: path.join(scratch, "jupyter"),
        JUPYTER_RUNTIME_DIR: path.join(scratch, "runtime"),
        JUPYTERLAB_SETTINGS_DIR: path.join(scratch, "settings"),
        JUPYTERLAB_WORKSPACES_DIR: path.join(scratch, "workspaces"),
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const log = fs.createWriteStream(path.join(scratch, "server.log"));
  // The port is the first free one from 8888; the server says which when it listens.
  address = await new Promise((resolve, reject) => {
    readline.createInterface({ input: server.stderr }).on("line", (line) => {
      log.write(`${line}\n`);
      const said = /(http:\/\/127\.0\.0\.1:\d+)\/lab/.exec(line);
      if (said) resolve(said[1]);
    });
    server.on("exit", (code) => reject(new Error(`jupyter lab ended with ${code}`)));
  });
}

/// A test with a tab of its own; how the tab looked at the end is kept as a picture.
export function lab(name, body, timeout = 2 * COMPILED) {
  test(name, { timeout }, async () => {
    const page = await browser.newPage();
    try {
      await body(page);
    } finally {
      await picture(page, name);
      await page.close();
    }
  });
}

export async function picture(page, name) {
  await page.screenshot({ path: path.join(pictures, `${name.replace(/\W+/g, "-")}.png`) });
}

/// Writes a notebook with these code cells.
export function write(name, ...sources) {
  const cells = sources.map((source, n) => {
    return { cell_type: "code", id: `cell-${n}`, metadata: {}, execution_count: null, outputs: [], source };
  });
  const kernelspec = { name: "threadbook", display_name: "Rust (Threadbook)", language: "rust" };
  const notebook = { cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 };
  fs.writeFileSync(path.join(root, name), JSON.stringify(notebook));
}

/// The address of a part of JupyterLab; `reset` forgets what other tabs had open.
export function url(where) {
  return `${address}${where}?reset&token=${token}`;
}

/// Opens a notebook, and waits until its kernel has answered.
export async function open(page, name) {
  await page.goto(url(`/lab/tree/${name}`));
  await page.locator(".jp-Notebook-ExecutionIndicator[data-status=\"idle\"]").waitFor();
  await page.locator("#jp-main-statusbar", { hasText: "Rust (Threadbook) | Idle" }).waitFor();
}

/// The code cell of this number, from 0.
export function cell(page, n) {
  return page.locator(".jp-Notebook .jp-CodeCell").nth(n);
}

/// Selects the cell of this number and runs it.
export async function run(page, n) {
  await cell(page, n).locator(".jp-InputPrompt").click();
  await page.keyboard.press("Control+Enter");
}

/// Waits until the cell of this number has run as `In[count]`.
export async function ran(page, n, count) {
  const prompt = cell(page, n).locator(".jp-InputPrompt", { hasText: `[${count}]:` });
  await prompt.waitFor({ timeout: COMPILED });
}

export async function menu(page, ...path) {
  await page.locator(".lm-MenuBar-item", { hasText: path[0] }).click();
  for (const [depth, label] of path.slice(1).entries()) {
    const menus = page.locator(".lm-Menu").nth(depth);
    const exact = new RegExp(`^${label.replace(/[.()]/g, "\\$&")}$`);
    const item = menus.locator(".lm-Menu-itemLabel", { hasText: exact });
    await item.click();
  }
}

export { assert, fs, path };
