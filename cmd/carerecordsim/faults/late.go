package faults

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// LateCommits makes a version visible only some time after its lastUpdated: half of the versions at
// once, the others after up to d, so that a later version may be visible first. Until then reads
// return the version before, and searches and histories leave the version out.
func LateCommits(d time.Duration) Fault {
	name := fmt.Sprintf("late-commits of %s", d)
	return Fault{name: name, tracks: true, needs: func(q *request) bool {
		return q.isPaged() ||
			q.interaction == Read
	}, handler: func(next http.Handler, h *occurrence) http.Handler {
		l := late{next, h, d}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = asGet(r) // the request may be repeated
			a := ask(next, r)
			if b, ok := open(&a); ok && h.request.isPaged() {
				l.hide(&b, r)
				b.close(&a)
			} else if a.status == http.StatusOK && h.request.interaction == Read && !l.visible(a.body) {
				a = l.before(a, r)
			}
			a.send(w)
		})
	}}
}

// asGet turns a search by POST into one by GET.
func asGet(r *http.Request) *http.Request {
	path, ok := strings.CutSuffix(r.URL.Path, "/_search")
	if !ok || r.Method != http.MethodPost {
		return r
	}
	form, err := io.ReadAll(r.Body)
	if err != nil {
		return r
	}
	r = r.Clone(r.Context())
	r.Method, r.URL.Path, r.Body = http.MethodGet, path, http.NoBody
	r.URL.RawQuery += "&" + string(form)
	return r
}

type late struct {
	next http.Handler
	*occurrence
	delay time.Duration
}

// visible reports whether a version is visible by now.
func (l late) visible(body []byte) bool {
	var r struct {
		ResourceType, ID string
		Meta             struct {
			VersionID   string
			LastUpdated time.Time
		}
	}
	if json.Unmarshal(body, &r) != nil {
		return true
	}
	sum := fnv.New64a()
	_, _ = fmt.Fprint(sum, r.ResourceType, r.ID, r.Meta.VersionID) // a hash never fails
	own := rand.New(rand.NewPCG(l.o.Seed, sum.Sum64()))            //nolint:gosec // disorder, and no secret
	if own.IntN(2) == 0 {
		return true
	}
	wait := time.Duration(own.Float64() * float64(l.delay))
	return !l.o.Clock().Before(r.Meta.LastUpdated.Add(wait))
}

// hide leaves invisible versions out of the entries and the total.
func (l late) hide(b *bundle, r *http.Request) {
	hidden := l.request.page.hidden
	if l.request.page.number == 1 {
		hidden = l.count(r)
		l.carry(b, hidden)
	}
	var total int
	if json.Unmarshal(b.members["total"], &total) == nil {
		b.members["total"] = encode(max(0, total-hidden))
	}
	b.entries = slices.DeleteFunc(b.entries, func(e entry) bool { return !l.visible(e["resource"]) })
}

// carry tells later pages how many versions are hidden.
func (l late) carry(b *bundle, hidden int) {
	if u, err := url.Parse(b.link("next")); err == nil && b.link("next") != "" {
		following := l.pages.of(u)
		following.hidden = hidden
		l.pages.remember(u, following)
	}
}

// count returns how many versions of the whole search are hidden. They are among the newest.
func (l late) count(r *http.Request) int {
	r = withoutParameters(r, "_count", "_total", "_elements", "_summary")
	since := l.o.Clock().Add(-l.delay).UTC().Format("2006-01-02T15:04:05.000Z")
	if l.request.interaction == History {
		r.URL.RawQuery += "&_count=1000&_since=" + since
	} else {
		r.URL.RawQuery += "&_count=1000&_lastUpdated=ge" + since
	}
	a := ask(l.next, r)
	b, ok := open(&a)
	if !ok {
		return 0
	}
	n := 0
	for _, e := range b.entries {
		if !l.visible(e["resource"]) {
			n++
		}
	}
	return n
}

// before returns the answer as it was before the version in a.
func (l late) before(a answer, r *http.Request) answer {
	var v struct{ Meta struct{ VersionID string } }
	_ = json.Unmarshal(a.body, &v) // it was parsed before
	var number int
	if _, err := fmt.Sscanf(v.Meta.VersionID, "%d", &number); err == nil && number > 1 {
		older := r.Clone(r.Context())
		older.URL.Path = strings.TrimSuffix(r.URL.Path, "/") + fmt.Sprintf("/_history/%d", number-1)
		if b := ask(l.next, older); b.status == http.StatusOK {
			return b
		}
	}
	return answer{status: http.StatusNotFound, header: http.Header{"Content-Type": {fhirJSON}},
		body: outcome(http.StatusNotFound)}
}
