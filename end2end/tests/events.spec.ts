import { expect, open, test } from "../kit/test.ts";

test("what happened, newest first, live, each line linking to its second", async ({ page, deck }) => {
  await open(page, "/events");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("What happened");
  await deck.trouble("sttttserver", "exit?code=7");
  const first = page.getByRole("main").getByRole("listitem").first();
  await expect(first).toContainText("sttttserver", { timeout: 3000 });
  await expect(first).toContainText(/\b7\b/);
  const times = await page.getByRole("main").locator("time").evaluateAll((all) => all.map((time) => time.getAttribute("datetime")));
  expect(times).toEqual([...times].sort().reverse());
  await first.getByRole("link").click();
  await expect(page).toHaveURL(/\/apps\/sttttserver\?at=/);
  await expect(page.getByRole("heading", { level: 2, name: "Log around" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("What happened");
});
