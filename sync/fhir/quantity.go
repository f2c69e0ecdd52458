package fhir

import (
	"slices"
	"strings"
)

// quantity returns v, a Quantity, with all the decimals that the source wrote.
func quantity(v value) string {
	return join(v.get("comparator").str(), dutchNumber(v.get("value")), unitOf(v))
}

// unitOf returns the unit of v, a Quantity, in the words of the source, else its
// code if that is one that people read: neither 1 nor an {annotation} (UCUM §2.1).
func unitOf(v value) string {
	if s := dutchLine(v.get("unit")); s != "" {
		return s
	}
	return unitWord(line(v.get("code").str()))
}

// unitWord returns the unit that a UCUM code stands for, as people write it.
func unitWord(code string) string {
	if s, ok := unitWords[code]; ok {
		return s
	}
	if code == "1" || strings.HasPrefix(code, "{") {
		return ""
	}
	return code
}

// unitWords holds the UCUM codes that people write in another way.
var unitWords = map[string]string{
	"Cel": "°C", "[degF]": "°F", "mm[Hg]": "mmHg", "[lb_av]": "lb", "[oz_av]": "oz", "[in_i]": "inch",
	"10*9/L": "10⁹/L", "10*12/L": "10¹²/L", "10*3/uL": "10³/µL", "10*6/uL": "10⁶/µL", "ug": "µg", "uL": "µl", "umol/L": "µmol/L",
	"kg/m2": "kg/m²", "m2": "m²", "cm2": "cm²", "m3": "m³", "/min": "per minuut", "{beats}/min": "per minuut",
	"s": "sec", "min": "min", "h": "uur", "d": "dagen", "wk": "weken", "mo": "maanden", "a": "jaar",
}

// unitCode returns what tells the unit of v, a Quantity or a Coding of a unit, from other units:
// system|code; empty where it has no code.
func unitCode(v value) string {
	return Code{System: v.get("system").str(), Code: v.get("code").str()}.option()
}

// quantityRange returns v, a Range.
func quantityRange(v value) string {
	low, high := v.get("low"), v.get("high")
	switch {
	case !low.ok() && !high.ok():
		return ""
	case !high.ok():
		return join("ten minste", quantity(low))
	case !low.ok():
		return join("ten hoogste", quantity(high))
	case low.get("unit").str() == high.get("unit").str() && unitOf(low) == unitOf(high):
		return join(dutchNumber(low.get("value")), "tot", quantity(high))
	}
	return join(quantity(low), "tot", quantity(high))
}

// ratio returns v, a Ratio; a part that is missing stands as a question mark.
func ratio(v value) string {
	parts := []string{quantity(v.get("numerator")), quantity(v.get("denominator"))}
	if parts[0] == "" && parts[1] == "" {
		return ""
	}
	for i, s := range parts {
		if s == "" {
			parts[i] = "?"
		}
	}
	return strings.Join(parts, " : ")
}

// A timeUnit is a unit of time (FHIR R4, units-of-time), in Dutch.
type timeUnit struct {
	codes     []string
	one, many string
}

var timeUnits = []timeUnit{
	{[]string{"s", "sec", "second", "seconds"}, "seconde", "seconden"},
	{[]string{"min", "minute", "minutes"}, "minuut", "minuten"},
	{[]string{"h", "hr", "hour", "hours"}, "uur", "uur"},
	{[]string{"d", "day", "days"}, "dag", "dagen"},
	{[]string{"wk", "week", "weeks"}, "week", "weken"},
	{[]string{"mo", "month", "months"}, "maand", "maanden"},
	{[]string{"a", "y", "yr", "year", "years"}, "jaar", "jaar"},
}

// timeUnitOf returns the unit of time that code, or a word of the source, stands for.
func timeUnitOf(code string) (timeUnit, bool) {
	for _, u := range timeUnits {
		if slices.Contains(u.codes, strings.ToLower(code)) {
			return u, true
		}
	}
	return timeUnit{}, false
}

// amount returns a number of units of time: 6 weken. A unit that is not one of time stays as it is.
func amount(number, unit string) string {
	u, ok := timeUnitOf(unit)
	switch {
	case number == "":
		return ""
	case !ok:
		return join(number, unit)
	case number == "1":
		return join(number, u.one)
	}
	return join(number, u.many)
}

// duration returns v, a Duration, in Dutch: 6 weken.
func duration(v value) string {
	unit := v.get("code").str()
	if _, known := timeUnitOf(unit); !known {
		unit = dutchLine(v.get("unit"))
	}
	return join(v.get("comparator").str(), amount(dutchNumber(v.get("value")), unit))
}

// durationRange returns v, a Range of durations.
func durationRange(v value) string {
	low, high := v.get("low"), v.get("high")
	switch {
	case !low.ok() && !high.ok():
		return ""
	case !high.ok():
		return join("ten minste", duration(low))
	case !low.ok():
		return join("ten hoogste", duration(high))
	}
	return join(duration(low), "tot", duration(high))
}
