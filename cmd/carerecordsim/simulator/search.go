package simulator

import (
	"net/http"
	"slices"
	"strings"
)

func (s *Server) search(r *http.Request, resourceType string) (answer, error) {
	if err := s.mishap.Load().refuses(resourceType); err != nil {
		return answer{}, err
	}
	pairs, err := searchPairs(r)
	if err != nil {
		return answer{}, err
	}
	rules, err := s.rules(r)
	if err != nil {
		return answer{}, err
	}
	sent := pairs
	at, pairs, err := s.readCursor(resourceType, pairs)
	if err != nil {
		return answer{}, err
	}
	if s.o.Behaviour.EmptyPages && at.asked != nil && countOf(sent, resumedParameter) == 0 {
		return emptyPage(withQuery(s.base(r)+"/"+resourceType, append(sent, pair{resumedParameter, "1"}))), nil
	}
	q, err := parseSearch(resourceType, pairs, rules)
	if err != nil {
		return answer{}, err
	}
	return s.searchset(s.base(r), s.fetch(r, q, at)), nil
}

// resumedParameter marks the link of an empty page to the page that it comes before.
const resumedParameter = "_resumed"

// emptyPage is a page without entries, and without a total, that links to another: a server that
// bounds its effort per page sends it where it has found nothing yet (microsoft/fhir-server #1439).
func emptyPage(next string) answer {
	body := `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":` + quote(next) + `}]}`
	return answer{status: http.StatusOK, body: []byte(body)}
}

// rules returns the rules for this request.
func (s *Server) rules(r *http.Request) (searchRules, error) {
	b := s.o.Behaviour
	strict := false
	for _, p := range preferences(r.Header) {
		strict = strict || strings.EqualFold(p, "handling=strict")
		if b.RefusesPreferences && !strings.HasPrefix(p, "return=") {
			return searchRules{}, badRequest("not-supported", "unknown preference %s", p)
		}
	}
	return searchRules{
		Behaviour:    b,
		strict:       strict && !b.IgnoresPreferences || b.RefusesUnknown,
		zone:         s.o.Zone,
		defaultCount: s.o.DefaultCount,
		maxCount:     s.o.MaxCount,
		now:          s.o.Clock(),
	}, nil
}

func preferences(h http.Header) []string {
	var list []string
	for _, value := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(value, ",") {
			list = append(list, strings.TrimSpace(preference))
		}
	}
	return list
}

// ignores reports whether the server does not know a parameter of FHIR.
func (b *Behaviour) ignores(name string) bool {
	return slices.Contains(b.IgnoredParameters, name)
}
