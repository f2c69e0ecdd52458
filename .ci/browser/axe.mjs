// Every page of the console, by day and by night, wide and narrow.
import { judge, login, main, must, told, visitor } from './browser.mjs';

const client = process.env.CLIENT;

async function pages(page, name, item) {
  const look = async (at, act) => {
    await page.goto(at);
    if (act) await act();
    await judge(page, `${at}, ${name}:`);
  };
  for (const at of ['/', '/tenants/amaris', '/tenants/amaris/runs', '/runs/1', '/quarantine', item, item + '/discard',
    '/held-removals', '/tenants/amaris/approve/reports', '/tenants/amaris/why', '/nowhere']) await look(at);
  await look('/tenants/amaris', async () => {
    await page.fill('#resync-client', 'no id');
    await page.click('button:text("Ask for the run")');
    await page.waitForSelector('[aria-invalid]');
  });
  await look('/tenants/amaris/why', async () => {
    await page.fill('#why-client', client);
    await page.fill('#why-user', 'dochter');
    await page.click('button:text("Tell me why")');
    await page.waitForSelector('#answer');
  });
  await page.goto('/');
  await page.click('a:text("running")');
  await page.waitForSelector('.progress-total');
  await judge(page, `a run in progress, ${name}:`);
  await page.context().clearCookies();
  await look('/login');
}

await main(async browser => {
  await told('lose');
  const page = await visitor(browser);
  await login(page, 'the token of ann');
  await page.goto('/tenants/amaris');
  await page.click('button:text("Reconcile")');
  await page.locator('#cancel').waitFor({ state: 'detached', timeout: 30000 });
  await page.goto('/quarantine');
  const item = await page.locator('tbody a').first().getAttribute('href');
  await told('slow');
  await page.goto('/tenants/amaris');
  await page.check('#resync-full');
  await page.click('button:text("Ask for the run")');
  await page.waitForSelector('.progress-total');
  for (const colorScheme of ['light', 'dark']) for (const width of [1280, 400]) {
    const page = await visitor(browser, { colorScheme, viewport: { width, height: 900 } });
    await login(page, 'the token of ann');
    await pages(page, `${colorScheme}, ${width} pixels wide`, item);
    await page.context().close();
  }
  await page.goto('/');
  must(await page.locator('a:text("running")').count() === 1, 'the run ended before all was seen');
  await told('fast');
});
