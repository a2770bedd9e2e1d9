import { app, expect, expectNoReload, mark, open, pid, test } from "../kit/test.ts";

test.describe("in the overview @desktop", () => {
  test("Restart works by a click, says so, and gives a new process", async ({ page, overview }) => {
    await mark(page);
    const before = await pid(page, "monitoring-server");
    await overview.button("Restart", "monitoring-server").click();
    await expect(overview.row("monitoring-server")).toContainText("Restarted.");
    expect(await pid(page, "monitoring-server")).not.toBe(before);
    await expect(overview.row("monitoring-server").locator(".word")).toHaveText(/Running|Unsteady/);
    await expectNoReload(page);
  });

  test("an action shows within 100 ms that it was taken", async ({ page, overview }) => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route("**/api/control/**", async (route) => {
      await held;
      await route.continue();
    });
    const button = overview.row("metrics-emitter").getByRole("button", { name: /Restart/ });
    const elapsed = await button.evaluate((element) => {
      const begin = performance.now();
      (element as HTMLButtonElement).click();
      return new Promise<number>((resolve) => {
        const look = () => {
          const taken = element.getAttribute("aria-busy") === "true" && element.textContent?.startsWith("Restarting");
          if (taken) resolve(performance.now() - begin);
          else requestAnimationFrame(look);
        };
        look();
      });
    });
    expect(elapsed).toBeLessThan(100);
    await expect(button).toBeDisabled();
    release();
    await expect(overview.row("metrics-emitter")).toContainText("Restarted.");
  });

  test("stopping a critical service asks first", async ({ page, overview }) => {
    const before = await pid(page, "gateway-4444");
    await overview.openMenu("gateway-4444");
    await overview.button("Stop", "gateway-4444").click();
    const question = page.getByRole("dialog", { name: "Stop gateway-4444?" });
    await expect(question).toBeVisible();
    await question.getByRole("button", { name: "Leave it running" }).click();
    await expect(question).toBeHidden();
    expect(await pid(page, "gateway-4444")).toBe(before);

    await overview.openMenu("gateway-4444");
    await overview.button("Stop", "gateway-4444").click();
    await question.getByRole("button", { name: "Stop it" }).click();
    await expect(overview.row("gateway-4444").locator(".word")).toHaveText("Stopped");
    await expect(overview.headline).toHaveText("7 of 9 services are running.");
    expect((await app(page, "gateway-4444")).instances[0]?.pid ?? null).toBeNull();

    await overview.button("Start", "gateway-4444").click();
    await expect(overview.row("gateway-4444").locator(".word")).toHaveText(/Running|Unsteady/);
    await expect(overview.headline).toHaveText("8 of 9 services are running.");
  });

  test("stopping another service does not ask", async ({ page, overview }) => {
    await overview.openMenu("monitoring-bridge");
    await overview.button("Stop", "monitoring-bridge").click();
    await expect(overview.row("monitoring-bridge").locator(".word")).toHaveText("Stopped");
    await expect(page.getByRole("dialog")).toBeHidden();
    await overview.button("Start", "monitoring-bridge").click();
    await expect(overview.row("monitoring-bridge").locator(".word")).toHaveText(/Running|Unsteady/);
  });

  test("a failure is told in words where the button is", async ({ overview, complaints }) => {
    complaints.expectSome(/status of (4|5)\d\d/);
    await overview.button("Start", "cloudflared").click();
    const told = overview.row("cloudflared").locator(".feedback");
    await expect(told).toContainText(/cloudflared/);
    await expect(told).toContainText(/not found|no such/i);
    await told.getByRole("button", { name: "Dismiss" }).click();
    await expect(told).toBeHidden();
  });

  test("too many requests are told as such", async ({ page, overview, complaints }) => {
    complaints.expectSome(/status of 429/);
    await page.route("**/api/control/**", (route) =>
      route.fulfill({ status: 429, headers: { "retry-after": "7" }, json: { status: "ERROR", message: "slow down" } }),
    );
    await overview.button("Restart", "ari-gstreamer").click();
    await expect(overview.row("ari-gstreamer")).toContainText("Try again in 7 s");
  });
});

test("stopping a critical service asks first in its page too", async ({ page }) => {
  await open(page, "/apps/gateway-4444");
  const main = page.getByRole("main");
  const before = await pid(page, "gateway-4444");
  await main.getByRole("button", { name: "Stop gateway-4444" }).click();
  const question = page.getByRole("dialog", { name: "Stop gateway-4444?" });
  await question.getByRole("button", { name: "Leave it running" }).click();
  expect(await pid(page, "gateway-4444")).toBe(before);
  await main.getByRole("button", { name: "Stop gateway-4444" }).click();
  await question.getByRole("button", { name: "Stop it" }).click();
  await expect(main).toContainText("Stopped for");
  await main.getByRole("button", { name: "Start gateway-4444" }).click();
  await expect(main).toContainText(/(Running|Unsteady) for/);
});

test("a failure is told in words in the page of the service too", async ({ page, complaints }) => {
  complaints.expectSome(/status of (4|5)\d\d/);
  await open(page, "/apps/cloudflared");
  await page.getByRole("main").getByRole("button", { name: "Start cloudflared" }).click();
  await expect(page.locator(".feedback")).toContainText(/not found|no such/i);
});
