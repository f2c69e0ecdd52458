// A browser, what it complains of, and what a test asks of a page.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const tools = createRequire(process.env.DOSSIERSYNC_BROWSER_TOOLS + '/');
const { chromium } = tools('playwright-core');
const axe = readFileSync(tools.resolve('axe-core/axe.min.js'), 'utf8');

export const console_ = process.env.CONSOLE; // where it listens
const source = process.env.SOURCE; // where the test takes orders about the care record system

// launch starts the browser that is installed, with a profile of its own.
export const launch = () => chromium.launch({
  executablePath: process.env.DOSSIERSYNC_CHROMIUM,
  chromiumSandbox: process.getuid() !== 0, // Chromium refuses to be root in a sandbox
  args: ['--disable-gpu', '--disable-lcd-text', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

export const faults = [];

// wrong notes a fault, and lets the test go on.
export const wrong = (...words) => faults.push(words.join(' '));

// must ends the test unless so.
export function must(so, ...words) {
  if (!so) throw new Error(words.join(' '));
}

// told has the test change what the care record system does or holds.
export async function told(order) {
  const answer = await fetch(`${source}/${order}`, { method: 'POST' });
  must(answer.ok, order, 'is answered with', answer.status);
}

// visitor opens a window of its own. Whatever the browser complains of is a fault:
// a script or style that the policy forbids, a script that fails, a missing file.
export async function visitor(browser, options = {}) {
  const window = await browser.newContext({ baseURL: console_, viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  window.setDefaultTimeout(30000);
  const page = await window.newPage();
  page.on('console', m => {
    // That a page itself is answered with 4xx is for the test to judge.
    const itself = m.location().url === page.url() && m.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(m.type()) && !itself) wrong(page.url(), 'complains:', m.text());
  });
  page.on('pageerror', e => wrong(page.url(), 'fails:', e.message));
  page.on('request', r => { if (!r.url().startsWith(console_) && !r.url().startsWith('data:')) wrong(page.url(), 'asks elsewhere:', r.url()); });
  page.says = async () => (await page.textContent('body')).replace(/\s+/g, ' ');
  page.wants = async (...texts) => {
    const says = (await page.says()).toLowerCase();
    for (const text of texts) must(says.includes(text.toLowerCase()), page.url(), 'does not say', JSON.stringify(text), 'but', says);
  };
  return page;
}

export async function login(page, user) {
  await page.goto('/login');
  await page.fill('#token', user);
  await page.click('main button');
  await page.waitForURL(url => url.pathname !== '/login');
}

// judge has axe look at the page, for WCAG 2.1 A and AA, and looks whether it fits
// the window: by day and by night, wide and narrow.
export async function judge(page, name) {
  await page.evaluate(axe);
  for (const colorScheme of ['light', 'dark']) for (const width of [1280, 400]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    const { over, violations } = await page.evaluate(async tags => ({
      over: document.documentElement.scrollWidth - window.innerWidth,
      violations: (await window.axe.run({ runOnly: tags, resultTypes: ['violations'] })).violations
        .map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html).slice(0, 3).join(' ')),
    }), ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']);
    const where = `${name}, ${colorScheme}, ${width} pixels wide:`;
    if (over > 0) wrong(where, over, 'pixels too wide');
    for (const v of violations) wrong(where, v);
  }
}

// main runs a story, and says what was wrong.
export async function main(story) {
  const browser = await launch();
  try {
    await story(browser);
  } catch (e) {
    wrong(e.stack);
  } finally {
    await browser.close();
  }
  for (const fault of faults) console.log(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
