import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, open, test } from "../kit/test.ts";

const PAGES = { "the overview": "/", "an app": "/apps/gateway-3333", "an app at a moment": "/apps/cloudflared?range=24h", "the events": "/events" };

async function expectClean(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map((node) => node.target.join(" ")) }))).toEqual([]);
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme, contextOptions: { reducedMotion: "reduce" } });

    for (const [name, address] of Object.entries(PAGES)) {
      test(`axe finds nothing in ${name}`, async ({ page }) => {
        await open(page, address);
        await expectClean(page);
      });
    }

    test("axe finds nothing in what lies over the page", async ({ page }) => {
      await open(page, "/apps/gateway-3333");
      await page.getByRole("button", { name: "More actions for gateway-3333" }).click();
      await expectClean(page);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Stop gateway-3333" }).click();
      await expectClean(page);
      await page.getByRole("button", { name: "Leave it running" }).click();
      await page.keyboard.press("Control+k");
      await expect(page.getByRole("dialog", { name: "Find or do anything" })).toBeVisible();
      await expectClean(page);
      await page.keyboard.press("Escape");
      await expect(page.getByRole("dialog", { name: "Find or do anything" })).toBeHidden();
      await page.keyboard.press("?");
      await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
      await expectClean(page);
    });

    test("axe finds nothing where there is nothing", async ({ page, complaints }) => {
      complaints.expectSome(/status of 404/);
      await page.goto("/apps/nobody");
      await expectClean(page);
    });

    test("axe finds nothing in the login", async ({ browser, deck }) => {
      const context = await browser.newContext({ colorScheme, storageState: undefined, baseURL: deck.origin });
      const page = await context.newPage();
      await page.goto("/");
      await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
      await expectClean(page);
      await context.close();
    });
  });
}

test("the focus is seen @desktop", async ({ page, overview }) => {
  await overview.row("gateway-3333").getByRole("link").focus();
  await page.keyboard.press("Tab");
  const seen = await page.evaluate(() => {
    const style = getComputedStyle(document.activeElement ?? document.body);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  });
  expect(seen).toBe(true);
});
