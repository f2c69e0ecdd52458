package main

// These are the words for codes of the API. They go away when the API has a label beside each code.
var words = map[string]map[string]string{
	"role": {"client": "cliënt", "contact": "contactpersoon", "representative": "vertegenwoordiger"},
	"grant": {
		"invited": "uitgenodigd, nog niet aangenomen", "accepted": "heeft toegang", "revoked": "toegang ingetrokken",
	},
	"event": {
		"dossier": "het startscherm", "timeline": "de tijdlijn", "timeline-density": "de tijdlijn",
		"reports": "de rapportages", "report": "een rapportage", "forms": "de vragenlijsten", "form": "een vragenlijst",
		"care-plans": "de plannen", "care-plan": "een plan", "contacts": "de contactpersonen",
		"access-log": "de lijst van wie heeft gekeken", "grants": "de lijst van wie toegang heeft",
		"grant": "de toegang van iemand",
		"sync":  "gegevens uit het dossier van de zorg", "why": "een vraag over dit dossier",
		"explain": "een vraag over dit dossier", "quarantine": "gegevens die nog niet klaar zijn",
		"quarantine view": "gegevens die nog niet klaar zijn", "erasure": "het hele dossier",
		"search": "zoeken in het dossier",
	},
	"act": {
		"read": "bekeek ", "search": "zocht in ", "add": "voegde iets toe aan ", "change": "veranderde ",
		"delete": "haalde iets weg uit ", "transfer": "haalde iets op: ", "execute": "deed iets met ",
	},
	"done": {
		"add grant": "gaf iemand toegang", "change grant": "veranderde de toegang van iemand",
		"delete grant": "trok de toegang van iemand in", "delete erasure": "verwijderde het hele dossier",
		"execute print": "drukte iets af", "execute copy": "kopieerde iets", "execute download": "sloeg iets op als bestand",
		"transfer sync": "haalde gegevens op uit het dossier van de zorg",
	},
	"outcome": {"denied": ", maar mocht dat niet", "failed": ", maar dat lukte niet"},
}

// word returns the word for a code; the code itself if there is none.
func word[K ~string](list string, code K) string {
	if w, found := words[list][string(code)]; found {
		return w
	}
	return string(code)
}
