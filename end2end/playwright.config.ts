import { defineConfig, devices } from "@playwright/test";

const size = (width: number, height: number) => ({ viewport: { width, height }, deviceScaleFactor: 1 });

/** For some of a project's tests: a tag that they carry, and the tags that a project leaves out. */
const DESKTOP_ONLY = /@desktop/;
const PHONE_ONLY = /@phone/;
const WITHOUT_SCRIPTS = /@no-scripts/;

export default defineConfig({
  testDir: "tests",
  // Each worker runs nine services, a supervisor and a browser: more of them would only wait for each other.
  workers: 1,
  forbidOnly: true,
  // A second try tells a slow machine from a fault; whoever needs it is named at the end.
  retries: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  use: {
    ...devices["Desktop Chrome"],
    locale: "en-GB",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH || "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "desktop", use: size(1440, 1000), grepInvert: [PHONE_ONLY, WITHOUT_SCRIPTS] },
    { name: "phone", use: { ...size(390, 844), hasTouch: true, isMobile: true }, grepInvert: [DESKTOP_ONLY, WITHOUT_SCRIPTS] },
    { name: "no-scripts", use: { ...size(1440, 1000), javaScriptEnabled: false }, grep: WITHOUT_SCRIPTS },
  ],
});
