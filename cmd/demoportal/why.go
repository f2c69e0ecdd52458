package main

import "dossiersync/portalapi/client"

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
