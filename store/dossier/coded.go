package dossier

import "strings"

const snomed = "http://snomed.info/sct"

// commonWords are Dutch words for codes that sources send without any.
var commonWords = map[[2]string]string{
	{snomed, "373066001"}: "Ja", {snomed, "373067005"}: "Nee", {snomed, "261665006"}: "Onbekend",
	{snomed, "385432009"}: "Niet van toepassing", {snomed, "74964007"}: "Anders", {snomed, "260415000"}: "Niet aangetroffen",
	{snomed, "52101004"}: "Aanwezig", {snomed, "2667000"}: "Afwezig",
	{snomed, "17621005"}: "Normaal", {snomed, "263654008"}: "Afwijkend", {snomed, "10828004"}: "Positief", {snomed, "260385009"}: "Negatief",
	{snomed, "255604002"}: "Licht", {snomed, "6736007"}: "Matig", {snomed, "24484000"}: "Ernstig", {snomed, "260413007"}: "Geen",

	{"http://loinc.org", "LA33-6"}: "Ja", {"http://loinc.org", "LA32-8"}: "Nee", {"http://loinc.org", "LA4489-6"}: "Onbekend",
	{"http://loinc.org", "LA12688-0"}: "Onbekend",

	{"http://terminology.hl7.org/CodeSystem/v2-0136", "Y"}: "Ja", {"http://terminology.hl7.org/CodeSystem/v2-0136", "N"}: "Nee",
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK"}:  "Onbekend",
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "NI"}:   "Geen informatie",
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "OTH"}:  "Anders",
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "NA"}:   "Niet van toepassing",
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "ASKU"}: "Gevraagd, maar onbekend",
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "NASK"}: "Niet gevraagd",
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "MSK"}:  "Afgeschermd",

	{dataAbsent, "unknown"}: "Onbekend", {dataAbsent, "asked-unknown"}: "Gevraagd, maar onbekend",
	{dataAbsent, "temp-unknown"}: "Tijdelijk onbekend", {dataAbsent, "not-asked"}: "Niet gevraagd",
	{dataAbsent, "asked-declined"}: "Niet beantwoord", {dataAbsent, "masked"}: "Afgeschermd",
	{dataAbsent, "not-applicable"}: "Niet van toepassing", {dataAbsent, "unsupported"}: "Niet beschikbaar",
	{dataAbsent, "as-text"}: "Zie de tekst", {dataAbsent, "error"}: "Meting mislukt", {dataAbsent, "not-performed"}: "Niet uitgevoerd",
	{dataAbsent, "not-permitted"}: "Niet toegestaan", {dataAbsent, "not-a-number"}: "Geen getal",
	{dataAbsent, "negative-infinity"}: "Te laag om te meten", {dataAbsent, "positive-infinity"}: "Te hoog om te meten",
}

const dataAbsent = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

// CommonWord returns the Dutch word for a code that is common enough to need none from the source;
// empty: there is none here.
func CommonWord(system, code string) string {
	system, _, _ = strings.Cut(system, "|")
	return commonWords[[2]string{strings.TrimSuffix(system, "/"), code}]
}
