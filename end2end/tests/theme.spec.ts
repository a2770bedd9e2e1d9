import type { Page } from "@playwright/test";
import { expect, open, test } from "../kit/test.ts";

const ground = (page: Page) =>
  page.evaluate(() => {
    const probe = document.createElement("canvas").getContext("2d");
    if (!probe) throw new Error("no canvas");
    probe.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
    probe.fillRect(0, 0, 1, 1);
    return Math.max(...probe.getImageData(0, 0, 1, 1).data.slice(0, 3));
  });

const DARK = 80;

test("light and dark follow the system", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, "/");
  expect(await ground(page)).toBeGreaterThan(255 - DARK);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => ground(page)).toBeLessThan(DARK);
});

test("a switch turns them, and is kept", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, "/");
  await page.getByRole("button", { name: "Switch between light and dark" }).click();
  await expect.poll(() => ground(page)).toBeLessThan(DARK);
  await open(page, "/events");
  expect(await ground(page)).toBeLessThan(DARK);
  await page.getByRole("button", { name: "Switch between light and dark" }).click();
  await expect.poll(() => ground(page)).toBeGreaterThan(255 - DARK);
});
