package fhir

import (
	"cmp"
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

// scheduled returns when and how often, as prefix[x] of v says it, in Dutch.
func (m *mapper) scheduled(v value, prefix string) string {
	kind, is := v.choice(prefix)
	switch kind {
	case "String":
		return m.text(is)
	case "Timing":
		return m.timing(is)
	case "DateTime", "Period", "Duration", "Range":
		return m.inWords(kind, is)
	}
	return ""
}

// timing returns v, a Timing, in Dutch: "2 keer per dag, voor de maaltijd, gedurende 6 weken".
func (m *mapper) timing(v value) string {
	repeat := v.get("repeat")
	var all []string
	say := func(s string) {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if code := v.get("code"); code.ok() {
		say(timingCode(code, m.isRegular(repeat)))
	}
	say(m.frequency(repeat))
	say(inDutch(repeat.get("dayOfWeek"), "op ", weekdays))
	say(m.clockTimes(repeat.get("timeOfDay")))
	say(moments(repeat))
	say(length(repeat))
	say(total(repeat))
	say(m.bounds(repeat))
	say(m.events(v.get("event")))
	return strings.Join(all, ", ")
}

// isRegular reports whether v, a Timing.repeat, itself says how often.
func (m *mapper) isRegular(v value) bool { return m.frequency(v) != "" }

// timingCode returns what the code of a Timing is called: its text, else that of its code; of an
// abbreviation nothing where the repeat says the same in full.
func timingCode(v value, regular bool) string {
	if s := dutchLine(v.get("text")); s != "" {
		return s
	}
	for _, c := range v.get("coding").each() {
		code := c.get("code").str()
		if s, known := timingCodes[code]; known {
			if regular {
				return ""
			}
			return s
		}
	}
	return wordsOrCode(v)
}

// timingCodes holds GTSAbbreviation (FHIR R4, timing-abbreviation).
var timingCodes = map[string]string{
	"BID": "2 keer per dag", "TID": "3 keer per dag", "QID": "4 keer per dag", "AM": "elke ochtend", "PM": "elke middag",
	"QD": "elke dag", "QOD": "om de dag", "Q1H": "elk uur", "Q2H": "elke 2 uur", "Q3H": "elke 3 uur", "Q4H": "elke 4 uur",
	"Q6H": "elke 6 uur", "Q8H": "elke 8 uur", "BED": "voor het slapen", "WK": "elke week", "MO": "elke maand",
	"JB": "in de ochtend", "JE": "in de avond",
}

// frequency returns how often: 2 keer per dag; elke 3 dagen; 1 tot 2 keer per week.
func (m *mapper) frequency(v value) string {
	often := between(dutchNumber(v.get("frequency")), dutchNumber(v.get("frequencyMax")))
	period := between(dutchNumber(v.get("period")), dutchNumber(v.get("periodMax")))
	unit, known := timeUnitOf(v.get("periodUnit").str())
	if !known || period == "" {
		if often != "" {
			return often + " keer"
		}
		return ""
	}
	one := period == "1"
	switch {
	case (often == "" || often == "1") && one:
		return each(unit)
	case often == "" || often == "1":
		return "elke " + period + " " + unit.many
	case one:
		return often + " keer per " + unit.one
	}
	return often + " keer per " + period + " " + unit.many
}

// each returns every one of a unit of time: elke dag, elk uur.
func each(u timeUnit) string {
	if u.one == "uur" || u.one == "jaar" {
		return "elk " + u.one
	}
	return "elke " + u.one
}

// between returns a number, or the range that two of them are.
func between(low, high string) string {
	switch {
	case high == "" || low == high:
		return low
	case low == "":
		return "hoogstens " + high
	}
	return low + " tot " + high
}

var weekdays = map[string]string{
	"mon": "maandag", "tue": "dinsdag", "wed": "woensdag", "thu": "donderdag", "fri": "vrijdag", "sat": "zaterdag", "sun": "zondag",
}

// inDutch returns the codes of v, a list, in the words that there are for them; a code without one
// stands as it is.
func inDutch(v value, before string, dutch map[string]string) string {
	var all []string
	for _, e := range v.each() {
		code := line(e.str())
		if s := cmp.Or(dutch[strings.ToLower(code)], dutch[code], code); s != "" {
			all = append(all, s)
		}
	}
	if all == nil {
		return ""
	}
	return before + listed(all)
}

// listed writes a list as: a, b en c.
func listed(all []string) string {
	last := len(all) - 1
	if last < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:last], ", ") + " en " + all[last]
}

