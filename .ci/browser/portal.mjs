// Families read their dossier in the sample portal of the running demo, with scripts and without, and axe
// checks every page.
import { addFault, checkPage, main, must, openPage } from './browser.mjs';

const site = process.env.SITE;
const source = process.env.SOURCE; // the care record system's URL
const nl = { locale: 'nl-NL', timezoneId: 'Europe/Amsterdam' };

// enter opens a window of somebody of the demo.
async function enter(browser, user, options = {}, organisation = 'amaris') {
  const page = await openPage(browser, { ...nl, ...options });
  await page.goto('/inloggen');
  await page.locator(`form:has(input[value="${organisation}"]) button[value="${user}"]`).click();
  await page.waitForURL(url => url.pathname !== '/inloggen');
  return page;
}

// follow clicks a link or button and waits for its page.
async function follow(page, selector, title) {
  await page.locator(selector).first().click();
  await page.waitForFunction(t => document.querySelector('h1')?.textContent.includes(t), title);
}

// check checks a page with axe in daylight and at night, and that it fits a phone, a page at 200% and at 400%.
async function check(page, name) {
  for (const [width, height] of [[320, 640], [640, 450]]) {
    await page.setViewportSize({ width, height });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (over > 0) addFault(name, width, 'pixels wide:', over, 'pixels too wide');
  }
  await checkPage(page, name, [['dark', 360], ['light', 1280]]);
}

// inSight waits until the first day below the time bar is of a month.
const inSight = (page, month) => page.waitForFunction(m => {
  const bar = document.querySelector('.timebar');
  const edge = getComputedStyle(bar).position === 'sticky' ? bar.offsetHeight + 8 : 0;
  return [...document.querySelectorAll('.day')].find(d => d.getBoundingClientRect().bottom > edge + 8)?.dataset.day.startsWith(m);
}, month);

const firstDay = page => page.locator('.day').first().getAttribute('data-day');
// scrollUntil scrolls to the end of the list, which brings more, until its days are as wanted.
async function scrollUntil(page, end, wanted) {
  for (let i = 0; i < 10; i++) {
    const n = await page.evaluate(end => {
      document.querySelector(end)?.scrollIntoView({ block: 'center' });
      return document.querySelectorAll('.card').length;
    }, end);
    await page.waitForFunction(n => document.querySelectorAll('.card').length > n, n);
    if (wanted(await page.$$eval('.day', list => list.map(d => d.dataset.day)))) return;
  }
  must(false, 'scrolling to', end, 'does not get there');
}

const dossier = page => new URL(page.url()).pathname.split('/').slice(0, 3).join('/');

// writeReport writes a report into the care record system, as a nurse does.
async function writeReport(client, id, text) {
  const now = new Date().toISOString().replace(/\.\d+Z/, 'Z');
  const answer = await fetch(`${source}/Observation/${id}`, {
    method: 'PUT', headers: { 'Content-Type': 'application/fhir+json' },
    body: JSON.stringify({
      resourceType: 'Observation', id, status: 'final', subject: { reference: 'Patient/' + client },
      code: { coding: [{ system: 'http://snomed.info/sct', code: '11591000146107', display: 'Dagrapportage' }] },
      effectiveDateTime: now, issued: now, performer: [{ display: 'Sara Bakker' }], valueString: text,
    }),
  });
  must(answer.ok, 'the care record system answers', answer.status);
}

// without reads the dossier in a browser without JavaScript.
async function without(browser) {
  const page = await enter(browser, 'beheerder', { javaScriptEnabled: false });
  const d = dossier(page);
  await page.click('.menu a:has-text("Tijdlijn")');
  await page.locator('.months a').nth(6).click();
  must(/rond=/.test(page.url()), 'a month is no link without scripts');
  must((await firstDay(page)).slice(0, 7) <= new URL(page.url()).searchParams.get('rond').slice(0, 7), 'the month does not open');
  await page.click('a:has-text("Oudere kaarten")');
  await page.click('a:has-text("Nieuwere kaarten")');
  await page.locator('.card a').first().click();
  await page.click('a:has-text("Terug naar de tijdlijn")');
  await page.goto(d + '/plannen');
  await page.locator('.plan-card a').first().click();
  await page.wants('Wat we doen');
  must(await page.locator('[data-print]').isVisible() === false, 'a button that needs scripts shows without them');
  await page.click('button:has-text("Uitloggen")');
  await page.wants('Welkom bij Mijn dossier');
}

