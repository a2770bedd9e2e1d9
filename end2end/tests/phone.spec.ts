import type { Page } from "@playwright/test";
import { expect, open, test } from "../kit/test.ts";

const PAGES = ["/", "/apps/gateway-3333", "/apps/cloudflared?range=30d", "/events"];
const TARGET = 44;

/** What can be tapped, is seen, and is smaller than a finger. Links within a sentence are as large as their words. */
function tooSmall(page: Page): Promise<string[]> {
  return page.evaluate((least) => {
    const sizes: string[] = [];
    for (const element of document.querySelectorAll<HTMLElement>("button, input, select, summary, nav a, .name, .happened[href], .crumb a")) {
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      const box = element.getBoundingClientRect();
      // A link may be made larger than its words by what lies over it.
      const cover = getComputedStyle(element, "::after");
      const [width, height] =
        cover.position === "absolute"
          ? [Math.max(box.width, parseFloat(cover.width)), Math.max(box.height, parseFloat(cover.height))]
          : [box.width, box.height];
      if (width < least - 0.5 || height < least - 0.5) {
        sizes.push(`${element.tagName} "${element.textContent || element.ariaLabel}" ${Math.round(width)}×${Math.round(height)}`);
      }
    }
    return sizes;
  }, TARGET);
}

test.describe("on a phone @phone", () => {
  for (const address of PAGES) {
    test(`${address} does not scroll sideways, and a finger hits what can be tapped`, async ({ page }) => {
      await open(page, address);
      const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      expect(content).toBeLessThanOrEqual(view!);
      expect(await tooSmall(page)).toEqual([]);
    });
  }

  test("the bar at the bottom leads everywhere", async ({ page, overview }) => {
    await expect(overview.headline).toBeVisible();
    const bar = page.getByRole("navigation", { name: "Pages" }).last();
    await bar.getByRole("link", { name: "Events" }).tap();
    await expect(page).toHaveURL("/events");
    await bar.getByRole("button", { name: "Find" }).tap();
    await page.getByRole("combobox").fill("4444");
    await page.getByRole("option", { name: "gateway-4444" }).first().tap();
    await expect(page).toHaveURL("/apps/gateway-4444");
    await bar.getByRole("link", { name: "Overview" }).tap();
    await expect(page).toHaveURL("/");
  });
});
