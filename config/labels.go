package config

import (
	"cmp"
	"strings"
)

// wordsOf has the sections of mapping.labels, with the Dutch words for their codes. The codes of
// FHIR are those of its value sets goal-status, goal-achievement, care-plan-activity-status and
// request-status.
var wordsOf = []struct {
	section string
	words   [][2]string
}{
	{"kind", [][2]string{{"care-plan", "Zorgplan"}}},
	{"plan_state", [][2]string{{"current", "Actueel"}, {"expired", "Vervallen"}}},
	{"goal_status", [][2]string{
		{"proposed", "Voorgesteld"}, {"planned", "Gepland"}, {"accepted", "Afgesproken"}, {"active", "Loopt"},
		{"on-hold", "Staat stil"}, {"completed", "Afgerond"}, {"cancelled", "Gestopt"}, {"rejected", "Niet gekozen"},
	}},
	{"achievement", [][2]string{
		{"in-progress", "Bezig"}, {"improving", "Gaat vooruit"}, {"worsening", "Gaat achteruit"},
		{"no-change", "Blijft gelijk"}, {"achieved", "Behaald"}, {"sustaining", "Behaald en blijft zo"},
		{"not-achieved", "Niet behaald"}, {"no-progress", "Geen vooruitgang"}, {"not-attainable", "Niet haalbaar"},
	}},
	{"action_status", [][2]string{
		{"not-started", "Nog niet begonnen"}, {"scheduled", "Ingepland"}, {"in-progress", "Wordt gedaan"},
		{"on-hold", "Staat stil"}, {"completed", "Afgerond"}, {"cancelled", "Gaat niet door"},
		{"stopped", "Gestopt"}, {"unknown", "Onbekend"}, {"draft", "In voorbereiding"}, {"active", "Wordt gedaan"},
		{"revoked", "Gestopt"}, {"requested", "Gevraagd"}, {"received", "Ontvangen"}, {"accepted", "Afgesproken"},
		{"rejected", "Niet aangenomen"}, {"ready", "Klaar om te beginnen"}, {"failed", "Niet gelukt"},
		{"preparation", "In voorbereiding"}, {"not-done", "Niet gedaan"}, {"ended", "Afgerond"},
	}},
	{"role", [][2]string{
		{"client", "Cliënt"}, {"contact", "Contactpersoon"}, {"representative", "Vertegenwoordiger"},
	}},
	{"grant_state", [][2]string{
		{"invited", "Uitgenodigd"}, {"accepted", "Heeft toegang"}, {"revoked", "Toegang ingetrokken"},
	}},
	// {asOf} stands for "om 11:04" or "op 28 november om 15:16", {next} for "rond 15:00".
	{"freshness", [][2]string{
		{"fresh", "Bijgewerkt {asOf}, volgende keer {next}."},
		{"late", "Bijgewerkt {asOf}. Het bijwerken duurt langer dan anders."},
		{"stale", "Bijgewerkt {asOf}. Daarna is het bijwerken niet gelukt: nieuwe gegevens kunnen ontbreken."},
		{"last", "Bijgewerkt {asOf}."},
		{"never", "Nog niet bijgewerkt."},
		{"incomplete", "Een deel van dit dossier kon niet goed worden gelezen. Er kan iets ontbreken."},
	}},
	{"reason", [][2]string{
		{"no-right", "U hebt geen toegang tot dit deel van het dossier."},
		{"not-shared", "De organisatie deelt dit deel van het dossier niet in het portaal."},
		{"nothing-yet", "Er staat hier nog niets."},
		{"no-match", "Er is niets gevonden dat bij uw keuze past."},
		{"not-synced-yet", "De gegevens worden nog opgehaald. Kijk later nog eens."},
		{"rechecking", "De gegevens worden opnieuw gecontroleerd. Kijk later nog eens."},
		{"reading-ended", "Dit dossier is gesloten."},
		{"source-unavailable", "Het zorgdossier kan nu niet worden bereikt. Kijk later nog eens."},
		{"no-dossier", "U hebt geen toegang tot een dossier."},
	}},
	{"why", [][2]string{
		{"not-accepted", "De uitnodiging is nog niet aangenomen, of de toegang is ingetrokken."},
		{"not-yet", "De toegang begint later."}, {"ended", "De toegang is afgelopen."},
		{"unknown-client", "Deze cliënt is niet bekend."}, {"client-not-shown", "Dit dossier wordt nu niet gedeeld."},
		{"unknown-contact", "Deze contactpersoon is niet bekend in het zorgdossier."},
		{"contact-ended", "Deze contactpersoon is in het zorgdossier beëindigd."},
		{"dormant", "Het dossier was lang gesloten. Geef de toegang opnieuw."},
		{"another-person", "Dit lijkt een andere cliënt te zijn dan toen. Geef de toegang opnieuw."},
	}},
	{"action", [][2]string{
		{"read", "Bekeken"}, {"search", "Gezocht"}, {"add", "Toegevoegd"}, {"change", "Gewijzigd"},
		{"delete", "Verwijderd"}, {"transfer", "Overgedragen"}, {"execute", "Uitgevoerd"},
	}},
	{"event", [][2]string{
		{"dossiers", "Lijst van dossiers"}, {"dossier", "Startscherm"}, {"timeline", "Tijdlijn"},
		{"timeline-density", "Tijdlijn"}, {"reports", "Rapportages"}, {"report", "Rapportage"},
		{"forms", "Vragenlijsten"}, {"form", "Vragenlijst"}, {"care-plans", "Zorgplannen"}, {"care-plan", "Zorgplan"},
		{"access-log", "Wie heeft gekeken"}, {"contacts", "Contactpersonen"}, {"grants", "Rechten"}, {"grant", "Recht"},
		{"grant-add", "Toegang gegeven"}, {"grant-change", "Toegang gewijzigd"}, {"grant-delete", "Toegang ingetrokken"},
		{"print", "Afgedrukt"}, {"copy", "Gekopieerd"}, {"download", "Opgeslagen"}, {"search", "Zoeken"},
		{"sync", "Bijgewerkt vanuit het zorgdossier"}, {"why", "Uitleg voor de beheerder"},
		{"explain", "Uitleg voor de beheerder"}, {"quarantine", "Foutherstel door de beheerder"},
		{"quarantine view", "Foutherstel door de beheerder"}, {"erasure", "Dossier gewist"},
	}},
	{"outcome", [][2]string{{"success", "Gelukt"}, {"denied", "Geweigerd"}, {"failed", "Mislukt"}}},
}

