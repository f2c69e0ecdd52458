package fhir

import (
	"crypto/sha1" //nolint:gosec // FHIR R4 has it for Attachment.hash
	"encoding/base64"
	"mime"
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

// contents reads the document's content, of which the elements are formats of
// one thing: the best text that there is, plain rather than HTML, and what else
// there is as attachments. It reports whether there was any text, if only an empty
// one. A text that is in a file of the source's is fetched unless a better one is
// at hand; where the only text cannot be had the document cannot be read.
func (m *mapper) contents(r *resource, p *dossier.Report) (readable bool) {
	var t bestText
	var apart []textFile
	for _, c := range r.get("content").each() {
		a := c.get("attachment")
		if !a.ok() {
			continue
		}
		rank := textRank(a.get("contentType").str())
		data := dataOf(r, a)
		where, fetchable := m.fileURL(a)
		switch {
		case rank > 0 && data.ok():
			b, ok := decodeBase64(data.str())
			if !ok {
				data.fault(dossier.BadBody, "not base64")
			} else if s, known := m.textIn(a, data, b, ""); known {
				t.add(s, rank)
				continue
			}
		case rank > 0 && saysEmpty(a):
			t.add("", rank)
			continue
		case rank > 0 && fetchable:
			apart = append(apart, textFile{a, where, rank})
			continue
		}
		if a.get("data").ok() || a.get("url").ok() || a.get("title").ok() {
			p.Attachments = append(p.Attachments, attachment(a))
		}
	}
	m.fetched(r, &t, apart)
	p.Text = clean(strings.Join(t.all, "\n\n"))
	return t.rank > 0
}

// saysEmpty reports whether v, an Attachment without content, says that there is
// none to be had.
func saysEmpty(v value) bool {
	size, ok := sizeOf(v)
	return ok && size == 0 && !v.get("data").ok() && !v.get("url").ok()
}

// bestText keeps the best of a document's texts; of equals all.
type bestText struct {
	all  []string
	rank int
}

func (t *bestText) add(s string, rank int) {
	switch {
	case rank > t.rank:
		t.all, t.rank = []string{s}, rank
	case rank == t.rank && !slices.Contains(t.all, s):
		t.all = append(t.all, s)
	}
}

// A textFile is an Attachment whose text is in a file of the source's.
type textFile struct {
	attachment value
	url        string
	rank       int
}

// fetched adds to t the texts that are in files.
func (m *mapper) fetched(r *resource, t *bestText, all []textFile) {
	inline := t.rank
	var lost *value
	var why string
	for _, f := range all {
		if f.rank < inline {
			continue
		}
		from := f.attachment.get("url")
		got := r.file(f.url)
		if got.wrong == "" && !isServedAs(got.contentType, f.rank) {
			got.wrong = "the file is of another content type than it is said to be"
		}
		if got.wrong != "" {
			lost, why = &from, got.wrong
			continue
		}
		s, known := m.textIn(f.attachment, from, got.data, got.contentType)
		if !known {
			lost, why = &from, "the file is in an unknown character set"
			continue
		}
		t.add(s, f.rank)
	}
	if t.rank == 0 && lost != nil {
		lost.fault(dossier.BadBody, why)
	}
}

// isServedAs reports whether a file served as contentType can be a text of that
// rank. Many servers call every file a stream of octets.
func isServedAs(contentType string, rank int) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	return media == "" || media == "application/octet-stream" || textRank(contentType) == rank
}

// textRank returns how well content of the type does as a text: 2 if it is plain, 1
// if it is HTML, 0 if it is none.
func textRank(contentType string) int {
	switch media, _, _ := mime.ParseMediaType(contentType); media {
	case "text/plain":
		return 2
	case "text/html", "application/xhtml+xml":
		return 1
	}
	return 0
}

// dataOf returns the data of v, an Attachment, in base64: its own, or that of a
// Binary that r contains.
func dataOf(r *resource, v value) value {
	if data := v.get("data"); data.ok() {
		return data
	}
	id, ok := strings.CutPrefix(v.get("url").str(), "#")
	if in := r.inside(id); ok && in.get("resourceType").str() == "Binary" {
		return in.get("data")
	}
	return value{}
}

// textIn returns the text that b is, the content of v, an Attachment; known is
// false for a character set that this program cannot read. Faults are from's. If v
// does not say in which character set it is, contentType may.
func (m *mapper) textIn(v, from value, b []byte, contentType string) (s string, known bool) {
	verify(v, b)
	claimed := v.get("contentType").str()
	_, params, _ := mime.ParseMediaType(claimed)
	charset := params["charset"]
	if charset == "" {
		_, params, _ = mime.ParseMediaType(contentType)
		charset = params["charset"]
	}
	s, known, ok := decodeText(b, charset)
	switch {
	case !known:
		return "", false
	case !ok:
		from.fault(dossier.BadText, "not a text in the character set it claims")
		return "", true
	case textRank(claimed) == 1:
		var wrong plain
		if s, wrong = plainHTML(s); wrong != "" {
			from.fault(dossier.BadBody, string(wrong))
		}
	}
	if s = clean(s); tooLong(s, m.limits.Text) {
		from.fault(dossier.TooLarge, "too long")
	}
	return s, true
}

// verify compares b with the size and the hash (SHA-1, FHIR R4 §2.24.1.1) that
// v, an Attachment, claims. A text that may be half of one is not shown.
func verify(v value, b []byte) {
	if size, ok := sizeOf(v); ok && size != int64(len(b)) {
		v.get("size").fault(dossier.BadBody, "not the size of the data")
	}
	want, ok := decodeBase64(v.get("hash").str())
	sum := sha1.Sum(b) //nolint:gosec // as above
	if v.get("hash").ok() && (!ok || string(want) != string(sum[:])) {
		v.get("hash").fault(dossier.BadBody, "not the hash of the data")
	}
}

// attachment describes v, an Attachment.
func attachment(v value) dossier.Attachment {
	a := dossier.Attachment{Title: line(v.get("title").str()), ContentType: line(v.get("contentType").str())}
	size, ok := sizeOf(v)
	if data := v.get("data"); !ok && data.ok() {
		s := strings.TrimRight(data.str(), "= \r\n")
		size, ok = int64(base64.RawStdEncoding.DecodedLen(len(s))), true
	}
	if ok {
		a.Size = &size
	}
	return a
}
