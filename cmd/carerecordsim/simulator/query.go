package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossiersync/cmd/carerecordsim/archive"
)

// search is a parsed search.
type search struct {
	query      archive.Query
	patients   []string // alternatives, if more than one
	tokens     []tokenFilter
	span       span
	count      int
	countOnly  bool
	noTotal    bool
	wantsTotal bool
	sorted     bool     // _sort was honoured
	byTime     bool     // by _lastUpdated
	scoped     bool     // to clients, or to ids
	elements   []string // nil: whole resources
	used       []pair   // honoured parameters, for link self
	sent       []pair   // all parameters
}

type tokenFilter struct {
	element      int
	alternatives []tokenValue
}

// searchRules are what parsing depends on besides the query.
type searchRules struct {
	Behaviour
	strict       bool // unknown parameters are refused
	zone         *time.Location
	defaultCount int
	maxCount     int
	now          time.Time
}

func parseSearch(resourceType string, pairs []pair, rules searchRules) (search, error) {
	q := search{query: archive.Query{Type: resourceType}, count: rules.defaultCount, sent: pairs}
	if rules.OneInterval && countOf(pairs, "_lastUpdated") > 1 {
		return search{}, badRequest("invalid", "Invalid parameter: _lastUpdated")
	}
	if rules.ignores("_sort") {
		q.query.Order = archive.ByID // without a sort the order must not be by time
	}
	for _, p := range pairs {
		name, _, _ := strings.Cut(p.name, ":")
		known, err := false, error(nil)
		if !rules.ignores(name) {
			known, err = q.apply(p, rules)
		}
		if err != nil {
			return search{}, err
		}
		if !known && rules.strict {
			return search{}, badRequest("not-supported", "%s does not support %s=%s", resourceType, p.name, p.value)
		}
	}
	if rules.NeedsPatient && belongsToClients(resourceType) && !q.scoped {
		return search{}, badRequest("required", "%s can be searched for one patient only", resourceType)
	}
	if w := rules.WideFails; w > 0 && q.query.IDs == nil && (q.span.low.IsZero() || q.spanUntil(rules.now).Sub(q.span.low) > w) {
		return search{}, &outcome{http.StatusInternalServerError, "exception", "the query took too long"}
	}
	q.query.From, q.query.Until = q.span.low, q.span.high
	if len(q.tokens) > 0 || len(q.patients) > 0 {
		q.query.Match = q.matches
	}
	return q, nil
}

// spanUntil is the end of the interval that is searched; now, if it has none.
func (q *search) spanUntil(now time.Time) time.Time {
	if q.span.high.IsZero() {
		return now
	}
	return q.span.high
}

func countOf(pairs []pair, name string) int {
	n := 0
	for _, p := range pairs {
		if p.name == name {
			n++
		}
	}
	return n
}

// apply applies one parameter, and reports whether the server knows it.
func (q *search) apply(p pair, rules searchRules) (bool, error) {
	switch p.name {
	case "_format", "_pretty", paddingParameter, resumedParameter:
		return true, nil
	case "_count":
		return q.applyCount(p, rules)
	case "_lastUpdated":
		s, err := parsePrefixed(p.value, rules.zone)
		if err != nil {
			return true, badRequest("value", "_lastUpdated: %v", err)
		}
		q.span = q.span.and(s)
	case "_id":
		q.scoped = true
		q.applyIDs(strings.Split(p.value, ","))
	case "_sort":
		return q.applySort(p)
	case "_elements":
		q.elements = append(q.elements, strings.Split(p.value, ",")...)
	case "_summary":
		if p.value != "count" && p.value != "false" {
			return false, nil
		}
		q.countOnly = p.value == "count"
	case "_total":
		if p.value != "accurate" && p.value != "none" {
			return false, nil
		}
		q.noTotal, q.wantsTotal = p.value == "none", p.value == "accurate"
	case "_deleted":
		if !rules.ListsDeleted || p.value != "true" {
			return false, nil
		}
		q.query.Which = archive.Deleted
	default:
		return q.applyParameter(p)
	}
	q.used = append(q.used, p)
	return true, nil
}

func (q *search) applyCount(p pair, rules searchRules) (bool, error) {
	n, err := strconv.Atoi(p.value)
	if err != nil || n < 0 {
		return true, badRequest("value", "_count: %q is not a count", p.value)
	}
	q.count = min(n, rules.maxCount)
	q.countOnly = q.countOnly || n == 0
	q.used = append(q.used, pair{p.name, strconv.Itoa(q.count)})
	return true, nil
}

func (q *search) applyIDs(ids []string) {
	if q.query.IDs == nil {
		q.query.IDs = ids
		return
	}
	q.query.IDs = slices.DeleteFunc(q.query.IDs, func(id string) bool { return !slices.Contains(ids, id) })
}

func (q *search) applySort(p pair) (bool, error) {
	switch p.value {
	case "_lastUpdated", "_lastUpdated,_id":
		q.query.Order = archive.Oldest
	case "-_lastUpdated":
		q.query.Order = archive.Newest
	case "_id":
		q.query.Order = archive.ByID
	default:
		return false, nil
	}
	q.sorted = true
	q.byTime = q.query.Order != archive.ByID
	q.used = append(q.used, p)
	return true, nil
}

func (q *search) applyParameter(p pair) (bool, error) {
	name, modifier, modified := strings.Cut(p.name, ":")
	known, ok := findParameter(q.query.Type, name)
	if !ok {
		return false, nil
	}
	if modified && (known.kind != reference || modifier != "Patient") {
		// FHIR: a server rejects a modifier that it does not support.
		return true, badRequest("not-supported", "modifier in %s", p.name)
	}
	if known.kind == token {
		q.tokens = append(q.tokens, tokenFilter{known.element, parseToken(p.value)})
	} else {
		q.takePatients(strings.Split(p.value, ","))
	}
	q.used = append(q.used, p)
	return true, nil
}

func (q *search) takePatients(references []string) {
	q.scoped = true
	var ids []string
	for _, ref := range references {
		if strings.Contains(ref, "/") {
			ref = archive.PatientID(ref)
		}
		ids = append(ids, ref)
	}
	switch {
	case q.query.Patient != "" && !slices.Contains(ids, q.query.Patient):
		q.query.IDs = []string{} // no resource is about two patients
	case q.query.Patient != "":
	case len(ids) == 1 && ids[0] != "":
		q.query.Patient = ids[0]
	default:
		q.patients = ids
	}
}

func (q *search) matches(v *archive.Version) bool {
	if q.patients != nil && (v.Patient() == "" || !slices.Contains(q.patients, v.Patient())) {
		return false
	}
	for _, f := range q.tokens {
		tokens := v.Tokens(f.element)
		if !slices.ContainsFunc(f.alternatives, func(w tokenValue) bool { return w.in(tokens) }) {
			return false
		}
	}
	return true
}
