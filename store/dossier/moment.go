package dossier

import "time"

// Precision is how much of a moment the source knew.
type Precision string

// The precisions of FHIR R4 §2.24.0.1 (dateTime, date, instant).
const (
	PrecisionYear   Precision = "year"
	PrecisionMonth  Precision = "month"
	PrecisionDay    Precision = "day"
	PrecisionSecond Precision = "second"
)

// Moment is a FHIR dateTime: an instant, its precision, and the text in which the source
// wrote it. A partial date stands for its first instant in the tenant's zone.
type Moment struct {
	Time      time.Time `json:"time"`
	Precision Precision `json:"precision"`
	Literal   string    `json:"literal"`
}

// IsZero reports whether the source gave no moment.
func (m Moment) IsZero() bool { return m.Time.IsZero() }

// LocalDate formats t's date in loc as YYYY-MM-DD, the form of every Ends.
func LocalDate(t time.Time, loc *time.Location) string { return t.In(loc).Format(time.DateOnly) }
