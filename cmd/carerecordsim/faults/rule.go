package faults

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
)

// Rule is a fault and the requests that meet it.
type Rule struct {
	Match Match
	Fault Fault
}

// Match selects requests; zero fields match everything.
type Match struct {
	Method      string         // GET, POST, …
	Path        *regexp.Regexp // matches anywhere in the path
	Query       *regexp.Regexp // matches anywhere in the raw query
	Type        string         // the resource type
	Interaction Interaction
	Page        int // of a search or history: 1 is the first

	// Of the requests that match, the first After are spared. Then each Every-th one is hit with
	// Probability, at most Times times.
	After       int
	Every       int
	Probability float64
	Times       int
}

// Interaction is a FHIR interaction.
type Interaction string

// The interactions that rules can match.
const (
	Search   Interaction = "search"
	History  Interaction = "history"
	Read     Interaction = "read"
	VRead    Interaction = "vread"
	Write    Interaction = "write"
	Metadata Interaction = "metadata"
)

// request is a request as rules match it.
type request struct {
	*http.Request
	typ         string
	interaction Interaction
	page        page
}

func (in *Injector) look(r *http.Request) request {
	q := request{Request: r, page: page{number: 1}}
	path, ok := strings.CutPrefix(r.URL.Path, in.o.BasePath+"/")
	if !ok {
		return q
	}
	parts := strings.Split(path, "/")
	q.typ = parts[0]
	last := parts[len(parts)-1]
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case path == "metadata":
		q.typ, q.interaction = "", Metadata
	case last == "_history" && len(parts) <= 3:
		q.interaction = History
	case len(parts) == 1 && reads, last == "_search":
		q.interaction = Search
	case len(parts) == 2 && reads:
		q.interaction = Read
	case len(parts) == 4 && reads:
		q.interaction = VRead
	case !reads:
		q.interaction = Write
	}
	if q.isPaged() {
		q.page = in.pages.of(r.URL)
	}
	return q
}

// isPaged reports whether the answer is a Bundle with pages.
func (q *request) isPaged() bool { return q.interaction == Search || q.interaction == History }

func (m *Match) matches(q *request) bool {
	return (m.Method == "" || strings.EqualFold(m.Method, q.Method)) &&
		(m.Path == nil || m.Path.MatchString(q.URL.Path)) &&
		(m.Query == nil || m.Query.MatchString(q.URL.RawQuery)) &&
		(m.Type == "" || m.Type == q.typ) &&
		(m.Interaction == "" || m.Interaction == q.interaction) &&
		(m.Page == 0 || q.isPaged() && m.Page == q.page.number)
}

// ruleCount counts the requests that one rule has matched and hit.
type ruleCount struct{ matched, hit int }

// hits decides about one more request that matches.
func (m *Match) hits(n *ruleCount, r *rand.Rand) bool {
	n.matched++
	switch {
	case n.matched <= m.After,
		m.Every > 1 && (n.matched-m.After)%m.Every != 0,
		m.Probability > 0 && r.Float64() >= m.Probability,
		m.Times > 0 && n.hit >= m.Times:
		return false
	}
	n.hit++
	return true
}
