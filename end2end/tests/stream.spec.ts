import type { Page, Route } from "@playwright/test";
import { Deck, expect, expectNoReload, hydrated, link, mark, signIn, test } from "../kit/test.ts";

const FELL_BACK = /net::ERR_/;

/** Holds requests to the stream back, as some tunnels do: they are taken, and nothing ever comes. */
async function holdBack(page: Page, ...methods: string[]): Promise<void> {
  const held: Route[] = [];
  await page.route("**/api/stream", async (route) => {
    if (methods.includes(route.request().method())) held.push(route);
    else await route.continue();
  });
}

test("a stream that GET opened is the first choice", async ({ page, overview }) => {
  await expect(link(page)).toHaveText("live");
  await expect(overview.headline).toBeVisible();
});

test("where nothing comes over GET within 3 s, POST is tried, and the header says so", async ({ page, deck, complaints }) => {
  complaints.expectSome(FELL_BACK);
  await holdBack(page, "GET");
  await page.goto("/");
  await hydrated(page);
  await expect(link(page)).toHaveText("live (POST)", { timeout: 6000 });
  await deck.trouble("metrics-emitter", "exit?code=4");
  const news = page.getByRole("complementary", { name: "What happened" });
  await expect(news.getByRole("listitem").first()).toContainText("metrics-emitter", { timeout: 3000 });
});

test("where POST brings nothing either, it asks again and again, and says so", async ({ page, deck, complaints }) => {
  complaints.expectSome(FELL_BACK);
  await holdBack(page, "GET", "POST");
  await page.goto("/");
  await hydrated(page);
  await expect(link(page)).toHaveText("polling", { timeout: 10_000 });
  await deck.trouble("metrics-emitter", "exit?code=5");
  const news = page.getByRole("complementary", { name: "What happened" });
  await expect(news.getByRole("listitem").first()).toContainText("metrics-emitter", { timeout: 5000 });
});

test("a lost connection is told within 5 seconds and comes back by itself", async ({ browser }) => {
  const deck = await Deck.ofSleepers("a", "b");
  const context = await browser.newContext({ storageState: undefined, baseURL: deck.origin });
  try {
    const page = await context.newPage();
    await signIn(page, deck);
    await expect(link(page)).toHaveText("live");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Both services are running.");
    await mark(page);
    await deck.end("SIGKILL");
    await expect(link(page)).toHaveText("reconnecting…", { timeout: 5000 });
    await deck.start();
    await expect(link(page)).toHaveText("live", { timeout: 20_000 });
    deck.freeze(true);
    await expect(link(page)).toHaveText("reconnecting…", { timeout: 5000 });
    deck.freeze(false);
    await expect(link(page)).toHaveText("live", { timeout: 20_000 });
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Both services are running.");
    await expectNoReload(page);
  } finally {
    deck.freeze(false);
    await context.close();
    await deck.close();
  }
});
