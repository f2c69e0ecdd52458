package dossiers

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // FHIR R4 says that Attachment.hash is SHA-1
	"fmt"
	"html"
	"strings"
	"time"
)

const (
	plainText = "text/plain; charset=utf-8"
	htmlText  = "text/html; charset=utf-8"
	pdfFile   = "application/pdf"
)

// otherHost is a host that cannot exist (RFC 2606). Some documents say that their file is there.
const otherHost = "https://bestanden.elders.example"

func newAttachment(contentType, title string, data []byte, at time.Time) attachment {
	sum := sha1.Sum(data) //nolint:gosec // as above
	return attachment{
		ContentType: contentType, Language: "nl-NL", Data: data, Size: len(data), Hash: sum[:],
		Title: title, Creation: at.Format(time.RFC3339),
	}
}

// attach puts a text into a document: mostly as plain text, and in the other ways that systems
// use.
func (w *writer) attach(d *documentReference, at time.Time, title string, paragraphs []string) {
	text := []byte(strings.Join(paragraphs, "\n\n"))
	a := newAttachment(plainText, title, text, at)
	if chance(w.r, 0.3) {
		a = newAttachment(htmlText, title, page(title, paragraphs), at)
	}
	var more []content
	switch n := w.r.IntN(100); {
	case n < 14:
		w.moveToBinary(d, &a, at)
	case n < 21:
		pdf := newAttachment(pdfFile, title+" (ondertekend).pdf", pdf(title), at)
		w.moveToBinary(d, &pdf, at)
		more = []content{{Attachment: pdf}}
	case n < 23: // on another host
		a.Data, a.URL = nil, otherHost+"/"+d.ID
	}
	d.Content = append([]content{{Attachment: a}}, more...)
}

// moveToBinary moves the content of an attachment into a Binary.
func (w *writer) moveToBinary(d *documentReference, a *attachment, at time.Time) {
	w.binaries++
	id := fmt.Sprintf("bestand.%s.%d", strings.TrimPrefix(d.ID, "doc."), w.binaries)
	w.put(at.Add(-time.Second), "Binary", id, binary{
		ResourceType: "Binary", ID: id, ContentType: a.ContentType, Data: a.Data,
	})
	a.Data, a.URL = nil, "Binary/"+id
}

// page returns a text as HTML of a word processor.
func page(title string, paragraphs []string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<html><head><title>%s</title><style>p { margin: 0 }</style></head>\n<body lang=NL><h1>%[1]s</h1>\n", html.EscapeString(title))
	for i, p := range paragraphs {
		p = html.EscapeString(p)
		if i%2 == 1 {
			p = `<span style="font-family:Arial">` + p + "</span>&nbsp;"
		}
		b.WriteString("<p class=MsoNormal>" + p + "</p>\n")
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}

// pdf returns the smallest file that PDF readers open: one page with a title.
func pdf(title string) []byte {
	title = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`()\`, r) {
			return '-'
		}
		return r
	}, title)
	stream := fmt.Sprintf("BT /F1 18 Tf 72 770 Td (%s) Tj ET", title)
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := []int{}
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.Bytes()
}