func (m *mapper) clockTimes(v value) string {
	var all []string
	for _, e := range v.each() {
		s, ok := dutchTime(e.str())
		if !ok {
			e.fault(dossier.BadDate, "not a FHIR time")
		}
		all = append(all, s)
	}
	if all == nil {
		return ""
	}
	return "om " + listed(all) + " uur"
}

// whenCodes holds FHIR's event-timing and v3 TimingEvent.
var whenCodes = map[string]string{
	"MORN": "in de ochtend", "MORN.early": "vroeg in de ochtend", "MORN.late": "laat in de ochtend", "NOON": "rond het middaguur",
	"AFT": "in de middag", "AFT.early": "vroeg in de middag", "AFT.late": "laat in de middag", "EVE": "in de avond",
	"EVE.early": "vroeg in de avond", "EVE.late": "laat in de avond", "NIGHT": "'s nachts", "PHS": "na het inslapen",
	"HS": "voor het slapen", "WAKE": "na het wakker worden", "IMD": "meteen",
	"C": "bij de maaltijd", "CM": "bij het ontbijt", "CD": "bij de lunch", "CV": "bij het avondeten",
	"AC": "voor de maaltijd", "ACM": "voor het ontbijt", "ACD": "voor de lunch", "ACV": "voor het avondeten",
	"PC": "na de maaltijd", "PCM": "na het ontbijt", "PCD": "na de lunch", "PCV": "na het avondeten",
	"IC": "tussen de maaltijden", "ICM": "tussen ontbijt en lunch", "ICD": "tussen lunch en avondeten", "ICV": "tussen avondeten en slapen",
}

// moments returns at which moments of the day, with how long before or after them.
func moments(v value) string {
	s := inDutch(v.get("when"), "", whenCodes)
	if minutes := v.get("offset"); s != "" && minutes.ok() {
		if n := minutes.written(); n != "0" {
			s = amount(n, "min") + " " + s
		}
	}
	return s
}

// length returns how long it takes each time.
func length(v value) string {
	unit := v.get("durationUnit").str()
	s := between(dutchNumber(v.get("duration")), dutchNumber(v.get("durationMax")))
	if s == "" {
		return ""
	}
	return amount(s, unit) + " per keer"
}

// total returns how many times in all.
func total(v value) string {
	s := between(dutchNumber(v.get("count")), dutchNumber(v.get("countMax")))
	if s == "" {
		return ""
	}
	return "in totaal " + s + " keer"
}

// bounds returns within which time.
func (m *mapper) bounds(v value) string {
	kind, is := v.choice("bounds")
	switch kind {
	case "Period":
		return m.period(is)
	case "Duration":
		if s := duration(is); s != "" {
			return "gedurende " + s
		}
	case "Range":
		if s := durationRange(is); s != "" {
			return "gedurende " + s
		}
	}
	return ""
}

// maxEvents is how many single moments are written out.
const maxEvents = 10

// events returns the moments themselves, where there are any.
func (m *mapper) events(v value) string {
	var all []string
	for i, e := range v.each() {
		if i == maxEvents {
			all = append(all, "…")
			break
		}
		if s := dutchMoment(m.moment(e), m.zone); s != "" {
			all = append(all, s)
		}
	}
	if all == nil {
		return ""
	}
	return "op " + strings.Join(all, "; ")
}
