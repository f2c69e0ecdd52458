package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"dossiersync/cmd/carerecordsim/archive"
)

// Mishap narrows what clients of the server see, without any record being deleted
// or marked: what an authorisation that lost rights, a wrong tenant or a broken
// filter does. What the server holds stays as it is, and is seen again when the
// mishap ends. The zero value narrows nothing.
type Mishap struct {
	Empty     bool     // nothing is found, and every read is a 404
	Refused   bool     // every read of what is not shown is a 403 instead of a 404
	Unseen    []string // resource types of which nothing is found
	Forbidden []string // resource types that are refused with 403
	Clients   []string // only these clients' records are seen; nil: all clients'
	Tag       string   // only resources with this code in meta.tag are found
	Without   []string // members that every resource lacks: valueString, meta.security
	// Pages is how many entries a search finds at most, with no link to more: a
	// server that loses its pages. 0: all of them.
	Pages int
}

// IsZero reports whether m narrows nothing.
func (m *Mishap) IsZero() bool {
	return m == nil || !m.Empty && m.Unseen == nil && m.Forbidden == nil && m.Clients == nil && m.Tag == "" &&
		m.Without == nil && m.Pages == 0
}

// SetMishap begins a mishap for the requests from now on; nil ends it.
func (s *Server) SetMishap(m *Mishap) { s.mishap.Store(m) }

// ParseMishap reads a mishap as the command line has it: one or more of empty, refused,
// unseen=TYPE, forbidden=TYPE, client=ID, tag=CODE, without=MEMBER and pages=N, with
// commas between them.
func ParseMishap(text string) (*Mishap, error) {
	m := new(Mishap)
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "empty" && value == "":
			m.Empty = true
			continue
		case name == "refused" && value == "":
			m.Refused = true
			continue
		case value == "":
			return nil, fmt.Errorf("%q is none of empty, refused, unseen=TYPE, forbidden=TYPE, client=ID, tag=CODE, without=MEMBER, pages=N", part)
		}
		switch name {
		case "unseen":
			m.Unseen = append(m.Unseen, value)
		case "forbidden":
			m.Forbidden = append(m.Forbidden, value)
		case "client":
			m.Clients = append(m.Clients, value)
		case "tag":
			m.Tag = value
		case "without":
			m.Without = append(m.Without, value)
		case "pages":
			if _, err := fmt.Sscanf(value, "%d", &m.Pages); err != nil || m.Pages < 1 {
				return nil, fmt.Errorf("pages=%s is not a number above 0", value)
			}
		default:
			return nil, fmt.Errorf("%q is no mishap", name)
		}
	}
	return m, nil
}

var errForbidden = &outcome{http.StatusForbidden, "forbidden", "you may not see this"}

// refuses reports whether requests for the type are refused.
func (m *Mishap) refuses(resourceType string) error {
	if m != nil && slices.Contains(m.Forbidden, resourceType) {
		return errForbidden
	}
	return nil
}

// sees reports whether clients of the server see the version.
func (m *Mishap) sees(v *archive.Version) bool {
	switch {
	case m == nil:
		return true
	case m.Empty, slices.Contains(m.Unseen, v.Type):
		return false
	case m.Clients != nil && v.Patient() != "" && !slices.Contains(m.Clients, v.Patient()):
		return false
	case m.Clients != nil && v.Type == "Patient" && !slices.Contains(m.Clients, v.ID):
		return false
	case m.Tag != "" && !slices.ContainsFunc(v.Tokens(archive.Tag), func(t archive.Token) bool { return t.Code == m.Tag }):
		return false
	}
	return true
}

// narrow adds the mishap to what a search looks for.
func (m *Mishap) narrow(q *search) {
	if m.IsZero() {
		return
	}
	before := q.query.Match
	q.query.Match = func(v *archive.Version) bool { return m.sees(v) && (before == nil || before(v)) }
}

// cut leaves of a page what the mishap shows.
func (m *Mishap) cut(res *result) {
	if m == nil {
		return
	}
	if m.Pages > 0 && res.at.Offset+len(res.page) >= m.Pages {
		res.page, res.more = res.page[:max(0, min(len(res.page), m.Pages-res.at.Offset))], false
	}
	for i, v := range res.page {
		res.page[i] = m.strip(v)
	}
}

// strip returns the version without the members that nobody may see.
func (m *Mishap) strip(v *archive.Version) *archive.Version {
	if m == nil || len(m.Without) == 0 || v.Deleted {
		return v
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return v
	}
	for _, member := range m.Without {
		outer, inner, nested := strings.Cut(member, ".")
		if !nested {
			delete(body, outer)
			continue
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(body[outer], &object) != nil {
			continue
		}
		delete(object, inner)
		body[outer], _ = json.Marshal(object) // it was JSON
	}
	text, err := json.Marshal(body)
	if err != nil {
		return v
	}
	return v.WithBody(text)
}

// seen returns the version as clients of the server see it.
func (m *Mishap) seen(v *archive.Version) (*archive.Version, error) {
	if err := m.refuses(v.Type); err != nil {
		return nil, err
	}
	switch {
	case m.sees(v):
	case m.Refused:
		return nil, errForbidden
	default:
		return nil, archive.ErrNotFound
	}
	return m.strip(v), nil
}
