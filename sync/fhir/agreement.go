package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

// signature reads a Provenance by which a client, or somebody for the client,
// signed a care plan. A Provenance names no client: the plans say whose it is. It is
// kept without the name of whom it refers to, which goes with their own record.
func (m *mapper) signature(r *resource, _ *envelope) (dossier.Content, verdict) {
	a := &dossier.PlanAgreement{Plans: m.refs(r.get("target"), "CarePlan")}
	for _, s := range r.get("signature").each() {
		consents := consentSignature.matches(appendCodings(nil, s.get("type")))
		for _, who := range []value{s.get("who"), s.get("onBehalfOf")} {
			if !consents && !m.isClientSide(r, who) {
				continue
			}
			if a.By = m.party(r, who); isPulledParty(a.By.Ref.Type) {
				a.By.Display = ""
			}
			a.At = m.firstMoment(s.get("when"), r.get("recorded"))
			if a.By != (dossier.Party{}) {
				return agreed(a)
			}
		}
	}
	return nil, hidden(dossier.HiddenNotAnAgreement)
}

// consentSignature is the type of a signature by which somebody agrees to
// something (ASTM E1762), whoever sets it.
var consentSignature = Code{"urn:iso-astm:E1762-95:2013", "1.2.840.10065.1.12.1.7"}

// isClientSide reports whether v, a Reference, names a client or somebody around
// one.
func (m *mapper) isClientSide(r *resource, v value) bool {
	t := m.reference(v)
	kind := t.kind
	if t.inside != "" {
		kind = r.inside(t.inside).get("resourceType").str()
	}
	return kind == "Patient" || kind == "RelatedPerson"
}

func consentStatus(_ *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "active":
		return shown
	case "draft", "proposed", "rejected", "inactive":
		return hidden(dossier.HiddenStatus)
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

// consent reads a Consent to a care plan.
func (m *mapper) consent(r *resource, e *envelope) (dossier.Content, verdict) {
	if isRefusal(r) {
		return nil, hidden(dossier.HiddenNotAnAgreement)
	}
	check := r.get("verification").at(0)
	a := &dossier.PlanAgreement{
		Plans: m.consentedPlans(nil, r.get("provision")),
		At:    m.firstMoment(r.get("dateTime"), check.get("verificationDate"), r.get("meta").get("lastUpdated")),
	}
	for _, who := range []value{r.get("performer").at(0), check.get("verifiedWith"), r.get("patient")} {
		if a.By = m.party(r, who); a.By != (dossier.Party{}) {
			break
		}
	}
	if a.By.Ref.Type == "Patient" {
		a.By.Display = "" // what a client is called is for that client's dossier only
	}
	return agreed(a)
}

func agreed(a *dossier.PlanAgreement) (dossier.Content, verdict) {
	if len(a.Plans) == 0 {
		return nil, hidden(dossier.HiddenNotAnAgreement)
	}
	return a, shown
}

// isRefusal reports whether r, a Consent, says that its rule is not to agree.
func isRefusal(r *resource) bool {
	for _, c := range appendConcept(nil, r.get("policyRule")) {
		if strings.HasPrefix(c.Code, "OPTOUT") {
			return true
		}
	}
	return r.get("provision").get("type").str() == "deny"
}

// consentedPlans appends the care plans that v, a Consent's provision, or one
// within it, is about; not those of exceptions that deny.
func (m *mapper) consentedPlans(plans []dossier.Ref, v value) []dossier.Ref {
	if v.get("type").str() == "deny" {
		return plans
	}
	for _, d := range v.get("data").each() {
		if t := m.reference(d.get("reference")); t.Type == "CarePlan" {
			plans = append(plans, t.Ref)
		}
	}
	for _, p := range v.get("provision").each() {
		plans = m.consentedPlans(plans, p)
	}
	return plans
}
