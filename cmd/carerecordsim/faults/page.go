package faults

import (
	"cmp"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// page is what is known of the page that a request asks for.
type page struct {
	number int       // 1 is the first
	first  string    // the URL of the first page; "": this page
	last   time.Time // lastUpdated of the last entry of the page before
	hidden int       // by LateCommits: not to be counted yet
}

// rememberedPages is the number of next links to remember.
const rememberedPages = 10_000

// pages are the known next links, by address.
type pages struct {
	mu    sync.Mutex
	known map[string]page
	order []string
}

func newPages() *pages { return &pages{known: map[string]page{}} }

// address returns a URL without its host, and without the parameter of ShortPage.
func address(u *url.URL) string {
	q := u.Query()
	q.Del(restParameter)
	return u.Path + "?" + q.Encode()
}

func (p *pages) of(u *url.URL) page {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.known[address(u)]
	found.number = max(found.number, 1)
	return found
}

func (p *pages) remember(u *url.URL, next page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := address(u)
	if _, ok := p.known[key]; !ok {
		p.order = append(p.order, key)
	}
	p.known[key] = next
	if len(p.order) > rememberedPages {
		delete(p.known, p.order[0])
		p.order = p.order[1:]
	}
}

// tracked remembers the next links of answers.
func (in *Injector) tracked(next http.Handler, q request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := ask(next, r)
		if b, ok := open(&a); ok {
			in.note(&b, q, r)
		}
		a.send(w)
	})
}

func (in *Injector) note(b *bundle, q request, r *http.Request) {
	u, err := url.Parse(b.link("next"))
	if err != nil || b.link("next") == "" || address(u) == address(r.URL) {
		return
	}
	following := page{number: q.page.number + 1, first: cmp.Or(q.page.first, r.URL.String()), hidden: q.page.hidden}
	if len(b.entries) > 0 {
		following.last = b.entries[len(b.entries)-1].lastUpdated()
	}
	in.pages.remember(u, following)
}
