package faults

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Next is a fault of next links.
type Next string

// Repeat leads to the same page again, Loop to the first, OtherOrigin to
// another host, Relative is a path alone, Missing is left out though there is
// more, and Expired is well until it is followed: later pages are 410 Gone.
const (
	Repeat      Next = "repeat"
	Loop        Next = "loop"
	OtherOrigin Next = "other-origin"
	Relative    Next = "relative"
	Missing     Next = "missing"
	Expired     Next = "expired"
)

// otherOrigin is a host that cannot exist (RFC 2606).
const otherOrigin = "https://ecd.elders.example"

// WrongNext changes next links.
func WrongNext(kind Next) Fault {
	if kind == Expired {
		f := Status(http.StatusGone)
		f.name, f.tracks = "next expired", true
		f.needs = func(q *request) bool { return q.isPaged() && q.page.number > 1 }
		return f
	}
	f := pageFault("next "+string(kind), func(b *bundle, h *occurrence) {
		next, err := url.Parse(b.link("next"))
		if err != nil || b.link("next") == "" {
			return
		}
		here := url.URL{Scheme: next.Scheme, Host: next.Host}
		b.setLink("next", spoil(kind, h.request, here.String(), next.RequestURI()))
	})
	f.tracks = kind == Loop
	return f
}

func spoil(kind Next, q request, origin, next string) string {
	switch kind {
	case Repeat:
		return origin + q.URL.RequestURI()
	case Loop:
		if q.page.first == "" {
			return origin + q.URL.RequestURI()
		}
		first, err := url.Parse(q.page.first)
		if err != nil {
			return ""
		}
		return origin + first.RequestURI()
	case OtherOrigin:
		return otherOrigin + next
	case Relative:
		return next
	default:
		return ""
	}
}

const restParameter = "_rest"

// ShortPage sends the first entries of a page, and a next link to the rest. A client that takes a
// short page for the last one loses the rest.
func ShortPage(size int) Fault {
	return onPages(Fault{name: "short-page", handler: func(next http.Handler, h *occurrence) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			skip, _ := strconv.Atoi(r.URL.Query().Get(restParameter)) // 0: the page's beginning
			a := ask(next, withoutParameters(r, restParameter))
			if b, ok := open(&a); ok {
				b.entries = b.entries[min(max(skip, 0), len(b.entries)):]
				if len(b.entries) > size {
					b.entries = b.entries[:size]
					b.setLink("next", rest(&b, r, skip+size))
				}
				b.close(&a)
			}
			a.send(w)
		})
	}})
}

// rest returns the link to the rest of a short page.
func rest(b *bundle, r *http.Request, skip int) string {
	u := *r.URL
	q := u.Query()
	q.Set(restParameter, strconv.Itoa(skip))
	u.RawQuery = q.Encode()
	if self, err := url.Parse(b.link("self")); err == nil {
		u.Scheme, u.Host = self.Scheme, self.Host
	}
	return u.String()
}

// Ignore removes parameters before the server sees them, so that link self lacks them too. Without
// _sort a search is ordered by id.
func Ignore(parameters ...string) Fault {
	return onPages(Fault{name: "ignore " + strings.Join(parameters, ", "),
		handler: func(next http.Handler, h *occurrence) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = withoutParameters(r, parameters...)
				if slices.Contains(parameters, "_sort") && h.request.interaction == Search {
					r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&_sort=_id", "&")
				}
				next.ServeHTTP(w, r)
			})
		}})
}

// withoutParameters returns r without these parameters in its URL and its form.
func withoutParameters(r *http.Request, names ...string) *http.Request {
	r = r.Clone(r.Context())
	r.URL.RawQuery = filter(r.URL.RawQuery, names)
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"),
		"application/x-www-form-urlencoded") {
		form, err := io.ReadAll(r.Body)
		if err == nil {
			form = []byte(filter(string(form), names))
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(form)), int64(len(form))
	}
	return r
}

func filter(query string, names []string) string {
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		return err == nil && slices.Contains(names, name)
	})
	return strings.Join(kept, "&")
}
