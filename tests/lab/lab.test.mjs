// What a user of JupyterLab does with this kernel, and sees.

import { assert, cell, fs, lab, menu, open, path, picture, ran, root, run, url, write } from "./lab.mjs";

const tutorial = path.join(import.meta.dirname, "../../notebooks/threading.ipynb");
/// JupyterLab shows a traceback as it shows stderr.
const ERROR = '[data-mime-type="application/vnd.jupyter.stderr"]';
const RESULT = ".jp-OutputArea-executeResult .jp-OutputArea-output";
/// Rust that waits until the test has seen what it wanted to see, and creates this file.
const wait = (file) => `while !std::path::Path::new("${file}").exists() { std::thread::yield_now(); }`;
const go = (file) => fs.writeFileSync(path.join(root, file), "");

const stop = (page) => page.locator('[data-command="notebook:interrupt-kernel"]').click();
/// Where the user answers a cell that asks with this prompt.
const question = (page, prompt) =>
  page.locator(".jp-Stdin", { has: page.locator(".jp-Stdin-prompt", { hasText: new RegExp(`^${prompt.replace("?", "\\?")}$`) }) })
    .locator("input");

/// The file that JupyterLab's menu makes of the open notebook.
async function exportAsHtml(page, sanitized) {
  const asked = page.context().waitForEvent("request", (request) => request.url().includes("/nbconvert/html/"));
  await menu(page, "File", "Save and Export Notebook As", "HTML");
  await page.locator(".jp-Dialog input[type=checkbox]").setChecked(sanitized);
  await page.locator(".jp-Dialog .jp-mod-accept").click();
  // The new tab's address is what the browser saves as a file.
  const answer = await page.request.get((await asked).url(), { headers: { referer: page.url() } });
  assert.equal(answer.status(), 200);
  return answer.text();
}

lab("the launcher offers the kernel", async (page) => {
  await page.goto(url("/lab"));
  await page.locator(".jp-LauncherCard", { hasText: "Rust (Threadbook)" }).first().waitFor();
});

