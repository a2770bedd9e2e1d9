import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import v8heap from "v8-heapsnapshot";
import { expect, open, test } from "../kit/test.ts";

const SPEEDSCOPE = pathToFileURL(path.resolve(import.meta.dirname, "../node_modules/speedscope/dist/release/index.html")).href;

test("heap and event loop lag have charts of their own", { tag: "@desktop" }, async ({ page }) => {
  await open(page, "/apps/gateway-3333");
  const charts = page.getByRole("region", { name: "Charts" });
  await expect(charts.getByRole("heading", { name: /^Heap/ })).toContainText(/\d+ MB now/, { timeout: 20_000 });
  await expect(charts.getByRole("heading", { name: /^Event loop lag/ })).toContainText(/ms now/);
});

test("a heap snapshot and a CPU profile are taken on the page, and others open them", { tag: "@desktop" }, async (
  { page, context },
  info,
) => {
  test.setTimeout(120_000);
  await open(page, "/apps/gateway-3333");
  const section = page.getByRole("region", { name: "Look inside" });
  const files = section.getByRole("list", { name: "Profiles" }).getByRole("link");

  const take = async (button: string, link: string, file: string): Promise<string> => {
    await section.getByRole("button", { name: button }).click();
    await expect(files.first()).toHaveText(link, { timeout: 60_000 });
    const download = page.waitForEvent("download");
    await files.first().click();
    const saved = info.outputPath(file);
    await (await download).saveAs(saved);
    return saved;
  };

  const heap = await take("Take a heap snapshot", "Heap snapshot", "app.heapsnapshot");
  const snapshot = await v8heap.parseSnapshotFromFile(heap);
  expect(snapshot.nodes.length).toBeGreaterThan(10_000);
  expect(snapshot.nodes.some((node) => node.name === "IncomingMessage")).toBe(true);

  const cpu = await take("Take a CPU profile", "CPU profile", "app.cpuprofile");
  expect(JSON.parse(fs.readFileSync(cpu, "utf8")).samples.length).toBeGreaterThan(100);
  const viewer = await context.newPage();
  await viewer.goto(SPEEDSCOPE);
  await viewer.locator("input[type=file]").setInputFiles(cpu);
  await viewer.getByText("Sandwich").click();
  await expect(viewer.getByRole("cell", { name: /ms \(.*%\)/ }).first()).toBeVisible();
});
