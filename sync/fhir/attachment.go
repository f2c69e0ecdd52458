package fhir

import (
	"bytes"
	"encoding/base64"
	"mime"
	"regexp"
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

// A format is how content that may be shown as text is read. The better ones are greater.
type format int

const (
	noText    format = iota // listed as an attachment
	anyBytes                // RTF, or bytes of which nothing is known: listed, and read if they surely are a text
	clinical                // CDA, or XHTML that is called XML
	hypertext               // HTML or XHTML
	plainText               // text/plain and the like
)

// formatOf returns how content of the type is read.
func formatOf(contentType string) format {
	media, _ := mediaType(contentType)
	if !strings.Contains(media, "/") {
		return anyBytes // no media type at all
	}
	switch media {
	case "text/plain", "text/markdown", "text/x-markdown":
		return plainText
	case "text/html", "application/xhtml+xml", "application/html", "text/x-html", "text/xhtml", "application/xhtml":
		return hypertext
	case "application/xml", "text/xml", "application/cda+xml", "text/cda+xml", "application/hl7-v3+xml",
		"application/hl7-cda+xml",
		"application/hl7-sda+xml", "application/x-hl7-cda+xml", "application/vnd.hl7cda+xml", "application/hl7+xml":
		return clinical
	case "application/octet-stream", "binary/octet-stream",
		"text/rtf", "application/rtf", "text/richtext", "application/x-rtf":
		return anyBytes
	}
	return noText
}

// mediaType returns the media type and the character set that contentType names, also where the
// rest of it is not as RFC 9110 has it.
func mediaType(contentType string) (media, charset string) {
	if media, params, err := mime.ParseMediaType(contentType); err == nil {
		return media, params["charset"]
	}
	lower := strings.ToLower(contentType)
	media, rest, _ := strings.Cut(strings.NewReplacer(",", ";", " ", ";").Replace(strings.TrimSpace(lower)), ";")
	if _, s, ok := strings.Cut(rest, "charset="); ok {
		charset, _, _ = strings.Cut(strings.Trim(s, `"';`), ";")
	}
	return media, strings.Trim(charset, `"'`)
}

// contents reads the document's content: its elements are formats of one thing. It takes the best
// text, plain before HTML before CDA, and lists what is no text as attachments. It reports whether
// there was any text, if only an empty one. A text in a file of the source's is fetched unless a
// better one is at hand; a document whose only text cannot be had cannot be read.
func (m *mapper) contents(r *resource, p *dossier.Report) (readable bool) {
	var t bestText
	var apart []textFile
	for _, c := range r.get("content").each() {
		a := c.get("attachment")
		if !a.ok() {
			continue
		}
		if id, ok := strings.CutPrefix(a.get("url").str(), "#"); ok && r.hides(id) && !a.get("data").ok() {
			r.withheld = true
			a.withhold()
			continue
		}
		kind := formatOf(a.get("contentType").str())
		data := dataOf(r, a)
		where, fetchable := m.fileURL(a)
		switch {
		case kind != noText && data.ok():
			if m.inlineText(r, &t, a, data, kind) {
				continue
			}
		case kind > anyBytes && saysEmpty(a):
			t.add("", kind)
			continue
		case kind > anyBytes && fetchable:
			apart = append(apart, textFile{a, where, kind})
			continue
		}
		if saysSomething(a) {
			p.Attachments = append(p.Attachments, attachment(a))
		}
	}
	m.fetched(r, p, &t, apart)
	p.Text = clean(strings.Join(t.all, "\n\n"))
	if tooLong(p.Text, m.limits.Text) {
		r.fail(dossier.TooLarge, "content: too long")
	}
	return t.rank > noText
}

// saysSomething reports whether v, an Attachment, is more than a content type: content may also be
// kept elsewhere, which an extension on data says (HAPI's externalized binaries).
func saysSomething(v value) bool {
	for _, member := range [...]string{"data", "_data", "url", "_url", "title", "hash", "size"} {
		if v.get(member).ok() {
			return true
		}
	}
	return false
}

// inlineText adds to t the text of v, an Attachment that holds data; false if that is to be listed.
func (m *mapper) inlineText(r *resource, t *bestText, v, data value, kind format) bool {
	b, ok := decodeBase64(data.str())
	if !ok {
		data.fault(dossier.BadBody, "not base64")
		return false
	}
	s, state := m.textIn(r, v, data, b, "", kind)
	switch state {
	case textWithheld:
		r.withheld = true
		v.withhold()
		return true
	case textRead:
		t.add(s, kind)
		return true
	case textListed:
		t.add(s, anyBytes)
	}
	return false
}

// saysEmpty reports whether v, an Attachment without content, says that there is none to be had.
func saysEmpty(v value) bool {
	size, ok := sizeOf(v)
	return ok && size == 0 && !v.get("data").ok() && !v.get("_data").ok() && !v.get("url").ok()
}

// bestText keeps the best of a document's texts; of equals all.
type bestText struct {
	all  []string
	rank format
}

func (t *bestText) add(s string, rank format) {
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
	kind       format
}

// fetched adds to t the texts that are in files. A file that turns out to be no text is listed.
func (m *mapper) fetched(r *resource, p *dossier.Report, t *bestText, all []textFile) {
	inline := t.rank
	var lost *value
	var why string
	for _, f := range all {
		if f.kind < inline {
			continue
		}
		from := f.attachment.get("url")
		got := r.file(f.url)
		if got.wrong == "" && !m.allowsFile(r, got) {
			r.withheld = true
			f.attachment.withhold()
			continue
		}
		if got.wrong == "" && !isServedAs(got.contentType, f.kind) {
			got.wrong = "the file is of another content type than it is said to be"
		}
		if got.wrong != "" {
			lost, why = &from, got.wrong
			continue
		}
		s, state := m.textIn(r, f.attachment, from, got.data, got.contentType, f.kind)
		switch state {
		case textRead, textListed:
			t.add(s, f.kind)
		case textWithheld:
			r.withheld = true
			f.attachment.withhold()
		}
		if state == textListed || state == textNot {
			p.Attachments = append(p.Attachments, attachment(f.attachment))
		}
	}
	if t.rank == noText && lost != nil {
		lost.fault(dossier.BadBody, why)
	}
}

// isServedAs reports whether a file served as contentType can be a text of that format. Many
// servers call every file a stream of octets.
func isServedAs(contentType string, kind format) bool {
	served := formatOf(contentType)
	media, _ := mediaType(contentType)
	return media == "" || served == anyBytes || served == kind
}

// dataOf returns the data of v, an Attachment, in base64: its own, that of a Binary that r
// contains, or that of a data URL (RFC 2397).
func dataOf(r *resource, v value) value {
	if data := v.get("data"); data.ok() {
		return data
	}
	at := v.get("url")
	if s := at.str(); strings.HasPrefix(s, "data:") && strings.Contains(s[:min(len(s), 200)], ";base64,") {
		return at
	}
	id, ok := strings.CutPrefix(at.str(), "#")
	if !ok {
		return value{}
	}
	if in := r.inside(id); in.get("resourceType").str() == "Binary" {
		return in.get("data")
	}
	return value{}
}

// A textState is what came of reading content as text.
type textState int

const (
	textRead     textState = iota
	textListed             // it is read, and listed too: readers may want it as it was made
	textNot                // it is none: it is listed
	textWithheld           // it says that it is not for readers
)

// textIn returns the text that b is, the content of v, an Attachment. Faults are from's. If v does
// not say in which character set it is, contentType may.
func (m *mapper) textIn(r *resource, v, from value, b []byte, contentType string, kind format) (string, textState) {
	verify(v, b)
	b = unpacked(b)
	state := textRead
	if kind == anyBytes {
		state = textListed
	}
	switch {
	case isRichText(b):
		s, ok := plainRTF(b)
		if !ok || tooLong(s, m.limits.Text) {
			return "", textNot
		}
		return s, textListed
	case kind == anyBytes && !isProse(b):
		return "", textNot
	}
	if isBinary(b) {
		from.fault(dossier.BadText, string(notText))
		return "", textRead
	}
	_, charset := mediaType(v.get("contentType").str())
	if charset == "" {
		_, charset = mediaType(contentType)
	}
	s, wrong := decodeText(b, charset, kind != plainText)
	if wrong != "" {
		from.fault(dossier.BadText, string(wrong))
		return "", textRead
	}
	switch {
	case kind == clinical && strings.HasPrefix(strings.TrimLeft(s, " \t\r\n\ufeff"), "<"), isWholeXML(s, kind):
		s, state, wrong = m.plainXML(s)
	case kind == hypertext || isWholeHTML(s):
		pictured := holdsPictures(s)
		if s, wrong = plainHTML(s); s == "" && wrong == "" && pictured {
			return "", textNot
		}
	default:
		if strings.Contains(v.get("contentType").str(), "markdown") {
			s = struckMarkdown.ReplaceAllString(s, "")
		}
		s, wrong = readable(s)
	}
	if wrong != "" {
		from.fault(dossier.BadBody, string(wrong))
	}
	if s = clean(s); tooLong(s, m.limits.Text) {
		from.fault(dossier.TooLarge, "too long")
	}
	return s, state
}

// struckMarkdown finds what is struck out in Markdown (GFM §6.5).
var struckMarkdown = regexp.MustCompile(`~~[^~\s](?:[^~\n]*[^~\s])?~~ ?`)

// isProse reports whether b, of which nobody says what it is, surely is a text for people, and not
// a message between machines.
func isProse(b []byte) bool {
	s := strings.TrimLeft(string(b), " \t\r\n\ufeff")
	switch {
	case !isReadable(b), s == "":
		return false
	case isWholeHTML(s):
		return true
	}
	return !strings.ContainsRune("{[<%#", rune(s[0])) &&
		!strings.HasPrefix(s, "MSH|") && !strings.HasPrefix(s, "BEGIN:") &&
		strings.ContainsAny(strings.TrimSpace(s), " \n")
}

// isRichText reports whether b is RTF, which is listed whatever it is said to be.
func isRichText(b []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte(`{\rtf`)) }

// isWholeXML reports whether s, which is said to be of that format, is XML all the same: CDA, or in a
// plain text anything.
func isWholeXML(s string, kind format) bool {
	head := strings.TrimLeft(s[:min(len(s), 1000)], " \t\r\n\ufeff")
	return strings.HasPrefix(head, "<") && strings.Contains(head, "ClinicalDocument") ||
		kind == plainText && strings.HasPrefix(head, "<?xml")
}

// holdsPictures reports whether HTML shows something that is not text, such as a letter that was
// scanned.
func holdsPictures(src string) bool {
	for _, tag := range [...]string{"<img", "<image", "<embed", "<object", "<iframe", "<svg", "<canvas", "<video"} {
		if indexFold(src, tag) >= 0 {
			return true
		}
	}
	return false
}

// isBinary reports whether b begins as a file does that is no text.
func isBinary(b []byte) bool {
	for _, magic := range [...]string{
		"%PDF-", "PK\x03\x04", "\xff\xd8\xff", "\x89PNG", "GIF8", "\xd0\xcf\x11\xe0", "II*\x00", "MM\x00*", "\x1f\x8b",
	} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return true
		}
	}
	return false
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
