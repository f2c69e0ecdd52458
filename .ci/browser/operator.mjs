// What an operator does in the console: once with scripts, once without.
import { judge, login, main, must, told, visitor } from './browser.mjs';

const client = process.env.CLIENT;

// ended waits until the run whose page is open has ended. Without scripts the page
// is loaded again, as it says itself.
async function ended(page, scripts, ...texts) {
  for (let deadline = Date.now() + 60000; await page.locator('#cancel').count() > 0;) {
    must(Date.now() < deadline, page.url(), 'does not end:', await page.says());
    if (scripts) await page.waitForTimeout(100);
    else await page.reload();
  }
  // Whatever the run is about, it tells of what is left in quarantine.
  const outcome = await page.textContent('.lead .badge');
  must(['complete', 'partial'].includes(outcome), page.url(), 'came to', outcome);
  await page.wants(...texts);
}

// moves waits until the progress differs from what it was, and returns it.
async function moves(page, scripts, was) {
  for (let deadline = Date.now() + 30000; ;) {
    const now = (await page.locator('.progress-total p').allTextContents()).join();
    if (now !== was && /[1-9]/.test(now)) return now;
    must(Date.now() < deadline, 'the progress does not move:', await page.says());
    if (scripts) await page.waitForTimeout(100);
    else await page.reload();
  }
}

async function watch(page, scripts) {
  await told('slow');
  await page.click('a:text("Amaris")');
  await page.check('#resync-full');
  await page.click('button:text("Ask for the run")');
  await page.waitForURL(/\/runs\/\d+/);
  await page.wants('everything anew');
  if (scripts) await page.evaluate(() => { window.untouched = true; });
  let seen = await moves(page, scripts);
  if (scripts) await page.focus('#cancel');
  for (let i = 0; i < 2; i++) seen = await moves(page, scripts, seen);
  if (scripts) {
    must(await page.evaluate(() => window.untouched), 'the page was loaded again');
    must(await page.evaluate(() => document.activeElement.id) === 'cancel', 'the focus is lost when the page updates itself');
  }
  await told('fast');
  await ended(page, scripts, 'in quarantine');
}

async function retry(page, scripts, item) {
  await page.click('nav a:text("Quarantine")');
  await page.click(`a:text("Observation ${item}")`);
  await page.wants('has an invalid date');
  await told('mend/' + item);
  await page.click('button:text("Try it again now")');
  await page.waitForURL(/\/runs\/\d+/);
  await ended(page, scripts, 'complete');
  await page.click('nav a:text("Quarantine")');
  must(!(await page.says()).includes(`Observation ${item}`), item, 'is still in quarantine');
}

// resync uses no mouse: Tab leads to the field, Enter sends the form.
async function resync(page, scripts) {
  await page.goto('/tenants/amaris');
  for (let i = 0; await page.evaluate(() => document.activeElement.id) !== 'resync-client'; i++) {
    must(i < 200, 'Tab does not lead to the form');
    await page.keyboard.press('Tab');
  }
  await page.keyboard.type('no id');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#resync-client[aria-invalid]');
  must(await page.evaluate(() => document.activeElement.id) === 'resync-client', 'the field that is wrong has not the focus');
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type(client);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/runs\/\d+/);
  await page.wants('one client');
  await ended(page, scripts, `Scope: everything from the beginning of client ${client}`);
}

async function approve(page, scripts) {
  await told('lose');
  await page.goto('/tenants/amaris');
  await page.click('button:text("Reconcile")');
  await page.waitForURL(/\/runs\/\d+/);
  await ended(page, scripts, 'partial', 'removals held');
  await page.click('nav a:text("Held removals")');
  await page.click('a:text("Approve")');
  await page.wants('of reports are held');
  await page.click('button:text("Approve and remove")');
  await page.waitForURL(/\/runs\/\d+/);
  await ended(page, scripts, 'Removed');
  await page.click('nav a:text("Held removals")');
  await page.wants('No removals are held');
}

async function why(page) {
  await page.goto('/tenants/amaris');
  await page.fill('#why-client', client);
  await page.click('button:text("Tell me why")');
  await page.wants(`Client ${client}`, 'There is no grant on this dossier');
}

async function operator(browser, scripts, item) {
  const page = await visitor(browser, { javaScriptEnabled: scripts });
  await page.goto('/quarantine');
  await page.keyboard.type('x'); // goes nowhere: no field takes the focus by itself
  await page.fill('#token', 'nobody');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=alert]');
  if (scripts) await judge(page, 'a login that is refused');
  await login(page, 'the token of ann');
  await page.goto('/');
  await page.wants('Overview', 'Amaris', 'up to date');
  await watch(page, scripts);
  await retry(page, scripts, item);
  await resync(page, scripts);
  await approve(page, scripts);
  await why(page);
  await page.click('button:text("Log out")');
  await page.wants('Your token');
  await page.goto('/quarantine');
  await page.wants('Your token');
  await page.context().close();
}

await main(async browser => {
  await operator(browser, true, 'bad-1');
  await operator(browser, false, 'bad-2');
});
