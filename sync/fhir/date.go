package fhir

import (
	"errors"
	"strings"
	"time"

	"dossiersync/store/dossier"
)

var errDate = errors.New("not a FHIR date")

// parseMoment reads a FHIR date, dateTime or instant (FHIR R4 §2.24.0.1). A
// partial date stands for its first instant in zone, and so does a time without
// an offset for that time in zone, although FHIR does not allow one. The second
// 60 of a leap second stands for the last millisecond of second 59, so that it
// stays in its day. The time is in UTC.
func parseMoment(s string, zone *time.Location) (dossier.Moment, error) {
	p := dateParser{rest: s}
	m := dossier.Moment{Literal: s, Precision: dossier.PrecisionYear}
	year, month, day := p.digits(4, 1, 9999), 1, 1
	if p.take('-') {
		m.Precision = dossier.PrecisionMonth
		month = p.digits(2, 1, 12)
	}
	if m.Precision == dossier.PrecisionMonth && p.take('-') {
		m.Precision = dossier.PrecisionDay
		day = p.digits(2, 1, daysIn(year, month))
	}
	if m.Precision != dossier.PrecisionDay || !p.take('T') {
		if p.bad || p.rest != "" {
			return dossier.Moment{}, errDate
		}
		m.Time = inZone(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC), zone)
		return m, checkYear(m)
	}
	m.Precision = dossier.PrecisionSecond
	clock := p.clock()
	offset, given := p.offset()
	if p.bad || p.rest != "" {
		return dossier.Moment{}, errDate
	}
	wall := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Add(clock)
	if given {
		m.Time = wall.Add(-offset)
	} else {
		m.Time = inZone(wall, zone)
	}
	return m, checkYear(m)
}

// checkYear refuses moments that leave the years 1 to 9999 by their offset,
// which JSON could not hold.
func checkYear(m dossier.Moment) error {
	if y := m.Time.Year(); y < 1 || y > 9999 || m.IsZero() {
		return errDate
	}
	return nil
}

// lastDay returns the last local date on which something counts that ends at
// the FHIR date or dateTime s: of a partial date the end, of a moment its date
// in zone.
func lastDay(m dossier.Moment, zone *time.Location) string {
	t := m.Time.In(zone)
	switch m.Precision {
	case dossier.PrecisionYear:
		t = time.Date(t.Year(), time.December, 31, 12, 0, 0, 0, time.UTC)
	case dossier.PrecisionMonth:
		t = time.Date(t.Year(), t.Month()+1, 0, 12, 0, 0, 0, time.UTC)
	default:
		return dossier.LocalDate(t, zone)
	}
	return t.Format(time.DateOnly)
}

// inZone returns the instant at which clocks in zone show wall, which is in
// UTC. Of two such instants, when summer time ends, it is the first; where there
// is none, when summer time begins, the gap is passed over: 02:30 becomes 03:30.
func inZone(wall time.Time, zone *time.Location) time.Time {
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	first := wall.Add(-time.Duration(before) * time.Second)
	if _, at := first.In(zone).Zone(); at == before || before == after {
		return first
	}
	second := wall.Add(-time.Duration(after) * time.Second)
	if _, at := second.In(zone).Zone(); at == after {
		return second
	}
	return first
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// A dateParser eats a date from its front. Once bad, it stays so.
type dateParser struct {
	rest string
	bad  bool
}

func (p *dateParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// digits reads a number of exactly n digits between least and most.
func (p *dateParser) digits(n, least, most int) int {
	if len(p.rest) < n {
		p.bad = true
		return least
	}
	v := 0
	for _, c := range []byte(p.rest[:n]) {
		if c < '0' || '9' < c {
			p.bad = true
			return least
		}
		v = v*10 + int(c-'0')
	}
	p.rest = p.rest[n:]
	if v < least || v > most {
		p.bad = true
		return least
	}
	return v
}

// clock reads hh:mm[:ss[.fff]] as the time since midnight.
func (p *dateParser) clock() time.Duration {
	d := time.Duration(p.digits(2, 0, 23)) * time.Hour
	p.bad = !p.take(':') || p.bad
	d += time.Duration(p.digits(2, 0, 59)) * time.Minute
	if !p.take(':') {
		return d
	}
	sec := p.digits(2, 0, 60)
	fraction := time.Duration(0)
	if p.take('.') {
		fraction = p.fraction()
	}
	if sec == 60 {
		sec, fraction = 59, 999*time.Millisecond
	}
	return d + time.Duration(sec)*time.Second + fraction
}

// fraction reads the digits after the point; what is finer than a nanosecond is
// cut off.
func (p *dateParser) fraction() time.Duration {
	n := len(p.rest) - len(strings.TrimLeft(p.rest, "0123456789"))
	p.bad = p.bad || n == 0 || n > 32
	d, unit := time.Duration(0), 100*time.Millisecond
	for _, c := range []byte(p.rest[:n]) {
		d += time.Duration(c-'0') * unit
		unit /= 10
	}
	p.rest = p.rest[n:]
	return d
}

// offset reads Z or ±hh:mm.
func (p *dateParser) offset() (d time.Duration, given bool) {
	sign := time.Duration(1)
	switch {
	case p.rest == "":
		return 0, false
	case p.take('Z'):
		return 0, true
	case p.take('-'):
		sign = -1
	case !p.take('+'):
		p.bad = true
		return 0, true
	}
	d = time.Duration(p.digits(2, 0, 14)) * time.Hour
	p.bad = !p.take(':') || p.bad
	d += time.Duration(p.digits(2, 0, 59)) * time.Minute
	return sign * d, true
}
