import { app, expect, link, mark, expectNoReload, open, pid, test } from "../kit/test.ts";

const RANGES = { "15 m": "15m", "1 h": "1h", "6 h": "6h", "24 h": "24h", "7 d": "7d", "30 d": "30d" };

test("the head says what it is and how it stands", async ({ page }) => {
  await open(page, "/apps/gateway-3333");
  await expect(page).toHaveTitle("gateway-3333 · Quarterdeck");
  const main = page.getByRole("main");
  await expect(main).toContainText(`pid ${await pid(page, "gateway-3333")}`);
  await expect(main).toContainText("node gateway-3333.js");
  await expect(main).toContainText(/port \d+/);
});

test("charts of memory and CPU, from 15 minutes to 30 days", async ({ page }) => {
  await open(page, "/apps/gateway-3333");
  const charts = page.getByRole("region", { name: "Charts" });
  await expect(charts.getByRole("heading", { name: /^Memory/ })).toContainText(/\d+ MB now · limit 200 MB/);
  await expect(charts.getByRole("heading", { name: /^CPU/ })).toContainText(/% now/);
  for (const [label, word] of Object.entries(RANGES)) {
    await charts.getByRole("link", { name: label, exact: true }).click();
    await expect(page).toHaveURL(`/apps/gateway-3333?range=${word}`);
    await expect(charts.getByRole("link", { name: label, exact: true })).toHaveAttribute("aria-current", "true");
  }
  await expect(link(page)).toHaveText("live");
});

test("the charts draw what was measured", async ({ page }) => {
  await open(page, "/apps/sttttserver");
  for (const kind of ["memory", "cpu"]) {
    await expect(page.locator(`.plot.${kind} path.stroke`)).toHaveAttribute("d", /[ML].*\d/, { timeout: 20_000 });
  }
});

test("a restart is a mark through all charts, and the log stands around it when it is clicked", async ({ page, deck }) => {
  await deck.trouble("gateway-3333", "crash");
  await open(page, "/apps/gateway-3333");
  for (const kind of ["memory", "cpu"]) {
    await expect(page.locator(`.plot.${kind} .mark`).first()).toBeAttached();
  }
  const mark = page.locator(".plot.memory .mark").first();
  const canvas = page.locator(".plot.memory .canvas").first();
  const [line, box] = [await mark.boundingBox(), await canvas.boundingBox()];
  if (!line || !box) throw new Error("the chart is not on the page");
  await canvas.click({ position: { x: Math.min(Math.max(line.x - box.x, 1), box.width - 2), y: 20 } });
  await expect(page.getByRole("heading", { level: 2, name: "Log around" })).toBeVisible();
  await expect(page.getByRole("list", { name: "Lines" })).toContainText("TypeError: Cannot read properties of undefined");
  await page.getByRole("button", { name: "Follow" }).click();
  await expect(page.getByRole("heading", { level: 2, name: "Log", exact: true })).toBeVisible();
});

test("the log follows what is written", async ({ page, deck }) => {
  await open(page, "/apps/ari-gstreamer");
  await mark(page);
  const lines = page.getByRole("list", { name: "Lines" });
  await expect(lines).toContainText("ari-gstreamer listens on");
  await deck.trouble("ari-gstreamer", "flood?lines=7");
  await expect(lines).toContainText("flood line 7 of 7");
  // On a small screen the log stands below the charts.
  await lines.scrollIntoViewIfNeeded();
  await expect(lines.getByRole("listitem").last()).toBeInViewport({ ratio: 0 });
  await expectNoReload(page);
});

test("why it restarted: cause, length, exit and last lines", async ({ page, deck }) => {
  // The peak of a run is known once it was measured.
  await expect.poll(async () => (await app(page, "monitoring-bridge")).instances[0]?.memory_bytes).toBeGreaterThan(0);
  await deck.trouble("monitoring-bridge", "crash");
  await open(page, "/apps/monitoring-bridge");
  const run = page.getByRole("region", { name: "Why it restarted" }).getByRole("listitem").first();
  await expect(run).toContainText(/ran .+ · peak \d+ MB · exit 1/);
  await run.getByText("Its last lines").click();
  await expect(run).toContainText("TypeError: Cannot read properties of undefined (reading 'sampleRate')");
});

test("Restart works here too", async ({ page }) => {
  await open(page, "/apps/monitoring-server");
  const before = await pid(page, "monitoring-server");
  await page.getByRole("button", { name: "Restart monitoring-server" }).click();
  await expect(page.getByRole("main")).toContainText("Restarted.");
  const after = await pid(page, "monitoring-server");
  expect(after).not.toBe(before);
  await expect(page.getByRole("main")).toContainText(`pid ${after}`);
});

test("an app that is not there, and a page that is not there, say what to do", async ({ page, complaints }) => {
  complaints.expectSome(/status of 404/);
  await page.goto("/apps/nobody");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("No app is called nobody");
  await page.goto("/nowhere");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("There is no such page.");
  await page.getByRole("link", { name: "Back to the overview" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("of 9 services are running");
});
