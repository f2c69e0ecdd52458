package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"dossiersync/cmd/carerecordsim/archive"
)

// searchset writes the Bundle by hand, because resources are copied and not parsed again.
func (s *Server) searchset(base string, res result) answer {
	var b bytes.Buffer
	b.Grow(bundleSize(res.page, base))
	s.writeHead(&b, "searchset", base, res)
	writeEntries(&b, quote(base+"/"+res.query.query.Type+"/"), res.page, res.query.elements, s.o.Behaviour.OutcomeEntry)
	b.WriteByte('}')
	return answer{status: http.StatusOK, body: b.Bytes()}
}

// writeHead writes the members before a Bundle's entries.
func (s *Server) writeHead(b *bytes.Buffer, bundleType, base string, res result) {
	here := cmp.Or(s.o.Behaviour.LinkBase, base) + "/" + res.at.Path
	b.WriteString(`{"resourceType":"Bundle","meta":{"lastUpdated":"`)
	b.WriteString(s.o.Clock().In(s.o.Zone).Format(archive.InstantLayout))
	b.WriteString(`"},"type":"` + bundleType + `"`)
	if res.at.Total >= 0 && s.counts(res.query) {
		b.WriteString(`,"total":` + strconv.Itoa(max(0, res.at.Total+s.o.Behaviour.CountOff)))
	}
	b.WriteString(`,"link":[{"relation":"self","url":` + quote(withQuery(here, s.selfQuery(res))) + `}`)
	if next, ok := s.nextQuery(res); ok {
		if pad := s.o.Behaviour.LongLinks; pad > 0 {
			next = append(next, pair{paddingParameter, strings.Repeat("A", pad)})
		}
		relation := cmp.Or(s.o.Behaviour.NextRelation, "next")
		b.WriteString(`,{"relation":` + quote(relation) + `,"url":` + quote(withQuery(here, next)) + `}`)
	}
	b.WriteByte(']')
}

func writeEntries(b *bytes.Buffer, prefix string, page []*archive.Version, elements []string, outcome bool) {
	if len(page) == 0 && !outcome {
		return // FHIR has no empty lists
	}
	prefix = prefix[:len(prefix)-1] // the id goes before the closing quote
	b.WriteString(`,"entry":[`)
	for i, v := range page {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"fullUrl":`)
		b.WriteString(prefix)
		b.WriteString(v.ID)
		b.WriteString(`","resource":`)
		switch {
		case v.Deleted:
			b.Write(stub(v))
		case elements != nil:
			writeElements(b, v.Body, elements)
		default:
			b.Write(v.Body)
		}
		b.WriteString(`,"search":{"mode":"match"}}`)
	}
	if outcome {
		if len(page) > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"search":{"mode":"outcome"}}`)
	}
	b.WriteByte(']')
}

// stub is a deleted resource as _deleted=true lists it.
func stub(v *archive.Version) []byte {
	return fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"meta":{"versionId":%s,"lastUpdated":%q}}`,
		v.Type, v.ID, quote(v.VersionID()), v.LastUpdated.Format(archive.InstantLayout))
}

func bundleSize(page []*archive.Version, base string) int {
	size := 2048
	for _, v := range page {
		size += len(v.Body) + len(base) + 160
	}
	return size
}

func withQuery(address string, pairs []pair) string {
	if len(pairs) == 0 {
		return address
	}
	return address + "?" + encodeQuery(pairs)
}

// quote writes a JSON string in which the & of an address stays readable.
func quote(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string never fails
	return strings.TrimSuffix(b.String(), "\n")
}
