package config

import "strings"

// Searches describes the FHIR searches that the program can make. This package knows
// nothing of FHIR.
type Searches struct {
	Streams []Stream
	// Check returns why a stream cannot use a search, or nil. The error's text follows
	// the name of a key, and does not repeat the search, which may come from the
	// environment.
	Check func(stream, search string) error
}

// Stream is a key of source.fhir.search, with the resource types that it may search
// for.
type Stream struct {
	Name  string
	Types []string
}

// searches reads the searches of the streams that are given.
func (v value) searches() map[string][]string {
	s := v.section()
	defer s.end()
	given := make(map[string][]string)
	for _, stream := range v.l.searches.Streams {
		if k := s.key(stream.Name); k.given() {
			given[stream.Name] = k.searchesOf(stream)
		}
	}
	if k := s.key("clients"); k.given() && k.empty() {
		k.faultf("is empty, but without clients nothing can be shown; write a search such as Patient, or remove the key")
	}
	return given
}

func (v value) searchesOf(stream Stream) []string {
	all := []string{}
	seen := map[string]bool{}
	for _, item := range v.list() {
		item.describePattern(`^(`+strings.Join(stream.Types, "|")+`)(\?.*)?$`, "")
		s, ok := item.scalar()
		if !ok {
			continue
		}
		if err := v.l.searches.Check(stream.Name, s.text); err != nil {
			item.faultf("%s; it is %s", err, s.shown)
		} else if seen[s.text] {
			item.faultf("is in the list twice; remove one")
		}
		seen[s.text] = true
		all = append(all, s.text)
	}
	return all
}
