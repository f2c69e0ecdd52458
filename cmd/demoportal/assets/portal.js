// What the pages do beyond links and forms: each of them also works without this file.
'use strict';
document.documentElement.classList.add('scripted');

const cards = document.getElementById('kaarten');
const here = new URL(location.href);

// fragment asks for a piece of a page: the cards at a URL of the time line. It returns null if the reader
// has to see a whole page: signed out, or no right any more. It throws if it does not work now.
async function fragment(url) {
  const at = new URL(url, location.href);
  at.searchParams.set('deel', '1');
  const answer = await fetch(at, { redirect: 'follow' });
  if (answer.status >= 500) throw new Error('not now');
  const found = answer.ok && new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('kaarten');
  return found || null;
}

const days = root => [...root.querySelectorAll(':scope > .day')];

// join moves the days of another list to the end or the beginning of the open one. A day that is in both
// stays one.
function join(other, atEnd) {
  const list = days(other);
  if (!atEnd) list.reverse();
  for (const day of list) {
    const open = days(cards);
    const next = atEnd ? open[open.length - 1] : open[0];
    if (next && next.dataset.day === day.dataset.day) {
      const fresh = [...day.querySelectorAll('.card')].filter(c => !document.getElementById(c.id));
      next.querySelector('.cards')[atEnd ? 'append' : 'prepend'](...fresh);
    } else if (!next) cards.prepend(day);
    else next[atEnd ? 'after' : 'before'](day);
  }
}

// holding changes the list, and keeps what the reader sees where it is.
function holding(change) {
  const edge = stickyEdge();
  const held = [...cards.querySelectorAll('.card')].find(c => c.getBoundingClientRect().bottom > edge);
  const top = held && held.getBoundingClientRect().top;
  change();
  if (held && held.isConnected) window.scrollBy(0, held.getBoundingClientRect().top - top);
}

// more loads the page that a link leads to, and puts it before or after the open one.
async function more(link) {
  if (link.dataset.busy) return;
  link.dataset.busy = 'yes';
  const older = link.rel === 'next';
  let other = null;
  try { other = await fragment(link.href); } catch { /* no connection: the link stays */ }
  if (!other) { delete link.dataset.busy; watcher.unobserve(link); return; }
  const focused = document.activeElement === link;
  const place = other.querySelector(older ? '.older, .begin' : '.newer');
  holding(() => {
    join(other, older);
    const old = link.parentElement;
    if (place) old.replaceWith(place); else old.remove();
  });
  const next = place && place.querySelector('a');
  if (next) { if (focused) next.focus({ preventScroll: true }); watcher.observe(next); }
}

const watcher = new IntersectionObserver(seen => {
  for (const s of seen) if (s.isIntersecting) more(s.target);
}, { rootMargin: '500px 0px' });

function watch() {
  for (const link of cards.querySelectorAll('.older a, .newer a')) watcher.observe(link);
}

// bringUp scrolls the time bar, and nothing else, to a month.
function mark(month) {
  const bar = document.querySelector('.timebar');
  if (!bar) return;
  const now = bar.querySelector(`[data-month="${month}"]`);
  const was = bar.querySelector('[aria-current]');
  if (!now || now === was) return;
  if (was) was.removeAttribute('aria-current');
  now.setAttribute('aria-current', 'true');
  for (const a of bar.querySelectorAll('[data-month]')) a.tabIndex = a === now ? 0 : -1;
  const box = bar.querySelector('.timebar-scroll'), b = box.getBoundingClientRect(), n = now.getBoundingClientRect();
  if (n.left < b.left + 40 || n.right > b.right - 40) box.scrollLeft += n.left - b.left - b.width / 2;
}

// follow marks the month of the first day in sight, and keeps its date in the address, so that going
// back or loading again returns to it.
let following = false;
function follow() {
  if (following) return;
  following = true;
  requestAnimationFrame(() => {
    following = false;
    const edge = stickyEdge() + 40;
    const day = days(cards).find(d => d.getBoundingClientRect().bottom > edge);
    if (!day || day.dataset.day.length < 7) return;
    mark(day.dataset.day.slice(0, 7));
    const at = new URL(location.href);
    at.hash = '';
    at.searchParams.delete('cursor');
    if (day.dataset.day.length === 10 && (window.scrollY > 300 || cards.querySelector('.newer'))) at.searchParams.set('rond', day.dataset.day);
    else at.searchParams.delete('rond');
    if (at.href !== location.href) history.replaceState(null, '', at);
  });
}

function stickyEdge() {
  const bar = document.querySelector('.timebar');
  return bar && getComputedStyle(bar).position === 'sticky' ? bar.offsetHeight + 8 : 0;
}

// jump shows the cards around a date, in the open page.
async function jump(url, focus) {
  let other = null;
  try { other = await fragment(url); } catch { /* no connection */ }
  if (!other) { location.href = url; return; }
  watcher.disconnect();
  cards.replaceChildren(...other.childNodes);
  history.pushState(null, '', url);
  const first = days(cards)[0];
  if (first) {
    window.scrollTo(0, window.scrollY + first.getBoundingClientRect().top - stickyEdge() - 24);
    mark(first.dataset.day.slice(0, 7));
    if (focus) first.querySelector('h2').focus({ preventScroll: true });
  }
  watch();
}

// The newest page is open if nothing newer waits, and no period hides what comes.
const atNewest = () => cards && !cards.querySelector('.newer') && !here.searchParams.get('tot');

