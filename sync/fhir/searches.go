package fhir

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// ownParameters may not be set by a search, because paging, windows and decoding
// depend on them.
var ownParameters = []string{"_lastUpdated", "_sort", "_count", "_total", "_elements", "_summary", "_format", "_include",
	"_revinclude", "_contained", "_id", "patient", "subject"}

// Searches returns what is pulled of each stream: what is given, and the usual
// searches of every stream for which nothing is. An empty list stays: the stream is
// not pulled. Of the types that hold more than reports only those with one of
// reportCodes are asked for; nil stands for the day report's.
func Searches(given map[dossier.Stream][]string, reportCodes []Code) map[dossier.Stream][]string {
	all := make(map[dossier.Stream][]string)
	for _, stream := range dossier.Streams() {
		if all[stream] = given[stream]; all[stream] == nil {
			all[stream] = usualSearches(stream, reportCodes)
		}
	}
	return all
}

func usualSearches(stream dossier.Stream, reportCodes []Code) []string {
	switch {
	case stream != dossier.StreamReports:
		return stream.Types()
	case reportCodes == nil:
		reportCodes = []Code{reportCode}
	case len(reportCodes) == 0:
		return []string{"DocumentReference"}
	}
	codes := tokenValue(reportCodes)
	return []string{"Observation?" + url.Values{"code": {codes}}.Encode(), "DocumentReference",
		"Composition?" + url.Values{"type": {codes}}.Encode()}
}

// isExtra reports whether resources of the type only add to others, and many sources have none: the
// agreements to care plans.
func isExtra(name string) bool { return name == "Provenance" || name == "Consent" }

// tokenValue writes codes as one search value that any of them matches (FHIR R4
// §3.1.1.4.10; escapes as in §3.1.1.4.2).
func tokenValue(codes []Code) string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`)
	all := make([]string, len(codes))
	for i, c := range codes {
		all[i] = escape.Replace(c.System) + "|" + escape.Replace(c.Code)
	}
	return strings.Join(all, ",")
}

// CheckSearch returns what is wrong with a search of the stream, in words that
// follow the name of the key that holds it and do not repeat the search; nil:
// nothing.
func CheckSearch(stream dossier.Stream, search string) error {
	_, _, err := parseSearch(stream, search)
	return err
}

// parseSearch splits a search into its type and its query, encoded in one way.
func parseSearch(stream dossier.Stream, search string) (k *kindOfResource, query string, err error) {
	name, raw, _ := strings.Cut(search, "?")
	if types := stream.Types(); !slices.Contains(types, name) {
		return nil, "", fmt.Errorf("must search for %s, such as %s?_tag=…", either(types), types[0])
	}
	k, ok := kindNamed(name)
	if !ok {
		return nil, "", fmt.Errorf("%s cannot be read", name)
	}
	if strings.Contains(raw, "+") {
		return nil, "", errors.New("has a + in it, which stands for a space in some places and for itself in others; " +
			"write %2B for a plus, %20 for a space")
	}
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, "", errors.New("has parameters that cannot be read; write them as in a web address: name=value&name=value, " +
			"with %3B for a semicolon and %25 for a percent sign")
	}
	for name, values := range params {
		base, _, _ := strings.Cut(name, ":")
		if slices.Contains(ownParameters, base) {
			return nil, "", fmt.Errorf("has the parameter %s, which dossiersync sets itself; remove it", base)
		}
		if base == "" || slices.Contains(values, "") {
			return nil, "", errors.New("has a parameter without a name or a value; write name=value")
		}
	}
	return k, params.Encode(), nil
}

// either writes a list as: a, b or c.
func either(list []string) string {
	last := len(list) - 1
	if last < 1 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// types returns what is to be pulled, in the order of [dossier.Streams].
func (o Options) types(m *mapper) ([]source.Type, error) {
	var all []source.Type
	var errs []error
	searches := Searches(o.Searches, o.Mapping.ReportCodes)
	for _, stream := range dossier.Streams() {
		for _, s := range searches[stream] {
			k, query, err := parseSearch(stream, s)
			if err != nil {
				errs = append(errs, fmt.Errorf("search %q of %s %w", s, stream, err))
				continue
			}
			t := source.Type{Stream: stream, Name: k.name, Query: query, Fingerprint: m.fingerprint(k), Hiding: m.hiding(k),
				Optional: o.Searches[stream] == nil && isExtra(k.name), Named: o.Searches[stream] != nil}
			if slices.Contains(all, t) {
				errs = append(errs, fmt.Errorf("search %q of %s is given twice", s, stream))
			}
			all = append(all, t)
		}
	}
	for stream := range o.Searches {
		if !slices.Contains(dossier.Streams(), stream) {
			errs = append(errs, fmt.Errorf("search of %q: no such stream", stream))
		}
	}
	return all, errors.Join(errs...)
}
