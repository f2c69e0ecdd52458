package fhir

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"dossiersync/store/dossier"
)

// valueText returns what v, a resource or a component of one, states as value[x], in Dutch; and
// whether there is a value at all.
func (m *mapper) valueText(get func(string) value) (text string, ok bool) {
	for _, kind := range valueKinds {
		if v := get("value" + kind); v.ok() {
			return m.inWords(kind, v), true
		}
	}
	return "", false
}

// valueKinds are the types of Observation.value[x] (FHIR R4), and those of R5 and of other elements
// that a source may send there.
var valueKinds = []string{"String", "Markdown", "CodeableConcept", "Coding", "Quantity", "Integer", "Decimal", "Boolean", "Range",
	"Ratio", "Time", "DateTime", "Date", "Instant", "Period", "Duration", "SampledData", "Attachment"}

// inWords returns v, a value of the type, in Dutch.
func (m *mapper) inWords(kind string, v value) string {
	switch kind {
	case "String", "Markdown":
		return m.text(v)
	case "CodeableConcept":
		return wordsOrCode(v)
	case "Coding":
		return codingOrCode(v)
	case "Quantity":
		return quantity(v)
	case "Integer", "Decimal":
		return dutchNumber(v)
	case "Boolean":
		return dutchBool(v.bool())
	case "Range":
		return quantityRange(v)
	case "Ratio":
		return ratio(v)
	case "Time":
		s, ok := dutchTime(v.str())
		if !ok {
			v.fault(dossier.BadDate, "not a FHIR time")
		}
		return s
	case "DateTime", "Date", "Instant":
		return dutchMoment(m.moment(v), m.zone)
	case "Period":
		return m.period(v)
	case "Duration":
		return duration(v)
	case "SampledData":
		return "Meetreeks (niet weergegeven)"
	case "Attachment":
		return cmp.Or(attachment(v).Title, "bijlage")
	}
	return ""
}

// period returns v, a Period, in Dutch.
func (m *mapper) period(v value) string {
	start, end := m.moment(v.get("start")), m.moment(v.get("end"))
	from, to := dutchMoment(start, m.zone), dutchMoment(end, m.zone)
	switch {
	case from == "" && to == "":
		return ""
	case to == "":
		return "vanaf " + from
	case from == "":
		return "tot en met " + to
	case from == to:
		return from
	case start.Precision == dossier.PrecisionSecond && end.Precision == dossier.PrecisionSecond &&
		dossier.LocalDate(start.Time, m.zone) == dossier.LocalDate(end.Time, m.zone):
		return from + " tot " + end.Time.In(m.zone).Format("15:04")
	}
	return from + " tot en met " + to
}

// wordsOrCode returns what v, a CodeableConcept, is called; of one without words the code, and that
// it is one.
func wordsOrCode(v value) string {
	if s := words(v); s != "" {
		return s
	}
	for _, coding := range v.get("coding").each() {
		if s := codingOrCode(coding); s != "" {
			return s
		}
	}
	return ""
}

// codingOrCode is wordsOrCode for v, a Coding.
func codingOrCode(v value) string {
	code := line(v.get("code").str())
	if s := cmp.Or(dutchLine(v.get("display")), dossier.CommonWord(v.get("system").str(), code)); s != "" || code == "" {
		return s
	}
	return "Zonder tekst (code " + code + ")"
}

// absence returns why there is no value, as get's dataAbsentReason has it.
func absence(get func(string) value) string {
	if s := wordsOrCode(get("dataAbsentReason")); s != "" {
		return "Geen waarde: " + s
	}
	return ""
}

// interpretation returns in words what get's interpretation says of a value: verhoogd, afwijkend.
func interpretation(get func(string) value) string {
	var all []string
	for _, c := range get("interpretation").each() {
		if s := words(c); s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return strings.Join(all, ", ")
}

// components returns what v, a list of Observation.component, states: a line for each.
func (m *mapper) components(v value) []string {
	var all []string
	for _, c := range v.each() {
		label := wordsOrCode(c.get("code"))
		is, _ := m.valueText(c.get)
		if s := interpretation(c.get); s != "" && is != "" {
			is += " (" + s + ")"
		}
		is = cmp.Or(is, absence(c.get))
		switch {
		case is == "":
		case label == "":
			all = append(all, is)
		default:
			all = append(all, label+": "+is)
		}
	}
	return all
}

// effective returns when what r states was so, by each way in which R4 says it.
func (m *mapper) effective(r *resource) []value {
	period, timing := r.get("effectivePeriod"), r.get("effectiveTiming")
	repeat := timing.get("repeat").get("boundsPeriod")
	return []value{r.get("effectiveDateTime"), period.get("start"), r.get("effectiveInstant"),
		m.firstEvent(timing.get("event")), repeat.get("start"), period.get("end"), repeat.get("end")}
}

// firstEvent returns the earliest of v, a list of dateTime.
func (m *mapper) firstEvent(v value) value {
	var first value
	var at time.Time
	for _, e := range v.each() {
		if d := m.moment(e); !d.IsZero() && (!first.ok() || d.Time.Before(at)) {
			first, at = e, d.Time
		}
	}
	return first
}

// paragraphs joins what is not empty, with an empty line between.
func paragraphs(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n\n")
}