// timeline walks through the time line, with the mouse, by scrolling and with the keyboard.
async function timeline(page) {
  await follow(page, '.menu a:has-text("Tijdlijn")', 'Tijdlijn');
  await page.wants('Bijgewerkt', 'volgende keer', 'Rapportages', 'Vragenlijsten');
  await check(page, 'time line');
  await page.evaluate(() => { window.untouched = true; });
  const months = page.locator('.months a');
  must(await months.count() >= 12, 'the time bar has', await months.count(), 'months');
  const last = await page.locator('.day').first().getAttribute('data-day');

  // Scrolling down goes on without an end.
  const before = await page.locator('.card').count();
  for (let i = 0; i < 3; i++) await scrollUntil(page, '.older', () => true);
  must(await page.locator('.card').count() >= before + 60, 'scrolling down does not bring more cards');
  const ids = await page.$$eval('.card', list => list.map(c => c.id));
  must(new Set(ids).size === ids.length, 'a card is there twice');
  const days = await page.$$eval('.day', list => list.map(d => d.dataset.day));
  must(days.every((d, i) => i === 0 || days[i - 1] > d), 'the days are not in order:', days.join(' '));

  // A click on a month goes to its days; from there it goes on in both directions.
  const month = await months.nth(5).getAttribute('data-month');
  await months.nth(5).click();
  await inSight(page, month);
  must(page.url().includes('rond=' + month), 'the address does not have the date:', page.url());
  await page.waitForFunction(m => document.querySelector('.months [aria-current]').dataset.month === m, month);
  await scrollUntil(page, '.newer', list => list[0] > month + '-31');
  await scrollUntil(page, '.older', list => list.pop() < month);

  // With the keyboard: arrows walk along the bar, Enter goes there and moves the focus.
  await page.locator('.months a[tabindex="0"]').focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  const wanted = await page.evaluate(() => document.activeElement.dataset.month);
  must(wanted === await months.nth(2).getAttribute('data-month'), 'the arrows lead to', wanted);
  await page.keyboard.press('Enter');
  await inSight(page, wanted);
  must(await page.evaluate(() => document.activeElement.tagName) === 'H2', 'the focus is not at the day');
  must(await page.evaluate(() => window.untouched), 'the page was loaded again');

  // A card opens, and going back returns to its place.
  const id = await page.locator('.card').nth(1).getAttribute('id');
  await page.locator(`#${id} a`).click();
  await page.waitForSelector('.facts');
  await check(page, 'a report');
  const title = page.locator('.facts dd').first();
  const was = await title.textContent();
  await page.click('.neighbours [rel=next]');
  await page.waitForFunction(w => document.querySelector('.facts dd')?.textContent !== w, was);
  await page.click('.neighbours [rel=prev]');
  await page.waitForFunction(w => document.querySelector('.facts dd')?.textContent === w, was);
  await follow(page, 'a:has-text("Terug naar de tijdlijn")', 'Tijdlijn');
  await page.waitForSelector('#' + id);
  await page.goto(dossier(page) + '/tijdlijn?rond=' + last);
  // Newer cards, written meanwhile, may stand above it.
  must(await page.locator(`.day[data-day="${last}"]`).count() === 1, 'a date in the address does not open');
  must(await firstDay(page) >= last, 'a date in the address opens older days');

  await page.click('.choices a:has-text("Zorgleefplan")');
  await page.locator('.choices [aria-current]:has-text("Zorgleefplan")').waitFor();
  must(await page.locator('.card .chip.plan').count() === await page.locator('.card').count(), 'the cards of the plan look like others');
  await page.click('.choices a:has-text("Vragenlijsten")');
  await page.locator('.choices [aria-current]:has-text("Vragenlijsten")').waitFor();
  must(await page.locator('.card .chip:not(.form):not(.quiet-chip)').count() === 0, 'the filter shows other kinds');
  await page.locator('.card a').first().click();
  await page.waitForSelector('.questions');
  await check(page, 'a form');
  await page.goto(dossier(page) + '/tijdlijn?van=1999-01-01&tot=1999-12-31');
  await page.wants('niets gevonden dat bij uw keuze past', 'Kies een andere periode');
  await check(page, 'a time line without a match');
}

