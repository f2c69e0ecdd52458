// Takes the screenshots of the sample portal: at a desk, on a phone, and at night.
import { mkdirSync, statSync } from 'node:fs';
import { main, must, openPage } from './browser.mjs';

const folder = process.env.DOSSIERSYNC_SCREENSHOTS;
const largest = 150 * 1024;
const desk = { viewport: { width: 1100, height: 780 } };
const tall = { viewport: { width: 1100, height: 940 } };
const phone = { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true };

async function take(page, name) {
  const path = `${folder}/portal-${name}.png`;
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.activeElement.blur());
  await page.evaluate(() => document.fonts.ready);
  // Chromium on a server has no font for emoji, and shows boxes.
  await page.$$eval('.excerpt, .prose', list => list.forEach(e => { e.textContent = e.textContent.replace(/\p{Extended_Pictographic}\uFE0F?/gu, ''); }));
  await page.screenshot({ path });
  must(statSync(path).size <= largest, path, 'is larger than 150 kB');
}

// walk signs in and takes the pages of the dossier.
async function walk(browser, look, pages) {
  const page = await openPage(browser, { locale: 'nl-NL', timezoneId: 'Europe/Amsterdam', ...look });
  await page.goto('/inloggen');
  await page.locator('form:has(input[value="amaris"]) button[value="beheerder"]').click();
  await page.waitForSelector('.client-name');
  const d = new URL(page.url()).pathname;
  for (const [name, at, then] of pages) {
    await page.goto(d + at);
    if (then) await then(page);
    await take(page, name);
  }
}

const openPlan = async page => {
  await page.locator('.plan-card a').first().click();
  await page.waitForSelector('.goal');
};
const goals = async page => {
  await openPlan(page);
  await page.evaluate(() => document.querySelector('.domain').scrollIntoView());
};
const people = page => page.evaluate(() => document.querySelectorAll('.person')[2].scrollIntoView());

const openMonth = async page => {
  await page.locator('.months a').nth(2).click();
  await page.waitForFunction(() => document.querySelectorAll('.card').length > 20);
  await page.waitForTimeout(500);
};

await main(async browser => {
  mkdirSync(folder, { recursive: true });
  const door = await openPage(browser, { locale: 'nl-NL', ...desk });
  await door.goto('/inloggen');
  await take(door, 'sign-in');
  await walk(browser, desk, [['start', ''], ['timeline-month', '/tijdlijn', openMonth], ['reading', '/lezen?soort=zorgleefplan'],
    ['plan', '/plannen', goals], ['users', '/toegang', people], ['access-log', '/gekeken']]);
  await walk(browser, tall, [['timeline', '/tijdlijn']]);
  await walk(browser, { ...tall, colorScheme: 'dark' }, [['timeline-dark', '/tijdlijn']]);
  await walk(browser, phone, [['start-phone', ''], ['timeline-phone', '/tijdlijn', page => page.evaluate(() => window.scrollTo(0, 130))], ['plan-phone', '/plannen', openPlan]]);
});
