package config

import "strings"

// Searches is what the program knows of FHIR searches, which this package does not
// know by itself.
type Searches struct {
	Streams []Stream
	// Check returns what is wrong with a search of a stream, in words that follow
	// the name of a key and do not repeat the search, which may come from the
	// environment; nil: nothing.
	Check func(stream, search string) error
}

// Stream is a key of source.fhir.search, and the resource types that its searches
// may ask for.
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
		k.faultf("is empty, but nothing can be shown of clients that are not known; write a search such as Patient, or remove the key")
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
