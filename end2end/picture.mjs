// Takes the picture of the README: `node picture.mjs LOGIN_LINK ../docs/images/overview.png`
import { chromium } from "@playwright/test";

const [link, file] = process.argv.slice(2);
if (!link || !file) {
  console.error("usage: node picture.mjs LOGIN_LINK FILE");
  process.exit(2);
}
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 }, colorScheme: "light" });
await page.goto(link);
await page.locator("html[data-hydrated]").waitFor();
await page.getByRole("banner").getByText("live").waitFor();
await page.screenshot({ path: file });
await browser.close();
