import { expect, expectNoReload, mark, pid, SERVICES, test } from "../kit/test.ts";

const ALL = [...SERVICES, "cloudflared"];

test("the page comes from the server with real data", async ({ page }) => {
  const response = await page.request.get("/");
  const html = await response.text();
  for (const name of ALL) expect(html).toContain(name);
  expect(html).toContain("8 of 9 services are running.");
  expect(html).toContain(String(await pid(page, "gateway-3333")));
});

test("a headline says how things stand, and which service is down", async ({ page, overview }) => {
  await expect(overview.headline).toHaveText("8 of 9 services are running.");
  const main = page.getByRole("main");
  await expect(main).toContainText(/cloudflared has been down for .+; nothing critical is affected\./);
  await expect(page).toHaveTitle("8 of 9 services are running · Quarterdeck");
});

test("four figures of the host", async ({ page, overview }) => {
  const host = page.getByLabel("This host");
  for (const label of ["CPU", "Memory", "Disk", "Up"]) {
    await expect(host.getByText(label, { exact: true })).toBeVisible();
  }
  await expect(host).toContainText(/\d+ %/);
  await expect(host).toContainText(/\d+ cores? · load \d/);
  await expect(overview.headline).toBeVisible();
});

test("the services stand by layer, each with its state, its use and one action", async ({ overview, isMobile }) => {
  const layers = { Core: 2, Monitoring: 5, Gateways: 2 };
  for (const [name, count] of Object.entries(layers)) {
    await expect(overview.layer(name).locator("[data-app]")).toHaveCount(count);
  }
  await expect(overview.layer("Monitoring").getByRole("heading", { level: 2 })).toContainText("4 of 5");
  for (const name of SERVICES) {
    const row = overview.row(name);
    await expect(row).toContainText(/Running|Unsteady/);
    await expect(row.locator(".memory").first()).toHaveText(/Memory \d+ MB/);
    // A small screen has the actions in the page of the service.
    if (!isMobile) await expect(overview.button("Restart", name)).toBeVisible();
  }
  if (!isMobile) await expect(overview.button("Start", "cloudflared")).toBeVisible();
});

test("a row that needs attention says why", async ({ overview }) => {
  await expect(overview.row("cloudflared")).toContainText("Down");
  await expect(overview.row("cloudflared").locator(".note")).toContainText(/not found|no such/i);
});

test("figures go on without a reload", async ({ page, overview, deck }) => {
  await mark(page);
  // One that begins just now: after a minute it would be told in minutes.
  const before = await pid(page, "metrics-emitter");
  await deck.trouble("metrics-emitter", "exit?code=3");
  await expect.poll(() => pid(page, "metrics-emitter")).not.toBe(before);
  const up = overview.row("metrics-emitter").locator(".since");
  await expect(up).toHaveText(/^[1-9]\d* s$/);
  await expect(up).not.toHaveText((await up.textContent()) ?? "");
  await expect(up).toHaveText(/^\d+ [sm]$/);
  await expectNoReload(page);
});

test("a crash appears with its cause within 3 seconds, without a reload", async ({ page, overview, deck }) => {
  await mark(page);
  const before = await pid(page, "database-api-server");
  await deck.trouble("database-api-server", "crash");
  const line = overview.news.getByRole("link").filter({ hasText: "database-api-server" }).first();
  await expect(line).toContainText(/TypeError|crash|exit/i, { timeout: 3000 });
  await expect.poll(() => pid(page, "database-api-server")).not.toBe(before);
  await expect(overview.row("database-api-server").locator(".restarts")).toHaveText(/^[1-9]/);
  await expectNoReload(page);
});

test("each line of what happened leads to that second in the page of its service", async ({ page, overview, deck }) => {
  await deck.trouble("metrics-emitter", "exit?code=3");
  const line = overview.news.getByRole("link").filter({ hasText: "metrics-emitter" }).first();
  await expect(line).toHaveAttribute("href", /^\/apps\/metrics-emitter\?at=\d{4}-\d\d-\d\dT/);
  await line.click();
  await expect(page).toHaveURL(/\/apps\/metrics-emitter\?/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("metrics-emitter");
  await expect(page.getByRole("heading", { level: 2, name: "Log around" })).toBeVisible();
});

test("the site is under 300 kB compressed, and comes from this host alone", async ({ page, deck }) => {
  const sizes = new Map<string, number>();
  const foreign: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(deck.origin)) foreign.push(request.url());
  });
  page.on("requestfinished", async (request) => {
    if (/\.(js|wasm)(\?|$)/.test(request.url())) sizes.set(request.url(), (await request.sizes()).responseBodySize);
  });
  await page.goto("/");
  await expect(page.locator("html[data-hydrated]")).toBeAttached();
  await expect.poll(() => sizes.size).toBeGreaterThanOrEqual(2);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  expect(total).toBeGreaterThan(10_000);
  expect(total).toBeLessThan(300_000);
  expect(foreign).toEqual([]);
});
