package simulator

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"dossiersync/cmd/carerecordsim/archive"
)

// history lists the versions of a type, or of one resource if id is not "", with deletions; newest
// first unless _sort is given. See https://hl7.org/fhir/R4/http.html#history
func (s *Server) history(r *http.Request, typ, id string) (answer, error) {
	if s.o.Behaviour.NoHistory || id == "" && s.o.Behaviour.NoTypeHistory {
		return answer{}, &outcome{http.StatusNotFound, "not-supported", "no such interaction"}
	}
	path := typ + "/_history"
	if id != "" {
		path = typ + "/" + id + "/_history"
		if s.archive.Head(typ, id) == nil {
			return answer{}, archive.ErrNotFound
		}
	}
	pairs, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	rules, err := s.rules(r)
	if err != nil {
		return answer{}, err
	}
	at, pairs, err := s.readCursor(path, pairs)
	if err != nil {
		return answer{}, err
	}
	q, err := parseHistory(typ, id, pairs, rules)
	if err != nil {
		return answer{}, err
	}
	return s.historyBundle(s.base(r), s.fetch(r, q, at)), nil
}

func parseHistory(typ, id string, pairs []pair, rules searchRules) (search, error) {
	q := search{count: rules.defaultCount, query: archive.Query{Type: typ, Which: archive.All, Order: archive.Newest}, sent: pairs}
	if rules.HistoryOldestFirst {
		q.query.Order = archive.Oldest
	}
	if id != "" {
		q.query.IDs = []string{id}
	}
	for _, p := range pairs {
		known, err := q.takeHistory(p, rules)
		if err != nil {
			return search{}, err
		}
		if !known && rules.strict {
			return search{}, badRequest("not-supported", "_history does not support %s=%s", p.name, p.value)
		}
	}
	return q, nil
}

func (q *search) takeHistory(p pair, rules searchRules) (bool, error) {
	switch p.name {
	case "_format", "_pretty", paddingParameter:
		return true, nil
	case "_count":
		return q.applyCount(p, rules)
	case "_sort":
		if p.value != "_lastUpdated" && p.value != "-_lastUpdated" {
			return false, nil
		}
		return q.applySort(p)
	case "_since":
		// FHIR has an instant here; a date counts from its first moment.
		low, _, err := parseDate(p.value, rules.zone)
		if err != nil {
			return true, badRequest("value", "_since: %v", err)
		}
		q.query.From = low
		q.used = append(q.used, p)
		return true, nil
	default:
		return false, nil
	}
}

func (s *Server) historyBundle(base string, res result) answer {
	var b bytes.Buffer
	b.Grow(bundleSize(res.page, base))
	s.writeHead(&b, "history", base, res)
	for i, v := range res.page {
		if i == 0 {
			b.WriteString(`,"entry":[`)
		} else {
			b.WriteByte(',')
		}
		writeHistoryEntry(&b, base, v, s.o.Behaviour.HistoryShowsGone)
	}
	if len(res.page) > 0 {
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return answer{status: http.StatusOK, body: b.Bytes()}
}

func writeHistoryEntry(b *bytes.Buffer, base string, v *archive.Version, gone bool) {
	method, status := http.MethodPut, http.StatusOK
	address := v.Type + "/" + v.ID
	switch {
	case v.Deleted && gone:
		method, status = http.MethodGet, http.StatusGone
		address += "/_history/" + v.VersionID()
	case v.Deleted:
		method, status = http.MethodDelete, http.StatusNoContent
	case v.IsFirst():
		status = http.StatusCreated
	}
	fmt.Fprintf(b, `{"fullUrl":%s,`, quote(base+"/"+v.Type+"/"+v.ID))
	if !v.Deleted {
		b.WriteString(`"resource":`)
		b.Write(v.Body)
		b.WriteByte(',')
	}
	fmt.Fprintf(b, `"request":{"method":%q,"url":%q},"response":{"status":%q,"etag":%s,"lastModified":%q}}`,
		method, address, strconv.Itoa(status), quote(etag(v)), v.LastUpdated.Format(archive.InstantLayout))
}
