package faults

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of an Injector; all may be zero.
type Options struct {
	Seed     uint64
	BasePath string           // path of the FHIR base URL; default: /fhir
	Clock    func() time.Time // the server's; default: time.Now
	OnFault  func(Event)      // called before each fault, concurrently
}

// Event is one occurrence of a fault. It has no personal data.
type Event struct {
	Rule   int // 1 is the first
	Fault  string
	Method string
	Type   string // "": none
	Page   int
}

// Injector applies rules to requests. It is safe for concurrent use.
type Injector struct {
	o     Options
	pages *pages

	mu    sync.Mutex
	epoch uint64 // of Set
	rules []Rule
	tally []ruleCount
}

// New returns an Injector with these rules.
func New(o Options, rules ...Rule) *Injector {
	o.BasePath = strings.TrimSuffix("/"+strings.Trim(cmp.Or(o.BasePath, "fhir"), "/"), "/")
	if o.Clock == nil {
		o.Clock = time.Now
	}
	in := &Injector{o: o, pages: newPages()}
	in.Set(rules...)
	return in
}

// Set replaces the rules; without rules there are no faults. Requests in flight keep their faults.
func (in *Injector) Set(rules ...Rule) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.epoch++
	in.rules, in.tally = slices.Clone(rules), make([]ruleCount, len(rules))
}

// Hits returns how often each rule has hit since Set.
func (in *Injector) Hits() []int {
	in.mu.Lock()
	defer in.mu.Unlock()
	hits := make([]int, len(in.tally))
	for i, t := range in.tally {
		hits[i] = t.hit
	}
	return hits
}

// occurrence is what a fault knows of the request that it hits.
type occurrence struct {
	*Injector
	request request
	r       *rand.Rand
	kept    *memory // of the rule
}

// Layer is a simulator.Layer.
func (in *Injector) Layer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := in.look(r)
		handler := next
		struck, tracks := in.faultsFor(&q)
		if tracks && q.isPaged() {
			handler = in.tracked(handler, q)
		}
		for _, s := range slices.Backward(struck) {
			handler = s.fault.wrap(handler, s.hit)
		}
		handler.ServeHTTP(w, r)
	})
}

type appliedFault struct {
	fault Fault
	hit   *occurrence
}

// faultsFor returns the faults of a request, and whether any rule needs the page numbers.
func (in *Injector) faultsFor(q *request) (struck []appliedFault, tracks bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range in.rules {
		rule, n := &in.rules[i], &in.tally[i]
		tracks = tracks || rule.Match.Page > 0 || rule.Fault.tracks
		if !rule.Fault.fits(q) || !rule.Match.matches(q) {
			continue
		}
		seed := uint64(i)<<48 ^ in.epoch<<32 ^ uint64(n.matched)
		r := rand.New(rand.NewPCG(in.o.Seed, seed)) //nolint:gosec // disorder, and no secret
		if !rule.Match.hits(n, r) {
			continue
		}
		struck = append(struck, appliedFault{rule.Fault,
			&occurrence{Injector: in, request: *q, r: r, kept: rule.Fault.kept}})
		if in.o.OnFault != nil {
			in.o.OnFault(Event{Rule: i + 1, Fault: rule.Fault.name, Method: q.Method, Type: q.typ, Page: q.page.number})
		}
	}
	return struck, tracks
}
