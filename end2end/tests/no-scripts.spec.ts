import { expect, test } from "@playwright/test";
import { Deck, SERVICES } from "../kit/deck.ts";

test.describe("with JavaScript off @no-scripts", () => {
  test("a press signs in, and everything can be read", async ({ browser }) => {
    const deck = await Deck.ofStack();
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 }, baseURL: deck.origin });
    try {
      const page = await context.newPage();
      await page.goto(deck.loginLink);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toContainText("services");
      await expect(async () => {
        await page.reload();
        await expect(page.getByRole("heading", { level: 1 })).toHaveText("8 of 9 services are running.", { timeout: 100 });
      }).toPass({ timeout: 20_000 });
      for (const name of [...SERVICES, "cloudflared"]) await expect(page.getByRole("link", { name, exact: true })).toBeVisible();
      await expect(page.getByRole("main")).toContainText(/cloudflared has been down for/);
      await expect(page.getByRole("banner")).toContainText(/as of \d\d:\d\d:\d\d UTC/);
      await expect(page.getByRole("button", { name: /Restart/ })).toHaveCount(0);

      await page.getByRole("link", { name: "gateway-3333", exact: true }).click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("gateway-3333");
      await expect(page.getByRole("list", { name: "Lines" })).toContainText("listens on");
      await page.getByRole("link", { name: "Events" }).last().click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("What happened");
    } finally {
      await context.close();
      await deck.close();
    }
  });
});
