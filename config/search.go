package config

import (
	"net/url"
	"slices"
	"strings"
)

// Search is one FHIR search, without what dossiersync adds to page and to ask
// for changes only.
type Search struct {
	Type       string     // FHIR resource type
	Parameters url.Values // decoded; may be empty
}

// String gives s as in a URL: Observation?code=…, encoded.
func (s Search) String() string {
	if len(s.Parameters) == 0 {
		return s.Type
	}
	return s.Type + "?" + s.Parameters.Encode()
}

const dayReport = "http://snomed.info/sct|11591000146107"

// stream is a kind of source data and the FHIR types it can be read from.
type stream struct {
	name  string
	types []string
}

var streams = []stream{
	{"clients", []string{"Patient"}},
	{"contacts", []string{"RelatedPerson"}},
	{"staff", []string{"Practitioner", "PractitionerRole", "Organization"}},
	{"reports", []string{"Observation", "DocumentReference", "Composition"}},
	{"forms", []string{"QuestionnaireResponse"}},
	{"questionnaires", []string{"Questionnaire"}},
	{"care-plans", []string{"CarePlan", "CareTeam", "Provenance", "Consent"}},
	{"goals", []string{"Goal"}},
}

// search reads the searches per stream and fills in what is left out.
func (v value) search(reportCodes []Code) map[string][]Search {
	s := v.section()
	defer s.end()
	searches := map[string][]Search{}
	for _, st := range streams {
		if k := s.key(st.name); k.given() {
			searches[st.name] = k.searches(st)
		} else {
			searches[st.name] = st.searches(reportCodes)
		}
	}
	if k := s.key("clients"); k.given() && k.empty() {
		k.faultf("is empty, but nothing can be shown of clients that are not known; write a search such as Patient, or remove the key")
	}
	return searches
}

// searches are st's unless the tenant says otherwise: all of each type, but of
// the types that hold more than reports only the reports.
func (st stream) searches(reportCodes []Code) []Search {
	switch st.name {
	case "reports":
		documents := Search{Type: "DocumentReference"}
		if len(reportCodes) == 0 {
			return []Search{documents}
		}
		return []Search{{Type: "Observation", Parameters: url.Values{"code": {tokens(reportCodes)}}}, documents,
			{Type: "Composition", Parameters: url.Values{"type": {tokens(reportCodes)}}}}
	case "care-plans":
		return []Search{{Type: "CarePlan"}}
	default:
		all := make([]Search, len(st.types))
		for i, t := range st.types {
			all[i] = Search{Type: t}
		}
		return all
	}
}

// tokens writes codes as one search value that any of them matches (FHIR R4,
// 3.1.1.4.10; escapes as in 3.1.1.4.2).
func tokens(codes []Code) string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`)
	all := make([]string, len(codes))
	for i, c := range codes {
		all[i] = escape.Replace(c.System) + "|" + escape.Replace(c.Code)
	}
	return strings.Join(all, ",")
}

func (v value) searches(st stream) []Search {
	all := []Search{}
	seen := map[string]bool{}
	for _, item := range v.list() {
		search, ok := item.oneSearch(st)
		if ok && seen[search.String()] {
			item.faultf("is in the list twice; remove one")
		}
		seen[search.String()] = true
		all = append(all, search)
	}
	return all
}

// ownParameters are set by dossiersync with every search.
var ownParameters = []string{"_lastUpdated", "_sort", "_count", "_elements", "_summary", "_total"}

func (v value) oneSearch(st stream) (Search, bool) {
	s, ok := v.scalar()
	if !ok {
		return Search{}, false
	}
	resource, query, _ := strings.Cut(s.text, "?")
	if !slices.Contains(st.types, resource) {
		v.faultf("must search for %s, such as %s?_tag=…, not %s", oneOfList(st.types), st.types[0], s.shown)
		return Search{}, false
	}
	if strings.Contains(query, "+") {
		v.faultf("has a + in it, which stands for a space in some places and for itself in others; write %%2B for a plus, %%20 for a space")
		return Search{}, false
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		v.faultf("has parameters that cannot be read; write them as in a web address: name=value&name=value, with %%3B for a semicolon and %%25 for a percent sign")
		return Search{}, false
	}
	search := Search{Type: resource, Parameters: parameters}
	for name, values := range parameters {
		base, _, _ := strings.Cut(name, ":")
		switch {
		case slices.Contains(ownParameters, base):
			v.faultf("has the parameter %s, which dossiersync sets itself; remove it", base)
			ok = false
		case base == "" || slices.Contains(values, ""):
			v.faultf("has a parameter without a name or a value; write name=value")
			ok = false
		}
	}
	return search, ok
}