lab("the tutorial runs from top to bottom and is exported as HTML", async (page) => {
  const recorded = JSON.parse(fs.readFileSync(tutorial)).cells.filter((one) => one.cell_type === "code");
  fs.copyFileSync(tutorial, path.join(root, "threading.ipynb"));
  await open(page, "threading.ipynb");
  await menu(page, "Edit", "Clear Outputs of All Cells");
  await menu(page, "Run", "Run All Cells");
  for (const [n, one] of recorded.entries()) {
    await ran(page, n, n + 1);
    const outputs = cell(page, n).locator(".jp-OutputArea-output");
    const count = await outputs.count();
    // The last cell's recorded outputs are none: the original kept nothing of what its children printed.
    const expected = one.outputs.length > 0 || n === recorded.length - 1;
    assert.equal(count > 0, expected, `In[${n + 1}] shows ${count} outputs`);
    assert.equal(await cell(page, n).locator(ERROR).count(), 0);
  }
  await cell(page, 0).scrollIntoViewIfNeeded();
  await cell(page, 0).locator(".jp-OutputArea-output", { hasText: /^Thread-2 4$/m }).waitFor();
  await picture(page, "the tutorial's first cells");

  await page.keyboard.press("Control+s");
  // "Sanitize HTML output" is ticked at first, and nbconvert then shows the tags of headings and paragraphs as text.
  assert.match(await exportAsHtml(page, true), /&lt;h3 id="1.1-Creating/);
  const html = await exportAsHtml(page, false);
  assert.match(html, /<h3 id="1.1-Creating[^]*Thread-2 4/);
  const exported = await page.context().newPage();
  await exported.setContent(html, { waitUntil: "domcontentloaded" });
  await picture(exported, "the exported tutorial");
  await exported.close();
});

lab("the stop button interrupts a cell, and the variables stay as it left them", async (page) => {
  write("interrupt.ipynb", "let mut turns = 1;", 'turns += 1; println!("on"); loop { std::hint::spin_loop(); }', "turns");
  await open(page, "interrupt.ipynb");
  await run(page, 0);
  await ran(page, 0, 1);
  await run(page, 1);
  await cell(page, 1).locator(".jp-OutputArea-output", { hasText: "on" }).waitFor();
  await stop(page);
  await cell(page, 1).locator(ERROR, { hasText: "Interrupted" }).waitFor();
  await run(page, 2);
  await cell(page, 2).locator(RESULT, { hasText: /^\s*2\s*$/ }).waitFor();
});

lab("a cell that crashes says so, and the variables stay as they were before it", async (page) => {
  write("crash.ipynb", "let mut kept = vec![1, 2, 3];", "kept.push(4);\nstd::process::abort();", "kept.len()");
  await open(page, "crash.ipynb");
  await run(page, 0);
  await ran(page, 0, 1);
  await run(page, 1);
  await cell(page, 1).locator(ERROR, { hasText: "signal 6 (SIGABRT, abort)" }).waitFor();
  await run(page, 2);
  await cell(page, 2).locator(RESULT, { hasText: /^\s*3\s*$/ }).waitFor();
});

lab("a cell's questions are answered below it", async (page) => {
  write(
    "input.ipynb",
    'let name = threadbook::input("name? ")?;\nlet mut line = String::new();\nstd::io::stdin().read_line(&mut line)?;\n' +
      'println!("read {name} {line:?}");',
    'println!("{} letters", threadbook::getpass("word? ")?.len());',
  );
  await open(page, "input.ipynb");
  await run(page, 0);
  await question(page, "name? ").fill("Ann");
  await picture(page, "the prompt of a cell");
  await page.keyboard.press("Enter");
  await question(page, "").fill("a line");
  await page.keyboard.press("Enter");
  await cell(page, 0).locator(".jp-OutputArea-output", { hasText: 'read Ann "a line\\n"' }).waitFor();
  await run(page, 1);
  const password = question(page, "word? ");
  assert.equal(await password.getAttribute("type"), "password");
  await password.fill("secret");
  await page.keyboard.press("Enter");
  await cell(page, 1).locator(".jp-OutputArea-output", { hasText: "6 letters" }).waitFor();
  assert.doesNotMatch(await page.locator(".jp-Notebook").innerText(), /secret/);
});

lab("the stop button ends a question", async (page) => {
  write("stopped.ipynb", "let mut count = 1;", 'count += 1;\nthreadbook::input("go on? ")?;\ncount += 1;', "count");
  await open(page, "stopped.ipynb");
  await run(page, 0);
  await ran(page, 0, 1);
  await run(page, 1);
  await question(page, "go on? ").waitFor();
  await stop(page);
  await cell(page, 1).locator(ERROR, { hasText: "Interrupted" }).waitFor();
  await run(page, 2);
  await cell(page, 2).locator(RESULT, { hasText: /^\s*2\s*$/ }).waitFor();
});

lab("a restart begins anew, and errors are rustc's", async (page) => {
  write("restart.ipynb", "let x = 20;\nx + 1", "let y: u8 = x;\ny");
  await open(page, "restart.ipynb");
  await run(page, 0);
  await cell(page, 0).locator(RESULT, { hasText: "21" }).waitFor();
  await page.locator('[data-command="notebook:restart-kernel"]').click();
  await page.locator(".jp-Dialog .jp-mod-accept").click();
  await page.locator("#jp-main-statusbar", { hasText: "Rust (Threadbook) | Idle" }).waitFor();
  await run(page, 1);
  await ran(page, 1, 1);
  await cell(page, 1).locator(ERROR, { hasText: "cannot find value `x` in this scope" }).waitFor();
});

lab("Tab completes to the text that the popup shows", async (page) => {
  write("complete.ipynb", "let number_of_crabs = 3;", "/* 🦀 */ number_o", "pri");
  await open(page, "complete.ipynb");
  await run(page, 0);
  await ran(page, 0, 1);
  const text = (n) => cell(page, n).locator(".cm-content");
  await text(1).click();
  await page.keyboard.press("End");
  await page.keyboard.press("Tab");
  await page.locator(".jp-Completer-item", { hasText: "number_of_crabs" }).waitFor();
  // JupyterLab shows the popup for a single candidate too, whichever the kernel; a second Tab takes it.
  await page.keyboard.press("Tab");
  await text(1).filter({ hasText: /^\/\* 🦀 \*\/ number_of_crabs$/ }).waitFor();

  await text(2).click();
  await page.keyboard.press("End");
  await page.keyboard.press("Tab");
  const item = page.locator(".jp-Completer-item", { hasText: "println!" });
  await item.waitFor();
  await picture(page, "the completion popup");
  await item.click();
  await text(2).filter({ hasText: /^println!$/ }).waitFor();
});

lab("a handle changes its display while the cell runs", async (page) => {
  const bar = (n) => `Display::new().html("<progress value='${n}' max='100'></progress> ${n} %")`;
  write(
    "progress.ipynb",
    `use threadbook::display::Display;\nlet bar = ${bar(0)}.show();\n` +
      `std::thread::scope(|s| { s.spawn(|| { ${wait("half")}\nbar.update(${bar(50)}); }); });\n` +
      `${wait("whole")}\nbar.update(${bar(100)});`,
  );
  await open(page, "progress.ipynb");
  await run(page, 0);
  const output = cell(page, 0).locator(".jp-OutputArea-output");
  await output.filter({ hasText: /^\s*0 %/ }).waitFor();
  go("half");
  await output.filter({ hasText: /^\s*50 %/ }).waitFor();
  await picture(page, "a progress bar half way");
  go("whole");
  await output.filter({ hasText: /^\s*100 %/ }).waitFor();
  assert.equal(await output.count(), 1);
});

lab("a bar of indicatif is one line that changes", async (page) => {
  write(
    "indicatif.ipynb",
    `:dep indicatif = "0.18"
:dep console = "0.16"
use indicatif::{ProgressBar, ProgressDrawTarget};`,
    `let stderr = Box::new(console::Term::buffered_stderr());
let bar = ProgressBar::with_draw_target(Some(4), ProgressDrawTarget::term_like_with_hz(stderr, 10));
bar.inc(1);\nbar.tick();\n${wait("bar")}\nbar.inc(3);\nbar.finish();`,
  );
  await open(page, "indicatif.ipynb");
  await run(page, 0);
  await ran(page, 0, 1);
  await run(page, 1);
  const output = cell(page, 1).locator(".jp-OutputArea-output");
  await output.filter({ hasText: "1/4" }).waitFor();
  await picture(page, "a bar of indicatif");
  go("bar");
  await output.filter({ hasText: "4/4" }).waitFor();
  assert.doesNotMatch(await cell(page, 1).locator(".jp-OutputArea").innerText(), /[0123]\/4/);
});

lab("plotters draws into the notebook", async (page) => {
  write(
    "plotters.ipynb",
    ':dep plotters = { version = "0.3", default-features = false, features = ["evcxr", "svg_backend", "line_series"] }\n' +
      "use plotters::prelude::*;",
    "evcxr_figure((320, 240), |root| {\n" +
      "    let mut chart = ChartBuilder::on(&root).margin(10).build_cartesian_2d(0.0..1.0, 0.0..1.0)?;\n" +
      "    chart.draw_series(LineSeries::new((0..=20).map(|n| n as f64 / 20.0).map(|x| (x, x * x)), &RED))?;\n" +
      "    Ok(())\n})",
  );
  await open(page, "plotters.ipynb");
  await run(page, 0);
  await ran(page, 0, 1);
  await run(page, 1);
  await ran(page, 1, 2);
  await cell(page, 1).locator('[data-mime-type="text/html"] svg polyline').waitFor();
});

lab("%%threads is seen in light and in dark", async (page) => {
  write(
    "threads.ipynb",
    "%%threads\nuse threadbook::threading::Thread;\n" +
      'let workers: Vec<_> = (0..3).map(|n| Thread::new(move || for i in 0..4 {\n' +
      '    println!("{n} {i}");\n    threadbook::time::sleep(0.02 * n as f64);\n})).collect();\n' +
      "for worker in &workers { worker.start()?; }\nfor worker in &workers { worker.join()?; }",
  );
  await open(page, "threads.ipynb");
  await run(page, 0);
  const drawing = cell(page, 0).locator('.jp-OutputArea-output[data-mime-type="image/svg+xml"] > *');
  await drawing.waitFor();
  const { width, height } = await drawing.boundingBox();
  const area = await cell(page, 0).locator(".jp-OutputArea").boundingBox();
  // It is scaled to the cell, and nothing of it is cut off.
  assert(width > 300 && height > 60 && width <= area.width, `${width} x ${height} in ${area.width}`);
  await picture(page, "threads in light");
  await menu(page, "Settings", "Theme", "JupyterLab Dark");
  await page.locator('body[data-jp-theme-light="false"]').waitFor({ state: "attached" });
  await page.locator("#jupyterlab-splash").waitFor({ state: "detached" });
  await picture(page, "threads in dark");
  await menu(page, "Settings", "Theme", "JupyterLab Light");
  await page.locator('body[data-jp-theme-light="true"]').waitFor({ state: "attached" });
});
