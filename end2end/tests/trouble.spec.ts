import type { Browser, Page } from "@playwright/test";
import { Deck, expect, expectNoReload, mark, Overview, signIn, test } from "../kit/test.ts";

const NAME = "database-api-server";

async function checked(browser: Browser, health: object, see: (page: Page, deck: Deck) => Promise<void>): Promise<void> {
  const deck = await Deck.ofChecked(health);
  const context = await browser.newContext({ storageState: undefined, baseURL: deck.origin });
  try {
    const page = await context.newPage();
    await signIn(page, deck);
    await see(page, deck);
  } finally {
    await context.close();
    await deck.close();
  }
}

test("a service that fails its checks is told, healed, and well again, in sight", async ({ browser }) => {
  const health = { http: "/api-health", interval: "500ms", retry_interval: "500ms", retries: 3, cooldown: "5s", start_period: 0 };
  await checked(browser, health, async (page, deck) => {
    const overview = new Overview(page);
    await expect(overview.headline).toHaveText(`${NAME} is running.`);
    await mark(page);
    await deck.trouble(NAME, "broken");
    await expect(overview.news).toContainText("GET /api-health: answered 500 (3 times)", { timeout: 20_000 });
    await expect(overview.news).toContainText("is healthy again", { timeout: 20_000 });
    await overview.row(NAME).getByRole("link", { name: NAME, exact: true }).click();
    const main = page.getByRole("main");
    await expect(main).toContainText("restarts after 3 failed checks in a row, at most once in 5 s");
    await expect(main).toContainText("Answer time of its health check", { timeout: 20_000 });
    await expect(main).toContainText(/down for (a moment|\d)/);
    await expectNoReload(page);
  });
});

test("trouble that no check sees stands in the second line, with its evidence, and goes", async ({ browser }) => {
  const health = { cpu: { above: 5, for: "2s" }, lag: false };
  await checked(browser, health, async (page, deck) => {
    const overview = new Overview(page);
    await expect(overview.headline).toHaveText(`${NAME} is running.`);
    await deck.trouble(NAME, "spin?seconds=8");
    const row = overview.row(NAME);
    await expect(row).toContainText("In trouble", { timeout: 20_000 });
    const evidence = /uses \d+ % of a core, and over 5 % for [\d.]+ s/;
    await expect(page.getByRole("main")).toContainText(new RegExp(`${NAME}: ${evidence.source}`));
    await expect(row.locator(".note")).toContainText(evidence);
    await expect(row).toContainText("Running", { timeout: 40_000 });
    await expect(overview.news).toContainText("no longer busy all the time");
  });
});
