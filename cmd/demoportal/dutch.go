package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dossiersync/portalapi/client"
)

var (
	weekdays = []string{"zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"}
	months   = []string{"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
		"oktober", "november", "december"}
	shortMonths = []string{"jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"}
)

// date returns "30 november 2026".
func date(t time.Time) string {
	return fmt.Sprintf("%d %s %d", t.Day(), months[t.Month()-1], t.Year())
}

// dayOf returns "maandag 30 november 2026".
func dayOf(t time.Time) string { return weekdays[t.Weekday()] + " " + date(t) }

// monthOf returns "november 2026".
func monthOf(t time.Time) string { return months[t.Month()-1] + " " + strconv.Itoa(t.Year()) }

// clock returns "15:09".
func clock(t time.Time) string { return t.Format("15:04") }

// moment returns "30 november 2026 om 15:09 uur", or less if the source says less.
func moment(t time.Time, precision client.Precision) string {
	switch precision {
	case client.PrecisionYear:
		return strconv.Itoa(t.Year())
	case client.PrecisionMonth:
		return monthOf(t)
	case client.PrecisionDay:
		return date(t)
	}
	return date(t) + " om " + clock(t) + " uur"
}

// noteMoment returns the moment of a note; empty if the source does not say when it was written.
func noteMoment(at *time.Time, precision *client.Precision) string {
	if at == nil {
		return ""
	}
	if precision == nil {
		return date(*at)
	}
	return moment(*at, *precision)
}

// fhirDate returns a date, a month or a year of the care record in Dutch.
func fhirDate(s string) string {
	s, _, _ = strings.Cut(s, "T")
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return date(t)
	}
	if t, err := time.Parse("2006-01", s); err == nil {
		return monthOf(t)
	}
	return s
}

// period returns "van 1 juni 2026 tot en met 31 mei 2027"; empty if neither date is known.
func period(start, end *string) string {
	switch {
	case start != nil && end != nil:
		return "van " + fhirDate(*start) + " tot en met " + fhirDate(*end)
	case start != nil:
		return "vanaf " + fhirDate(*start)
	case end != nil:
		return "tot en met " + fhirDate(*end)
	}
	return ""
}

// count returns "1 kaart", "3 kaarten".
func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

// size returns the size of a file.
func size(n *int) string {
	switch {
	case n == nil:
		return ""
	case *n < 1000:
		return count(*n, "byte", "bytes")
	case *n < 1_000_000:
		return strconv.Itoa((*n+500)/1000) + " kB"
	}
	return strings.Replace(strconv.FormatFloat(float64(*n)/1e6, 'f', 1, 64), ".", ",", 1) + " MB"
}

// initials returns the first letters of a name's first and last words.
func initials(name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return "?"
	}
	first := []rune(words[0])[:1]
	if len(words) == 1 {
		return strings.ToUpper(string(first))
	}
	return strings.ToUpper(string(first) + string([]rune(words[len(words)-1])[:1]))
}

// upper returns s with a capital.
func upper(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// late reports whether something was written down so much later than it happened that readers should know.
func late(at time.Time, recorded *time.Time) bool {
	return recorded != nil && recorded.Sub(at) > 24*time.Hour
}
