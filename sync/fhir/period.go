package fhir

import (
	"time"

	"dossiersync/store/dossier"
)

// today returns the tenant's local date, at which periods are looked at.
func (m *mapper) today() string {
	now := time.Now
	if m.now != nil {
		now = m.now
	}
	return dossier.LocalDate(now(), m.zone)
}

// counts reports whether something whose Period is v counts today: it has begun, and has not ended.
// Of a partial date the whole year or month counts.
func (m *mapper) counts(v value) bool {
	start, end := m.moment(v.get("start")), m.moment(v.get("end"))
	if !start.IsZero() && dossier.LocalDate(start.Time, m.zone) > m.today() {
		return false
	}
	return end.IsZero() || m.countsAt(end)
}

// countsAt reports whether something that ends at end counts today. A name or a number that ends on
// a date is there on that date; one that ends at a moment is gone after it.
func (m *mapper) countsAt(end dossier.Moment) bool { return lastDay(end, m.zone) >= m.today() }