async function reading(page) {
  await follow(page, '.menu a:has-text("Lezen")', 'Lezen');
  const general = await page.locator('.report').count();
  must(general > 5, 'Lezen has', general, 'reports');
  await check(page, 'Lezen');
  const first = await page.locator('.report h3 a').first().getAttribute('href');
  await follow(page, '.choices a:has-text("Zorgleefplan")', 'Lezen');
  must(await page.locator(`.report a[href="${first}"]`).count() === 0, 'a report is in both parts of Lezen');
  await page.wants('Over het doel');
  await follow(page, 'a[rel=next]', 'Lezen');
  await follow(page, 'a[rel=prev]', 'Lezen');
  await follow(page, '.menu a:has-text("Plannen")', 'Zorgplan');
  await check(page, 'plans');
  await page.locator('.plan-card a').first().click();
  await page.waitForSelector('.goal');
  await page.wants('Wat we doen', 'Akkoord', 'Gemaakt door', 'welbevinden');
  await check(page, 'a plan');
  await follow(page, 'a:has-text("Lees wat er is geschreven over dit doel")', 'Lezen');
  await page.wants('over één doel');
  await follow(page, '.menu a:has-text("Plannen")', 'Zorgplan');
  await follow(page, 'a:has-text("Vervallen")', 'Zorgplan');
  await page.locator('.plan-card, .empty').first().waitFor();
  await check(page, 'expired plans');
}

// rights: a manager gives and takes rights, and that counts at once in the windows of others.
async function rights(browser, page) {
  const daughter = await enter(browser, 'dochter');
  await follow(daughter, '.menu a:has-text("Plannen")', 'Zorgplan');
  await daughter.wants('U hebt geen toegang tot dit deel', 'Vraag het aan de beheerder');
  await check(daughter, 'a part without a right');
  const d = dossier(daughter);
  await daughter.goto(d + '/toegang');
  await daughter.wants('U bent geen beheerder');

  await follow(page, '.menu a:has-text("Gebruikersbeheer")', 'Gebruikersbeheer');
  await check(page, 'the management of users');
  const hers = page.locator('.person:has(h3:has-text("Sanne de Wit"))');
  await hers.locator('input[value="care-plans"]').check();
  await hers.locator('button:has-text("Bewaren")').click();
  await page.wants('De toegang is veranderd');
  await follow(daughter, '.menu a:has-text("Plannen")', 'Zorgplan');
  await daughter.locator('.plan-card').first().waitFor();

  await page.locator('.person:has(h3:has-text("Sanne de Wit")) button:has-text("Toegang intrekken")').click();
  await page.wants('De toegang is ingetrokken');
  await follow(daughter, '.menu a:has-text("Lezen")', 'U kunt dit dossier niet openen');
  await check(daughter, 'a dossier without a right');

  // A contact is invited, says yes, and sees the part that was given, and no more.
  const contact = page.locator('section:has(#contacten) .person').first();
  const name = (await contact.locator('h3').textContent()).trim();
  await contact.locator('input[value="reports"]').check();
  await contact.locator('button:has-text("Uitnodigen")').click();
  await page.wants('De uitnodiging is gegeven', 'Ziet nu niets', 'De uitnodiging is nog niet aangenomen');
  const guest = await openPage(browser, nl);
  await guest.goto('/inloggen');
  await guest.click(`button:has-text("${name}"):has-text("uitgenodigd")`);
  await guest.wants('U bent uitgenodigd');
  await check(guest, 'an invitation');
  await guest.click('button:has-text("Uitnodiging aannemen")');
  await guest.waitForSelector('.card');
  await follow(guest, '.menu a:has-text("Plannen")', 'Zorgplan');
  await guest.wants('U hebt geen toegang tot dit deel');

  await follow(page, '.menu a:has-text("Wie heeft gekeken")', 'Wie heeft gekeken');
  await page.wants('Sanne de Wit', 'Startscherm', 'Geweigerd', 'Afgedrukt', 'Vertegenwoordiger', name);
  await check(page, 'the access log');
}

async function printing(page) {
  await follow(page, '.menu a:has-text("Afdrukken")', 'Afdrukken');
  await check(page, 'the choice of a print');
  await page.check('input[value="plannen"]');
  await follow(page, 'button:has-text("Maak de afdruk")', 'Zorgplan');
  await page.wants('Afgedrukt op', 'Peter de Wit', 'Wat we doen');
  await check(page, 'a print');
  await page.evaluate(() => { window.print = () => { window.printed = true; }; });
  await page.click('button:has-text("Afdrukken")');
  must(await page.evaluate(() => window.printed), 'the button does not print');
  await page.emulateMedia({ media: 'print' });
  for (const part of ['.top', '.item-top', '.sample']) must(!await page.locator(part).first().isVisible(), part, 'is printed');
  must(await page.locator('.paper').isVisible(), 'the paper is empty');
  await page.emulateMedia({ media: 'screen' });
}

