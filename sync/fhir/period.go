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
// Of a partial date the whole year or month counts, and what ends on a date counts on that date. A
// period that cannot be read is none: it is no reason to lose a person.
func (m *mapper) counts(v value) bool {
	start, end := m.mark(v, "start"), m.mark(v, "end")
	if !start.IsZero() && dossier.LocalDate(start.Time, m.zone) > m.today() {
		return false
	}
	return end.IsZero() || lastDay(end, m.zone) >= m.today()
}

// mark returns where v, a Period, begins or ends; zero where it does not say so readably.
func (m *mapper) mark(v value, member string) dossier.Moment {
	at, _ := parseMoment(asText(asObject(v).get(member)).str(), m.zone)
	return at
}
