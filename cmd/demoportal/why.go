package main

import "dossiersync/portalapi/client"

// why is the reason why a list is empty, and what the reader can do about it.
type why struct{ Title, Text string }

// advice is what a reader can do, by the reason of the API.
var advice = map[client.FreshnessReason]string{
	client.FreshnessReasonNoDossier: "U hebt nog geen toegang gekregen, of uw toegang is voorbij. " +
		"De cliënt of de beheerder van het dossier kan u toegang geven.",
	client.FreshnessReasonNoRight:      "Wilt u dit deel ook zien? Vraag het aan de beheerder van dit dossier.",
	client.FreshnessReasonNothingYet:   "Zodra er iets is, ziet u het hier.",
	client.FreshnessReasonNoMatch:      "Kies een andere periode of een ander onderwerp.",
	client.FreshnessReasonReadingEnded: "Hebt u een vraag? Neem dan contact op met de zorgorganisatie.",
}

// emptiness returns why a list is empty, in the organisation's words.
func emptiness(f client.Freshness) why {
	if f.Reason == nil {
		return why{Title: "Hier staat niets."}
	}
	return why{text(f.ReasonSentence), advice[*f.Reason]}
}
