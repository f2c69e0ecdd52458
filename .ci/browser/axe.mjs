// Checks every page of the console with axe.
import { checkPage, login, main, must, tellSource, openPage } from './browser.mjs';

await main(async browser => {
  const page = await openPage(browser);
  await page.goto('/login');
  await checkPage(page, 'log in');
  await login(page, 'the token of ann');

  // Make pages with content: held removals, an item in quarantine, a run in progress.
  await tellSource('lose');
  await page.goto('/tenants/amaris');
  await page.click('button:text("Reconcile")');
  await page.locator('#cancel').waitFor({ state: 'detached' });
  await page.goto('/quarantine');
  const item = await page.locator('tbody a').first().getAttribute('href');
  await tellSource('slow');
  await page.goto('/tenants/amaris');
  await page.check('#resync-full');
  await page.click('button:text("Request the run")');
  await page.waitForSelector('.progress-total');
  await tellSource('stand');
  const run = new URL(page.url()).pathname;

  for (const at of ['/', run + '?live=no', '/tenants/amaris', '/tenants/amaris/runs', '/runs/1', '/quarantine', item, item + '/discard',
    '/held-removals', '/withheld', '/tenants/amaris/why', '/nowhere']) {
    await page.goto(at);
    await checkPage(page, at);
  }
  await page.goto('/held-removals');
  await page.click('tbody a:text("Set")');
  await page.waitForSelector('#note');
  await checkPage(page, 'a held set');
  await page.goto('/withheld');
  await page.fill('#withhold-client', 'no id');
  await page.fill('#withhold-note', 'a breach');
  await page.click('button:text("Withhold")');
  await page.waitForSelector('[aria-invalid]');
  await checkPage(page, 'a withholding with a fault');
  await page.fill('#withhold-client', process.env.CLIENT);
  await page.click('button:text("Withhold")');
  await page.waitForURL(/told=withheld/);
  await checkPage(page, 'withheld');
  await page.goto('/tenants/amaris');
  await page.fill('#resync-client', 'no id');
  await page.click('button:text("Request the run")');
  await page.waitForSelector('[aria-invalid]');
  await checkPage(page, 'a form with a fault');
  await page.goto('/tenants/amaris/why');
  await page.fill('#why-client', process.env.CLIENT);
  await page.fill('#why-user', 'dochter');
  await page.click('button:text("Explain")');
  await page.waitForSelector('#answer');
  await checkPage(page, 'why it is empty');
  await page.goto(run);
  must(await page.locator('.progress-total').count() === 1, 'the run ended before all pages were checked');
});