// isOf waits for a page of somebody's dossier.
const isOf = (page, name) => page.locator('.client-name', { hasText: name }).waitFor();

// others: people with more dossiers, with none, and of another organisation.
async function others(browser) {
  const mentor = await enter(browser, 'mentor');
  await mentor.wants('Welk dossier wilt u lezen?');
  await check(mentor, 'the choice of a dossier');
  const names = await mentor.locator('.account-name').allTextContents();
  must(names.length === 2, 'the mentor has', names.length, 'dossiers');
  await mentor.locator('a.account').first().click();
  await isOf(mentor, names[0]);
  const one = dossier(mentor);
  await mentor.click('summary:has-text("Wissel van dossier")');
  await mentor.click(`.switch a:has-text("${names[1]}")`);
  await isOf(mentor, names[1]);
  await check(mentor, 'the start page');

  const neighbour = await enter(browser, 'buurman');
  await neighbour.wants('U kunt nu geen dossier lezen', 'uw toegang is voorbij');
  await check(neighbour, 'no dossier');
  for (const [at, status] of [[one, 404], ['/d/niemand/tijdlijn', 404], ['/nergens', 404]]) {
    const answer = await neighbour.goto(at);
    must(answer.status() === status, at, 'answers', answer.status());
  }

  const niece = await enter(browser, 'nicht', {}, 'szr');
  await niece.locator('a.account').first().click();
  await niece.wants('SZR', 'Zorgleefplannen', 'Formulieren');
  must(!(await niece.says()).includes('Vragenlijsten'), 'SZR has the words of Amaris');
  await check(niece, 'the start page of SZR');
}

// secrets: the session is safe from scripts and from forms of others.
async function secrets(page) {
  const cookies = await page.context().cookies();
  must(cookies.length === 1 && cookies[0].httpOnly && cookies[0].sameSite === 'Lax', 'the cookies are', JSON.stringify(cookies));
  const d = dossier(page);
  for (const form of [{ doe: 'intrekken', persoon: 'dochter' }, { doe: 'intrekken', persoon: 'dochter', csrf: 'wrong' }]) {
    const answer = await page.request.post(d + '/toegang', { form });
    must(answer.status() === 403, 'a form without the token answers', answer.status());
  }
  const answer = await page.request.get(d);
  const policy = answer.headers()['content-security-policy'];
  must(policy.includes("default-src 'none'") && !policy.includes('unsafe'), 'the policy is', policy);
  must(answer.headers()['cache-control'] === 'no-store', 'pages may be kept');
}

await main(async browser => {
  const began = Date.now();
  const lap = name => console.error(`${name}: ${Math.round((Date.now() - began) / 1000)} s`);
  const door = await openPage(browser, nl);
  await door.goto('/inloggen');
  await door.wants('Dit is een voorbeeld', 'Amaris', 'SZR');
  await check(door, 'log in');

  // An open time line waits for what a nurse writes meanwhile.
  const waiting = await enter(browser, 'client');
  await follow(waiting, '.menu a:has-text("Tijdlijn")', 'Tijdlijn');
  await waiting.evaluate(() => { window.untouched = true; });
  const text = 'Op bezoek bij <b>opa & oma</b>. "Gezellig!" <script>window.broken = true</script>';
  await writeReport(dossier(waiting).split('/')[2], 'browser-' + Date.now(), text);

  await without(browser);
  lap('without scripts');
  const page = await enter(browser, 'beheerder');
  await page.wants('Peter', 'Het nieuwste', 'Zorgplan', 'Bijgewerkt');
  await check(page, 'the start page of a manager');
  await secrets(page);
  await timeline(page);
  lap('time line');
  await waiting.locator('.card.new', { hasText: text }).waitFor({ timeout: 60000 });
  must(await waiting.evaluate(() => window.untouched && !window.broken), 'the time line was loaded again, or ran what a nurse wrote');
  lap('a new report');
  await reading(page);
  lap('reading');
  await printing(page);
  await rights(browser, page);
  lap('rights');
  await others(browser);
  lap('others');
});
