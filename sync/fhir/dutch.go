package fhir

import (
	"fmt"
	"time"

	"dossiersync/store/dossier"
)

// What a source writes for machines, as a Dutch reader would say it.

var dutchMonths = [...]string{"januari", "februari", "maart", "april", "mei", "juni",
	"juli", "augustus", "september", "oktober", "november", "december"}

// dutchMoment returns m in zone, as precise as it is: 2025, maart 2025, 3 maart
// 2025, or 3 maart 2025, 14:05.
func dutchMoment(m dossier.Moment, zone *time.Location) string {
	if m.IsZero() {
		return ""
	}
	t := m.Time.In(zone)
	month := dutchMonths[t.Month()-1]
	switch m.Precision {
	case dossier.PrecisionYear:
		return fmt.Sprintf("%d", t.Year())
	case dossier.PrecisionMonth:
		return fmt.Sprintf("%s %d", month, t.Year())
	case dossier.PrecisionDay:
		return fmt.Sprintf("%d %s %d", t.Day(), month, t.Year())
	}
	return fmt.Sprintf("%d %s %d, %02d:%02d", t.Day(), month, t.Year(), t.Hour(), t.Minute())
}

func dutchBool(b bool) string {
	if b {
		return "Ja"
	}
	return "Nee"
}

// dutchTime reads a FHIR time, and returns its hours and minutes.
func dutchTime(s string) (string, bool) {
	p := dateParser{rest: s}
	d := p.clock()
	if p.bad || p.rest != "" {
		return "", false
	}
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60), true
}