// labels reads the words that readers see. The words of a section have its name and the code as key:
// goal_status.active.
func (v value) labels() map[string]string {
	s := v.section()
	defer s.end()
	labels := make(map[string]string)
	for _, label := range [][2]string{
		{"reports", "Rapportages"}, {"forms", "Vragenlijsten"}, {"care-plans", "Zorgplan"},
		{"general", "Algemeen"}, {"care-plan", "Zorgleefplan"},
	} {
		labels[label[0]] = s.key(label[0]).text(label[1])
	}
	labels["single_report"] = s.key("single_report").title(labels["reports"], "Rapportage")
	labels["single_form"] = s.key("single_form").title(labels["forms"], "Vragenlijst")
	labels["kind.report"], labels["kind.form"] = labels["single_report"], labels["single_form"]
	labels["category.general"], labels["category.care-plan"] = labels["general"], labels["care-plan"]
	labels["part.reports"], labels["part.forms"], labels["part.care-plans"] = labels["reports"], labels["forms"], labels["care-plans"]
	for _, of := range wordsOf {
		words := s.key(of.section).section()
		for _, w := range of.words {
			labels[of.section+"."+w[0]] = words.key(w[0]).text(w[1])
		}
		words.end()
	}
	return labels
}

// title reads the title of a single item. Default: the singular of plural, or def if the
// singular is not known.
func (v value) title(plural, def string) string {
	return v.text(cmp.Or(singulars[strings.ToLower(plural)], def))
}
