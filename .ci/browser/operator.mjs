// An operator's work in the console, once with JavaScript and once without.
import { checkPage, login, main, must, tellSource, openPage } from './browser.mjs';

const client = process.env.CLIENT;

// ended waits until the run on the open page has ended. Without JavaScript it reloads the
// page, as the page itself advises.
async function ended(page, scripts, ...texts) {
  for (let deadline = Date.now() + 60000; await page.locator('#cancel').count() > 0;) {
    must(Date.now() < deadline, page.url(), 'does not end:', await page.says());
    if (scripts) await page.waitForTimeout(100);
    else await page.reload();
  }
  // The outcome is partial while items are left in quarantine.
  const outcome = await page.textContent('.lead .badge');
  must(['complete', 'partial'].includes(outcome), page.url(), 'ended as', outcome);
  await page.wants(...texts);
}

// progressAfter waits until the progress differs from was, and returns it.
async function progressAfter(page, scripts, was) {
  for (let deadline = Date.now() + 30000; ;) {
    const now = (await page.locator('.progress-total p').allTextContents()).join();
    if (now !== was && /[1-9]/.test(now)) return now;
    must(Date.now() < deadline, 'the progress does not move:', await page.says());
    if (scripts) await page.waitForTimeout(100);
    else await page.reload();
  }
}

async function watch(page, scripts) {
  await tellSource('slow');
  await page.click('a:text("Amaris")');
  await page.check('#resync-full');
  await page.click('button:text("Request the run")');
  await page.waitForURL(/\/runs\/\d+/);
  await page.wants('everything anew');
  if (scripts) await page.evaluate(() => { window.untouched = true; });
  let seen = await progressAfter(page, scripts);
  if (scripts) await page.focus('#cancel');
  for (let i = 0; i < 2; i++) seen = await progressAfter(page, scripts, seen);
  if (scripts) {
    must(await page.evaluate(() => window.untouched), 'the page was reloaded');
    must(await page.evaluate(() => document.activeElement.id) === 'cancel', 'the focus is lost when the page updates itself');
  }
  await tellSource('fast');
  await ended(page, scripts, 'in quarantine');
}

async function retry(page, scripts, item) {
  await page.click('nav a:text("Quarantine")');
  await page.click(`a:text("Observation ${item}")`);
  await page.wants('has an invalid date');
  await tellSource('mend/' + item);
  await page.click('button:text("Retry now")');
  await page.waitForURL(/\/runs\/\d+/);
  await ended(page, scripts, 'complete');
  await page.click('nav a:text("Quarantine")');
  await page.waitForURL(/\/quarantine$/);
  must(!(await page.says()).includes(`Observation ${item}`), item, 'is still in quarantine');
}

// resync uses the keyboard only: Tab moves to the field, Enter sends the form.
async function resync(page, scripts) {
  await page.goto('/tenants/amaris');
  for (let i = 0; await page.evaluate(() => document.activeElement.id) !== 'resync-client'; i++) {
    must(i < 200, 'Tab does not reach the form');
    await page.keyboard.press('Tab');
  }
  await page.keyboard.type('no id');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#resync-client[aria-invalid]');
  must(await page.evaluate(() => document.activeElement.id) === 'resync-client', 'the invalid field does not have the focus');
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type(client);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/runs\/\d+/);
  await page.wants('one client');
  await ended(page, scripts, `Scope: everything from the beginning of client ${client}`);
}

async function approve(page, scripts) {
  await tellSource('lose');
  await page.goto('/tenants/amaris');
  await page.click('button:text("Reconcile")');
  await page.waitForURL(/\/runs\/\d+/);
  await ended(page, scripts, 'partial', 'items held');
  await page.click('nav a:text("Held removals")');
  await page.click('tbody a:text("Set")');
  await page.waitForSelector('#note');
  await page.wants('removals of reports');
  await page.fill('#note', 'removed on purpose');
  await page.click('button:text("Approve")');
  await page.waitForURL(/told=approve/);
  await page.wants('Approved: the next run carries this out');
  await page.goto('/tenants/amaris');
  await page.click('button:text("Reconcile")');
  await page.waitForURL(/\/runs\/\d+/);
  await ended(page, scripts, 'Removed');
  await page.click('nav a:text("Held removals")');
  await page.wants('No removals are held');
}

async function withhold(page) {
  await page.click('nav a:text("Withheld")');
  await page.fill('#withhold-client', client);
  await page.fill('#withhold-note', 'a breach');
  await page.click('button:text("Withhold")');
  await page.waitForURL(/told=withheld/);
  await page.wants('Withheld: nothing of it', `Client ${client}`);
  await page.fill('tbody input[name=note]', 'repaired');
  await page.click('tbody button:text("Release")');
  await page.waitForURL(/told=released/);
  await page.wants('Nothing is withheld');
}

async function why(page) {
  await page.goto('/tenants/amaris');
  await page.fill('#why-client', client);
  await page.click('button:text("Explain")');
  await page.wants(`Client ${client}`, 'There is no grant on this dossier');
}

async function operator(browser, scripts, item) {
  const page = await openPage(browser, { javaScriptEnabled: scripts });
  await page.goto('/quarantine');
  await page.keyboard.type('x'); // typed nowhere: no field has the focus at first
  await page.fill('#token', 'nobody');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=alert]');
  if (scripts) await checkPage(page, 'a refused login');
  await login(page, 'the token of ann');
  await page.goto('/');
  await page.wants('Overview', 'Amaris', 'up to date');
  await watch(page, scripts);
  await retry(page, scripts, item);
  await resync(page, scripts);
  await approve(page, scripts);
  await withhold(page);
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