// refresh brings the newest cards into the open time line: new ones come, corrected ones change, and those
// that are gone go.
async function refresh() {
  const url = new URL(location.href);
  for (const p of ['rond', 'cursor']) url.searchParams.delete(p);
  const other = await fragment(url);
  if (!other) { location.reload(); return; }
  cards.dataset.asOf = other.dataset.asOf;
  const found = [...other.querySelectorAll('.card')];
  const open = [...cards.querySelectorAll('.card')];
  const oldest = found.length ? Date.parse(found[found.length - 1].dataset.at) : Infinity;
  for (const card of open) {
    const now = found.find(c => c.id === card.id);
    if (!now && Date.parse(card.dataset.at) > oldest) card.remove();
    else if (now && now.innerHTML !== card.innerHTML && !card.contains(document.activeElement)) card.innerHTML = now.innerHTML;
  }
  const fresh = found.filter(c => !open.some(o => o.id === c.id));
  const change = () => {
    for (const card of fresh) { card.classList.add('new'); insert(card); }
    for (const day of days(cards)) if (!day.querySelector('.card')) day.remove();
  };
  if (open.length === 0) { if (fresh.length) cards.replaceChildren(...other.childNodes); watch(); }
  else if (window.scrollY > 300) holding(change); else change();
  if (fresh.length) document.getElementById('nieuws').textContent = fresh.length === 1 ? 'Er is 1 nieuwe kaart.' : `Er zijn ${fresh.length} nieuwe kaarten.`;
}

// insert puts a card into its day, in order of time.
function insert(card) {
  const from = card.closest('.day');
  let day = days(cards).find(d => d.dataset.day === from.dataset.day);
  if (!day) {
    day = from.cloneNode(true);
    day.querySelector('.cards').replaceChildren();
    const later = days(cards).find(d => d.dataset.day < day.dataset.day);
    if (later) later.before(day); else cards.append(day);
  }
  const next = [...day.querySelectorAll('.card')].find(c => Date.parse(c.dataset.at) < Date.parse(card.dataset.at));
  if (next) next.before(card); else day.querySelector('.cards').append(card);
}

// check asks whether there was a sync since the page was made. It asks soon after the next one is due,
// and at least every minute, because rights can be taken at any time. It reads no dossier.
let next = Date.parse(document.body.dataset.next), tries = 0, triedFor = '';
async function check() {
  try {
    const answer = await fetch(document.body.dataset.fresh);
    if (answer.status === 401 || answer.status === 404) { location.reload(); return; }
    if (answer.ok) {
      const now = await answer.json();
      next = Date.parse(now.next);
      if (triedFor !== now.asOf) { triedFor = now.asOf; tries = 0; }
      // Each reading is in the access log, so a sync is worth three at most.
      if (atNewest() && now.asOf && !(Date.parse(cards.dataset.asOf) >= Date.parse(now.asOf)) && tries++ < 3) await refresh();
      tell(now);
    }
  } catch { /* no connection: later again */ }
  plan();
}

// tell says how old the page is. A page that does not renew itself offers to.
function tell(now) {
  const line = document.querySelector('.hello [data-fresh-line]');
  const asOf = cards ? cards.dataset.asOf : document.body.dataset.asOf;
  if (!line || !now.asOf) return;
  if (cards && atNewest() && Date.parse(asOf) >= Date.parse(now.asOf)) line.textContent = now.line;
  else if (Date.parse(asOf) < Date.parse(now.asOf) && !line.querySelector('a')) {
    const again = document.createElement('a');
    again.href = location.href;
    again.textContent = 'Laad het nieuwste';
    line.append(' ', again);
  }
}

function plan() {
  const wait = Math.min(60000, Math.max(4000, next - Date.now() + 2500)) || 60000;
  setTimeout(() => { if (document.hidden) document.addEventListener('visibilitychange', check, { once: true }); else check(); }, wait);
}

if (document.body.dataset.fresh) plan();
if (cards) {
  watch();
  document.addEventListener('scroll', follow, { passive: true });
  window.addEventListener('popstate', () => location.reload());
  const bar = document.querySelector('.timebar');
  if (bar) {
    const months = [...bar.querySelectorAll('[data-month]')];
    const current = bar.querySelector('[aria-current]') || months[0];
    for (const a of months) a.tabIndex = a === current ? 0 : -1;
    bar.addEventListener('click', e => {
      const a = e.target.closest('[data-month]');
      if (!a || e.ctrlKey || e.metaKey || e.shiftKey) return;
      e.preventDefault();
      jump(a.href, e.detail === 0);
    });
    // Newer months are on the right.
    bar.addEventListener('keydown', e => {
      const i = months.indexOf(document.activeElement);
      const to = { ArrowRight: i - 1, ArrowLeft: i + 1, Home: months.length - 1, End: 0 }[e.key];
      if (i < 0 || !months[to]) return;
      e.preventDefault();
      for (const a of months) a.tabIndex = a === months[to] ? 0 : -1;
      months[to].focus();
    });
    const box = bar.querySelector('.timebar-scroll'), b = box.getBoundingClientRect(), n = current.getBoundingClientRect();
    if (n.left < b.left || n.right > b.right) box.scrollLeft += n.left - b.left - b.width / 2;
  }
  const form = document.querySelector('[data-jump]');
  if (form) form.addEventListener('submit', e => {
    e.preventDefault();
    jump(form.action + '?' + new URLSearchParams(new FormData(form)), true);
  });
}
const print = document.querySelector('[data-print]');
if (print) print.addEventListener('click', () => window.print());
