import { test as base, expect, type BrowserContext, type Locator, type Page } from "@playwright/test";
import { Deck, SERVICES } from "./deck.ts";

export { expect, SERVICES };
export { Deck } from "./deck.ts";

/** What the page complained about. A test that provokes complaints says which it expects. */
export class Complaints {
  private readonly seen: string[] = [];
  private readonly expected: RegExp[] = [];

  watch(page: Page): void {
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.seen.push(message.text());
    });
    page.on("pageerror", (error) => this.seen.push(String(error)));
  }

  expectSome(pattern: RegExp): void {
    this.expected.push(pattern);
  }

  unexpected(): string[] {
    return this.seen.filter((text) => !this.expected.some((pattern) => pattern.test(text)));
  }
}

type Session = Awaited<ReturnType<BrowserContext["storageState"]>>;

interface Shared {
  /** The nine services, one supervisor for all tests of a worker. */
  deck: Deck;
  session: Session;
}

interface Own {
  complaints: Complaints;
  overview: Overview;
}

/** Tests that are signed in to a supervisor of the nine services. Errors in the console fail them. */
export const test = base.extend<Own, Shared>({
  deck: [
    async ({}, use) => {
      const deck = await Deck.ofStack();
      await use(deck);
      await deck.close();
    },
    { scope: "worker" },
  ],
  session: [
    async ({ browser, deck }, use) => {
      const context = await browser.newContext();
      const page = await context.newPage();
      await signIn(page, deck);
      await settled(page);
      const session = await context.storageState();
      await context.close();
      await use(session);
    },
    { scope: "worker" },
  ],
  storageState: async ({ session }, use) => use(session),
  baseURL: async ({ deck }, use) => use(deck.origin),
  complaints: [
    async ({ page }, use) => {
      const complaints = new Complaints();
      complaints.watch(page);
      await use(complaints);
      expect(complaints.unexpected(), "what the browser complained about").toEqual([]);
    },
    { auto: true },
  ],
  overview: async ({ page }, use) => {
    await open(page, "/");
    await use(new Overview(page));
  },
});

/** Uses the login link. */
export async function signIn(page: Page, deck: Deck): Promise<void> {
  await page.goto(deck.loginLink);
  await page.waitForURL(`${deck.origin}/`);
  await hydrated(page);
}

/** Waits until all services but cloudflared have run for a moment. */
async function settled(page: Page): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^8 of 9 services are running\.$/, { timeout: 30_000 });
}

/** Opens a page and waits until it is alive and connected. */
export async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await hydrated(page);
  await expect(link(page)).toHaveText(/live|polling/);
}

export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator("html[data-hydrated]")).toBeAttached();
}

/** How the page is connected, in words. */
export function link(page: Page): Locator {
  return page.getByRole("banner").getByRole("status");
}

/** The overview, by its parts. */
export class Overview {
  constructor(readonly page: Page) {}

  get headline(): Locator {
    return this.page.getByRole("heading", { level: 1 });
  }

  get news(): Locator {
    return this.page.getByRole("complementary", { name: "What happened" });
  }

  row(name: string): Locator {
    return this.page.getByRole("listitem").filter({ has: this.page.getByRole("link", { name, exact: true }) });
  }

  layer(name: string): Locator {
    return this.page.locator("section").filter({ has: this.page.getByRole("heading", { level: 2, name }) });
  }

  button(action: string, name: string): Locator {
    return this.row(name).getByRole("button", { name: `${action} ${name}` });
  }

  async openMenu(name: string): Promise<void> {
    await this.row(name).getByRole("button", { name: `More actions for ${name}` }).click();
  }
}

/** What the API says about an app. */
export interface AppAnswer {
  state: string;
  instances: { pid: number | null; restarts: number; memory_bytes: number }[];
}

export async function app(page: Page, name: string): Promise<AppAnswer> {
  const response = await page.request.get(`/api/apps/${name}`);
  expect(response.status(), await response.text()).toBe(200);
  return response.json();
}

export async function pid(page: Page, name: string): Promise<number> {
  let found: number | null | undefined;
  await expect.poll(async () => (found = (await app(page, name)).instances[0]?.pid), { message: `a process of ${name}` }).toBeTruthy();
  return found as number;
}

/** Marks the document, so that a reload would be noticed. */
export async function mark(page: Page): Promise<void> {
  await page.evaluate(() => document.documentElement.setAttribute("data-marked", ""));
}

export async function expectNoReload(page: Page): Promise<void> {
  await expect(page.locator("html[data-marked]")).toBeAttached();
}
