import { Deck, expect, hydrated, signIn, test } from "../kit/test.ts";

test("the login link signs in once, and its secret does not stay in the address", async ({ browser }) => {
  const deck = await Deck.ofSleepers("a");
  const secret = deck.loginLink.split("/").pop() ?? "";
  const fresh = () => browser.newContext({ storageState: undefined, baseURL: deck.origin });
  const [first, second] = [await fresh(), await fresh()];
  try {
    const page = await first.newPage();
    await signIn(page, deck);
    expect(page.url()).not.toContain(secret);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("a is running.");
    const cookie = (await first.cookies())[0];
    expect(cookie).toMatchObject({ httpOnly: true });
    expect(cookie?.sameSite).toMatch(/Lax|Strict/);
    await page.reload();
    await hydrated(page);

    const late = await second.newPage();
    await late.goto(deck.loginLink);
    await expect(late.getByRole("alert")).toContainText("This link was used already");
    expect(await second.cookies()).toEqual([]);
  } finally {
    await first.close();
    await second.close();
    await deck.close();
  }
});

test("without a session there is a login and nothing else", async ({ browser, deck }) => {
  const context = await browser.newContext({ storageState: undefined, baseURL: deck.origin });
  const page = await context.newPage();
  await page.goto("/apps/gateway-3333");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in to Quarterdeck");
  await expect(page.getByText("gateway-3333")).toHaveCount(0);
  expect((await page.request.get("/api/apps")).status()).toBe(401);
  await context.close();
});
