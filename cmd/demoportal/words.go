package main

import "dossiersync/portalapi/client"

// These are the words for codes of the API. They go away when the API has a label beside each code.
var words = map[string]map[string]string{
	"goal": {
		"proposed": "voorgesteld", "planned": "gepland", "accepted": "afgesproken", "active": "loopt",
		"on-hold": "tijdelijk gestopt", "completed": "klaar", "cancelled": "gestopt", "rejected": "niet afgesproken",
	},
	"achievement": {
		"in-progress": "we zijn bezig", "improving": "het gaat beter", "worsening": "het gaat minder goed",
		"no-change": "het blijft gelijk", "achieved": "gehaald", "sustaining": "gehaald, en het blijft zo",
		"not-achieved": "niet gehaald", "no-progress": "nog geen vooruitgang", "not-attainable": "niet haalbaar",
	},
	"action": {
		"not-started": "begint nog", "scheduled": "gepland", "in-progress": "loopt", "on-hold": "tijdelijk gestopt",
		"completed": "klaar", "cancelled": "gaat niet door", "stopped": "gestopt", "unknown": "",
	},
	"role": {"client": "cliënt", "contact": "contactpersoon", "representative": "vertegenwoordiger"},
	"grant": {
		"invited": "uitgenodigd, nog niet aangenomen", "accepted": "heeft toegang", "revoked": "toegang ingetrokken",
	},
	"event": {
		"dossier": "het startscherm", "timeline": "de tijdlijn", "timeline-density": "de tijdlijn",
		"reports": "de rapportages", "report": "een rapportage", "forms": "de vragenlijsten", "form": "een vragenlijst",
		"care-plans": "de plannen", "care-plan": "een plan", "contacts": "de contactpersonen",
		"access-log": "de lijst van wie heeft gekeken", "grants": "de lijst van wie toegang heeft", "grant": "de toegang van iemand",
		"sync": "gegevens uit het dossier van de zorg", "why": "een vraag over dit dossier",
		"explain": "een vraag over dit dossier", "quarantine": "gegevens die nog niet klaar zijn",
		"quarantine view": "gegevens die nog niet klaar zijn", "erasure": "het hele dossier", "search": "zoeken in het dossier",
	},
	"act": {
		"read": "bekeek ", "search": "zocht in ", "add": "voegde iets toe aan ", "change": "veranderde ",
		"delete": "haalde iets weg uit ", "transfer": "haalde iets op: ", "execute": "deed iets met ",
	},
	"done": {
		"add grant": "gaf iemand toegang", "change grant": "veranderde de toegang van iemand",
		"delete grant": "trok de toegang van iemand in", "delete erasure": "verwijderde het hele dossier",
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

// why is the reason why a list is empty, in words for a reader.
type why struct{ Title, Text string }

// reasons has the words for the reasons of the API.
var reasons = map[client.FreshnessReason]why{
	client.FreshnessReasonNoRight: {"U mag dit deel niet zien",
		"U heeft toegang tot een ander deel van dit dossier. Wilt u dit deel ook zien? Vraag het aan de beheerder van dit dossier."},
	client.FreshnessReasonNotShared: {"Dit deel wordt niet gedeeld",
		"Uw zorgorganisatie laat dit deel van het dossier niet zien in Mijn dossier."},
	client.FreshnessReasonNothingYet: {"Hier staat nog niets",
		"Er is nog niets geschreven in dit deel van het dossier. Zodra er iets is, ziet u het hier."},
	client.FreshnessReasonNoMatch: {"Niets gevonden",
		"Er is niets dat past bij uw keuze. Kies een andere periode of een ander onderwerp."},
	client.FreshnessReasonNotSyncedYet: {"We zijn nog aan het ophalen",
		"De gegevens van dit dossier worden voor het eerst opgehaald. Kijk later vandaag nog eens."},
	client.FreshnessReasonRechecking: {"We kijken de gegevens na",
		"De afspraken over wat u mag zien zijn veranderd. We kijken daarom alles opnieuw na. Kijk later vandaag nog eens."},
	client.FreshnessReasonReadingEnded: {"Dit dossier is gesloten",
		"De cliënt is overleden. Daarom kunt u het dossier hier niet meer lezen. Heeft u een vraag? Neem dan contact op met de zorgorganisatie."},
	client.FreshnessReasonSourceUnavailable: {"We kunnen de gegevens nu niet ophalen",
		"Het systeem van de zorgorganisatie is nu niet te bereiken. We proberen het vanzelf opnieuw."},
}

// emptiness returns why a list is empty.
func emptiness(f client.Freshness) why {
	if f.Reason != nil {
		if w, found := reasons[*f.Reason]; found {
			return w
		}
	}
	return reasons[client.FreshnessReasonNothingYet]
}
