package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

// why returns sentences that say what becomes of e and why, for functional administrators and suppliers.
func (x *explainer) why(e *explaining, out *Explained) []string {
	h := headOf(e.Raw)
	switch {
	case out.Outcome == OutcomeNotPulled && out.Type == "Binary":
		return []string{"It is no record of its own: documents that refer to it take their text from it."}
	case out.Outcome == OutcomeNotPulled:
		return []string{fmt.Sprintf("No search asks for resources of the type %s: they are no reports, forms or care plans.", out.Type)}
	case out.Outcome == Outcome(dossier.StateQuarantined):
		why := []string{fmt.Sprintf("Not applied (%s): %s. What exactly: %s.", out.Reason, out.Reason.Meaning(), e.Item.Detail)}
		if e.Item.EnvelopeRead {
			return append(why, "If an earlier version is stored, readers keep that one. Each run tries again, and is partial until it succeeds.")
		}
		return append(why, "Readers see nothing of it. Each run tries again, and is partial until it succeeds.")
	case out.Outcome == Outcome(dossier.StateWithdrawn):
		return []string{fmt.Sprintf("Withdrawn (%s): %s. Readers see nothing of it.", out.Reason, out.Reason.Meaning())}
	case out.Outcome == Outcome(dossier.StateHidden):
		return append([]string{fmt.Sprintf("Hidden (%s): %s. Readers see nothing of it, not even that it exists.",
			out.Reason, out.Reason.Meaning())}, because(out, h)...)
	}
	why := []string{x.shownTo(out)}
	if w := withheldIn(out); w != "" {
		why = append(why, w)
	}
	return append(why, x.leftOutIn(out)...)
}

// whyNoResource says what is wrong with e, in which there is no FHIR resource.
func whyNoResource(e *explaining) []string {
	raw := bytes.TrimSpace(e.Raw)
	what := "It is not JSON."
	if detail := strings.TrimPrefix(e.Item.Detail, "resource: "); detail != "not JSON" {
		what = "It is not JSON: " + detail + "."
	}
	switch {
	case bytes.HasPrefix(raw, []byte("<")):
		what = "It is XML or HTML. dossiersync reads FHIR as JSON."
	case bytes.HasPrefix(raw, []byte("\xff\xfe")), bytes.HasPrefix(raw, []byte("\xfe\xff")), bytes.IndexByte(raw, 0) >= 0:
		what = "It is not UTF-8, in which FHIR is written, but seems to be UTF-16. Save it as UTF-8."
	case json.Valid(raw) && !bytes.HasPrefix(raw, []byte("{")):
		what = "It is JSON, but no object, and so no FHIR resource."
	case json.Valid(raw):
		what = "It has no resourceType, and so is no FHIR resource."
	}
	if e.Line > 0 {
		what = fmt.Sprintf("Line %d: %s", e.Line, what)
	}
	return []string{what, "A source that sends this has it put in quarantine, and its run is partial."}
}

// shownTo says who reads the item, and where.
func (x *explainer) shownTo(out *Explained) string {
	switch out.Kind {
	case dossier.KindReport, dossier.KindForm, dossier.KindCarePlan:
		if !slices.Contains(x.portal.Shared, out.Part) {
			return fmt.Sprintf("It could be shown, but %s does not share %s with its clients.", x.tenant.Name, out.Part)
		}
		return fmt.Sprintf("Shown as a %s to everybody with the right to %s of this client.",
			strings.ReplaceAll(string(out.Kind), "-", " "), out.Part)
	case dossier.KindPlanPart:
		return "Shown within another care plan, of which it is a part."
	case dossier.KindGoal:
		return "Shown within the care plans that name it, and named by the reports about it."
	case dossier.KindClient:
		return "The client is known: a portal may open the dossier for those who have rights to it."
	case dossier.KindContact:
		return "Listed among the contacts of the client, for whoever manages the rights."
	case dossier.KindStaff:
		return "Not read by itself: what this person or organisation wrote is shown under this name."
	case dossier.KindQuestionnaire:
		return "Not read by itself: forms that answer it take their questions and the words of their options from it."
	case dossier.KindAgreement:
		return "Not read by itself: the care plan says that it was agreed to, by whom and when."
	}
	return "Shown."
}

// because says which words of the record make it hidden.
func because(out *Explained, h head) []string {
	var marks []string
	for _, c := range slices.Concat(h.Meta.Security, h.Meta.Tag) {
		marks = append(marks, c.String())
	}
	for _, l := range h.SecurityLabel {
		for _, c := range l.Coding {
			marks = append(marks, c.String())
		}
	}
	switch out.Reason {
	case dossier.HiddenMarked:
		if len(marks) > 0 {
			return []string{"Its labels and tags: " + strings.Join(marks, ", ") + "."}
		}
		return []string{"It carries no label or tag: a rule (mapping: hide) matches its code or category."}
	case dossier.HiddenModifierExtension:
		urls := make([]string, 0, len(h.ModifierExtension))
		for _, e := range h.ModifierExtension {
			urls = append(urls, e.URL)
		}
		if len(urls) > 0 {
			return []string{"The modifierExtension: " + strings.Join(urls, ", ") + "."}
		}
		if places := withheldPlaces(out); len(places) > 0 {
			return []string{"What it says is marked as not for the client, and nothing is left to show: " + strings.Join(places, ", ") + "."}
		}
		return []string{"The modifierExtension, or the mark, is on a part of it."}
	case dossier.HiddenImplicitRules:
		return []string{fmt.Sprintf("The rules: %v.", h.ImplicitRules)}
	case dossier.HiddenStatus, dossier.HiddenUnknownStatus:
		if h.Status == nil && h.LifecycleStatus == nil {
			return []string{"It has no status."}
		}
		said := fmt.Sprint(cmp.Or(text(h.Status), text(h.LifecycleStatus)))
		if s := text(h.DocStatus); s != "" {
			said += ", docStatus " + s
		}
		if s := text(h.Intent); s != "" {
			said += ", intent " + s
		}
		return []string{"Its status: " + said + "."}
	case dossier.HiddenNotAReport:
		return []string{"To show it as a report, name its code in mapping.report_codes."}
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// withheldIn says which parts of a shown item readers do not get for a mark.
func withheldIn(out *Explained) string {
	places := withheldPlaces(out)
	if len(places) == 0 {
		return ""
	}
	return "Parts of it are withheld, because they are marked as not for the client, or their status says so: " +
		strings.Join(places, ", ") + ". Readers are not told."
}

func withheldPlaces(out *Explained) []string {
	var places []string
	for _, m := range out.Members {
		if m.Use == dossier.MemberWithheld {
			places = append(places, m.Place)
		}
	}
	return slices.Compact(places)
}

// leftOutIn says what of a shown item reaches no reader.
func (x *explainer) leftOutIn(out *Explained) []string {
	var why []string
	if n := out.LeftOut(); n > 0 {
		why = append(why, fmt.Sprintf("%s, and nobody has looked yet whether that is right: see left-out below.",
			plural(n, "member says something that reaches no reader", "members say something that reaches no reader")))
	}
	for _, w := range out.Words {
		why = append(why, fmt.Sprintf("Of %s, %s not in what readers get.", w.Place, plural(w.Length, "word is", "words are")))
	}
	return why
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
