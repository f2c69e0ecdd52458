// Helpers of the browser tests: they open pages of the console or the sample portal, and collect faults.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const tools = createRequire(process.env.DOSSIERSYNC_BROWSER_TOOLS + '/');
const { chromium } = tools('playwright-core');
const axe = readFileSync(tools.resolve('axe-core/axe.min.js'), 'utf8');

const site = process.env.SITE; // the URL of the console or the portal
const source = process.env.SOURCE; // the URL at which the Go test changes the care record system

// launch starts the installed browser with a new profile.
export const launch = () => chromium.launch({
  executablePath: process.env.DOSSIERSYNC_CHROMIUM,
  chromiumSandbox: process.getuid() !== 0, // Chromium's sandbox does not work as root
  args: ['--disable-gpu', '--disable-lcd-text', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

export const faults = [];

// addFault records a fault; the test continues.
export const addFault = (...words) => faults.push(words.join(' '));

// must ends the test unless so is true.
export function must(so, ...words) {
  if (!so) throw new Error(words.join(' '));
}

// tellSource has the Go test change the care record system: its data, or its speed.
export async function tellSource(order) {
  const answer = await fetch(`${source}/${order}`, { method: 'POST' });
  must(answer.ok, order, 'returned status', answer.status);
}

// openPage opens a page in a new browser context. Every error or warning of the browser is
// a fault: a script or style that the policy forbids, a script that fails, a missing file.
export async function openPage(browser, options = {}) {
  const window = await browser.newContext({ baseURL: site, viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  window.setDefaultTimeout(30000);
  const page = await window.newPage();
  page.on('console', m => {
    // Whether a page itself may have status 4xx is checked by the test.
    const itself = m.location().url === page.url() && m.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(m.type()) && !itself) addFault(page.url(), 'logs:', m.text());
  });
  page.on('pageerror', e => addFault(page.url(), 'fails:', e.message));
  page.on('request', r => { if (!r.url().startsWith(site) && !r.url().startsWith('data:')) addFault(page.url(), 'requests another host:', r.url()); });
  page.says = async () => (await page.textContent('body')).replace(/\s+/g, ' ');
  page.wants = async (...texts) => {
    const says = (await page.says()).toLowerCase();
    for (const text of texts) must(says.includes(text.toLowerCase()), page.url(), 'does not contain', JSON.stringify(text), 'but', says);
  };
  return page;
}

export async function login(page, user) {
  await page.goto('/login');
  await page.fill('#token', user);
  await page.click('main button');
  await page.waitForURL(url => url.pathname !== '/login');
}

// checkPage checks the page with axe against WCAG 2.1 A and AA, and that it fits the window:
// in light and dark colours, wide and narrow.
export async function checkPage(page, name, looks = [['light', 1280], ['light', 400], ['dark', 1280], ['dark', 400]]) {
  await page.evaluate(axe);
  for (const [colorScheme, width] of looks) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    const { over, violations } = await page.evaluate(async tags => ({
      over: document.documentElement.scrollWidth - window.innerWidth,
      violations: (await window.axe.run({ runOnly: tags, resultTypes: ['violations'] })).violations
        .map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html).slice(0, 3).join(' ')),
    }), ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']);
    const where = `${name}, ${colorScheme}, ${width} pixels wide:`;
    if (over > 0) addFault(where, over, 'pixels too wide');
    for (const v of violations) addFault(where, v);
  }
}

// main runs a story, prints the faults, and sets the exit code.
export async function main(story) {
  const browser = await launch();
  try {
    await story(browser);
  } catch (e) {
    addFault(e.stack);
  } finally {
    await browser.close();
  }
  for (const fault of faults) console.log(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
