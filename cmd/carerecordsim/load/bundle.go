package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// entry is a resource or deletion in a Bundle, or the error.
type entry struct {
	raw     []byte
	deleted bool
	typ, id string
	err     error
}

type bundle struct {
	ResourceType string
	Type         string
	Entry        []bundleEntry
}

type bundleEntry struct {
	FullURL  string
	Resource json.RawMessage
	Request  struct{ Method, URL string }
	Search   struct{ Mode string }
}

// unpack returns the entries of a Bundle that is a list of resources, and nil for other resources.
func unpack(raw []byte) ([]entry, error) {
	var b bundle
	if err := json.Unmarshal(raw, &b); err != nil {
		// A wrong entry matters in a Bundle only.
		var other struct{ ResourceType string }
		if json.Unmarshal(raw, &other) != nil || other.ResourceType == "Bundle" {
			return nil, err
		}
		return nil, nil
	}
	if b.ResourceType != "Bundle" || b.Type == "document" || b.Type == "message" {
		return nil, nil
	}
	entries, references := []entry{}, map[string]string{}
	for _, from := range b.Entry {
		if from.Search.Mode == "outcome" {
			continue
		}
		e := entry{raw: from.Resource}
		switch {
		case strings.EqualFold(from.Request.Method, "DELETE"):
			e.typ, e.id, e.deleted = splitTarget(from.Request.URL)
		case len(from.Resource) == 0:
			e.err = errors.New("the entry has no resource")
		case b.Type == "transaction" || b.Type == "batch":
			e = withID(e, from.FullURL, from.Request.URL)
			if e.err == nil && strings.HasPrefix(from.FullURL, "urn:") {
				references[from.FullURL] = e.typ + "/" + e.id
			}
		}
		entries = append(entries, e)
	}
	for i := range entries {
		entries[i].raw = rewriteReferences(entries[i].raw, references)
	}
	return entries, nil
}

// splitTarget splits the "Type/id" of a deletion.
func splitTarget(url string) (typ, id string, ok bool) {
	typ, id, ok = strings.Cut(url, "/")
	return typ, id, ok
}

// withID sets the id of a resource without one: from request.url if it is updated, from fullUrl if
// it is created.
func withID(e entry, fullURL, requestURL string) entry {
	var named struct{ ResourceType, ID string }
	if err := json.Unmarshal(e.raw, &named); err != nil {
		return entry{err: err}
	}
	e.typ, e.id = named.ResourceType, named.ID
	if e.id != "" || len(e.raw) < 2 || e.raw[0] != '{' {
		return e
	}
	if typ, id, ok := splitTarget(requestURL); ok && typ == e.typ {
		e.id = id
	} else {
		e.id = fullURL[strings.LastIndexAny(fullURL, ":/")+1:]
	}
	if e.id == "" {
		return entry{err: fmt.Errorf("%s without an id", e.typ)}
	}
	id, _ := json.Marshal(e.id) // a string never fails
	e.raw = fmt.Appendf(nil, `{"id":%s,%s`, id, e.raw[1:])
	return e
}

var urn = regexp.MustCompile(`"urn:(?:uuid|oid):[^"\\]+"`)

// rewriteReferences rewrites references within a transaction:
// https://hl7.org/fhir/R4/http.html#trules
func rewriteReferences(raw []byte, references map[string]string) []byte {
	if len(references) == 0 {
		return raw
	}
	return urn.ReplaceAllFunc(raw, func(quoted []byte) []byte {
		if to, ok := references[string(quoted[1:len(quoted)-1])]; ok {
			return []byte(`"` + to + `"`)
		}
		return quoted
	})
}
