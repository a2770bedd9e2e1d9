import { expect, pid, test } from "../kit/test.ts";

test.describe("with the keyboard @desktop", () => {
  test("j and k move, Enter opens", async ({ page, overview }) => {
    const names = await page.locator("[data-app]").evaluateAll((rows) => rows.map((row) => row.getAttribute("data-app") ?? ""));
    await page.keyboard.press("j");
    await expect(overview.row(names[0]!).getByRole("link")).toBeFocused();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await expect(overview.row(names[2]!).getByRole("link")).toBeFocused();
    await page.keyboard.press("k");
    await expect(overview.row(names[1]!).getByRole("link")).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(`/apps/${names[1]}`);
  });

  test("r restarts", async ({ page, overview }) => {
    const before = await pid(page, "monitoring-bridge");
    await overview.row("monitoring-bridge").getByRole("link").focus();
    await page.keyboard.press("r");
    await expect(overview.row("monitoring-bridge")).toContainText("Restarted.");
    expect(await pid(page, "monitoring-bridge")).not.toBe(before);
  });

  test("/ filters by name", async ({ page, overview }) => {
    await page.keyboard.press("/");
    const filter = page.getByRole("searchbox", { name: "Filter apps by name" });
    await expect(filter).toBeFocused();
    await page.keyboard.type("gate");
    await expect(page.locator("[data-app]")).toHaveCount(2);
    await expect(overview.row("gateway-3333")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.locator("[data-app]")).toHaveCount(9);
  });

  test("? lists the keys", async ({ page, overview }) => {
    await expect(overview.headline).toBeVisible();
    await page.keyboard.press("?");
    const keys = page.getByRole("dialog", { name: "Keys" });
    await expect(keys).toContainText("restart it");
    await page.keyboard.press("Escape");
    await expect(keys).toBeHidden();
  });

  test("Ctrl K finds services, pages and actions", async ({ page, overview }) => {
    await expect(overview.headline).toBeVisible();
    await page.keyboard.press("Control+k");
    const palette = page.getByRole("dialog", { name: "Find or do anything" });
    await expect(palette.getByRole("combobox")).toBeFocused();
    await page.keyboard.type("3333");
    await expect(palette.getByRole("option").first()).toContainText("gateway-3333");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL("/apps/gateway-3333");

    const before = await pid(page, "metrics-emitter");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("restart metrics");
    await page.keyboard.press("Enter");
    await expect.poll(() => pid(page, "metrics-emitter")).not.toBe(before);

    await page.keyboard.press("Control+k");
    await page.keyboard.type("events");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL("/events");
  });
});
