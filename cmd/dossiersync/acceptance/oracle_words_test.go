package acceptance

import (
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// letters returns a text without what layout may change: blank space, control
// characters, the dash or number before an item of a list, the line between cells.
func letters(s string) string {
	s = numbered.ReplaceAllString(s, "")
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '-' || r == '|' || r == '\ufeff' || r == '\u200b' {
			return -1
		}
		return r
	}, s)
}

// words folds white space, which the mapping may.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

var (
	unseen   = regexp.MustCompile(`(?is)<!--.*?-->|<(script|style|iframe|object|title|noscript|template)\b[^>]*>.*?</(script|style|iframe|object|title|noscript|template)\s*>`)
	images   = regexp.MustCompile(`(?is)<img\b[^>]*\balt="([^"]*)"[^>]*>`)
	numbered = regexp.MustCompile(`\b[0-9]+\.(\s|$)`)
	tags     = regexp.MustCompile(`(?s)<[^>]*>`)
)

// shownOf returns what a browser shows of HTML that is not made to hide anything.
func shownOf(src string) string {
	src = images.ReplaceAllString(unseen.ReplaceAllString(src, ""), " $1 ")
	return html.UnescapeString(tags.ReplaceAllString(src, " "))
}

// isReadable reports whether a text holds what no text may.
func isReadable(s string) bool { return !strings.ContainsAny(s, "\x00\ufffd") }

// called returns what a CodeableConcept is called.
func called(x resource) string {
	if s := x.text("text"); s != "" {
		return s
	}
	return x.text("coding", "display")
}

// name returns how the person is called whose resource it is.
func (o *oracle) name(x resource) string {
	var best resource
	for _, n := range x.parts("name") {
		if best == nil || n.text("use") == "official" {
			best = n
		}
	}
	if s := best.text("text"); s != "" {
		return words(s)
	}
	var given []string
	list, _ := best["given"].([]any)
	for _, g := range list {
		s, _ := g.(string)
		given = append(given, s)
	}
	return words(strings.Join(given, " ") + " " + best.text("family"))
}

// party returns the name, the role and the organisation of whom a Reference in x
// names.
func (o *oracle) party(x, ref resource) (name, role, organisation string) {
	to := ref.text("reference")
	display := words(ref.text("display"))
	if inside, ok := strings.CutPrefix(to, "#"); ok {
		for _, c := range x.parts("contained") {
			if c.text("id") == inside {
				return o.name(c), "", ""
			}
		}
		return display, "", ""
	}
	found := o.all[to]
	if found != nil && !isForClients(found) {
		found = nil
	}
	typ, _, _ := strings.Cut(to, "/")
	switch {
	case typ == "Organization" && found != nil:
		return "", "", words(found.text("name"))
	case typ == "Organization":
		return "", "", display
	case typ == "Practitioner" && found != nil:
		name, role = o.name(found), called(found.part("qualification", "code"))
	case typ == "PractitionerRole" && found != nil:
		name, _, _ = o.party(found, found.part("practitioner"))
		_, _, organisation = o.party(found, found.part("organization"))
		role = called(found.part("code"))
	}
	if name == "" {
		name = display
	}
	return name, role, organisation
}

// author returns who wrote something, in the manner of "name, role".
func (o *oracle) author(x resource, refs ...resource) string {
	var name, role, organisation string
	for i, ref := range refs {
		n, r, org := o.party(x, ref)
		if organisation == "" {
			organisation = org
		}
		if name == "" && (n != "" || i == 0) {
			name, role = n, r
		}
	}
	if name == "" {
		name = organisation
	}
	return join(name, role)
}

func join(name, role string) string { return strings.Trim(name+", "+role, ", ") }

// timeView is a FHIR date or time as the portal is told of it.
type timeView struct {
	At        string // RFC 3339, with the offset of Amsterdam
	Precision string

	exact time.Time // of two in one second the order tells which is later
}

// layouts are how FHIR writes moments, and some systems although FHIR does not.
var layouts = []struct{ layout, precision string }{
	{"2006", "year"}, {"2006-01", "month"}, {time.DateOnly, "day"}, {time.RFC3339, "second"},
	{"2006-01-02T15:04Z07:00", "second"}, {"2006-01-02T15:04:05", "second"},
}

// when reads the first of the moments that is given; ok is false if it is none.
func (o *oracle) when(given ...string) (m timeView, ok bool) {
	t, precision, ok := o.instant(given...)
	if !ok {
		return timeView{}, false
	}
	return timeView{t.Format(time.RFC3339), precision, t}, true
}

func (o *oracle) instant(given ...string) (t time.Time, precision string, ok bool) {
	for _, s := range given {
		if s == "" {
			continue
		}
		s = strings.Replace(s, ":60", ":59", 1) // a leap second
		for _, l := range layouts {
			t, err := time.ParseInLocation(l.layout, s, o.zone)
			if err != nil {
				continue
			}
			t = t.In(o.zone)
			// An hour that the clocks show twice is taken for the first.
			if first := t.Add(-time.Hour); len(s) == len("2006-01-02T15:04:05") && first.Format(l.layout) == s {
				t = first
			}
			return t, l.precision, true
		}
		return time.Time{}, "", false
	}
	return time.Time{}, "", false
}

// told is a moment as it stands in an answer; "" if there is none.
func (o *oracle) told(given ...string) string {
	m, _ := o.when(given...)
	return m.At
}

var months = strings.Fields("januari februari maart april mei juni juli augustus september oktober november december")

// spoken returns a moment as a Dutch reader says it.
func (o *oracle) spoken(s string) string {
	t, precision, _ := o.instant(s)
	month := months[t.Month()-1]
	switch precision {
	case "year":
		return t.Format("2006")
	case "month":
		return month + t.Format(" 2006")
	case "day":
		return fmt.Sprintf("%d %s %d", t.Day(), month, t.Year())
	}
	return fmt.Sprintf("%d %s %d, %s", t.Day(), month, t.Year(), t.Format("15:04"))
}

// unpacked decodes base64, which may be broken into lines.
func unpacked(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return b, err == nil
}
