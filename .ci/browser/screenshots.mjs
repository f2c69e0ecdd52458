// Takes the README's screenshots of the console.
import { mkdirSync, statSync } from 'node:fs';
import { login, main, must, openPage } from './browser.mjs';

const folder = process.env.DOSSIERSYNC_SCREENSHOTS;
const largest = 150 * 1024;
const tallest = 960;

// take takes a screenshot of the page, down to the end of its content.
async function take(page, name) {
  const path = `${folder}/${name}.png`;
  await page.evaluate(() => document.activeElement.blur());
  const end = await page.evaluate(() => Math.ceil(document.querySelector('main').lastElementChild.getBoundingClientRect().bottom) + 24);
  await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width: 1280, height: Math.min(end, tallest) } });
  must(statSync(path).size <= largest, path, 'is larger than 150 kB');
}

await main(async browser => {
  mkdirSync(folder, { recursive: true });
  for (const [colorScheme, pages] of [
    ['light', { overview: '/', tenant: '/tenants/szr', quarantine: '/quarantine', 'held-removals': '/held-removals' }],
    ['dark', { 'overview-dark': '/' }],
  ]) {
    const page = await openPage(browser, { colorScheme });
    await login(page, 'the token of ann');
    for (const [name, at] of Object.entries(pages)) {
      await page.goto(at);
      await take(page, name);
    }
    if (colorScheme === 'dark') continue;
    await page.goto('/');
    await page.click('a:text("running")');
    await take(page, 'run');
    await page.goto('/tenants/amaris/why');
    await page.fill('#why-client', process.env.CLIENT);
    await page.fill('#why-user', 'zoon');
    await page.click('button:text("Explain")');
    await page.waitForSelector('#answer');
    await take(page, 'why');
  }
});
