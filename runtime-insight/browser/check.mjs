// Drives the page in a real browser, as its user does: `cargo xtask page` runs it.
//
//   node check.mjs ADDRESS FOLDER
//
// The program at ADDRESS is the example `insight` with TASKS=100000. Pictures go into FOLDER. What
// is wrong is told, and makes the exit status 1.
import http from "node:http";
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
const own = new URL(address);
const BROWSER = process.env.CHROMIUM || "/usr/bin/chromium";
const PATIENCE = 20000;
// How long sorting and filtering may take, from the click to the new first row.
const QUICK = 1000;

let failed = 0;
function check(is, what) {
  console.log(`${is ? "ok    " : "FAILED"} ${what}`);
  if (!is) failed += 1;
}

// ---- who is refused ----

function ask(path, { method = "GET", host = own.host, token = true } = {}) {
  return new Promise((resolve, reject) => {
    const headers = { host };
    if (token) headers.authorization = `Bearer ${own.searchParams.get("token")}`;
    const request = http.request({ host: own.hostname, port: own.port, path, method, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    request.on("error", reject);
    request.end();
  });
}

check((await ask("/api/overview")) === 200, "the token opens it");
check((await ask("/api/overview", { token: false })) === 403, "without the token it is refused");
check((await ask("/api/overview", { host: "example.org" })) === 403, "a foreign host is refused");
check((await ask("/api/overview", { method: "POST" })) === 405, "POST is refused");

// ---- the browser ----

const browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox"] });

async function open(width, height, colorScheme) {
  const isMobile = width < 600;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, isMobile, hasTouch: isMobile });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) check(false, `the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => check(false, `an error in the page: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "blob:" && host !== own.host) check(false, `it asks elsewhere: ${request.url()}`);
    if (request.method() !== "GET") check(false, `it sends ${request.method()} ${request.url()}`);
  });
  await page.goto(address);
  return page;
}

const go = (page, view) => page.click(`nav a[href='#/${view}']`);
const firstRow = (page) => page.locator(".layer .row").first();

async function timed(what, act, seen) {
  const began = performance.now();
  await act();
  await seen();
  const took = Math.round(performance.now() - began);
  check(took <= QUICK, `${what} in ${took} ms`);
}

// ---- desktop ----

const page = await open(1280, 800, "light");
await page.locator(".tile .value", { hasText: /^100,\d\d\d$/ }).first().waitFor();
check(true, "the overview shows 100,000 tasks");
check((await page.evaluate(() => location.search)) === "", "the token is gone from the address");
await page.locator("td", { hasText: "one of many" }).first().waitFor();
check(true, "and where they were spawned");
await page.waitForFunction(() => document.querySelectorAll(".workers .line").length === 4);
check(true, "and a line for each worker");

await go(page, "tasks");
await page.locator("#found", { hasText: /^100,\d\d\d tasks$/ }).waitFor();
check((await page.locator(".layer .row").count()) < 60, "of the table only what is on the screen is there");
for (let round = 0; round < 3; round += 1) {
  await timed("sorted by the time busy, most first",
    () => page.click(".titles button[data-sort=busy]"),
    () => firstRow(page).filter({ hasText: "report" }).waitFor());
  await timed("sorted by polls, most first",
    () => page.click(".titles button[data-sort=polls]"),
    () => firstRow(page).filter({ hasText: /producer|consumer|ticker/ }).waitFor());
  await timed("sorted by id, least first",
    () => page.click(".titles button[data-sort=id]"),
    () => firstRow(page).filter({ hasText: "transfer a to b" }).waitFor());
}
const search = page.locator("input[type=search]");
for (const [words, count, row] of [
  ["mutex audit", /^1 of 100,\d\d\d tasks$/, "audit a"],
  ["many", /^100,000 of 100,\d\d\d tasks$/, "one of many"],
  ["no such thing", /^0 of /, "No such task"],
]) {
  await timed(`found by "${words}"`, () => search.fill(words), async () => {
    await page.locator("#found", { hasText: count }).waitFor();
    await firstRow(page).filter({ hasText: row }).waitFor();
  });
}
await search.fill("");
await page.locator("#found", { hasText: /^100,\d\d\d tasks$/ }).waitFor();
await timed("scrolled to the end",
  () => page.evaluate(() => { const table = document.querySelector(".scroller"); table.scrollTop = table.scrollHeight; }),
  () => page.waitForFunction(() => {
    const rows = [...document.querySelectorAll(".layer .row .id")];
    return rows.length && rows.every((row) => Number(row.lastChild.data) > 100000);
  }));
await page.evaluate(() => { document.querySelector(".scroller").scrollTop = 0; });
await page.selectOption("select[aria-label=State]", "waiting");
await page.locator(".layer .row").first().filter({ hasText: "waiting" }).waitFor();

await go(page, "findings");
await page.locator("svg.ring").waitFor();
const nodes = await page.locator("svg.ring .node .name").allTextContents();
check(nodes.join() === "transfer a to b,transfer b to a", `the deadlock as a picture: ${nodes.join(", ")}`);
await page.locator("h2", { hasText: "1 lost task" }).waitFor();
check(true, "the lost task is found");
const tips = await page.locator("svg.ring .edge").count();
check(tips === 2, "with an arrow for each wait");
await page.screenshot({ path: `${folder}/page-deadlock.png` });

await page.locator("svg.ring .node").first().click();
await page.locator("h1", { hasText: "transfer a to b" }).waitFor();
await page.locator("a", { hasText: "transfer b to a" }).first().waitFor();
await page.click("button:has-text('await chain')");
await page.locator("pre", { hasText: "insight.rs" }).waitFor();
check(true, "a task has its page, with links to those that it waits for, and its await chain");

await go(page, "locks");
await page.locator("p", { hasText: /^Held by transfer/ }).first().waitFor();
check(true, "locks have their holders");

await go(page, "downloads");
const [file] = await Promise.all([page.waitForEvent("download"), page.locator("a.button").first().click()]);
check(/^insight-\d+-dump\.txt$/.test(file.suggestedFilename()), `the dump is a file: ${file.suggestedFilename()}`);

const [trace] = await Promise.all([page.waitForEvent("download"), page.click("button:has-text('Download')")]);
check(/^insight-\d+-trace\.pftrace$/.test(trace.suggestedFilename()), `so is the trace: ${trace.suggestedFilename()}`);

await go(page, "overview");
await page.locator("td", { hasText: "one of many" }).first().waitFor();
// Time for its lines.
await page.waitForTimeout(8000);
await page.screenshot({ path: `${folder}/page-overview.png` });

// ---- both kinds of screen, both kinds of light ----

for (const [kind, width, height] of [["desktop", 1280, 800], ["phone", 390, 844]]) {
  for (const scheme of ["light", "dark"]) {
    const other = await open(width, height, scheme);
    const ready = {
      overview: ".tile .value", tasks: ".layer .row .c-name", findings: "svg.ring", locks: "details",
      downloads: "a.button",
    };
    for (const [view, selector] of Object.entries(ready)) {
      await go(other, view);
      await other.locator(selector).first().waitFor();
      const over = await other.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(over <= 0, `${kind}, ${scheme}, ${view}: it fits the width`);
      await other.screenshot({ path: `${folder}/${kind}-${scheme}-${view}.png`, fullPage: view !== "tasks" });
    }
    await other.context().close();
  }
}

await browser.close();
console.log(failed ? `${failed} FAILED` : "all is well");
process.exit(failed ? 1 : 0);
