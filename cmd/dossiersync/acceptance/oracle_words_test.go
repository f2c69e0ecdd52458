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

// withoutLayout removes what mapping may change in a layout: space, control characters, the dash
// or number of list items, and the line between cells.
func withoutLayout(s string) string {
	s = numbers.ReplaceAllString(s, "")
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '-' || r == '|' || r == '\ufeff' || r == '\u200b' {
			return -1
		}
		return r
	}, s)
}

// foldSpace folds white space.
func foldSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

var (
	hiddenHTML = regexp.MustCompile(`(?is)<!--.*?-->|<(script|style|iframe|object|title|noscript|template)\b[^>]*>.*?</(script|style|iframe|object|title|noscript|template)\s*>`)
	images     = regexp.MustCompile(`(?is)<img\b[^>]*\balt="([^"]*)"[^>]*>`)
	numbers    = regexp.MustCompile(`\b[0-9]+\.(\s|$)`)
	tags       = regexp.MustCompile(`(?s)<[^>]*>`)
)

// htmlText returns what a browser shows of HTML.
func htmlText(src string) string {
	src = images.ReplaceAllString(hiddenHTML.ReplaceAllString(src, ""), " $1 ")
	return html.UnescapeString(tags.ReplaceAllString(src, " "))
}

// isReadable reports whether a text has no NUL and no replacement character.
func isReadable(s string) bool { return !strings.ContainsAny(s, "\x00\ufffd") }

// conceptText returns the text of a CodeableConcept.
func conceptText(x resource) string {
	if s := x.text("text"); s != "" {
		return s
	}
	return x.text("coding", "display")
}

// name returns the name of a person's resource.
func (o *oracle) name(x resource) string {
	var best resource
	for _, n := range x.parts("name") {
		if best == nil || n.text("use") == "official" {
			best = n
		}
	}
	if s := best.text("text"); s != "" {
		return foldSpace(s)
	}
	var given []string
	list, _ := best["given"].([]any)
	for _, g := range list {
		s, _ := g.(string)
		given = append(given, s)
	}
	return foldSpace(strings.Join(given, " ") + " " + best.text("family"))
}

// party returns the name, role and organisation of the party that a Reference in x names.
func (o *oracle) party(x, ref resource) (name, role, organisation string) {
	to := ref.text("reference")
	display := foldSpace(ref.text("display"))
	if inside, ok := strings.CutPrefix(to, "#"); ok {
		for _, c := range x.parts("contained") {
			if c.text("id") == inside {
				return o.name(c), "", ""
			}
		}
		return display, "", ""
	}
	if number := ref.part("identifier"); to == "" && number != nil {
		to = o.identified(number.text("system"), number.text("value"))
	}
	found := o.all[to]
	if found != nil && !isForClients(found) {
		return "", "", "" // nor by the name that others write beside the reference
	}
	typ, _, _ := strings.Cut(to, "/")
	switch {
	case typ == "Organization" && found != nil:
		return "", "", foldSpace(found.text("name"))
	case typ == "Organization":
		return "", "", display
	case typ == "RelatedPerson" && found != nil:
		name = o.name(found)
	case typ == "Practitioner" && found != nil:
		name, role = o.name(found), conceptText(found.part("qualification", "code"))
	case typ == "PractitionerRole" && found != nil:
		if of := o.all[found.text("practitioner", "reference")]; of != nil && !isForClients(of) {
			display = ""
		}
		name, _, _ = o.party(found, found.part("practitioner"))
		_, _, organisation = o.party(found, found.part("organization"))
		role = conceptText(found.part("code"))
	}
	if name == "" {
		name = display
	}
	return name, role, organisation
}

// identified returns the one member of staff, as Practitioner/id, who has an identifier; "" if none
// has.
func (o *oracle) identified(system, value string) string {
	for name, x := range o.all {
		for _, have := range x.parts("identifier") {
			if strings.HasPrefix(name, "Practitioner/") && have.text("system") == system && have.text("value") == value {
				return name
			}
		}
	}
	return ""
}

// author returns the author as "name, role".
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
	return nameAndRole(name, role)
}

func nameAndRole(name, role string) string { return strings.Trim(name+", "+role, ", ") }

// timeView is a FHIR date or time as the portal serves it.
type timeView struct {
	At        string // RFC 3339, with the offset of Amsterdam
	Precision string

	exact time.Time // orders cards of one second
}

// layouts are those of FHIR, and some that systems use although FHIR does not have them.
var layouts = []struct{ layout, precision string }{
	{"2006", "year"}, {"2006-01", "month"}, {time.DateOnly, "day"}, {time.RFC3339, "second"},
	{"2006-01-02T15:04Z07:00", "second"}, {"2006-01-02T15:04:05", "second"},
}

// timeOf reads the first of the moments that is not ""; ok is false if it is wrong or there
// is none.
func (o *oracle) timeOf(given ...string) (m timeView, ok bool) {
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
			// An hour that occurs twice is the first.
			if first := t.Add(-time.Hour); len(s) == len("2006-01-02T15:04:05") && first.Format(l.layout) == s {
				t = first
			}
			return t, l.precision, true
		}
		return time.Time{}, "", false
	}
	return time.Time{}, "", false
}

// formatted returns a moment as served; "" if there is none.
func (o *oracle) formatted(given ...string) string {
	m, _ := o.timeOf(given...)
	return m.At
}

var months = strings.Fields("januari februari maart april mei juni juli augustus september oktober november december")

// dutchMoment returns a moment in Dutch.
func (o *oracle) dutchMoment(s string) string {
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

// decodeBase64 decodes base64, which may have line breaks.
func decodeBase64(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return b, err == nil
}
