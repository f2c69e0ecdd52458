package dossier

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"
)

// Reports are most of what is encoded, and reflection takes several times as long, so their
// encoding is written by hand. The output is that of encoding/json without HTML escaping.

// AppendJSON appends the report as JSON. It fails on a moment beyond the year 9999, which
// JSON timestamps cannot hold, and then appends nothing.
func (r *Report) AppendJSON(b []byte) ([]byte, error) {
	for _, m := range [...]Moment{r.At, r.RecordedAt, r.CorrectedAt} {
		if y := m.Time.Year(); y < 0 || y > 9999 {
			return b, errors.New("a year beyond 9999")
		}
	}
	b = append(b, `{"at":`...)
	b = r.At.appendJSON(b)
	b = appendMoment(b, `,"recordedAt":`, r.RecordedAt)
	b = appendMoment(b, `,"correctedAt":`, r.CorrectedAt)
	if r.Title != "" {
		b = AppendJSONString(append(b, `,"title":`...), r.Title)
	}
	b = AppendJSONString(append(b, `,"category":`...), r.Category)
	b = AppendJSONString(append(b, `,"text":`...), r.Text)
	for i := range r.Authors {
		b = append(b, opening(i, `,"authors":[`)...)
		b = r.Authors[i].appendJSON(b)
		b = append(b, closing(i, len(r.Authors))...)
	}
	b = appendRef(b, `,"plan":`, r.Plan)
	b = appendRef(b, `,"goal":`, r.Goal)
	for i, ref := range r.Replaces {
		b = append(b, opening(i, `,"replaces":[`)...)
		b = ref.appendJSON(b)
		b = append(b, closing(i, len(r.Replaces))...)
	}
	if len(r.Attachments) > 0 {
		b = appendAny(append(b, `,"attachments":`...), r.Attachments)
	}
	return append(b, '}'), nil
}

func (p *Party) appendJSON(b []byte) []byte {
	if p.Inline != nil || p.Ref.IsZero() {
		return appendAny(b, p)
	}
	b = p.Ref.appendJSON(append(b, `{"ref":`...))
	if p.Display != "" {
		b = AppendJSONString(append(b, `,"display":`...), p.Display)
	}
	return append(b, '}')
}

func (r Ref) appendJSON(b []byte) []byte {
	b = AppendJSONString(append(b, `{"type":`...), r.Type)
	b = AppendJSONString(append(b, `,"id":`...), r.ID)
	return append(b, '}')
}

func (m Moment) appendJSON(b []byte) []byte {
	b = m.Time.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano)
	b = AppendJSONString(append(b, `","precision":`...), string(m.Precision))
	b = AppendJSONString(append(b, `,"literal":`...), m.Literal)
	return append(b, '}')
}

func appendMoment(b []byte, name string, m Moment) []byte {
	if m.IsZero() {
		return b
	}
	return m.appendJSON(append(b, name...))
}

func appendRef(b []byte, name string, r Ref) []byte {
	if r.IsZero() {
		return b
	}
	return r.appendJSON(append(b, name...))
}

// opening and closing return the text before and after the i-th element of a list.
func opening(i int, first string) string {
	if i == 0 {
		return first
	}
	return ","
}

func closing(i, n int) string {
	if i == n-1 {
		return "]"
	}
	return ""
}

// appendAny appends v by way of encoding/json, for the rare members.
func appendAny(b []byte, v any) []byte {
	var w writer
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings and numbers
	return append(b, w[:len(w)-1]...)
}

type writer []byte

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// AppendJSONString appends s as a JSON string.
func AppendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0 // s[from:i] is copied unchanged
	for i := 0; i < len(s); {
		c, size := s[i], 1
		switch {
		case c == '"' || c == '\\':
			b = append(append(b, s[from:i]...), '\\', c)
		case c < ' ':
			b = append(b, s[from:i]...)
			if short := `btn fr`; c >= '\b' && c <= '\r' && c != '\v' {
				b = append(b, '\\', short[c-'\b'])
			} else {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			}
		case c < utf8.RuneSelf:
			i++
			continue
		default:
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
			b = append(append(b, s[from:i]...), '\\', 'u')
			if r == utf8.RuneError {
				b = append(b, "fffd"...)
			} else { // U+2028 and U+2029, which break lines in JavaScript
				b = append(b, "202"...)
				b = append(b, hex[r&0xf])
			}
		}
		i += size
		from = i
	}
	return append(append(b, s[from:]...), '"')
}
